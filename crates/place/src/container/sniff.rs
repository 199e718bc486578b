//! Which container a file is, by its first bytes; by its name only where bytes alone do not say.

/// A kind of container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Zip and everything made of it: jar, war, whl, nupkg, xpi, crx, msix, apk of Android, office documents.
    Zip,
    /// Tar in all its dialects.
    Tar,
    /// One compressed stream; a tar or cpio archive in it is opened with it.
    Compressed(Codec),
    /// cpio, and the initramfs images made of it.
    Cpio,
    /// A Debian package file.
    Deb,
    /// An RPM package file.
    Rpm,
    /// A Microsoft cabinet.
    Cab,
    /// 7z.
    SevenZip,
    /// ISO 9660.
    Iso,
    /// Squashfs: snaps, live systems.
    Squashfs,
    /// A program with an archive behind its last section: installers, AppImages.
    SelfExtracting,
}

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// gzip, also several in a row.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// lz4 frames.
    Lz4,
    /// The format before xz, told by its name.
    Lzma,
}

/// A container this program knows and does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOpened(pub &'static str);

impl Format {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Zip => "zip archive",
            Self::Tar => "tar archive",
            Self::Compressed(_) => "compressed file",
            Self::Cpio => "cpio archive",
            Self::Deb => "Debian package file",
            Self::Rpm => "RPM package file",
            Self::Cab => "cabinet",
            Self::SevenZip => "7z archive",
            Self::Iso => "ISO image",
            Self::Squashfs => "squashfs image",
            Self::SelfExtracting => "self-extracting program",
        }
    }
}

/// The container that a file called `name` is, which begins with `head` (its first 4 KiB, or all of it).
///
/// Programs are said to be [`Format::SelfExtracting`] only where [`super::open`] finds something behind them; an ISO image
/// shows only behind its head, so it is told by its name or by 512 zeros.
pub fn sniff(name: &[u8], head: &[u8]) -> Option<Result<Format, NotOpened>> {
    let ends = |ending: &str| {
        name.len() > ending.len() && name[name.len() - ending.len()..].eq_ignore_ascii_case(ending.as_bytes())
    };
    // The one look that nearly every file ends with.
    let (&[first, second, ..], true) = (head, head.len() >= 20) else { return None };
    let known = match (first, second) {
        (b'P', b'K') if head[2..].starts_with(b"\x03\x04") || head[2..].starts_with(b"\x05\x06") => Format::Zip,
        (b'P', b'K') if head[2..].starts_with(b"\x07\x08PK\x03\x04") || head[2..].starts_with(b"00PK\x03\x04") => {
            Format::Zip
        }
        (b'C', b'r') if head.starts_with(b"Cr24") => Format::Zip,
        (0x1f, 0x8b) if head[2] == 8 => Format::Compressed(Codec::Gzip),
        (0xfd, b'7') if head.starts_with(b"\xfd7zXZ\0") => Format::Compressed(Codec::Xz),
        (0x28, 0xb5) if head.starts_with(b"\x28\xb5\x2f\xfd") => Format::Compressed(Codec::Zstd),
        (b'B', b'Z') if head[2] == b'h' && head[3].is_ascii_digit() && head[4..].starts_with(b"1AY&SY") => {
            Format::Compressed(Codec::Bzip2)
        }
        (0x04, 0x22) if head.starts_with(b"\x04\x22\x4d\x18") => Format::Compressed(Codec::Lz4),
        (0x5d, 0) if ends(".lzma") || ends(".tlz") => Format::Compressed(Codec::Lzma),
        (b'7', b'z') if head.starts_with(b"7z\xbc\xaf\x27\x1c") => Format::SevenZip,
        (b'M', b'S') if head.starts_with(b"MSCF\0\0\0\0") => Format::Cab,
        (b'!', b'<') if head.starts_with(b"!<arch>\ndebian-binary") => Format::Deb,
        (0xed, 0xab) if head.starts_with(b"\xed\xab\xee\xdb") => Format::Rpm,
        (b'0', b'7') if is_cpio(head) => Format::Cpio,
        (0xc7, 0x71) if ends(".cpio") => Format::Cpio,
        (b'h', b's') if head.starts_with(b"hsqs") => Format::Squashfs,
        (b'M', b'Z') => Format::SelfExtracting,
        (0x7f, b'E') if head.starts_with(b"\x7fELF") && head.get(8..10) == Some(b"AI") => Format::SelfExtracting,
        // An archive may begin with the script that starts it.
        (b'#', b'!') if [".jar", ".war", ".pex", ".pyz", ".zip"].iter().any(|ending| ends(ending)) => Format::Zip,
        _ => return by_place(head, ends),
    };
    Some(Ok(known))
}

