//! Bringing back what the quarantine keeps: files as they were saved last, folders as they were saved first. It may be cut
//! off anywhere and begun again, and what one item meets stops no other.

use crate::RemoveError;
use crate::metadata::{dress, read_file, set_flags};
use crate::root::{Root, Spot};
use crate::store::{Item, Kind, Manifest, PIECE, Store};
use ostrakon_model::locator::decode;
use rustix::fs::{AtFlags, Mode};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

const TAKEN: &str = "something else lies there now; the saved one is kept";

impl Store {
    /// Brings back what `manifests`, oldest first, have. Returns what could not be brought back, and why.
    ///
    /// `over`: files that the removal itself has changed, which the saved ones replace.
    pub(crate) fn restore(&self, root: &Root, manifests: &[Manifest], over: &dyn Fn(&str) -> bool) -> Vec<String> {
        let mut left = Vec::new();
        let mut folders: BTreeMap<&str, (&Item, bool)> = BTreeMap::new();
        let mut files: BTreeMap<&str, &Item> = BTreeMap::new();
        for manifest in manifests {
            for item in manifest.items.iter().filter(|item| item.kind == Kind::Folder) {
                let known = folders.entry(&item.path).or_insert((item, true));
                known.1 &= manifest.shared_folders;
            }
        }
        for item in manifests.iter().rev().flat_map(|manifest| &manifest.items) {
            let known = files.get(item.path.as_str());
            // What did not change between two savings is as the first one has it: a cut may have touched its flags since.
            if item.kind != Kind::Folder && known.is_none_or(|known| known.kind == item.kind) {
                files.insert(&item.path, item);
            }
        }
        let mut own: BTreeMap<&str, &Item> = BTreeMap::new();
        for (path, (item, shared)) in &folders {
            match folder(root, item, *shared) {
                Ok(true) => drop(own.insert(path, item)),
                Ok(false) => {}
                Err(why) => left.push(format!("{path}: {why}")),
            }
        }
        let mut first = self.still_there(root, files.values().copied());
        for (path, item) in files {
            match self.file(root, item, &mut first, over(path)) {
                Ok(true) => {}
                Ok(false) => left.push(format!("{path}: {TAKEN}")),
                Err(why) => left.push(format!("{path}: {why}")),
            }
        }
        // Deepest first: what is made in a folder changes its time.
        for (path, item) in own.iter().rev() {
            let dressed = root.spot(&decode(path)).map_err(|error| error.to_string()).and_then(|spot| {
                let Some(spot) = spot else { return Ok(()) };
                dress(&spot.path(), item).and_then(|()| spot.sync()).map_err(|error| error.to_string())
            });
            if let Err(why) = dressed {
                left.push(format!("{path}: {why}"));
            }
        }
        left
    }

