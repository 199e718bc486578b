//! Virtual hard disks of Hyper-V since Windows 8 (VHDX; [MS-VHDX]). Own code: `vhdx` crates own their file, and none replays
//! the log without writing.
//!
//! Two headers, of which the newer counts, lead to the log; two lists of regions to the table of blocks and to what is known
//! of the disk. Each block lies in the file, is zeros, or, in a disk that says the differences from another, is what the
//! disk below shows, for which each run of blocks has a bitmap of sectors.

mod log;
mod metadata;
#[cfg(test)]
mod tests;

use super::cluster::{Pages, Run, alike, field, little, read};
use super::sibling::{Beside, Lent, Siblings};
use crate::tree::{Fault, File};
use metadata::Metadata;
use ostrakon_model::GapReason;

const MIB: u64 = 1 << 20;
const SECTION: u64 = 64 << 10;
/// How many sectors of a run of blocks a bitmap of 1 MiB is for.
const CHUNK: u64 = 1 << 23;

/// Names of regions, as they are stored.
const TABLE: [u8; 16] = guid(0x2dc2_7766, 0xf623, 0x4200, 0x9d64_115e_9bfd_4a08);
const METADATA: [u8; 16] = guid(0x8b7c_a206, 0x4790, 0x4b9a, 0xb8fe_575f_050f_886e);

/// Shows the disk in the image `file`. Its log, if there is something in it, is replayed in memory. The disk below a
/// differencing one is asked for by its relative name, its absolute one, and its name without folders.
///
/// # Errors
/// Where the image contradicts its format, or the disk below is not there.
pub(in crate::disk) fn open<'a>(file: &'a dyn File, siblings: &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault> {
    Ok(Box::new(Vhdx::open(Box::new(Lent(file)), &Beside::of(siblings))?))
}

struct Vhdx<'a> {
    file: Box<dyn File + 'a>,
    size: u64,
    /// The size of a block, and of a sector.
    block: u64,
    sector: u64,
    /// How many blocks share a bitmap.
    ratio: u64,
    /// Where the table of blocks is.
    table: u64,
    /// A number that a child knows it by; it changes when somebody writes to the disk.
    content: [u8; 16],
    differs: bool,
    parent: Option<Box<Vhdx<'a>>>,
    pages: Pages,
}

impl<'a> Vhdx<'a> {
    fn open(file: Box<dyn File + 'a>, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let header = header(&*file)?;
        let content = field(&header, 32, 16).first_chunk().copied().unwrap_or_default();
        let file = log::replay(file, &header)?;
        let [(table, length), (metadata, known)] = regions(&*file)?;
        let Metadata { size, block, sector, parent } = Metadata::read(&*file, metadata, known)?;
        let ratio = CHUNK * sector / block;
        let blocks = size.div_ceil(block);
        let differs = parent.is_some();
        // Bitmaps have their places in the table, between the blocks; the last is left away where no disk lies below.
        let entries =
            if differs { blocks.div_ceil(ratio) * (ratio + 1) } else { blocks + blocks.saturating_sub(1) / ratio };
        if entries * 8 > length {
            return Err(Fault::corrupt("the table of the VHDX is shorter than its disk"));
        }
        if table.checked_add(entries * 8).is_none_or(|end| file.size().is_ok_and(|size| end > size)) {
            return Err(Fault::new(GapReason::Truncated, "the VHDX ends before its table does"));
        }
        let parent = match parent {
            Some(below) => {
                let names: Vec<&[u8]> = below.names.iter().map(Vec::as_slice).collect();
                let (file, beside) = beside.parent(&names)?;
                let parent = Self::open(file, &beside)?;
                if !below.contents.contains(&parent.content) {
                    return Err(Fault::corrupt("the disk below a VHDX was changed since"));
                }
                Some(Box::new(parent))
            }
            None => None,
        };
        let pages = Pages::default();
        Ok(Self { file, size, block, sector, ratio, table, content, differs, parent, pages })
    }

