//! The blocks of a file system and where its inodes are. What was read last is kept in a small cache.

use super::journal::Journal;
use super::number::{crc, crc_around, le, le32};
use super::shape::Shape;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

/// Tables and folders are read and kept in pieces of this size, or of a block where that is larger.
const PIECE: usize = 16 << 10;
/// How much of them is kept.
const CACHED: usize = 1 << 20;

/// An open file system.
pub(super) struct Volume<'a> {
    file: &'a dyn File,
    pub(super) shape: Shape,
    /// What is to be read in place of what is in the blocks.
    journal: Journal,
    /// The pieces that were read last, the last one in front.
    cache: RefCell<Vec<(u64, Rc<[u8]>)>>,
}

/// A block that was read.
pub(super) struct Block {
    piece: Rc<[u8]>,
    range: Range<usize>,
}

impl Block {
    pub(super) fn bytes(&self) -> &[u8] {
        self.piece.get(self.range.clone()).unwrap_or_default()
    }
}

impl<'a> Volume<'a> {
    pub(super) fn of(file: &'a dyn File, shape: Shape, journal: Journal) -> Self {
        Self { file, shape, journal, cache: RefCell::default() }
    }

    /// Reads from byte `at` on, as if the journal had been replayed.
    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        self.read_below(at, buffer)?;
        self.journal.lay_over(self, at, buffer)
    }

    /// Reads from byte `at` on what is on the volume itself.
    pub(super) fn read_below(&self, at: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        if fill(self.file, at, buffer)? < buffer.len() { Err(cut()) } else { Ok(()) }
    }

    /// A block of a table or folder.
    pub(super) fn block(&self, number: u64) -> Result<Block, Fault> {
        let size = self.shape.block_size;
        let piece = PIECE.max(size);
        let at = number.checked_mul(size as u64).ok_or_else(outside)?;
        let within = usize::try_from(at % piece as u64).map_err(|_| outside())?;
        let start = at - within as u64;
        let range = within..within.saturating_add(size);
        let mut cache = self.cache.borrow_mut();
        if let Some(index) = cache.iter().position(|(place, _)| *place == start) {
            if let Some(front) = cache.get_mut(..=index) {
                front.rotate_right(1);
            }
        } else {
            let mut bytes = vec![0; piece];
            let read = fill(self.file, start, &mut bytes)?;
            // The volume may end within a piece, but not within a block.
            bytes.truncate(read - read % size);
            self.journal.lay_over(self, start, &mut bytes)?;
            cache.truncate(CACHED / piece - 1);
            cache.insert(0, (start, bytes.into()));
        }
        match cache.first() {
            Some((_, piece)) if range.end <= piece.len() => Ok(Block { piece: Rc::clone(piece), range }),
            _ => Err(cut()),
        }
    }

    /// How many blocks of it the image holds.
    pub(super) fn present(&self) -> Result<u64, Fault> {
        Ok(self.shape.blocks.min(self.file.size()?.div_ceil(self.shape.block_size as u64)))
    }

    /// Do these blocks lie where content can?
    pub(super) fn holds(&self, block: u64, count: u64) -> bool {
        block > self.shape.first_block && block.checked_add(count).is_some_and(|end| end <= self.shape.blocks)
    }

    /// The bytes of an inode.
    pub(super) fn inode(&self, number: u64) -> Result<Vec<u8>, Fault> {
        let shape = &self.shape;
        let index = number
            .checked_sub(1)
            .filter(|_| number <= shape.inodes)
            .ok_or_else(|| Fault::corrupt(format!("it names inode {number}, which is none")))?;
        let table = self.table(index / shape.inodes_per_group)?;
        let at = (index % shape.inodes_per_group) * shape.inode_size as u64;
        let size = shape.block_size as u64;
        let block = self.block(table.checked_add(at / size).ok_or_else(outside)?)?;
        let within = usize::try_from(at % size).map_err(|_| outside())?;
        let bytes = block.bytes().get(within..).and_then(|bytes| bytes.get(..shape.inode_size));
        Ok(bytes.ok_or_else(outside)?.to_vec())
    }

    /// The block at which the table of inodes of a group begins.
    fn table(&self, group: u64) -> Result<u64, Fault> {
        let shape = &self.shape;
        let (block, within) = shape.descriptor(group).ok_or_else(outside)?;
        let block = self.block(block)?;
        let bytes = block.bytes().get(within..).and_then(|bytes| bytes.get(..shape.descriptor_size));
        let bytes = bytes.ok_or_else(outside)?;
        if let Some(seed) = shape.seed {
            let group = u32::try_from(group).map_err(|_| outside())?;
            let sum = crc_around(crc(seed, &group.to_le_bytes()), bytes, 0x1e, 2);
            if u64::from(sum & 0xffff) != le(bytes, 0x1e, 2) {
                return Err(Fault::corrupt(format!("the descriptor of group {group} does not match its checksum")));
            }
        }
        let high = if bytes.len() >= 64 { u64::from(le32(bytes, 0x28)) } else { 0 };
        let table = high << 32 | u64::from(le32(bytes, 8));
        let length = (shape.inodes_per_group * shape.inode_size as u64).div_ceil(shape.block_size as u64);
        if self.holds(table, length) { Ok(table) } else { Err(outside()) }
    }
}

/// Reads as much as there is from `at` on.
pub(super) fn fill(file: &dyn File, at: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(at.checked_add(filled as u64).ok_or_else(outside)?, rest)? {
            0 => break,
            read => filled = filled.saturating_add(read),
        }
    }
    Ok(filled.min(buffer.len()))
}

pub(super) fn outside() -> Fault {
    Fault::corrupt("it leads outside the file system")
}

pub(super) fn cut() -> Fault {
    Fault::new(GapReason::Truncated, "the image ends before the file system does")
}
