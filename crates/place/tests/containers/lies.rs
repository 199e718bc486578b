//! Archives that contradict themselves: sizes, counts and checksums that are not those of the content, numbers that no
//! file can have, dictionaries that no memory holds. Each is a fault, and the reason says which.

use super::made::*;
use super::{Seen, fault_of, faults, fixture, look};
use ostrakon_model::GapReason;
use ostrakon_place::EntryKind;
use ostrakon_place::container::Bytes;

/// The content of the one member that `bytes` hold, if it can be had.
fn only(name: &str, bytes: &[u8]) -> Result<Vec<u8>, GapReason> {
    let (seen, result) = look(name, &Bytes(bytes)).unwrap();
    if let Some(fault) = faults(&seen, &result).first() {
        return Err(fault.reason);
    }
    assert_eq!(seen.len(), 1, "{name}");
    Ok(seen[0].content.clone().unwrap())
}

/// Is it damage that was found?
fn is_damage(found: &Result<Vec<u8>, GapReason>) -> bool {
    matches!(found, Err(GapReason::Corrupt | GapReason::Truncated))
}

#[test]
fn a_list_that_says_less_than_there_is() {
    let content = vec![b'x'; 1_000_000];
    let mut entry = Zipped::deflated(b"x", &content);
    assert_eq!(only("x.zip", &zip(std::slice::from_ref(&entry))).map(|it| it.len()), Ok(content.len()));
    entry.size = 10;
    let found = only("x.zip", &zip(&[entry]));
    assert!(is_damage(&found), "deflated: {:?}", found.map(|it| it.len()));

    let mut entry = Zipped::stored(b"x", &content);
    entry.size = 10;
    let found = only("x.zip", &zip(&[entry]));
    assert!(is_damage(&found), "stored: {:?}", found.map(|it| it.len()));
}

#[test]
fn a_list_that_says_more_than_there_is() {
    for entry in [Zipped::deflated(b"x", b"ten bytes!"), Zipped::stored(b"x", b"ten bytes!")] {
        let longer = Zipped { size: 1_000_000, ..entry };
        assert!(is_damage(&only("x.zip", &zip(&[longer]))));
    }
}

#[test]
fn a_wrong_checksum_of_what_is_deflated() {
    let mut entry = Zipped::deflated(b"x", b"content, content, content");
    entry.crc ^= 1;
    assert_eq!(only("x.zip", &zip(&[entry])), Err(GapReason::Corrupt));
}

#[test]
fn a_wrong_checksum_of_what_is_stored() {
    let mut entry = Zipped::stored(b"x", b"content, content, content");
    entry.crc ^= 1;
    assert_eq!(only("x.zip", &zip(&[entry])), Err(GapReason::Corrupt));
}

/// Such as by tools that count members in 16 bits.
#[test]
fn a_count_that_is_too_small_hides_no_members() {
    let entries: Vec<_> = [b"a", b"b", b"c"].map(|name| Zipped::stored(name, b"content")).to_vec();
    let bytes = zip_that_counts(&entries, 1);
    let (seen, result) = look("x.zip", &Bytes(&bytes)).unwrap();
    assert!(result.is_err() || seen.len() == 3, "{} of 3 members, and no fault", seen.len());
}

#[test]
fn a_count_that_is_too_large() {
    let entries = [Zipped::stored(b"a", b"content")];
    for count in [2, 0xffff, 1 << 40] {
        let reason = fault_of("x.zip", &zip_that_counts(&entries, count)).reason;
        assert!(matches!(reason, GapReason::Corrupt | GapReason::Truncated), "{count}: {reason}");
    }
}

#[test]
fn members_that_lie_over_each_other() {
    // The same member under three names.
    let first = Zipped::deflated(b"a", b"content");
    let others = [b"b", b"c"].map(|name| Zipped { name: name.to_vec(), header: Some(0), ..first.clone() });
    let bytes = zip(&[vec![first.clone()], others.to_vec()].concat());
    assert_eq!(fault_of("x.zip", &bytes).reason, GapReason::Corrupt);

    // Two, by turns.
    let second = Zipped::deflated(b"b", b"other content");
    let place = u32::try_from(first.own().len()).unwrap();
    let entries = [
        first.clone(),
        second.clone(),
        Zipped { name: b"c".to_vec(), header: Some(0), ..first },
        Zipped { name: b"d".to_vec(), header: Some(place), ..second },
    ];
    assert_eq!(fault_of("x.zip", &zip(&entries)).reason, GapReason::Corrupt);
}

