//! Images of disks, and the volumes in them: opened where they lie, read-only, never mounted.
//!
//! [`Image::of`] tells an image by its first bytes, [`open`] shows the disk that it holds as one file, [`volumes`] finds what
//! lies on that disk, and a [`Volume`] is one more [`Tree`](crate::Tree). What is encrypted, damaged or of a kind that is not
//! read is a fault with a name, never silence.

mod cluster;
mod ewf;
mod exfat;
mod ext;
mod fat;
mod filesystem;
mod inflate;
mod lvm;
pub mod ntfs;
mod partitions;
mod qcow2;
mod sibling;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod volume;
mod volume_kind;
mod xfs;

pub use sibling::Siblings;
pub use volume::{Each, Format, Met, Volume};

use crate::container::{self, Part, is_called};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use partitions::{Kind, Table, partitions};
use std::ops::ControlFlow;
use volume_kind::{HEAD, VolumeKind, what};

/// How an image holds its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// As it is: a disk with partitions, or one volume.
    Raw,
    /// QEMU.
    Qcow2,
    /// VMware.
    Vmdk,
    /// Virtual PC, Hyper-V of old, Azure.
    Vhd,
    /// Hyper-V.
    Vhdx,
    /// VirtualBox.
    Vdi,
    /// EnCase and other tools of forensics.
    Ewf,
}

impl Image {
    /// The image that a file called `name` is, which begins with `head`: its first 4 KiB, or all of it.
    ///
    /// A raw disk may be something else that only looks like one; [`volumes`] gives nothing then.
    pub fn of(name: &[u8], head: &[u8]) -> Option<Self> {
        const MARKS: [(&[u8], Image); 9] = [
            (b"QFI\xfb", Image::Qcow2),
            (b"KDMV", Image::Vmdk),
            (b"COWD", Image::Vmdk),
            (b"# Disk DescriptorFile", Image::Vmdk),
            (b"conectix", Image::Vhd),
            (b"vhdxfile", Image::Vhdx),
            (b"EVF\x09\x0d\x0a\xff\x00", Image::Ewf),
            (b"EVF2\x0d\x0a\x81\x00", Image::Ewf),
            (b"LVF\x09\x0d\x0a\xff\x00", Image::Ewf),
        ];
        if let Some((_, image)) = MARKS.iter().find(|(mark, _)| head.starts_with(mark)) {
            return Some(*image);
        }
        if head.get(64..68) == Some(b"\x7f\x10\xda\xbe") {
            return Some(Self::Vdi);
        }
        // Smaller than 4 KiB is no volume. What begins as none does is most files; some have boot code before their mark.
        let marks = [(512, &b"LABELONE"[..]), (1080, b"\x53\xef"), (1024, b"H+"), (1024, b"HX")];
        let marked = || marks.iter().any(|(at, mark)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)));
        if head.len() < 4096 || !(Self::may_be(head) || marked()) || is_called(name, b".iso") {
            return None;
        }
        let zeros = || head.iter().take(512).all(|byte| *byte == 0);
        // A disk of a fixed size has its mark at its end alone.
        if is_called(name, b".vhd") {
            return Some(Self::Vhd);
        }
        let known = || !matches!(volume_kind::by_head(head), VolumeKind::Unknown | VolumeKind::Squashfs);
        (zeros() || partitions::looks_like(head) || known()).then_some(Self::Raw)
    }

    /// Could a disk that lies in its file as it is begin with this sector?
    pub fn may_be(sector: &[u8]) -> bool {
        let marks = [&b"XFSB"[..], b"LUKS\xba\xbe", b"LABELONE"];
        sector.get(510..512) == Some(&[0x55, 0xaa])
            || sector.get(32..36) == Some(b"NXSB")
            || marks.iter().any(|mark| sector.starts_with(mark))
            || sector.get(..512).is_some_and(|sector| sector.iter().all(|byte| *byte == 0))
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Raw => "disk image",
            Self::Qcow2 => "qcow2 disk image",
            Self::Vmdk => "VMDK disk image",
            Self::Vhd => "VHD disk image",
            Self::Vhdx => "VHDX disk image",
            Self::Vdi => "VDI disk image",
            Self::Ewf => "E01 disk image",
        }
    }
}

/// Is this a disk, or a volume, that lies in its file as it is?
fn is_raw_disk(file: &dyn File) -> Result<bool, Fault> {
    Ok(partitions(file)?.is_some() || !matches!(what(file)?, VolumeKind::Unknown | VolumeKind::Zeros))
}

/// The disk that the image `file` holds. `beside` opens other files that the image names, by paths from the image's folder on.
///
/// # Errors
/// Where the image contradicts its format, is encrypted, or a part of it is missing.
pub fn open<'a>(image: Image, file: &'a dyn File, beside: &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault> {
    if image != Image::Raw && !file.is_random() {
        return Err(packed());
    }
    match image {
        Image::Raw => Ok(Box::new(sibling::Lent(file))),
        Image::Qcow2 => qcow2::open(file, beside),
        Image::Vmdk => vmdk::open(file, beside),
        Image::Vhd => vhd::open(file, beside),
        Image::Vhdx => vhdx::open(file, beside),
        Image::Vdi => vdi::open(file, beside),
        Image::Ewf => ewf::open(file, beside),
    }
}

