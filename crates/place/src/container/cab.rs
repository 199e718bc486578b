//! Microsoft cabinets (MS-CAB): files lie in folders, each one compressed stream in blocks of 32 KiB. Own code where a
//! crate would do: the crate `cab` begins a folder anew for each of its files.

use super::bytes::{le16, le32};
use super::lazy::Lazy;
use super::purse::{Held, Purse};
use super::{Each, Member, rooted, stream};
use crate::tree::{EntryKind, Fault, File};
use flate2::{Decompress, FlushDecompress, Status};
use ostrakon_model::GapReason;
use std::io::{Error, ErrorKind, Read};
use std::ops::ControlFlow;

/// The size of a block once inflated, but for the last.
const BLOCK: usize = 32 << 10;
/// The longest name; the format gives 256 bytes.
const LONGEST_NAME: usize = 256;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let mut at = 0;
    let mut take = |length: usize| -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; length];
        if file.read_at(at, &mut bytes)? < length {
            return Err(Fault::new(GapReason::Truncated, "it ends before its lists do"));
        }
        at += length as u64;
        Ok(bytes)
    };
    let header = take(36)?;
    let said = u64::from(le32(&header, 8));
    let (files_at, folders, files, flags) =
        (u64::from(le32(&header, 16)), le16(&header, 26), le16(&header, 28), le16(&header, 30));
    let (mut of_folder, mut of_block) = (0, 0);
    if flags & 4 != 0 {
        let sizes = take(4)?;
        take(usize::from(le16(&sizes, 0)))?;
        (of_folder, of_block) = (usize::from(sizes[2]), usize::from(sizes[3]));
    }
    // Names of the cabinets before and after: their files begin or go on there.
    for _ in 0..2 * (u32::from(flags & 1 != 0) + u32::from(flags & 2 != 0)) {
        let mut length = 0;
        while take(1)? != [0] {
            length += 1;
            if length > LONGEST_NAME {
                return Err(Fault::corrupt("a name without an end"));
            }
        }
    }
    let mut list: Vec<(Folder, Vec<Entry>)> = Vec::new();
    let mut held = purse.hold(u64::from(folders) * size_of::<(Folder, Vec<Entry>)>() as u64)?;
    for _ in 0..folders {
        let entry = take(8 + of_folder)?;
        let folder =
            Folder { start: u64::from(le32(&entry, 0)), blocks: le16(&entry, 4), method: le16(&entry, 6), of_block };
        list.push((folder, Vec::new()));
    }
    let split = entries(file, files_at, files, &mut list, &mut held)?;
    for (folder, mut entries) in list {
        entries.sort_by_key(|entry| entry.offset);
        if folder.give(file, &entries, purse, each)? == ControlFlow::Break(()) {
            return Ok(());
        }
    }
    // It is as long as it says, also where nobody read so far.
    if file.read_at(said.saturating_sub(1), &mut [0])? == 0 {
        return Err(Fault::new(GapReason::Truncated, "it ends before it says it does"));
    }
    if split > 0 {
        let detail = format!("{split} of its files go on in another cabinet");
        return Err(Fault::new(GapReason::UnsupportedFormat, detail));
    }
    Ok(())
}

/// Reads the list of files into their folders; gives how many lie in several cabinets.
fn entries(
    file: &dyn File,
    start: u64,
    count: u16,
    list: &mut [(Folder, Vec<Entry>)],
    held: &mut Held<'_>,
) -> Result<u32, Fault> {
    let mut at = start;
    let mut split = 0;
    for _ in 0..count {
        let mut bytes = [0; 16 + LONGEST_NAME];
        let read = file.read_at(at, &mut bytes)?;
        let cut_off = || Fault::new(GapReason::Truncated, "it ends in its list of files");
        let name = bytes[..read].get(16..).ok_or_else(cut_off)?;
        let length = name.iter().position(|byte| *byte == 0).ok_or_else(cut_off)?;
        at += 17 + length as u64;
        let folder = le16(&bytes, 8);
        if folder >= 0xfffd {
            split += 1;
            continue;
        }
        let Some((_, entries)) = list.get_mut(usize::from(folder)) else {
            return Err(Fault::corrupt("a file lies in a folder that is not there"));
        };
        held.more((size_of::<Entry>() + length) as u64)?;
        let name = name[..length].iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
        entries.push(Entry { name, size: u64::from(le32(&bytes, 0)), offset: u64::from(le32(&bytes, 4)) });
    }
    Ok(split)
}

struct Entry {
    name: Vec<u8>,
    size: u64,
    offset: u64,
}

struct Folder {
    start: u64,
    blocks: u16,
    method: u16,
    of_block: usize,
}

