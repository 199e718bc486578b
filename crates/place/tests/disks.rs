//! Images of disks and the volumes in them: what is there is read, and what is changed ends in faults, never in a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_place::container::{Bytes, Limits, Memory, Purse};
use ostrakon_place::disk::{self, Format, Image, Met, Volume};
use ostrakon_place::{EntryKind, Fault, Tree as _};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

fn purse() -> Purse {
    Purse::of(Limits::default(), Memory::of(1), 1 << 20)
}

/// What is on the volume of `tests/fixtures/disk/ntfs/make.sh`.
fn volume() -> Vec<u8> {
    let packed = include_bytes!("../../../tests/fixtures/disk/ntfs/small.img.gz");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut bytes).unwrap();
    bytes
}

/// Files by path, and faults.
type Read = (BTreeMap<String, Vec<u8>>, Vec<Fault>);

/// All files of a volume with what they hold, and the faults; deleted ones without the number of their record.
fn all(bytes: &[u8]) -> Result<Read, Fault> {
    let (file, purse) = (Bytes(bytes), purse());
    let volume = Volume::open(Format::Ntfs, &file, &purse)?;
    let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
    volume.files(&purse, &mut |path, met| {
        let path = String::from_utf8_lossy(path).into_owned();
        match met {
            Met::Entry(EntryKind::File, file) => match file.read_all(1 << 20) {
                Ok(content) => drop(files.insert(path, content)),
                Err(fault) => faults.push(fault),
            },
            Met::Deleted(file) => {
                let name = path.splitn(3, '/').nth(2).unwrap_or_default();
                files.insert(format!("deleted {name}"), file.read_all(1 << 20).unwrap_or_default());
            }
            Met::Fault(fault) => faults.push(fault),
            Met::Entry(..) => {}
        }
        ControlFlow::Continue(())
    })?;
    Ok((files, faults))
}

fn numbers(from: u32, to: u32) -> Vec<u8> {
    (from..=to).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

#[test]
fn files_of_ntfs_are_read_as_they_were_written() {
    let (files, faults) = all(&volume()).unwrap();
    assert_eq!(faults, []);
    let wanted = [
        ("/again.txt", numbers(1, 2000)),
        ("/folder/long.txt", numbers(1, 2000)),
        ("/folder/packed/numbers.txt", numbers(1, 20000)),
        ("/folder/short.txt", b"short".to_vec()),
        ("/folder/short.txt:stream", b"beside".to_vec()),
        ("deleted folder/gone.txt", numbers(5000, 7000)),
    ];
    assert_eq!(files, wanted.into_iter().map(|(path, content)| (path.to_owned(), content)).collect());
}

#[test]
fn a_path_on_a_volume_is_found_in_letters_of_either_case() {
    let bytes = volume();
    let (file, purse) = (Bytes(&bytes), purse());
    let volume = Volume::open(Format::Ntfs, &file, &purse).unwrap();
    assert_eq!(volume.find(b"/FOLDER/Short.TXT").unwrap().read_all(100).unwrap(), b"short");
    assert!(matches!(volume.find(b"/folder/none"), Err(fault) if fault.gone));
    assert_eq!(volume.kind(b"/folder/packed").unwrap(), Some(EntryKind::Folder));
}

#[test]
fn a_volume_that_is_cut_off_or_empty_is_a_fault() {
    let whole = volume();
    assert!(all(&[]).is_err());
    assert!(all(&whole[..4096]).is_err());
    for end in (8192..whole.len()).step_by(131_072) {
        if let Ok((files, faults)) = all(&whole[..end]) {
            assert!(!faults.is_empty() || files.len() == 6, "{end}");
        }
    }
}

/// Numbers that look random, and are the same each time.
fn noise(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 8) as usize
    }
}

