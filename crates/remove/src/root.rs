//! The root that is worked on: this machine, or one that is mounted. Paths are reached without following a single link, so
//! that no link put in place meanwhile can lead a removal astray.

use crate::RemoveError;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A root, opened.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    fd: OwnedFd,
}

/// A name in a folder that is held open: it cannot be moved from under us.
#[derive(Debug)]
pub(crate) struct Spot {
    folder: OwnedFd,
    name: OsString,
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Root {
    /// Opens `path` as a root.
    pub fn open(path: &Path) -> Result<Self, RemoveError> {
        let whole = std::fs::canonicalize(path).map_err(RemoveError::io(path))?;
        let fd = rustix::fs::open(&whole, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(|errno| RemoveError::io(path)(errno.into()))?;
        Ok(Self { path: whole, fd })
    }

    /// Is it the running machine's own?
    pub fn is_live(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the root for one removal, as long as what is returned is held; a second one is told who waits for whom. As root
    /// by a file that nobody else may open, or any user could hold removals up.
    pub(crate) fn lock(&self) -> Result<OwnedFd, RemoveError> {
        let name: String =
            Sha256::digest(self.path.as_os_str().as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let file = PathBuf::from(format!("/run/ostrakon-{name}.lock"));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = match rustix::fs::open(&file, flags, Mode::RUSR | Mode::WUSR) {
            Ok(held) => held,
            // An ordinary user, who can only work on a folder of his own.
            Err(_) => self.fd.try_clone().map_err(RemoveError::io(&self.path))?,
        };
        rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
            Errno::WOULDBLOCK => RemoveError::Refused(vec![format!(
                "another removal works on {} now: wait until it has ended",
                self.path.display()
            )]),
            other => RemoveError::io(&self.path)(other.into()),
        })?;
        Ok(held)
    }

    /// The place of `path`; none: a folder above it is not there. A link among the folders above is refused.
    pub(crate) fn spot(&self, path: &[u8]) -> Result<Option<Spot>, RemoveError> {
        let (above, name) = split(path);
        let odd = path.split(|byte| *byte == b'/').skip(1).any(|part| part.is_empty() || part == b"." || part == b"..");
        if name.is_empty() || !path.starts_with(b"/") || odd {
            return Err(RemoveError::Refused(vec![format!("{} is no path of a file", shown(path))]));
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = match rustix::fs::openat2(&self.fd, relative(above), FOLDER, Mode::empty(), resolve) {
            // No kernel takes a path over 4,095 bytes in one go.
            Err(Errno::NAMETOOLONG) => self.open_by_parts(above),
            other => other,
        };
        match opened {
            Ok(folder) => Ok(Some(Spot { folder, name: OsString::from_vec(name.to_vec()) })),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::LOOP | Errno::XDEV) => {
                Err(RemoveError::Refused(vec![format!("{}: a folder above it is a link", shown(path))]))
            }
            Err(errno) => Err(RemoveError::io(&self.host(path))(errno.into())),
        }
    }

    fn open_by_parts(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let step = FOLDER | OFlags::NOFOLLOW;
        let mut at = rustix::fs::openat(&self.fd, ".", step, Mode::empty())?;
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            at = rustix::fs::openat(&at, part, step, Mode::empty())?;
        }
        Ok(at)
    }

    /// The place of `path`, with the folders above it made if need be.
    pub(crate) fn spot_made(&self, path: &[u8]) -> Result<Spot, RemoveError> {
        if let Some(spot) = self.spot(path)? {
            return Ok(spot);
        }
        let (above, _) = split(path);
        if above.is_empty() {
            return Err(RemoveError::Refused(vec![format!("{} is no path of a file", shown(path))]));
        }
        let parent = self.spot_made(above)?;
        match std::fs::create_dir(parent.path()) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(RemoveError::io(&self.host(above))(error));
            }
            _ => {}
        }
        self.spot(path)?.ok_or_else(|| {
            let gone = std::io::Error::from(std::io::ErrorKind::NotFound);
            RemoveError::io(&self.host(path))(gone)
        })
    }

    /// `path` without the links among the folders above it: packages list `/lib/x` where `/usr/lib/x` is meant.
    pub(crate) fn without_links(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (above, name) = split(path);
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let folder = rustix::fs::openat2(&self.fd, relative(above), FOLDER, Mode::empty(), resolve).ok()?;
        let host = std::fs::read_link(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()?;
        let inside = host.strip_prefix(&self.path).ok()?;
        let folder = inside.as_os_str().as_bytes();
        Some(if folder.is_empty() { [b"/", name].concat() } else { [b"/", folder, b"/", name].concat() })
    }

    /// Reads a file inside, links followed within the root; none: there is none, or it is no regular file.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        const LONGEST: u64 = 4 << 30;
        let file = self.regular(path, OFlags::RDONLY)?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LONGEST), &mut bytes).ok()?;
        Some(bytes)
    }

    /// Opens a regular file inside for writing, links followed within the root.
    pub(crate) fn open_regular(&self, path: &str) -> Option<std::fs::File> {
        self.regular(path, OFlags::RDWR)
    }

    fn regular(&self, path: &str, access: OFlags) -> Option<std::fs::File> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let open = |flags| rustix::fs::openat2(&self.fd, relative(path.as_bytes()), flags, Mode::empty(), resolve);
        // A device does things when it is opened: what it is, is seen first.
        let seen = std::fs::File::from(open(OFlags::PATH | OFlags::CLOEXEC).ok()?).metadata().ok()?;
        if !seen.is_file() {
            return None;
        }
        let file = std::fs::File::from(open(access | OFlags::CLOEXEC | OFlags::NONBLOCK).ok()?);
        file.metadata().ok().filter(std::fs::Metadata::is_file).map(|_| file)
    }

    /// Is there something at `path`, links followed within the root?
    pub(crate) fn has(&self, path: &str) -> bool {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.fd, relative(path.as_bytes()), OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
            .is_ok()
    }

    /// `path` as the host sees it, for messages and for programs of the host.
    pub(crate) fn host(&self, path: &[u8]) -> PathBuf {
        let inside = path.iter().position(|byte| *byte != b'/').map_or(&b""[..], |at| &path[at..]);
        self.path.join(std::ffi::OsStr::from_bytes(inside))
    }
}

impl Spot {
    /// A path that leads there, and nowhere else, as long as the spot is held.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(&self.name)
    }

    /// The name under which something is written before it takes its own: always the same, so that what a cut left is
    /// found, and short, since the name itself may be as long as names can be.
    pub(crate) fn part(&self) -> PathBuf {
        let digest = Sha256::digest(self.name.as_bytes());
        let tail: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(format!(".ostrakon-part-{tail}"))
    }

    /// Makes what was done in the folder durable.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        let folder = format!("/proc/self/fd/{}/.", self.folder.as_raw_fd());
        std::fs::File::open(folder)?.sync_all()
    }
}

fn relative(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    if path.is_empty() { b"." } else { path }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// A path in a message.
pub(crate) fn shown(path: &[u8]) -> String {
    ostrakon_model::locator::encode(path).into_owned()
}
