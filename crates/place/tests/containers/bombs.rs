//! Small archives that cost much: what they may cost is bounded, and the bound is said as a limit.

use super::made::*;
use super::{alone, look, members, most_memory, told};
use flate2::Compression;
use ostrakon_model::GapReason;
use ostrakon_place::container::{Bytes, Limits, Memory, Purse, open};
use ostrakon_place::{Fault, File};
use std::ops::ControlFlow;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Reads a file piece by piece to its end, and lets go of what was read.
fn to_the_end(file: &dyn File) -> Result<u64, Fault> {
    let mut buffer = vec![0; 256 << 10];
    let mut at = 0;
    loop {
        let read = file.read_at(at, &mut buffer)?;
        if read == 0 {
            return Ok(at);
        }
        at += read as u64;
        file.forget(at);
    }
}

/// Reads all members of `bytes` to their end; gives the faults, and how many bytes were inflated.
fn spend(name: &str, bytes: &[u8], limits: Limits) -> (Vec<Fault>, u64) {
    let format = told(name, &Bytes(bytes)).unwrap().unwrap();
    let purse = Purse::of(limits, Memory::of(1), bytes.len() as u64);
    let mut faults = Vec::new();
    let result = open(format, name.as_bytes(), &Bytes(bytes), &purse, &mut |_, file| {
        faults.extend(to_the_end(file).err());
        ControlFlow::Continue(())
    });
    faults.extend(result.err());
    (faults, purse.inflated())
}

/// The reasons of the faults must be limits, and no more inflated than is allowed.
fn is_stopped(name: &str, bytes: &[u8], limits: Limits) {
    let (faults, inflated) = spend(name, bytes, limits);
    let reasons: Vec<_> = faults.iter().map(|fault| fault.reason).collect();
    assert!(reasons.contains(&GapReason::Limit), "{name}: {reasons:?} after {} MiB", inflated / MIB);
    // A stream and the members of the archive in it are both counted; each may go over by what is read at a time.
    let most = Limits::SLACK + bytes.len() as u64 * limits.ratio + 64 * MIB;
    assert!(inflated < most, "{name}: {} MiB of {}", inflated / MIB, bytes.len());
}

fn ten() -> Limits {
    Limits { ratio: 10, ..Limits::default() }
}

#[test]
fn flat_ones() {
    let zeros = vec![0; 1 << 20];
    let gz = gzip(&zeros, Compression::best()).repeat(300);
    is_stopped("zeros.gz", &gz, ten());
    is_stopped("zeros.zst", &zeros_by_zstd(400), ten());
    let size = 400 << 20;
    let entry = Zipped { size, ..Zipped::of(b"zeros", 93, zeros_by_zstd(400), b"") };
    is_stopped("zeros.zip", &zip(&[entry]), ten());
}

#[test]
fn members_that_share_one_body() {
    let first = Zipped::of(b"zeros", 93, zeros_by_zstd(1), &vec![0; 1 << 20]);
    let entries: Vec<_> = (0..400).map(|_| Zipped { header: Some(0), ..first.clone() }).collect();
    let list = [vec![first], entries].concat();
    is_stopped("zeros.zip", &zip(&list), ten());
}

#[test]
fn holes_are_paid_for() {
    // The old header of GNU: the first hole at 386, the size with holes at 483.
    let mut header = tar_header(b"holes", b'S', 0);
    header[257..265].copy_from_slice(b"ustar  \0");
    header[386..398].copy_from_slice(b"77777777777\0");
    header[398..410].copy_from_slice(b"00000000000\0");
    header[483..495].copy_from_slice(b"77777777777\0");
    is_stopped("holes.tar", &[summed(header), TAR_END.to_vec()].concat(), ten());
}

#[test]
fn memory_is_bounded() {
    let entry = Zipped::deflated(b"zeros", &vec![0; 900_000]);
    let limits = Limits { memory: 256 << 10, ..Limits::default() };
    let bytes = zip(&[entry]);
    let format = told("x.zip", &Bytes(&bytes)).unwrap().unwrap();
    let (seen, result) = members(format, "x.zip", &Bytes(&bytes), limits);
    assert_eq!(result, Ok(()));
    assert_eq!(seen[0].content.as_ref().map_err(|fault| fault.reason), Err(GapReason::Limit));
    // A dictionary is memory too.
    let (seen, result) = {
        let bytes = super::fixture("one.tar.xz");
        let format = told("one.tar.xz", &Bytes(&bytes)).unwrap().unwrap();
        members(format, "one.tar.xz", &Bytes(&bytes), limits)
    };
    assert_eq!((seen.len(), result.map_err(|fault| fault.reason)), (0, Err(GapReason::Limit)));
}

/// Whoever lets go of what was read needs little memory, however large a file is.
#[test]
fn what_was_read_is_let_go_of() {
    let mut state = 1_u32;
    let mut noise = |length: usize| -> Vec<u8> {
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(next).collect()
    };
    let limits = Limits { memory: 512 << 10, ..Limits::default() };
    let content = noise(1_000_000);
    let faults = spend("x.zip", &zip(&[Zipped::deflated(b"x", &content)]), limits).0;
    assert!(faults.is_empty(), "zip: {faults:?}");

    // Members of odd sizes that nobody reads.
    let mut bytes = Vec::new();
    for size in [1_000_001, 700_003, 900_007] {
        bytes.extend(tar_member(b"x", b'0', &content[..size.min(content.len())]));
    }
    bytes.extend(TAR_END);
    let bytes = gzip(&bytes, Compression::fast());
    assert_eq!(count("x.tar.gz", &Bytes(&bytes), limits), (3, None));
}

