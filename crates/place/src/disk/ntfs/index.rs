//! All names of a volume, gathered in one pass over its file table: of files that are there, and of those that were deleted
//! and whose record nobody has used since. The indexes of folders are not read: what every record says of itself is the same,
//! lies in one row, and is there for deleted files too.

use super::record::{Attribute, Attributes, Body, DATA, NAME, REPARSE, Record, number};
use super::table::Table;
use crate::container::Purse;
use crate::container::purse::Held;
use crate::disk::cluster::{field, little};
use crate::tree::{EntryKind, Fault};
use ostrakon_model::GapReason;
use std::collections::{HashMap, HashSet};

/// The root folder, and the first record that is not NTFS's own.
pub(super) const ROOT: u32 = 5;
const FIRST: u32 = 24;
/// The folder that stands for those of files which no folder has.
pub(super) const LOST: u32 = u32::MAX;
/// How much of the table is read at once.
const PIECE: usize = 1 << 20;
/// After so many pieces that cannot be read, the rest is left.
const MOST_DOUBTS: usize = 8;
/// Names that DOS would see: another name of the same file stands beside each.
const DOS: u8 = 2;

/// What tag a reparse point has whose file Windows packed.
pub(super) const WOF: u32 = 0x8000_0017;

/// The names of a volume.
#[derive(Default)]
pub(super) struct Index<'p> {
    records: Vec<Info>,
    /// Sorted by folder.
    links: Vec<Link>,
    /// Of deleted files.
    gone: Vec<Link>,
    /// Streams beside the content of files, sorted by record.
    streams: Vec<Stream>,
    /// The names of all of these.
    text: Vec<u8>,
    /// The tags of reparse points.
    tags: HashMap<u32, u32>,
    doubts: Vec<Fault>,
    held: Option<Held<'p>>,
}

#[derive(Clone, Copy, Default)]
struct Info {
    sequence: u16,
    state: u8,
}

const IN_USE: u8 = 1;
const FOLDER: u8 = 2;
const NAMED: u8 = 4;
const PART: u8 = 8;

/// A name in a folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    folder: u32,
    pub(super) record: u32,
    name: Text,
    /// How often the folder's record had been used when this was its folder.
    sequence: u16,
}

#[derive(Debug, Clone, Copy)]
struct Text {
    at: u32,
    length: u16,
}

struct Stream {
    record: u32,
    name: Text,
}

impl<'p> Index<'p> {
    /// Reads the table once.
    pub(super) fn read(table: &Table<'_>, purse: &'p Purse) -> Result<Self, Fault> {
        let count = u32::try_from(table.count()).ok().filter(|count| *count < LOST);
        let count = count.ok_or_else(|| Fault::new(GapReason::Limit, "more files than this reader counts"))?;
        let mut index = Self { held: Some(Held::none(purse)), ..Self::default() };
        let size = table.boot.record;
        let mut piece = vec![0; PIECE];
        let (mut damaged, mut first_fault) = (0_u64, None);
        let mut number = 0;
        while number < count {
            purse.time()?;
            let read = match table.read(u64::from(number) * size as u64, &mut piece) {
                Ok(read) => read,
                Err(fault) => {
                    // Behind what cannot be read there may be more.
                    let lost = (PIECE / size) as u32;
                    index.records.resize((number.saturating_add(lost)).min(count) as usize, Info::default());
                    number = number.saturating_add(lost);
                    let detail = format!("a part of the file table cannot be read: {}", fault.detail);
                    index.doubts.push(Fault::new(fault.reason, detail));
                    if index.doubts.len() >= MOST_DOUBTS {
                        let left = u64::from(count.saturating_sub(number));
                        index
                            .doubts
                            .push(Fault::new(GapReason::Truncated, format!("{left} records behind it are left")));
                        return Ok(index.end());
                    }
                    continue;
                }
            };
            if read < size {
                let left = count - number;
                let detail = format!("the file table ends {left} records before it says it does");
                index.doubts.push(Fault::new(GapReason::Truncated, detail));
                break;
            }
            let before = index.weight();
            for bytes in piece.get_mut(..read).unwrap_or_default().chunks_exact_mut(size) {
                if number >= count {
                    break;
                }
                if let Err(fault) = index.add(number, bytes) {
                    damaged += 1;
                    first_fault.get_or_insert(fault);
                }
                number += 1;
            }
            let more = index.weight().saturating_sub(before);
            index.held.as_mut().map_or(Ok(()), |held| held.more(more))?;
        }
        if let Some(fault) = first_fault {
            let detail = format!("{damaged} record(s) of its file table cannot be read: {}", fault.detail);
            index.doubts.push(Fault::new(fault.reason, detail));
        }
        Ok(index.end())
    }

    /// How much memory it takes, in bytes.
    fn weight(&self) -> u64 {
        let lists = (self.links.capacity() + self.gone.capacity()) * size_of::<Link>()
            + self.records.capacity() * size_of::<Info>()
            + self.streams.capacity() * size_of::<Stream>()
            + self.tags.len() * 2 * size_of::<(u32, u32)>();
        (lists + self.text.capacity()) as u64
    }

