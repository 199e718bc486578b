//! Physical volumes: those of the fixtures, and such as are made up with a description of a group.

use crate::disk::partitions::crc32;
use crate::tree::{Fault, File};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

const PACKED: [&[u8]; 3] = [
    include_bytes!("../../../../../../tests/fixtures/disk/lvm/a.sectors"),
    include_bytes!("../../../../../../tests/fixtures/disk/lvm/b.sectors"),
    include_bytes!("../../../../../../tests/fixtures/disk/lvm/c.sectors"),
];
const TRUTH: &str = include_str!("../../../../../../tests/fixtures/disk/lvm/truth.txt");

/// Where data begins.
pub(super) const DATA: u64 = 1 << 20;

/// A physical volume.
#[derive(Clone)]
pub(super) struct Disk {
    tag: u64,
    pub(super) size: u64,
    pub(super) sectors: BTreeMap<u64, [u8; 512]>,
}

/// The eight bytes of a place in a data area.
fn word(tag: u64, index: u64) -> [u8; 8] {
    (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ tag << 56).to_le_bytes()
}

/// A sector of a data area.
pub(super) fn sector(tag: u64, number: u64) -> Vec<u8> {
    (number * 64..number * 64 + 64).flat_map(|index| word(tag, index)).collect()
}

impl Disk {
    pub(super) fn of(tag: u64) -> Self {
        let (size, sectors) = PACKED[tag as usize].split_first_chunk().unwrap();
        let sectors = sectors.as_chunks::<516>().0.iter().map(|sector| {
            let (number, content) = sector.split_first_chunk().unwrap();
            (u64::from(u32::from_le_bytes(*number)), content.try_into().unwrap())
        });
        Self { tag, size: u64::from_le_bytes(*size), sectors: sectors.collect() }
    }

    pub(super) fn write(&mut self, place: u64, bytes: &[u8]) {
        for (place, byte) in (place..).zip(bytes) {
            self.sectors.entry(place / 512).or_insert([0; 512])[(place % 512) as usize] = *byte;
        }
    }

    /// A volume with a label and a metadata area, in which `text` begins at `offset`. Its id is its tag, many times.
    pub(super) fn made(tag: u64, text: &str, offset: u64) -> Self {
        const AREA: u64 = 4096;
        const LENGTH: u64 = DATA - AREA;
        let mut disk = Self { tag, size: DATA + (16 << 20), sectors: BTreeMap::new() };
        let mut label = [0; 512];
        label[..8].copy_from_slice(b"LABELONE");
        label[8] = 1;
        label[20] = 32;
        label[24..32].copy_from_slice(b"LVM2 001");
        label[32..64].copy_from_slice(id(tag).replace('-', "").as_bytes());
        let numbers = [disk.size, DATA, 0, 0, 0, AREA, LENGTH, 0, 0];
        for (index, number) in numbers.iter().enumerate() {
            label[64 + index * 8..][..8].copy_from_slice(&number.to_le_bytes());
        }
        let check = crc32(0xf597_a6cf, &label[20..]);
        label[16..20].copy_from_slice(&check.to_le_bytes());
        disk.write(512, &label);
        let mut header = [0; 512];
        header[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
        header[20] = 1;
        for (index, number) in [AREA, LENGTH, offset, text.len() as u64].iter().enumerate() {
            header[24 + index * 8..][..8].copy_from_slice(&number.to_le_bytes());
        }
        header[56..60].copy_from_slice(&crc32(0xf597_a6cf, text.as_bytes()).to_le_bytes());
        let check = crc32(0xf597_a6cf, &header[4..]);
        header[..4].copy_from_slice(&check.to_le_bytes());
        disk.write(AREA, &header);
        let (first, rest) = text.split_at(text.len().min((LENGTH - offset) as usize));
        disk.write(AREA + offset, first.as_bytes());
        disk.write(AREA + 512, rest.as_bytes());
        disk
    }
}

impl File for Disk {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let length = buffer.len().min(usize::try_from(self.size.saturating_sub(offset)).unwrap());
        let mut at = offset;
        let mut rest = &mut buffer[..length];
        while !rest.is_empty() {
            let number = at / 512;
            let within = (at % 512) as usize;
            let content = match self.sectors.get(&number) {
                Some(sector) => sector.to_vec(),
                None if at < DATA => vec![0; 512],
                None => sector(self.tag, number),
            };
            let piece = rest.len().min(512 - within);
            rest[..piece].copy_from_slice(&content[within..within + piece]);
            rest = &mut rest[piece..];
            at += piece as u64;
        }
        Ok(length)
    }
}

