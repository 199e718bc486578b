//! The images are made by `tests/fixtures/disk/partitions/make.sh`, which says what is in them. What Linux 6.1 lists of them
//! is the same.

use super::{Kind, Partition, Table, crc32, looks_like, partitions};
use crate::disk::volume_kind::{VolumeKind, what};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::collections::BTreeMap;

const GPT: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/partitions/gpt.sectors");
const GPT4K: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/partitions/gpt4k.sectors");
const HYBRID: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/partitions/hybrid.sectors");
const MBR: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/partitions/mbr.sectors");

/// A disk whose sectors are zeros but for some.
#[derive(Clone)]
struct Disk {
    size: u64,
    sectors: BTreeMap<u64, [u8; 512]>,
}

impl Disk {
    fn of(packed: &[u8]) -> Self {
        let (size, sectors) = packed.split_first_chunk().unwrap();
        let sectors = sectors.as_chunks::<516>().0.iter().map(|sector| {
            let (number, content) = sector.split_first_chunk().unwrap();
            (u64::from(u32::from_le_bytes(*number)), content.try_into().unwrap())
        });
        Self { size: u64::from_le_bytes(*size), sectors: sectors.collect() }
    }

    fn empty(size: u64) -> Self {
        Self { size, sectors: BTreeMap::new() }
    }

    fn write(&mut self, place: u64, bytes: &[u8]) {
        for (place, byte) in (place..).zip(bytes) {
            self.sectors.entry(place / 512).or_insert([0; 512])[(place % 512) as usize] = *byte;
        }
    }

    /// An entry of an MBR, in the sector `number`.
    fn entry(&mut self, number: u64, index: u64, kind: u8, start: u32, size: u32) {
        let mut entry = [0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        entry[8..12].copy_from_slice(&start.to_le_bytes());
        entry[12..].copy_from_slice(&size.to_le_bytes());
        self.write(number * 512 + 446 + index * 16, &entry);
        self.write(number * 512 + 510, &[0x55, 0xaa]);
    }

    /// Changes the header of a GPT in sector 1 and makes its check right.
    fn header(&mut self, at: usize, bytes: &[u8]) {
        let sector = self.sectors.get_mut(&1).unwrap();
        sector[at..at + bytes.len()].copy_from_slice(bytes);
        sector[16..20].fill(0);
        let check = !crc32(!0, &sector[..92]);
        sector[16..20].copy_from_slice(&check.to_le_bytes());
    }

    fn head(&self) -> Vec<u8> {
        let mut head = vec![0; 4096];
        let read = self.read_at(0, &mut head).unwrap();
        head.truncate(read);
        head
    }

    fn table(&self) -> Table {
        partitions(self).unwrap().unwrap()
    }
}

impl File for Disk {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let length = buffer.len().min(usize::try_from(self.size.saturating_sub(offset)).unwrap());
        buffer[..length].fill(0);
        let end = offset.saturating_add(length as u64);
        for (number, sector) in self.sectors.range(offset / 512..end.div_ceil(512)) {
            let start = number * 512;
            let (from, to) = (start.max(offset), (start + 512).min(end));
            let piece = &sector[(from - start) as usize..(to - start) as usize];
            buffer[(from - offset) as usize..][..piece.len()].copy_from_slice(piece);
        }
        Ok(length)
    }
}

/// Number, start and size in sectors of 512 bytes, purpose and name.
fn rows(table: &Table) -> Vec<(u32, u64, u64, Kind, &str)> {
    let row = |part: &'_ Partition| (part.number, part.start / 512, part.size / 512, part.kind);
    table
        .partitions
        .iter()
        .map(|part| (row(part), part.name.as_str()))
        .map(|((a, b, c, d), e)| (a, b, c, d, e))
        .collect()
}

fn reasons(table: &Table) -> Vec<GapReason> {
    table.doubts.iter().map(|doubt| doubt.reason).collect()
}

fn gpt_rows() -> Vec<(u32, u64, u64, Kind, &'static str)> {
    vec![
        (1, 2048, 8192, Kind::Ordinary, "first"),
        (3, 10240, 10240, Kind::Empty, ""),
        (7, 20480, 12288, Kind::Empty, ""),
        (128, 32768, 14336, Kind::Ordinary, "Grüße 🦀"),
    ]
}

fn mbr_rows() -> Vec<(u32, u64, u64, Kind, &'static str)> {
    vec![
        (1, 2048, 8192, Kind::Ordinary, ""),
        (3, 100_000, 8192, Kind::Ordinary, ""),
        (4, 10240, 2048, Kind::Ordinary, ""),
        (5, 12400, 2000, Kind::Ordinary, ""),
        (6, 16000, 2000, Kind::Ordinary, ""),
        (7, 20000, 3000, Kind::Empty, ""),
        (8, 24000, 10000, Kind::Ordinary, ""),
        (9, 40000, 20000, Kind::Ordinary, ""),
    ]
}

/// Where the chain of [`MBR`] has its sectors.
const CHAIN: [u64; 5] = [12288, 15999, 19999, 23999, 39999];

