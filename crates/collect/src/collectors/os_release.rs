//! Operating systems: the place's own root, and roots that lie in its folders (containers, chroots, backups), which
//! decide whether a package database speaks of this asset or only of a copy on it.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::assignment;
use ostrakon_model::{ArtifactKind, Attribute, GapReason, Presences};
use ostrakon_place::Fault;

pub(crate) struct OsRelease;

pub(super) const ID: Attribute = Attribute::known("os.id");
pub(super) const VERSION: Attribute = Attribute::known("os.version");

static META: Meta = Meta {
    id: "os-release",
    what: "Operating systems by their os-release file: the place's own and those in its folders. Of Windows whether its registry \
           lies beside its kernel.",
    cannot_see: "Systems without that file (older than 2012, or stripped down).",
    attributes: &[ID, VERSION],
    hides: Presences::FILES,
    live: false,
};

impl Collector for OsRelease {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Path("usr/lib/os-release"),
            Interest::Path("etc/os-release"),
            // Its version stands in the registry, which another collector reads.
            Interest::Path("Windows/System32/ntoskrnl.exe"),
            Interest::Path("WINDOWS/system32/ntoskrnl.exe"),
            Interest::Path("System/Library/CoreServices/SystemVersion.plist"),
        ]
    }

    fn asks_others(&self, name: &[u8]) -> bool {
        name == b"ntoskrnl.exe"
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        match seen.name() {
            b"ntoskrnl.exe" => return windows(seen),
            b"SystemVersion.plist" => {
                let detail = "a macOS system: its receipts and other records are not read by this version";
                return Err(Fault::new(GapReason::UnsupportedFormat, detail));
            }
            _ => {}
        }
        let text = seen.text(64 << 10)?;
        let value = |wanted: &str| {
            let pair = text.lines().filter_map(assignment).find(|(key, _)| *key == wanted);
            pair.map(|(_, value)| value.to_owned())
        };
        match value("ID") {
            Some(id) => {
                let artifact = seen.artifact(ArtifactKind::System).with(ID, id);
                out.add(artifact.with(VERSION, value("VERSION_ID").unwrap_or_default()));
                Ok(Examined::Whole)
            }
            None if text.trim().is_empty() => Ok(Examined::Whole),
            None => Err(Fault::corrupt("it names no ID")),
        }
    }
}

/// A kernel of Windows without its registry beside it: nothing says which system it is and what is installed.
fn windows(seen: &Seen<'_>) -> Outcome {
    let hive = |name: &str| seen.context.tree.find(&[seen.folder(), b"config/", name.as_bytes()].concat()).is_ok();
    let has = |names: [&str; 2]| names.into_iter().any(hive);
    if has(["SOFTWARE", "software"]) && has(["SYSTEM", "system"]) {
        return Ok(Examined::NotMine);
    }
    Err(Fault::new(GapReason::UnsupportedFormat, "a Windows system without its registry, which says what is installed"))
}
