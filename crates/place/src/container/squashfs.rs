//! Squashfs images, version 4.0 (Documentation/filesystems/squashfs.rst of the kernel): snaps, live systems, firmware.
//! Own code: `backhand` reads all tables at once, wants a reader that threads can share, and brings thirty crates.
//!
//! Folders are read on the way down, files where somebody asks. A broken folder or table is the fault of the image, and
//! the rest is read all the same; what is broken in a file is the fault of that file. Links give where they point as their
//! content. Attributes, owners and times are not looked at.

mod block;
mod inode;
mod table;
#[cfg(test)]
mod tests;

use super::damage::{Broken, Damage, is_name};
use super::part::Bytes;
use super::purse::Purse;
use super::{Each, Member};
use crate::tree::{EntryKind, Fault, File};
use inode::{Inode, Listing};
use ostrakon_model::GapReason;
use std::ops::ControlFlow;
use table::{Cursor, Image, number};

/// The deepest path; no system can name a deeper one in one call.
const DEEPEST: usize = 256;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let image = Image::open(file, purse)?;
    let Inode::Folder(root) = Inode::read(&image, image.root)? else {
        return Err(Fault::corrupt("its root is no folder"));
    };
    let mut damage = Damage::default();
    let mut path = Vec::new();
    let mut open = vec![Folder::of(image.root, root, 0)];
    while let Some(folder) = open.last_mut() {
        path.truncate(folder.path);
        let entry = match folder.next(&image) {
            Ok(Some(entry)) => entry,
            Ok(None) => {
                open.pop();
                continue;
            }
            Err(fault) => {
                open.pop();
                damage.note(&path, fault)?;
                continue;
            }
        };
        purse.member()?;
        if !is_name(&entry.name) {
            damage.note(&path, Fault::corrupt("it holds a name that is none"))?;
            continue;
        }
        path.push(b'/');
        path.extend_from_slice(&entry.name);
        let kind = match entry.kind {
            1 => EntryKind::Folder,
            2 => EntryKind::File,
            3 => EntryKind::Link,
            4..=7 => EntryKind::Other,
            other => {
                damage.note(&path, Fault::corrupt(format!("it is of kind {other}, which is none")))?;
                continue;
            }
        };
        let member = |packed| Member { path: &path, kind, packed };
        let flow = match kind {
            EntryKind::Folder => {
                let flow = each(&member(false), &Bytes(b""));
                if flow.is_continue() {
                    match folder_of(&image, &entry, &open) {
                        Ok(listing) => open.push(Folder::of(entry.reference, listing, path.len())),
                        // Too deep: what is elsewhere can still be read.
                        Err(fault) if open.len() >= DEEPEST => damage.keep(&path, fault),
                        Err(fault) => damage.note(&path, fault)?,
                    }
                }
                flow
            }
            EntryKind::Other => each(&member(false), &Bytes(b"")),
            EntryKind::File | EntryKind::Link => match (kind, Inode::read(&image, entry.reference)) {
                (EntryKind::File, Ok(Inode::File(file))) => each(&member(file.is_packed()), &file),
                (EntryKind::Link, Ok(Inode::Link(target))) => each(&member(false), &Bytes(&target)),
                (_, Ok(_)) => each(&member(false), &Broken(Fault::corrupt("it is not of the kind its folder says"))),
                (_, Err(fault)) if fault.reason == GapReason::Limit => return Err(fault),
                (_, Err(fault)) => each(&member(false), &Broken(fault)),
            },
        };
        if flow == ControlFlow::Break(()) {
            break;
        }
    }
    damage.end()
}

/// Where the names of the folder `entry` are, which lies in the folders `open`.
fn folder_of(image: &Image<'_>, entry: &Entry, open: &[Folder]) -> Result<Listing, Fault> {
    if open.len() >= DEEPEST {
        return Err(Fault::new(GapReason::Limit, format!("it lies deeper than {DEEPEST} folders")));
    }
    if open.iter().any(|folder| folder.reference == entry.reference) {
        return Err(Fault::corrupt("it lies in itself"));
    }
    match Inode::read(image, entry.reference)? {
        Inode::Folder(listing) => Ok(listing),
        _ => Err(Fault::corrupt("it is not of the kind its folder says")),
    }
}

/// A folder on the way down.
struct Folder {
    /// Of its inode.
    reference: u64,
    /// Where its next name is.
    cursor: Cursor,
    /// How many bytes of names are left.
    left: u64,
    /// How many names are left of those that share a header.
    entries: u64,
    /// The block of the inode table where the inodes of those are.
    block: u64,
    /// How long its own path is.
    path: usize,
}

/// A name in a folder.
struct Entry {
    name: Vec<u8>,
    kind: u64,
    reference: u64,
}

/// The size of a header in a folder, and of a name without its bytes.
const HEADER: u64 = 12;
const NAME: u64 = 8;
/// Most names of one header, and the longest name.
const MOST: u64 = 256;

impl Folder {
    fn of(reference: u64, listing: Listing, path: usize) -> Self {
        Self { reference, cursor: listing.cursor, left: listing.size, entries: 0, block: 0, path }
    }

    /// The next name.
    fn next(&mut self, image: &Image<'_>) -> Result<Option<Entry>, Fault> {
        let cut = || Fault::corrupt("its names are longer than it is");
        if self.entries == 0 {
            if self.left == 0 {
                return Ok(None);
            }
            self.left = self.left.checked_sub(HEADER).ok_or_else(cut)?;
            let header: [u8; HEADER as usize] = image.array(&mut self.cursor)?;
            self.entries = number(&header, 0, 4) + 1;
            self.block = number(&header, 4, 4);
            if self.entries > MOST {
                return Err(Fault::corrupt("it holds more names in a row than it can"));
            }
        }
        self.left = self.left.checked_sub(NAME).ok_or_else(cut)?;
        let head: [u8; NAME as usize] = image.array(&mut self.cursor)?;
        let length = number(&head, 6, 2) + 1;
        if length > MOST {
            return Err(Fault::corrupt("it holds a name that is too long"));
        }
        self.left = self.left.checked_sub(length).ok_or_else(cut)?;
        let mut name = vec![0; usize::try_from(length).unwrap_or_default()];
        image.take(&mut self.cursor, &mut name)?;
        self.entries -= 1;
        let reference = (self.block << 16) | number(&head, 0, 2);
        Ok(Some(Entry { name, kind: number(&head, 4, 2), reference }))
    }
}
