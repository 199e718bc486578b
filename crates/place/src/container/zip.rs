//! Zip archives (APPNOTE.TXT): the list at the end is read piece by piece, members where they lie and as far as somebody
//! reads. Own code where a crate would do: those keep the whole list in memory, some 300 bytes for each member, and an
//! archive may have millions.
//!
//! Not looked for: members that the list does not name.

mod content;
mod list;

use super::bytes::{le16, le32, le64};
use super::checked::{Checked, Sum};
use super::damage::Broken;
use super::lazy::Lazy;
use super::purse::Purse;
use super::{Each, LONGEST_LINK, Member, bare};
use crate::tree::{EntryKind, Fault, File};
use content::{Inflated, Stored};
use list::List;
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let list = List::find(file)?;
    let mut entries = list.entries(file);
    let (mut count, mut taken) = (0_u64, 0_u64);
    let mut before = 0..0;
    let mut overlaps = false;
    // One for all members.
    let (mut name, mut path) = (Vec::new(), Vec::new());
    while let Some(bytes) = entries.next()? {
        let entry = Entry::parse(bytes);
        purse.member()?;
        count += 1;
        // Archives made on Windows by careless programs separate by the other slash.
        name.clear();
        name.extend(entry.name.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }));
        path.clear();
        path.push(b'/');
        path.extend_from_slice(bare(&name));
        let header = entry.header.saturating_add(list.shift);
        overlaps |= before.contains(&header);
        before = header..header.saturating_add(HEADER).saturating_add(entry.packed);
        taken = taken.saturating_add(HEADER).saturating_add(entry.packed);
        if entry.give(file, header, &path, purse, each).is_break() {
            return Ok(());
        }
    }
    entries.end(count, list.members)?;
    // Also where they are not neighbours: there is no room for all of them before the list.
    if overlaps || taken > list.start.saturating_sub(list.shift) {
        return Err(Fault::corrupt("members lie over each other"));
    }
    list.doubt.map_or(Ok(()), |doubt| Err(Fault::corrupt(doubt)))
}

/// Does `file` end with the list of an archive?
pub(super) fn has_list(file: &dyn File) -> bool {
    List::find(file).is_ok()
}

/// The fixed part of a member's own header.
const HEADER: u64 = 30;

/// One member as the list has it.
struct Entry<'n> {
    name: &'n [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    header: u64,
    unix_mode: u32,
}

impl<'n> Entry<'n> {
    /// How long the entry is that begins `bytes`.
    fn length(bytes: &[u8]) -> Option<usize> {
        let fixed = bytes.get(..46).filter(|fixed| fixed.starts_with(b"PK\x01\x02"))?;
        Some(46 + usize::from(le16(fixed, 28)) + usize::from(le16(fixed, 30)) + usize::from(le16(fixed, 32)))
    }

    /// The entry that `bytes` are.
    fn parse(bytes: &'n [u8]) -> Self {
        let name_end = 46 + usize::from(le16(bytes, 28));
        let extra_end = name_end + usize::from(le16(bytes, 30));
        let made_by_unix = matches!(bytes.get(5), Some(3 | 19));
        let mut entry = Self {
            name: bytes.get(46..name_end).unwrap_or_default(),
            flags: le16(bytes, 8),
            method: le16(bytes, 10),
            crc: le32(bytes, 16),
            packed: u64::from(le32(bytes, 20)),
            size: u64::from(le32(bytes, 24)),
            header: u64::from(le32(bytes, 42)),
            unix_mode: if made_by_unix { le32(bytes, 38) >> 16 } else { 0 },
        };
        let mut extra = bytes.get(name_end..extra_end).unwrap_or_default();
        // Where one of these is broken, those behind it are of no use, and the member is read all the same.
        while let Some((head, rest)) = extra.split_first_chunk::<4>() {
            let Some((field, after)) = rest.split_at_checked(usize::from(le16(head, 2))) else { break };
            if le16(head, 0) == 1 {
                entry.enlarge(field);
            }
            extra = after;
        }
        entry
    }

    /// Takes the numbers that had no room, in this order.
    fn enlarge(&mut self, field: &[u8]) {
        let mut numbers = field.chunks_exact(8).map(|chunk| le64(chunk, 0));
        for number in [&mut self.size, &mut self.packed, &mut self.header] {
            if *number == 0xffff_ffff {
                *number = numbers.next().unwrap_or(*number);
            }
        }
    }

    /// What it is. Not every reader believes what an archive says of that: only what can be no file is none.
    fn kind(&self) -> EntryKind {
        let folder = matches!(self.name, [.., b'/' | b'\\']);
        match self.unix_mode & 0o170_000 {
            _ if folder && self.size == 0 => EntryKind::Folder,
            0o040_000 if self.size == 0 => EntryKind::Folder,
            0o120_000 if self.size <= LONGEST_LINK => EntryKind::Link,
            _ => EntryKind::File,
        }
    }

    fn give(&self, file: &dyn File, header: u64, path: &[u8], purse: &Purse, each: &mut Each<'_>) -> ControlFlow<()> {
        let member = Member { path, kind: self.kind(), packed: self.method != 0 };
        if self.flags & 1 != 0 || self.method == 99 {
            return each(&member, &Broken(Fault::new(GapReason::Encrypted, "it needs a password")));
        }
        if self.method == 0 {
            if self.packed != self.size {
                return each(&member, &Broken(Fault::corrupt("it is stored as it is, and has two sizes")));
            }
            let sum = Sum::Crc(crc32fast::Hasher::new());
            return each(&member, &Checked::of(Stored::of(file, header, self.size), self.size, sum, self.crc));
        }
        let (method, packed, size, crc) = (self.method, self.packed, self.size, self.crc);
        let content = Inflated { file, header, method, packed, size, crc };
        each(&member, &Lazy::of(Some(size), purse, move || content.reader(purse)))
    }
}
