//! The images are made by `tests/fixtures/make-images.sh`, which says what is in them.

use super::members;
use super::rock::Rock;
use crate::container::{Bytes, Limits, Memory, Purse};
use crate::tree::{EntryKind, Fault};
use ostrakon_model::GapReason;
use std::io::Read;
use std::ops::ControlFlow;

const ROCK: &[u8] = include_bytes!("../../../fixtures/iso/rock.iso.gz");
const EFI: &[u8] = include_bytes!("../../../fixtures/iso/efi.iso.gz");
const JOLIET: &[u8] = include_bytes!("../../../fixtures/iso/joliet.iso.gz");
const PLAIN: &[u8] = include_bytes!("../../../fixtures/iso/plain.iso.gz");
const UDF: &[u8] = include_bytes!("../../../fixtures/iso/udf.iso.gz");

/// Images are mostly zeros and kept compressed.
fn image(packed: &[u8]) -> Vec<u8> {
    let mut image = Vec::new();
    flate2::bufread::GzDecoder::new(packed).read_to_end(&mut image).unwrap();
    image
}

/// A member as it was given.
struct Seen {
    path: String,
    kind: EntryKind,
    content: Result<Vec<u8>, Fault>,
}

/// All members of an image with their content, and what became of the pass.
fn look(image: &[u8]) -> (Vec<Seen>, Result<(), Fault>) {
    let limits = Limits { members: 5_000, ..Limits::default() };
    let purse = Purse::of(limits, Memory::of(1), image.len() as u64);
    let mut seen = Vec::new();
    let result = members(&Bytes(image), &purse, &mut |member, file| {
        assert!(!member.packed);
        seen.push(Seen {
            path: String::from_utf8_lossy(member.path).into_owned(),
            kind: member.kind,
            content: file.read_all(1 << 20),
        });
        ControlFlow::Continue(())
    });
    (seen, result)
}

fn paths(seen: &[Seen]) -> Vec<&str> {
    let mut paths: Vec<_> = seen.iter().map(|it| it.path.as_str()).collect();
    paths.sort_unstable();
    paths
}

fn content<'a>(seen: &'a [Seen], path: &str) -> &'a [u8] {
    seen.iter().find(|it| it.path == path).unwrap().content.as_ref().unwrap()
}

fn lines() -> Vec<u8> {
    (0..25_600).map(|line| format!("{:07}\n", line / 100)).collect::<String>().into_bytes()
}

#[test]
fn rock_ridge_gives_names_kinds_links_and_moved_folders() {
    let (seen, result) = look(&image(ROCK));
    assert_eq!(result, Ok(()));
    let long = format!("/{}.txt", "n".repeat(240));
    let mut expected = vec![
        "/1",
        "/1/2",
        "/1/2/3",
        "/1/2/3/4",
        "/1/2/3/4/5",
        "/1/2/3/4/5/6",
        "/1/2/3/4/5/6/7",
        "/1/2/3/4/5/6/7/8",
        "/1/2/3/4/5/6/7/8/9",
        "/1/2/3/4/5/6/7/8/9/10",
        "/1/2/3/4/5/6/7/8/9/10/deep.txt",
        "/boot.cat",
        "/boot.img",
        "/empty",
        "/opt",
        "/opt/kaspersky",
        "/opt/kaspersky/large.txt",
        "/opt/kaspersky/link",
        "/opt/kaspersky/noise.bin",
        "/opt/kaspersky/pipe",
        "/opt/kaspersky/readme.txt",
        "/opt/kaspersky/same.txt",
        "/opt/kaspersky/sparse.bin",
        "/rr_moved",
        &long,
    ];
    expected.sort_unstable();
    assert_eq!(paths(&seen), expected);
    for path in ["/opt/kaspersky/readme.txt", "/opt/kaspersky/same.txt"] {
        assert_eq!(content(&seen, path), b"Kaspersky Endpoint Security\n");
    }
    assert!(content(&seen, "/opt/kaspersky/large.txt") == lines());
    assert_eq!(content(&seen, "/opt/kaspersky/link"), b"../kaspersky/./readme.txt");
    assert_eq!(content(&seen, "/opt/kaspersky/sparse.bin").len(), 300_000);
    assert_eq!(content(&seen, "/1/2/3/4/5/6/7/8/9/10/deep.txt"), b"deep\n");
    assert_eq!(content(&seen, &long), b"long\n");
    let kind = |path: &str| seen.iter().find(|it| it.path == path).unwrap().kind;
    assert_eq!(kind("/opt"), EntryKind::Folder);
    assert_eq!(kind("/1/2/3/4/5/6/7/8"), EntryKind::Folder);
    assert_eq!(kind("/opt/kaspersky/link"), EntryKind::Link);
    assert_eq!(kind("/opt/kaspersky/pipe"), EntryKind::Other);
    assert_eq!(kind("/empty"), EntryKind::File);
}

#[test]
fn folders_come_before_what_lies_in_them() {
    let (seen, _) = look(&image(ROCK));
    for (place, one) in seen.iter().enumerate() {
        let parent = one.path.rsplit_once('/').unwrap().0;
        assert!(parent.is_empty() || seen[..place].iter().any(|it| it.path == parent), "{}", one.path);
    }
}

