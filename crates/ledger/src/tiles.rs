//! The files of the log, as C2SP's tlog-tiles lays them out: `tile/<level>/<N>[.p/<width>]` with 256 hashes each, and
//! `tile/entries/<N>[.p/<width>]` with the entries, each after its length in two bytes. A partial file is never written
//! over: a wider one lies beside it, so that a checkpoint always finds the files of its own size.

use crate::LedgerError;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;
use std::path::{Path, PathBuf};
use tlog_tiles::{Error, Hash, HashReader, Tile};

/// Hashes, or entries, in a full tile.
pub(crate) const WIDTH: u64 = 256;
/// Levels of the tree in a tile.
const HEIGHT: u8 = 8;
/// The longest entry that its length of two bytes can hold.
pub(crate) const LONGEST: usize = u16::MAX as usize;

/// `N` in groups of three digits, all but the last with an x before: 1234067 is `x001/x234/067`.
fn number(n: u64) -> String {
    let mut text = format!("{:03}", n % 1000);
    let mut rest = n / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    text
}

fn file(folder: &str, n: u64, width: u64) -> String {
    let partial = if width == WIDTH { String::new() } else { format!(".p/{width}") };
    format!("tile/{folder}/{}{partial}", number(n))
}

/// Path of a tile of hashes.
pub(crate) fn hashes(level: u8, n: u64, width: u64) -> String {
    file(&level.to_string(), n, width)
}

/// Path of a file of entries.
pub(crate) fn entries(n: u64, width: u64) -> String {
    file("entries", n, width)
}

/// How many hashes the tile `n` at `level` has in a log of `size` entries.
pub(crate) fn width(level: u8, n: u64, size: u64) -> u64 {
    let at_level = if level >= 8 { 0 } else { size >> (u32::from(level) * 8) };
    at_level.saturating_sub(n * WIDTH).min(WIDTH)
}

/// Writes a file whole and durably; the folder is made.
pub(crate) fn write(root: &Path, path: &str, bytes: &[u8]) -> Result<(), LedgerError> {
    let path = root.join(path);
    let folder = path.parent().unwrap_or(root).to_owned();
    std::fs::create_dir_all(&folder).map_err(LedgerError::io(&folder))?;
    let part = path.with_extension("part");
    let mut out = std::fs::File::create(&part).map_err(LedgerError::io(&part))?;
    out.write_all(bytes).and_then(|()| out.sync_data()).map_err(LedgerError::io(&part))?;
    std::fs::rename(&part, &path).map_err(LedgerError::io(&path))?;
    sync(&folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> Result<(), LedgerError> {
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(LedgerError::io(folder))
}

/// The entries of one file of entries.
pub(crate) fn split(mut bytes: &[u8]) -> Result<Vec<&[u8]>, LedgerError> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let cut = || LedgerError::Malformed("a file of entries is cut off".to_owned());
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or_else(cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if rest.len() < length {
            return Err(cut());
        }
        let (entry, rest) = rest.split_at(length);
        list.push(entry);
        bytes = rest;
    }
    Ok(list)
}

/// The hashes of a log of a certain size, read from its tiles.
pub(crate) struct TileReader {
    root: PathBuf,
    size: u64,
    kept: RefCell<HashMap<(u8, u64), Vec<u8>>>,
}

impl TileReader {
    pub(crate) fn of(root: &Path, size: u64) -> Self {
        Self { root: root.to_owned(), size, kept: RefCell::default() }
    }

    /// The bytes of one tile of hashes.
    pub(crate) fn tile(&self, level: u8, n: u64) -> Result<Vec<u8>, LedgerError> {
        let width = width(level, n, self.size);
        let path = self.root.join(hashes(level, n, width));
        let bytes = std::fs::read(&path).map_err(LedgerError::io(&path))?;
        if bytes.len() as u64 != width * 32 {
            return Err(LedgerError::Malformed(format!("{}: not {width} hashes", path.display())));
        }
        Ok(bytes)
    }
}

impl HashReader for TileReader {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let mut kept = self.kept.borrow_mut();
        let hash = |index: &u64| {
            let tile = Tile::from_index(HEIGHT, *index);
            let key = (tile.level(), tile.level_index());
            let bytes = match kept.entry(key) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(room) => {
                    room.insert(self.tile(key.0, key.1).map_err(|error| Error::InvalidInput(error.to_string()))?)
                }
            };
            tile.hash_at_index(bytes, *index)
        };
        indexes.iter().map(hash).collect()
    }
}
