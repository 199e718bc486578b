//! The code directory of a signature: as what the program is signed, for which team, and the digests of its pages. It is what
//! is signed. All numbers are big-endian. Format: Apple's `kern/cs_blobs.h`.

use super::{SIGNING_ID, TEAM, once};
use crate::reading::be32;
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, GapReason};
use ostrakon_place::{Fault, File};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};
use std::ops::Range;

/// The longest piece of a program that is read at a time.
const PIECE: u64 = 256 << 10;

/// A code directory.
pub(super) struct Directory {
    /// What its digests are.
    pub(super) kind: Kind,
    /// The team that it names.
    pub(super) team: Option<String>,
    /// All of it.
    pub(super) whole: Vec<u8>,
    /// How many bytes of a digest are kept.
    width: usize,
    /// Where in it the digests lie, one after the other.
    digests: Range<usize>,
    /// How much of the program they cover.
    limit: u64,
    /// How much of it each covers.
    page: u64,
}

/// Kinds of digests, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Sha1,
    Sha256,
    Sha384,
}

/// Reads a directory, and adds the name the program is signed as and the team to `artifact`.
pub(super) fn describe(part: &[u8], artifact: &mut Artifact) -> Result<Directory, Fault> {
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
    let place = |at| number(at).and_then(|place| usize::try_from(place).map_err(|_| outside()));
    let version = number(8)?;
    once(artifact, SIGNING_ID, &text(place(20)?)?);
    let team = if version >= TEAM_ID { place(48)? } else { 0 };
    let team = if team == 0 { None } else { Some(text(team)?.into_owned()) };
    if let Some(team) = &team {
        once(artifact, TEAM, team);
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
    let (start, count) = (place(16)?, u64::from(number(28)?));
    if width == 0 || width > most || count != limit.div_ceil(page) {
        return Err(outside());
    }
    let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(width));
    let end = length.and_then(|length| start.checked_add(length)).ok_or_else(outside)?;
    if end > part.len() {
        return Err(outside());
    }
    Ok(Directory { kind, team, whole: part.to_vec(), width, digests: start..end, limit, page })
}

impl Directory {
    /// Computes the digests anew of `range`, all of a program that lies before its signature, and says whether they are
    /// these.
    pub(super) fn covers(&self, file: &dyn File, range: &Range<u64>) -> Result<bool, Fault> {
        match self.kind {
            Kind::Sha1 => self.same::<Sha1>(file, range),
            Kind::Sha256 => self.same::<Sha256>(file, range),
            Kind::Sha384 => self.same::<Sha384>(file, range),
        }
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
        let digests = self.whole.get(self.digests.clone()).unwrap_or_default();
        for digest in digests.chunks_exact(self.width) {
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
