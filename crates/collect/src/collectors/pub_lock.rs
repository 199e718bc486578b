//! Dart and Flutter packages asked for in a `pubspec.lock`, which the package manager writes in YAML:
//! <https://dart.dev/tools/pub/glossary#lockfile>.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use crate::yaml;
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct PubLock;

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "pub-lock",
    what: "Dart and Flutter packages asked for in pubspec.lock.",
    cannot_see: "Projects without a lock file; packages in folders of the project; the package cache.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl")],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

#[derive(Deserialize)]
struct Lock {
    packages: Option<BTreeMap<String, Package>>,
    sdks: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Package {
    source: Option<String>,
    version: Option<String>,
}

impl Collector for PubLock {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("pubspec.lock")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            out.add(declared(seen.locator(), Ecosystem::Pub, &name, &version));
        }
        outcome
    }
}

fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let lock: Lock = yaml::parse(text)?;
    let packages = match (lock.packages, lock.sdks) {
        (Some(packages), _) => packages,
        (None, Some(_)) => BTreeMap::new(),
        (None, None) => return Ok(Examined::NotMine),
    };
    let mut problem = None;
    for (name, package) in packages {
        // A package in a folder, and the project itself, are no one else's.
        if matches!(package.source.as_deref(), Some("path" | "root")) {
            continue;
        }
        if package.version.is_none() {
            problem = problem.or(Some(format!("{name} has no version")));
        }
        found.insert((name, package.version.unwrap_or_default()));
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_others_are_read() {
        let text = "packages:\n  http:\n    dependency: \"direct main\"\n    description:\n      name: http\n      url: \"https://registry.example\"\n    \
                    source: hosted\n    version: \"1.1.0\"\n  own:\n    description:\n      path: \"../own\"\n    source: path\n    version: \"0.0.1\"\n\
                    sdks:\n  dart: \">=3.0.0 <4.0.0\"\n";
        let mut found = BTreeSet::new();
        assert_eq!(read(text, &mut found), Ok(Examined::Whole));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("http".to_owned(), "1.1.0".to_owned())]);
    }

    #[test]
    fn a_package_without_a_version_is_damage() {
        let mut found = BTreeSet::new();
        assert!(read("packages:\n  http:\n    source: hosted\n", &mut found).is_err());
        assert_eq!(found.len(), 1);
        assert_eq!(read("title: else\n", &mut BTreeSet::new()), Ok(Examined::NotMine));
    }
}
