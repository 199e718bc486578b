//! The journal (jbd2) of a file system that was not unmounted: what it holds was promised, and may not be in its place yet.
//!
//! It is a ring of transactions, each of descriptors with the blocks they name, revocations, and the block that commits it.
//! It is gone over once; for each block the place of its last committed copy is kept, and reading is led there.

use super::inode::Inode;
use super::map::Map;
use super::number::{START, be32, crc, crc_around, le, le32};
use super::volume::Volume;
use crate::tree::{EntryKind, Fault};
use ostrakon_model::GapReason;
use std::collections::BTreeMap;

/// Most blocks that copies are known of, or that a transaction names: as many as the largest journal that mke2fs makes has
/// blocks. Each costs up to 48 bytes, half of that where few transactions are open: some MiB, and none if it is clean.
const MOST: usize = 1 << 18;

const MAGIC: u32 = 0xc03b_3998;
/// What a block is.
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const HEADS: [u32; 2] = [3, 4];
const REVOCATIONS: u32 = 5;
/// What the journal is made of; those that are not named here need nothing.
const WIDE: u32 = 0x2;
const NO_BARRIER: u32 = 0x4;
const SUMS_16: u32 = 0x8;
const SUMS_32: u32 = 0x10;
const FAST: u32 = 0x20;
const KNOWN: u32 = 0x1 | WIDE | NO_BARRIER | SUMS_16 | SUMS_32 | FAST;
/// What is said of a block in a descriptor: its copy does not begin as it does; no UUID follows; it is the last.
const ESCAPED: u32 = 0x1;
const SAME_UUID: u32 = 0x2;
const LAST: u32 = 0x8;
/// How many blocks at the end of a journal are for fast commits, if it does not say; a shorter journal has none.
const FAST_BLOCKS: u64 = 256;
const LEAST: u64 = 1024;
/// Where a commit has its checksum. Other blocks have theirs at the end.
const COMMIT_SUM: usize = 16;
/// How many blocks are read at once to see that there are no more.
const AHEAD: u64 = 64;

/// The copies that count, by the block they are of.
#[derive(Default)]
pub(super) struct Journal {
    copies: BTreeMap<u64, Copy>,
    sums: Sums,
}

struct Copy {
    place: u64,
    transaction: u32,
    sum: u32,
    is_escaped: bool,
}

/// The checksum of a copy: what it begins with, and how much of it is kept.
#[derive(Default, Clone, Copy)]
struct Sums {
    seed: u32,
    mask: u32,
}

impl Journal {
    /// Goes over the journal of a file system, up to where it ends or is wrong; then that is given too.
    pub(super) fn of(volume: &Volume<'_>) -> (Self, Result<(), Fault>) {
        let mut journal = Self::default();
        let result = journal.go_over(volume);
        (journal, result)
    }

    fn go_over(&mut self, volume: &Volume<'_>) -> Result<(), Fault> {
        if volume.shape.journal == 0 {
            return Err(Fault::new(GapReason::UnsupportedFormat, "it lies on another device"));
        }
        let inode = Inode::read(volume, volume.shape.journal)?.of_kind(EntryKind::File)?;
        let Some(mut log) = Log::open(volume, inode)? else {
            return Ok(());
        };
        self.sums = log.sums;
        let mut transaction = Vec::new();
        let mut revoked = Vec::new();
        // What begins in another way is older: the end, or so it looks.
        while let Some((kind, block)) = log.block()? {
            match kind {
                DESCRIPTOR => log.descriptor(&block, &mut transaction)?,
                REVOCATIONS => log.revocations(&block, &mut revoked)?,
                COMMIT => {
                    log.commit(&block)?;
                    // A block that is revoked was not written again in the same transaction.
                    self.copies.extend(transaction.drain(..));
                    for block in revoked.drain(..) {
                        self.copies.remove(&block);
                    }
                }
                _ => break,
            }
            if transaction.len().max(revoked.len()).max(self.copies.len()) > MOST {
                return Err(Fault::new(GapReason::Limit, format!("it holds more than {MOST} blocks")));
            }
        }
        log.ends()?;
        log.fast()
    }

    /// Puts the copies of what was read from byte `at` on in its place.
    pub(super) fn lay_over(&self, volume: &Volume<'_>, at: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        if self.copies.is_empty() || buffer.is_empty() {
            return Ok(());
        }
        let size = volume.shape.block_size as u64;
        let end = at.saturating_add(buffer.len() as u64);
        let mut bytes = vec![0; volume.shape.block_size];
        for (block, copy) in self.copies.range(at / size..end.div_ceil(size)) {
            volume.read_below(copy.place * size, &mut bytes)?;
            let sum = crc(crc(self.sums.seed, &copy.transaction.to_be_bytes()), &bytes);
            if (sum ^ copy.sum) & self.sums.mask != 0 {
                return Err(Fault::corrupt("a block in the journal does not match its checksum"));
            }
            if let Some(start) = bytes.first_chunk_mut().filter(|_| copy.is_escaped) {
                *start = MAGIC.to_be_bytes();
            }
            // Of the block and the buffer either may begin or end first.
            let start = block * size;
            let skip = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
            let source = bytes.get(skip(start, at)..).unwrap_or_default();
            let target = buffer.get_mut(skip(at, start)..).unwrap_or_default();
            target.iter_mut().zip(source).for_each(|(target, source)| *target = *source);
        }
        Ok(())
    }
}

