//! Where a program ends, by its headers.

use crate::container::bytes::{le16, le32, le64};
use crate::tree::{Fault, File};

/// The end of a program.
pub(super) struct Program {
    /// Behind its last section that lies in the file.
    pub(super) end: u64,
    /// Where its signature begins, if that is the last in the file.
    pub(super) signature: Option<u64>,
}

impl Program {
    /// The program in `file`, which begins with `head` and has `size` bytes.
    pub(super) fn of(file: &dyn File, head: &[u8], size: u64) -> Result<Self, Fault> {
        if !head.starts_with(b"MZ") {
            return Ok(Self { end: elf_end(head, size), signature: None });
        }
        Ok(pe(file, head, size)?.unwrap_or_else(|| Self { end: dos_end(head, size), signature: None }))
    }
}

/// PE: e_lfanew at 0x3c; behind the COFF header and the optional header lies the table of sections, 40 bytes each.
fn pe(file: &dyn File, head: &[u8], size: u64) -> Result<Option<Program>, Fault> {
    let at = u64::from(le32(head, 0x3c));
    // Both headers, up to where the certificates are said to be.
    let mut headers = [0; 24 + 152];
    let read = file.read_at(at, &mut headers)?;
    if read < 24 || !headers.starts_with(b"PE\0\0") {
        return Ok(None);
    }
    let (sections, optional) = (le16(&headers, 6), le16(&headers, 20));
    let mut table = vec![0; usize::from(sections) * 40];
    let read = file.read_at(at + 24 + u64::from(optional), &mut table)?;
    let sections = table.get(..read).unwrap_or_default().chunks_exact(40);
    let ends = sections.filter(|section| le32(section, 16) > 0).map(|section| {
        let start = u64::from(le32(section, 20));
        let end = start + u64::from(le32(section, 16));
        // One that claims more than there is may hold anything.
        if end <= size { end } else { start }
    });
    let end = ends.filter(|end| *end <= size).max().unwrap_or_default();
    // The certificates are the fifth of what the optional header points to; it is longer in programs of 64 bits.
    let entry = match le16(&headers, 24) {
        0x20b => 24 + 144,
        _ => 24 + 128,
    };
    let place = u64::from(le32(&headers, entry));
    let length = u64::from(le32(&headers, entry + 4));
    let known = usize::from(optional) + 24 >= entry + 8 && length > 0 && place >= end;
    let last = place + length <= size && size - place - length < 16;
    Ok(Some(Program { end, signature: (known && last).then_some(place) }))
}

/// A program of DOS: its size in pages of 512 bytes, and how much of the last is used.
fn dos_end(head: &[u8], size: u64) -> u64 {
    let (last, pages) = (u64::from(le16(head, 2)), u64::from(le16(head, 4)));
    let whole = pages * 512;
    let end = if (1..512).contains(&last) { whole.saturating_sub(512 - last) } else { whole };
    if end <= size { end } else { 0 }
}

/// ELF: behind the table of sections, which linkers write last, and behind what is loaded.
fn elf_end(head: &[u8], size: u64) -> u64 {
    let wide = head.get(4) == Some(&2);
    if head.get(5) != Some(&1) {
        return size;
    }
    let place = |at: usize| if wide { le64(head, at) } else { u64::from(le32(head, at)) };
    // Of each table: where it lies, the size of its entries and their number.
    let (segments, sections) = if wide { ((0x20, 0x36), (0x28, 0x3a)) } else { ((0x1c, 0x2a), (0x20, 0x2e)) };
    let table = |(start, counts): (usize, usize)| {
        (place(start), u64::from(le16(head, counts)), u64::from(le16(head, counts + 2)))
    };
    let (start, length, count) = table(sections);
    let mut end = start.saturating_add(length * count);
    let (start, length, count) = table(segments);
    for number in 0..count.min(64) {
        let Ok(at) = usize::try_from(start.saturating_add(number * length)) else { break };
        let (offset, bytes) = if wide {
            (le64(head, at.saturating_add(8)), le64(head, at.saturating_add(32)))
        } else {
            (u64::from(le32(head, at.saturating_add(4))), u64::from(le32(head, at.saturating_add(16))))
        };
        end = end.max(offset.saturating_add(bytes));
    }
    end
}
