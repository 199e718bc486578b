//! bbolt, a file of keys and values: pages of one size that make trees, one tree a bucket, and buckets in buckets.
//! <https://github.com/etcd-io/bbolt>
//!
//! - A page begins with its number (8 bytes), what it is (2), how many elements it has (2), and over how many more pages it
//!   goes on (4). All numbers are in the byte order of the machine, which is little-endian but for the rarest.
//! - The first two pages hold a record each of the newest two states: the mark, the version, the size of a page, the number
//!   of the root's page, the first page not in use, a counter, and a checksum (FNV-1a of what is before it).
//! - An element of a branch is a place, the length of a key and the number of a page; one of a leaf is a mark for buckets, a
//!   place, and the lengths of a key and a value. Places count from the element's start; keys and values follow one another.
//! - The value of a bucket is the number of its root's page and a counter. Where that number is 0, its only leaf follows.

use crate::reading::{le16, le32};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;

/// The length of a page's header, of an element, and of a bucket's header.
const HEADER: usize = 16;

const BRANCH: u16 = 1;
const LEAF: u16 = 2;

/// Marks the element of a bucket.
const BUCKET: usize = 1;

/// More than any engine has.
const MOST_ENTRIES: usize = 1_000_000;

/// Where the entries of a bucket are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket<'a> {
    /// In the tree of this page.
    Page(u64),
    /// In this page, which lies in the bucket's own value.
    Inline(&'a [u8]),
}

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Bucket(Bucket<'a>),
}

/// An open database.
#[derive(Debug)]
pub(super) struct Database<'a> {
    bytes: &'a [u8],
    page_size: usize,
    root: u64,
    /// The first page not in use.
    end: u64,
    /// The pages that were read: each belongs to one bucket, so that none is read twice.
    taken: Vec<bool>,
    /// How many entries may still come.
    left: usize,
    problem: Option<Fault>,
}

/// The record of one state.
struct State {
    page_size: usize,
    root: u64,
    end: u64,
    counter: u64,
}

