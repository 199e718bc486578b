//! What the images of disks have in common: the guest's disk is made of pieces that lie somewhere else, in tables that say
//! where, and pieces that were unpacked are kept for a while.

#[cfg(test)]
pub(in crate::disk) mod tests;

use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

/// How much of unpacked pieces an image keeps.
pub(in crate::disk) const UNPACKED: usize = 8 << 20;
/// How much of its tables an image keeps.
const TABLES: usize = 1 << 20;
/// Tables are read in pages of this size.
const PAGE: usize = 8 << 10;

/// The pieces that were used last, by what they are found again with. Nothing is lent out of it, so that making a piece
/// may ask for others.
pub(in crate::disk) struct Pieces<K = u64> {
    kept: RefCell<HashMap<K, Kept>>,
    size: Cell<usize>,
    most: usize,
    clock: Cell<u64>,
}

/// When a piece was used last, and what it holds.
type Kept = (u64, Rc<[u8]>);

impl<K: Hash + Eq + Copy> Pieces<K> {
    /// Keeps no more than `most` bytes, but the last piece always.
    pub(in crate::disk) fn new(most: usize) -> Self {
        Self { kept: RefCell::default(), size: Cell::default(), most, clock: Cell::default() }
    }

    /// The piece of this key, which `make` makes if it is not kept.
    pub(in crate::disk) fn get(
        &self,
        key: K,
        make: impl FnOnce() -> Result<Box<[u8]>, Fault>,
    ) -> Result<Rc<[u8]>, Fault> {
        let now = self.clock.get().wrapping_add(1);
        self.clock.set(now);
        if let Some((used, piece)) = self.kept.borrow_mut().get_mut(&key) {
            *used = now;
            return Ok(Rc::clone(piece));
        }
        let piece: Rc<[u8]> = make()?.into();
        let mut kept = self.kept.borrow_mut();
        while !kept.is_empty() && self.size.get().saturating_add(weight(&piece)) > self.most {
            let oldest = kept.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            let gone = oldest.and_then(|oldest| kept.remove(&oldest)).map_or(0, |(_, piece)| weight(&piece));
            self.size.set(self.size.get().saturating_sub(gone));
        }
        let replaced = kept.insert(key, (now, Rc::clone(&piece))).map_or(0, |(_, piece)| weight(&piece));
        self.size.set(self.size.get().saturating_sub(replaced).saturating_add(weight(&piece)));
        Ok(piece)
    }
}

/// What a piece costs: an empty one too.
fn weight(piece: &[u8]) -> usize {
    piece.len().saturating_add(64)
}

/// Reads tables of the files of an image in pages, and keeps those that were used last.
pub(in crate::disk) struct Pages(Pieces<(usize, u64)>);

impl Default for Pages {
    fn default() -> Self {
        Self(Pieces::new(TABLES))
    }
}

impl Pages {
    /// Fills `out` from `at` on. `number` is that of the file among those of the image.
    ///
    /// # Errors
    /// `Truncated` where the file ends before.
    pub(in crate::disk) fn fill(&self, number: usize, file: &dyn File, at: u64, out: &mut [u8]) -> Result<(), Fault> {
        let mut at = at;
        let mut out = out;
        while !out.is_empty() {
            let index = at / PAGE as u64;
            let page = self.0.get((number, index), || {
                let mut page = vec![0; PAGE];
                let read = file.read_at(index * PAGE as u64, &mut page)?;
                page.truncate(read);
                Ok(page.into())
            })?;
            let within = usize::try_from(at % PAGE as u64).unwrap_or_default();
            let there = page.get(within..).filter(|there| !there.is_empty()).ok_or_else(short_table)?;
            let count = there.len().min(out.len());
            let (now, later) = out.split_at_mut_checked(count).ok_or_else(short_table)?;
            copy(there, now);
            out = later;
            at = at.checked_add(count as u64).ok_or_else(short_table)?;
        }
        Ok(())
    }

    /// The `N` bytes at `at`.
    pub(in crate::disk) fn array<const N: usize>(
        &self,
        number: usize,
        file: &dyn File,
        at: Option<u64>,
    ) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(number, file, at.ok_or_else(short_table)?, &mut bytes)?;
        Ok(bytes)
    }
}

/// What a stretch of the guest's disk is made of.
pub(in crate::disk) enum Source<'a> {
    /// Nothing was ever written there.
    Zeros,
    /// It lies in a file as it is, from here on.
    Stored(&'a dyn File, u64),
    /// It was unpacked, and lies in the piece from here on.
    Unpacked(Rc<[u8]>, usize),
}

/// A stretch of the guest's disk.
pub(in crate::disk) struct Run<'a> {
    pub(in crate::disk) source: Source<'a>,
    /// How long it is, in bytes.
    pub(in crate::disk) length: u64,
}

impl<'a> Run<'a> {
    /// Zeros.
    pub(in crate::disk) fn zeros(length: u64) -> Self {
        Self { source: Source::Zeros, length }
    }

    /// What lies in a file from `at` on; what is no position is where no file reaches.
    pub(in crate::disk) fn stored(file: &'a dyn File, at: Option<u64>, length: u64) -> Self {
        Self { source: Source::Stored(file, at.unwrap_or(u64::MAX)), length }
    }

