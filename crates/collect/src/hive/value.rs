//! Values of a key: their data, which lies in the value itself, in one cell or in a chain of them, and what it means.

use super::cell::{le16, le32};
use super::key::Key;
use super::name::{Name, utf16};
use super::{Fault, Hive};

/// Windows advises against values of more than two kilobytes. Of what is longer than this nothing is read.
const MOST_DATA: usize = 16 << 20;
/// Set in a length when the data lies where its offset would be.
const INSIDE: u32 = 1 << 31;
/// How much of a long value each cell of its chain holds.
const SEGMENT: usize = 16344;
/// A value before its name.
const FIXED: usize = 20;

const SHORT: Fault = "a value of it does not fit into its cell";
const LONG: Fault = "a value of it is longer than it can be";

const STRING: u32 = 1;
const EXPANDED: u32 = 2;
const NUMBER: u32 = 4;
const NUMBER_BIG_ENDIAN: u32 = 5;
const STRINGS: u32 = 7;
const LONG_NUMBER: u32 = 11;

/// A value of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    /// Empty for the default value.
    pub(crate) name: String,
    /// Its type, by the number Windows gives it.
    pub(crate) kind: u32,
    pub(crate) data: Vec<u8>,
}

impl Value {
    /// A string, the first one where there are several, up to its first NUL.
    pub(crate) fn text(&self) -> Option<String> {
        matches!(self.kind, STRING | EXPANDED | STRINGS)
            .then(|| utf16(&self.data).take_while(|one| *one != '\0').collect())
    }

    /// A string, or several of them, one a line.
    pub(crate) fn lines(&self) -> Option<String> {
        let text = || utf16(&self.data).map(|one| if one == '\0' { '\n' } else { one }).collect();
        matches!(self.kind, STRING | EXPANDED | STRINGS).then(text)
    }

    pub(crate) fn number(&self) -> Option<u64> {
        let four = self.data.first_chunk().copied();
        match self.kind {
            NUMBER => four.map(u32::from_le_bytes).map(u64::from),
            NUMBER_BIG_ENDIAN => four.map(u32::from_be_bytes).map(u64::from),
            LONG_NUMBER => self.data.first_chunk().copied().map(u64::from_le_bytes),
            _ => None,
        }
    }
}

/// A value as it lies in the hive.
pub(super) struct Entry<'h> {
    key: Key<'h>,
    cell: &'h [u8],
    pub(super) name: Name<'h>,
}

impl<'h> Entry<'h> {
    pub(super) fn at(key: Key<'h>, at: u32) -> Result<Self, Fault> {
        let cell = key.cell(at)?;
        if !cell.starts_with(b"vk") {
            return Err("a cell of it should be a value and is none");
        }
        let length = usize::from(le16(cell, 2).ok_or(SHORT)?);
        let narrow = le16(cell, 16).ok_or(SHORT)? & 1 != 0;
        let bytes = cell.get(FIXED..FIXED.saturating_add(length)).ok_or(SHORT)?;
        Ok(Self { key, cell, name: Name { bytes, narrow } })
    }

    /// The value, if there is `room` for it, which it takes up: names and data of one key's values lie in the hive
    /// beside each other, so together they cannot be longer than it is.
    pub(super) fn value(&self, hive: &Hive, room: &mut usize) -> Result<Value, Fault> {
        let field = |at| le32(self.cell, at).unwrap_or_default();
        let (size, at, kind) = (field(4), field(8), field(12));
        let inside = size & INSIDE != 0;
        let size = usize::try_from(size & !INSIDE).unwrap_or(usize::MAX);
        let takes = size.saturating_add(self.name.bytes.len()).saturating_add(FIXED);
        *room = room.checked_sub(takes).ok_or("its values are longer than the hive")?;
        hive.work(takes)?;
        let data = if inside {
            self.cell.get(8..12).and_then(|data| data.get(..size)).ok_or(LONG)?.to_vec()
        } else if size > MOST_DATA {
            return Err(LONG);
        } else {
            self.outside(at, size)?
        };
        Ok(Value { name: self.name.text(), kind, data })
    }

    /// Data of `size` bytes that lies in the cell at `at`, or in the chain of cells that begins there.
    fn outside(&self, at: u32, size: usize) -> Result<Vec<u8>, Fault> {
        if size == 0 {
            return Ok(Vec::new());
        }
        let cell = self.key.cell(at)?;
        // Hives of old versions have no chains: there, long data can begin like one.
        if size > SEGMENT
            && let Some(data) = cell.strip_prefix(b"db").and_then(|chain| self.chain(chain, size))
        {
            return Ok(data);
        }
        let data = cell.get(..size).ok_or("a value of it is longer than its cells")?;
        Ok(data.to_vec())
    }

    /// Data of `size` bytes out of a chain of cells; `chain` is what it says after its mark.
    fn chain(&self, chain: &[u8], size: usize) -> Option<Vec<u8>> {
        let count = usize::from(le16(chain, 0)?);
        let list = self.key.cell(le32(chain, 2)?).ok()?;
        let mut data = Vec::with_capacity(size);
        for part in list.as_chunks().0.iter().take(count) {
            let part = self.key.cell(u32::from_le_bytes(*part)).ok()?;
            let wanted = size.saturating_sub(data.len()).min(SEGMENT);
            data.extend_from_slice(part.get(..wanted)?);
        }
        (data.len() == size).then_some(data)
    }
}
