//! The orders and dossiers at hand: those built in and those a user adds.

use crate::diagnostic::Diagnostic;
use crate::{Calendar, Dossier, Order, OrderError};
use std::collections::BTreeMap;

/// Texts of orders, calendars and dossiers, not yet read. File systems are the caller's business.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Order files: name and text.
    pub orders: Vec<(String, String)>,
    /// Calendar files: name and text.
    pub calendars: Vec<(String, String)>,
    /// Dossier folders: name, and the files in it.
    pub dossiers: Vec<(String, Vec<(String, String)>)>,
}

/// Orders, calendars and dossiers by id. What is added later replaces what has the same id.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The orders.
    pub orders: BTreeMap<String, Order>,
    /// The calendars.
    pub calendars: BTreeMap<String, Calendar>,
    /// The dossiers.
    pub dossiers: BTreeMap<String, Dossier>,
}

impl Library {
    /// Reads everything in `source`; all faults of all files are reported together.
    pub fn read(source: &Source) -> Result<Self, OrderError> {
        let mut library = Self::default();
        library.add(source)?;
        Ok(library)
    }

    /// Reads everything in `source` on top of what is there.
    pub fn add(&mut self, source: &Source) -> Result<(), OrderError> {
        let mut faults: Vec<Diagnostic> = Vec::new();
        for (file, text) in &source.calendars {
            match Calendar::parse(file, text) {
                Ok(calendar) => drop(self.calendars.insert(calendar.id.clone(), calendar)),
                Err(mut list) => faults.append(&mut list),
            }
        }
        for (file, text) in &source.orders {
            match Order::parse(file, stem(file), text) {
                Ok(order) => drop(self.orders.insert(order.id.clone(), order)),
                Err(mut list) => faults.append(&mut list),
            }
        }
        for (folder, files) in &source.dossiers {
            match Dossier::parse(folder, files) {
                Ok(dossier) => drop(self.dossiers.insert(dossier.id.clone(), dossier)),
                Err(mut list) => faults.append(&mut list),
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(OrderError::Invalid(faults)) }
    }

    /// The order called `id`, by its id or an alias.
    pub fn order(&self, id: &str) -> Result<&Order, OrderError> {
        let alias = |order: &&Order| {
            order.id.eq_ignore_ascii_case(id) || order.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(id))
        };
        let found = self.orders.get(id).or_else(|| self.orders.values().find(alias));
        found.ok_or_else(|| OrderError::UnknownOrder { id: id.to_owned(), known: names(&self.orders) })
    }

    /// The dossier called `id`.
    pub fn dossier(&self, id: &str) -> Result<&Dossier, OrderError> {
        let known = || OrderError::UnknownDossier { id: id.to_owned(), known: names(&self.dossiers) };
        self.dossiers.get(id).ok_or_else(known)
    }

    /// The dossiers `order` speaks of.
    pub fn dossiers_of(&self, order: &Order) -> Result<Vec<&Dossier>, OrderError> {
        order.scope.dossiers.iter().map(|id| self.dossier(id)).collect()
    }

    /// The calendar of `order`, where it names one.
    pub fn calendar_of(&self, order: &Order) -> Result<Option<&Calendar>, OrderError> {
        let Some(id) = &order.calendar else { return Ok(None) };
        let missing = || {
            OrderError::Clock(format!(
                "order `{}` names the calendar `{id}`, which is not there; known are {}",
                order.id,
                names(&self.calendars)
            ))
        };
        self.calendars.get(id).map(Some).ok_or_else(missing)
    }
}

fn names<T>(map: &BTreeMap<String, T>) -> String {
    if map.is_empty() { "none".to_owned() } else { map.keys().cloned().collect::<Vec<_>>().join(", ") }
}

fn stem(file: &str) -> Option<&str> {
    file.rsplit(['/', '\\']).next()?.strip_suffix(".toml")
}
