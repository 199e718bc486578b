//! What one thread of a look does with each file: its head is read, those who want it look at it, and what they found goes
//! to the sink.

use crate::again::Again;
use crate::ahead::{Ahead, Window};
use crate::collector::{Context, HEAD, Out, Outcome, Seen};
use crate::collectors::COLLECTORS;
use crate::image::Image;
use crate::look::{Looked, Place, Sink};
use crate::marks::Marks;
use crate::owners::Ownership;
use crate::router::{Router, Wanted};
use ostrakon_model::locator::encode;
use ostrakon_model::{
    Artifact, ArtifactKind, Attribute, Excluded, Exclusion, Gap, GapReason, Locator, Name, Owner, Presence, Presences,
};
use ostrakon_place::container::{Limits, Memory, Purse};
use ostrakon_place::{Entry, EntryKind, Fault, File, Folder, Tree, Visitor};
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const FILE_OWNER: Attribute = Attribute::known("file.owner");

pub(crate) struct Worker<'a, S> {
    pub(crate) sink: S,
    pub(crate) router: &'a Router,
    pub(crate) owners: &'a Ownership<'a>,
    tree: &'a (dyn Tree + Sync),
    live: bool,
    marks: &'a Marks,
    pub(crate) worth: &'a (dyn Fn(&Artifact) -> bool + Sync),
    pub(crate) limits: Limits,
    pub(crate) memory: &'a Arc<Memory>,
    pub(crate) image: Option<&'a Image>,
    pub(crate) again: Again<'a>,
    /// Gaps told so far.
    pub(crate) gaps: u64,
    progress: &'a AtomicU64,
    head: Vec<u8>,
    window: Window,
    folder_wanted: Vec<Wanted>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
    /// Where the name begins in `bytes` and `text`.
    start: (usize, usize),
    pub(crate) looked: Looked,
    pub(crate) counts: Vec<u64>,
}

/// Where a file was met.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    /// Its path from the root of the place, or of the container it lies in.
    pub(crate) path: &'a [u8],
    /// Its locator.
    pub(crate) text: &'a str,
    /// What lies beside it.
    pub(crate) tree: &'a dyn Tree,
    /// It is the place that was named itself, or a volume of the disk that this is.
    pub(crate) alone: bool,
    /// It lies in a copy.
    pub(crate) copy: bool,
    /// It was deleted, and can still be read.
    pub(crate) deleted: bool,
    /// The package that the container it lies in is.
    pub(crate) owner: Option<&'a str>,
    /// How many containers it lies in.
    pub(crate) depth: u32,
    /// What the outermost of these may still cost.
    pub(crate) purse: Option<&'a Purse>,
}

impl At<'_> {
    pub(crate) fn name(&self) -> &[u8] {
        crate::reading::last_part(self.path)
    }
}

impl<'a, S: Sink> Worker<'a, S> {
    pub(crate) fn of(
        sink: S,
        place: &Place<'a>,
        router: &'a Router,
        owners: &'a Ownership<'a>,
        memory: &'a Arc<Memory>,
        progress: &'a AtomicU64,
        same_owners: bool,
    ) -> Self {
        Self {
            sink,
            router,
            owners,
            tree: place.tree,
            live: place.live,
            marks: place.marks,
            worth: place.worth,
            limits: place.limits,
            memory,
            image: place.image,
            again: Again::of(place.earlier, place.stamped_before, same_owners),
            gaps: 0,
            progress,
            head: vec![0; HEAD],
            window: Window::default(),
            folder_wanted: Vec::new(),
            bytes: Vec::new(),
            text: String::new(),
            start: (0, 0),
            looked: Looked::default(),
            counts: vec![0; COLLECTORS.len()],
        }
    }

    pub(crate) fn into_sink(self) -> S {
        self.sink
    }

    /// A file of the place, in no container.
    fn at<'c>(&self, path: &'c [u8], text: &'c str) -> At<'c>
    where
        'a: 'c,
    {
        At {
            path,
            text,
            tree: self.tree,
            alone: false,
            copy: false,
            deleted: false,
            owner: None,
            depth: 0,
            purse: None,
        }
    }

