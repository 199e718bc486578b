//! Programs with an archive behind their last section: installers of Windows, AppImages. Zip archives are
//! opened as they are, others as one member, `/[overlay]`; a program without one has no members.

use super::part::Part;
use super::purse::Purse;
use super::sniff::{Format, sniff};
use super::{Each, Member};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;

/// How far behind the last section an archive may begin: makers put text and tables before it.
const FURTHEST: usize = 1 << 20;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let size = file.size()?;
    let Some(end) = end_of_program(file)?.filter(|end| *end < size) else { return Ok(()) };
    let Some((start, format)) = find(file, end, size)? else { return Ok(()) };
    // Zip archives are read from their end, and allow for what lies before them.
    if format == Format::Zip {
        return super::zip::members(file, purse, each);
    }
    purse.member()?;
    let member = Member { path: b"/[overlay]", kind: EntryKind::File, packed: false };
    let _ = each(&member, &Part::of(file, start, size - start));
    Ok(())
}

/// The first archive from `end` on.
fn find(file: &dyn File, end: u64, size: u64) -> Result<Option<(u64, Format)>, Fault> {
    let room = usize::try_from(size - end).unwrap_or(usize::MAX).min(FURTHEST);
    let mut bytes = vec![0; room];
    let read = file.read_at(end, &mut bytes)?;
    let bytes = &bytes[..read];
    const MARKS: [&[u8]; 6] =
        [b"7z\xbc\xaf\x27\x1c", b"PK\x03\x04", b"MSCF\0\0\0\0", b"hsqs", b"Rar!\x1a\x07", b"\xfd7zXZ\0"];
    let places = MARKS.iter().filter_map(|mark| memchr::memmem::find(bytes, mark));
    let Some(place) = places.min() else { return Ok(None) };
    match sniff(b"", &bytes[place..]) {
        Some(Ok(format)) => Ok(Some((end + place as u64, format))),
        Some(Err(kind)) => Err(Fault::new(GapReason::UnsupportedFormat, format!("a {} lies behind it", kind.0))),
        None => Ok(None),
    }
}

/// Where the program itself ends: behind its last section, by its headers.
fn end_of_program(file: &dyn File) -> Result<Option<u64>, Fault> {
    let mut head = [0; 4096];
    let read = file.read_at(0, &mut head)?;
    let head = &head[..read];
    if head.starts_with(b"MZ") { pe_end(file, head) } else { Ok(elf_end(head)) }
}

/// PE: e_lfanew at 0x3c; behind the COFF header and the optional header lies the table of sections, 40 bytes each.
fn pe_end(file: &dyn File, head: &[u8]) -> Result<Option<u64>, Fault> {
    let Some(at) = le32(head, 0x3c) else { return Ok(None) };
    let mut coff = [0; 24];
    if file.read_at(u64::from(at), &mut coff)? < coff.len() || !coff.starts_with(b"PE\0\0") {
        return Ok(None);
    }
    let (sections, optional) = (u16::from_le_bytes([coff[6], coff[7]]), u16::from_le_bytes([coff[20], coff[21]]));
    let mut table = vec![0; usize::from(sections) * 40];
    let read = file.read_at(u64::from(at) + 24 + u64::from(optional), &mut table)?;
    let ends = table[..read].chunks_exact(40).filter_map(|section| {
        let (size, start) = (le32(section, 16)?, le32(section, 20)?);
        (size > 0).then(|| u64::from(start) + u64::from(size))
    });
    Ok(ends.max())
}

/// ELF: the table of sections is what linkers write last.
fn elf_end(head: &[u8]) -> Option<u64> {
    let wide = *head.get(4)? == 2;
    let little = *head.get(5)? == 1;
    if !little {
        return None;
    }
    let half = |at: usize| Some(u64::from(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?])));
    let (start, size, count) = if wide {
        let low = u64::from(le32(head, 0x28)?);
        (low | u64::from(le32(head, 0x2c)?) << 32, half(0x3a)?, half(0x3c)?)
    } else {
        (u64::from(le32(head, 0x20)?), half(0x2e)?, half(0x30)?)
    };
    start.checked_add(size * count)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
