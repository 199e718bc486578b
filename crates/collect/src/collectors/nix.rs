//! Nix: what the database of a store calls valid, what the profiles of users name, and the inputs that a `flake.lock` asks
//! for. A path of the store is `/nix/store/HASH-NAME-VERSION`, with the output at its end where it is not the main one.
//! <https://nix.dev/manual/nix/stable/store/store-path>, <https://nix.dev/manual/nix/stable/command-ref/files/>,
//! <https://nix.dev/manual/nix/stable/command-ref/new-cli/nix3-flake>

use super::swift_package::{name_github, repository};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::json;
use crate::library::{Ecosystem, declared, library};
use crate::sqlite;
use ostrakon_model::{ArtifactKind, Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Nix;

const PURL: Attribute = Attribute::known("purl");

const LIMIT: u64 = 64 << 20;

/// The stores of build servers have hundreds of thousands of paths.
const MOST_PATHS: usize = 2_000_000;

static META: Meta = Meta {
    id: "nix",
    what: "Packages in a Nix store by its database, packages that Nix profiles name, and inputs asked for in flake.lock.",
    cannot_see: "Stores without a database and a profile, as in images that Nix builds: there only names of folders tell.",
    attributes: &[Attribute::known("library.version"), PURL, Attribute::known("github.org")],
    hides: Presences::of(&[Presence::Declared, Presence::Installed]),
    live: false,
};

impl Collector for Nix {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        // A profile is a folder of the store. The older kind keeps its list beside it, under a name with a hash.
        &[
            Interest::Path("nix/var/nix/db/db.sqlite"),
            Interest::Name("manifest.json"),
            Interest::Ending(".nix"),
            Interest::Name("flake.lock"),
        ]
    }

    fn asks_others(&self, name: &[u8]) -> bool {
        name.ends_with(b".sqlite")
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let name = seen.name();
        if name == b"flake.lock" {
            return flake(seen, out);
        }
        let mut paths = BTreeSet::new();
        let outcome = if name == b"db.sqlite" {
            valid_paths(seen, &mut paths)
        } else if name == b"manifest.json" {
            if !seen.folder().ends_with(b"-profile/") {
                return Ok(Examined::NotMine);
            }
            new_profile(&seen.text(LIMIT)?, &mut paths)
        } else if name.ends_with(b"-env-manifest.nix") || name == b"manifest.nix" {
            old_profile(&seen.text(LIMIT)?, &mut paths)
        } else {
            return Ok(Examined::NotMine);
        };
        let packages: BTreeSet<_> = paths.iter().filter_map(|path| package(path, "/nix/store/")).collect();
        for (name, version) in packages {
            out.add(library(seen.locator(), Ecosystem::Nix, &name, &version));
        }
        outcome
    }
}

/// The paths that the database `seen` calls valid: those that are whole and registered. Guix has the same database.
pub(super) fn valid_paths(seen: &Seen<'_>, paths: &mut BTreeSet<String>) -> Outcome {
    if seen.head.is_empty() {
        return Ok(Examined::Whole);
    }
    let database = sqlite::open(seen)?;
    let mut read = || -> Result<Outcome, rusqlite::Error> {
        let mut statement = database.prepare("SELECT path FROM ValidPaths")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if paths.len() >= MOST_PATHS {
                return Ok(Err(Fault::new(GapReason::Limit, format!("more than {MOST_PATHS} paths"))));
            }
            paths.insert(row.get(0)?);
        }
        Ok(Ok(Examined::Whole))
    };
    read().unwrap_or_else(|error| Err(sqlite::fault(&error)))
}

/// Name and version of a path of the store `store`; `None` for the recipes of builds and for what is no path of it.
pub(super) fn package(path: &str, store: &str) -> Option<(String, String)> {
    const OUTPUTS: [&str; 11] =
        ["-bin", "-debug", "-dev", "-devdoc", "-dist", "-doc", "-info", "-lib", "-man", "-out", "-static"];
    let item = path.strip_prefix(store)?.split('/').next()?;
    let (hash, name) = item.split_once('-')?;
    if hash.len() != 32 || !hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) || name.ends_with(".drv") {
        return None;
    }
    // The version begins after the first `-` that no letter follows.
    let cut = name
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| name.get(at + 1..).is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_alphabetic())));
    let (name, version) =
        cut.map_or((name, ""), |at| (name.get(..at).unwrap_or(name), name.get(at + 1..).unwrap_or("")));
    let version = OUTPUTS.iter().find_map(|output| version.strip_suffix(*output)).unwrap_or(version);
    (!name.is_empty()).then(|| (name.to_owned(), version.to_owned()))
}

#[derive(Deserialize)]
struct Manifest {
    version: Option<u64>,
    /// A list before version 3, a map since.
    elements: Option<Elements>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Elements {
    List(Vec<Element>),
    Map(BTreeMap<String, Element>),
}

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "storePaths", default)]
    paths: Vec<String>,
}

/// The manifest of a profile of `nix profile`.
fn new_profile(text: &str, paths: &mut BTreeSet<String>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let manifest: Manifest = json::parse(text.as_bytes())?;
    match (manifest.version, manifest.elements) {
        (_, Some(Elements::List(list))) => paths.extend(list.into_iter().flat_map(|element| element.paths)),
        (_, Some(Elements::Map(map))) => paths.extend(map.into_values().flat_map(|element| element.paths)),
        (Some(_), None) => return Err(Fault::corrupt("it lists no elements")),
        (None, None) => return Ok(Examined::NotMine),
    }
    Ok(Examined::Whole)
}

