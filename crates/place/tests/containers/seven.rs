//! 7z archives that no tool would write: their lists are read as a whole before anything else is known.

use super::made::{number, seven, seven_of, seven_streams, zeros_by_zstd};
use super::{Limits, alone, fault_of, faults, look, members, most_memory, told};
use ostrakon_model::GapReason;
use ostrakon_place::container::{Bytes, Format};
use ostrakon_place::{Fault, File};
use std::cell::Cell;

/// Coders: stored, and zstd.
const COPY: [u8; 2] = [1, 0];
const ZSTD: [u8; 5] = [4, 0x04, 0xf7, 0x11, 0x01];

#[test]
fn the_builder_writes_what_can_be_read() {
    let bytes = seven_of(b"content", &COPY, 7, "opt/имя.txt");
    let (seen, result) = look("x.7z", &Bytes(&bytes)).unwrap();
    assert_eq!(result, Ok(()));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/opt/имя.txt".as_bytes());
    assert_eq!(seen[0].content.as_deref(), Ok(b"content".as_slice()));
    let bytes = seven_of(&zeros_by_zstd(1), &ZSTD, 1 << 20, "zeros");
    let (seen, result) = look("x.7z", &Bytes(&bytes)).unwrap();
    assert_eq!((result, seen[0].content.as_ref().map(Vec::len)), (Ok(()), Ok(1 << 20)));
}

#[test]
fn counts_that_no_archive_has() {
    let streams = seven_streams(7, &COPY, 7);
    for count in [1 << 16, 1 << 40, 1 << 62, u64::MAX] {
        let count = number(count);
        let headers: [Vec<u8>; 7] = [
            // Files, with nothing of them.
            [&[0x01_u8, 0x05][..], &count, &[0, 0]].concat(),
            // Packed streams.
            [&[0x01_u8, 0x04, 0x06, 0][..], &count, &[0x09]].concat(),
            // Folders.
            [&[0x01_u8, 0x04, 0x06, 0, 1, 0x09, 7, 0, 0x07, 0x0b][..], &count, &[0]].concat(),
            // Coders of a folder.
            [&[0x01_u8, 0x04, 0x06, 0, 1, 0x09, 7, 0, 0x07, 0x0b, 1, 0][..], &count].concat(),
            // Streams of a folder.
            [&[0x01_u8, 0x04][..], &streams, &[0x08, 0x0d], &count, &[0, 0]].concat(),
            // The length of the names, and of a property that is skipped.
            [&[0x01_u8, 0x05, 1, 0x11][..], &count, &[0, 0]].concat(),
            [&[0x01_u8, 0x05, 1, 0x19][..], &count, &[0, 0]].concat(),
        ];
        for header in headers {
            let reason = fault_of("x.7z", &seven(b"content", &header)).reason;
            let known = matches!(reason, GapReason::Corrupt | GapReason::Truncated | GapReason::Limit);
            assert!(known, "{header:02x?}: {reason}");
        }
    }
}

#[test]
fn places_that_no_archive_has() {
    let mut bytes = seven_of(b"content", &COPY, 7, "x");
    for (offset, size) in [(u64::MAX, 10), (1 << 62, 10), (0, u64::MAX), (10, 1 << 40), (u64::MAX - 31, u64::MAX)] {
        bytes[12..20].copy_from_slice(&offset.to_le_bytes());
        bytes[20..28].copy_from_slice(&size.to_le_bytes());
        let sum = crc32fast::hash(&bytes[12..32]);
        bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        fault_of("x.7z", &bytes);
    }
}

#[test]
fn sizes_that_are_not_those_of_the_content() {
    for size in [3, 8, 1 << 20, 1 << 50, u64::MAX] {
        fault_of("x.7z", &seven_of(b"content", &COPY, size, "x"));
    }
    for size in [10, 2 << 20] {
        fault_of("x.7z", &seven_of(&zeros_by_zstd(1), &ZSTD, size, "x"));
    }
}

/// What nobody reads is inflated all the same, to get at what lies behind it: it is paid for too.
#[test]
fn what_is_skipped_is_paid_for() {
    let count = 300;
    let bytes = seven_of(&zeros_by_zstd(count), &ZSTD, (count as u64) << 20, "zeros");
    let limits = Limits { ratio: 10, ..Limits::default() };
    let (seen, result) = members(Format::SevenZip, "x.7z", &Bytes(&bytes), limits);
    assert_eq!(seen.len(), 1);
    assert_eq!(result.map_err(|fault| fault.reason), Err(GapReason::Limit));
}

#[test]
fn a_small_list_of_many_files_costs_little_memory() {
    alone("seven::many_files_in_a_small_list");
}

/// A list that is itself compressed: 4 MiB of it in a few hundred bytes say that there are as many files.
#[test]
#[ignore = "run by another test in a process of its own"]
fn many_files_in_a_small_list() {
    let count = 4;
    let list = [&[0x01_u8, 0x05][..], &number((count as u64) << 20)].concat();
    let packed = [zstd::encode_all(list.as_slice(), 1).unwrap(), zeros_by_zstd(count)].concat();
    let size = list.len() as u64 + ((count as u64) << 20);
    let header = [&[0x17_u8][..], &seven_streams(packed.len() as u64, &ZSTD, size), &[0]].concat();
    let bytes = seven(&packed, &header);
    assert!(bytes.len() < 4096);
    let before = most_memory();
    fault_of("x.7z", &bytes);
    let after = most_memory();
    assert!(after - before < 128, "{} MiB for an archive of {} bytes", after - before, bytes.len());
}

/// A file that counts how much of it is read.
struct Counted<'a>(&'a [u8], Cell<u64>);

impl File for Counted<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let read = Bytes(self.0).read_at(offset, buffer)?;
        self.1.set(self.1.get() + read as u64);
        Ok(read)
    }
}

/// Without its start, readers look for the list from the end on: every place where one could begin is one more.
#[test]
fn an_archive_without_its_start_is_not_read_again_and_again() {
    let bytes = [b"7z\xbc\xaf\x27\x1c\0\x04".as_slice(), &[0; 24], &[1, 0].repeat(8 << 10)].concat();
    let file = Counted(&bytes, Cell::new(0));
    assert_eq!(told("x.7z", &file), Some(Ok(Format::SevenZip)));
    let (seen, result) = members(Format::SevenZip, "x.7z", &file, Limits::default());
    assert!(seen.is_empty() && !faults(&seen, &result).is_empty());
    let (size, read) = (bytes.len() as u64, file.1.get());
    assert!(read < 100 * size, "{read} bytes were read of a file of {size}");
}
