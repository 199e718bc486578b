//! Heads of volumes, each with what its format puts at fixed places. Those that tools for Linux make were checked against
//! what `blkid` says of them.

use super::{VolumeKind, boot_sector, crc32, what, what_within};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// A place and what is there.
type Mark<'a> = (usize, &'a [u8]);

/// A volume in memory.
struct Volume(Vec<u8>);

impl Volume {
    /// Zeros of 4 MiB but for some bytes at some places.
    fn with(marks: &[Mark<'_>]) -> Self {
        let mut bytes = vec![0; 4 << 20];
        for (at, mark) in marks {
            bytes[*at..at + mark.len()].copy_from_slice(mark);
        }
        Self(bytes)
    }

    fn kind(&self) -> VolumeKind {
        what(self).unwrap()
    }
}

impl File for Volume {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

const BOOT: Mark<'_> = (510, b"\x55\xaa");
const FAT: Mark<'_> =
    (0, b"\xeb\x3c\x90mkfs.fat\0\x02\x04\x04\0\x02\0\x02\0\0\xf8\x20\0\x20\0\x02\0\0\0\0\0\0\0\x02\0");
const EXT: [Mark<'_>; 3] = [(1080, b"\x53\xef"), (1024, b"\x10\0\0\0\x40\0\0\0"), (1100, b"\x01")];
const RAID: &[u8] = b"\xfc\x4e\x2b\xa9\x01\0\0\0";

#[test]
fn kinds_are_told_by_their_marks() {
    use VolumeKind::*;
    let jffs2 = {
        let node = *b"\x85\x19\x03\x20\x0c\0\0\0";
        [node, [crc32(0, &node).to_le_bytes(), [0; 4]].concat().try_into().unwrap()].concat()
    };
    let cases: &[(VolumeKind, &[Mark<'_>])] = &[
        (Ntfs, &[BOOT, (0, b"\xeb\x52\x90NTFS    ")]),
        (Exfat, &[BOOT, (0, b"\xeb\x76\x90EXFAT   ")]),
        (BitLocker, &[BOOT, (0, b"\xeb\x58\x90-FVE-FS-")]),
        (BitLocker, &[BOOT, FAT, (424, b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")]),
        (Refs, &[BOOT, (3, b"ReFS\0\0\0\0")]),
        (Fat, &[BOOT, FAT]),
        (Luks, &[(0, b"LUKS\xba\xbe\0\x02")]),
        (Xfs, &[(0, b"XFSB\0\0\x10\0")]),
        (Squashfs, &[(0, b"hsqs"), (28, b"\x04\0\0\0")]),
        (FileVault, &[(8, b"\x01\0\x10\0"), (88, b"CS\x01\0\0\0")]),
        (Apfs, &[(32, b"NXSB\0\x10\0\0")]),
        (FileVault, &[(32, b"NXSB\0\x10\0\0"), (1304, b"\x01")]),
        (Jffs2, &[(0, &jffs2)]),
        (Lvm, &[(512, b"LABELONE"), (536, b"LVM2 001")]),
        (Ext, &EXT),
        (F2fs, &[(1024, b"\x10\x20\xf5\xf2\x01\0")]),
        (Erofs, &[(1024, b"\xe2\xe1\xf5\xe0"), (1036, b"\x0c")]),
        (Iso, &[(32768, b"\x01CD001\x01")]),
        (Udf, &[(32768, b"\0BEA01\x01")]),
        (HfsPlus, &[(1024, b"H+\0\x04")]),
        (Btrfs, &[(0x10040, b"_BHRfS_M")]),
        (Zfs, &[(16384, b"\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\0\0\x24\0\0\0\x20\0\0\0\x07version")]),
        (Bcachefs, &[(4120, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81")]),
        (Slices, &[(512, b"\x57\x45\x56\x82"), (644, b"\x57\x45\x56\x82")]),
        (Swap, &[(4086, b"SWAPSPACE2")]),
        (Swap, &[(65526, b"S1SUSPEND\0")]),
        (MdRaid, &[(4096, RAID), (4240, b"\x08")]),
        (MdRaid, &[(0, RAID)]),
        (Vmfs, &[(1 << 20, b"\x0d\xd0\x01\xc0")]),
        (Zeros, &[]),
    ];
    for (kind, marks) in cases {
        assert_eq!(Volume::with(marks).kind(), *kind);
        // A mark that lacks one byte is none.
        let mut damaged = Volume::with(marks);
        if let Some((at, _)) = marks.first() {
            damaged.0[*at] ^= 0x20;
            assert_ne!(damaged.kind(), *kind);
        }
        // Where it begins in a disk does not matter.
        let inside = Volume([vec![7; 5120], Volume::with(marks).0, vec![7; 1000]].concat());
        assert_eq!(what_within(&inside, 5120, 4 << 20).unwrap(), *kind);
    }
}

#[test]
fn newer_mark_counts() {
    let ext_then_raid = [EXT.as_slice(), &[(4096, RAID), (4240, b"\x08")]].concat();
    assert_eq!(Volume::with(&ext_then_raid).kind(), VolumeKind::MdRaid);
    let swap_then_ext = [EXT.as_slice(), &[(4086, b"SWAPSPACE2")]].concat();
    assert_eq!(Volume::with(&swap_then_ext).kind(), VolumeKind::Ext);
    let fat_in_iso = [(32768, b"\x01CD001\x01".as_slice()), (1024, b"H+\0\x04")];
    assert_eq!(Volume::with(&fat_in_iso).kind(), VolumeKind::Iso);
}

#[test]
fn member_of_a_striped_raid_is_not_what_it_begins_like() {
    let size = 4 << 20;
    let (old, new) = (size - (64 << 10), size - 8192);
    for (level, kind) in [(0, VolumeKind::MdRaid), (1, VolumeKind::Ext), (5, VolumeKind::MdRaid)] {
        let number = [level];
        let marks = [(old, b"\xfc\x4e\x2b\xa9\0\0\0\0\x5a\0\0\0".as_slice()), (old + 28, &number)];
        assert_eq!(Volume::with(&[EXT.as_slice(), &marks].concat()).kind(), kind);
        let sector = (new as u64 / 512).to_le_bytes();
        let marks = [(new, RAID), (new + 72, &number), (new + 144, &sector)];
        assert_eq!(Volume::with(&[EXT.as_slice(), &marks].concat()).kind(), kind);
    }
}

#[test]
fn wiped_beginning_is_not_a_volume_of_zeros() {
    let mut volume = Volume::with(&[]);
    assert_eq!(volume.kind(), VolumeKind::Zeros);
    volume.0[(4 << 20) - 512] = 1;
    assert_eq!(volume.kind(), VolumeKind::Unknown);
}

#[test]
fn short_volumes_are_told_too() {
    for size in [0, 1, 511, 512, 1023, 4096] {
        assert_eq!(Volume(vec![0; size]).kind(), VolumeKind::Zeros);
        assert_eq!(boot_sector(&vec![0; size]), None);
    }
    assert_eq!(Volume(vec![1; 600]).kind(), VolumeKind::Unknown);
    // The disk ends before the volume does.
    assert_eq!(what_within(&Volume(vec![0; 4096]), 0, 1 << 30).unwrap(), VolumeKind::Unknown);
}

/// A volume whose end cannot be read.
struct Torn(Volume);

impl File for Torn {
    fn size(&self) -> Result<u64, Fault> {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        if offset + buffer.len() as u64 > 3 << 20 {
            return Err(Fault::new(GapReason::IoError, "gone"));
        }
        self.0.read_at(offset, buffer)
    }
}

#[test]
fn end_that_cannot_be_read_hides_nothing() {
    assert_eq!(what(&Torn(Volume::with(&EXT))).unwrap(), VolumeKind::Ext);
    assert_eq!(what(&Torn(Volume::with(&[]))).unwrap(), VolumeKind::Unknown);
}

#[test]
fn faults_say_what_to_do() {
    let fault = VolumeKind::BitLocker.fault().unwrap();
    assert_eq!(fault.reason, GapReason::Encrypted);
    assert_eq!(fault.detail, "a BitLocker volume: unlock it (manage-bde -unlock), then look at the unlocked volume");
    for kind in [VolumeKind::Luks, VolumeKind::FileVault] {
        assert_eq!(kind.fault().unwrap().reason, GapReason::Encrypted);
    }
    for kind in [VolumeKind::Btrfs, VolumeKind::Unknown, VolumeKind::MdRaid] {
        assert_eq!(kind.fault().unwrap().reason, GapReason::UnsupportedFormat);
    }
    for kind in [VolumeKind::Ntfs, VolumeKind::Lvm, VolumeKind::Swap, VolumeKind::Zeros] {
        assert_eq!(kind.fault(), None);
    }
}
