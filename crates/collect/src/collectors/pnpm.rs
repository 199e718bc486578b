//! npm packages locked by pnpm: `pnpm-lock.yaml` of lockfileVersion 5.x, 6.x and 9.x.
//!
//! Format: github.com/pnpm/spec, lockfile. Each key under `packages` carries name and version; its shape is that of the
//! lockfileVersion.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use crate::npm_spec::{exact, is_name, name_and_rest};
use crate::yaml;
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Pnpm;

const NAME: Attribute = Attribute::known("npm.name");
const VERSION: Attribute = Attribute::known("npm.version");
const PURL: Attribute = Attribute::known("purl");

/// Lock files of the largest repositories have some ten MiB.
const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "pnpm",
    what: "npm packages locked by pnpm in pnpm-lock.yaml.",
    cannot_see: "Parts of the project itself; folders linked into it; what a package carries inside.",
    attributes: &[NAME, VERSION, PURL],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// Names with versions; an empty version is not known.
type Found = BTreeSet<(String, String)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: Option<String>,
    packages: Option<BTreeMap<String, Option<Package>>>,
    snapshots: Option<BTreeMap<String, IgnoredAny>>,
}

/// It names itself where its key is an address.
#[derive(Deserialize, Default)]
struct Package {
    name: Option<String>,
    version: Option<String>,
}

impl Collector for Pnpm {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("pnpm-lock.yaml")]
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

/// Adds what is locked; what was added before a fault counts. Newer pnpm keeps its own tools in a document before the
/// project's.
fn read(text: &str, found: &mut Found) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let locks: Vec<Lock> = yaml::parse_all(text)?;
    let mut problem = None;
    for lock in locks {
        if let Err(fault) = document(lock, found) {
            problem = problem.or(Some(fault));
        }
    }
    problem.map_or(Ok(()), Err)
}

fn document(lock: Lock, found: &mut Found) -> Result<(), Fault> {
    let Some(version) = lock.lockfile_version else { return Err(Fault::corrupt("it gives no lockfileVersion")) };
    let parts: fn(&str) -> Option<(&str, &str)> = match version.split('.').next().unwrap_or_default() {
        "5" => by_slash,
        "6" => by_slash_and_at,
        "9" => name_and_rest,
        _ => {
            let detail = format!("lockfileVersion {version:.20} is not known");
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
    };
    let mut problem = None;
    let packages = lock.packages.unwrap_or_default();
    if version.starts_with('9') && !packages.is_empty() && lock.snapshots.is_none() {
        problem = Some(Fault::new(GapReason::Truncated, "packages without snapshots"));
    }
    for (key, package) in packages {
        let package = package.unwrap_or_default();
        // What other packages it was built for stands in brackets behind it.
        let (name, version) = parts(key.split('(').next().unwrap_or_default()).unwrap_or_default();
        let name = package.name.as_deref().unwrap_or(name);
        let version = package.version.as_deref().unwrap_or(exact(version));
        if is_name(name) {
            found.insert((name.to_owned(), version.to_owned()));
        } else if problem.is_none() {
            problem = Some(Fault::corrupt(format!("{key:.100}: no name and version")));
        }
    }
    problem.map_or(Ok(()), Err)
}

/// `/name/1.0.0`, `/@scope/name/1.0.0_peer@2.0.0`; before the first `/` a registry's name may stand.
fn by_slash(key: &str) -> Option<(&str, &str)> {
    let (_, path) = key.split_once('/')?;
    let (name, version) = path.rsplit_once('/')?;
    Some((name, version.split('_').next().unwrap_or_default()))
}

/// `/name@1.0.0`, `/@scope/name@1.0.0`; before the first `/` a registry's name may stand.
fn by_slash_and_at(key: &str) -> Option<(&str, &str)> {
    let (_, path) = key.split_once('/')?;
    name_and_rest(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> (Vec<String>, Option<GapReason>) {
        let mut found = Found::new();
        let outcome = read(text, &mut found);
        let list = found.into_iter().map(|(name, version)| format!("{name} {version}")).collect();
        (list, outcome.err().map(|fault| fault.reason))
    }

    #[test]
    fn keys_of_every_version_give_name_and_version() {
        let wanted = ["@kaspersky/hexa-ui 6.1.0", "once 1.4.0"].map(str::to_owned).to_vec();
        for (version, one, other) in [
            ("5.4", "/@kaspersky/hexa-ui/6.1.0_react@17.0.2", "registry.example/once/1.4.0"),
            ("'6.0'", "/@kaspersky/hexa-ui@6.1.0(react@17.0.2)", "registry.example/once@1.4.0"),
            ("'9.0'", "'@kaspersky/hexa-ui@6.1.0'", "once@1.4.0"),
        ] {
            let text = format!(
                "lockfileVersion: {version}\npackages:\n  {one}:\n    dev: true\n  {other}: {{}}\nsnapshots: {{}}\n"
            );
            assert_eq!(found(&text), (wanted.clone(), None), "{version}");
        }
    }

    #[test]
    fn an_address_is_named_by_its_package() {
        let text = "lockfileVersion: 5.4\npackages:\n  host.example/user/x/0123abc:\n    name: x\n    version: 0.1.0\n";
        assert_eq!(found(text), (vec!["x 0.1.0".to_owned()], None));
        let text =
            "lockfileVersion: '9.0'\npackages:\n  x@https://host.example/x.tgz:\n    version: 0.1.0\nsnapshots: {}\n";
        assert_eq!(found(text), (vec!["x 0.1.0".to_owned()], None));
    }

    #[test]
    fn what_is_not_understood_is_a_fault() {
        assert_eq!(found("lockfileVersion: '12.0'\n").1, Some(GapReason::UnsupportedFormat));
        assert_eq!(found("packages: {}\n").1, Some(GapReason::Corrupt));
        assert_eq!(found("lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\n").1, Some(GapReason::Truncated));
        assert_eq!(found("lockfileVersion: 5.4\npackages:\n  /: {}\n").1, Some(GapReason::Corrupt));
        assert_eq!(found(""), (Vec::new(), None));
    }
}
