//! A file that comes out of a decoder: inflated as far as somebody reads, and kept as long as somebody may go back.

use super::purse::Purse;
use super::stream;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::io::Read;

/// A file over a reader that only goes forward.
pub(super) struct Lazy<'a> {
    state: RefCell<State<'a>>,
    /// Its size, where the container says it.
    size: Option<u64>,
    purse: &'a Purse,
}

struct State<'a> {
    source: Source<'a>,
    kept: Vec<u8>,
    /// Where in the file `kept` begins.
    start: u64,
    /// What may be dropped the next time something is read.
    forgotten: u64,
}

enum Source<'a> {
    /// Not begun.
    Closed(Box<dyn FnOnce() -> Result<Box<dyn Read + 'a>, Fault> + 'a>),
    Open(Box<dyn Read + 'a>),
    Ended,
    Broken(Fault),
}

/// How much is read from the decoder at a time, beyond what was asked for.
const PIECE: usize = 64 << 10;

impl<'a> Lazy<'a> {
    /// A file of `size` bytes, if that is known, that `open` gives a reader of once somebody asks.
    pub(super) fn of(
        size: Option<u64>,
        purse: &'a Purse,
        open: impl FnOnce() -> Result<Box<dyn Read + 'a>, Fault> + 'a,
    ) -> Self {
        let state = State { source: Source::Closed(Box::new(open)), kept: Vec::new(), start: 0, forgotten: 0 };
        Self { state: RefCell::new(state), size, purse }
    }

    /// Inflates until `end` bytes are known, or the file ends.
    fn advance(&self, state: &mut State<'a>, end: u64) -> Result<(), Fault> {
        if let Source::Closed(_) = state.source
            && let Source::Closed(open) = std::mem::replace(&mut state.source, Source::Ended)
        {
            state.source = match open() {
                Ok(reader) => Source::Open(reader),
                Err(fault) => Source::Broken(fault),
            };
        }
        if let Source::Broken(fault) = &state.source {
            return Err(fault.clone());
        }
        while state.start + (state.kept.len() as u64) < end {
            let Source::Open(reader) = &mut state.source else { return Ok(()) };
            if state.forgotten >= state.start + state.kept.len() as u64 {
                self.purse.give_back(state.kept.len() as u64);
                state.start += state.kept.len() as u64;
                state.kept.clear();
            }
            let known = state.kept.len();
            let wanted = usize::try_from(end - state.start).unwrap_or(usize::MAX).saturating_sub(known);
            // Whoever reads the head alone pays for it alone.
            let piece = if state.start == 0 && known == 0 { wanted.min(PIECE) } else { PIECE };
            self.purse.keep(piece as u64)?;
            state.kept.resize(known + piece, 0);
            let read = reader.read(&mut state.kept[known..]);
            let read = match read {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                    state.kept.truncate(known);
                    self.purse.give_back(piece as u64);
                    continue;
                }
                Err(error) => {
                    state.kept.truncate(known);
                    self.purse.give_back(piece as u64);
                    let fault = stream::fault(error);
                    state.source = Source::Broken(fault.clone());
                    return Err(fault);
                }
            };
            state.kept.truncate(known + read);
            self.purse.give_back((piece - read) as u64);
            if let Err(fault) = self.purse.inflate(read) {
                state.source = Source::Broken(fault.clone());
                return Err(fault);
            }
            let reached = state.start + state.kept.len() as u64;
            if self.size.is_some_and(|size| reached > size) {
                let fault = Fault::corrupt("it goes on after the size its container gives it");
                state.source = Source::Broken(fault.clone());
                return Err(fault);
            }
            if read == 0 {
                state.source = Source::Ended;
                if self.size.is_some_and(|size| reached < size) {
                    let fault = Fault::new(GapReason::Truncated, "it ends before the size its container gives it");
                    state.source = Source::Broken(fault.clone());
                    return Err(fault);
                }
            }
        }
        Ok(())
    }
}

impl File for Lazy<'_> {
    fn size(&self) -> Result<u64, Fault> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let mut state = self.state.borrow_mut();
        self.advance(&mut state, u64::MAX)?;
        Ok(state.start + state.kept.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut state = self.state.borrow_mut();
        let end = offset.saturating_add(buffer.len() as u64);
        let end = self.size.map_or(end, |size| end.min(size));
        self.advance(&mut state, end)?;
        if offset < state.start {
            return Err(Fault::new(GapReason::ReaderFailed, "it was read backwards"));
        }
        let start = usize::try_from(offset - state.start).unwrap_or(usize::MAX);
        let known = state.kept.get(start..).unwrap_or_default();
        let count = known.len().min(buffer.len());
        buffer[..count].copy_from_slice(&known[..count]);
        Ok(count)
    }

    fn is_random(&self) -> bool {
        false
    }

    fn forget(&self, before: u64) {
        let mut state = self.state.borrow_mut();
        state.forgotten = state.forgotten.max(before);
    }
}

impl Drop for Lazy<'_> {
    fn drop(&mut self) {
        self.purse.give_back(self.state.get_mut().kept.len() as u64);
    }
}
