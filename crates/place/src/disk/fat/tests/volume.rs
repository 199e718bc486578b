//! Volumes to test with: those of `tests/fixtures/disk/fat/make.py`, what is in them, and what a reader sees.

use crate::disk::filesystem::FileSystem;
use crate::tree::{EntryKind, Fault, File};
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

/// A volume that is mostly zeros.
#[derive(Clone)]
pub(in crate::disk) struct Volume {
    sectors: BTreeMap<u64, [u8; 512]>,
    size: u64,
    reads: Cell<usize>,
}

impl Volume {
    pub(in crate::disk) fn unpack(packed: &[u8]) -> Self {
        let (count, mut rest) = packed.split_first_chunk().unwrap();
        let mut volume =
            Self { sectors: BTreeMap::new(), size: u64::from(u32::from_le_bytes(*count)) * 512, reads: Cell::new(0) };
        while let Some((number, behind)) = rest.split_first_chunk() {
            let (length, behind) = behind.split_first_chunk().unwrap();
            let (bytes, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            volume.put(u64::from(u32::from_le_bytes(*number)) * 512, bytes);
            rest = behind;
        }
        volume
    }

    pub(in crate::disk) fn put(&mut self, position: u64, bytes: &[u8]) {
        for (at, byte) in (position..).zip(bytes) {
            self.sectors.entry(at / 512).or_insert([0; 512])[(at % 512) as usize] = *byte;
        }
    }

    pub(in crate::disk) fn get<const N: usize>(&self, position: u64) -> [u8; N] {
        let byte = |at| self.sectors.get(&(at / 512)).map_or(0, |sector| sector[(at % 512) as usize]);
        std::array::from_fn(|at| byte(position + at as u64))
    }

    /// The positions of all bytes that are kept.
    pub(in crate::disk) fn kept(&self) -> Vec<u64> {
        self.sectors.keys().flat_map(|sector| sector * 512..(sector + 1) * 512).collect()
    }

    pub(in crate::disk) fn cut(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    pub(in crate::disk) fn reads(&self) -> usize {
        self.reads.replace(0)
    }
}

impl File for Volume {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.reads.set(self.reads.get() + 1);
        let count = (self.size.saturating_sub(offset)).min(buffer.len() as u64) as usize;
        let (now, _) = buffer.split_at_mut(count);
        now.fill(0);
        let end = offset.saturating_add(count as u64);
        for (sector, bytes) in self.sectors.range(offset / 512..end.div_ceil(512)) {
            for (at, byte) in (sector * 512..).zip(bytes) {
                if (offset..end).contains(&at) {
                    now[(at - offset) as usize] = *byte;
                }
            }
        }
        Ok(count)
    }
}

/// Numbers that look like chance.
pub(in crate::disk) struct Noise(pub(in crate::disk) u64);

impl Noise {
    pub(in crate::disk) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// What was seen of a path.
#[derive(Debug)]
pub(in crate::disk) struct Seen {
    pub(in crate::disk) node: u64,
    /// Of a file.
    pub(in crate::disk) content: Option<Result<Vec<u8>, Fault>>,
}

/// All of a volume, and the faults of its folders.
#[derive(Debug, Default)]
pub(in crate::disk) struct Look {
    pub(in crate::disk) seen: BTreeMap<Vec<u8>, Seen>,
    pub(in crate::disk) faults: BTreeMap<String, Fault>,
}

impl Look {
    pub(in crate::disk) fn at(volume: &dyn FileSystem) -> Self {
        let mut look = Self::default();
        let mut known = HashSet::from([volume.root()]);
        let mut open = vec![(Vec::new(), volume.root())];
        while let Some((path, node)) = open.pop() {
            let listed = volume.list(node, &mut |named| {
                let path = [&path, &b"/"[..], named.name].concat();
                let content = (named.kind == EntryKind::File).then(|| content_of(volume, named.node));
                if content.is_none() && known.insert(named.node) {
                    open.push((path.clone(), named.node));
                }
                look.seen.insert(path, Seen { node: named.node, content });
                if look.seen.len() < 5000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            if let Err(fault) = listed {
                look.faults.insert(String::from_utf8_lossy(&path).into_owned(), fault);
            }
        }
        look
    }

    pub(in crate::disk) fn node(&self, path: &str) -> u64 {
        self.seen[path.as_bytes()].node
    }
}

fn content_of(volume: &dyn FileSystem, node: u64) -> Result<Vec<u8>, Fault> {
    let file = volume.open(node)?;
    let bytes = file.read_all(1 << 20)?;
    assert_eq!(bytes.len() as u64, file.size()?);
    Ok(bytes)
}

/// What make.py puts in a file.
pub(in crate::disk) fn content(path: &str, size: usize) -> Vec<u8> {
    (0..size).flat_map(|line| format!("{path} {line}\n").into_bytes()).take(size).collect()
}

/// All that make.py puts in a volume with clusters of that size.
pub(in crate::disk) fn truth(cluster: usize) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut files: Vec<(String, usize)> =
        (0..20).map(|number| (format!("/Folder/{number:02} of many.txt"), 0)).collect();
    files.extend((0..3).map(|number| (format!("/kept {number}.txt"), 10)));
    files.push((format!("/Folder/{}name.dat", "long ".repeat(40)), 512));
    for (path, size) in [
        ("/README.TXT", 700),
        ("/lower.txt", 3),
        ("/Ünïcödé – 日本語.bin", 1300),
        ("/no extension", 0),
        ("/Folder/Deeper folder with a long name/E/end.txt", 1500),
        ("/broken up.bin", 5 * cluster + 1),
    ] {
        files.push((path.into(), size));
    }
    let folders =
        ["/Folder", "/Folder/Deeper folder with a long name", "/Folder/Deeper folder with a long name/E", "/empty"];
    let files = files.into_iter().map(|(path, size)| (path.clone(), Some(content(&path, size))));
    files.chain(folders.map(|path| (path.into(), None))).collect()
}

pub(in crate::disk) fn assert_whole(look: &Look, cluster: usize) {
    assert_eq!(look.faults, BTreeMap::new());
    let seen: BTreeMap<_, _> = look
        .seen
        .iter()
        .map(|(path, seen)| (String::from_utf8(path.clone()).unwrap(), seen.content.clone().map(Result::unwrap)))
        .collect();
    assert_eq!(seen, truth(cluster));
}