#[test]
fn gpt_is_read() {
    let disk = Disk::of(GPT);
    let table = disk.table();
    assert_eq!(rows(&table), gpt_rows());
    assert!(table.doubts.is_empty() && looks_like(&disk.head()));
}

#[test]
fn gpt_with_sectors_of_4_kib_is_read() {
    let disk = Disk::of(GPT4K);
    let table = disk.table();
    let expected = [(1, 2048, 8192, Kind::Ordinary, "four"), (2, 10240, 16384, Kind::Ordinary, "")];
    assert_eq!(rows(&table)[..2], expected);
    assert_eq!(rows(&table)[2], (5, 26624, 104_408, Kind::Ordinary, ""));
    assert!(table.doubts.is_empty() && looks_like(&disk.head()));
}

#[test]
fn copy_is_used_where_the_first_is_damaged() {
    for (image, place) in [(GPT, 560), (GPT, 1100), (GPT4K, 4150), (GPT4K, 8200)] {
        let whole = Disk::of(image).table();
        let mut disk = Disk::of(image);
        disk.write(place, &[0x77]);
        let table = disk.table();
        assert_eq!(rows(&table), rows(&whole));
        assert_eq!(reasons(&table), [GapReason::Corrupt], "{place}");
    }
    // A disk that was made larger has its copy where the first header says.
    let mut disk = Disk::of(GPT);
    disk.write(1100, &[0x77]);
    disk.size += 16 << 20;
    assert_eq!(rows(&disk.table()), gpt_rows());
    disk.write(560, &[0x77]);
    assert_eq!(partitions(&disk).unwrap_err().reason, GapReason::Corrupt);
}

#[test]
fn gpt_whose_first_sectors_are_gone_is_read() {
    let mut disk = Disk::of(GPT);
    disk.write(0, &[0; 512]);
    assert!(looks_like(&disk.head()));
    assert_eq!(rows(&disk.table()), gpt_rows());
    disk.write(0, &[0; 64 << 10]);
    let table = disk.table();
    assert_eq!(rows(&table), gpt_rows());
    assert_eq!(reasons(&table), [GapReason::Corrupt; 2]);
    // A volume that was made later hides it.
    disk.write(0, b"XFSB\0\0\x10\0");
    assert!(partitions(&disk).unwrap().is_none());
}

#[test]
fn gpt_of_a_shorter_disk_is_cut() {
    let mut disk = Disk::of(GPT);
    disk.size = 25_000 * 512;
    let table = disk.table();
    assert_eq!(rows(&table)[..2], gpt_rows()[..2]);
    assert_eq!(rows(&table)[2..], [(7, 20480, 4520, Kind::Empty, "")]);
    assert_eq!(reasons(&table), [GapReason::Truncated; 2]);
    disk.size = 1500;
    assert!(partitions(&disk).is_err());
}

#[test]
fn gpt_of_too_many_entries_is_a_limit() {
    let mut disk = Disk::of(GPT);
    disk.header(80, &1025_u32.to_le_bytes());
    // The copy is whole, and says less.
    assert_eq!(reasons(&disk.table()), [GapReason::Limit]);
    disk.size += 4096;
    disk.header(32, &[0; 8]);
    assert_eq!(partitions(&disk).unwrap_err().reason, GapReason::Limit);
}

#[test]
fn partition_used_otherwise_than_its_type_says_is_ordinary() {
    let mut disk = Disk::of(GPT);
    disk.write(10240 * 512, b"XFSB\0\0\x10\0");
    assert_eq!(disk.table().partitions[1].kind, Kind::Ordinary);
}

#[test]
fn hybrid_goes_by_its_gpt() {
    let mut disk = Disk::of(HYBRID);
    let table = disk.table();
    assert_eq!(rows(&table), gpt_rows());
    assert!(table.doubts.is_empty());
    disk.entry(0, 3, 7, 60_000, 100);
    assert_eq!(reasons(&disk.table()), [GapReason::Corrupt]);
}

#[test]
fn mbr_is_read() {
    let disk = Disk::of(MBR);
    let table = disk.table();
    assert_eq!(rows(&table), mbr_rows());
    assert!(table.doubts.is_empty() && looks_like(&disk.head()));
}

#[test]
fn mbr_with_one_partition_is_read() {
    let mut disk = Disk::empty(64 << 20);
    disk.entry(0, 1, 0x42, 63, 100_000);
    let table = disk.table();
    assert_eq!(rows(&table), [(2, 63, 100_000, Kind::Ordinary, "")]);
    assert!(looks_like(&disk.head()));
    // It is of a dynamic disk.
    assert_eq!(reasons(&table), [GapReason::UnsupportedFormat]);
}

