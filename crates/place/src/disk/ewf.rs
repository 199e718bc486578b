//! Images of the Expert Witness Format, version 1 (E01 of EnCase and FTK, S01 of SMART; "Expert Witness Compression Format
//! specification" of libewf). Own code: `ewf` crates want the paths of the segments, and read tables as a whole.
//!
//! An image is a row of segments, each a file of sections. Tables say where the chunks of the disk lie, which are packed or
//! bare and have a sum. Every table may be there twice. The first segment says how large the disk is.

mod segment;
#[cfg(test)]
mod tests;

use super::cluster::{Pages, Pieces, Run, UNPACKED, field, fill, little, read};
use super::inflate::inflate;
use super::sibling::{Beside, Lent, Siblings};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use segment::{Sections, Segment, Table};

/// An entry of a table that has this bit is of a packed chunk.
const PACKED: u64 = 1 << 31;
/// How much a sum is read of at a time.
const STEP: usize = 64 << 10;

/// Shows the disk in the image whose first segment is `file`. The other segments are asked for by the ending of their name
/// alone, since no segment says how it is called: `.E02` stands for the image's own name with this ending. It is asked for
/// in this case, in lower case, and as a segment of SMART (`.S02`), until one is there.
///
/// # Errors
/// Where the image contradicts its format, a segment is not there, or `file` is not the first.
pub(in crate::disk) fn open<'a>(file: &'a dyn File, siblings: &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault> {
    Ok(Box::new(Ewf::open(Box::new(Lent(file)), &Beside::of(siblings))?))
}

struct Ewf<'a> {
    segments: Vec<Box<dyn File + 'a>>,
    tables: Vec<Table>,
    size: u64,
    /// How much of the disk a chunk holds.
    chunk: u64,
    /// Do tables have sums?
    sums: bool,
    pages: Pages,
    /// The chunks that were read last, by their numbers.
    chunks: Pieces,
}

impl<'a> Ewf<'a> {
    fn open(first: Box<dyn File + 'a>, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let mut sections = Sections::default();
        let mut segments = vec![first];
        let mut letter = None;
        while let Some(file) = segments.last()
            && Segment::open(&**file, segments.len())?.read(&mut sections)?
        {
            let number = segments.len() + 1;
            let letters: Vec<u8> = letter.map_or_else(|| b"EeSs".to_vec(), |letter| vec![letter]);
            let endings: Vec<[u8; 4]> = letters.iter().filter_map(|letter| ending(*letter, number)).collect();
            let names: Vec<&[u8]> = endings.iter().map(<[u8; 4]>::as_slice).collect();
            let (file, found) = beside.first(&names)?;
            letter = letters.get(found).copied();
            segments.push(file);
        }
        let volume = sections.volume.ok_or_else(|| Fault::corrupt("the image does not say how large its disk is"))?;
        if sections.chunks < volume.size.div_ceil(volume.chunk) {
            return Err(Fault::new(GapReason::Truncated, "the image has fewer chunks than its disk"));
        }
        let (size, chunk, sums) = (volume.size, volume.chunk, volume.sums);
        let (pages, chunks) = (Pages::default(), Pieces::new(UNPACKED));
        Ok(Self { segments, tables: sections.tables, size, chunk, sums, pages, chunks })
    }

