//! Virtual hard disks of Virtual PC, Hyper-V and Azure (VHD; Microsoft's "Virtual Hard Disk Image Format Specification",
//! 2006). Own code: `vhd` crates own their file or want its path.
//!
//! A footer of 512 bytes ends the file, and says of what kind it is. A fixed disk is the disk and its footer. A dynamic one
//! has a copy of the footer in front, a header, and a table of blocks; a differencing one also says what lies below, and has
//! a bitmap before each block of the sectors that are its own. Other readers differ in whether the bitmaps of dynamic disks
//! count: Windows and qemu ignore them, and some writers leave them empty, so they are ignored here.

#[cfg(test)]
mod tests;

use super::cluster::{Pages, Run, alike, big, field, fill, read, utf16};
use super::sibling::{Beside, Lent, Siblings, base, from_windows};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

const FOOTER: u64 = 512;
const SECTOR: u64 = 512;
/// The sizes a block may have; 2 MiB is common.
const BLOCKS: std::ops::RangeInclusive<u64> = 4 << 10..=256 << 20;
/// A block that is not there.
const NONE: u64 = 0xffff_ffff;
/// The longest name of a parent, in bytes.
const NAME: u64 = 4 << 10;

/// Shows the disk in the image `file`. The disk below a differencing one is asked for by its relative name, its absolute
/// one, and its name without folders.
///
/// # Errors
/// Where the image contradicts its format, or the disk below is not there.
pub(in crate::disk) fn open<'a>(file: &'a dyn File, siblings: &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault> {
    Ok(Box::new(Vhd::open(Box::new(Lent(file)), &Beside::of(siblings))?))
}

struct Vhd<'a> {
    file: Box<dyn File + 'a>,
    size: u64,
    /// What a child knows it by.
    id: [u8; 16],
    blocks: Option<Blocks<'a>>,
}

/// The blocks of a disk that is not fixed.
struct Blocks<'a> {
    /// Where their table is.
    table: u64,
    /// How much of the disk a block holds.
    size: u64,
    /// The size of the bitmap before it.
    bitmap: u64,
    parent: Option<Box<Vhd<'a>>>,
    pages: Pages,
}

impl<'a> Vhd<'a> {
    fn open(file: Box<dyn File + 'a>, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let (footer, end) = footer(&*file)?;
        let size = big(&footer, 48, 8);
        let id = field(&footer, 68, 16).first_chunk().copied().unwrap_or_default();
        if big(&footer, 12, 2) != 1 {
            return Err(Fault::new(GapReason::UnsupportedFormat, "a VHD of a version that is not known"));
        }
        let differs = match big(&footer, 60, 4) {
            2 if size > end => return Err(Fault::new(GapReason::Truncated, "the VHD is smaller than its disk")),
            2 => return Ok(Self { file, size, id, blocks: None }),
            3 => false,
            4 => true,
            other => {
                let detail = format!("a VHD of kind {other}, which is not known");
                return Err(Fault::new(GapReason::UnsupportedFormat, detail));
            }
        };
        let mut header = [0; 1024];
        fill(&*file, big(&footer, 16, 8), &mut header, "the header of the VHD")?;
        if !header.starts_with(b"cxsparse") || !is_whole(&header, 36) {
            return Err(Fault::corrupt("the header of the VHD is broken"));
        }
        let (table, count, block) = (big(&header, 16, 8), big(&header, 28, 4), big(&header, 32, 4));
        if !block.is_power_of_two() || !BLOCKS.contains(&block) {
            return Err(Fault::corrupt(format!("the VHD has blocks of {block} bytes")));
        }
        if size.div_ceil(block) > count {
            return Err(Fault::corrupt("the table of the VHD is shorter than its disk"));
        }
        if table.checked_add(size.div_ceil(block) * 4).is_none_or(|end| file.size().is_ok_and(|size| end > size)) {
            return Err(Fault::new(GapReason::Truncated, "the VHD ends before its table does"));
        }
        let parent = if differs { Some(Box::new(parent(&*file, &header, beside)?)) } else { None };
        let bitmap = (block / SECTOR / 8).next_multiple_of(SECTOR);
        let blocks = Blocks { table, size: block, bitmap, parent, pages: Pages::default() };
        Ok(Self { file, size, id, blocks: Some(blocks) })
    }
}

