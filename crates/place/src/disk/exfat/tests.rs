//! The volume is made by `tests/fixtures/disk/fat/make.py`, which says what is in it.

use super::Exfat;
use crate::disk::fat::records::Record;
use crate::disk::fat::tests::volume::{Look, Noise, Volume, assert_whole, content, truth};
use crate::disk::filesystem::FileSystem;
use crate::tree::Fault;
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

const PACKED: &[u8] = include_bytes!("../../../../../tests/fixtures/disk/fat/exfat.sectors");
const CLUSTER: usize = 1024;

fn look(volume: &Volume) -> Look {
    Look::at(&Exfat::open(volume).unwrap())
}

fn fault(volume: &Volume) -> Fault {
    Exfat::open(volume).err().unwrap()
}

fn long(volume: &Volume, at: u64) -> u64 {
    u32::from_le_bytes(volume.get(at)).into()
}

/// Where a cluster begins.
fn cluster(volume: &Volume, number: u64) -> u64 {
    long(volume, 88) * 512 + (number - 2) * CLUSTER as u64
}

/// Where the number of the cluster behind that one stands.
fn number(volume: &Volume, cluster: u64) -> u64 {
    long(volume, 80) * 512 + cluster * 4
}

/// Makes the sum of the first sectors right.
fn sum_sectors(volume: &mut Volume) {
    let bytes = volume.get::<{ 11 * 512 }>(0).into_iter().enumerate();
    let counted = bytes.filter(|(at, _)| ![106, 107, 112].contains(at));
    let sum = counted.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(byte.into()));
    volume.put(11 * 512, &sum.to_le_bytes().repeat(128));
}

/// Makes the sum of a set right.
fn sum_set(set: &mut [Record]) {
    let mut bytes = set.concat();
    bytes.drain(2..4);
    let sum = bytes.iter().fold(0_u16, |sum, byte| sum.rotate_right(1).wrapping_add((*byte).into()));
    set[0][2..4].copy_from_slice(&sum.to_le_bytes());
}

/// The set of an empty file, with more records behind it.
fn set(name: &[u16], more: &[Record]) -> Vec<Record> {
    let mut set = vec![[0; 32]; 2];
    for units in name.chunks(15) {
        let mut record = [0; 32];
        record[0] = 0xc1;
        for (place, unit) in record[2..].chunks_mut(2).zip(units) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
        set.push(record);
    }
    set.extend_from_slice(more);
    (set[0][0], set[0][1], set[1][0], set[1][1], set[1][3]) = (0x85, set.len() as u8 - 1, 0xc0, 1, name.len() as u8);
    sum_set(&mut set);
    set
}

fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

/// The names that a folder has more once these records are in it.
fn names(records: &[Record]) -> (Vec<Vec<u8>>, Option<Fault>) {
    let mut volume = Volume::unpack(PACKED);
    let first = u32::from_le_bytes(volume.get(look(&volume).node("/empty") + 20));
    volume.put(cluster(&volume, first.into()), &records.concat());
    let mut look = look(&volume);
    let names = look.seen.keys().filter_map(|path| path.strip_prefix(b"/empty/")).map(<[u8]>::to_vec).collect();
    (names, look.faults.remove("/empty"))
}

/// Where the record of the content of a file is, with its sum made right after `change`.
fn change(volume: &mut Volume, path: &str, change: impl Fn(&mut Record)) -> u64 {
    let node = look(volume).node(path);
    let count = usize::from(volume.get::<1>(node - 31)[0]);
    let mut set: Vec<Record> = (0..=count as u64).map(|at| volume.get(node - 32 + at * 32)).collect();
    change(&mut set[1]);
    sum_set(&mut set);
    volume.put(node - 32, &set.concat());
    node
}

#[test]
fn the_volume_gives_what_was_put_in_it() {
    assert_whole(&look(&Volume::unpack(PACKED)), CLUSTER);
}

#[test]
fn a_scan_reads_little() {
    let volume = Volume::unpack(PACKED);
    let node = look(&volume).node("/README.TXT");
    let exfat = Exfat::open(&volume).unwrap();
    volume.reads();
    exfat.list(0, &mut |_| ControlFlow::Continue(())).unwrap();
    // The table, and each stretch of the root.
    assert!(volume.reads() <= 4);
    let file = exfat.open(node).unwrap();
    assert_eq!(volume.reads(), 0);
    file.read_at(0, &mut [0; 512]).unwrap();
    assert_eq!(volume.reads(), 1);
}

