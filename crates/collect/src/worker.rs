//! What one thread of a look does with each file: its head is read, those who want it look at it, and what they found goes
//! to the sink.

use crate::collector::{Context, HEAD, Out, Outcome, Seen};
use crate::collectors::COLLECTORS;
use crate::earlier::{Earlier, Remembered, number};
use crate::image::Image;
use crate::look::{Looked, Place, Sink};
use crate::owners::Owners;
use crate::router::{Router, Wanted};
use ostrakon_model::locator::encode;
use ostrakon_model::{ArtifactKind, Attribute, Excluded, Exclusion, Gap, GapReason, Locator, Name, Presences};
use ostrakon_place::container::{Limits, Memory, Purse};
use ostrakon_place::{Entry, EntryKind, Fault, File, Folder, Visitor};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const FILE_OWNER: Attribute = Attribute::known("file.owner");

pub(crate) struct Worker<'a, S> {
    pub(crate) sink: S,
    pub(crate) router: &'a Router,
    pub(crate) owners: &'a Owners,
    pub(crate) context: Context<'a>,
    pub(crate) limits: Limits,
    pub(crate) memory: &'a Arc<Memory>,
    pub(crate) image: Option<&'a Image>,
    earlier: Option<&'a Earlier>,
    stamped_before: Option<i64>,
    /// Gaps told so far.
    pub(crate) gaps: u64,
    progress: &'a AtomicU64,
    head: Vec<u8>,
    folder_wanted: Vec<Wanted>,
    bytes: Vec<u8>,
    text: String,
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
    /// It lies in a copy.
    pub(crate) copy: bool,
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
        owners: &'a Owners,
        memory: &'a Arc<Memory>,
        progress: &'a AtomicU64,
    ) -> Self {
        let context =
            Context { tree: place.tree, live: place.live, marks: place.marks, worth: place.worth, alone: false };
        Self {
            sink,
            router,
            owners,
            context,
            limits: place.limits,
            memory,
            image: place.image,
            earlier: place.earlier,
            stamped_before: place.stamped_before,
            gaps: 0,
            progress,
            head: vec![0; HEAD],
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

    pub(crate) fn host(&mut self) {
        for (at, collector) in COLLECTORS.iter().enumerate() {
            let mut out = Out::default();
            let outcome = guarded(|| collector.host(&self.context, &mut out));
            let place = At { path: b"", text: "/proc", copy: false, owner: None, depth: 0, purse: None };
            self.deliver(at, out, outcome, &place, &crate::collector::NoFile, b"");
        }
    }

    /// Looks at the file at `path` from the root of the place alone, or at what `parts` lead to inside it. Was it there?
    pub(crate) fn alone(&mut self, path: &[u8], parts: &[Vec<u8>]) -> bool {
        let text = encode(path).into_owned();
        let at = At { path, text: &text, copy: false, owner: None, depth: 0, purse: None };
        let file = match self.context.tree.find(path) {
            Ok(file) => file,
            Err(fault) => {
                self.unread(&text, fault);
                return true;
            }
        };
        self.looked.files += 1;
        if !parts.is_empty() {
            return self.lead(&at, file.as_ref(), parts);
        }
        self.context.alone = true;
        self.name(&at, false);
        let mut head = vec![0; HEAD];
        match file.read_at(0, &mut head) {
            Ok(read) => {
                self.looked.bytes_read += read as u64;
                let mut wanted = Vec::new();
                self.router.all(path, at.name(), &head[..read], &mut wanted);
                self.examine(&at, file.as_ref(), &head[..read], &wanted);
            }
            Err(fault) => self.unread(&text, fault),
        }
        true
    }

    /// Hands the file at `self.bytes` and `self.text` to everyone who wants it, or tells again what an earlier look saw of
    /// it.
    fn file(&mut self, folder: &dyn Folder, name: &[u8]) {
        if self.earlier.is_none() && self.stamped_before.is_none() {
            self.read(folder, name);
            return;
        }
        let stamp = match folder.stamp(name) {
            Ok(stamp) => stamp,
            Err(fault) => return self.unread(&self.text.clone(), fault),
        };
        let number = stamp.map(|stamp| number(&self.bytes, &stamp));
        if let (Some(earlier), Some(number)) = (self.earlier, number)
            && earlier.has(number)
        {
            if let Some(remembered) = earlier.of(&self.text) {
                self.tell(remembered);
            }
            if self.stamped_before.is_some() {
                self.sink.stamp(number);
            }
            return;
        }
        let gaps = self.gaps;
        let alone = self.read(folder, name);
        // What had a gap is tried again, and what was written just now may be written again at the same time.
        let settled = |before: i64| stamp.is_some_and(|it| it.changed.0 < before && it.modified.0 < before);
        if let (true, true, Some(number)) = (alone, self.gaps == gaps, number)
            && self.stamped_before.is_some_and(settled)
        {
            self.sink.stamp(number);
        }
    }

    /// Tells what an earlier look saw of a file.
    fn tell(&mut self, remembered: &Remembered) {
        for listing in &remembered.listings {
            self.sink.folder(&listing.dir);
            let mut owners = vec![None; listing.names.len()];
            for (owner, list) in &listing.owners {
                for at in list {
                    if let Some(place) = owners.get_mut(*at as usize) {
                        *place = Some(owner.as_str());
                    }
                }
            }
            let mut path = format!("{}/", listing.dir);
            let start = path.len();
            for (name, owner) in listing.names.iter().zip(owners) {
                let (name, is_folder) = name.strip_suffix('/').map_or((name.as_str(), false), |name| (name, true));
                path.truncate(start);
                path.push_str(name);
                self.sink.entry(&Name { path: &path, name, is_folder, owner, copy: listing.copy });
                self.counts[0] += 1;
                self.looked.members += 1;
            }
        }
        for artifact in &remembered.artifacts {
            let mut artifact = artifact.clone();
            // Who owns a file can change without the file.
            if !artifact.locator.as_str().contains('!') && artifact.kind == ArtifactKind::Executable {
                artifact.attributes.retain(|(attribute, _)| *attribute != FILE_OWNER);
                if let Some(owner) = self.owners.of(&self.bytes) {
                    artifact.push(FILE_OWNER, owner);
                }
            }
            if let Some(by) = COLLECTORS.iter().position(|collector| collector.meta().id == artifact.collector) {
                self.counts[by] += 1;
            }
            self.sink.artifact(artifact);
        }
    }

    /// Reads the file at `self.bytes`; says whether what was found in it depends on it alone.
    fn read(&mut self, folder: &dyn Folder, name: &[u8]) -> bool {
        let file = match folder.open(name) {
            Ok(file) => file,
            Err(fault) => {
                self.unread(&self.text.clone(), fault);
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
                alone = !wanted.iter().any(|wanted| COLLECTORS[wanted.collector].asks_others());
                if !wanted.is_empty() || crate::nested::could_be(name, &head[..read]) {
                    let (path, text) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.text));
                    let at = At { path: &path, text: &text, copy: false, owner: None, depth: 0, purse: None };
                    self.examine(&at, file.as_ref(), &head[..read], &wanted);
                    (self.bytes, self.text) = (path, text);
                }
                wanted.truncate(of_folder);
                self.folder_wanted = wanted;
            }
            Err(fault) => self.unread(&self.text.clone(), fault),
        }
        self.head = head;
        alone
    }

    /// Lets everyone in `wanted` look at a file, and goes into it where it is a container.
    pub(crate) fn examine(&mut self, at: &At<'_>, file: &dyn File, head: &[u8], wanted: &[Wanted]) {
        let counted = Counted { file, head, bytes: Cell::new(0) };
        for Wanted { collector, root } in wanted {
            let mut out = Out::default();
            let root = &at.path[..*root];
            let seen = Seen { path: at.path, text: at.text, head, file: &counted, root, context: self.context };
            let outcome = guarded(|| COLLECTORS[*collector].file(&seen, &mut out));
            self.deliver(*collector, out, outcome, at, &counted, root);
        }
        self.enter(at, &counted, head);
        if at.depth == 0 {
            self.looked.bytes_read += counted.bytes.get();
        }
    }

    fn deliver(&mut self, by: usize, out: Out, outcome: Outcome, at: &At<'_>, file: &dyn File, root: &[u8]) {
        let meta = COLLECTORS[by].meta();
        for mut artifact in out.artifacts {
            self.counts[by] += 1;
            meta.id.clone_into(&mut artifact.collector);
            // What a database below some folder of this place registers is not installed on this asset.
            artifact.copy = at.copy || !root.is_empty();
            if artifact.kind == ArtifactKind::Executable
                && let Some(owner) = at.owner.or_else(|| self.owner(at))
            {
                artifact.push(FILE_OWNER, owner);
            }
            // Inside a container the file is at hand now, and costs a second pass later.
            if at.depth > 0 && artifact.sha256.is_none() && (self.context.worth)(&artifact) {
                artifact.sha256 = digest(file);
            }
            self.sink.artifact(artifact);
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
        if at.depth == 0 && self.image.is_none() { self.owners.of(at.path) } else { None }
    }

    /// Says that there is a file or folder of this name.
    pub(crate) fn name(&mut self, at: &At<'_>, is_folder: bool) {
        let owner = at.owner.or_else(|| if is_folder { None } else { self.owner(at) });
        let name = at.text.rsplit(['/', '!']).next().unwrap_or(at.text);
        self.sink.entry(&Name { path: at.text, name, is_folder, owner, copy: at.copy });
        self.counts[0] += 1;
    }

    pub(crate) fn unread(&mut self, text: &str, fault: Fault) {
        if !fault.gone {
            self.gap(Locator(text.to_owned()), fault);
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

/// SHA-256 of a whole file, hex; nothing where it cannot be read to its end.
fn digest(file: &dyn File) -> Option<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut at = 0;
    loop {
        let read = file.read_at(at, &mut buffer).ok()?;
        if read == 0 {
            return Some(crate::reading::hex(&hash.finalize()));
        }
        hash.update(&buffer[..read]);
        at += read as u64;
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

    fn is_random(&self) -> bool {
        self.file.is_random()
    }

    fn forget(&self, before: u64) {
        self.file.forget(before);
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
    }

    fn entry(&mut self, path: &[u8], folder: &dyn Folder, entry: Entry<'_>) {
        let (bytes, text) = self.start;
        self.bytes.truncate(bytes);
        self.bytes.extend_from_slice(entry.name);
        self.text.truncate(text);
        self.text.push_str(&encode(entry.name));
        let is_folder = entry.kind == EntryKind::Folder;
        let owner = if is_folder || self.image.is_some() { None } else { self.owners.of(&self.bytes) };
        let name = Name { path: &self.text, name: &self.text[text..], is_folder, owner, copy: false };
        self.sink.entry(&name);
        self.counts[0] += 1;
        if !is_folder {
            self.looked.files += 1;
            if self.looked.files.is_multiple_of(256) {
                self.progress.fetch_add(256, Ordering::Relaxed);
            }
        }
        if entry.kind == EntryKind::File {
            let members = self.looked.members;
            self.file(folder, entry.name);
            if self.looked.members > members {
                // Names of members were told in between.
                self.sink.folder(&encode(path));
            }
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
