use super::*;
use crate::disk::cluster::tests::{Images, damage, disk, image};
use std::slice::from_ref;

const AT: usize = 1 << 20;

/// What child.vhdx shows above dynamic.vhdx.
fn own() -> Vec<u8> {
    let (zeros, mut last) = (vec![0; AT], vec![0; AT]);
    last[..1024].fill(0x66);
    disk(&[(3 * 512, &[0x55; 6 * 512]), (AT - 512, &[0x55; 512]), (3 * AT, &zeros), (4 * AT, &last)])
}

#[test]
fn disks_read_as_they_are() {
    for name in [image!("fixed.vhdx"), image!("dynamic.vhdx")] {
        assert!(Images::of(&[name]).read(open).unwrap() == disk(&[]));
    }
}

#[test]
fn logs_are_replayed() {
    assert!(Images::of(&[image!("logged.vhdx")]).read(open).unwrap() == disk(&[]));
    // Its log without the last entry that is whole has an older table, which leads nowhere.
    let log = 1 << 20;
    let images = Images::of(&[image!("logged.vhdx")]).with(&[(log + AT - 4096, b"x")]);
    assert_eq!(images.fault(open).0, GapReason::Truncated);
    let empty = vec![0; AT];
    let images = Images::of(&[image!("logged.vhdx")]).with(&[(log, &empty)]);
    assert!(images.fault(open).1.contains("log"));
}

#[test]
fn disks_lie_above_others() {
    let (child, base) = (image!("child.vhdx"), image!("dynamic.vhdx"));
    assert!(Images::of(&[child.clone(), base]).read(open).unwrap() == own());
    let (reason, detail) = Images::of(from_ref(&child)).fault(open);
    assert_eq!(reason, GapReason::Unreached);
    assert!(detail.ends_with("dynamic.vhdx"), "{detail}");
    // Another disk has that name, or the disk itself has.
    let other = ("dynamic.vhdx", image!("fixed.vhdx").1);
    assert_eq!(Images::of(&[child.clone(), other]).fault(open).0, GapReason::Corrupt);
    let itself = ("dynamic.vhdx", child.1.clone());
    assert_eq!(Images::of(&[child, itself]).fault(open).0, GapReason::Limit);
}

#[test]
fn one_header_and_one_list_are_enough() {
    let with = |over: &[(usize, &[u8])]| Images::of(&[image!("dynamic.vhdx")]).with(over);
    let (first, second) = ((0x10010, &b"x"[..]), (0x20010, &b"x"[..]));
    for over in [first, second, (0x30010, b"x"), (0x40010, b"x")] {
        assert!(with(&[over]).read(open).unwrap() == disk(&[]));
    }
    assert_eq!(with(&[first, second]).fault(open).0, GapReason::Corrupt);
    assert_eq!(with(&[(0x30010, b"x"), (0x40010, b"x")]).fault(open).0, GapReason::Corrupt);
}

#[test]
fn sums_are_those_of_castagnoli() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(b""), 0);
}

#[test]
fn damage_is_no_panic() {
    damage(open, &[image!("dynamic.vhdx")], &disk(&[]), false);
    damage(open, &[image!("logged.vhdx")], &disk(&[]), false);
    damage(open, &[image!("child.vhdx"), image!("dynamic.vhdx")], &own(), false);
}
