//! The list of members, and where it is.

use super::Entry;
use crate::container::bytes::{le16, le32, le64};
use crate::tree::{Fault, File};
use memchr::memmem;
use ostrakon_model::GapReason;

/// How much of the list is read at a time.
const PIECE: usize = 64 << 10;
/// What ends an archive: its fixed part, and a comment of 65,535 bytes at most.
const END: usize = 22;
/// Before it, where the end of a larger archive is.
const LOCATOR: usize = 20;

/// Where the list of members is.
pub(super) struct List {
    pub(super) start: u64,
    end: u64,
    /// How many it has by what ends the archive.
    pub(super) members: u64,
    /// What lies before the archive: a script or program that starts it.
    pub(super) shift: u64,
    /// Why another reader may see another list.
    pub(super) doubt: Option<&'static str>,
}

impl List {
    pub(super) fn find(file: &dyn File) -> Result<Self, Fault> {
        let size = file.size()?;
        let tail = size.min((END + 0xffff + LOCATOR) as u64);
        let mut bytes = vec![0; usize::try_from(tail).unwrap_or_default()];
        let read = file.read_at(size - tail, &mut bytes)?;
        let bytes = &bytes[..read];
        let none = || Fault::new(GapReason::Truncated, "the list of its members, which ends it, is not there");
        let (place, doubt) = end(bytes).ok_or_else(none)?;
        let record = bytes.get(place..place + END).ok_or_else(none)?;
        let position = size - tail + place as u64;
        let (mut members, mut length, mut start) =
            (u64::from(le16(record, 10)), u64::from(le32(record, 12)), u64::from(le32(record, 16)));
        let mut end = position;
        // Larger archives have the true numbers in a record of their own.
        if let Some(locator) = place.checked_sub(LOCATOR).and_then(|at| bytes.get(at..place))
            && locator.starts_with(b"PK\x06\x07")
        {
            let mut large = [0; 56];
            // It may have been moved by what lies before the archive.
            for at in [le64(locator, 8), (position - LOCATOR as u64).saturating_sub(56)] {
                if file.read_at(at, &mut large)? == large.len() && large.starts_with(b"PK\x06\x06") {
                    (members, length, start) = (le64(&large, 32), le64(&large, 40), le64(&large, 48));
                    end = at;
                    break;
                }
            }
        }
        if le16(record, 4) != 0 && le16(record, 4) != 0xffff {
            return Err(Fault::new(GapReason::UnsupportedFormat, "one part of an archive of several files"));
        }
        let true_start = end.checked_sub(length).ok_or_else(|| Fault::corrupt("its list is longer than the file"))?;
        let shift = true_start.checked_sub(start).ok_or_else(|| Fault::corrupt("its list lies outside the file"))?;
        Ok(Self { start: true_start, end, members, shift, doubt })
    }

    /// Its entries, from the first on.
    pub(super) fn entries<'a>(&self, file: &'a dyn File) -> Entries<'a> {
        Entries { file, at: self.start, end: self.end, piece: vec![0; PIECE], known: 0, used: 0 }
    }
}

/// The place of the record that ends an archive, and what is doubtful about it: a comment may hold another one, and some
/// readers take the first, some the last.
fn end(bytes: &[u8]) -> Option<(usize, Option<&'static str>)> {
    const MARK: &[u8] = b"PK\x05\x06";
    // Zeros fill up blocks.
    let last = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let is_end = |place: &usize| {
        let end = place + END + usize::from(le16(bytes, place + 20));
        end >= last && end <= bytes.len()
    };
    let mut ends = memmem::rfind_iter(bytes, MARK).filter(is_end);
    match (ends.next(), ends.next()) {
        (Some(place), None) => Some((place, None)),
        (Some(place), Some(_)) => Some((place, Some("it has two ends"))),
        (None, _) => Some((memmem::rfind(bytes, MARK)?, Some("something else lies behind its end"))),
    }
}

/// The entries of a list, read piece by piece.
pub(super) struct Entries<'a> {
    file: &'a dyn File,
    /// Where the next piece is, and where the list ends.
    at: u64,
    end: u64,
    piece: Vec<u8>,
    /// How much of `piece` was read, and how much of that was given.
    known: usize,
    used: usize,
}

impl Entries<'_> {
    /// The next entry, whole; nothing at the end of the list, or before something that is none.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        loop {
            let known = self.unused();
            if known.is_empty() && self.at == self.end {
                return Ok(None);
            }
            let length = Entry::length(known);
            if let Some(length) = length.filter(|length| known.len() >= *length) {
                let start = self.used;
                self.used += length;
                return Ok(self.piece.get(start..start + length));
            }
            if known.len() >= 4 && !known.starts_with(b"PK\x01\x02") {
                return Ok(None);
            }
            self.fill(length.unwrap_or_default())?;
        }
    }

    fn unused(&self) -> &[u8] {
        self.piece.get(self.used..self.known).unwrap_or_default()
    }

    /// Reads on, to make room for `length` bytes: an entry has a fixed part, and three texts of 65,535 bytes.
    fn fill(&mut self, length: usize) -> Result<(), Fault> {
        self.piece.copy_within(self.used..self.known, 0);
        (self.known, self.used) = (self.known - self.used, 0);
        if self.piece.len() < length {
            self.piece.resize(length, 0);
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let room = self.piece.get_mut(self.known..).unwrap_or_default();
        let wanted = room.len().min(left);
        let read = if wanted == 0 { 0 } else { self.file.read_at(self.at, &mut room[..wanted])? };
        if read == 0 {
            return Err(Fault::new(GapReason::Truncated, "its list of members breaks off"));
        }
        self.at += read as u64;
        self.known += read;
        Ok(())
    }

    /// Was it all, where `count` were given and the end of the archive says that there are `said`?
    pub(super) fn end(&self, count: u64, said: u64) -> Result<(), Fault> {
        let rest = self.unused();
        // The list may be signed.
        if !rest.is_empty() && !rest.starts_with(b"PK\x05\x05") {
            return Err(Fault::corrupt("its list of members breaks off"));
        }
        if count < said {
            return Err(Fault::new(GapReason::Truncated, format!("its list has {count} of {said} members")));
        }
        // Older programs count in 16 bits.
        if !(count - said).is_multiple_of(1 << 16) {
            return Err(Fault::corrupt(format!("its end counts {said} of {count} members")));
        }
        Ok(())
    }
}
