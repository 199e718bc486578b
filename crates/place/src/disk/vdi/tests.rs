use super::*;
use crate::disk::cluster::tests::{Images, damage, disk, image};

#[test]
fn disks_read_as_they_are() {
    for name in [image!("static.vdi"), image!("dynamic.vdi")] {
        assert!(Images::of(&[name]).read(open).unwrap() == disk(&[]));
    }
}

#[test]
fn what_is_not_known_is_a_fault() {
    let with = |at: usize, bytes: &[u8]| Images::of(&[image!("dynamic.vdi")]).with(&[(at, bytes)]).fault(open).0;
    // A differencing disk, one that has a parent, a version, what stands before blocks.
    for (at, byte) in [(76, 4), (440, 1), (70, 2), (380, 1)] {
        assert_eq!(with(at, &[byte]), GapReason::UnsupportedFormat);
    }
    // Blocks of no size, a larger disk than its table.
    assert_eq!(with(376, &[0; 4]), GapReason::Corrupt);
    assert_eq!(with(374, &[1]), GapReason::Corrupt);
    // A table, and a block, behind the end.
    assert_eq!(with(342, &[0xff; 2]), GapReason::Truncated);
    assert_eq!(with(346, &[0xff; 2]), GapReason::Truncated);
    // A block behind the last.
    assert_eq!(with(512, &[0x44]), GapReason::Corrupt);
}

#[test]
fn blocks_may_be_zeros() {
    let mut zeros = disk(&[]);
    zeros[..1 << 20].fill(0);
    let images = Images::of(&[image!("dynamic.vdi")]).with(&[(512, &[0xfe, 0xff, 0xff, 0xff])]);
    assert!(images.read(open).unwrap() == zeros);
}

#[test]
fn damage_is_no_panic() {
    damage(open, &[image!("dynamic.vdi")], &disk(&[]), false);
    damage(open, &[image!("static.vdi")], &disk(&[]), false);
}
