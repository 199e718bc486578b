//! What was written to the logs of a hive and not yet to the hive. Windows writes changes to a log first and may leave
//! them there for an hour, or until it starts again; so a hive that was copied from a running system, or from one that
//! lost power, is complete only together with its logs. They are replayed as Windows does when it loads the hive.

use super::Header;
use super::cell::{HEADER, le32, le64};

/// Entries of a log begin at multiples of it.
const SECTOR: usize = 512;
/// An entry before its references to pages.
const FIXED: usize = 40;
/// What every hash in a log begins with, its lower and its higher half.
const SEED: (u32, u32) = (0x7a4e_55c5, 0x82ef_4d88);

/// One change of a hive: pages that take the place of others.
struct Entry<'l> {
    /// Counted up with each entry, on from log to log.
    sequence: u32,
    /// How long the bins of the hive are after it.
    bins: u32,
    /// How many pages it has.
    pages: u32,
    /// For each page its offset and length, then the pages.
    body: &'l [u8],
    /// The highest key, if the header of the log can be trusted.
    root: Option<u32>,
}

/// What a log holds.
#[derive(Default)]
struct Log<'l> {
    entries: Vec<Entry<'l>>,
    /// The number of an entry that was not written to its end.
    torn: Option<u32>,
    /// Why none of it can be read.
    unread: Option<&'static str>,
}

/// Puts what `logs` say into the hive; gives back what is missing nevertheless.
pub(super) fn replay(hive: &mut Vec<u8>, header: &mut Header, logs: &[Vec<u8>]) -> Vec<String> {
    // Only what is in the logs can make a hive longer.
    let most = logs.iter().fold(hive.len(), |sum, log| sum.saturating_add(log.len()));
    let secondary = header.secondary;
    // The numbers start again after the last one. Without a trusted header all of them count.
    let trusted = header.sound;
    let due = |sequence: u32| !trusted || sequence.wrapping_sub(secondary).cast_signed() >= 0;
    let mut doubts = Vec::new();
    let mut entries = Vec::new();
    for log in logs.iter().map(|log| Log::of(log)) {
        doubts.extend(log.unread.map(str::to_owned));
        if log.torn.is_some_and(due) {
            doubts.push("an entry of its log is torn: what it held is lost".to_owned());
        }
        entries.extend(log.entries.into_iter().filter(|entry| due(entry.sequence)));
    }
    sort(&mut entries, header);

    // The first may be later than what is due: Windows can write all of that to the hive without saying so in its
    // header.
    let mut last: Option<u32> = None;
    for entry in entries {
        if last.is_some_and(|last| last.wrapping_add(1) != entry.sequence) {
            doubts.push("entries are missing between its logs".to_owned());
            break;
        }
        if apply(hive, &entry, most).is_none() {
            doubts.push("an entry of its log cannot belong to it".to_owned());
            break;
        }
        last = Some(entry.sequence);
        header.size = entry.bins;
        header.root = entry.root.unwrap_or(header.root);
    }
    if last.is_none() {
        let why = if trusted { "it was not closed" } else { "the checksum of its header is wrong" };
        doubts.push(format!("{why}, and no log has what may be missing"));
    }
    doubts
}

/// Brings entries into the order in which they were written, each once.
fn sort(entries: &mut Vec<Entry<'_>>, header: &Header) {
    let Some(any) = entries.first().map(|entry| entry.sequence) else { return };
    let start = if header.sound { header.secondary } else { any.wrapping_sub(1 << 31) };
    entries.sort_by_key(|entry| entry.sequence.wrapping_sub(start));
    entries.dedup_by_key(|entry| entry.sequence);
    if header.sound {
        return;
    }
    // It is not known what is due: the latest entries without a gap, as Windows does.
    let mut pairs = entries.iter().zip(entries.iter().skip(1));
    let gap = pairs.rposition(|(one, next)| one.sequence.wrapping_add(1) != next.sequence);
    entries.drain(..gap.map_or(0, |gap| gap.saturating_add(1)));
}

