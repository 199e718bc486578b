//! The inodes: what is known of a file but its name, and the files themselves.

use super::table::{Cursor, Image, Piece, Slot, number};
use crate::tree::{Fault, File};
use std::cell::RefCell;

/// What an inode says.
pub(super) enum Inode<'i> {
    Folder(Listing),
    File(Regular<'i>),
    /// Where the link points.
    Link(Vec<u8>),
    /// A device, pipe or socket.
    Other,
}

/// Where the names of a folder are.
pub(super) struct Listing {
    pub(super) cursor: Cursor,
    pub(super) size: u64,
}

/// Longer links are refused by every system.
const LONGEST_LINK: u64 = 64 << 10;
/// Folders count the two names they do not store.
const UNSTORED: u64 = 3;
/// The number of a fragment that says there is none.
const NO_FRAGMENT: u64 = 0xffff_ffff;

impl<'i> Inode<'i> {
    /// Reads the inode of that reference.
    pub(super) fn read(image: &'i Image<'_>, reference: u64) -> Result<Self, Fault> {
        let mut cursor = image.inode(reference)?;
        let head: [u8; 16] = image.array(&mut cursor)?;
        Ok(match number(&head, 0, 2) {
            1 => {
                let rest: [u8; 16] = image.array(&mut cursor)?;
                let cursor = image.listing(number(&rest, 0, 4), number(&rest, 10, 2));
                Self::Folder(Listing { cursor, size: number(&rest, 8, 2).saturating_sub(UNSTORED) })
            }
            8 => {
                let rest: [u8; 24] = image.array(&mut cursor)?;
                let cursor = image.listing(number(&rest, 8, 4), number(&rest, 18, 2));
                Self::Folder(Listing { cursor, size: number(&rest, 4, 4).saturating_sub(UNSTORED) })
            }
            2 => {
                let rest: [u8; 16] = image.array(&mut cursor)?;
                let fragment = (number(&rest, 4, 4), number(&rest, 8, 4));
                Self::File(Regular::of(image, cursor, number(&rest, 0, 4), number(&rest, 12, 4), fragment)?)
            }
            9 => {
                let rest: [u8; 40] = image.array(&mut cursor)?;
                let fragment = (number(&rest, 28, 4), number(&rest, 32, 4));
                Self::File(Regular::of(image, cursor, number(&rest, 0, 8), number(&rest, 8, 8), fragment)?)
            }
            3 | 10 => {
                let rest: [u8; 8] = image.array(&mut cursor)?;
                let length = number(&rest, 4, 4);
                if length > LONGEST_LINK {
                    return Err(Fault::corrupt("it points further than a link can"));
                }
                let mut target = vec![0; usize::try_from(length).unwrap_or_default()];
                image.take(&mut cursor, &mut target)?;
                Self::Link(target)
            }
            4..=7 | 11..=14 => Self::Other,
            other => return Err(Fault::corrupt(format!("its inode is of kind {other}, which is none"))),
        })
    }
}

/// A regular file, read at any place.
pub(super) struct Regular<'i> {
    image: &'i Image<'i>,
    size: u64,
    /// How many blocks are its own.
    blocks: u64,
    /// The block it shares, and where in it its own bytes begin.
    tail: Option<(Piece, u64)>,
    packed: bool,
    known: RefCell<Known>,
}

/// What was read so far of the list of blocks. Each says its size alone, so that where one lies is the sum of those before
/// it: the list is read group by group, and where each group begins is remembered.
struct Known {
    starts: Vec<Start>,
    /// Which group is read.
    group: u64,
    pieces: Vec<Piece>,
}

/// Where a group begins: in the list, and in the image.
#[derive(Clone, Copy)]
struct Start {
    list: Cursor,
    position: u64,
}

/// How many blocks are a group.
const GROUP: u64 = 2048;

impl<'i> Regular<'i> {
    fn of(
        image: &'i Image<'_>,
        list: Cursor,
        position: u64,
        size: u64,
        (fragment, offset): (u64, u64),
    ) -> Result<Self, Fault> {
        let shares = fragment != NO_FRAGMENT;
        let blocks = if shares { size / image.block_size } else { size.div_ceil(image.block_size) };
        // Four bytes for each.
        if blocks > image.most_inodes() / 4 {
            return Err(Fault::corrupt("it is larger than its list of blocks can be"));
        }
        let tail = if shares { Some((image.fragment(fragment)?, offset)) } else { None };
        let packed = if blocks > 0 {
            let mut cursor = list;
            let first: [u8; 4] = image.array(&mut cursor)?;
            Piece::of(position, number(&first, 0, 4)).is_packed()
        } else {
            size > 0 && tail.is_some_and(|(piece, _)| piece.is_packed())
        };
        let known = Known { starts: vec![Start { list, position }], group: 0, pieces: Vec::new() };
        Ok(Self { image, size, blocks, tail, packed, known: RefCell::new(known) })
    }

