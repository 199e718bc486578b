//! Scope: an order's decision about one finding, with its reason. The first rule that fits decides.

use crate::words::{Decision, Depth};
use ostrakon_model::{Presence, Presences, ProductKind};

/// What an order takes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The dossiers whose products the order speaks of.
    pub dossiers: Vec<String>,
    /// How deep in a product it reaches.
    pub depth: Depth,
    /// Does having run once count?
    pub include_history: bool,
    /// In order; the first that fits decides.
    pub rules: Vec<Rule>,
    /// What to know about it.
    pub note: String,
}

/// One rule of a scope. An empty list stands for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// In or out.
    pub decision: Decision,
    /// Kinds of product.
    pub kinds: Vec<ProductKind>,
    /// States of presence.
    pub presences: Vec<Presence>,
    /// Products, `vendor/product` or `vendor/*`.
    pub products: Vec<String>,
    /// Entities behind a product.
    pub entities: Vec<String>,
    /// Why, in a sentence the report prints.
    pub reason: String,
    /// Where that is from.
    pub source: Vec<String>,
}

/// What a scope is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The dossier.
    pub vendor: &'a str,
    /// The product in it.
    pub product: &'a str,
    /// What kind of product.
    pub kind: ProductKind,
    /// The legal person behind it.
    pub entity: &'a str,
    /// The state found.
    pub presence: Presence,
}

/// The decision about one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// In scope?
    pub in_scope: bool,
    /// Why.
    pub reason: String,
}

impl Scope {
    /// Decides about one finding.
    pub fn decide(&self, asked: Question<'_>) -> Verdict {
        if !self.dossiers.iter().any(|dossier| dossier == asked.vendor) {
            let reason = format!("The order does not speak of the vendor `{}`.", asked.vendor);
            return Verdict { in_scope: false, reason };
        }
        match self.rules.iter().find(|rule| rule.fits(asked)) {
            Some(rule) => Verdict { in_scope: rule.decision == Decision::In, reason: rule.reason.clone() },
            None => Verdict { in_scope: false, reason: "No rule of the order's scope takes it in.".to_owned() },
        }
    }

    /// Every presence in which some product could be in scope: what a gap must not hide if coverage is to be complete.
    pub fn presences(&self) -> Presences {
        let mut open = Presences::NONE;
        for presence in Presence::ALL {
            let always_out = |rule: &Rule| {
                rule.decision == Decision::Out
                    && rule.kinds.is_empty()
                    && rule.products.is_empty()
                    && rule.entities.is_empty()
            };
            let first = self
                .rules
                .iter()
                .filter(|rule| rule.takes(presence))
                .find(|rule| rule.decision == Decision::In || always_out(rule));
            if first.is_some_and(|rule| rule.decision == Decision::In) {
                open.insert(presence);
            }
        }
        open
    }
}

impl Rule {
    fn takes(&self, presence: Presence) -> bool {
        self.presences.is_empty() || self.presences.contains(&presence)
    }

    fn fits(&self, asked: Question<'_>) -> bool {
        let product = |name: &String| match name.split_once('/') {
            Some((vendor, "*")) => vendor == asked.vendor,
            Some((vendor, product)) => vendor == asked.vendor && product == asked.product,
            None => false,
        };
        self.takes(asked.presence)
            && (self.kinds.is_empty() || self.kinds.contains(&asked.kind))
            && (self.products.is_empty() || self.products.iter().any(product))
            && (self.entities.is_empty() || self.entities.iter().any(|entity| entity == asked.entity))
    }
}
