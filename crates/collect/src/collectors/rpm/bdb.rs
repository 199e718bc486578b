//! Berkeley DB hash files, as far as rpm uses them: pages of pairs, values on chains of overflow pages.
//! Layout: src/dbinc/db_page.h of Berkeley DB 5.3.

use crate::reading::{be32, le16, le32};

const HASH_MAGIC: u32 = 0x0006_1561;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH_UNSORTED: u8 = 2;
const PAGE_HASH: u8 = 13;
const ITEM_PLAIN: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;
const PAGE_HEAD: usize = 26;
/// No header of a package is larger.
const MOST_BYTES: usize = 256 << 20;

/// Calls `each` with the header of every package.
pub(super) fn headers(bytes: &[u8], each: &mut dyn FnMut(Vec<u8>)) -> Result<(), String> {
    match (le32(bytes, 12), be32(bytes, 12)) {
        (Some(HASH_MAGIC), _) => {}
        (_, Some(HASH_MAGIC)) => return Err("written on a machine of the other byte order".to_owned()),
        _ => return Err("not a Berkeley DB hash file".to_owned()),
    }
    let size = le32(bytes, 20).unwrap_or_default() as usize;
    if !size.is_power_of_two() || !(512..=65536).contains(&size) {
        return Err(format!("a page size of {size}"));
    }
    let last = le32(bytes, 32).unwrap_or_default() as usize;
    let mut problem = None;
    if last.checked_add(1).and_then(|pages| pages.checked_mul(size)).is_none_or(|end| end > bytes.len()) {
        problem = Some("it is shorter than its head says".to_owned());
    }
    for page in bytes.chunks_exact(size) {
        if !matches!(page[25], PAGE_HASH | PAGE_HASH_UNSORTED) {
            continue;
        }
        if let Err(why) = pairs(bytes, page, size, each) {
            problem = problem.or(Some(why));
        }
    }
    problem.map_or(Ok(()), Err)
}

/// The values of one page. Items lie from the end of the page on; an index at its start says where.
fn pairs(bytes: &[u8], page: &[u8], size: usize, each: &mut dyn FnMut(Vec<u8>)) -> Result<(), String> {
    let outside = || "an item outside its page".to_owned();
    let entries = usize::from(le16(page, 20).ok_or_else(outside)?);
    let place = |entry: usize| le16(page, PAGE_HEAD + entry * 2).map(usize::from);
    for pair in 0..entries / 2 {
        let key_at = place(pair * 2).ok_or_else(outside)?;
        let at = place(pair * 2 + 1).ok_or_else(outside)?;
        let item = page.get(at..).filter(|item| !item.is_empty()).ok_or_else(outside)?;
        let value = match item[0] {
            ITEM_OFF_PAGE => {
                let first = le32(item, 4).ok_or_else(outside)?;
                let length = le32(item, 8).ok_or_else(outside)? as usize;
                chain(bytes, size, first, length)?
            }
            // It ends where its own key begins, since items are laid down from the end.
            ITEM_PLAIN => page.get(at + 1..key_at).unwrap_or_default().to_vec(),
            _ => continue,
        };
        // Key 0 holds the last package number and no header.
        if value.len() > 8 {
            each(value);
        }
    }
    Ok(())
}

/// The bytes of a value on overflow pages.
fn chain(bytes: &[u8], size: usize, first: u32, length: usize) -> Result<Vec<u8>, String> {
    if length > MOST_BYTES || length > bytes.len() {
        return Err("a value larger than the file".to_owned());
    }
    let mut value = Vec::with_capacity(length);
    let mut next = first;
    while next != 0 && value.len() < length {
        let start = (next as usize).checked_mul(size).ok_or("a page outside the file")?;
        let page = bytes.get(start..start + size).ok_or("a page outside the file")?;
        if page[25] != PAGE_OVERFLOW {
            return Err("a value goes on in a page of another kind".to_owned());
        }
        let used = usize::from(le16(page, 22).unwrap_or_default());
        let part = page.get(PAGE_HEAD..PAGE_HEAD + used).ok_or("a page that says it holds more than itself")?;
        // An empty page would let a chain run in a circle for ever.
        if part.is_empty() {
            return Err("an empty page in a value".to_owned());
        }
        value.extend_from_slice(part);
        next = le32(page, 16).unwrap_or_default();
    }
    if value.len() == length { Ok(value) } else { Err("a value that ends early".to_owned()) }
}
