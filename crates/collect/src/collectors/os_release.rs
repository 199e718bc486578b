//! Operating systems: the place's own root, and roots that lie in its folders (containers, chroots, backups), which
//! decide whether a package database speaks of this asset or only of a copy on it.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::assignment;
use ostrakon_model::{ArtifactKind, Attribute, GapReason, Presences};
use ostrakon_place::Fault;

pub(crate) struct OsRelease;

const ID: Attribute = Attribute::known("os.id");
const VERSION: Attribute = Attribute::known("os.version");

static META: Meta = Meta {
    id: "os-release",
    what: "Operating systems by their os-release file: the place's own and those in its folders.",
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
            // Systems whose own records this version does not read.
            Interest::Path("Windows/System32/config/SYSTEM"),
            Interest::Path("WINDOWS/system32/config/system"),
            Interest::Path("Windows/System32/ntoskrnl.exe"),
            Interest::Path("WINDOWS/system32/ntoskrnl.exe"),
            Interest::Path("System/Library/CoreServices/SystemVersion.plist"),
        ]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let other = match seen.name() {
            b"SYSTEM" | b"system" | b"ntoskrnl.exe" => Some(
                "a Windows system: of its own records only the registry is read by this version, no Store package and no trace",
            ),
            b"SystemVersion.plist" => {
                Some("a macOS system: its receipts and other records are not read by this version")
            }
            _ => None,
        };
        if let Some(other) = other {
            return Err(Fault::new(GapReason::UnsupportedFormat, other.to_owned()));
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
