use super::*;
use crate::disk::cluster::tests::{Images, damage, disk, image};
use std::slice::from_ref;

#[test]
fn disks_read_as_they_are() {
    for name in [image!("fixed.vhd"), image!("dynamic.vhd")] {
        assert!(Images::of(&[name]).read(open).unwrap() == disk(&[]));
    }
}

#[test]
fn disks_lie_above_others() {
    let (child, base) = (image!("child.vhd"), image!("dynamic.vhd"));
    let own = disk(&[((2 << 20) + 5 * 512, &[0x77; 5 * 512])]);
    assert!(Images::of(&[child.clone(), base.clone()]).read(open).unwrap() == own);
    // The absolute name comes next, then that without folders.
    let elsewhere = ("../other/dynamic.vhd", base.1);
    assert!(Images::of(&[child.clone(), elsewhere]).read(open).unwrap() == own);
    let (reason, detail) = Images::of(from_ref(&child)).fault(open);
    assert_eq!(reason, GapReason::Unreached);
    assert!(detail.ends_with("dynamic.vhd"), "{detail}");
    // Another disk has that name, or the disk itself has.
    let other = ("dynamic.vhd", image!("fixed.vhd").1);
    assert_eq!(Images::of(&[child.clone(), other]).fault(open).0, GapReason::Corrupt);
    let itself = ("dynamic.vhd", child.1.clone());
    assert_eq!(Images::of(&[child, itself]).fault(open).0, GapReason::Limit);
}

#[test]
fn footers_may_be_short_or_lost() {
    let fixed = image!("fixed.vhd").1;
    let short = fixed.split_last().unwrap().1.into();
    assert!(Images::of(&[("short.vhd", short)]).read(open).unwrap() == disk(&[]));
    let without = fixed[..fixed.len() - 512].into();
    assert_eq!(Images::of(&[("without.vhd", without)]).fault(open).0, GapReason::Corrupt);
    // That of a dynamic disk has a copy in front, and one of them is enough.
    let dynamic = image!("dynamic.vhd");
    let last = dynamic.1.len() - 512;
    assert!(Images::of(from_ref(&dynamic)).with(&[(last, b"x")]).read(open).unwrap() == disk(&[]));
    assert!(Images::of(from_ref(&dynamic)).with(&[(0, b"x")]).read(open).unwrap() == disk(&[]));
    assert_eq!(Images::of(&[dynamic]).with(&[(0, b"x"), (last, b"x")]).fault(open).0, GapReason::Corrupt);
}

#[test]
fn blocks_behind_the_end_are_faults() {
    let dynamic = image!("dynamic.vhd");
    let table = 1536;
    assert_eq!(Images::of(&[dynamic]).with(&[(table, &[0x7f; 4])]).fault(open).0, GapReason::Truncated);
}

#[test]
fn damage_is_no_panic() {
    damage(open, &[image!("fixed.vhd")], &disk(&[]), false);
    damage(open, &[image!("dynamic.vhd")], &disk(&[]), false);
    let own = disk(&[((2 << 20) + 5 * 512, &[0x77; 5 * 512])]);
    damage(open, &[image!("child.vhd"), image!("dynamic.vhd")], &own, false);
}