impl Folder {
    fn give(
        &self,
        file: &dyn File,
        entries: &[Entry],
        purse: &Purse,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        let whole = Lazy::of(None, purse, || Ok(Box::new(Blocks::of(file, self, purse)?)));
        for entry in entries {
            purse.member()?;
            whole.forget(entry.offset);
            let path = rooted(&entry.name);
            let member = Member { path: &path, kind: EntryKind::File, packed: true };
            let part = super::part::Part::of(&whole, entry.offset, entry.size);
            if each(&member, &part) == ControlFlow::Break(()) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A folder's blocks as one stream.
struct Blocks<'a> {
    file: &'a dyn File,
    at: u64,
    left: u16,
    of_block: usize,
    method: Method,
    block: Vec<u8>,
    used: usize,
    _held: Held<'a>,
}

enum Method {
    Stored,
    /// Deflate by blocks; what the block before held is the dictionary of the next.
    MsZip,
    Lzx(Box<lzxd::Lzxd>),
}

impl<'a> Blocks<'a> {
    fn of(file: &'a dyn File, folder: &Folder, purse: &'a Purse) -> Result<Self, Fault> {
        // A block as it is packed and as it is, and tables.
        let mut held = purse.hold(256 << 10)?;
        let method = match folder.method & 0xf {
            0 => Method::Stored,
            1 => Method::MsZip,
            3 => {
                let (window, size) = window(folder.method >> 8 & 0x1f);
                held.more(size)?;
                Method::Lzx(Box::new(lzxd::Lzxd::new(window)))
            }
            _ => return Err(Fault::new(GapReason::UnsupportedFormat, "compressed by Quantum, which is not known")),
        };
        let (at, left, of_block) = (folder.start, folder.blocks, folder.of_block);
        Ok(Self { file, at, left, of_block, method, block: Vec::new(), used: 0, _held: held })
    }

    fn next(&mut self) -> std::io::Result<()> {
        let wrong = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
        let read = |at, bytes: &mut [u8]| match self.file.read_at(at, bytes) {
            Ok(read) if read == bytes.len() => Ok(()),
            Ok(_) => Err(Error::new(ErrorKind::UnexpectedEof, "it ends in the middle of a block")),
            Err(fault) => Err(Error::other(stream::Carried(fault))),
        };
        let mut head = vec![0; 8 + self.of_block];
        read(self.at, &mut head)?;
        let (sum, packed, size) = (le32(&head, 0), usize::from(le16(&head, 4)), usize::from(le16(&head, 6)));
        if size > BLOCK {
            return Err(wrong("a block that is larger than any may be"));
        }
        let mut bytes = vec![0; packed];
        read(self.at + head.len() as u64, &mut bytes)?;
        // 0 says that there is none.
        if sum != 0 && sum != checksum(&head[4..8], checksum(&bytes, 0)) {
            return Err(wrong("the checksum of a block differs"));
        }
        self.at += (head.len() + packed) as u64;
        self.left -= 1;
        self.used = 0;
        match &mut self.method {
            Method::Stored => self.block = bytes,
            Method::MsZip => {
                let body = bytes.strip_prefix(b"CK").ok_or_else(|| wrong("a block does not begin as it must"))?;
                let mut inflate = Decompress::new(false);
                let mut out = vec![0; size];
                if !self.block.is_empty() {
                    inflate = with_dictionary(&self.block).unwrap_or(inflate);
                }
                let status = inflate.decompress(body, &mut out, FlushDecompress::Finish);
                if !matches!(status, Ok(Status::StreamEnd | Status::Ok)) || inflate.total_out() != size as u64 {
                    return Err(wrong("a block cannot be inflated"));
                }
                self.block = out;
            }
            Method::Lzx(decoder) => {
                let out = decoder.decompress_next(&bytes, size).map_err(|_| wrong("a block cannot be inflated"))?;
                self.block = out.to_vec();
            }
        }
        if self.block.len() != size {
            return Err(wrong("a block is not as large as it says"));
        }
        Ok(())
    }
}

/// The window of LZX, by its power of two, and what it takes.
fn window(power: u16) -> (lzxd::WindowSize, u64) {
    let window = match power {
        15 => lzxd::WindowSize::KB32,
        16 => lzxd::WindowSize::KB64,
        17 => lzxd::WindowSize::KB128,
        18 => lzxd::WindowSize::KB256,
        19 => lzxd::WindowSize::KB512,
        20 => lzxd::WindowSize::MB1,
        _ => return (lzxd::WindowSize::MB2, 2 << 20),
    };
    (window, 1 << power)
}

/// The checksum of a block (MS-CAB, 3.1): words of four bytes, and what is left counts from its other end.
fn checksum(bytes: &[u8], before: u32) -> u32 {
    let words = bytes.chunks_exact(4);
    let rest = words.remainder().iter().fold(0_u32, |rest, byte| rest << 8 | u32::from(*byte));
    words.fold(before, |sum, word| sum ^ le32(word, 0)) ^ rest
}

/// A raw inflater that may refer back into `dictionary`.
fn with_dictionary(dictionary: &[u8]) -> Option<Decompress> {
    let mut inflate = Decompress::new(false);
    inflate.set_dictionary(dictionary).ok()?;
    Some(inflate)
}

impl Read for Blocks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.used == self.block.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.next()?;
        }
        let count = (self.block.len() - self.used).min(buffer.len());
        buffer[..count].copy_from_slice(&self.block[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}
