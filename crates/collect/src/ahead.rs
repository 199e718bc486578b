//! A file as those who look at it see it: its head is at hand already, small reads that lie near each other cost one.

use ostrakon_place::{Fault, File};
use std::cell::{Cell, RefCell};

/// Reads of more than this go to the file as they are.
const SMALL: usize = 4 << 10;
/// The most that is read ahead.
const MOST: usize = 64 << 10;

/// A file that is not read twice where it was read already, and that counts what is read of it beyond its head. Readers of
/// programs and archives ask for a few bytes here and a few there, most of them side by side.
pub(crate) struct Ahead<'a> {
    file: &'a dyn File,
    head: &'a [u8],
    size: Cell<Option<u64>>,
    bytes: Cell<u64>,
    window: RefCell<Window>,
}

/// What was read last. One serves a thread for all its files, so that the room is made once.
#[derive(Debug, Default)]
pub(crate) struct Window {
    start: u64,
    bytes: Vec<u8>,
    filled: usize,
    /// How much is read next, if that goes on from here.
    next: usize,
    off: bool,
}

impl Window {
    /// For a file that lies in another, which reads ahead itself.
    pub(crate) fn off() -> Self {
        Self { off: true, ..Self::default() }
    }

    fn forget(&mut self) {
        (self.start, self.filled, self.next) = (0, 0, 2 * SMALL);
    }

    fn known(&self, offset: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(..self.filled)?.get(from..from.checked_add(length)?)
    }

    /// Reads what lies at `offset`, and what is behind it; more, the longer readers go on from where they were.
    fn fill(&mut self, file: &dyn File, offset: u64) -> Result<(), Fault> {
        let end = self.start + self.filled as u64;
        let goes_on = self.filled > 0 && offset.saturating_add(SMALL as u64) >= end && offset <= end + self.next as u64;
        self.next = if goes_on { (self.next * 2).min(MOST) } else { 2 * SMALL };
        // What stands before is asked for next as often as what stands behind, unless somebody goes forward.
        self.start = if goes_on { offset } else { offset & !(SMALL as u64 - 1) };
        self.bytes.resize(self.next.max(self.bytes.len()), 0);
        self.filled = 0;
        self.filled = file.read_at(self.start, &mut self.bytes[..self.next])?;
        Ok(())
    }
}

impl<'a> Ahead<'a> {
    /// `file`, which begins with `head`.
    pub(crate) fn of(file: &'a dyn File, head: &'a [u8], mut window: Window) -> Self {
        window.forget();
        Self { file, head, size: Cell::new(None), bytes: Cell::new(0), window: RefCell::new(window) }
    }

    /// How much was read beyond the head, in bytes, and the room it took.
    pub(crate) fn end(self) -> (u64, Window) {
        (self.bytes.get(), self.window.into_inner())
    }

    fn count(&self, read: usize) -> usize {
        self.bytes.set(self.bytes.get() + read as u64);
        read
    }
}

impl File for Ahead<'_> {
    fn size(&self) -> Result<u64, Fault> {
        if let Some(size) = self.size.get() {
            return Ok(size);
        }
        let size = self.file.size()?;
        self.size.set(Some(size));
        Ok(size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let start = usize::try_from(offset).ok();
        if let Some(known) = start.and_then(|start| self.head.get(start..start.checked_add(buffer.len())?)) {
            buffer.copy_from_slice(known);
            return Ok(known.len());
        }
        let mut window = self.window.borrow_mut();
        if !window.off && buffer.len() <= SMALL {
            for filled in [false, true] {
                if let Some(known) = window.known(offset, buffer.len()) {
                    buffer.copy_from_slice(known);
                    return Ok(known.len());
                }
                if !filled {
                    window.fill(self.file, offset)?;
                    self.count(window.filled);
                }
            }
        }
        drop(window);
        // Also what lies across the end of the file.
        Ok(self.count(self.file.read_at(offset, buffer)?))
    }

    fn is_random(&self) -> bool {
        self.file.is_random()
    }

    fn forget(&self, before: u64) {
        self.file.forget(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostrakon_place::container::Bytes;

    struct Counting<'a>(Bytes<'a>, Cell<usize>);

    impl File for Counting<'_> {
        fn size(&self) -> Result<u64, Fault> {
            self.0.size()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
            self.1.set(self.1.get() + 1);
            self.0.read_at(offset, buffer)
        }
    }

    #[test]
    fn small_reads_side_by_side_cost_few_and_give_what_is_there() {
        let content: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let counting = Counting(Bytes(&content), Cell::new(0));
        let file = Ahead::of(&counting, &content[..4096], Window::default());
        for start in (0..content.len()).step_by(90) {
            let mut buffer = [0; 120];
            let read = file.read_at(start as u64, &mut buffer).unwrap();
            assert_eq!(buffer[..read], content[start..(start + 120).min(content.len())]);
        }
        assert!(counting.1.get() < 12, "{}", counting.1.get());
        let mut buffer = [0; 50];
        assert_eq!(file.read_at(199_990, &mut buffer).unwrap(), 10);
        assert_eq!(file.read_at(u64::MAX, &mut buffer).unwrap(), 0);
    }
}
