//! The one pass over a place.

use crate::collector::{Context, HEAD, Out, Outcome, Seen};
use crate::marks::Marks;
use crate::owners::Owners;
use crate::registry::COLLECTORS;
use crate::router::{Router, Wanted};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Excluded, Exclusion, Gap, GapReason, Locator, Presence, Presences};
use ostrakon_place::{Borders, Entry, EntryKind, Fault, File, Folder, Tree, Visitor, walk};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where to look and how.
pub struct Place<'a> {
    /// The files.
    pub tree: &'a dyn Tree,
    /// Where the walk stops.
    pub borders: &'a Borders,
    /// Is it the running machine?
    pub live: bool,
    /// Bytes that some indicator asks for in executables.
    pub marks: &'a Marks,
}

/// Takes what a look yields; one for each thread.
pub trait Sink: Send {
    /// A folder whose entries follow.
    fn folder(&mut self, path: &str);
    /// An entry of the folder; `path` is its whole path, `owner` the package it belongs to.
    fn entry(&mut self, path: &str, name: &str, kind: EntryKind, owner: Option<&str>);
    /// A thing that was seen.
    fn artifact(&mut self, artifact: Artifact);
    /// A thing that was not read.
    fn gap(&mut self, gap: Gap);
    /// A thing left out on purpose.
    fn excluded(&mut self, excluded: Excluded);
}

impl Looked {
    /// Adds what another part of the look came to.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.folders += other.folders;
        self.bytes_read += other.bytes_read;
        self.artifacts += other.artifacts;
        for (collector, count) in &other.by_collector {
            *self.by_collector.entry(collector.clone()).or_default() += count;
        }
    }
}

/// What a look came to.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Files met.
    pub files: u64,
    /// Folders read.
    pub folders: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Artifacts seen.
    pub artifacts: u64,
    /// Artifacts by collector.
    pub by_collector: BTreeMap<String, u64>,
}

/// Looks at what only a running machine has: processes, loaded modules. To be called before the process locks itself
/// down, since a locked process may not ask about others.
pub fn look_at_host<S: Sink>(place: &Place<'_>, sink: S) -> (Looked, S) {
    // Nobody's package lists are read here: before the lock no file of the place is parsed.
    let (mut looked, mut sinks) = run(place, Owners::default(), vec![sink], &AtomicU64::new(0), |workers, _| {
        workers.iter_mut().for_each(Worker::host);
    });
    looked.by_collector.retain(|_, count| *count > 0);
    (looked, sinks.remove(0))
}

/// Looks at the files of `place` with one thread per sink and gives the sinks back. `progress` counts files as they are
/// met.
pub fn look<S: Sink>(place: &Place<'_>, sinks: Vec<S>, progress: &AtomicU64) -> (Looked, Vec<S>) {
    run(place, Owners::read(place.tree), sinks, progress, |workers, place| {
        *workers = walk(place.tree, place.borders, std::mem::take(workers));
    })
}

fn run<S: Sink>(
    place: &Place<'_>,
    owners: Owners,
    sinks: Vec<S>,
    progress: &AtomicU64,
    work: impl for<'w> FnOnce(&mut Vec<Worker<'w, S>>, &Place<'_>),
) -> (Looked, Vec<S>) {
    let router = Router::of(COLLECTORS);
    let context = Context { tree: place.tree, live: place.live, marks: place.marks };
    let mut workers: Vec<_> = sinks
        .into_iter()
        .map(|sink| Worker {
            sink,
            router: &router,
            owners: &owners,
            context,
            progress,
            head: vec![0; HEAD],
            folder_wanted: Vec::new(),
            wanted: Vec::new(),
            bytes: Vec::new(),
            text: String::new(),
            start: (0, 0),
            looked: Looked::default(),
            counts: vec![0; COLLECTORS.len()],
        })
        .collect();
    work(&mut workers, place);
    let mut looked = Looked::default();
    for meta in COLLECTORS.iter().map(|collector| collector.meta()) {
        looked.by_collector.insert(meta.id.to_owned(), 0);
    }
    let sinks = workers
        .into_iter()
        .map(|worker| {
            worker.tally(&mut looked);
            worker.sink
        })
        .collect();
    (looked, sinks)
}

