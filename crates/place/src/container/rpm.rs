//! RPM package files: a lead, two headers, then a compressed cpio archive (the format page of rpm.org). What the package
//! calls itself is in its header, which the collector of package files reads.

use super::part::Part;
use super::purse::Purse;
use super::sniff::sniff;
use super::{Each, Format};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

const LEAD: u64 = 96;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    // The signature is padded to 8 bytes, the header is not.
    let signature = header_end(file, LEAD)?;
    let start = header_end(file, signature.next_multiple_of(8))?;
    let size = file.size()?;
    let mut head = [0; 512];
    let read = file.read_at(start, &mut head)?;
    if read == 0 {
        // A package can hold no file at all.
        return Ok(());
    }
    let payload = Part::of(file, start, size.saturating_sub(start));
    // Old packages have LZMA streams without a mark.
    let name: &[u8] = b"payload.lzma";
    match sniff(name, &head[..read]) {
        Some(Ok(format @ (Format::Compressed(_) | Format::Cpio))) => super::open(format, name, &payload, purse, each),
        _ => Err(Fault::new(GapReason::UnsupportedFormat, "its payload is compressed in a way that is not known")),
    }
}

/// Where the header that begins at `at` ends: magic, version, then the number of entries of 16 bytes and the size of the
/// store.
fn header_end(file: &dyn File, at: u64) -> Result<u64, Fault> {
    let mut head = [0; 16];
    if file.read_at(at, &mut head)? < head.len() {
        return Err(Fault::new(GapReason::Truncated, "it ends before its header does"));
    }
    if !head.starts_with(b"\x8e\xad\xe8") {
        return Err(Fault::corrupt("its header does not begin as it must"));
    }
    let number = |at: usize| u64::from(u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    Ok(at + 16 + number(8) * 16 + number(12))
}
