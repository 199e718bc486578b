use super::*;
use crate::disk::cluster::tests::{Images, damage, disk, image};
use std::rc::Rc;

type Image = (&'static str, Rc<[u8]>);

fn flat() -> [Image; 2] {
    [image!("flat.vmdk"), ("flat-flat.vmdk", disk(&[]).into())]
}

fn esx() -> Vec<Image> {
    [[image!("esx.vmdk"), image!("esx-000001-delta.vmdk")], flat()].concat()
}

/// A description of these extents, each a line, after other lines.
fn described(lines: &str, others: &[Image]) -> Images {
    let text = format!("# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n{lines}\n");
    Images::of(&[&[("x.vmdk", text.into_bytes().into())][..], others].concat())
}

#[test]
fn disks_read_as_they_are() {
    for name in [image!("sparse.vmdk"), image!("stream.vmdk")] {
        assert!(Images::of(&[name]).read(open).unwrap() == disk(&[]));
    }
    assert!(Images::of(&[image!("split.vmdk"), image!("split-s001.vmdk")]).read(open).unwrap() == disk(&[]));
    assert!(Images::of(&flat()).read(open).unwrap() == disk(&[]));
}

#[test]
fn disks_lie_above_others() {
    let own = disk(&[(64 << 10, &[0x5a; 64 << 10]), (0, &[0; 64 << 10])]);
    let snapshot = [image!("snap.vmdk"), image!("sparse.vmdk")];
    assert!(Images::of(&snapshot).read(open).unwrap() == own);
    let own = disk(&[(0, &[0x33; 4096]), (1 << 20, &[0x44; 4096])]);
    assert!(Images::of(&esx()).read(open).unwrap() == own);
    let (reason, detail) = Images::of(&snapshot[..1]).fault(open);
    assert_eq!(reason, GapReason::Unreached);
    assert!(detail.ends_with("sparse.vmdk"), "{detail}");
    // It was changed since, or is itself.
    let images = [snapshot[0].clone(), ("sparse.vmdk", image!("stream.vmdk").1)];
    assert_eq!(Images::of(&images).fault(open).0, GapReason::Corrupt);
    let circle = described("parentCID=1\nparentFileNameHint=\"x.vmdk\"\nRW 1 ZERO", &[]);
    assert_eq!(circle.fault(open).0, GapReason::Limit);
    let nameless = described("parentCID=1\nRW 1 ZERO", &[]);
    assert_eq!(nameless.fault(open).0, GapReason::Corrupt);
}

#[test]
fn disks_are_put_together() {
    let data: Rc<[u8]> = (0..4096).map(|at| (at % 251) as u8).collect();
    let files = [("a b.vmdk", data.clone()), ("/dev/c", data.clone())];
    let lines = "RW 2 FLAT \"a b.vmdk\" 1\r\nRDONLY 3 ZERO\r\n  rw 4 vmfs \"/dev/c\"  ";
    let wanted = [&data[512..1536], &[0; 1536], &data[..2048]].concat();
    assert_eq!(described(lines, &files).read(open).unwrap(), wanted);
    let (reason, detail) = described(lines, &files[..1]).fault(open);
    assert_eq!((reason, detail.as_str()), (GapReason::Unreached, "a part of the image is missing: /dev/c"));
    assert_eq!(described("RW 8 FLAT \"a b.vmdk\" 1", &files).fault(open).0, GapReason::Truncated);
}

#[test]
fn what_is_not_known_is_a_fault() {
    let fault = |lines: &str| described(lines, &[image!("split-s001.vmdk")]).fault(open).0;
    for kind in ["VMFSRDM", "SESPARSE", "VMFSRAW"] {
        assert_eq!(fault(&format!("RW 1 {kind} \"x\"")), GapReason::UnsupportedFormat);
    }
    assert_eq!(fault("NOACCESS 1 FLAT \"x\""), GapReason::UnsupportedFormat);
    assert_eq!(fault("encryptionKeys=\"x\"\nRW 1 ZERO"), GapReason::Encrypted);
    for lines in ["", "RW", "RW 0 ZERO", "RW -1 ZERO", "RW 1 FLAT x", "RW 36028797018963968 ZERO", "CID=x"] {
        assert_eq!(fault(lines), GapReason::Corrupt);
    }
    assert_eq!(fault("RW 36028797018963967 ZERO"), GapReason::Corrupt);
    assert_eq!(fault("RW 10244 SPARSE \"split-s001.vmdk\""), GapReason::Corrupt);
    assert_eq!(fault(&"RW 1 ZERO\n".repeat(5000)), GapReason::Limit);
    // An extent that is not described, alone.
    assert_eq!(Images::of(&[image!("split-s001.vmdk")]).fault(open).0, GapReason::UnsupportedFormat);
    assert_eq!(Images::of(&[image!("esx-000001-delta.vmdk")]).fault(open).0, GapReason::UnsupportedFormat);
    let sparse = |at: usize, bytes: &[u8]| Images::of(&[image!("sparse.vmdk")]).with(&[(at, bytes)]).fault(open).0;
    assert_eq!(sparse(0, b"\xbe\xba\xfe\xca"), GapReason::UnsupportedFormat);
    assert_eq!(sparse(4, &[9]), GapReason::UnsupportedFormat);
    assert_eq!(sparse(73, b"\n\n"), GapReason::Corrupt);
    assert_eq!(sparse(20, &[3]), GapReason::Corrupt);
    assert_eq!(sparse(63, &[1]), GapReason::Corrupt);
    assert_eq!(sparse(60, &[1]), GapReason::Truncated);
}

#[test]
fn packed_grains_are_checked() {
    let (name, bytes) = image!("stream.vmdk");
    // The first grain: where it says it belongs, how long it is, what it holds.
    let grain = 12 + 512 * bytes.chunks(512).position(|sector| sector[8] > 0 && sector[12] == 0x78).unwrap();
    for at in [grain - 12, grain - 1, grain + 20] {
        let images = Images::of(&[(name, bytes.clone())]).with(&[(at, &[bytes[at] ^ 1])]);
        assert_eq!(images.fault(open).0, GapReason::Corrupt);
    }
}

#[test]
fn damage_is_no_panic() {
    damage(open, &[image!("sparse.vmdk")], &disk(&[]), false);
    damage(open, &[image!("stream.vmdk")], &disk(&[]), false);
    damage(open, &[image!("split.vmdk"), image!("split-s001.vmdk")], &disk(&[]), false);
    let own = disk(&[(0, &[0x33; 4096]), (1 << 20, &[0x44; 4096])]);
    damage(open, &esx(), &own, false);
}
