//! Snaps: by their mounted or unpacked `meta/snap.yaml`, and by the image files that snapd keeps.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Snap;

const NAME: Attribute = Attribute::known("snap.name");
const VERSION: Attribute = Attribute::known("snap.version");

static META: Meta = Meta {
    id: "snap",
    what: "Snaps by meta/snap.yaml where they are mounted or unpacked, and by the image files of snapd.",
    cannot_see: "The inside of a snap image that is not mounted.",
    attributes: &[NAME, VERSION],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Snap {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("snap.yaml"), Interest::In("var/lib/snapd/snaps")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        if let Some(stem) = seen.name().strip_suffix(b".snap") {
            // NAME_REVISION.snap
            let stem = String::from_utf8_lossy(stem);
            let name = stem.rsplit_once('_').map_or(stem.as_ref(), |(name, _)| name);
            out.add(seen.artifact(ArtifactKind::Package).with(NAME, name));
            return Ok(Examined::Whole);
        }
        if !seen.path.ends_with(b"/meta/snap.yaml") {
            return Ok(Examined::NotMine);
        }
        let text = seen.text(1 << 20)?;
        // Both keys are plain scalars at the top level, by the format's own rules.
        let value = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            found.map(|value| value.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
        };
        match value("name") {
            Some(name) => {
                let artifact = seen.artifact(ArtifactKind::Package).with(NAME, name);
                out.add(artifact.with(VERSION, value("version").unwrap_or_default()));
                Ok(Examined::Whole)
            }
            None if text.is_empty() => Ok(Examined::Whole),
            None => Err(Fault::corrupt("it gives no name")),
        }
    }
}
