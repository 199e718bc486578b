//! A volume with a file system as a tree, and all its files in one pass.

use super::exfat::Exfat;
use super::ext::Ext;
use super::fat::Fat;
use super::filesystem::{FileSystem, Named};
use super::ntfs::Ntfs;
use super::xfs::Xfs;
use crate::container::purse::Held;
use crate::container::{Bytes, Purse};
use crate::tree::{Entry, EntryKind, Fault, File, Folder, Tree};
use ostrakon_model::GapReason;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::ops::ControlFlow;

/// The deepest folder that is read, and how many links a path may lead over.
const DEEPEST: usize = 256;
const MOST_LINKS: usize = 40;

/// File systems that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// NTFS.
    Ntfs,
    /// FAT12, FAT16 and FAT32.
    Fat,
    /// exFAT.
    Exfat,
    /// ext2, ext3 and ext4.
    Ext,
    /// XFS.
    Xfs,
}

/// A volume with a file system.
pub struct Volume<'a>(Box<dyn FileSystem + 'a>);

/// What a pass over a volume meets.
pub enum Met<'m> {
    /// A name in a folder.
    Entry(EntryKind, &'m dyn File),
    /// A file that was deleted, and that nobody has written over. Its path begins with the number of its record.
    Deleted(&'m dyn File),
    /// A folder, or the volume itself (`/`), that could not be read to its end.
    Fault(Fault),
}

/// Takes what a pass meets, with the path from the root of the volume.
pub type Each<'e> = dyn FnMut(&[u8], Met<'_>) -> ControlFlow<()> + 'e;

impl<'a> Volume<'a> {
    /// Opens the volume that `file` is, at the cost of `purse`.
    ///
    /// # Errors
    /// Where the volume contradicts its format so that nothing of it can be read.
    pub fn open(format: Format, file: &'a dyn File, purse: &'a Purse) -> Result<Self, Fault> {
        Ok(Self(match format {
            Format::Ntfs => Box::new(Ntfs::open(file, purse)?),
            Format::Fat => Box::new(Fat::open(file)?),
            Format::Exfat => Box::new(Exfat::open(file)?),
            Format::Ext => Box::new(Ext::open(file)?),
            Format::Xfs => Box::new(Xfs::open(file)?),
        }))
    }

