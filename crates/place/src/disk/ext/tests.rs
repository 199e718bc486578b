//! The images are made by `tests/fixtures/disk/ext/make.py`, which says what is in them.

use super::Ext;
use crate::disk::filesystem::FileSystem;
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const EXT2: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/ext/ext2.runs");
const EXT4: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/ext/ext4.runs");
const INLINE: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/ext/inline.runs");
const JOURNAL: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/ext/journal.runs");
const PLAIN: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/ext/plain.runs");

/// Where the superblock says what it needs to be read.
const NEEDED: usize = 1024 + 0x60;
/// Where it says, among others, that there are checksums.
const HAS_SUMS: usize = 1024 + 0x65;
/// More than this of a file is not compared whole: most of it is a hole.
const WHOLE: u64 = 1 << 20;

struct Memory(Vec<u8>);

impl File for Memory {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let bytes = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }
}

/// The image that is kept as runs.
fn image(runs: &[u8]) -> Memory {
    let (mut rest, mut bytes) = (runs, Vec::new());
    let number = |rest: &mut &[u8]| {
        let end = rest.iter().position(|byte| *byte < 128).unwrap();
        let number = rest[..=end].iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 127));
        *rest = &rest[end + 1..];
        number
    };
    while !rest.is_empty() {
        let length = number(&mut rest);
        bytes.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
        if !rest.is_empty() {
            let length = number(&mut rest);
            bytes.resize(bytes.len() + length, rest[0]);
            rest = &rest[1..];
        }
    }
    Memory(bytes)
}

/// What a name stands for, with the content of a file or where a link points.
type Seen = (EntryKind, Result<Vec<u8>, Fault>);

/// Everything in a file system, and what was wrong with folders.
fn look(disk: &dyn File) -> Result<(BTreeMap<String, Seen>, Vec<Fault>), Fault> {
    let system = Ext::open(disk)?;
    let (mut seen, mut wrong) = (BTreeMap::new(), Vec::from_iter(system.doubts()));
    let mut folders = vec![(String::new(), system.root(), 0)];
    while let Some((folder, node, depth)) = folders.pop() {
        let result = system.list(node, &mut |named| {
            let path = format!("{folder}/{}", String::from_utf8_lossy(named.name));
            let content = match named.kind {
                EntryKind::File => system.open(named.node).and_then(|file| content(&*file)),
                EntryKind::Link => system.link(named.node),
                EntryKind::Folder | EntryKind::Other => Ok(Vec::new()),
            };
            if named.kind == EntryKind::Folder && depth < 8 {
                folders.push((path.clone(), named.node, depth + 1));
            }
            seen.insert(path, (named.kind, content));
            ControlFlow::Continue(())
        });
        wrong.extend(result.err());
    }
    Ok((seen, wrong))
}

/// A file: all of it, or its size, its beginning and its last two blocks.
fn content(file: &dyn File) -> Result<Vec<u8>, Fault> {
    let size = file.size()?;
    if size <= WHOLE {
        return file.read_all(WHOLE);
    }
    let mut bytes = vec![0; 320 << 10];
    assert_eq!(file.read_at(0, &mut bytes)?, bytes.len());
    let mut last = [0; 2048];
    assert_eq!(file.read_at(size - 2048, &mut last)?, last.len());
    Ok([&size.to_le_bytes(), &bytes[..], &last].concat())
}

fn block(word: &str, number: usize, size: usize) -> Vec<u8> {
    let mut bytes = format!("{word} {number:06}\n").into_bytes();
    bytes.resize(size, 0xaa);
    bytes
}

/// Blocks of 1 KiB at these places, and nothing between them.
fn blocks(word: &str, numbers: impl IntoIterator<Item = usize>, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for number in numbers {
        bytes[number << 10..][..1024].copy_from_slice(&block(word, number, 1024));
    }
    bytes
}

fn folder() -> Seen {
    (EntryKind::Folder, Ok(Vec::new()))
}

fn file(bytes: impl AsRef<[u8]>) -> Seen {
    (EntryKind::File, Ok(bytes.as_ref().to_vec()))
}

