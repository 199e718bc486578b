//! Python distributions that a project has locked: Poetry, uv, PDM, Pipenv, and the lock file common to all.
//!
//! Formats: packaging.python.org, pylock.toml (PEP 751); the lock files of python-poetry.org, docs.astral.sh/uv,
//! pdm-project.org and pipenv.pypa.io.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared, pep503};
use crate::{json, toml_text};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct PypiLock;

const NAME: Attribute = Attribute::known("pypi.name");
const VERSION: Attribute = Attribute::known("pypi.version");
const PURL: Attribute = Attribute::known("purl");

/// Lock files of the largest projects have some MiB: a hash for each file of each version.
const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "pypi-lock",
    what: "Python distributions locked in poetry.lock, uv.lock, pdm.lock, pylock.toml and Pipfile.lock.",
    cannot_see: "The project itself and folders installed in place; versions of what comes from an address.",
    attributes: &[NAME, VERSION, PURL],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// Names with versions; an empty version is not known.
type Found = BTreeSet<(String, String)>;

/// Of Poetry, uv and PDM.
#[derive(Deserialize)]
struct Lock {
    version: Option<i64>,
    #[serde(default)]
    package: Vec<Package>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    source: Option<Source>,
    /// PDM's word for a folder installed in place.
    #[serde(default)]
    editable: bool,
}

/// uv's; Poetry writes other keys here.
#[derive(Deserialize)]
struct Source {
    editable: Option<IgnoredAny>,
    #[serde(rename = "virtual")]
    without_files: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "lock-version")]
    lock_version: Option<String>,
}

/// Of PEP 751.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Pylock {
    lock_version: String,
    #[serde(default)]
    packages: Vec<Pylocked>,
}

#[derive(Deserialize)]
struct Pylocked {
    name: String,
    version: Option<String>,
    directory: Option<Directory>,
}

#[derive(Deserialize)]
struct Directory {
    path: Option<String>,
    #[serde(default)]
    editable: bool,
}

/// Of Pipenv.
#[derive(Deserialize)]
struct Pipenv {
    #[serde(rename = "_meta")]
    meta: Option<IgnoredAny>,
    #[serde(flatten)]
    categories: BTreeMap<String, BTreeMap<String, Piplocked>>,
}

#[derive(Deserialize)]
struct Piplocked {
    version: Option<String>,
    path: Option<String>,
}

impl Collector for PypiLock {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Name("poetry.lock"),
            Interest::Name("uv.lock"),
            Interest::Name("pdm.lock"),
            Interest::Name("Pipfile.lock"),
            Interest::Ending(".toml"),
        ]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let read: Reader = match seen.name() {
            b"poetry.lock" => poetry,
            b"uv.lock" => uv,
            b"pdm.lock" => pdm,
            b"Pipfile.lock" => pipenv,
            name if name.starts_with(b"pylock.") => pylock,
            _ => return Ok(Examined::NotMine),
        };
        let text = seen.text(LIMIT)?;
        if text.trim().is_empty() {
            return Ok(Examined::Whole);
        }
        let mut found = Found::new();
        let outcome = read(&text, &mut found);
        for (name, version) in &found {
            out.add(declared(seen.locator(), Ecosystem::Pypi, name, version));
        }
        outcome.map(|()| Examined::Whole)
    }
}

/// Adds what is locked; what was added before a fault counts.
type Reader = fn(&str, &mut Found) -> Result<(), Fault>;

fn poetry(text: &str, found: &mut Found) -> Result<(), Fault> {
    let lock: Lock = toml_text::parse(text)?;
    add_all(lock.package, found);
    match lock.metadata {
        // Poetry writes it last.
        None => Err(Fault::new(GapReason::Truncated, "it ends without its metadata")),
        Some(metadata) => known(metadata.lock_version.as_deref().unwrap_or("1"), &["1", "2"]),
    }
}

fn uv(text: &str, found: &mut Found) -> Result<(), Fault> {
    let lock: Lock = toml_text::parse(text)?;
    add_all(lock.package, found);
    match lock.version {
        None => Err(Fault::corrupt("it gives no version")),
        Some(version) => known(&version.to_string(), &["1"]),
    }
}

