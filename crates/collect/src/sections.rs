//! One section of a program by its name, with as few reads as the formats allow: ELF and PE here, Mach-O in [`mach`].
//! Formats: the System V ABI, Microsoft's "PE Format", Apple's `mach-o/loader.h`.

use crate::collector::Interest;
use crate::reading::{le16, le32};
use ostrakon_model::GapReason;
use ostrakon_place::{Fault, File};
use std::ops::Range;

pub(crate) mod mach;

/// Tables of real programs are far smaller; a header that says more is lying.
const LARGEST_TABLE: u64 = 16 << 20;

/// What [`programs`] reads: ELF, PE, and Mach-O in both widths and byte orders, alone or several in one file.
pub(crate) static PROGRAMS: [Interest; 8] = [
    Interest::Magic(0, b"\x7fELF"),
    Interest::Magic(0, b"MZ"),
    mach::MAGICS[0],
    mach::MAGICS[1],
    mach::MAGICS[2],
    mach::MAGICS[3],
    mach::MAGICS[4],
    mach::MAGICS[5],
];

/// What the tables of a program say. All ranges are of the whole file and may reach beyond its end.
#[derive(Debug, Default)]
pub(crate) struct Program {
    /// The section that was asked for.
    pub(crate) section: Option<Range<u64>>,
    /// How many sections it has.
    pub(crate) sections: u64,
    /// The first initialised data that the program may write to; not known for Mach-O.
    pub(crate) data: Option<Range<u64>>,
    /// The version of the linker, where the format has one: PE.
    pub(crate) linker: Option<(u8, u8)>,
    /// What is loaded, and at which address.
    pub(crate) loaded: Vec<(u64, Range<u64>)>,
}

impl Program {
    /// What lies at `address` when the program is loaded.
    pub(crate) fn at(&self, file: &dyn File, address: u64, length: u64, limit: u64) -> Result<Vec<u8>, Fault> {
        let outside = || Fault::corrupt("an address in it lies outside what is loaded");
        let inside = self.loaded.iter().find_map(|(start, range)| {
            let by = address.checked_sub(*start)?;
            let from = range.start.checked_add(by)?;
            let end = from.checked_add(length)?;
            (end <= range.end).then_some(from..end)
        });
        piece(file, inside.ok_or_else(outside)?, limit)
    }
}

/// How a program writes its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// The most significant byte first.
    pub(crate) big: bool,
    /// Addresses of 64 bits.
    pub(crate) wide: bool,
}

impl Layout {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if self.big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }

    /// A number as wide as an address, at one place in the narrow layout and at another in the wide.
    pub(crate) fn word(self, bytes: &[u8], narrow: usize, wide: usize) -> Option<u64> {
        if self.wide { self.u64(bytes, wide) } else { self.u32(bytes, narrow).map(u64::from) }
    }
}

/// The bytes of `range`: a fault of reason `limit` if there are more than `limit`, `truncated` if the file ends before.
pub(crate) fn piece(file: &dyn File, range: Range<u64>, limit: u64) -> Result<Vec<u8>, Fault> {
    let too_long = || Fault::new(GapReason::Limit, format!("a part larger than the {limit} bytes this reader takes"));
    let cut = || Fault::new(GapReason::Truncated, "a part of it lies beyond the end of the file");
    let length = range.end.checked_sub(range.start).ok_or_else(cut)?;
    if length > limit {
        return Err(too_long());
    }
    // Asked before the room is made: a lying header costs nothing.
    if range.end > file.size()? {
        return Err(cut());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| too_long())?];
    let mut at = range.start;
    let mut rest = bytes.as_mut_slice();
    while !rest.is_empty() {
        let read = file.read_at(at, rest)?;
        if read == 0 {
            return Err(cut());
        }
        at = at.saturating_add(read as u64);
        rest = rest.get_mut(read..).unwrap_or_default();
    }
    Ok(bytes)
}