/// What the script puts into the images that were unmounted.
fn tree(count: usize) -> BTreeMap<String, Seen> {
    let readme = b"Ostrakon reads this.\n";
    let sparse = [&71_681_024_u64.to_le_bytes()[..], &blocks("sparse", [0, 13, 300], 320 << 10), &[0; 1024]].concat();
    let link = |target: String| (EntryKind::Link, Ok(target.into_bytes()));
    let paths = [
        ("/empty", file("")),
        ("/lost+found", folder()),
        ("/many", folder()),
        ("/opt", folder()),
        ("/opt/product", folder()),
        ("/opt/product/blocks.bin", file([blocks("block", 0..count, count << 10), b"end".to_vec()].concat())),
        ("/opt/product/link", link("../product/readme.txt".to_owned())),
        ("/opt/product/long", link(format!("../product/{}readme.txt", "./".repeat(60)))),
        ("/opt/product/middle.txt", file("middle\n".repeat(18))),
        ("/opt/product/pipe", (EntryKind::Other, Ok(Vec::new()))),
        ("/opt/product/readme.txt", file(readme)),
        ("/sparse.bin", file([sparse, block("sparse", 70_000, 1024)].concat())),
    ];
    let many = (0..60).map(|number| (format!("/many/one-of-many-names-{number:03}"), file(readme)));
    paths.into_iter().map(|(path, seen)| (path.to_owned(), seen)).chain(many).collect()
}

/// The same with what is in the image with extents only.
fn tree_of_extents() -> BTreeMap<String, Seen> {
    let secret = || Fault::new(GapReason::Encrypted, "the file system has it encrypted (fscrypt)");
    let mut tree = tree(30);
    tree.extend([
        ("/extents.bin".to_owned(), file(blocks("extent", (0..680).step_by(2), 679 << 10))),
        ("/unwritten.bin".to_owned(), file(blocks("written", [0], 20 << 10))),
        ("/secret".to_owned(), folder()),
        ("/secret.bin".to_owned(), (EntryKind::File, Err(secret()))),
    ]);
    tree
}

/// What the journals are to make of their images.
fn replayed() -> BTreeMap<String, Seen> {
    let escaped = (0..6).map(|number| [b"\xc0\x3b\x39\x98", &block("escaped", number, 1020)[..]].concat());
    let paths = [
        ("/changed.txt", file("after, and longer\n")),
        ("/escaped.bin", file(escaped.collect::<Vec<_>>().concat())),
        ("/folder", folder()),
        ("/folder/file", file("in a new folder\n")),
        ("/lost+found", folder()),
        ("/new.txt", file("renamed\n")),
        ("/tick", file("...")),
    ];
    paths.into_iter().map(|(path, seen)| (path.to_owned(), seen)).collect()
}

/// Compares without telling all bytes.
fn assert_same(name: &str, seen: &BTreeMap<String, Seen>, expected: &BTreeMap<String, Seen>) {
    assert_eq!(Vec::from_iter(seen.keys()), Vec::from_iter(expected.keys()), "{name}");
    for (path, (kind, content)) in seen {
        assert_eq!(*kind, expected[path].0, "{name}: {path}");
        assert!(*content == expected[path].1, "{name}: {path}");
    }
}

#[test]
fn content_lies_in_blocks_of_numbers_in_extents_and_in_inodes() {
    for (name, runs, expected) in [("ext2", EXT2, tree(300)), ("inline", INLINE, tree(30))] {
        let (seen, wrong) = look(&image(runs)).unwrap();
        assert_same(name, &seen, &expected);
        assert_eq!(wrong, [], "{name}");
    }
    let (seen, wrong) = look(&image(EXT4)).unwrap();
    assert_same("ext4", &seen, &tree_of_extents());
    // The folder that is encrypted.
    assert_eq!(Vec::from_iter(wrong.iter().map(|fault| fault.reason)), [GapReason::Encrypted]);
}

