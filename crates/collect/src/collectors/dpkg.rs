//! Debian packages by dpkg's own database: also those removed with their settings left behind.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::owners::Owners;
use crate::reading::fields;
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::{EntryKind, Fault, Tree};

pub(crate) struct Dpkg;

pub(crate) const NAME: Attribute = Attribute::known("deb.name");
pub(crate) const VERSION: Attribute = Attribute::known("deb.version");
pub(crate) const MAINTAINER: Attribute = Attribute::known("deb.maintainer");
pub(crate) const ARCHITECTURE: Attribute = Attribute::known("deb.architecture");
const STATUS: Attribute = Attribute::known("deb.status");
const DEPENDS: Attribute = Attribute::known("deb.depends");
pub(crate) const PURL: Attribute = Attribute::known("purl");

/// The largest status file known has a few thousand stanzas of about 1 KiB.
const LIMIT: u64 = 256 << 20;

static META: Meta = Meta {
    id: "dpkg",
    what: "Debian packages in the package database, with their state; file lists, for who owns a file.",
    cannot_see: "Programs installed without dpkg; packages unpacked by hand; what a package's scripts made.",
    attributes: &[NAME, VERSION, MAINTAINER, ARCHITECTURE, DEPENDS, STATUS, PURL],
    hides: Presences::of(&[Presence::Installed, Presence::Remnant]),
    live: false,
};

impl Collector for Dpkg {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        // Images without a package manager keep one stanza a file in status.d.
        &[Interest::Path("var/lib/dpkg/status"), Interest::In("var/lib/dpkg/status.d")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        if seen.name().ends_with(b".md5sums") {
            return Ok(Examined::NotMine);
        }
        let bytes = seen.whole(LIMIT)?;
        let with_states = seen.name() == b"status";
        read(&bytes, with_states, seen, out)
    }
}

fn read(bytes: &[u8], with_states: bool, seen: &Seen<'_>, out: &mut Out) -> Outcome {
    let mut problem = None;
    let mut line = 1;
    for stanza in String::from_utf8_lossy(bytes).split("\n\n") {
        let at = line;
        line += stanza.matches('\n').count() + 2;
        if stanza.trim().is_empty() {
            continue;
        }
        match package(stanza, with_states) {
            Ok(Some((pairs, presence))) => {
                let mut artifact = seen.artifact(ArtifactKind::Package).proving(presence);
                pairs.into_iter().for_each(|(attribute, value)| artifact.push(attribute, value));
                out.add(artifact);
            }
            Ok(None) => {}
            Err(why) => problem = problem.or(Some(format!("line {at}: {why}"))),
        }
    }
    problem.map_or(Ok(Examined::Whole), |problem| Err(Fault::corrupt(problem)))
}

pub(crate) type Package = (Vec<(Attribute, String)>, Presence);

/// One stanza; `None` for a package that is only known, not there.
pub(crate) fn package(stanza: &str, with_states: bool) -> Result<Option<Package>, &'static str> {
    if stanza.contains('\0') {
        return Err("bytes of 0 in a text file");
    }
    let value = |wanted: &str| fields(stanza).find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| value);
    let name = value("Package").filter(|name| !name.is_empty()).ok_or("a stanza without Package")?;
    let status = match value("Status") {
        Some(status) => status,
        None if with_states => return Err("a package without Status"),
        None => "install ok installed",
    };
    let presence = match status.split_ascii_whitespace().nth(2).ok_or("a Status that is not three words")? {
        "not-installed" => return Ok(None),
        "config-files" => Presence::Remnant,
        _ => Presence::Installed,
    };
    let version = value("Version").unwrap_or_default();
    let mut pairs = vec![
        (NAME, name.to_owned()),
        (VERSION, version.to_owned()),
        (MAINTAINER, value("Maintainer").unwrap_or_default().to_owned()),
        (ARCHITECTURE, value("Architecture").unwrap_or_default().to_owned()),
        (STATUS, status.to_owned()),
        (PURL, format!("pkg:deb/{name}@{version}")),
    ];
    let relations = ["Depends", "Pre-Depends"].into_iter().filter_map(value).flat_map(|text| text.split(','));
    pairs.extend(relations.map(|relation| (DEPENDS, names_of(relation))));
    Ok(Some((pairs, presence)))
}

/// The names of a relation: `a (>= 1) | b:any` is `a | b`.
fn names_of(relation: &str) -> String {
    let name = |alternative: &str| {
        let name = alternative.split(['(', '[', ':']).next().unwrap_or_default();
        name.trim().to_owned()
    };
    relation.split('|').map(name).collect::<Vec<_>>().join(" | ")
}

/// The file lists of all packages.
pub(crate) fn owned(tree: &dyn Tree, owners: &mut Owners) {
    let Ok(folder) = tree.folder(b"/var/lib/dpkg/info") else { return };
    let mut lists = Vec::new();
    let read = folder.entries(&mut |entry| {
        if entry.kind == EntryKind::File && entry.name.ends_with(b".list") {
            lists.push(entry.name.to_vec());
        }
    });
    if read.is_err() {
        return;
    }
    for list in lists {
        let Ok(bytes) = folder.open(&list).and_then(|file| file.read_all(64 << 20)) else { continue };
        let name = String::from_utf8_lossy(&list[..list.len() - 5]).into_owned();
        owners.package(format!("deb:{}", name.split(':').next().unwrap_or_default()));
        bytes.split(|byte| *byte == b'\n').filter(|path| !path.is_empty()).for_each(|path| owners.file(path));
    }
}
