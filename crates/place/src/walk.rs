//! One parallel pass over a folder of this machine: every folder once, every entry once, no link followed, no border crossed.

use crate::Borders;
use crate::folder::{FolderTree, OpenFolder};
use crate::tree::{Entry, EntryKind, Fault, Folder};
use ostrakon_model::Exclusion;
use std::sync::Arc;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What one thread of a walk does with what it meets. Paths begin with `/` and are bytes as the system has them.
pub trait Visitor: Send {
    /// A folder is about to be read.
    fn folder(&mut self, path: &[u8]);
    /// An entry of the folder `path`, which is open as `folder`.
    fn entry(&mut self, path: &[u8], folder: &dyn Folder, entry: Entry<'_>);
    /// The entries of the folder `path`, which is still open as `folder`, have all been given.
    fn leave(&mut self, _path: &[u8], _folder: &dyn Folder) {}
    /// A folder that could not be read, or not to its end.
    fn fault(&mut self, path: &[u8], fault: Fault);
    /// A folder or file at a border.
    fn excluded(&mut self, path: &[u8], reason: Exclusion);
}

/// Walks `tree` with one thread per visitor and gives the visitors back.
pub fn walk<V: Visitor>(tree: &FolderTree, borders: &Borders, visitors: Vec<V>) -> Vec<V> {
    let queue = Queue {
        state: Mutex::new(State {
            folders: vec![Waiting { path: b"/".to_vec(), above: None }],
            working: 0,
            waiting: 0,
        }),
        more: Condvar::new(),
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = visitors
            .into_iter()
            .map(|mut visitor| {
                let queue = &queue;
                scope.spawn(move || {
                    while let Some(waiting) = queue.next() {
                        let mut found = Vec::new();
                        // A panic must not leave the other threads waiting: the folder becomes a gap.
                        let visited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            visit(tree, borders, &mut visitor, &waiting, &mut found);
                        }));
                        if visited.is_err() {
                            let detail = "the walk failed in this folder";
                            visitor.fault(&waiting.path, Fault::new(ostrakon_model::GapReason::ReaderFailed, detail));
                        }
                        queue.done(found);
                    }
                    visitor
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// A folder that waits to be read: where it is, and the folder above it, which is still open.
struct Waiting {
    path: Vec<u8>,
    above: Option<Arc<OpenFolder>>,
}

impl Waiting {
    /// Opens it from the folder above, which costs the system less than its whole path.
    fn open(&self, tree: &FolderTree) -> Result<OpenFolder, Fault> {
        let name = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.above.as_ref().map_or_else(|| tree.open_folder(&self.path), |above| above.below(name))
    }
}

fn visit(
    tree: &FolderTree,
    borders: &Borders,
    visitor: &mut impl Visitor,
    waiting: &Waiting,
    found: &mut Vec<Waiting>,
) {
    let path = waiting.path.as_slice();
    let folder = match waiting.open(tree) {
        Ok(folder) => Arc::new(folder),
        Err(fault) => return visitor.fault(path, fault),
    };
    visitor.folder(path);
    let top = path.strip_suffix(b"/").unwrap_or(path);
    let mut full = Vec::with_capacity(top.len() + 64);
    let read = folder.entries(&mut |entry| {
        if entry.kind == EntryKind::Folder || !borders.are_folders_only() {
            full.clear();
            full.extend_from_slice(top);
            full.push(b'/');
            full.extend_from_slice(entry.name);
            if let Some(reason) = borders.closes(&full) {
                visitor.excluded(&full, reason);
                return;
            }
            if entry.kind == EntryKind::Folder {
                found.push(Waiting { path: full.clone(), above: Some(folder.clone()) });
            }
        }
        visitor.entry(path, folder.as_ref(), entry);
    });
    visitor.leave(path, folder.as_ref());
    if let Err(fault) = read {
        visitor.fault(path, fault);
    }
}

/// Folders that wait, last in first out: deep before wide keeps the queue short.
struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    folders: Vec<Waiting>,
    working: usize,
    waiting: usize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            if let Some(waiting) = state.folders.pop() {
                state.working += 1;
                return Some(waiting);
            }
            if state.working == 0 {
                return None;
            }
            state.waiting += 1;
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn done(&self, found: Vec<Waiting>) {
        let mut state = self.lock();
        state.working -= 1;
        let wake = state.waiting > 0 && (!found.is_empty() || state.working == 0);
        state.folders.extend(found);
        drop(state);
        if wake {
            self.more.notify_all();
        }
    }
}
