//! What a PE file begins with: headers, directories, sections; and where data begins that none of them names.
//! Format: Microsoft, "PE Format".

use crate::reading::{le16, le32};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use std::ops::Range;

/// Reads from an offset on, as [`ostrakon_place::File::read_at`] does.
pub(crate) type Read<'a> = &'a dyn Fn(u64, &mut [u8]) -> Result<usize, Fault>;

pub(super) const EXPORTS: usize = 0;
pub(super) const IMPORTS: usize = 1;
pub(super) const RESOURCES: usize = 2;
const CERTIFICATES: usize = 4;
pub(super) const DEBUG: usize = 6;
pub(super) const DELAYED_IMPORTS: usize = 13;

/// A newer header of a file shorter than this far away is no sign of a cut: programs of DOS have any bytes there.
const FARTHEST_HEADER: u64 = 64 << 10;

/// A part of the file that the headers name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Directory {
    /// An address; only that of the certificates is an offset in the file.
    pub(super) address: u32,
    pub(super) size: u32,
}

/// A section: where it is loaded, and where it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) address: u32,
    /// Its size when loaded; 0: as stored.
    pub(super) size: u32,
    pub(super) offset: u64,
    pub(super) stored: u32,
    pub(super) flags: u32,
}

impl Section {
    /// Where it lies in the file, with what fills it up to a round size.
    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.stored)
    }
}

/// The headers.
#[derive(Debug)]
pub(super) struct Tables {
    /// The address the program asks to be loaded at.
    pub(super) base: u64,
    /// How many bytes of the file the headers take, which are loaded as they are.
    pub(super) headers: u32,
    /// Where the checksum lies.
    pub(super) checksum: u64,
    /// Where the entry of the certificates lies in the table of directories.
    pub(super) certificates_entry: u64,
    directories: Vec<Directory>,
    /// Sections in the order of their addresses.
    pub(super) sections: Vec<Section>,
}

impl Tables {
    /// Reads the headers; none where it is a program of DOS, of 16-bit Windows or of OS/2, or no program at all.
    pub(super) fn read(head: &[u8], size: u64, read: Read<'_>) -> Result<Option<Self>, Fault> {
        let (Some(start), Some(relocations)) = (le32(head, 0x3c).map(u64::from), le16(head, 0x18)) else {
            return Ok(None);
        };
        let cut = || Fault::new(GapReason::Truncated, "it ends within its headers");
        let file_header = some(head, read, start, 24)?;
        if file_header.len() < 24 {
            // Only what puts its table of relocations behind the old header has a new one.
            let newer = relocations >= 0x40 && start < FARTHEST_HEADER && start.saturating_add(24) > size;
            return if newer { Err(cut()) } else { Ok(None) };
        }
        if !file_header.starts_with(b"PE\0\0") {
            return Ok(None);
        }
        let half = |at| le16(&file_header, at).map_or(0, u64::from);
        let (count, length) = (half(6), half(20));
        let optional_at = start + 24;
        // Of the length it says only the sections take notice.
        let optional = some(head, read, optional_at, 240)?;
        let word = |at| le32(&optional, at).ok_or_else(cut);
        let (base, directories_at) = match le16(&optional, 0).ok_or_else(cut)? {
            0x10b => (u64::from(word(28)?), 96),
            0x20b => (u64::from(word(24)?) | (u64::from(word(28)?) << 32), 112),
            other => return Err(Fault::corrupt(format!("an optional header of the unknown kind {other:#x}"))),
        };
        let number = usize::try_from(word(directories_at - 4)?).map_or(16, |number| number.min(16));
        let mut directories = Vec::with_capacity(number);
        for at in (directories_at..).step_by(8).take(number) {
            directories.push(Directory { address: word(at)?, size: word(at + 4)? });
        }
        // Where sections lie closer than pages do, nothing is rounded.
        let rounded = word(32)? >= 0x1000;
        let table = some(head, read, optional_at + length, count * 40)?;
        if (table.len() as u64) < count * 40 {
            return Err(cut());
        }
        let mut sections: Vec<_> = table.chunks_exact(40).map(|entry| section(entry, rounded)).collect();
        sections.sort_by_key(|section| section.address);
        Ok(Some(Self {
            base,
            headers: word(60)?,
            checksum: optional_at + 64,
            certificates_entry: optional_at + directories_at as u64 + 8 * CERTIFICATES as u64,
            directories,
            sections,
        }))
    }

    /// One of the directories, if it has any.
    pub(super) fn directory(&self, number: usize) -> Option<Directory> {
        self.directories.get(number).copied().filter(|directory| directory.address != 0)
    }

    /// Where the certificates lie in the file.
    pub(super) fn certificates(&self) -> Option<Range<u64>> {
        let directory = self.directory(CERTIFICATES).filter(|directory| directory.size != 0)?;
        let start = u64::from(directory.address);
        Some(start..start + u64::from(directory.size))
    }
}

fn section(entry: &[u8], rounded: bool) -> Section {
    let word = |at| le32(entry, at).unwrap_or_default();
    let (size, address, stored, offset) = (word(8), word(12), word(16), word(20));
    // What lies nowhere in the file begins as 0, whatever its size says.
    if offset == 0 {
        return Section { address, size: size.max(stored), offset: 0, stored: 0, flags: word(36) };
    }
    let offset = if rounded { offset & !0x1ff } else { offset };
    Section { address, size, offset: u64::from(offset), stored, flags: word(36) }
}

/// Bytes from an offset on, from `head` where it has them; fewer at the end of the file.
fn some(head: &[u8], read: Read<'_>, at: u64, length: u64) -> Result<Vec<u8>, Fault> {
    let length = usize::try_from(length).map_err(|_| Fault::corrupt("headers larger than any real ones"))?;
    let known = usize::try_from(at).ok().and_then(|start| head.get(start..start.checked_add(length)?));
    if let Some(known) = known {
        return Ok(known.to_vec());
    }
    let mut bytes = vec![0; length];
    let got = read(at, &mut bytes)?;
    bytes.truncate(got);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_dos_are_none_and_a_cut_header_is_a_fault() {
        let none = |_: u64, _: &mut [u8]| Ok::<usize, Fault>(0);
        let mut dos = [0; 64];
        dos[..2].copy_from_slice(b"MZ");
        assert!(matches!(Tables::read(&dos[..30], 30, &none), Ok(None)));
        dos[0x18] = 0x1e;
        dos[0x3c..0x3e].copy_from_slice(&[0x34, 0x12]);
        assert!(matches!(Tables::read(&dos, 64, &none), Ok(None)));
        dos[0x18] = 0x40;
        assert!(Tables::read(&dos, 64, &none).is_err());
    }
}
