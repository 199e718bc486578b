//! Sparse extents. A folder of tables says where each grain lies: of hosted VMware (`KDMV`), whose grains may be packed, and
//! of ESX (`COWD`).

use super::SECTOR;
use crate::disk::cluster::{Pages, fill, little};
use crate::disk::inflate::inflate;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// What an extent begins with.
const HOSTED: &[u8] = b"KDMV";
const ESX: &[u8] = b"COWD";
const SE: &[u8] = b"\xbe\xba\xfe\xca";
/// The header is at the end instead, where the extent was written in one go.
const AT_END: u64 = u64::MAX;
/// How far before the end of the file that is.
const FOOTER: u64 = 1024;
/// The header of a packed grain: where it begins on the disk, in sectors, and how long it is.
const MARKER: u64 = 12;
/// The largest grain, in sectors, and the largest packed one, in bytes.
const GRAIN: u64 = 1 << 17;
const PACKED: u64 = 2 << 20;
/// The longest table of grains; 512 is common, and ESX has 4096.
const TABLE: u64 = 1 << 16;

/// Bits of the header: its line ends are there to be checked, some grains are marked to be zeros, grains are packed, and have
/// headers.
const LINES: u64 = 1;
const ZEROED: u64 = 4;
const IS_PACKED: u64 = 1 << 16;
const MARKERS: u64 = 1 << 17;

/// Where a description is, and how long.
type Place = (u64, u64);

/// A sparse extent. Sizes are in bytes.
pub(super) struct Sparse {
    pub(super) size: u64,
    grain: u64,
    /// How many grains a table has.
    table: u64,
    /// Where the folder of tables is.
    folder: u64,
    /// Do grains of place 1 hold zeros?
    zeroed: bool,
    packed: bool,
}

/// What lies at a position of an extent, and how far it is so.
pub(super) enum Grain {
    Nothing(u64),
    Zeros(u64),
    Stored(u64, u64),
    /// `start` is where the grain begins in the extent.
    Packed {
        place: u64,
        start: u64,
        length: u64,
    },
}

/// Is it an extent of any kind that begins like this?
pub(super) fn is_sparse(start: &[u8]) -> bool {
    [HOSTED, ESX, SE].contains(&start)
}

impl Sparse {
    /// Opens an extent, and says where its description is and how long, if it has one. No extent: there is but a description.
    pub(super) fn open(file: &dyn File) -> Result<(Option<Self>, Option<Place>), Fault> {
        let mut header = [0; 512];
        fill(file, 0, &mut header, "the header of the VMDK")?;
        match header.first_chunk::<4>().map_or(&[][..], |magic| magic) {
            HOSTED => {}
            ESX => return Ok((Some(Self::esx(file, &header)?), None)),
            SE => return Err(Fault::new(GapReason::UnsupportedFormat, "a VMDK of kind seSparse")),
            _ => return Err(Fault::corrupt("an extent of a VMDK is none")),
        }
        check(&header)?;
        let text = (little(&header, 28, 8).checked_mul(SECTOR), little(&header, 36, 8).checked_mul(SECTOR));
        let text = match text {
            (Some(at), Some(length)) if at > 0 && length > 0 => Some((at, length)),
            (Some(0), _) | (_, Some(0)) => None,
            _ => return Err(Fault::corrupt("the description of a VMDK lies behind any end")),
        };
        if little(&header, 12, 8) == 0 && text.is_some() {
            return Ok((None, text));
        }
        if little(&header, 56, 8) == AT_END {
            let short = || Fault::new(GapReason::Truncated, "the VMDK ends before its header does");
            let at = file.size()?.checked_sub(FOOTER).ok_or_else(short)?;
            fill(file, at, &mut header, "its header at the end")?;
            if !header.starts_with(HOSTED) || little(&header, 56, 8) == AT_END {
                return Err(Fault::new(GapReason::Truncated, "the VMDK has no header at its end"));
            }
            check(&header)?;
        }
        let flags = little(&header, 8, 4);
        let packed = flags & IS_PACKED != 0;
        if packed && (little(&header, 77, 2) != 1 || flags & MARKERS == 0) {
            return Err(Fault::new(GapReason::UnsupportedFormat, "a VMDK packed in a way that is not known"));
        }
        let (size, grain) = (little(&header, 12, 8), little(&header, 20, 8));
        let (table, folder) = (little(&header, 44, 4), little(&header, 56, 8));
        let sparse = Self::of(file, [size, grain, table, folder], flags & ZEROED != 0, packed)?;
        Ok((Some(sparse), text))
    }

