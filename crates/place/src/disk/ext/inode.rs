//! One inode: what it is, and what of its content lies in itself.

use super::number::{crc, crc_around, le, le32};
use super::volume::Volume;
use crate::tree::{EntryKind, Fault};
use ostrakon_model::GapReason;

/// The inode of the root.
pub(super) const ROOT: u64 = 2;

/// The part of it that says where the content is, or is the content.
const MAP: usize = 0x28;
const MAP_END: usize = 0x64;
/// The size of an inode of the first revision, and where its checksum is.
const SMALL: usize = 128;
const SUM_LOW: usize = 0x7c;
const SUM_HIGH: usize = 0x82;

const ENCRYPTED: u32 = 0x800;
const INDEXED: u32 = 0x1000;
const EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;

/// What the attributes in an inode begin with, and the name of the one that is content: of the index 7, which is `system.`.
const ATTRIBUTES: u32 = 0xea02_0000;
const CONTENT: (u64, &[u8]) = (7, b"data");

pub(super) struct Inode {
    pub(super) number: u64,
    bytes: Vec<u8>,
    /// What the checksums of its blocks begin with, where there are some.
    pub(super) seed: Option<u32>,
}

impl Inode {
    pub(super) fn read(volume: &Volume<'_>, number: u64) -> Result<Self, Fault> {
        let bytes = volume.inode(number)?;
        let extra = if bytes.len() > SMALL { le(&bytes, SMALL, 2) } else { 0 };
        if extra % 4 != 0 || extra > (bytes.len() - SMALL.min(bytes.len())) as u64 {
            return Err(Fault::corrupt("its inode is longer than it can be"));
        }
        let seed = volume.shape.seed.map(|seed| {
            let number = u32::try_from(number).unwrap_or_default();
            crc(crc(seed, &number.to_le_bytes()), bytes.get(0x64..0x68).unwrap_or_default())
        });
        if let Some(seed) = seed {
            let (small, large) = bytes.split_at_checked(SMALL).unwrap_or((&bytes, &[]));
            let sum = crc_around(seed, small, SUM_LOW, 2);
            let (sum, mask, high) = if extra >= 4 {
                (crc_around(sum, large, SUM_HIGH - SMALL, 2), u32::MAX, le(&bytes, SUM_HIGH, 2) << 16)
            } else {
                (crc(sum, large), 0xffff, 0)
            };
            if u64::from(sum & mask) != high | le(&bytes, SUM_LOW, 2) {
                return Err(Fault::corrupt("its inode does not match its checksum"));
            }
        }
        let inode = Self { number, bytes, seed };
        if le(&inode.bytes, 0x1a, 2) == 0 {
            return Err(Fault::corrupt("its inode is free"));
        }
        Ok(inode)
    }

    /// Reads an inode that a folder names.
    pub(super) fn named(volume: &Volume<'_>, number: u64) -> Result<Self, Fault> {
        if number < volume.shape.first_inode && number != ROOT {
            return Err(Fault::corrupt("its inode is one of the file system's own"));
        }
        Self::read(volume, number)
    }

    pub(super) fn kind(&self) -> Result<EntryKind, Fault> {
        Ok(match le(&self.bytes, 0, 2) >> 12 {
            8 => EntryKind::File,
            4 => EntryKind::Folder,
            10 => EntryKind::Link,
            1 | 2 | 6 | 12 => EntryKind::Other,
            other => return Err(Fault::corrupt(format!("its inode is of kind {other}, which is none"))),
        })
    }

    /// The same inode, if it is of that kind and can be read without a key.
    pub(super) fn of_kind(self, kind: EntryKind) -> Result<Self, Fault> {
        if self.kind()? != kind {
            return Err(Fault::corrupt("it is not of the kind its folder says"));
        }
        if self.flag(ENCRYPTED) {
            return Err(Fault::new(GapReason::Encrypted, "the file system has it encrypted (fscrypt)"));
        }
        Ok(self)
    }

    fn flag(&self, flag: u32) -> bool {
        le32(&self.bytes, 0x20) & flag != 0
    }

    /// Is it a folder with an index?
    pub(super) fn is_indexed(&self) -> bool {
        self.flag(INDEXED)
    }

    /// Does [`Self::map`] begin a tree of extents?
    pub(super) fn has_extents(&self) -> bool {
        self.flag(EXTENTS)
    }

    pub(super) fn size(&self, volume: &Volume<'_>) -> Result<u64, Fault> {
        let low = u64::from(le32(&self.bytes, 4));
        if self.kind()? != EntryKind::File && !volume.shape.has_large_folders {
            return Ok(low);
        }
        Ok(u64::from(le32(&self.bytes, 0x6c)) << 32 | low)
    }

    /// The 60 bytes that say where the content is.
    pub(super) fn map(&self) -> &[u8] {
        self.bytes.get(MAP..MAP_END).unwrap_or_default()
    }

    /// The content that lies in the inode itself: in place of its map, and what has no room there in an attribute.
    pub(super) fn inline(&self) -> Result<Option<Vec<u8>>, Fault> {
        if !self.flag(INLINE) {
            return Ok(None);
        }
        let wrong = || Fault::corrupt("the content in its inode is not there");
        let extra = usize::try_from(le(&self.bytes, SMALL, 2)).map_err(|_| wrong())?;
        let start = SMALL.saturating_add(extra);
        if le32(&self.bytes, start) != ATTRIBUTES {
            return Err(wrong());
        }
        let area = self.bytes.get(start.saturating_add(4)..).ok_or_else(wrong)?;
        let mut rest = area;
        while le32(rest, 0) != 0 {
            let length = usize::try_from(le(rest, 0, 1)).map_err(|_| wrong())?;
            let name = rest.get(16..).and_then(|rest| rest.get(..length)).ok_or_else(wrong)?;
            if (le(rest, 1, 1), name) == CONTENT {
                let at = usize::try_from(le(rest, 2, 2)).map_err(|_| wrong())?;
                let size = usize::try_from(le32(rest, 8)).map_err(|_| wrong())?;
                let value = area.get(at..).and_then(|area| area.get(..size));
                // Else it lies in another inode, which this attribute cannot.
                let value = value.filter(|_| le32(rest, 4) == 0).ok_or_else(wrong)?;
                return Ok(Some([self.map(), value].concat()));
            }
            rest = rest.get((16 + length).next_multiple_of(4)..).ok_or_else(wrong)?;
        }
        Err(wrong())
    }
}
