//! The volumes are made by `tests/fixtures/disk/lvm/make.sh`, which says what is in them; what device-mapper made of them is
//! the truth. Where it kept nothing of a data area, each place there has bytes that no other place has.

mod made;

use super::metadata::Physical;
use super::text::{Section, Value};
use super::{Group, Logical, is_one, open};
use crate::disk::partitions::crc32;
use crate::tree::{Fault, File};
use made::{DATA, Disk, Random, Truth, description, linear, logical, sector};
use ostrakon_model::GapReason;

fn all(disks: &[Disk]) -> Result<Vec<Group<'_>>, Fault> {
    open(disks.iter().map(|disk| disk as &dyn File).collect())
}

/// The one group of the disks.
fn one(disks: &[Disk]) -> Group<'_> {
    let mut groups = all(disks).unwrap();
    assert_eq!(groups.len(), 1);
    groups.remove(0)
}

fn named<'g, 'a>(group: &'g Group<'a>, name: &str) -> &'g Logical<'a> {
    group.logical.iter().find(|volume| volume.name == name).unwrap()
}

fn whole(group: &Group<'_>, name: &str) -> Vec<u8> {
    named(group, name).content.as_ref().unwrap_or_else(|fault| panic!("{name}: {fault:?}")).read_all(64 << 20).unwrap()
}

fn reason(group: &Group<'_>, name: &str) -> GapReason {
    named(group, name).content.as_ref().err().unwrap().reason
}

fn reasons(group: &Group<'_>) -> Vec<GapReason> {
    group.doubts.iter().map(|doubt| doubt.reason).collect()
}

/// Extents of a data area of 1 MiB each.
fn extents(tag: u64, range: std::ops::Range<u64>) -> Vec<u8> {
    (range.start * 2048 + 2048..range.end * 2048 + 2048).flat_map(|number| sector(tag, number)).collect()
}

#[test]
fn volumes_are_what_device_mapper_makes_of_them() {
    let truth = Truth::read();
    let disks = [0, 1, 2].map(Disk::of);
    let group = one(&disks);
    assert_eq!(group.name, "vg");
    assert!(group.doubts.is_empty(), "{:?}", group.doubts);
    let mut names: Vec<_> = group.logical.iter().map(|volume| volume.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["mir", "one", "pool", "r1", "r5", "s2", "s3", "snap", "thin", "two"]);
    let mut random = Random(7);
    for name in ["one", "two", "s2", "s3", "mir", "r1"] {
        let expected = truth.content(&format!("vg-{name}"));
        assert!(whole(&group, name) == expected, "{name}");
        let file = named(&group, name).content.as_ref().unwrap();
        assert_eq!(file.size().unwrap(), expected.len() as u64);
        for _ in 0..200 {
            let start = random.below(expected.len() as u64 + 100) as usize;
            let mut buffer = vec![0; random.below(200_000) as usize];
            let read = file.read_at(start as u64, &mut buffer).unwrap();
            assert_eq!(read, buffer.len().min(expected.len().saturating_sub(start)));
            assert!(buffer[..read] == expected[start.min(expected.len())..][..read], "{name}");
        }
    }
    for (name, kind) in [("pool", "thin-pool"), ("thin", "thin"), ("r5", "raid5"), ("snap", "snapshot")] {
        let fault = named(&group, name).content.as_ref().err().unwrap();
        assert!(fault.reason == GapReason::UnsupportedFormat && fault.detail.contains(kind), "{fault:?}");
    }
}

