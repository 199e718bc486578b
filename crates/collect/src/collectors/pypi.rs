//! Python distributions as installed: `METADATA` of wheels, `PKG-INFO` of eggs.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::{fields, last_part};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Pypi;

const NAME: Attribute = Attribute::known("pypi.name");
const VERSION: Attribute = Attribute::known("pypi.version");
const AUTHOR: Attribute = Attribute::known("pypi.author");
const PURL: Attribute = Attribute::known("purl");

static META: Meta = Meta {
    id: "pypi",
    what: "Python distributions as installed, by the metadata of wheels and eggs.",
    cannot_see: "Modules copied without metadata.",
    attributes: &[NAME, VERSION, AUTHOR, PURL],
    hides: Presences::of(&[Presence::Installed, Presence::Embedded]),
    live: false,
};

impl Collector for Pypi {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("METADATA"), Interest::Name("PKG-INFO"), Interest::Ending(".egg-info")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let folder = last_part(&seen.folder()[..seen.folder().len() - 1]);
        let mine = match seen.name() {
            b"METADATA" => folder.ends_with(b".dist-info"),
            b"PKG-INFO" => folder.ends_with(b".egg-info") || folder == b"EGG-INFO",
            _ => true,
        };
        if !mine {
            return Ok(Examined::NotMine);
        }
        let text = seen.text(16 << 20)?;
        if text.is_empty() {
            return Ok(Examined::Whole);
        }
        // The description follows the first empty line and may hold anything.
        let text = text.replace('\r', "");
        let head = text.split("\n\n").next().unwrap_or_default();
        let value =
            |wanted: &str| fields(head).find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
        let Some(name) = value("Name").filter(|name| !name.is_empty()) else {
            return Err(Fault::corrupt("it gives no Name"));
        };
        let name = normalised(name);
        let version = value("Version").unwrap_or_default();
        let mut artifact = seen.artifact(ArtifactKind::Library).with(NAME, &name).with(VERSION, version);
        for key in ["Author", "Author-email", "Maintainer", "Maintainer-email"] {
            artifact.push(AUTHOR, value(key).unwrap_or_default());
        }
        out.add(artifact.with(PURL, format!("pkg:pypi/{name}@{version}")));
        Ok(Examined::Whole)
    }
}

/// A name as PEP 503 compares them: lower case, runs of `-`, `_` and `.` are one `-`.
fn normalised(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            other => out.extend(other.to_lowercase()),
        }
    }
    out
}
