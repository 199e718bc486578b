//! Compound files (MS-CFB): streams in folders, each a chain of sectors that a table of links leads along. Own code where a
//! crate would do: `cfb` 0.16 takes the list of tables at its word, and one that names the same table over and over makes it
//! keep 127 times the file.

use super::bytes::{le16, le32, le64};
use super::part::Part;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What every compound file begins with.
pub(super) const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// The links above this one lead nowhere.
const LAST_SECTOR: u32 = 0xffff_fffa;
/// An entry of the directory that is none.
const NOTHING: u32 = u32::MAX;
/// The size of an entry of the directory.
const ENTRY: usize = 128;
/// How many entries a directory may have; real packages have some thousands.
const MOST_ENTRIES: u64 = 1 << 16;
/// How deep its folders may lie in each other; real ones have two.
const DEEPEST: usize = 8;
/// A small sector has 64 bytes.
const SMALL: u32 = 6;

/// An open compound file.
pub(super) struct Compound<'a> {
    sectors: Links<'a>,
    small: Links<'a>,
    /// Streams of fewer bytes lie in small sectors.
    cutoff: u64,
    /// Entries of the directory, the root first.
    entries: Vec<Entry>,
    /// What it takes in memory, as far as its file decides that.
    pub(super) kept: u64,
}

/// An entry of the directory.
pub(super) struct Entry {
    /// Its name, in UTF-16.
    pub(super) name: Vec<u16>,
    pub(super) kind: Kind,
    /// What programs its folder is for.
    pub(super) class: [u8; 16],
    /// The entry of its folder, where the directory leads to it.
    folder: Option<usize>,
    left: u32,
    right: u32,
    child: u32,
    start: u32,
    size: u64,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Folder,
    Stream,
}

/// The class of the root folder: two small reads, to tell one kind of compound file from another.
pub(super) fn class_of_root(file: &dyn File) -> Result<[u8; 16], Fault> {
    let header = header(file)?;
    let mut entry = [0; ENTRY];
    let start = (u64::from(le32(&header, 48)) + 1) << le16(&header, 30);
    if file.read_at(start, &mut entry)? < ENTRY {
        return Err(Fault::new(GapReason::Truncated, "it ends before its directory"));
    }
    Ok(Entry::read(&entry, true).class)
}

/// The header, of a kind that is known.
fn header(file: &dyn File) -> Result<[u8; 512], Fault> {
    let mut header = [0; 512];
    if file.read_at(0, &mut header)? < header.len() {
        return Err(Fault::new(GapReason::Truncated, "it ends inside its header"));
    }
    let sizes = (le16(&header, 30), le16(&header, 32));
    if !header.starts_with(MAGIC) || !matches!(sizes, (9 | 12, 6)) {
        return Err(Fault::corrupt("its header is none of a compound file"));
    }
    Ok(header)
}

impl<'a> Compound<'a> {
    pub(super) fn open(file: &'a dyn File) -> Result<Self, Fault> {
        let header = header(file)?;
        let shift = u32::from(le16(&header, 30));
        let size = file.size()?.saturating_sub(1 << shift);
        let count = size.div_ceil(1 << shift);
        let content: Rc<dyn File + 'a> = Rc::new(Part::of(file, 1 << shift, size));
        let (runs, tables) = tables(&header, content.as_ref(), shift, count)?;
        let table = Chain { base: content.clone(), shift, size: tables << shift, runs };
        let sectors = Links::of(table, content, shift, count);
        let directory = sectors.chain(le32(&header, 48), None)?;
        let entries = entries(&directory)?;
        let root = entries.first().ok_or_else(|| Fault::corrupt("its directory is empty"))?;
        let (start, size) = (root.start, if shift == 9 { root.size & 0xffff_ffff } else { root.size });
        let of_small = sectors.chain(le32(&header, 60), Some(u64::from(le32(&header, 64)) << shift))?;
        let content = sectors.chain(start, Some(size))?;
        let kept = sectors.table.kept() + of_small.kept() + content.kept() + entries.len() as u64 * Entry::KEPT;
        let small = Links::of(of_small, Rc::new(content), SMALL, size >> SMALL);
        Ok(Self { sectors, small, cutoff: u64::from(le32(&header, 56)), entries, kept })
    }

