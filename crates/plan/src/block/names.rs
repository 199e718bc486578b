//! The names of the vendors' servers: whole zones, single names, and what is neither.

use crate::block::select::{Input, Left, is_wild, values};
use ostrakon_model::{Attribute, Presence};
use ostrakon_order::pattern::Test;
use std::collections::BTreeSet;

const NAME: Attribute = Attribute::known("dns.name");

/// Names to refuse.
#[derive(Default)]
pub(super) struct Names {
    /// With everything below them; none lies below another.
    pub(super) zones: BTreeSet<String>,
    /// By themselves; none lies below a zone.
    pub(super) single: BTreeSet<String>,
    /// Every name that is written out: the zones, those below them, and the single ones.
    pub(super) known: BTreeSet<String>,
    /// Zones left out because lookalikes lie below them.
    pub(super) spared: BTreeSet<String>,
}

enum Shape {
    Zone(String),
    Single(String),
    Pattern,
}

impl Names {
    /// The names of `input`.
    pub(super) fn of(input: Input<'_>, left: &mut Left) -> Self {
        let mut found = Self::default();
        let mut patterns = Vec::new();
        for chosen in input.chosen(&[NAME], &[Presence::Contact], left) {
            for value in values(&chosen.indicator.test) {
                let what = chosen.says(value);
                match shape(&chosen.indicator.test, value) {
                    Err(reason) => left.add(reason, what),
                    Ok(Shape::Pattern) => patterns.push((value, what)),
                    Ok(Shape::Zone(zone)) => {
                        if input.spares(&[NAME], |name| below(&name.to_ascii_lowercase(), &zone), what, left) {
                            found.spared.insert(zone);
                        } else {
                            found.zones.insert(zone);
                        }
                    }
                    Ok(Shape::Single(name)) => {
                        if !input.spares(&[NAME], |other| other.eq_ignore_ascii_case(&name), what, left) {
                            found.single.insert(name);
                        }
                    }
                }
            }
        }
        found.known = found.zones.union(&found.single).cloned().collect();
        // A name below a wildcard would shield what lies below itself from it.
        let zones = found.zones.clone();
        found.zones.retain(|zone| !zones.iter().any(|wide| wide != zone && below(zone, wide)));
        found.single.retain(|name| !zones.iter().any(|zone| below(name, zone)));
        for (pattern, what) in patterns {
            if !zones.iter().any(|zone| below(&fixed_end(pattern).to_ascii_lowercase(), zone)) {
                left.add("a wildcard inside a name, which this form does not know", what);
            }
        }
        found
    }
}

/// Is `name` this zone, or below it?
fn below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What one value of a test asks for.
fn shape(test: &Test, value: &str) -> Result<Shape, &'static str> {
    let zone = |text: &str| host(text).map(Shape::Zone).ok_or("not a plain host name");
    let single = |text: &str| host(text).map(Shape::Single).ok_or("not a plain host name");
    match test {
        Test::Is(_) => single(value),
        Test::Under(_) => zone(value),
        Test::Suffix(_) => match value.strip_prefix('.') {
            Some(end) => zone(end),
            None => Err("an end that begins inside a label would take in names of others"),
        },
        Test::Glob(_) => match value.strip_prefix("*.") {
            Some(end) if !end.contains(is_wild) => zone(end),
            _ if value.contains(is_wild) => Ok(Shape::Pattern),
            _ => single(value),
        },
        Test::Prefix(_) | Test::Regex(_) | Test::Bytes(_) => Err("not a test for whole names"),
    }
}

/// `text` as a host name in lower case; none where it is anything else.
fn host(text: &str) -> Option<String> {
    let name = text.trim_matches('.').to_ascii_lowercase();
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // The longest name leaves room for that of a policy zone; an address is no name.
    let (_, top) = name.rsplit_once('.')?;
    let plain = name.len() <= 180 && name.split('.').all(fits) && !top.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(name)
}

/// The labels after the last wildcard of a pattern.
fn fixed_end(pattern: &str) -> &str {
    let wild = pattern.rfind(is_wild).map_or("", |at| &pattern[at..]);
    wild.split_once('.').map_or("", |(_, end)| end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_names_pass() {
        assert_eq!(host("KSN.Kaspersky-Labs.com.").as_deref(), Some("ksn.kaspersky-labs.com"));
        for wrong in
            ["", "com", "a b.com", "x.com CNAME .", "-x.com", "x..com", "192.0.2.1", "bücher.de", "a.com;", "*.x.de"]
        {
            assert_eq!(host(wrong), None, "{wrong}");
        }
        assert_eq!(host(&format!("{}.com", "a".repeat(64))), None);
    }

    #[test]
    fn a_zone_ends_at_a_dot() {
        assert!(below("a.kaspersky.com", "kaspersky.com") && below("kaspersky.com", "kaspersky.com"));
        assert!(!below("notkaspersky.com", "kaspersky.com"));
        assert_eq!(fixed_end("ksn-*-geo.kaspersky-labs.com"), "kaspersky-labs.com");
        assert_eq!(fixed_end("ksn-*"), "");
    }
}
