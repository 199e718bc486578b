//! What the tests of images share, and the tests of what images share. The images are of make.py beside them.

use super::*;
use crate::disk::sibling::Siblings;
use std::io::Read;

/// A way to open an image.
pub(in crate::disk) type Open = for<'a> fn(&'a dyn File, &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault>;

const MIB: usize = 1 << 20;
const SIZE: usize = 5 * MIB + 1536;

/// Numbers from a seed.
pub(in crate::disk) struct Noise(pub(in crate::disk) u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(in crate::disk) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    fn bytes(count: usize, seed: u64) -> Vec<u8> {
        let mut noise = Self(seed);
        (0..count).map(|_| (noise.next() >> 23) as u8).collect()
    }
}

/// What the images hold, with some of it written over.
pub(in crate::disk) fn disk(over: &[(usize, &[u8])]) -> Vec<u8> {
    let mut disk = vec![0; SIZE];
    let mut put = |at: usize, bytes: &[u8]| disk[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(0..3000).map(|at| (at / 3 % 251) as u8).collect::<Vec<_>>());
    put(MIB - 300, &Noise::bytes(700, 1));
    put(3 * MIB + 100 * 1024, &(0..40000).map(|at| (at / 128 % 251) as u8).collect::<Vec<_>>());
    put(SIZE - 300, &Noise::bytes(300, 2));
    over.iter().for_each(|(at, bytes)| put(*at, bytes));
    disk
}

/// Unpacks an image as make.py packs it.
pub(in crate::disk) fn unpack(packed: &[u8]) -> Rc<[u8]> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let (size, sectors) = bytes.split_first_chunk().unwrap();
    let mut image = vec![0; u64::from_le_bytes(*size) as usize];
    for sector in sectors.chunks(516) {
        let (number, sector) = sector.split_first_chunk().unwrap();
        let target = image[u32::from_le_bytes(*number) as usize * 512..].iter_mut();
        target.zip(sector).for_each(|(target, byte)| *target = *byte);
    }
    image.into()
}

macro_rules! image {
    ($name:literal) => {
        (
            $name,
            $crate::disk::cluster::tests::unpack(include_bytes!(concat!(
                "../../../../../tests/fixtures/disk/containers/",
                $name,
                ".gz"
            ))),
        )
    };
}
pub(in crate::disk) use image;

/// Bytes in memory, some of them damaged. Counts how often it is read.
#[derive(Clone)]
pub(in crate::disk) struct Memory {
    bytes: Rc<[u8]>,
    length: usize,
    damage: Vec<(usize, u8)>,
    reads: Rc<Cell<usize>>,
}

impl Memory {
    pub(in crate::disk) fn of(bytes: Rc<[u8]>) -> Self {
        Self { length: bytes.len(), bytes, damage: Vec::new(), reads: Rc::default() }
    }
}

impl File for Memory {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.length as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.reads.set(self.reads.get() + 1);
        let at = usize::try_from(offset).unwrap().min(self.length);
        let count = (self.length - at).min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[at..at + count]);
        for (place, byte) in &self.damage {
            if let Some(target) = place.checked_sub(at).and_then(|place| buffer[..count].get_mut(place)) {
                *target = *byte;
            }
        }
        Ok(count)
    }
}

