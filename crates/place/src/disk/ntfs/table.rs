//! The file table: its records by number, and what files have in one or several of them.

use super::boot::Boot;
use super::content::{Packed, Stored};
use super::record::{Attribute, Body, COMPRESSED, DATA, ENCRYPTED, LIST, Record, number};
use super::runs::Runs;
use crate::disk::cluster::{Pieces, little};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::rc::Rc;

/// Records are read in pages of this size; some of those read last are kept.
const PAGE: u64 = 64 << 10;
const KEPT: usize = 1 << 20;
/// The longest list of attributes that NTFS makes.
const LONGEST_LIST: u64 = 256 << 10;

/// The file table of a volume.
pub(super) struct Table<'a> {
    pub(super) disk: &'a dyn File,
    pub(super) boot: Boot,
    content: Stored<'a>,
    pages: Pieces,
}

impl<'a> Table<'a> {
    /// Finds the table of the volume `disk`.
    pub(super) fn open(disk: &'a dyn File) -> Result<Self, Fault> {
        let boot = Boot::read(disk)?;
        let first = Self::first(disk, boot, boot.table).or_else(|fault| {
            // Its first records are kept twice.
            Self::first(disk, boot, boot.mirror).map_err(|_| fault)
        });
        let content = first?;
        let mut table = Self { disk, boot, content, pages: Pieces::new(KEPT) };
        // What the table itself has in other records than its first lies in what is known of it so far, piece by piece.
        while let Some((piece, from)) = table.next_piece()? {
            let before = table.content.runs.clusters();
            let mut runs = std::mem::take(&mut table.content.runs);
            let added = table.record_in(&runs, piece).and_then(|mut bytes| {
                let record = Record::of(&mut bytes)?.ok_or_else(lost)?;
                for attribute in record.attributes() {
                    if let Attribute { kind: DATA, name: b"", body: Body::Outside(outside), .. } = attribute?
                        && outside.first == from
                    {
                        runs.add(from, outside.runs, boot.clusters)?;
                    }
                }
                Ok(())
            });
            table.content.runs = runs;
            added?;
            if table.content.runs.clusters() == before {
                return Err(lost());
            }
        }
        // A table that lies nowhere could be as long as it says it is.
        if table.content.runs.list().iter().any(|run| run.at.is_none()) || table.content.runs.clusters() > boot.clusters
        {
            return Err(Fault::corrupt("the file table has holes"));
        }
        let room = table.content.runs.clusters().saturating_mul(boot.cluster);
        table.content.size = table.content.size.min(room);
        table.content.written = table.content.size;
        table.pages = Pieces::new(KEPT);
        Ok(table)
    }

