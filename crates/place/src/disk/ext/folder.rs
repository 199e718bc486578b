//! The names in a folder. Those with an index are read like others: its nodes look like blocks without names.

use super::inode::Inode;
use super::map::Map;
use super::number::{crc, crc_around, le, le32};
use super::volume::Volume;
use crate::disk::filesystem::Named;
use crate::tree::{EntryKind, Fault};
use std::ops::ControlFlow;

type Each<'e> = dyn FnMut(Named<'_>) -> ControlFlow<()> + 'e;

/// The size of a name without its bytes.
const HEAD: usize = 8;
/// The size of what ends a block and has its checksum, which looks like a name of no inode.
const TAIL: usize = 12;
/// Where the places of an index begin: in its root, behind two names and a head; in a node, behind a name.
const ROOT_INDEX: usize = 32;
const NODE_INDEX: usize = 8;

/// Calls `each` for every name. A block that is wrong is the fault of the folder, and the others are read all the same.
pub(super) fn list(volume: &Volume<'_>, inode: Inode, each: &mut Each<'_>) -> Result<(), Fault> {
    let mut pass = Pass { volume, folder: inode.number, each, wrong: None };
    if let Some(bytes) = inode.inline()? {
        // The folder it lies in comes first, then its names; itself it does not name.
        let flow = pass.names(bytes.get(4..).unwrap_or_default());
        return if flow.is_break() { Ok(()) } else { pass.end() };
    }
    let size = volume.shape.block_size as u64;
    let blocks = inode.size(volume)?.div_ceil(size);
    let map = Map::of(volume, inode);
    if blocks == 0 || blocks > map.most() {
        return Err(Fault::corrupt("it is a folder of a size that none has"));
    }
    // What is there can only be named once.
    let mut left = volume.present()?;
    let mut block = 0;
    while block < blocks {
        let run = map.run(block)?;
        let count = run.count.min(blocks - block);
        let spent = if run.place.is_some() { count } else { 1 };
        left = left.checked_sub(spent).ok_or_else(|| Fault::corrupt("it is larger than the file system"))?;
        let Some(place) = run.place else {
            pass.note(Fault::corrupt("it is a folder with a hole"));
            block += count;
            continue;
        };
        for index in 0..count {
            let names = match volume.block(place + index) {
                Ok(names) => names,
                Err(fault) => {
                    pass.note(fault);
                    continue;
                }
            };
            if let Err(fault) = check(&map.inode, names.bytes()) {
                pass.note(fault);
                continue;
            }
            if block + index == 0 && !begins(names.bytes(), map.inode.number) {
                pass.note(Fault::corrupt("it does not begin as the folder it is"));
            }
            if pass.names(names.bytes()).is_break() {
                return Ok(());
            }
        }
        block += count;
    }
    if blocks < map.most() && map.run(blocks)?.place.is_some() {
        pass.note(Fault::corrupt("it has more blocks than it says"));
    }
    pass.end()
}

/// Does a block begin with the names `.` and `..`, the first of them for the folder itself?
fn begins(block: &[u8], folder: u64) -> bool {
    u64::from(le32(block, 0)) == folder
        && (le(block, 4, 2), le(block, 6, 1), le(block, 8, 1)) == (12, 1, u64::from(b'.'))
        && (le(block, 18, 1), block.get(20..22)) == (2, Some(b".."))
}

/// Compares a block with its checksum, where it has to have one.
fn check(inode: &Inode, block: &[u8]) -> Result<(), Fault> {
    let Some(seed) = inode.seed else {
        return Ok(());
    };
    let wrong = || Fault::corrupt("a block of the folder does not match its checksum");
    // Names end before the checksum. A part of an index looks like one name, or two, without end.
    let start = match record_length(block, 0) {
        length if length == block.len() => Some(NODE_INDEX),
        12 if record_length(block, 12) == block.len().saturating_sub(12) => Some(ROOT_INDEX),
        _ => None,
    };
    let (sum, expected) = if let Some(start) = start.filter(|_| inode.is_indexed()) {
        // The checksum lies behind the last place there is room for, and covers those in use.
        let number = |at| usize::try_from(le(block, at, 2)).map_err(|_| wrong());
        let (most, count) = (number(start)?, number(start + 2)?);
        let places = block.get(..start + count * 8).filter(|_| count <= most).ok_or_else(wrong)?;
        let tail = block.get(start + most * 8..).and_then(|rest| rest.get(..8)).ok_or_else(wrong)?;
        (crc_around(crc(seed, places), tail, 4, 4), le32(tail, 4))
    } else {
        let (names, tail) = block.split_at_checked(block.len().saturating_sub(TAIL)).ok_or_else(wrong)?;
        if !tail.starts_with(&[0, 0, 0, 0, 12, 0, 0, 0xde]) {
            return Err(wrong());
        }
        (crc(seed, names), le32(tail, 8))
    };
    if sum == expected { Ok(()) } else { Err(wrong()) }
}

/// How far the next name is from the one at `at`.
fn record_length(block: &[u8], at: usize) -> usize {
    // A block of 64 KiB is longer than the number can be.
    match usize::try_from(le(block, at.saturating_add(4), 2)) {
        Ok(0 | 0xffff) if block.len() == 1 << 16 => block.len(),
        Ok(length) => length,
        Err(_) => 0,
    }
}

/// A pass over the names of a folder.
struct Pass<'p, 'e> {
    volume: &'p Volume<'p>,
    folder: u64,
    each: &'p mut Each<'e>,
    /// What was wrong first.
    wrong: Option<Fault>,
}

impl Pass<'_, '_> {
    fn note(&mut self, fault: Fault) {
        self.wrong.get_or_insert(fault);
    }

    fn end(self) -> Result<(), Fault> {
        self.wrong.map_or(Ok(()), Err)
    }

    /// Goes over the names in a block.
    fn names(&mut self, block: &[u8]) -> ControlFlow<()> {
        let mut at = 0;
        while at < block.len() {
            let length = record_length(block, at);
            let record = block.get(at..).and_then(|rest| rest.get(..length));
            let size = usize::try_from(le(block, at.saturating_add(6), 1)).unwrap_or_default();
            let name = record.and_then(|record| record.get(HEAD..)?.get(..size)).filter(|_| length.is_multiple_of(4));
            let Some((record, name)) = record.zip(name) else {
                self.note(Fault::corrupt("its names do not follow one another"));
                break;
            };
            let inode = u64::from(le32(record, 0));
            if inode != 0 && name != b"." && name != b".." {
                self.name(inode, name, le(record, 7, 1))?;
            }
            at += length;
        }
        ControlFlow::Continue(())
    }

    fn name(&mut self, node: u64, name: &[u8], kind: u64) -> ControlFlow<()> {
        if name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            self.note(Fault::corrupt("it holds a name that is none"));
            return ControlFlow::Continue(());
        }
        if node == self.folder || node > self.volume.shape.inodes {
            self.note(Fault::corrupt("it holds a name of an inode that it cannot"));
            return ControlFlow::Continue(());
        }
        let kind = match kind {
            1 if self.volume.shape.has_kinds => EntryKind::File,
            2 if self.volume.shape.has_kinds => EntryKind::Folder,
            7 if self.volume.shape.has_kinds => EntryKind::Link,
            3..=6 if self.volume.shape.has_kinds => EntryKind::Other,
            _ => match Inode::named(self.volume, node).and_then(|inode| inode.kind()) {
                Ok(kind) => kind,
                Err(fault) => {
                    self.note(fault);
                    return ControlFlow::Continue(());
                }
            },
        };
        (self.each)(Named { name, kind, node })
    }
}
