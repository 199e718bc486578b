//! Single compressed streams: what is in them is one file, or the tar or cpio archive that the stream was made of.

use super::frames::{Gzip, Lz4};
use super::lazy::Lazy;
use super::purse::{Held, Purse};
use super::sniff::{Codec, Format, sniff};
use super::stream::{self, Stream};
use super::{Each, Member, cpio, tar, window};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::io::{BufReader, Read};

/// How much of a compressed file is read at a time.
const PIECE: usize = 64 << 10;

/// What is inside `file`: the members of an archive, or one file whose name is `name` without its last ending.
pub(super) fn members(
    codec: Codec,
    name: &[u8],
    file: &dyn File,
    purse: &Purse,
    each: &mut Each<'_>,
) -> Result<(), Fault> {
    let inner = content(codec, file, purse);
    match format(&inner)? {
        // Both read to the end of the stream, where its checksum is compared.
        Some(Format::Tar) => tar::members(&inner, purse, each),
        Some(Format::Cpio) => cpio::members(&inner, purse, each),
        _ => {
            purse.member()?;
            let member = Member { path: &inner_name(name), kind: EntryKind::File, packed: false };
            let _ = each(&member, &inner);
            Ok(())
        }
    }
}

/// The members of the cpio archive that the payload of a package must be.
pub(super) fn payload(codec: Codec, file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let inner = content(codec, file, purse);
    match format(&inner)? {
        Some(Format::Cpio) => cpio::members(&inner, purse, each),
        _ => {
            let detail = "its payload is no archive by itself, as in packages with files of more than 4 GB";
            Err(Fault::new(GapReason::UnsupportedFormat, detail))
        }
    }
}

/// What the stream `file` holds, as a file.
fn content<'a>(codec: Codec, file: &'a dyn File, purse: &'a Purse) -> Lazy<'a> {
    Lazy::of(None, purse, move || reader(codec, file, Stream::forward(file), purse))
}

fn format(inner: &dyn File) -> Result<Option<Format>, Fault> {
    let mut head = [0; 512];
    let read = inner.read_at(0, &mut head)?;
    Ok(sniff(b"", &head[..read]).and_then(Result::ok))
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

/// A reader of what `source` holds, whose memory is paid for. It is `file`, read from its start on.
pub(super) fn reader<'a>(
    codec: Codec,
    file: &dyn File,
    source: impl Read + 'a,
    purse: &'a Purse,
) -> Result<Box<dyn Read + 'a>, Fault> {
    let needed = window::needed(codec, file)?;
    let held = purse.hold(needed + PIECE as u64)?;
    let source = BufReader::with_capacity(PIECE, source);
    let most = needed.max(window::LEAST);
    let kib = u32::try_from(most >> 10).unwrap_or(u32::MAX).saturating_add(1 << 10);
    Ok(match codec {
        Codec::Gzip => Paid::boxed(Gzip::of(source), held),
        Codec::Xz => Paid::boxed(lzma_rust2::XzReader::new_mem_limit(source, true, kib), held),
        Codec::Lzma => {
            // Up to 6 MiB beside the dictionary.
            let kib = kib.saturating_add(8 << 10);
            Paid::boxed(lzma_rust2::LzmaReader::new_mem_limit(source, kib, None).map_err(stream::fault)?, held)
        }
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source).map_err(stream::fault)?;
            decoder.window_log_max(window_log(most)).map_err(stream::fault)?;
            Paid::boxed(decoder, held)
        }
        Codec::Bzip2 => Paid::boxed(bzip2::bufread::MultiBzDecoder::new(source), held),
        Codec::Lz4 => Paid::boxed(Lz4::of(source), held),
    })
}

/// The power of two that no window of a frame may be larger than.
fn window_log(most: u64) -> u32 {
    most.min(window::MOST).next_power_of_two().ilog2()
}

/// A decoder, and the memory it takes.
pub(super) struct Paid<'a, R> {
    inner: R,
    _held: Held<'a>,
}

impl<'a, R: Read + 'a> Paid<'a, R> {
    pub(super) fn boxed(inner: R, held: Held<'a>) -> Box<dyn Read + 'a> {
        Box::new(Self { inner, _held: held })
    }
}

impl<R: Read> Read for Paid<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buffer)
    }
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
