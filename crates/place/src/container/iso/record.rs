//! The records of folders, and the stretches of the image they point to.

use super::volume::Naming;
pub(super) use crate::container::bytes::number;
use crate::container::part::Part;
use crate::container::purse::Purse;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// No record of a folder crosses from one of these into the next.
pub(super) const SECTOR: u64 = 2048;

/// A stretch of the image.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) size: u64,
}

impl Extent {
    /// The folder that begins at `start`: its first record is its own.
    pub(super) fn of_folder(file: &dyn File, start: u64, block: u64) -> Result<Self, Fault> {
        let mut bytes = [0; 34];
        Part::of(file, start, 34).read_at(0, &mut bytes)?;
        match Record::parse(&bytes, block) {
            Some(record) if record.is_folder && record.is_dots() && record.extent.start == start => Ok(record.extent),
            _ => Err(Fault::corrupt("it leads to a folder that is none")),
        }
    }

    /// Does that place lie in it?
    pub(super) fn holds(self, place: u64) -> bool {
        place >= self.start && place - self.start < self.size
    }
}

/// One record of a folder (ECMA-119, 9.1).
pub(super) struct Record {
    pub(super) extent: Extent,
    pub(super) is_folder: bool,
    /// Does the next record hold the next part of the file?
    pub(super) goes_on: bool,
    pub(super) interleaved: bool,
    /// The name as it is written.
    pub(super) identifier: Vec<u8>,
    /// What is left for the system, Rock Ridge among others.
    pub(super) system: Vec<u8>,
}

impl Record {
    /// The record that begins with `bytes`, if they hold as much as its name needs.
    pub(super) fn parse(bytes: &[u8], block: u64) -> Option<Self> {
        let length = usize::from(*bytes.get(32)?);
        let identifier = bytes.get(33..33 + length).filter(|identifier| !identifier.is_empty())?;
        // The system's area begins at an even place.
        let system = bytes.get((33 + length).next_multiple_of(2)..).unwrap_or_default();
        let flags = *bytes.get(25)?;
        // Attributes may lie before the content.
        let start = (number(bytes, 2, 4) + number(bytes, 1, 1)) * block;
        Some(Self {
            extent: Extent { start, size: number(bytes, 10, 4) },
            is_folder: flags & 0x02 != 0,
            goes_on: flags & 0x80 != 0,
            interleaved: number(bytes, 26, 2) != 0,
            identifier: identifier.to_vec(),
            system: system.to_vec(),
        })
    }

    /// Is it the folder itself, or the one it lies in?
    pub(super) fn is_dots(&self) -> bool {
        matches!(self.identifier.as_slice(), [0 | 1])
    }

    /// Its name without Rock Ridge.
    pub(super) fn name(&self, naming: Naming) -> Vec<u8> {
        let name = if naming == Naming::Joliet { joliet(&self.identifier) } else { self.identifier.clone() };
        if self.is_folder { name } else { bare(&name).to_vec() }
    }
}

/// UTF-8 for UCS-2; what is none becomes U+FFFD.
fn joliet(identifier: &[u8]) -> Vec<u8> {
    let units =
        identifier.chunks_exact(2).map(|pair| pair.iter().fold(0_u16, |unit, byte| (unit << 8) | u16::from(*byte)));
    let text: String = char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

/// A name without its version and the dot that has nothing behind it.
fn bare(name: &[u8]) -> &[u8] {
    let version = name.iter().rposition(|byte| *byte == b';').filter(|place| {
        let digits = name.get(place + 1..).unwrap_or_default();
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    });
    let name = version.and_then(|place| name.get(..place)).unwrap_or(name);
    match name {
        [first @ .., b'.'] if !first.is_empty() => first,
        _ => name,
    }
}

/// The sector of a folder that was read last.
pub(super) struct Sectors<'a> {
    file: &'a dyn File,
    purse: &'a Purse,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Sectors<'a> {
    pub(super) fn of(file: &'a dyn File, purse: &'a Purse) -> Self {
        Self { file, purse, start: 0, bytes: Vec::new() }
    }

    fn read(&mut self, start: u64, length: u64) -> Result<&[u8], Fault> {
        if self.start != start || self.bytes.len() as u64 != length {
            // Nothing is inflated; it is the work that is paid for, for folders can lie about their size.
            self.purse.inflate(usize::try_from(length).unwrap_or_default())?;
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            self.bytes.clear();
            Part::of(self.file, start, length).read_at(0, &mut bytes)?;
            self.bytes = bytes;
            self.start = start;
        }
        Ok(&self.bytes)
    }
}

/// A folder on the way down.
pub(super) struct Open {
    pub(super) extent: Extent,
    /// How long its own path is.
    pub(super) path: usize,
    /// The parts of a file that goes on with the next record, and how that file is called.
    pub(super) parts: Vec<Extent>,
    pub(super) parts_of: Vec<u8>,
    /// Where its next record is.
    at: u64,
}

impl Open {
    pub(super) fn of(extent: Extent, path: usize) -> Self {
        Self { extent, path, parts: Vec::new(), parts_of: Vec::new(), at: 0 }
    }

    /// Its next record. After a fault it goes on with the next sector, if there can be one.
    pub(super) fn next(&mut self, sectors: &mut Sectors<'_>, block: u64) -> Result<Option<Record>, Fault> {
        while self.at < self.extent.size {
            let within = self.at % SECTOR;
            let begin = self.at - within;
            let length = SECTOR.min(self.extent.size - begin);
            let bytes = match sectors.read(self.extent.start + begin, length) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    let truncated = fault.reason == GapReason::Truncated;
                    self.at = if truncated { self.extent.size } else { begin + SECTOR };
                    return Err(fault);
                }
            };
            let rest = usize::try_from(within).ok().and_then(|within| bytes.get(within..)).unwrap_or_default();
            let size = rest.first().copied().map_or(0, usize::from);
            if size == 0 {
                self.at = begin + SECTOR;
                continue;
            }
            let Some(record) = rest.get(..size).and_then(|bytes| Record::parse(bytes, block)) else {
                self.at = begin + SECTOR;
                return Err(Fault::corrupt("a record in it is cut, or crosses a sector"));
            };
            self.at += size as u64;
            return Ok(Some(record));
        }
        Ok(None)
    }
}

/// A file in several parts.
pub(super) struct Extents<'a> {
    file: &'a dyn File,
    parts: &'a [Extent],
}

impl<'a> Extents<'a> {
    pub(super) fn of(file: &'a dyn File, parts: &'a [Extent]) -> Self {
        Self { file, parts }
    }
}

impl File for Extents<'_> {
    fn size(&self) -> Result<u64, Fault> {
        // Each is of 32 bits, and they are few.
        Ok(self.parts.iter().map(|part| part.size).sum())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        let mut before = 0;
        for part in self.parts {
            let at = offset.saturating_add(filled as u64);
            let end = before + part.size;
            if at < end && filled < buffer.len() {
                filled += Part::of(self.file, part.start, part.size).read_at(at - before, &mut buffer[filled..])?;
            }
            before = end;
        }
        Ok(filled)
    }

    fn is_random(&self) -> bool {
        self.file.is_random()
    }
}
