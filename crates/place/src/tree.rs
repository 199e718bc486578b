//! The one read-only face of every place that holds files. Paths are bytes from the root, beginning with `/`; parts are
//! separated by `/`; nothing is ever reached through a symbolic link except by [`Tree::find`], which keeps links inside.

use ostrakon_model::GapReason;

/// A place that holds files.
pub trait Tree {
    /// Opens the folder at `path`; no part of it may be a link.
    fn folder(&self, path: &[u8]) -> Result<Box<dyn Folder + '_>, Fault>;

    /// Opens the file that `path` leads to. Links are followed as the system that owns the root would, inside the root.
    fn find(&self, path: &[u8]) -> Result<Box<dyn File + '_>, Fault>;

    /// What `path` leads to, links followed inside the root; `None` where there is nothing.
    fn kind(&self, path: &[u8]) -> Result<Option<EntryKind>, Fault>;
}

/// An open folder.
pub trait Folder {
    /// Calls `each` for every entry but `.` and `..`, in the order the system gives them.
    fn entries(&self, each: &mut dyn FnMut(Entry<'_>)) -> Result<(), Fault>;

    /// Opens a file of the folder without following a link and without waiting for a pipe.
    fn open(&self, name: &[u8]) -> Result<Box<dyn File + '_>, Fault>;

    /// What changes when the file of this name does, without opening it; nothing where the place does not say.
    fn stamp(&self, _name: &[u8]) -> Result<Option<Stamp>, Fault> {
        Ok(None)
    }

    /// Where a symbolic link of the folder points.
    fn link(&self, name: &[u8]) -> Result<Vec<u8>, Fault>;
}

/// An open file. Reading does not move any position, so that several readers can share it.
pub trait File {
    /// Its size in bytes.
    fn size(&self) -> Result<u64, Fault>;

    /// Fills `buffer` from `offset` on. Fewer bytes: the end of a regular file; files of the kernel also give fewer in
    /// between, and end where they give none.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault>;

    /// Can it be read at any place at the cost of the place alone? Else it is best read once, from its start on.
    fn is_random(&self) -> bool {
        true
    }

    /// A promise: nothing before this offset is read again. Files that cost memory then let go of it.
    fn forget(&self, _before: u64) {}

    /// The whole file, or a fault of reason `limit` if it is larger than `limit` bytes.
    fn read_all(&self, limit: u64) -> Result<Vec<u8>, Fault> {
        let size = self.size()?;
        let too_large =
            || Fault::new(GapReason::Limit, format!("larger than the {} MiB this reader takes", limit >> 20));
        if size > limit {
            return Err(too_large());
        }
        // One byte more than its size shows a file that grows; files of the kernel say 0 and hold more.
        let mut bytes = vec![0; usize::try_from(size).map_err(|_| too_large())?.max(4095) + 1];
        let mut filled = 0;
        loop {
            let read = self.read_at(filled as u64, &mut bytes[filled..])?;
            filled += read;
            // A file of the kernel says it has no size, and gives what it has piece by piece.
            if read == 0 || (size > 0 && filled as u64 == size) {
                bytes.truncate(filled);
                return Ok(bytes);
            }
            if filled < bytes.len() {
                continue;
            }
            if filled as u64 > limit {
                return Err(too_large());
            }
            bytes.resize(filled * 2, 0);
        }
    }
}

/// What of a file changes when it does: a file with the same stamp is the same, as far as its system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The device it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written to, in seconds and nanoseconds.
    pub modified: (i64, u32),
    /// When anything of it was changed.
    pub changed: (i64, u32),
}

/// One name in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name, as bytes.
    pub name: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, pipe or socket.
    Other,
}

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason, for the gap.
    pub reason: GapReason,
    /// What the system said.
    pub detail: String,
    /// It is not there (any more): nothing to read, no gap.
    pub gone: bool,
}

impl Fault {
    /// A fault with its words.
    pub fn new(reason: GapReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), gone: false }
    }

    /// A fault for content that contradicts its format.
    pub fn corrupt(detail: impl Into<String>) -> Self {
        Self::new(GapReason::Corrupt, detail)
    }
}