struct Worker<'a, S> {
    sink: S,
    router: &'a Router,
    owners: &'a Owners,
    context: Context<'a>,
    progress: &'a AtomicU64,
    head: Vec<u8>,
    folder_wanted: Vec<Wanted>,
    wanted: Vec<Wanted>,
    bytes: Vec<u8>,
    text: String,
    /// Where the name begins in `bytes` and `text`.
    start: (usize, usize),
    looked: Looked,
    counts: Vec<u64>,
}

impl<S: Sink> Worker<'_, S> {
    fn host(&mut self) {
        for (at, collector) in COLLECTORS.iter().enumerate() {
            let mut out = Out::default();
            let outcome = guarded(|| collector.host(&self.context, &mut out));
            self.deliver(at, out, outcome, "/proc", b"", "");
        }
    }

    /// Hands the file at `self.bytes` and `self.text` to everyone who wants it.
    fn file(&mut self, folder: &dyn Folder, name: &[u8]) {
        let file = match folder.open(name) {
            Ok(file) => file,
            Err(fault) => return self.unread(fault),
        };
        let read = match file.read_at(0, &mut self.head) {
            Ok(read) => read,
            Err(fault) => return self.unread(fault),
        };
        self.looked.bytes_read += read as u64;
        self.wanted.clone_from(&self.folder_wanted);
        self.router.file(&self.bytes, name, &self.head[..read], &mut self.wanted);
        if self.wanted.is_empty() {
            return;
        }
        let head = std::mem::take(&mut self.head);
        let counted = Counted { file: file.as_ref(), head: &head[..read], bytes: Cell::new(0) };
        let wanted = std::mem::take(&mut self.wanted);
        let path = std::mem::take(&mut self.bytes);
        let text = std::mem::take(&mut self.text);
        for Wanted { collector, root } in &wanted {
            let mut out = Out::default();
            let seen = Seen {
                path: &path,
                text: &text,
                head: &head[..read],
                file: &counted,
                root: &path[..*root],
                context: self.context,
            };
            let outcome = guarded(|| COLLECTORS[*collector].file(&seen, &mut out));
            self.deliver(*collector, out, outcome, &text, &path, &String::from_utf8_lossy(&path[..*root]));
        }
        self.looked.bytes_read += counted.bytes.get();
        self.head = head;
        self.wanted = wanted;
        self.bytes = path;
        self.text = text;
    }

    fn deliver(&mut self, at: usize, out: Out, outcome: Outcome, text: &str, path: &[u8], root: &str) {
        let meta = COLLECTORS[at].meta();
        for mut artifact in out.artifacts {
            self.counts[at] += 1;
            meta.id.clone_into(&mut artifact.collector);
            // What a database below some folder of this place registers is not installed on this asset.
            let presence = artifact.presence.unwrap_or_else(|| artifact.kind.presence());
            if !root.is_empty() && presence == Presence::Installed {
                artifact.presence = Some(Presence::Dormant);
            }
            if artifact.kind == ArtifactKind::Executable
                && let Some(owner) = self.owners.of(path)
            {
                artifact.push(FILE_OWNER, owner);
            }
            self.sink.artifact(artifact);
        }
        for mut gap in out.gaps {
            meta.id.clone_into(&mut gap.collector);
            self.sink.gap(gap);
        }
        // What is gone by now holds nothing to read.
        if let Err(Fault { reason, detail, gone: false }) = outcome {
            let locator = Locator(text.to_owned());
            self.sink.gap(Gap { locator, reason, hides: meta.hides, collector: meta.id.to_owned(), detail });
        }
    }

    fn unread(&mut self, fault: Fault) {
        if fault.gone {
            return;
        }
        let locator = Locator(self.text.clone());
        self.gap(locator, fault);
    }

    fn gap(&mut self, locator: Locator, fault: Fault) {
        let Fault { reason, detail, .. } = fault;
        let collector = "files".to_owned();
        self.sink.gap(Gap { locator, reason, hides: Presences::FILES, collector, detail });
    }

    fn tally(&self, total: &mut Looked) {
        total.files += self.looked.files;
        total.folders += self.looked.folders;
        total.bytes_read += self.looked.bytes_read;
        for (collector, count) in COLLECTORS.iter().zip(&self.counts) {
            total.artifacts += count;
            *total.by_collector.entry(collector.meta().id.to_owned()).or_default() += count;
        }
    }
}