    fn run(&self, at: u64) -> Result<Run<'_>, Fault> {
        let (index, within) = (at / self.block, at % self.block);
        let left = self.block - within;
        let group = index / self.ratio;
        let (state, place) = self.entry(index + group)?;
        let stored = |length| Run::stored(&*self.file, place.checked_add(within), length);
        let below = |length| Run::below(self.parent.as_deref().map(|parent| parent as &dyn File), at, length);
        match state {
            0 => below(left),
            // Undefined, zeros, unmapped.
            1..=3 => Ok(Run::zeros(left)),
            6 => Ok(stored(left)),
            7 if self.differs => {
                let (6, bitmap) = self.entry(group * (self.ratio + 1) + self.ratio)? else {
                    return Err(Fault::corrupt("a block of the VHDX needs a bitmap that is not there"));
                };
                let sector = (at / self.sector) % CHUNK;
                let window = bitmap.checked_add(sector / 512 * 64);
                let window: [u8; 64] = self.pages.array(0, &*self.file, window)?;
                let (own, sectors) = alike(&window, usize::try_from(sector % 512).unwrap_or_default(), |bit| 1 << bit);
                let length = (sectors * self.sector - at % self.sector).min(left);
                if own { Ok(stored(length)) } else { below(length) }
            }
            _ => Err(Fault::corrupt(format!("a block of the VHDX is in state {state}, which is none"))),
        }
    }

    /// An entry of the table: the state of a block or bitmap, and where it is.
    fn entry(&self, index: u64) -> Result<(u64, u64), Fault> {
        let entry: [u8; 8] = self.pages.array(0, &*self.file, self.table.checked_add(index * 8))?;
        let entry = u64::from_le_bytes(entry);
        Ok((entry & 7, (entry >> 20).saturating_mul(MIB)))
    }
}

impl File for Vhdx<'_> {
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

/// The header that counts.
fn header(file: &dyn File) -> Result<Vec<u8>, Fault> {
    let mut start = [0; 8];
    if file.read_at(0, &mut start)? < start.len() || start != *b"vhdxfile" {
        return Err(Fault::corrupt("it is no VHDX"));
    }
    let mut newest: Option<Vec<u8>> = None;
    for at in [SECTION, 2 * SECTION] {
        let mut header = vec![0; 4096];
        let read = file.read_at(at, &mut header)?;
        let newer = |than: &Vec<u8>| little(&header, 8, 8) > little(than, 8, 8);
        if read == header.len() && is_whole(&mut header.clone(), b"head") && newest.as_ref().is_none_or(newer) {
            newest = Some(header);
        }
    }
    let header = newest.ok_or_else(|| Fault::corrupt("the VHDX has no header that is whole"))?;
    match little(&header, 66, 2) {
        1 => Ok(header),
        other => Err(Fault::new(GapReason::UnsupportedFormat, format!("a VHDX of version {other}"))),
    }
}

/// Where the table of blocks and what is known of the disk are, and how long.
fn regions(file: &dyn File) -> Result<[(u64, u64); 2], Fault> {
    for at in [3 * SECTION, 4 * SECTION] {
        let mut list = vec![0; SECTION as usize];
        let read = file.read_at(at, &mut list)?;
        if read < list.len() || !is_whole(&mut list, b"regi") {
            continue;
        }
        let count = usize::try_from(little(&list, 8, 4)).unwrap_or(usize::MAX);
        let (mut table, mut metadata) = (None, None);
        for entry in list.get(16..).unwrap_or_default().chunks_exact(32).take(count) {
            let place = Some((little(entry, 16, 8), little(entry, 24, 4)));
            match field(entry, 0, 16) {
                name if name == TABLE => table = place,
                name if name == METADATA => metadata = place,
                _ if little(entry, 28, 4) & 1 != 0 => {
                    return Err(Fault::new(GapReason::UnsupportedFormat, "a VHDX with a region that is not known"));
                }
                _ => {}
            }
        }
        let (Some(table), Some(metadata)) = (table, metadata) else {
            return Err(Fault::corrupt("the VHDX has no table of blocks, or says nothing of its disk"));
        };
        return Ok([table, metadata]);
    }
    Err(Fault::corrupt("the VHDX has no list of its regions that is whole"))
}

/// Does it begin like this, and is its sum right? The sum is taken out for that.
fn is_whole(bytes: &mut [u8], signature: &[u8; 4]) -> bool {
    let sum = little(bytes, 4, 4);
    if let Some(sum) = bytes.get_mut(4..8) {
        sum.fill(0);
    }
    bytes.starts_with(signature) && u64::from(crc32c(bytes)) == sum
}

/// CRC-32C, a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const STEPS: [u32; 256] = {
        let mut steps = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut step = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                step = (step >> 1) ^ (if step & 1 == 1 { 0x82f6_3b78 } else { 0 });
                bit += 1;
            }
            steps[byte] = step;
            byte += 1;
        }
        steps
    };
    let step = |sum: u32, byte: &u8| STEPS[(sum.to_le_bytes()[0] ^ byte) as usize] ^ (sum >> 8);
    !bytes.iter().fold(!0, step)
}

/// A name of sixteen bytes as Windows stores it: the first three numbers with their lowest byte first.
const fn guid(first: u32, second: u16, third: u16, rest: u64) -> [u8; 16] {
    let ([a, b, c, d], [e, f], [g, h]) = (first.to_le_bytes(), second.to_le_bytes(), third.to_le_bytes());
    let [i, j, k, l, m, n, o, p] = rest.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}