#[test]
fn a_boot_image_that_is_no_file_is_a_member() {
    let (seen, result) = look(&image(EFI));
    assert_eq!(result, Ok(()));
    assert_eq!(paths(&seen), ["/[boot]/image-1", "/boot.catalog", "/far", "/readme.txt"]);
    let boot = content(&seen, "/[boot]/image-1");
    assert_eq!((boot.len(), &boot[3..11]), (128 << 10, &b"mkfs.fat"[..]));
    assert_eq!(content(&seen, "/far"), format!("/{}end", "part/".repeat(60)).as_bytes());
}

#[test]
fn joliet_names_become_utf_8() {
    let (seen, result) = look(&image(JOLIET));
    assert_eq!(result, Ok(()));
    let folder = "/Лаборатория Касперского";
    let readme = format!("{folder}/Прочти меня.txt");
    assert_eq!(paths(&seen), ["/large lines.txt", folder, &readme]);
    assert_eq!(content(&seen, &readme), b"Kaspersky Endpoint Security\n");
    assert!(content(&seen, "/large lines.txt") == lines());
}

#[test]
fn joliet_is_read_where_rock_ridge_is_not_used() {
    let mut image = image(ROCK);
    let mark = image.windows(6).position(|bytes| bytes == b"SP\x07\x01\xbe\xef").unwrap();
    image[mark] = b'X';
    let (seen, result) = look(&image);
    assert_eq!(result, Ok(()));
    assert_eq!(content(&seen, "/opt/kaspersky/readme.txt"), b"Kaspersky Endpoint Security\n");
}

#[test]
fn plain_names_lose_their_version() {
    let (seen, result) = look(&image(PLAIN));
    assert_eq!(result, Ok(()));
    assert_eq!(paths(&seen), ["/EMPTY.TXT", "/PART.A", "/PART.B", "/TOOLS", "/TOOLS/README"]);
    assert_eq!(content(&seen, "/TOOLS/README"), b"Kaspersky Endpoint Security\n");
}

#[test]
fn a_file_in_several_parts_is_one() {
    let mut image = image(PLAIN);
    let first = image.windows(8).position(|bytes| bytes == b"PART.A;1").unwrap();
    let second = image.windows(8).position(|bytes| bytes == b"PART.B;1").unwrap();
    // The first of them goes on with the next, which has the same name.
    image[first - 8] |= 0x80;
    image[second + 5] = b'A';
    let (seen, result) = look(&image);
    assert_eq!(result, Ok(()));
    assert_eq!(paths(&seen), ["/EMPTY.TXT", "/PART.A", "/TOOLS", "/TOOLS/README"]);
    assert!(content(&seen, "/PART.A") == &lines()[..5000]);
    // A part without the one that follows.
    image[second + 5] = b'B';
    let (seen, result) = look(&image);
    assert_eq!(result.unwrap_err().reason, GapReason::Corrupt);
    assert!(paths(&seen).contains(&"/PART.B"));
}

#[test]
fn a_disc_of_udf_alone_is_not_opened() {
    let (seen, result) = look(&image(UDF));
    assert!(seen.is_empty());
    assert_eq!(result.unwrap_err().reason, GapReason::UnsupportedFormat);
}

#[test]
fn a_folder_in_itself_is_damage_and_the_rest_is_read() {
    let mut image = image(ROCK);
    let place = image.windows(13).position(|bytes| bytes == b"\x01\0\0\x01\x08KASPERSK").unwrap() - 28;
    // Its place becomes the root's, by the primary descriptor.
    let root: Vec<u8> = image[16 * 2048 + 158..16 * 2048 + 166].to_vec();
    image[place + 2..place + 10].copy_from_slice(&root);
    let (seen, result) = look(&image);
    let fault = result.unwrap_err();
    assert_eq!((fault.reason, fault.detail.as_str()), (GapReason::Corrupt, "/opt/kaspersky: it lies in itself"));
    assert!(paths(&seen).contains(&"/1/2/3/4/5/6/7/8/9/10/deep.txt"));
}

#[test]
fn areas_that_lead_to_themselves_end() {
    // It goes on where it begins: block 0, offset 0, 28 bytes.
    let mut area = b"CE\x1c\x01".to_vec();
    area.resize(28, 0);
    area[20] = 28;
    let purse = Purse::of(Limits::default(), Memory::of(1), 28);
    let fault = Rock::default().read(&Bytes(&area), &purse, &area, 2048).unwrap_err();
    assert_eq!(fault.reason, GapReason::Corrupt);
}

#[test]
fn an_image_that_is_cut_is_a_fault() {
    for packed in [ROCK, PLAIN] {
        let image = image(packed);
        for length in (0..image.len() - 2048).step_by(2048 * 3 + 100) {
            let (seen, result) = look(&image[..length]);
            assert!(result.is_err() || seen.iter().any(|it| it.content.is_err()), "{length}");
        }
    }
}

#[test]
fn no_changed_byte_makes_it_panic_or_never_end() {
    for packed in [ROCK, EFI, JOLIET, PLAIN] {
        let image = image(packed);
        let mut changed = image.clone();
        // Descriptors and folders come first.
        let used = (16 * 2048..image.len().min(60 * 2048)).filter(|place| image[*place] != 0);
        for place in used.step_by(11) {
            for value in [0xff, image[place] ^ 2] {
                changed[place] = value;
                let _ = look(&changed);
            }
            changed[place] = image[place];
        }
    }
}
