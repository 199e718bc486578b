//! Content that lies in its container as it is, and has a checksum: that is compared by who reads it from its start to its
//! end, and costs nothing else.

use crate::tree::{Fault, File};
use std::cell::RefCell;

/// A file with a checksum.
pub(super) struct Checked<F> {
    file: F,
    size: u64,
    wanted: u32,
    state: RefCell<State>,
}

/// How far it was read without leaving anything out, and the sum of that.
struct State {
    reached: u64,
    sum: Sum,
}

/// How a checksum is made.
pub(super) enum Sum {
    /// By CRC-32.
    Crc(crc32fast::Hasher),
    /// By adding all bytes.
    Plain(u32),
}

impl<F: File> Checked<F> {
    /// `size` bytes of `file`, whose sum must be `wanted`.
    pub(super) fn of(file: F, size: u64, sum: Sum, wanted: u32) -> Self {
        Self { file, size, wanted, state: RefCell::new(State { reached: 0, sum }) }
    }
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(hasher) => hasher.update(bytes),
            Self::Plain(sum) => {
                *sum = bytes.iter().fold(*sum, |sum, byte| sum.wrapping_add(u32::from(*byte)));
            }
        }
    }

    fn value(&self) -> u32 {
        match self {
            Self::Crc(hasher) => hasher.clone().finalize(),
            Self::Plain(sum) => *sum,
        }
    }
}

impl<F: File> File for Checked<F> {
    fn size(&self) -> Result<u64, Fault> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let read = self.file.read_at(offset, buffer)?;
        let mut state = self.state.borrow_mut();
        let end = offset.saturating_add(read as u64);
        if let Some(known) = state.reached.checked_sub(offset)
            && end > state.reached
            && let Some(new) = usize::try_from(known).ok().and_then(|known| buffer.get(known..read))
        {
            state.sum.add(new);
            state.reached = end;
        }
        // Whoever reads the end is told, also the second time.
        if state.reached == self.size && end == self.size && read > 0 && state.sum.value() != self.wanted {
            return Err(Fault::corrupt("its checksum differs"));
        }
        Ok(read)
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
    use super::super::Bytes;
    use super::*;

    #[test]
    fn sums_are_compared_at_the_end() {
        let content: Vec<u8> = (0..=255).collect();
        let sums = |sum: Sum, wanted: u32| Checked::of(Bytes(&content), 256, sum, wanted);
        let crc = crc32fast::hash(&content);
        for (right, file) in [
            (true, sums(Sum::Crc(crc32fast::Hasher::new()), crc)),
            (false, sums(Sum::Crc(crc32fast::Hasher::new()), !crc)),
            (true, sums(Sum::Plain(0), 255 * 128)),
            (false, sums(Sum::Plain(0), 255 * 128 + 1)),
        ] {
            let mut buffer = [0; 100];
            // Its head again and again, and places of its end, compare nothing.
            for (offset, read) in [(0, 100), (0, 100), (50, 100), (200, 56)] {
                assert_eq!(file.read_at(offset, &mut buffer), Ok(read));
            }
            assert_eq!(file.read_at(150, &mut buffer), Ok(100));
            assert_eq!(file.read_at(250, &mut buffer).is_ok(), right);
            assert_eq!(file.read_at(250, &mut buffer).is_ok(), right);
        }
    }
}
