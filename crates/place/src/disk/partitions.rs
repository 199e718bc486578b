//! Partition tables: GPT (UEFI specification, chapter 5) and the MBR of PCs with its chains of logical partitions (as Linux
//! reads and numbers them, `block/partitions/` of the kernel). Own code: `gptman` and `mbrman` bring serde, bincode and
//! bitvec, and allocate what the table says.
//!
//! What of a table is damaged or contradicts the disk is a doubt that goes with the rest of the table; where nothing of it
//! can be trusted, the fault is all there is.

mod crc;
mod gpt;
mod mbr;
#[cfg(test)]
mod tests;

use super::volume_kind::{VolumeKind, boot_sector, read_up_to, what, what_within};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

pub(in crate::disk) use crc::crc32;

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::disk) struct Partition {
    /// Its number, as Linux counts.
    pub number: u32,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Its size in bytes, as far as the disk goes.
    pub size: u64,
    /// What the table says it is for.
    pub kind: Kind,
    /// Its name; empty in an MBR.
    pub name: String,
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) enum Kind {
    /// It may hold files.
    Ordinary,
    /// It holds none, by its type (swap space, boot code, reserved space) and nothing in it speaks against that.
    Empty,
}

/// A partition table.
#[derive(Debug, Default)]
pub(in crate::disk) struct Table {
    /// In the order of their numbers; extended partitions, which only hold others, are not among them.
    pub partitions: Vec<Partition>,
    /// What of the table is damaged, or leads outside the disk.
    pub doubts: Vec<Fault>,
}

/// What the type of a partition says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Files,
    NoFiles,
    /// A part of a dynamic disk of Windows, which has volumes of its own.
    Dynamic,
}

/// How much of a disk tells a first sector from others.
const HEAD: usize = 1 << 10;

/// The table of a disk. None: it has none.
pub(in crate::disk) fn partitions(disk: &dyn File) -> Result<Option<Table>, Fault> {
    let size = disk.size()?;
    let head = read_up_to(disk, 0, HEAD)?;
    if boot_sector(&head).is_some() {
        return Ok(None);
    }
    let mut draft = Draft { disk, size, table: Table::default() };
    // A disk can be unreadable at places that its table does not need.
    let kind = what(disk).unwrap_or_else(|fault| {
        draft.table.doubts.push(fault);
        VolumeKind::Unknown
    });
    if kind == VolumeKind::MdRaid {
        let words =
            "the disk looks like a member of a Linux software RAID, whose partitions it does not have by itself";
        draft.table.doubts.push(Fault::new(GapReason::UnsupportedFormat, words));
    }
    if mbr::is_protective(&head) {
        draft.gpt(gpt::read(disk, size)?);
        draft.hybrid(&head);
        return Ok(Some(draft.end()));
    }
    if let Some(entries) = mbr::entries(&head) {
        // Images of discs that also start from a stick have a partition that begins where they do.
        let is_known = !mbr::has_first_sector(&entries) || kind == VolumeKind::Iso;
        if is_known && entries.iter().any(|entry| entry.is_used() && entry.start_byte() < size) {
            draft.mbr(&entries);
            return Ok(Some(draft.end()));
        }
    }
    // The first sector is gone, yet the table may be there. On a volume that was made later it counts no more.
    if matches!(kind, VolumeKind::Zeros | VolumeKind::Unknown)
        && let Ok(found) = gpt::read(disk, size)
    {
        draft.gpt(found);
        draft.table.doubts.push(Fault::corrupt("a partition table (GPT) without its protective MBR"));
        return Ok(Some(draft.end()));
    }
    Ok(None)
}

/// Could this be a partitioned disk, by its first 4 KiB? It is asked of every file, so few others may look like one.
pub(in crate::disk) fn looks_like(head: &[u8]) -> bool {
    let is_gpt = head.get(512..).is_some_and(|sector| sector.starts_with(b"EFI PART\0\0\x01\0"));
    let is_mbr = || mbr::entries(head).is_some_and(|entries| !mbr::has_first_sector(&entries));
    boot_sector(head).is_none() && (is_gpt || is_mbr())
}

/// A table that is being made.
struct Draft<'a> {
    disk: &'a dyn File,
    size: u64,
    table: Table,
}

impl Draft<'_> {
    /// Adds a partition, as far as it is inside the disk.
    fn add(&mut self, number: u32, start: u64, size: u64, purpose: Purpose, name: String) {
        let left = self.size.saturating_sub(start);
        if left < size {
            let how = if left == 0 { "lies" } else { "ends" };
            let words = format!("partition {number} {how} beyond the end of the disk");
            self.table.doubts.push(Fault::new(GapReason::Truncated, words));
        }
        let size = size.min(left);
        if size == 0 {
            return;
        }
        if purpose == Purpose::Dynamic {
            let words = format!("partition {number} is of a dynamic disk of Windows (LDM), whose volumes are not read");
            self.table.doubts.push(Fault::new(GapReason::UnsupportedFormat, words));
        }
        // A partition can be used otherwise than its type says.
        let is_empty = || {
            what_within(self.disk, start, size)
                .is_ok_and(|kind| matches!(kind, VolumeKind::Swap | VolumeKind::Zeros | VolumeKind::Unknown))
        };
        let kind = if purpose == Purpose::NoFiles && is_empty() { Kind::Empty } else { Kind::Ordinary };
        self.table.partitions.push(Partition { number, start, size, kind, name });
    }

    /// Ends the table.
    fn end(mut self) -> Table {
        let mut ranges: Vec<_> =
            self.table.partitions.iter().map(|part| (part.start, part.size, part.number)).collect();
        ranges.sort_unstable();
        let mut widest = (0, 0);
        for (start, size, number) in ranges {
            if start < widest.0 {
                let words = format!("partitions {} and {number} overlap", widest.1);
                self.table.doubts.push(Fault::corrupt(words));
            }
            widest = widest.max((start.saturating_add(size), number));
        }
        self.table
    }
}
