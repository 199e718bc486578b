//! One record of the file table and its attributes, as NTFS lays them out (the documentation of the Linux-NTFS project, and
//! `ntfs_layout.h` of ntfs-3g).

use crate::disk::cluster::little;
use crate::tree::Fault;

/// Kinds of attributes.
pub(super) const LIST: u32 = 0x20;
pub(super) const NAME: u32 = 0x30;
pub(super) const VOLUME: u32 = 0x70;
pub(super) const DATA: u32 = 0x80;
pub(super) const REPARSE: u32 = 0xc0;
const END: u32 = 0xffff_ffff;

/// How an attribute's content is kept.
pub(super) const COMPRESSED: u16 = 0x0001;
pub(super) const ENCRYPTED: u16 = 0x4000;

/// How often the end of a sector carries a mark of its own.
const STRIDE: usize = 512;

/// A record, as it is on the disk but for the ends of its sectors, which are put back.
pub(super) struct Record<'r>(&'r [u8]);

impl<'r> Record<'r> {
    /// Puts the ends of its sectors back, and checks that all of them were written with it. Nothing where none was ever
    /// written there.
    pub(super) fn of(bytes: &'r mut [u8]) -> Result<Option<Self>, Fault> {
        if bytes.first_chunk() != Some(b"FILE") {
            let never = bytes.iter().all(|byte| *byte == 0);
            return if never { Ok(None) } else { Err(Fault::corrupt("a record of the file table is damaged")) };
        }
        let torn = || Fault::corrupt("a record of the file table was written in part");
        let at = little(bytes, 4, 2) as usize;
        let count = (little(bytes, 6, 2) as usize).checked_sub(1).filter(|count| count * STRIDE == bytes.len());
        let marks = count.and_then(|count| bytes.get(at..)?.get(..2 * count + 2)).ok_or_else(torn)?.to_vec();
        let (mark, kept) = marks.split_at_checked(2).ok_or_else(torn)?;
        for (sector, kept) in bytes.chunks_exact_mut(STRIDE).zip(kept.chunks_exact(2)) {
            let end = sector.get_mut(STRIDE - 2..).ok_or_else(torn)?;
            if end != mark {
                return Err(torn());
            }
            end.copy_from_slice(kept);
        }
        Ok(Some(Self(bytes)))
    }

    /// How often it was used anew.
    pub(super) fn sequence(&self) -> u16 {
        little(self.0, 0x10, 2) as u16
    }

    /// Is it of a file that is there?
    pub(super) fn in_use(&self) -> bool {
        little(self.0, 0x16, 2) & 1 != 0
    }

    /// Is it of a folder?
    pub(super) fn is_folder(&self) -> bool {
        little(self.0, 0x16, 2) & 2 != 0
    }

    /// The record that this one goes on from, where it does.
    pub(super) fn base(&self) -> Option<u64> {
        Some(number(little(self.0, 0x20, 8))).filter(|_| little(self.0, 0x20, 8) != 0)
    }

    /// Its attributes, one by one; an error ends them.
    pub(super) fn attributes(&self) -> Attributes<'r> {
        let first = little(self.0, 0x14, 2) as usize;
        let end = (little(self.0, 0x18, 4) as usize).min(self.0.len());
        Attributes { rest: Some(self.0.get(first..end).unwrap_or_default()) }
    }
}

/// The number in a reference to a record; above it stands how often that was used.
pub(super) fn number(reference: u64) -> u64 {
    reference & 0xffff_ffff_ffff
}

/// The attributes of a record that are still to come.
pub(super) struct Attributes<'r> {
    rest: Option<&'r [u8]>,
}

impl<'r> Iterator for Attributes<'r> {
    type Item = Result<Attribute<'r>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let broken = || Some(Err(Fault::corrupt("an attribute in a record of the file table is damaged")));
        let rest = self.rest.take()?;
        if rest.get(..4).is_some_and(|kind| little(kind, 0, 4) as u32 == END) {
            return None;
        }
        // A record that stops before its end mark would be one that has less than it has.
        let length = little(rest, 4, 4) as usize;
        let Some((attribute, rest)) = rest.split_at_checked(length).filter(|_| length >= 0x18) else {
            return broken();
        };
        self.rest = Some(rest);
        Some(Attribute::of(attribute).ok_or_else(|| Fault::corrupt("an attribute in a record is damaged")))
    }
}

/// One attribute of a record, or a piece of one that lies in several.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'r> {
    pub(super) kind: u32,
    /// UTF-16, as it is stored; empty for what has none.
    pub(super) name: &'r [u8],
    pub(super) flags: u16,
    /// Tells it from others of its record.
    pub(super) id: u16,
    pub(super) body: Body<'r>,
}

/// Where the content of an attribute is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'r> {
    /// In the record.
    Inside(&'r [u8]),
    /// Somewhere on the volume.
    Outside(Outside<'r>),
}

/// A piece of the content of an attribute that lies outside its record. The first piece says how large all of it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outside<'r> {
    /// The first cluster of the content that it speaks of.
    pub(super) first: u64,
    /// How many clusters are compressed together, as a power of two; 0: none.
    pub(super) unit: u16,
    /// How many bytes it has, and how many of these were ever written.
    pub(super) size: u64,
    pub(super) written: u64,
    /// Where it lies.
    pub(super) runs: &'r [u8],
}

impl<'r> Attribute<'r> {
    fn of(bytes: &'r [u8]) -> Option<Self> {
        let characters = little(bytes, 9, 1) as usize;
        let name = bytes.get(little(bytes, 10, 2) as usize..)?.get(..2 * characters)?;
        let body = if little(bytes, 8, 1) == 0 {
            let (length, at) = (little(bytes, 0x10, 4) as usize, little(bytes, 0x14, 2) as usize);
            Body::Inside(bytes.get(at..)?.get(..length)?)
        } else {
            Body::Outside(Outside {
                first: little(bytes, 0x10, 8),
                unit: little(bytes, 0x22, 2) as u16,
                size: little(bytes, 0x30, 8),
                written: little(bytes, 0x38, 8),
                runs: bytes.get(little(bytes, 0x20, 2) as usize..)?,
            })
        };
        let (flags, id) = (little(bytes, 12, 2) as u16, little(bytes, 14, 2) as u16);
        Some(Self { kind: little(bytes, 0, 4) as u32, name, flags, id, body })
    }
}
