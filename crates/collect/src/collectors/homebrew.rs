//! Homebrew: formulas by the `INSTALL_RECEIPT.json` in `Cellar/NAME/VERSION`, casks by what Homebrew keeps of them in
//! `Caskroom/NAME/.metadata`, and both as asked for in a `Brewfile`.
//! <https://docs.brew.sh/Formula-Cookbook>, <https://docs.brew.sh/Brew-Bundle-and-Brewfile>

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::json;
use crate::library::{Ecosystem, declared, library};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

pub(crate) struct Homebrew;

const CASK: Attribute = Attribute::known("homebrew.cask");
const VERSION: Attribute = Attribute::known("library.version");

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "homebrew",
    what: "Homebrew formulas and casks as installed, and as asked for in a Brewfile.",
    cannot_see: "Formulas linked without a receipt; names that a Brewfile makes up when it runs; other lines of a Brewfile.",
    attributes: &[CASK, VERSION, Attribute::known("purl")],
    hides: Presences::of(&[Presence::Declared, Presence::Installed]),
    live: false,
};

impl Collector for Homebrew {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        // The file a cask was installed by is Ruby or JSON and named after the cask.
        &[Interest::Ending(".json"), Interest::Ending(".rb"), Interest::Name("Brewfile")]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        if path.ends_with(b"/Brewfile") {
            return true;
        }
        [&b"/Cellar/"[..], b"/Caskroom/"].iter().any(|folder| memchr::memmem::find(path, folder).is_some())
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        if seen.name() == b"Brewfile" {
            let text = seen.text(LIMIT)?;
            let mut found = BTreeSet::new();
            let outcome = read(&text, &mut found);
            for (is_cask, name) in found {
                out.add(if is_cask {
                    seen.artifact(ArtifactKind::Package).with(CASK, name).proving(Presence::Declared)
                } else {
                    declared(seen.locator(), Ecosystem::Brew, &name, "")
                });
            }
            return outcome;
        }
        let path = String::from_utf8_lossy(seen.path);
        let parts: Vec<&str> = path.split('/').collect();
        let is_json = seen.name().to_ascii_lowercase().ends_with(b".json");
        match parts.as_slice() {
            [.., "Cellar", name, version, "INSTALL_RECEIPT.json"] => {
                let text = seen.text(LIMIT)?;
                if !text.trim().is_empty() {
                    out.add(library(seen.locator(), Ecosystem::Brew, name, version));
                }
                receipt(&text)
            }
            [.., "Caskroom", name, ".metadata", version, _time, "Casks", _file] => {
                let text = seen.text(LIMIT)?;
                if !text.trim().is_empty() {
                    out.add(seen.artifact(ArtifactKind::Package).with(CASK, *name).with(VERSION, *version));
                }
                if is_json { receipt(&text) } else { Ok(Examined::Whole) }
            }
            _ => Ok(Examined::NotMine),
        }
    }
}

/// The name and version are the path's; the file has to be whole all the same, or it is no receipt.
fn receipt(text: &str) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    json::parse::<IgnoredAny>(text.as_bytes()).map(|_| Examined::Whole)
}

/// Lines `brew "NAME"` and `cask "NAME"` of a Brewfile; true is a cask. A name may say which tap it comes from.
fn read(text: &str, found: &mut BTreeSet<(bool, String)>) -> Outcome {
    let mut problem = None;
    for (at, line) in text.lines().enumerate() {
        let Some((verb, rest)) = line.trim_start().split_once([' ', '\t', '(']) else { continue };
        let is_cask = match verb {
            "brew" => false,
            "cask" => true,
            _ => continue,
        };
        let rest = rest.trim_start_matches([' ', '\t', '(']);
        let quoted = ['"', '\''].iter().find_map(|quote| rest.strip_prefix(*quote)?.split_once(*quote));
        match quoted {
            // What Ruby puts together when it runs is not in the file.
            Some((name, _)) if name.contains("#{") => {}
            Some((name, _)) => {
                found.insert((is_cask, name.rsplit('/').next().unwrap_or(name).to_owned()));
            }
            None if rest.starts_with(['"', '\'']) => {
                problem = problem.or(Some(format!("line {}: a text does not end", at + 1)));
            }
            None => {}
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brewfile_is_read() {
        let mut found = BTreeSet::new();
        let text = "tap \"example/tap\"\n# brew \"not\"\nbrew \"wget\"\nbrew 'example/tap/tool', args: [\"HEAD\"]\ncask(\"firefox\")\n";
        assert_eq!(read(text, &mut found), Ok(Examined::Whole));
        let wanted = [(false, "tool"), (false, "wget"), (true, "firefox")];
        assert_eq!(found.iter().map(|(cask, name)| (*cask, name.as_str())).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_text_that_does_not_end_is_damage() {
        assert!(read("brew \"wget\n", &mut BTreeSet::new()).is_err());
        assert!(receipt("{\"homebrew_version\":").is_err());
    }
}
