//! Which indicators become rules, and what is left out and why.

use ostrakon_model::{Attribute, Grade, Presence};
use ostrakon_order::dossier::{Condition, Indicator, Lookalike, Product};
use ostrakon_order::pattern::Test;
use ostrakon_order::scope::Question;
use ostrakon_order::{Dossier, Order};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The presences of a program that a rule keeps from running.
pub(super) const USED: &[Presence] = &[Presence::Running, Presence::Installed];

const STATE: Attribute = Attribute::known("signature.state");
/// The state of a signature that fits its file.
const GENUINE: &str = "digest-matches";

/// What the rules are made from.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    /// The order.
    pub(super) order: &'a Order,
    /// Its dossiers.
    pub(super) dossiers: &'a [&'a Dossier],
}

/// An indicator that the order takes in and that is sure enough.
pub(super) struct Chosen<'a> {
    /// The indicator.
    pub(super) indicator: &'a Indicator,
    /// Its product.
    pub(super) product: &'a Product,
}

impl Chosen<'_> {
    /// One value of the indicator, with its name.
    pub(super) fn says(&self, value: &str) -> String {
        format!("{} ({value})", self.indicator.name)
    }
}

/// What makes no rule, by the reason.
#[derive(Default)]
pub(super) struct Left(BTreeMap<String, BTreeSet<String>>);

impl Left {
    /// Leaves `what` out.
    pub(super) fn add(&mut self, reason: impl Into<String>, what: impl Into<String>) {
        self.0.entry(reason.into()).or_default().insert(what.into());
    }

    /// One line for each reason.
    pub(super) fn lines(self) -> Vec<String> {
        let line = |(reason, list): (String, BTreeSet<String>)| {
            format!("{reason}: {}", list.into_iter().collect::<Vec<_>>().join(", "))
        };
        self.0.into_iter().map(line).collect()
    }
}

impl<'a> Input<'a> {
    /// The indicators on one of `on` that make rules. `usual` are the presences they prove where they name none.
    pub(super) fn chosen(self, on: &[Attribute], usual: &[Presence], left: &mut Left) -> Vec<Chosen<'a>> {
        let mut list = Vec::new();
        for dossier in self.dossiers.iter().copied() {
            for indicator in dossier.indicators.iter().filter(|one| one.on.iter().any(|name| on.contains(name))) {
                let Some(product) = dossier.products.get(indicator.product) else { continue };
                let asked = indicator.presence.as_ref().map_or(usual, std::slice::from_ref);
                if let Some(reason) = self.outside(dossier, product, asked) {
                    left.add(format!("outside the order ({})", reason.trim_end_matches('.')), &indicator.name);
                } else if indicator.supporting || indicator.grade == Grade::Possible {
                    left.add("only possible: a person must rule on it first", &indicator.name);
                } else if asks_more(indicator) {
                    left.add("asks for two marks of one thing, and a rule sees one", &indicator.name);
                } else {
                    list.push(Chosen { indicator, product });
                }
            }
        }
        list
    }

    /// Why the order takes in none of these presences of a product; none: it does.
    fn outside(self, dossier: &Dossier, product: &Product, asked: &[Presence]) -> Option<String> {
        let mut reason = String::new();
        for presence in asked {
            let verdict = self.order.scope.decide(Question {
                vendor: &dossier.id,
                product: &product.id,
                kind: product.kind,
                entity: &product.entity,
                presence: *presence,
            });
            if verdict.in_scope {
                return None;
            }
            reason = verdict.reason;
        }
        Some(reason)
    }

    /// The first lookalike with a value on one of `on` that `hits`, and that value.
    fn lookalike(self, on: &[Attribute], hits: impl Fn(&str) -> bool) -> Option<(&'a Lookalike, &'a str)> {
        let all = self.dossiers.iter().copied().flat_map(|dossier| dossier.lookalikes.iter());
        for lookalike in all {
            // By its signer a tool refuses no file whose signature does not hold.
            let pasted = lookalike.artifact.values(STATE).any(|state| state != GENUINE);
            let seen = on.iter().filter(move |name| !(pasted && is_of_signature(**name)));
            let values = seen.flat_map(move |name| lookalike.artifact.values(*name));
            for value in values {
                if hits(value) {
                    return Some((lookalike, value));
                }
            }
        }
        None
    }

    /// Leaves a rule out that would hit a lookalike. Says whether it did.
    pub(super) fn spares(
        self,
        on: &[Attribute],
        hits: impl Fn(&str) -> bool,
        what: impl Into<String>,
        left: &mut Left,
    ) -> bool {
        let Some((lookalike, value)) = self.lookalike(on, hits) else { return false };
        let reason = lookalike.reason.trim_end_matches('.');
        left.add(format!("it would hit `{value}` as well, {} ({reason})", lookalike.what), what);
        true
    }

    /// The order's id as part of a name: letters, digits and `between`.
    pub(super) fn slug(self, between: char) -> String {
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { between };
        self.order.id.chars().map(letter).collect()
    }

    /// An id that is the same whenever it is made for `what` under this order.
    pub(super) fn id(self, what: &str) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:ostrakon:block:{}:{what}", self.order.id).as_bytes())
    }

    /// Other makers' products that hold the vendors' code, sourced ones only: how many, and the first few.
    pub(super) fn embedding(self) -> (usize, Vec<&'a str>) {
        let all = self.dossiers.iter().copied().flat_map(|dossier| dossier.embeds.iter());
        let sure: Vec<_> = all.filter(|one| !one.recalled).map(|one| one.product.as_str()).collect();
        (sure.len(), sure.into_iter().take(4).collect())
    }
}

/// Does an indicator ask for more than a rule on its attribute sees? That a signature fits its file is no more: the tools
/// verify signatures themselves before they compare who signed.
fn asks_more(indicator: &Indicator) -> bool {
    let on_signature = indicator.on.iter().all(|name| is_of_signature(*name));
    let genuine = |condition: &Condition| {
        let fits = matches!(&condition.test, Test::Is(states) if states.iter().any(|state| state == GENUINE));
        condition.on == [STATE] && fits
    };
    indicator.and.iter().any(|condition| !(on_signature && genuine(condition)))
}

/// Does an attribute say who signed, or as what?
fn is_of_signature(attribute: Attribute) -> bool {
    let name = attribute.name();
    name.starts_with("signature.") || matches!(name, "macos.team_id" | "macos.signing_id" | "applocker.publisher")
}

/// The values of a test on text.
pub(super) fn values(test: &Test) -> &[String] {
    match test {
        Test::Is(values)
        | Test::Prefix(values)
        | Test::Suffix(values)
        | Test::Glob(values)
        | Test::Regex(values)
        | Test::Under(values) => values,
        Test::Bytes(_) => &[],
    }
}

/// The wildcards of a dossier's patterns.
pub(super) fn is_wild(letter: char) -> bool {
    matches!(letter, '*' | '?' | '{' | '}')
}
