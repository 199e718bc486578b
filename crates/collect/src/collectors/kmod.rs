//! Kernel modules: loaded ones of a running machine, and installed ones by their files.

use crate::collector::{Collector, Context, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Locator, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Kmod;

const NAME: Attribute = Attribute::known("kmod.name");
const PATH: Attribute = Attribute::known("kmod.path");

static META: Meta = Meta {
    id: "kmod",
    what: "Loaded kernel modules of a running machine; module files below lib/modules.",
    cannot_see: "Modules built into the kernel; modules that hide themselves.",
    attributes: &[NAME, PATH],
    hides: Presences::of(&[Presence::Running, Presence::Installed]),
    live: false,
};

impl Collector for Kmod {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Ending(".ko"), Interest::Ending(".xz"), Interest::Ending(".zst"), Interest::Ending(".gz")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let name = seen.name();
        let plain = name.strip_suffix(b".ko");
        let packed = [&b".ko.xz"[..], b".ko.zst", b".ko.gz"].iter().find_map(|ending| name.strip_suffix(*ending));
        let Some(stem) = plain.or(packed) else { return Ok(Examined::NotMine) };
        if !seen.path.windows(13).any(|part| part == b"/lib/modules/") {
            return Ok(Examined::NotMine);
        }
        // The kernel takes `-` and `_` as one in names.
        let stem = String::from_utf8_lossy(stem).replace('-', "_");
        let mut artifact = seen.artifact(ArtifactKind::Driver).with(NAME, stem).with(PATH, seen.text);
        // The kernel loads only from here; a module elsewhere is a copy.
        if !seen.path.starts_with(b"/lib/modules/") && !seen.path.starts_with(b"/usr/lib/modules/") {
            artifact = artifact.proving(Presence::Dormant);
        }
        out.add(artifact);
        if plain.is_some() && !whole(seen) {
            return Err(Fault::corrupt("not a whole kernel module"));
        }
        Ok(Examined::Whole)
    }

    fn host(&self, context: &Context<'_>, out: &mut Out) -> Outcome {
        // A kernel built without modules has no such file: it is gone, and no gap.
        let table = context.tree.find(b"/proc/modules")?.read_all(16 << 20)?;
        for line in String::from_utf8_lossy(&table).lines() {
            if let Some(name) = line.split(' ').next() {
                let locator = Locator(format!("/proc/modules!{name}"));
                let artifact = Artifact::new(ArtifactKind::Driver, locator, "").proving(Presence::Running);
                out.add(artifact.with(NAME, name));
            }
        }
        Ok(Examined::Whole)
    }
}

/// Does the file reach to its section headers, which a module ends with?
fn whole(seen: &Seen<'_>) -> bool {
    let head = seen.head;
    if !head.starts_with(b"\x7fELF") {
        return false;
    }
    let (start, count) = match head.get(4) {
        Some(2) => (head.get(0x28..0x30), head.get(0x3c..0x3e)),
        _ => (head.get(0x20..0x24), head.get(0x30..0x32)),
    };
    let number = |bytes: Option<&[u8]>| -> u64 {
        let big = head.get(5) == Some(&2);
        let fold = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        bytes.map_or(0, |bytes| if big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
    };
    let entry = if head.get(4) == Some(&2) { 64 } else { 40 };
    let end = number(start).saturating_add(number(count) * entry);
    number(start) > 0 && seen.file.size().is_ok_and(|size| end <= size)
}