#[test]
fn damaged_chain_is_a_doubt() {
    let mut circle = Disk::of(MBR);
    circle.entry(CHAIN[4], 1, 5, (CHAIN[1] - CHAIN[0]) as u32, 5000);
    assert_eq!(rows(&circle.table()), mbr_rows());
    assert_eq!(reasons(&circle.table()), [GapReason::Corrupt]);
    let mut broken = Disk::of(MBR);
    broken.write(CHAIN[2] * 512 + 510, &[0]);
    assert_eq!(rows(&broken.table()), mbr_rows()[..5]);
    assert_eq!(reasons(&broken.table()), [GapReason::Corrupt]);
    let mut cut = Disk::of(MBR);
    cut.size = 30_000 * 512;
    assert_eq!(rows(&cut.table()).last().unwrap(), &(8, 24000, 6000, Kind::Ordinary, ""));
    assert_eq!(reasons(&cut.table()), [GapReason::Truncated; 3]);
}

#[test]
fn long_chain_is_a_limit() {
    let mut disk = Disk::empty(1 << 30);
    disk.entry(0, 0, 15, 2048, 2_000_000);
    for index in 0..1000 {
        disk.entry(2048 + index * 8, 0, 0x83, 1, 4);
        disk.entry(2048 + index * 8, 1, 5, (index as u32 + 1) * 8, 8);
    }
    let table = disk.table();
    assert_eq!(table.partitions.len(), 256);
    assert_eq!(reasons(&table), [GapReason::Limit]);
}

#[test]
fn overlap_is_a_doubt() {
    let mut disk = Disk::of(MBR);
    disk.entry(0, 0, 7, 2048, 8300);
    let table = disk.table();
    assert_eq!(table.doubts, [Fault::corrupt("partitions 1 and 4 overlap")]);
}

#[test]
fn boot_sectors_are_no_tables() {
    let boot = |name: &[u8]| {
        let mut disk = Disk::of(MBR);
        disk.write(0, &[0xeb, 0x58, 0x90]);
        disk.write(3, name);
        disk
    };
    for name in [b"NTFS    ", b"EXFAT   ", b"-FVE-FS-", b"ReFS\0\0\0\0"] {
        let disk = boot(name);
        assert!(partitions(&disk).unwrap().is_none() && !looks_like(&disk.head()));
    }
    let mut fat = boot(b"mkfs.fat\0\x02\x04\x04\0\x02\0\x02\0\0\xf8\x20\0");
    fat.write(32, &[0, 0, 2, 0]);
    assert!(partitions(&fat).unwrap().is_none() && !looks_like(&fat.head()));
    // A boot loader that begins alike, but has none of the numbers of FAT.
    let grub = boot(b"\x10\x8e\xd0\xbc\0\xb0\xb8\0");
    assert_eq!(rows(&grub.table()), mbr_rows());
}

#[test]
fn what_ends_like_an_mbr_is_none() {
    let mut status = Disk::of(MBR);
    status.write(446, &[0x33]);
    let mut kernel = Disk::of(MBR);
    kernel.write(0, b"MZ");
    let mut start = Disk::of(MBR);
    start.entry(0, 3, 0x83, 0, 100);
    let mut unused = Disk::empty(1 << 20);
    unused.write(510, &[0x55, 0xaa]);
    for disk in [status, kernel, start, unused] {
        assert!(partitions(&disk).unwrap().is_none() && !looks_like(&disk.head()));
    }
    let mut outside = Disk::of(MBR);
    outside.size = 1024;
    assert!(partitions(&outside).unwrap().is_none());
}

#[test]
fn nothing_is_no_table() {
    for size in [0, 1, 511, 512, 4096, 1 << 20] {
        let disk = Disk::empty(size);
        assert!(partitions(&disk).unwrap().is_none() && !looks_like(&disk.head()));
    }
}

#[test]
fn striped_disk_is_a_doubt() {
    let mut disk = Disk::of(MBR);
    let place = disk.size - (64 << 10);
    disk.write(place, b"\xfc\x4e\x2b\xa9\0\0\0\0\x5a\0\0\0");
    disk.write(place + 28, &[5]);
    assert_eq!(what(&disk).unwrap(), VolumeKind::MdRaid);
    assert_eq!(reasons(&disk.table()), [GapReason::UnsupportedFormat]);
    // Of a mirror it is all there is.
    disk.write(place + 28, &[1]);
    assert!(disk.table().doubts.is_empty());
}

#[test]
fn damage_never_makes_up_a_gpt() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for image in [GPT, GPT4K, HYBRID, MBR] {
        let whole = Disk::of(image);
        let expected = whole.table().partitions;
        for _ in 0..2000 {
            let mut disk = whole.clone();
            let numbers: Vec<u64> = disk.sectors.keys().copied().collect();
            for _ in 0..=random() % 4 {
                let sector = numbers[(random() % numbers.len() as u64) as usize];
                disk.write(sector * 512 + random() % 512, &[random() as u8]);
            }
            if random() % 8 == 0 {
                disk.size = random() % disk.size;
            }
            let result = partitions(&disk);
            let _ = looks_like(&disk.head());
            let Ok(Some(table)) = result else { continue };
            for part in &table.partitions {
                assert!(part.size > 0 && part.start + part.size <= disk.size);
            }
            if image != MBR && disk.size == whole.size && super::mbr::is_protective(&disk.head()) {
                assert_eq!(table.partitions, expected);
            }
        }
    }
}
