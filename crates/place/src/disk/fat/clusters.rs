//! A volume of clusters, and the table that says which follows which: FAT and exFAT differ only in how wide its numbers
//! are.

use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::rc::Rc;

/// The table and the folders are read in pieces of this size.
pub(in crate::disk) const PIECE: u64 = 32 << 10;
/// How many of them are kept: 2 MiB.
const CACHED: usize = 64;
/// The number of the first cluster.
const FIRST: u32 = 2;

/// A volume of clusters.
pub(in crate::disk) struct Clusters<'a> {
    file: &'a dyn File,
    layout: Layout,
    /// What was read last of the table and the folders, with its position; the latest is first.
    pieces: RefCell<Vec<(u64, Rc<[u8]>)>>,
}

/// Where the clusters of a volume and their table lie, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) struct Layout {
    /// Where the table begins.
    pub(in crate::disk) table: u64,
    /// How wide its numbers are.
    pub(in crate::disk) width: Width,
    /// Where the first cluster begins.
    pub(in crate::disk) heap: u64,
    /// The size of a cluster, which is not 0.
    pub(in crate::disk) cluster: u64,
    /// How many clusters there are.
    pub(in crate::disk) count: u32,
}

/// How many bits a number of the table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) enum Width {
    /// FAT12.
    Bits12,
    /// FAT16.
    Bits16,
    /// FAT32, which leaves four of 32 unused.
    Bits28,
    /// exFAT.
    Bits32,
}

impl Width {
    /// How many bits a number takes up.
    fn stored(self) -> u64 {
        match self {
            Self::Bits12 => 12,
            Self::Bits16 => 16,
            Self::Bits28 | Self::Bits32 => 32,
        }
    }

    /// The highest number, with all bits set.
    fn highest(self) -> u32 {
        match self {
            Self::Bits12 => 0xfff,
            Self::Bits16 => 0xffff,
            Self::Bits28 => 0x0fff_ffff,
            Self::Bits32 => u32::MAX,
        }
    }

    /// How many clusters it can count, but for those numbers that say something else.
    pub(in crate::disk) fn most(self) -> u32 {
        self.highest() - 10
    }
}

impl<'a> Clusters<'a> {
    /// The clusters of `file`.
    pub(in crate::disk) fn of(file: &'a dyn File, layout: Layout) -> Self {
        Self { file, layout, pieces: RefCell::default() }
    }

    /// The size of a cluster.
    pub(in crate::disk) fn cluster(&self) -> u64 {
        self.layout.cluster
    }

    /// Can it be read at any place at the cost of the place alone?
    pub(in crate::disk) fn is_random(&self) -> bool {
        self.file.is_random()
    }

    /// How much all clusters hold.
    pub(in crate::disk) fn capacity(&self) -> u64 {
        self.layout.cluster.saturating_mul(self.layout.count.into())
    }

    /// Where a cluster lies, and how much there is from there to the end of the last.
    pub(in crate::disk) fn place(&self, cluster: u32) -> Result<(u64, u64), Fault> {
        let index = cluster.checked_sub(FIRST).filter(|index| *index < self.layout.count);
        let before = index.map(|index| self.layout.cluster.saturating_mul(index.into()));
        let before = before.ok_or_else(|| Fault::corrupt(format!("there is no cluster {cluster}")))?;
        Ok((self.layout.heap.saturating_add(before), self.capacity().saturating_sub(before)))
    }

    /// Which cluster follows this one, if any.
    pub(in crate::disk) fn following(&self, cluster: u32) -> Result<Option<u32>, Fault> {
        self.place(cluster)?;
        let Layout { table, width, count, .. } = self.layout;
        let at = u64::from(cluster).saturating_mul(width.stored()) / 8;
        let size = u64::from(count).saturating_add(FIRST.into()).saturating_mul(width.stored()).div_ceil(8);
        // No number lies in two pieces: a table of FAT12 is smaller than one.
        let start = at - at % PIECE;
        let piece = self.piece(table.saturating_add(start), size.saturating_sub(start).min(PIECE))?;
        let number = match (width, usize::try_from(at - start).ok().and_then(|at| piece.get(at..)).unwrap_or_default())
        {
            (Width::Bits12, &[low, high, ..]) if cluster.is_multiple_of(2) => {
                u16::from_le_bytes([low, high & 0xf]).into()
            }
            (Width::Bits12, &[low, high, ..]) => (u16::from_le_bytes([low, high]) >> 4).into(),
            (Width::Bits16, &[low, high, ..]) => u16::from_le_bytes([low, high]).into(),
            (Width::Bits28 | Width::Bits32, &[first, second, third, fourth, ..]) => {
                u32::from_le_bytes([first, second, third, fourth]) & width.highest()
            }
            _ => return Err(Fault::corrupt("a number lies outside the table of clusters")),
        };
        match number {
            0 => Err(Fault::corrupt(format!("cluster {cluster} belongs to nothing"))),
            last if last >= width.highest() - 7 => Ok(None),
            bad if bad == width.highest() - 8 => Err(Fault::corrupt(format!("cluster {cluster} is marked as bad"))),
            following => Ok(Some(following)),
        }
    }

    /// Fills `buffer` from `position` on the volume.
    pub(in crate::disk) fn read(&self, position: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        if self.file.read_at(position, buffer)? < buffer.len() {
            return Err(Fault::new(GapReason::Truncated, "the volume ends before it says it does"));
        }
        Ok(())
    }

    /// `length` bytes from `position` on, no more than a piece has. They are kept for a while.
    pub(in crate::disk) fn piece(&self, position: u64, length: u64) -> Result<Rc<[u8]>, Fault> {
        let length = usize::try_from(length.min(PIECE)).unwrap_or_default();
        if let Some(piece) = self.cached(|start, piece| start == position && piece.len() == length) {
            return Ok(piece.1);
        }
        let mut bytes = vec![0; length];
        self.read(position, &mut bytes)?;
        let piece: Rc<[u8]> = bytes.into();
        let mut pieces = self.pieces.borrow_mut();
        pieces.truncate(CACHED - 1);
        pieces.insert(0, (position, piece.clone()));
        Ok(piece)
    }

    /// The record at `position`, which mostly was read with its folder.
    pub(in crate::disk) fn record(&self, position: u64) -> Result<[u8; 32], Fault> {
        let within = |start: u64, piece: &[u8]| {
            let at = usize::try_from(position.checked_sub(start)?).ok()?;
            piece.get(at..)?.first_chunk().copied()
        };
        if let Some((start, piece)) = self.cached(|start, piece| within(start, piece).is_some())
            && let Some(record) = within(start, &piece)
        {
            return Ok(record);
        }
        let mut record = [0; 32];
        self.read(position, &mut record)?;
        Ok(record)
    }

    /// The kept piece that `is_it` is true of, which becomes the latest.
    fn cached(&self, is_it: impl Fn(u64, &[u8]) -> bool) -> Option<(u64, Rc<[u8]>)> {
        let mut pieces = self.pieces.borrow_mut();
        let at = pieces.iter().position(|(start, piece)| is_it(*start, piece))?;
        pieces.get_mut(..=at)?.rotate_right(1);
        pieces.first().cloned()
    }
}