#[test]
fn one_broken_member_does_not_hide_the_others() {
    let broken = Zipped { header: Some(7), ..Zipped::stored(b"broken", b"content") };
    let bytes = zip(&[Zipped::stored(b"a", b"content"), broken, Zipped::stored(b"b", b"content")]);
    let (seen, result) = look("x.zip", &Bytes(&bytes)).unwrap();
    assert!(!faults(&seen, &result).is_empty());
    assert!(seen.iter().any(|it| it.path == b"/b"), "only {:?}", seen.iter().map(Seen::text).collect::<Vec<_>>());
}

#[test]
fn sizes_of_tar_that_no_file_has() {
    for size in [1 << 63, u64::MAX, u64::MAX - 511, (1 << 63) - 1024, 1 << 40] {
        let bytes = [tar_header(b"x", b'0', size), vec![7; 2048]].concat();
        let reason = fault_of("x.tar", &bytes).reason;
        let known = matches!(reason, GapReason::Corrupt | GapReason::Truncated | GapReason::Limit);
        assert!(known, "{size}: {reason}");
        // In a stream they cannot be jumped over.
        fault_of("x.tar.gz", &gzip(&bytes, flate2::Compression::fast()));
    }
}

#[test]
fn pax_says_the_size() {
    let content = vec![b'x'; 1000];
    let mut member = tar_member(b"x", b'0', &content);
    let short = tar_header(b"x", b'0', 10);
    member[..512].copy_from_slice(&short);
    let with = |size: &str| {
        let line = pax_line("size", size);
        [tar_member(b"p", b'x', &line), member.clone(), tar_member(b"y", b'0', b"next"), TAR_END.to_vec()].concat()
    };
    let (seen, result) = look("x.tar", &Bytes(&with("1000"))).unwrap();
    assert_eq!(result, Ok(()));
    let lengths: Vec<_> = seen.iter().map(|it| (it.text(), it.content.as_ref().unwrap().len())).collect();
    assert_eq!(lengths, [("/x".to_owned(), 1000), ("/y".to_owned(), 4)]);
    for size in ["18446744073709551615", "9223372036854775808", "1000000000000"] {
        fault_of("x.tar", &with(size));
        fault_of("x.tar.gz", &gzip(&with(size), flate2::Compression::fast()));
    }
}

