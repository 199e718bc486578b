//! The inodes: what is known of a file but its name.

use super::sum;
use super::volume::{Volume, number, usize_of};
use crate::tree::{EntryKind, Fault};

/// How the data of an inode is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In the inode.
    Local,
    /// In extents that the inode lists.
    Extents,
    /// In extents that a tree lists, whose root is in the inode.
    Tree,
}

/// An inode that is in use.
pub(super) struct Inode {
    pub(super) number: u64,
    pub(super) kind: EntryKind,
    /// None for devices, pipes and sockets.
    pub(super) form: Option<Form>,
    pub(super) size: u64,
    /// How many extents its data has.
    pub(super) extents: u64,
    /// How many blocks it has in all.
    pub(super) blocks: u64,
    /// Are all its blocks data, so that none are for attributes?
    pub(super) only_data: bool,
    /// Does its data lie on the real-time device?
    pub(super) real_time: bool,
    /// What the inode itself holds of its data, or of where that lies.
    pub(super) fork: Vec<u8>,
}

/// Of the flags: on the real-time device; counts of extents are large.
const REAL_TIME: u64 = 0x1;
const LARGE_COUNTS: u64 = 0x10;
/// The size of an extent in a list.
pub(super) const EXTENT: u64 = 16;

impl Inode {
    /// Reads the inode of that number.
    pub(super) fn read(volume: &Volume<'_>, inode: u64) -> Result<Self, Fault> {
        let contradiction = || Fault::corrupt("its inode contradicts itself");
        let bytes = volume.inode(inode)?;
        let field = |at, length| number(&bytes, at, length);
        if !bytes.starts_with(b"IN") {
            return Err(Fault::corrupt("its inode is not one"));
        }
        let version = field(4, 1)?;
        let head = if volume.sealed {
            if !sum::holds(&bytes, 100) {
                return Err(Fault::corrupt("the checksum of its inode is wrong"));
            }
            if field(152, 8)? != inode || !volume.is_uuid(&bytes, 160) {
                return Err(Fault::corrupt("its inode belongs elsewhere"));
            }
            176
        } else {
            100
        };
        if !(if volume.sealed { version == 3 } else { matches!(version, 1 | 2) }) {
            return Err(contradiction());
        }
        let kind = match field(2, 2)? >> 12 {
            0 => return Err(Fault::corrupt("its inode is not in use")),
            0o04 => EntryKind::Folder,
            0o10 => EntryKind::File,
            0o12 => EntryKind::Link,
            0o01 | 0o02 | 0o06 | 0o14 => EntryKind::Other,
            _ => return Err(contradiction()),
        };
        let form = match (field(5, 1)?, kind) {
            (0, EntryKind::Other) => None,
            (1, EntryKind::Folder | EntryKind::Link) => Some(Form::Local),
            (2, EntryKind::Folder | EntryKind::Link | EntryKind::File) => Some(Form::Extents),
            (3, EntryKind::Folder | EntryKind::Link | EntryKind::File) => Some(Form::Tree),
            _ => return Err(contradiction()),
        };
        let large = version == 3 && field(120, 8)? & LARGE_COUNTS != 0;
        let extents = if large { field(24, 8)? } else { field(76, 4)? };
        let rest = bytes.get(head..).unwrap_or_default();
        let attributes = usize_of(field(82, 1)? * 8)?;
        let fork = if attributes == 0 { rest } else { rest.get(..attributes).ok_or_else(contradiction)? };
        let inode = Self {
            number: inode,
            kind,
            form,
            size: field(56, 8)?,
            extents,
            blocks: field(64, 8)?,
            only_data: attributes == 0 || field(83, 1)? == 1,
            real_time: kind == EntryKind::File && field(90, 2)? & REAL_TIME != 0,
            fork: fork.to_vec(),
        };
        let fits = extents <= fork.len() as u64 / EXTENT;
        let right = match form {
            None => true,
            Some(Form::Local) => inode.size <= fork.len() as u64,
            Some(Form::Extents) => fits,
            Some(Form::Tree) => !fits,
        };
        // Files can share blocks, even with themselves, and so have more of them than there are.
        let possible = inode.size <= u64::MAX >> 1 && (kind == EntryKind::File || inode.blocks <= volume.size);
        if right && possible { Ok(inode) } else { Err(contradiction()) }
    }
}
