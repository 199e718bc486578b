//! Archives and images that this version does not open: each is a gap, so that no report calls a place empty over them.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{GapReason, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Archives;

static META: Meta = Meta {
    id: "archives",
    what: "Archives, packages and images, told by their first bytes: named as gaps, not opened.",
    cannot_see: "Anything inside them; single files that are compressed; archives with an unknown beginning.",
    attributes: &[],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

impl Collector for Archives {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Magic(0, b"PK\x03\x04"),
            Interest::Magic(0, b"7z\xbc\xaf\x27\x1c"),
            Interest::Magic(0, b"Rar!\x1a\x07"),
            Interest::Magic(0, b"MSCF\0\0\0\0"),
            Interest::Magic(0, b"!<arch>\ndebian-binary"),
            Interest::Magic(0, b"\xed\xab\xee\xdb"),
            Interest::Magic(0, b"070701"),
            Interest::Magic(0, b"hsqs"),
            Interest::Magic(0, b"QFI\xfb"),
            Interest::Magic(0, b"KDMV"),
            Interest::Magic(0, b"conectix"),
            Interest::Magic(0, b"vhdxfile"),
            Interest::Magic(257, b"ustar"),
            // Tar archives under compression show only their name.
            Interest::Ending(".gz"),
            Interest::Ending(".xz"),
            Interest::Ending(".bz2"),
            Interest::Ending(".zst"),
            Interest::Ending(".tgz"),
            Interest::Ending(".txz"),
            Interest::Ending(".tbz2"),
            Interest::Ending(".crate"),
            Interest::Ending(".apk"),
            Interest::Ending(".iso"),
            Interest::Ending(".vhd"),
        ]
    }

    fn file(&self, seen: &Seen<'_>, _out: &mut Out) -> Outcome {
        match kind(seen.name(), seen.head) {
            Some(kind) => Err(Fault::new(GapReason::ArchiveNotOpened, kind.to_owned())),
            None => Ok(Examined::NotMine),
        }
    }
}

/// What kind of container it is, if it is one that can hold programs.
fn kind(name: &[u8], head: &[u8]) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let ends = |ending: &str| lower.ends_with(ending.as_bytes());
    let any = |endings: &[&str]| endings.iter().any(|ending| ends(ending));
    if head.starts_with(b"PK\x03\x04") {
        // Java archives are read by `maven`. Documents are zip files that hold text and pictures.
        let first = head.get(30..).unwrap_or_default();
        let office = [".docx", ".xlsx", ".pptx", ".docm", ".xlsm", ".dotx", ".xltx", ".potx", ".vsdx"];
        let document = (first.starts_with(b"[Content_Types].xml") && any(&office))
            || first.starts_with(b"mimetypeapplication/vnd.oasis.opendocument")
            || first.starts_with(b"mimetypeapplication/epub");
        return (!document && !any(&[".jar", ".war", ".ear"])).then_some("zip archive");
    }
    if head.len() < 32 {
        return None;
    }
    let magics: [(&[u8], &'static str); 11] = [
        (b"7z\xbc\xaf\x27\x1c", "7z archive"),
        (b"Rar!\x1a\x07", "rar archive"),
        (b"MSCF\0\0\0\0", "cabinet"),
        (b"!<arch>\ndebian-binary", "Debian package file"),
        (b"\xed\xab\xee\xdb", "RPM package file"),
        (b"070701", "cpio archive"),
        (b"hsqs", "squashfs image"),
        (b"QFI\xfb", "qcow2 disk image"),
        (b"KDMV", "VMDK disk image"),
        (b"conectix", "VHD disk image"),
        (b"vhdxfile", "VHDX disk image"),
    ];
    if let Some((_, kind)) = magics.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(kind);
    }
    if head.get(257..).is_some_and(|rest| rest.starts_with(b"ustar")) {
        return Some("tar archive");
    }
    let compressed = [&b"\x1f\x8b"[..], b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd"];
    if compressed.iter().any(|magic| head.starts_with(magic)) {
        let tar = [".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tgz", ".txz", ".tbz2", ".crate", ".apk"];
        return any(&tar).then_some("compressed tar archive");
    }
    any(&[".iso", ".vhd"]).then_some("disk image")
}
