//! Rust crates asked for in a `Cargo.lock`: those that come from a registry or a repository. Format:
//! <https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html>.

use super::swift_package::{name_github, repository};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use crate::toml_text;
use ostrakon_model::{Attribute, Presence, Presences};
use serde::Deserialize;
use std::collections::BTreeSet;

pub(crate) struct CargoLock;

/// Lock files of the largest workspaces have about 1 MiB.
const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "cargo-lock",
    what: "Rust crates asked for in Cargo.lock, with their versions and the repositories they come from.",
    cannot_see: "Projects without a lock file; crates of the project itself; crates compiled into a program.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl"), Attribute::known("github.org")],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

#[derive(Deserialize)]
struct Lock {
    version: Option<toml::Value>,
    package: Option<Vec<Package>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
}

/// Name, version and source.
type Crate = (String, String, String);

impl Collector for CargoLock {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("Cargo.lock")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version, source) in found {
            let mut artifact = declared(seen.locator(), Ecosystem::Cargo, &name, &version);
            if let Some(address) = source.strip_prefix("git+") {
                let (address, revision) = address.split_once('#').unwrap_or((address, ""));
                name_github(&mut artifact, &repository(address), revision);
            }
            out.add(artifact);
        }
        outcome
    }
}

/// The packages that have a source; those without are the project's own.
fn read(text: &str, found: &mut BTreeSet<Crate>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let lock: Lock = toml_text::parse(text)?;
    if lock.version.is_none() && lock.package.is_none() {
        return Ok(Examined::NotMine);
    }
    for Package { name, version, source } in lock.package.unwrap_or_default() {
        if let Some(source) = source {
            found.insert((name, version, source));
        }
    }
    Ok(Examined::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_packages_are_left_out() {
        let text = "version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n[[package]]\nname = \"memchr\"\n\
                    version = \"2.7.4\"\nsource = \"registry+https://registry.example/index\"\n";
        let mut found = BTreeSet::new();
        assert_eq!(read(text, &mut found), Ok(Examined::Whole));
        let names: Vec<_> = found.iter().map(|(name, version, _)| (name.as_str(), version.as_str())).collect();
        assert_eq!(names, [("memchr", "2.7.4")]);
    }

    #[test]
    fn a_package_without_a_version_is_damage() {
        assert!(read("version = 3\n[[package]]\nname = \"memchr\"\n", &mut BTreeSet::new()).is_err());
        assert_eq!(read("title = \"something else\"\n", &mut BTreeSet::new()), Ok(Examined::NotMine));
    }
}
