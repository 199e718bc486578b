//! Keys: what one key says of itself, and the way down to the keys and values it lists.

use super::cell::{NONE, STEP, le16, le32};
use super::name::Name;
use super::value::{Entry, Value};
use super::{Broken, Fault, Hive};
use std::collections::HashSet;

/// A key before its name.
const FIXED: usize = 76;
/// Flag of a key: its name is Latin-1, one byte for a character.
const NARROW: u16 = 0x20;
/// How deep lists of lists may lie in each other. Windows has no such list inside another.
const LIST_LEVELS: u8 = 2;

/// What a look at a value, or at a part of a list that leads to no key, counts for, in bytes read. Parts that lead to a
/// key count for nothing: no key is below two others.
const LOOK: usize = 64;

/// A key. It costs nothing to copy.
#[derive(Clone, Copy)]
pub(crate) struct Key<'h> {
    hive: &'h Hive,
    /// Where its cell is.
    at: u32,
    /// What its cell holds, up to the end of its name at least.
    node: &'h [u8],
    /// It was deleted: its cell is free.
    freed: bool,
}

impl<'h> Key<'h> {
    /// The key in the cell at `at`.
    pub(super) fn at(hive: &'h Hive, at: u32, freed: bool) -> Result<Self, Fault> {
        let node = if freed { hive.cells.freed(at) } else { hive.cells.cell(at) }?;
        if !node.starts_with(b"nk") {
            return Err("a cell of it should be a key and is none");
        }
        let length = le16(node, 72).map(usize::from);
        let end = length.and_then(|length| FIXED.checked_add(length)).filter(|end| *end <= node.len());
        if end.is_none() {
            return Err("a key of it does not fit into its cell");
        }
        Ok(Self { hive, at, node, freed })
    }

    /// Its name. Characters that are not Unicode are replaced.
    pub(crate) fn name(&self) -> String {
        self.raw_name().text()
    }

    /// The keys below it, as far as they can be read; none below a deleted one.
    pub(crate) fn keys(&self) -> Result<Vec<Self>, Broken> {
        let list = self.counted(self.list())?;
        let mut keys = Vec::with_capacity(list.len());
        for at in list {
            match self.child(at) {
                Ok(key) => keys.push(key),
                Err(_) => self.stray()?,
            }
        }
        Ok(keys)
    }

    /// The key below it at `path`, whose parts are divided by backslashes and may be in capitals or not.
    pub(crate) fn key(&self, path: &str) -> Result<Option<Self>, Broken> {
        let mut key = *self;
        for part in path.split('\\').filter(|part| !part.is_empty()) {
            match key.counted(key.find(part))? {
                Some(found) => key = found,
                None => return Ok(None),
            }
        }
        Ok(Some(key))
    }

    /// Its values, as far as they can be read.
    pub(crate) fn values(&self) -> Result<Vec<Value>, Broken> {
        let list = self.counted(self.value_list())?;
        let mut room = self.hive.cells.bins().len();
        let mut values = Vec::with_capacity(list.len());
        for at in list {
            let value = Entry::at(*self, u32::from_le_bytes(*at)).and_then(|entry| entry.value(self.hive, &mut room));
            match value {
                Ok(value) => values.push(value),
                Err(_) => self.skip(1),
            }
        }
        Ok(values)
    }

    /// The value of that name, in capitals or not; the default value has the empty name.
    pub(crate) fn value(&self, name: &str) -> Result<Option<Value>, Broken> {
        for at in self.counted(self.value_list())? {
            match Entry::at(*self, u32::from_le_bytes(*at)) {
                Ok(entry) if entry.name.is(name) => {
                    let mut room = self.hive.cells.bins().len();
                    return self.counted(entry.value(self.hive, &mut room).map(Some));
                }
                Ok(_) => {}
                Err(_) => self.skip(1),
            }
        }
        Ok(None)
    }