    fn run(&self, at: u64) -> Result<Run<'_>, Fault> {
        let (index, within) = (at / self.chunk, at % self.chunk);
        let chunk = self.chunks.get(index, || self.chunk(index))?;
        Ok(Run::unpacked(chunk, within, (self.chunk - within).min(self.size.saturating_sub(at))))
    }

    /// Reads the chunk of this number.
    fn chunk(&self, index: u64) -> Result<Box<[u8]>, Fault> {
        let after = self.tables.partition_point(|table| table.first <= index);
        let missing = || Fault::corrupt("no table of the image has this chunk");
        let table = self.tables.get(after.saturating_sub(1)).ok_or_else(missing)?;
        let file = self.segments.get(table.segment).ok_or_else(missing)?;
        let entries = self.entries(table, &**file)?;
        let entry = |index: u64| -> Result<(bool, u64), Fault> {
            let entry: [u8; 4] = self.pages.array(table.segment, &**file, entries.checked_add(index * 4))?;
            let entry = little(&entry, 0, 4);
            Ok((entry & PACKED != 0, table.base.saturating_add(entry & (PACKED - 1))))
        };
        let number = index.checked_sub(table.first).filter(|number| *number < table.count).ok_or_else(missing)?;
        let (packed, start) = entry(number)?;
        let end = if number + 1 == table.count { table.end } else { entry(number + 1)?.1 };
        let size = self.chunk.min(self.size.saturating_sub(index.saturating_mul(self.chunk)));
        // What follows the last chunk of a table may be more than it.
        let length =
            end.checked_sub(start).ok_or_else(|| Fault::corrupt("a chunk of the image ends before it begins"))?;
        let length = length.min(if packed { self.chunk * 2 + 4096 } else { self.chunk + 4 });
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        if file.read_at(start, &mut bytes)? < bytes.len() {
            return Err(Fault::new(GapReason::Truncated, "a chunk of the image lies behind the end of its segment"));
        }
        let bytes = if packed {
            inflate(&bytes, usize::try_from(self.chunk).unwrap_or_default(), true)?
        } else {
            // The last chunk also has what is left of a medium that ends within a sector, which the size leaves away.
            let size = usize::try_from(size).unwrap_or_default();
            let is_sum = |at: usize| at >= size && little(&bytes, at, 4) == adler(1, field(&bytes, 0, at));
            if bytes.len() < size + 4 || !(is_sum(bytes.len() - 4) || is_sum(size)) {
                return Err(Fault::corrupt("a chunk of the image does not have its sum"));
            }
            bytes.truncate(size);
            bytes.into()
        };
        match bytes.len() as u64 {
            there if there >= size => Ok(bytes),
            _ => Err(Fault::corrupt("a chunk of the image is shorter than it must be")),
        }
    }

    /// Where the entries of a table are: in the first copy whose sum is right. It is looked at once.
    fn entries(&self, table: &Table, file: &dyn File) -> Result<u64, Fault> {
        if let Some(place) = table.right.get() {
            return Ok(place);
        }
        for place in table.places.into_iter().flatten() {
            if !self.sums || is_right(file, place, table.count * 4)? {
                table.right.set(Some(place));
                return Ok(place);
            }
        }
        Err(Fault::corrupt("a table of the image does not have its sum"))
    }
}

/// Does the sum that follows `length` bytes at `start` belong to them?
fn is_right(file: &dyn File, start: u64, length: u64) -> Result<bool, Fault> {
    let mut buffer = vec![0; STEP];
    let (mut at, mut left, mut sum) = (start, length, 1);
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(STEP).min(STEP);
        let piece = buffer.get_mut(..count).unwrap_or_default();
        fill(file, at, piece, "a table")?;
        sum = adler(sum, piece);
        at = at.saturating_add(count as u64);
        left -= count as u64;
    }
    let mut wanted = [0; 4];
    fill(file, at, &mut wanted, "a table")?;
    Ok(little(&wanted, 0, 4) == sum)
}

/// Adler-32, gone on with from `sum`; it begins with 1.
fn adler(sum: u64, bytes: &[u8]) -> u64 {
    /// The prime of the sum, and after how many bytes it must be taken at the latest to stay within 32 bits.
    const PRIME: u32 = 65521;
    const MOST: usize = 5552;
    let half = |number: u64| u32::try_from(number & 0xffff).unwrap_or_default();
    let (mut low, mut high) = (half(sum), half(sum >> 16));
    for piece in bytes.chunks(MOST) {
        for byte in piece {
            low += u32::from(*byte);
            high += low;
        }
        low %= PRIME;
        high %= PRIME;
    }
    u64::from(high) << 16 | u64::from(low)
}

/// The ending of the name of a segment: `.E01` to `.E99`, then `.EAA` to `.EZZ`, `.FAA` to `.ZZZ`.
fn ending(letter: u8, number: usize) -> Option<[u8; 4]> {
    let digit = |number: usize, first: u8| u8::try_from(number).ok().and_then(|number| first.checked_add(number));
    let Some(number) = number.checked_sub(100) else {
        return Some([b'.', letter, digit(number / 10, b'0')?, digit(number % 10, b'0')?]);
    };
    let (a, z) = if letter.is_ascii_lowercase() { (b'a', b'z') } else { (b'A', b'Z') };
    let first = digit(number / (26 * 26), letter).filter(|first| *first <= z)?;
    Some([b'.', first, digit(number / 26 % 26, a)?, digit(number % 26, a)?])
}

impl File for Ewf<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        read(self.size, offset, buffer, |at| self.run(at))
    }

    fn is_random(&self) -> bool {
        self.segments.iter().all(|segment| segment.is_random())
    }
}
