//! Names that lead out, that are none, that no system can write: members keep them as they are, as bytes, and a locator
//! made of them is one line that leads back.

use super::made::*;
use super::{Seen, fault_of, look};
use ostrakon_model::GapReason;
use ostrakon_model::locator::{decode, encode};
use ostrakon_place::container::Bytes;

/// A name in an archive, and the path of the member.
const NAMES: [(&[u8], &[u8]); 15] = [
    (b"../../etc/passwd", b"/../../etc/passwd"),
    (b"/etc/shadow", b"/etc/shadow"),
    (b"//etc//shadow", b"/etc//shadow"),
    (b"a/../../b", b"/a/../../b"),
    (b"./././a", b"/a"),
    (b"C:/Windows/x", b"/C:/Windows/x"),
    (b"con", b"/con"),
    (b"nul.txt", b"/nul.txt"),
    (b"a\nb\r", b"/a\nb\r"),
    (b"a!b%41", b"/a!b%41"),
    (b"\xff\xfe\x80", b"/\xff\xfe\x80"),
    (b"\xe2\x80\xaegpj.exe", b"/\xe2\x80\xaegpj.exe"),
    (b"\x1b[31mred", b"/\x1b[31mred"),
    (b" ", b"/ "),
    (b"...", b"/..."),
];

fn one(name: &str, bytes: &[u8]) -> Seen {
    let (mut seen, result) = look(name, &Bytes(bytes)).unwrap();
    assert_eq!(result, Ok(()), "{name}");
    assert_eq!(seen.len(), 1, "{name}");
    seen.remove(0)
}

/// The member has this path, can be read, and its locator leads back to it.
fn is_kept(archive: &str, bytes: &[u8], path: &[u8]) {
    let seen = one(archive, bytes);
    assert_eq!(seen.path.escape_ascii().to_string(), path.escape_ascii().to_string(), "{archive}");
    assert_eq!(seen.content.as_deref(), Ok(b"content".as_slice()), "{archive}: {}", seen.text());
    let text = encode(&seen.path);
    assert!(!text.contains(['\n', '\r', '!', '\0', '\u{1b}', '\u{202e}']), "{text}");
    assert_eq!(decode(&text), seen.path);
}

#[test]
fn names_that_lead_out_stay_names() {
    for (name, path) in NAMES {
        is_kept("x.zip", &zip(&[Zipped::stored(name, b"content")]), path);
        is_kept("x.tar", &[tar_member(name, b'0', b"content"), TAR_END.to_vec()].concat(), path);
        is_kept("x.cpio", &[cpio_member(name, b"content"), cpio_end()].concat(), path);
        let long = [name, b"\0"].concat();
        let members = [tar_member(b"././@LongLink", b'L', &long), tar_member(b"short", b'0', b"content")].concat();
        is_kept("x.tar", &[members, TAR_END.to_vec()].concat(), path);
        if let Ok(name) = std::str::from_utf8(name) {
            is_kept("x.7z", &seven_of(b"content", &[1, 0], 7, name), path);
        }
    }
}

#[test]
fn the_other_slash_separates_where_windows_made_the_archive() {
    is_kept("x.zip", &zip(&[Zipped::stored(b"C:\\Windows\\x", b"content")]), b"/C:/Windows/x");
    is_kept("x.7z", &seven_of(b"content", &[1, 0], 7, "C:\\Windows\\x"), b"/C:/Windows/x");
    is_kept("x.tar", &[tar_member(b"C:\\x", b'0', b"content"), TAR_END.to_vec()].concat(), b"/C:\\x");
}

#[test]
fn a_byte_of_0_in_a_name() {
    is_kept("x.zip", &zip(&[Zipped::stored(b"a\0b", b"content")]), b"/a\0b");
    is_kept("x.cpio", &[cpio_member(b"a\0b", b"content"), cpio_end()].concat(), b"/a\0b");
    is_kept("x.tar", &[tar_member(b"a\0b", b'0', b"content"), TAR_END.to_vec()].concat(), b"/a");
    let line = pax_line("path", "a\0b");
    let members = [tar_member(b"p", b'x', &line), tar_member(b"short", b'0', b"content")].concat();
    is_kept("x.tar", &[members, TAR_END.to_vec()].concat(), b"/a\0b");
}

#[test]
fn no_name_at_all() {
    is_kept("x.zip", &zip(&[Zipped::stored(b"", b"content")]), b"/");
    is_kept("x.tar", &[tar_member(b"", b'0', b"content"), TAR_END.to_vec()].concat(), b"/");
    is_kept("x.cpio", &[cpio_member(b"", b"content"), cpio_end()].concat(), b"/");
}

#[test]
fn the_longest_names() {
    let name = vec![b'n'; 65_535];
    let path = [b"/", name.as_slice()].concat();
    is_kept("x.zip", &zip(&[Zipped::stored(&name, b"content")]), &path);
    let parts = b"part/".repeat(13_107);
    let path = [b"/", parts.strip_suffix(b"/").unwrap(), b"x"].concat();
    let parts = [parts.strip_suffix(b"/").unwrap(), b"x"].concat();
    is_kept("x.zip", &zip(&[Zipped::stored(&parts, b"content")]), &path);

    let name = vec![b'n'; 70_000];
    let path = [b"/", name.as_slice()].concat();
    let short = || tar_member(b"short", b'0', b"content");
    let bytes = [tar_member(b"././@LongLink", b'L', &name), short(), TAR_END.to_vec()].concat();
    is_kept("x.tar", &bytes, &path);
    let line = pax_line("path", std::str::from_utf8(&name).unwrap());
    is_kept("x.tar", &[tar_member(b"p", b'x', &line), short(), TAR_END.to_vec()].concat(), &path);
    is_kept("x.7z", &seven_of(b"content", &[1, 0], 7, std::str::from_utf8(&name).unwrap()), &path);
    // No kernel takes such a name.
    let bytes = [cpio_member(&name, b"content"), cpio_end()].concat();
    assert_eq!(fault_of("x.cpio", &bytes).reason, GapReason::Limit);
}

#[test]
fn names_of_7z_that_are_no_text() {
    // Half of a pair of UTF-16, by changing the first letter of a name and the checksums over it.
    let mut bytes = seven_of(b"content", &[1, 0], 7, "name");
    let place = bytes.windows(8).position(|part| part == b"n\0a\0m\0e\0").unwrap();
    bytes[place + 1] = 0xd8;
    let header = 32 + 7;
    let sum = crc32fast::hash(&bytes[header..]);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    let sum = crc32fast::hash(&bytes[12..32]);
    bytes[8..12].copy_from_slice(&sum.to_le_bytes());
    let (seen, result) = look("x.7z", &Bytes(&bytes)).unwrap();
    assert!(seen.len() == 1 || result.is_err(), "no member, and no fault");
}
