//! Which package a file belongs to: a file of a distribution's package is not the vendor's because of its name.

use crate::collectors::{apk, dpkg, rpm};
use ostrakon_place::Tree;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// Paths of packaged files, as hashes: a large system has some hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    packages: Vec<String>,
    paths: HashMap<u64, u32, BuildHasherDefault<Plain>>,
}

impl Owners {
    /// Reads the file lists of the package databases at the root of `tree`. A list that cannot be read leaves its files
    /// without an owner; the collector of the database reports the gap.
    pub(crate) fn read(tree: &dyn Tree) -> Self {
        let mut owners = Self::default();
        for read in [dpkg::owned, rpm::owned, apk::owned] {
            // A reader that panics leaves files without an owner; the collector, which reads the same, is then the gap.
            let _ = catch_unwind(AssertUnwindSafe(|| read(tree, &mut owners)));
        }
        owners
    }

    /// Begins the list of one package, `deb:rspamd`.
    pub(crate) fn package(&mut self, name: String) {
        self.packages.push(name);
    }

    /// Adds a file to the last package.
    pub(crate) fn file(&mut self, path: &[u8]) {
        if let Some(package) = self.packages.len().checked_sub(1).and_then(|at| u32::try_from(at).ok()) {
            self.paths.insert(key(path), package);
        }
    }

    /// The package that `path` belongs to.
    pub(crate) fn of(&self, path: &[u8]) -> Option<&str> {
        if self.paths.is_empty() {
            return None;
        }
        let package = self.paths.get(&key(path))?;
        self.packages.get(*package as usize).map(String::as_str)
    }
}

/// The owners of a tree, read when the first is asked for.
pub(crate) struct Ownership<'a> {
    tree: Option<&'a (dyn Tree + Sync)>,
    owners: OnceLock<Owners>,
}

impl<'a> Ownership<'a> {
    /// Of `tree`; without one nobody owns anything.
    pub(crate) fn of_tree(tree: Option<&'a (dyn Tree + Sync)>) -> Self {
        Self { tree, owners: OnceLock::new() }
    }

    /// The package that `path` belongs to.
    pub(crate) fn of(&self, path: &[u8]) -> Option<&str> {
        let tree = self.tree?;
        self.owners.get_or_init(|| Owners::read(tree)).of(path)
    }
}

/// Databases write `/lib/x` where merged systems have `/usr/lib/x`: both are one key.
fn key(path: &[u8]) -> u64 {
    let merged = [&b"/usr/bin/"[..], b"/usr/sbin/", b"/usr/lib/", b"/usr/lib32/", b"/usr/lib64/"];
    let path = if merged.iter().any(|folder| path.starts_with(folder)) { &path[4..] } else { path };
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// The keys are hashes already.
#[derive(Debug, Default, Clone)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = (self.0 << 8) | u64::from(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
