//! What the fuzz target calls: one file at one path, looked at as if it were a place, by every collector that wants it and
//! through every container it is.

use crate::look::{Place, Sink, look_at_file};
use crate::marks::Marks;
use ostrakon_model::{Artifact, Excluded, Gap, GapReason, Name};
use ostrakon_place::container::{Bytes, Limits};
use ostrakon_place::{EntryKind, Fault, File, Folder, Tree};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Looks at `input`: the path of a file, a byte of 0, and its content. A reader that panics panics here too.
pub fn file(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == 0) else { return };
    let (path, content) = (&input[..end], &input[end + 1..]);
    let path = [b"/", path.strip_prefix(b"/").unwrap_or(path)].concat();
    let marks = Marks::of(vec![b"Kaspersky Anti-Virus SDK".to_vec()]);
    let limits =
        Limits { depth: 4, ratio: 50, members: 2_000, memory: 32 << 20, time: Duration::from_secs(5), paranoid: true };
    let tree = One { path: &path, content };
    let place = Place {
        tree: &tree,
        live: false,
        marks: &marks,
        earlier: None,
        stamped_before: None,
        image: None,
        limits,
        worth: &|_| true,
    };
    look_at_file(&place, &path, &[], Panics, &AtomicU64::new(0));
}

/// Takes everything, and passes a reader's panic on.
struct Panics;

impl Sink for Panics {
    fn folder(&mut self, _path: &str) {}
    fn entry(&mut self, _name: &Name<'_>) {}
    fn artifact(&mut self, _artifact: Artifact) {}
    #[expect(clippy::panic, reason = "this is what a fuzzer looks for")]
    fn gap(&mut self, gap: Gap) {
        if gap.reason == GapReason::ReaderFailed {
            panic!("{} at {}: {}", gap.collector, gap.locator, gap.detail);
        }
    }
    fn excluded(&mut self, _excluded: Excluded) {}
}

/// A tree of one file.
struct One<'a> {
    path: &'a [u8],
    content: &'a [u8],
}

fn gone() -> Fault {
    let mut fault = Fault::new(GapReason::IoError, "not there");
    fault.gone = true;
    fault
}

impl Tree for One<'_> {
    fn folder(&self, _path: &[u8]) -> Result<Box<dyn Folder>, Fault> {
        Err(gone())
    }

    fn find(&self, path: &[u8]) -> Result<Box<dyn File>, Fault> {
        if path == self.path { Ok(Box::new(Owned(self.content.to_vec()))) } else { Err(gone()) }
    }

    fn kind(&self, path: &[u8]) -> Result<Option<EntryKind>, Fault> {
        Ok((path == self.path).then_some(EntryKind::File))
    }
}

struct Owned(Vec<u8>);

impl File for Owned {
    fn size(&self) -> Result<u64, Fault> {
        Bytes(&self.0).size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        Bytes(&self.0).read_at(offset, buffer)
    }
}
