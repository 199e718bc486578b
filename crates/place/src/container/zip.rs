//! Zip archives (APPNOTE.TXT): the list at the end is read piece by piece, members where they lie and as far as somebody
//! reads. Own code where a crate would do: those keep the whole list in memory, some 300 bytes for each member, and an
//! archive may have millions.

use super::compressed::decoder;
use super::lazy::Lazy;
use super::part::Part;
use super::purse::Purse;
use super::sniff::Codec;
use super::stream;
use super::{Each, Member, rooted};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::io::{BufReader, Error, Read};
use std::ops::ControlFlow;

/// How much of the list is read at a time.
const PIECE: usize = 64 << 10;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let list = List::find(file)?;
    let mut at = list.start;
    let mut piece = vec![0; PIECE];
    let mut known = 0_usize;
    let mut used = 0_usize;
    let mut before: Option<(u64, u64)> = None;
    let mut overlaps = false;
    for _ in 0..list.members {
        // The longest entry: its fixed part, and three texts of 65,535 bytes.
        loop {
            match Entry::length(&piece[used..known]) {
                Some(length) if known - used >= length => break,
                wanted => {
                    if &piece[used..known.min(used + 4)] != b"PK\x01\x02" && known - used >= 4 {
                        return Err(Fault::corrupt("its list of members breaks off"));
                    }
                    piece.copy_within(used..known, 0);
                    (known, used) = (known - used, 0);
                    let room = wanted.unwrap_or(PIECE).max(PIECE);
                    piece.resize(room.max(known + 1), 0);
                    let wanted = usize::try_from(list.end - at).unwrap_or(usize::MAX).min(piece.len() - known);
                    let read = file.read_at(at, &mut piece[known..known + wanted])?;
                    if read == 0 {
                        return Err(Fault::new(GapReason::Truncated, "its list of members breaks off"));
                    }
                    at += read as u64;
                    known += read;
                }
            }
        }
        let entry = Entry::parse(&piece[used..known]).ok_or_else(|| Fault::corrupt("a member of its list is none"))?;
        used += Entry::length(&piece[used..known]).unwrap_or_default();
        purse.member()?;
        let header = entry.header.checked_add(list.shift).ok_or_else(|| Fault::corrupt("a member lies nowhere"))?;
        if let Some((start, end)) = before {
            overlaps |= header >= start && header < end;
        }
        before = Some((header, header.saturating_add(30).saturating_add(entry.packed)));
        if entry.give(file, header, purse, each)? == ControlFlow::Break(()) {
            return Ok(());
        }
    }
    if overlaps {
        return Err(Fault::corrupt("members lie over each other"));
    }
    Ok(())
}

/// Where the list of members is.
struct List {
    start: u64,
    end: u64,
    members: u64,
    /// What lies before the archive: a script or program that starts it.
    shift: u64,
}

impl List {
    fn find(file: &dyn File) -> Result<Self, Fault> {
        let size = file.size()?;
        let tail = size.min(22 + 65_535 + 20);
        let mut bytes = vec![0; usize::try_from(tail).unwrap_or_default()];
        let read = file.read_at(size - tail, &mut bytes)?;
        let bytes = &bytes[..read];
        let none = || Fault::new(GapReason::Truncated, "the list of its members, which ends it, is not there");
        let place = memchr::memmem::rfind(bytes, b"PK\x05\x06").ok_or_else(none)?;
        let record = bytes.get(place..place + 22).ok_or_else(none)?;
        let position = size - tail + place as u64;
        let (mut members, mut length, mut start) =
            (u64::from(le16(record, 10)), u64::from(le32(record, 12)), u64::from(le32(record, 16)));
        let mut end = position;
        // Larger archives have the true numbers in a record of their own.
        if let Some(locator) = place.checked_sub(20).and_then(|at| bytes.get(at..at + 20))
            && locator.starts_with(b"PK\x06\x07")
        {
            let mut large = [0; 56];
            // It may have been moved by what lies before the archive.
            for at in [le64(locator, 8), (position - 20).saturating_sub(56)] {
                if file.read_at(at, &mut large)? == large.len() && large.starts_with(b"PK\x06\x06") {
                    (members, length, start) = (le64(&large, 32), le64(&large, 40), le64(&large, 48));
                    end = at;
                    break;
                }
            }
        }
        if le16(record, 4) != 0 && le16(record, 4) != 0xffff {
            return Err(Fault::new(GapReason::UnsupportedFormat, "one part of an archive of several files"));
        }
        let true_start = end.checked_sub(length).ok_or_else(|| Fault::corrupt("its list is longer than the file"))?;
        let shift = true_start.checked_sub(start).ok_or_else(|| Fault::corrupt("its list lies outside the file"))?;
        Ok(Self { start: true_start, end, members, shift })
    }
}

/// One member as the list has it.
struct Entry {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    header: u64,
    unix_mode: u32,
}

