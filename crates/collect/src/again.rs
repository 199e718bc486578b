//! Looking once more: what tells whether a file is as it was, and what is done where it is. See [`crate::earlier`].

use crate::collectors::COLLECTORS;
use crate::earlier::{Earlier, Remembered, Seen, Sum, number};
use crate::look::Sink;
use crate::worker::{FILE_OWNER, Worker};
use ostrakon_model::locator::encode;
use ostrakon_model::{ArtifactKind, Name, Owner, Stamps};
use ostrakon_place::{Entry, EntryKind, Folder, Stamp, Tree};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;

/// What a thread knows of the folder it is in, where there was an earlier look or there will be a later one.
#[derive(Default)]
pub(crate) struct Again<'a> {
    earlier: Option<&'a Earlier>,
    /// Files changed before this second of the epoch get a stamp: one that is written while it is read gets none.
    stamped_before: Option<i64>,
    /// Are the lists that say who owns what as they were?
    same_owners: bool,
    remembered: Option<&'a Remembered>,
    /// The numbers of its files, once one of them is asked for.
    numbers: Option<FxHashSet<u64>>,
    sum: Sum,
    stamps: Stamps,
    /// Must some file be read again in any case?
    partly: bool,
    /// Names of entries that wait, one after the other, and of each where its name ends, its kind and stamp.
    names: Vec<u8>,
    entries: Vec<(usize, EntryKind, Option<Stamp>)>,
}

impl<'a> Again<'a> {
    pub(crate) fn of(earlier: Option<&'a Earlier>, stamped_before: Option<i64>, same_owners: bool) -> Self {
        Self { earlier, stamped_before, same_owners, ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.earlier.is_some() || self.stamped_before.is_some()
    }

    /// A folder begins.
    pub(crate) fn folder(&mut self, dir: &str) {
        if !self.is_on() {
            return;
        }
        self.remembered = self.earlier.and_then(|earlier| earlier.of(dir));
        self.numbers = None;
        self.sum = Sum::default();
        if self.stamped_before.is_some() {
            self.stamps = Stamps { dir: dir.to_owned(), ..Stamps::default() };
        }
        self.partly = false;
        self.names.clear();
        self.entries.clear();
    }

    /// Can whole folders be passed over? Not where every name and thing is wanted.
    pub(crate) fn is_brief(&self) -> bool {
        self.earlier.is_some_and(Earlier::is_brief) && self.stamped_before.is_none()
    }
}

/// Are the lists of packages' files in `tree` as they were in an earlier look?
pub(crate) fn same_owners(tree: &dyn Tree, earlier: &Earlier) -> bool {
    const FOLDERS: [&str; 6] = [
        "/var/lib/dpkg/info",
        "/var/lib/rpm",
        "/usr/lib/sysimage/rpm",
        "/usr/share/rpm",
        "/lib/apk/db",
        "/usr/lib/apk/db",
    ];
    FOLDERS.iter().all(|path| {
        let Ok(folder) = tree.folder(path.as_bytes()) else { return earlier.of(path).is_none() };
        let mut sum = Sum::default();
        let read = folder.entries(&mut |entry| {
            let stamp = if entry.kind == EntryKind::File { folder.stamp(entry.name).ok().flatten() } else { None };
            sum.add(entry.name, entry.kind, stamp.map(|stamp| number(entry.name, &stamp)));
        });
        read.is_ok() && earlier.of(path).is_some_and(|known| known.is_whole(sum.number()))
    })
}

impl<S: Sink> Worker<'_, S> {
    /// An entry of a folder, where there was an earlier look or there will be a later one.
    pub(crate) fn once_more(&mut self, path: &[u8], folder: &dyn Folder, entry: Entry<'_>) {
        let stamp = match entry.kind {
            // What cannot be asked about is read, and then a gap.
            EntryKind::File => folder.stamp(entry.name).ok().flatten(),
            _ => None,
        };
        let file = stamp.map(|stamp| number(entry.name, &stamp));
        self.again.sum.add(entry.name, entry.kind, file);
        if self.again.is_brief() {
            self.again.names.extend_from_slice(entry.name);
            let end = self.again.names.len();
            self.again.entries.push((end, entry.kind, stamp));
        } else {
            self.known_or_new(path, folder, entry, stamp);
        }
    }

    /// A folder ends: if all of it is as it was, what was seen in it is told; else its entries are looked at.
    pub(crate) fn no_more(&mut self, path: &[u8], folder: &dyn Folder) {
        if self.again.stamped_before.is_some() {
            let mut stamps = std::mem::take(&mut self.again.stamps);
            if !self.again.partly {
                stamps.all = format!("{:016x}", self.again.sum.number());
            }
            self.sink.stamps(stamps);
        }
        if !self.again.is_brief() {
            return;
        }
        let whole = self.again.remembered.filter(|known| known.is_whole(self.again.sum.number()));
        let (names, entries) = (std::mem::take(&mut self.again.names), std::mem::take(&mut self.again.entries));
        if let Some(remembered) = whole {
            self.counts[0] += entries.len() as u64;
            let files = entries.iter().filter(|(_, kind, _)| *kind != EntryKind::Folder).count();
            self.met(files as u64);
            for seen in remembered.all_seen() {
                self.tell(seen, true);
            }
            remembered.all_counts().for_each(|count| self.count(*count));
        } else {
            let mut start = 0;
            for (end, kind, stamp) in &entries {
                let entry = Entry { name: &names[start..*end], kind: *kind };
                start = *end;
                self.known_or_new(path, folder, entry, *stamp);
            }
        }
        (self.again.names, self.again.entries) = (names, entries);
    }

