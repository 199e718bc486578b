//! Conda packages: what an environment holds, and what its files ask for, from PyPI as well.
//!
//! Formats: docs.conda.io, managing environments and package specification; conda.github.io/conda-lock.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared, library, pep503};
use crate::reading::last_part;
use crate::requirement::{Line, is_version, line};
use crate::{json, yaml};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Conda;

const VERSION: Attribute = Attribute::known("library.version");
const PYPI_NAME: Attribute = Attribute::known("pypi.name");
const PYPI_VERSION: Attribute = Attribute::known("pypi.version");
const PURL: Attribute = Attribute::known("purl");

/// Records of packages list their files: tens of thousands of lines in the largest.
const LIMIT: u64 = 64 << 20;

static META: Meta = Meta {
    id: "conda",
    what: "Conda packages installed in environments, and those asked for in environment.yml and conda-lock.yml, with \
           their packages from PyPI.",
    cannot_see: "Packages in the cache that no environment uses; explicit lists of addresses; Pixi's files; versions that \
                 are not pinned.",
    attributes: &[VERSION, PYPI_NAME, PYPI_VERSION, PURL],
    hides: Presences::of(&[Presence::Installed, Presence::Declared]),
    live: false,
};

/// Names with versions; an empty version is not known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    conda: BTreeSet<(String, String)>,
    pypi: BTreeSet<(String, String)>,
}

#[derive(Deserialize)]
struct Record {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Environment {
    dependencies: Option<Vec<Item>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Spec(String),
    /// `pip` and its own list.
    Lists(BTreeMap<String, Option<Vec<String>>>),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Lock {
    version: Option<u64>,
    package: Option<Vec<Locked>>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: Option<String>,
    manager: String,
}

impl Collector for Conda {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Ending(".json"),
            Interest::Name("environment.yml"),
            Interest::Name("environment.yaml"),
            Interest::Name("conda-lock.yml"),
        ]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        if last_part(path) == b"environment.yml"
            || last_part(path) == b"environment.yaml"
            || last_part(path) == b"conda-lock.yml"
        {
            return true;
        }
        let folder = &path[..path.len() - last_part(path).len()];
        folder.ends_with(b"/conda-meta/")
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let read: Reader = match seen.name() {
            b"environment.yml" | b"environment.yaml" => environment,
            b"conda-lock.yml" => lock,
            _ if last_part(seen.folder().strip_suffix(b"/").unwrap_or_default()) == b"conda-meta" => {
                return installed(seen, out);
            }
            _ => return Ok(Examined::NotMine),
        };
        let text = seen.text(LIMIT)?;
        if text.trim().is_empty() {
            return Ok(Examined::Whole);
        }
        let mut found = Found::default();
        let outcome = read(&text, &mut found);
        for (ecosystem, list) in [(Ecosystem::Conda, &found.conda), (Ecosystem::Pypi, &found.pypi)] {
            for (name, version) in list {
                out.add(declared(seen.locator(), ecosystem, name, version));
            }
        }
        outcome
    }
}

/// Adds what a file asks for; what was added before a fault counts.
type Reader = fn(&str, &mut Found) -> Outcome;

/// `conda-meta/*.json`: one record for each package of the environment.
fn installed(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    let bytes = seen.whole(LIMIT)?;
    if bytes.trim_ascii().is_empty() {
        return Ok(Examined::Whole);
    }
    let (name, version) = record(&bytes)?;
    out.add(library(seen.locator(), Ecosystem::Conda, &name, &version));
    Ok(Examined::Whole)
}

fn record(bytes: &[u8]) -> Result<(String, String), Fault> {
    let record: Record = json::parse(bytes)?;
    match record.name {
        Some(name) if !name.is_empty() => Ok((name, record.version.unwrap_or_default())),
        _ => Err(Fault::corrupt("it gives no name")),
    }
}

fn environment(text: &str, found: &mut Found) -> Outcome {
    // Other tools have files of this name.
    if !text.contains("dependencies") {
        return Ok(Examined::NotMine);
    }
    let environment: Environment = yaml::parse(text)?;
    let Some(items) = environment.dependencies else { return Ok(Examined::NotMine) };
    let mut problem = None;
    for item in items {
        let strange = match item {
            Item::Spec(spec) => match asked(&spec) {
                Some((name, version)) => {
                    found.conda.insert((name.to_ascii_lowercase(), version.to_owned()));
                    None
                }
                None => Some(spec),
            },
            Item::Lists(lists) => {
                let mut strange = None;
                let of_pip = lists.into_iter().filter(|(tool, _)| tool == "pip");
                for requirement in of_pip.flat_map(|(_, list)| list.unwrap_or_default()) {
                    if !of_pypi(&requirement, found) {
                        strange = Some(requirement);
                    }
                }
                strange
            }
            Item::Other(_) => Some("neither text nor lists".to_owned()),
        };
        problem = problem.or_else(|| Some(Fault::corrupt(format!("{:.100}: no package", strange?))));
    }
    problem.map_or(Ok(Examined::Whole), Err)
}

