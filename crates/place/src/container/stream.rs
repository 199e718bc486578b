//! A file as a stream that can seek, for readers that want one; the fault behind an error is not lost on the way.

use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};

/// A file as a stream that can seek.
pub struct Stream<'a> {
    file: &'a dyn File,
    at: u64,
    forgets: bool,
}

impl<'a> Stream<'a> {
    /// From the start of `file`.
    pub fn of(file: &'a dyn File) -> Self {
        Self { file, at: 0, forgets: false }
    }

    /// The same, for one who never goes back: what was read need not be kept.
    pub(super) fn forward(file: &'a dyn File) -> Self {
        Self { file, at: 0, forgets: true }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(self.at, buffer).map_err(|fault| Error::other(Carried(fault)))?;
        self.at += read as u64;
        if self.forgets {
            self.file.forget(self.at);
        }
        Ok(read)
    }
}

impl Seek for Stream<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => {
                let size = self.file.size().map_err(|fault| Error::other(Carried(fault)))?;
                size.checked_add_signed(by)
            }
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a position before the start of the file"))?;
        Ok(self.at)
    }
}

/// A fault on its way through a reader that knows only errors.
#[derive(Debug)]
pub(super) struct Carried(pub(super) Fault);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl std::error::Error for Carried {}

/// What zstd says of a window that is larger than it may be.
const TOO_MUCH: &str = "Frame requires too much memory";

/// The fault of an error: the one that was carried, or what the reader of a format found wrong.
pub(super) fn fault(error: Error) -> Fault {
    let kind = error.kind();
    match error.downcast::<Carried>() {
        Ok(Carried(fault)) => fault,
        Err(error) => {
            // Decoders wrap the error of what they read from.
            let mut inner: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|inner| inner as _);
            while let Some(one) = inner {
                if let Some(Carried(fault)) = one.downcast_ref::<Carried>() {
                    return fault.clone();
                }
                if let Some(Ok(Some(Carried(fault)))) = one
                    .downcast_ref::<Error>()
                    .map(|error| Ok::<_, ()>(error.get_ref().and_then(|it| it.downcast_ref())))
                {
                    return fault.clone();
                }
                inner = one.source();
            }
            let detail = error.to_string();
            let reason = match kind {
                ErrorKind::UnexpectedEof => GapReason::Truncated,
                ErrorKind::OutOfMemory => GapReason::Limit,
                // A window that is too large has no kind of its own.
                _ if detail.starts_with(TOO_MUCH) => GapReason::Limit,
                _ => GapReason::Corrupt,
            };
            Fault::new(reason, detail)
        }
    }
}
