//! The borders of a look: what is mounted below the root and is not of this asset, holds no files, or is seen elsewhere.

use ostrakon_model::Exclusion;
use std::collections::BTreeMap;

/// Which folders a walk does not enter, by path from the root of the tree.
#[derive(Debug, Clone, Default)]
pub struct Borders {
    closed: BTreeMap<Vec<u8>, Exclusion>,
    /// Is one of them a file? Only then are the paths of files compared.
    files: bool,
}

/// File systems the kernel makes up.
const VIRTUAL: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sysfs",
    "tracefs",
    "xenfs",
    "nfsd",
    "functionfs",
    "resctrl",
    "fuse.gvfsd-fuse",
    "fuse.portal",
    "fuse.lxcfs",
];

/// File systems whose files are another machine's.
const NETWORK: &[&str] = &[
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "gfs2",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "pvfs2",
    "smb3",
    "smbfs",
    "virtiofs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.ceph",
    "fuse.s3fs",
    "fuse.rclone",
    "fuse.davfs",
    "fuse.curlftpfs",
    "fuse.gcsfuse",
    "fuse.juicefs",
    "fuse.mfs",
];

#[derive(Debug)]
struct Mount {
    device: Vec<u8>,
    /// The folder of the file system that is mounted.
    source: Vec<u8>,
    /// Where it is mounted.
    point: Vec<u8>,
    kind: String,
}

impl Borders {
    /// The borders below `root` by the text of `/proc/self/mountinfo`.
    pub fn of_mounts(table: &[u8], root: &[u8]) -> Self {
        // A later line covers an earlier one on the same point.
        let mut by_point = BTreeMap::new();
        for mount in table.split(|byte| *byte == b'\n').filter_map(Mount::parse) {
            by_point.insert(mount.point.clone(), mount);
        }
        let mounts: Vec<&Mount> = by_point.values().collect();
        let mut borders = Self::default();
        for mount in &mounts {
            let Some(inside) = below(root, &mount.point).filter(|inside| *inside != b"/") else { continue };
            let reason = if VIRTUAL.contains(&mount.kind.as_str()) {
                Exclusion::VirtualFileSystem
            } else if NETWORK.contains(&mount.kind.as_str()) {
                Exclusion::NetworkMount
            } else if mounts.iter().any(|other| mount.shows_part_of(other, root, &mounts)) {
                Exclusion::SeenElsewhere
            } else {
                continue;
            };
            borders.closed.insert(inside.to_vec(), reason);
        }
        borders
    }

    /// Closes one more folder or file, by path from the root.
    pub fn close(&mut self, path: &[u8], reason: Exclusion) {
        self.closed.insert(path.to_vec(), reason);
        self.files = true;
    }

    /// Are only folders closed, so that no file needs to be asked about?
    pub(crate) fn are_folders_only(&self) -> bool {
        !self.files
    }

    /// Opens the borders to network mounts.
    pub fn open_network(&mut self) {
        self.closed.retain(|_, reason| *reason != Exclusion::NetworkMount);
    }

    /// Why `path` is not entered, if it is not.
    pub fn closes(&self, path: &[u8]) -> Option<Exclusion> {
        self.closed.get(path).copied()
    }
}

impl Mount {
    /// One line: `id parent major:minor source point options [fields] - kind device options`.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let device = fields.nth(2)?.to_vec();
        let source = unescape(fields.next()?);
        let point = unescape(fields.next()?);
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        Some(Self { device, source, point, kind: String::from_utf8_lossy(kind).into_owned() })
    }

    /// Is what this mount shows also reached inside `root` by way of `other`?
    fn shows_part_of(&self, other: &Self, root: &[u8], mounts: &[&Self]) -> bool {
        let same = self.point == other.point;
        let Some(part) = below(&other.source, &self.source).filter(|_| !same && self.device == other.device) else {
            return false;
        };
        // Two mounts of the very same folder: the first by path is the one that is walked.
        if other.source == self.source && other.point > self.point {
            return false;
        }
        let at = join(&other.point, part);
        let covered = |mount: &&&Self| {
            mount.point != other.point
                && below(&mount.point, &at).is_some()
                && below(&other.point, &mount.point).is_some()
        };
        below(root, &at).is_some() && !mounts.iter().any(|mount| covered(&mount))
    }
}

/// `path` as seen from `top`, beginning with `/`, if it is `top` or below it.
fn below<'a>(top: &[u8], path: &'a [u8]) -> Option<&'a [u8]> {
    let top = top.strip_suffix(b"/").unwrap_or(top);
    match path.strip_prefix(top)? {
        b"" => Some(b"/"),
        rest if rest[0] == b'/' => Some(rest),
        _ => None,
    }
}

fn join(top: &[u8], path: &[u8]) -> Vec<u8> {
    let top = top.strip_suffix(b"/").unwrap_or(top);
    let mut joined = [top, path].concat();
    if joined.len() > 1 && joined.ends_with(b"/") {
        joined.pop();
    }
    joined
}

/// The kernel writes space, tab, newline and backslash as `\ooo`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut at = 0;
    while at < field.len() {
        let digits = (field[at] == b'\\').then(|| field.get(at + 1..at + 4)).flatten();
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(byte.unwrap_or(field[at]));
        at += if byte.is_some() { 4 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
21 1 254:0 / / rw - ext4 /dev/vda rw
22 21 0:5 / /proc rw - proc proc rw
23 21 0:6 / /sys rw - sysfs sysfs rw
24 21 0:40 / /mnt/team\\040share rw - nfs4 nas:/team rw
25 21 254:0 /srv/data /var/data rw - ext4 /dev/vda rw
26 21 254:16 / /home rw - xfs /dev/vdb rw
27 21 0:50 / /home/ada/remote rw - fuse.sshfs pc7: rw
28 21 254:16 /ada /srv/ada rw - xfs /dev/vdb rw
";

    #[test]
    fn what_is_not_of_this_machine_is_closed_and_local_disks_are_open() {
        let borders = Borders::of_mounts(TABLE, b"/");
        assert_eq!(borders.closes(b"/proc"), Some(Exclusion::VirtualFileSystem));
        assert_eq!(borders.closes(b"/mnt/team share"), Some(Exclusion::NetworkMount));
        assert_eq!(borders.closes(b"/home"), None);
        assert_eq!(borders.closes(b"/home/ada/remote"), Some(Exclusion::NetworkMount));
    }

    #[test]
    fn a_bind_mount_is_seen_once() {
        let borders = Borders::of_mounts(TABLE, b"/");
        assert_eq!(borders.closes(b"/var/data"), Some(Exclusion::SeenElsewhere));
        assert_eq!(borders.closes(b"/srv/ada"), Some(Exclusion::SeenElsewhere));
        // Looked at alone, the folder is nowhere else.
        assert_eq!(Borders::of_mounts(TABLE, b"/var").closes(b"/data"), None);
    }

    #[test]
    fn of_two_equal_mounts_one_is_walked() {
        let table = b"1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /a rw - ext4 b rw\n3 1 8:2 / /b rw - ext4 b rw\n";
        let borders = Borders::of_mounts(table, b"/");
        assert_eq!((borders.closes(b"/a"), borders.closes(b"/b")), (None, Some(Exclusion::SeenElsewhere)));
    }
}
