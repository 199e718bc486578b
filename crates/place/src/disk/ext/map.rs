//! Where the blocks of a file are: a tree of extents, or blocks with the numbers of others.
//!
//! Both are read leaf by leaf: the extents of one node, or the numbers in one block, become runs. What is between runs is
//! a hole, and so is what was allocated and never written.

use super::inode::Inode;
use super::number::{crc, le, le32};
use super::volume::{Block, Volume, outside};
use crate::tree::Fault;
use std::cell::RefCell;
use std::ops::Range;

/// The deepest tree of extents that the kernel reads.
const DEEPEST: u64 = 5;
/// The size of its headers and entries.
const ENTRY: usize = 12;
/// An extent longer than this was allocated and not written; it is this much shorter.
const WRITTEN: u64 = 1 << 15;
/// No file has more blocks.
const MOST: u64 = 1 << 32;
/// How many numbers of blocks an inode itself has.
const DIRECT: u64 = 12;

pub(super) struct Map<'v> {
    pub(super) volume: &'v Volume<'v>,
    pub(super) inode: Inode,
    /// The leaf that was read last.
    leaf: RefCell<Leaf>,
}

/// Blocks of a file that lie side by side, or are not there.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) place: Option<u64>,
    pub(super) count: u64,
}

/// What is known of some part of a file.
struct Leaf {
    blocks: Range<u64>,
    /// Where blocks are, in the order of the file: the first one, how many, and the place of the first.
    runs: Vec<(u64, u64, u64)>,
}

impl Leaf {
    fn hole(blocks: Range<u64>) -> Self {
        Self { blocks, runs: Vec::new() }
    }

    fn push(&mut self, first: u64, count: u64, place: u64) {
        match self.runs.last_mut() {
            Some(last) if last.0 + last.1 == first && last.2 + last.1 == place => last.1 += count,
            _ => self.runs.push((first, count, place)),
        }
    }

    fn run(&self, block: u64) -> Option<Run> {
        if !self.blocks.contains(&block) {
            return None;
        }
        let next = self.runs.partition_point(|(first, ..)| *first <= block);
        let last = next.checked_sub(1).and_then(|last| self.runs.get(last));
        if let Some((first, count, place)) = last
            && block < first + count
        {
            return Some(Run { place: Some(place + (block - first)), count: first + count - block });
        }
        let end = self.runs.get(next).map_or(self.blocks.end, |(first, ..)| *first);
        Some(Run { place: None, count: end - block })
    }
}

impl<'v> Map<'v> {
    pub(super) fn of(volume: &'v Volume<'_>, inode: Inode) -> Self {
        Self { volume, inode, leaf: RefCell::new(Leaf::hole(0..0)) }
    }

    /// How many blocks a file with such a map can have.
    pub(super) fn most(&self) -> u64 {
        let each = self.numbers();
        if self.inode.has_extents() { MOST } else { MOST.min(DIRECT + each + each * each + each * each * each) }
    }

    /// The run that begins with a block of the file.
    pub(super) fn run(&self, block: u64) -> Result<Run, Fault> {
        let mut leaf = self.leaf.borrow_mut();
        if let Some(run) = leaf.run(block) {
            return Ok(run);
        }
        *leaf = if self.inode.has_extents() { self.extents(block)? } else { self.indirect(block)? };
        leaf.run(block).ok_or_else(|| Fault::corrupt("it is larger than its map can be"))
    }

    /// How many numbers of blocks are in a block.
    fn numbers(&self) -> u64 {
        self.volume.shape.block_size as u64 / 4
    }

    fn extents(&self, block: u64) -> Result<Leaf, Fault> {
        let wrong = || Fault::corrupt("its tree of extents contradicts itself");
        let mut depth = le(self.inode.map(), 6, 2);
        if depth > DEEPEST {
            return Err(wrong());
        }
        let mut node: Option<Block> = None;
        let mut blocks = 0..MOST;
        loop {
            let bytes = node.as_ref().map_or(self.inode.map(), Block::bytes);
            let entries = self.entries(bytes, depth, node.is_some())?;
            if depth == 0 {
                return self.leaf(entries, blocks);
            }
            let mut before = None;
            let mut child = None;
            for entry in entries.chunks_exact(ENTRY) {
                let first = u64::from(le32(entry, 0));
                if !blocks.contains(&first) || before.is_some_and(|before| before >= first) {
                    return Err(wrong());
                }
                before = Some(first);
                if first > block {
                    blocks.end = first;
                    break;
                }
                child = Some((first, u64::from(le32(entry, 4)) | le(entry, 8, 2) << 32));
            }
            let Some((first, place)) = child else {
                return Ok(Leaf::hole(blocks));
            };
            if !self.volume.holds(place, 1) {
                return Err(outside());
            }
            blocks.start = first;
            node = Some(self.volume.block(place)?);
            depth -= 1;
        }
    }

