//! The names in a folder. A small folder keeps them in its inode; a larger one in blocks, of which the first part of its data
//! is made. What finds a name by its hash lies behind them, and is not read.

use super::inode::{Form, Inode};
use super::map::{Map, Place};
use super::volume::{Seal, Volume, number, usize_of};
use crate::tree::Fault;
use std::ops::ControlFlow;

/// Names lie below this byte of a folder's data.
const END: u64 = 32 << 30;
/// How much of a folder is read at once.
const CHUNK: u64 = 64 << 10;
/// After so many blocks that are broken the rest of a folder is left.
const MOST_BROKEN: u32 = 64;
/// The seal of a block of names.
const SEAL: Seal = Seal { sum: 4, place: 8, uuid: 24, owner: 40 };

const WRONG_BLOCK: &str = "a block of its names contradicts itself";

/// A name as it is stored.
pub(super) struct Stored<'b> {
    pub(super) name: &'b [u8],
    pub(super) node: u64,
    /// What it stands for; 0 where the folder does not say.
    pub(super) kind: u64,
}

/// What is called for every name.
pub(super) type Each<'e> = dyn FnMut(Stored<'_>) -> ControlFlow<()> + 'e;

/// Calls `each` for every name in the folder `inode`. A broken block is the fault of the folder, which is given once the
/// others are read too.
pub(super) fn names(volume: &Volume<'_>, inode: &Inode, each: &mut Each<'_>) -> Result<(), Fault> {
    if inode.form == Some(Form::Local) {
        return short(volume, inode, each).map(|_| ());
    }
    let size = 1_u64 << volume.folder_log;
    if inode.size == 0 || !inode.size.is_multiple_of(size) || inode.size > END {
        return Err(Fault::corrupt("its size is none that a folder can have"));
    }
    let map = Map::of(volume, inode)?;
    let mut chunk = vec![0; usize_of(CHUNK.max(size))?];
    let (mut broken, mut first) = (0, None);
    // Blocks that are read cannot be more than the folder has.
    let mut left = inode.blocks << volume.block_log;
    let mut at = 0;
    while at < inode.size {
        let run = map.run(at >> volume.block_log)?;
        let length = run.blocks.saturating_mul(volume.block_size());
        if run.place == Place::Hole {
            let next = at.saturating_add(length);
            // The last block is there, else the folder would be smaller.
            if !next.is_multiple_of(size) || next >= inode.size {
                return Err(Fault::corrupt("it lacks a block of its names"));
            }
            at = next;
            continue;
        }
        let length = (length & !(size - 1)).clamp(size, CHUNK.max(size)).min(inode.size - at);
        left = left.checked_sub(length).ok_or_else(|| Fault::corrupt("it holds more blocks than it has"))?;
        let blocks = chunk.get_mut(..usize_of(length)?).unwrap_or_default();
        let mut position = read(&map, at, blocks)?;
        for bytes in blocks.chunks_exact(usize_of(size)?) {
            match block(volume, inode, bytes, position, each) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(()),
                Err(fault) => {
                    broken += 1;
                    if broken > MOST_BROKEN {
                        return Err(fault);
                    }
                    first = first.or(Some(fault));
                }
            }
            position = position.saturating_add(size);
        }
        at += length;
    }
    // Nor is there one behind the last.
    let mut block = inode.size >> volume.block_log;
    while block < END >> volume.block_log {
        let run = map.run(block)?;
        if run.place != Place::Hole {
            return Err(Fault::corrupt("it has more blocks of its names than its size says"));
        }
        block = block.saturating_add(run.blocks);
    }
    first.map_or(Ok(()), Err)
}

/// Fills `into` from `at` on, all of which must be there, and says where its first byte lies.
fn read(map: &Map<'_>, at: u64, into: &mut [u8]) -> Result<u64, Fault> {
    let volume = map.volume;
    let (mut rest, mut block, mut first) = (into, at >> volume.block_log, None);
    while !rest.is_empty() {
        let run = map.run(block)?;
        let Place::At(position) = run.place else {
            return Err(Fault::corrupt("it lacks a part of a block of its names"));
        };
        first = first.or(Some(position));
        let length = run.blocks.saturating_mul(volume.block_size());
        let (now, later) = rest.split_at_mut(usize::try_from(length).unwrap_or(usize::MAX).min(rest.len()));
        volume.read(position, now)?;
        block += run.blocks;
        rest = later;
    }
    Ok(first.unwrap_or_default())
}