    fn add(&mut self, number: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        let at = number as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, Info::default());
        }
        let Some(record) = Record::of(bytes)? else { return Ok(()) };
        let in_use = record.in_use();
        let base = record.base().and_then(|base| u32::try_from(base).ok());
        if record.base().is_some() {
            self.info(number, |info| info.state |= PART);
            // What was deleted is told by its first record alone.
            if !in_use {
                return Ok(());
            }
        }
        let owner = base.unwrap_or(number);
        self.info(number, |info| {
            info.sequence = record.sequence();
            info.state |= if in_use { IN_USE } else { 0 } | if record.is_folder() { FOLDER } else { 0 };
        });
        if owner < FIRST && owner != ROOT {
            return Ok(());
        }
        self.attributes(owner, in_use, record.attributes())
    }

    fn attributes(&mut self, owner: u32, in_use: bool, attributes: Attributes<'_>) -> Result<(), Fault> {
        for attribute in attributes {
            let Attribute { kind, name, body, .. } = attribute?;
            match (kind, body) {
                (NAME, Body::Inside(value)) => self.link(owner, in_use, value),
                (DATA, _) if !name.is_empty() && in_use => {
                    // A stream in several pieces is told once.
                    let first = match body {
                        Body::Outside(outside) => outside.first == 0,
                        Body::Inside(_) => true,
                    };
                    if first {
                        let name = self.text(name)?;
                        self.streams.push(Stream { record: owner, name });
                    }
                }
                (REPARSE, Body::Inside(value)) => drop(self.tags.insert(owner, little(value, 0, 4) as u32)),
                (REPARSE, Body::Outside(_)) => drop(self.tags.insert(owner, 0)),
                _ => {}
            }
        }
        Ok(())
    }

    fn link(&mut self, owner: u32, in_use: bool, value: &[u8]) {
        let (characters, space) = (little(value, 0x40, 1) as usize, little(value, 0x41, 1) as u8);
        let name = field(value, 0x42, 2 * characters);
        let reference = little(value, 0, 8);
        let folder = u32::try_from(number(reference)).unwrap_or(LOST);
        if space == DOS || name.is_empty() || owner == ROOT {
            return;
        }
        let Ok(name) = self.text(name) else { return };
        self.info(owner, |info| info.state |= NAMED);
        let link = Link { folder, record: owner, name, sequence: (reference >> 48) as u16 };
        if in_use { self.links.push(link) } else { self.gone.push(link) }
    }

    fn info(&mut self, number: u32, change: impl FnOnce(&mut Info)) {
        let at = number as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, Info::default());
        }
        if let Some(info) = self.records.get_mut(at) {
            change(info);
        }
    }

    /// Keeps a name.
    fn text(&mut self, name: &[u8]) -> Result<Text, Fault> {
        let at = u32::try_from(self.text.len());
        let at = at.map_err(|_| Fault::new(GapReason::Limit, "more names than this reader keeps"))?;
        encode(name, &mut self.text);
        Ok(Text { at, length: u16::try_from(self.text.len() - at as usize).unwrap_or(u16::MAX) })
    }

    /// Puts names in order, and finds those that no folder has.
    fn end(mut self) -> Self {
        let mut lost = 0;
        let records = &self.records;
        let is_folder = |number: u32, sequence: u16| {
            let info = records.get(number as usize).copied().unwrap_or_default();
            info.state & (IN_USE | FOLDER) == IN_USE | FOLDER && info.sequence == sequence
        };
        for link in &mut self.links {
            // Folders of NTFS's own are not told, nor what lies in them.
            if !is_folder(link.folder, link.sequence) && (link.folder >= FIRST || link.folder == ROOT) {
                link.folder = LOST;
                lost += 1;
            }
        }
        lost += self.cut_circles();
        for (number, info) in self.records.iter().enumerate().skip(FIRST as usize) {
            if info.state & (IN_USE | NAMED | PART) == IN_USE {
                let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
                let name = format!("record-{number}");
                self.text.extend_from_slice(name.as_bytes());
                let (name, record) = (Text { at, length: name.len() as u16 }, number as u32);
                self.links.push(Link { folder: LOST, record, name, sequence: 0 });
                lost += 1;
            }
        }
        if lost > 0 {
            let detail = format!("{lost} file(s) or folder(s) lie in no folder; they are shown in $Lost");
            self.doubts.push(Fault::corrupt(detail));
        }
        self.links.sort_unstable_by_key(|link| (link.folder, link.record, link.name.at));
        self.streams.sort_by_key(|stream| stream.record);
        self
    }

    /// Takes folders that lie in themselves, by way of others, out of these; gives how many.
    fn cut_circles(&mut self) -> u64 {
        let mut above = vec![LOST; self.records.len()];
        for link in &self.links {
            if let Some(slot) = above.get_mut(link.record as usize) {
                *slot = link.folder;
            }
        }
        // 0: not known, 1: on the way, 2: it leads to the root.
        let mut known = vec![0_u8; self.records.len()];
        let mut cut = HashSet::new();
        let mut way = Vec::new();
        for start in 0..self.records.len() {
            way.clear();
            let mut at = start;
            while let Some(state) = known.get_mut(at).filter(|state| **state == 0) {
                *state = 1;
                way.push(at);
                at = if at == ROOT as usize { usize::MAX } else { above.get(at).map_or(usize::MAX, |it| *it as usize) };
            }
            if known.get(at) == Some(&1) {
                cut.insert(at as u32);
            }
            for at in &way {
                if let Some(state) = known.get_mut(*at) {
                    *state = 2;
                }
            }
        }
        self.links.iter_mut().filter(|link| cut.contains(&link.record)).for_each(|link| link.folder = LOST);
        cut.len() as u64
    }

    /// What is wrong with the table.
    pub(super) fn doubts(&self) -> &[Fault] {
        &self.doubts
    }

    /// The names in a folder.
    pub(super) fn folder(&self, folder: u32) -> &[Link] {
        let start = self.links.partition_point(|link| link.folder < folder);
        let rest = self.links.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|link| link.folder == folder)).unwrap_or_default()
    }

    /// Has a file no folder?
    pub(super) fn has_lost(&self) -> bool {
        self.links.last().is_some_and(|link| link.folder == LOST)
    }

    pub(super) fn name(&self, link: &Link) -> &[u8] {
        self.part(link.name)
    }

    fn part(&self, text: Text) -> &[u8] {
        self.text.get(text.at as usize..).and_then(|rest| rest.get(..text.length.into())).unwrap_or_default()
    }

    /// The streams of a file, but those that hold its packed content.
    pub(super) fn streams(&self, record: u32) -> impl Iterator<Item = &[u8]> {
        let start = self.streams.partition_point(|stream| stream.record < record);
        let own =
            self.streams.get(start..).unwrap_or_default().iter().take_while(move |stream| stream.record == record);
        own.map(|stream| self.part(stream.name))
            .filter(move |name| *name != b"WofCompressedData" || self.tag(record) != Some(WOF))
    }

    /// The tag of a file's reparse point.
    pub(super) fn tag(&self, record: u32) -> Option<u32> {
        self.tags.get(&record).copied()
    }

    /// What a record is of.
    pub(super) fn kind(&self, record: u32) -> EntryKind {
        let is_folder = self.records.get(record as usize).is_some_and(|info| info.state & FOLDER != 0);
        match self.tag(record) {
            // Pipes, sockets and devices of Linux.
            Some(0x8000_0023..=0x8000_0026) => EntryKind::Other,
            // The bit of those that stand for something elsewhere: links, junctions, mount points.
            Some(tag) if tag & 0x2000_0000 != 0 => EntryKind::Link,
            _ if is_folder => EntryKind::Folder,
            _ => EntryKind::File,
        }
    }

    /// The deleted files, each with the path it had, as far as its folders are known.
    pub(super) fn deleted(&self) -> impl Iterator<Item = (u32, Vec<u8>)> {
        let mut folders: HashMap<u32, &Link> = HashMap::new();
        if !self.gone.is_empty() {
            let is_folder =
                |link: &&Link| self.records.get(link.record as usize).is_some_and(|info| info.state & FOLDER != 0);
            folders.extend(self.gone.iter().chain(&self.links).filter(is_folder).map(|link| (link.record, link)));
        }
        let files = self.gone.iter().filter(|link| self.kind(link.record) == EntryKind::File);
        files.map(move |link| {
            let mut parts = vec![self.name(link)];
            let mut at = link;
            // No path is deeper.
            while parts.len() < 256 && at.folder != ROOT {
                let info = self.records.get(at.folder as usize).copied().unwrap_or_default();
                // Deleting counts as one use.
                let uses = if info.state & IN_USE == 0 { at.sequence.wrapping_add(1) } else { at.sequence };
                let Some(folder) = folders.get(&at.folder).filter(|_| info.sequence == uses) else { break };
                parts.push(self.name(folder));
                at = folder;
            }
            let path = parts.iter().rev().fold(Vec::new(), |path, part| [&path, &b"/"[..], part].concat());
            (link.record, path)
        })
    }
}

/// UTF-16 as UTF-8; a half of a pair that stands alone becomes the three bytes that it would be (WTF-8).
pub(super) fn encode(name: &[u8], into: &mut Vec<u8>) {
    let units = name.chunks_exact(2).map(|pair| little(pair, 0, 2) as u16);
    for character in char::decode_utf16(units) {
        match character {
            Ok(character) => into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(error) => {
                let half = error.unpaired_surrogate();
                into.extend([0xe0 | (half >> 12) as u8, 0x80 | (half >> 6 & 0x3f) as u8, 0x80 | (half & 0x3f) as u8]);
            }
        }
    }
}
