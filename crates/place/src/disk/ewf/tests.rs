use super::*;
use crate::disk::cluster::tests::{Images, damage, disk, image};
use std::rc::Rc;

fn none() -> [(&'static str, Rc<[u8]>); 3] {
    [image!("none.E01"), image!("none.E02"), image!("none.E03")]
}

fn smart() -> [(&'static str, Rc<[u8]>); 3] {
    [image!("smart.s01"), image!("smart.s02"), image!("smart.s03")]
}

#[test]
fn disks_read_as_they_are() {
    assert!(Images::of(&[image!("fast.E01")]).read(open).unwrap() == disk(&[]));
    assert!(Images::of(&none()).read(open).unwrap() == disk(&[]));
    assert!(Images::of(&smart()).read(open).unwrap() == disk(&[]));
}

#[test]
fn a_medium_may_end_within_a_sector() {
    // It has 100 bytes more, which are in no sector.
    assert!(Images::of(&[image!("within.E01")]).read(open).unwrap() == disk(&[])[..40 * 1024]);
}

#[test]
fn all_segments_must_be_there() {
    for (images, missing) in [(none(), ".E03"), (smart(), ".s03")] {
        let (reason, detail) = Images::of(&images[..2]).fault(open);
        assert_eq!(reason, GapReason::Unreached);
        assert!(detail.ends_with(missing), "{detail}");
    }
    let [first, second, third] = none();
    // Another segment, or one of another image, has that name.
    let images = [first.clone(), ("none.E02", Rc::clone(&third.1)), third];
    assert_eq!(Images::of(&images).fault(open).0, GapReason::Corrupt);
    let images = [first, ("none.E02", smart()[1].1.clone()), ("none.E03", smart()[2].1.clone())];
    assert_eq!(Images::of(&images).fault(open).0, GapReason::Corrupt);
    // It is read from its first.
    assert_eq!(Images::of(&[second]).fault(open).0, GapReason::UnsupportedFormat);
}

#[test]
fn what_is_not_known_is_a_fault() {
    for start in [b"LVF\x09\x0d\x0a\xff\0", b"EVF2\r\n\x81\0", b"LEF2\r\n\x81\0"] {
        let images = Images::of(&[image!("fast.E01")]).with(&[(0, start)]);
        assert_eq!(images.fault(open).0, GapReason::UnsupportedFormat);
    }
}

#[test]
fn a_table_may_be_broken_and_its_copy_whole() {
    let (name, bytes) = image!("fast.E01");
    let find = |name: &[u8]| bytes.windows(16).position(|window| window.starts_with(name)).unwrap();
    let (first, second) = (find(b"table\0") + 76, find(b"table2\0") + 76);
    let with = |over: &[(usize, &[u8])]| Images::of(&[(name, bytes.clone())]).with(over);
    // Of the header, and of an entry.
    for at in [0, 24 + 6] {
        assert!(with(&[(first + at, b"\xee")]).read(open).unwrap() == disk(&[]));
        assert!(with(&[(second + at, b"\xee")]).read(open).unwrap() == disk(&[]));
        assert_eq!(with(&[(first + at, b"\xee"), (second + at, b"\xee")]).fault(open).0, GapReason::Corrupt);
    }
}

#[test]
fn segments_have_endings() {
    let endings = |letter, number| ending(letter, number).map(|ending| String::from_utf8(ending.to_vec()).unwrap());
    let all = [(1, ".E01"), (99, ".E99"), (100, ".EAA"), (101, ".EAB"), (126, ".EBA"), (775, ".EZZ"), (776, ".FAA")];
    for (number, wanted) in all {
        assert_eq!(endings(b'E', number).as_deref(), Some(wanted));
        assert_eq!(endings(b'e', number), Some(wanted.to_lowercase()));
    }
    assert_eq!(endings(b'E', 99 + 22 * 676).as_deref(), Some(".ZZZ"));
    assert_eq!(endings(b'E', 100 + 22 * 676), None);
    assert_eq!(endings(b's', usize::MAX), None);
}

#[test]
fn sums_are_those_of_adler() {
    assert_eq!(adler(1, b""), 1);
    assert_eq!(adler(1, b"Wikipedia"), 0x11e6_0398);
    assert_eq!(adler(adler(1, &[0xff; 9000]), &[0xff; 1000]), adler(1, &[0xff; 10_000]));
}

#[test]
fn damage_is_no_panic_and_no_other_content() {
    damage(open, &[image!("fast.E01")], &disk(&[]), true);
    damage(open, &none(), &disk(&[]), true);
    damage(open, &smart(), &disk(&[]), false);
}