/// The names of a folder that are in its inode. All is said by it, so that nothing may be left.
fn short(volume: &Volume<'_>, inode: &Inode, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
    let wrong = || Fault::corrupt("its names contradict its inode");
    let bytes = inode.fork.get(..usize_of(inode.size)?).ok_or_else(wrong)?;
    let count = number(bytes, 0, 1)?;
    let width = if number(bytes, 1, 1)? == 0 { 4 } else { 8 };
    let mut rest = bytes.get(2 + width..).ok_or_else(wrong)?;
    for _ in 0..count {
        let length = usize_of(number(rest, 0, 1)?)?;
        let (entry, later) = rest.split_at_checked(3 + length + kind_size(volume) + width).ok_or_else(wrong)?;
        let (name, tail) = entry.get(3..).and_then(|tail| tail.split_at_checked(length)).ok_or_else(wrong)?;
        let kind = if volume.has_kinds { number(tail, 0, 1)? } else { 0 };
        let node = number(tail, kind_size(volume), width)?;
        check_name(volume, name, node)?;
        if each(Stored { name, node, kind }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        rest = later;
    }
    if rest.is_empty() { Ok(ControlFlow::Continue(())) } else { Err(wrong()) }
}

/// The names of one block, which lies at `position`.
fn block(
    volume: &Volume<'_>,
    inode: &Inode,
    bytes: &[u8],
    position: u64,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, Fault> {
    let wrong = || Fault::corrupt(WRONG_BLOCK);
    let (alone, among, head) = if volume.sealed { (b"XDB3", b"XDD3", 64) } else { (b"XD2B", b"XD2D", 16) };
    let is_alone = bytes.starts_with(alone);
    if !is_alone && !bytes.starts_with(among) {
        return Err(Fault::corrupt("a block of its names is not one"));
    }
    volume.check(bytes, &SEAL, position, inode.number)?;
    // Names alone in their block have behind them what finds them, and how many there are and were.
    let (end, expected) = if is_alone {
        let tail = bytes.len().checked_sub(8).ok_or_else(wrong)?;
        let (count, stale) = (number(bytes, tail, 4)?, number(bytes, tail + 4, 4)?);
        let end = usize_of(count)?.checked_mul(8).and_then(|length| tail.checked_sub(length)).ok_or_else(wrong)?;
        if inode.size != bytes.len() as u64 {
            return Err(wrong());
        }
        (end, Some(count.checked_sub(stale).ok_or_else(wrong)?))
    } else {
        (bytes.len(), None)
    };
    let mut count = 0;
    let mut at = head;
    while at < end {
        let rest = bytes.get(at..end).ok_or_else(wrong)?;
        let free = rest.starts_with(&[0xff, 0xff]);
        // What is free may be too short to have a name.
        let name = if free { 0 } else { usize_of(number(rest, 8, 1)?)? };
        // Number, length, name, kind, and where all begins, which is said of what is free as well.
        let length =
            if free { usize_of(number(rest, 2, 2)?)? } else { (9 + name + kind_size(volume) + 2).next_multiple_of(8) };
        let entry = rest.get(..length).filter(|_| length > 0 && length % 8 == 0).ok_or_else(wrong)?;
        if usize_of(number(entry, length - 2, 2)?)? != at {
            return Err(wrong());
        }
        at += length;
        if free {
            continue;
        }
        count += 1;
        let node = number(entry, 0, 8)?;
        let kind = if volume.has_kinds { number(entry, 9 + name, 1)? } else { 0 };
        let name = entry.get(9..9 + name).ok_or_else(wrong)?;
        check_name(volume, name, node)?;
        match name {
            b"." if node != inode.number => {
                return Err(Fault::corrupt("a block of its names is one of another folder"));
            }
            b"." | b".." => {}
            _ if each(Stored { name, node, kind }).is_break() => return Ok(ControlFlow::Break(())),
            _ => {}
        }
    }
    if expected.is_none_or(|expected| expected == count) { Ok(ControlFlow::Continue(())) } else { Err(wrong()) }
}

fn kind_size(volume: &Volume<'_>) -> usize {
    usize::from(volume.has_kinds)
}

fn check_name(volume: &Volume<'_>, name: &[u8], node: u64) -> Result<(), Fault> {
    if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
        return Err(Fault::corrupt("it holds a name that is none"));
    }
    volume.inode_position(node).map(|_| ())
}
