//! What a name has besides its content: times, owner, mode, attributes, flags, holes. Read by path below a folder that is
//! held open; written through a descriptor of the very thing, so that nobody can put another in its place.

use crate::store::{Item, Kind};
use ostrakon_model::locator::{decode, encode};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{
    AtFlags, Gid, IFlags, Mode, OFlags, SeekFrom, StatxAttributes, StatxFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Opens a regular file for reading without touching its access time, and never waits for a pipe.
pub(crate) fn read_file(at: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(at, flags | OFlags::NOATIME, Mode::empty());
    let opened = opened.or_else(|_| rustix::fs::open(at, flags, Mode::empty()))?;
    Ok(File::from(opened))
}

pub(crate) fn open_folder(at: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = rustix::fs::open(at, flags | OFlags::NOATIME, Mode::empty());
    Ok(opened.or_else(|_| rustix::fs::open(at, flags, Mode::empty()))?)
}

/// Is something mounted at `at`? What is mounted is not the product's, wherever it is mounted.
pub(crate) fn is_mounted(at: &Path) -> std::io::Result<bool> {
    let about = rustix::fs::statx(rustix::fs::CWD, at, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)?;
    Ok(about.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// The holes of a file: start and length.
pub(crate) fn holes(file: &File, size: u64) -> Vec<(u64, u64)> {
    let mut list = Vec::new();
    let mut at = 0;
    while at < size {
        let Ok(start) = rustix::fs::seek(file, SeekFrom::Hole(at)) else { break };
        if start >= size {
            break;
        }
        let end = rustix::fs::seek(file, SeekFrom::Data(start)).unwrap_or(size).min(size);
        list.push((start, end - start));
        at = end;
    }
    let _ = rustix::fs::seek(file, SeekFrom::Start(0));
    list
}

pub(crate) fn xattrs(at: &Path) -> std::io::Result<BTreeMap<String, String>> {
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

/// Gives `to`, which is our own, the attributes of `from`.
pub(crate) fn copy_attributes(from: &Path, to: &Path) -> std::io::Result<()> {
    for (name, value) in xattrs(from)?.iter().filter(|(name, _)| own(name)) {
        rustix::fs::lsetxattr(to, decode(name), &bytes_of(value), XattrFlags::empty())?;
    }
    Ok(())
}

/// What the system itself gives, such as a label, may not be for us to take away or set.
fn own(name: &str) -> bool {
    !name.starts_with("security.") || name == "security.capability"
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).filter_map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()).collect()
}

const KEPT: IFlags = IFlags::IMMUTABLE
    .union(IFlags::APPEND)
    .union(IFlags::NODUMP)
    .union(IFlags::NOATIME)
    .union(IFlags::SYNC)
    .union(IFlags::DIRSYNC);

/// The flags that are kept, of a file or folder.
pub(crate) fn flags(at: &Path, meta: &std::fs::Metadata) -> u32 {
    if !meta.is_dir() && !meta.is_file() {
        return 0;
    }
    let flags = read_file(at).ok().and_then(|file| rustix::fs::ioctl_getflags(&file).ok());
    flags.map_or(0, |flags| (flags & KEPT).bits())
}

pub(crate) fn set_flags(at: &Path, flags: u32) -> std::io::Result<()> {
    set_flags_of(&read_file(at)?, flags)
}

fn set_flags_of(file: &File, flags: u32) -> std::io::Result<()> {
    let now = rustix::fs::ioctl_getflags(file)?;
    // Bits the crate has no name for, such as that of extents, stay: without it the file would be laid out anew, or refused.
    let bits = (now.bits() & !KEPT.bits()) | flags;
    Ok(rustix::fs::ioctl_setflags(file, IFlags::from_bits_retain(bits))?)
}

/// Gives what lies at `at` the owner, mode, attributes, times and flags of `item`, in the order in which they stay. It must
/// be of the item's kind: what somebody put there meanwhile is not touched.
pub(crate) fn dress(at: &Path, item: &Item) -> std::io::Result<()> {
    let held = rustix::fs::open(at, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    // This leads to the thing that is held, whatever its name leads to by now.
    let thing = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let meta = File::from(held.try_clone()?).metadata()?;
    if !is_kind(&item.kind, &meta) {
        return Err(std::io::Error::other("it was replaced while it was brought back"));
    }
    let is_link = matches!(item.kind, Kind::Link(_));
    let has_flags = meta.is_file() || meta.is_dir();
    if has_flags {
        let file = File::from(rustix::fs::open(&thing, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
        if rustix::fs::ioctl_getflags(&file).is_ok_and(|flags| flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND)) {
            set_flags_of(&file, 0)?;
        }
    }
    let (uid, gid) = (Uid::from_raw(item.uid), Gid::from_raw(item.gid));
    rustix::fs::chownat(&held, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    if !is_link {
        // Changing the owner takes setuid away, and setting an ACL changes the mode: mode comes after owner, ACL after mode.
        rustix::fs::chmodat(rustix::fs::CWD, &thing, Mode::from_raw_mode(item.mode), AtFlags::empty())?;
    }
    dress_attributes(at, &thing, is_link, item)?;
    let time = |(seconds, nanoseconds): (i64, i64)| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as _ };
    let times = Timestamps { last_access: time(item.atime), last_modification: time(item.mtime) };
    if is_link {
        rustix::fs::utimensat(rustix::fs::CWD, at, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    } else {
        rustix::fs::utimensat(rustix::fs::CWD, &thing, &times, AtFlags::empty())?;
    }
    if item.flags != 0 && has_flags {
        let file = File::from(rustix::fs::open(&thing, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
        set_flags_of(&file, item.flags)?;
    }
    Ok(())
}

fn dress_attributes(at: &Path, thing: &Path, is_link: bool, item: &Item) -> std::io::Result<()> {
    let there = xattrs(at)?;
    for name in there.keys().filter(|name| own(name) && !item.xattrs.contains_key(*name)) {
        if is_link {
            rustix::fs::lremovexattr(at, decode(name))?
        } else {
            rustix::fs::removexattr(thing, decode(name))?
        }
    }
    for (name, value) in item.xattrs.iter().filter(|(name, value)| there.get(*name) != Some(value)) {
        let bytes = bytes_of(value);
        let set = if is_link {
            rustix::fs::lsetxattr(at, decode(name), &bytes, XattrFlags::empty())
        } else {
            rustix::fs::setxattr(thing, decode(name), &bytes, XattrFlags::empty())
        };
        if own(name) {
            set?;
        }
    }
    Ok(())
}

fn is_kind(kind: &Kind, meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let there = meta.file_type();
    match kind {
        Kind::File { .. } => there.is_file(),
        Kind::Folder => there.is_dir(),
        Kind::Link(_) => there.is_symlink(),
        Kind::Device { block: true, .. } => there.is_block_device(),
        Kind::Device { block: false, .. } => there.is_char_device(),
        Kind::Pipe => there.is_fifo(),
        Kind::Socket => there.is_socket(),
    }
}