    /// Must something be inflated to see its first bytes?
    pub(super) fn is_packed(&self) -> bool {
        self.packed
    }

    /// The block of that number.
    fn piece(&self, index: u64) -> Result<Piece, Fault> {
        let mut known = self.known.borrow_mut();
        let group = index / GROUP;
        if known.pieces.is_empty() || known.group != group {
            let mut at = group.min((known.starts.len() as u64).saturating_sub(1));
            loop {
                let start = usize::try_from(at).ok().and_then(|at| known.starts.get(at)).copied();
                let start = start.ok_or_else(|| Fault::corrupt("a block that is not in its list"))?;
                let (pieces, next) = self.group(start, GROUP.min(self.blocks.saturating_sub(at * GROUP)))?;
                known.pieces = pieces;
                known.group = at;
                at += 1;
                if known.starts.len() as u64 == at {
                    known.starts.push(next);
                }
                if at > group {
                    break;
                }
            }
        }
        let piece = usize::try_from(index % GROUP).ok().and_then(|index| known.pieces.get(index)).copied();
        piece.ok_or_else(|| Fault::corrupt("a block that is not in its list"))
    }

    /// `count` blocks from `start` on, and where the next group begins.
    fn group(&self, start: Start, count: u64) -> Result<(Vec<Piece>, Start), Fault> {
        let Start { mut list, mut position } = start;
        let mut words = vec![0; usize::try_from(count * 4).unwrap_or_default()];
        self.image.take(&mut list, &mut words)?;
        let mut pieces = Vec::with_capacity(words.len() / 4);
        for word in words.chunks_exact(4) {
            let piece = Piece::of(position, number(word, 0, 4));
            if piece.length() > self.image.block_size {
                return Err(Fault::corrupt("a block has a size it cannot have"));
            }
            pieces.push(piece);
            position = position.saturating_add(piece.length());
        }
        Ok((pieces, Start { list, position }))
    }

    /// Fills `into` from `within` a block on, which is `whole` bytes long where that is known.
    fn copy(&self, slot: &Slot, piece: Piece, whole: Option<u64>, within: u64, into: &mut [u8]) -> Result<(), Fault> {
        let other = || Fault::corrupt("a block is not as long as it should be");
        let end = within.saturating_add(into.len() as u64);
        if !piece.is_packed() {
            if end > piece.length() || whole.is_some_and(|whole| whole != piece.length()) {
                return Err(other());
            }
            return self.image.read(piece, within, into);
        }
        let bytes = self.image.inflated(slot, piece)?;
        if whole.is_some_and(|whole| whole != bytes.len() as u64) {
            return Err(other());
        }
        let start = usize::try_from(within).map_err(|_| other())?;
        let bytes = bytes.get(start..).and_then(|bytes| bytes.get(..into.len())).ok_or_else(other)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

impl File for Regular<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let (mut rest, _) = buffer.split_at_mut(wanted);
        let mut at = offset;
        while !rest.is_empty() {
            let index = at / self.image.block_size;
            let start = index * self.image.block_size;
            let within = at - start;
            // The last block ends with the file, so at least one byte is read each time.
            let whole = self.image.block_size.min(self.size - start);
            let count = usize::try_from(whole - within).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            if index < self.blocks {
                let piece = self.piece(index)?;
                if piece.is_hole() {
                    // Holes cost nothing in the image, and as much as anything else to look through.
                    self.image.purse.inflate(count)?;
                    now.fill(0);
                } else {
                    self.copy(&self.image.whole, piece, Some(whole), within, now)?;
                }
            } else {
                let (piece, begin) = self.tail.ok_or_else(|| Fault::corrupt("its end is not there"))?;
                self.copy(&self.image.tails, piece, None, begin.saturating_add(within), now)?;
            }
            at += count as u64;
            rest = later;
        }
        Ok(wanted)
    }

    fn is_random(&self) -> bool {
        self.image.file.is_random()
    }
}