    /// Its streams, in the order of the directory.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.kind == Kind::Stream && entry.folder.is_some())
    }

    /// The entry of this number; the root folder's is 0.
    pub(super) fn entry(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number)
    }

    /// What lies in the folder of this number, with numbers.
    pub(super) fn inside(&self, folder: usize) -> impl Iterator<Item = (usize, &Entry)> {
        // The root lies in itself.
        self.entries.iter().enumerate().skip(1).filter(move |(_, entry)| entry.folder == Some(folder))
    }

    /// The folders that an entry lies in, the innermost first, without the root.
    pub(super) fn folders(&self, entry: &Entry) -> impl Iterator<Item = &Entry> {
        let above = |at: &Option<usize>| at.filter(|at| *at != 0).and_then(|at| self.entries.get(at));
        std::iter::successors(above(&entry.folder), move |folder| above(&folder.folder)).take(DEEPEST)
    }

    /// What a stream holds.
    pub(super) fn open_stream(&self, entry: &Entry) -> Result<Chain<'a>, Fault> {
        let links = if entry.size < self.cutoff { &self.small } else { &self.sectors };
        links.chain(entry.start, Some(entry.size))
    }
}

/// The sectors that the table of sectors lies in: the header has the first 109, further ones are listed in a chain.
fn tables(header: &[u8], content: &dyn File, shift: u32, sectors: u64) -> Result<(Vec<Run>, u64), Fault> {
    let needed = sectors.div_ceil(1 << (shift - 2));
    let mut runs = Vec::new();
    let mut count = 0;
    let mut take = |bytes: &[u8]| {
        for sector in bytes.chunks_exact(4).map(|bytes| le32(bytes, 0)).filter(|sector| *sector <= LAST_SECTOR) {
            if count < needed {
                Run::push(&mut runs, count, u64::from(sector));
                count += 1;
            }
        }
        count < needed
    };
    let mut more = take(header.get(76..).unwrap_or_default());
    let mut next = le32(header, 68);
    let mut list = vec![0; 1 << shift];
    // Each lists so many tables that this suffices.
    for _ in 0..=needed >> (shift - 3) {
        if !more || next > LAST_SECTOR {
            break;
        }
        if content.read_at(u64::from(next) << shift, &mut list)? < list.len() {
            return Err(Fault::new(GapReason::Truncated, "it ends before its list of tables"));
        }
        let (sectors, link) = list.split_at(list.len() - 4);
        more = take(sectors);
        next = le32(link, 0);
    }
    Ok((runs, count))
}

/// Reads the directory, and follows it from the root.
fn entries(directory: &Chain<'_>) -> Result<Vec<Entry>, Fault> {
    let count = directory.size / ENTRY as u64;
    if count > MOST_ENTRIES {
        return Err(Fault::new(GapReason::Limit, format!("a directory of more than {MOST_ENTRIES} entries")));
    }
    let mut list = Vec::new();
    let mut bytes = [0; ENTRY];
    for at in 0..count {
        directory.read_at(at * ENTRY as u64, &mut bytes)?;
        list.push(Entry::read(&bytes, at == 0));
    }
    let Some(root) = list.first_mut() else { return Ok(list) };
    root.folder = Some(0);
    let mut waiting = vec![(root.child, 0, 0)];
    while let Some((at, folder, depth)) = waiting.pop() {
        if at == NOTHING {
            continue;
        }
        let entry = usize::try_from(at).ok().and_then(|at| Some((at, list.get_mut(at)?)));
        let Some((number, entry)) = entry.filter(|(_, entry)| entry.folder.is_none()) else {
            return Err(Fault::corrupt("its directory leads to an entry twice, or to none"));
        };
        entry.folder = Some(folder);
        waiting.extend([(entry.left, folder, depth), (entry.right, folder, depth)]);
        if entry.kind == Kind::Folder {
            if depth == DEEPEST {
                return Err(Fault::new(GapReason::Limit, format!("folders more than {DEEPEST} deep")));
            }
            waiting.push((entry.child, number, depth + 1));
        }
    }
    Ok(list)
}

impl Entry {
    /// What one takes in memory, with the longest name.
    const KEPT: u64 = (size_of::<Self>() + 64) as u64;

    fn read(bytes: &[u8], is_root: bool) -> Self {
        // Its length counts bytes, and the end of the name.
        let length = usize::from(le16(bytes, 64) / 2).saturating_sub(1).min(31);
        let kind = match bytes.get(66) {
            Some(2) => Kind::Stream,
            Some(1) => Kind::Folder,
            Some(5) if is_root => Kind::Folder,
            _ => Kind::Nothing,
        };
        let class = bytes.get(80..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        Self {
            name: (0..length).map(|at| le16(bytes, 2 * at)).collect(),
            kind,
            class,
            folder: None,
            left: le32(bytes, 68),
            right: le32(bytes, 72),
            child: le32(bytes, 76),
            start: le32(bytes, 116),
            size: le64(bytes, 120),
        }
    }
}

/// Which sector follows which.
struct Links<'a> {
    /// For each sector the number of the next.
    table: Chain<'a>,
    content: Rc<dyn File + 'a>,
    shift: u32,
    /// How many sectors there are.
    count: u64,
    /// How many may still be gone along: each lies in one chain, and is asked for a few times.
    left: Cell<u64>,
    /// The part of the table that was read last, and where it begins.
    window: RefCell<(u64, [u8; 512])>,
}