    /// What the first record, at `cluster`, says of the table.
    fn first(disk: &'a dyn File, boot: Boot, cluster: u64) -> Result<Stored<'a>, Fault> {
        let mut bytes = vec![0; boot.record];
        let at = cluster.checked_mul(boot.cluster).ok_or_else(lost)?;
        if disk.read_at(at, &mut bytes)? < bytes.len() {
            return Err(Fault::new(GapReason::Truncated, "the volume ends before its file table"));
        }
        let record = Record::of(&mut bytes)?.ok_or_else(lost)?;
        for attribute in record.attributes() {
            if let Attribute { kind: DATA, name: b"", body: Body::Outside(outside), .. } = attribute?
                && outside.first == 0
            {
                let mut runs = Runs::default();
                runs.add(0, outside.runs, boot.clusters)?;
                return Ok(Stored { disk, runs, cluster: boot.cluster, size: outside.size, written: outside.size });
            }
        }
        Err(lost())
    }

    /// The record that has the next piece of the table, and the cluster that piece begins with.
    fn next_piece(&self) -> Result<Option<(u64, u64)>, Fault> {
        let known = self.content.runs.clusters();
        if known.saturating_mul(self.boot.cluster) >= self.content.size {
            return Ok(None);
        }
        let mut first = self.record_in(&self.content.runs, 0)?;
        let list = self.list_in(&Record::of(&mut first)?.ok_or_else(lost)?)?.unwrap_or_default();
        let next = entries(&list)?
            .into_iter()
            .find(|entry| entry.kind == DATA && entry.name.is_empty() && entry.first == known);
        next.map(|entry| Some((entry.record, known))).ok_or_else(lost)
    }

    /// How many records there are.
    pub(super) fn count(&self) -> u64 {
        self.content.size / self.boot.record as u64
    }

    /// Fills `out` with what the table holds from `offset` on.
    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> Result<usize, Fault> {
        self.content.read_at(offset, out)
    }

    /// The bytes of a record, as they lie there.
    fn bytes(&self, number: u64) -> Result<Vec<u8>, Fault> {
        let at = number.checked_mul(self.boot.record as u64).ok_or_else(lost)?;
        let page = self.page(at / PAGE, &self.content)?;
        let inside = usize::try_from(at % PAGE).unwrap_or_default();
        page.get(inside..).and_then(|rest| rest.get(..self.boot.record)).map(<[u8]>::to_vec).ok_or_else(lost)
    }

    fn page(&self, index: u64, content: &dyn File) -> Result<Rc<[u8]>, Fault> {
        self.pages.get(index, || {
            let mut page = vec![0; PAGE as usize];
            let read = content.read_at(index * PAGE, &mut page)?;
            page.truncate(read);
            Ok(page.into())
        })
    }

    /// The same, where only `runs` of the table are known.
    fn record_in(&self, runs: &Runs, number: u64) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; self.boot.record];
        let at = number.checked_mul(self.boot.record as u64).ok_or_else(lost)?;
        let cluster = self.boot.cluster;
        crate::disk::cluster::read(u64::MAX, at, &mut bytes, |at| {
            let (place, count) = runs.find(at / cluster).ok_or_else(lost)?;
            let place = place.and_then(|place| place.checked_mul(cluster)).ok_or_else(lost)?;
            let inside = at % cluster;
            let length = count.saturating_mul(cluster).saturating_sub(inside);
            Ok(crate::disk::cluster::Run::stored(self.disk, place.checked_add(inside), length))
        })?;
        Ok(bytes)
    }

    /// Hands the record of this number to `read`.
    pub(super) fn record<T>(&self, number: u64, read: impl FnOnce(Record<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut bytes = self.bytes(number)?;
        read(Record::of(&mut bytes)?.ok_or_else(lost)?)
    }

    /// The list of the attributes of a file that has them in several records.
    fn list(&self, number: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.record(number, |record| self.list_in(&record))
    }

    fn list_in(&self, record: &Record<'_>) -> Result<Option<Vec<u8>>, Fault> {
        for attribute in record.attributes() {
            let attribute = attribute?;
            if attribute.kind == LIST {
                return self.small(&attribute, LONGEST_LIST).map(Some);
            }
        }
        Ok(None)
    }

    /// The content of an attribute that is of `most` bytes, and told in one piece.
    fn small(&self, attribute: &Attribute<'_>, most: u64) -> Result<Vec<u8>, Fault> {
        match attribute.body {
            Body::Inside(bytes) => Ok(bytes.to_vec()),
            Body::Outside(outside) => {
                let mut runs = Runs::default();
                runs.add(outside.first, outside.runs, self.boot.clusters)?;
                let (size, written) = (outside.size, outside.written);
                Stored { disk: self.disk, runs, cluster: self.boot.cluster, size, written }.read_all(most)
            }
        }
    }

    /// What the record `number` has of this kind and name; nothing where it has none.
    pub(super) fn attribute(&self, number: u64, kind: u32, name: &[u8]) -> Result<Option<Whole>, Fault> {
        let mut whole = None;
        let fits = |attribute: &Attribute<'_>| attribute.kind == kind && attribute.name == name;
        let clusters = self.boot.clusters;
        let Some(list) = self.list(number)? else {
            self.record(number, |record| {
                for attribute in record.attributes() {
                    let attribute = attribute?;
                    if fits(&attribute) {
                        whole = Some(Whole::add(whole.take(), &attribute, clusters)?);
                    }
                }
                Ok(())
            })?;
            return Ok(whole);
        };
        for entry in entries(&list)?.into_iter().filter(|entry| entry.kind == kind && entry.name == name) {
            self.record(entry.record, |record| {
                if entry.record != number && record.base() != Some(number) {
                    return Err(Fault::corrupt("a file goes on in a record of another"));
                }
                for attribute in record.attributes() {
                    let attribute = attribute?;
                    if fits(&attribute) && attribute.id == entry.id {
                        whole = Some(Whole::add(whole.take(), &attribute, clusters)?);
                        return Ok(());
                    }
                }
                Err(Fault::corrupt("a part of a file is not where its list says"))
            })?;
        }
        Ok(whole)
    }

    /// The names of what the record `number` has of this kind.
    pub(super) fn names(&self, number: u64, kind: u32) -> Result<Vec<Vec<u8>>, Fault> {
        if let Some(list) = self.list(number)? {
            let own = entries(&list)?.into_iter().filter(|entry| entry.kind == kind);
            return Ok(own.map(|entry| entry.name.to_vec()).collect());
        }
        self.record(number, |record| {
            let own = record.attributes().filter(|it| it.as_ref().map_or(true, |it| it.kind == kind));
            own.map(|attribute| attribute.map(|it| it.name.to_vec())).collect()
        })
    }

    /// What an attribute holds, as a file.
    pub(super) fn open_attribute(&self, whole: Whole) -> Result<Box<dyn File + 'a>, Fault> {
        match whole {
            Whole::Inside(bytes) => Ok(Box::new(Inside(bytes))),
            Whole::Outside { flags, .. } if flags & ENCRYPTED != 0 => {
                Err(Fault::new(GapReason::Encrypted, "encrypted by Windows (EFS) for the user it belongs to"))
            }
            Whole::Outside { runs, size, written, unit, flags } => {
                let stored = Stored { disk: self.disk, runs, cluster: self.boot.cluster, size, written };
                if flags & COMPRESSED == 0 || unit == 0 {
                    return Ok(Box::new(stored));
                }
                Ok(Box::new(Packed::of(stored, unit)?))
            }
        }
    }
}

