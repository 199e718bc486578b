//! Single compressed streams: what is in them is one file, or the tar or cpio archive that the stream was made of.

use super::lazy::Lazy;
use super::purse::Purse;
use super::sniff::{Codec, Format, sniff};
use super::stream::{self, Stream};
use super::{Each, Member, cpio, tar};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::io::{BufReader, Read};

/// How much of a compressed file is read at a time.
const PIECE: usize = 64 << 10;
/// The largest dictionary a decoder may ask for.
const LARGEST_WINDOW: u64 = 96 << 20;

/// What is inside `file`: the members of an archive, or one file whose name is `name` without its last ending.
pub(super) fn members(
    codec: Codec,
    name: &[u8],
    file: &dyn File,
    purse: &Purse,
    each: &mut Each<'_>,
) -> Result<(), Fault> {
    let window = window(codec, file)?;
    purse.keep(window)?;
    let inner = Lazy::of(None, purse, move || decoder(codec, Stream::forward(file)));
    let mut head = [0; 512];
    let read = inner.read_at(0, &mut head);
    let result = read.and_then(|read| match sniff(b"", &head[..read]) {
        Some(Ok(Format::Tar)) => tar::members(&inner, purse, each),
        Some(Ok(Format::Cpio)) => cpio::members(&inner, purse, each),
        _ => {
            purse.member()?;
            let member = Member { path: &inner_name(name), kind: EntryKind::File, packed: false };
            let _ = each(&member, &inner);
            Ok(())
        }
    });
    drop(inner);
    purse.give_back(window);
    result
}

/// `/initrd.img` for `initrd.img.gz`, `/x.tar` for `x.tgz`.
fn inner_name(name: &[u8]) -> Vec<u8> {
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0);
    let (stem, ending) = dot.map_or((name, &b""[..]), |dot| name.split_at(dot));
    let tar = [&b".tgz"[..], b".txz", b".tbz2", b".tlz", b".tzst"].iter().any(|it| ending.eq_ignore_ascii_case(it));
    let stem = if stem.is_empty() { b"content" } else { stem };
    let ending: &[u8] = if tar { b".tar" } else { b"" };
    [b"/", stem, ending].concat()
}

/// A reader of what `source` holds.
pub(super) fn decoder<'a>(codec: Codec, source: impl Read + 'a) -> Result<Box<dyn Read + 'a>, Fault> {
    let source = BufReader::with_capacity(PIECE, source);
    let limit = u32::try_from(LARGEST_WINDOW >> 10).unwrap_or(u32::MAX);
    Ok(match codec {
        Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        Codec::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, limit)),
        Codec::Lzma => {
            Box::new(lzma_rust2::LzmaReader::new_mem_limit(source, limit, None).map_err(|error| stream::fault(error))?)
        }
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(stream::fault)?;
            decoder.window_log_max(LARGEST_WINDOW.ilog2()).map_err(stream::fault)?;
            Box::new(decoder)
        }
        Codec::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
        Codec::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
    })
}

/// The memory a decoder of `file` needs for its dictionary, by the header.
fn window(codec: Codec, file: &dyn File) -> Result<u64, Fault> {
    let mut head = [0; 64];
    let read = file.read_at(0, &mut head)?;
    let head = &head[..read];
    let byte = |at: usize| head.get(at).copied().unwrap_or_default();
    let window = match codec {
        Codec::Gzip => 64 << 10,
        Codec::Bzip2 | Codec::Lz4 => 5 << 20,
        Codec::Lzma => u64::from(u32::from_le_bytes([byte(1), byte(2), byte(3), byte(4)])),
        // RFC 8878, 3.1.1.1: the window's size, or the content's where all is one segment.
        Codec::Zstd if byte(4) & 0x20 != 0 => 8 << 20,
        Codec::Zstd => {
            let base = 1_u64 << (10 + (byte(5) >> 3));
            base + (base >> 3) * u64::from(byte(5) & 7)
        }
        Codec::Xz => xz_dictionary(head).unwrap_or(8 << 20),
    };
    if window > LARGEST_WINDOW {
        let detail = format!("its dictionary needs {} MiB, more than {} MiB", window >> 20, LARGEST_WINDOW >> 20);
        return Err(Fault::new(GapReason::Limit, detail));
    }
    Ok(window)
}

/// The dictionary of the first block: after the stream's header of 12 bytes, its size, flags, sizes if it gives them, then
/// filters, LZMA2 being 0x21 with one byte of properties.
fn xz_dictionary(head: &[u8]) -> Option<u64> {
    let block = head.get(12..)?;
    let at = block.windows(2).position(|pair| pair == b"\x21\x01")?;
    let bits = u64::from(*block.get(at + 2)? & 0x3f);
    if bits > 40 {
        return None;
    }
    Some((2 | (bits & 1)) << (bits / 2 + 11))
}

thread_local! {
    /// One for each thread: making one anew costs more than what it is for.
    static INFLATE: RefCell<flate2::Decompress> = RefCell::new(flate2::Decompress::new(false));
}

/// The first bytes inside a gzip stream that begins with `head`, into `out`: cheap enough to ask of every such file.
/// `None` where they cannot be had that way.
pub fn peek(head: &[u8], out: &mut [u8]) -> Option<usize> {
    // RFC 1952: magic, method, flags, time of 4 bytes, two more; then what the flags say is there.
    let flags = *head.get(3)?;
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(u16::from_le_bytes([*head.get(at)?, *head.get(at + 1)?]));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            at += head.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    let body = head.get(at..)?;
    INFLATE.with_borrow_mut(|inflate| {
        inflate.reset(false);
        inflate.decompress(body, out, flate2::FlushDecompress::None).ok()?;
        usize::try_from(inflate.total_out()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_last_ending() {
        let cases = [("initrd.img.gz", "/initrd.img"), ("a.tgz", "/a.tar"), ("plain", "/plain"), (".gz", "/.gz")];
        for (name, inner) in cases {
            assert_eq!(inner_name(name.as_bytes()), inner.as_bytes());
        }
    }
}
