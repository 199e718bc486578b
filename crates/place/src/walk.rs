//! One parallel pass over a tree: every folder once, every entry once, no link followed, no border crossed.

use crate::Borders;
use crate::tree::{Entry, EntryKind, Fault, Folder, Tree};
use ostrakon_model::Exclusion;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What one thread of a walk does with what it meets. Paths begin with `/` and are bytes as the system has them.
pub trait Visitor: Send {
    /// A folder is about to be read.
    fn folder(&mut self, path: &[u8]);
    /// An entry of the folder `path`, which is open as `folder`.
    fn entry(&mut self, path: &[u8], folder: &dyn Folder, entry: Entry<'_>);
    /// A folder that could not be read, or not to its end.
    fn fault(&mut self, path: &[u8], fault: Fault);
    /// A folder or file at a border.
    fn excluded(&mut self, path: &[u8], reason: Exclusion);
}

/// Walks `tree` with one thread per visitor and gives the visitors back.
pub fn walk<V: Visitor>(tree: &dyn Tree, borders: &Borders, visitors: Vec<V>) -> Vec<V> {
    let queue = Queue {
        state: Mutex::new(State { folders: vec![b"/".to_vec()], working: 0, waiting: 0 }),
        more: Condvar::new(),
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = visitors
            .into_iter()
            .map(|mut visitor| {
                let queue = &queue;
                scope.spawn(move || {
                    while let Some(path) = queue.next() {
                        let mut found = Vec::new();
                        // A panic must not leave the other threads waiting: the folder becomes a gap.
                        let visited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            visit(tree, borders, &mut visitor, &path, &mut found);
                        }));
                        if visited.is_err() {
                            let detail = "the walk failed in this folder";
                            visitor.fault(&path, Fault::new(ostrakon_model::GapReason::ReaderFailed, detail));
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

fn visit(tree: &dyn Tree, borders: &Borders, visitor: &mut impl Visitor, path: &[u8], found: &mut Vec<Vec<u8>>) {
    let folder = match tree.folder(path) {
        Ok(folder) => folder,
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
                found.push(full.clone());
            }
        }
        visitor.entry(path, folder.as_ref(), entry);
    });
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
    folders: Vec<Vec<u8>>,
    working: usize,
    waiting: usize,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        loop {
            if let Some(path) = state.folders.pop() {
                state.working += 1;
                return Some(path);
            }
            if state.working == 0 {
                return None;
            }
            state.waiting += 1;
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn done(&self, found: Vec<Vec<u8>>) {
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
