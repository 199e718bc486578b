//! How the blocks of an image are compressed. Each is compressed by itself.

use super::table::number;
use crate::tree::Fault;
use lzma_rust2::{LzmaReader, XzReader};
use ostrakon_model::GapReason;
use std::io::{Error, ErrorKind, Read};

/// What an xz decoder may need, in KiB: real images have no dictionary larger than a block, and no block larger than 1 MiB.
const MOST_MEMORY: u32 = 4 << 10;

/// A way of compressing.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    Zlib,
    Lzma,
    Xz,
    Lz4,
    Zstd,
}

impl Packing {
    /// By its number in the superblock.
    pub(super) fn of(number: u64) -> Result<Self, Fault> {
        Ok(match number {
            1 => Self::Zlib,
            2 => Self::Lzma,
            3 => return Err(Fault::new(GapReason::UnsupportedFormat, "a squashfs image compressed with lzo")),
            4 => Self::Xz,
            5 => Self::Lz4,
            6 => Self::Zstd,
            other => {
                let detail = format!("a squashfs image compressed in a way this program does not know: {other}");
                return Err(Fault::new(GapReason::UnsupportedFormat, detail));
            }
        })
    }

    /// The content of a block, which is of `most` bytes or less.
    pub(super) fn inflate(self, packed: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
        let inflated = match self {
            Self::Zlib => read(flate2::bufread::ZlibDecoder::new(packed), most),
            Self::Lzma => lzma(packed, most),
            Self::Xz => read(XzReader::new_mem_limit(packed, false, MOST_MEMORY), most),
            Self::Lz4 => {
                let mut bytes = vec![0; most];
                lz4_flex::block::decompress_into(packed, &mut bytes)
                    .map(|length| shortened(bytes, length))
                    .map_err(|error| Error::other(error.to_string()))
            }
            Self::Zstd => {
                let mut bytes = vec![0; most];
                zstd::bulk::decompress_to_buffer(packed, &mut bytes).map(|length| shortened(bytes, length))
            }
        };
        match inflated {
            Ok(bytes) if bytes.len() > most => Err(Fault::corrupt("a block inflates to more than a block")),
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                let detail = format!("a block needs more than {} MiB to inflate", MOST_MEMORY >> 10);
                Err(Fault::new(GapReason::Limit, detail))
            }
            Err(error) => Err(Fault::corrupt(format!("a block does not inflate: {error}"))),
        }
    }
}

fn shortened(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.truncate(length);
    bytes
}

/// What `decoder` gives, one byte more than `most` at most.
fn read(decoder: impl Read, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(most);
    decoder.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The header of the format before xz: properties, dictionary, size; a size of all ones is for the end mark to say.
fn lzma(packed: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    let Some((&[properties, ref sizes @ ..], rest)) = packed.split_first_chunk::<13>() else {
        return Err(ErrorKind::UnexpectedEof.into());
    };
    let size = number(sizes, 4, 8);
    if size != u64::MAX && size > most as u64 {
        return Err(Error::other("it is larger than its block"));
    }
    // A header may ask for any dictionary; no more of it can be used than the block has.
    let dictionary = number(sizes, 0, 4).min(most as u64);
    let dictionary = u32::try_from(dictionary).unwrap_or(u32::MAX);
    read(LzmaReader::new_with_props(rest, size, properties, dictionary, None)?, most)
}
