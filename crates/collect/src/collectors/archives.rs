//! Archives, packages and images that lie in the place. They are opened by the pass itself (see `nested`); this module says
//! so, and what of it is not done.

use crate::collector::{Collector, Meta};
use ostrakon_model::{Presence, Presences};

pub(crate) struct Archives;

/// What an archive that was not opened could hide.
pub(crate) const HIDES: Presences = Presences::of(&[Presence::Dormant, Presence::Embedded]);

static META: Meta = Meta {
    id: "archives",
    what: "Archives, packages and images, told by their first bytes and opened where they lie, to any depth within limits: \
           zip and its kin, tar, gzip, xz, zstd, bzip2, lz4, 7z, cabinets, cpio and initramfs, ISO 9660, squashfs, Debian \
           and RPM package files, packages of Windows Installer, programs with an archive behind them; images of disks (raw, qcow2, VMDK, VHD, \
           VHDX, VDI, E01) with their partitions, logical volumes and file systems (NTFS, FAT, exFAT, ext2/3/4, XFS).",
    cannot_see: "Encrypted members; formats it only names (rar, WIM, other file systems), encrypted volumes and internal snapshots, which are gaps; names of deleted files, of which only what they hold is looked at; inside zip archives, \
                 members whose names say that they hold no program or list (pages, pictures, classes), unless with \
                 --paranoid; classes of Java archives one by one: the folders they lie in are told; archives inside scripts; compressed single files whose content is no program or archive.",
    attributes: &[],
    hides: HIDES,
    live: false,
};

impl Collector for Archives {
    fn meta(&self) -> &'static Meta {
        &META
    }
}
