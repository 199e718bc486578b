//! The quarantine: files are kept by the SHA-256 of their content, compressed, so that no scanner and no loader takes them
//! for what they were; a manifest has all the rest: owner, mode, times, links, holes, extended attributes with ACLs and
//! capabilities, flags.
//!
//! Nothing is deleted before it is saved and the saving is durable. A removal that was cut off saves what is there now into
//! a further manifest; bringing back reads all of them: files as saved last, folders as saved first.

use crate::RemoveError;
use crate::root::{Root, Spot, shown};
use ostrakon_model::locator::{decode, encode};
use rustix::fs::{AtFlags, Gid, IFlags, Mode, OFlags, SeekFrom, Timespec, Timestamps, Uid, XattrFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One file, folder, link or other name, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its path in the root, as locators write it.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Mode bits without the type.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content: seconds and nanoseconds.
    pub mtime: (i64, i64),
    /// Last access: seconds and nanoseconds.
    pub atime: (i64, i64),
    /// Extended attributes, values in hex; ACLs and capabilities are among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, String>,
    /// Flags such as immutable.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// Device and inode: names of one file share them.
    pub inode: (u64, u64),
    /// How many names the file had; more than are saved here: others lie elsewhere.
    pub names: u64,
}

/// What an item is, with what only that kind has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A file: size, SHA-256 of the content, holes as start and length.
    File {
        /// Bytes.
        size: u64,
        /// Of the content, in hex.
        sha256: String,
        /// Start and length of each hole.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        holes: Vec<(u64, u64)>,
    },
    /// A folder.
    Folder,
    /// A symbolic link, with its target as locators write it.
    Link(String),
    /// A device: character or block, with its number.
    Device {
        /// A block device?
        block: bool,
        /// Its number.
        number: u64,
    },
    /// A named pipe.
    Pipe,
    /// A socket; nobody listens on it until its program does.
    Socket,
}

fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

/// What was saved in one go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// The items, folders before what lies in them.
    pub items: Vec<Item>,
    /// Folders are shared with others: one that is there when things are brought back is left as it is.
    pub shared_folders: bool,
}

/// The quarantine of one run.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

/// How deep folders are followed: deeper ones are made by bombs, and paths end at 4,096 bytes anyway.
const DEEPEST: usize = 1024;
const PIECE: usize = 1 << 18;

