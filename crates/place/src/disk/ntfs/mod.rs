//! NTFS, read from its file table (the documentation of the Linux-NTFS project; `ntfs_layout.h` of ntfs-3g). Own code: of the
//! crates, `ntfs` 0.4 gives the packed bytes of compressed files as their content, `ntfs-core` 0.9 misses folders whose index
//! goes on in another record and reads files whole, `mft` 0.9 wants the whole table in memory; none unpacks CompactOS.
//!
//! Streams beside a file's content are shown as `name:stream`; files of NTFS's own, `$MFT` and its like, are not shown.

mod boot;
mod content;
mod index;
mod lznt1;
mod lzx;
mod record;
mod runs;
mod table;
mod wof;
mod xpress;

pub use lznt1::lznt1;
pub use lzx::lzx;
pub use wof::{Wof, parse_reparse};
pub use xpress::xpress_huffman;

use super::cluster::little;
use super::filesystem::{FileSystem, Named};
use crate::container::Purse;
use crate::tree::{EntryKind, Fault, File};
use content::Compact;
use index::{Index, LOST, Link, ROOT, WOF};
use ostrakon_model::GapReason;
use record::{DATA, REPARSE, VOLUME};
use std::ops::ControlFlow;
use table::{Table, Whole};

/// The records of the log, of what the volume says of itself, and of which clusters are taken.
const LOG: u64 = 2;
const SELF: u64 = 3;
const BITMAP: u64 = 6;
/// The largest reparse point (MS-FSCC 2.1.2).
const LARGEST_REPARSE: u64 = 16 << 10;

/// An NTFS volume.
pub(in crate::disk) struct Ntfs<'a> {
    table: Table<'a>,
    index: Index<'a>,
}

/// What a file is found again by: its record, the number of a stream beside its content, and whether it was deleted.
#[derive(Clone, Copy)]
struct Node {
    record: u32,
    stream: u32,
    deleted: bool,
}

impl Node {
    fn pack(self) -> u64 {
        u64::from(self.record) | u64::from(self.stream & 0x7fff_ffff) << 32 | u64::from(self.deleted) << 63
    }

    fn of(node: u64) -> Self {
        Self { record: node as u32, stream: (node >> 32) as u32 & 0x7fff_ffff, deleted: node >> 63 != 0 }
    }
}

impl<'a> Ntfs<'a> {
    /// Opens the volume that `disk` is. Its names are kept, at the cost of `purse`.
    pub(in crate::disk) fn open(disk: &'a dyn File, purse: &'a Purse) -> Result<Self, Fault> {
        let table = Table::open(disk)?;
        let index = Index::read(&table, purse)?;
        Ok(Self { table, index })
    }

    /// The content of a file, or of a stream beside it.
    fn whole(&self, node: Node, name: &[u8]) -> Result<Option<Whole>, Fault> {
        self.table.attribute(node.record.into(), DATA, name)
    }

    fn named_stream(&self, node: Node) -> Result<Whole, Fault> {
        let known = self.index.streams(node.record).nth(node.stream as usize - 1).map(<[u8]>::to_vec);
        let gone = || Fault::corrupt("a stream of a file is not there");
        let wanted = known.ok_or_else(gone)?;
        let name = self.table.names(node.record.into(), DATA)?.into_iter().find(|name| {
            let mut text = Vec::new();
            index::encode(name, &mut text);
            text == wanted
        });
        self.whole(node, &name.ok_or_else(gone)?)?.ok_or_else(gone)
    }

    /// The content of a file that CompactOS packed.
    fn compact(&self, node: Node) -> Result<Box<dyn File + '_>, Fault> {
        let record = u64::from(node.record);
        let point = self.table.attribute(record, REPARSE, b"")?;
        let point = point.map(|point| self.table.open_attribute(point)?.read_all(LARGEST_REPARSE)).transpose()?;
        let algorithm = point.as_deref().and_then(parse_reparse).ok_or_else(|| {
            Fault::new(
                GapReason::UnsupportedFormat,
                "its content lies in a WIM file, or is packed in a way not known here",
            )
        })?;
        let size = self.whole(node, b"")?.map_or(0, |whole| whole.size());
        let name: Vec<u8> = "WofCompressedData".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let packed =
            self.whole(node, &name)?.ok_or_else(|| Fault::corrupt("the content of a packed file is not there"))?;
        Ok(Box::new(Compact::of(size, algorithm, self.table.open_attribute(packed)?)?))
    }

    /// Has nobody been given the clusters of a deleted file since?
    fn is_still_there(&self, whole: &Whole) -> Result<bool, Fault> {
        let Whole::Outside { runs, .. } = whole else { return Ok(true) };
        let bitmap =
            self.table.attribute(BITMAP, DATA, b"")?.ok_or_else(|| Fault::corrupt("no list of free clusters"))?;
        let bitmap = self.table.open_attribute(bitmap)?;
        for run in runs.list() {
            let Some(at) = run.at else { continue };
            let end = at.saturating_add(run.count);
            let mut bytes = [0; 4096];
            let mut from = at / 8;
            while from < end.div_ceil(8) {
                let read = bitmap.read_at(from, &mut bytes)?;
                let known =
                    bytes.get(..read).filter(|known| !known.is_empty()).ok_or_else(|| Fault::corrupt("short"))?;
                let taken = known.iter().enumerate().any(|(byte, bits)| {
                    let first = (from + byte as u64) * 8;
                    (0..8).any(|bit| bits >> bit & 1 == 1 && (at..end).contains(&(first + bit)))
                });
                if taken {
                    return Ok(false);
                }
                from += read as u64;
            }
        }
        Ok(true)
    }

    /// Is there something in the log that was not written where it belongs?
    fn is_unfinished(&self) -> Result<bool, Fault> {
        let dirty = match self.table.attribute(SELF, VOLUME, b"")? {
            Some(Whole::Inside(bytes)) => little(&bytes, 10, 2) & 1 != 0,
            _ => false,
        };
        let Some(log) = self.table.attribute(LOG, DATA, b"")? else { return Ok(dirty) };
        let log = self.table.open_attribute(log)?;
        let mut pages = [0; 8192];
        let read = log.read_at(0, &mut pages)?;
        let newest = pages.get(..read).unwrap_or_default().chunks(4096).filter_map(|page| {
            // The restart area: the last of the log that it knows, its clients, and whether all is done.
            let area = page.get(little(page, 0x18, 2) as usize..).filter(|_| page.starts_with(b"RSTR"))?;
            Some((little(area, 0, 8), little(area, 12, 2) == 0xffff || little(area, 14, 2) & 2 != 0))
        });
        let clean = newest.max_by_key(|(last, _)| *last).is_none_or(|(_, clean)| clean);
        Ok(dirty || !clean)
    }
}

