//! Which container a file is, by its first bytes; by its name only where bytes alone do not say.

use super::bytes::{le16, le32};
use super::compound::MAGIC;
use super::frames::is_skipped;
use crate::disk::Image;

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
    /// A package of Windows Installer, or another compound file.
    Msi,
    /// Squashfs: snaps, live systems.
    Squashfs,
    /// The image of a disk or volume, opened by [`crate::disk`].
    Disk(Image),
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
    /// lz4 frames, also those from before there were any.
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
            Self::Msi => "package of Windows Installer",
            Self::Squashfs => "squashfs image",
            Self::Disk(image) => image.title(),
            Self::SelfExtracting => "self-extracting program",
        }
    }
}

/// The container that a file called `name` is, which begins with `head` (its first 4 KiB, or all of it).
///
/// Whether programs are [`Format::SelfExtracting`] and compound files [`Format::Msi`] only [`super::open`] finds; what only
/// looks like a disk has no volumes.
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
        (0x02, 0x21) if head.starts_with(b"\x02\x21\x4c\x18") => Format::Compressed(Codec::Lz4),
        (0x50..=0x5f, 0x2a) if is_skipped(head) => Format::Compressed(behind_skipped(head)),
        (0x5d, 0) if ends(".lzma") || ends(".tlz") => Format::Compressed(Codec::Lzma),
        (b'7', b'z') if head.starts_with(b"7z\xbc\xaf\x27\x1c") => Format::SevenZip,
        (b'M', b'S') if head.starts_with(b"MSCF\0\0\0\0") => Format::Cab,
        (b'!', b'<') if head.starts_with(b"!<arch>\ndebian-binary") => Format::Deb,
        (0xed, 0xab) if head.starts_with(b"\xed\xab\xee\xdb") => Format::Rpm,
        (b'0', b'7') if is_cpio(head) => Format::Cpio,
        (0xc7, 0x71) | (0x71, 0xc7) if ends(".cpio") => Format::Cpio,
        (b'h', b's') if head.starts_with(b"hsqs") => Format::Squashfs,
        (0xd0, 0xcf) if head.starts_with(MAGIC) => Format::Msi,
        (b'M', b'Z') => Format::SelfExtracting,
        (0x7f, b'E') if head.starts_with(b"\x7fELF") && head.get(8..10) == Some(b"AI") => Format::SelfExtracting,
        // An archive may begin with the script that starts it.
        (b'#', b'!') if [".jar", ".war", ".pex", ".pyz", ".zip"].iter().any(|ending| ends(ending)) => Format::Zip,
        // Those that are only named.
        (0x1f, 0x9d) if (9..=16).contains(&(head[2] & 0x7f)) => return named("file by compress"),
        (b'L', b'Z') if head.starts_with(b"LZIP\x01") => return named("file by lzip"),
        (0x89, b'L') if head.starts_with(b"\x89LZO\0\r\n\x1a\n") => return named("file by lzop"),
        (b'x', b'a') if head.starts_with(b"xar!") => return named("xar archive"),
        (0x60, 0xea) if is_arj(head) => return named("arj archive"),
        _ => return by_place(name, head, ends),
    };
    Some(Ok(known))
}

fn named(kind: &'static str) -> Option<Result<Format, NotOpened>> {
    Some(Err(NotOpened(kind)))
}

/// What follows a frame that is to be skipped: zstd and lz4 have the same ones.
fn behind_skipped(head: &[u8]) -> Codec {
    let next = usize::try_from(le32(head, 4)).ok().and_then(|length| head.get(length.checked_add(8)?..));
    match next.unwrap_or_default() {
        [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Codec::Lz4,
        next if is_skipped(next) && next.len() < head.len() => behind_skipped(next),
        _ => Codec::Zstd,
    }
}

/// arj: the size of the main header, then that of its first part, and the kind of the file, which is 2.
fn is_arj(head: &[u8]) -> bool {
    (30..=2600).contains(&le16(head, 2)) && (30..=64).contains(&head[4]) && head.get(10) == Some(&2)
}

/// lha: the method, such as `-lh5-`, and how long the header is.
fn is_lha(head: &[u8]) -> bool {
    matches!(head, [_, _, b'-', b'l', b'h' | b'z', method, b'-', ..] if method.is_ascii_alphanumeric())
        || matches!(head, [_, _, b'-', b'p', b'm', method, b'-', ..] if method.is_ascii_alphanumeric())
}

/// Containers whose mark lies further on, and those that are only named.
fn by_place(name: &[u8], head: &[u8], ends: impl Fn(&str) -> bool) -> Option<Result<Format, NotOpened>> {
    if head.get(257..262) == Some(b"ustar") || (ends(".tar") && is_old_tar(head)) {
        return Some(Ok(Format::Tar));
    }
    const NAMED: [(&[u8], &str); 5] = [
        (b"Rar!\x1a\x07", "rar archive"),
        (b"MSWIM\0\0\0", "WIM image"),
        (b"sqsh", "squashfs image of another byte order"),
        (b"-rom1fs-", "romfs image"),
        (b"ITSF\x03\0\0\0", "compiled help file"),
    ];
    if let Some((_, kind)) = NAMED.iter().find(|(magic, _)| head.starts_with(magic)) {
        return named(kind);
    }
    if is_lha(head) {
        return named("lha archive");
    }
    if let Some(image) = Image::of(name, head) {
        return Some(Ok(Format::Disk(image)));
    }
    if ends(".iso") {
        return Some(Ok(Format::Iso));
    }
    // It has its mark at its end.
    if head.len() == 4096 && ends(".dmg") {
        return named("disk image of macOS");
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

    #[test]
    fn frames_may_begin_with_one_that_is_skipped() {
        let skipped = b"\x50\x2a\x4d\x18\x04\0\0\0rest".as_slice();
        let told = |behind: &[u8]| sniff(b"x", &[skipped, skipped, behind, &[0; 20]].concat());
        assert_eq!(told(b"\x28\xb5\x2f\xfd"), Some(Ok(Format::Compressed(Codec::Zstd))));
        assert_eq!(told(b"\x04\x22\x4d\x18"), Some(Ok(Format::Compressed(Codec::Lz4))));
    }
}