#[test]
fn changed_records_of_ntfs_end_in_faults() {
    let whole = volume();
    let records: Vec<usize> = (0..whole.len()).step_by(1024).filter(|at| whole[*at..].starts_with(b"FILE")).collect();
    for seed in 0..120 {
        let (mut bytes, mut next) = (whole.clone(), noise(seed + 1));
        for _ in 0..1 + next() % 8 {
            let at = records[next() % records.len()] + next() % 420;
            bytes[at] = next() as u8;
        }
        if seed % 4 == 0 {
            bytes[next() % 512] = next() as u8;
        }
        let _ = all(&bytes);
    }
}

/// A qcow2 image of four clusters of 64 KiB: one as it is, one packed, one of zeros, one that is not there.
fn qcow2() -> Vec<u8> {
    let cluster = 64 << 10;
    let mut image = vec![0; 5 * cluster];
    image[..4].copy_from_slice(b"QFI\xfb");
    for (at, number) in [(4, 3_u32), (20, 16), (36, 1), (100, 104)] {
        image[at..at + 4].copy_from_slice(&number.to_be_bytes());
    }
    for (at, number) in [(24, 4 * cluster as u64), (40, cluster as u64), (cluster, (2 * cluster as u64) | (1 << 63))] {
        image[at..at + 8].copy_from_slice(&number.to_be_bytes());
    }
    let mut packed = flate2::Compress::new(flate2::Compression::best(), false);
    let start = 4 * cluster;
    packed.compress(&vec![7; cluster], &mut image[start..], flate2::FlushCompress::Finish).unwrap();
    let sectors = packed.total_out().div_ceil(512) - 1;
    let entries = [(3 * cluster as u64) | (1 << 63), (1 << 62) | (sectors << 54) | start as u64, 1];
    for (number, entry) in entries.into_iter().enumerate() {
        let at = 2 * cluster + 8 * number;
        image[at..at + 8].copy_from_slice(&entry.to_be_bytes());
    }
    image[3 * cluster..4 * cluster].fill(5);
    image
}

fn disk(image: &[u8]) -> Result<Vec<u8>, Fault> {
    let file = Bytes(image);
    let none = |_: &[u8]| Err(Fault { gone: true, ..Fault::corrupt("none") });
    let disk = disk::open(Image::Qcow2, &file, &none)?;
    disk.read_all(4 << 20)
}

#[test]
fn clusters_of_qcow2_are_read_as_their_table_says() {
    let whole = disk(&qcow2()).unwrap();
    let wanted = [5, 7, 0, 0].into_iter().flat_map(|byte| vec![byte; 64 << 10]).collect::<Vec<u8>>();
    assert!(whole == wanted);
    assert!(disk(&qcow2()[..3 * (64 << 10)]).is_err());
    assert!(disk(&[]).is_err());
}

#[test]
fn changed_images_of_qcow2_end_in_faults() {
    let whole = qcow2();
    for seed in 0..500 {
        let (mut bytes, mut next) = (whole.clone(), noise(seed + 1));
        for _ in 0..1 + next() % 6 {
            let at = [next() % 112, (64 << 10) + next() % 16, (128 << 10) + next() % 32, (256 << 10) + next() % 90];
            bytes[at[next() % 4]] = next() as u8;
        }
        let _ = disk(&bytes);
    }
}

#[test]
fn internal_snapshots_of_qcow2_are_told() {
    let mut image = qcow2();
    assert_eq!(disk::left_out(Image::Qcow2, &Bytes(&image)), Ok(None));
    image[63] = 2;
    let told = disk::left_out(Image::Qcow2, &Bytes(&image)).unwrap().unwrap();
    assert!(told.detail.starts_with("2 internal snapshot(s)"), "{told:?}");
}

#[test]
fn a_disk_is_told_by_its_first_bytes() {
    let whole = volume();
    assert_eq!(Image::of(b"c.img", &whole[..4096]), Some(Image::Raw));
    assert_eq!(Image::of(b"c.vhd", &whole[..4096]), Some(Image::Vhd));
    assert_eq!(Image::of(b"disk", &qcow2()[..4096]), Some(Image::Qcow2));
    // A sector that starts a machine, and text.
    let mut boot = vec![0x90; 4096];
    boot[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(Image::of(b"boot.bin", &boot), None);
    assert_eq!(Image::of(b"text", &[b'a'; 4096]), None);
}