/// Images in a folder. The first is the one that is opened.
pub(in crate::disk) struct Images(pub(in crate::disk) Vec<(&'static str, Memory)>);

impl Images {
    pub(in crate::disk) fn of(images: &[(&'static str, Rc<[u8]>)]) -> Self {
        Self(images.iter().map(|(name, bytes)| (*name, Memory::of(Rc::clone(bytes)))).collect())
    }

    /// With bytes of the first image written over.
    pub(in crate::disk) fn with(mut self, over: &[(usize, &[u8])]) -> Self {
        for (at, bytes) in over {
            self.0[0].1.damage.extend(bytes.iter().enumerate().map(|(index, byte)| (at + index, *byte)));
        }
        self
    }

    fn siblings<'a>(&self) -> impl Fn(&[u8]) -> Result<Box<dyn File + 'a>, Fault> + use<'a> {
        let images = self.0.clone();
        move |name: &[u8]| {
            let is = |(is, _): &&(&str, Memory)| {
                is.as_bytes() == name || (name.starts_with(b".") && is.as_bytes().ends_with(name))
            };
            match images.iter().find(is) {
                Some((_, file)) => Ok(Box::new(file.clone())),
                None => Err(Fault { gone: true, ..Fault::new(GapReason::IoError, "no such file") }),
            }
        }
    }

    /// Lets `look` look at the open disk.
    pub(in crate::disk) fn open<T>(&self, open: Open, look: impl FnOnce(&dyn File) -> T) -> Result<T, Fault> {
        let siblings = self.siblings();
        let file = &self.0[0].1;
        let disk = open(file, &siblings)?;
        Ok(look(&*disk))
    }

    /// All of the disk, read in pieces of no round size.
    pub(in crate::disk) fn read(&self, open: Open) -> Result<Vec<u8>, Fault> {
        self.open(open, |disk| {
            let mut all = vec![0xaa; disk.size()? as usize + 100];
            let mut at = 0;
            while at + 100 < all.len() {
                let end = all.len().min(at + 100_001);
                at += disk.read_at(at as u64, &mut all[at..end])?;
            }
            assert_eq!(disk.read_at(at as u64, &mut [0])?, 0);
            assert_eq!(disk.read_at(u64::MAX, &mut [0])?, 0);
            all.truncate(at);
            Ok(all)
        })?
    }

    /// The fault of reading all.
    pub(in crate::disk) fn fault(&self, open: Open) -> (GapReason, String) {
        let fault = self.read(open).map(|_| ()).unwrap_err();
        assert!(!fault.gone);
        (fault.reason, fault.detail)
    }
}

/// Opens images that are damaged at random, and cut. What is cut is a fault or does not matter. With `sums` every content
/// that is read must be right.
pub(in crate::disk) fn damage(open: Open, images: &[(&'static str, Rc<[u8]>)], right: &[u8], sums: bool) {
    let whole = Images::of(images);
    assert!(whole.read(open).unwrap() == right);
    assert!(Images::of(&[(images[0].0, Rc::from([]))]).read(open).is_err());
    let bytes = &images[0].1;
    let sectors: Vec<usize> = (0..bytes.len().div_ceil(512))
        .filter(|at| bytes[at * 512..bytes.len().min(at * 512 + 512)].iter().any(|byte| *byte != 0))
        .collect();
    let mut noise = Noise(7);
    for round in 0..600 {
        let mut images = Images::of(images);
        let first = &mut images.0[0].1;
        if round % 8 == 0 {
            first.length = bytes.len().min(sectors[noise.below(sectors.len())] * 512 + noise.below(512));
            if let Ok(read) = images.read(open) {
                assert!(read == right);
            }
            continue;
        }
        for _ in 0..1 + noise.below(3) {
            // Headers and tables more often than content.
            let sector = sectors[noise.below(if round % 2 == 0 { sectors.len().min(8) } else { sectors.len() })];
            let at = (sector * 512 + noise.below(512)).min(bytes.len() - 1);
            let byte = [0, 1, 0xff, bytes[at] ^ 1, bytes[at] ^ 0x80, noise.below(256) as u8][noise.below(6)];
            first.damage.push((at, byte));
        }
        let look = |disk: &dyn File| {
            let size = disk.size().unwrap();
            for at in [0, MIB - 2000, 2 * MIB + 2000, 3 * MIB + 130_000, SIZE - 3000, noise.below(SIZE)] {
                let mut piece = [0; 4096];
                if let Ok(read) = disk.read_at(at as u64, &mut piece) {
                    assert_eq!(read as u64, size.saturating_sub(at as u64).min(4096));
                    assert!(!sums || right[at..].starts_with(&piece[..read]));
                }
            }
            let _ = disk.read_at(size.saturating_sub(100), &mut [0; 200]);
            let _ = disk.read_at(size / 2, &mut [0; 2000]);
        };
        let _ = images.open(open, look);
    }
}

#[test]
fn pieces_are_kept_while_they_fit() {
    let pieces = Pieces::new(1000);
    let made = Cell::new(0);
    let get = |key: u64, size: usize| {
        let make = || {
            made.set(made.get() + 1);
            Ok(vec![key as u8; size].into())
        };
        assert_eq!(*pieces.get(key, make).unwrap(), vec![key as u8; size]);
    };
    (0..3).for_each(|key| get(key, 200));
    (0..3).for_each(|key| get(key, 200));
    assert_eq!(made.get(), 3);
    // Makes place by letting go of 1 and 2, the eldest; 0 was used since.
    get(0, 200);
    get(3, 600);
    get(0, 200);
    assert_eq!(made.get(), 4);
    get(1, 200);
    assert_eq!(made.get(), 5);
    // One that is larger than all is kept alone.
    get(4, 5000);
    get(4, 5000);
    assert_eq!((made.get(), pieces.kept.borrow().len()), (6, 1));
    // Empty ones count too.
    (10..1000).for_each(|key| get(key, 0));
    assert!(pieces.kept.borrow().len() < 20);
    assert!(pieces.get(5000, || Err(Fault::corrupt("no"))).is_err());
}

#[test]
fn tables_are_read_in_pages() {
    let bytes: Vec<u8> = (0..20_000).map(|at| (at % 251) as u8).collect();
    let file = Memory::of(bytes.clone().into());
    let pages = Pages::default();
    for at in [0, 8190, 8192, 16_383, 19_996] {
        let four: [u8; 4] = pages.array(0, &file, Some(at as u64)).unwrap();
        assert_eq!(four, bytes[at..at + 4]);
    }
    assert_eq!(file.reads.get(), 3);
    for at in [Some(19_997), Some(20_000), Some(90_000), Some(1 << 62), None] {
        assert_eq!(pages.array::<4>(0, &file, at).unwrap_err().reason, GapReason::Truncated);
    }
}

#[test]
fn neighbours_are_read_at_once() {
    let bytes: Rc<[u8]> = (0..4000).map(|at| (at % 251) as u8).collect();
    let file = Memory::of(Rc::clone(&bytes));
    // Pieces of 100 bytes: three rows in the file, then zeros, then one that was unpacked, then what is not there.
    let run = |at: u64| {
        let left = 100 - at % 100;
        let place = (at / 100 % 10) * 100 + at % 100;
        match at / 100 {
            0..10 => Ok(Run::stored(&file, Some(2000 + place), left)),
            10..20 => Ok(Run::stored(&file, Some(place), left)),
            20 => Ok(Run::zeros(left)),
            21 => Ok(Run::unpacked(vec![7; 100].into(), at % 100, left)),
            22 => Ok(Run::unpacked(vec![7; 99].into(), at % 100, left)),
            _ => Ok(Run::stored(&file, Some(3990), left)),
        }
    };
    let mut buffer = [1; 2150];
    assert_eq!(read(2400, 50, &mut buffer, run), Ok(2150));
    assert_eq!(file.reads.get(), 2);
    assert_eq!([&bytes[2050..3000], &bytes[..1000], &[0; 100], &[7; 100]].concat(), buffer);
    assert_eq!(read(2150, 2100, &mut buffer, run), Ok(50));
    assert_eq!(read(2150, 2150, &mut buffer, run), Ok(0));
    assert_eq!(read(2400, 2250, &mut buffer, run).unwrap_err().reason, GapReason::Corrupt);
    assert_eq!(read(2400, 2350, &mut buffer, run).unwrap_err().reason, GapReason::Truncated);
    assert!(read(100, 0, &mut buffer, |_| Ok(Run::zeros(0))).is_err());
}

#[test]
fn bits_that_are_alike_are_counted() {
    let lowest = |bit| 1_u8 << bit;
    assert_eq!(alike(&[0b1111_1000, 0xff], 0, lowest), (false, 3));
    assert_eq!(alike(&[0b1111_1000, 0xff], 3, lowest), (true, 13));
    assert_eq!(alike(&[0b1110_0000], 0, |bit| 0x80 >> bit), (true, 3));
    assert_eq!(alike(&[0], 8, lowest), (false, 0));
}