    /// Of a file with several names one may still be there: the others become names of that one.
    fn still_there<'a>(&self, root: &Root, items: impl Iterator<Item = &'a Item>) -> HashMap<(u64, u64), Vec<u8>> {
        let mut first = HashMap::new();
        for item in items.filter(|item| item.names > 1) {
            let path = decode(&item.path);
            if let Ok(Some(spot)) = root.spot(&path)
                && let Ok(meta) = std::fs::symlink_metadata(spot.path())
                && self.is_there(item, &spot.path(), &meta).unwrap_or(false)
            {
                first.entry(item.inode).or_insert(path);
            }
        }
        first
    }

    fn file(
        &self,
        root: &Root,
        item: &Item,
        first: &mut HashMap<(u64, u64), Vec<u8>>,
        over: bool,
    ) -> Result<bool, String> {
        let path = decode(&item.path);
        let spot = root.spot_made(&path).map_err(|error: RemoveError| error.to_string())?;
        let linked = first.get(&item.inode).filter(|other| **other != path && item.names > 1);
        let back = match linked {
            Some(other) => link(root, other, &spot),
            None => self.bring(item, &spot, over),
        };
        let back = back.map_err(|error| error.to_string())?;
        if back {
            first.entry(item.inode).or_insert(path);
        }
        Ok(back)
    }

    /// Brings one item back; `false`: something else lies there.
    fn bring(&self, item: &Item, spot: &Spot, over: bool) -> std::io::Result<bool> {
        let at = spot.path();
        if let Ok(meta) = std::fs::symlink_metadata(&at) {
            if self.is_there(item, &at, &meta)? {
                dress(&at, item)?;
                return Ok(true);
            }
            if !over {
                return Ok(false);
            }
        }
        let part = spot.part();
        let _ = std::fs::remove_file(&part);
        match &item.kind {
            Kind::File { size, sha256, holes } => self.write(&part, *size, sha256, holes)?,
            Kind::Link(target) => std::os::unix::fs::symlink(OsString::from_vec(decode(target)), &part)?,
            Kind::Device { block, number } => {
                let (block_device, character) =
                    (rustix::fs::FileType::BlockDevice, rustix::fs::FileType::CharacterDevice);
                let kind = if *block { block_device } else { character };
                rustix::fs::mknodat(rustix::fs::CWD, &part, kind, Mode::from_raw_mode(0o600), *number)?;
            }
            Kind::Pipe | Kind::Socket => {
                let pipe = item.kind == Kind::Pipe;
                let kind = if pipe { rustix::fs::FileType::Fifo } else { rustix::fs::FileType::Socket };
                rustix::fs::mknodat(rustix::fs::CWD, &part, kind, Mode::from_raw_mode(0o600), 0)?;
            }
            Kind::Folder => return Ok(true),
        }
        // Flags such as immutable would keep the name from being changed.
        dress(&part, &Item { flags: 0, ..item.clone() })?;
        std::fs::rename(&part, &at)?;
        if item.flags != 0 {
            dress(&at, item)?;
        }
        spot.sync()?;
        Ok(true)
    }

    fn is_there(&self, item: &Item, at: &Path, meta: &std::fs::Metadata) -> std::io::Result<bool> {
        let kind = meta.file_type();
        Ok(match &item.kind {
            Kind::File { size, sha256, .. } => {
                kind.is_file() && meta.size() == *size && {
                    let mut hash = Sha256::new();
                    std::io::copy(&mut read_file(at)?, &mut HashWriter(&mut hash))?;
                    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>() == *sha256
                }
            }
            Kind::Link(target) => kind.is_symlink() && std::fs::read_link(at)?.as_os_str().as_bytes() == decode(target),
            Kind::Device { number, .. } => (kind.is_block_device() || kind.is_char_device()) && meta.rdev() == *number,
            Kind::Pipe => kind.is_fifo(),
            Kind::Socket => kind.is_socket(),
            Kind::Folder => kind.is_dir(),
        })
    }

    fn write(&self, part: &Path, size: u64, sha256: &str, holes: &[(u64, u64)]) -> std::io::Result<()> {
        use std::os::unix::fs::FileExt;
        let object = File::open(self.object(sha256))?;
        let mut content = zstd::stream::read::Decoder::new(object)?;
        let out = File::options().write(true).create_new(true).mode(0o600).open(part)?;
        out.set_len(size)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        let mut at = 0u64;
        loop {
            // A piece never spans the edge of a hole.
            let hole = holes.iter().find(|(start, length)| at < start + length);
            let until = match hole {
                Some((start, length)) if at >= *start => start + length,
                Some((start, _)) => *start,
                None => u64::MAX,
            };
            let wanted = usize::try_from(until - at).unwrap_or(PIECE).min(PIECE);
            let read = content.read(&mut piece[..wanted])?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            if hole.is_none_or(|(start, _)| at < *start) {
                out.write_all_at(&piece[..read], at)?;
            }
            at += read as u64;
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if digest != sha256 || at != size {
            return Err(std::io::Error::other(format!("the quarantine's copy {sha256} is damaged")));
        }
        out.sync_all()
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Makes sure of a folder; `true`: it is dressed as it was once all is back in it.
fn folder(root: &Root, item: &Item, shared: bool) -> Result<bool, String> {
    let spot = root.spot_made(&decode(&item.path)).map_err(|error| error.to_string())?;
    let own = match std::fs::symlink_metadata(spot.path()) {
        Ok(meta) if meta.is_dir() => !shared,
        Ok(_) => return Err(TAKEN.to_owned()),
        Err(_) => {
            // It takes its name once it is dressed: a cut leaves no folder behind that others cannot enter.
            let part = spot.part();
            let make = || -> std::io::Result<()> {
                let _ = std::fs::remove_dir(&part);
                std::fs::DirBuilder::new().mode(0o700).create(&part)?;
                dress(&part, &Item { flags: 0, ..item.clone() })?;
                std::fs::rename(&part, spot.path())?;
                spot.sync()
            };
            make().map_err(|error| error.to_string())?;
            true
        }
    };
    if own && item.flags != 0 {
        let _ = set_flags(&spot.path(), 0);
    }
    Ok(own)
}

/// Another name for a file that is back already; `false`: something else lies there.
fn link(root: &Root, other: &[u8], spot: &Spot) -> std::io::Result<bool> {
    let Ok(Some(first)) = root.spot(other) else { return Ok(false) };
    let inode = std::fs::symlink_metadata(first.path())?.ino();
    match std::fs::symlink_metadata(spot.path()) {
        Ok(meta) => Ok(meta.ino() == inode),
        Err(_) => {
            rustix::fs::linkat(rustix::fs::CWD, first.path(), rustix::fs::CWD, spot.path(), AtFlags::empty())?;
            spot.sync()?;
            Ok(true)
        }
    }
}