/// The footer, or its copy in front, and where the disk of a fixed image must end.
fn footer(file: &dyn File) -> Result<([u8; 512], u64), Fault> {
    let size = file.size()?;
    // The first writers left away the last byte.
    for (at, length) in [(size.saturating_sub(FOOTER), 512), (size.saturating_sub(FOOTER - 1), 511), (0, 512)] {
        let mut footer = [0; 512];
        let there = footer.get_mut(..length).unwrap_or_default();
        if size >= FOOTER - 1 && file.read_at(at, there)? == length && is_footer(&footer) {
            return Ok((footer, at));
        }
    }
    Err(Fault::corrupt("the VHD has no footer that is whole"))
}

fn is_footer(footer: &[u8]) -> bool {
    footer.starts_with(b"conectix") && is_whole(footer, 64)
}

/// Is the sum at `sum` right? It is of all other bytes, turned over.
fn is_whole(header: &[u8], sum: usize) -> bool {
    let others = header.iter().enumerate().filter(|(at, _)| !(sum..sum.saturating_add(4)).contains(at));
    let total = others.fold(0_u32, |total, (_, byte)| total.wrapping_add(u32::from(*byte)));
    u64::from(!total) == big(header, sum, 4)
}

/// Opens the disk below.
fn parent<'a>(file: &dyn File, header: &[u8], beside: &Beside<'_, 'a>) -> Result<Vhd<'a>, Fault> {
    let name = from_windows(&utf16(field(header, 64, 512), u16::from_be_bytes));
    let mut names = Vec::new();
    for kind in [b"W2ru", b"W2ku"] {
        for locator in field(header, 576, 192).chunks(24).filter(|locator| locator.starts_with(kind)) {
            let (length, place) = (big(locator, 8, 4), big(locator, 16, 8));
            if length > NAME {
                return Err(Fault::corrupt("the name of the disk below a VHD is too long"));
            }
            let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
            fill(file, place, &mut text, "the name of the disk below")?;
            names.push(from_windows(&utf16(&text, u16::from_le_bytes)));
        }
    }
    names.push(base(&name).to_vec());
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).filter(|name| !name.is_empty()).collect();
    let (file, beside) = beside.parent(&names)?;
    let parent = Vhd::open(file, &beside)?;
    if parent.id != field(header, 40, 16) {
        return Err(Fault::corrupt("the disk below a VHD is not the one it was made of"));
    }
    Ok(parent)
}

impl Vhd<'_> {
    fn run(&self, at: u64) -> Result<Run<'_>, Fault> {
        let Some(blocks) = &self.blocks else {
            return Ok(Run::stored(&*self.file, Some(at), self.size.saturating_sub(at)));
        };
        let (index, within) = (at / blocks.size, at % blocks.size);
        let left = blocks.size - within;
        let parent = blocks.parent.as_ref().map(|parent| &**parent as &dyn File);
        let entry: [u8; 4] = blocks.pages.array(0, &*self.file, blocks.table.checked_add(index * 4))?;
        let entry = big(&entry, 0, 4);
        if entry == NONE {
            return Run::below(parent, at, left);
        }
        let bitmap = entry * SECTOR;
        let stored = |length| Ok(Run::stored(&*self.file, Some(bitmap + blocks.bitmap + within), length));
        if parent.is_none() {
            return stored(left);
        }
        let sector = within / SECTOR;
        let window: [u8; 64] = blocks.pages.array(0, &*self.file, Some(bitmap + sector / 512 * 64))?;
        let (own, sectors) = alike(&window, usize::try_from(sector % 512).unwrap_or_default(), |bit| 0x80 >> bit);
        let length = (sectors * SECTOR - within % SECTOR).min(left);
        if own { stored(length) } else { Run::below(parent, at, length) }
    }
}

impl File for Vhd<'_> {
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
