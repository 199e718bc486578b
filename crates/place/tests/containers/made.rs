//! Archives byte by byte: what every builder writes is right, unless a test says otherwise.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use ostrakon_place::{Fault, File};
use std::io::Write;

/// A file that is made as it is read: `head`, then `unit` so many times, then `tail`.
pub(crate) struct Repeated {
    pub(crate) head: Vec<u8>,
    pub(crate) unit: Vec<u8>,
    pub(crate) times: u64,
    pub(crate) tail: Vec<u8>,
}

impl Repeated {
    /// Where the tail begins, and where it ends.
    fn ends(&self) -> (u64, u64) {
        let tail = self.head.len() as u64 + self.unit.len() as u64 * self.times;
        (tail, tail + self.tail.len() as u64)
    }
}

impl File for Repeated {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.ends().1)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let (tail, end) = self.ends();
        let head = self.head.len() as u64;
        let mut filled = 0;
        while filled < buffer.len() && offset < end {
            let at = offset + filled as u64;
            let rest = if at < head {
                &self.head[at as usize..]
            } else if at < tail {
                &self.unit[((at - head) % self.unit.len() as u64) as usize..]
            } else {
                self.tail.get((at - tail) as usize..).unwrap_or_default()
            };
            if rest.is_empty() {
                break;
            }
            let count = rest.len().min(buffer.len() - filled);
            buffer[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
        }
        Ok(filled)
    }
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gzip(content: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// So many MiB of zeros in a stream of zstd, made of as many frames.
pub(crate) fn zeros_by_zstd(count: usize) -> Vec<u8> {
    zstd::encode_all(vec![0_u8; 1 << 20].as_slice(), 1).unwrap().repeat(count)
}

/// One member of a zip archive: what lies behind its own header, and what the list says of it.
#[derive(Clone)]
pub(crate) struct Zipped {
    pub(crate) name: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u32,
    pub(crate) size: u32,
    pub(crate) mode: u32,
    /// Where its header is, if the member has none of its own.
    pub(crate) header: Option<u32>,
    pub(crate) body: Vec<u8>,
}

impl Zipped {
    pub(crate) fn of(name: &[u8], method: u16, body: Vec<u8>, content: &[u8]) -> Self {
        Self {
            name: name.to_vec(),
            method,
            crc: crc32fast::hash(content),
            packed: u32::try_from(body.len()).unwrap(),
            size: u32::try_from(content.len()).unwrap(),
            mode: 0o100_644,
            header: None,
            body,
        }
    }

    pub(crate) fn stored(name: &[u8], content: &[u8]) -> Self {
        Self::of(name, 0, content.to_vec(), content)
    }

    pub(crate) fn deflated(name: &[u8], content: &[u8]) -> Self {
        Self::of(name, 8, deflate(content), content)
    }

    /// What its own header and the list share, from the version needed to the length of the extra field.
    fn shared(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [20, 0x800, self.method, 0, 0x5821] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [self.crc, self.packed, self.size] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    /// Its own header and its content.
    pub(crate) fn own(&self) -> Vec<u8> {
        [b"PK\x03\x04", self.shared().as_slice(), &self.name, &self.body].concat()
    }

    /// Its entry in the list.
    pub(crate) fn listed(&self, header: u32) -> Vec<u8> {
        let mut bytes = [b"PK\x01\x02\x14\x03", self.shared().as_slice()].concat();
        bytes.extend([0; 6]);
        bytes.extend((self.mode << 16).to_le_bytes());
        bytes.extend(header.to_le_bytes());
        bytes.extend(&self.name);
        bytes
    }
}

/// An archive of `entries`, in this order.
pub(crate) fn zip(entries: &[Zipped]) -> Vec<u8> {
    zip_that_counts(entries, entries.len() as u64)
}

/// The same, whose end says that it has `count` members.
pub(crate) fn zip_that_counts(entries: &[Zipped], count: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut list = Vec::new();
    for entry in entries {
        let place = u32::try_from(bytes.len()).unwrap();
        if entry.header.is_none() {
            bytes.extend(entry.own());
        }
        list.extend(entry.listed(entry.header.unwrap_or(place)));
    }
    let start = bytes.len() as u64;
    bytes.extend(&list);
    bytes.extend(zip_end(count, list.len() as u64, start));
    bytes
}

/// What ends an archive whose list of `count` members begins at `start`: where it must, with the record for large ones.
pub(crate) fn zip_end(count: u64, length: u64, start: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if count > 0xffff {
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [count, count, length, start] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend((start + length).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(u32::try_from(start).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// A header of tar, ustar by default, for a member of `size` bytes.
pub(crate) fn tar_header(name: &[u8], kind: u8, size: u64) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    if size < 1 << 33 {
        header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    } else {
        // Larger numbers are binary, the highest bit says so.
        header[124] = 0x80;
        header[128..136].copy_from_slice(&size.to_be_bytes());
    }
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    summed(header)
}

/// A header of tar with its checksum.
pub(crate) fn summed(mut header: Vec<u8>) -> Vec<u8> {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// A member of tar with its content, filled up to whole blocks.
pub(crate) fn tar_member(name: &[u8], kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = tar_header(name, kind, content.len() as u64);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// The two blocks that end a tar archive.
pub(crate) const TAR_END: [u8; 1024] = [0; 1024];

/// One line of a PAX header; its length counts itself.
pub(crate) fn pax_line(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

/// The header of a `newc` member of cpio.
pub(crate) fn cpio_header(mode: u32, size: u32, name: u32) -> String {
    format!("070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{size:08x}{:032x}{name:08x}{:08x}", 1, 0, 0, 1, 0, 0, 0)
}

/// A member of cpio with its name and content, each filled up to four bytes.
pub(crate) fn cpio_member(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mode = if content.is_empty() && name == b"TRAILER!!!" { 0 } else { 0o100_644 };
    let sizes = [content.len(), name.len() + 1].map(|size| u32::try_from(size).unwrap());
    let mut bytes = [cpio_header(mode, sizes[0], sizes[1]).as_bytes(), name, b"\0"].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// What ends a cpio archive.
pub(crate) fn cpio_end() -> Vec<u8> {
    cpio_member(b"TRAILER!!!", b"")
}

/// A package file of Debian with one member whose size is said as `size`.
pub(crate) fn deb_that_says(size: &str) -> Vec<u8> {
    let head = |name: &str, size: &str| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644);
    [b"!<arch>\n", head("debian-binary", "4").as_bytes(), b"2.0\n", head("data.tar", size).as_bytes(), &[7; 100]]
        .concat()
}

/// A 7z archive (7zFormat.txt) of what is packed and its header.
pub(crate) fn seven(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let mut start = Vec::new();
    start.extend((packed.len() as u64).to_le_bytes());
    start.extend((header.len() as u64).to_le_bytes());
    start.extend(crc32fast::hash(header).to_le_bytes());
    let sum = crc32fast::hash(&start).to_le_bytes();
    [b"7z\xbc\xaf\x27\x1c\0\x04", sum.as_slice(), &start, packed, header].concat()
}

/// A number of 7z, in its longest form.
pub(crate) fn number(value: u64) -> Vec<u8> {
    [[0xff_u8].as_slice(), &value.to_le_bytes()].concat()
}

/// Where a 7z archive says its one packed stream lies, and how it is decoded: the coder's flags, method and properties.
pub(crate) fn seven_streams(packed: u64, coder: &[u8], size: u64) -> Vec<u8> {
    let pack = [[0x06_u8, 0].as_slice(), &[1, 0x09], &number(packed), &[0]].concat();
    let unpack = [[0x07_u8, 0x0b, 1, 0, 1].as_slice(), coder, &[0x0c], &number(size), &[0]].concat();
    [pack, unpack].concat()
}

/// A 7z archive with one file.
pub(crate) fn seven_of(packed: &[u8], coder: &[u8], size: u64, name: &str) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let streams = seven_streams(packed.len() as u64, coder, size);
    let names = [[0x11_u8].as_slice(), &number(name.len() as u64 + 1), &[0], &name].concat();
    let header = [[0x01_u8, 0x04].as_slice(), &streams, &[0x08, 0, 0], &[0x05, 1], &names, &[0, 0]].concat();
    seven(packed, &header)
}