#[test]
fn volume_that_is_not_there_is_a_fault_of_those_that_need_it() {
    let truth = Truth::read();
    let [a, b, c] = [0, 1, 2].map(Disk::of);
    let disks = [a.clone(), b.clone()];
    let group = one(&disks);
    assert!(whole(&group, "s2") == truth.content("vg-s2"));
    let fault = named(&group, "s3").content.as_ref().err().unwrap();
    assert_eq!(fault.reason, GapReason::Unreached);
    let missing = Physical::read(&c).unwrap().id;
    assert!(fault.detail.replace('-', "").contains(&missing), "{fault:?}");
    assert!(group.doubts.is_empty());

    let disks = [b, c.clone()];
    let group = one(&disks);
    assert_eq!(reason(&group, "one"), GapReason::Unreached);
    assert_eq!(whole(&group, "r1"), truth.content("vg-r1"));
    assert_eq!(whole(&group, "mir").len() as u64, truth.size("vg-mir") * 512);
    // Either mirror has one leg only.
    assert_eq!(reasons(&group), [GapReason::Unreached; 2]);

    assert_eq!(all(&[c]).err().unwrap().reason, GapReason::Unreached);
    let twins = [a.clone(), a];
    assert_eq!(reason(&one(&twins), "two"), GapReason::Corrupt);
}

#[test]
fn damaged_copy_is_a_doubt_and_the_other_is_read() {
    let truth = Truth::read();
    let mut disks = [0, 1, 2].map(Disk::of);
    // The texts begin at different places.
    let place = |disk: &Disk| 4096 + u64::from_le_bytes(disk.sectors[&8][40..48].try_into().unwrap());
    let start = place(&disks[0]);
    disks[0].write(start + 100, b"~");
    let group = one(&disks);
    assert_eq!(reasons(&group), [GapReason::Corrupt]);
    assert!(whole(&group, "one") == truth.content("vg-one"));
    drop(group);
    let start = place(&disks[1]);
    disks[1].write(start + 100, b"~");
    assert_eq!(all(&disks).err().unwrap().reason, GapReason::Corrupt);
}

#[test]
fn newest_description_counts() {
    let old = description(4, &[0, 1], &linear("root", 2, "\"pv0\", 0"));
    let new = description(5, &[0, 1], &linear("root", 2, "\"pv1\", 3"));
    for texts in [[&old, &new], [&new, &old]] {
        let disks = [Disk::made(0, texts[0], 512), Disk::made(1, texts[1], 512)];
        assert!(whole(&one(&disks), "root") == extents(1, 3..5));
    }
}

#[test]
fn text_goes_on_behind_the_header() {
    let text = description(1, &[0], &linear("root", 2, "\"pv0\", 7"));
    let disks = [Disk::made(0, &text, DATA - 4096 - 100)];
    assert!(whole(&one(&disks), "root") == extents(0, 7..9));
}

#[test]
fn volume_in_no_group_is_none() {
    let mut disk = Disk::made(0, "", 512);
    let header = &mut disk.sectors.get_mut(&8).unwrap();
    header[40..48].fill(0);
    let check = crc32(0xf597_a6cf, &header[4..]);
    header[..4].copy_from_slice(&check.to_le_bytes());
    assert!(all(&[disk]).unwrap().is_empty());
}

#[test]
fn volume_that_was_away_is_not_read() {
    let text = description(1, &[0, 9], &[linear("old", 1, "\"pv9\", 0"), linear("root", 1, "\"pv0\", 0")].concat());
    let disks = [Disk::made(0, &text, 512), Disk::made(9, &text, 512)];
    let group = one(&disks);
    assert_eq!(reason(&group, "old"), GapReason::Unreached);
    assert!(whole(&group, "root") == extents(0, 0..1));
}

#[test]
fn move_is_read_where_it_is_whole() {
    for (moved, expected) in [(0, extents(0, 2..4)), (1, extents(0, 2..4)), (2, extents(1, 5..7))] {
        let inner = "type = \"mirror\" mirror_count = 2 mirrors = [\"pv0\", 2, \"pv1\", 5]";
        let inner = logical("pvmove0", 2, &format!("{inner} extents_moved = {moved}")).replace("VISIBLE", "PVMOVE");
        let text = description(1, &[0, 1], &(linear("root", 2, "\"pvmove0\", 0") + &inner));
        let disks = [Disk::made(0, &text, 512), Disk::made(1, &text, 512)];
        assert!(whole(&one(&disks), "root") == expected);
        // Without that place there is nothing to read.
        let other = if moved == 2 { &disks[..1] } else { &disks[1..] };
        assert_eq!(reason(&one(other), "root"), GapReason::Unreached);
    }
}

