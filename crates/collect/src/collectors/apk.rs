//! Alpine packages by apk's own database.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::owners::Owners;
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::{Fault, Tree};

pub(crate) struct Apk;

pub(crate) const NAME: Attribute = Attribute::known("apk.name");
pub(crate) const VERSION: Attribute = Attribute::known("apk.version");
pub(crate) const MAINTAINER: Attribute = Attribute::known("apk.maintainer");
const PURL: Attribute = Attribute::known("purl");

const LIMIT: u64 = 256 << 20;

static META: Meta = Meta {
    id: "apk",
    what: "Alpine packages in the package database.",
    cannot_see: "Programs installed without apk.",
    attributes: &[NAME, VERSION, MAINTAINER, PURL],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Apk {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Path("lib/apk/db/installed"), Interest::Path("usr/lib/apk/db/installed")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut nameless = 0;
        for record in records(&text) {
            let value = |letter: char| record.lines().find_map(|line| line.strip_prefix(letter)?.strip_prefix(':'));
            match (value('P'), value('V')) {
                (Some(name), version) if !name.is_empty() => {
                    let version = version.unwrap_or_default();
                    let artifact = seen.artifact(ArtifactKind::Package).with(NAME, name).with(VERSION, version);
                    let artifact = artifact.with(MAINTAINER, value('m').unwrap_or_default());
                    out.add(artifact.with(PURL, format!("pkg:apk/{name}@{version}")));
                }
                _ => nameless += 1,
            }
        }
        match nameless {
            0 => Ok(Examined::Whole),
            count => Err(Fault::corrupt(format!("{count} record(s) without a package name"))),
        }
    }
}

fn records(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").filter(|record| !record.trim().is_empty())
}

/// The file lists of all packages: `F:` names a folder, `R:` a file in it.
pub(crate) fn owned(tree: &dyn Tree, owners: &mut Owners) {
    let read = |path: &[u8]| tree.find(path).and_then(|file| file.read_all(LIMIT));
    let Ok(bytes) = read(b"/lib/apk/db/installed").or_else(|_| read(b"/usr/lib/apk/db/installed")) else { return };
    for record in records(&String::from_utf8_lossy(&bytes)) {
        let mut folder = "";
        for line in record.lines() {
            match line.split_once(':') {
                Some(("P", name)) => owners.package(format!("apk:{name}")),
                Some(("F", path)) => folder = path,
                Some(("R", name)) if folder.is_empty() => owners.file(format!("/{name}").as_bytes()),
                Some(("R", name)) => owners.file(format!("/{folder}/{name}").as_bytes()),
                _ => {}
            }
        }
    }
}
