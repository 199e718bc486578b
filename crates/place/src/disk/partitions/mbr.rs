//! The MBR: four entries in the first sector. Some are extended partitions, in which a chain of sectors like it lists logical
//! partitions. One of type EE protects a GPT.

use super::{Draft, Purpose};
use crate::disk::volume_kind::{field, read_up_to};
use crate::tree::Fault;
use ostrakon_model::GapReason;

/// The size of a sector. Disks with larger ones and an MBR are not known from others by anything in it.
const SECTOR: u64 = 512;
/// Most logical partitions of a disk, and sectors of a chain.
const MOST_LOGICAL: usize = 256;

const PROTECTIVE: u8 = 0xee;

/// One entry.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    status: u8,
    kind: u8,
    /// In sectors.
    pub(super) start: u32,
    size: u32,
}

impl Entry {
    /// The entry with this index in a sector.
    fn of(sector: &[u8], index: usize) -> Self {
        let [status, _, _, _, kind, ..]: [u8; 8] = field(sector, 446 + 16 * index);
        let [start, size] = [454, 458].map(|at| u32::from_le_bytes(field(sector, at + 16 * index)));
        Self { status, kind, start, size }
    }

    /// Where it begins, in bytes, if its sectors are counted from the start of the disk.
    pub(super) fn start_byte(self) -> u64 {
        u64::from(self.start) * SECTOR
    }

    fn byte_size(self) -> u64 {
        u64::from(self.size) * SECTOR
    }

    pub(super) fn is_used(self) -> bool {
        self.size > 0
    }

    fn is_extended(self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }

    fn purpose(self) -> Purpose {
        match self.kind {
            0x42 => Purpose::Dynamic,
            0x82 => Purpose::NoFiles,
            _ => Purpose::Files,
        }
    }
}

/// Does a partition begin where the disk does? None that is cut off a disk for itself can.
pub(super) fn has_first_sector(entries: &[Entry; 4]) -> bool {
    entries.iter().any(|entry| entry.is_used() && entry.start == 0)
}

/// All entries of a sector that ends like an MBR.
fn all(sector: &[u8]) -> Option<[Entry; 4]> {
    (field(sector, 510) == [0x55, 0xaa]).then(|| [0, 1, 2, 3].map(|index| Entry::of(sector, index)))
}

/// Does the first sector say that a GPT describes the disk?
pub(super) fn is_protective(head: &[u8]) -> bool {
    all(head).is_some_and(|entries| entries.iter().any(|entry| entry.kind == PROTECTIVE && entry.start == 1))
}

/// The entries of the first sector, if they are what entries can be and one is used. None: it is something else that ends
/// like an MBR, as a kernel of Linux does.
pub(super) fn entries(head: &[u8]) -> Option<[Entry; 4]> {
    let entries = all(head)?;
    let is_kernel = head.starts_with(b"MZ") || field(head, 514) == *b"HdrS";
    let is_possible = |entry: &Entry| matches!(entry.status, 0 | 0x80) && (entry.is_used() || entry.start == 0);
    let is_table = entries.iter().all(is_possible) && entries.iter().any(|entry| entry.is_used());
    (is_table && !is_kernel).then_some(entries)
}

impl Draft<'_> {
    /// Adds the partitions of an MBR, then those in extended partitions.
    pub(super) fn mbr(&mut self, entries: &[Entry; 4]) {
        let mut extended = Vec::new();
        for (number, entry) in (1..).zip(entries) {
            if entry.is_used() && entry.is_extended() {
                extended.push(*entry);
            } else if entry.is_used() {
                self.add(number, entry.start_byte(), entry.byte_size(), entry.purpose(), String::new());
            }
        }
        let mut next = 5;
        for entry in extended {
            if let Err(fault) = self.chain(entry, &mut next) {
                let words = format!("logical partitions from number {next} on are not known: {}", fault.detail);
                self.table.doubts.push(Fault::new(fault.reason, words));
            }
        }
    }

    /// Adds the logical partitions of an extended one, from the number `next` on.
    fn chain(&mut self, extended: Entry, next: &mut u32) -> Result<(), Fault> {
        let mut seen = Vec::new();
        let mut place = extended.start_byte();
        loop {
            if seen.contains(&place) {
                return Err(Fault::corrupt("their chain is a circle"));
            }
            if seen.len() >= MOST_LOGICAL || self.table.partitions.len() >= MOST_LOGICAL {
                return Err(Fault::new(GapReason::Limit, format!("there are more than {MOST_LOGICAL}")));
            }
            seen.push(place);
            if place >= self.size {
                return Err(Fault::new(GapReason::Truncated, "their chain leads beyond the end of the disk"));
            }
            let sector = read_up_to(self.disk, place, 512)?;
            let entries = all(&sector).ok_or_else(|| Fault::corrupt("a sector of their chain is none"))?;
            for (index, entry) in
                entries.iter().enumerate().filter(|(_, entry)| entry.is_used() && !entry.is_extended())
            {
                let start = place.saturating_add(entry.start_byte());
                // The last two are used by few, and hold what was there before in others.
                let end = start.saturating_add(entry.byte_size());
                let is_inside = start >= extended.start_byte() && end <= extended.start_byte() + extended.byte_size();
                if index < 2 || is_inside {
                    self.add(*next, start, entry.byte_size(), entry.purpose(), String::new());
                    *next += 1;
                }
            }
            match entries.iter().find(|entry| entry.is_used() && entry.is_extended()) {
                Some(link) => place = extended.start_byte() + link.start_byte(),
                None => return Ok(()),
            }
        }
    }

    /// Doubts what a GPT does not say and the MBR before it does: another system goes by that.
    pub(super) fn hybrid(&mut self, head: &[u8]) {
        let entries = all(head).into_iter().flatten();
        for entry in entries.filter(|entry| entry.is_used() && entry.start > 0 && entry.kind != PROTECTIVE) {
            let start = entry.start_byte();
            let is_known = |part: &super::Partition| (part.start..part.start + part.size).contains(&start);
            if !self.table.partitions.iter().any(is_known) {
                let words = format!("the MBR has a partition at byte {start} that the GPT has not");
                self.table.doubts.push(Fault::corrupt(words));
            }
        }
    }
}
