//! XFS volumes of versions 4 and 5 (the XFS Algorithms and Data Structures of kernel.org, and fs/xfs/libxfs of the kernel).
//! Own code: what reads XFS outside a kernel is either the tools of its makers or does not check what it reads.
//!
//! Folders are read by their blocks of names, in the order they are stored; the trees that find a name, free space or an
//! inode are not looked at, and neither are attributes, owners and times. All that version 5 seals is checked: checksum,
//! place, owner and UUID. The log is not applied: [`Xfs::doubt`] says where that may matter.

mod content;
mod inode;
mod log;
mod map;
mod names;
mod sum;
#[cfg(test)]
mod tests;
mod volume;

use super::filesystem::{FileSystem, Named};
use crate::tree::{EntryKind, Fault, File};
use content::Regular;
use inode::Inode;
use names::Stored;
use ostrakon_model::GapReason;
use std::ops::ControlFlow;
use volume::Volume;

/// A volume of XFS. Its nodes are the numbers of inodes.
pub(in crate::disk) struct Xfs<'a> {
    volume: Volume<'a>,
}

impl<'a> Xfs<'a> {
    /// Opens the volume that `file` is from its first byte on.
    ///
    /// # Errors
    /// Where its superblock is none, contradicts itself, or asks for features that are not known.
    pub(in crate::disk) fn open(file: &'a dyn File) -> Result<Self, Fault> {
        Ok(Self { volume: Volume::open(file)? })
    }

    /// Why what is read may not be what was last written, if it may not.
    fn doubt(&self) -> Option<String> {
        if self.volume.needs_repair {
            return Some("it is marked as in need of a repair".into());
        }
        if self.volume.log.0 == 0 {
            return Some("its log lies on another device: whether that has changes it lacks is not known".into());
        }
        match log::is_clean(&self.volume) {
            Ok(true) => None,
            Ok(false) => Some("it was not unmounted cleanly: changes that are only in its log are not seen".into()),
            Err(fault) => Some(format!("its log cannot be read, so changes may be missing: {}", fault.detail)),
        }
    }

    /// The inode `node`, which must be of this kind.
    fn inode(&self, node: u64, kind: EntryKind) -> Result<Inode, Fault> {
        let inode = Inode::read(&self.volume, node)?;
        if inode.kind == kind { Ok(inode) } else { Err(Fault::corrupt("it is not of the kind its folder says")) }
    }

    /// What a name stands for. Where the folder does not say, the inode does.
    fn kind(&self, stored: &Stored<'_>) -> Result<EntryKind, Fault> {
        Ok(match stored.kind {
            0 => Inode::read(&self.volume, stored.node)?.kind,
            1 => EntryKind::File,
            2 => EntryKind::Folder,
            // Devices, pipes and sockets, and the mark of an overlay that says a name is not there.
            3..=6 | 8 => EntryKind::Other,
            7 => EntryKind::Link,
            other => return Err(Fault::corrupt(format!("it holds a name of kind {other}, which is none"))),
        })
    }
}

impl FileSystem for Xfs<'_> {
    fn root(&self) -> u64 {
        self.volume.root
    }

    fn doubts(&self) -> Vec<Fault> {
        self.doubt().map(|words| Fault::new(GapReason::Changed, words)).into_iter().collect()
    }

    fn list(&self, folder: u64, each: &mut dyn FnMut(Named<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
        let inode = self.inode(folder, EntryKind::Folder)?;
        // A name whose kind cannot be found out is the fault of the folder, which is given once the others are told.
        let mut unknown = None;
        names::names(&self.volume, &inode, &mut |stored| match self.kind(&stored) {
            Ok(kind) => each(Named { name: stored.name, kind, node: stored.node }),
            Err(fault) => {
                unknown.get_or_insert(fault);
                ControlFlow::Continue(())
            }
        })?;
        unknown.map_or(Ok(()), Err)
    }

    fn open(&self, node: u64) -> Result<Box<dyn File + '_>, Fault> {
        let inode = self.inode(node, EntryKind::File)?;
        if inode.real_time {
            return Err(Fault::new(GapReason::UnsupportedFormat, "its content lies on a real-time device"));
        }
        Ok(Box::new(Regular::of(&self.volume, &inode)?))
    }

    fn link(&self, node: u64) -> Result<Vec<u8>, Fault> {
        content::link(&self.volume, &self.inode(node, EntryKind::Link)?)
    }

    fn folds_case(&self) -> bool {
        self.volume.folds
    }
}
