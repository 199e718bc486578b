//! Where the content of an attribute lies: runs of clusters, each told by how far it is from the one before.

use crate::disk::cluster::little;
use crate::tree::Fault;
use ostrakon_model::GapReason;

/// Most runs of one attribute: a file of 4 GiB in single clusters.
const MOST: usize = 1 << 20;

/// Clusters that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Which cluster of the content it begins with.
    pub(super) first: u64,
    pub(super) count: u64,
    /// Where on the volume that lies; a hole lies nowhere.
    pub(super) at: Option<u64>,
}

/// All runs of an attribute, in order and without a gap between them.
#[derive(Debug, Default)]
pub(super) struct Runs {
    list: Vec<Run>,
    end: u64,
}

impl Runs {
    /// Adds a piece that begins with the cluster `first` of the content, on a volume of `clusters`.
    pub(super) fn add(&mut self, first: u64, bytes: &[u8], clusters: u64) -> Result<(), Fault> {
        if first != self.end {
            return Err(Fault::corrupt("pieces of a file do not follow each other"));
        }
        let wrong = || Fault::corrupt("where a file lies is told in a way that cannot be");
        let mut rest = bytes;
        let mut at = 0_u64;
        while let Some((header, after)) = rest.split_first().filter(|(header, _)| **header != 0) {
            let (lengths, distance) = (usize::from(header & 15), usize::from(header >> 4));
            let (count, after) =
                after.split_at_checked(lengths).filter(|_| (1..=8).contains(&lengths)).ok_or_else(wrong)?;
            let (offset, after) = after.split_at_checked(distance).filter(|_| distance <= 8).ok_or_else(wrong)?;
            rest = after;
            let count = little(count, 0, lengths);
            let place = if distance == 0 {
                None
            } else {
                // A number with a sign, of as many bytes as are given.
                let unused = 64 - 8 * distance as u32;
                let signed = ((little(offset, 0, distance) << unused) as i64) >> unused;
                at = at.checked_add_signed(signed).ok_or_else(wrong)?;
                let end = at.checked_add(count).filter(|end| *end <= clusters);
                end.ok_or_else(|| Fault::corrupt("a file lies behind the end of its volume"))?;
                Some(at)
            };
            if self.list.len() >= MOST {
                return Err(Fault::new(GapReason::Limit, format!("a file in more than {MOST} pieces")));
            }
            let end = self.end.checked_add(count).filter(|_| count > 0).ok_or_else(wrong)?;
            self.list.push(Run { first: self.end, count, at: place });
            self.end = end;
        }
        Ok(())
    }

    /// How many clusters there are.
    pub(super) fn clusters(&self) -> u64 {
        self.end
    }

    pub(super) fn list(&self) -> &[Run] {
        &self.list
    }

    /// Where the cluster of this number lies, and how many follow it there; nothing behind the last.
    pub(super) fn find(&self, cluster: u64) -> Option<(Option<u64>, u64)> {
        let index = self.list.partition_point(|run| run.first <= cluster).checked_sub(1)?;
        let run = self.list.get(index)?;
        let inside = cluster.checked_sub(run.first).filter(|inside| *inside < run.count)?;
        Some((run.at.map(|at| at + inside), run.count - inside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_lie_before_and_behind_each_other_or_nowhere() {
        let mut runs = Runs::default();
        runs.add(0, &[0x21, 4, 0x34, 0x12, 0x01, 2, 0x11, 1, 0xfc, 0], 1 << 20).unwrap();
        assert_eq!(runs.clusters(), 7);
        assert_eq!(runs.find(1), Some((Some(0x1235), 3)));
        assert_eq!(runs.find(5), Some((None, 1)));
        assert_eq!(runs.find(6), Some((Some(0x1230), 1)));
        assert_eq!(runs.find(7), None);
        runs.add(7, &[0x11, 1, 5], 1 << 20).unwrap();
        assert!(runs.add(7, &[0x11, 1, 5], 1 << 20).is_err());
    }

    #[test]
    fn runs_that_cannot_be_are_told() {
        for bytes in [&[0x11, 1][..], &[0x11, 0, 5], &[0x10, 5], &[0x11, 1, 0xff], &[0x21, 1, 0, 0x7f], &[0x99, 1]] {
            assert!(Runs::default().add(0, bytes, 1000).is_err(), "{bytes:?}");
        }
    }
}