/// All of an attribute, however many records it lies in.
pub(super) enum Whole {
    /// It lay in a record.
    Inside(Vec<u8>),
    /// It lies on the volume.
    Outside { runs: Runs, size: u64, written: u64, unit: u16, flags: u16 },
}

impl Whole {
    fn add(before: Option<Self>, attribute: &Attribute<'_>, clusters: u64) -> Result<Self, Fault> {
        match (before, attribute.body) {
            (None, Body::Inside(bytes)) => Ok(Self::Inside(bytes.to_vec())),
            (None, Body::Outside(outside)) => {
                let mut runs = Runs::default();
                runs.add(outside.first, outside.runs, clusters)?;
                let (size, unit, flags) = (outside.size, outside.unit, attribute.flags);
                Ok(Self::Outside { runs, size, written: outside.written.min(size), unit, flags })
            }
            (Some(Self::Outside { mut runs, size, written, unit, flags }), Body::Outside(outside)) => {
                runs.add(outside.first, outside.runs, clusters)?;
                Ok(Self::Outside { runs, size, written, unit, flags })
            }
            _ => Err(Fault::corrupt("a file has its content twice")),
        }
    }

    /// How many bytes it holds.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Inside(bytes) => bytes.len() as u64,
            Self::Outside { size, .. } => *size,
        }
    }
}

/// An attribute that a list names.
struct Entry<'l> {
    kind: u32,
    name: &'l [u8],
    first: u64,
    record: u64,
    id: u16,
}

/// The entries of a list. One that is broken would be a part of a file that nobody misses.
fn entries(list: &[u8]) -> Result<Vec<Entry<'_>>, Fault> {
    let mut rest = list;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let length = little(rest, 4, 2) as usize;
        let entry = rest.split_at_checked(length).filter(|_| length >= 0x1a).and_then(|(entry, after)| {
            rest = after;
            let (characters, at) = (little(entry, 6, 1) as usize, little(entry, 7, 1) as usize);
            Some(Entry {
                kind: little(entry, 0, 4) as u32,
                name: entry.get(at..)?.get(..2 * characters)?,
                first: little(entry, 8, 8),
                record: number(little(entry, 0x10, 8)),
                id: little(entry, 0x18, 2) as u16,
            })
        });
        entries.push(entry.ok_or_else(|| Fault::corrupt("the list of a file's attributes is damaged"))?);
    }
    Ok(entries)
}

/// Content that lay in a record.
struct Inside(Vec<u8>);

impl File for Inside {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        crate::container::Bytes(&self.0).read_at(offset, buffer)
    }
}

fn lost() -> Fault {
    Fault::corrupt("a record is not where the file table says")
}
