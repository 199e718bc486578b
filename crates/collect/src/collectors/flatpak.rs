//! Flatpak applications and runtimes, of the system and of every user, as deployed on disk.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::assignment;
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Flatpak;

const ID: Attribute = Attribute::known("flatpak.id");

static META: Meta = Meta {
    id: "flatpak",
    what: "Deployed Flatpak applications and runtimes, of the system and of every user.",
    cannot_see: "What lies in the repository and is not deployed.",
    attributes: &[ID],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Flatpak {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("metadata")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        // .../flatpak/app/ID/ARCH/BRANCH/COMMIT/metadata
        let parts: Vec<&[u8]> = seen.path.rsplit(|byte| *byte == b'/').take(7).collect();
        let [_, _, _, _, id, b"app" | b"runtime", b"flatpak"] = parts[..] else { return Ok(Examined::NotMine) };
        let text = seen.text(1 << 20)?;
        let name = text.lines().filter_map(assignment).find(|(key, _)| *key == "name").map(|(_, name)| name.to_owned());
        let broken = name.is_none();
        // The folder's name is the id too: a broken file hides nothing of it.
        let id = name.unwrap_or_else(|| String::from_utf8_lossy(id).into_owned());
        out.add(seen.artifact(ArtifactKind::Package).with(ID, id));
        if broken { Err(Fault::corrupt("it names no application")) } else { Ok(Examined::Whole) }
    }
}
