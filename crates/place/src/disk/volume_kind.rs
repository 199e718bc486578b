//! What a volume holds (a partition, a logical volume, a whole disk), told by the marks that formats leave at fixed places
//! (the tables of libblkid and the specifications of the formats name them). A mark counts only with the fields around it,
//! and of two marks that one volume can show, the one counts that is sure to be the newer.

#[cfg(test)]
mod tests;

use super::{lvm, partitions::crc32};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// What a volume holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) enum VolumeKind {
    /// NTFS.
    Ntfs,
    /// FAT with entries of 12, 16 or 32 bits.
    Fat,
    /// exFAT.
    Exfat,
    /// ext2, ext3 or ext4.
    Ext,
    /// XFS.
    Xfs,
    /// A physical volume of LVM2.
    Lvm,
    /// ISO 9660, with or without UDF beside it.
    Iso,
    /// Squashfs 4.
    Squashfs,
    /// Encrypted by BitLocker, or BitLocker To Go.
    BitLocker,
    /// Encrypted by LUKS 1 or 2.
    Luks,
    /// CoreStorage, or APFS with keys.
    FileVault,
    /// APFS without keys.
    Apfs,
    /// HFS+ or HFSX.
    HfsPlus,
    /// Btrfs.
    Btrfs,
    /// A member of a ZFS pool.
    Zfs,
    /// ReFS.
    Refs,
    /// Swap space of Linux, or what hibernation left there.
    Swap,
    /// A member of a Linux software RAID whose content is not that of a plain volume.
    MdRaid,
    /// F2FS.
    F2fs,
    /// bcache or bcachefs.
    Bcachefs,
    /// EROFS.
    Erofs,
    /// JFFS2.
    Jffs2,
    /// VMFS.
    Vmfs,
    /// UDF alone.
    Udf,
    /// Slices of BSD or Solaris, which are partitions inside a partition.
    Slices,
    /// Nothing but zeros in the first MiB and at the end.
    Zeros,
    /// None of these.
    Unknown,
}

impl VolumeKind {
    /// The kind in words.
    pub(in crate::disk) fn title(self) -> &'static str {
        match self {
            Self::Ntfs => "NTFS volume",
            Self::Fat => "FAT volume",
            Self::Exfat => "exFAT volume",
            Self::Ext => "ext2/3/4 volume",
            Self::Xfs => "XFS volume",
            Self::Lvm => "LVM2 physical volume",
            Self::Iso => "ISO 9660 volume",
            Self::Squashfs => "Squashfs volume",
            Self::BitLocker => "BitLocker volume",
            Self::Luks => "LUKS volume",
            Self::FileVault => "FileVault volume",
            Self::Apfs => "APFS volume",
            Self::HfsPlus => "HFS+ volume",
            Self::Btrfs => "Btrfs volume",
            Self::Zfs => "ZFS volume",
            Self::Refs => "ReFS volume",
            Self::Swap => "swap space",
            Self::MdRaid => "member of a Linux software RAID",
            Self::F2fs => "F2FS volume",
            Self::Bcachefs => "bcache or bcachefs volume",
            Self::Erofs => "EROFS volume",
            Self::Jffs2 => "JFFS2 volume",
            Self::Vmfs => "VMFS volume",
            Self::Udf => "UDF volume",
            Self::Slices => "partition with slices of BSD or Solaris",
            Self::Zeros => "volume of zeros",
            Self::Unknown => "volume of a format that is not known",
        }
    }

    /// Why such a volume is not read. None: it is, or it holds no files.
    pub(in crate::disk) fn fault(self) -> Option<Fault> {
        let locked = |how: &str| {
            let words = format!("a {}: unlock it ({how}), then look at the unlocked volume", self.title());
            Some(Fault::new(GapReason::Encrypted, words))
        };
        match self {
            Self::Ntfs | Self::Fat | Self::Exfat | Self::Ext | Self::Xfs | Self::Lvm | Self::Iso | Self::Squashfs => {
                None
            }
            Self::Swap | Self::Zeros => None,
            Self::BitLocker => locked("manage-bde -unlock"),
            Self::Luks => locked("cryptsetup open"),
            Self::FileVault => locked("diskutil apfs unlockVolume, diskutil coreStorage unlockVolume"),
            Self::Unknown => Some(Fault::new(GapReason::UnsupportedFormat, format!("a {}", self.title()))),
            _ => Some(Fault::new(GapReason::UnsupportedFormat, format!("a {}, which is not read", self.title()))),
        }
    }
}

