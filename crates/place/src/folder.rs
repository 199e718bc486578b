//! A folder of this machine, or its root, as a tree.

use crate::tree::{Entry, EntryKind, Fault, File, Folder, Stamp, Tree};
use crate::{Borders, PlaceError};
use ostrakon_model::GapReason;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

/// A folder of this machine as a tree.
#[derive(Debug)]
pub struct FolderTree {
    root: OwnedFd,
    path: PathBuf,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// Not blocking: what was a file in the listing may be a pipe by the time it is opened.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl FolderTree {
    /// Opens `path` as the root of a tree.
    pub fn open(path: &Path) -> Result<Self, PlaceError> {
        let cannot = |why: String| PlaceError::Open { place: path.display().to_string(), why };
        let path = std::fs::canonicalize(path).map_err(|error| cannot(error.to_string()))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(&path, flags, Mode::empty()).map_err(|errno| {
            cannot(match errno {
                Errno::NOTDIR => "it is a file, not a folder; a bundle's name ends with .ostrakon".to_owned(),
                other => other.to_string(),
            })
        })?;
        Ok(Self { root, path })
    }

    /// The folder, made absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The borders of this tree by the machine's table of mounts.
    pub fn borders(&self) -> Result<Borders, PlaceError> {
        let table = match std::fs::read("/proc/self/mountinfo") {
            Ok(table) => table,
            // Without the table a walk of the whole machine would enter the kernel's own files.
            Err(error) if self.path == Path::new("/") => {
                let why = format!("the table of mounts, /proc/self/mountinfo, cannot be read: {error}");
                return Err(PlaceError::Open { place: "/".to_owned(), why });
            }
            Err(_) => Vec::new(),
        };
        Ok(Borders::of_mounts(&table, std::os::unix::ffi::OsStrExt::as_bytes(self.path.as_os_str())))
    }

    /// Opens the folder at `path`; no part of it may be a link.
    pub(crate) fn open_folder(&self, path: &[u8]) -> Result<OpenFolder, Fault> {
        self.open_below(path, FOLDER).map(OpenFolder).map_err(fault)
    }

    fn open_below(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let relative = relative(path);
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = quietly(flags, |flags| rustix::fs::openat2(&self.root, relative, flags, Mode::empty(), resolve));
        match opened {
            // Kernels before 5.6 have no openat2; no kernel takes a path over 4,095 bytes in one go.
            Err(Errno::NOSYS | Errno::NAMETOOLONG | Errno::PERM) => self.open_by_parts(relative, flags),
            other => other,
        }
    }

    fn open_by_parts(&self, relative: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = rustix::fs::openat(&self.root, ".", step, Mode::empty())?;
        let mut parts = relative.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            if part == b".." {
                return Err(Errno::XDEV);
            }
            let last = parts.peek().is_none();
            at = quietly(if last { flags } else { step }, |flags| rustix::fs::openat(&at, part, flags, Mode::empty()))?;
        }
        if relative == b"." { rustix::fs::openat(&self.root, ".", flags, Mode::empty()) } else { Ok(at) }
    }

    fn open_inside(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        quietly(flags, |flags| rustix::fs::openat2(&self.root, relative(path), flags, Mode::empty(), resolve))
    }
}

/// Opens without touching the access time where the system lets this user.
fn quietly(flags: OFlags, open: impl Fn(OFlags) -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    if flags.contains(OFlags::PATH) {
        return open(flags);
    }
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        other => other,
    }
}

fn relative(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    if path.is_empty() { b"." } else { path }
}

impl Tree for FolderTree {
    fn folder(&self, path: &[u8]) -> Result<Box<dyn Folder>, Fault> {
        Ok(Box::new(self.open_folder(path)?))
    }

    fn find(&self, path: &[u8]) -> Result<Box<dyn File>, Fault> {
        // IN_ROOT follows links, so NOFOLLOW would only refuse the last one.
        regular(self.open_inside(path, FILE.difference(OFlags::NOFOLLOW)).map_err(fault)?)
    }