impl<'l> Log<'l> {
    fn of(log: &'l [u8]) -> Self {
        let mut read = Self::default();
        let Some(header) = Header::of(log) else {
            // Windows makes logs of zeros before it has anything to write.
            if log.iter().any(|byte| *byte != 0) {
                read.unread = Some("what should be its log is none");
            }
            return read;
        };
        let mut rest = log.get(SECTOR..).unwrap_or_default();
        if rest.starts_with(b"DIRT") {
            read.unread = Some("its log has the form of Windows 8 and before, which is not read");
            return read;
        }
        let root = header.sound.then_some(header.root);
        let mut next = None;
        // After the last entry there may be older ones: the log is written from its beginning again and again.
        while let Some((entry, after)) = Entry::first(rest, root) {
            if next.is_some_and(|next| next != entry.sequence) {
                return read;
            }
            next = Some(entry.sequence.wrapping_add(1));
            read.entries.push(entry);
            rest = after;
        }
        if rest.starts_with(b"HvLE") {
            read.torn = Some(next.unwrap_or(header.primary));
        }
        read
    }
}

impl<'l> Entry<'l> {
    /// The entry that `bytes` begin with, if all of it is there as it was written, and what comes after it.
    fn first(bytes: &'l [u8], root: Option<u32>) -> Option<(Self, &'l [u8])> {
        let head = bytes.get(..32).filter(|head| head.starts_with(b"HvLE"))?;
        if le64(bytes, 32)? != marvin32(head) {
            return None;
        }
        let size = usize::try_from(le32(head, 4)?).ok()?;
        let (entry, after) = bytes.split_at_checked(size).filter(|_| size.is_multiple_of(SECTOR))?;
        let body = entry.get(FIXED..)?;
        if le64(head, 24)? != marvin32(body) {
            return None;
        }
        let (sequence, bins, pages) = (le32(head, 12)?, le32(head, 16)?, le32(head, 20)?);
        Some((Self { sequence, bins, pages, body, root }, after))
    }
}

/// Writes the pages of an entry to the hive: all of them, or none if one cannot be.
fn apply(hive: &mut Vec<u8>, entry: &Entry<'_>, most: usize) -> Option<()> {
    let end = HEADER.checked_add(usize::try_from(entry.bins).ok()?).filter(|end| *end <= most)?;
    let references = usize::try_from(entry.pages).ok()?.checked_mul(8)?;
    let (references, mut rest) = entry.body.split_at_checked(references)?;
    let mut pages = Vec::with_capacity(references.len() / 8);
    for reference in references.as_chunks::<8>().0 {
        let start = HEADER.checked_add(usize::try_from(le32(reference, 0)?).ok()?)?;
        let (page, after) = rest.split_at_checked(usize::try_from(le32(reference, 4)?).ok()?)?;
        let range = start..start.checked_add(page.len()).filter(|last| *last <= end)?;
        pages.push((range, page));
        rest = after;
    }
    if hive.len() < end {
        hive.resize(end, 0);
    }
    for (range, page) in pages {
        // All ranges end before `end`.
        hive.get_mut(range)?.copy_from_slice(page);
    }
    Some(())
}

/// Marvin32, the hash Windows has for its logs.
pub(super) fn marvin32(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let mut last = [0; 4];
    for (to, byte) in last.iter_mut().zip(rest.iter().chain(&[0x80])) {
        *to = *byte;
    }
    let words = words.iter().chain([&last, &[0; 4]]).map(|word| u32::from_le_bytes(*word));
    let (low, high) = words.fold(SEED, |(low, high), word| {
        let low = low.wrapping_add(word);
        let high = high ^ low;
        let low = low.rotate_left(20).wrapping_add(high);
        let high = high.rotate_left(9) ^ low;
        let low = low.rotate_left(27).wrapping_add(high);
        (low, high.rotate_left(19))
    });
    u64::from(high) << 32 | u64::from(low)
}