#[test]
fn time_is_bounded() {
    let limits = Limits { time: Duration::ZERO, ..Limits::default() };
    let bytes = zip(&[Zipped::deflated(b"zeros", &vec![0; 900_000])]);
    let (faults, _) = spend("x.zip", &bytes, limits);
    assert_eq!(faults.iter().map(|fault| fault.reason).collect::<Vec<_>>(), [GapReason::Limit]);
}

/// A million empty members of a tar archive.
fn tar_of_a_million() -> Repeated {
    Repeated { head: Vec::new(), unit: tar_header(b"x", b'0', 0), times: 1_000_000, tail: TAR_END.to_vec() }
}

/// A million members of a zip archive, one behind the other in the list; only the first has a header of its own.
fn zip_of_a_million() -> Repeated {
    let entry = Zipped::deflated(b"x", b"");
    let head = entry.own();
    let unit = entry.listed(0);
    let tail = zip_end(1_000_000, 1_000_000 * unit.len() as u64, head.len() as u64);
    Repeated { head, unit, times: 1_000_000, tail }
}

/// How many members there are, and the reason if there is a fault.
fn count(name: &str, file: &dyn File, limits: Limits) -> (u64, Option<GapReason>) {
    let format = told(name, file).unwrap().unwrap();
    let purse = Purse::of(limits, Memory::of(1), file.size().unwrap());
    let mut count = 0;
    let result = open(format, name.as_bytes(), file, &purse, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    });
    (count, result.err().map(|fault| fault.reason))
}

#[test]
fn members_are_bounded() {
    let limits = Limits { members: 1000, ..Limits::default() };
    assert_eq!(count("x.tar", &tar_of_a_million(), limits), (1000, Some(GapReason::Limit)));
    assert_eq!(count("x.zip", &zip_of_a_million(), limits), (1000, Some(GapReason::Limit)));
    let cpio = Repeated { head: Vec::new(), unit: cpio_member(b"xxx", b""), times: 5000, tail: cpio_end() };
    assert_eq!(count("x.cpio", &cpio, limits), (1000, Some(GapReason::Limit)));
}

#[test]
fn many_members_cost_no_memory() {
    std::thread::scope(|scope| {
        scope.spawn(|| alone("bombs::a_million_members_of_tar"));
        alone("bombs::a_million_members_of_zip");
    });
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn a_million_members_of_tar() {
    assert_eq!(count("x.tar", &tar_of_a_million(), Limits::default()), (1_000_000, None));
    assert!(most_memory() < 64, "{} MiB", most_memory());
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn a_million_members_of_zip() {
    let (count, reason) = count("x.zip", &zip_of_a_million(), Limits::default());
    // They lie over each other, which is found, and hides none.
    assert_eq!((count, reason), (1_000_000, Some(GapReason::Corrupt)));
    assert!(most_memory() < 64, "{} MiB", most_memory());
}

#[test]
fn one_name_as_often_as_can_be() {
    let entry = Zipped::stored(b"same", b"x");
    let own = entry.own();
    let mut bytes = own.repeat(65_535);
    let start = bytes.len() as u64;
    let list: Vec<u8> = (0..65_535).flat_map(|at| entry.listed(at * own.len() as u32)).collect();
    let length = list.len() as u64;
    bytes.extend(list);
    bytes.extend(zip_end(65_535, length, start));
    assert_eq!(count("x.zip", &Bytes(&bytes), Limits::default()), (65_535, None));
}

/// A name of 1 GiB, and a PAX header of as much: neither is ever held.
#[test]
fn names_without_an_end() {
    for kind in [b'L', b'K', b'x'] {
        let head = tar_header(b"././@LongLink", kind, 1 << 30);
        let file = Repeated { head, unit: vec![b'a'; 512], times: 2 << 20, tail: TAR_END.to_vec() };
        assert_eq!(count("x.tar", &file, Limits::default()), (0, Some(GapReason::Limit)), "{}", kind as char);
    }
}

/// Headers before a header, without an end.
#[test]
fn headers_without_an_end() {
    for kind in [b'g', b'L', b'x'] {
        let unit = tar_member(b"p", kind, &pax_line("comment", "none"));
        let file = Repeated { head: Vec::new(), unit, times: 100_000, tail: TAR_END.to_vec() };
        let (count, _) = count("x.tar", &file, Limits { members: 1000, ..Limits::default() });
        assert_eq!(count, 0, "{}", kind as char);
    }
}

#[test]
fn an_archive_in_an_archive_without_an_end() {
    alone("bombs::an_initramfs_in_an_initramfs");
}

/// An initramfs that is followed by a compressed one, nine hundred times.
#[test]
#[ignore = "run by another test in a process of its own"]
fn an_initramfs_in_an_initramfs() {
    let mut bytes = [cpio_member(b"init", b"content"), cpio_end()].concat();
    for _ in 0..900 {
        bytes = [cpio_end(), gzip(&bytes, Compression::none())].concat();
    }
    let (seen, result) = look("initrd.img", &Bytes(&bytes)).unwrap();
    let found = seen.iter().any(|it| it.path == b"/init");
    assert!(found || result.is_err(), "nothing was found, and no fault");
    assert!(most_memory() < 256, "{} MiB", most_memory());
}