    fn context<'c>(&self, at: &At<'c>) -> Context<'c>
    where
        'a: 'c,
    {
        let live = self.live && at.depth == 0;
        Context { tree: at.tree, live, marks: self.marks, worth: self.worth, alone: at.alone }
    }

    pub(crate) fn host(&mut self) {
        let place = self.at(b"", "/proc");
        for (at, collector) in COLLECTORS.iter().enumerate() {
            let mut out = Out::default();
            let outcome = guarded(|| collector.host(&self.context(&place), &mut out));
            self.deliver(at, out, outcome, &place, None, b"");
        }
    }

    /// Looks at the file at `path` from the root of the place alone, or at what `parts` lead to inside it. Was it there?
    pub(crate) fn alone(&mut self, path: &[u8], parts: &[Vec<u8>]) -> bool {
        let text = encode(path).into_owned();
        let at = At { alone: true, ..self.at(path, &text) };
        let file = match self.tree.find(path) {
            Ok(file) => file,
            Err(fault) => {
                self.unread(&at, fault);
                return true;
            }
        };
        self.looked.files += 1;
        if !parts.is_empty() {
            return self.lead(&at, file.as_ref(), parts);
        }
        self.name(&at, false);
        let mut head = vec![0; HEAD];
        match file.read_at(0, &mut head) {
            Ok(read) => {
                self.looked.bytes_read += read as u64;
                let mut wanted = Vec::new();
                self.router.all(path, at.name(), &head[..read], &mut wanted);
                self.examine(&at, file.as_ref(), &head[..read], &wanted);
            }
            Err(fault) => self.unread(&at, fault),
        }
        true
    }

    /// Reads the file at `self.bytes`; says whether what was found in it depends on it alone.
    pub(crate) fn read(&mut self, folder: &dyn Folder, name: &[u8]) -> bool {
        let file = match folder.open(name) {
            Ok(file) => file,
            Err(fault) => {
                self.unread_here(fault);
                return false;
            }
        };
        let mut alone = true;
        let mut head = std::mem::take(&mut self.head);
        match file.read_at(0, &mut head) {
            Ok(read) => {
                self.looked.bytes_read += read as u64;
                let mut wanted = std::mem::take(&mut self.folder_wanted);
                let of_folder = wanted.len();
                self.router.file(&self.bytes, name, &head[..read], &mut wanted);
                alone = !wanted.iter().any(|wanted| COLLECTORS[wanted.collector].asks_others(name));
                if !wanted.is_empty() || crate::nested::could_be(name, &head[..read]) {
                    let (path, text) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.text));
                    let at = self.at(&path, &text);
                    self.examine(&at, file.as_ref(), &head[..read], &wanted);
                    (self.bytes, self.text) = (path, text);
                }
                wanted.truncate(of_folder);
                self.folder_wanted = wanted;
            }
            Err(fault) => self.unread_here(fault),
        }
        self.head = head;
        alone
    }

    /// Lets everyone in `wanted` look at a file, and goes into it where it is a container.
    pub(crate) fn examine(&mut self, at: &At<'_>, file: &dyn File, head: &[u8], wanted: &[Wanted]) {
        let window = if file.is_random() { std::mem::take(&mut self.window) } else { Window::off() };
        let counted = Ahead::of(file, head, window);
        // Computed once, and only where somebody recognises what was seen in the file.
        let mut digest = None;
        for Wanted { collector, root } in wanted {
            let mut out = Out::default();
            let root = &at.path[..*root];
            let seen = Seen { path: at.path, text: at.text, head, file: &counted, root, context: self.context(at) };
            let outcome = guarded(|| COLLECTORS[*collector].file(&seen, &mut out));
            // Inside a container the file is at hand now, and costs a second pass later.
            if at.depth > 0 && digest.is_none() && out.artifacts.iter().any(|artifact| (self.worth)(artifact)) {
                digest = Some(sha256(&counted));
                if let Some(Err(fault)) = &digest {
                    self.unread(at, fault.clone());
                }
            }
            self.deliver(*collector, out, outcome, at, digest.as_ref(), root);
        }
        self.enter(at, &counted, head);
        let (bytes, window) = counted.end();
        if at.depth == 0 {
            self.looked.bytes_read += bytes;
        }
        self.window = window;
    }

    fn deliver(
        &mut self,
        by: usize,
        out: Out,
        outcome: Outcome,
        at: &At<'_>,
        digest: Option<&Result<String, Fault>>,
        root: &[u8],
    ) {
        let meta = COLLECTORS[by].meta();
        for mut artifact in out.artifacts {
            self.counts[by] += 1;
            meta.id.clone_into(&mut artifact.collector);
            // What a database below some folder of this place registers is not installed on this asset.
            artifact.copy = at.copy || !root.is_empty();
            if at.deleted {
                artifact = artifact.proving(Presence::Remnant);
            }
            // A second look tells only what is recognised: nobody asks whose the rest is.
            if artifact.kind == ArtifactKind::Executable
                && (!self.again.is_brief() || (self.worth)(&artifact))
                && let Some(owner) = at.owner.or_else(|| self.owner(at))
            {
                artifact.push(FILE_OWNER, owner);
            }
            if let (Some(Ok(digest)), None) = (digest, &artifact.sha256) {
                artifact.sha256 = Some(digest.clone());
            }
            self.sink.artifact(artifact);
        }
        // What was deleted need not be whole.
        if at.deleted {
            return;
        }
        for mut gap in out.gaps {
            meta.id.clone_into(&mut gap.collector);
            self.gaps += 1;
            self.sink.gap(gap);
        }
        // What is gone by now holds nothing to read.
        if let Err(Fault { reason, detail, gone: false }) = outcome {
            let locator = Locator(at.text.to_owned());
            self.gaps += 1;
            self.sink.gap(Gap { locator, reason, hides: meta.hides, collector: meta.id.to_owned(), detail });
        }
    }

    fn owner(&self, at: &At<'_>) -> Option<&'a str> {
        owner_of(self.owners, self.image, at)
    }

    /// Says that there is a file or folder of this name.
    pub(crate) fn name(&mut self, at: &At<'_>, is_folder: bool) {
        let ask = || at.owner.or_else(|| if is_folder { None } else { owner_of(self.owners, self.image, at) });
        let name = at.text.rsplit(['/', '!']).next().unwrap_or(at.text);
        let owner = Owner::Asked(&ask);
        self.sink.entry(&Name { path: at.text, name, is_folder, owner, copy: at.copy });
        self.counts[0] += 1;
    }

    /// Says that the file at hand could not be read.
    fn unread_here(&mut self, fault: Fault) {
        let text = self.text.clone();
        self.unread(&self.at(b"", &text), fault);
    }

    /// Says that a file could not be read. What was deleted need not be there.
    pub(crate) fn unread(&mut self, at: &At<'_>, fault: Fault) {
        if !fault.gone && !at.deleted {
            self.gap(Locator(at.text.to_owned()), fault);
        }
    }

    fn gap(&mut self, locator: Locator, fault: Fault) {
        let Fault { reason, detail, .. } = fault;
        let collector = "files".to_owned();
        self.gaps += 1;
        self.sink.gap(Gap { locator, reason, hides: Presences::FILES, collector, detail });
    }

    pub(crate) fn tally(&self, total: &mut Looked) {
        let mut looked = self.looked.clone();
        for (collector, count) in COLLECTORS.iter().zip(&self.counts) {
            looked.artifacts += count;
            looked.by_collector.insert(collector.meta().id.to_owned(), *count);
        }
        total.add(&looked);
    }
}