#[test]
fn what_was_not_written_is_zeros() {
    let mut volume = Volume::unpack(PACKED);
    for (path, size) in [("/broken up.bin", 5 * CLUSTER + 1), ("/README.TXT", 700)] {
        for written in [0, 1, 600, size] {
            let node = change(&mut volume, path, |stream| {
                stream[8..16].copy_from_slice(&(written as u64).to_le_bytes());
            });
            let mut right = content(path, size);
            right[written..].fill(0);
            let exfat = Exfat::open(&volume).unwrap();
            let file = exfat.open(node).unwrap();
            assert_eq!(file.read_all(1 << 20), Ok(right.clone()));
            let mut some = [1; 300];
            assert_eq!(file.read_at(350, &mut some), Ok(300));
            assert_eq!(some, right[350..650]);
        }
        change(&mut volume, path, |stream| stream[8..16].copy_from_slice(&(size as u64 + 1).to_le_bytes()));
        let error = look(&volume).seen.remove(path.as_bytes()).unwrap().content.unwrap().unwrap_err();
        assert_eq!(error.reason, GapReason::Corrupt);
    }
}

#[test]
fn streams_that_cannot_be_are_faults() {
    let large = (1_u64 << 40).to_le_bytes();
    let contiguous = |stream: &mut Record| stream[1] = 3;
    type Wrong<'w> = &'w dyn Fn(&mut Record);
    let cases: [(Wrong<'_>, GapReason); 7] = [
        (&|stream| stream[24..32].copy_from_slice(&large), GapReason::Corrupt),
        (&|stream| stream[24..32].copy_from_slice(&[0xff; 8]), GapReason::Corrupt),
        (&|stream| stream[20..24].copy_from_slice(&[1, 0, 0, 0]), GapReason::Corrupt),
        (&|stream| stream[20..24].copy_from_slice(&[0xff; 4]), GapReason::Corrupt),
        (&|stream| stream[1] = 0, GapReason::Corrupt),
        // It has fewer clusters than it is long.
        (&|stream| stream[26] += 1, GapReason::Truncated),
        // The first cluster has no others behind it.
        (&|stream| stream[20] = 5, GapReason::Truncated),
    ];
    for (wrong, reason) in cases {
        for is_contiguous in [false, true] {
            if is_contiguous && reason == GapReason::Truncated {
                continue;
            }
            let mut volume = Volume::unpack(PACKED);
            change(&mut volume, "/broken up.bin", |stream| {
                if is_contiguous {
                    contiguous(stream);
                }
                wrong(stream);
            });
            let look = look(&volume);
            assert!(look.faults.is_empty());
            assert_eq!(
                look.seen["/broken up.bin".as_bytes()].content.as_ref().unwrap().as_ref().unwrap_err().reason,
                reason
            );
        }
    }
    // Folders: longer than one can be, longer than its chain, of no whole records; and one without a cluster is empty.
    let folder = |wrong: &dyn Fn(&mut Record)| {
        let mut volume = Volume::unpack(PACKED);
        change(&mut volume, "/empty", |stream| {
            stream[1] = 1;
            wrong(stream);
        });
        look(&volume).faults.get("/empty").map(|fault| fault.reason)
    };
    assert_eq!(folder(&|stream| (stream[24], stream[25]) = (1, 1)), Some(GapReason::Corrupt));
    assert_eq!(folder(&|stream| stream[28] = 1), Some(GapReason::Corrupt));
    assert_eq!(folder(&|stream| (stream[8..32]).fill(0)), None);
}

#[test]
fn broken_chains_are_faults_where_they_break() {
    let sound = Volume::unpack(PACKED);
    let node = look(&sound).node("/broken up.bin");
    assert_eq!(sound.get::<2>(node), [0xc0, 1]);
    let mut chain = vec![long(&sound, node + 20)];
    while chain.len() < 6 {
        chain.push(long(&sound, number(&sound, chain[chain.len() - 1])));
    }
    assert!(chain.windows(2).any(|pair| pair[0] + 1 != pair[1]));
    let all = content("/broken up.bin", 5 * CLUSTER + 1);
    let cases = [
        (0xffff_ffff, 3, GapReason::Truncated),
        (0, 2, GapReason::Corrupt),
        (0xffff_fff7, 2, GapReason::Corrupt),
        (1, 3, GapReason::Corrupt),
        (0xffff_fff6, 3, GapReason::Corrupt),
        (chain[0] as u32, 3, GapReason::Corrupt),
        (chain[2] as u32, 3, GapReason::Corrupt),
    ];
    for (next, sound_clusters, reason) in cases {
        let mut volume = sound.clone();
        volume.put(number(&volume, chain[2]), &next.to_le_bytes());
        let exfat = Exfat::open(&volume).unwrap();
        let file = exfat.open(node).unwrap();
        let mut bytes = vec![0; sound_clusters * CLUSTER];
        assert_eq!(file.read_at(0, &mut bytes), Ok(bytes.len()));
        assert_eq!(bytes, all[..bytes.len()]);
        assert_eq!(file.read_at(bytes.len() as u64, &mut [0]).unwrap_err().reason, reason);
    }
}

#[test]
fn sets_that_are_wrong_are_faults_and_the_others_are_told() {
    let good = set(&units("good"), &[]);
    let told = |records: &[&[Record]]| {
        let (names, fault) = names(&records.concat());
        let names: Vec<_> = names.into_iter().map(|name| String::from_utf8(name).unwrap()).collect();
        (names.join(" "), fault.map(|fault| fault.reason))
    };
    let other = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut other = set(&units("a name of two records"), &[]);
        change(&mut other);
        other
    };
    let summed = |change: &dyn Fn(&mut Vec<Record>)| {
        other(&|set| {
            change(set);
            sum_set(set);
        })
    };
    let kind = |kind| {
        let mut record = [0; 32];
        record[0] = kind;
        record
    };
    assert_eq!(told(&[&good, &set(&units("two"), &[])]), ("good two".into(), None));
    let corrupt = [
        other(&|set| set[0][8] ^= 1),
        other(&|set| set[3][5] ^= 1),
        other(&|set| set.truncate(3)),
        other(&|set| *set = set.split_off(1)),
        other(&|set| *set = [&set[..1], &set[2..]].concat()),
        other(&|set| set[0][0] = 5),
        other(&|set| set[0][0] = 0xa5),
        other(&|set| set[2][0] = 0x41),
        other(&|set| set[0][1] = 2),
        other(&|set| set[0][1] = 4),
        summed(&|set| set[1][3] = 31),
        summed(&|set| set[1][3] = 0),
        summed(&|set| set[1][0] = 0xc1),
        summed(&|set| set[3][0] = 0xe0),
        set(&units("a/b"), &[]),
        set(&units("a\0b"), &[]),
        set(&units(".."), &[]),
        vec![kind(0xc1)],
    ];
    for wrong in corrupt {
        assert_eq!(told(&[&wrong, &good]), ("good".into(), Some(GapReason::Corrupt)));
        assert_eq!(told(&[&good, &wrong]), ("good".into(), Some(GapReason::Corrupt)));
    }
    for unknown in [vec![kind(0x86)], set(&units("other"), &[kind(0xc2)])] {
        assert_eq!(told(&[&unknown, &good]), ("good".into(), Some(GapReason::UnsupportedFormat)));
    }
    // Deleted, of the volume, or such as can be passed over.
    for passed in [0x05, 0x81, 0x82, 0x83, 0x03, 0xa0, 0xa1] {
        assert_eq!(told(&[&[kind(passed)], &good]), ("good".into(), None));
    }
    let mut benign = vec![kind(0xa5), kind(0xe0)];
    benign[0][1] = 1;
    sum_set(&mut benign);
    assert_eq!(told(&[&benign, &good]), ("good".into(), None));
    assert_eq!(told(&[&set(&units("more"), &[kind(0xe0), kind(0xe1)]), &good]), ("good more".into(), None));
    // Behind the end there is nothing, but for what was deleted.
    assert_eq!(told(&[&good, &[kind(0), kind(5)]]), ("good".into(), None));
    assert_eq!(told(&[&good, &[kind(0)], &good]), ("good".into(), Some(GapReason::Corrupt)));
}

