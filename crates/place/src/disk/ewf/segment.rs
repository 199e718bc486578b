//! One segment of an image: its header, and the chain of its sections.

use super::adler;
use crate::disk::cluster::{field, fill, little};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::Cell;

const HEADER: u64 = 13;
/// What stands before the content of a section, and before the entries of a table.
const SECTION: u64 = 76;
const TABLE: u64 = 24;
/// The size of what SMART says of the disk, and of what others say.
const SMART: u64 = 94;
const VOLUME: u64 = 1052;
/// The largest chunk.
const CHUNK: u64 = 16 << 20;
/// Most sections of an image, and most tables.
const SECTIONS: usize = 1 << 18;
const TABLES: usize = 1 << 16;

/// What the sections of all segments say.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) volume: Option<Volume>,
    pub(super) tables: Vec<Table>,
    /// How many chunks the tables have.
    pub(super) chunks: u64,
    count: usize,
}

/// What the image says of the disk.
#[derive(PartialEq)]
pub(super) struct Volume {
    pub(super) size: u64,
    /// How much of the disk a chunk holds.
    pub(super) chunk: u64,
    /// Do tables have sums?
    pub(super) sums: bool,
    /// Of all segments of an image the same.
    set: [u8; 16],
}

/// A table of chunks.
pub(super) struct Table {
    /// The number of its first chunk, and how many it has.
    pub(super) first: u64,
    pub(super) count: u64,
    pub(super) segment: usize,
    /// Where its entries are, and their copy.
    pub(super) places: [Option<u64>; 2],
    /// Which of them was found to be right.
    pub(super) right: Cell<Option<u64>>,
    /// What its places count from.
    pub(super) base: u64,
    /// Where its last chunk ends at the latest.
    pub(super) end: u64,
}

/// A segment that is read.
pub(super) struct Segment<'f> {
    file: &'f dyn File,
    /// From 0 on.
    index: usize,
}

impl<'f> Segment<'f> {
    /// Opens the segment of this number, which counts from 1.
    pub(super) fn open(file: &'f dyn File, number: usize) -> Result<Self, Fault> {
        let unsupported = |detail: String| Err(Fault::new(GapReason::UnsupportedFormat, detail));
        let mut header = [0; HEADER as usize];
        fill(file, 0, &mut header, "the header of a segment")?;
        match field(&header, 0, 8) {
            b"EVF\x09\x0d\x0a\xff\0" => {}
            b"LVF\x09\x0d\x0a\xff\0" => return unsupported("an image of files, not of a disk (L01)".to_owned()),
            b"EVF2\r\n\x81\0" | b"LEF2\r\n\x81\0" => return unsupported("an image of EWF version 2".to_owned()),
            _ => return Err(Fault::corrupt("a segment of the image is none")),
        }
        match little(&header, 9, 2) {
            is if is == number as u64 => Ok(Self { file, index: number.saturating_sub(1) }),
            other if number == 1 => unsupported(format!("segment {other} of an image; it is read from its first")),
            other => Err(Fault::corrupt(format!("segment {number} of the image says that it is {other}"))),
        }
    }

    /// Adds what its sections say. Does another segment follow?
    pub(super) fn read(&self, sections: &mut Sections) -> Result<bool, Fault> {
        let mut at = HEADER;
        // The copy of a table follows it. One that is broken waits for its copy.
        let mut open: Option<Option<usize>> = None;
        // Where the last section of chunks ended.
        let mut chunks = None;
        loop {
            sections.count += 1;
            if sections.count > SECTIONS {
                return Err(Fault::new(GapReason::Limit, format!("an image of more than {SECTIONS} sections")));
            }
            let mut section = [0; SECTION as usize];
            fill(self.file, at, &mut section, "a segment")?;
            if little(&section, 72, 4) != adler(1, field(&section, 0, 72)) {
                return Err(Fault::corrupt("a section of the image does not have its sum"));
            }
            let next = little(&section, 16, 8);
            let name = field(&section, 0, 16).split(|byte| *byte == 0).next().unwrap_or_default();
            let ends = matches!(name, b"next" | b"done");
            if !ends && next < at + SECTION {
                return Err(Fault::corrupt("a section of the image leads back"));
            }
            if open == Some(None) && name != b"table2" {
                return Err(Fault::corrupt("a table of the image is broken, and has no copy"));
            }
            let was_open = open.take();
            match name {
                b"next" => return Ok(true),
                b"done" => return Ok(false),
                b"volume" | b"disk" | b"data" => self.volume(at, next, sections)?,
                b"sectors" => chunks = Some(next),
                b"table" => open = Some(self.table(at, next, chunks, sections)?),
                b"table2" => match was_open {
                    Some(Some(index)) => self.copy(at, next, sections.tables.get_mut(index)),
                    _ if self.table(at, next, chunks, sections)?.is_some() => {}
                    _ => return Err(Fault::corrupt("a table of the image is broken, and so is its copy")),
                },
                b"ltree" | b"ltypes" => {
                    let detail = "an image of files, not of a disk (L01)";
                    return Err(Fault::new(GapReason::UnsupportedFormat, detail));
                }
                _ => {}
            }
            at = next;
        }
    }

