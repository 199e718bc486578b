//! Files that are a part of another file, or bytes in memory.

use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// A stretch of another file, as a file.
pub struct Part<'a> {
    file: &'a dyn File,
    start: u64,
    size: u64,
    /// Must the file remember what lies before it?
    pinned: bool,
}

impl<'a> Part<'a> {
    /// `size` bytes of `file` from `start` on. Whoever lets go of what it has read of them lets go of all before.
    pub fn of(file: &'a dyn File, start: u64, size: u64) -> Self {
        Self { file, start, size, pinned: false }
    }

    /// The same, where what lies before may still be read.
    pub(crate) fn pinned(file: &'a dyn File, start: u64, size: u64) -> Self {
        Self { file, start, size, pinned: true }
    }
}

impl File for Part<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let start = self.start.checked_add(offset).ok_or_else(|| Fault::corrupt("a position beyond any file"))?;
        let read = self.file.read_at(start, &mut buffer[..wanted])?;
        if read < wanted {
            return Err(Fault::new(GapReason::Truncated, "it ends before its container says it does"));
        }
        Ok(read)
    }

    fn is_random(&self) -> bool {
        self.file.is_random()
    }

    fn forget(&self, before: u64) {
        if !self.pinned {
            self.file.forget(self.start.saturating_add(before.min(self.size)));
        }
    }
}

/// Bytes in memory, as a file.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl File for Bytes<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}
