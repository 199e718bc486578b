//! Where the data of an inode lies: a list of extents, or a tree whose leaves are such lists.

use super::inode::{EXTENT, Form, Inode};
use super::volume::{Seal, Volume, number, usize_of};
use crate::tree::Fault;
use std::cell::RefCell;
use std::ops::Range;

/// The seal of a block of the tree.
const SEAL: Seal = Seal { sum: 64, place: 24, uuid: 40, owner: 56 };
/// The highest tree there can be.
const HIGHEST: u64 = 16;

/// Where the data of one inode lies.
pub(super) struct Map<'v> {
    pub(super) volume: &'v Volume<'v>,
    owner: u64,
    /// The root of its tree; without one, the list below is all.
    root: Option<Vec<u8>>,
    list: RefCell<List>,
}

/// Some extents, which are all there are of the blocks in `range`.
#[derive(Default)]
struct List {
    range: Range<u64>,
    extents: Vec<Extent>,
}

/// Blocks of data that lie together.
struct Extent {
    /// Which blocks of the data they are.
    range: Range<u64>,
    position: u64,
    written: bool,
}

/// What is from a block of the data on.
pub(super) struct Run {
    pub(super) place: Place,
    /// For how many blocks.
    pub(super) blocks: u64,
}

/// Where a block of data lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At this byte of the volume.
    At(u64),
    /// Nowhere: it is zeros.
    Hole,
    /// It has a place, but was never written: it is zeros.
    Unwritten,
}

impl<'v> Map<'v> {
    pub(super) fn of(volume: &'v Volume<'v>, inode: &Inode) -> Result<Self, Fault> {
        let mut map = Self { volume, owner: inode.number, root: None, list: RefCell::default() };
        if inode.form == Some(Form::Tree) {
            map.root = Some(inode.fork.clone());
            return Ok(map);
        }
        let extents = extents(volume, &inode.fork, usize_of(inode.extents)?, &(0..u64::MAX))?;
        let blocks = extents.iter().fold(0, |sum, extent| extent.blocks().saturating_add(sum));
        if blocks > inode.blocks || inode.only_data && blocks < inode.blocks {
            return Err(Fault::corrupt("its extents are not as many blocks as it has"));
        }
        map.list = RefCell::new(List { range: 0..u64::MAX, extents });
        Ok(map)
    }

    /// What is from that block on.
    pub(super) fn run(&self, block: u64) -> Result<Run, Fault> {
        let mut list = self.list.borrow_mut();
        if let Some(root) = self.root.as_ref().filter(|_| !list.range.contains(&block)) {
            // Forgotten first: a fault must not leave a list that is not of its range.
            *list = List::default();
            *list = self.descend(root, block)?;
        }
        let next = list.extents.partition_point(|extent| extent.range.end <= block);
        Ok(match list.extents.get(next) {
            Some(extent) if extent.range.start <= block => {
                let before = (block - extent.range.start) << self.volume.block_log;
                let place = if extent.written { Place::At(extent.position + before) } else { Place::Unwritten };
                Run { place, blocks: extent.range.end - block }
            }
            Some(extent) => Run { place: Place::Hole, blocks: extent.range.start - block },
            None => Run { place: Place::Hole, blocks: list.range.end.saturating_sub(block) },
        })
    }

    /// Reads the list that says where `block` is.
    fn descend(&self, root: &[u8], block: u64) -> Result<List, Fault> {
        let wrong = || Fault::corrupt("the tree of its extents contradicts itself");
        let mut level = number(root, 0, 2)?;
        let mut count = usize_of(number(root, 2, 2)?)?;
        let mut node = root.get(4..).unwrap_or_default().to_vec();
        let mut range = 0..u64::MAX;
        if !(1..=HIGHEST).contains(&level) {
            return Err(wrong());
        }
        while level > 0 {
            // Keys, as many as there is room for, then as many pointers.
            let room = node.len() / 16;
            if count == 0 || count > room {
                return Err(wrong());
            }
            let mut below = None;
            let mut last = None;
            let mut child = range.clone();
            for index in 0..count {
                let key = number(&node, index * 8, 8)?;
                if last.is_some_and(|last| key <= last) || !range.contains(&key) {
                    return Err(wrong());
                }
                if key <= block {
                    child.start = key;
                    below = Some(index);
                } else if child.end == range.end {
                    child.end = key;
                }
                last = Some(key);
            }
            range = child;
            let Some(index) = below else { return Ok(List { range, extents: Vec::new() }) };
            let pointer = number(&node, (room + index) * 8, 8)?;
            level -= 1;
            (count, node) = self.node(pointer, level)?;
        }
        if count == 0 {
            return Err(wrong());
        }
        Ok(List { extents: extents(self.volume, &node, count, &range)?, range })
    }

    /// How many records a block of the tree has, and these.
    fn node(&self, block: u64, level: u64) -> Result<(usize, Vec<u8>), Fault> {
        let position = self.volume.position(block, 1)?;
        let mut bytes = vec![0; usize_of(self.volume.block_size())?];
        self.volume.read(position, &mut bytes)?;
        let (magic, head) = if self.volume.sealed { (b"BMA3", 72) } else { (b"BMAP", 24) };
        if !bytes.starts_with(magic) || number(&bytes, 4, 2)? != level {
            return Err(Fault::corrupt("a block of the tree of its extents is not one"));
        }
        self.volume.check(&bytes, &SEAL, position, self.owner)?;
        let count = usize_of(number(&bytes, 6, 2)?)?;
        bytes.drain(..head);
        Ok((count, bytes))
    }
}

impl Extent {
    fn blocks(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read(volume: &Volume<'_>, record: &[u8]) -> Result<Self, Fault> {
        let (high, low) = (number(record, 0, 8)?, number(record, 8, 8)?);
        // From the highest bit: one that says it is not written, 54 of its place in the data, 52 in the volume, 21 of its size.
        let start = (high << 1) >> 10;
        let count = low & 0x1f_ffff;
        let position = volume.position((high & 0x1ff) << 43 | low >> 21, count)?;
        Ok(Self { range: start..start + count, position, written: high >> 63 == 0 })
    }
}

/// The first `count` extents of a list, all of which are in `range`.
fn extents(volume: &Volume<'_>, list: &[u8], count: usize, range: &Range<u64>) -> Result<Vec<Extent>, Fault> {
    let wrong = || Fault::corrupt("the list of its extents contradicts itself");
    let records = count.checked_mul(usize_of(EXTENT)?).and_then(|length| list.get(..length)).ok_or_else(wrong)?;
    let mut extents = Vec::with_capacity(count);
    let mut end = range.start;
    for record in records.chunks_exact(usize_of(EXTENT)?) {
        let extent = Extent::read(volume, record)?;
        if extent.range.is_empty() || extent.range.start < end || extent.range.end > range.end {
            return Err(wrong());
        }
        end = extent.range.end;
        extents.push(extent);
    }
    Ok(extents)
}