#[test]
fn leg_that_is_not_up_to_date_is_not_read() {
    // Events, failed legs, and how far it is filled, of each leg; then the leg that is read.
    type Marks = [Option<(u64, u64, u64)>; 2];
    let whole_leg = |events| Some((events, 0, u64::MAX));
    let cases: [(Marks, Option<u64>); 8] = [
        ([None, None], Some(0)),
        ([whole_leg(4), whole_leg(4)], Some(0)),
        ([whole_leg(3), whole_leg(4)], Some(1)),
        ([whole_leg(4), whole_leg(3)], Some(0)),
        ([Some((4, 0, 100)), whole_leg(4)], Some(1)),
        ([Some((4, 2, u64::MAX)), whole_leg(4)], Some(0)),
        ([None, whole_leg(4)], Some(1)),
        ([Some((4, 0, 100)), whole_leg(3)], None),
    ];
    let raid = "type = \"raid1\" device_count = 2 raids = [\"m0\", \"i0\", \"m1\", \"i1\"]";
    let hidden = ["m0", "i0", "m1", "i1"].map(|name| {
        let (first, tag) = (if name.starts_with('m') { 0 } else { 1 }, &name[1..]);
        linear(name, 1, &format!("\"pv{tag}\", {first}")).replace("VISIBLE", "WRITE")
    });
    let text = description(1, &[0, 1], &(logical("root", 1, raid) + &hidden.concat()));
    for (index, (marks, expected)) in cases.into_iter().enumerate() {
        let mut disks = [Disk::made(0, &text, 512), Disk::made(1, &text, 512)];
        for (disk, mark) in disks.iter_mut().zip(marks) {
            if let Some((events, failed, filled)) = mark {
                let numbers = [events, failed, filled].map(u64::to_le_bytes).concat();
                disk.write(DATA, &[&b"DmRd\0\0\0\0\x02\0\0\0\0\0\0\0"[..], &numbers].concat());
            }
        }
        let group = one(&disks);
        match expected {
            Some(tag) => assert!(whole(&group, "root") == extents(tag, 1..2), "{index}"),
            None => assert_eq!(reason(&group, "root"), GapReason::Corrupt, "{index}"),
        }
    }
}

#[test]
fn snapshot_that_is_taken_back_hides_its_origin() {
    let bond = |key: &str| logical("snapshot0", 1, &format!("type = \"snapshot\" origin = \"root\" {key} = \"snap\""));
    let volumes = linear("root", 1, "\"pv0\", 0") + &linear("snap", 1, "\"pv0\", 1").replace("VISIBLE", "WRITE");
    for (key, is_read) in [("cow_store", true), ("merging_store", false)] {
        let text = description(1, &[0], &(volumes.clone() + &bond(key)));
        let disks = [Disk::made(0, &text, 512)];
        let group = one(&disks);
        assert_eq!(named(&group, "root").content.is_ok(), is_read);
        assert_eq!(reason(&group, "snap"), GapReason::UnsupportedFormat);
        assert_eq!(group.logical.len(), 2);
    }
}

#[test]
fn volumes_that_lie_in_each_other_are_faults() {
    let circle = linear("a", 1, "\"b\", 0") + &linear("b", 1, "\"a\", 0") + &linear("c", 1, "\"c\", 0");
    let chain: String =
        (0..2000).map(|index| linear(&format!("v{index}"), 1, &format!("\"v{}\", 0", index + 1))).collect();
    let back: String =
        (0..2000).rev().map(|index| linear(&format!("w{index}"), 1, &format!("\"w{}\", 0", index + 1))).collect();
    let ends = linear("v2000", 1, "\"pv0\", 0") + &linear("w2000", 1, "\"pv0\", 0");
    let text = description(1, &[0], &(circle + &chain + &back + &ends));
    let disks = [Disk::made(0, &text, 512)];
    let group = one(&disks);
    for name in ["a", "b", "c", "v0", "w0"] {
        assert_eq!(reason(&group, name), GapReason::Corrupt, "{name}");
    }
    assert!(whole(&group, "w1995") == extents(0, 0..1));
}

