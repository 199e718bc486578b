//! What files hold: as it lies on the volume, with holes; packed by NTFS itself; packed by CompactOS.

use super::lznt1::lznt1;
use super::runs::Runs;
use super::wof::Wof;
use crate::disk::cluster::{self, Pieces, Run, Source};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// How much that was unpacked of one file is kept.
const KEPT: usize = 128 << 10;

/// Content that lies on the volume as it is. Behind what was written it is zeros.
pub(super) struct Stored<'a> {
    pub(super) disk: &'a dyn File,
    pub(super) runs: Runs,
    /// The size of a cluster.
    pub(super) cluster: u64,
    pub(super) size: u64,
    pub(super) written: u64,
}

impl<'a> Stored<'a> {
    /// What lies at `at`, and how far.
    fn run(&self, at: u64) -> Result<Run<'a>, Fault> {
        let Some(left) = self.written.checked_sub(at).filter(|left| *left > 0) else {
            return Ok(Run::zeros(self.size.saturating_sub(at)));
        };
        let (place, count) = self.runs.find(at / self.cluster).ok_or_else(short)?;
        let inside = at % self.cluster;
        let length = count.saturating_mul(self.cluster).saturating_sub(inside).min(left);
        Ok(match place {
            None => Run::zeros(length),
            Some(place) => Run::stored(self.disk, place.checked_mul(self.cluster).map(|at| at + inside), length),
        })
    }
}

impl File for Stored<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        cluster::read(self.size, offset, buffer, |at| self.run(at))
    }
}

/// Content that NTFS packed, in units of some clusters.
pub(super) struct Packed<'a> {
    stored: Stored<'a>,
    /// Clusters in a unit.
    unit: u64,
    units: Pieces,
}

/// The largest unit, in bytes: sixteen clusters of 64 KiB.
const LARGEST_UNIT: u64 = 1 << 20;

impl<'a> Packed<'a> {
    /// `unit`: how many clusters are packed together, as a power of two.
    pub(super) fn of(stored: Stored<'a>, unit: u16) -> Result<Self, Fault> {
        let unit = 1_u64.checked_shl(unit.into()).filter(|unit| unit.saturating_mul(stored.cluster) <= LARGEST_UNIT);
        let unit = unit.ok_or_else(|| Fault::corrupt("a compressed file in units that are too large"))?;
        Ok(Self { stored, unit, units: Pieces::new(KEPT) })
    }

    fn run(&self, at: u64) -> Result<Run<'a>, Fault> {
        let Stored { disk, runs, cluster, size, written } = &self.stored;
        if at >= *written {
            return Ok(Run::zeros(size.saturating_sub(at)));
        }
        let bytes = self.unit * cluster;
        let (index, inside) = (at / bytes, at % bytes);
        let left = (bytes - inside).min(written - at);
        let first = index * self.unit;
        match runs.find(first) {
            None => Err(short()),
            Some((None, count)) if count >= self.unit => Ok(Run::zeros(left)),
            Some((Some(place), count)) if count >= self.unit => {
                Ok(Run::stored(*disk, place.checked_mul(*cluster).map(|at| at + inside), left))
            }
            // Fewer clusters than it has: the unit is packed, or its clusters lie in several places.
            Some(_) => {
                let unit = self.units.get(index, || self.unpack(first, bytes))?;
                let from = usize::try_from(inside).unwrap_or(usize::MAX);
                Ok(Run { source: Source::Unpacked(unit, from), length: left })
            }
        }
    }

    /// The unit that begins with the cluster `first`, of `bytes` once unpacked.
    fn unpack(&self, first: u64, bytes: u64) -> Result<Box<[u8]>, Fault> {
        let Stored { disk, runs, cluster, size, .. } = &self.stored;
        let mut there = 0;
        while there < self.unit {
            match runs.find(first + there) {
                Some((Some(_), count)) => there += count,
                // What is not told behind the end of the file is no hole either.
                _ => break,
            }
        }
        let there = there.min(self.unit);
        let packed = Stored {
            disk: *disk,
            runs: Runs::default(),
            cluster: *cluster,
            size: first.saturating_add(there).saturating_mul(*cluster),
            written: u64::MAX,
        };
        let start = first * cluster;
        let mut raw = vec![0; usize::try_from(there * cluster).unwrap_or_default()];
        cluster::read(packed.size, start, &mut raw, |at| {
            let (place, count) = runs.find(at / cluster).ok_or_else(short)?;
            let place = place.ok_or_else(|| Fault::corrupt("a compressed file has a hole where its data is"))?;
            Ok(Run::stored(
                *disk,
                place.checked_mul(*cluster).map(|it| it + at % cluster),
                count * cluster - at % cluster,
            ))
        })?;
        if there == self.unit {
            return Ok(raw.into());
        }
        // Of the last unit only what the file has counts.
        let length = bytes.min(size.saturating_sub(start));
        let mut out = vec![0; usize::try_from(length).unwrap_or_default()];
        lznt1(&raw, &mut out).map_err(Fault::corrupt)?;
        Ok(out.into())
    }
}

impl File for Packed<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.stored.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        cluster::read(self.stored.size, offset, buffer, |at| self.run(at))
    }
}

/// Content that CompactOS packed, in a stream of its own.
pub(super) struct Compact<'a> {
    wof: Wof,
    size: u64,
    stream: Box<dyn File + 'a>,
    chunks: Pieces,
}

impl<'a> Compact<'a> {
    /// A file of `size` bytes that `stream` holds, packed with `algorithm`.
    pub(super) fn of(size: u64, algorithm: u32, stream: Box<dyn File + 'a>) -> Result<Self, Fault> {
        let wof = Wof::of(size, algorithm).map_err(Fault::corrupt)?;
        Ok(Self { wof, size, stream, chunks: Pieces::new(KEPT) })
    }
}

impl File for Compact<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let chunk = self.wof.chunk_size() as u64;
        let packed = self.stream.size()?;
        cluster::read(self.size, offset, buffer, |at| {
            let read = |at, out: &mut [u8]| self.stream.read_at(at, out);
            let piece = self.chunks.get(at / chunk, || {
                self.wof.chunk(at / chunk, packed, read, Fault::corrupt).map(Vec::into_boxed_slice)
            })?;
            let from = usize::try_from(at % chunk).unwrap_or_default();
            let length = (piece.len() as u64).saturating_sub(at % chunk);
            Ok(Run { source: Source::Unpacked(piece, from), length })
        })
    }
}

fn short() -> Fault {
    Fault::new(GapReason::Truncated, "a file is longer than the clusters it has")
}
