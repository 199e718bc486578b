//! Keys that were deleted: what they held stays in their cells until the room is needed.

use super::Hive;
use super::cell::{NONE, STEP};
use super::key::Key;

/// Windows lets keys lie this deep at most.
const DEEPEST: usize = 512;
/// Windows takes no longer names. (In bytes; two for a character.)
const LONGEST_NAME: usize = 512;
/// How long all paths together may be: names can be shared by many of them.
const PATHS: usize = 16 << 20;

/// A key in a cell that is free now.
pub(crate) struct Deleted<'h> {
    /// Its path with backslashes, from below the root key or from the highest parent that can still be read.
    pub(crate) path: String,
    /// Whether the path begins below the root key.
    pub(crate) whole: bool,
    /// The key. Its values can be read as far as nothing else has taken their cells; it has no keys, they are listed
    /// themselves.
    pub(crate) key: Key<'h>,
}

pub(super) fn deleted(hive: &Hive) -> Vec<Deleted<'_>> {
    let mut deleted = Vec::new();
    let mut room = PATHS;
    let bins = hive.cells.bins();
    for range in hive.cells.free() {
        for at in range.clone().step_by(STEP) {
            if bins.get(at..).is_none_or(|cell| cell.get(4..6) != Some(b"nk")) {
                continue;
            }
            let Some(key) = u32::try_from(at).ok().and_then(|at| Key::at(hive, at, true).ok()) else { continue };
            if !plausible(&key) {
                continue;
            }
            let (path, whole) = path(hive, key);
            match room.checked_sub(path.len()) {
                Some(left) => room = left,
                None => {
                    hive.skip(1);
                    return deleted;
                }
            }
            deleted.push(Deleted { path, whole, key });
        }
    }
    deleted
}

/// Whether a key can have such a name: what lies in free cells can be anything.
fn plausible(key: &Key<'_>) -> bool {
    let name = key.raw_name();
    let odd = |one: char| one.is_control() || one == '\\';
    (1..=LONGEST_NAME).contains(&name.bytes.len()) && !name.text().contains(odd)
}

/// The path of a deleted key, and whether it leads up to the root.
fn path(hive: &Hive, key: Key<'_>) -> (String, bool) {
    let mut names = vec![key.name()];
    let mut above = key.parent();
    while above != hive.root && names.len() < DEEPEST {
        let parent = live_or_deleted(hive, above).filter(plausible);
        let Some(parent) = parent else { break };
        names.push(parent.name());
        above = parent.parent();
    }
    names.reverse();
    (names.join("\\"), above == hive.root)
}

/// The key at `at`, deleted or not.
fn live_or_deleted(hive: &Hive, at: u32) -> Option<Key<'_>> {
    if at == NONE {
        return None;
    }
    Key::at(hive, at, true).or_else(|_| Key::at(hive, at, false)).ok()
}
