//! exFAT (the exFAT specification of Microsoft, revision 1.00): sticks and memory cards above 32 GiB. Own code: it checks
//! all sums, and tells the names and bytes before a fault.
//!
//! The bitmap of clusters is not asked whether those of a file are in use: where they lie in a row, nothing else says
//! so. Folders are found by their paths alone, so that the table of capital letters is not needed.

mod boot;
mod set;
#[cfg(test)]
mod tests;

use super::fat::chain::{Chain, Content};
use super::fat::clusters::Clusters;
use super::fat::records::Records;
use super::filesystem::{FileSystem, Named};
use crate::tree::{Fault, File};
use set::{Next, Sets, Stream};
use std::ops::ControlFlow;

/// No folder is longer.
const LONGEST_FOLDER: u64 = 256 << 20;

/// An exFAT volume. Nodes are where the record of the content of a file or folder lies, which says all that reading it
/// needs; the root has none and is 0.
pub(in crate::disk) struct Exfat<'a> {
    clusters: Clusters<'a>,
    root: u32,
}

impl<'a> Exfat<'a> {
    /// Opens the volume that `file` is.
    pub(in crate::disk) fn open(file: &'a dyn File) -> Result<Self, Fault> {
        let (layout, root) = boot::read(file)?;
        Ok(Self { clusters: Clusters::of(file, layout), root })
    }

    /// The content of a file or folder.
    fn stream(&self, node: u64) -> Result<(Stream, Chain), Fault> {
        let stream = Stream::parse(&self.clusters.record(node)?)?;
        let longer = || Fault::corrupt("it is larger than its volume");
        let chain = if stream.length == 0 {
            Chain::stretch(0, 0)
        } else if !stream.has_clusters {
            return Err(Fault::corrupt("it has a size and no clusters"));
        } else if stream.is_contiguous {
            let (position, left) = self.clusters.place(stream.first)?;
            if stream.length > left {
                return Err(longer());
            }
            Chain::stretch(position, stream.length)
        } else if stream.length > self.clusters.capacity() {
            return Err(longer());
        } else {
            Chain::at(stream.first)
        };
        Ok((stream, chain))
    }

    /// The records of a folder.
    fn records(&self, folder: u64) -> Result<Records<'_>, Fault> {
        let (chain, length) = if folder == 0 {
            (Chain::at(self.root), None)
        } else {
            let (stream, chain) = self.stream(folder)?;
            if !stream.length.is_multiple_of(32) || stream.length > LONGEST_FOLDER {
                return Err(Fault::corrupt("it has a size that no folder has"));
            }
            (chain, Some(stream.length))
        };
        Ok(Records::of(&self.clusters, chain, length, LONGEST_FOLDER))
    }
}

impl FileSystem for Exfat<'_> {
    fn root(&self) -> u64 {
        0
    }

    fn list(&self, folder: u64, each: &mut dyn FnMut(Named<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
        let mut sets = Sets::of(self.records(folder)?);
        // What is wrong with an entry does not keep the others from being told.
        let mut wrong = None;
        loop {
            match sets.next()? {
                Next::Entry(entry) => {
                    if each(Named { name: &entry.name, kind: entry.kind, node: entry.node }).is_break() {
                        return Ok(());
                    }
                }
                Next::Wrong(fault) => wrong = Some(fault),
                Next::End => return wrong.map_or(Ok(()), Err),
            }
        }
    }

    fn open(&self, node: u64) -> Result<Box<dyn File + '_>, Fault> {
        let (stream, chain) = self.stream(node)?;
        Ok(Box::new(Content::of(&self.clusters, chain, stream.length, stream.written)))
    }

    fn link(&self, _node: u64) -> Result<Vec<u8>, Fault> {
        Err(Fault::corrupt("exFAT has no links"))
    }

    fn folds_case(&self) -> bool {
        true
    }
}