/// What of an image is not shown by [`open`], where it holds more than one state of the disk.
pub fn left_out(image: Image, file: &dyn File) -> Result<Option<Fault>, Fault> {
    if image == Image::Qcow2 { qcow2::snapshots(file) } else { Ok(None) }
}

/// Disks are read here and there, and what is packed gives one byte after the other.
fn packed() -> Fault {
    Fault::new(GapReason::ArchiveNotOpened, "a disk in a compressed file: unpack it, and look at what that gives")
}

/// What lies on a disk.
pub enum Found<'f> {
    /// A volume with a file system.
    Volume(Format, &'f dyn File),
    /// A volume that is a container.
    Container(container::Format, &'f dyn File),
    /// A volume, or the table of partitions itself, that is not read.
    Fault(Fault),
}

/// Finds the volumes of `disk`; `sure`: it is one, whatever it looks like. Each has a name: `p3` for the third partition, `group/name` for a logical volume of LVM2; what
/// fills the whole disk has none, and neither has the table of partitions.
///
/// # Errors
/// Where the disk cannot be read.
pub fn volumes(
    disk: &dyn File,
    sure: bool,
    each: &mut dyn FnMut(&str, Found<'_>) -> ControlFlow<()>,
) -> Result<(), Fault> {
    if !disk.is_random() {
        let head = volume_kind::read_up_to(disk, 0, HEAD)?;
        return match volume_kind::by_head(&head) {
            VolumeKind::Unknown if !sure && !partitions::looks_like(&head) => Ok(()),
            VolumeKind::Iso => {
                let _ = tell("", Ok(VolumeKind::Iso), disk, each);
                Ok(())
            }
            _ => Err(packed()),
        };
    }
    let Some(Table { partitions, doubts }) = partitions(disk)? else {
        return match what(disk)? {
            // It only begins like a disk.
            VolumeKind::Unknown if !sure => Ok(()),
            VolumeKind::Lvm => logical(vec![disk], each),
            kind => {
                let _ = tell("", Ok(kind), disk, each);
                Ok(())
            }
        };
    };
    for doubt in doubts {
        if each("", Found::Fault(doubt)).is_break() {
            return Ok(());
        }
    }
    let files = partitions.iter().filter(|partition| partition.kind == Kind::Ordinary);
    let parts: Vec<_> = files.map(|it| (format!("p{}", it.number), Part::pinned(disk, it.start, it.size))).collect();
    let mut physical: Vec<&dyn File> = Vec::new();
    for (name, part) in &parts {
        match what(part) {
            Ok(VolumeKind::Lvm) => physical.push(part),
            kind => {
                if tell(name, kind, part, each).is_break() {
                    return Ok(());
                }
            }
        }
    }
    logical(physical, each)
}

/// Tells the logical volumes that lie on physical ones.
fn logical(physical: Vec<&dyn File>, each: &mut dyn FnMut(&str, Found<'_>) -> ControlFlow<()>) -> Result<(), Fault> {
    if physical.is_empty() {
        return Ok(());
    }
    for group in lvm::open(physical)? {
        for doubt in group.doubts {
            if each(&group.name, Found::Fault(doubt)).is_break() {
                return Ok(());
            }
        }
        for logical in group.logical {
            let name = format!("{}/{}", group.name, logical.name);
            let told = match logical.content {
                Ok(volume) => tell(&name, what(&*volume), &*volume, each),
                Err(fault) => each(&name, Found::Fault(fault)),
            };
            if told.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn tell(
    name: &str,
    kind: Result<VolumeKind, Fault>,
    volume: &dyn File,
    each: &mut dyn FnMut(&str, Found<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let found = match kind {
        Err(fault) => Found::Fault(fault),
        Ok(VolumeKind::Ntfs) => Found::Volume(Format::Ntfs, volume),
        Ok(VolumeKind::Fat) => Found::Volume(Format::Fat, volume),
        Ok(VolumeKind::Exfat) => Found::Volume(Format::Exfat, volume),
        Ok(VolumeKind::Ext) => Found::Volume(Format::Ext, volume),
        Ok(VolumeKind::Xfs) => Found::Volume(Format::Xfs, volume),
        Ok(VolumeKind::Iso) => Found::Container(container::Format::Iso, volume),
        Ok(VolumeKind::Squashfs) => Found::Container(container::Format::Squashfs, volume),
        Ok(kind) => match kind.fault() {
            Some(fault) => Found::Fault(fault),
            None => return ControlFlow::Continue(()),
        },
    };
    each(name, found)
}
