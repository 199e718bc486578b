//! The volumes are made by `tests/fixtures/disk/fat/make.py`, which says what is in them.

pub(in crate::disk) mod volume;

use super::Fat;
use super::name::utf8;
use super::records::Record;
use crate::disk::filesystem::FileSystem;
use crate::tree::Fault;
use ostrakon_model::GapReason;
use std::ops::ControlFlow;
use volume::{Look, Noise, Volume, assert_whole, content, truth};

const FAT12: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/fat/fat12.sectors");
const FAT16: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/fat/fat16.sectors");
const FAT32: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/fat/fat32.sectors");

fn look(volume: &Volume) -> Look {
    Look::at(&Fat::open(volume).unwrap())
}

fn fault(volume: &Volume) -> Fault {
    Fat::open(volume).err().unwrap()
}

/// Where the table and the root begin, where the root is no chain.
fn places(volume: &Volume) -> (u64, u64) {
    let half = |at| u64::from(u16::from_le_bytes(volume.get(at)));
    (half(14) * 512, (half(14) + u64::from(volume.get::<1>(16)[0]) * half(22)) * 512)
}

/// Puts records behind those of a folder whose first lies at `position`.
fn append(volume: &mut Volume, mut position: u64, records: &[Record]) {
    while volume.get(position) != [0] {
        position += 32;
    }
    for record in records {
        volume.put(position, record);
        position += 32;
    }
}

/// The record of an empty file.
fn record(short: &[u8; 11], attributes: u8, small: u8) -> Record {
    let mut record = [0; 32];
    record[..11].copy_from_slice(short);
    record[11] = attributes;
    record[12] = small;
    record
}