/// A file that is not read twice where it was read already, and that counts what is read of it beyond its head.
struct Counted<'a> {
    file: &'a dyn File,
    head: &'a [u8],
    bytes: Cell<u64>,
}

impl File for Counted<'_> {
    fn size(&self) -> Result<u64, Fault> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let known =
            usize::try_from(offset).ok().and_then(|start| self.head.get(start..start.checked_add(buffer.len())?));
        if let Some(known) = known {
            buffer.copy_from_slice(known);
            return Ok(known.len());
        }
        let read = self.file.read_at(offset, buffer)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

const FILE_OWNER: ostrakon_model::Attribute = ostrakon_model::Attribute::known("file.owner");

/// A reader that panics on what it reads is a gap, not a crash.
fn guarded(read: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Fault::new(GapReason::ReaderFailed, said.unwrap_or_default()))
    })
}

impl<S: Sink> Visitor for Worker<'_, S> {
    fn folder(&mut self, path: &[u8]) {
        self.looked.folders += 1;
        self.router.folder(path, &mut self.folder_wanted);
        let folder = encode(path);
        self.sink.folder(&folder);
        // What all entries of the folder begin with is written once.
        self.bytes.clear();
        self.bytes.extend_from_slice(path.strip_suffix(b"/").unwrap_or(path));
        self.bytes.push(b'/');
        self.text.clear();
        self.text.push_str(folder.strip_suffix('/').unwrap_or(&folder));
        self.text.push('/');
        self.start = (self.bytes.len(), self.text.len());
    }

    fn entry(&mut self, _path: &[u8], folder: &dyn Folder, entry: Entry<'_>) {
        let (bytes, text) = self.start;
        self.bytes.truncate(bytes);
        self.bytes.extend_from_slice(entry.name);
        self.text.truncate(text);
        self.text.push_str(&encode(entry.name));
        let owner = if entry.kind == EntryKind::Folder { None } else { self.owners.of(&self.bytes) };
        self.sink.entry(&self.text, &self.text[text..], entry.kind, owner);
        self.counts[0] += 1;
        if entry.kind != EntryKind::Folder {
            self.looked.files += 1;
            if self.looked.files.is_multiple_of(256) {
                self.progress.fetch_add(256, Ordering::Relaxed);
            }
        }
        if entry.kind == EntryKind::File {
            self.file(folder, entry.name);
        }
    }

    fn fault(&mut self, path: &[u8], fault: Fault) {
        if !fault.gone {
            self.gap(Locator::of_path(path), fault);
        }
    }

    fn excluded(&mut self, path: &[u8], reason: Exclusion) {
        if reason == Exclusion::ByRequest {
            let detail = "left out with --exclude";
            self.gap(Locator::of_path(path), Fault::new(GapReason::ExcludedByRequest, detail));
        }
        self.sink.excluded(Excluded { locator: Locator::of_path(path), reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_panics_is_a_gap() {
        let outcome = guarded(|| panic!("lying header"));
        assert_eq!(outcome, Err(Fault::new(GapReason::ReaderFailed, "lying header")));
    }

    #[test]
    fn entries_are_counted_for_the_first_collector() {
        assert_eq!(COLLECTORS[0].meta().id, "files");
    }
}