    /// The entries of a node of the tree, which is a block or in the inode.
    fn entries<'b>(&self, node: &'b [u8], depth: u64, is_block: bool) -> Result<&'b [u8], Fault> {
        let wrong = || Fault::corrupt("a node of its tree of extents is none");
        let (count, most) = (le(node, 2, 2), le(node, 4, 2));
        let most_bytes = usize::try_from(most).map_err(|_| wrong())? * ENTRY;
        let room = node.len().saturating_sub(ENTRY);
        if le(node, 0, 2) != 0xf30a
            || le(node, 6, 2) != depth
            || count > most
            || (count == 0 && is_block)
            || most_bytes > room
        {
            return Err(wrong());
        }
        if let Some(seed) = self.inode.seed
            && is_block
        {
            // It lies behind the last entry there is room for.
            let end = ENTRY + most_bytes;
            let sum = node.get(end..).and_then(|rest| rest.first_chunk()).map(|sum| u32::from_le_bytes(*sum));
            if sum != Some(crc(seed, node.get(..end).unwrap_or_default())) {
                return Err(Fault::corrupt("a node of its tree of extents does not match its checksum"));
            }
        }
        let bytes = usize::try_from(count).map_err(|_| wrong())? * ENTRY;
        node.get(ENTRY..).and_then(|node| node.get(..bytes)).ok_or_else(wrong)
    }

    fn leaf(&self, entries: &[u8], blocks: Range<u64>) -> Result<Leaf, Fault> {
        let mut end = blocks.start;
        let mut leaf = Leaf::hole(blocks);
        for entry in entries.chunks_exact(ENTRY) {
            let (first, length) = (u64::from(le32(entry, 0)), le(entry, 4, 2));
            let place = u64::from(le32(entry, 8)) | le(entry, 6, 2) << 32;
            let is_written = length <= WRITTEN;
            let length = if is_written { length } else { length - WRITTEN };
            if length == 0 || first < end || first + length > leaf.blocks.end {
                return Err(Fault::corrupt("its extents overlap"));
            }
            end = first + length;
            if !self.volume.holds(place, length) {
                return Err(outside());
            }
            if is_written {
                leaf.push(first, length, place);
            }
        }
        Ok(leaf)
    }

    fn indirect(&self, block: u64) -> Result<Leaf, Fault> {
        let map = self.inode.map();
        if block < DIRECT {
            return self.pointed(map.get(..48).unwrap_or_default(), 0);
        }
        // The first number behind those is of a block with numbers, the next of one with numbers of such blocks, and so on.
        let each = self.numbers();
        let (mut first, mut span, mut slot) = (DIRECT, each, 48);
        while block >= first + span {
            first += span;
            span *= each;
            slot += 4;
            if slot >= map.len() {
                return Err(Fault::corrupt("it is larger than its map can be"));
            }
        }
        let mut place = u64::from(le32(map, slot));
        loop {
            if place == 0 {
                return Ok(Leaf::hole(first..first + span));
            }
            if !self.volume.holds(place, 1) {
                return Err(outside());
            }
            let node = self.volume.block(place)?;
            if span == each {
                return self.pointed(node.bytes(), first);
            }
            span /= each;
            let index = (block - first) / span;
            first += index * span;
            place = usize::try_from(index * 4).map_or(0, |at| u64::from(le32(node.bytes(), at)));
        }
    }

    /// The blocks whose numbers are in `bytes`.
    fn pointed(&self, bytes: &[u8], first: u64) -> Result<Leaf, Fault> {
        let (numbers, _) = bytes.as_chunks();
        let mut leaf = Leaf::hole(first..first + numbers.len() as u64);
        for (block, number) in (first..).zip(numbers) {
            let place = u64::from(u32::from_le_bytes(*number));
            if place != 0 {
                if !self.volume.holds(place, 1) {
                    return Err(outside());
                }
                leaf.push(block, 1, place);
            }
        }
        Ok(leaf)
    }
}