fn pdm(text: &str, found: &mut Found) -> Result<(), Fault> {
    let lock: Lock = toml_text::parse(text)?;
    add_all(lock.package, found);
    lock.metadata.map(|_| ()).ok_or_else(|| Fault::corrupt("it has no metadata"))
}

fn pylock(text: &str, found: &mut Found) -> Result<(), Fault> {
    let lock: Pylock = toml_text::parse(text)?;
    for package in lock.packages {
        let in_place = |folder: Directory| folder.editable || folder.path.as_deref() == Some(".");
        if !package.directory.is_some_and(in_place) {
            add(&package.name, package.version.as_deref(), found);
        }
    }
    known(&lock.lock_version, &["1"])
}

fn pipenv(text: &str, found: &mut Found) -> Result<(), Fault> {
    let lock: Pipenv = json::parse(text.as_bytes())?;
    for (name, package) in lock.categories.into_values().flatten() {
        if package.path.as_deref() != Some(".") {
            let version = package.version.as_deref().map(|version| version.trim_start_matches('='));
            add(&name, version, found);
        }
    }
    lock.meta.map(|_| ()).ok_or_else(|| Fault::corrupt("it has no _meta"))
}

/// A version whose first number is none of these may say things in another way.
fn known(version: &str, first_numbers: &[&str]) -> Result<(), Fault> {
    if first_numbers.contains(&version.split('.').next().unwrap_or_default()) {
        return Ok(());
    }
    Err(Fault::new(GapReason::UnsupportedFormat, format!("version {version:.20} of the format is not known")))
}

fn add_all(packages: Vec<Package>, found: &mut Found) {
    for package in packages {
        let is_own = |source: Source| source.editable.is_some() || source.without_files.is_some();
        if !package.editable && !package.source.is_some_and(is_own) {
            add(&package.name, package.version.as_deref(), found);
        }
    }
}

fn add(name: &str, version: Option<&str>, found: &mut Found) {
    found.insert((pep503(name), version.unwrap_or_default().to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(read: Reader, text: &str) -> (Vec<String>, Option<GapReason>) {
        let mut found = Found::new();
        let outcome = read(text, &mut found);
        let list = found.into_iter().map(|(name, version)| format!("{name} {version}")).collect();
        (list, outcome.err().map(|fault| fault.reason))
    }

    #[test]
    fn the_project_itself_is_no_dependency() {
        let text = "version = 1\n[[package]]\nname = 'portal'\nversion = '1'\nsource = { virtual = '.' }\n[[package]]\nname = \
                    'OpenTIP'\nversion = '1.2'\nsource = { registry = 'https://registry.example/simple' }\n";
        assert_eq!(found(uv, text), (vec!["opentip 1.2".to_owned()], None));
        let text = "lock-version = '1.0'\n[[packages]]\nname = 'portal'\ndirectory = { path = '.', editable = true }\n\
                    [[packages]]\nname = 'opentip'\n";
        assert_eq!(found(pylock, text), (vec!["opentip ".to_owned()], None));
        let text = r#"{"_meta": {"pipfile-spec": 6}, "default": {"portal": {"path": ".", "editable": true}},
            "develop": {"opentip": {"version": "==1.2", "hashes": []}}}"#;
        assert_eq!(found(pipenv, text), (vec!["opentip 1.2".to_owned()], None));
    }

    #[test]
    fn a_lock_that_ends_too_early_still_counts() {
        let text = "[[package]]\nname = 'six'\nversion = '1.16.0'\n";
        assert_eq!(found(poetry, text), (vec!["six 1.16.0".to_owned()], Some(GapReason::Truncated)));
        assert_eq!(found(poetry, &format!("{text}[metadata]\nlock-version = '2.1'\n")).1, None);
        assert_eq!(
            found(poetry, &format!("{text}[metadata]\nlock-version = '3.0'\n")).1,
            Some(GapReason::UnsupportedFormat)
        );
        assert_eq!(found(pdm, text).1, Some(GapReason::Corrupt));
        assert_eq!(found(pipenv, "{\"default\": {\"six\"").1, Some(GapReason::Truncated));
    }
}
