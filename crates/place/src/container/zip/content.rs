//! What members hold.

use super::HEADER;
use crate::container::bytes::{le16, le32};
use crate::container::compressed::{Paid, reader};
use crate::container::part::Part;
use crate::container::purse::Purse;
use crate::container::sniff::Codec;
use crate::container::{stream, window};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::Cell;
use std::io::{BufReader, Error, ErrorKind, Read};

/// How much of a member is read at a time.
const PIECE: usize = 32 << 10;

/// Behind the member's own header, whose name and extra field may differ from those of the list.
fn start(file: &dyn File, header: u64) -> Result<u64, Fault> {
    let mut local = [0; HEADER as usize];
    if file.read_at(header, &mut local)? < local.len() || !local.starts_with(b"PK\x03\x04") {
        return Err(Fault::corrupt("it is not where the list says"));
    }
    let lengths = u64::from(le16(&local, 26)) + u64::from(le16(&local, 28));
    Ok(header.saturating_add(HEADER).saturating_add(lengths))
}

/// A member that is stored as it is.
pub(super) struct Stored<'a> {
    file: &'a dyn File,
    header: u64,
    size: u64,
    /// Where it begins, once somebody has read it.
    start: Cell<Option<u64>>,
}

impl<'a> Stored<'a> {
    pub(super) fn of(file: &'a dyn File, header: u64, size: u64) -> Self {
        Self { file, header, size, start: Cell::new(None) }
    }
}

impl File for Stored<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let start = match self.start.get() {
            Some(start) => start,
            None => start(self.file, self.header)?,
        };
        self.start.set(Some(start));
        Part::of(self.file, start, self.size).read_at(offset, buffer)
    }

    // Nothing is let go of: members may lie in any order.
    fn is_random(&self) -> bool {
        self.file.is_random()
    }
}

/// A member that is compressed.
pub(super) struct Inflated<'a> {
    pub(super) file: &'a dyn File,
    pub(super) header: u64,
    pub(super) method: u16,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) crc: u32,
}

impl<'a> Inflated<'a> {
    /// A reader of its content, that compares the checksum at the end.
    pub(super) fn reader(&self, purse: &'a Purse) -> Result<Box<dyn Read + 'a>, Fault> {
        let start = start(self.file, self.header)?;
        let source = Packed { file: self.file, start, size: self.packed };
        let (sum, wanted) = (crc32fast::Hasher::new(), self.crc);
        // Small members are many: no more is read than there is, and nothing is wrapped twice.
        if self.method == 8 {
            let room = usize::try_from(self.packed).unwrap_or(usize::MAX).clamp(64, PIECE);
            let held = purse.hold(room as u64 + window::INFLATE)?;
            let inner = flate2::bufread::DeflateDecoder::new(BufReader::with_capacity(room, source));
            return Ok(Paid::boxed(Summed { inner, sum, wanted }, held));
        }
        Ok(Box::new(Summed { inner: self.other(source, purse)?, sum, wanted }))
    }

    fn other(&self, mut source: Packed<'a>, purse: &'a Purse) -> Result<Box<dyn Read + 'a>, Fault> {
        let part = Part::pinned(self.file, source.start, self.packed);
        match self.method {
            9 => {
                let held = purse.hold(256 << 10)?;
                Ok(Paid::boxed(deflate64::Deflate64Decoder::new(source), held))
            }
            12 => reader(Codec::Bzip2, &part, source, purse),
            93 => reader(Codec::Zstd, &part, source, purse),
            95 => reader(Codec::Xz, &part, source, purse),
            14 => {
                // Two bytes of version, the size of the properties, then these: one byte, and the dictionary's size.
                let mut head = [0; 9];
                source.read_exact(&mut head).map_err(stream::fault)?;
                let (properties, dictionary) = (head[4], le32(&head, 5));
                let kib = lzma_rust2::lzma_get_memory_usage_by_props(dictionary, properties).map_err(stream::fault)?;
                let needed = u64::from(kib) << 10;
                if needed > window::MOST + (8 << 20) {
                    return Err(Fault::new(GapReason::Limit, "its dictionary is too large"));
                }
                let held = purse.hold(needed + PIECE as u64)?;
                let inner = lzma_rust2::LzmaReader::new_with_props(source, self.size, properties, dictionary, None);
                Ok(Paid::boxed(inner.map_err(stream::fault)?, held))
            }
            other => {
                let detail = format!("compressed by method {other}, which is not known");
                Err(Fault::new(GapReason::UnsupportedFormat, detail))
            }
        }
    }
}

/// A member as it is packed, as a stream.
struct Packed<'a> {
    file: &'a dyn File,
    start: u64,
    size: u64,
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let wanted = usize::try_from(self.size).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let read = self
            .file
            .read_at(self.start, &mut buffer[..wanted])
            .map_err(|fault| Error::other(stream::Carried(fault)))?;
        self.start += read as u64;
        self.size -= read as u64;
        Ok(read)
    }
}

/// Compares the checksum once all was read: a decoder can be wrong without knowing it.
struct Summed<R> {
    inner: R,
    sum: crc32fast::Hasher,
    wanted: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.sum.clone().finalize() != self.wanted {
            return Err(Error::new(ErrorKind::InvalidData, "its checksum differs"));
        }
        self.sum.update(&buffer[..read]);
        Ok(read)
    }
}