/// Where the marks are, but those at the end and that of VMFS.
pub(in crate::disk) const HEAD: usize = 68 << 10;
/// How much of a volume must be zeros, and how much of its end.
const ZEROS: u64 = 1 << 20;
const END: u64 = 4 << 10;

/// What `volume` holds. A fault: its beginning cannot be read.
pub(in crate::disk) fn what(volume: &dyn File) -> Result<VolumeKind, Fault> {
    what_within(volume, 0, volume.size()?)
}

/// What the `size` bytes of `disk` from `start` on hold.
pub(in crate::disk) fn what_within(disk: &dyn File, start: u64, size: u64) -> Result<VolumeKind, Fault> {
    let part = Part { disk, start, size };
    let head = part.read(0, HEAD)?;
    // What lies further on and cannot be read, as the end of an image whose last part is lost, tells nothing.
    if is_striped(&part).unwrap_or(false) {
        return Ok(VolumeKind::MdRaid);
    }
    let is_vmfs = || part.read(ZEROS, 4).is_ok_and(|mark| mark == b"\x0d\xd0\x01\xc0");
    match by_head(&head) {
        VolumeKind::Unknown if is_vmfs() => Ok(VolumeKind::Vmfs),
        VolumeKind::Unknown if is_zeros(&part).unwrap_or(false) => Ok(VolumeKind::Zeros),
        kind => Ok(kind),
    }
}

/// A stretch of a disk.
struct Part<'a> {
    disk: &'a dyn File,
    start: u64,
    size: u64,
}

impl Part<'_> {
    /// Up to `length` bytes from `offset` on: fewer where the stretch or the disk ends.
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        read_up_to(self.disk, self.start.saturating_add(offset), left.min(length))
    }
}

/// Up to `length` bytes of `file` from `offset` on: fewer only where it ends.
pub(in crate::disk) fn read_up_to(file: &dyn File, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; length];
    let read = file.read_at(offset, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The `N` bytes at `at`; zeros where `bytes` ends before.
pub(in crate::disk) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

/// Do `bytes` have `mark` at `at`?
fn has(bytes: &[u8], at: usize, mark: &[u8]) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(mark))
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(bytes, at))
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(bytes, at))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

