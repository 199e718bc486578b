//! An earlier look at the same place: a file that has not changed since is not read again, and what was seen of it then is
//! told anew.

use ostrakon_model::{Artifact, Listing};
use ostrakon_place::Stamp;
use rustc_hash::{FxHashMap, FxHashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What was seen of one file.
#[derive(Debug, Default)]
pub struct Remembered {
    /// Things in it.
    pub artifacts: Vec<Artifact>,
    /// Names in it, where it is a container.
    pub listings: Vec<Listing>,
}

/// An earlier look.
#[derive(Debug, Default)]
pub struct Earlier {
    stamps: FxHashSet<u64>,
    files: FxHashMap<u64, Remembered>,
}

impl Earlier {
    /// Takes in stamps as a bundle has them: 16 hex digits each.
    pub fn stamps(&mut self, text: &str) {
        let numbers = text.as_bytes().chunks_exact(16).filter_map(|digits| std::str::from_utf8(digits).ok());
        self.stamps.extend(numbers.filter_map(|digits| u64::from_str_radix(digits, 16).ok()));
    }

    /// Takes in an artifact.
    pub fn artifact(&mut self, artifact: Artifact) {
        let file = key(file_of(artifact.locator.as_str()));
        self.files.entry(file).or_default().artifacts.push(artifact);
    }

    /// Takes in names that lie inside a file.
    pub fn listing(&mut self, listing: Listing) {
        let file = key(file_of(&listing.dir));
        self.files.entry(file).or_default().listings.push(listing);
    }

    /// Is the file that has this number now as it was then?
    pub(crate) fn has(&self, number: u64) -> bool {
        self.stamps.contains(&number)
    }

    /// What was seen of the file at `path`, as a locator.
    pub(crate) fn of(&self, path: &str) -> Option<&Remembered> {
        self.files.get(&key(path))
    }

    /// How many files are known to be as they were.
    pub fn len(&self) -> usize {
        self.stamps.len()
    }

    /// Is nothing known?
    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }
}

/// The file of a locator that goes on inside it.
fn file_of(locator: &str) -> &str {
    locator.split('!').next().unwrap_or(locator)
}

fn key(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// The number that stands for a file at `path` as its stamp has it.
pub(crate) fn number(path: &[u8], stamp: &Stamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    stamp.hash(&mut hasher);
    hasher.finish()
}
