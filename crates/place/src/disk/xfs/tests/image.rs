//! Packed volumes, and what tests do to them.

use super::super::sum;
use crate::tree::{Fault, File};
use std::rc::Rc;

/// A volume whose zeros cost nothing.
#[derive(Clone, Default)]
pub(super) struct Image {
    pub(super) size: u64,
    /// What is not zeros, in order.
    pieces: Rc<Vec<(u64, Vec<u8>)>>,
    /// What differs from these; the last counts.
    changes: Vec<(u64, Vec<u8>)>,
}

impl Image {
    pub(super) fn of(mut packed: &[u8]) -> Self {
        fn number(packed: &mut &[u8]) -> Option<u64> {
            let byte = *packed.split_off_first()?;
            let rest = if byte < 128 { 0 } else { number(packed)? };
            Some(rest << 7 | u64::from(byte & 127))
        }
        let size = number(&mut packed).unwrap();
        let (mut pieces, mut at) = (Vec::new(), 0);
        while let (Some(skip), Some(length)) = (number(&mut packed), number(&mut packed)) {
            at += skip;
            pieces.push((at, packed.split_off(..length as usize).unwrap().to_vec()));
            at += length;
        }
        Self { size, pieces: Rc::new(pieces), changes: Vec::new() }
    }

    pub(super) fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.read_at(at, &mut bytes).unwrap();
        bytes
    }

    /// Puts `bytes` at `at`, and makes right the checksum of what they lie in, if it has one.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8], seal: bool) {
        self.changes.push((at, bytes.to_vec()));
        if let Some((start, length, sum_at)) = self.sealed(at).filter(|_| seal) {
            let sum = sum::of(&self.read(start, length), sum_at).unwrap();
            self.changes.push((start + sum_at as u64, sum.to_vec()));
        }
    }

    /// Where what `at` lies in begins, its size, and where in it its checksum is: the superblock, an inode, a block of names,
    /// one of a tree, or a link.
    fn sealed(&self, at: u64) -> Option<(u64, usize, usize)> {
        if at < 512 {
            return Some((0, 512, 224));
        }
        let kinds: [(u64, &[u8], usize, usize); 5] = [
            (512, b"IN", 512, 100),
            (1024, b"XDB3", 4096, 4),
            (1024, b"XDD3", 4096, 4),
            (1024, b"BMA3", 1024, 64),
            (1024, b"XSLM", 2048, 12),
        ];
        kinds.into_iter().find_map(|(unit, magic, length, sum_at)| {
            let starts = (0..length as u64 / unit).map(|back| (at / unit).saturating_sub(back) * unit);
            starts
                .into_iter()
                .find(|start| self.read(*start, 4).starts_with(magic))
                .map(|start| (start, length, sum_at))
        })
    }
}

impl File for Image {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let count = buffer.len().min(usize::try_from(self.size.saturating_sub(offset)).unwrap());
        let buffer = &mut buffer[..count];
        buffer.fill(0);
        let end = offset + count as u64;
        let first = self.pieces.partition_point(|(at, bytes)| at + bytes.len() as u64 <= offset);
        let pieces = self.pieces[first..].iter().take_while(|(at, _)| *at < end);
        for (at, bytes) in pieces.chain(&self.changes) {
            let (from, to) = ((*at).max(offset), (at + bytes.len() as u64).min(end));
            if from < to {
                let piece = &bytes[(from - at) as usize..(to - at) as usize];
                buffer[(from - offset) as usize..(to - offset) as usize].copy_from_slice(piece);
            }
        }
        Ok(count)
    }
}

/// Numbers that look like chance, and are the same each time.
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }

    /// A place that is not among the zeros, or near one.
    pub(super) fn place(&mut self, image: &Image) -> u64 {
        let (at, bytes) = &image.pieces[self.below(image.pieces.len())];
        (at + self.below(bytes.len() + 2) as u64).min(image.size - 1)
    }
}

/// A sum that make.py can make too.
pub(super) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
