//! The superblock and the blocks of an image: those of its tables in a small cache, and the last blocks of content.

use super::block::Packing;
pub(super) use crate::container::bytes::number;
use crate::container::part::Part;
use crate::container::purse::{Held, Purse};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::rc::Rc;

/// A block of a table holds this much, inflated.
const BLOCK: usize = 8 << 10;
/// How many blocks of tables are kept.
const CACHED: usize = 64;
/// The sizes a block of content may have.
const SIZES: std::ops::RangeInclusive<u64> = 4 << 10..=1 << 20;
/// A block of a table that points into the fragments has this many of them, of this many bytes.
const FRAGMENTS: u64 = 512;
const FRAGMENT: u64 = 16;
/// The bit of a size that says the block is not compressed.
const PLAIN: u64 = 1 << 24;

/// An open image.
pub(super) struct Image<'a> {
    pub(super) file: &'a dyn File,
    pub(super) purse: &'a Purse,
    /// How much a block of content holds.
    pub(super) block_size: u64,
    /// The inode of the root.
    pub(super) root: u64,
    /// The last block of files, and of the tails that files share.
    pub(super) whole: Slot,
    pub(super) tails: Slot,
    packing: Packing,
    inodes: u64,
    folders: u64,
    fragments: u64,
    fragment_count: u64,
    cache: RefCell<Vec<(u64, Rc<Block>)>>,
    _held: Held<'a>,
}

/// A block of a table.
struct Block {
    bytes: Vec<u8>,
    /// Where the next one lies.
    next: u64,
}

/// A place in a table: the block's place in the image, and the place in the block.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    block: u64,
    offset: usize,
}

/// The last inflated block of a kind.
#[derive(Default)]
pub(super) struct Slot(RefCell<Option<(Piece, Rc<Vec<u8>>)>>);

/// A block of content: where it lies, and its size with the bit that says how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    position: u64,
    word: u64,
}

impl Piece {
    /// The block at `position` whose size is said by `word`.
    pub(super) fn of(position: u64, word: u64) -> Self {
        Self { position, word }
    }

    /// A hole: nothing of it is in the image.
    pub(super) fn is_hole(self) -> bool {
        self.word == 0
    }

    pub(super) fn is_packed(self) -> bool {
        !self.is_hole() && self.word & PLAIN == 0
    }

    /// How long it is in the image.
    pub(super) fn length(self) -> u64 {
        self.word & !PLAIN
    }
}

