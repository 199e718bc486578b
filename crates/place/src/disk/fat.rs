//! FAT12, FAT16 and FAT32 with the long names of Windows 95 (the FAT specification of Microsoft, version 1.03): system
//! partitions of UEFI, sticks, memory cards. Own code: it tells the names and bytes before a fault, and shares its modules
//! with exFAT.
//!
//! The second table is not asked where the first is damaged. Two chains that share a cluster are both read as they are,
//! as systems do.

mod boot;
pub(in crate::disk) mod chain;
pub(in crate::disk) mod clusters;
pub(in crate::disk) mod name;
pub(in crate::disk) mod records;
#[cfg(test)]
pub(in crate::disk) mod tests;

use super::filesystem::{FileSystem, Named};
use crate::tree::{EntryKind, Fault, File};
use boot::Root;
use chain::{Chain, Content};
use clusters::Clusters;
use name::{Long, is_name, short};
use ostrakon_model::GapReason;
use records::{Record, Records};
use std::ops::ControlFlow;

/// No folder has more than 65,536 records.
const LONGEST_FOLDER: u64 = 65_536 * 32;
/// The first byte of a record that is free.
const DELETED: u8 = 0xe5;
/// The bits of a record that say what it is.
const LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
/// All these set, and none of the two above them: a part of a long name.
const LONG: u8 = 0x0f;
const LONG_MASK: u8 = 0x3f;

/// A FAT volume. Nodes are where the record of the file or folder lies; the root has none and is 0.
pub(in crate::disk) struct Fat<'a> {
    clusters: Clusters<'a>,
    root: Root,
    /// Are the numbers of clusters wider than 16 bits?
    wide: bool,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Neither it nor those behind it are used.
    End,
    Deleted,
    /// A part of a long name.
    Long,
    /// The name of the volume.
    Label,
    File,
    Folder,
}

impl<'a> Fat<'a> {
    /// Opens the volume that `file` is.
    pub(in crate::disk) fn open(file: &'a dyn File) -> Result<Self, Fault> {
        let mut sector = [0; 512];
        if file.read_at(0, &mut sector)? < sector.len() {
            return Err(Fault::new(GapReason::Truncated, "it ends within its first sector"));
        }
        let (layout, root) = boot::parse(&sector)?;
        Ok(Self { clusters: Clusters::of(file, layout), root, wide: matches!(root, Root::Chain(_)) })
    }

    /// The first cluster of a record; 0 is none.
    fn first_cluster(&self, record: &Record) -> u32 {
        let half =
            |at: usize| record.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |half| u16::from_le_bytes(*half));
        // Before FAT32, other systems kept something else in the upper half.
        let high = if self.wide { half(20) } else { 0 };
        u32::from(high) << 16 | u32::from(half(26))
    }

    /// The records of a folder.
    fn records(&self, folder: u64) -> Result<Records<'_>, Fault> {
        let chain = match self.root {
            _ if folder != 0 => {
                let record = self.clusters.record(folder)?;
                if kind(&record) != Kind::Folder {
                    return Err(Fault::corrupt("it is no folder"));
                }
                Chain::at(self.first_cluster(&record))
            }
            Root::Chain(first) => Chain::at(first),
            Root::Stretch(position, length) => Chain::stretch(position, length),
        };
        Ok(Records::of(&self.clusters, chain, None, LONGEST_FOLDER))
    }
}

impl FileSystem for Fat<'_> {
    fn root(&self) -> u64 {
        0
    }

    fn list(&self, folder: u64, each: &mut dyn FnMut(Named<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
        let is_root = folder == 0;
        let mut records = self.records(folder)?;
        if !is_root {
            // All but the root begin with themselves and the folder above. What does not is something else.
            for dots in [b".          ", b"..         "] {
                let record = records.next()?.map(|(_, record)| record);
                if !record.is_some_and(|record| record.starts_with(dots) && kind(&record) == Kind::Folder) {
                    return Err(Fault::corrupt("it does not begin as a folder does"));
                }
            }
        }
        let mut long = Long::default();
        // What is wrong with a record does not keep the others from being told.
        let mut wrong = None;
        while let Some((node, record)) = records.next()? {
            let kind = match kind(&record) {
                Kind::End => {
                    records.end(|first| !matches!(first, 0 | DELETED))?;
                    break;
                }
                Kind::Long => {
                    long.push(&record);
                    continue;
                }
                Kind::Deleted => {
                    long.clear();
                    continue;
                }
                Kind::Label => {
                    long.clear();
                    if !is_root || self.first_cluster(&record) != 0 || size(&record) != 0 {
                        wrong = Some(Fault::corrupt("it holds the name of a volume that is none"));
                    }
                    continue;
                }
                Kind::File => EntryKind::File,
                Kind::Folder => EntryKind::Folder,
            };
            let name = long.take(&record).unwrap_or_else(|| short(&record));
            if !is_name(&name) {
                wrong = Some(Fault::corrupt("it holds a name that is none"));
            } else if each(Named { name: &name, kind, node }).is_break() {
                return Ok(());
            }
        }
        wrong.map_or(Ok(()), Err)
    }

    fn open(&self, node: u64) -> Result<Box<dyn File + '_>, Fault> {
        let record = self.clusters.record(node)?;
        if kind(&record) != Kind::File {
            return Err(Fault::corrupt("it is no file"));
        }
        let size = size(&record);
        let chain = match self.first_cluster(&record) {
            // Files that are empty, or should be.
            0 => Chain::stretch(0, 0),
            first => Chain::at(first),
        };
        Ok(Box::new(Content::of(&self.clusters, chain, size, size)))
    }

    fn link(&self, _node: u64) -> Result<Vec<u8>, Fault> {
        Err(Fault::corrupt("FAT has no links"))
    }

    fn folds_case(&self) -> bool {
        true
    }
}

fn kind(record: &Record) -> Kind {
    let [first, .., attributes] = record.first_chunk::<12>().copied().unwrap_or_default();
    match first {
        0 => Kind::End,
        DELETED => Kind::Deleted,
        _ if attributes & LONG_MASK == LONG => Kind::Long,
        _ if attributes & LABEL != 0 => Kind::Label,
        _ if attributes & FOLDER != 0 => Kind::Folder,
        _ => Kind::File,
    }
}

/// How large the file of a record is.
fn size(record: &Record) -> u64 {
    record.last_chunk().map_or(0, |size| u32::from_le_bytes(*size)).into()
}
