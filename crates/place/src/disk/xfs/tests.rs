//! What tests/fixtures/disk/xfs/make.py packed is read back, whole, damaged and cut.

mod image;

use super::inode::Form;
use super::map::{Map, Place};
use super::*;
use image::{Image, Noise, fnv};
use std::collections::BTreeMap;
use std::ops::Range;

/// The same folders and files as both versions store them: how many names, and the sum of all.
const V5: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/xfs/v5.packed");
const V4: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/xfs/v4.packed");
const TOLD: (usize, u64) = (198, 0xe842_12db_d64d_e682);
/// A volume that is in use: `known` is in it, `late` in its log only.
const DIRTY: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/xfs/dirty.packed");

/// What is read of a folder before a test gives up: damage can make a folder lie in itself.
const MOST_NAMES: usize = 2000;
/// What is read of a file from either end.
const END: u64 = 8 << 10;

/// Everything in a volume: what each path stands for and the sum of its content, or why it could not be read.
#[derive(Default)]
struct Told {
    names: BTreeMap<Vec<u8>, (EntryKind, Result<u64, Fault>)>,
    /// Those of folders.
    faults: Vec<Fault>,
}

impl Told {
    fn of(xfs: &Xfs<'_>) -> Self {
        let mut told = Self::default();
        let mut folders = vec![(Vec::new(), xfs.root())];
        while let Some((path, node)) = folders.pop() {
            let listed = xfs.list(node, &mut |named| {
                let path = [&path[..], b"/", named.name].concat();
                let content = match named.kind {
                    EntryKind::File => xfs.open(named.node).and_then(|file| Self::ends(&*file)),
                    EntryKind::Link => xfs.link(named.node).map(|target| fnv(&target)),
                    EntryKind::Folder | EntryKind::Other => Ok(fnv(b"")),
                };
                if named.kind == EntryKind::Folder && path.len() < 100 {
                    folders.push((path.clone(), named.node));
                }
                told.names.insert(path, (named.kind, content));
                if told.names.len() < MOST_NAMES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            told.faults.extend(listed.err());
            if told.names.len() >= MOST_NAMES {
                break;
            }
        }
        told
    }

    fn ends(file: &dyn File) -> Result<u64, Fault> {
        let size = file.size()?;
        let mut content = size.to_le_bytes().to_vec();
        for start in [0, size.saturating_sub(END)] {
            let mut bytes = vec![1; END as usize];
            let count = file.read_at(start, &mut bytes)?;
            assert_eq!(count as u64, (size - start).min(END));
            content.extend(&bytes[..count]);
        }
        Ok(fnv(&content))
    }

    /// How many names there are, and the sum of all, as make.py tells them.
    fn sum(&self) -> (usize, u64) {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for (path, (kind, content)) in &self.names {
            lines.push([path, format!(" {kind:?} {:016x}\n", content.as_ref().unwrap()).as_bytes()].concat());
        }
        lines.sort();
        (lines.len(), fnv(&lines.concat()))
    }
}

/// The node that a path of folders leads to.
fn node(xfs: &Xfs<'_>, path: &[&str]) -> u64 {
    path.iter().fold(xfs.root(), |folder, part| {
        let mut found = None;
        xfs.list(folder, &mut |named| {
            found = found.or((named.name == part.as_bytes()).then_some(named.node));
            if found.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
        found.unwrap()
    })
}

#[test]
fn volumes_give_what_was_stored() {
    for packed in [V5, V4] {
        let image = Image::of(packed);
        let xfs = Xfs::open(&image).unwrap();
        let told = Told::of(&xfs);
        assert!(told.faults.is_empty());
        assert_eq!(told.sum(), TOLD);
        assert_eq!(xfs.doubt(), None);
        assert!(!xfs.folds_case());
        // All forms that are to be read are there.
        let form = |path: &[&str]| Inode::read(&xfs.volume, node(&xfs, path)).unwrap().form;
        for (path, expected) in [
            (&["few"][..], Form::Local),
            (&["block"], Form::Extents),
            (&["links", "5"], Form::Local),
            (&["links", "1000"], Form::Extents),
            (&["files", "extents"], Form::Extents),
            (&["files", "tree"], Form::Tree),
        ] {
            assert_eq!(form(path), Some(expected), "{path:?}");
        }
        // Names of one file have one node.
        assert_eq!(node(&xfs, &["few", "hello.txt"]), node(&xfs, &["leaf", "l399"]));
        let file = xfs.open(node(&xfs, &["few", "hello.txt"])).unwrap();
        assert_eq!(file.read_all(100).unwrap(), b"hello, world\n");
        // Nothing is opened as what it is not.
        let (file, folder, link) = (node(&xfs, &["few", "empty"]), node(&xfs, &["few"]), node(&xfs, &["links", "5"]));
        assert!(xfs.list(file, &mut |_| ControlFlow::Continue(())).is_err());
        assert!(
            xfs.link(folder).is_err() && xfs.open(link).is_err() && xfs.open(node(&xfs, &["few", "pipe"])).is_err()
        );
        for number in [0, xfs.root() + 63, 1 << 40, u64::MAX] {
            assert!(xfs.open(number).is_err());
        }
    }
}

#[test]
fn files_are_read_at_any_place() {
    for packed in [V5, V4] {
        let image = Image::of(packed);
        let xfs = Xfs::open(&image).unwrap();
        let file = xfs.open(node(&xfs, &["files", "tree"])).unwrap();
        let whole = file.read_all(1 << 20).unwrap();
        for index in 0..70 {
            let piece = format!("piece {index}");
            assert!(whole[index * 8192 + index..].starts_with(piece.as_bytes()));
        }
        let mut noise = Noise(1);
        for _ in 0..300 {
            let (at, mut bytes) = (noise.below(whole.len() + 9), vec![1; noise.below(20_000)]);
            let count = file.read_at(at as u64, &mut bytes).unwrap();
            let expected = whole.get(at..).unwrap_or_default();
            assert_eq!(bytes[..count], expected[..bytes.len().min(expected.len())]);
        }
        assert_eq!(file.read_at(u64::MAX, &mut [0; 9]), Ok(0));
    }
}

#[test]
fn a_log_that_was_not_applied_is_told() {
    let image = Image::of(DIRTY);
    let xfs = Xfs::open(&image).unwrap();
    let names: Vec<_> = Told::of(&xfs).names.into_keys().collect();
    assert_eq!(names, [b"/known"]);
    assert!(xfs.doubt().unwrap().contains("not unmounted cleanly"));

    // The mark of a needed repair, a log that is elsewhere, and one that lies outside.
    for (at, bytes, words) in
        [(216, &[0, 0, 0, 0x1b][..], "repair"), (48, &[0; 8], "another device"), (48, &[1; 8], "cannot be read")]
    {
        let mut image = Image::of(V5);
        image.put(at, bytes, true);
        assert!(Xfs::open(&image).unwrap().doubt().unwrap().contains(words));
    }
}

#[test]
fn what_is_not_known_is_unsupported() {
    let opened = |packed, at, bytes: &[u8]| {
        let mut image = Image::of(packed);
        image.put(at, bytes, packed == V5);
        let opened = Xfs::open(&image).map(|_| ());
        opened.map_err(|fault| fault.reason)
    };
    let unsupported = Err(GapReason::UnsupportedFormat);
    // Features, versions, and folders of the first form.
    assert_eq!(opened(V5, 217, &[1]), unsupported);
    assert_eq!(opened(V5, 218, &[2]), unsupported);
    assert_eq!(opened(V4, 203, &[0x10]), unsupported);
    assert_eq!(opened(V4, 101, &[0xa3]), unsupported);
    assert_eq!(opened(V4, 100, &[0x94]), unsupported);
    // Features that only writing needs to know.
    assert_eq!(opened(V5, 212, &[0xff]), Ok(()));
    assert_eq!(opened(V5, 208, &[0xff]), Ok(()));
    // Sizes that are none.
    for (at, bytes) in
        [(120, &[8][..]), (4, &[0, 0, 2, 1]), (88, &[0; 4]), (84, &[0xff; 4]), (8, &[0xff; 8]), (192, &[8])]
    {
        assert_eq!(opened(V5, at, bytes), Err(GapReason::Corrupt));
        assert_eq!(opened(V4, at, bytes), Err(GapReason::Corrupt));
    }
    // A file on a real-time device.
    let mut image = Image::of(V5);
    let xfs = Xfs::open(&image).unwrap();
    let number = node(&xfs, &["files", "extents"]);
    let at = xfs.volume.inode_position(number).unwrap();
    image.put(at + 91, &[1], true);
    let fault = Xfs::open(&image).unwrap().open(number).err().unwrap();
    assert_eq!(fault.reason, GapReason::UnsupportedFormat);
}

#[test]
fn nothing_and_too_little_are_truncated() {
    let empty = Image::default();
    assert_eq!(Xfs::open(&empty).err().unwrap().reason, GapReason::Truncated);
    for packed in [V5, V4] {
        let mut image = Image::of(packed);
        let whole = Told::of(&Xfs::open(&image).unwrap());
        let mut noise = Noise(2);
        for round in 0..60 {
            image.size = if round < 30 { noise.below(400 << 10) as u64 } else { noise.place(&Image::of(packed)) };
            match Xfs::open(&image) {
                Err(fault) => assert_eq!(fault.reason, GapReason::Truncated),
                Ok(xfs) => {
                    let told = Told::of(&xfs);
                    let broken = told.names.values().filter_map(|(_, content)| content.as_ref().err());
                    assert!(told.faults.iter().chain(broken).all(|fault| fault.reason == GapReason::Truncated));
                    check(&told, &whole, false);
                }
            }
        }
    }
}

/// Nothing is told that is not so, and where something is not told there is a fault. `data`: content may differ.
fn check(told: &Told, whole: &Told, data: bool) {
    for (path, (kind, content)) in &told.names {
        let (right_kind, right_content) = &whole.names[path];
        assert_eq!(kind, right_kind);
        assert!(content.is_err() || data || content == right_content, "{path:?}");
    }
    assert!(told.names.len() == whole.names.len() || !told.faults.is_empty());
}

/// Where the content of files lies, which has no checksums.
fn data(xfs: &Xfs<'_>, whole: &Told) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    for path in whole.names.iter().filter(|(_, (kind, _))| *kind == EntryKind::File).map(|(path, _)| path) {
        let parts: Vec<_> = std::str::from_utf8(path).unwrap().split('/').skip(1).collect();
        let inode = Inode::read(&xfs.volume, node(xfs, &parts)).unwrap();
        let map = Map::of(&xfs.volume, &inode).unwrap();
        let mut block = 0;
        while block < inode.size.div_ceil(xfs.volume.block_size()) {
            let run = map.run(block).unwrap();
            if let Place::At(position) = run.place {
                ranges.push(position..position + run.blocks * xfs.volume.block_size());
            }
            block += run.blocks;
        }
    }
    ranges
}

#[test]
fn damage_is_told() {
    let image = Image::of(V5);
    let xfs = Xfs::open(&image).unwrap();
    let whole = Told::of(&xfs);
    let data = data(&xfs, &whole);
    let mut noise = Noise(3);
    for _ in 0..1000 {
        let mut damaged = image.clone();
        let mut in_data = false;
        for _ in 0..=noise.below(3) {
            let at = noise.place(&image);
            in_data |= data.iter().any(|range| range.contains(&at));
            let bit = damaged.read(at, 1)[0] ^ 1 << noise.below(8);
            damaged.put(at, &[bit], false);
        }
        if let Ok(xfs) = Xfs::open(&damaged) {
            check(&Told::of(&xfs), &whole, in_data);
            xfs.doubt();
        }
    }
}

#[test]
fn damage_that_is_sealed_ends() {
    for packed in [V5, V4] {
        let image = Image::of(packed);
        let mut noise = Noise(4);
        let mut read = 0;
        for _ in 0..600 {
            let mut damaged = image.clone();
            for _ in 0..=noise.below(4) {
                let (at, byte) = (noise.place(&image), [0, 1, 0x7f, 0xff, noise.below(256) as u8][noise.below(5)]);
                damaged.put(at, &[byte], packed == V5);
            }
            if let Ok(xfs) = Xfs::open(&damaged) {
                let told = Told::of(&xfs);
                read += usize::from(!told.names.is_empty());
                xfs.doubt();
            }
        }
        assert!(read > 300);
    }
}

#[test]
fn a_folder_does_not_lose_names() {
    // Version 4 has no checksums: names that do not add up are a fault all the same.
    let image = Image::of(V4);
    let xfs = Xfs::open(&image).unwrap();
    let listed = |image: &Image, folder: &str| {
        let xfs = Xfs::open(image).unwrap();
        let mut count = 0;
        let listed = xfs.list(node(&xfs, &[folder]), &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        (count, listed.is_ok())
    };
    let inode = |folder| Inode::read(&xfs.volume, node(&xfs, &[folder])).unwrap();
    let block = |folder| match Map::of(&xfs.volume, &inode(folder)).unwrap().run(0).unwrap().place {
        Place::At(position) => position,
        _ => panic!("a folder without a first block"),
    };
    assert_eq!((listed(&image, "block"), listed(&image, "leaf")), ((36, true), (80, true)));
    // A name becomes free space.
    let mut damaged = image.clone();
    damaged.put(block("block") + 16 + 2 * 16, &[0xff, 0xff, 0, 16], false);
    assert_eq!(listed(&damaged, "block"), (35, false));
    // A block of another folder, and none: the others are told.
    for bytes in [image.read(block("node"), 4096), vec![0; 4096]] {
        let mut damaged = image.clone();
        damaged.put(block("leaf"), &bytes, false);
        let (count, is_whole) = listed(&damaged, "leaf");
        assert!(!is_whole && (1..80).contains(&count));
    }
    // Less of the folder, and fewer of its extents.
    for (at, bytes) in [(56, &0x1000_u64.to_be_bytes()[..]), (76, &[0, 0, 0, 1])] {
        let mut damaged = image.clone();
        damaged.put(xfs.volume.inode_position(inode("leaf").number).unwrap() + at, bytes, false);
        assert!(!listed(&damaged, "leaf").1, "{at}");
    }
}