impl<'a> Database<'a> {
    /// Opens the newest whole state.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let first = State::read(bytes, 0);
        let sizes = (9..=20).map(|power| 1_usize << power);
        let mut sizes = sizes.filter(|size| first.as_ref().is_none_or(|first| first.page_size == *size));
        let second = sizes.find_map(|size| State::read(bytes, size).filter(|state| state.page_size == size));
        let damaged = first.is_none() || second.is_none();
        let newest = first.into_iter().chain(second).max_by_key(|state| state.counter);
        let Some(State { page_size, root, end, .. }) = newest else { return Err(no_database(bytes)) };
        let pages = bytes.len() / page_size;
        let problem = if (pages as u64) < end {
            Some(Fault::new(GapReason::Truncated, format!("{pages} of {end} pages")))
        } else {
            damaged.then(|| Fault::corrupt("one of the two records at the start of the database is damaged"))
        };
        Ok(Self { bytes, page_size, root, end, taken: vec![false; pages], left: MOST_ENTRIES, problem })
    }

    /// The bucket of all others.
    pub(super) fn root(&self) -> Bucket<'a> {
        Bucket::Page(self.root)
    }

    /// The first thing that was wrong.
    pub(super) fn problem(self) -> Option<Fault> {
        self.problem
    }

    /// The entries of a bucket, as many as can be read. To be asked once for each.
    pub(super) fn entries(&mut self, bucket: Bucket<'a>) -> Vec<(&'a [u8], Value<'a>)> {
        let mut found = Vec::new();
        match bucket {
            Bucket::Inline(page) => {
                let mut outside = Vec::new();
                let read = self.elements(page, &mut outside, &mut found);
                self.note(read);
                if !outside.is_empty() {
                    self.note(Err(Fault::corrupt("a page inside a value leads to others")));
                }
            }
            Bucket::Page(root) => {
                // No page is read twice, so that this ends.
                let mut waiting = vec![root];
                while let Some(number) = waiting.pop() {
                    let read = self.page(number).and_then(|page| self.elements(page, &mut waiting, &mut found));
                    self.note(read);
                }
            }
        }
        found
    }

    fn note(&mut self, read: Result<(), Fault>) {
        if let Err(fault) = read {
            self.problem.get_or_insert(fault);
        }
    }

    /// A page with all that it goes on over.
    fn page(&mut self, number: u64) -> Result<&'a [u8], Fault> {
        let corrupt = |what: &str| Fault::corrupt(format!("page {number} {what}"));
        if number < 2 || number >= self.end {
            return Err(corrupt("is not in use"));
        }
        let cut = || Fault::new(GapReason::Truncated, format!("it ends before page {number}"));
        let first = usize::try_from(number).map_err(|_| cut())?;
        let start = first.checked_mul(self.page_size).ok_or_else(cut)?;
        let rest = self.bytes.get(start..).ok_or_else(cut)?;
        let (Some(said), Some(more)) = (le64(rest, 0), le32(rest, 12)) else { return Err(cut()) };
        if said != number {
            return Err(corrupt("bears another number"));
        }
        let pages = usize::try_from(more).ok().and_then(|more| more.checked_add(1)).ok_or_else(cut)?;
        let page = pages.checked_mul(self.page_size).and_then(|length| rest.get(..length)).ok_or_else(cut)?;
        let taken = first.checked_add(pages).and_then(|end| self.taken.get_mut(first..end)).ok_or_else(cut)?;
        if taken.contains(&true) {
            return Err(corrupt("belongs to two buckets"));
        }
        taken.fill(true);
        Ok(page)
    }

    /// What a page holds: numbers of pages, or entries.
    fn elements(
        &mut self,
        page: &'a [u8],
        waiting: &mut Vec<u64>,
        found: &mut Vec<(&'a [u8], Value<'a>)>,
    ) -> Result<(), Fault> {
        let cut = || Fault::corrupt("a page is smaller than what it holds");
        let (Some(kind), Some(count)) = (le16(page, 8), le16(page, 10)) else { return Err(cut()) };
        let is_branch = match kind & (BRANCH | LEAF) {
            BRANCH => true,
            LEAF => false,
            _ => return Err(Fault::corrupt("a page of a bucket is neither branch nor leaf")),
        };
        let count = usize::from(count);
        // Nothing begins before the end of what is before it, so that no byte is read twice.
        let mut least = HEADER * (count + 1);
        for at in 1..=count {
            if self.left == 0 {
                return Err(Fault::new(GapReason::Limit, format!("more than {MOST_ENTRIES} entries")));
            }
            self.left -= 1;
            let element = HEADER * at;
            let number = |place: usize| le32(page, element + place).and_then(|number| usize::try_from(number).ok());
            if is_branch {
                let child = le64(page, element + 8).ok_or_else(cut)?;
                waiting.push(child);
                continue;
            }
            let [Some(flags), Some(place), Some(key), Some(value)] = [number(0), number(4), number(8), number(12)]
            else {
                return Err(cut());
            };
            let start = element.checked_add(place).filter(|start| *start >= least);
            let middle = start.and_then(|start| start.checked_add(key));
            let end = middle.and_then(|middle| middle.checked_add(value));
            let (Some(start), Some(middle), Some(end)) = (start, middle, end) else {
                return Err(Fault::corrupt("two entries of a page overlap"));
            };
            let (Some(key), Some(value)) = (page.get(start..middle), page.get(middle..end)) else { return Err(cut()) };
            least = end;
            let is_bucket = flags & BUCKET != 0;
            found.push((key, if is_bucket { Value::Bucket(bucket(value)?) } else { Value::Bytes(value) }));
        }
        Ok(())
    }
}

