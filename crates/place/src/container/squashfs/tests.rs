//! The images are made by `tests/fixtures/make-images.sh`, which says what is in them.

use super::members;
use crate::container::{Bytes, Limits, Memory, Purse};
use crate::tree::{EntryKind, Fault};
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

const GZIP: &[u8] = include_bytes!("../../../fixtures/squashfs/gzip.squashfs");
const LZMA: &[u8] = include_bytes!("../../../fixtures/squashfs/lzma.squashfs");
const XZ: &[u8] = include_bytes!("../../../fixtures/squashfs/xz.squashfs");
const LZ4: &[u8] = include_bytes!("../../../fixtures/squashfs/lz4.squashfs");
const ZSTD: &[u8] = include_bytes!("../../../fixtures/squashfs/zstd.squashfs");
/// Its tables are not compressed.
const OPEN: &[u8] = include_bytes!("../../../fixtures/squashfs/open.squashfs");

/// A member as it was given.
struct Seen {
    path: String,
    kind: EntryKind,
    packed: bool,
    content: Result<Vec<u8>, Fault>,
}

/// All members of an image with their content, and what became of the pass.
fn look(image: &[u8]) -> (Vec<Seen>, Result<(), Fault>) {
    let limits = Limits { members: 5_000, ..Limits::default() };
    let purse = Purse::of(limits, Memory::of(1), image.len() as u64);
    let mut seen = Vec::new();
    let result = members(&Bytes(image), &purse, &mut |member, file| {
        seen.push(Seen {
            path: String::from_utf8_lossy(member.path).into_owned(),
            kind: member.kind,
            packed: member.packed,
            content: file.read_all(1 << 20),
        });
        ControlFlow::Continue(())
    });
    (seen, result)
}

/// What the script puts into every image.
fn tree() -> Vec<(&'static str, EntryKind, Vec<u8>)> {
    let readme = b"Kaspersky Endpoint Security\n".to_vec();
    let lines: String = (0..25_600).map(|line| format!("{:07}\n", line / 100)).collect();
    let mut holes = vec![0; 300_000];
    holes[..5].copy_from_slice(b"begin");
    holes[299_997..].copy_from_slice(b"end");
    let mut state = 1_u64;
    let noise = (0..5000).map(|_| {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        ((state >> 16) & 255) as u8
    });
    vec![
        ("/empty", EntryKind::File, Vec::new()),
        ("/opt", EntryKind::Folder, Vec::new()),
        ("/opt/kaspersky", EntryKind::Folder, Vec::new()),
        ("/opt/kaspersky/large.txt", EntryKind::File, lines.into_bytes()),
        ("/opt/kaspersky/link", EntryKind::Link, b"../kaspersky/./readme.txt".to_vec()),
        ("/opt/kaspersky/noise.bin", EntryKind::File, noise.collect()),
        ("/opt/kaspersky/pipe", EntryKind::Other, Vec::new()),
        ("/opt/kaspersky/readme.txt", EntryKind::File, readme.clone()),
        ("/opt/kaspersky/same.txt", EntryKind::File, readme),
        ("/opt/kaspersky/sparse.bin", EntryKind::File, holes),
    ]
}

#[test]
fn every_way_of_compressing_is_read() {
    for (name, image) in [("gzip", GZIP), ("lzma", LZMA), ("xz", XZ), ("lz4", LZ4), ("zstd", ZSTD), ("open", OPEN)] {
        let (seen, result) = look(image);
        assert_eq!(result, Ok(()), "{name}");
        let seen: Vec<_> = seen.into_iter().filter(|it| !it.path.starts_with("/many")).collect();
        let expected = tree();
        assert_eq!(seen.len(), expected.len(), "{name}");
        for (seen, (path, kind, content)) in seen.iter().zip(expected) {
            assert_eq!((seen.path.as_str(), seen.kind), (path, kind), "{name}");
            assert!(seen.content.as_ref() == Ok(&content), "{name}: {path}");
        }
    }
}

#[test]
fn a_folder_may_span_several_blocks_of_its_table() {
    let (seen, _) = look(GZIP);
    let files: Vec<_> = seen.iter().filter(|it| it.path.starts_with("/many/")).collect();
    assert_eq!(files.len(), 700);
    assert!(files.iter().enumerate().all(|(number, file)| file.path == format!("/many/file-{number:03}")));
}

