//! Guix: what the database of a store calls valid, and what the `manifest` of a profile names. The manifest is one
//! expression, `(manifest (version N) (packages (("NAME" "VERSION" "OUTPUT" "PATH" ...) ...)))`; what a package brings with it
//! stands inside in the same shape. <https://guix.gnu.org/manual/en/html_node/Invoking-guix-package.html>

use super::nix::{package, valid_paths};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, library};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use std::collections::BTreeSet;

pub(crate) struct Guix;

const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "guix",
    what: "Packages in a Guix store by its database, and packages that the manifests of Guix profiles name.",
    cannot_see: "Stores without a database and a profile; manifests that people write, which are programs.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl")],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Guix {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Path("var/guix/db/db.sqlite"), Interest::Name("manifest")]
    }

    fn asks_others(&self, name: &[u8]) -> bool {
        name.ends_with(b".sqlite")
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let mut found = BTreeSet::new();
        let outcome = if seen.name() == b"manifest" {
            // A profile is a folder of the store.
            if !seen.folder().ends_with(b"-profile/") {
                return Ok(Examined::NotMine);
            }
            read(&seen.text(LIMIT)?, &mut found)
        } else {
            let mut paths = BTreeSet::new();
            let outcome = valid_paths(seen, &mut paths);
            found.extend(paths.iter().filter_map(|path| package(path, "/gnu/store/")));
            outcome
        };
        for (name, version) in found {
            out.add(library(seen.locator(), Ecosystem::Guix, &name, &version));
        }
        outcome
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Close,
    Text(&'a str),
    Word(&'a str),
}

/// Every package of a manifest, at any depth: name, version, output and a path of the store, one after the other.
fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    use Token::{Open, Text, Word};
    let (tokens, outcome) = tokens(text);
    if tokens.is_empty() && outcome.is_ok() {
        return Ok(Examined::Whole);
    }
    if !tokens.starts_with(&[Open, Word("manifest")]) {
        return Ok(Examined::NotMine);
    }
    for window in tokens.windows(4) {
        if let [Text(name), Text(version), Text(_), Text(path)] = window
            && path.starts_with("/gnu/store/")
        {
            found.insert(((*name).to_owned(), (*version).to_owned()));
        }
    }
    outcome
}

/// Brackets, texts and words of Scheme, without comments.
fn tokens(text: &str) -> (Vec<Token<'_>>, Outcome) {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text.trim_start();
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '(' => {
                depth += 1;
                tokens.push(Token::Open);
                1
            }
            ')' => {
                let Some(less) = depth.checked_sub(1) else {
                    return (tokens, Err(Fault::corrupt("a bracket closes that never opened")));
                };
                depth = less;
                tokens.push(Token::Close);
                1
            }
            ';' => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let mut escaped = false;
                let end = inside.char_indices().find_map(|(at, letter)| {
                    let ends = letter == '"' && !escaped;
                    escaped = letter == '\\' && !escaped;
                    ends.then_some(at)
                });
                let Some(end) = end else {
                    return (tokens, Err(Fault::new(GapReason::Truncated, "it ends inside a text")));
                };
                tokens.push(Token::Text(inside.get(..end).unwrap_or_default()));
                end + 2
            }
            _ => {
                let ends = |letter: char| letter.is_whitespace() || "()\";".contains(letter);
                let word = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or(rest);
                tokens.push(Token::Word(word));
                word.len()
            }
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    if depth > 0 {
        return (tokens, Err(Fault::new(GapReason::Truncated, "it ends inside brackets")));
    }
    (tokens, Ok(Examined::Whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = ";; Written by the tool.\n(manifest\n  (version 4)\n  (packages\n    ((\"hello\" \"2.12.1\" \"out\" \
                         \"/gnu/store/x-hello-2.12.1\"\n      (propagated-inputs\n        ((\"zlib\" \"1.3\" \"out\" \"/gnu/store/x-zlib-1.3\" \
                         (propagated-inputs ()) (search-paths ()))))\n      (search-paths ())))))\n";

    #[test]
    fn packages_at_any_depth_are_read() {
        let mut found = BTreeSet::new();
        assert_eq!(read(WHOLE, &mut found), Ok(Examined::Whole));
        let names: Vec<_> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(names, ["hello 2.12.1", "zlib 1.3"]);
    }

    #[test]
    fn a_manifest_that_ends_early_is_damage() {
        let mut found = BTreeSet::new();
        let cut = WHOLE.get(..WHOLE.len() - 20).unwrap_or_default();
        assert_eq!(read(cut, &mut found).map_err(|fault| fault.reason), Err(GapReason::Truncated));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn something_else_is_not_read() {
        assert_eq!(read("(use-modules (gnu))\n", &mut BTreeSet::new()), Ok(Examined::NotMine));
        assert_eq!(read("\n; nothing\n", &mut BTreeSet::new()), Ok(Examined::Whole));
    }
}
