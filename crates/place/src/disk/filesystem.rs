//! What every file system of a volume can be asked, whatever its format.

use crate::tree::{EntryKind, Fault, File};
use std::ops::ControlFlow;

/// A file system that is open. It is read as it is asked, and keeps little.
pub(super) trait FileSystem {
    /// The folder that all paths begin at.
    fn root(&self) -> u64;

    /// Calls `each` for every name in `folder` but `.` and `..`, in the order they are stored, until it breaks off.
    ///
    /// # Errors
    /// Where the folder contradicts its format or cannot be read; names told before count all the same.
    fn list(&self, folder: u64, each: &mut dyn FnMut(Named<'_>) -> ControlFlow<()>) -> Result<(), Fault>;

    /// Opens the regular file `node`. Nothing of its content is read yet.
    fn open(&self, node: u64) -> Result<Box<dyn File + '_>, Fault>;

    /// Where the symbolic link `node` points.
    fn link(&self, node: u64) -> Result<Vec<u8>, Fault>;

    /// What is wrong with it as a whole, or unfinished.
    fn doubts(&self) -> Vec<Fault> {
        Vec::new()
    }

    /// Calls `each` for every deleted file that can still be told: the path it had, as far as that is known, and what
    /// [`FileSystem::open`] takes.
    fn deleted(&self, _each: &mut dyn FnMut(&[u8], u64) -> ControlFlow<()>) {}

    /// Do names that differ only in the case of letters name the same?
    fn folds_case(&self) -> bool {
        false
    }
}

/// One name in a folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    /// The name: bytes as they are stored, or UTF-8 where the format stores UTF-16.
    pub(super) name: &'a [u8],
    /// What it is.
    pub(super) kind: EntryKind,
    /// What the file system finds it again by: of two names of one folder or file it is the same where the format can say so.
    pub(super) node: u64,
}