fn id(tag: u64) -> String {
    let letter = char::from(b'A' + tag as u8).to_string();
    [6, 4, 4, 4, 4, 4, 6].map(|length| letter.repeat(length)).join("-")
}

/// A group of volumes of 16 extents of 1 MiB, with the logical volumes `logical`.
pub(super) fn description(number: u64, tags: &[u64], logical: &str) -> String {
    let mut text = format!("group {{\nid = \"the-group\"\nseqno = {number}\nextent_size = 2048\nphysical_volumes {{\n");
    for tag in tags {
        let flags = if *tag == 9 { "\"MISSING\"" } else { "" };
        let id = id(*tag);
        writeln!(text, "pv{tag} {{ id = \"{id}\" flags = [{flags}] pe_start = 2048 pe_count = 16 }}").unwrap();
    }
    writeln!(text, "}}\nlogical_volumes {{ # {number}\n{logical}\n}}\n}}\nversion = 1\n\0").unwrap();
    text
}

/// A logical volume that is seen, of one segment.
pub(super) fn logical(name: &str, extents: u64, segment: &str) -> String {
    format!(
        "{name} {{ status = [\"READ\", \"VISIBLE\"]\nsegment_count = 1\nsegment1 {{\nstart_extent = 0\n\
         extent_count = {extents}\n{segment} }} }}\n"
    )
}

pub(super) fn linear(name: &str, extents: u64, place: &str) -> String {
    logical(name, extents, &format!("type = \"striped\" stripe_count = 1 stripes = [{place}]"))
}

/// What device-mapper says of where sectors are.
pub(super) struct Truth<'t> {
    disks: Vec<&'t str>,
    names: HashMap<&'t str, &'t str>,
    tables: HashMap<&'t str, Vec<Vec<&'t str>>>,
}

impl<'t> Truth<'t> {
    pub(super) fn read() -> Self {
        let mut truth = Self { disks: Vec::new(), names: HashMap::new(), tables: HashMap::new() };
        for line in TRUTH.lines() {
            match *line.split_whitespace().collect::<Vec<_>>() {
                ["disk", number] => truth.disks.push(number),
                ["name", name, number] => _ = truth.names.insert(number.trim_matches(['(', ')']), name),
                [name, ref table @ ..] => {
                    truth.tables.entry(name.trim_end_matches(':')).or_default().push(table.to_vec())
                }
                [] => {}
            }
        }
        truth
    }

    pub(super) fn size(&self, name: &str) -> u64 {
        self.tables[name].iter().map(|line| line[1].parse::<u64>().unwrap()).sum()
    }

    /// The sector of a disk that sector `at` of `device` is.
    fn sector(&self, device: &str, at: u64) -> (u64, u64) {
        let number = |text: &str| text.parse::<u64>().unwrap();
        if let Some(disk) = self.disks.iter().position(|disk| *disk == device) {
            return (disk as u64, at);
        }
        let name = self.names.get(device).copied().unwrap_or(device);
        let lines = self.tables[name].iter();
        let line = lines.rev().find(|line| number(line[0]) <= at).unwrap();
        let within = at - number(line[0]);
        match (line[2], &line[3..]) {
            ("linear", [device, start]) => self.sector(device, number(start) + within),
            ("striped", [count, turn, legs @ ..]) => {
                let (index, turn) = (within / number(turn), number(turn));
                let leg = (index % number(count)) as usize * 2;
                self.sector(legs[leg], number(legs[leg + 1]) + index / number(count) * turn + within % turn)
            }
            ("snapshot-origin", [device]) => self.sector(device, within),
            ("mirror", [_, _, _, _, device, start, ..]) => self.sector(device, number(start) + within),
            // The first leg has failed.
            ("raid", ["raid1", .., device]) => self.sector(device, within),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        (0..self.size(name))
            .flat_map(|at| {
                let (disk, at) = self.sector(name, at);
                sector(disk, at)
            })
            .collect()
    }
}

/// Numbers that are the same every time.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