#[test]
fn files_are_read_at_any_place() {
    let expected = blocks("block", 0..300, 300 << 10);
    let disk = image(EXT2);
    let system = Ext::open(&disk).unwrap();
    let find = |folder, name: &str| {
        let mut node = None;
        let found = system.list(folder, &mut |named| match named.name == name.as_bytes() {
            true => {
                node = Some(named.node);
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        });
        assert_eq!(found, Ok(()));
        node.unwrap()
    };
    let node = find(find(find(system.root(), "opt"), "product"), "blocks.bin");
    let file = system.open(node).unwrap();
    for start in [0, 1, 1023, 12 * 1024 - 1, 268 * 1024 - 7, 299 * 1024, 307_202, 307_203, 400_000, usize::MAX >> 1] {
        for length in [0, 1, 9, 5000, 70_000] {
            let mut buffer = vec![1; length];
            let read = file.read_at(start as u64, &mut buffer).unwrap();
            let whole = [&expected[..], b"end"].concat();
            let rest = whole.get(start..).unwrap_or_default();
            assert_eq!(read, rest.len().min(length));
            assert!(buffer[..read] == rest[..read], "{start} {length}");
        }
    }
    // What is of another kind.
    assert_eq!(system.open(system.root()).err().unwrap().reason, GapReason::Corrupt);
    assert_eq!(system.link(node).unwrap_err().reason, GapReason::Corrupt);
    assert_eq!(system.list(node, &mut |_| ControlFlow::Continue(())).unwrap_err().reason, GapReason::Corrupt);
}

#[test]
fn what_is_in_the_journal_is_read() {
    for (name, runs) in [("journal", JOURNAL), ("plain", PLAIN)] {
        let (seen, wrong) = look(&image(runs)).unwrap();
        assert_same(name, &seen, &replayed());
        assert_eq!(wrong, [], "{name}");
    }
    // Without its journal it is older.
    let mut disk = image(PLAIN);
    disk.0[NEEDED] &= !4;
    let (seen, _) = look(&disk).unwrap();
    assert!(seen.contains_key("/renamed.txt") && !seen.contains_key("/new.txt"));
}

#[test]
fn a_journal_that_cannot_be_replayed_is_a_doubt() {
    // On another device; then with a superblock that is none, with features not known, and with a commit that is wrong.
    let place = |disk: &Memory, bytes: &[u8]| disk.0.windows(bytes.len()).position(|part| part == bytes).unwrap();
    let spoil: [fn(&mut Memory, usize); 4] = [
        |disk, _| disk.0[1024 + 0xe0] = 0,
        |disk, head| disk.0[head] = 0,
        |disk, head| disk.0[head + 0x28] = 0x80,
        |disk, head| disk.0[head + 0xc] = 1,
    ];
    for spoil in spoil {
        let mut disk = image(PLAIN);
        let head = place(&disk, b"\xc0\x3b\x39\x98\0\0\0\x04");
        spoil(&mut disk, head);
        let (seen, wrong) = look(&disk).unwrap();
        assert!(seen.contains_key("/renamed.txt"));
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }
    let mut disk = image(JOURNAL);
    let commit = last_commit(&disk);
    disk.0[commit + 0x35] ^= 1;
    let system = Ext::open(&disk).unwrap();
    assert_eq!(system.doubts().len(), 1);
    // A descriptor that is none any more looks like the end, but for the commit behind it.
    for runs in [JOURNAL, PLAIN] {
        let mut disk = image(runs);
        let commit = last_commit(&disk);
        let blocks = disk.0[..commit].rchunks(1024);
        let back = blocks.take_while(|block| !block.starts_with(b"\xc0\x3b\x39\x98\0\0\0\x01")).count();
        disk.0[commit - (back + 1) * 1024] = 0;
        assert_eq!(Ext::open(&disk).unwrap().doubts().len(), 1);
    }
}

#[test]
fn checksums_do_not_get_lost() {
    let mut disk = image(EXT4);
    disk.0[HAS_SUMS] &= !4;
    assert_eq!(Ext::open(&disk).err().unwrap().reason, GapReason::Corrupt);
}

/// Where the last transaction is committed.
fn last_commit(disk: &Memory) -> usize {
    let commits = (0..disk.0.len()).step_by(1024).filter(|at| disk.0[*at..].starts_with(b"\xc0\x3b\x39\x98\0\0\0\x02"));
    commits.max_by_key(|at| disk.0[at + 8..at + 12].to_vec()).unwrap()
}

#[test]
fn what_is_not_known_is_named() {
    for (at, bit, words) in [(0, 1, "compression"), (1, 0x10, "dirdata"), (2, 0x80, "0x800000"), (0, 8, "journal")] {
        let mut disk = image(EXT2);
        disk.0[NEEDED + at] |= bit;
        let fault = Ext::open(&disk).err().unwrap();
        assert_eq!(fault.reason, GapReason::UnsupportedFormat);
        assert!(fault.detail.contains(words), "{}", fault.detail);
    }
}

#[test]
fn what_ends_too_soon_gives_no_wrong_content() {
    assert_eq!(look(&Memory(Vec::new())).unwrap_err().reason, GapReason::Truncated);
    assert_eq!(look(&Memory(vec![0; 4096])).unwrap_err().reason, GapReason::Corrupt);
    let (whole, expected) = (image(EXT4), tree_of_extents());
    for kibibytes in (2..600).step_by(7) {
        let Ok((seen, wrong)) = look(&Memory(whole.0[..kibibytes << 10].to_vec())) else { continue };
        for (path, (kind, content)) in &seen {
            assert_eq!(*kind, expected[path].0);
            assert!(content.as_ref().is_err_and(is_cut) || *content == expected[path].1, "{kibibytes} {path}");
        }
        assert!(seen.len() == expected.len() || wrong.iter().any(is_cut));
    }
}

fn is_cut(fault: &Fault) -> bool {
    fault.reason == GapReason::Truncated
}

/// What a look at a volume gave: its names and what could not be read, or why it could not be opened.
type Looked = Result<(BTreeMap<String, Seen>, Vec<Fault>), Fault>;

/// Changes a few bytes many times and looks at all that is left, with what was changed.
fn mutate(runs: &[u8], times: usize, check: &mut dyn FnMut(usize, Looked)) {
    let mut disk = image(runs);
    // Where something is. What is between is changed too, but less.
    let used: Vec<usize> = (0..disk.0.len()).filter(|at| ![0, 0xaa, 0xff].contains(&disk.0[*at])).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    // Whether the last transaction is whole depends on its end alone, and whether there are checksums on these bits.
    let spared = if runs == JOURNAL { last_commit(&disk) } else { 0 };
    let is_spared = |at| (spared > 0 && (spared..spared + 12).contains(&at)) || at == HAS_SUMS;
    for _ in 0..times {
        let mut before = Vec::new();
        for _ in 0..=random(3) {
            let at = match random(4) {
                0 => (used[random(used.len())] + random(16)).min(disk.0.len() - 1),
                _ => used[random(used.len())],
            };
            if is_spared(at) {
                continue;
            }
            before.push((at, disk.0[at]));
            disk.0[at] = [0, 0xff, disk.0[at] ^ (1 << random(8)), random(256) as u8][random(4)];
        }
        check(before.len(), look(&disk));
        for (at, byte) in before.into_iter().rev() {
            disk.0[at] = byte;
        }
    }
}

#[test]
fn damage_ends() {
    for (runs, times) in [(EXT2, 400), (PLAIN, 1000)] {
        mutate(runs, times, &mut |_, _| ());
    }
}

#[test]
fn damage_is_told_where_there_are_checksums() {
    let images = [
        ("ext4", EXT4, tree_of_extents(), 300),
        ("inline", INLINE, tree(30), 400),
        ("journal", JOURNAL, replayed(), 1000),
    ];
    for (name, runs, expected, times) in images {
        let mut whole = 0;
        mutate(runs, times, &mut |changed, result| {
            let Ok((seen, wrong)) = result else { return };
            // The older state is another one: it is in doubt.
            if wrong.iter().any(|fault| fault.detail.contains("journal was not replayed")) {
                return;
            }
            for (path, (kind, content)) in &seen {
                let expected = expected.get(path).unwrap_or_else(|| panic!("{name}: {path} was made up"));
                assert_eq!(*kind, expected.0, "{name}: {path}");
                if let (Ok(content), Ok(expected)) = (content, &expected.1)
                    && content != expected
                {
                    // Content has no checksums: as much of it is wrong as was changed.
                    let differ = content.iter().zip(expected).filter(|(one, other)| one != other).count();
                    assert!(content.len() == expected.len() && differ <= changed, "{name}: {path}");
                }
            }
            let is_open = wrong.iter().all(|fault| fault.reason == GapReason::Encrypted);
            assert!(seen.len() == expected.len() || !is_open, "{name}: names are missing");
            whole += usize::from(is_open);
        });
        assert!(whole > 0, "{name}");
    }
}
