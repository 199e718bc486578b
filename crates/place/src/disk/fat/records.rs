//! Folders: chains of records of 32 bytes.

use super::chain::Chain;
use super::clusters::{Clusters, PIECE};
use crate::tree::Fault;
use ostrakon_model::GapReason;
use std::rc::Rc;

/// The bytes of a record.
pub(in crate::disk) type Record = [u8; RECORD];

/// The size of a record.
const RECORD: usize = 32;
/// How many records behind the last one are looked at.
const BEHIND: usize = 32 << 10;

/// The records of a folder, one after the other.
pub(in crate::disk) struct Records<'v> {
    clusters: &'v Clusters<'v>,
    chain: Chain,
    /// How long it says it is.
    length: Option<u64>,
    /// How long it can be.
    most: u64,
    /// Where the next piece begins.
    next: u64,
    /// What was read of it, and where on the volume that lies.
    piece: Rc<[u8]>,
    position: u64,
    /// Where in the piece the next record is.
    at: usize,
}

impl<'v> Records<'v> {
    /// The records of the folder in `chain`, which says it is `length` bytes long, or ends with its chain.
    pub(in crate::disk) fn of(clusters: &'v Clusters<'v>, chain: Chain, length: Option<u64>, most: u64) -> Self {
        Self { clusters, chain, length, most, next: 0, piece: Rc::default(), position: 0, at: 0 }
    }

    /// The next record, and where on the volume it lies.
    pub(in crate::disk) fn next(&mut self) -> Result<Option<(u64, Record)>, Fault> {
        loop {
            if let Some(record) = self.piece.get(self.at..).and_then(<[u8]>::first_chunk) {
                let position = self.position.saturating_add(self.at as u64);
                self.at = self.at.saturating_add(RECORD);
                return Ok(Some((position, *record)));
            }
            let left = self.length.map_or(PIECE, |length| length.saturating_sub(self.next).min(PIECE));
            if left == 0 {
                return Ok(None);
            }
            let Some((position, length)) = self.chain.find(self.clusters, self.next, left)? else {
                let cut =
                    self.length.map(|_| Fault::new(GapReason::Truncated, "its chain ends before the folder does"));
                return cut.map_or(Ok(None), Err);
            };
            if self.next >= self.most {
                return Err(Fault::corrupt("it is longer than a folder can be"));
            }
            self.piece = self.clusters.piece(position, length)?;
            self.position = position;
            self.next = self.next.saturating_add(length);
            self.at = 0;
        }
    }

    /// Reads on behind the mark that ends the folder: there, no record begins with a byte that `is_used` is true of.
    pub(in crate::disk) fn end(&mut self, is_used: impl Fn(u8) -> bool) -> Result<(), Fault> {
        for _ in 0..BEHIND {
            match self.next()? {
                Some((_, [kind, ..])) if is_used(kind) => return Err(Fault::corrupt("it goes on behind its end")),
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }
}
