//! What lies behind a program.

use crate::container::bytes::{le16, le32};
use crate::container::sniff::{Format, sniff};
use crate::container::zip;
use crate::tree::{Fault, File};
use memchr::memmem;
use ostrakon_model::GapReason;

/// How far behind the last section an archive may begin: makers put text and tables before it.
const FURTHEST: u64 = 1 << 20;
/// How often a mark is looked at: programs that unpack archives hold it as well.
const MOST: usize = 64;

/// An archive behind a program.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) start: u64,
    pub(super) format: Format,
}

/// How archives begin.
const MARKS: [&[u8]; 6] =
    [b"7z\xbc\xaf\x27\x1c", b"PK\x03\x04", b"MSCF\0\0\0\0", b"hsqs", b"Rar!\x1a\x07", b"\xfd7zXZ\0"];

/// What is known and not opened: how it begins, and what it is.
const NAMED: [(&[u8], &str); 4] = [
    (b"\xef\xbe\xad\xdeNullsoftInst", "setup of NSIS"),
    (b"Inno Setup Setup Data (", "setup of Inno Setup"),
    (b"ISSetupStream", "setup of InstallShield"),
    (b"DWARFS\x02", "DwarFS image"),
];

/// The first archive from `end` on.
pub(super) fn find(file: &dyn File, end: u64, size: u64) -> Result<Option<Found>, Fault> {
    if end >= size {
        return Ok(None);
    }
    let bytes = stretch(file, end, size.min(end.saturating_add(FURTHEST)))?;
    let mut places: Vec<(usize, Option<&str>)> = Vec::new();
    for mark in MARKS {
        places.extend(memmem::find_iter(&bytes, mark).take(MOST).map(|place| (place, None)));
    }
    for (mark, name) in NAMED {
        places.extend(memmem::find(&bytes, mark).map(|place| (place, Some(name))));
    }
    places.sort_unstable();
    let mut doubtful = None;
    for (place, name) in places {
        let start = end + place as u64;
        if let Some(name) = name {
            return Err(not_opened(name));
        }
        let mut head = [0; 64];
        let read = file.read_at(start, &mut head)?;
        let head = &head[..read];
        match sniff(b"", head) {
            Some(Ok(format)) if is_true(file, format, head) => return Ok(Some(Found { start, format })),
            Some(Ok(format)) if format == Format::SevenZip => doubtful = doubtful.or(Some(Found { start, format })),
            Some(Err(kind)) => return Err(not_opened(kind.0)),
            _ => {}
        }
    }
    // Six bytes by chance are rarer than a broken archive.
    Ok(doubtful)
}

/// Do more than its first bytes say that it is one?
fn is_true(file: &dyn File, format: Format, head: &[u8]) -> bool {
    match format {
        Format::SevenZip => head.get(12..32).is_some_and(|start| crc32fast::hash(start) == le32(head, 8)),
        Format::Zip => {
            let name = le16(head, 26);
            (1..=4096).contains(&name) && le16(head, 4) & 0xff <= 63 && (le16(head, 8) <= 99 || zip::has_list(file))
        }
        Format::Cab => head.get(24..26) == Some(&[3_u8, 1][..]),
        Format::Squashfs => (le16(head, 28), le16(head, 30)) == (4, 0),
        Format::Compressed(_) => head.get(6..8).is_some_and(|flags| crc32fast::hash(flags) == le32(head, 8)),
        _ => true,
    }
}

/// Is it made by one whose programs carry what they install in a form of their own, and elsewhere?
pub(super) fn marks(file: &dyn File, end: u64, size: u64) -> Result<(), Fault> {
    // Inno Setup says in the last part of the program where its data is.
    const TABLE: &[u8] = b"rDlPtS\xcd\xe6\xd7\x7b\x0b\x2a";
    if end >= size {
        return Ok(());
    }
    let behind = stretch(file, end, size.min(end.saturating_add(16)))?;
    let program = stretch(file, end.saturating_sub(FURTHEST), end)?;
    if behind.starts_with(b"zlb\x1a") || memmem::find(&program, TABLE).is_some() {
        return Err(not_opened("setup of Inno Setup"));
    }
    if behind.starts_with(b"InstallShield\0") {
        return Err(not_opened("setup of InstallShield"));
    }
    Ok(())
}

fn not_opened(kind: &str) -> Fault {
    Fault::new(GapReason::UnsupportedFormat, format!("a {kind} lies behind it"))
}

/// The bytes from `start` to `end`, as far as there are any.
fn stretch(file: &dyn File, start: u64, end: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or_default()];
    let read = file.read_at(start, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}
