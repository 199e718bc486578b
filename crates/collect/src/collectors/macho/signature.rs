//! The code signature inside a Mach-O program: who signed it as what, with which entitlements, and the digests of its pages.
//! All numbers are big-endian. Format: Apple's `kern/cs_blobs.h`.

use super::{ENTITLEMENT, SIGNING_ID, TEAM, once};
use crate::reading::be32;
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, GapReason};
use ostrakon_place::{Fault, File};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};
use std::ops::Range;

const SIGNATURE: u32 = 0xfade_0cc0;
const DIRECTORY: u32 = 0xfade_0c02;
const ENTITLEMENTS: u32 = 0xfade_7171;
const ENTITLEMENTS_DER: u32 = 0xfade_7172;
const CMS: u32 = 0xfade_0b01;

/// Real signatures have fewer than ten parts.
const MOST_PARTS: u32 = 64;
const MOST_ENTITLEMENTS: usize = 2_000;
/// The longest piece of a program that is read at a time.
const PIECE: u64 = 256 << 10;

/// The digests of a program's pages.
pub(super) struct Directory {
    kind: Kind,
    /// How many bytes of a digest are kept.
    width: usize,
    /// One after the other.
    digests: Vec<u8>,
    /// How much of the program they cover.
    limit: u64,
    /// How much of it each covers.
    page: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Sha1,
    Sha256,
    Sha384,
}

/// What a signature holds.
pub(super) struct Read {
    /// The digests of the strongest kind.
    pub(super) directory: Option<Directory>,
    /// Did anybody sign?
    pub(super) signed: bool,
    /// What is wrong with it.
    pub(super) outcome: Result<(), Fault>,
}

/// Reads a signature, and adds what it says to `artifact`.
pub(super) fn read(bytes: &[u8], artifact: &mut Artifact) -> Read {
    let mut directory: Option<Directory> = None;
    let mut signed = false;
    let mut outcome = Ok(());
    match parts(bytes) {
        Ok(parts) => {
            for (kind, part) in parts {
                let read = match kind {
                    DIRECTORY => describe(part, artifact).map(|other| {
                        let better = directory.as_ref().is_none_or(|known| known.kind < other.kind);
                        if better {
                            directory = Some(other);
                        }
                    }),
                    ENTITLEMENTS => keys(&String::from_utf8_lossy(part.get(8..).unwrap_or_default()))
                        .and_then(|list| entitlements(list, artifact)),
                    ENTITLEMENTS_DER => match der_keys(part.get(8..).unwrap_or_default()) {
                        Some(list) => entitlements(list, artifact),
                        None => Err(Fault::corrupt("its entitlements do not fit their part of the signature")),
                    },
                    // The part is there and empty where nobody signed.
                    CMS if part.len() > 8 => {
                        signed = true;
                        let described = crate::signature::describe(part.get(8..).unwrap_or_default(), artifact);
                        described.map(|_| ()).map_err(Fault::corrupt)
                    }
                    _ => Ok(()),
                };
                outcome = outcome.and(read);
            }
        }
        Err(problem) => outcome = Err(problem),
    }
    if directory.is_none() && outcome.is_ok() {
        outcome = Err(Fault::corrupt("a code signature without digests of the code"));
    }
    Read { directory, signed, outcome }
}

/// The parts of a signature: what each is, and its bytes with that and their length.
fn parts(bytes: &[u8]) -> Result<Vec<(u32, &[u8])>, Fault> {
    let outside = || Fault::corrupt("a part of its signature lies outside it");
    if be32(bytes, 0) != Some(SIGNATURE) {
        return Err(Fault::corrupt("a code signature that does not begin as one"));
    }
    let count = be32(bytes, 8).ok_or_else(outside)?;
    if count > MOST_PARTS {
        return Err(Fault::new(GapReason::Limit, format!("a code signature of {count} parts")));
    }
    let mut list = Vec::new();
    let mut total = 0_usize;
    for index in bytes.get(12..).unwrap_or_default().chunks_exact(8).take(usize::try_from(count).unwrap_or_default()) {
        let start = place(index, 4).ok_or_else(outside)?;
        let part = bytes.get(start..).ok_or_else(outside)?;
        let length = place(part, 4).filter(|length| *length >= 8);
        let part = length.and_then(|length| part.get(..length)).ok_or_else(outside)?;
        // Parts that overlapped could make a small signature cost as much as a large one.
        total = total.saturating_add(part.len());
        if total > bytes.len() {
            return Err(Fault::corrupt("the parts of its signature overlap"));
        }
        list.push((be32(part, 0).unwrap_or_default(), part));
    }
    if list.len() as u64 != u64::from(count) {
        return Err(outside());
    }
    Ok(list)
}