/// The bucket that a value stands for.
fn bucket(value: &[u8]) -> Result<Bucket<'_>, Fault> {
    match (le64(value, 0), value.get(HEADER..)) {
        (Some(0), Some(page)) => Ok(Bucket::Inline(page)),
        (Some(number), Some(_)) => Ok(Bucket::Page(number)),
        _ => Err(Fault::corrupt("the header of a bucket is cut off")),
    }
}

impl State {
    /// The record in the page at `at`, if it is whole.
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let record = bytes.get(at.checked_add(HEADER)?..)?.get(..64)?;
        let (summed, _) = record.split_at_checked(56)?;
        let sum = le64(record, 56)?;
        // The first versions wrote no checksum.
        let is_whole = sum == 0 || sum == fnv(summed);
        let page_size = usize::try_from(le32(record, 8)?).ok()?;
        if le32(record, 0)? != MAGIC || le32(record, 4)? != VERSION || !is_whole {
            return None;
        }
        if !page_size.is_power_of_two() || !(512..=1 << 20).contains(&page_size) {
            return None;
        }
        Some(Self { page_size, root: le64(record, 16)?, end: le64(record, 40)?, counter: le64(record, 48)? })
    }
}

/// What is wrong with a file in which neither record is whole.
fn no_database(bytes: &[u8]) -> Fault {
    let unsupported = |detail: &str| Fault::new(GapReason::UnsupportedFormat, detail);
    match (le32(bytes, HEADER), le32(bytes, HEADER + 4)) {
        (Some(MAGIC), Some(VERSION)) => Fault::corrupt("both records at the start of the database are damaged"),
        (Some(MAGIC), Some(_)) => unsupported("a bbolt database of another version"),
        (Some(magic), _) if magic == MAGIC.swap_bytes() => unsupported("a bbolt database of the other byte order"),
        (_, None) => Fault::new(GapReason::Truncated, "shorter than the header of a bbolt database"),
        _ => Fault::corrupt("it is no bbolt database"),
    }
}