impl FileSystem for Ntfs<'_> {
    fn root(&self) -> u64 {
        ROOT.into()
    }

    fn list(&self, folder: u64, each: &mut dyn FnMut(Named<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
        let folder = Node::of(folder).record;
        let mut tell = |link: &Link| {
            let (name, kind, record) = (self.index.name(link), self.index.kind(link.record), link.record);
            let node = Node { record, stream: 0, deleted: false };
            each(Named { name, kind, node: node.pack() })?;
            for (number, stream) in self.index.streams(record).enumerate() {
                let name = [name, b":", stream].concat();
                let node = Node { stream: u32::try_from(number + 1).unwrap_or(u32::MAX), ..node };
                each(Named { name: &name, kind: EntryKind::File, node: node.pack() })?;
            }
            ControlFlow::Continue(())
        };
        if self.index.folder(folder).iter().try_for_each(&mut tell).is_continue()
            && folder == ROOT
            && self.index.has_lost()
        {
            let _ = each(Named { name: b"$Lost", kind: EntryKind::Folder, node: LOST.into() });
        }
        Ok(())
    }

    fn open(&self, node: u64) -> Result<Box<dyn File + '_>, Fault> {
        let node = Node::of(node);
        if node.stream > 0 {
            return self.table.open_attribute(self.named_stream(node)?);
        }
        let tag = self.index.tag(node.record);
        if tag == Some(WOF) && !node.deleted {
            return self.compact(node);
        }
        let whole = self
            .whole(node, b"")?
            .ok_or_else(|| Fault::corrupt("a file that has no content, not even an empty one"))?;
        if node.deleted && !self.is_still_there(&whole)? {
            return Err(Fault { gone: true, ..Fault::corrupt("what it held was overwritten") });
        }
        let is_hole = matches!(&whole, Whole::Outside { runs, .. } if runs.list().iter().all(|run| run.at.is_none()));
        match tag {
            Some(0x8000_0013) => Err(Fault::new(GapReason::UnsupportedFormat, "deduplicated by Windows Server")),
            Some(tag) if tag & 0xffff_0fff == 0x9000_001a && is_hole && whole.size() > 0 => {
                Err(Fault::new(GapReason::Unreached, "its content is in the cloud, not on this disk"))
            }
            _ => self.table.open_attribute(whole),
        }
    }

    fn link(&self, node: u64) -> Result<Vec<u8>, Fault> {
        let record = u64::from(Node::of(node).record);
        let point =
            self.table.attribute(record, REPARSE, b"")?.ok_or_else(|| Fault::corrupt("a link without a target"))?;
        let point = self.table.open_attribute(point)?.read_all(LARGEST_REPARSE)?;
        // Symbolic links and mount points (MS-FSCC 2.1.2.4, 2.1.2.5): where the name for people is, behind the head.
        let head = if little(&point, 0, 4) == 0xa000_000c { 20 } else { 16 };
        let (at, length) = (little(&point, 8, 2) as usize, little(&point, 10, 2) as usize);
        let name = point.get(head + at..).and_then(|rest| rest.get(..length)).unwrap_or_default();
        let mut target = Vec::new();
        index::encode(name, &mut target);
        Ok(target.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect())
    }

    fn doubts(&self) -> Vec<Fault> {
        let mut doubts = self.index.doubts().to_vec();
        match self.is_unfinished() {
            Ok(false) => {}
            Ok(true) => doubts.push(Fault::new(
                GapReason::Changed,
                "it was not shut down: changes that stand in its log alone ($LogFile) are not shown",
            )),
            Err(fault) => doubts.push(Fault::new(fault.reason, format!("its log cannot be read: {}", fault.detail))),
        }
        doubts
    }

    fn deleted(&self, each: &mut dyn FnMut(&[u8], u64) -> ControlFlow<()>) {
        for (record, path) in self.index.deleted() {
            let path = [format!("/{record}").as_bytes(), &path].concat();
            if each(&path, Node { record, stream: 0, deleted: true }.pack()).is_break() {
                return;
            }
        }
    }

    fn folds_case(&self) -> bool {
        true
    }
}