/// A number at `at` that is a place or a length.
fn place(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(be32(bytes, at)?).ok()
}

/// Reads a directory: the name the program is signed as, the team, the digests.
fn describe(part: &[u8], artifact: &mut Artifact) -> Result<Directory, Fault> {
    // The versions from which on these fields are there.
    const SCATTER: u32 = 0x2_0100;
    const TEAM_ID: u32 = 0x2_0200;
    const LIMIT_64: u32 = 0x2_0300;

    let outside = || Fault::corrupt("the digests of its signature do not fit their part of it");
    let number = |at| be32(part, at).ok_or_else(outside);
    let text = |at: usize| {
        let rest = part.get(at..).ok_or_else(outside)?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(outside)?;
        rest.get(..end).map(encode).ok_or_else(outside)
    };
    let version = number(8)?;
    once(artifact, SIGNING_ID, &text(place(part, 20).ok_or_else(outside)?)?);
    if version >= TEAM_ID
        && let Some(at) = place(part, 48).filter(|at| *at != 0)
    {
        once(artifact, TEAM, &text(at)?);
    }
    let byte = |at: usize| part.get(at).copied().ok_or_else(outside);
    // 3 is SHA-256 of which 20 bytes are kept.
    let (kind, most) = match byte(37)? {
        1 => (Kind::Sha1, 20),
        2 | 3 => (Kind::Sha256, 32),
        4 => (Kind::Sha384, 48),
        other => {
            let detail = format!("a code signature with digests of the unknown kind {other}");
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
    };
    let scattered = version >= SCATTER && number(44)? != 0;
    if scattered {
        return Err(Fault::new(GapReason::UnsupportedFormat, "a code signature over scattered pages"));
    }
    let long = if version >= LIMIT_64 { (u64::from(number(56)?) << 32) | u64::from(number(60)?) } else { 0 };
    let limit = if long == 0 { u64::from(number(32)?) } else { long };
    // The size of a page as a power of two; 0: all is one page.
    let page = match u32::from(byte(39)?) {
        0 => limit.max(1),
        power => 1_u64.checked_shl(power).ok_or_else(outside)?,
    };
    let width = usize::from(byte(36)?);
    let (start, count) = (place(part, 16).ok_or_else(outside)?, u64::from(number(28)?));
    if width == 0 || width > most || count != limit.div_ceil(page) {
        return Err(outside());
    }
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(width));
    let end = length.and_then(|length| start.checked_add(length)).ok_or_else(outside)?;
    let digests = part.get(start..end).ok_or_else(outside)?.to_vec();
    Ok(Directory { kind, width, digests, limit, page })
}

