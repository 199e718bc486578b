//! npm packages that a project asks for: npm's and Bun's lock files, and the manifests of projects themselves.
//!
//! Formats: npm's documentation of package-lock.json (lockfileVersion 1 to 3); Bun's of its lock file.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::json;
use crate::library::{Ecosystem, declared};
use crate::npm_spec::{asked, exact, is_name, name_and_rest};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct NpmLock;

const NAME: Attribute = Attribute::known("npm.name");
const VERSION: Attribute = Attribute::known("npm.version");
const PURL: Attribute = Attribute::known("purl");

/// Lock files of the largest repositories have some ten MiB.
const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "npm-lock",
    what: "npm packages asked for in package-lock.json, npm-shrinkwrap.json, bun.lock and a project's package.json.",
    cannot_see: "Bun's binary lock file (a gap); what a ranged request was resolved to without a lock file; \
                 dependencies of installed packages; parts of the project itself.",
    attributes: &[NAME, VERSION, PURL],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

/// Names with versions; an empty version is not known.
type Found = BTreeSet<(String, String)>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: Option<u64>,
    packages: Option<BTreeMap<String, Package>>,
    dependencies: Option<BTreeMap<String, Nested>>,
}

/// Of lockfileVersion 2 and 3, by the folder it goes to.
#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<Written>,
    #[serde(default)]
    link: bool,
}

/// Of lockfileVersion 1, by its name.
#[derive(Deserialize)]
struct Nested {
    version: Option<String>,
    dependencies: Option<BTreeMap<String, Nested>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BunLock {
    lockfile_version: Option<u64>,
    packages: Option<BTreeMap<String, Vec<Written>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    dependencies: Option<BTreeMap<String, Written>>,
    dev_dependencies: Option<BTreeMap<String, Written>>,
    optional_dependencies: Option<BTreeMap<String, Written>>,
    peer_dependencies: Option<BTreeMap<String, Written>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Other(IgnoredAny),
}

impl Written {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Other(_) => "",
        }
    }
}

impl Collector for NpmLock {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Name("package-lock.json"),
            Interest::Name("npm-shrinkwrap.json"),
            Interest::Name("bun.lock"),
            Interest::Name("bun.lockb"),
            Interest::Name("package.json"),
        ]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let read: Reader = match seen.name() {
            b"package.json" if !is_of_project(seen.path) => return Ok(Examined::NotMine),
            b"package.json" => manifest,
            b"bun.lock" => bun,
            b"bun.lockb" if seen.head.is_empty() => return Ok(Examined::Whole),
            b"bun.lockb" => {
                let way_out =
                    "a binary lock file: write bun.lock with bun install --save-text-lockfile --lockfile-only";
                return Err(Fault::new(GapReason::UnsupportedFormat, way_out));
            }
            _ => lock,
        };
        let bytes = seen.whole(LIMIT)?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Examined::Whole);
        }
        let mut found = Found::new();
        let outcome = read(&bytes, &mut found);
        for (name, version) in &found {
            out.add(declared(seen.locator(), Ecosystem::Npm, name, version));
        }
        outcome.map(|()| Examined::Whole)
    }
}

/// Adds what a file asks for; what was added before a fault counts.
type Reader = fn(&[u8], &mut Found) -> Result<(), Fault>;

/// A manifest in a `node_modules` or Debian's `nodejs` folder is that of an installed package.
fn is_of_project(path: &[u8]) -> bool {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    !parts.contains(&b"node_modules".as_slice()) && !parts.windows(2).any(|pair| matches!(pair, [b"share", b"nodejs"]))
}