/// The 64-bit hash of Fowler, Noll and Vo in its form 1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A little-endian number at `at`.
fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 512;

    /// A page of leaf entries: key, value, and whether it is a bucket.
    fn leaf(number: u64, entries: &[(&str, Vec<u8>, bool)]) -> Vec<u8> {
        let mut page = header(number, LEAF, entries.len());
        let mut data = Vec::new();
        for (at, (key, value, is_bucket)) in entries.iter().enumerate() {
            let place = HEADER * (entries.len() - at) + data.len();
            for word in [usize::from(*is_bucket), place, key.len(), value.len()] {
                page.extend_from_slice(&u32::try_from(word).unwrap().to_le_bytes());
            }
            data.extend_from_slice(key.as_bytes());
            data.extend_from_slice(value);
        }
        page.extend_from_slice(&data);
        page
    }

    /// A page that leads to others; their keys are of no use to a reader of everything.
    fn branch(number: u64, pages: &[u64]) -> Vec<u8> {
        let mut page = header(number, BRANCH, pages.len());
        for child in pages {
            page.extend_from_slice(&[0; 8]);
            page.extend_from_slice(&child.to_le_bytes());
        }
        page
    }

    fn header(number: u64, kind: u16, count: usize) -> Vec<u8> {
        let count = u16::try_from(count).unwrap();
        [&number.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &[0; 4]].concat()
    }

    /// A database with `pages` from number 2 on, of which the first is the root.
    fn database(pages: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0..2_u64 {
            let mut page = header(number, 4, 0);
            for word in [MAGIC, VERSION, u32::try_from(SIZE).unwrap(), 0] {
                page.extend_from_slice(&word.to_le_bytes());
            }
            for word in [2, 0, 1, pages.len() as u64 + 2, number] {
                page.extend_from_slice(&word.to_le_bytes());
            }
            let sum = fnv(&page[HEADER..]);
            page.extend_from_slice(&sum.to_le_bytes());
            page.resize(SIZE, 0);
            bytes.extend_from_slice(&page);
        }
        for page in pages {
            let mut page = page.clone();
            page.resize(SIZE, 0);
            bytes.extend_from_slice(&page);
        }
        bytes
    }

    fn at_page(number: u64) -> Vec<u8> {
        [number.to_le_bytes(), [0; 8]].concat()
    }

    /// The keys of the root and of all buckets in it, and what was wrong.
    fn keys(bytes: &[u8]) -> (Vec<String>, Option<GapReason>) {
        let mut database = Database::open(bytes).unwrap();
        let mut names = Vec::new();
        let mut waiting = vec![database.root()];
        while let Some(bucket) = waiting.pop() {
            for (key, value) in database.entries(bucket) {
                names.push(String::from_utf8_lossy(key).into_owned());
                if let Value::Bucket(bucket) = value {
                    waiting.push(bucket);
                }
            }
        }
        names.sort();
        (names, database.problem().map(|fault| fault.reason))
    }

    #[test]
    fn trees_and_buckets_of_both_kinds_are_read() {
        let inline = [at_page(0), leaf(0, &[("inner", b"x".to_vec(), false)])].concat();
        let bytes = database(&[
            branch(2, &[3, 4]),
            leaf(3, &[("a", b"1".to_vec(), false), ("b", at_page(5), true)]),
            leaf(4, &[("c", inline, true), ("d", Vec::new(), false)]),
            leaf(5, &[("outer", Vec::new(), false)]),
        ]);
        let (names, problem) = keys(&bytes);
        assert_eq!(names, ["a", "b", "c", "d", "inner", "outer"]);
        assert_eq!(problem, None);
    }

    #[test]
    fn loops_end() {
        for pages in [
            vec![branch(2, &[2])],
            vec![branch(2, &[3, 3]), leaf(3, &[])],
            vec![leaf(2, &[("a", at_page(2), true)])],
            vec![leaf(2, &[("a", at_page(3), true), ("b", at_page(3), true)]), leaf(3, &[])],
        ] {
            assert_eq!(keys(&database(&pages)).1, Some(GapReason::Corrupt));
        }
    }

    #[test]
    fn numbers_that_lie_are_damage() {
        let long = leaf(2, &[("a", Vec::new(), false)]);
        let with = |at: usize, value: u8| {
            let mut page = long.clone();
            page[at] = value;
            keys(&database(&[page])).1
        };
        // Its number, what it is, how many elements, where the key is, how long it is, how long the value is.
        for (at, value) in [(0, 9), (8, 4), (10, 99), (20, 0), (25, 9), (29, 9)] {
            assert_eq!(with(at, value), Some(GapReason::Corrupt), "{at}");
        }
        assert_eq!(with(12, 200), Some(GapReason::Truncated));
        assert_eq!(keys(&database(&[branch(2, &[1])])).1, Some(GapReason::Corrupt));
        assert_eq!(keys(&database(&[branch(2, &[u64::MAX])])).1, Some(GapReason::Corrupt));
        assert_eq!(keys(&database(&[leaf(2, &[("a", vec![0; 15], true)])])).1, Some(GapReason::Corrupt));
    }

    #[test]
    fn a_cut_shows_though_nothing_lay_behind_it() {
        let whole = database(&[leaf(2, &[("a", Vec::new(), false)]), leaf(3, &[])]);
        let (names, problem) = keys(&whole[..3 * SIZE]);
        assert_eq!((names.len(), problem), (1, Some(GapReason::Truncated)));
    }

    #[test]
    fn one_damaged_record_is_told_and_the_other_one_serves() {
        let whole = database(&[leaf(2, &[("a", Vec::new(), false)])]);
        for at in [HEADER + 20, SIZE + HEADER + 20] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let (names, problem) = keys(&bytes);
            assert_eq!((names.len(), problem), (1, Some(GapReason::Corrupt)));
        }
        let mut bytes = whole.clone();
        bytes[HEADER + 20] ^= 1;
        bytes[SIZE + HEADER + 20] ^= 1;
        assert!(Database::open(&bytes).is_err());
        assert!(Database::open(b"").is_err());
    }
}