#[test]
fn segments_that_contradict_each_other_are_faults() {
    let striped = |count, size, places: &str| {
        format!("type = \"striped\" stripe_count = {count} stripe_size = {size} stripes = [{places}]")
    };
    let two = "\"pv0\", 0, \"pv0\", 4";
    let wrong = [
        logical("root", 17, &striped(1, 0, "\"pv0\", 0")),
        logical("root", 1, &striped(1, 0, "\"pv0\", 16")),
        logical("root", 1, &striped(1, 0, "\"pv0\", 18446744073709551615")),
        logical("root", 18_446_744_073_709_551_615, &striped(1, 0, "\"pv0\", 0")),
        logical("root", 3, &striped(2, 32, two)),
        logical("root", 2, &striped(2, 0, two)),
        logical("root", 2, &striped(2, 3, two)),
        logical("root", 2, &striped(2, u64::MAX / 512 + 1, two)),
        logical("root", 2, &striped(3, 32, two)),
        logical("root", 2, &striped(0, 32, "")),
        logical("root", 0, &striped(1, 0, "\"pv0\", 0")),
        logical("root", 1, &striped(1, 0, "\"none\", 0")),
        logical("root", 1, &striped(1, 0, "\"pv0\"")),
        logical("root", 1, &striped(1, 0, "0, \"pv0\"")),
        logical("root", 1, &striped(1, 0, "\"pv0\", 0").replace("type", "kind")),
        linear("root", 1, "\"pv0\", 0").replace("start_extent = 0", "start_extent = 1"),
        linear("root", 1, "\"pv0\", 0").replace("segment_count = 1", "segment_count = 2"),
    ];
    for volume in wrong {
        let disks = [Disk::made(0, &description(1, &[0], &volume), 512)];
        assert_eq!(reason(&one(&disks), "root"), GapReason::Corrupt, "{volume}");
    }
}

#[test]
fn text_that_is_not_well_formed_is_a_fault() {
    let good = description(1, &[0], &linear("root", 1, "\"pv0\", 0"));
    let wrong = [
        good.replace("version = 1", "").replacen('}', "", 1),
        good.replace("\"the-group\"", "\"the-group"),
        good.replace("root {", "../root {"),
        good.replace("root {", "\"a b\" {"),
        good.replace("group {", "\"..\" {"),
        good.replace("\"VISIBLE\"", &"\"X\", ".repeat(1000)),
        "{".repeat(900_000),
        "a{".repeat(400_000),
        "a=[".repeat(300_000),
        String::new(),
    ];
    for text in wrong {
        let disks = [Disk::made(0, &text, 512)];
        assert!(all(&disks).is_err(), "{}", &text[..text.len().min(300)]);
    }
}

#[test]
fn text_is_read_as_it_is_written() {
    let text = b"# } a comment\na = \"x \\\" } \\\\\" b=-1\nc { d = [ \"]\", 2,3 ] # }\n e { } } \"f\" = 7\0";
    let entries: Vec<_> = Section::of(text).entries().map(Result::unwrap).collect();
    assert_eq!(entries.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["a", "b", "c", "f"]);
    assert!(matches!(entries[0].1, Value::Text("x \\\" } \\\\")));
    assert!(matches!(entries[1].1, Value::Other));
    let Value::Section(inner) = entries[2].1 else { panic!() };
    assert!(inner.says("d", "]").unwrap() && inner.section("e").unwrap().entries().next().is_none());
    assert_eq!(inner.entries().count(), 2);
    assert!(matches!(entries[3].1, Value::Number(7)));
}

