//! The log of a VHDX. What is in it counts, and was not written to its places yet: this shows the file as if it were.
//!
//! The log is a ring of entries. Those that count are the run with the highest numbers whose last entry says that the run
//! begins with its first. Each writes some pages of 4 KiB, or zeros.

use super::{is_whole, little};
use crate::disk::cluster::{field, fill};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::ops::Range;

/// The largest log that is read, and the most places that it changes. Windows makes logs of 1 MiB.
const LARGEST: u64 = 16 << 20;
const CHANGES: usize = 1 << 14;
/// Entries are of whole sectors, and their data too.
const SECTOR: usize = 4096;
const DESCRIPTOR: usize = 32;
const HEADER: usize = 64;

/// The file as it is once what its log holds is written.
pub(super) fn replay<'a>(file: Box<dyn File + 'a>, header: &[u8]) -> Result<Box<dyn File + 'a>, Fault> {
    let id = field(header, 48, 16);
    if id.iter().all(|byte| *byte == 0) {
        return Ok(file);
    }
    if little(header, 64, 2) != 0 {
        return Err(Fault::new(GapReason::UnsupportedFormat, "a VHDX with a log of a version that is not known"));
    }
    let (length, start) = (little(header, 68, 4), little(header, 72, 8));
    if length > LARGEST {
        return Err(Fault::new(GapReason::Limit, "a VHDX with a log of more than 16 MiB that must be replayed"));
    }
    let mut ring = vec![0; usize::try_from(length).unwrap_or_default() / SECTOR * SECTOR];
    fill(&*file, start, &mut ring, "its log")?;
    let Some(run) = active(&ring, id) else {
        return Err(Fault::corrupt("the log of the VHDX must be replayed, and holds nothing that is whole"));
    };
    let (flushed, size) = run.last().map(|last| (last.flushed, last.size)).unwrap_or_default();
    let there = file.size()?;
    if there < flushed {
        return Err(Fault::new(GapReason::Truncated, "the VHDX is shorter than its log says"));
    }
    let mut changes = Vec::new();
    for entry in &run {
        changes_of(&entry.bytes(&ring), entry.sequence, &mut changes)?;
    }
    Ok(Box::new(Replayed { file, size: there.max(size), changes }))
}

/// An entry that is whole.
struct Entry {
    /// Its place in the ring, and how long it is.
    at: usize,
    length: usize,
    sequence: u64,
    /// Where the run begins.
    tail: usize,
    /// How long the file was when it was written, and must be.
    flushed: u64,
    size: u64,
}

impl Entry {
    /// The entry at `at` of the ring, if there is one.
    fn read(ring: &[u8], at: usize, id: &[u8]) -> Option<Self> {
        let header = field(ring, at, HEADER);
        let number = |at, width| usize::try_from(little(header, at, width)).ok();
        if !header.starts_with(b"loge") || field(header, 32, 16) != id {
            return None;
        }
        let (length, tail) = (number(8, 4)?, number(12, 4)?);
        if length == 0 || length % SECTOR != 0 || length > ring.len() {
            return None;
        }
        let [sequence, flushed, size] = [16, 48, 56].map(|at| little(header, at, 8));
        let entry = Self { at, length, sequence, tail, flushed, size };
        (sequence > 0 && is_whole(&mut entry.bytes(ring), b"loge")).then_some(entry)
    }

    /// Its bytes; it may go on at the beginning of the ring.
    fn bytes(&self, ring: &[u8]) -> Vec<u8> {
        let (before, from) = ring.split_at_checked(self.at).unwrap_or_default();
        from.iter().chain(before).take(self.length).copied().collect()
    }
}