/// The manifest of a profile of `nix-env`: a list in the language of Nix, in which every package gives its `outPath`.
fn old_profile(text: &str, paths: &mut BTreeSet<String>) -> Outcome {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Examined::Whole);
    }
    if !text.starts_with('[') {
        return Ok(Examined::NotMine);
    }
    for rest in text.split("outPath = \"").skip(1) {
        let Some((path, _)) = rest.split_once('"') else { break };
        paths.insert(path.to_owned());
    }
    if text.ends_with(']') {
        Ok(Examined::Whole)
    } else {
        Err(Fault::new(GapReason::Truncated, "the list does not end"))
    }
}

#[derive(Deserialize)]
struct Lock {
    version: Option<u64>,
    nodes: Option<BTreeMap<String, Node>>,
}

#[derive(Deserialize)]
struct Node {
    locked: Option<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(rename = "type")]
    kind: Option<String>,
    owner: Option<String>,
    repo: Option<String>,
    rev: Option<String>,
    url: Option<String>,
}

/// An input: its name in the flake (none where it comes from GitHub), its repository as host and path, and the revision.
type Input = (String, String, String);

fn flake(seen: &Seen<'_>, out: &mut Out) -> Outcome {
    let mut found = BTreeSet::new();
    let outcome = inputs(&seen.text(LIMIT)?, &mut found);
    for (name, repository, revision) in found {
        let mut artifact = seen.artifact(ArtifactKind::Library).proving(Presence::Declared);
        name_github(&mut artifact, &repository, &revision);
        if artifact.attributes.is_empty() {
            artifact = declared(seen.locator(), Ecosystem::Nix, &name, &revision);
        }
        out.add(artifact);
    }
    outcome
}

fn inputs(text: &str, found: &mut BTreeSet<Input>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let lock: Lock = json::parse(text.as_bytes())?;
    let nodes = match (lock.version, lock.nodes) {
        (_, Some(nodes)) => nodes,
        (Some(_), None) => return Err(Fault::corrupt("it lists no nodes")),
        (None, None) => return Ok(Examined::NotMine),
    };
    let mut problem = None;
    for (name, node) in nodes {
        // The root is the flake itself.
        let Some(Locked { kind, owner, repo, rev, url }) = node.locked else { continue };
        let from = match (kind.as_deref(), owner, repo, url) {
            (Some("path"), ..) => continue,
            (Some("github"), Some(owner), Some(repo), _) => format!("github.com/{owner}/{repo}"),
            (Some("github"), ..) => {
                problem = problem.or(Some(format!("{name} has no owner and repository")));
                continue;
            }
            (_, _, _, Some(url)) => repository(&url),
            _ => String::new(),
        };
        // The same repository may be the input of several inputs, under names that are told apart by a number.
        let name = if from.starts_with("github.com/") { String::new() } else { name };
        found.insert((name, from, rev.unwrap_or_default()));
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_store_become_names_and_versions() {
        let hash = "0123456789abcdfghijklmnpqrsvwxyz";
        for (item, wanted) in [
            ("hello-2.12.1", Some(("hello", "2.12.1"))),
            ("openssl-3.0.8-dev", Some(("openssl", "3.0.8"))),
            ("python3.11-requests-2.31.0", Some(("python3.11-requests", "2.31.0"))),
            ("builder.sh", Some(("builder.sh", ""))),
            ("hello-2.12.1.drv", None),
        ] {
            let wanted = wanted.map(|(name, version): (&str, &str)| (name.to_owned(), version.to_owned()));
            assert_eq!(package(&format!("/nix/store/{hash}-{item}"), "/nix/store/"), wanted);
        }
        assert_eq!(package("/nix/store/short-hello-1", "/nix/store/"), None);
    }

    #[test]
    fn profiles_of_both_kinds_are_read() {
        let mut paths = BTreeSet::new();
        let old = "[ { name = \"a-1\"; outPath = \"/nix/store/x-a-1\"; } ]\n";
        assert_eq!(old_profile(old, &mut paths), Ok(Examined::Whole));
        let new = r#"{"version":3,"elements":{"b":{"storePaths":["/nix/store/x-b-1"]}}}"#;
        assert_eq!(new_profile(new, &mut paths), Ok(Examined::Whole));
        assert_eq!(paths.len(), 2);
        assert!(old_profile("[ { outPath = \"/nix", &mut paths).is_err());
    }

    #[test]
    fn inputs_of_a_flake_are_read() {
        let text = r#"{"nodes":{"nixpkgs":{"locked":{"owner":"NixOS","repo":"nixpkgs","rev":"ab","type":"github"}},
            "x":{"locked":{"url":"https://git.example/x.git","rev":"cd","type":"git"}},"root":{"inputs":{}}},"root":"root","version":7}"#;
        let mut found = BTreeSet::new();
        assert_eq!(inputs(text, &mut found), Ok(Examined::Whole));
        let from: Vec<_> = found.iter().map(|(_, from, revision)| format!("{from} {revision}")).collect();
        assert_eq!(from, ["github.com/NixOS/nixpkgs ab", "git.example/x cd"]);
    }
}
