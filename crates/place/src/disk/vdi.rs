//! Disks of VirtualBox (VDI 1.1; VDICore.h of VirtualBox). A header, a table that says for each block where it lies, and the
//! blocks. Own code: no crate reads them from a file that is lent.
//!
//! Disks that say the differences from another name that one by its number only, which the machine's settings lead to a
//! file: they are not read here.

#[cfg(test)]
mod tests;

use super::cluster::{Pages, Run, field, fill, little, read};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// The sizes a block may have; 1 MiB is common.
const BLOCKS: std::ops::RangeInclusive<u64> = 4 << 10..=256 << 20;
/// Entries of the table from here on are of blocks that are not there, or hold zeros.
const ZEROS: u64 = 0xffff_fffe;

/// Shows the disk in the image `file`.
///
/// # Errors
/// Where the image contradicts its format, or says the differences from another.
pub(in crate::disk) fn open<'a>(
    file: &'a dyn File,
    _siblings: &super::sibling::Siblings<'a>,
) -> Result<Box<dyn File + 'a>, Fault> {
    Ok(Box::new(Vdi::open(file)?))
}

struct Vdi<'a> {
    file: &'a dyn File,
    size: u64,
    /// Where the table of blocks is.
    table: u64,
    /// How many blocks lie in the file, at most.
    count: u64,
    /// Where the blocks are.
    data: u64,
    /// The size of a block.
    block: u64,
    pages: Pages,
}

impl<'a> Vdi<'a> {
    fn open(file: &'a dyn File) -> Result<Self, Fault> {
        let unsupported = |detail: &str| Err(Fault::new(GapReason::UnsupportedFormat, detail));
        let mut header = [0; 456];
        fill(file, 0, &mut header, "the header of the VDI")?;
        if little(&header, 64, 4) != 0xbeda_107f {
            return Err(Fault::corrupt("it is no VDI"));
        }
        if little(&header, 70, 2) != 1 {
            return unsupported("a VDI of a version that is not known");
        }
        let linked = [424, 440].iter().any(|at| field(&header, *at, 16).iter().any(|byte| *byte != 0));
        match little(&header, 76, 4) {
            1 | 2 if !linked => {}
            1..=4 => return unsupported("a VDI that says the differences from another disk"),
            _ => return unsupported("a VDI of a kind that is not known"),
        }
        if little(&header, 380, 4) != 0 {
            return unsupported("a VDI with something before each block");
        }
        let (table, data) = (little(&header, 340, 4), little(&header, 344, 4));
        let (size, block, count) = (little(&header, 368, 8), little(&header, 376, 4), little(&header, 384, 4));
        if !block.is_power_of_two() || !BLOCKS.contains(&block) {
            return Err(Fault::corrupt(format!("the VDI has blocks of {block} bytes")));
        }
        if size.div_ceil(block) > count {
            return Err(Fault::corrupt("the table of the VDI is shorter than its disk"));
        }
        if table + count * 4 > file.size()? {
            return Err(Fault::new(GapReason::Truncated, "the VDI ends before its table does"));
        }
        Ok(Self { file, size, table, count, data, block, pages: Pages::default() })
    }

    fn run(&self, at: u64) -> Result<Run<'_>, Fault> {
        let (index, within) = (at / self.block, at % self.block);
        let left = self.block - within;
        let entry: [u8; 4] = self.pages.array(0, self.file, self.table.checked_add(index * 4))?;
        match little(&entry, 0, 4) {
            ZEROS.. => Ok(Run::zeros(left)),
            place if place >= self.count => Err(Fault::corrupt("a block of the VDI lies behind its last")),
            place => Ok(Run::stored(self.file, Some(self.data + place * self.block + within), left)),
        }
    }
}

impl File for Vdi<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        read(self.size, offset, buffer, |at| self.run(at))
    }

    fn is_random(&self) -> bool {
        self.file.is_random()
    }
}