impl Store {
    /// The quarantine in `folder`, made if need be; nobody else may enter it.
    pub fn open(folder: &Path) -> Result<Self, RemoveError> {
        for path in [folder.to_owned(), folder.join("objects"), folder.join("manifests")] {
            let made = std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700)
                .recursive(true)
                .create(&path);
            made.map_err(RemoveError::io(&path))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Saves `paths` and all that lies below them, and makes it durable under `name`. Names that are not there are left
    /// out.
    pub(crate) fn save(
        &self,
        root: &Root,
        name: &str,
        paths: &[Vec<u8>],
        shared_folders: bool,
    ) -> Result<Manifest, RemoveError> {
        let mut manifest = Manifest { items: Vec::new(), shared_folders };
        let mut seen = std::collections::HashSet::new();
        for path in paths {
            if let Some(spot) = root.spot(path)? {
                self.save_below(&spot.path(), path, !shared_folders, 0, &mut seen, &mut manifest)?;
            }
        }
        let objects = self.folder.join("objects");
        sync_folder(&objects)?;
        let bytes = serde_json::to_vec(&manifest).map_err(|error| RemoveError::io(&self.folder)(error.into()))?;
        write_durably(&self.manifest_path(name), &bytes)?;
        Ok(manifest)
    }

    fn manifest_path(&self, name: &str) -> PathBuf {
        self.folder.join("manifests").join(format!("{name}.json"))
    }

    /// The manifests whose names begin with `prefix`, oldest first.
    pub(crate) fn manifests(&self, prefix: &str) -> Result<Vec<Manifest>, RemoveError> {
        let folder = self.folder.join("manifests");
        let mut names: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(RemoveError::io(&folder))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .filter(|path| path.file_name().is_some_and(|name| name.as_bytes().starts_with(prefix.as_bytes())))
            .collect();
        names.sort();
        names.iter().map(|path| read_manifest(path)).collect()
    }

    fn save_below(
        &self,
        at: &Path,
        path: &[u8],
        below: bool,
        depth: usize,
        seen: &mut std::collections::HashSet<Vec<u8>>,
        manifest: &mut Manifest,
    ) -> Result<(), RemoveError> {
        let cannot = |error| RemoveError::io(Path::new(std::ffi::OsStr::from_bytes(path)))(error);
        let meta = match std::fs::symlink_metadata(at) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot(error)),
        };
        if depth > DEEPEST {
            return Err(RemoveError::Refused(vec![format!("{}: more than {DEEPEST} folders deep", shown(path))]));
        }
        if !seen.insert(path.to_vec()) {
            return Ok(());
        }
        let kind = self.kind(at, &meta).map_err(cannot)?;
        manifest.items.push(Item {
            path: encode(path).into_owned(),
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            atime: (meta.atime(), meta.atime_nsec()),
            xattrs: xattrs(at).map_err(cannot)?,
            flags: flags(at, &meta),
            inode: (meta.dev(), meta.ino()),
            names: meta.nlink(),
            kind,
        });
        if meta.is_dir() && below {
            let held = open_folder(at).map_err(cannot)?;
            let inside = PathBuf::from(format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&held)));
            let mut names: Vec<_> = std::fs::read_dir(&inside)
                .and_then(|list| list.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>())
                .map_err(cannot)?;
            names.sort();
            for name in names {
                let path = [path, b"/", name.as_bytes()].concat();
                self.save_below(&inside.join(&name), &path, true, depth + 1, seen, manifest)?;
            }
        }
        Ok(())
    }

    fn kind(&self, at: &Path, meta: &std::fs::Metadata) -> std::io::Result<Kind> {
        let kind = meta.file_type();
        Ok(if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link(encode(std::fs::read_link(at)?.as_os_str().as_bytes()).into_owned())
        } else if kind.is_fifo() {
            Kind::Pipe
        } else if kind.is_socket() {
            Kind::Socket
        } else if kind.is_block_device() || kind.is_char_device() {
            Kind::Device { block: kind.is_block_device(), number: meta.rdev() }
        } else {
            let file = read_file(at)?;
            let holes = holes(&file, meta.size());
            let sha256 = self.keep(file)?;
            Kind::File { size: meta.size(), sha256, holes }
        })
    }

    /// Keeps a file's content; returns its SHA-256 in hex.
    fn keep(&self, mut file: File) -> std::io::Result<String> {
        let part = self.folder.join("objects").join(format!("part-{}", std::process::id()));
        let out = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let mut out = zstd::stream::write::Encoder::new(out, 1)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            out.write_all(&piece[..read])?;
        }
        let out = out.finish()?;
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let object = self.object(&digest);
        if std::fs::symlink_metadata(&object).is_ok() {
            std::fs::remove_file(&part)?;
        } else {
            out.sync_all()?;
            std::fs::rename(&part, &object)?;
        }
        Ok(digest)
    }

    fn object(&self, digest: &str) -> PathBuf {
        self.folder.join("objects").join(format!("{digest}.zst"))
    }

    /// Deletes what `manifest` has, from the deepest on. What has changed since it was saved is not deleted.
    pub(crate) fn delete(&self, root: &Root, manifest: &Manifest) -> Result<(), RemoveError> {
        // Nothing can be taken out of a folder that may not be changed.
        for item in manifest.items.iter().filter(|item| item.kind == Kind::Folder && item.flags != 0) {
            let path = decode(&item.path);
            if let Some(spot) = root.spot(&path)? {
                set_flags(&spot.path(), 0).map_err(RemoveError::io(&root.host(&path)))?;
            }
        }
        for item in manifest.items.iter().rev() {
            let path = decode(&item.path);
            let Some(spot) = root.spot(&path)? else { continue };
            let at = spot.path();
            let host = root.host(&path);
            let Ok(meta) = std::fs::symlink_metadata(&at) else { continue };
            let same = meta.ino() == item.inode.1
                && (meta.is_dir()
                    || ((meta.mtime(), meta.mtime_nsec()) == item.mtime
                        && size_of(&item.kind).is_none_or(|size| size == meta.size())));
            if !same {
                let why = "it changed while it was moved into the quarantine: something still writes there".to_owned();
                return Err(RemoveError::Failed { action: item.path.clone(), why });
            }
            if item.flags != 0 {
                set_flags(&at, 0).map_err(RemoveError::io(&host))?;
            }
            let gone = if meta.is_dir() { std::fs::remove_dir(&at) } else { std::fs::remove_file(&at) };
            match gone {
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                    let why = "something new lies in it: something still writes there".to_owned();
                    return Err(RemoveError::Failed { action: item.path.clone(), why });
                }
                other => other.map_err(RemoveError::io(&host))?,
            }
            spot.sync().map_err(RemoveError::io(&host))?;
        }
        Ok(())
    }

    /// Brings back what `manifests`, oldest first, have. Returns what could not be brought back because something else lies
    /// there now. May be cut off and begun again.
    pub(crate) fn restore(
        &self,
        root: &Root,
        manifests: &[Manifest],
        leave: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<String>, RemoveError> {
        let mut conflicts = Vec::new();
        // Files as they were saved last, folders as they were saved first.
        let mut folders: BTreeMap<&str, (&Item, bool)> = BTreeMap::new();
        let mut files: BTreeMap<&str, &Item> = BTreeMap::new();
        for manifest in manifests {
            for item in manifest.items.iter().filter(|item| item.kind == Kind::Folder) {
                folders.entry(&item.path).or_insert((item, manifest.shared_folders));
            }
        }
        for item in manifests.iter().rev().flat_map(|manifest| &manifest.items) {
            let known = files.get(item.path.as_str());
            // What did not change between two savings is as the first one has it: a cut may have touched its flags since.
            if item.kind != Kind::Folder && known.is_none_or(|known| known.kind == item.kind) {
                files.insert(&item.path, item);
            }
        }
        let others: Vec<&Item> = files.into_values().collect();
        let mut made: BTreeMap<&str, &Item> = BTreeMap::new();
        for (path, (item, shared)) in &folders {
            if leave(path) {
                continue;
            }
            let spot = root.spot_made(&decode(path))?;
            match std::fs::symlink_metadata(spot.path()) {
                Ok(meta) if meta.is_dir() && *shared => {}
                Ok(meta) if meta.is_dir() => drop(made.insert(path, item)),
                Ok(_) => conflicts.push((*path).to_owned()),
                Err(_) => {
                    std::fs::create_dir(spot.path()).map_err(RemoveError::io(&root.host(&decode(path))))?;
                    made.insert(path, item);
                }
            }
            // Until all is back in it, it must be possible to write there.
            if made.contains_key(path) && item.flags != 0 {
                let _ = set_flags(&spot.path(), 0);
            }
        }
        let mut first: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
        // Of a file with several names one may still be there: the others become names of that one.
        for item in others.iter().filter(|item| item.names > 1) {
            let path = decode(&item.path);
            if let Some(spot) = root.spot(&path)?
                && let Ok(meta) = std::fs::symlink_metadata(spot.path())
                && self.is_there(item, &spot.path(), &meta).unwrap_or(false)
            {
                first.entry(item.inode).or_insert(path);
            }
        }
        for item in others.into_iter().filter(|item| !leave(&item.path)) {
            let path = decode(&item.path);
            let spot = root.spot_made(&path)?;
            let linked = first.get(&item.inode).filter(|other| **other != path && item.names > 1);
            let back = match linked {
                Some(other) => link(root, other, &spot),
                None => self.bring(item, &spot),
            };
            match back.map_err(RemoveError::io(&root.host(&path)))? {
                true => drop(first.entry(item.inode).or_insert(path)),
                false => conflicts.push(item.path.clone()),
            }
        }
        // Deepest first: what is made in a folder changes its time.
        for (path, item) in made.iter().rev() {
            let path = decode(path);
            if let Some(spot) = root.spot(&path)? {
                dress(&spot.path(), item).map_err(RemoveError::io(&root.host(&path)))?;
                spot.sync().map_err(RemoveError::io(&root.host(&path)))?;
            }
        }
        Ok(conflicts)
    }

    /// Brings one item back; `false`: something else lies there.
    fn bring(&self, item: &Item, spot: &Spot) -> std::io::Result<bool> {
        let at = spot.path();
        if let Ok(meta) = std::fs::symlink_metadata(&at) {
            if !self.is_there(item, &at, &meta)? {
                return Ok(false);
            }
            dress(&at, item)?;
            return Ok(true);
        }
        let part = spot.part();
        let _ = std::fs::remove_file(&part);
        match &item.kind {
            Kind::File { size, sha256, holes } => self.write(&part, *size, sha256, holes)?,
            Kind::Link(target) => {
                std::os::unix::fs::symlink(std::ffi::OsString::from_vec(decode(target)), &part)?;
            }
            Kind::Device { block, number } => {
                let kind =
                    if *block { rustix::fs::FileType::BlockDevice } else { rustix::fs::FileType::CharacterDevice };
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
            set_flags(&at, item.flags)?;
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

    /// Gives up the way back: everything saved is deleted.
    pub fn purge(&self) -> Result<(), RemoveError> {
        std::fs::remove_dir_all(&self.folder).map_err(RemoveError::io(&self.folder))
    }

    /// How many files are kept, and how many bytes they take.
    pub fn size(&self) -> (u64, u64) {
        let list = std::fs::read_dir(self.folder.join("objects"));
        let files = list.into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
        files.fold((0, 0), |(count, bytes), meta| (count + 1, bytes + meta.size()))
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

fn size_of(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::File { size, .. } => Some(*size),
        _ => None,
    }
}

fn read_manifest(path: &Path) -> Result<Manifest, RemoveError> {
    let bytes = std::fs::read(path).map_err(RemoveError::io(path))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| RemoveError::Damaged { path: path.to_owned(), why: error.to_string() })
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

/// Opens a regular file for reading without touching its access time, and never waits for a pipe.
fn read_file(at: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(at, flags | OFlags::NOATIME, Mode::empty());
    let opened = opened.or_else(|_| rustix::fs::open(at, flags, Mode::empty()))?;
    Ok(File::from(opened))
}

fn open_folder(at: &Path) -> std::io::Result<rustix::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(at, flags | OFlags::NOATIME, Mode::empty());
    Ok(opened.or_else(|_| rustix::fs::open(at, flags, Mode::empty()))?)
}

/// The holes of a file: start and length.
fn holes(file: &File, size: u64) -> Vec<(u64, u64)> {
    let mut list = Vec::new();
    let mut at = 0;
    while at < size {
        let Ok(start) = rustix::fs::seek(file, SeekFrom::Hole(at)) else { break };
        if start >= size {
            break;
        }
        let end = rustix::fs::seek(file, SeekFrom::Data(start)).unwrap_or(size);
        list.push((start, end - start));
        at = end;
    }
    let _ = rustix::fs::seek(file, SeekFrom::Start(0));
    list
}

fn xattrs(at: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut names = vec![0u8; 1 << 16];
    let length = match rustix::fs::llistxattr(at, &mut names[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP) => 0,
        Err(errno) => return Err(errno.into()),
    };
    let mut list = BTreeMap::new();
    let mut value = vec![0u8; 1 << 16];
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match rustix::fs::lgetxattr(at, name, &mut value[..]) {
            Ok(length) => {
                let hex = value[..length].iter().map(|byte| format!("{byte:02x}")).collect();
                list.insert(encode(name).into_owned(), hex);
            }
            // Gone meanwhile, or not for us to see.
            Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(list)
}

fn flags(at: &Path, meta: &std::fs::Metadata) -> u32 {
    if !meta.is_dir() && !meta.is_file() {
        return 0;
    }
    let keep = IFlags::IMMUTABLE | IFlags::APPEND | IFlags::NODUMP | IFlags::NOATIME | IFlags::SYNC | IFlags::DIRSYNC;
    let flags = read_file(at).ok().and_then(|file| rustix::fs::ioctl_getflags(&file).ok());
    flags.map_or(0, |flags| (flags & keep).bits())
}

fn set_flags(at: &Path, flags: u32) -> std::io::Result<()> {
    let file = read_file(at)?;
    let now = rustix::fs::ioctl_getflags(&file)?;
    let kept =
        now & !(IFlags::IMMUTABLE | IFlags::APPEND | IFlags::NODUMP | IFlags::NOATIME | IFlags::SYNC | IFlags::DIRSYNC);
    Ok(rustix::fs::ioctl_setflags(&file, kept | IFlags::from_bits_retain(flags))?)
}

/// Gives an item that is back its owner, mode, attributes, times and flags, in the order in which they stay.
fn dress(at: &Path, item: &Item) -> std::io::Result<()> {
    let meta = std::fs::symlink_metadata(at)?;
    if flags(at, &meta) & (IFlags::IMMUTABLE | IFlags::APPEND).bits() != 0 {
        set_flags(at, 0)?;
    }
    let (uid, gid) = (Uid::from_raw(item.uid), Gid::from_raw(item.gid));
    rustix::fs::chownat(rustix::fs::CWD, at, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    let is_link = matches!(item.kind, Kind::Link(_));
    if !is_link {
        // Changing the owner takes setuid away, and setting an ACL changes the mode: mode comes after owner, ACL after mode.
        rustix::fs::chmodat(rustix::fs::CWD, at, Mode::from_raw_mode(item.mode), AtFlags::empty())?;
    }
    let there = xattrs(at)?;
    for name in there.keys().filter(|name| !item.xattrs.contains_key(*name)) {
        rustix::fs::lremovexattr(at, decode(name))?;
    }
    for (name, value) in item.xattrs.iter().filter(|(name, value)| there.get(*name) != Some(value)) {
        let bytes: Vec<u8> =
            (0..value.len() / 2).filter_map(|at| u8::from_str_radix(value.get(at * 2..at * 2 + 2)?, 16).ok()).collect();
        rustix::fs::lsetxattr(at, decode(name), &bytes, XattrFlags::empty())?;
    }
    let time = |(seconds, nanoseconds): (i64, i64)| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    let times = Timestamps { last_access: time(item.atime), last_modification: time(item.mtime) };
    rustix::fs::utimensat(rustix::fs::CWD, at, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    if item.flags != 0 {
        set_flags(at, item.flags)?;
    }
    Ok(())
}

/// Writes a file whole and durably.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), RemoveError> {
    let part = path.with_extension("part");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .map_err(RemoveError::io(&part))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(RemoveError::io(&part))?;
    std::fs::rename(&part, path).map_err(RemoveError::io(path))?;
    sync_folder(path.parent().unwrap_or(Path::new("/")))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), RemoveError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RemoveError::io(folder))
}
