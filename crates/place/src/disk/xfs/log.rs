//! The log, of which only the end is looked at: a clean end is a record that says the volume was unmounted.
//!
//! The log is a ring of sectors. The first number of each says in which round it was written, so where the number falls the
//! next record would begin, and the last one ends. That is found in some twenty small reads.

use super::volume::{Volume, number, usize_of};
use crate::tree::Fault;

/// The log counts in sectors of this size, whatever the volume's are.
const SECTOR: u64 = 512;
/// What a record begins with.
const RECORD: u64 = 0xfeed_babe;
/// The most sectors of a record: its content, and heads with the numbers that rounds took the place of.
const MOST: u64 = 512 + 8;
/// A head has such numbers for as many bytes.
const PER_HEAD: u64 = 32 << 10;
/// Of the flags of an operation: the volume was unmounted.
const UNMOUNT: u64 = 0x20;

/// Is nothing in the log that the volume lacks?
pub(super) fn is_clean(volume: &Volume<'_>) -> Result<bool, Fault> {
    let (block, blocks) = volume.log;
    if blocks == 0 {
        return Err(Fault::corrupt("it has no size"));
    }
    let log = Log { volume, start: volume.position(block, blocks)?, sectors: (blocks << volume.block_log) / SECTOR };
    let (newest, oldest) = (log.round(0)?, log.round(log.sectors - 1)?);
    // A log that was never written to, and one whose rounds are none.
    if newest == 0 || !(newest.saturating_sub(1)..=newest).contains(&oldest) {
        return Ok(newest == oldest);
    }
    // A last round that is full ends with the log.
    let (mut low, mut high) = (0, log.sectors);
    if newest != oldest {
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if log.round(middle)? == newest {
                low = middle;
            } else {
                high = middle;
            }
        }
    }
    log.ends_unmounted(high)
}

struct Log<'v> {
    volume: &'v Volume<'v>,
    start: u64,
    sectors: u64,
}

impl Log<'_> {
    /// Reads a sector; those behind the last are the first ones.
    fn read(&self, sector: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; usize_of(SECTOR)?];
        self.volume.read(self.start + sector % self.sectors * SECTOR, &mut bytes)?;
        Ok(bytes)
    }

    /// In which round a sector was written.
    fn round(&self, sector: u64) -> Result<u64, Fault> {
        let bytes = self.read(sector)?;
        let first = number(&bytes, 0, 4)?;
        if first == RECORD { number(&bytes, 4, 4) } else { Ok(first) }
    }

    /// Is the record that ends before the sector `end` one of an unmount, and nothing else?
    fn ends_unmounted(&self, end: u64) -> Result<bool, Fault> {
        // A record may go around the end of the log.
        let end = end + self.sectors;
        for sector in (end - self.sectors.min(MOST)..end).rev() {
            let head = self.read(sector)?;
            if number(&head, 0, 4)? != RECORD {
                continue;
            }
            let (version, length, size) = (number(&head, 8, 4)?, number(&head, 12, 4)?, number(&head, 320, 4)?);
            let heads = if version & 2 == 0 { 1 } else { size.div_ceil(PER_HEAD).max(1) };
            let content = sector + heads;
            let is_alone = number(&head, 40, 4)? == 1 && content + length.div_ceil(SECTOR) == end;
            return Ok(is_alone && number(&self.read(content)?, 9, 1)? & UNMOUNT != 0);
        }
        Ok(false)
    }
}
