//! The first sector of an NTFS volume: how large its pieces are, and where its file table begins.

use crate::disk::cluster::{fill, little};
use crate::tree::{Fault, File};

/// What a volume says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Boot {
    /// The size of a cluster, in bytes.
    pub(super) cluster: u64,
    /// How many clusters the volume has.
    pub(super) clusters: u64,
    /// The size of a record of the file table, in bytes.
    pub(super) record: usize,
    /// The clusters where the file table and the copy of its first records begin.
    pub(super) table: u64,
    pub(super) mirror: u64,
}

/// The largest record and cluster that Windows makes.
const LARGEST_RECORD: u64 = 64 << 10;
const LARGEST_CLUSTER: u64 = 2 << 20;

impl Boot {
    pub(super) fn read(disk: &dyn File) -> Result<Self, Fault> {
        let mut sector = [0; 512];
        fill(disk, 0, &mut sector, "its first sector")?;
        if sector.get(3..11) != Some(b"NTFS    ") {
            return Err(Fault::corrupt("its first sector is none of NTFS"));
        }
        let wrong = |what: &str| Fault::corrupt(format!("its first sector says {what} that cannot be"));
        let bytes = little(&sector, 11, 2);
        if !bytes.is_power_of_two() || !(256..=4096).contains(&bytes) {
            return Err(wrong("a size of sectors"));
        }
        // Above 128 it is the negative of a power of two.
        let sectors = match little(&sector, 13, 1) {
            many @ 0..=128 => many,
            power => 1_u64.checked_shl(256 - power as u32).unwrap_or_default(),
        };
        let cluster = bytes.saturating_mul(sectors);
        if !cluster.is_power_of_two() || cluster > LARGEST_CLUSTER {
            return Err(wrong("a size of clusters"));
        }
        let record = match little(&sector, 0x40, 1) {
            many @ 1..=127 => cluster.saturating_mul(many),
            power => 1_u64.checked_shl(256_u32.saturating_sub(power as u32)).unwrap_or_default(),
        };
        if !record.is_power_of_two() || !(512..=LARGEST_RECORD).contains(&record) {
            return Err(wrong("a size of records"));
        }
        let clusters = little(&sector, 0x28, 8) / sectors;
        Ok(Self {
            cluster,
            clusters,
            record: record as usize,
            table: little(&sector, 0x30, 8),
            mirror: little(&sector, 0x38, 8),
        })
    }
}