/// The programs in the file that begins with `head`, each with its first section that has one of `names`; none where it is
/// no program: an object file, a core dump, a program of DOS.
pub(crate) fn programs(file: &dyn File, head: &[u8], names: &[&str]) -> Result<Vec<Program>, Fault> {
    if head.starts_with(b"\x7fELF") {
        elf(file, head, names).map(|one| one.into_iter().collect())
    } else if head.starts_with(b"MZ") {
        pe(file, head, names).map(|one| one.into_iter().collect())
    } else {
        mach::programs(file, head, names)
    }
}

/// `length` bytes from `start` on, as a range.
fn span(start: u64, length: u64) -> Result<Range<u64>, Fault> {
    let end = start.checked_add(length).ok_or_else(|| Fault::corrupt("a part of it reaches beyond any file"))?;
    Ok(start..end)
}

fn elf(file: &dyn File, head: &[u8], names: &[&str]) -> Result<Option<Program>, Fault> {
    let cut = || Fault::new(GapReason::Truncated, "its header is cut off");
    let layout = Layout { big: head.get(5) == Some(&2), wide: head.get(4) == Some(&2) };
    let short = |narrow, wide| layout.u16(head, if layout.wide { wide } else { narrow }).ok_or_else(cut);
    if matches!(short(16, 16)?, 1 | 4) {
        return Ok(None);
    }
    let mut program = Program::default();
    let start = layout.word(head, 28, 32).ok_or_else(cut)?;
    loaded(file, layout, start, short(42, 54)?, short(44, 56)?, &mut program)?;

    let start = layout.word(head, 32, 40).ok_or_else(cut)?;
    let each = short(46, 58)?;
    let (mut count, mut strings) = (u64::from(short(48, 60)?), u32::from(short(50, 62)?));
    if start == 0 {
        return Ok(Some(program));
    }
    let least = if layout.wide { 64 } else { 40 };
    if usize::from(each) < least {
        return Err(Fault::corrupt("its section headers are shorter than they can be"));
    }
    // More than 16 bits can count stand in the first header.
    if count == 0 {
        let first = piece(file, span(start, u64::from(each))?, LARGEST_TABLE)?;
        count = layout.word(&first, 20, 32).unwrap_or_default();
    }
    let table = piece(file, span(start, count.saturating_mul(u64::from(each)))?, LARGEST_TABLE)?;
    if strings == 0xffff {
        strings = layout.u32(&table, if layout.wide { 40 } else { 24 }).unwrap_or_default();
    }
    if count == 0 || strings == 0 {
        return Ok(Some(program));
    }
    let range = |entry: &[u8]| {
        let offset = layout.word(entry, 16, 24).ok_or_else(cut)?;
        span(offset, layout.word(entry, 20, 32).ok_or_else(cut)?)
    };
    let outside = || Fault::corrupt("the names of its sections lie outside their table");
    let entries = || table.chunks_exact(usize::from(each));
    let strings = usize::try_from(strings).ok().and_then(|at| entries().nth(at)).ok_or_else(outside)?;
    let strings = piece(file, range(strings)?, LARGEST_TABLE)?;
    program.sections = count;
    for entry in entries() {
        // 0 is an empty header; 8 is a section without content, as all are in separate debug files.
        if matches!(layout.u32(entry, 4), Some(0 | 8)) {
            continue;
        }
        let at = layout.u32(entry, 0).and_then(|at| usize::try_from(at).ok()).ok_or_else(outside)?;
        let name = strings.get(at..).ok_or_else(outside)?;
        let same = |wanted: &&str| name.strip_prefix(wanted.as_bytes()).is_some_and(|after| after.first() == Some(&0));
        if names.iter().any(same) {
            program.section = Some(range(entry)?);
            break;
        }
    }
    Ok(Some(program))
}

