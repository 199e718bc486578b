//! An earlier look at the same place: a file that has not changed since is not read again, and what was seen of it then is
//! told anew. Where a whole folder is as it was, it costs the question alone.

use crate::collectors::COLLECTORS;
use ostrakon_model::{Artifact, KnownName, Listing, Stamps};
use ostrakon_place::{EntryKind, Stamp};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use twox_hash::XxHash3_64;

/// What was seen in one file, or of one name.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) artifacts: Vec<Artifact>,
    /// Names in it, where it is a container.
    pub(crate) listings: Vec<Listing>,
    /// Names that dossiers recognise: its own, and of what lies in it.
    pub(crate) names: Vec<KnownName>,
}

/// How much a collector saw, by its place in the registry.
pub(crate) type Count = (u16, u64);

/// How much was seen in the file of this name.
type OfFile = (Box<str>, Box<[Count]>);

/// What was seen in the files of one folder. A large place has many folders: each takes little memory.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// The number of all of it.
    all: Option<u64>,
    /// The numbers of its files, as they were written: in most folders nobody asks for one of them.
    each: Box<str>,
    /// In most folders nothing.
    more: Option<Box<More>>,
}

/// What was seen in them besides.
#[derive(Debug, Default)]
struct More {
    /// Of files by name: how much was seen, by place of the collector in the registry.
    counts: Box<[OfFile]>,
    /// By the file's own locator.
    files: BTreeMap<String, Seen>,
}

/// An earlier look.
#[derive(Debug, Default)]
pub struct Earlier {
    folders: FxHashMap<u64, Remembered>,
    /// Only what the dossiers at hand recognise was kept: whoever wants all names and things cannot be served.
    brief: bool,
}

impl Earlier {
    /// An earlier look of which all is kept, or only what the dossiers at hand recognise.
    pub fn new(brief: bool) -> Self {
        Self { folders: FxHashMap::default(), brief }
    }

    fn at(&mut self, locator: &str) -> &mut Seen {
        let file = file_of(locator);
        let folder = self.folders.entry(key(folder_of(file))).or_default();
        folder.more.get_or_insert_default().files.entry(file.to_owned()).or_default()
    }

    /// Takes in the stamps of a folder.
    pub fn stamps(&mut self, stamps: Stamps) {
        let folder = self.folders.entry(key(&stamps.dir)).or_default();
        folder.all = hexadecimal(stamps.all.as_bytes());
        folder.each = stamps.each.into_boxed_str();
        let of_file = |(name, counts): (&String, &BTreeMap<String, u64>)| (name.as_str().into(), placed(counts));
        if !stamps.counts.is_empty() {
            folder.more.get_or_insert_default().counts = stamps.counts.iter().map(of_file).collect();
        }
    }

    /// Takes in an artifact.
    pub fn artifact(&mut self, artifact: Artifact) {
        self.at(artifact.locator.as_str()).artifacts.push(artifact);
    }

    /// Takes in a name that dossiers recognise.
    pub fn name(&mut self, name: KnownName) {
        self.at(&name.path).names.push(name);
    }

    /// Takes in names that lie inside a file.
    pub fn listing(&mut self, listing: Listing) {
        self.at(&listing.dir).listings.push(listing);
    }

    /// Was only what dossiers recognise kept?
    pub(crate) fn is_brief(&self) -> bool {
        self.brief
    }

    /// What was seen in the folder at `dir`, as a locator.
    pub(crate) fn of(&self, dir: &str) -> Option<&Remembered> {
        self.folders.get(&key(dir))
    }
}

impl Remembered {
    /// The numbers of the files that need not be read again while they have them.
    pub(crate) fn numbers(&self) -> FxHashSet<u64> {
        self.each.as_bytes().chunks_exact(16).filter_map(hexadecimal).collect()
    }

    /// Is everything in the folder as it was, if all of it has this number now?
    pub(crate) fn is_whole(&self, number: u64) -> bool {
        self.all == Some(number)
    }

    /// How much was seen in the file called `name`, by place of the collector in the registry.
    pub(crate) fn counts(&self, name: &str) -> &[Count] {
        let counts = self.more.as_ref().and_then(|more| more.counts.iter().find(|(known, _)| **known == *name));
        counts.map_or(&[], |(_, counts)| counts)
    }

    /// How much was seen in all of its files.
    pub(crate) fn all_counts(&self) -> impl Iterator<Item = &Count> {
        self.more.iter().flat_map(|more| &more.counts).flat_map(|(_, counts)| counts)
    }

    /// What was seen in the file of this locator.
    pub(crate) fn seen(&self, file: &str) -> Option<&Seen> {
        self.more.as_ref()?.files.get(file)
    }

    /// What was seen in all of its files.
    pub(crate) fn all_seen(&self) -> impl Iterator<Item = &Seen> {
        self.more.iter().flat_map(|more| more.files.values())
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Counts by place of the collector instead of its name.
fn placed(counts: &BTreeMap<String, u64>) -> Box<[Count]> {
    let place = |id: &String| COLLECTORS.iter().position(|collector| collector.meta().id == id);
    counts.iter().filter_map(|(id, count)| Some((u16::try_from(place(id)?).ok()?, *count))).collect()
}

/// The file of a locator that goes on inside it.
fn file_of(locator: &str) -> &str {
    locator.split('!').next().unwrap_or(locator)
}

/// The folder of a path, as a look names it.
fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

fn key(path: &str) -> u64 {
    XxHash3_64::oneshot(path.as_bytes())
}

/// The number that stands for a file of this name in its folder, as its stamp has it.
pub(crate) fn number(name: &[u8], stamp: &Stamp) -> u64 {
    // In one piece: the hasher takes longer over many. No system has names of more than 255 bytes, but some tree may.
    let mut bytes = [0; 48 + 256];
    let (modified, changed) = (stamp.modified, stamp.changed);
    let numbers = [stamp.device, stamp.inode, stamp.size, modified.0.cast_unsigned(), changed.0.cast_unsigned()];
    for (part, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    bytes[40..44].copy_from_slice(&modified.1.to_le_bytes());
    bytes[44..48].copy_from_slice(&changed.1.to_le_bytes());
    match bytes.get_mut(48..48 + name.len()) {
        Some(room) => {
            room.copy_from_slice(name);
            XxHash3_64::oneshot(&bytes[..48 + name.len()])
        }
        None => XxHash3_64::oneshot(&[&bytes[..48], name].concat()),
    }
}

/// The number that stands for a whole folder, entry by entry: a polynomial of the numbers of its entries.
#[derive(Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Adds an entry; of a file the number that stands for it.
    pub(crate) fn add(&mut self, name: &[u8], kind: EntryKind, file: Option<u64>) {
        let number = file.unwrap_or_else(|| XxHash3_64::oneshot_with_seed(1 + kind as u64, name));
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number);
    }

    pub(crate) fn number(&self) -> u64 {
        self.0
    }
}