#[test]
fn shorter_volume_is_truncated() {
    let mut disks = [0, 1, 2].map(Disk::of);
    disks[0].size = 3 << 20;
    let group = one(&disks);
    let file = named(&group, "one").content.as_ref().unwrap();
    assert_eq!(file.read_at(0, &mut [0; 4096]).unwrap(), 4096);
    assert_eq!(file.read_at(2 << 20, &mut [0; 4096]).unwrap_err().reason, GapReason::Truncated);
    drop(group);
    disks[0].size = 8192;
    assert!(reasons(&one(&disks)).contains(&GapReason::Truncated));
    for size in [0, 1, 511, 512, 1023] {
        disks[0].size = size;
        assert!(reasons(&one(&disks)).contains(&GapReason::Corrupt));
        assert!(all(&disks[..1]).is_err());
    }
    assert!(all(&[]).unwrap().is_empty());
}

#[test]
fn label_is_known() {
    let mut head = vec![0; 4096];
    Disk::of(0).read_at(0, &mut head).unwrap();
    assert!(is_one(&head));
    assert!(!is_one(&[]) && !is_one(&head[..700]) && !is_one(&vec![0; 4096]));
    head.copy_within(512..1024, 2048);
    head[512..1024].fill(0);
    assert!(!is_one(&head));
}

#[test]
fn damage_that_checks_see_is_never_told_as_right() {
    let truth = Truth::read();
    let names = ["two", "s2", "s3"];
    let expected = names.map(|name| truth.content(&format!("vg-{name}")));
    let whole_disks = [0, 1, 2].map(Disk::of);
    let mut random = Random(11);
    for _ in 0..3000 {
        let mut disks = whole_disks.clone();
        for _ in 0..=random.below(3) {
            let disk = &mut disks[random.below(3) as usize];
            let numbers: Vec<u64> = disk.sectors.keys().copied().collect();
            let number = numbers[random.below(numbers.len() as u64) as usize];
            disk.write(number * 512 + random.below(512), &[random.below(256) as u8]);
        }
        for group in all(&disks).unwrap_or_default() {
            for (name, expected) in names.iter().zip(&expected) {
                if let Ok(file) = &named(&group, name).content {
                    let mut buffer = vec![0; 70_000];
                    let start = random.below(expected.len() as u64 - 70_000);
                    assert_eq!(file.read_at(start, &mut buffer), Ok(buffer.len()));
                    assert!(buffer == expected[start as usize..][..70_000]);
                }
            }
        }
    }
}

#[test]
fn damage_that_no_check_sees_ends() {
    let place = |disk: &Disk, at: usize| u64::from_le_bytes(disk.sectors[&8][at..at + 8].try_into().unwrap());
    let disk = Disk::of(0);
    let mut text = vec![0; place(&disk, 48) as usize];
    disk.read_at(4096 + place(&disk, 40), &mut text).unwrap();
    let letters = b"{}[]=\",#0123456789 \n\\ab\0\xff";
    let mut random = Random(13);
    for _ in 0..3000 {
        let mut bytes = text.clone();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] = letters[random.below(letters.len() as u64) as usize],
                1 => _ = bytes.remove(at),
                _ => {
                    let from = random.below(bytes.len() as u64) as usize;
                    let length = (random.below(60) as usize).min(bytes.len() - at.max(from));
                    bytes.copy_within(from..from + length, at);
                }
            }
        }
        let Ok(bytes) = String::from_utf8(bytes) else { continue };
        let mut disks = [Disk::made(0, &bytes, 512), Disk::of(1), Disk::of(2)];
        // Its id is what the text calls it.
        disks[0].sectors.insert(1, disk.sectors[&1]);
        for group in all(&disks[..1]).into_iter().chain(all(&disks)).flatten() {
            for volume in &group.logical {
                if let Ok(file) = &volume.content {
                    let size = file.size().unwrap();
                    for at in [0, size / 2, size.saturating_sub(10)] {
                        let _ = file.read_at(at, &mut [0; 3000]);
                    }
                }
            }
        }
    }
}
