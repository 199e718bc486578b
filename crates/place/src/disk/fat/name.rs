//! Names: long ones in UTF-16, which both formats have, and short ones of DOS.

use super::records::Record;

/// How many units of UTF-16 a record of a long name has, and where.
const UNITS: [usize; 13] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
/// How many records a long name has at most.
const MOST_RECORDS: usize = 20;
/// How many units it has at most.
pub(in crate::disk) const MOST_UNITS: usize = 255;
/// The bit of a number that says it is the last record of its name, which is stored first.
const LAST: u8 = 0x40;
/// The upper half of code page 437, which short names are taken to be in: which one it was is stored nowhere.
const UPPER_HALF: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»\
    ░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Can `name` be one part of a path?
pub(in crate::disk) fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// UTF-16 as UTF-8. What is no character, as half of a pair, becomes the three bytes that it would be as one.
pub(in crate::disk) fn utf8(units: impl IntoIterator<Item = u16>) -> Vec<u8> {
    let mut name = Vec::new();
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(half) => {
                let [high, low] = half.unpaired_surrogate().to_be_bytes();
                name.extend([0xe0 | high >> 4, 0x80 | (high & 0xf) << 2 | low >> 6, 0x80 | low & 0x3f]);
            }
        }
    }
    name
}

/// A long name, put together record by record from its end.
#[derive(Default)]
pub(super) struct Long {
    units: Vec<u16>,
    /// How many records are still to come.
    missing: u8,
    /// The sum of the short name it belongs to.
    sum: u8,
}

impl Long {
    /// Takes in the next record. One that does not follow the one before leaves no name.
    pub(super) fn push(&mut self, record: &Record) {
        let [number, .., sum] = record.first_chunk::<14>().copied().unwrap_or_default();
        let here = number & !LAST;
        if number & LAST != 0 && (1..=MOST_RECORDS).contains(&usize::from(here)) {
            *self = Self { units: Vec::new(), missing: here, sum };
        }
        if here == 0 || here != self.missing || sum != self.sum {
            self.clear();
            return;
        }
        self.missing = here - 1;
        let pair = |at: usize| record.get(at..).and_then(<[u8]>::first_chunk).map(|pair| u16::from_le_bytes(*pair));
        self.units.splice(0..0, UNITS.iter().filter_map(|at| pair(*at)));
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The name, if it is whole and belongs to `short`; it is forgotten either way.
    pub(super) fn take(&mut self, short: &Record) -> Option<Vec<u8>> {
        let Self { units, missing, sum } = std::mem::take(self);
        let of_short = short.iter().take(11).fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        let length = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
        if missing > 0 || sum != of_short || length > MOST_UNITS {
            return None;
        }
        Some(utf8(units.into_iter().take(length))).filter(|name| is_name(name))
    }
}

/// The short name of a record.
pub(super) fn short(record: &Record) -> Vec<u8> {
    let (name, rest) = record.split_at(8);
    let (extension, rest) = rest.split_at(3);
    // NT says here which of both it was given in small letters.
    let small = rest.get(1).copied().unwrap_or_default();
    let mut whole = String::new();
    part(name, small & 8 != 0, true, &mut whole);
    let length = whole.len();
    whole.push('.');
    part(extension, small & 16 != 0, false, &mut whole);
    if whole.len() == length + 1 {
        whole.pop();
    }
    whole.into_bytes()
}

/// Appends a part of a short name without the spaces that fill it up. The mark of deleted records stands in for one
/// character that looks like it.
fn part(bytes: &[u8], is_small: bool, is_first: bool, out: &mut String) {
    let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    for (at, byte) in bytes.iter().take(end).enumerate() {
        let byte = if is_first && at == 0 && *byte == 5 { 0xe5 } else { *byte };
        let character = match byte.checked_sub(0x80) {
            Some(upper) => UPPER_HALF.chars().nth(upper.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
            None => byte.into(),
        };
        if is_small {
            out.extend(character.to_lowercase());
        } else {
            out.push(character);
        }
    }
}
