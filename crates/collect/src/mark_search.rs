//! Looks for the bytes that indicators ask for in parts of an executable.

use crate::marks::Marks;
use crate::reading::hex;
use ostrakon_model::{Artifact, Attribute};
use ostrakon_place::File;
use std::cell::RefCell;
use std::ops::Range;

/// The longest piece of a file that is searched at a time.
const PIECE: usize = 256 << 10;

thread_local! {
    /// One for each thread: a fresh one for each program would cost more than the search.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// Looks for every mark in `ranges`, piece by piece; pieces overlap so that a mark on a border is found. Each that is found
/// becomes a value of `attribute`. No byte is read twice, whatever the ranges say.
pub(crate) fn search(
    file: &dyn File,
    ranges: &[Range<u64>],
    marks: &Marks,
    attribute: Attribute,
    artifact: &mut Artifact,
) -> Result<(), String> {
    let Some(longest) = marks.bytes().iter().map(Vec::len).max() else { return Ok(()) };
    let overlap = longest.saturating_sub(1);
    let mut found = vec![false; marks.bytes().len()];
    BUFFER.with_borrow_mut(|buffer| {
        for range in merged(ranges) {
            let mut at = range.start;
            while at < range.end {
                let want = usize::try_from(range.end - at).map_or(PIECE, |left| left.min(PIECE));
                let read = file.read_at(at, &mut buffer[..want]).map_err(|fault| fault.detail)?;
                marks.find(&buffer[..read], &mut found);
                if read < want || at + read as u64 >= range.end {
                    break;
                }
                at += read.saturating_sub(overlap).max(1) as u64;
            }
        }
        Ok::<(), String>(())
    })?;
    for (mark, _) in marks.bytes().iter().zip(found).filter(|(_, found)| *found) {
        artifact.push(attribute, hex(mark));
    }
    Ok(())
}

/// The same parts, in order and without overlaps: headers that lie could name one part again and again.
fn merged(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|range| range.start < range.end).cloned().collect();
    sorted.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_become_one() {
        assert_eq!(merged(&[8..12, 0..4, 2..6, 6..8, 9..10, 7..7]), [0..6, 6..8, 8..12]);
    }
}
