//! cpio archives, `newc`, `crc` and `odc` (cpio(5)), and initramfs images: several of them in a row, the later ones often
//! compressed (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).

use super::part::Part;
use super::purse::Purse;
use super::sniff::{Format, sniff};
use super::{Each, Member, rooted};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

/// No path of a kernel is longer.
const LONGEST_NAME: u64 = 64 << 10;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let mut at = 0;
    loop {
        let Some(end) = one(file, at, purse, each)? else { return Ok(()) };
        let Some(next) = next(file, end)? else { return Ok(()) };
        at = next;
        let mut head = [0; 512];
        let read = file.read_at(at, &mut head)?;
        match sniff(b"", &head[..read]) {
            Some(Ok(Format::Cpio)) => {}
            Some(Ok(format @ Format::Compressed(_))) => {
                let rest = Part::of(file, at, file.size()?.saturating_sub(at));
                return super::open(format, b"initramfs", &rest, purse, each);
            }
            _ => return Err(Fault::corrupt("something else follows its end")),
        }
    }
}

/// One archive from `at` on; gives where it ends, or nothing if the pass was broken off.
fn one(file: &dyn File, mut at: u64, purse: &Purse, each: &mut Each<'_>) -> Result<Option<u64>, Fault> {
    loop {
        let mut header = [0; 110];
        let read = file.read_at(at, &mut header)?;
        let Some(entry) = Header::parse(&header[..read]) else {
            let reason = if read < 76 { GapReason::Truncated } else { GapReason::Corrupt };
            return Err(Fault::new(reason, "a member's header is none"));
        };
        if entry.name > LONGEST_NAME {
            return Err(Fault::new(GapReason::Limit, "a name longer than any real one"));
        }
        let mut name = vec![0; usize::try_from(entry.name).unwrap_or_default()];
        if file.read_at(at + entry.length, &mut name)? < name.len() {
            return Err(Fault::new(GapReason::Truncated, "it ends in the middle of a name"));
        }
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        let beyond = || Fault::corrupt("a member's size is beyond any file");
        let start = entry.align(at.checked_add(entry.length + entry.name).ok_or_else(beyond)?);
        let end = entry.align(start.checked_add(entry.size).ok_or_else(beyond)?);
        if name == b"TRAILER!!!" {
            return Ok(Some(end));
        }
        purse.member()?;
        let path = rooted(name);
        let kind = match entry.mode & 0o170_000 {
            0o040_000 => EntryKind::Folder,
            0o120_000 => EntryKind::Link,
            0o100_000 => EntryKind::File,
            _ => EntryKind::Other,
        };
        let member = Member { path: &path, kind, packed: false };
        if each(&member, &Part::of(file, start, entry.size)) == ControlFlow::Break(()) {
            return Ok(None);
        }
        file.forget(end);
        at = end;
    }
}

/// Where the next archive begins: zeros lie between.
fn next(file: &dyn File, mut at: u64) -> Result<Option<u64>, Fault> {
    let mut buffer = [0; 4096];
    loop {
        let read = file.read_at(at, &mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        if let Some(place) = buffer[..read].iter().position(|byte| *byte != 0) {
            return Ok(Some(at + place as u64));
        }
        at += read as u64;
    }
}

struct Header {
    mode: u64,
    size: u64,
    name: u64,
    /// Of the header itself.
    length: u64,
    aligned: bool,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |start: usize, length: usize, radix: u32| {
            let text = std::str::from_utf8(bytes.get(start..start + length)?).ok()?;
            u64::from_str_radix(text, radix).ok()
        };
        match bytes.get(..6)? {
            b"070701" | b"070702" => Some(Self {
                mode: number(14, 8, 16)?,
                size: number(54, 8, 16)?,
                name: number(94, 8, 16)?,
                length: 110,
                aligned: true,
            }),
            b"070707" => Some(Self {
                mode: number(18, 6, 8)?,
                size: number(65, 11, 8)?,
                name: number(59, 6, 8)?,
                length: 76,
                aligned: false,
            }),
            _ => None,
        }
    }

    fn align(&self, at: u64) -> u64 {
        if self.aligned { at.saturating_add(3) & !3 } else { at }
    }
}
