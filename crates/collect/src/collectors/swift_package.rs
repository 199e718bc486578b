//! Swift packages asked for in a `Package.resolved`, versions 1 to 3 of the file. The package manager writes it; its code
//! is the format's description: <https://github.com/swiftlang/swift-package-manager>.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::json;
use crate::library::{Ecosystem, declared};
use ostrakon_model::{Artifact, Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use std::collections::BTreeSet;

pub(crate) struct SwiftPackage;

const GITHUB_ORG: Attribute = Attribute::known("github.org");
const PURL: Attribute = Attribute::known("purl");

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "swift-package",
    what: "Swift packages asked for in Package.resolved, by the address of their repository.",
    cannot_see: "Packages that only Package.swift asks for; packages in a folder of the project.",
    attributes: &[Attribute::known("library.version"), PURL, GITHUB_ORG],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

#[derive(Deserialize)]
struct Resolved {
    version: Option<u64>,
    object: Option<Pins>,
    pins: Option<Vec<Pin>>,
}

#[derive(Deserialize)]
struct Pins {
    pins: Vec<Pin>,
}

#[derive(Deserialize)]
struct Pin {
    identity: Option<String>,
    package: Option<String>,
    kind: Option<String>,
    location: Option<String>,
    #[serde(rename = "repositoryURL")]
    repository: Option<String>,
    state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    version: Option<String>,
    revision: Option<String>,
}

impl Collector for SwiftPackage {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("Package.resolved")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            let mut artifact = declared(seen.locator(), Ecosystem::Swift, &name, &version);
            name_github(&mut artifact, &name, &version);
            out.add(artifact);
        }
        outcome
    }
}

fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let resolved: Resolved = json::parse(text.as_bytes())?;
    let pins = match (resolved.version, resolved.object, resolved.pins) {
        (Some(1), Some(object), _) => object.pins,
        (Some(2 | 3), _, Some(pins)) => pins,
        (Some(1..=3), _, _) => return Err(Fault::corrupt("it lists no pins")),
        (Some(other), _, _) => {
            return Err(Fault::new(GapReason::UnsupportedFormat, format!("version {other} of the file")));
        }
        (None, _, _) => return Ok(Examined::NotMine),
    };
    let mut problem = None;
    for (at, pin) in pins.into_iter().enumerate() {
        // A package in a folder beside the project is no one else's.
        if pin.kind.as_deref() == Some("localSourceControl") {
            continue;
        }
        let address = pin.location.or(pin.repository).filter(|address| !address.is_empty());
        let name = address.map(|address| repository(&address)).or(pin.identity).or(pin.package);
        let version = pin.state.and_then(|state| state.version.or(state.revision)).unwrap_or_default();
        match name.filter(|name| !name.is_empty()) {
            Some(name) => {
                found.insert((name, version));
            }
            None => problem = problem.or(Some(format!("pin {} has neither an address nor a name", at + 1))),
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

/// The repository at an address: host and path, without scheme, user, question and `.git`. `git@host:path` is one as well.
pub(super) fn repository(address: &str) -> String {
    let plain = address.split(['?', '#']).next().unwrap_or_default();
    let (with_scheme, rest) = match plain.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, plain),
    };
    let (host, path) = match rest.find(['/', ':']) {
        // After a scheme a colon begins a port; without one it ends the host.
        Some(at) if with_scheme => rest.split_at(rest.find('/').unwrap_or(at)),
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = host.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    let path = path.trim_matches(['/', ':']);
    let path = path.strip_suffix(".git").unwrap_or(path);
    if path.is_empty() { host } else { format!("{host}/{path}") }
}

/// Adds the owner and the package URL of a repository on GitHub; `repository` is host and path.
pub(super) fn name_github(artifact: &mut Artifact, repository: &str, version: &str) {
    let mut parts = repository.split('/');
    let (Some("github.com"), Some(owner), Some(name)) = (parts.next(), parts.next(), parts.next()) else { return };
    artifact.push(GITHUB_ORG, owner);
    let at = if version.is_empty() { "" } else { "@" };
    artifact.push(PURL, format!("pkg:github/{owner}/{name}{at}{version}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_host_and_path() {
        for (address, wanted) in [
            ("https://github.com/apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("ssh://git@GitHub.com/apple/swift-nio", "github.com/apple/swift-nio"),
            ("git@github.com:apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("https://git.example:8443/a/b/?branch=main#abc", "git.example:8443/a/b"),
            ("", ""),
        ] {
            assert_eq!(repository(address), wanted);
        }
    }

    #[test]
    fn both_shapes_are_read() {
        let first = r#"{"object":{"pins":[{"package":"Alamofire","repositoryURL":"https://github.com/Alamofire/Alamofire.git",
            "state":{"branch":null,"revision":"ab","version":"5.6.4"}}]},"version":1}"#;
        let second = r#"{"pins":[{"identity":"alamofire","kind":"remoteSourceControl",
            "location":"https://github.com/Alamofire/Alamofire","state":{"revision":"ab","version":"5.6.4"}}],"version":2}"#;
        for text in [first, second] {
            let mut found = BTreeSet::new();
            assert_eq!(read(text, &mut found), Ok(Examined::Whole));
            assert_eq!(
                found.into_iter().collect::<Vec<_>>(),
                [("github.com/Alamofire/Alamofire".to_owned(), "5.6.4".to_owned())]
            );
        }
    }

    #[test]
    fn a_later_version_of_the_file_is_a_gap() {
        let outcome = read(r#"{"pins":[],"version":9}"#, &mut BTreeSet::new());
        assert_eq!(outcome.map_err(|fault| fault.reason), Err(GapReason::UnsupportedFormat));
        assert_eq!(read("{}", &mut BTreeSet::new()), Ok(Examined::NotMine));
    }
}
