//! The tables of a package: rows of numbers, column by column, that stand for the texts of one pool.

use crate::reading::{le16, le32};
use encoding_rs::Encoding;
use ostrakon_model::GapReason;
use ostrakon_place::container::Package;
use ostrakon_place::{Fault, File};
use std::collections::BTreeMap;

/// Four bytes for each text: pools of large packages have some 100,000.
const MOST_OF_POOL: u64 = 32 << 20;
/// Tables that are read here have some 100 rows, each of four or six bytes.
const MOST_OF_TABLE: u64 = 64 << 10;
/// No text that is asked for is longer; texts of licences are. Any row may hold one.
const LONGEST: usize = 1 << 10;

/// The texts of a package, and its tables.
pub(super) struct Database<'p, 'a> {
    package: &'p Package<'a>,
    pool: Vec<u8>,
    encoding: &'static Encoding,
    /// How many bytes stand for a text in a table.
    width: usize,
}

impl<'p, 'a> Database<'p, 'a> {
    pub(super) fn open(package: &'p Package<'a>) -> Result<Self, Fault> {
        let pool = package.table("_StringPool")?.ok_or_else(|| Fault::corrupt("a package without texts"))?;
        let pool = pool.read_all(MOST_OF_POOL)?;
        let page = le32(&pool, 0).ok_or_else(|| Fault::new(GapReason::Truncated, "its list of texts is cut off"))?;
        let width = if page >> 31 == 0 { 2 } else { 3 };
        Ok(Self { package, pool, encoding: encoding(page & 0x7fff_ffff), width })
    }

    /// The rows of a table of `COLUMNS` texts; none where there is no such table.
    pub(super) fn table<const COLUMNS: usize>(&self, name: &str) -> Result<Vec<[String; COLUMNS]>, Fault> {
        let Some(table) = self.package.table(name)? else { return Ok(Vec::new()) };
        let bytes = table.read_all(MOST_OF_TABLE)?;
        let row = self.width * COLUMNS;
        if !bytes.len().is_multiple_of(row) {
            return Err(Fault::corrupt(format!("its table {name} has half a row")));
        }
        let rows = bytes.len() / row;
        let numbers: Vec<u32> = bytes.chunks_exact(self.width).map(number).collect();
        let mut texts: BTreeMap<u32, String> = numbers.iter().map(|number| (*number, String::new())).collect();
        self.fill(&mut texts)?;
        let text = |at: usize| numbers.get(at).and_then(|number| texts.get(number)).cloned().unwrap_or_default();
        Ok((0..rows).map(|row| std::array::from_fn(|column| text(column * rows + row))).collect())
    }

    /// Fills in the texts of these numbers. What lies where is known only from the lengths of all before.
    fn fill(&self, texts: &mut BTreeMap<u32, String>) -> Result<(), Fault> {
        let data = self.package.table("_StringData")?.ok_or_else(|| Fault::corrupt("a package without texts"))?;
        let mut entries = self.pool.chunks_exact(4).skip(1);
        let (mut at, mut id) = (0, 0);
        while let Some(entry) = entries.next() {
            id += 1;
            let (short, used) = (le16(entry, 0).unwrap_or_default(), le16(entry, 2).unwrap_or_default());
            // A text that is longer than this can say has its length in the next entry.
            let length = if short == 0 && used > 0 {
                entries.next().and_then(|entry| le32(entry, 0)).unwrap_or_default()
            } else {
                u32::from(short)
            };
            if let Some(told) = texts.get_mut(&id) {
                let mut bytes = vec![0; (length as usize).min(LONGEST)];
                if data.read_at(at, &mut bytes)? < bytes.len() {
                    return Err(Fault::new(GapReason::Truncated, "its texts end too soon"));
                }
                *told = text(self.encoding, &bytes);
            }
            at += u64::from(length);
        }
        // Number 0 is no text.
        match texts.keys().next_back() {
            Some(last) if *last > id => Err(Fault::corrupt("a table speaks of texts that are not there")),
            _ => Ok(()),
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Bytes of a code page as text.
pub(super) fn text(encoding: &'static Encoding, bytes: &[u8]) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// The encoding that Windows gives this number. 0 is that of whoever reads it, mostly the western one.
pub(super) fn encoding(page: u32) -> &'static Encoding {
    match page {
        866 => encoding_rs::IBM866,
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        20866 => encoding_rs::KOI8_R,
        54936 => encoding_rs::GB18030,
        65001 => encoding_rs::UTF_8,
        _ => encoding_rs::WINDOWS_1252,
    }
}
