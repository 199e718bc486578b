//! Elements of BER (ITU-T X.690), the encoding of CMS and of certificates. DER, which most signatures are written in, is the
//! part of it with one way to write each thing; macOS leaves the lengths of its signatures open, which only BER allows.

use std::borrow::Cow;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// An octet string in pieces.
pub(super) const PIECES: u8 = 0x24;
/// What the structure itself calls 0, made of other elements.
pub(super) const OWN_0: u8 = 0xa0;
/// What the structure itself calls 1, made of other elements.
pub(super) const OWN_1: u8 = 0xa1;
/// What the structure itself calls 3, made of other elements.
pub(super) const OWN_3: u8 = 0xa3;
/// What the structure itself calls 0, of bytes.
pub(super) const OWN_BYTES_0: u8 = 0x80;

/// Open lengths inside each other, far more than in any real signature.
const DEEPEST: u32 = 32;

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    /// The first byte: class, of bytes or of other elements, number.
    pub(super) tag: u8,
    /// What is in it.
    pub(super) content: &'a [u8],
    /// All of it, with tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The elements it is made of.
    pub(super) fn parts(self) -> Parts<'a> {
        Parts { rest: self.content }
    }

    /// The bytes of an octet string, in one or in pieces.
    pub(super) fn octets(self) -> Result<Cow<'a, [u8]>, String> {
        if self.tag != PIECES {
            return Ok(Cow::Borrowed(self.content));
        }
        let mut bytes = Vec::new();
        for part in self.parts() {
            bytes.extend_from_slice(part?.content);
        }
        Ok(Cow::Owned(bytes))
    }
}

/// Elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The next element, if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, String> {
        if self.rest.first() == Some(&tag) { self.next().transpose() } else { Ok(None) }
    }

    /// The next element, which must have this tag.
    pub(super) fn need(&mut self, tag: u8, what: &str) -> Result<Element<'a>, String> {
        self.optional(tag)?.ok_or_else(|| format!("no {what} where it should be"))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Element<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (next, rest) = match first(self.rest) {
            Ok((element, rest)) => (Ok(element), rest),
            // After something that is no element nothing can be told apart.
            Err(problem) => (Err(problem), &self.rest[..0]),
        };
        self.rest = rest;
        Some(next)
    }
}

/// The element that `bytes` begin with, and what follows it.
pub(super) fn first(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), String> {
    element(bytes, 0)
}

fn element(bytes: &[u8], depth: u32) -> Result<(Element<'_>, &[u8]), String> {
    let short = || "an element ends before its length says".to_owned();
    let (&tag, after) = bytes.split_first().ok_or_else(short)?;
    if tag & 0x1f == 0x1f {
        return Err("a tag of more than one byte".to_owned());
    }
    let (&length, after) = after.split_first().ok_or_else(short)?;
    let (length, after) = match length {
        0..=0x7f => (usize::from(length), after),
        0x80 => return open(bytes, tag, after, depth),
        0x81..=0x84 => {
            let (digits, after) = after.split_at_checked(usize::from(length & 0x7f)).ok_or_else(short)?;
            (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), after)
        }
        _ => return Err("a length of more than four bytes".to_owned()),
    };
    let (content, rest) = after.split_at_checked(length).ok_or_else(short)?;
    Ok((Element { tag, content, whole: &bytes[..bytes.len() - rest.len()] }, rest))
}

/// An element whose length is not said: it goes on up to two bytes of 0 where another element would begin.
fn open<'a>(bytes: &'a [u8], tag: u8, after: &'a [u8], depth: u32) -> Result<(Element<'a>, &'a [u8]), String> {
    if tag & 0x20 == 0 {
        return Err("an open length for something made of bytes".to_owned());
    }
    if depth >= DEEPEST {
        return Err("elements lie too deep in each other".to_owned());
    }
    let mut at = after;
    loop {
        if let Some(rest) = at.strip_prefix(b"\0\0") {
            let content = &after[..after.len() - at.len()];
            return Ok((Element { tag, content, whole: &bytes[..bytes.len() - rest.len()] }, rest));
        }
        at = element(at, depth + 1)?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_lengths_are_followed_to_their_end() {
        // SEQUENCE { [0] { INTEGER 7 } }, both open, then padding.
        let bytes = [0x30, 0x80, 0xa0, 0x80, 2, 1, 7, 0, 0, 0, 0, 0xff];
        let (outer, rest) = first(&bytes).unwrap();
        assert_eq!((outer.tag, outer.whole.len(), rest), (SEQUENCE, 11, &[0xff][..]));
        let inner = outer.parts().need(OWN_0, "part").unwrap();
        assert_eq!(inner.parts().need(INTEGER, "number").unwrap().content, [7]);
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        assert!(first(&[0x30, 0x05, 1]).is_err());
        assert!(first(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(first(&[0x30, 0x80, 2, 1, 7]).is_err());
        assert!(first(&[0x30, 0x80].repeat(100)).is_err());
        assert!(first(&[]).is_err());
    }
}