/// The records of a long name.
fn long(name: &[u16], short: &[u8; 11]) -> Vec<Record> {
    let sum = short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
    let mut records: Vec<Record> = Vec::new();
    for (number, units) in (1..).zip(name.chunks(13)) {
        let mut part = [0xff; 32];
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain([28, 30]);
        for (place, unit) in places.zip(units.iter().chain([&0])) {
            part[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
        (part[0], part[11], part[12], part[13], part[26], part[27]) = (number, 0xf, 0, sum, 0, 0);
        records.push(part);
    }
    records.last_mut().unwrap()[0] |= 0x40;
    records.reverse();
    records
}

fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

/// The names that a root has more once these records are in it.
fn names(records: &[Record]) -> (Vec<Vec<u8>>, Option<Fault>) {
    let mut volume = Volume::unpack(FAT12);
    let before = look(&volume);
    let root = places(&volume).1;
    append(&mut volume, root, records);
    let mut after = look(&volume);
    let more = after.seen.into_keys().filter(|path| !before.seen.contains_key(path)).map(|path| path[1..].to_vec());
    (more.collect(), after.faults.remove(""))
}

#[test]
fn volumes_give_what_was_put_in_them() {
    for packed in [FAT12, FAT16, FAT32] {
        assert_whole(&look(&Volume::unpack(packed)), 512);
    }
}

#[test]
fn any_place_of_a_file_can_be_read() {
    for packed in [FAT12, FAT16, FAT32] {
        let volume = Volume::unpack(packed);
        let node = look(&volume).node("/broken up.bin");
        let volume = Fat::open(&volume).unwrap();
        let all = content("/broken up.bin", 2561);
        let mut noise = Noise(1);
        let file = volume.open(node).unwrap();
        for _ in 0..500 {
            let (at, length) = (noise.below(2700), noise.below(1500));
            let mut bytes = vec![1; length];
            let count = file.read_at(at as u64, &mut bytes).unwrap();
            assert_eq!(bytes[..count], all[at.min(2561)..(at + length).min(2561)]);
        }
        assert_eq!(file.read_at(u64::MAX, &mut [0; 8]), Ok(0));
    }
}

#[test]
fn a_scan_reads_little() {
    let volume = Volume::unpack(FAT32);
    let fat = Fat::open(&volume).unwrap();
    let mut found = Vec::new();
    volume.reads();
    fat.list(0, &mut |named| {
        found.push(named.node);
        ControlFlow::Continue(())
    })
    .unwrap();
    // The table, and each stretch of the root.
    assert!(volume.reads() <= 4);
    let file = fat.open(found[4]).unwrap();
    assert_eq!(volume.reads(), 0);
    file.read_at(0, &mut [0; 512]).unwrap();
    assert_eq!(volume.reads(), 1);
}

#[test]
fn short_names_are_of_code_page_437() {
    let cases: [(&[u8; 11], u8, &str); 8] = [
        (b"PLAIN   TXT", 0, "PLAIN.TXT"),
        (b"SMALL   TXT", 0x18, "small.txt"),
        (b"BASE    TXT", 0x08, "base.TXT"),
        (b"EXT     TXT", 0x10, "EXT.txt"),
        (b"NO EXT     ", 0, "NO EXT"),
        (b"\x05\x8e\x9a\x82\xe1   \xfe  ", 0, "σÄÜéß.■"),
        (b"\x8e\x9a\x80     \x90\xa5 ", 0x18, "äüç.éñ"),
        (b"        EXT", 0, ".EXT"),
    ];
    for (short, small, name) in cases {
        assert_eq!(names(&[record(short, 0x20, small)]), (vec![name.as_bytes().to_vec()], None));
    }
}

#[test]
fn long_names_must_belong_to_their_short_name() {
    let short = b"SHORT~1 TXT";
    let file = record(short, 0x20, 0);
    let name = "A name of three records: 日本語 😀";
    let told = |records: &[Record]| {
        let (mut names, fault) = names(records);
        assert_eq!((names.len(), fault), (1, None));
        String::from_utf8(names.remove(0)).unwrap()
    };
    let whole = [long(&units(name), short), vec![file]].concat();
    assert_eq!(told(&whole), name);
    // Exactly as long as its records, and as long as a name can be.
    for length in [13, 26, 255] {
        let name = "n".repeat(length);
        assert_eq!(told(&[long(&units(&name), short), vec![file]].concat()), name);
    }
    // One missing, another sum, another order, a deleted file between, a name that is none: the short one is left.
    let other = b"OTHER~1 TXT";
    let deleted = record(b"\xe5ELETED TXT", 0x20, 0);
    let orphans = [
        whole[1..].to_vec(),
        [&whole[..2], &whole[3..]].concat(),
        [long(&units(name), other), vec![file]].concat(),
        [&whole[..1], &long(&units(name), other)[1..], &[file]].concat(),
        vec![whole[0], whole[2], whole[1], file],
        [&whole[..3], &[deleted, file]].concat(),
        [&whole[..3], &[record(b"LABEL      ", 8, 0), file]].concat(),
        [long(&units("a/b"), short), vec![file]].concat(),
        [long(&units(".."), short), vec![file]].concat(),
        [long(&[0], short), vec![file]].concat(),
        [long(&units(&"n".repeat(256)), short), vec![file]].concat(),
        [long(&units(&"n".repeat(300)), short), vec![file]].concat(),
    ];
    for records in orphans {
        assert_eq!(told(&records), "SHORT~1.TXT");
    }
    // A whole name counts where one that is not lies before it.
    assert_eq!(told(&[&whole[..2], &whole[..]].concat()), name);
}

#[test]
fn halves_of_pairs_stay_apart() {
    let short = b"SHORT~1    ";
    let told = |units: &[u16]| names(&[long(units, short), vec![record(short, 0x20, 0)]].concat()).0;
    assert_eq!(told(&[0x61, 0xd83d, 0x62]), [b"a\xed\xa0\xbdb"]);
    assert_eq!(told(&[0xde00, 0xd83d]), [b"\xed\xb8\x80\xed\xa0\xbd"]);
    assert_eq!(utf8([0xd83d, 0xde00]), "😀".as_bytes());
}

#[test]
fn records_that_are_no_names_are_faults_and_the_others_are_told() {
    let good = record(b"GOOD       ", 0x20, 0);
    let mut label = record(b"LABEL      ", 0x08, 0);
    label[26] = 5;
    for wrong in [label, record(b"A/B        ", 0x20, 0), record(b".          ", 0x10, 0), record(&[b' '; 11], 0x20, 0)]
    {
        let (names, fault) = names(&[wrong, good]);
        assert_eq!(names, [b"GOOD"]);
        assert_eq!(fault.unwrap().reason, GapReason::Corrupt);
    }
    // Behind the end there is nothing, but for what was deleted.
    let end = [0; 32];
    assert_eq!(names(&[good, end, record(b"\xe5GONE      ", 0x20, 0)]), (vec![b"GOOD".to_vec()], None));
    let (told, fault) = names(&[good, end, good]);
    assert_eq!((told, fault.unwrap().reason), (vec![b"GOOD".to_vec()], GapReason::Corrupt));
    // A volume has its name in the root only.
    let mut volume = Volume::unpack(FAT16);
    let (dot, _) = records_of(&volume, "/empty");
    append(&mut volume, dot, &[record(b"LABEL      ", 0x08, 0)]);
    assert_eq!(look(&volume).faults["/empty"].reason, GapReason::Corrupt);
}

/// Where the records of a folder or the bytes of a file begin, and the number of that cluster, of FAT16.
fn records_of(volume: &Volume, path: &str) -> (u64, u16) {
    let cluster = u16::from_le_bytes(volume.get(look(volume).node(path) + 26));
    let (_, root) = places(volume);
    let heap = root + u64::from(u16::from_le_bytes(volume.get(17))) * 32;
    (heap + u64::from(cluster - 2) * 512, cluster)
}

#[test]
fn folders_begin_with_themselves() {
    let sound = Volume::unpack(FAT16);
    let (dot, _) = records_of(&sound, "/Folder");
    for at in [0, 11, 32, 32 + 11] {
        let mut volume = sound.clone();
        volume.put(dot + at, b"X");
        let look = look(&volume);
        assert_eq!(look.faults["/Folder"].reason, GapReason::Corrupt);
        assert!(look.seen.contains_key("/empty".as_bytes()));
    }
}

#[test]
fn broken_chains_are_faults_where_they_break() {
    let sound = Volume::unpack(FAT16);
    let (table, _) = places(&sound);
    let node = look(&sound).node("/broken up.bin");
    let first = u16::from_le_bytes(sound.get(node + 26));
    let mut chain = vec![first];
    while let Some(last) = chain.last().filter(|_| chain.len() < 6) {
        chain.push(u16::from_le_bytes(sound.get(table + u64::from(*last) * 2)));
    }
    assert!(chain.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count() >= 2);
    let all = content("/broken up.bin", 2561);
    // What stands where the fourth cluster should be named: how many clusters are sound, and what is wrong then.
    let cases = [
        (0xffff, 3, GapReason::Truncated),
        (0xfff8, 3, GapReason::Truncated),
        (0, 2, GapReason::Corrupt),
        (0xfff7, 2, GapReason::Corrupt),
        (1, 3, GapReason::Corrupt),
        (0xfff6, 3, GapReason::Corrupt),
        (chain[0], 3, GapReason::Corrupt),
        (chain[1], 3, GapReason::Corrupt),
        (chain[2], 3, GapReason::Corrupt),
        // Bad or free clusters.
        (8000, 3, GapReason::Corrupt),
    ];
    for (number, sound_clusters, reason) in cases {
        let mut volume = sound.clone();
        volume.put(table + u64::from(chain[2]) * 2, &u16::to_le_bytes(number));
        let fat = Fat::open(&volume).unwrap();
        let file = fat.open(node).unwrap();
        let mut bytes = vec![0; sound_clusters * 512];
        assert_eq!(file.read_at(0, &mut bytes), Ok(bytes.len()));
        assert_eq!(bytes, all[..bytes.len()]);
        for _ in 0..2 {
            assert_eq!(file.read_at(bytes.len() as u64, &mut [0]).unwrap_err().reason, reason, "{number}");
            assert_eq!(file.read_all(1 << 20).unwrap_err().reason, reason);
        }
    }
    // A file without a first cluster, or with one that is none.
    for (number, reason) in [(0, GapReason::Truncated), (1, GapReason::Corrupt), (0xfff0, GapReason::Corrupt)] {
        let mut volume = sound.clone();
        volume.put(node + 26, &u16::to_le_bytes(number));
        assert_eq!(
            look(&volume).seen["/broken up.bin".as_bytes()].content.as_ref().unwrap().as_ref().unwrap_err().reason,
            reason
        );
    }
    // Folders tell what lies before.
    let mut volume = sound.clone();
    let (_, first) = records_of(&sound, "/Folder");
    let second = u16::from_le_bytes(sound.get(table + u64::from(first) * 2));
    volume.put(table + u64::from(second) * 2, &first.to_le_bytes());
    let look = look(&volume);
    assert_eq!(look.faults["/Folder"].reason, GapReason::Corrupt);
    assert!(look.seen.keys().any(|path| path.starts_with(b"/Folder/0")));
}

#[test]
fn a_chain_that_grows_into_itself_is_a_loop() {
    let mut volume = Volume::unpack(FAT16);
    let (table, root) = places(&volume);
    // Clusters 6000 to 6003, then 5998, which grows into them.
    for (cluster, next) in [(6000, 6001), (6001, 6002), (6002, 6003), (6003, 5998), (5998, 5999), (5999, 6000_u16)] {
        volume.put(table + cluster * 2, &next.to_le_bytes());
    }
    let mut loops = record(b"LOOP       ", 0x20, 0);
    (loops[26..28]).copy_from_slice(&6000_u16.to_le_bytes());
    (loops[28..30]).copy_from_slice(&5000_u16.to_le_bytes());
    append(&mut volume, root, &[loops]);
    let node = look(&volume).node("/LOOP");
    let fat = Fat::open(&volume).unwrap();
    let file = fat.open(node).unwrap();
    assert_eq!(file.read_at(0, &mut [0; 6 * 512]), Ok(6 * 512));
    assert_eq!(file.read_at(0, &mut [0; 6 * 512 + 1]).unwrap_err().reason, GapReason::Corrupt);
}

#[test]
fn the_other_table_is_used_where_the_first_is_not_kept_up() {
    let mut volume = Volume::unpack(FAT32);
    assert_eq!(volume.get(16), [1]);
    // The first of two that are half as long is the old one.
    let length = u32::from_le_bytes(volume.get(36));
    let (short, table) = (length / 2, u64::from(u16::from_le_bytes(volume.get(14))) * 512);
    let start = volume.get::<4096>(table);
    volume.put(16, &[2]);
    volume.put(36, &short.to_le_bytes());
    volume.put(40, &[0x81, 0]);
    volume.put(table, &[0; 4096]);
    volume.put(table + u64::from(short) * 512, &start);
    assert_whole(&look(&volume), 512);
    volume.put(40, &[0x82, 0]);
    assert_eq!(fault(&volume).reason, GapReason::Corrupt);
}

#[test]
fn other_volumes_are_not_opened() {
    let with = |packed: &[u8], at: u64, bytes: &[u8]| {
        let mut volume = Volume::unpack(packed);
        volume.put(at, bytes);
        fault(&volume).reason
    };
    for (at, byte) in [(11, 1), (12, 0), (13, 0), (13, 3), (14, 0), (16, 0), (17, 0), (21, 0), (19, 1)] {
        assert_eq!(with(FAT12, at, &[byte, 0][..if at == 13 || at == 16 { 1 } else { 2 }]), GapReason::Corrupt, "{at}");
    }
    assert_eq!(with(FAT32, 43, &[1]), GapReason::UnsupportedFormat);
    assert_eq!(with(FAT32, 3, b"-FVE-FS-"), GapReason::Encrypted);
    let guid = [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01];
    assert_eq!(with(FAT32, 424, &guid), GapReason::Encrypted);
    for size in [0, 1, 511] {
        assert_eq!(fault(&Volume::unpack(FAT12).cut(size)).reason, GapReason::Truncated);
    }
}

#[test]
fn nothing_is_a_link_and_files_are_no_folders() {
    let volume = Volume::unpack(FAT16);
    let look = look(&volume);
    let fat = Fat::open(&volume).unwrap();
    assert!(fat.folds_case());
    assert!(fat.link(look.node("/README.TXT")).is_err());
    assert!(fat.open(look.node("/Folder")).is_err());
    for node in [look.node("/README.TXT"), 1, 4 << 20, u64::MAX] {
        assert!(fat.list(node, &mut |_| ControlFlow::Continue(())).is_err());
    }
    let mut count = 0;
    let listed = fat.list(0, &mut |_| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!((listed, count), (Ok(()), 1));
}

#[test]
fn what_a_cut_volume_still_has_is_right() {
    let truth = truth(512);
    for packed in [FAT12, FAT16, FAT32] {
        let whole = Volume::unpack(packed);
        let last = whole.kept().last().unwrap() + 1;
        // The last cluster of all has one byte only.
        for step in 0..58 {
            let volume = whole.clone().cut(512 + step * (last - 512) / 60);
            let look = look(&volume);
            let mut is_cut = !look.faults.is_empty();
            for (path, seen) in &look.seen {
                let right = truth[std::str::from_utf8(path).unwrap()].as_ref();
                match &seen.content {
                    Some(Ok(bytes)) => assert_eq!(Some(bytes), right),
                    Some(Err(fault)) => {
                        assert_eq!(fault.reason, GapReason::Truncated);
                        is_cut = true;
                    }
                    None => assert_eq!(None, right),
                }
            }
            assert!(is_cut, "{step}");
            assert!(look.faults.values().all(|fault| fault.reason == GapReason::Truncated));
        }
    }
}

#[test]
fn damage_is_no_panic_and_ends() {
    let mut noise = Noise(7);
    for packed in [FAT12, FAT16, FAT32] {
        let sound = Volume::unpack(packed);
        let kept = sound.kept();
        for round in 0..1500 {
            let mut volume = sound.clone();
            for _ in 0..1 + round % 4 {
                // The first sector more often than by chance.
                let at = if round % 5 == 0 { noise.below(96) as u64 } else { kept[noise.below(kept.len())] };
                volume.put(at, &[noise.below(256) as u8]);
            }
            if let Ok(fat) = Fat::open(&volume) {
                Look::at(&fat);
            }
        }
    }
}
