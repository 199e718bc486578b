//! cpio archives, `newc`, `crc` and `odc` (cpio(5)), and initramfs images: several of them in a row, the later ones often
//! compressed (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).

use super::checked::{Checked, Sum};
use super::part::Part;
use super::purse::Purse;
use super::sniff::{Format, sniff};
use super::{Each, Member, rooted, zeros};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

/// No path of a kernel is longer.
const LONGEST_NAME: u64 = 64 << 10;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let mut at = 0;
    loop {
        let Some(end) = one(file, at, purse, each)? else { return Ok(()) };
        let Some(next) = zeros::end(file, end, purse)? else { return Ok(()) };
        at = next;
        let mut head = [0; 512];
        let read = file.read_at(at, &mut head)?;
        match sniff(b"", &head[..read]) {
            Some(Ok(Format::Cpio)) => {}
            Some(Ok(format @ Format::Compressed(_))) => {
                // Which may go on like this itself: each is read through all before it.
                let _deeper = purse.deeper()?;
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
            return Err(match header {
                _ if read < 76 => Fault::new(GapReason::Truncated, "it ends before its end is said"),
                // In both orders of bytes.
                [0xc7, 0x71, ..] | [0x71, 0xc7, ..] => {
                    Fault::new(GapReason::UnsupportedFormat, "a cpio archive of the oldest form")
                }
                _ => Fault::corrupt("a member's header is none"),
            });
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
        let part = Part::of(file, start, entry.size);
        let flow = match entry.sum.filter(|_| kind == EntryKind::File) {
            Some(sum) => each(&member, &Checked::of(part, entry.size, Sum::Plain(0), sum)),
            None => each(&member, &part),
        };
        if flow == ControlFlow::Break(()) {
            return Ok(None);
        }
        file.forget(end);
        at = end;
    }
}

struct Header {
    mode: u64,
    size: u64,
    name: u64,
    /// What all bytes of a file give when they are added.
    sum: Option<u32>,
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
            magic @ (b"070701" | b"070702") => Some(Self {
                mode: number(14, 8, 16)?,
                size: number(54, 8, 16)?,
                name: number(94, 8, 16)?,
                sum: if magic == b"070702" { u32::try_from(number(102, 8, 16)?).ok() } else { None },
                length: 110,
                aligned: true,
            }),
            b"070707" => Some(Self {
                mode: number(18, 6, 8)?,
                size: number(65, 11, 8)?,
                name: number(59, 6, 8)?,
                sum: None,
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