    /// What was unpacked, from here on in the piece.
    pub(in crate::disk) fn unpacked(piece: Rc<[u8]>, from: u64, length: u64) -> Self {
        Self { source: Source::Unpacked(piece, usize::try_from(from).unwrap_or(usize::MAX)), length }
    }

    /// What the disk below shows there, if there is one; zeros else, and behind its end.
    pub(in crate::disk) fn below(parent: Option<&'a dyn File>, at: u64, length: u64) -> Result<Self, Fault> {
        let left = parent.map_or(Ok(0), File::size)?.saturating_sub(at);
        Ok(match parent {
            Some(parent) if left > 0 => Self::stored(parent, Some(at), length.min(left)),
            _ => Self::zeros(length),
        })
    }
}

/// Reads from a guest's disk of `size` bytes. `run` says what lies at a position, and how far it is so. Stretches that
/// follow each other in a file are read at once.
pub(in crate::disk) fn read<'a>(
    size: u64,
    offset: u64,
    buffer: &mut [u8],
    run: impl Fn(u64) -> Result<Run<'a>, Fault>,
) -> Result<usize, Fault> {
    let wanted = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
    let mut left = buffer.get_mut(..wanted).unwrap_or_default();
    let mut at = offset;
    // What was found to lie in a file, and is not read yet: the first bytes of what is left.
    let mut waiting: Option<(&dyn File, u64, usize)> = None;
    loop {
        let known = waiting.map_or(0, |(_, _, length)| length);
        if known == left.len() {
            flush(waiting, left)?;
            return Ok(wanted);
        }
        let Run { source, length } = run(at)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(left.len() - known);
        if length == 0 {
            return Err(Fault::corrupt("a stretch of the disk is empty"));
        }
        at = at.saturating_add(length as u64);
        if let (Source::Stored(file, place), Some((before, start, count))) = (&source, waiting)
            && std::ptr::addr_eq(*file, before)
            && start.checked_add(count as u64) == Some(*place)
        {
            waiting = Some((before, start, count + length));
            continue;
        }
        left = flush(waiting.take(), left)?;
        if let Source::Stored(file, place) = source {
            waiting = Some((file, place, length));
            continue;
        }
        let (now, later) = left.split_at_mut_checked(length).ok_or_else(short_piece)?;
        match source {
            Source::Unpacked(piece, from) => {
                let from = from..from.saturating_add(length);
                copy(piece.get(from).ok_or_else(|| Fault::corrupt("a piece of the disk is shorter than it is"))?, now);
            }
            _ => now.fill(0),
        }
        left = later;
    }
}

/// Reads what waits into the beginning of `left`, and gives the rest of it.
fn flush<'b>(waiting: Option<(&dyn File, u64, usize)>, left: &'b mut [u8]) -> Result<&'b mut [u8], Fault> {
    let Some((file, place, length)) = waiting else { return Ok(left) };
    let (now, later) = left.split_at_mut_checked(length).ok_or_else(short_piece)?;
    if file.read_at(place, now)? < length {
        return Err(short_piece());
    }
    Ok(later)
}

fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Fills `out` from `at` on.
///
/// # Errors
/// `Truncated` where the file ends before; `what` is what was read.
pub(in crate::disk) fn fill(file: &dyn File, at: u64, out: &mut [u8], what: &str) -> Result<(), Fault> {
    if file.read_at(at, out)? < out.len() {
        return Err(Fault::new(GapReason::Truncated, format!("the image ends before {what} does")));
    }
    Ok(())
}

fn short_piece() -> Fault {
    Fault::new(GapReason::Truncated, "a piece of the disk lies behind the end of its file")
}

fn short_table() -> Fault {
    Fault::new(GapReason::Truncated, "a table of the disk lies behind the end of its file")
}

/// The number of `width` bytes at `at`, the lowest byte first. What lies beyond the end counts as 0.
pub(in crate::disk) fn little(bytes: &[u8], at: usize, width: usize) -> u64 {
    field(bytes, at, width).iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The same, the highest byte first.
pub(in crate::disk) fn big(bytes: &[u8], at: usize, width: usize) -> u64 {
    field(bytes, at, width).iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The `width` bytes at `at`; none where they do not all lie inside.
pub(in crate::disk) fn field(bytes: &[u8], at: usize, width: usize) -> &[u8] {
    at.checked_add(width).and_then(|end| bytes.get(at..end)).unwrap_or_default()
}

/// Text in UTF-16, as UTF-8. What is no text becomes a sign that stands in no name.
pub(in crate::disk) fn utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.first_chunk().copied()).map(read);
    char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
}

/// Is the bit `first` of `bitmap` set, and how many bits from there on are the same? `mask` gives the place of a bit in its
/// byte; what lies beyond the end counts as none.
pub(in crate::disk) fn alike(bitmap: &[u8], first: usize, mask: fn(usize) -> u8) -> (bool, u64) {
    let bit = |at: usize| bitmap.get(at / 8).map(|byte| byte & mask(at % 8) != 0);
    let set = bit(first) == Some(true);
    (set, (first..bitmap.len().saturating_mul(8)).take_while(|at| bit(*at) == Some(set)).count() as u64)
}
