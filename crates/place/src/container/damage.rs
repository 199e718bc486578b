//! What is broken inside a container that can be read past it: a file that gives its fault to whoever reads it, and the
//! first fault of everything else.

use crate::tree::{Fault, File};
use ostrakon_model::{GapReason, locator};

/// A file that cannot be read.
pub(crate) struct Broken(pub(crate) Fault);

impl File for Broken {
    fn size(&self) -> Result<u64, Fault> {
        Err(self.0.clone())
    }

    fn read_at(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize, Fault> {
        Err(self.0.clone())
    }
}

/// The faults of a pass that goes on where it can. The first is the container's.
#[derive(Default)]
pub(super) struct Damage(Option<Fault>);

impl Damage {
    /// Notes a fault at `path` and goes on, unless a limit was reached.
    pub(super) fn note(&mut self, path: &[u8], fault: Fault) -> Result<(), Fault> {
        if fault.reason == GapReason::Limit {
            return Err(fault);
        }
        self.keep(path, fault);
        Ok(())
    }

    /// Notes a fault at `path` whatever it is.
    pub(super) fn keep(&mut self, path: &[u8], fault: Fault) {
        if self.0.is_none() {
            let path: &[u8] = if path.is_empty() { b"/" } else { path };
            let detail = format!("{}: {}", locator::encode(path), fault.detail);
            self.0 = Some(Fault { detail, ..fault });
        }
    }

    /// What became of the pass.
    pub(super) fn end(self) -> Result<(), Fault> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Can `name` be one part of a path?
pub(super) fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}