impl Entry {
    /// How long the entry is that begins `bytes`.
    fn length(bytes: &[u8]) -> Option<usize> {
        let fixed = bytes.get(..46).filter(|fixed| fixed.starts_with(b"PK\x01\x02"))?;
        Some(46 + usize::from(le16(fixed, 28)) + usize::from(le16(fixed, 30)) + usize::from(le16(fixed, 32)))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let fixed = bytes.get(..46)?;
        let name_end = 46 + usize::from(le16(fixed, 28));
        let extra_end = name_end + usize::from(le16(fixed, 30));
        let (mut packed, mut size) = (u64::from(le32(fixed, 20)), u64::from(le32(fixed, 24)));
        let mut header = u64::from(le32(fixed, 42));
        let made_by_unix = fixed[5] == 3 || fixed[5] == 19;
        let mut extra = bytes.get(name_end..extra_end)?;
        while let Some((id_and_size, rest)) = extra.split_first_chunk::<4>() {
            let (field, after) = rest.split_at_checked(usize::from(le16(id_and_size, 2)))?;
            if le16(id_and_size, 0) == 1 {
                // The numbers that had no room, in this order.
                let mut numbers = field.chunks_exact(8).map(|chunk| le64(chunk, 0));
                for number in [&mut size, &mut packed, &mut header] {
                    if *number == 0xffff_ffff {
                        *number = numbers.next()?;
                    }
                }
            }
            extra = after;
        }
        Some(Self {
            name: bytes.get(46..name_end)?.to_vec(),
            flags: le16(fixed, 8),
            method: le16(fixed, 10),
            crc: le32(fixed, 16),
            packed,
            size,
            header,
            unix_mode: if made_by_unix { le32(fixed, 38) >> 16 } else { 0 },
        })
    }

    fn give(&self, file: &dyn File, header: u64, purse: &Purse, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        let kind = match self.unix_mode & 0o170_000 {
            _ if self.name.ends_with(b"/") || self.name.ends_with(b"\\") => EntryKind::Folder,
            0o040_000 => EntryKind::Folder,
            0o120_000 => EntryKind::Link,
            _ => EntryKind::File,
        };
        // Archives made on Windows by careless programs separate by the other slash.
        let name: Vec<u8> = self.name.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
        let path = rooted(&name);
        let packed = self.method != 0;
        let member = Member { path: &path, kind, packed };
        if self.flags & 1 != 0 || self.method == 99 {
            return Ok(each(&member, &Closed));
        }
        if !packed {
            // Its place is known only by its own header: one small read, and only for what is not compressed.
            let start = data_start(file, header)?;
            return Ok(each(&member, &Part::of(file, start, self.size)));
        }
        let lazy = Lazy::of(Some(self.size), purse, || {
            let part = Owned { file, start: data_start(file, header)?, size: self.packed };
            let source = Checked { inner: self.inflater(part)?, crc: crc32fast::Hasher::new(), wanted: self.crc };
            Ok(Box::new(source))
        });
        Ok(each(&member, &lazy))
    }

    fn inflater<'a>(&self, source: Owned<'a>) -> Result<Box<dyn Read + 'a>, Fault> {
        Ok(match self.method {
            8 => {
                // Small members are many: no more is read than there is.
                let room = usize::try_from(source.size).unwrap_or(usize::MAX).clamp(64, 32 << 10);
                Box::new(flate2::bufread::DeflateDecoder::new(BufReader::with_capacity(room, source)))
            }
            9 => Box::new(deflate64::Deflate64Decoder::new(source)),
            12 => decoder(Codec::Bzip2, source)?,
            93 => decoder(Codec::Zstd, source)?,
            95 => decoder(Codec::Xz, source)?,
            14 => {
                // Two bytes of version, the size of the properties, then these: one byte, and the dictionary's size.
                let mut source = source;
                let mut head = [0; 9];
                source.read_exact(&mut head).map_err(stream::fault)?;
                let dictionary = le32(&head, 5);
                if dictionary > 96 << 20 {
                    return Err(Fault::new(GapReason::Limit, "its dictionary is too large"));
                }
                let reader = lzma_rust2::LzmaReader::new_with_props(source, self.size, head[4], dictionary, None);
                Box::new(reader.map_err(stream::fault)?)
            }
            other => {
                let detail = format!("compressed by method {other}, which is not known");
                return Err(Fault::new(GapReason::UnsupportedFormat, detail));
            }
        })
    }
}

/// Behind the member's own header, whose name and extra field may differ from those of the list.
fn data_start(file: &dyn File, header: u64) -> Result<u64, Fault> {
    let mut local = [0; 30];
    if file.read_at(header, &mut local)? < local.len() || !local.starts_with(b"PK\x03\x04") {
        return Err(Fault::corrupt("a member is not where the list says"));
    }
    Ok(header + 30 + u64::from(le16(&local, 26)) + u64::from(le16(&local, 28)))
}

/// A stretch of a file as a stream.
struct Owned<'a> {
    file: &'a dyn File,
    start: u64,
    size: u64,
}

impl Read for Owned<'_> {
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
struct Checked<R> {
    inner: R,
    crc: crc32fast::Hasher,
    wanted: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.crc.clone().finalize() != self.wanted {
            return Err(Error::new(std::io::ErrorKind::InvalidData, "its checksum differs"));
        }
        self.crc.update(&buffer[..read]);
        Ok(read)
    }
}

/// A member that only its password opens.
struct Closed;

impl File for Closed {
    fn size(&self) -> Result<u64, Fault> {
        Err(Fault::new(GapReason::Encrypted, "it needs a password"))
    }

    fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize, Fault> {
        Err(Fault::new(GapReason::Encrypted, "it needs a password"))
    }
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}