#[test]
fn what_needs_no_inflating_is_said() {
    let (seen, _) = look(GZIP);
    let packed = |path: &str| seen.iter().find(|it| it.path == path).map(|it| it.packed);
    assert_eq!(packed("/opt/kaspersky/noise.bin"), Some(false));
    assert_eq!(packed("/opt/kaspersky/large.txt"), Some(true));
    assert_eq!(packed("/opt/kaspersky/link"), Some(false));
}

#[test]
fn files_are_read_at_any_place() {
    for image in [GZIP, LZ4] {
        let purse = Purse::of(Limits::default(), Memory::of(1), image.len() as u64);
        let expected = tree();
        let result = members(&Bytes(image), &purse, &mut |member, file| {
            let Some((_, _, content)) = expected.iter().find(|it| it.0.as_bytes() == member.path) else {
                return ControlFlow::Continue(());
            };
            // Backwards, over the borders of blocks, and beyond the end.
            for start in [204_790, 131_071, 65_530, 16_384, 8191, 4096, 4095, 1, 0, 299_990, 400_000] {
                for length in [1, 9, 5000, 70_000] {
                    let mut buffer = vec![1; length];
                    let read = file.read_at(start, &mut buffer).unwrap();
                    let rest = content.get(start as usize..).unwrap_or_default();
                    assert_eq!(read, rest.len().min(length));
                    assert!(buffer[..read] == rest[..read], "{start} {length}");
                }
            }
            ControlFlow::Continue(())
        });
        assert_eq!(result, Ok(()));
    }
}

#[test]
fn a_pass_can_be_broken_off() {
    let purse = Purse::of(Limits::default(), Memory::of(1), XZ.len() as u64);
    let mut count = 0;
    let result = members(&Bytes(XZ), &purse, &mut |_, _| {
        count += 1;
        if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((result, count), (Ok(()), 3));
}

#[test]
fn what_cannot_be_read_is_said() {
    for (place, value) in [(20, 3), (20, 9), (28, 3)] {
        let mut image = XZ.to_vec();
        image[place] = value;
        let (seen, result) = look(&image);
        assert!(seen.is_empty());
        assert_eq!(result.map_err(|fault| fault.reason), Err(GapReason::UnsupportedFormat));
    }
}

#[test]
fn a_folder_in_itself_is_damage_and_the_rest_is_read() {
    let mut image = OPEN.to_vec();
    let name = image.windows(7).position(|bytes| bytes == b"\x01\x00\x02\x00opt").unwrap();
    // The folder's inode becomes the root's, which lies in the same block.
    let root = [image[32], image[33]];
    image[name - 4..name - 2].copy_from_slice(&root);
    let (seen, result) = look(&image);
    let fault = result.unwrap_err();
    assert_eq!((fault.reason, fault.detail.as_str()), (GapReason::Corrupt, "/opt: it lies in itself"));
    assert!(seen.iter().any(|it| it.path == "/empty"));
}

#[test]
fn a_broken_block_is_the_fault_of_its_file() {
    // The first blocks of content lie behind the superblock.
    let mut image = OPEN.to_vec();
    image[98..120].fill(0xff);
    let (seen, result) = look(&image);
    assert_eq!(result, Ok(()));
    let broken: Vec<_> = seen.iter().filter(|it| it.content.is_err()).collect();
    assert!(!broken.is_empty() && broken.len() < seen.len());
    assert!(broken.iter().all(|it| it.content.as_ref().unwrap_err().reason == GapReason::Corrupt));
}

#[test]
fn an_image_that_is_cut_is_a_fault() {
    for image in [GZIP, ZSTD] {
        let folders = u64::from_le_bytes(image[72..80].try_into().unwrap()) as usize;
        for length in (0..image.len()).step_by(61) {
            let (seen, result) = look(&image[..length]);
            // Without the table of folders there is nothing; what comes behind it is of single files, or of no use here.
            assert!(length > folders || (seen.is_empty() && result.is_err()), "{length}");
        }
    }
}

#[test]
fn no_changed_byte_makes_it_panic_or_never_end() {
    for image in [OPEN, ZSTD, LZMA, XZ, LZ4] {
        let mut changed = image.to_vec();
        let tables = image.len().saturating_sub(700);
        for place in 0..image.len() {
            // The superblock and the tables whole, content here and there.
            if place < 96 || (place >= tables && place % 5 == 0) || place % 211 == 0 {
                for value in [0xff, image[place] ^ 1] {
                    changed[place] = value;
                    let _ = look(&changed);
                }
                changed[place] = image[place];
            }
        }
    }
}
