//! A file that comes out of a decoder: inflated as far as somebody reads, and kept as long as somebody may go back.

use super::purse::{Held, Purse};
use super::stream;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::io::{ErrorKind, Read};

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
    /// What `kept` costs.
    held: Held<'a>,
    /// Where in the file `kept` begins.
    start: u64,
    /// What lies before this is not read again.
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
        let source = Source::Closed(Box::new(open));
        let state = State { source, kept: Vec::new(), held: Held::none(purse), start: 0, forgotten: 0 };
        Self { state: RefCell::new(state), size, purse }
    }

    /// Reads what is left to the end, paid for like everything, and keeps nothing of it.
    pub(super) fn rest(&self) -> Result<(), Fault> {
        let mut state = self.state.borrow_mut();
        state.forgotten = u64::MAX;
        self.advance(&mut state, u64::MAX)
    }

    /// Why it cannot be read further, if that was met.
    pub(super) fn broken(&self) -> Option<Fault> {
        match &self.state.borrow().source {
            Source::Broken(fault) => Some(fault.clone()),
            _ => None,
        }
    }

    /// Inflates until `end` bytes are known, or the file ends. The last bytes are not given before it is seen that nothing
    /// follows them: that is when decoders compare checksums.
    fn advance(&self, state: &mut State<'a>, end: u64) -> Result<(), Fault> {
        state.open();
        loop {
            match &state.source {
                Source::Open(_) => {}
                Source::Broken(fault) => return Err(fault.clone()),
                Source::Closed(_) | Source::Ended => return Ok(()),
            }
            let reached = state.reached();
            let whole = self.size == Some(reached);
            if reached >= end && !whole {
                return Ok(());
            }
            let more = if whole {
                state.end().map(|()| false)
            } else {
                // Memory that is not there now may be there later: that breaks nothing.
                let room = state.room(end, self.size)?;
                state.fill(room, self.purse)
            };
            match more {
                Ok(true) => {}
                Ok(false) if self.size.is_some_and(|size| reached < size) => {
                    let detail = "it ends before the size its container gives it";
                    state.source = Source::Broken(Fault::new(GapReason::Truncated, detail));
                }
                Ok(false) => state.source = Source::Ended,
                Err(fault) => state.source = Source::Broken(fault),
            }
        }
    }
}

impl State<'_> {
    fn open(&mut self) {
        if let Source::Closed(_) = self.source
            && let Source::Closed(open) = std::mem::replace(&mut self.source, Source::Ended)
        {
            self.source = match open() {
                Ok(reader) => Source::Open(reader),
                Err(fault) => Source::Broken(fault),
            };
        }
    }

    /// How much of the file is known.
    fn reached(&self) -> u64 {
        self.start + self.kept.len() as u64
    }

    /// Makes room for the next piece on the way to `end`; gives its size.
    fn room(&mut self, end: u64, size: Option<u64>) -> Result<usize, Fault> {
        // What nobody reads again goes once it is at least half: no byte is moved more often than others are read.
        let dead = usize::try_from(self.forgotten.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let dead = dead.min(self.kept.len());
        if dead >= self.kept.len() - dead {
            self.kept.drain(..dead);
            self.start += dead as u64;
            self.held.less(dead as u64);
        }
        let reached = self.reached();
        let until = |end: u64| usize::try_from(end.saturating_sub(reached)).unwrap_or(usize::MAX);
        // Whoever reads the head alone pays for it alone.
        let wanted = if reached == 0 { until(end).min(PIECE) } else { PIECE };
        let room = wanted.min(size.map_or(usize::MAX, until));
        self.held.more(room as u64)?;
        self.kept.resize(self.kept.len() + room, 0);
        Ok(room)
    }

    /// Fills the last `room` bytes as far as one read goes; says whether there was anything.
    fn fill(&mut self, room: usize, purse: &Purse) -> Result<bool, Fault> {
        let known = self.kept.len().saturating_sub(room);
        let read = match (&mut self.source, self.kept.get_mut(known..)) {
            (Source::Open(reader), Some(into)) => uninterrupted(reader, into),
            _ => Ok(0),
        };
        let count = read.as_ref().map_or(0, |read| *read);
        self.kept.truncate(known + count);
        self.held.less((room - count) as u64);
        read?;
        purse.inflate(count)?;
        Ok(count > 0)
    }

    /// Looks whether anything follows what should be all.
    fn end(&mut self) -> Result<(), Fault> {
        let Source::Open(reader) = &mut self.source else { return Ok(()) };
        match uninterrupted(reader, &mut [0])? {
            0 => Ok(()),
            _ => Err(Fault::corrupt("it goes on after the size its container gives it")),
        }
    }
}

/// What one read gives.
fn uninterrupted(reader: &mut dyn Read, into: &mut [u8]) -> Result<usize, Fault> {
    loop {
        match reader.read(into) {
            Ok(read) => return Ok(read.min(into.len())),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(stream::fault(error)),
        }
    }
}

impl File for Lazy<'_> {
    fn size(&self) -> Result<u64, Fault> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let mut state = self.state.borrow_mut();
        self.advance(&mut state, u64::MAX)?;
        Ok(state.reached())
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