impl<'a> Links<'a> {
    fn of(table: Chain<'a>, content: Rc<dyn File + 'a>, shift: u32, count: u64) -> Self {
        let window = RefCell::new((u64::MAX, [0; 512]));
        Self { table, content, shift, count, left: Cell::new(4 * count + 64), window }
    }

    /// The file in the sectors from `start` on. Where its size is not known, it goes on to the end of the last one.
    fn chain(&self, start: u32, size: Option<u64>) -> Result<Chain<'a>, Fault> {
        let most = size.map_or(u64::MAX, |size| size.div_ceil(1 << self.shift));
        let mut runs = Vec::new();
        // Where the chain was when it last had a power of two behind it: in a circle it comes there again.
        let (mut next, mut count, mut before) = (start, 0_u64, u32::MAX);
        while count < most {
            if next > LAST_SECTOR && size.is_none() {
                break;
            }
            if u64::from(next) >= self.count {
                return Err(Fault::new(GapReason::Truncated, "a chain of sectors leads out of the file"));
            }
            let Some(left) = self.left.get().checked_sub(1) else {
                return Err(Fault::corrupt("its chains of sectors lead through the same ones again and again"));
            };
            self.left.set(left);
            if next == before {
                return Err(Fault::corrupt("a chain of sectors runs in a circle"));
            }
            if count.is_power_of_two() {
                before = next;
            }
            Run::push(&mut runs, count, u64::from(next));
            count += 1;
            if count < most {
                next = self.next(next)?;
            }
        }
        let size = size.unwrap_or(count << self.shift);
        Ok(Chain { base: self.content.clone(), shift: self.shift, size, runs })
    }

    fn next(&self, sector: u32) -> Result<u32, Fault> {
        let at = u64::from(sector) * 4;
        let start = at & !511;
        let mut window = self.window.borrow_mut();
        if window.0 != start {
            window.0 = u64::MAX;
            if self.table.read_at(start, &mut window.1)? < 512 {
                return Err(Fault::new(GapReason::Truncated, "its table of sectors is too short"));
            }
            window.0 = start;
        }
        Ok(le32(&window.1, (at & 511) as usize))
    }
}

/// Sectors that lie one behind the other: the place of the first in the chain, and in the file.
#[derive(Debug, Clone, Copy)]
struct Run {
    place: u64,
    sector: u64,
}

impl Run {
    fn push(runs: &mut Vec<Self>, place: u64, sector: u64) {
        if runs.last().is_none_or(|last| last.sector + (place - last.place) != sector) {
            runs.push(Self { place, sector });
        }
    }
}

/// A file that lies in a chain of sectors.
pub(super) struct Chain<'a> {
    base: Rc<dyn File + 'a>,
    shift: u32,
    size: u64,
    runs: Vec<Run>,
}

impl Chain<'_> {
    /// What it takes in memory.
    pub(super) fn kept(&self) -> u64 {
        (self.runs.len() * size_of::<Run>()) as u64
    }

    /// Where in the base the byte at `offset` lies, and how many follow it there.
    fn find(&self, offset: u64) -> Option<(u64, u64)> {
        let place = offset >> self.shift;
        let next = self.runs.partition_point(|run| run.place <= place);
        let run = self.runs.get(next.checked_sub(1)?)?;
        let end = self.runs.get(next).map_or(self.size, |next| next.place << self.shift);
        Some(((run.sector << self.shift) + (offset - (run.place << self.shift)), end.saturating_sub(offset)))
    }
}

impl File for Chain<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let mut filled = 0;
        while filled < wanted {
            let (at, left) = self.find(offset + filled as u64).unwrap_or_default();
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(wanted - filled);
            let read = self.base.read_at(at, &mut buffer[filled..filled + count])?;
            if read < count || count == 0 {
                return Err(Fault::new(GapReason::Truncated, "it ends before its last sector"));
            }
            filled += count;
        }
        Ok(filled)
    }

    fn is_random(&self) -> bool {
        self.base.is_random()
    }
}