/// The kind whose boot sector `head` begins with, if it is one: such a sector ends like that of a partitioned disk.
pub(in crate::disk) fn boot_sector(head: &[u8]) -> Option<VolumeKind> {
    if !has(head, 510, b"\x55\xaa") {
        return None;
    }
    // What tells BitLocker To Go from the FAT volume it pretends to be; of all space, or of used space only.
    let to_go = has(head, 424, b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")
        || has(head, 424, b"\x3b\x4d\xa8\x92\x80\xdd\x0e\x4d\x9e\x4e\xb1\xe3\x28\x4e\xae\xd8");
    match &field::<8>(head, 3) {
        b"NTFS    " => Some(VolumeKind::Ntfs),
        b"EXFAT   " => Some(VolumeKind::Exfat),
        b"-FVE-FS-" => Some(VolumeKind::BitLocker),
        b"ReFS\0\0\0\0" => Some(VolumeKind::Refs),
        _ if to_go => Some(VolumeKind::BitLocker),
        _ if is_fat(head) => Some(VolumeKind::Fat),
        _ => None,
    }
}

/// FAT has no mark of its own: all its numbers must be such as they can be.
fn is_fat(head: &[u8]) -> bool {
    let jumps = matches!(head, [0xeb, _, 0x90, ..] | [0xe9, ..]);
    let (sector, cluster) = (le16(head, 11), field::<1>(head, 13)[0]);
    let reserved = le16(head, 14);
    let (tables, media) = (field::<1>(head, 16)[0], field::<1>(head, 21)[0]);
    jumps
        && sector.is_power_of_two()
        && (512..=4096).contains(&sector)
        && cluster.is_power_of_two()
        && reserved > 0
        && matches!(tables, 1 | 2)
        && matches!(media, 0xf0 | 0xf8..)
        && (le16(head, 19) > 0 || le32(head, 32) > 0)
        && (le16(head, 22) > 0 || le32(head, 36) > 0)
}

/// The kind by the first 68 KiB.
pub(in crate::disk) fn by_head(head: &[u8]) -> VolumeKind {
    // The order matters where a newer format leaves an older mark alone. What begins at 0 overwrites what was there; a
    // RAID leaves what lies before 4 KiB, so its mark, which file systems overwrite, comes before theirs.
    type Test = fn(&[u8]) -> bool;
    let tests: [(VolumeKind, Test); 20] = [
        (VolumeKind::Luks, |head| has(head, 0, b"LUKS\xba\xbe\0") && matches!(field(head, 7), [1 | 2])),
        (VolumeKind::MdRaid, |head| is_md(head, 0) || is_md(head, 4096)),
        (VolumeKind::Bcachefs, is_bcache),
        (VolumeKind::Xfs, is_xfs),
        (VolumeKind::Squashfs, |head| has(head, 0, b"hsqs") && le32(head, 28) == 4),
        (VolumeKind::FileVault, is_core_storage),
        (VolumeKind::FileVault, |head| is_apfs(head) && le64(head, 1304) > 0),
        (VolumeKind::Apfs, is_apfs),
        (VolumeKind::Jffs2, is_jffs2),
        (VolumeKind::Lvm, lvm::is_one),
        (VolumeKind::Ext, is_ext),
        (VolumeKind::F2fs, |head| has(head, 1024, b"\x10\x20\xf5\xf2") && le16(head, 1028) == 1),
        (VolumeKind::Erofs, |head| has(head, 1024, b"\xe2\xe1\xf5\xe0") && matches!(field(head, 1036), [9..=16])),
        (VolumeKind::Iso, |head| matches!(field(head, 32_768), [0..=3, b'C', b'D', b'0', b'0', b'1', 1])),
        (VolumeKind::HfsPlus, is_hfs_plus),
        (VolumeKind::Udf, |head| has(head, 32_768, b"\0BEA01\x01")),
        (VolumeKind::Btrfs, |head| has(head, 0x10040, b"_BHRfS_M")),
        (VolumeKind::Zfs, is_zfs),
        (VolumeKind::Slices, |head| is_slices(head.get(512..).unwrap_or_default())),
        (VolumeKind::Swap, is_swap),
    ];
    let found = || tests.iter().find(|(_, test)| test(head)).map(|(kind, _)| *kind);
    boot_sector(head).or_else(found).unwrap_or(VolumeKind::Unknown)
}

/// A block of RAID metadata of version 1.1 or 1.2; it says itself where it is.
fn is_md(head: &[u8], at: usize) -> bool {
    has(head, at, b"\xfc\x4e\x2b\xa9\x01\0\0\0") && usize::try_from(le64(head, at + 144)) == Ok(at / 512)
}

/// Is it a member of a RAID with its metadata at the end, so that it begins like the volume that the RAID holds, and goes
/// on otherwise? A member of a mirror is that volume.
fn is_striped(part: &Part<'_>) -> Result<bool, Fault> {
    const MARK: &[u8] = b"\xfc\x4e\x2b\xa9";
    const MIRROR: u32 = 1;
    // Version 0.90: in the last whole 64 KiB. In the order of bytes of the machine, of which only this one is known here.
    let old = part.read((part.size & !0xffff).saturating_sub(0x10000), 512)?;
    if part.size >= 0x20000 && has(&old, 0, MARK) && le32(&old, 4) == 0 && le32(&old, 8) == 90 {
        return Ok(le32(&old, 28) != MIRROR);
    }
    // Version 1.0: at least 8 KiB before the end, at a multiple of 4 KiB.
    let at = (part.size / 512).saturating_sub(16) & !7;
    let new = part.read(at.saturating_mul(512), 512)?;
    let is_one = at > 0 && has(&new, 0, MARK) && le32(&new, 4) == 1 && le64(&new, 144) == at;
    Ok(is_one && le32(&new, 72) != MIRROR)
}

/// bcache, and bcachefs, which came from it.
fn is_bcache(head: &[u8]) -> bool {
    has(head, 4120, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81")
        || has(head, 4120, b"\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef")
}

fn is_xfs(head: &[u8]) -> bool {
    let block = u32::from_be_bytes(field(head, 4));
    has(head, 0, b"XFSB") && block.is_power_of_two() && (512..=65536).contains(&block)
}

/// The header of a physical volume of CoreStorage: version 1, kind 0x10, the mark, and CRC-32C as its check.
fn is_core_storage(head: &[u8]) -> bool {
    has(head, 8, b"\x01\0\x10\0") && has(head, 88, b"CS\x01\0\0\0")
}

fn is_apfs(head: &[u8]) -> bool {
    let block = le32(head, 36);
    has(head, 32, b"NXSB") && block.is_power_of_two() && (4096..=65536).contains(&block)
}

/// A node of JFFS2, with the check of its header, in either order of bytes.
fn is_jffs2(head: &[u8]) -> bool {
    let sum = head.get(..8).map(|node| crc32(0, node));
    match head {
        [0x85, 0x19, _, 0xe0 | 0x20, ..] => sum == Some(le32(head, 8)),
        [0x19, 0x85, 0xe0 | 0x20, ..] => sum == Some(u32::from_be_bytes(field(head, 8))),
        _ => false,
    }
}

/// The mark of ext is two bytes: the counts of inodes and blocks, the size of a block and the revision must be such as they
/// can be.
fn is_ext(head: &[u8]) -> bool {
    let at = |offset: usize| le32(head, 1024 + offset);
    has(head, 1080, b"\x53\xef") && at(0) > 0 && (at(4) > 0 || at(0x150) > 0) && at(24) <= 6 && at(76) <= 1
}

/// HFS+ and HFSX, or HFS+ wrapped in HFS.
fn is_hfs_plus(head: &[u8]) -> bool {
    has(head, 1024, b"H+\0\x04") || has(head, 1024, b"HX\0\x05") || (has(head, 1024, b"BD") && has(head, 1148, b"H+"))
}

/// The list in the label of a ZFS device: encoded as XDR, its first pair the version.
fn is_zfs(head: &[u8]) -> bool {
    has(head, 16384, b"\x01") && has(head, 16386, b"\0\0\0\0\0\0\0\0\0\x01") && has(head, 16404, b"\0\0\0\x07version")
}

/// A disk label of BSD, with its mark twice, or the table of contents of Solaris for x86.
fn is_slices(sector: &[u8]) -> bool {
    const BSD: &[u8] = b"\x57\x45\x56\x82";
    (has(sector, 0, BSD) && has(sector, 132, BSD)) || (has(sector, 12, b"\xee\xde\x0d\x60") && le32(sector, 16) == 1)
}

/// The mark is at the end of the first page, whatever size a page has. Hibernation puts its own there.
fn is_swap(head: &[u8]) -> bool {
    let marks: [&[u8]; 7] = [
        b"SWAP-SPACE",
        b"SWAPSPACE2",
        b"S1SUSPEND\0",
        b"S2SUSPEND\0",
        b"ULSUSPEND\0",
        b"LINHIB0001",
        b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c",
    ];
    [4096, 8192, 16384, 65536].iter().any(|page| marks.iter().any(|mark| has(head, page - 10, mark)))
}

/// Zeros at the beginning, and at the end, where copies of a beginning that was wiped would lie.
fn is_zeros(part: &Part<'_>) -> Result<bool, Fault> {
    const PIECE: usize = 128 << 10;
    let mut offset = 0;
    while offset < ZEROS.min(part.size) {
        let piece = part.read(offset, PIECE)?;
        if piece.is_empty() || piece.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        offset = offset.saturating_add(piece.len() as u64);
    }
    Ok(part.read(part.size.saturating_sub(END), 4 << 10)?.iter().all(|byte| *byte == 0))
}
