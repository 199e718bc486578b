//! The physical limit: a walk with one thread a processor that does the least with every file.

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

/// What is done with every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    /// Its name is read with its folder.
    Name,
    /// The kernel is asked about it.
    Stat,
    /// Its first 4 KiB are read.
    Head,
}

impl Each {
    /// By its word on the command line.
    pub(crate) fn of(word: &str) -> Option<Self> {
        match word {
            "name" => Some(Self::Name),
            "stat" => Some(Self::Stat),
            "head" => Some(Self::Head),
            _ => None,
        }
    }
}

/// Walks `top` and counts files.
pub(crate) fn walk(top: &Path, each: Each) -> usize {
    let queue = (Mutex::new((vec![top.to_owned()], 0_usize)), Condvar::new());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        let work = || {
            let mut files = 0;
            loop {
                let mut state = queue.0.lock().unwrap();
                let folder = loop {
                    if let Some(folder) = state.0.pop() {
                        state.1 += 1;
                        break folder;
                    }
                    if state.1 == 0 {
                        queue.1.notify_all();
                        return files;
                    }
                    state = queue.1.wait(state).unwrap();
                };
                drop(state);
                let found = read(&folder, each, &mut files);
                let mut state = queue.0.lock().unwrap();
                state.0.extend(found);
                state.1 -= 1;
                queue.1.notify_all();
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

/// Reads a folder and gives the folders in it.
fn read(path: &Path, each: Each, files: &mut usize) -> Vec<PathBuf> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut found = Vec::new();
    let Ok(folder) = rustix::fs::open(path, flags | OFlags::DIRECTORY, Mode::empty()) else { return found };
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut head = [0; 4096];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        match entry.file_type() {
            FileType::Directory if name.to_bytes() != b"." && name.to_bytes() != b".." => {
                found.push(path.join(OsStr::from_bytes(name.to_bytes())));
            }
            FileType::RegularFile => {
                *files += 1;
                match each {
                    Each::Name => {}
                    Each::Stat => {
                        let _ = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
                    }
                    Each::Head => {
                        if let Ok(file) = rustix::fs::openat(&folder, name, flags, Mode::empty()) {
                            let _ = rustix::io::pread(&file, &mut head, 0);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    found
}