impl<'a> Image<'a> {
    pub(super) fn open(file: &'a dyn File, purse: &'a Purse) -> Result<Self, Fault> {
        let mut head = [0; 96];
        Part::of(file, 0, 96).read_at(0, &mut head)?;
        if !head.starts_with(b"hsqs") {
            return Err(Fault::corrupt("it has no superblock of squashfs"));
        }
        let version = (number(&head, 28, 2), number(&head, 30, 2));
        if version != (4, 0) {
            let detail = format!("squashfs of version {}.{}", version.0, version.1);
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        let packing = Packing::of(number(&head, 20, 2))?;
        let block_size = number(&head, 12, 4);
        let (inodes, folders) = (number(&head, 64, 8), number(&head, 72, 8));
        if !block_size.is_power_of_two() || !SIZES.contains(&block_size) || inodes >= folders {
            return Err(Fault::corrupt("its superblock contradicts itself"));
        }
        // The cache, the two blocks of content, and one more on its way in.
        let held = purse.hold((CACHED * BLOCK) as u64 + 3 * block_size)?;
        Ok(Self {
            file,
            purse,
            block_size,
            root: number(&head, 32, 8),
            whole: Slot::default(),
            tails: Slot::default(),
            packing,
            inodes,
            folders,
            fragments: number(&head, 80, 8),
            fragment_count: number(&head, 16, 4),
            cache: RefCell::default(),
            _held: held,
        })
    }

    /// Where an inode is, by its reference.
    pub(super) fn inode(&self, reference: u64) -> Result<Cursor, Fault> {
        let block = self.inodes.saturating_add(reference >> 16);
        if block >= self.folders {
            return Err(Fault::corrupt("its inode lies outside their table"));
        }
        Ok(Cursor { block, offset: offset(reference) })
    }

    /// Where the names of a folder are.
    pub(super) fn listing(&self, block: u64, offset: u64) -> Cursor {
        Cursor { block: self.folders.saturating_add(block), offset: self::offset(offset) }
    }

    /// How many bytes the table of inodes can hold at most: three bytes can be a block.
    pub(super) fn most_inodes(&self) -> u64 {
        (self.folders - self.inodes).div_ceil(3).saturating_mul(BLOCK as u64)
    }

    /// The block with the tails of several files, by its number.
    pub(super) fn fragment(&self, index: u64) -> Result<Piece, Fault> {
        if index >= self.fragment_count {
            return Err(Fault::corrupt("its end lies in a block that is not there"));
        }
        let mut pointer = [0; 8];
        let at = self.fragments.saturating_add(index / FRAGMENTS * 8);
        Part::of(self.file, at, 8).read_at(0, &mut pointer)?;
        let mut cursor = Cursor { block: u64::from_le_bytes(pointer), offset: offset(index % FRAGMENTS * FRAGMENT) };
        let entry: [u8; FRAGMENT as usize] = self.array(&mut cursor)?;
        Ok(Piece::of(number(&entry, 0, 8), number(&entry, 8, 4)))
    }

    /// The next `N` bytes of a table.
    pub(super) fn array<const N: usize>(&self, cursor: &mut Cursor) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.take(cursor, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `into` from a table, over as many blocks as it takes.
    pub(super) fn take(&self, cursor: &mut Cursor, into: &mut [u8]) -> Result<(), Fault> {
        let mut into = into;
        while !into.is_empty() {
            let block = self.block(cursor.block)?;
            let Some(known) = block.bytes.get(cursor.offset..) else {
                return Err(Fault::corrupt("a table is shorter than what points into it"));
            };
            // No block is empty, so this ends.
            if known.is_empty() {
                *cursor = Cursor { block: block.next, offset: 0 };
                continue;
            }
            let count = known.len().min(into.len());
            let (now, later) = into.split_at_mut(count);
            now.copy_from_slice(&known[..count]);
            cursor.offset += count;
            into = later;
        }
        Ok(())
    }

    /// The block of a table at `position`.
    fn block(&self, position: u64) -> Result<Rc<Block>, Fault> {
        if let Some(block) = self.cached(position) {
            return Ok(block);
        }
        let mut header = [0; 2];
        Part::of(self.file, position, 2).read_at(0, &mut header)?;
        let word = usize::from(u16::from_le_bytes(header));
        let length = word & 0x7fff;
        if length == 0 || length > BLOCK {
            return Err(Fault::corrupt("a block of a table has a size it cannot have"));
        }
        let start = position.saturating_add(2);
        let mut bytes = vec![0; length];
        Part::of(self.file, start, length as u64).read_at(0, &mut bytes)?;
        if word == length {
            bytes = self.packing.inflate(&bytes, BLOCK)?;
        }
        self.purse.inflate(bytes.len())?;
        if bytes.is_empty() {
            return Err(Fault::corrupt("a block of a table is empty"));
        }
        let block = Rc::new(Block { bytes, next: start.saturating_add(length as u64) });
        let mut cache = self.cache.borrow_mut();
        if cache.len() >= CACHED {
            cache.remove(0);
        }
        cache.push((position, Rc::clone(&block)));
        Ok(block)
    }

    /// The block at `position`, if it is kept; it is then the last to be dropped.
    fn cached(&self, position: u64) -> Option<Rc<Block>> {
        let mut cache = self.cache.borrow_mut();
        let place = cache.iter().rposition(|(at, _)| *at == position)?;
        let entry = cache.remove(place);
        let block = Rc::clone(&entry.1);
        cache.push(entry);
        Some(block)
    }

    /// The content of a compressed block, kept in `slot` until another is asked for.
    pub(super) fn inflated(&self, slot: &Slot, piece: Piece) -> Result<Rc<Vec<u8>>, Fault> {
        if let Some((known, bytes)) = &*slot.0.borrow()
            && *known == piece
        {
            return Ok(Rc::clone(bytes));
        }
        if piece.length() == 0 || piece.length() > self.block_size {
            return Err(Fault::corrupt("a block has a size it cannot have"));
        }
        // Not two at a time.
        *slot.0.borrow_mut() = None;
        let most = usize::try_from(self.block_size).unwrap_or_default();
        let mut packed = vec![0; usize::try_from(piece.length()).unwrap_or_default()];
        Part::of(self.file, piece.position, piece.length()).read_at(0, &mut packed)?;
        let bytes = Rc::new(self.packing.inflate(&packed, most)?);
        self.purse.inflate(bytes.len())?;
        *slot.0.borrow_mut() = Some((piece, Rc::clone(&bytes)));
        Ok(bytes)
    }

    /// Reads from a block that is not compressed.
    pub(super) fn read(&self, piece: Piece, within: u64, into: &mut [u8]) -> Result<(), Fault> {
        let start = piece.position.saturating_add(within);
        Part::of(self.file, start, into.len() as u64).read_at(0, into)?;
        Ok(())
    }
}

/// The place in a block that the lowest 16 bits say.
fn offset(number: u64) -> usize {
    usize::from(u16::try_from(number & 0xffff).unwrap_or_default())
}
