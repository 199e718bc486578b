//! An RPM header as the database stores it: a count of entries, a count of bytes, entries of 16 bytes, then the bytes.
//! Layout: <https://rpm-software-management.github.io/rpm/manual/format_header.html>.

use crate::reading::be32;

pub(crate) const NAME: u32 = 1000;
pub(crate) const VERSION: u32 = 1001;
pub(crate) const RELEASE: u32 = 1002;
pub(crate) const VENDOR: u32 = 1011;
pub(crate) const PACKAGER: u32 = 1015;
pub(crate) const REQUIRES: u32 = 1049;
const DIRECTORY_INDEXES: u32 = 1116;
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

/// rpm itself takes no header with more entries, or more bytes.
const MOST_ENTRIES: usize = 65_535;
const MOST_BYTES: usize = 256 << 20;

/// A header whose tables lie inside its bytes.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    entries: &'a [u8],
    store: &'a [u8],
}

impl<'a> Header<'a> {
    pub(crate) fn parse(blob: &'a [u8]) -> Result<Self, String> {
        let lies = || "a package header whose sizes lie outside it".to_owned();
        let entries = be32(blob, 0).ok_or_else(lies)? as usize;
        let bytes = be32(blob, 4).ok_or_else(lies)? as usize;
        if entries == 0 || entries > MOST_ENTRIES || bytes > MOST_BYTES {
            return Err(lies());
        }
        let store = 8 + entries * 16;
        let header = Self {
            entries: blob.get(8..store).ok_or_else(lies)?,
            store: blob.get(store..store + bytes).ok_or_else(lies)?,
        };
        if header.text(NAME).is_none() {
            return Err("a package header without a name".to_owned());
        }
        Ok(header)
    }

    /// Type, count and bytes from the value's start on.
    fn find(&self, tag: u32) -> Option<(u32, usize, &'a [u8])> {
        let entry = self.entries.chunks_exact(16).find(|entry| be32(entry, 0) == Some(tag))?;
        let start = be32(entry, 8)? as usize;
        Some((be32(entry, 4)?, be32(entry, 12)? as usize, self.store.get(start..)?))
    }

    /// The text of a tag; of texts in several languages the first.
    pub(crate) fn text(&self, tag: u32) -> Option<&'a str> {
        let (kind, _, bytes) = self.find(tag)?;
        if ![STRING, STRING_ARRAY, I18N_STRING].contains(&kind) {
            return None;
        }
        let end = bytes.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&bytes[..end]).ok()
    }

    pub(crate) fn texts(&self, tag: u32) -> impl Iterator<Item = &'a [u8]> {
        let (count, bytes) = match self.find(tag) {
            Some((STRING_ARRAY, count, bytes)) => (count, bytes),
            _ => (0, &[][..]),
        };
        bytes.split(|byte| *byte == 0).take(count.min(bytes.len()))
    }

    /// The paths of the package's files.
    pub(crate) fn files(&self) -> impl Iterator<Item = Vec<u8>> {
        let folders: Vec<&[u8]> = self.texts(DIRECTORY_NAMES).collect();
        let indexes = match self.find(DIRECTORY_INDEXES) {
            Some((INT32, _, bytes)) => bytes,
            _ => &[],
        };
        self.texts(BASE_NAMES).enumerate().filter_map(move |(at, name)| {
            let folder = be32(indexes, at.checked_mul(4)?)? as usize;
            Some([*folders.get(folder)?, name].concat())
        })
    }
}
