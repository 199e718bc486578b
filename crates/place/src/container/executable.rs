//! Programs with an archive behind their last section: installers of Windows, AppImages. Zip archives are opened as they
//! are, others as one member, `/[overlay]`, and cabinets behind the first as `/[overlay-2]` and so on. A program without
//! one has no members; one by a maker of installers whose archives are not known says so.
//!
//! Not looked for: archives in the resources of a program, and in its sections.

mod behind;
mod program;

use super::bytes::le32;
use super::part::Part;
use super::purse::Purse;
use super::sniff::Format;
use super::{Each, Member};
use crate::tree::{EntryKind, Fault, File};
use behind::Found;
use ostrakon_model::GapReason;
use program::Program;

/// Installers have a handful of cabinets.
const MOST_CABINETS: u32 = 256;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let size = file.size()?;
    let mut head = [0; 4096];
    let read = file.read_at(0, &mut head)?;
    let head = &head[..read];
    let image = head.starts_with(b"\x7fELF") && head.get(8..10) == Some(b"AI");
    if image && head.get(10) == Some(&1) {
        // The program lies in the part of the image that ISO 9660 leaves free.
        return super::iso::members(file, purse, each);
    }
    let program = Program::of(file, head, size)?;
    let signature = program.signature.unwrap_or(size);
    let Some(Found { start, format }) = behind::find(file, program.end, size)? else {
        if image {
            let detail = "an AppImage whose image is of no kind that is known";
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        return behind::marks(file, program.end, signature);
    };
    // Zip archives are read from their end, and allow for what lies before them; a signature may lie behind.
    if format == Format::Zip {
        let end = if start < signature { signature } else { size };
        return super::zip::members(&Part::of(file, 0, end), purse, each);
    }
    let mut start = start;
    for number in 1..=MOST_CABINETS {
        // What comes first is given first, whatever is wrong with what follows.
        let next = if format == Format::Cab { following(file, start, size) } else { Ok(None) };
        let end = next.as_ref().ok().copied().flatten().map_or(size, |next| next.0);
        let path = if number == 1 { "/[overlay]".to_owned() } else { format!("/[overlay-{number}]") };
        purse.member()?;
        let member = Member { path: path.as_bytes(), kind: EntryKind::File, packed: false };
        if each(&member, &Part::of(file, start, end - start)).is_break() {
            return Ok(());
        }
        match next? {
            Some((_, place)) => start = place,
            None => return Ok(()),
        }
    }
    Err(Fault::new(GapReason::Limit, format!("more than {MOST_CABINETS} cabinets lie behind it")))
}

/// Where the cabinet at `start` ends, and where behind that another one begins: installers of WiX have one for themselves,
/// and one for what they install.
fn following(file: &dyn File, start: u64, size: u64) -> Result<Option<(u64, u64)>, Fault> {
    let mut head = [0; 12];
    file.read_at(start, &mut head)?;
    let end = start.saturating_add(u64::from(le32(&head, 8)));
    if end <= start || end >= size {
        return Ok(None);
    }
    let next = behind::find(file, end, size)?.filter(|next| next.format == Format::Cab);
    Ok(next.map(|next| (end, next.start)))
}
