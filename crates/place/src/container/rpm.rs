//! RPM package files: a lead, two headers, then a compressed cpio archive (the format page of rpm.org). What the package
//! calls itself is in its header, which the collector of package files reads.

use super::part::Part;
use super::purse::Purse;
use super::sniff::{Format, sniff};
use super::{Each, compressed, cpio};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

const LEAD: u64 = 96;
/// Signatures have a dozen entries.
const MOST_ENTRIES: u64 = 1024;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    // The signature is padded to 8 bytes, the header is not.
    let signature = Header::read(file, LEAD)?;
    let header = signature.end().next_multiple_of(8);
    let start = Header::read(file, header)?.end();
    let size = file.size()?;
    let mut head = [0; 512];
    let read = file.read_at(start, &mut head)?;
    if read == 0 && start < size {
        return Err(Fault::new(GapReason::Truncated, "it ends before its payload begins"));
    }
    if read == 0 {
        // A package can hold no file at all, and no payload then.
        return match signature.said(file)? {
            Some(said) if header.saturating_add(said) > size => {
                Err(Fault::new(GapReason::Truncated, "it ends before its payload begins"))
            }
            _ => Ok(()),
        };
    }
    let payload = Part::of(file, start, size.saturating_sub(start));
    // Old packages have LZMA streams without a mark.
    match sniff(b"payload.lzma", &head[..read]) {
        Some(Ok(Format::Compressed(codec))) => compressed::payload(codec, &payload, purse, each),
        Some(Ok(Format::Cpio)) => cpio::members(&payload, purse, each),
        _ => Err(Fault::new(GapReason::UnsupportedFormat, "its payload is compressed in a way that is not known")),
    }
}

/// Where a header is: magic and version, the number of entries and the size of their store, then these.
struct Header {
    start: u64,
    entries: u64,
    store: u64,
}

impl Header {
    fn read(file: &dyn File, start: u64) -> Result<Self, Fault> {
        let mut head = [0; 16];
        if file.read_at(start, &mut head)? < head.len() {
            return Err(Fault::new(GapReason::Truncated, "it ends before its header does"));
        }
        if !head.starts_with(b"\x8e\xad\xe8") {
            return Err(Fault::corrupt("its header does not begin as it must"));
        }
        Ok(Self { start, entries: be32(&head, 8), store: be32(&head, 12) })
    }

    /// Entries have 16 bytes.
    fn end(&self) -> u64 {
        self.start + 16 + self.entries * 16 + self.store
    }

    /// How long a signature says that everything behind it is: in entry 1000, a number of 32 bits.
    fn said(&self, file: &dyn File) -> Result<Option<u64>, Fault> {
        for number in 0..self.entries.min(MOST_ENTRIES) {
            let mut entry = [0; 16];
            file.read_at(self.start + 16 + number * 16, &mut entry)?;
            if (be32(&entry, 0), be32(&entry, 4)) == (1000, 4) {
                let mut value = [0; 4];
                file.read_at(self.start + 16 + self.entries * 16 + be32(&entry, 8), &mut value)?;
                return Ok(Some(be32(&value, 0)));
            }
        }
        Ok(None)
    }
}

/// Numbers of RPM have the highest byte first.
fn be32(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..) {
        Some(&[first, second, third, fourth, ..]) => u64::from(u32::from_be_bytes([first, second, third, fourth])),
        _ => 0,
    }
}