/// Containers whose mark lies further on, and those that are only named.
fn by_place(head: &[u8], ends: impl Fn(&str) -> bool) -> Option<Result<Format, NotOpened>> {
    if head.get(257..262) == Some(b"ustar") || (ends(".tar") && is_old_tar(head)) {
        return Some(Ok(Format::Tar));
    }
    const NAMED: [(&[u8], &str); 12] = [
        (b"Rar!\x1a\x07", "rar archive"),
        (b"QFI\xfb", "qcow2 disk image"),
        (b"KDMV", "VMDK disk image"),
        (b"COWD", "VMDK disk image"),
        (b"conectix", "VHD disk image"),
        (b"vhdxfile", "VHDX disk image"),
        (b"EVF\x09\x0d\x0a\xff\x00", "E01 disk image"),
        (b"MSWIM\0\0\0", "WIM image"),
        (b"sqsh", "squashfs image of another byte order"),
        (b"LUKS\xba\xbe", "LUKS volume"),
        (b"-rom1fs-", "romfs image"),
        (b"ITSF\x03\0\0\0", "compiled help file"),
    ];
    if let Some((_, kind)) = NAMED.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(Err(NotOpened(kind)));
    }
    if head.get(64..68) == Some(b"\x7f\x10\xda\xbe") {
        return Some(Err(NotOpened("VDI disk image")));
    }
    let zeros = || head.len() == 4096 && head[..512].iter().all(|byte| *byte == 0);
    if ends(".iso") || (zeros() && !ends(".vhd")) {
        return Some(Ok(Format::Iso));
    }
    // Fixed disks have their mark at their end.
    if head.len() == 4096 && (ends(".vhd") || ends(".dmg")) {
        return Some(Err(NotOpened("disk image")));
    }
    None
}

fn is_cpio(head: &[u8]) -> bool {
    let digits =
        |range: std::ops::Range<usize>| head.get(range).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_hexdigit));
    (head.starts_with(b"070701") || head.starts_with(b"070702") || head.starts_with(b"070707")) && digits(6..76)
}

/// A tar header from before `ustar` has nothing but its checksum.
fn is_old_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let text = String::from_utf8_lossy(&header[148..156]);
    let Ok(said) = u32::from_str_radix(text.trim_matches(['\0', ' ']), 8) else { return false };
    let sum = |range: std::ops::Range<usize>| header[range].iter().map(|byte| u32::from(*byte)).sum::<u32>();
    sum(0..148) + sum(156..512) + 8 * 32 == said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_container() {
        assert_eq!(sniff(b"README", b"PKZIP is a program of 1989."), None);
        assert_eq!(sniff(b"x.lzma", b"a text that is called so"), None);
    }

    #[test]
    fn bytes_say_more_than_names() {
        let head = [b"PK\x03\x04".as_slice(), &[0; 40]].concat();
        assert_eq!(sniff(b"picture.png", &head), Some(Ok(Format::Zip)));
        let head = [b"Rar!\x1a\x07\x00".as_slice(), &[0; 40]].concat();
        assert_eq!(sniff(b"x", &head), Some(Err(NotOpened("rar archive"))));
    }
}
