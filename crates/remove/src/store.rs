//! The quarantine: files are kept by the SHA-256 of their content, compressed, so that no scanner and no loader takes them
//! for what they were; a manifest has all the rest: owner, mode, times, links, holes, extended attributes with ACLs and
//! capabilities, flags.
//!
//! Nothing is deleted before it is saved and the saving is durable. A removal that was cut off saves what is there now into
//! a further manifest; bringing back reads all of them: files as saved last, folders as saved first.

use crate::RemoveError;
use crate::metadata::{flags, holes, is_mounted, open_folder, read_file, set_flags, xattrs};
use crate::root::{Root, shown};
use ostrakon_model::locator::{decode, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
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
pub(crate) const PIECE: usize = 1 << 18;

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
        if is_mounted(at).map_err(cannot)? {
            let why = "something is mounted there: unmount it first, or it would be emptied";
            return Err(RemoveError::Refused(vec![format!("{}: {why}", shown(path))]));
        }
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
            // What grows while it is read is saved as far as it went when that began.
            let size = file.metadata()?.len();
            let holes = holes(&file, size);
            let (sha256, size) = self.keep(file, size)?;
            Kind::File { size, sha256, holes }
        })
    }

    /// Keeps the first `size` bytes of a file; returns their SHA-256 in hex, and how many they were.
    fn keep(&self, file: File, size: u64) -> std::io::Result<(String, u64)> {
        let mut file = file.take(size);
        let part = self.folder.join("objects").join(format!("part-{}", std::process::id()));
        let out = File::options().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let mut out = zstd::stream::write::Encoder::new(out, 1)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        let mut length = 0;
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            out.write_all(&piece[..read])?;
            length += read as u64;
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
        Ok((digest, length))
    }

    /// The content of a saved file.
    pub(crate) fn content(&self, item: &Item) -> std::io::Result<Vec<u8>> {
        let Kind::File { sha256, .. } = &item.kind else { return Ok(Vec::new()) };
        zstd::stream::decode_all(File::open(self.object(sha256))?)
    }

    pub(crate) fn object(&self, digest: &str) -> PathBuf {
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

    /// Gives up the way back: everything saved is deleted. May be cut off and begun again.
    pub(crate) fn purge(&self) -> Result<(), RemoveError> {
        for name in ["objects", "manifests"] {
            let folder = self.folder.join(name);
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(RemoveError::io(&folder)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How many files are kept, and how many bytes they take.
    pub fn size(&self) -> (u64, u64) {
        let list = std::fs::read_dir(self.folder.join("objects"));
        let files = list.into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
        files.fold((0, 0), |(count, bytes), meta| (count + 1, bytes + meta.size()))
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