    /// Goes over all names of the volume, folder by folder, then over what was deleted.
    ///
    /// # Errors
    /// Where a limit of the purse is reached.
    pub fn files(&self, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
        for fault in self.0.doubts() {
            if each(b"/", Met::Fault(fault)).is_break() {
                return Ok(());
            }
        }
        let mut seen = HashSet::from([self.0.root()]);
        let mut waiting = vec![(Vec::new(), self.0.root(), 0)];
        while let Some((path, folder, depth)) = waiting.pop() {
            let before = waiting.len();
            if self.folder(&path, folder, depth, purse, &mut seen, &mut waiting, each)?.is_break() {
                return Ok(());
            }
            // In the order they are stored.
            waiting.get_mut(before..).unwrap_or_default().reverse();
        }
        let mut limit = Ok(());
        self.0.deleted(&mut |path, node| {
            limit = purse.member();
            if limit.is_err() {
                return ControlFlow::Break(());
            }
            match self.0.open(node) {
                Ok(file) => each(path, Met::Deleted(&*file)),
                // What is broken in what is no more is nobody's gap.
                Err(_) => ControlFlow::Continue(()),
            }
        });
        limit
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a loop")]
    fn folder(
        &self,
        path: &[u8],
        folder: u64,
        depth: usize,
        purse: &Purse,
        seen: &mut HashSet<u64>,
        waiting: &mut Vec<(Vec<u8>, u64, usize)>,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        // Names first: nothing is opened while a folder is read.
        let mut names = Names::new(purse);
        let listed = self.0.list(folder, &mut |named| names.add(&named));
        names.full?;
        let mut full = path.to_vec();
        for (name, kind, node) in names.list {
            purse.member()?;
            full.truncate(path.len());
            full.push(b'/');
            full.extend_from_slice(&name);
            let met = match kind {
                EntryKind::File => each(&full, Met::Entry(kind, &Later { volume: self, node, file: OnceCell::new() })),
                EntryKind::Folder if depth >= DEEPEST => {
                    let detail = format!("it lies deeper than {DEEPEST} folders");
                    each(&full, Met::Fault(Fault::new(GapReason::Limit, detail)))
                }
                EntryKind::Folder if !seen.insert(node) => {
                    each(&full, Met::Fault(Fault::corrupt("a folder that lies in two folders, or in itself")))
                }
                EntryKind::Folder => {
                    waiting.push((full.clone(), node, depth + 1));
                    each(&full, Met::Entry(kind, &Bytes(b"")))
                }
                EntryKind::Link | EntryKind::Other => each(&full, Met::Entry(kind, &Bytes(b""))),
            };
            if met.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(match listed {
            Ok(()) => ControlFlow::Continue(()),
            Err(fault) => each(if path.is_empty() { b"/" } else { path }, Met::Fault(fault)),
        })
    }

    /// The entry of this name in a folder.
    fn entry(&self, folder: u64, name: &[u8]) -> Result<Option<(EntryKind, u64)>, Fault> {
        let mut found = None;
        let folded = self.0.folds_case().then(|| fold(name));
        let listed = self.0.list(folder, &mut |named| {
            let same = named.name == name || folded.as_ref().is_some_and(|folded| fold(named.name) == *folded);
            if same {
                found = Some((named.kind, named.node));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        // What comes before a fault counts.
        if found.is_none() {
            listed?;
        }
        Ok(found)
    }

    /// What `path` leads to, over links if `follow`; nothing where there is nothing.
    fn resolve(&self, path: &[u8], follow: bool) -> Result<Option<(EntryKind, u64)>, Fault> {
        let mut links = 0;
        let mut rest: Vec<Vec<u8>> = parts(path);
        let mut way = vec![self.0.root()];
        let mut last = (EntryKind::Folder, self.0.root());
        while let Some(part) = rest.pop() {
            if part == b".." {
                if way.len() > 1 {
                    way.pop();
                }
                last = (EntryKind::Folder, way.last().copied().unwrap_or_default());
                continue;
            }
            let Some(folder) = way.last().copied().filter(|_| last.0 == EntryKind::Folder) else { return Ok(None) };
            let Some((kind, node)) = self.entry(folder, &part)? else { return Ok(None) };
            last = (kind, node);
            match kind {
                EntryKind::Folder => way.push(node),
                EntryKind::Link if follow => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Ok(None);
                    }
                    let target = self.0.link(node)?;
                    if target.first() == Some(&b'/') {
                        way.truncate(1);
                    }
                    last = (EntryKind::Folder, way.last().copied().unwrap_or_default());
                    rest.extend(parts(&target));
                }
                _ => {}
            }
        }
        Ok(Some(last))
    }

    fn open_node(&self, found: Option<(EntryKind, u64)>) -> Result<Box<dyn File + '_>, Fault> {
        match found {
            Some((EntryKind::File, node)) => self.0.open(node),
            Some(_) => Err(Fault::new(GapReason::IoError, "not a regular file")),
            None => Err(Fault { gone: true, ..Fault::new(GapReason::IoError, "not there") }),
        }
    }
}

/// A file that is opened when somebody asks for it.
struct Later<'v, 'a> {
    volume: &'v Volume<'a>,
    node: u64,
    file: OnceCell<Result<Box<dyn File + 'v>, Fault>>,
}

impl Later<'_, '_> {
    fn file(&self) -> Result<&dyn File, Fault> {
        let opened = self.file.get_or_init(|| self.volume.0.open(self.node));
        opened.as_ref().map(|file| &**file as &dyn File).map_err(Clone::clone)
    }
}

impl File for Later<'_, '_> {
    fn size(&self) -> Result<u64, Fault> {
        self.file()?.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.file()?.read_at(offset, buffer)
    }
}

/// The parts of a path, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.rev().map(<[u8]>::to_vec).collect()
}

/// A name as it is compared where case does not count.
fn fold(name: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(name) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

/// The names of a folder, at the cost of a purse.
struct Names<'p> {
    list: Vec<(Vec<u8>, EntryKind, u64)>,
    held: Held<'p>,
    full: Result<(), Fault>,
}

impl<'p> Names<'p> {
    fn new(purse: &'p Purse) -> Self {
        Self { list: Vec::new(), held: Held::none(purse), full: Ok(()) }
    }

    fn add(&mut self, named: &Named<'_>) -> ControlFlow<()> {
        self.full = self.held.more(64 + named.name.len() as u64);
        if self.full.is_err() {
            return ControlFlow::Break(());
        }
        self.list.push((named.name.to_vec(), named.kind, named.node));
        ControlFlow::Continue(())
    }
}

impl Tree for Volume<'_> {
    fn folder(&self, path: &[u8]) -> Result<Box<dyn Folder + '_>, Fault> {
        match self.resolve(path, false)? {
            Some((EntryKind::Folder, node)) => Ok(Box::new(Inside { volume: self, node })),
            Some(_) => Err(Fault::new(GapReason::IoError, "not a folder")),
            None => Err(Fault { gone: true, ..Fault::new(GapReason::IoError, "not there") }),
        }
    }

    fn find(&self, path: &[u8]) -> Result<Box<dyn File + '_>, Fault> {
        self.open_node(self.resolve(path, true)?)
    }

    fn kind(&self, path: &[u8]) -> Result<Option<EntryKind>, Fault> {
        Ok(self.resolve(path, true)?.map(|(kind, _)| kind))
    }
}

/// A folder of a volume.
struct Inside<'v, 'a> {
    volume: &'v Volume<'a>,
    node: u64,
}

impl Folder for Inside<'_, '_> {
    fn entries(&self, each: &mut dyn FnMut(Entry<'_>)) -> Result<(), Fault> {
        self.volume.0.list(self.node, &mut |named| {
            each(Entry { name: named.name, kind: named.kind });
            ControlFlow::Continue(())
        })
    }

    fn open(&self, name: &[u8]) -> Result<Box<dyn File + '_>, Fault> {
        self.volume.open_node(self.volume.entry(self.node, name)?)
    }

    fn link(&self, name: &[u8]) -> Result<Vec<u8>, Fault> {
        match self.volume.entry(self.node, name)? {
            Some((EntryKind::Link, node)) => self.volume.0.link(node),
            _ => Err(Fault::new(GapReason::IoError, "not a link")),
        }
    }
}
