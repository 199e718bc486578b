//! PHP packages: those asked for in a `composer.lock`, and those installed, by `composer/installed.json` of a vendor folder.
//! <https://getcomposer.org/doc/01-basic-usage.md>

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::json;
use crate::library::{Ecosystem, declared, library};
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use std::collections::BTreeSet;

pub(crate) struct Composer;

const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "composer",
    what: "PHP packages asked for in composer.lock, and packages installed, by the list in their vendor folder.",
    cannot_see: "Projects without a lock file; code copied without Composer; archives (phar).",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl")],
    hides: Presences::of(&[Presence::Declared, Presence::Installed]),
    live: false,
};

#[derive(Deserialize)]
struct Lock {
    packages: Option<Vec<Package>>,
    #[serde(rename = "packages-dev")]
    for_development: Option<Vec<Package>>,
}

/// Composer 1 wrote a plain list, Composer 2 a list inside an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Installed {
    List(Vec<Package>),
    Object { packages: Vec<Package> },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
}

impl Collector for Composer {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("composer.lock"), Interest::Name("installed.json")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let is_installed = seen.name() == b"installed.json";
        // The vendor folder can have any name; the folder in it cannot.
        if is_installed && !seen.folder().ends_with(b"/composer/") {
            return Ok(Examined::NotMine);
        }
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = if is_installed { installed(&text, &mut found) } else { locked(&text, &mut found) };
        for (name, version) in found {
            let of = if is_installed { library } else { declared };
            out.add(of(seen.locator(), Ecosystem::Composer, &name, &version));
        }
        outcome
    }
}

fn locked(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let lock: Lock = json::parse(text.as_bytes())?;
    if lock.packages.is_none() && lock.for_development.is_none() {
        return Ok(Examined::NotMine);
    }
    let all = lock.packages.into_iter().chain(lock.for_development).flatten();
    take(all, found)
}

fn installed(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let list: Installed = json::parse(text.as_bytes())?;
    match list {
        Installed::List(packages) | Installed::Object { packages } => take(packages.into_iter(), found),
        Installed::Other(_) => Err(Fault::corrupt("it lists no packages")),
    }
}

fn take(packages: impl Iterator<Item = Package>, found: &mut BTreeSet<(String, String)>) -> Outcome {
    let mut problem = None;
    for (at, Package { name, version }) in packages.enumerate() {
        match name {
            Some(name) => {
                found.insert((name, version.unwrap_or_default()));
            }
            None => problem = problem.or(Some(format!("package {} has no name", at + 1))),
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_of_a_lock_file_are_read() {
        let text =
            r#"{"packages":[{"name":"psr/log","version":"3.0.0"}],"packages-dev":[{"name":"a/b","version":"v1"}]}"#;
        let mut found = BTreeSet::new();
        assert_eq!(locked(text, &mut found), Ok(Examined::Whole));
        assert_eq!(found.len(), 2);
        assert_eq!(locked("{}", &mut BTreeSet::new()), Ok(Examined::NotMine));
    }

    #[test]
    fn both_forms_of_the_installed_list_are_read() {
        for text in
            [r#"[{"name":"psr/log","version":"3.0.0"}]"#, r#"{"packages":[{"name":"psr/log","version":"3.0.0"}]}"#]
        {
            let mut found = BTreeSet::new();
            assert_eq!(installed(text, &mut found), Ok(Examined::Whole));
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn a_package_without_a_name_is_damage() {
        let mut found = BTreeSet::new();
        assert!(installed(r#"[{"version":"1"},{"name":"a/b"}]"#, &mut found).is_err());
        assert_eq!(found.len(), 1);
    }
}
