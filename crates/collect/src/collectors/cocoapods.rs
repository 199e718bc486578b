//! CocoaPods asked for in a `Podfile.lock`, which the tool writes in YAML: `PODS` lists each as `NAME (VERSION)`, with what
//! it needs below it. <https://guides.cocoapods.org/using/using-cocoapods.html>

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use crate::yaml;
use ostrakon_model::{Attribute, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Cocoapods;

const LIMIT: u64 = 16 << 20;

static META: Meta = Meta {
    id: "cocoapods",
    what: "CocoaPods asked for in Podfile.lock, with their parts.",
    cannot_see: "Projects without a lock file; pods in folders of the project; pods compiled into an app.",
    attributes: &[Attribute::known("library.version"), Attribute::known("purl")],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "PODS")]
    pods: Option<Vec<Pod>>,
    /// Pods that come from elsewhere than the public list, each with where from.
    #[serde(rename = "EXTERNAL SOURCES")]
    external: Option<BTreeMap<String, BTreeMap<String, IgnoredAny>>>,
    #[serde(rename = "COCOAPODS")]
    tool: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pod {
    Alone(String),
    Needing(BTreeMap<String, Vec<String>>),
}

impl Collector for Cocoapods {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("Podfile.lock")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            out.add(declared(seen.locator(), Ecosystem::CocoaPods, &name, &version));
        }
        outcome
    }
}

fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let lock: Lock = yaml::parse(text)?;
    let pods = match (lock.pods, lock.tool) {
        (Some(pods), _) => pods,
        (None, Some(_)) => Vec::new(),
        (None, None) => return Ok(Examined::NotMine),
    };
    let external = lock.external.unwrap_or_default();
    let is_own = |name: &str| {
        let pod = name.split('/').next().unwrap_or(name);
        external.get(pod).is_some_and(|from| from.keys().any(|key| key.trim_start_matches(':') == "path"))
    };
    let mut problem = None;
    for pod in pods {
        let names = match pod {
            Pod::Alone(name) => vec![name],
            Pod::Needing(map) => map.into_keys().collect(),
        };
        for written in names {
            match written.strip_suffix(')').and_then(|rest| rest.split_once(" (")) {
                Some((name, _)) if is_own(name) => {}
                Some((name, version)) => {
                    found.insert((name.to_owned(), version.to_owned()));
                }
                None => problem = problem.or(Some(format!("no name and version: {written}"))),
            }
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_and_their_parts_are_read() {
        let text = "PODS:\n  - Alamofire (5.6.4)\n  - Firebase/Core (8.0.0):\n    - Firebase/CoreOnly\n  - Own (1.0)\n\
                    EXTERNAL SOURCES:\n  Own:\n    :path: \"../Own\"\nCOCOAPODS: 1.12.1\n";
        let mut found = BTreeSet::new();
        assert_eq!(read(text, &mut found), Ok(Examined::Whole));
        let names: Vec<_> = found.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(names, ["Alamofire 5.6.4", "Firebase/Core 8.0.0"]);
    }

    #[test]
    fn a_pod_without_a_version_is_damage() {
        assert!(read("PODS:\n  - Alamofire\n", &mut BTreeSet::new()).is_err());
        assert_eq!(read("pods: none\n", &mut BTreeSet::new()), Ok(Examined::NotMine));
    }
}
