//! The zeros behind an archive: they fill up blocks of tapes and images, and another archive may follow them.

use super::purse::Purse;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// Blocks are far smaller.
pub(super) const MOST: u64 = 64 << 20;
/// How many are looked at first, and then at a time.
const FEW: usize = 4 << 10;
const PIECE: usize = 64 << 10;

/// Where the first byte that is not 0 lies, from `start` on; nothing if there is none to the end. All before it is let
/// go of.
pub(super) fn end(file: &dyn File, start: u64, purse: &Purse) -> Result<Option<u64>, Fault> {
    let mut buffer = vec![0; FEW];
    let mut at = start;
    loop {
        let read = file.read_at(at, &mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        if let Some(place) = buffer.iter().take(read).position(|byte| *byte != 0) {
            return Ok(Some(at + place as u64));
        }
        at = at.saturating_add(read as u64);
        file.forget(at);
        if at - start > MOST {
            return Err(too_many());
        }
        purse.time()?;
        buffer.resize(PIECE, 0);
    }
}

/// The fault of an archive with more zeros behind it than are read.
pub(super) fn too_many() -> Fault {
    Fault::new(GapReason::Limit, format!("more than {} MiB of zeros follow its end", MOST >> 20))
}
