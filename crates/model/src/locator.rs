//! Where something was seen, written so that it can be found again.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A path from the root of the place, nested with `!` for what lies inside another thing.
///
/// Names are bytes on disk and text here: bytes that are not printable UTF-8, `%` and `!` are written `%XX`, so that a
/// locator is one line, and [`decode`] gives the bytes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locator(pub String);

impl Locator {
    /// The locator of `path`, the bytes of a path from the root of a place.
    pub fn of_path(path: &[u8]) -> Self {
        Self(encode(path).into_owned())
    }

    /// The locator of `part` inside this one.
    #[must_use]
    pub fn inside(&self, part: &[u8]) -> Self {
        Self(format!("{}!{}", self.0, encode(part)))
    }

    /// The locator as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Writes the bytes of a path or name as one line of text; borrowed where nothing needs escaping.
pub fn encode(bytes: &[u8]) -> Cow<'_, str> {
    let plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && *byte != b'%' && *byte != b'!';
    if bytes.iter().all(plain)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || matches!(letter, '%' | '!') || is_invisible(letter) {
                let mut buffer = [0; 4];
                letter.encode_utf8(&mut buffer).bytes().for_each(|byte| push_escaped(&mut text, byte));
            } else {
                text.push(letter);
            }
        }
        chunk.invalid().iter().for_each(|byte| push_escaped(&mut text, *byte));
    }
    Cow::Owned(text)
}

/// Letters that change how the text around them is shown, or end a line: a name with one could pass for another.
pub const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn push_escaped(text: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(HEX[usize::from(byte >> 4)] as char);
    text.push(HEX[usize::from(byte & 15)] as char);
}

/// The bytes behind one part of a locator: the inverse of [`encode`]. A `%` that is not an escape stands for itself.
pub fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_itself() {
        assert_eq!(encode(b"/opt/kaspersky/kesl"), "/opt/kaspersky/kesl");
        assert_eq!(encode("/home/ada/Касперский".as_bytes()), "/home/ada/Касперский");
    }

    #[test]
    fn what_could_mislead_a_reader_is_escaped() {
        for bytes in [&b"a\nb"[..], b"\xff\xfe", b"50%!x", "\u{202e}gpj.exe".as_bytes(), b"%41"] {
            let text = encode(bytes);
            assert!(!text.contains('\n') && !text.contains('!'), "{text}");
            assert_eq!(decode(&text), bytes);
        }
    }

    #[test]
    fn parts_nest_with_a_mark_no_name_can_hold() {
        let inner = Locator::of_path(b"/tmp/a!b.zip").inside(b"x!y");
        assert_eq!(inner.as_str(), "/tmp/a%21b.zip!x%21y");
    }
}