/// A journal that is gone over.
struct Log<'v> {
    volume: &'v Volume<'v>,
    map: Map<'v>,
    features: u32,
    sums: Sums,
    /// The ring of blocks, the next of them, and how many may still come.
    first: u64,
    end: u64,
    next: u64,
    left: u64,
    /// The transaction that has to come.
    transaction: u32,
}

impl<'v> Log<'v> {
    /// Opens a journal, unless nothing is in it.
    fn open(volume: &'v Volume<'_>, inode: Inode) -> Result<Option<Self>, Fault> {
        let wrong = || Fault::corrupt("its superblock contradicts itself");
        let size = volume.shape.block_size;
        let blocks = inode.size(volume)? / size as u64;
        let map = Map::of(volume, inode);
        let start =
            Log { volume, map, features: 0, sums: Sums::default(), first: 0, end: 1, next: 0, left: 1, transaction: 0 };
        let mut log = start;
        let head = log.take()?;
        let number = |at| u64::from(be32(&head, at));
        let (end, first, next) = (number(0x10), number(0x14), number(0x1c));
        if be32(&head, 0) != MAGIC || !HEADS.contains(&be32(&head, 4)) || number(0xc) != size as u64 {
            return Err(wrong());
        }
        // The first version had no features.
        log.features = if be32(&head, 4) == HEADS[0] { 0 } else { be32(&head, 0x28) };
        let has = |feature| log.features & feature != 0;
        let has_sums = has(SUMS_16 | SUMS_32);
        if log.features & !KNOWN != 0 || (has(NO_BARRIER) && !has_sums) {
            let detail = format!("it has features {:#x}, which are not known here", log.features);
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        if has_sums {
            let superblock = head.get(..1024).unwrap_or_default();
            if le(&head, 0x50, 1) != 4 || crc_around(START, superblock, 0xfc, 4) != be32(&head, 0xfc) {
                return Err(Fault::corrupt("its superblock does not match its checksum"));
            }
            let seed = crc(START, head.get(0x30..0x40).unwrap_or_default());
            log.sums = Sums { seed, mask: if has(SUMS_32) { u32::MAX } else { 0xffff } };
        }
        let fast = if number(0x54) == 0 { FAST_BLOCKS } else { number(0x54) };
        log.end = match end.checked_sub(fast) {
            Some(end) if has(FAST) && end >= LEAST => end,
            _ => end,
        };
        (log.first, log.next, log.transaction) = (first, next, be32(&head, 0x18));
        if next == 0 {
            return Ok(None);
        }
        if end > blocks || first == 0 || !(first..log.end).contains(&next) {
            return Err(wrong());
        }
        log.left = log.end - first;
        Ok(Some(log))
    }

    /// The place of the next block of the ring.
    fn advance(&mut self) -> Result<u64, Fault> {
        self.left = self.left.checked_sub(1).ok_or_else(|| Fault::corrupt("it has no end"))?;
        let place = self.map.run(self.next)?.place.ok_or_else(hole)?;
        self.next += 1;
        if self.next == self.end {
            self.next = self.first;
        }
        Ok(place)
    }

    /// The next block of the ring, whatever it is.
    fn take(&mut self) -> Result<Vec<u8>, Fault> {
        let place = self.advance()?;
        let mut bytes = vec![0; self.volume.shape.block_size];
        self.volume.read_below(place * bytes.len() as u64, &mut bytes)?;
        Ok(bytes)
    }

    /// The next block of the transaction that has to come and what it is, if that does.
    fn block(&mut self) -> Result<Option<(u32, Vec<u8>)>, Fault> {
        let bytes = self.take()?;
        let comes = be32(&bytes, 0) == MAGIC && be32(&bytes, 8) == self.transaction;
        Ok(comes.then(|| (be32(&bytes, 4), bytes)))
    }

    /// What of a block is not its checksum, which has to match.
    fn checked<'b>(&self, block: &'b [u8]) -> Result<&'b [u8], Fault> {
        if self.sums.mask == 0 {
            return Ok(block);
        }
        let end = block.len().saturating_sub(4);
        self.compare(block, end)?;
        Ok(block.get(..end).unwrap_or_default())
    }

    fn compare(&self, block: &[u8], at: usize) -> Result<(), Fault> {
        if self.sums.mask != 0 && crc_around(self.sums.seed, block, at, 4) != be32(block, at) {
            let detail = format!("a block of its transaction {} does not match its checksum", self.transaction);
            return Err(Fault::corrupt(detail));
        }
        Ok(())
    }

    /// Adds the blocks a descriptor names. Their copies follow it.
    fn descriptor(&mut self, block: &[u8], copies: &mut Vec<(u64, Copy)>) -> Result<(), Fault> {
        let has = |feature| self.features & feature != 0;
        let (is_wide, has_32, has_16) = (has(WIDE), has(SUMS_32), has(SUMS_16));
        let size = match () {
            () if has_32 => 16,
            // Those with short checksums have two bytes that nothing is in.
            () => 8 + if has_16 { 2 } else { 0 } + if is_wide { 4 } else { 0 },
        };
        let mut rest = self.checked(block)?.get(12..).unwrap_or_default();
        while let Some((tag, after)) = rest.split_at_checked(size) {
            let (flags, high, sum) = if has_32 {
                (be32(tag, 4), be32(tag, 8), be32(tag, 12))
            } else {
                (be32(tag, 4) & 0xffff, be32(tag, 8), be32(tag, 4) >> 16)
            };
            let high = if is_wide { u64::from(high) << 32 } else { 0 };
            let number = high | u64::from(be32(tag, 0));
            if number >= self.volume.shape.blocks {
                return Err(Fault::corrupt("it names a block outside the file system"));
            }
            let (place, transaction) = (self.advance()?, self.transaction);
            copies.push((number, Copy { place, transaction, sum, is_escaped: flags & ESCAPED != 0 }));
            if flags & LAST != 0 {
                break;
            }
            rest = after.get(if flags & SAME_UUID == 0 { 16 } else { 0 }..).unwrap_or_default();
        }
        Ok(())
    }

    /// Adds the blocks that are not to be replayed.
    fn revocations(&self, block: &[u8], revoked: &mut Vec<u64>) -> Result<(), Fault> {
        let wrong = || Fault::corrupt("it revokes more than a block can hold");
        let used = usize::try_from(be32(block, 12)).map_err(|_| wrong())?;
        let numbers = self.checked(block)?.get(16..used).ok_or_else(wrong)?;
        if self.features & WIDE == 0 {
            revoked.extend(numbers.chunks_exact(4).map(|number| u64::from(be32(number, 0))));
        } else {
            let number = |bytes: &[u8]| u64::from(be32(bytes, 0)) << 32 | u64::from(be32(bytes, 4));
            revoked.extend(numbers.chunks_exact(8).map(number));
        }
        Ok(())
    }

    /// Goes on to the next transaction.
    fn commit(&mut self, block: &[u8]) -> Result<(), Fault> {
        self.compare(block, COMMIT_SUM)?;
        self.transaction = self.transaction.wrapping_add(1);
        Ok(())
    }

    /// Is this the end? Where a block is damaged there is more: the commit of the same transaction, which is written last, or
    /// a later one. A transaction takes a quarter of the ring at most.
    fn ends(&self) -> Result<(), Fault> {
        let size = self.volume.shape.block_size;
        let (mut at, mut left) = (self.next, self.left.min((self.end - self.first) / 4 + 1));
        while left > 0 {
            let run = self.map.run(at)?;
            let count = run.count.min(AHEAD).min(left).min(self.end - at);
            let place = run.place.ok_or_else(hole)?;
            let mut bytes = vec![0; size * usize::try_from(count).unwrap_or_default()];
            self.volume.read_below(place * size as u64, &mut bytes)?;
            if bytes.chunks_exact(size).any(|block| self.is_later(block)) {
                return Err(Fault::corrupt(format!("its transaction {} is damaged", self.transaction)));
            }
            left -= count;
            at += count;
            if at == self.end {
                at = self.first;
            }
        }
        Ok(())
    }

    /// Was this block written when the transaction that has to come was whole?
    fn is_later(&self, block: &[u8]) -> bool {
        let is_commit = be32(block, 4) == COMMIT;
        let later = match be32(block, 8).wrapping_sub(self.transaction) {
            0 => is_commit,
            ahead => ahead < 1 << 31,
        };
        let sum = if is_commit { COMMIT_SUM } else { block.len().saturating_sub(4) };
        be32(block, 0) == MAGIC && later && self.compare(block, sum).is_ok()
    }

    /// Does a fast commit follow? It tells what was done and not what is in the blocks then, and is not replayed.
    fn fast(&self) -> Result<(), Fault> {
        if self.features & FAST == 0 {
            return Ok(());
        }
        let Some(place) = self.map.run(self.end + 1)?.place else {
            return Ok(());
        };
        let mut start = [0; 12];
        self.volume.read_below(place * self.volume.shape.block_size as u64, &mut start)?;
        if (le(&start, 0, 2), le32(&start, 8)) == (9, self.transaction) {
            return Err(Fault::new(
                GapReason::UnsupportedFormat,
                "it ends with fast commits, which are not known here",
            ));
        }
        Ok(())
    }
}

fn hole() -> Fault {
    Fault::corrupt("it has a hole")
}
