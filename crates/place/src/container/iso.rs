//! ISO 9660 images (ECMA-119) with Rock Ridge (SUSP and RRIP 1.12) or Joliet names, and the boot images of El Torito that
//! are no file of theirs, as `/[boot]/image-N`.
//!
//! Names are Rock Ridge's where it is used, else Joliet's as UTF-8, else those of ISO 9660 without `;1` and a last dot.
//! Links give where they point as their content. An image with a UDF file system and nothing beside it is not opened. Not
//! looked at: the HFS half of hybrid discs, sessions before the last, attributes, owners and times.

mod boot;
mod record;
mod rock;
#[cfg(test)]
mod tests;
mod volume;

use super::damage::{Broken, Damage, is_name};
use super::part::{Bytes, Part};
use super::purse::Purse;
use super::{Each, Member};
use crate::tree::{EntryKind, Fault, File};
use boot::Image;
use ostrakon_model::GapReason;
use record::{Extent, Extents, Open, Record, Sectors};
use rock::Rock;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use volume::{Naming, Volume};

/// The deepest path; no system can name a deeper one in one call.
const DEEPEST: usize = 256;
/// Most folders that wait for whatever leads to them.
const MOST_MOVED: usize = 4096;
/// Most parts of a file: each may have 4 GiB.
const MOST_PARTS: usize = 4096;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let volume = Volume::find(file, purse)?;
    let mut damage = Damage::default();
    let images = match volume.catalog {
        Some(sector) => boot::images(file, sector, &mut damage)?,
        None => Vec::new(),
    };
    let mut walk = Walk {
        file,
        purse,
        volume,
        damage,
        images,
        path: Vec::new(),
        open: vec![Open::of(volume.root, 0)],
        linked: BTreeSet::new(),
        moved: Vec::new(),
        late: false,
        count: 0,
    };
    if walk.tree(each)?.is_break() || walk.boot(each)?.is_break() {
        return walk.damage.end();
    }
    // Beside a UDF file system, one file at most says that there is one.
    let only_udf = walk.volume.udf && walk.count <= 1;
    walk.damage.end()?;
    if only_udf { Err(Fault::new(GapReason::UnsupportedFormat, "a UDF file system")) } else { Ok(()) }
}

/// A pass over an image.
struct Walk<'a> {
    file: &'a dyn File,
    purse: &'a Purse,
    volume: Volume,
    damage: Damage,
    images: Vec<Image>,
    path: Vec<u8>,
    /// The folders on the way down.
    open: Vec<Open>,
    /// Where folders begin that were too deep for ISO 9660 and are led to from where they belong.
    linked: BTreeSet<u64>,
    /// Such folders where they were moved to: they are looked at there if nothing leads to them.
    moved: Vec<(Vec<u8>, Extent)>,
    /// Is it their turn? Then none waits any more.
    late: bool,
    /// How many members there were.
    count: u64,
}

/// What an entry of a folder is.
enum Entry<'a> {
    Folder(Extent),
    Link(&'a [u8]),
    File(Vec<Extent>),
    Other,
}