    fn kind(&self, path: &[u8]) -> Result<Option<EntryKind>, Fault> {
        let opened = match self.open_inside(path, OFlags::PATH | OFlags::CLOEXEC) {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(errno) => return Err(fault(errno)),
        };
        let stat = rustix::fs::fstat(&opened).map_err(fault)?;
        Ok(Some(kind(FileType::from_raw_mode(stat.st_mode))))
    }
}

/// A folder of this machine, open.
pub(crate) struct OpenFolder(OwnedFd);

impl OpenFolder {
    /// Opens a folder of the folder, not following a link.
    pub(crate) fn below(&self, name: &[u8]) -> Result<Self, Fault> {
        quietly(FOLDER, |flags| rustix::fs::openat(&self.0, name, flags, Mode::empty())).map(Self).map_err(fault)
    }
}

impl Folder for OpenFolder {
    fn entries(&self, each: &mut dyn FnMut(Entry<'_>)) -> Result<(), Fault> {
        let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
        let mut entries = RawDir::new(&self.0, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let mut file_type = entry.file_type();
            if file_type == FileType::Unknown {
                // Some file systems do not say in the listing.
                let stat = rustix::fs::statat(self.0.as_fd(), entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
                // What cannot be asked about is opened as a file, and is then a gap.
                file_type = stat.map_or(FileType::RegularFile, |stat| FileType::from_raw_mode(stat.st_mode));
            }
            each(Entry { name, kind: kind(file_type) });
        }
        Ok(())
    }

    fn open(&self, name: &[u8]) -> Result<Box<dyn File>, Fault> {
        let file = quietly(FILE, |flags| rustix::fs::openat(&self.0, name, flags, Mode::empty())).map_err(fault)?;
        Ok(Box::new(OpenFile(file)))
    }

    fn stamp(&self, name: &[u8]) -> Result<Option<Stamp>, Fault> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map_err(fault)?;
        Ok(Some(Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or_default()),
            changed: (stat.st_ctime, u32::try_from(stat.st_ctime_nsec).unwrap_or_default()),
        }))
    }

    fn link(&self, name: &[u8]) -> Result<Vec<u8>, Fault> {
        rustix::fs::readlinkat(&self.0, name, Vec::new()).map(|target| target.into_bytes()).map_err(fault)
    }
}

fn regular(file: OwnedFd) -> Result<Box<dyn File>, Fault> {
    let stat = rustix::fs::fstat(&file).map_err(fault)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Fault::new(GapReason::IoError, "not a regular file"));
    }
    Ok(Box::new(OpenFile(file)))
}

struct OpenFile(OwnedFd);

impl File for OpenFile {
    fn size(&self) -> Result<u64, Fault> {
        let stat = rustix::fs::fstat(&self.0).map_err(fault)?;
        Ok(u64::try_from(stat.st_size).unwrap_or_default())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::io::pread(&self.0, &mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(Errno::INTR) => {}
                // Files of the kernel cannot always be read from a position.
                Err(Errno::SPIPE) if offset == 0 && filled == 0 => {
                    filled += rustix::io::read(&self.0, &mut *buffer).map_err(fault)?;
                    break;
                }
                Err(errno) => return Err(fault(errno)),
            }
            // A short read ends a regular file: one call is enough.
            if filled < buffer.len() {
                break;
            }
        }
        Ok(filled)
    }
}

fn kind(file_type: FileType) -> EntryKind {
    match file_type {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        _ => EntryKind::Other,
    }
}

fn fault(errno: Errno) -> Fault {
    let reason = match errno {
        Errno::ACCESS | Errno::PERM => GapReason::PermissionDenied,
        Errno::LOOP | Errno::NOTDIR | Errno::STALE => GapReason::Changed,
        Errno::NOKEY => GapReason::Encrypted,
        Errno::NAMETOOLONG | Errno::MFILE | Errno::NFILE | Errno::NOMEM => GapReason::Limit,
        _ => GapReason::IoError,
    };
    Fault { reason, detail: errno.to_string(), gone: errno == Errno::NOENT }
}