/// The package that a file of the place belongs to.
fn owner_of<'a>(owners: &'a Ownership<'a>, image: Option<&Image>, at: &At<'_>) -> Option<&'a str> {
    if at.depth == 0 && image.is_none() { owners.of(at.path) } else { None }
}

/// SHA-256 of a whole file, hex.
fn sha256(file: &dyn File) -> Result<String, Fault> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut at = 0;
    loop {
        let read = file.read_at(at, &mut buffer)?;
        if read == 0 {
            return Ok(crate::reading::hex(&hash.finalize()));
        }
        hash.update(&buffer[..read]);
        at += read as u64;
    }
}

/// A reader that panics on what it reads is a gap, not a crash.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
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
        self.again.folder(&folder);
    }

    fn entry(&mut self, path: &[u8], folder: &dyn Folder, entry: Entry<'_>) {
        if self.again.is_on() {
            self.once_more(path, folder, entry);
        } else {
            self.named(entry);
            if entry.kind == EntryKind::File {
                self.inside(path, |worker| {
                    worker.read(folder, entry.name);
                });
            }
        }
    }

    fn leave(&mut self, path: &[u8], folder: &dyn Folder) {
        if self.again.is_on() {
            self.no_more(path, folder);
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

impl<S: Sink> Worker<'_, S> {
    /// Tells the name of an entry of the folder that is open.
    pub(crate) fn named(&mut self, entry: Entry<'_>) {
        let (bytes, text) = self.start;
        self.bytes.truncate(bytes);
        self.bytes.extend_from_slice(entry.name);
        self.text.truncate(text);
        self.text.push_str(&encode(entry.name));
        let is_folder = entry.kind == EntryKind::Folder;
        let nobody = is_folder || self.image.is_some();
        let ask = || if nobody { None } else { self.owners.of(&self.bytes) };
        let owner = Owner::Asked(&ask);
        let name = Name { path: &self.text, name: &self.text[text..], is_folder, owner, copy: false };
        self.sink.entry(&name);
        self.counts[0] += 1;
        self.met(u64::from(!is_folder));
    }

    /// Counts files that were met, and now and then tells how many.
    pub(crate) fn met(&mut self, files: u64) {
        let before = self.looked.files / 256;
        self.looked.files += files;
        let more = self.looked.files / 256 - before;
        if more > 0 {
            self.progress.fetch_add(more * 256, Ordering::Relaxed);
        }
    }

    /// Looks into a file of the folder `path`; names of what lies in it may be told in between.
    pub(crate) fn inside(&mut self, path: &[u8], look: impl FnOnce(&mut Self)) {
        let members = self.looked.members;
        look(self);
        if self.looked.members > members {
            self.sink.folder(&encode(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::Examined;

    #[test]
    fn a_reader_that_panics_is_a_gap() {
        let outcome: Outcome = guarded(|| panic!("lying header"));
        assert_eq!(outcome, Err::<Examined, _>(Fault::new(GapReason::ReaderFailed, "lying header")));
    }

    #[test]
    fn entries_are_counted_for_the_first_collector() {
        assert_eq!(COLLECTORS[0].meta().id, "files");
    }
}
