//! Debian package files: an `ar` archive of `debian-binary`, `control.tar.*` and `data.tar.*` (deb(5)). Static libraries
//! have the same form and are not opened: they hold object files, which nothing loads.

use super::part::Part;
use super::purse::Purse;
use super::{Each, Member, rooted};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

const HEADER: usize = 60;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let size = file.size()?;
    let mut at = 8;
    let mut whole = false;
    while at < size {
        let mut header = [0; HEADER];
        let read = file.read_at(at, &mut header)?;
        if read < HEADER {
            // Some tools pad the end by one byte.
            let rest = &header[..read];
            if rest.iter().all(|byte| matches!(byte, b'\n' | 0)) {
                break;
            }
            return Err(cut_off());
        }
        if &header[58..] != b"`\n" {
            return Err(Fault::corrupt("a member's header does not end as it must"));
        }
        let number = std::str::from_utf8(&header[48..58]).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
        let length = number.ok_or_else(|| Fault::corrupt("a member's size is no number"))?;
        let name = header[..16].trim_ascii_end();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let start = at + HEADER as u64;
        let end = start.checked_add(length).ok_or_else(|| Fault::corrupt("a member's size is beyond any file"))?;
        if end > size {
            return Err(cut_off());
        }
        purse.member()?;
        let path = rooted(name);
        let member = Member { path: &path, kind: EntryKind::File, packed: false };
        // What the package calls itself lies before its files, and is read by others first.
        let files = name.starts_with(b"data.tar");
        let part = if files { Part::of(file, start, length) } else { Part::pinned(file, start, length) };
        if each(&member, &part) == ControlFlow::Break(()) {
            return Ok(());
        }
        whole |= files;
        at = end + (length & 1);
    }
    // They are the last member: between two, nothing else tells that it was cut.
    if whole { Ok(()) } else { Err(Fault::new(GapReason::Truncated, "it ends before the files of the package")) }
}

fn cut_off() -> Fault {
    Fault::new(GapReason::Truncated, "it ends in the middle of a member")
}
