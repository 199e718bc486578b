//! rpm's own database format: slots of 16 bytes that name blobs of 16-byte blocks.
//! Layout: lib/backend/ndb/rpmpkg.c of rpm; numbers are little-endian.

use crate::reading::le32;

const FILE_MAGIC: u32 = 0x506d_7052; // "RpmP"
const SLOT_MAGIC: u32 = 0x746f_6c53; // "Slot"
const BLOB_MAGIC: u32 = 0x5362_6c42; // "BlbS"
const PAGE: usize = 4096;
const BLOCK: usize = 16;
const SLOT: usize = 16;
/// The head of the file takes the place of two slots.
const HEAD: usize = 2 * SLOT;

/// Calls `each` with the header of every package.
pub(super) fn headers(bytes: &[u8], each: &mut dyn FnMut(Vec<u8>)) -> Result<(), String> {
    if le32(bytes, 0) != Some(FILE_MAGIC) {
        return Err("not an ndb database".to_owned());
    }
    let pages = le32(bytes, 12).unwrap_or_default() as usize;
    let slots = pages.checked_mul(PAGE).and_then(|end| bytes.get(HEAD..end));
    let slots = slots.ok_or("its table of slots reaches beyond the file")?;
    let mut problem = None;
    for slot in slots.chunks_exact(SLOT) {
        if le32(slot, 0) != Some(SLOT_MAGIC) {
            problem = Some("a slot without its mark".to_owned());
            break;
        }
        let number = |at| le32(slot, at).unwrap_or_default();
        let (package, start, blocks) = (number(4), number(8) as usize, number(12) as usize);
        // A slot that is free names no package.
        if start == 0 {
            continue;
        }
        match blob(bytes, package, start, blocks) {
            Some(header) => each(header.to_vec()),
            None => problem = Some(format!("the slot of package {package} points to no blob of it")),
        }
    }
    problem.map_or(Ok(()), Err)
}

/// A blob: mark, package, generation, length, then the header.
fn blob(bytes: &[u8], package: u32, start: usize, blocks: usize) -> Option<&[u8]> {
    let at = start.checked_mul(BLOCK)?;
    let blob = bytes.get(at..at.checked_add(blocks.checked_mul(BLOCK)?)?)?;
    if le32(blob, 0)? != BLOB_MAGIC || le32(blob, 4)? != package {
        return None;
    }
    let length = le32(blob, 12)? as usize;
    blob.get(16..16usize.checked_add(length)?)
}
