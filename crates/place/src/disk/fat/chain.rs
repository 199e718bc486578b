//! Chains of clusters, and files that lie in them.

use super::clusters::Clusters;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

/// A chain with more breaks is not followed: what is kept of it would be larger than a few MiB.
const MOST_RUNS: usize = 1 << 17;

/// A chain of clusters, followed as far as somebody asked.
pub(in crate::disk) struct Chain {
    /// Stretches that follow each other: where each begins in the chain and on the volume.
    runs: Vec<(u64, u64)>,
    /// How long they are together.
    length: u64,
    /// The cluster that comes next.
    next: Option<u32>,
    /// The clusters of the last run.
    last: Range<u32>,
    /// The clusters of those before: where each run begins and ends.
    before: BTreeMap<u32, u32>,
    /// Where, above the last run, one of those before begins.
    ceiling: Option<u32>,
}

impl Chain {
    /// The chain that begins at a cluster.
    pub(in crate::disk) fn at(first: u32) -> Self {
        let (runs, before) = Default::default();
        Self { runs, length: 0, next: Some(first), last: 0..0, before, ceiling: None }
    }

    /// A stretch of the volume, which needs no table.
    pub(in crate::disk) fn stretch(position: u64, length: u64) -> Self {
        Self { runs: vec![(0, position)], length, next: None, last: 0..0, before: BTreeMap::new(), ceiling: None }
    }

    /// Where the bytes from `offset` on lie on the volume, and how many of them, `most` at most, lie there in a row.
    /// Nothing: the chain ends before.
    pub(super) fn find(
        &mut self,
        clusters: &Clusters<'_>,
        offset: u64,
        most: u64,
    ) -> Result<Option<(u64, u64)>, Fault> {
        while self.length < offset.saturating_add(most) {
            match self.grow(clusters) {
                Ok(true) => {}
                Ok(false) => break,
                // What lies before the fault is sound, and who goes on meets it again.
                Err(_) if offset < self.length => break,
                Err(fault) => return Err(fault),
            }
        }
        let after = self.runs.partition_point(|(start, _)| *start <= offset);
        let end = self.runs.get(after).map_or(self.length, |(start, _)| *start);
        let run = after.checked_sub(1).and_then(|at| self.runs.get(at)).filter(|_| offset < end);
        Ok(run.map(|(start, position)| (position.saturating_add(offset - start), (end - offset).min(most))))
    }

    /// Takes in the next cluster, if there is one.
    fn grow(&mut self, clusters: &Clusters<'_>) -> Result<bool, Fault> {
        let Some(cluster) = self.next else { return Ok(false) };
        let (position, _) = clusters.place(cluster)?;
        let following = clusters.following(cluster)?;
        // A chain that comes back to itself does so at the start of a run that it grows into, or by a jump.
        let loops = || Fault::corrupt(format!("its chain comes back to cluster {cluster}"));
        if cluster == self.last.end && !self.runs.is_empty() {
            if self.ceiling == Some(cluster) {
                return Err(loops());
            }
        } else {
            if self.runs.len() >= MOST_RUNS {
                return Err(Fault::new(GapReason::Limit, format!("it lies in more than {MOST_RUNS} pieces")));
            }
            if !self.last.is_empty() {
                self.before.insert(self.last.start, self.last.end);
            }
            if self.before.range(..=cluster).next_back().is_some_and(|(_, end)| cluster < *end) {
                return Err(loops());
            }
            self.ceiling = self.before.range(cluster..).next().map(|(start, _)| *start);
            self.last.start = cluster;
            self.runs.push((self.length, position));
        }
        self.last.end = cluster.saturating_add(1);
        self.length = self.length.saturating_add(clusters.cluster());
        self.next = following;
        Ok(true)
    }
}

/// A regular file.
pub(in crate::disk) struct Content<'v> {
    clusters: &'v Clusters<'v>,
    chain: RefCell<Chain>,
    size: u64,
    /// How much of it was written; the rest reads as zeros.
    written: u64,
}

impl<'v> Content<'v> {
    /// The file of `size` bytes that lies in `chain`.
    pub(in crate::disk) fn of(clusters: &'v Clusters<'v>, chain: Chain, size: u64, written: u64) -> Self {
        Self { clusters, chain: RefCell::new(chain), size, written }
    }
}

impl File for Content<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let wanted = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let (mut rest, _) = buffer.split_at_mut(wanted);
        let mut chain = self.chain.borrow_mut();
        let mut at = offset;
        while !rest.is_empty() {
            let (position, length) = chain
                .find(self.clusters, at, rest.len() as u64)?
                .ok_or_else(|| Fault::new(GapReason::Truncated, "its chain ends before the file does"))?;
            let count = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            let written = usize::try_from(self.written.saturating_sub(at)).unwrap_or(usize::MAX).min(count);
            let (written, unwritten) = now.split_at_mut(written);
            if !written.is_empty() {
                self.clusters.read(position, written)?;
            }
            unwritten.fill(0);
            at = at.saturating_add(length);
            rest = later;
        }
        Ok(wanted)
    }

    fn is_random(&self) -> bool {
        self.clusters.is_random()
    }
}