/// Adds a requirement of pip's; says whether it was understood.
fn of_pypi(requirement: &str, found: &mut Found) -> bool {
    match line(requirement) {
        Line::Asked(name, version) => {
            found.pypi.insert((pep503(name), version.to_owned()));
            true
        }
        Line::NoName => true,
        Line::Unknown => false,
    }
}

fn lock(text: &str, found: &mut Found) -> Outcome {
    let lock: Lock = yaml::parse(text)?;
    if lock.version.is_some_and(|version| version > 1) {
        return Err(Fault::new(GapReason::UnsupportedFormat, "this version of the format is not known"));
    }
    let Some(packages) = lock.package else { return Err(Fault::corrupt("it lists no packages")) };
    for package in packages {
        let version = package.version.unwrap_or_default();
        if package.manager == "pip" {
            found.pypi.insert((pep503(&package.name), version));
        } else {
            found.conda.insert((package.name, version));
        }
    }
    Ok(Examined::Whole)
}

/// The name, and the version if it is exact, of `channel::name`, `name==1.2`, `name=1.2=build`, `name 1.2 build`,
/// `name[version='1.2']`; a single `=` stands for all versions that begin so.
fn asked(spec: &str) -> Option<(&str, &str)> {
    let plain = spec.split(['[', '#']).next().unwrap_or_default().trim();
    let plain = plain.rsplit_once("::").map_or(plain, |(_, plain)| plain);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let end = plain.find(|letter: char| !is_part(letter)).unwrap_or(plain.len());
    let (name, rest) = plain.split_at(end);
    if !name.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let is_behind_blank = rest.starts_with(' ');
    let rest = rest.trim();
    let version = match rest.strip_prefix("==") {
        Some(version) => version.trim().split(['=', ' ']).next().unwrap_or_default(),
        None => match rest.strip_prefix('=') {
            Some(build) => build.trim().split_once('=').map_or("", |(version, _)| version),
            None if rest.is_empty() || rest.starts_with(['<', '>', '!', '~', '*']) => "",
            None if is_behind_blank => rest.split(['=', ' ']).next().unwrap_or_default(),
            None => return None,
        },
    };
    Some((name, if is_version(version) { version } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_give_names_and_exact_versions() {
        for (spec, wanted) in [
            ("python", Some(("python", ""))),
            ("conda-forge::numpy=1.26.4=py312h8753938_0", Some(("numpy", "1.26.4"))),
            ("numpy=1.26", Some(("numpy", ""))),
            ("numpy==1.26.4", Some(("numpy", "1.26.4"))),
            ("numpy 1.26.4", Some(("numpy", "1.26.4"))),
            ("numpy 1.26.*", Some(("numpy", ""))),
            ("numpy latest", Some(("numpy", ""))),
            ("numpy >=1.26,<2", Some(("numpy", ""))),
            ("_libgcc_mutex=0.1=main", Some(("_libgcc_mutex", "0.1"))),
            ("numpy[version='>=1.26']", Some(("numpy", ""))),
            ("", None),
            ("{{ name }}", None),
            ("https://host.example/x.conda", None),
        ] {
            assert_eq!(asked(spec), wanted, "{spec}");
        }
    }

    #[test]
    fn an_environment_asks_conda_and_pip() {
        let text = "name: portal\ndependencies:\n  - python=3.12\n  - pip:\n    - OpenTIP==1.2\n    - -r other.txt\n";
        let mut found = Found::default();
        assert_eq!(environment(text, &mut found), Ok(Examined::Whole));
        assert_eq!(found.conda, BTreeSet::from([("python".to_owned(), String::new())]));
        assert_eq!(found.pypi, BTreeSet::from([("opentip".to_owned(), "1.2".to_owned())]));
        assert_eq!(environment("services:\n  web: {}\n", &mut found), Ok(Examined::NotMine));
        assert!(environment("dependencies:\n  - python\n  - '{{ name }}'\n", &mut found).is_err());
    }

    #[test]
    fn a_lock_says_who_manages_what() {
        let text = "version: 1\npackage:\n- name: numpy\n  version: 1.10\n  manager: conda\n- name: opentip\n  version: '1.2'\n  \
                    manager: pip\n";
        let mut found = Found::default();
        assert_eq!(lock(text, &mut found), Ok(Examined::Whole));
        assert_eq!(found.conda, BTreeSet::from([("numpy".to_owned(), "1.10".to_owned())]));
        assert_eq!(found.pypi, BTreeSet::from([("opentip".to_owned(), "1.2".to_owned())]));
        assert!(lock("version: 1\n", &mut found).is_err());
        assert!(record(b"{\"name\": \"numpy\"").is_err());
    }
}