/// The run of entries that counts.
fn active(ring: &[u8], id: &[u8]) -> Option<Vec<Entry>> {
    let mut best: Option<Vec<Entry>> = None;
    let mut at = 0;
    while at < ring.len() {
        let mut run: Vec<Entry> = Vec::new();
        // How far it is from the place where the search began.
        let mut passed = 0;
        while passed < ring.len()
            && let Some(entry) = Entry::read(ring, (at + passed) % ring.len(), id)
            && run.last().is_none_or(|last| last.sequence.checked_add(1) == Some(entry.sequence))
        {
            passed += entry.length;
            run.push(entry);
        }
        if passed > ring.len() {
            run.pop();
        }
        // What lies before the place that the last entry names is older, and was written.
        let tail = run.last().and_then(|last| run.iter().position(|entry| entry.at == last.tail));
        let highest = |run: &Vec<Entry>| run.last().map(|last| last.sequence);
        if let Some(tail) = tail
            && best.as_ref().is_none_or(|best| highest(&run) > highest(best))
        {
            best = Some(run.split_off(tail));
        }
        at += passed.max(SECTOR);
    }
    best
}

/// A place that the log changes: what is written there, or zeros.
struct Change {
    place: Range<u64>,
    data: Option<Box<[u8]>>,
}

/// Adds the changes of an entry.
fn changes_of(entry: &[u8], sequence: u64, changes: &mut Vec<Change>) -> Result<(), Fault> {
    let wrong = || Fault::corrupt("an entry in the log of the VHDX is broken");
    let count = usize::try_from(little(entry, 24, 4)).map_err(|_| wrong())?;
    let end = count.checked_mul(DESCRIPTOR).and_then(|length| length.checked_add(HEADER)).ok_or_else(wrong)?;
    let descriptors = entry.get(HEADER..end).ok_or_else(wrong)?;
    let mut sectors = entry.get(end.next_multiple_of(SECTOR)..).unwrap_or_default().chunks_exact(SECTOR);
    for descriptor in descriptors.chunks_exact(DESCRIPTOR) {
        let place = little(descriptor, 16, 8);
        let (data, length) = match field(descriptor, 0, 4) {
            _ if little(descriptor, 24, 8) != sequence => return Err(wrong()),
            b"zero" => (None, little(descriptor, 8, 8)),
            b"desc" => {
                let sector = sectors.next().filter(|sector| sector.starts_with(b"data")).ok_or_else(wrong)?;
                if little(sector, 4, 4) << 32 | little(sector, SECTOR - 4, 4) != sequence {
                    return Err(wrong());
                }
                // The ends of the page stand in the descriptor.
                let parts = [field(descriptor, 8, 8), field(sector, 8, SECTOR - 12), field(descriptor, 4, 4)];
                (Some(parts.concat().into()), SECTOR as u64)
            }
            _ => return Err(wrong()),
        };
        let end = place.checked_add(length).ok_or_else(wrong)?;
        if changes.len() >= CHANGES {
            return Err(Fault::new(GapReason::Limit, "the log of the VHDX changes too many places"));
        }
        changes.push(Change { place: place..end, data });
    }
    Ok(())
}

/// The file, changed. Later changes count.
struct Replayed<'a> {
    file: Box<dyn File + 'a>,
    size: u64,
    changes: Vec<Change>,
}

impl File for Replayed<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        let read = self.file.read_at(offset, buffer)?;
        // The file grows to the size that the log says.
        buffer.get_mut(read..).unwrap_or_default().fill(0);
        let end = offset.saturating_add(wanted as u64);
        for Change { place, data } in &self.changes {
            let (from, to) = (place.start.max(offset), place.end.min(end));
            if from >= to {
                continue;
            }
            let index = |at: u64, start: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
            let target = buffer.get_mut(index(from, offset)..index(to, offset)).unwrap_or_default();
            match data {
                None => target.fill(0),
                Some(data) => {
                    let data = data.get(index(from, place.start)..).unwrap_or_default();
                    target.iter_mut().zip(data).for_each(|(target, data)| *target = *data);
                }
            }
        }
        Ok(wanted)
    }

    fn is_random(&self) -> bool {
        self.file.is_random()
    }
}