    fn known_or_new(&mut self, path: &[u8], folder: &dyn Folder, entry: Entry<'_>, stamp: Option<Stamp>) {
        self.named(entry);
        if entry.kind != EntryKind::File {
            return;
        }
        let file = stamp.map(|stamp| number(entry.name, &stamp));
        let known = self.again.remembered.filter(|remembered| {
            let numbers = self.again.numbers.get_or_insert_with(|| remembered.numbers());
            file.is_some_and(|file| numbers.contains(&file))
        });
        let counts = if let Some(remembered) = known {
            let text = self.text.clone();
            let counts = remembered.counts(&encode(entry.name));
            self.inside(path, |worker| {
                if let Some(seen) = remembered.seen(&text) {
                    worker.tell(seen, false);
                }
                counts.iter().for_each(|count| worker.count(*count));
            });
            self.stamped(file);
            let id = |place: u16| COLLECTORS.get(usize::from(place)).map(|collector| collector.meta().id.to_owned());
            counts.iter().filter_map(|(place, count)| Some((id(*place)?, *count))).collect::<BTreeMap<_, _>>()
        } else {
            let (gaps, before) = (self.gaps, self.counts.clone());
            let mut alone = false;
            self.inside(path, |worker| alone = worker.read(folder, entry.name));
            // What had a gap is tried again, and what was written just now may be written again at the same time.
            let settled = |before: i64| stamp.is_some_and(|it| it.changed.0 < before && it.modified.0 < before);
            let settled = self.again.stamped_before.is_some_and(settled);
            self.stamped(file.filter(|_| alone && settled && self.gaps == gaps));
            let counts = COLLECTORS.iter().zip(self.counts.iter().zip(&before));
            let counts = counts.filter(|(_, (now, before))| now > before);
            counts.map(|(collector, (now, before))| (collector.meta().id.to_owned(), now - before)).collect()
        };
        if self.again.stamped_before.is_some() && !counts.is_empty() {
            self.again.stamps.counts.insert(encode(entry.name).into_owned(), counts);
        }
    }

    /// Keeps the number of a file for the next look; one without must be read again.
    fn stamped(&mut self, file: Option<u64>) {
        use std::fmt::Write;
        match file {
            Some(file) if self.again.stamped_before.is_some() => drop(write!(self.again.stamps.each, "{file:016x}")),
            Some(_) => {}
            None => self.again.partly = true,
        }
    }

    /// Tells what an earlier look saw in a file; `all`: its own name too, which is not met now.
    fn tell(&mut self, seen: &Seen, all: bool) {
        for listing in &seen.listings {
            self.sink.folder(&listing.dir);
            let mut owners = vec![None; listing.names.len()];
            for (owner, list) in &listing.owners {
                for at in list {
                    if let Some(place) = owners.get_mut(*at as usize) {
                        *place = Some(owner.as_str());
                    }
                }
            }
            let mut path = format!("{}/", listing.dir);
            let start = path.len();
            for (name, owner) in listing.names.iter().zip(owners) {
                let (name, is_folder) = name.strip_suffix('/').map_or((name.as_str(), false), |name| (name, true));
                path.truncate(start);
                path.push_str(name);
                self.sink.entry(&Name { path: &path, name, is_folder, owner: Owner::Known(owner), copy: listing.copy });
            }
        }
        for known in seen.names.iter().filter(|known| all || known.path.contains('!')) {
            let name = known.path.rsplit(['/', '!']).next().unwrap_or(&known.path);
            let inside = known.path.contains('!');
            // Who owns a file can change without the file.
            let owner = if inside || known.folder || self.again.same_owners {
                Some(known.owner.as_str()).filter(|owner| !owner.is_empty())
            } else {
                self.owners.of(&ostrakon_model::locator::decode(&known.path))
            };
            let name =
                Name { path: &known.path, name, is_folder: known.folder, owner: Owner::Known(owner), copy: known.copy };
            self.sink.entry(&name);
        }
        for artifact in &seen.artifacts {
            let mut artifact = artifact.clone();
            let locator = artifact.locator.as_str();
            if !locator.contains('!') && artifact.kind == ArtifactKind::Executable && !self.again.same_owners {
                let owner = self.owners.of(&ostrakon_model::locator::decode(locator));
                artifact.attributes.retain(|(attribute, _)| *attribute != FILE_OWNER);
                if let Some(owner) = owner {
                    artifact.push(FILE_OWNER, owner);
                }
            }
            self.sink.artifact(artifact);
        }
    }

    /// Counts what an earlier look saw in a file.
    fn count(&mut self, (place, count): (u16, u64)) {
        if let Some(counted) = self.counts.get_mut(usize::from(place)) {
            *counted += count;
            // Names in a file are those of members of containers.
            self.looked.members += if place == 0 { count } else { 0 };
        }
    }
}