    pub(super) fn raw_name(&self) -> Name<'h> {
        let length = self.short(72);
        let bytes = self.node.get(FIXED..FIXED.saturating_add(usize::from(length))).unwrap_or_default();
        Name { bytes, narrow: self.short(2) & NARROW != 0 }
    }

    /// Where the key above it is.
    pub(super) fn parent(&self) -> u32 {
        self.number(16)
    }

    /// The cell at `at`, which belongs to this key.
    pub(super) fn cell(&self, at: u32) -> Result<&'h [u8], Fault> {
        if self.freed { self.hive.cells.freed(at) } else { self.hive.cells.cell(at) }
    }

    fn short(&self, at: usize) -> u16 {
        le16(self.node, at).unwrap_or_default()
    }

    fn number(&self, at: usize) -> u32 {
        le32(self.node, at).unwrap_or_default()
    }

    /// A fault that is given back is counted too: so nothing that was asked for is missing where nothing was skipped.
    fn counted<T>(&self, result: Result<T, Fault>) -> Result<T, Broken> {
        result.map_err(|fault| {
            self.skip(1);
            fault.into()
        })
    }

    fn skip(&self, count: usize) {
        // That something is missing from a deleted key is no news.
        if !self.freed {
            self.hive.skip(count);
        }
    }

    /// Counts a key that is listed and is none, or another's.
    fn stray(&self) -> Result<(), Fault> {
        self.skip(1);
        self.hive.work(LOOK)
    }

    fn child(&self, at: u32) -> Result<Self, Fault> {
        let key = Self::at(self.hive, at, false)?;
        // So no list can lead back up, or to one key by two ways: a walk ends, whatever the lists say.
        if key.parent() == self.at && at != self.hive.root {
            Ok(key)
        } else {
            Err("a key of it is listed below another than its own parent")
        }
    }

    fn find(&self, name: &str) -> Result<Option<Self>, Fault> {
        for at in self.list()? {
            match self.child(at) {
                Ok(key) if key.raw_name().is(name) => return Ok(Some(key)),
                Ok(_) => {}
                Err(_) => self.stray()?,
            }
        }
        Ok(None)
    }

    /// Where the keys below it are, each once.
    fn list(&self) -> Result<Vec<u32>, Fault> {
        let said = usize::try_from(self.number(20)).unwrap_or(usize::MAX);
        // The lists of a deleted key were cut down key by key before it was deleted itself.
        if said == 0 || self.freed {
            return Ok(Vec::new());
        }
        self.hive.work(0)?;
        // Each key has a cell, so that no list can be longer.
        let mut listing = Listing { found: Vec::new(), left: self.most(), broken: 0 };
        listing.read(self, self.number(28), LIST_LEVELS)?;
        let found = each_once(listing.found);
        let visited = self.most().saturating_sub(listing.left);
        self.hive.work(visited.saturating_sub(found.len()).saturating_mul(LOOK))?;
        self.skip(said.min(self.most()).saturating_sub(found.len()).max(listing.broken));
        Ok(found)
    }

    /// Where its values are.
    fn value_list(&self) -> Result<&'h [[u8; 4]], Fault> {
        let said = usize::try_from(self.number(36)).unwrap_or(usize::MAX);
        if said == 0 {
            return Ok(&[]);
        }
        let list = self.cell(self.number(40))?.as_chunks().0;
        let list = list.get(..said).unwrap_or(list);
        self.hive.work(list.len().saturating_mul(LOOK))?;
        self.skip(said.min(self.most()).saturating_sub(list.len()));
        Ok(list)
    }

    /// How many cells its hive can have.
    fn most(&self) -> usize {
        self.hive.cells.bins().len() / STEP
    }
}

/// The list of the keys below a key, on its way out of its cells.
struct Listing {
    found: Vec<u32>,
    /// How much of lists may still be read.
    left: usize,
    /// How many parts of it could not be read.
    broken: usize,
}

impl Listing {
    fn read(&mut self, key: &Key<'_>, at: u32, levels: u8) -> Result<(), Fault> {
        const ODD: Fault = "a cell of it should be a list of keys and is none";
        if at == NONE {
            return Err("a key of it has lost the list of its keys");
        }
        let list = key.cell(at)?;
        let (kind, rest) = list.split_first_chunk().ok_or(ODD)?;
        let (count, items) = rest.split_first_chunk().ok_or(ODD)?;
        let count = usize::from(u16::from_le_bytes(*count));
        self.left = self.left.checked_sub(count.saturating_add(1)).ok_or("a list of it is longer than the hive")?;
        match kind {
            b"li" => self.found.extend(items.as_chunks().0.iter().take(count).map(|at| u32::from_le_bytes(*at))),
            // Behind each offset, the beginning of the name or a hash of it.
            b"lf" | b"lh" => {
                let items = items.as_chunks::<8>().0.iter().take(count);
                self.found.extend(items.filter_map(|item| le32(item, 0)));
            }
            b"ri" if levels > 0 => {
                for at in items.as_chunks().0.iter().take(count) {
                    if self.read(key, u32::from_le_bytes(*at), levels.saturating_sub(1)).is_err() {
                        self.broken = self.broken.saturating_add(1);
                    }
                }
            }
            _ => return Err(ODD),
        }
        Ok(())
    }
}

/// The list without what it has twice.
fn each_once(list: Vec<u32>) -> Vec<u32> {
    let mut sorted = list.clone();
    sorted.sort_unstable();
    if sorted.is_sorted_by(|one, next| one < next) {
        return list;
    }
    let mut seen = HashSet::new();
    list.into_iter().filter(|at| seen.insert(*at)).collect()
}