    /// What a section says of the disk. Later ones repeat the first.
    fn volume(&self, at: u64, next: u64, sections: &mut Sections) -> Result<(), Fault> {
        let length = match next - at - SECTION {
            VOLUME.. => VOLUME,
            SMART.. => SMART,
            _ => return Err(Fault::corrupt("the image says less of its disk than it must")),
        };
        let mut volume = vec![0; usize::try_from(length).unwrap_or_default()];
        fill(self.file, at + SECTION, &mut volume, "a segment")?;
        let sum = volume.len().saturating_sub(4);
        if little(&volume, sum, 4) != adler(1, field(&volume, 0, sum)) {
            return Err(Fault::corrupt("what the image says of its disk does not have its sum"));
        }
        let sums = length == VOLUME;
        let sector = little(&volume, 12, 4);
        let chunk = little(&volume, 8, 4).saturating_mul(sector);
        let size = little(&volume, 16, if sums { 8 } else { 4 }).checked_mul(sector);
        let set = if sums { field(&volume, 64, 16).first_chunk().copied().unwrap_or_default() } else { [0; 16] };
        let size = size.ok_or_else(|| Fault::corrupt("the image has a disk that is larger than any"))?;
        if chunk == 0 || chunk > CHUNK {
            return Err(Fault::corrupt(format!("the image has chunks of {chunk} bytes")));
        }
        if size == 0 {
            return Err(Fault::new(GapReason::Truncated, "the image was not finished: it does not know its size"));
        }
        let volume = Volume { size, chunk, sums, set };
        match &sections.volume {
            Some(first) if *first != volume => Err(Fault::corrupt("segments of different images have the same name")),
            Some(_) => Ok(()),
            None => {
                sections.volume = Some(volume);
                Ok(())
            }
        }
    }

    /// Adds a table, and says which it is; none if its header is broken.
    fn table(&self, at: u64, next: u64, chunks: Option<u64>, sections: &mut Sections) -> Result<Option<usize>, Fault> {
        let Some((count, base)) = self.header(at, next)? else { return Ok(None) };
        if sections.tables.len() >= TABLES {
            return Err(Fault::new(GapReason::Limit, format!("an image of more than {TABLES} tables")));
        }
        // Tables without chunks before them have their chunks behind their entries.
        sections.tables.push(Table {
            first: sections.chunks,
            count,
            segment: self.index,
            places: [Some(at + SECTION + TABLE), None],
            right: Cell::new(None),
            base,
            end: chunks.unwrap_or(next),
        });
        sections.chunks = sections.chunks.saturating_add(count);
        Ok(Some(sections.tables.len() - 1))
    }

    /// Notes where the copy of a table is, if it is one.
    fn copy(&self, at: u64, next: u64, table: Option<&mut Table>) {
        if let (Ok(Some(header)), Some(table)) = (self.header(at, next), table)
            && header == (table.count, table.base)
        {
            table.places[1] = Some(at + SECTION + TABLE);
        }
    }

    /// How many chunks a table has, and what their places count from; none if this is broken.
    fn header(&self, at: u64, next: u64) -> Result<Option<(u64, u64)>, Fault> {
        let mut header = [0; TABLE as usize];
        fill(self.file, at + SECTION, &mut header, "a segment")?;
        let (count, base) = (little(&header, 0, 4), little(&header, 8, 8));
        let whole = little(&header, 20, 4) == adler(1, field(&header, 0, 20));
        let fits = at + SECTION + TABLE + count * 4 <= next;
        Ok((whole && fits).then_some((count, base)))
    }
}
