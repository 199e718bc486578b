//! An earlier answer, read back to say what is new, the same, changed and gone since then.

use crate::identity::uuid_of;
use crate::{ReportError, formats};
use ostrakon_identify::Identification;
use ostrakon_identify::identification::Judged;
use ostrakon_model::{Grade, Presence};
use ostrakon_order::Order;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// The answers of one earlier run, one for each order.
#[derive(Debug, Clone)]
pub struct Baseline {
    answers: Vec<Earlier>,
}

/// An earlier answer to one order.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Earlier {
    schema: String,
    started: String,
    order: EarlierOrder,
    assets: Vec<EarlierAsset>,
    /// Its findings.
    pub(crate) findings: Vec<Entry>,
}

#[derive(Debug, Clone, Deserialize)]
struct EarlierOrder {
    id: String,
}

#[derive(Debug, Clone, Deserialize)]
struct EarlierAsset {
    id: String,
}

/// A finding as the JSON format writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) asset: String,
    pub(crate) vendor: String,
    pub(crate) product: String,
    pub(crate) title: String,
    pub(crate) presence: Presence,
    pub(crate) grade: Grade,
    pub(crate) in_scope: bool,
    pub(crate) scope_reason: String,
    pub(crate) counts: bool,
    #[serde(default)]
    pub(crate) root: String,
    pub(crate) evidence: Vec<Mark>,
}

/// A piece of its evidence. The attribute is text: an older vocabulary may have had other names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Mark {
    pub(crate) indicator: String,
    pub(crate) attribute: String,
    pub(crate) value: String,
    pub(crate) locator: String,
    pub(crate) sha256: Option<String>,
    pub(crate) grade: Grade,
    pub(crate) presence: Presence,
    #[serde(default)]
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) note: String,
}

impl Entry {
    /// The entry of a finding of today.
    pub(crate) fn of(judged: &Judged) -> Self {
        let finding = &judged.finding;
        let marks = finding.evidence.iter().map(|evidence| Mark {
            indicator: evidence.indicator.clone(),
            attribute: evidence.attribute.name().to_owned(),
            value: evidence.value.clone(),
            locator: evidence.locator.as_str().to_owned(),
            sha256: evidence.sha256.clone(),
            grade: evidence.grade,
            presence: evidence.presence,
            version: evidence.version.clone(),
            note: evidence.note.clone(),
        });
        Self {
            id: finding.id.clone(),
            asset: finding.asset.clone(),
            vendor: finding.vendor.clone(),
            product: finding.product.clone(),
            title: finding.title.clone(),
            presence: finding.presence,
            grade: finding.grade,
            in_scope: judged.in_scope,
            scope_reason: judged.scope_reason.clone(),
            counts: judged.counts(),
            root: finding.root.clone(),
            evidence: marks.collect(),
        }
    }

    /// Does it say the same? The words may be others; state, grade, scope and evidence are not.
    fn says_the_same(&self, other: &Self) -> bool {
        let head = |entry: &Self| (entry.presence, entry.grade, entry.in_scope, entry.counts);
        let marks = |entry: &Self| -> BTreeSet<Mark> {
            // A note counts files: it is no mark of the product.
            entry.evidence.iter().map(|mark| Mark { note: String::new(), ..mark.clone() }).collect()
        };
        head(self) == head(other) && marks(self) == marks(other)
    }
}

impl Earlier {
    /// What has become of a finding of today: `new`, `unchanged` or `updated`.
    pub(crate) fn state(&self, entry: &Entry) -> &'static str {
        match self.findings.iter().find(|earlier| earlier.id == entry.id) {
            None => "new",
            Some(earlier) if earlier.says_the_same(entry) => "unchanged",
            Some(_) => "updated",
        }
    }

    /// What identifies the run that gave this answer.
    pub(crate) fn run(&self) -> String {
        let assets: Vec<&str> = self.assets.iter().map(|asset| asset.id.as_str()).collect();
        run_of(&self.order.id, &self.started, &assets)
    }
}

/// What identifies a run: the same for the same order, beginning and assets.
pub(crate) fn run_of(order: &str, started: &str, assets: &[&str]) -> String {
    uuid_of(&[&["run", order, started], assets].concat())
}

impl Baseline {
    /// Reads what `identify --format json` wrote. `file` names it in errors.
    pub fn read(file: &str, text: &str) -> Result<Self, ReportError> {
        let failed = |why: String| ReportError::Baseline { file: file.to_owned(), why };
        let value: Value = serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        let answers = values.into_iter().map(serde_json::from_value).collect::<Result<Vec<Earlier>, _>>();
        let answers = answers.map_err(|error| failed(error.to_string()))?;
        if let Some(other) = answers.iter().find(|earlier| earlier.schema != formats::SCHEMA) {
            return Err(failed(format!("it is {}, not {}", other.schema, formats::SCHEMA)));
        }
        Ok(Self { answers })
    }

    /// The baseline that these answers are, such as those of an earlier bundle.
    pub fn of(answers: &[(&Order, Identification)], started: &str, finished: &str) -> Result<Self, ReportError> {
        let values = answers.iter().map(|(order, answer)| formats::json(order, answer, started, finished));
        let answers = values.map(serde_json::from_value).collect::<Result<Vec<Earlier>, _>>();
        Ok(Self { answers: answers.map_err(|error| ReportError::Write(error.to_string()))? })
    }

    /// Does it hold an answer to the order?
    pub fn answers(&self, order: &str) -> bool {
        self.answer(order).is_some()
    }

    pub(crate) fn answer(&self, order: &str) -> Option<&Earlier> {
        self.answers.iter().find(|earlier| earlier.order.id == order)
    }
}
