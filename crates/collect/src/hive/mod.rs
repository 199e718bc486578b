//! The registry of Windows as it lies on a disk: a file for each of its large branches, a hive, with one or two logs
//! beside it. After Maxim Suhanov's "Windows registry file format specification".
//!
//! A hive is untrusted: whatever its offsets, lengths and counts say, reading it ends, takes no more memory than a few
//! times its own size, and one broken key does not cost its siblings.

mod cell;
mod deleted;
mod key;
mod log;
mod name;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use deleted::Deleted;
pub(crate) use key::Key;
pub(crate) use name::utf16;
pub(crate) use value::Value;

use cell::{Cells, HEADER, le32};
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is read out of one hive, in bytes of its values. All its keys can share one long value or one long list,
/// and to read it for each of them would take days; whoever reads a real hive, hundreds of times over, does not come
/// near.
const WORK: u64 = 4 << 30;

/// What is wrong, in a short phrase.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broken(pub(crate) String);

/// The same on its way: a hostile hive can have millions of faults, and most are only counted.
type Fault = &'static str;

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self(fault.to_owned())
    }
}

/// A hive, with what its logs have to add.
pub(crate) struct Hive {
    cells: Cells,
    /// Where its highest key is.
    root: u32,
    doubts: Vec<String>,
    skipped: AtomicU64,
    worked: AtomicU64,
}

impl Hive {
    /// Takes the bytes of a hive and of its logs; a log that there is not, or that is empty, has none. If the hive was
    /// not closed in order, what the logs say is put into it, in memory.
    pub(crate) fn open(mut bytes: Vec<u8>, logs: &[Vec<u8>]) -> Result<Self, Broken> {
        let mut header = Header::of(&bytes).ok_or("it is no registry hive")?;
        if header.log {
            return Err("it is the log of a registry hive".into());
        }
        if bytes.len() <= HEADER {
            return Err("it is cut off before its first key".into());
        }
        if !header.known {
            return Err("it is a registry hive of an unknown version".into());
        }
        let mut doubts = Vec::new();
        if header.primary != header.secondary || !header.sound {
            doubts = log::replay(&mut bytes, &mut header, logs);
        }
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        if size > bytes.len().saturating_sub(HEADER) {
            doubts.push("it is cut off: its header says that it is longer".to_owned());
        }
        let cells = Cells::of(bytes, size);
        Ok(Self { cells, root: header.root, doubts, skipped: AtomicU64::new(0), worked: AtomicU64::new(0) })
    }

    /// The highest key. Its own name says nothing.
    pub(crate) fn root(&self) -> Result<Key<'_>, Broken> {
        Ok(Key::at(self, self.root, false).inspect_err(|_| self.skip(1))?)
    }

    /// What could not be done and hides something: a hive that was not closed and has no log to complete it, a torn
    /// log, a hive that is cut off. Empty when all is well.
    pub(crate) fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// How many keys, values and lists of them were asked for and could not be read, counted as often as that was
    /// tried: those left out of a list and those given back as [`Broken`].
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// The keys that were deleted and can still be read. A key that was moved inside the hive can be among them.
    pub(crate) fn deleted(&self) -> Vec<Deleted<'_>> {
        deleted::deleted(self)
    }

    fn skip(&self, count: usize) {
        if count > 0 {
            self.skipped.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// Notes that as many bytes are read: a fault once that is more than anyone asks of a real hive.
    fn work(&self, bytes: usize) -> Result<(), Fault> {
        if self.worked.load(Ordering::Relaxed) > WORK {
            return Err("its keys share so many lists or values that reading them would not end");
        }
        self.worked.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(())
    }
}

/// What the beginning of a hive or of a log says.
struct Header {
    /// Counted up before each writing to the hive.
    primary: u32,
    /// Counted up after it, so that the two differ while something is missing.
    secondary: u32,
    /// It belongs to a log.
    log: bool,
    /// Versions since Windows NT 3.5 have the same cells.
    known: bool,
    root: u32,
    /// How long the bins are.
    size: u32,
    /// Its checksum is right.
    sound: bool,
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let summed = bytes.get(..508).filter(|bytes| bytes.starts_with(b"regf"))?;
        let sum = summed.as_chunks().0.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word));
        // Two sums are never written.
        let sum = match sum {
            0 => 1,
            u32::MAX => u32::MAX - 1,
            sum => sum,
        };
        let field = |at| le32(bytes, at);
        Some(Self {
            primary: field(4)?,
            secondary: field(8)?,
            log: field(28)? != 0,
            known: field(20)? == 1 && field(24)? > 1,
            root: field(36)?,
            size: field(40)?,
            sound: field(508)? == sum,
        })
    }
}