/// What the program headers of an ELF file load.
fn loaded(
    file: &dyn File,
    layout: Layout,
    start: u64,
    each: u16,
    count: u16,
    program: &mut Program,
) -> Result<(), Fault> {
    const LOAD: u32 = 1;
    const EXECUTE_WRITE: u32 = 1 | 2;
    const WRITE: u32 = 2;
    let least = if layout.wide { 56 } else { 32 };
    if usize::from(each) < least {
        return Ok(());
    }
    let table = piece(file, span(start, u64::from(each) * u64::from(count))?, LARGEST_TABLE)?;
    for entry in table.chunks_exact(usize::from(each)) {
        if layout.u32(entry, 0) != Some(LOAD) {
            continue;
        }
        let fields = (layout.word(entry, 8, 16), layout.word(entry, 4, 8), layout.word(entry, 16, 32));
        let (Some(address), Some(offset), Some(size)) = fields else { continue };
        let range = span(offset, size)?;
        let flags = layout.u32(entry, if layout.wide { 4 } else { 24 }).unwrap_or_default();
        if program.data.is_none() && size > 0 && flags & EXECUTE_WRITE == WRITE {
            program.data = Some(range.clone());
        }
        program.loaded.push((address, range));
    }
    Ok(())
}

fn pe(file: &dyn File, head: &[u8], names: &[&str]) -> Result<Option<Program>, Fault> {
    const INITIALISED: u32 = 0x40;
    const EXECUTE: u32 = 0x2000_0000;
    const WRITE: u32 = 0x8000_0000;
    // Where the second header begins, and its part up to the address the program asks for.
    let Some(start) = le32(head, 0x3c).map(u64::from) else { return Ok(None) };
    let size = file.size()?;
    if start.saturating_add(24) > size {
        return Ok(None);
    }
    let header = piece(file, start..start.saturating_add(56).min(size), 56)?;
    if !header.starts_with(b"PE\0\0") {
        return Ok(None);
    }
    let cut = || Fault::new(GapReason::Truncated, "its header is cut off");
    let (count, optional) = (le16(&header, 6).ok_or_else(cut)?, le16(&header, 20).ok_or_else(cut)?);
    let mut program = Program { sections: u64::from(count), ..Program::default() };
    program.linker = header.get(26).copied().zip(header.get(27).copied());
    let wide = le16(&header, 24) == Some(0x20b);
    let base = Layout { big: false, wide }.word(&header, 52, 48).ok_or_else(cut)?;
    let table = span(start.saturating_add(24).saturating_add(u64::from(optional)), u64::from(count) * 40)?;
    for entry in piece(file, table, LARGEST_TABLE)?.chunks_exact(40) {
        let number = |at| le32(entry, at).unwrap_or_default();
        let (inside, address, size, offset) = (number(8), number(12), u64::from(number(16)), u64::from(number(20)));
        let flags = number(36);
        if size == 0 || offset == 0 {
            continue;
        }
        let range = span(offset, size)?;
        let name = entry.get(..8).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if program.section.is_none() && names.iter().any(|wanted| wanted.as_bytes() == name) {
            // In the file a section is filled up to a round size.
            let length = if inside == 0 { size } else { size.min(u64::from(inside)) };
            program.section = Some(span(offset, length)?);
        }
        if program.data.is_none() && flags & (INITIALISED | EXECUTE | WRITE) == INITIALISED | WRITE {
            program.data = Some(range.clone());
        }
        program.loaded.push((base.saturating_add(u64::from(address)), range));
    }
    Ok(Some(program))
}

/// Bytes as a file.
#[cfg(test)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

#[cfg(test)]
impl File for Bytes<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_program_is_none() {
        for bytes in [
            &b"MZ"[..],
            b"MZ and a text that goes on for a while, which no program of any kind does at all",
            b"",
            b"#!",
        ] {
            assert!(programs(&Bytes(bytes), bytes, &[".a"]).is_ok_and(|list| list.is_empty()));
        }
    }

    #[test]
    fn a_cut_header_is_a_fault() {
        let bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0";
        assert!(programs(&Bytes(bytes), bytes, &[".a"]).is_err_and(|fault| fault.reason == GapReason::Truncated));
    }

    #[test]
    fn a_piece_lies_inside_its_file() {
        assert_eq!(piece(&Bytes(b"abcdef"), 2..4, 8).as_deref(), Ok(&b"cd"[..]));
        assert!(piece(&Bytes(b"abcdef"), 2..9, 8).is_err_and(|fault| fault.reason == GapReason::Truncated));
        assert!(piece(&Bytes(b"abcdef"), 0..u64::MAX, 8).is_err_and(|fault| fault.reason == GapReason::Limit));
    }
}
