//! Sets of records: each file or folder has one for itself, one for its content, and some for its name.

use crate::disk::fat::name::{MOST_UNITS, is_name, utf8};
use crate::disk::fat::records::{Record, Records};
use crate::tree::{EntryKind, Fault};
use ostrakon_model::GapReason;

/// The bits of the first byte of a record: it is used, it belongs to the one before, and who does not know it can pass it
/// over.
const USED: u8 = 0x80;
const SECONDARY: u8 = 0x40;
const BENIGN: u8 = 0x20;
/// The kinds of records: all up to the first are deleted.
const UNUSED: u8 = 0x7f;
const BITMAP: u8 = 0x81;
const UPCASE: u8 = 0x82;
const LABEL: u8 = 0x83;
const FILE: u8 = 0x85;
const STREAM: u8 = 0xc0;
const NAME: u8 = 0xc1;
/// How many units of UTF-16 a record of a name has.
const UNITS: usize = 15;
/// The bit of the attributes of a folder.
const FOLDER: u8 = 0x10;

/// What a folder has next.
pub(super) enum Next {
    /// A file or folder.
    Entry(Entry),
    /// Something that is wrong; what follows can be read all the same.
    Wrong(Fault),
    /// Nothing any more.
    End,
}

/// A file or folder.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    /// Where the record of its content lies.
    pub(super) node: u64,
}

/// The sets of a folder, one after the other.
pub(super) struct Sets<'v> {
    records: Records<'v>,
    /// A record that was read and did not belong to the set before.
    waiting: Option<(u64, Record)>,
    /// The set that is read.
    set: Vec<(u64, Record)>,
}

impl<'v> Sets<'v> {
    pub(super) fn of(records: Records<'v>) -> Self {
        Self { records, waiting: None, set: Vec::new() }
    }

    /// The next file or folder. A fault: nothing more can be read.
    pub(super) fn next(&mut self) -> Result<Next, Fault> {
        loop {
            let Some((position, record)) =
                self.waiting.take().map_or_else(|| self.records.next(), |it| Ok(Some(it)))?
            else {
                return Ok(Next::End);
            };
            let [kind, members, ..] = record;
            match kind {
                0 => {
                    self.records.end(|kind| kind & USED != 0)?;
                    return Ok(Next::End);
                }
                // Deleted, or what only the volume itself needs.
                ..=UNUSED | BITMAP | UPCASE | LABEL => {}
                _ if kind & SECONDARY != 0 => return Ok(wrong("it holds a record that belongs to nothing")),
                _ if kind != FILE && kind & BENIGN == 0 => return Ok(Next::Wrong(unknown(kind))),
                // Those that can be passed over may have others that belong to them.
                _ if kind != FILE && members == 0 => {}
                _ => {
                    self.set.clear();
                    self.set.push((position, record));
                    for _ in 0..members {
                        match self.records.next()? {
                            Some((position, record)) if record[0] & (USED | SECONDARY) == USED | SECONDARY => {
                                self.set.push((position, record));
                            }
                            other => {
                                self.waiting = other;
                                return Ok(wrong("an entry has fewer records than it says"));
                            }
                        }
                    }
                    if sum(&self.set) != u16::from_le_bytes([record[2], record[3]]) {
                        return Ok(wrong("the records of an entry do not have the sum they should"));
                    }
                    if kind == FILE {
                        return Ok(entry(&self.set).map_or_else(Next::Wrong, Next::Entry));
                    }
                }
            }
        }
    }
}

/// What the records of a set say, whose sum is right.
fn entry(set: &[(u64, Record)]) -> Result<Entry, Fault> {
    let incomplete = || Fault::corrupt("an entry has other records than it should");
    let [(_, file), (node, stream), rest @ ..] = set else { return Err(incomplete()) };
    let length = usize::from(stream[3]);
    let (names, others) = rest.split_at_checked(length.div_ceil(UNITS)).ok_or_else(incomplete)?;
    if stream[0] != STREAM || length > MOST_UNITS || names.iter().any(|(_, record)| record[0] != NAME) {
        return Err(incomplete());
    }
    if let Some((_, other)) = others.iter().find(|(_, record)| record[0] & BENIGN == 0) {
        return Err(if matches!(other[0], STREAM | NAME) { incomplete() } else { unknown(other[0]) });
    }
    let units = names.iter().flat_map(|(_, record)| record.chunks_exact(2).skip(1));
    let units = units.filter_map(|unit| unit.first_chunk().map(|unit| u16::from_le_bytes(*unit)));
    let name = utf8(units.take(length));
    if !is_name(&name) {
        return Err(Fault::corrupt("it holds a name that is none"));
    }
    let kind = if file[4] & FOLDER == 0 { EntryKind::File } else { EntryKind::Folder };
    Ok(Entry { name, kind, node: *node })
}

/// The sum of a set, but for the two bytes that it is stored in.
fn sum(set: &[(u64, Record)]) -> u16 {
    let bytes = set.iter().flat_map(|(_, record)| record).enumerate();
    let counted = bytes.filter(|(at, _)| !matches!(at, 2 | 3));
    counted.fold(0, |sum: u16, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()))
}

fn wrong(detail: &str) -> Next {
    Next::Wrong(Fault::corrupt(detail))
}

fn unknown(kind: u8) -> Fault {
    Fault::new(GapReason::UnsupportedFormat, format!("it holds a record of kind {kind:#x}, which is not known"))
}

/// Where the content of a file or folder lies.
pub(super) struct Stream {
    /// Does it have any?
    pub(super) has_clusters: bool,
    /// Do its clusters follow each other, so that the table does not chain them?
    pub(super) is_contiguous: bool,
    pub(super) first: u32,
    /// How long it is.
    pub(super) length: u64,
    /// How much of it was written; the rest is zeros.
    pub(super) written: u64,
}

impl Stream {
    /// What the record of a content says.
    pub(super) fn parse(record: &Record) -> Result<Self, Fault> {
        let long =
            |at: usize| record.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |long| u64::from_le_bytes(*long));
        let first = record.get(20..).and_then(<[u8]>::first_chunk).map_or(0, |first| u32::from_le_bytes(*first));
        let (length, written) = (long(24), long(8));
        if record[0] != STREAM || written > length {
            return Err(Fault::corrupt("its record contradicts itself"));
        }
        Ok(Self { has_clusters: record[1] & 1 != 0, is_contiguous: record[1] & 2 != 0, first, length, written })
    }
}