#[test]
fn names_are_utf_16() {
    let longest = "é".repeat(255);
    assert_eq!(names(&set(&units(&longest), &[])), (vec![longest.into_bytes()], None));
    // A pair in two records, and halves of pairs.
    let name = format!("{}😀", "x".repeat(14));
    assert_eq!(names(&set(&units(&name), &[])), (vec![name.into_bytes()], None));
    assert_eq!(names(&set(&[0x61, 0xd83d, 0x62], &[])), (vec![b"a\xed\xa0\xbdb".to_vec()], None));
}

#[test]
fn other_volumes_are_not_opened() {
    let with = |at: u64, bytes: &[u8]| {
        let mut volume = Volume::unpack(PACKED);
        volume.put(at, bytes);
        let unsummed = Exfat::open(&volume).err().map(|fault| fault.reason);
        sum_sectors(&mut volume);
        (unsummed, Exfat::open(&volume).err().map(|fault| fault.reason))
    };
    let corrupt = Some(GapReason::Corrupt);
    // What may change does, without a new sum.
    for at in [106, 107, 112] {
        assert_eq!(with(at, &[0x2]), (None, None));
    }
    assert_eq!(with(110, &[2]), (corrupt, Some(GapReason::UnsupportedFormat)));
    assert_eq!(with(105, &[2]).1, Some(GapReason::UnsupportedFormat));
    assert_eq!(with(130, &[2]), (corrupt, None));
    for (at, byte) in
        [(3, 0), (20, 1), (72, 1), (80, 1), (84, 0), (88, 0), (95, 1), (108, 8), (108, 13), (109, 17), (110, 0)]
    {
        assert_eq!(with(at, &[byte, 0][..if at == 72 { 2 } else { 1 }]).1, corrupt, "{at}");
    }
    for size in [0, 511, 12 * 512 - 1] {
        assert_eq!(fault(&Volume::unpack(PACKED).cut(size)).reason, GapReason::Truncated);
    }
}

