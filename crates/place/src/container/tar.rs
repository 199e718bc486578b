//! Tar archives: ustar, GNU, PAX and what came before, by the crate `tar`.

use super::lazy::Lazy;
use super::part::Part;
use super::purse::Purse;
use super::stream::{self, Stream};
use super::{Each, Member, rooted};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::cell::Cell;
use std::io::{Error, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

/// Real names, and what PAX says of a file, are far shorter.
const LONGEST_HEADERS: u64 = 2 << 20;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let gate = Gate { allowed: Cell::new(LONGEST_HEADERS) };
    if file.is_random() {
        let mut archive = tar::Archive::new(Gated { inner: Stream::of(file), gate: &gate });
        let entries = archive.entries_with_seek().map_err(stream::fault)?;
        pass(entries, Some(file), purse, &gate, each)
    } else {
        let mut archive = tar::Archive::new(Gated { inner: Stream::forward(file), gate: &gate });
        let entries = archive.entries().map_err(stream::fault)?;
        pass(entries, None, purse, &gate, each)
    }
}

fn pass<'a, R: Read + 'a>(
    mut entries: tar::Entries<'a, R>,
    file: Option<&dyn File>,
    purse: &'a Purse,
    gate: &Gate,
    each: &mut Each<'_>,
) -> Result<(), Fault> {
    loop {
        let Some(entry) = entries.next() else { return Ok(()) };
        let entry = entry.map_err(stream::fault)?;
        purse.member()?;
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink | tar::EntryType::Link => EntryKind::Link,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => EntryKind::File,
            // An unknown type is a file, says POSIX; what is none is empty.
            tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => EntryKind::Other,
            tar::EntryType::XGlobalHeader => continue,
            _ => EntryKind::File,
        };
        let path = rooted(&entry.path_bytes());
        let size = entry.size();
        let member = Member { path: &path, kind, packed: false };
        let (start, sparse) = (entry.raw_file_position(), entry.header().entry_type() == tar::EntryType::GNUSparse);
        // What is left of the file, its padding, and the headers of the next.
        gate.allowed.set(size.saturating_add(1024 + LONGEST_HEADERS));
        let flow = match file {
            Some(file) if !sparse => each(&member, &Part::of(file, start, size)),
            _ => each(&member, &Lazy::of(Some(size), purse, || Ok(Box::new(entry)))),
        };
        if flow == ControlFlow::Break(()) {
            return Ok(());
        }
    }
}

/// How much may still be read before the next member shows: a name of a gigabyte would fill the memory.
struct Gate {
    allowed: Cell<u64>,
}

struct Gated<'g, R> {
    inner: R,
    gate: &'g Gate,
}

impl<R: Read> Read for Gated<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.gate.allowed.get().checked_sub(read as u64) {
            Some(left) => self.gate.allowed.set(left),
            None => {
                let fault = Fault::new(GapReason::Limit, "a header longer than any real one");
                return Err(Error::other(stream::Carried(fault)));
            }
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Gated<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
