//! What opening containers may cost. A limit that is reached is a gap, never silence.

use crate::tree::Fault;
use ostrakon_model::GapReason;
use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bounds on what is opened. They count for one file of the place and everything inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep containers lie in containers; 0 opens none.
    pub depth: u32,
    /// How many bytes may be inflated for each byte of the file, beyond [`Limits::SLACK`].
    pub ratio: u64,
    /// How many members.
    pub members: u64,
    /// How many bytes of what is inflated may be kept in memory at a time.
    pub memory: u64,
    /// How long it may take.
    pub time: Duration,
    /// Are files inside looked into whatever their names say?
    pub paranoid: bool,
}

impl Limits {
    /// Small files may inflate to this much whatever their ratio: real text compresses well.
    pub const SLACK: u64 = 256 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 8,
            ratio: 200,
            members: 5_000_000,
            memory: 160 << 20,
            time: Duration::from_secs(30 * 60),
            paranoid: false,
        }
    }
}

/// The memory that all threads share: each has a little of its own, and one at a time has much.
#[derive(Debug)]
pub struct Memory {
    /// Has somebody much?
    much: Mutex<bool>,
    free: Condvar,
    little: u64,
}

impl Memory {
    /// Memory for this many threads.
    pub fn of(threads: usize) -> Arc<Self> {
        let little = ALL_LITTLE / threads.max(1) as u64;
        Arc::new(Self { much: Mutex::new(false), free: Condvar::new(), little })
    }

    /// Waits until nobody has much. Nobody who has it waits for anything, so this ends.
    fn take(&self) {
        let mut taken = self.much.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            taken = self.free.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
    }

    fn free(&self) {
        *self.much.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.free.notify_one();
    }
}

/// What all threads together may keep without asking.
const ALL_LITTLE: u64 = 64 << 20;
/// How often an archive may go on as another one that is compressed: each reads through all before it.
const DEEPEST: u32 = 16;

/// What is left for one file of the place and everything inside it.
#[derive(Debug)]
pub struct Purse {
    limits: Limits,
    memory: Arc<Memory>,
    size: u64,
    began: Instant,
    inflated: Cell<u64>,
    members: Cell<u64>,
    kept: Cell<u64>,
    deep: Cell<u32>,
    /// Is it the one that has much?
    much: Cell<bool>,
}

impl Purse {
    /// A purse for a file of `size` bytes.
    pub fn of(limits: Limits, memory: Arc<Memory>, size: u64) -> Self {
        Self {
            limits,
            memory,
            size,
            began: Instant::now(),
            inflated: Cell::new(0),
            members: Cell::new(0),
            kept: Cell::new(0),
            deep: Cell::new(0),
            much: Cell::new(false),
        }
    }

    /// The limits it was made of.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Bytes that were inflated so far.
    pub fn inflated(&self) -> u64 {
        self.inflated.get()
    }

    /// Pays for one more member.
    pub(crate) fn member(&self) -> Result<(), Fault> {
        self.members.set(self.members.get() + 1);
        if self.members.get() > self.limits.members {
            return Err(limit(format!("more than {} members (--most-members)", self.limits.members)));
        }
        if self.members.get().is_multiple_of(256) { self.time() } else { Ok(()) }
    }

    /// Pays for `bytes` that were inflated.
    pub(crate) fn inflate(&self, bytes: usize) -> Result<(), Fault> {
        let inflated = self.inflated.get().saturating_add(bytes as u64);
        self.inflated.set(inflated);
        let most = self.size.saturating_mul(self.limits.ratio).saturating_add(Limits::SLACK);
        if inflated > most {
            let ratio = self.limits.ratio;
            return Err(limit(format!("it inflates to more than {ratio} times its size (--most-expansion)")));
        }
        self.time()
    }

    /// Is there time left? Asked by everything that pays for nothing else.
    pub(crate) fn time(&self) -> Result<(), Fault> {
        if self.began.elapsed() > self.limits.time {
            let seconds = self.limits.time.as_secs();
            return Err(limit(format!("it takes longer than {seconds} s (--most-seconds)")));
        }
        Ok(())
    }

    /// Goes one archive deeper, until what this gives is dropped.
    pub(crate) fn deeper(&self) -> Result<Deeper<'_>, Fault> {
        if self.deep.get() >= DEEPEST {
            return Err(limit(format!("archives follow each other more than {DEEPEST} deep")));
        }
        self.deep.set(self.deep.get() + 1);
        Ok(Deeper(self))
    }

    /// Keeps `bytes` in memory, until what this gives is dropped.
    pub(crate) fn hold(&self, bytes: u64) -> Result<Held<'_>, Fault> {
        let mut held = Held { purse: self, bytes: 0 };
        held.more(bytes)?;
        Ok(held)
    }

    fn keep(&self, bytes: u64) -> Result<(), Fault> {
        let kept = self.kept.get().saturating_add(bytes);
        if kept > self.limits.memory {
            let memory = self.limits.memory >> 20;
            return Err(limit(format!("it needs more than {memory} MiB of memory (--most-memory)")));
        }
        if kept > self.memory.little && !self.much.get() {
            self.memory.take();
            self.much.set(true);
        }
        self.kept.set(kept);
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.kept.set(self.kept.get().saturating_sub(bytes));
        if self.kept.get() <= self.memory.little && self.much.replace(false) {
            self.memory.free();
        }
    }
}

/// Memory that is kept, and given back when this is dropped: also where a reader panics.
#[derive(Debug)]
pub(crate) struct Held<'p> {
    purse: &'p Purse,
    bytes: u64,
}

impl<'p> Held<'p> {
    /// Nothing so far.
    pub(crate) fn none(purse: &'p Purse) -> Self {
        Self { purse, bytes: 0 }
    }

    /// Keeps `bytes` more.
    pub(crate) fn more(&mut self, bytes: u64) -> Result<(), Fault> {
        self.purse.keep(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// Gives back `bytes` of it.
    pub(crate) fn less(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.purse.give_back(bytes);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.purse.give_back(self.bytes);
    }
}

/// An archive that another one goes on as is open.
#[derive(Debug)]
pub(crate) struct Deeper<'p>(&'p Purse);

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.deep.set(self.0.deep.get().saturating_sub(1));
    }
}

impl Drop for Purse {
    fn drop(&mut self) {
        if self.much.get() {
            self.memory.free();
        }
    }
}

fn limit(detail: String) -> Fault {
    Fault::new(GapReason::Limit, detail)
}