#[test]
fn nothing_is_a_link() {
    let volume = Volume::unpack(PACKED);
    let exfat = Exfat::open(&volume).unwrap();
    assert!(exfat.folds_case());
    assert!(exfat.link(look(&volume).node("/README.TXT")).is_err());
    for node in [1, 64 << 10, 4 << 20, u64::MAX] {
        assert!(exfat.open(node).is_err());
        assert!(exfat.list(node, &mut |_| ControlFlow::Continue(())).is_err());
    }
}

#[test]
fn what_a_cut_volume_still_has_is_right() {
    let truth = truth(CLUSTER);
    let whole = Volume::unpack(PACKED);
    let last = whole.kept().last().unwrap() + 1;
    for step in 0..60 {
        let volume = whole.clone().cut(12 * 512 + step * (last - 12 * 512) / 60);
        let look = look(&volume);
        let told: Vec<_> = look.seen.iter().filter_map(|(path, seen)| Some((path, seen.content.as_ref()?))).collect();
        for (path, content) in &told {
            match content {
                Ok(bytes) => assert_eq!(Some(bytes), truth[std::str::from_utf8(path).unwrap()].as_ref()),
                Err(fault) => assert_eq!(fault.reason, GapReason::Truncated),
            }
        }
        assert!(!look.faults.is_empty() || told.iter().any(|(_, content)| content.is_err()), "{step}");
    }
}

#[test]
fn no_name_is_lost_or_changed_in_silence() {
    let truth = truth(CLUSTER);
    let sound = Volume::unpack(PACKED);
    let nodes: Vec<u64> = look(&sound).seen.values().map(|seen| seen.node).collect();
    let mut noise = Noise(3);
    for _ in 0..3000 {
        let mut volume = sound.clone();
        // One byte of the three records that every name has.
        let at = nodes[noise.below(nodes.len())] - 32 + noise.below(96) as u64;
        let [before] = volume.get(at);
        volume.put(at, &[before ^ (1 + noise.below(255) as u8)]);
        let look = look(&volume);
        for (path, seen) in &look.seen {
            let right = &truth[std::str::from_utf8(path).unwrap()];
            assert_eq!(seen.content.clone().map(Result::unwrap), *right);
        }
        assert!(look.seen.len() == truth.len() || !look.faults.is_empty());
    }
}

#[test]
fn damage_is_no_panic_and_ends() {
    let mut noise = Noise(8);
    let sound = Volume::unpack(PACKED);
    let kept = sound.kept();
    for round in 0..3000 {
        let mut volume = sound.clone();
        for _ in 0..1 + round % 4 {
            // The first sector more often than by chance, and not the others that are summed with it.
            let at = match round % 5 {
                0 => 64 + noise.below(56) as u64,
                _ => kept.get(24 * 512 + noise.below(kept.len())).copied().unwrap_or(64),
            };
            volume.put(at, &[noise.below(256) as u8]);
        }
        sum_sectors(&mut volume);
        if let Ok(exfat) = Exfat::open(&volume) {
            Look::at(&exfat);
        }
    }
}