impl Walk<'_> {
    /// All folders and what is in them.
    fn tree(&mut self, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        let mut sectors = Sectors::of(self.file, self.purse);
        loop {
            let Some(folder) = self.open.last_mut() else {
                match self.moved.pop() {
                    Some((_, extent)) if self.linked.contains(&extent.start) => {}
                    Some((path, extent)) => {
                        self.late = true;
                        self.path = path;
                        if self.folder(extent, each)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    None => return Ok(ControlFlow::Continue(())),
                }
                continue;
            };
            self.path.truncate(folder.path);
            match folder.next(&mut sectors, self.volume.block) {
                Ok(Some(record)) => {
                    if self.entry(record, each)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Ok(None) => {
                    if !folder.parts.is_empty() {
                        self.damage.note(&self.path, Fault::corrupt("the last part of a file in it is missing"))?;
                    }
                    self.open.pop();
                }
                // What comes after a broken record can still be read.
                Err(fault) => self.damage.note(&self.path, fault)?,
            }
        }
    }

    /// One record of the folder that is open.
    fn entry(&mut self, record: Record, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        if record.is_dots() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut rock = Rock::default();
        if let Naming::Rock { skip } = self.volume.naming {
            let area = record.system.get(skip..).unwrap_or_default();
            if let Err(fault) = rock.read(self.file, self.purse, area, self.volume.block) {
                self.damage.note(&self.path, fault)?;
            }
        }
        let name = rock.name.take().unwrap_or_else(|| record.name(self.volume.naming));
        if !is_name(&name) {
            self.damage.note(&self.path, Fault::corrupt("it holds a name that is none"))?;
            return Ok(ControlFlow::Continue(()));
        }
        let Some(parts) = self.parts(&record)? else { return Ok(ControlFlow::Continue(())) };
        self.purse.member()?;
        self.path.push(b'/');
        self.path.extend_from_slice(&name);
        let entry = match self.kind(&record, &rock, parts) {
            Ok(entry) => entry,
            Err(fault) => {
                self.damage.note(&self.path, fault)?;
                return Ok(ControlFlow::Continue(()));
            }
        };
        let member = |kind| Member { path: &self.path, kind, packed: false };
        let unsupported = |what: &str| Broken(Fault::new(GapReason::UnsupportedFormat, what));
        let flow = match entry {
            Entry::Folder(extent) => {
                if rock.moved && !self.late && self.moved.len() < MOST_MOVED {
                    self.moved.push((self.path.clone(), extent));
                    return Ok(ControlFlow::Continue(()));
                }
                return self.folder(extent, each);
            }
            Entry::Link(target) => each(&member(EntryKind::Link), &Bytes(target)),
            Entry::Other => each(&member(EntryKind::Other), &Bytes(b"")),
            Entry::File(parts) => {
                for image in &mut self.images {
                    image.listed |= parts.iter().any(|part| part.holds(image.start));
                }
                let member = member(EntryKind::File);
                match parts.as_slice() {
                    _ if record.interleaved => each(&member, &unsupported("a file whose parts are interleaved")),
                    _ if rock.zipped => each(&member, &unsupported("a file compressed by zisofs")),
                    [part] => each(&member, &Part::pinned(self.file, part.start, part.size)),
                    _ => each(&member, &Extents::of(self.file, &parts)),
                }
            }
        };
        self.count += 1;
        Ok(flow)
    }

    /// The parts of the file that ends with `record`; nothing if more are to come.
    fn parts(&mut self, record: &Record) -> Result<Option<Vec<Extent>>, Fault> {
        let Some(folder) = self.open.last_mut() else { return Ok(Some(vec![record.extent])) };
        let mut parts = std::mem::take(&mut folder.parts);
        if !parts.is_empty() && folder.parts_of != record.identifier {
            parts.clear();
            self.damage.note(&self.path, Fault::corrupt("the last part of a file in it is missing"))?;
        }
        if parts.len() >= MOST_PARTS {
            return Err(Fault::new(GapReason::Limit, format!("a file of more than {MOST_PARTS} parts")));
        }
        parts.push(record.extent);
        if record.is_folder || !record.goes_on {
            return Ok(Some(parts));
        }
        folder.parts = parts;
        folder.parts_of.clone_from(&record.identifier);
        Ok(None)
    }

    /// What `record` is, by itself and by what Rock Ridge says.
    fn kind<'r>(&mut self, record: &Record, rock: &'r Rock, parts: Vec<Extent>) -> Result<Entry<'r>, Fault> {
        if let Some(block) = rock.child {
            let extent = Extent::of_folder(self.file, block.saturating_mul(self.volume.block), self.volume.block)?;
            self.linked.insert(extent.start);
            return Ok(Entry::Folder(extent));
        }
        if record.is_folder {
            return Ok(Entry::Folder(record.extent));
        }
        Ok(match rock.mode.map(|mode| mode & 0o170_000) {
            Some(0o120_000) => Entry::Link(rock.link.as_deref().unwrap_or_default()),
            None if rock.link.is_some() => Entry::Link(rock.link.as_deref().unwrap_or_default()),
            Some(0o020_000 | 0o060_000 | 0o010_000 | 0o140_000) => Entry::Other,
            _ => Entry::File(parts),
        })
    }

    /// Gives the folder at the path, and goes down into it.
    fn folder(&mut self, extent: Extent, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        let member = Member { path: &self.path, kind: EntryKind::Folder, packed: false };
        let flow = each(&member, &Bytes(b""));
        self.count += 1;
        if self.open.len() >= DEEPEST {
            let fault = Fault::new(GapReason::Limit, format!("it lies deeper than {DEEPEST} folders"));
            self.damage.keep(&self.path, fault);
        } else if self.open.iter().any(|folder| folder.extent.start == extent.start) {
            self.damage.note(&self.path, Fault::corrupt("it lies in itself"))?;
        } else {
            self.open.push(Open::of(extent, self.path.len()));
        }
        Ok(flow)
    }

    /// The boot images that lie in no file.
    fn boot(&self, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        for (number, image) in self.images.iter().filter(|image| !image.listed).enumerate() {
            self.purse.member()?;
            let path = format!("/[boot]/image-{}", number + 1);
            let member = Member { path: path.as_bytes(), kind: EntryKind::File, packed: false };
            if each(&member, &Part::pinned(self.file, image.start, image.size)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
