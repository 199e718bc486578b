//! The first sector of a FAT volume, which says where everything lies.

use super::clusters::{Layout, Width};
use crate::tree::Fault;
use ostrakon_model::GapReason;

/// Where the root lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// In a stretch of its own: where, and how long it is.
    Stretch(u64, u64),
    /// In a chain like any other folder: its first cluster.
    Chain(u32),
}

/// The most clusters that make a FAT12.
const MOST_OF_12: u64 = 4084;
/// What BitLocker calls itself, and the volume it hides another one in so that older systems can show a note.
const BITLOCKER: &[u8] = b"-FVE-FS-";
const BITLOCKER_TO_GO: &[u8] = b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01";

/// Reads the first sector.
pub(super) fn parse(sector: &[u8; 512]) -> Result<(Layout, Root), Fault> {
    let byte = |at: usize| sector.get(at).copied().unwrap_or_default();
    let short = |at: usize| u16::from_le_bytes([byte(at), byte(at + 1)]);
    let long = |at: usize| u32::from_le_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]);
    let begins = |at: usize, what| sector.get(at..).is_some_and(|rest| rest.starts_with(what));
    let no_fat = || Fault::corrupt("it has no boot sector of FAT");

    if begins(3, BITLOCKER) || begins(424, BITLOCKER_TO_GO) {
        return Err(Fault::new(GapReason::Encrypted, "a volume of BitLocker"));
    }
    let sector_size = u64::from(short(11));
    let sectors_per_cluster = u64::from(byte(13));
    let (reserved, tables, records) = (u64::from(short(14)), u64::from(byte(16)), u64::from(short(17)));
    let is_disk = sector_size.is_power_of_two()
        && (512..=4096).contains(&sector_size)
        && sectors_per_cluster.is_power_of_two()
        && reserved > 0
        && tables > 0
        && matches!(byte(21), 0xf0 | 0xf8..);
    if !is_disk {
        return Err(no_fat());
    }
    // What needs more than 16 bits is elsewhere; that of the table is how FAT32 is told apart, whatever its size.
    let is_32 = short(22) == 0;
    let table_sectors = if is_32 { long(36).into() } else { u64::from(short(22)) };
    let sectors = if short(19) == 0 { long(32).into() } else { u64::from(short(19)) };
    // None of these numbers is larger than 32 bits, so that no product with a sector overflows.
    let root = reserved + tables * table_sectors;
    let heap = root + (records * 32).div_ceil(sector_size);
    let clusters = sectors.saturating_sub(heap) / sectors_per_cluster;
    let (width, bits) = match (is_32, clusters) {
        (true, _) => (Width::Bits28, 32),
        (false, ..=MOST_OF_12) => (Width::Bits12, 12),
        (false, _) => (Width::Bits16, 16),
    };
    if sectors <= heap || table_sectors == 0 || (!is_32 && records == 0) || clusters > width.most().into() {
        return Err(no_fat());
    }
    let mut first_table = 0;
    if is_32 {
        if short(42) != 0 {
            let detail = format!("FAT32 of version {}.{}", byte(43), byte(42));
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        // Tables mirror each other, or only one is kept up.
        if short(40) & 0x80 != 0 {
            first_table = u64::from(short(40) & 0xf);
        }
        if first_table >= tables {
            return Err(Fault::corrupt("the table that it uses is not there"));
        }
    }
    // A table that is too small leaves clusters unused. The two numbers of none stand for the first two.
    let count = clusters.min((table_sectors * sector_size * 8 / bits).saturating_sub(2));
    let layout = Layout {
        table: (reserved + first_table * table_sectors) * sector_size,
        width,
        heap: heap * sector_size,
        cluster: sectors_per_cluster * sector_size,
        count: u32::try_from(count).map_err(|_| no_fat())?,
    };
    let root = if is_32 { Root::Chain(long(44)) } else { Root::Stretch(root * sector_size, records * 32) };
    Ok((layout, root))
}
