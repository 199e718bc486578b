//! ext2, ext3 and ext4, as Documentation/filesystems/ext4 of the kernel and its own reader have them: what Linux lies on.
//! Own code: `ext4-view` 1.0 wants a reader that it owns and that lives as long as the program, which a borrowed `&dyn File`
//! is not, and read 987 files a second.
//!
//! Checksums are compared wherever the file system has them: of the superblock, the descriptors of groups, inodes, blocks of
//! folders and of trees of extents. What the journal holds is read in place of what it is to be written over. Attributes,
//! owners and times are not looked at, nor is content that needs a key.

mod folder;
mod inode;
mod journal;
mod map;
mod number;
mod shape;
#[cfg(test)]
mod tests;
mod volume;

use super::filesystem::{FileSystem, Named};
use crate::tree::{EntryKind, Fault, File};
use inode::Inode;
use journal::Journal;
use map::Map;
use ostrakon_model::GapReason;
use shape::Shape;
use std::ops::ControlFlow;
use volume::{Volume, fill};

const LONGEST_LINK: u64 = 4096;

/// An open file system of the family.
pub(in crate::disk) struct Ext<'a> {
    volume: Volume<'a>,
    doubt: Option<String>,
}

impl<'a> Ext<'a> {
    /// Opens a file system that begins where `file` does. Its journal is gone over if it was not unmounted.
    ///
    /// # Errors
    /// Where there is none, where it is damaged, and where it needs what is not known here.
    pub(in crate::disk) fn open(file: &'a dyn File) -> Result<Self, Fault> {
        let mut superblock = [0; shape::SIZE];
        if fill(file, shape::PLACE, &mut superblock)? < superblock.len() {
            return Err(volume::cut());
        }
        let shape = Shape::of(&superblock)?;
        let matches = shape.matches(&superblock);
        if !shape.is_dirty {
            let volume = Volume::of(file, shape, Journal::default());
            return if matches { Ok(Self { volume, doubt: None }) } else { Err(differs()) };
        }
        let below = Volume::of(file, shape, Journal::default());
        let (journal, result) = Journal::of(&below);
        let doubt = result.err().map(|fault| format!("its journal was not replayed to its end: {}", fault.detail));
        let mut volume = Volume::of(file, below.shape, journal);
        // The superblock may be in the journal too. One of the two has to be whole.
        volume.read(shape::PLACE, &mut superblock)?;
        match Shape::of(&superblock) {
            Ok(shape) if shape.matches(&superblock) && shape.block_size == volume.shape.block_size => {
                volume.shape = shape
            }
            _ if matches => {}
            _ => return Err(differs()),
        }
        Ok(Self { volume, doubt })
    }

    /// Why what is read may be older than what was written: a journal that could not be replayed.
    fn doubt(&self) -> Option<String> {
        self.doubt.clone()
    }

    fn inode(&self, node: u64, kind: EntryKind) -> Result<Inode, Fault> {
        Inode::named(&self.volume, node)?.of_kind(kind)
    }
}

fn differs() -> Fault {
    Fault::corrupt("its superblock does not match its checksum")
}

impl FileSystem for Ext<'_> {
    fn root(&self) -> u64 {
        inode::ROOT
    }

    fn doubts(&self) -> Vec<Fault> {
        self.doubt().map(|words| Fault::new(GapReason::Changed, words)).into_iter().collect()
    }

    fn list(&self, folder: u64, each: &mut dyn FnMut(Named<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
        folder::list(&self.volume, self.inode(folder, EntryKind::Folder)?, each)
    }

    fn open(&self, node: u64) -> Result<Box<dyn File + '_>, Fault> {
        Ok(Box::new(Regular::of(&self.volume, self.inode(node, EntryKind::File)?)?))
    }

    fn link(&self, node: u64) -> Result<Vec<u8>, Fault> {
        let inode = self.inode(node, EntryKind::Link)?;
        let size = inode.size(&self.volume)?;
        let length = usize::try_from(size).ok().filter(|_| (1..=LONGEST_LINK).contains(&size));
        let mut target = vec![0; length.ok_or_else(|| Fault::corrupt("it points further than a link can"))?];
        // One that is short lies in place of the map, whatever else the inode says.
        match inode.map().get(..target.len()).filter(|_| target.len() < inode.map().len()) {
            Some(short) => target.copy_from_slice(short),
            None => {
                Regular::of(&self.volume, inode)?.read_at(0, &mut target)?;
            }
        }
        if target.contains(&0) { Err(Fault::corrupt("what it points to ends too soon")) } else { Ok(target) }
    }
}

/// An open file, or the target of a link.
struct Regular<'v> {
    map: Map<'v>,
    size: u64,
    /// The content that lies in the inode; what it is too short for is 0.
    inline: Option<Vec<u8>>,
}

impl<'v> Regular<'v> {
    fn of(volume: &'v Volume<'_>, inode: Inode) -> Result<Self, Fault> {
        let (size, inline) = (inode.size(volume)?, inode.inline()?);
        let map = Map::of(volume, inode);
        if size.div_ceil(volume.shape.block_size as u64) > map.most() {
            return Err(Fault::corrupt("it is larger than its map can be"));
        }
        Ok(Self { map, size, inline })
    }
}

impl File for Regular<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = left.min(buffer.len());
        let mut rest = buffer.get_mut(..length).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let piece = self.piece(at, rest)?;
            at += piece as u64;
            rest = rest.get_mut(piece..).unwrap_or_default();
        }
        Ok(length)
    }
}

impl Regular<'_> {
    /// Reads what lies side by side from `at` on, and gives how much that was.
    fn piece(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        if let Some(inline) = &self.inline {
            let bytes = usize::try_from(at).ok().and_then(|at| inline.get(at..)).unwrap_or_default();
            let (filled, zeros) = buffer.split_at_mut(bytes.len().min(buffer.len()));
            filled.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            zeros.fill(0);
            return Ok(buffer.len());
        }
        let volume = self.map.volume;
        let size = volume.shape.block_size as u64;
        let (run, within) = (self.map.run(at / size)?, at % size);
        let length = usize::try_from(run.count * size - within).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..length).unwrap_or_default();
        match run.place {
            Some(place) => volume.read(place * size + within, piece)?,
            None => piece.fill(0),
        }
        Ok(length)
    }
}
