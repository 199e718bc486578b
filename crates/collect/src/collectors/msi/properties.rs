//! The summary of a package: a set of properties (MS-OLEPS).

use super::tables::{encoding, text};
use crate::reading::{le16, le32, utf16};
use ostrakon_place::container::Package;
use ostrakon_place::{Fault, File};

/// Real summaries have less than 1 KiB.
const MOST: u64 = 1 << 20;

/// What of the summary says whose package it is.
#[derive(Default)]
pub(super) struct Summary {
    pub(super) subject: String,
    pub(super) author: String,
    /// For which products a patch is, as a list of codes.
    template: String,
}

impl Summary {
    pub(super) fn read(package: &Package<'_>) -> Result<Self, Fault> {
        let stream = package.stream("\u{5}SummaryInformation")?;
        let Some(stream) = stream else { return Err(Fault::corrupt("a package without a summary")) };
        Self::of(&stream.read_all(MOST)?).ok_or_else(|| Fault::corrupt("its summary ends too soon"))
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let set = bytes.get(le32(bytes, 44)? as usize..)?;
        let count = le32(set, 4)?;
        let place = |wanted: u32| {
            let numbers = set.get(8..)?.chunks_exact(8).take(count as usize);
            numbers.filter(|pair| le32(pair, 0) == Some(wanted)).find_map(|pair| set.get(le32(pair, 4)? as usize..))
        };
        // The last place there must be: else something is missing.
        set.get(8..8_usize.checked_add((count as usize).checked_mul(8)?)?)?;
        let page = place(1).and_then(|value| le16(value, 4)).unwrap_or_default();
        let property = |wanted: u32| -> Option<String> {
            let Some(value) = place(wanted) else { return Some(String::new()) };
            let length = le32(value, 4)? as usize;
            match le32(value, 0)? {
                30 => {
                    let bytes = value.get(8..8_usize.checked_add(length)?)?;
                    Some(text(encoding(u32::from(page)), bytes).trim_end_matches('\0').to_owned())
                }
                31 => Some(utf16(value.get(8..8_usize.checked_add(length.checked_mul(2)?)?)?)),
                _ => Some(String::new()),
            }
        };
        Some(Self { subject: property(3)?, author: property(4)?, template: property(7)? })
    }

    /// The codes of the products a patch is for.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.template.split(';').map(str::trim).filter(|code| code.starts_with('{'))
    }
}