#[test]
fn a_tar_archive_is_read_to_its_end() {
    // Cut in the middle of a member that nobody reads: what came after it is missing.
    let bytes = [tar_member(b"a", b'0', b"content"), tar_header(b"b", b'0', 100_000), vec![7; 5000]].concat();
    let mut count = 0;
    let format = super::told("x.tar", &Bytes(&bytes)).unwrap().unwrap();
    let purse = super::Purse::of(super::Limits::default(), super::Memory::of(1), bytes.len() as u64);
    let result = super::open(format, b"x.tar", &Bytes(&bytes), &purse, &mut |_, _| {
        count += 1;
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(count, 2);
    assert!(result.is_err(), "it ends within a member, and no fault");
}

#[test]
fn what_lies_behind_the_end_of_a_tar_archive_is_not_passed_over() {
    let one = |name: &[u8]| [tar_member(name, b'0', b"content"), TAR_END.to_vec()].concat();
    let bytes = [one(b"a"), one(b"b")].concat();
    for (name, bytes) in [("x.tar", bytes.clone()), ("x.tar.gz", gzip(&bytes, flate2::Compression::fast()))] {
        let (seen, result) = look(name, &Bytes(&bytes)).unwrap();
        assert!(seen.len() == 2 || result.is_err(), "{name}: {} of 2 members, and no fault", seen.len());
    }
}

#[test]
fn sizes_of_cpio_that_no_file_has() {
    let long_name = [cpio_header(0o100_644, 10, u32::MAX).as_bytes(), &[b'x'; 200]].concat();
    assert_eq!(fault_of("x.cpio", &long_name).reason, GapReason::Limit);
    let large = [cpio_header(0o100_644, u32::MAX, 2).as_bytes(), b"x\0", &[b'x'; 200]].concat();
    let (seen, result) = look("x.cpio", &Bytes(&large)).unwrap();
    assert_eq!((seen.len(), result.is_err()), (1, true));
    assert!(seen[0].content.is_err());
    // No name at all.
    let none = [cpio_header(0o100_644, 0, 0).as_bytes(), &cpio_end()].concat();
    let _ = look("x.cpio", &Bytes(&none));
}

#[test]
fn sizes_of_a_debian_package_that_no_file_has() {
    for size in ["-1", "-100", "9999999999", "101", "1e3", "", "0x10"] {
        let reason = fault_of("x.deb", &deb_that_says(size)).reason;
        assert!(matches!(reason, GapReason::Corrupt | GapReason::Truncated), "{size}: {reason}");
    }
    let (seen, result) = look("x.deb", &Bytes(&deb_that_says("100"))).unwrap();
    assert_eq!((seen.len(), result), (2, Ok(())));
}

/// A package file of RPM with nothing in its headers, and `payload`.
fn rpm(payload: &[u8]) -> Vec<u8> {
    let mut lead = [0; 96];
    lead[..4].copy_from_slice(b"\xed\xab\xee\xdb");
    let header = b"\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0";
    [lead.as_slice(), header, header, payload].concat()
}

#[test]
fn the_payload_of_a_package_is_an_archive_or_a_fault() {
    let fast = flate2::Compression::fast();
    let archive = [cpio_member(b"./bin/tool", b"content"), cpio_end()].concat();
    assert_eq!(only("x.rpm", &rpm(&gzip(&archive, fast))), Ok(b"content".to_vec()));
    // Packages with files of over 4 GB have archives without names, which point into the header.
    let stripped = [b"07070X00000000".as_slice(), &[0; 2], &[7; 600]].concat();
    fault_of("x.rpm", &rpm(&gzip(&stripped, fast)));
    for sizes in [[0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff]] {
        let mut bytes = rpm(&gzip(&archive, fast));
        bytes[96 + 8..96 + 12].copy_from_slice(&sizes);
        bytes[96 + 12..96 + 16].copy_from_slice(&sizes);
        fault_of("x.rpm", &bytes);
    }
}

#[test]
fn an_archive_of_zip_in_several_files_is_said() {
    let mut bytes = zip(&[Zipped::stored(b"a", b"content")]);
    let end = bytes.len() - 22;
    bytes[end + 4] = 1;
    assert_eq!(fault_of("x.zip", &bytes).reason, GapReason::UnsupportedFormat);
}

#[test]
fn links_keep_their_kind() {
    let link = Zipped { mode: 0o120_777, ..Zipped::stored(b"link", b"../../etc/shadow") };
    let bytes = zip(&[link]);
    let (seen, _) = look("x.zip", &Bytes(&bytes)).unwrap();
    assert_eq!(seen[0].kind, EntryKind::Link);
    assert_eq!(seen[0].content.as_deref(), Ok(b"../../etc/shadow".as_slice()));

    let mut header = tar_header(b"link", b'2', 0);
    header[157..173].copy_from_slice(b"../../etc/shadow");
    let bytes = [summed(header), TAR_END.to_vec()].concat();
    let (seen, result) = look("x.tar", &Bytes(&bytes)).unwrap();
    assert_eq!((seen[0].kind, result), (EntryKind::Link, Ok(())));
}

// --- dictionaries ---------------------------------------------------------------------------------------------------------

/// A stream of xz (its file format, 2.1 and 3.1) whose dictionary has the size that `bits` say; 37 is 1.5 GiB.
fn xz(bits: u8) -> Vec<u8> {
    let flags = [0, 1];
    let block = [2, 0, 0x21, 1, bits, 0, 0, 0];
    let mut bytes = [b"\xfd7zXZ\0".as_slice(), &flags, &crc32fast::hash(&flags).to_le_bytes()].concat();
    bytes.extend(block);
    bytes.extend(crc32fast::hash(&block).to_le_bytes());
    bytes.extend([1, 0, 0, b'x', 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// A frame of zstd (RFC 8878, 3.1.1.1.2) whose window is 2^30 bytes and four eighths of it.
fn zstd() -> Vec<u8> {
    [b"\x28\xb5\x2f\xfd\0".as_slice(), &[(20 << 3) | 4], &[1, 0, 0], &[0; 20]].concat()
}

#[test]
fn dictionaries_that_no_memory_holds() {
    assert_eq!(fault_of("x.xz", &xz(37)).reason, GapReason::Limit);
    assert_eq!(fault_of("x.zst", &zstd()).reason, GapReason::Limit);
    let lzma = [&[0x5d_u8, 0, 0, 0, 0x60][..], &[0xff; 8], &[0; 20]].concat();
    assert_eq!(fault_of("x.lzma", &lzma).reason, GapReason::Limit);
    let body = [&[9_u8, 4, 5, 0, 0x5d, 0, 0, 0, 0x60][..], &[0; 20]].concat();
    let bytes = zip(&[Zipped::of(b"x", 14, body, b"content")]);
    assert_eq!(fault_of("x.zip", &bytes).reason, GapReason::Limit);
    let bytes = seven_of(&[0; 20], &[0x21, 0x21, 1, 37], 100, "x");
    assert_eq!(fault_of("x.7z", &bytes).reason, GapReason::Limit);
}

/// Where only the decoder meets them, they are no damage either.
#[test]
fn dictionaries_that_show_later() {
    let mut found = Vec::new();
    let bytes = zip(&[Zipped::of(b"x", 95, xz(37), b"content")]);
    found.push(("xz in zip", fault_of("x.zip", &bytes).reason));
    let bytes = zip(&[Zipped::of(b"x", 93, zstd(), b"content")]);
    found.push(("zstd in zip", fault_of("x.zip", &bytes).reason));
    // A second stream may ask for more than the first.
    let first = fixture("two.tar.xz");
    let end = first.windows(6).rposition(|part| part == b"\xfd7zXZ\0").unwrap();
    found.push(("second of xz", fault_of("x.xz", &[&first[..end], &xz(37)].concat()).reason));
    let first = fixture("two.tar.zst");
    let end = first.windows(4).rposition(|part| part == b"\x28\xb5\x2f\xfd").unwrap();
    found.push(("second of zstd", fault_of("x.zst", &[&first[..end], &zstd()].concat()).reason));
    let other: Vec<_> = found.iter().filter(|(_, reason)| *reason != GapReason::Limit).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn chains_of_sectors_that_lead_astray() {
    let whole = fixture("plain/product.msi.gz");
    let number = |at: usize| u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let table = (number(76) + 1) * 512;
    // The entry of the stream of 70,000 bytes, by its size.
    let entry = whole.windows(8).position(|it| it == 70_000_u64.to_le_bytes()).unwrap() - 120;
    let (start, link) = (number(entry + 116), table + 4 * number(entry + 116));
    let with = |changes: &[(usize, &[u8])]| {
        let mut bytes = whole.clone();
        changes.iter().for_each(|(at, change)| bytes[*at..at + change.len()].copy_from_slice(change));
        let (seen, result) = look("x.msi", &Bytes(&bytes)).unwrap();
        let reason = faults(&seen, &result).first().map(|fault| fault.reason);
        (seen.len(), reason)
    };
    assert_eq!(with(&[]), (3, None));
    let here = u32::try_from(start).unwrap().to_le_bytes();
    assert_eq!(with(&[(link, &here)]), (3, Some(GapReason::Corrupt)), "a circle");
    assert_eq!(with(&[(link, &[0xfe, 0xff, 0xff, 0xff])]), (3, Some(GapReason::Truncated)), "an early end");
    assert_eq!(with(&[(entry + 120, &[0xff; 8])]), (3, Some(GapReason::Truncated)), "an endless size");
    assert_eq!(with(&[(entry + 72, &1_u32.to_le_bytes())]).1, Some(GapReason::Corrupt), "a folder in a circle");
    assert_eq!(with(&[(30, &[20, 0])]).1, Some(GapReason::Corrupt), "sectors of 1 MiB");
    // A list of tables that is its own next, and names one table again and again, keeps as much as the file needs.
    let list: Vec<u8> = here.iter().chain(&1_u32.to_le_bytes()).copied().collect();
    assert!(with(&[(68, &list), (72, &[0xff; 4]), (80, &[1; 400])]).0 <= 3);
}