    /// An extent of ESX.
    fn esx(file: &dyn File, header: &[u8]) -> Result<Self, Fault> {
        if little(header, 4, 4) != 1 {
            return Err(Fault::new(GapReason::UnsupportedFormat, "a VMDK of a version that is not known"));
        }
        let [size, grain, folder] = [12, 16, 20].map(|at| little(header, at, 4));
        Self::of(file, [size, grain, 4096, folder], false, false)
    }

    /// By its numbers, in sectors but for the grains of a table.
    fn of(file: &dyn File, numbers: [u64; 4], zeroed: bool, packed: bool) -> Result<Self, Fault> {
        let [size, grain, table, folder] = numbers;
        if !grain.is_power_of_two() || grain > GRAIN || table == 0 || table > TABLE || folder == 0 {
            return Err(Fault::corrupt(format!("a VMDK has tables of {table} grains of {grain} sectors at {folder}")));
        }
        let end = size.div_ceil(grain).div_ceil(table).checked_mul(4).zip(folder.checked_mul(SECTOR));
        let end = end.and_then(|(length, start)| start.checked_add(length));
        let (Some(size), Some(end)) = (size.checked_mul(SECTOR), end) else {
            return Err(Fault::corrupt("a VMDK is larger than any"));
        };
        if end > file.size()? {
            return Err(Fault::new(GapReason::Truncated, "the VMDK ends before its tables do"));
        }
        let grain = grain * SECTOR;
        if packed && grain > PACKED {
            return Err(Fault::new(GapReason::Limit, format!("a VMDK has packed grains of {grain} bytes")));
        }
        Ok(Self { size, grain, table, folder: folder * SECTOR, zeroed, packed })
    }

    /// What lies at `within`, of the extent that has this number.
    pub(super) fn grain(&self, number: usize, file: &dyn File, pages: &Pages, within: u64) -> Result<Grain, Fault> {
        let index = within / self.grain;
        let entry = |table: u64, index: u64| -> Result<u64, Fault> {
            let entry: [u8; 4] = pages.array(number, file, table.checked_add(index * 4))?;
            Ok(u64::from(u32::from_le_bytes(entry)) * SECTOR)
        };
        let table = entry(self.folder, index / self.table)?;
        if table == 0 {
            let span = self.grain * self.table;
            return Ok(Grain::Nothing(span - within % span));
        }
        let place = entry(table, index % self.table)?;
        let (start, into) = (index * self.grain, within % self.grain);
        let length = self.grain - into;
        Ok(match place {
            0 => Grain::Nothing(length),
            SECTOR if self.zeroed => Grain::Zeros(length),
            place if self.packed => Grain::Packed { place, start, length },
            place => Grain::Stored(place + into, length),
        })
    }

    /// Unpacks the grain at `place`, which begins at `start` in the extent.
    pub(super) fn unpack(&self, file: &dyn File, place: u64, start: u64) -> Result<Box<[u8]>, Fault> {
        // Most grains fit into one read that is as long as they are, unpacked.
        let most = usize::try_from(self.grain).unwrap_or_default();
        let mut packed = vec![0; most];
        let read = file.read_at(place, &mut packed)?;
        packed.truncate(read);
        let short = || Fault::new(GapReason::Truncated, "a piece of the disk lies behind the end of its file");
        let marker = packed.first_chunk::<{ MARKER as usize }>().ok_or_else(short)?;
        let (sector, length) = (little(marker, 0, 8), little(marker, 8, 4));
        if sector != start / SECTOR || length == 0 || length > self.grain * 2 {
            return Err(Fault::corrupt("a table of the VMDK leads to another grain"));
        }
        let end = usize::try_from(MARKER + length).unwrap_or_default();
        if let Some(missing) = end.checked_sub(packed.len()) {
            packed.resize(end, 0);
            let rest = packed.get_mut(read..).unwrap_or_default();
            if missing > 0 && file.read_at(place + read as u64, rest)? < missing {
                return Err(short());
            }
        }
        let grain = inflate(packed.get(MARKER as usize..end).ok_or_else(short)?, most, true)?;
        if (grain.len() as u64) < self.grain.min(self.size.saturating_sub(start)) {
            return Err(Fault::corrupt("a packed grain of the VMDK is shorter than it must be"));
        }
        Ok(grain)
    }
}

/// Is the header whole, and of a version that is known?
fn check(header: &[u8]) -> Result<(), Fault> {
    let version = little(header, 4, 4);
    if !(1..=3).contains(&version) {
        return Err(Fault::new(GapReason::UnsupportedFormat, format!("a VMDK of version {version}")));
    }
    if little(header, 8, 4) & LINES != 0 && header.get(73..77) != Some(b"\n \r\n") {
        return Err(Fault::corrupt("the VMDK was copied as if it were text"));
    }
    Ok(())
}
