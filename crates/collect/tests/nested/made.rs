//! Archives that are made here, byte by byte.

use std::io::Write;

/// A member of a zip archive: its name, checksum and size, and its content as it is packed.
pub(crate) type Packed<'a> = (&'a str, u32, usize, Vec<u8>);

/// A zip archive of members that are stored, or deflated where `deflated` says so; `crc` changes the checksums.
pub(crate) fn zip(members: &[(&str, &[u8])], deflated: bool, crc: u32) -> Vec<u8> {
    let packed = |content: &[u8]| if deflated { deflate(content) } else { content.to_vec() };
    let members: Vec<Packed<'_>> = members
        .iter()
        .map(|(name, content)| (*name, checksum(content) ^ crc, content.len(), packed(content)))
        .collect();
    zip_of(&members, u16::from(deflated) * 8)
}

pub(crate) fn checksum(content: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(content);
    sum.sum()
}

/// A zip archive of members packed by `method`.
pub(crate) fn zip_of(members: &[Packed<'_>], method: u16) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, crc, size, packed) in members {
        let mut shared = Vec::new();
        for number in [20, 0x800, method, 0, 0x5821] {
            shared.extend(number.to_le_bytes());
        }
        shared.extend(crc.to_le_bytes());
        for length in [packed.len(), *size] {
            shared.extend(u32::try_from(length).unwrap().to_le_bytes());
        }
        shared.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        shared.extend([0, 0]);
        let place = u32::try_from(bytes.len()).unwrap();
        bytes.extend([b"PK\x03\x04", shared.as_slice(), name.as_bytes(), packed].concat());
        list.extend(
            [b"PK\x01\x02\x14\x03", shared.as_slice(), &[0; 10], &place.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (count, start) = (u16::try_from(members.len()).unwrap(), u32::try_from(bytes.len()).unwrap());
    bytes.extend(&list);
    bytes.extend([b"PK\x05\x06\0\0\0\0".as_slice(), &count.to_le_bytes(), &count.to_le_bytes()].concat());
    bytes.extend(u32::try_from(list.len()).unwrap().to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A member of tar, filled up to whole blocks.
pub(crate) fn tar_member(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..124].copy_from_slice(b"0000000\x000000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.extend(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes: Vec<u8> = members.iter().flat_map(|(name, content)| tar_member(name, content)).collect();
    bytes.extend([0; 1024]);
    bytes
}
