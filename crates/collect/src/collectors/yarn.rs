//! npm packages locked by Yarn: `yarn.lock` of Yarn 1 and of Yarn 2 and later.
//!
//! Formats: Yarn's documentation of yarn.lock. Yarn 1 writes `key "value"` below patterns; later ones write `key: value`,
//! and each entry has the resolution it came to. Both are read by lines: what is needed stands two blanks deep.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use crate::npm_spec::{asked, is_name, name_and_rest};
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;

pub(crate) struct Yarn;

const NAME: Attribute = Attribute::known("npm.name");
const VERSION: Attribute = Attribute::known("npm.version");
const PURL: Attribute = Attribute::known("purl");

/// Lock files of the largest repositories have some ten MiB.
const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "yarn",
    what: "npm packages locked by Yarn, of every version, in yarn.lock.",
    cannot_see: "Parts of the project itself; what a package carries inside.",
    attributes: &[NAME, VERSION, PURL],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// Names with versions.
type Found = BTreeSet<(String, String)>;

impl Collector for Yarn {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("yarn.lock")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = Found::new();
        let outcome = read(&text, &mut found);
        for (name, version) in &found {
            out.add(declared(seen.locator(), Ecosystem::Npm, name, version));
        }
        outcome.map(|()| Examined::Whole)
    }
}

/// One entry: the first pattern that led to it, and what stands below.
#[derive(Default)]
struct Entry<'a> {
    line: usize,
    pattern: &'a str,
    name: &'a str,
    version: &'a str,
    resolution: &'a str,
}

/// Adds what is locked; what was added before a fault counts.
fn read(text: &str, found: &mut Found) -> Result<(), Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let modern = text.lines().any(|line| line.starts_with("__metadata:"));
    let mut problem = None;
    let mut entry: Option<Entry<'_>> = None;
    for (line, content) in (1_usize..).zip(text.lines()) {
        let plain = content.trim();
        if plain.is_empty() || plain.starts_with('#') {
            continue;
        }
        match content.bytes().take_while(|byte| *byte == b' ').count() {
            // Behind a key too long for one line.
            0 if plain == ":" => {}
            0 => {
                finish(entry.take(), modern, found, &mut problem);
                match plain.strip_suffix(':').or_else(|| plain.strip_prefix("? ")) {
                    Some(patterns) => entry = Some(Entry { line, pattern: first(patterns), ..Entry::default() }),
                    None => problem = problem.or_else(|| Some(fault(line, "neither an entry nor a part of one"))),
                }
            }
            2 => {
                let (key, value) = plain.split_once([' ', ':']).unwrap_or((plain, ""));
                let value = value.trim_start_matches([' ', ':']);
                let Some(value) = unquoted(value) else {
                    problem = problem.or_else(|| Some(fault(line, "a quotation without an end")));
                    continue;
                };
                match (&mut entry, key) {
                    (Some(entry), "name") => entry.name = value,
                    (Some(entry), "version") => entry.version = value,
                    (Some(entry), "resolution") => entry.resolution = value,
                    (Some(_), _) => {}
                    (None, _) => problem = problem.or_else(|| Some(fault(line, "part of no entry"))),
                }
            }
            _ => {}
        }
    }
    finish(entry, modern, found, &mut problem);
    problem.map_or(Ok(()), Err)
}

/// An entry is complete: adds what it names.
fn finish(entry: Option<Entry<'_>>, modern: bool, found: &mut Found, problem: &mut Option<Fault>) {
    let Some(entry) = entry else { return };
    if entry.pattern == "__metadata" {
        return;
    }
    let named = if modern { name_and_rest(entry.resolution) } else { of_pattern(&entry) };
    match named {
        // A part of the project itself.
        Some((_, rest)) if modern && rest.starts_with("workspace:") => {}
        Some((name, _)) if !entry.version.is_empty() => {
            found.insert((name.to_owned(), entry.version.to_owned()));
        }
        _ if problem.is_none() => *problem = Some(fault(entry.line, "an entry without name or version")),
        _ => {}
    }
}

/// The name in an entry of Yarn 1: behind an alias the real one; where the pattern is an address, the entry says it.
fn of_pattern<'a>(entry: &Entry<'a>) -> Option<(&'a str, &'a str)> {
    match name_and_rest(entry.pattern) {
        Some((name, rest)) if rest.starts_with("npm:") => Some(asked(name, rest)),
        _ if is_name(entry.name) => Some((entry.name, "")),
        named => named,
    }
}

/// The first of several patterns, without quotes.
fn first(patterns: &str) -> &str {
    patterns.trim_start_matches('"').split(['"', ',']).next().unwrap_or_default()
}

/// A value without its quotes, if it has any; none where they do not close.
fn unquoted(value: &str) -> Option<&str> {
    value.strip_prefix('"').map_or(Some(value), |value| value.strip_suffix('"'))
}

fn fault(line: usize, what: &str) -> Fault {
    Fault::corrupt(format!("line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<String>, Option<String>) {
        let mut found = Found::new();
        let outcome = read(text, &mut found);
        let list = found.into_iter().map(|(name, version)| format!("{name} {version}")).collect();
        (list, outcome.err().map(|fault| fault.detail))
    }

    #[test]
    fn yarn_1_names_by_pattern() {
        let text = "# yarn lockfile v1\n\n\n\"@kaspersky/hexa-ui@^6\", \"@kaspersky/hexa-ui@^6.1\":\n  version \"6.1.0\"\n  \
                    dependencies:\n    version \"1\"\n\n\"old@npm:tslib@1.14.1\":\n  version \"1.14.1\"\n\nonce@^1.3.0, \
                    once@^1.4.0:\n  version \"1.4.0\"\n\n\"https://host.example/x.git\":\n  name x\n  version \"0.1.0\"\n";
        let wanted = ["@kaspersky/hexa-ui 6.1.0", "once 1.4.0", "tslib 1.14.1", "x 0.1.0"];
        assert_eq!(found(text), (wanted.map(str::to_owned).to_vec(), None));
    }

    #[test]
    fn later_ones_name_by_resolution() {
        let text = "__metadata:\n  version: 8\n\n\"old@npm:tslib@1.14.1\":\n  version: 1.14.1\n  resolution: \
                    \"tslib@npm:1.14.1\"\n\n\"portal@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \
                    \"portal@workspace:.\"\n\n? \"a@npm:^1, a@npm:^2\"\n:\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n";
        assert_eq!(found(text), (vec!["a 1.0.0".to_owned(), "tslib 1.14.1".to_owned()], None));
    }

    #[test]
    fn damage_names_its_line_and_the_rest_counts() {
        let text = "a@^1:\n  version \"1.0.0\"\n<<<<<<< HEAD\nb@^1:\n  resolved \"x\"\n";
        let (list, problem) = found(text);
        assert_eq!(list, ["a 1.0.0"]);
        assert_eq!(problem.as_deref(), Some("line 3: neither an entry nor a part of one"));
        assert_eq!(found("b@^1:\n  resolved \"x\"\n").1.as_deref(), Some("line 1: an entry without name or version"));
        let text = "a@^1:\n  version \"1.0.0\"\n  resolved \"https://host.ex";
        assert_eq!(found(text), (vec!["a 1.0.0".to_owned()], Some("line 3: a quotation without an end".to_owned())));
        assert_eq!(found(""), (Vec::new(), None));
    }
}
