//! A PE file as it lies in memory: bytes by their address, read in small blocks that are kept for a while.

use super::tables::Tables;
use ostrakon_model::GapReason;
use ostrakon_place::{Fault, File};
use std::cell::RefCell;

/// A block: what the tables and names of a program need lies in few of them.
const BLOCK: usize = 4096;
/// Blocks kept.
const MOST_BLOCKS: usize = 16;
/// The longest name; names of files have 255 letters at most.
const LONGEST_NAME: usize = 1024;

/// A file with its headers.
pub(super) struct Image<'a> {
    pub(super) file: &'a dyn File,
    pub(super) size: u64,
    pub(super) tables: Tables,
    blocks: RefCell<Vec<(u64, Vec<u8>)>>,
}

impl<'a> Image<'a> {
    pub(super) fn new(file: &'a dyn File, size: u64, tables: Tables) -> Self {
        Self { file, size, tables, blocks: RefCell::default() }
    }

    /// Bytes from an offset in the file on; `what` they are goes into the fault.
    pub(super) fn read(&self, offset: u64, length: usize, what: &str) -> Result<Vec<u8>, Fault> {
        let bytes = self.some(offset, length)?;
        if bytes.len() < length {
            return Err(Fault::new(GapReason::Truncated, format!("{what} lies beyond the end of the file")));
        }
        Ok(bytes)
    }

    /// Bytes from an address on.
    pub(super) fn at(&self, address: u32, length: usize, what: &str) -> Result<Vec<u8>, Fault> {
        let bytes = self.up_to(address, length, what)?;
        if bytes.len() < length {
            return Err(Fault::corrupt(format!("{what} reaches out of its section or the file")));
        }
        Ok(bytes)
    }

    /// Bytes from an address on: fewer than `most` where its section ends.
    pub(super) fn up_to(&self, address: u32, most: usize, what: &str) -> Result<Vec<u8>, Fault> {
        let outside = || Fault::corrupt(format!("{what} lies outside what is loaded"));
        let (offset, stored, loaded) = self.place(address).ok_or_else(outside)?;
        let least = |left: u32| usize::try_from(left).map_or(most, |left| left.min(most));
        let mut bytes = self.some(offset, least(stored))?;
        // What is loaded and not stored is 0.
        if bytes.len() == least(stored) {
            bytes.resize(least(loaded), 0);
        }
        Ok(bytes)
    }

    /// The text from an address up to a byte of 0, as in a locator.
    pub(super) fn text(&self, address: u32, what: &str) -> Result<String, Fault> {
        let bytes = self.up_to(address, LONGEST_NAME, what)?;
        let end = bytes.iter().position(|byte| *byte == 0);
        let name = end.and_then(|end| bytes.get(..end)).ok_or_else(|| Fault::corrupt(format!("{what} has no end")))?;
        Ok(ostrakon_model::locator::encode(name).into_owned())
    }

    /// Where in the file an address lies, and how many bytes are stored and loaded from there on.
    fn place(&self, address: u32) -> Option<(u64, u32, u32)> {
        let sections = &self.tables.sections;
        let after = sections.partition_point(|section| section.address <= address);
        let Some(section) = after.checked_sub(1).and_then(|at| sections.get(at)) else {
            let left = self.tables.headers.checked_sub(address)?;
            return Some((u64::from(address), left, left));
        };
        let inside = address - section.address;
        let loaded = section.size.max(section.stored).checked_sub(inside).filter(|left| *left > 0)?;
        Some((section.offset + u64::from(inside), section.stored.saturating_sub(inside), loaded))
    }

    /// Bytes from an offset on, fewer at the end of the file.
    fn some(&self, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        if length > 4 * BLOCK {
            let left = usize::try_from(self.size.saturating_sub(offset)).map_or(length, |left| left.min(length));
            let mut bytes = vec![0; left];
            let read = self.file.read_at(offset, &mut bytes)?;
            bytes.truncate(read);
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(length);
        let mut blocks = self.blocks.borrow_mut();
        while bytes.len() < length {
            let from = offset.saturating_add(bytes.len() as u64);
            let number = from / BLOCK as u64;
            if !blocks.iter().any(|(known, _)| *known == number) {
                let mut block = vec![0; BLOCK];
                let read = self.file.read_at(number * BLOCK as u64, &mut block)?;
                block.truncate(read);
                if blocks.len() == MOST_BLOCKS {
                    blocks.remove(0);
                }
                blocks.push((number, block));
            }
            let block =
                blocks.iter().find(|(known, _)| *known == number).map_or(&[][..], |(_, block)| block.as_slice());
            let part = usize::try_from(from % BLOCK as u64).ok().and_then(|at| block.get(at..)).unwrap_or_default();
            let part = &part[..part.len().min(length - bytes.len())];
            if part.is_empty() {
                break;
            }
            bytes.extend_from_slice(part);
        }
        Ok(bytes)
    }
}
