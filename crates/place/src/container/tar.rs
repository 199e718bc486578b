//! Tar archives: ustar, GNU, PAX and what came before, by the crate `tar`, and several in a row. Files with holes as PAX
//! writes them are named and not read.

use super::damage::Broken;
use super::lazy::Lazy;
use super::part::Part;
use super::purse::Purse;
use super::sniff::{Format, sniff};
use super::{Each, Member, rooted, stream, zeros};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result as IoResult, Seek, SeekFrom};
use std::ops::ControlFlow;

/// Real names, and what PAX says of a file, are far shorter.
const LONGEST_HEADERS: u64 = 2 << 20;
const BLOCK: u64 = 512;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let mut start = 0;
    loop {
        let gate = Gate { allowed: Cell::new(LONGEST_HEADERS), at: Cell::new(0), ended: Cell::new(false) };
        let mut archive = tar::Archive::new(Gated { file, start, gate: &gate });
        // Over what nobody reads it goes without reading, in streams too: those keep nothing of it.
        let entries = archive.entries_with_seek().map_err(stream::fault)?;
        if pass(entries, file, start, purse, &gate, each)?.is_break() {
            return Ok(());
        }
        // What ends with a member may have been cut there; zeros say that it was not.
        if gate.ended.get() {
            let detail = "it ends in the middle of a member, or without the zeros that end it";
            return Err(Fault::new(GapReason::Truncated, detail));
        }
        let Some(next) = zeros::end(file, start.saturating_add(gate.at.get()), purse)? else { return Ok(()) };
        // Blocks are counted from where the archive begins.
        start = next - (next - start) % BLOCK;
        let mut head = [0; BLOCK as usize];
        let read = file.read_at(start, &mut head)?;
        if sniff(b"next.tar", &head[..read]) != Some(Ok(Format::Tar)) {
            return Err(Fault::corrupt("something else follows its end"));
        }
    }
}

/// Goes over the archive that begins at `start`.
fn pass<'a, R: Read + 'a>(
    mut entries: tar::Entries<'a, R>,
    file: &dyn File,
    start: u64,
    purse: &'a Purse,
    gate: &Gate,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, Fault> {
    loop {
        let Some(entry) = entries.next() else { return Ok(ControlFlow::Continue(())) };
        let mut entry = entry.map_err(stream::fault)?;
        purse.member()?;
        let sort = entry.header().entry_type();
        let kind = match sort {
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink | tar::EntryType::Link => EntryKind::Link,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => EntryKind::File,
            // An unknown type is a file, says POSIX; what is none is empty.
            tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => EntryKind::Other,
            tar::EntryType::XGlobalHeader => continue,
            _ => EntryKind::File,
        };
        let sparse = sort == tar::EntryType::GNUSparse;
        let size = entry.size();
        // The headers of the next, and what is read of this one through the archive.
        gate.allowed.set(LONGEST_HEADERS + BLOCK + if sparse { size.min(u64::MAX / 2) } else { 0 });
        let holes = if sort == tar::EntryType::XHeader { None } else { holes(&mut entry)? };
        let path = holes.as_deref().map_or_else(|| rooted(&entry.path_bytes()), rooted);
        let member = Member { path: &path, kind, packed: false };
        let flow = if holes.is_some() {
            let detail = "a file with holes as PAX writes them";
            each(&member, &Broken(Fault::new(GapReason::UnsupportedFormat, detail)))
        } else if sparse {
            each(&member, &Lazy::of(Some(size), purse, || Ok(Box::new(entry))))
        } else {
            let place = start.saturating_add(entry.raw_file_position());
            each(&member, &Part::of(file, place, size))
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
}

/// The true name of a file whose content begins with a map of its holes: PAX headers say so in `GNU.sparse.*`.
fn holes<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Option<Vec<u8>>, Fault> {
    let Some(extensions) = entry.pax_extensions().map_err(stream::fault)? else { return Ok(None) };
    let (mut found, mut name) = (false, None);
    for extension in extensions.flatten() {
        if extension.key_bytes().starts_with(b"GNU.sparse.") {
            found = true;
        }
        if extension.key_bytes() == b"GNU.sparse.name" {
            name = Some(extension.value_bytes().to_vec());
        }
    }
    Ok(if found { Some(name.unwrap_or_else(|| entry.path_bytes().into_owned())) } else { None })
}

/// How much may still be read before the next member shows: a name of a gigabyte would fill the memory.
struct Gate {
    allowed: Cell<u64>,
    /// Where in the archive the next byte is read.
    at: Cell<u64>,
    /// Did the last read meet the end of the file?
    ended: Cell<bool>,
}

/// The archive that begins at `start`, as the crate reads it: once, and from its start to its end.
struct Gated<'g> {
    file: &'g dyn File,
    start: u64,
    gate: &'g Gate,
}

impl Gated<'_> {
    /// Goes on at `at`; nothing before that is read again.
    fn to(&self, at: u64) {
        self.gate.at.set(at);
        self.file.forget(self.start.saturating_add(at));
    }
}

impl Read for Gated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let at = self.gate.at.get();
        let carried = |fault| Error::other(stream::Carried(fault));
        let read = self.file.read_at(self.start.saturating_add(at), buffer).map_err(carried)?;
        let Some(left) = self.gate.allowed.get().checked_sub(read as u64) else {
            return Err(carried(Fault::new(GapReason::Limit, "a header longer than any real one")));
        };
        self.gate.allowed.set(left);
        self.gate.ended.set(read == 0 && !buffer.is_empty());
        self.to(at.saturating_add(read as u64));
        Ok(read)
    }
}

impl Seek for Gated<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.gate.at.get().checked_add_signed(by),
            // Nobody asks, and in a stream it would cost all of it.
            SeekFrom::End(_) => None,
        };
        let at = at.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a position outside the file"))?;
        self.to(at);
        Ok(at)
    }
}