fn lock(bytes: &[u8], found: &mut Found) -> Result<(), Fault> {
    let lock: Lock = json::parse(bytes)?;
    let mut problem = None;
    match (lock.lockfile_version, lock.packages) {
        (Some(version @ 4..), _) => {
            let detail = format!("lockfileVersion {version} is not known");
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        (_, Some(packages)) => {
            for (folder, package) in packages {
                // Without that folder it is the project itself or a part of it; so is what a link inside it leads to.
                let Some((_, name)) = folder.rsplit_once("node_modules/") else { continue };
                let leads_out = package.resolved.is_some_and(|resolved| resolved.text().starts_with(".."));
                if package.link && !leads_out {
                    continue;
                }
                let name = package.name.as_deref().unwrap_or(name);
                add(name, exact(package.version.as_deref().unwrap_or_default()), found, &mut problem);
            }
        }
        (Some(version @ 2..), None) => {
            return Err(Fault::corrupt(format!("lockfileVersion {version} without packages")));
        }
        (_, None) => {
            let mut rest: Vec<_> = lock.dependencies.into_iter().collect();
            while let Some(dependencies) = rest.pop() {
                for (name, package) in dependencies {
                    let version = package.version.unwrap_or_default();
                    let (name, version) = asked(&name, &version);
                    add(name, version, found, &mut problem);
                    rest.extend(package.dependencies);
                }
            }
        }
    }
    problem.map_or(Ok(()), Err)
}

fn bun(bytes: &[u8], found: &mut Found) -> Result<(), Fault> {
    let lock: BunLock = json::parse(&json::plain(bytes))?;
    match lock.lockfile_version {
        Some(0..=2) => {}
        Some(version) => {
            let detail = format!("lockfileVersion {version} is not known");
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        None => return Err(Fault::corrupt("it gives no lockfileVersion")),
    }
    let mut problem = None;
    for (key, package) in lock.packages.into_iter().flatten() {
        let spec = package.first().map(Written::text).unwrap_or_default();
        match name_and_rest(spec) {
            Some((_, rest)) if rest.starts_with("workspace:") || rest.starts_with("root:") => {}
            Some((name, rest)) => add(name, exact(rest), found, &mut problem),
            None => problem = problem.or_else(|| Some(Fault::corrupt(format!("{key:.100}: no name and version")))),
        }
    }
    problem.map_or(Ok(()), Err)
}

fn manifest(bytes: &[u8], found: &mut Found) -> Result<(), Fault> {
    let manifest: Manifest = json::parse(bytes)?;
    let mut problem = None;
    let lists =
        [manifest.dependencies, manifest.dev_dependencies, manifest.optional_dependencies, manifest.peer_dependencies];
    for (name, spec) in lists.into_iter().flatten().flatten() {
        // People write comments under such a key; a part of the project itself is no dependency.
        if name.starts_with("//") || spec.text().starts_with("workspace:") {
            continue;
        }
        let (name, version) = asked(&name, spec.text());
        add(name, version, found, &mut problem);
    }
    problem.map_or(Ok(()), Err)
}

fn add(name: &str, version: &str, found: &mut Found, problem: &mut Option<Fault>) {
    if is_name(name) {
        found.insert((name.to_owned(), version.to_owned()));
    } else if problem.is_none() {
        *problem = Some(Fault::corrupt(format!("{name:.100}: no name of a package")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(read: Reader, text: &str) -> (Vec<String>, Option<GapReason>) {
        let mut found = Found::new();
        let outcome = read(text.as_bytes(), &mut found);
        let list = found.into_iter().map(|(name, version)| format!("{name} {version}")).collect();
        (list, outcome.err().map(|fault| fault.reason))
    }

    #[test]
    fn places_give_names_and_aliases_give_way() {
        let text = r#"{"lockfileVersion": 3, "packages": {
            "": {"name": "portal", "version": "1.0.0"},
            "packages/part": {"version": "1.0.0"},
            "node_modules/part": {"resolved": "packages/part", "link": true},
            "node_modules/near": {"resolved": "../near", "link": true},
            "node_modules/old": {"name": "tslib", "version": "1.14.1"},
            "packages/part/node_modules/@kaspersky/hexa-ui": {"version": "6.1.0"}}}"#;
        assert_eq!(
            found(lock, text),
            (vec!["@kaspersky/hexa-ui 6.1.0".to_owned(), "near ".to_owned(), "tslib 1.14.1".to_owned()], None)
        );
    }

    #[test]
    fn the_first_version_nests() {
        let text = r#"{"lockfileVersion": 1, "dependencies": {
            "a": {"version": "1.0.0", "dependencies": {"b": {"version": "npm:c@2.0.0"}}},
            "d": {"version": "git+ssh://git@host.example/d.git#1234"}}}"#;
        assert_eq!(found(lock, text), (vec!["a 1.0.0".to_owned(), "c 2.0.0".to_owned(), "d ".to_owned()], None));
    }

    #[test]
    fn what_is_not_understood_is_a_fault() {
        assert_eq!(found(lock, r#"{"lockfileVersion": 9}"#).1, Some(GapReason::UnsupportedFormat));
        assert_eq!(found(lock, r#"{"lockfileVersion": 3}"#).1, Some(GapReason::Corrupt));
        assert_eq!(found(lock, r#"{"lockfileVersion": 3, "packages": {"node_"#).1, Some(GapReason::Truncated));
        assert_eq!(found(bun, r#"{"lockfileVersion": 1, "packages": {"a": [{}]}}"#).1, Some(GapReason::Corrupt));
    }

    #[test]
    fn a_part_of_the_project_is_no_dependency() {
        let text = r#"{"lockfileVersion": 1, "packages": {"a": ["real@1.0.0", "", {}],
            "b": ["b@workspace:b"],}}"#;
        assert_eq!(found(bun, text), (vec!["real 1.0.0".to_owned()], None));
        let text =
            r#"{"dependencies": {"//": "why", "b": "workspace:*", "c": "^1.0.0"}, "peerDependencies": {"d": "1.0.0"}}"#;
        assert_eq!(found(manifest, text), (vec!["c ".to_owned(), "d 1.0.0".to_owned()], None));
    }

    #[test]
    fn manifests_of_installed_packages_are_left_to_their_own_collector() {
        assert!(is_of_project(b"/srv/portal/package.json"));
        assert!(!is_of_project(b"/srv/portal/node_modules/a/esm/package.json"));
        assert!(!is_of_project(b"/usr/share/nodejs/a/package.json"));
    }
}
