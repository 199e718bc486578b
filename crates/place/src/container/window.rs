//! How much memory a decoder takes, by the head of what it is for.

use super::bytes::{le16, le32, le64};
use super::frames::is_skipped;
use super::sniff::Codec;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// The most that a decoder may ask for.
pub(super) const MOST: u64 = 128 << 20;
/// What decoders may take whatever the first head says: what follows in a row may be larger than the first.
pub(super) const LEAST: u64 = 8 << 20;
/// What the decoder of deflate takes beside its input.
pub(super) const INFLATE: u64 = 48 << 10;
/// Most frames that are skipped on the way to the first.
const MOST_SKIPPED: usize = 64;

/// The memory that the decoder of `file` needs.
pub(super) fn needed(codec: Codec, file: &dyn File) -> Result<u64, Fault> {
    let mut head = [0; 64];
    let needed = match codec {
        Codec::Gzip => INFLATE,
        Codec::Bzip2 => 5 << 20,
        Codec::Lzma => {
            file.read_at(0, &mut head)?;
            u64::from(le32(&head, 1)) + (64 << 10)
        }
        Codec::Xz => {
            let read = file.read_at(0, &mut head)?;
            xz(head.get(..read).unwrap_or_default()).unwrap_or(LEAST).saturating_add(256 << 10)
        }
        Codec::Zstd => zstd(frame(file, &mut head)?).saturating_add(512 << 10),
        Codec::Lz4 => lz4(frame(file, &mut head)?),
    };
    // The dictionary alone may be as large as is allowed.
    if needed > MOST + (1 << 20) {
        let detail = format!("its dictionary needs {} MiB, more than {} MiB", needed >> 20, MOST >> 20);
        return Err(Fault::new(GapReason::Limit, detail));
    }
    Ok(needed)
}

/// The head of the first frame that is not to be skipped: those say how long they are behind their mark.
fn frame<'h>(file: &dyn File, head: &'h mut [u8]) -> Result<&'h [u8], Fault> {
    let mut at = 0_u64;
    for _ in 0..MOST_SKIPPED {
        let read = file.read_at(at, head)?;
        if !is_skipped(head) {
            return Ok(head.get(..read).unwrap_or_default());
        }
        if read < 8 {
            break;
        }
        at = at.saturating_add(8).saturating_add(u64::from(le32(head, 4)));
    }
    Ok(&[])
}

/// The window of a frame (RFC 8878, 3.1.1.1), or its content where all is one segment.
fn zstd(head: &[u8]) -> u64 {
    if !head.starts_with(b"\x28\xb5\x2f\xfd") {
        return LEAST;
    }
    let flags = head.get(4).copied().unwrap_or_default();
    if flags & 0x20 == 0 {
        let window = head.get(5).copied().unwrap_or_default();
        let base = 1_u64 << (10 + (window >> 3));
        return base + (base >> 3) * u64::from(window & 7);
    }
    // Behind the number of a dictionary.
    let at = 5 + usize::from([0_u8, 1, 2, 4][usize::from(flags & 3)]);
    match flags >> 6 {
        0 => u64::from(head.get(at).copied().unwrap_or_default()),
        1 => u64::from(le16(head, at)) + 256,
        2 => u64::from(le32(head, at)),
        _ => le64(head, at),
    }
}

/// The dictionary of the first block (The .xz File Format, 3.1 and 5.3.1): behind the stream's header of 12 bytes come the
/// block's size, flags, sizes if the flags say so, then filters with their properties; LZMA2 is 0x21.
fn xz(head: &[u8]) -> Option<u64> {
    let block = head.get(12..)?;
    let (&[size, flags], mut rest) = block.split_first_chunk::<2>()?;
    if size == 0 {
        // There is no block.
        return Some(0);
    }
    for flag in [0x40, 0x80] {
        if flags & flag != 0 {
            variable(&mut rest)?;
        }
    }
    for _ in 0..=flags & 3 {
        let filter = variable(&mut rest)?;
        let length = usize::try_from(variable(&mut rest)?).ok()?;
        let (properties, after) = rest.split_at_checked(length)?;
        rest = after;
        if filter == 0x21 {
            let bits = u64::from(*properties.first()? & 0x3f);
            return if bits > 40 { None } else { Some((2 | (bits & 1)) << (bits / 2 + 11)) };
        }
    }
    None
}

/// A number of xz: seven bits a byte, the lowest first; the highest bit says that more follow.
fn variable(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The blocks of a frame (lz4_Frame_format.md): one as it is packed, and two of the content where they go on from each
/// other.
fn lz4(head: &[u8]) -> u64 {
    let block = match head {
        [0x04, 0x22, 0x4d, 0x18, _, sizes, ..] => match sizes >> 4 & 7 {
            0..=4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            _ => 4 << 20,
        },
        _ => 8 << 20,
    };
    3 * block + (64 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_zstd() {
        let frame = |rest: &[u8]| zstd(&[b"\x28\xb5\x2f\xfd", rest].concat());
        assert_eq!(frame(&[0, 17 << 3]), 128 << 20);
        assert_eq!(frame(&[0, (10 << 3) | 4]), 1536 << 10);
        assert_eq!(frame(&[0x20, 7]), 7);
        assert_eq!(frame(&[0x61, 9, 1, 2]), 0x201 + 256);
        assert_eq!(frame(&[0xa0, 1, 2, 3, 4]), 0x0403_0201);
    }

    #[test]
    fn the_dictionary_of_xz_is_in_its_filter() {
        let stream = |block: &[u8]| xz(&[&[0; 12], block].concat());
        assert_eq!(stream(&[2, 0, 0x21, 1, 22]), Some(8 << 20));
        // A size that looks like a filter, then the filter for x86.
        assert_eq!(stream(&[3, 0x41, 0xa1, 1, 4, 0, 0x21, 1, 18]), Some(2 << 20));
        assert_eq!(stream(&[0, 0, 0]), Some(0));
        assert_eq!(stream(&[2, 0, 0x21, 1]), None);
    }
}