impl Directory {
    /// Computes the digests anew of `range`, all of a program that lies before its signature, and says whether they are
    /// these.
    pub(super) fn compare(&self, file: &dyn File, range: &Range<u64>) -> Result<&'static str, Fault> {
        let same = match self.kind {
            Kind::Sha1 => self.same::<Sha1>(file, range),
            Kind::Sha256 => self.same::<Sha256>(file, range),
            Kind::Sha384 => self.same::<Sha384>(file, range),
        };
        same.map(|same| if same { "digest-matches" } else { "digest-differs" })
    }

    fn same<D: Digest>(&self, file: &dyn File, range: &Range<u64>) -> Result<bool, Fault> {
        let beyond = || Fault::new(GapReason::Truncated, "its signature covers more than the program has");
        let end = range.start.checked_add(self.limit).filter(|end| *end <= range.end).ok_or_else(beyond)?;
        // Digests of a part only would vouch for what they do not cover.
        if end < range.end {
            return Ok(false);
        }
        let mut buffer = vec![0; usize::try_from(PIECE.min(self.page)).unwrap_or_default()];
        let mut at = range.start;
        for digest in self.digests.chunks_exact(self.width) {
            let next = at.saturating_add(self.page).min(end);
            let mut hasher = D::new();
            while at < next {
                let length = usize::try_from(next - at).map_or(buffer.len(), |left| left.min(buffer.len()));
                let wanted = buffer.get_mut(..length).unwrap_or_default();
                let read = file.read_at(at, wanted)?;
                if read == 0 {
                    return Err(beyond());
                }
                hasher.update(wanted.get(..read).unwrap_or_default());
                at = at.saturating_add(read as u64);
            }
            if hasher.finalize().get(..self.width) != Some(digest) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn entitlements(list: Vec<String>, artifact: &mut Artifact) -> Result<(), Fault> {
    if list.len() > MOST_ENTITLEMENTS {
        return Err(Fault::new(GapReason::Limit, format!("more than {MOST_ENTITLEMENTS} entitlements")));
    }
    for key in list {
        once(artifact, ENTITLEMENT, &encode(key.as_bytes()));
    }
    Ok(())
}

/// The keys of the outermost `dict` of a property list in XML. Those of the dictionaries in it are no entitlements.
fn keys(text: &str) -> Result<Vec<String>, Fault> {
    let damaged = || Fault::corrupt("its entitlements are no property list");
    if !text.contains("<plist") && !text.trim_matches(['\0', ' ', '\n']).is_empty() {
        return Err(damaged());
    }
    let mut list = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").ok_or_else(damaged)?.1;
            continue;
        }
        let (tag, after) = after.split_once('>').ok_or_else(damaged)?;
        rest = after;
        match tag.trim() {
            "dict" => depth = depth.saturating_add(1),
            "/dict" => depth = depth.checked_sub(1).ok_or_else(damaged)?,
            "key" if depth == 1 => {
                let (key, after) = rest.split_once("</key>").ok_or_else(damaged)?;
                let key = key.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
                list.push(key.trim().to_owned());
                rest = after;
            }
            _ => {}
        }
    }
    if depth == 0 { Ok(list) } else { Err(damaged()) }
}

/// The keys of the entitlements in DER: a version and a list of pairs, or, in the first form of it, a set of pairs alone.
fn der_keys(der: &[u8]) -> Option<Vec<String>> {
    let (tag, outer, _) = element(der)?;
    let mut pairs = match tag {
        0x31 => outer,
        0x70 => {
            let (_, _version, rest) = element(outer)?;
            let (0xb0, pairs, _) = element(rest)? else { return None };
            pairs
        }
        _ => return None,
    };
    let mut list = Vec::new();
    while !pairs.is_empty() {
        let (0x30, pair, rest) = element(pairs)? else { return None };
        let (0x0c, key, _) = element(pair)? else { return None };
        list.push(String::from_utf8_lossy(key).into_owned());
        pairs = rest;
    }
    Some(list)
}

/// The first element of DER: its tag, of one byte, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entitlements_are_the_keys_of_the_outer_dictionary() {
        let text = "<?xml version=\"1.0\"?><plist><dict><!-- <key>no</key> --><key>com.apple.a</key><true/>\
                    <key>b &amp; c</key><dict><key>inner</key><string>x</string></dict></dict></plist>";
        assert_eq!(keys(text), Ok(vec!["com.apple.a".to_owned(), "b & c".to_owned()]));
        assert!(keys("<plist><dict><key>a</key>").is_err());
    }

    #[test]
    fn entitlements_in_der() {
        let der = b"\x70\x10\x02\x01\x01\xb0\x0b\x30\x09\x0c\x04com.\x01\x01\xff";
        assert_eq!(der_keys(der), Some(vec!["com.".to_owned()]));
        assert_eq!(der_keys(der.get(..9).unwrap()), None);
    }
}
