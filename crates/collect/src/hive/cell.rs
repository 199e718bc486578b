//! Cells: the pieces a hive consists of, each with its own length in front. Every offset and every length that a hive
//! names is checked here before anything is read.

use super::Fault;
use std::ops::Range;
use std::sync::OnceLock;

/// The header of a hive. All offsets count from its end.
pub(super) const HEADER: usize = 4096;
/// An offset that leads nowhere.
pub(super) const NONE: u32 = u32::MAX;
/// Cells begin and end at multiples of it.
pub(super) const STEP: usize = 8;
/// Groups of cells, the bins, begin and end at multiples of it.
const PAGE: usize = 4096;
/// What a bin has before its first cell.
const BIN_HEADER: usize = 32;
/// The length in front of a cell.
const LENGTH: usize = 4;

const OUTSIDE: Fault = "an offset in it lies outside the hive";

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// A hive as its cells.
pub(super) struct Cells {
    bytes: Vec<u8>,
    /// How long its bins are by its header; behind them there may be bins of earlier times.
    size: usize,
    /// Where its free cells are, in order.
    free: OnceLock<Vec<Range<usize>>>,
}

impl Cells {
    pub(super) fn of(bytes: Vec<u8>, size: usize) -> Self {
        Self { bytes, size, free: OnceLock::new() }
    }

    pub(super) fn bins(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// The content of the cell at `at`. Whether the cell is in use is not asked: a key that is listed is there. A
    /// length that reaches too far is cut: whatever lies in a cell has its own lengths too.
    pub(super) fn cell(&self, at: u32) -> Result<&[u8], Fault> {
        let bins = self.bins();
        let (first, end) = extent(bins, at)?;
        bins.get(first..end.min(bins.len())).ok_or(OUTSIDE)
    }

    /// The content of a cell that was given up. Windows joins free cells that touch, so it may lie inside a larger one;
    /// what lies in a cell that is in use again belongs to something else.
    pub(super) fn freed(&self, at: u32) -> Result<&[u8], Fault> {
        let (first, end) = extent(self.bins(), at)?;
        let free = self.free();
        let after = free.partition_point(|range| range.start < first);
        let range = after.checked_sub(1).and_then(|before| free.get(before));
        let inside = range.is_some_and(|range| end <= range.end);
        let content = inside.then(|| self.bins().get(first..end)).flatten();
        content.ok_or("what it held is overwritten")
    }

    /// Where the free cells are, in order.
    pub(super) fn free(&self) -> &[Range<usize>] {
        self.free.get_or_init(|| free_cells(self.bins().get(..self.size).unwrap_or(self.bins())))
    }
}

/// Where the content of the cell at `at` begins, and where it ends by its length.
fn extent(bins: &[u8], at: u32) -> Result<(usize, usize), Fault> {
    let start = usize::try_from(at).map_err(|_| OUTSIDE)?;
    if !start.is_multiple_of(STEP) {
        return Err("an offset in it lies between two cells");
    }
    let length = length(bins, start).ok_or(OUTSIDE)?.unsigned_abs();
    let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length)).ok_or(OUTSIDE)?;
    Ok((start.checked_add(LENGTH).ok_or(OUTSIDE)?, end))
}

/// The length of a cell as it is written: negative while the cell is in use.
fn length(bins: &[u8], at: usize) -> Option<i32> {
    le32(bins, at).map(u32::cast_signed)
}

fn free_cells(bins: &[u8]) -> Vec<Range<usize>> {
    let mut free = Vec::new();
    let mut bin = 0;
    while let Some(head) = bins.get(bin..).filter(|head| !head.is_empty()) {
        let size = le32(head, 8).and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
        if !head.starts_with(b"hbin") || size == 0 || !size.is_multiple_of(PAGE) {
            // Another may begin at the next page.
            bin = bin.saturating_add(PAGE);
            continue;
        }
        let end = bin.saturating_add(size).min(bins.len());
        let mut at = bin.saturating_add(BIN_HEADER);
        while let Some(length) = length(bins, at) {
            let next = usize::try_from(length.unsigned_abs()).ok().and_then(|length| at.checked_add(length));
            // From a length that cannot be, there is no way to the next cell of this bin.
            let Some(next) = next.filter(|next| *next > at && next.is_multiple_of(STEP) && *next <= end) else { break };
            if length > 0 {
                free.push(at..next);
            }
            at = next;
            if at == end {
                break;
            }
        }
        bin = end;
    }
    free
}
