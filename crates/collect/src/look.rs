//! The one pass over a place.

use crate::again::same_owners;
use crate::collectors::COLLECTORS;
use crate::earlier::Earlier;
use crate::image::Image;
use crate::marks::Marks;
use crate::owners::Ownership;
use crate::router::Router;
use crate::worker::Worker;
use ostrakon_model::{Artifact, Excluded, Gap, Name, Stamps};
use ostrakon_place::container::{Limits, Memory};
use ostrakon_place::{Borders, FolderTree, Tree, walk};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

/// Where to look and how.
pub struct Place<'a> {
    /// The files.
    pub tree: &'a (dyn Tree + Sync),
    /// Is it the running machine?
    pub live: bool,
    /// Bytes that some indicator asks for in executables.
    pub marks: &'a Marks,
    /// An earlier look at it, whose unchanged files are not read again.
    pub earlier: Option<&'a Earlier>,
    /// Files changed before this second of the epoch are given a stamp: one written while it is read has none.
    pub stamped_before: Option<i64>,
    /// The container image it is, where it is one.
    pub image: Option<&'a Image>,
    /// What opening archives may cost.
    pub limits: Limits,
    /// Is an artifact worth more than a glance: does somebody recognise it? Digests cost more than a glance.
    pub worth: &'a (dyn Fn(&Artifact) -> bool + Sync),
}

/// Takes what a look yields; one for each thread.
pub trait Sink: Send {
    /// A folder whose entries follow.
    fn folder(&mut self, path: &str);
    /// An entry of the folder.
    fn entry(&mut self, name: &Name<'_>);
    /// A thing that was seen.
    fn artifact(&mut self, artifact: Artifact);
    /// A thing that was not read.
    fn gap(&mut self, gap: Gap);
    /// A thing left out on purpose.
    fn excluded(&mut self, excluded: Excluded);
    /// What tells whether the files of a folder are still as they were, by the next look.
    fn stamps(&mut self, _stamps: Stamps) {}
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
    /// Members of archives met.
    pub members: u64,
    /// Bytes that archives were inflated to.
    pub bytes_inflated: u64,
    /// Artifacts seen.
    pub artifacts: u64,
    /// Artifacts by collector.
    pub by_collector: BTreeMap<String, u64>,
}

impl Looked {
    /// Adds what another part of the look came to.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.folders += other.folders;
        self.bytes_read += other.bytes_read;
        self.members += other.members;
        self.bytes_inflated += other.bytes_inflated;
        self.artifacts += other.artifacts;
        for (collector, count) in &other.by_collector {
            *self.by_collector.entry(collector.clone()).or_default() += count;
        }
    }
}

/// Looks at what only a running machine has: processes, loaded modules. To be called before the process locks itself
/// down, since a locked process may not ask about others.
pub fn look_at_host<S: Sink>(place: &Place<'_>, sink: S) -> (Looked, S) {
    // Nobody's package lists are read here: before the lock no file of the place is parsed.
    let (mut looked, mut sinks) = run(place, Ownership::of_tree(None), vec![sink], &AtomicU64::new(0), |workers| {
        workers.iter_mut().for_each(Worker::host);
    });
    looked.by_collector.retain(|_, count| *count > 0);
    (looked, sinks.remove(0))
}

/// Looks at the files of `place`, which is `tree` within `borders`, with one thread per sink and gives the sinks back.
/// `progress` counts files as they are met.
pub fn look<S: Sink>(
    place: &Place<'_>,
    tree: &FolderTree,
    borders: &Borders,
    sinks: Vec<S>,
    progress: &AtomicU64,
) -> (Looked, Vec<S>) {
    let owners = Ownership::of_tree(Some(place.image.map_or(place.tree, |image| image)));
    run(place, owners, sinks, progress, |workers| {
        *workers = walk(tree, borders, std::mem::take(workers));
    })
}

/// Looks at one file of `place` alone, at `path` from its root; `parts` lead into the containers it is. Gives what it came
/// to, and whether all parts were found.
pub fn look_at_file<S: Sink>(
    place: &Place<'_>,
    path: &[u8],
    parts: &[Vec<u8>],
    sink: S,
    progress: &AtomicU64,
) -> (Looked, S, bool) {
    let mut found = false;
    let owners = Ownership::of_tree(place.image.map(|image| image as &(dyn Tree + Sync)));
    let (looked, mut sinks) = run(place, owners, vec![sink], progress, |workers| {
        for worker in workers {
            found |= worker.alone(path, parts);
        }
    });
    (looked, sinks.remove(0), found)
}

fn run<S: Sink>(
    place: &Place<'_>,
    owners: Ownership<'_>,
    sinks: Vec<S>,
    progress: &AtomicU64,
    work: impl for<'w> FnOnce(&mut Vec<Worker<'w, S>>),
) -> (Looked, Vec<S>) {
    let router = Router::of(COLLECTORS);
    let memory = Memory::of(sinks.len());
    let same = place.earlier.is_some_and(|earlier| same_owners(place.tree, earlier));
    let mut workers: Vec<_> =
        sinks.into_iter().map(|sink| Worker::of(sink, place, &router, &owners, &memory, progress, same)).collect();
    work(&mut workers);
    let mut looked = Looked::default();
    for meta in COLLECTORS.iter().map(|collector| collector.meta()) {
        looked.by_collector.insert(meta.id.to_owned(), 0);
    }
    let sinks = workers
        .into_iter()
        .map(|worker| {
            worker.tally(&mut looked);
            worker.into_sink()
        })
        .collect();
    (looked, sinks)
}
