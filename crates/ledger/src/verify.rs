//! Checks a ledger, or a copy of one, with nothing but its files and a key: every entry, every hash, the checkpoint, and
//! that it goes on from an older checkpoint. What does not hold is named by entry.

use crate::envelope::Entry;
use crate::key::PublicKey;
use crate::log::{Head, Ledger, read_checkpoint, root_of};
use crate::tiles::{self, TileReader, WIDTH};
use crate::{LedgerError, sha256};
use std::path::Path;
use tlog_tiles::{Hash, Tile, node_hash, record_hash};

/// What a check of a whole ledger came to.
#[derive(Debug)]
pub struct Report {
    /// The key that everything is signed by.
    pub key: PublicKey,
    /// How many entries.
    pub size: u64,
    /// Entries by kind.
    pub kinds: std::collections::BTreeMap<String, u64>,
    /// Documents that are kept beside the log and fit their digests.
    pub documents: u64,
    /// Size of the older checkpoint that this one goes on from.
    pub since: Option<u64>,
}

/// How many faults are told; one cut may spoil thousands of entries.
const MOST_FAULTS: usize = 20;

/// Checks the ledger in `folder`. `key`: the key it must be signed by; none: the one that lies in it. `older`: checkpoints
/// of the same ledger that somebody kept.
pub fn verify(folder: &Path, key: Option<&PublicKey>, older: &[String]) -> Result<Report, LedgerError> {
    let ledger = Ledger::open(folder)?;
    if let Some(key) = key
        && key != ledger.key()
    {
        let message = format!("the ledger is of {}, and the key given is {}", ledger.key().id(), key.id());
        return Err(LedgerError::refused(message));
    }
    let key = ledger.key().clone();
    let head = ledger.head()?;
    let mut check = Check { ledger: &ledger, head, faults: Vec::new(), stack: Vec::new(), done: 0, older: Vec::new() };
    for text in older {
        let old = read_checkpoint(text, &key)?;
        if old.size > head.size {
            let (size, had) = (head.size, old.size);
            check.fault(format!("the ledger was rolled back: it has {size} entries and had {had}"));
        } else {
            check.older.push(old);
        }
    }
    let mut report = Report { key, size: head.size, kinds: Default::default(), documents: 0, since: None };
    report.since = check.older.iter().map(|old| old.size).max();
    check.entries(&mut report);
    check.tiles();
    check.documents(&mut report);
    if check.faults.is_empty() { Ok(report) } else { Err(LedgerError::Refused(check.faults)) }
}

struct Check<'a> {
    ledger: &'a Ledger,
    head: Head,
    faults: Vec<String>,
    /// Roots of complete subtrees over the entries seen so far, with their sizes, largest first.
    stack: Vec<(u64, Hash)>,
    done: u64,
    older: Vec<Head>,
}

impl Check<'_> {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    fn entries(&mut self, report: &mut Report) {
        let reader = TileReader::of(self.ledger.folder(), self.head.size);
        for n in 0..self.head.size.div_ceil(WIDTH) {
            self.compare_older();
            let entries = match self.ledger.bundle(n, self.head.size) {
                Ok(entries) => entries,
                Err(error) => {
                    let (from, to) = (n * WIDTH, (n * WIDTH + tiles::width(0, n, self.head.size)) - 1);
                    return self.fault(format!("entries {from} to {to} cannot be read: {error}"));
                }
            };
            let hashes = match reader.tile(0, n) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.fault(format!("the hashes of entries from {} on: {error}", n * WIDTH));
                    Vec::new()
                }
            };
            let expected = tiles::width(0, n, self.head.size);
            if entries.len() as u64 != expected {
                let (from, has) = (n * WIDTH, entries.len());
                self.fault(format!("from entry {from} on there should be {expected} entries, and there are {has}"));
            }
            for (at, bytes) in entries.iter().enumerate() {
                let index = n * WIDTH + at as u64;
                let leaf = record_hash(bytes);
                self.entry(index, bytes, hashes.get(at * 32..at * 32 + 32) == Some(&leaf.0), report);
                self.push(leaf);
                self.compare_older();
            }
            if self.faults.len() >= MOST_FAULTS {
                return;
            }
        }
        let root = self.root();
        if self.faults.is_empty() && (self.done, root) != (self.head.size, self.head.root) {
            self.fault("the entries are not those that the checkpoint was signed over".to_owned());
        }
    }

    fn entry(&mut self, index: u64, bytes: &[u8], in_tile: bool, report: &mut Report) {
        match Entry::open(bytes, self.ledger.key()) {
            Err(fault) => self.fault(format!("entry {index} was altered: it {fault}")),
            Ok(entry) if entry.index > index => {
                let label = entry.label();
                self.fault(format!("entry {index} was dropped or moved: {label} stands in its place"));
            }
            Ok(entry) if entry.index < index => {
                let label = entry.label();
                self.fault(format!("entry {index} was put in or moved: {label} stands in its place"));
            }
            Ok(entry) if !in_tile => {
                let label = entry.label();
                self.fault(format!("{label} is not the one that was logged: its hash differs"));
            }
            Ok(entry) => {
                self.document(&entry);
                *report.kinds.entry(entry.kind).or_default() += 1;
            }
        }
    }

    /// What is kept beside the log must be there: whoever deletes a plan or a report is seen. Bundles are kept elsewhere.
    fn document(&mut self, entry: &Entry) {
        const KEPT: [&str; 5] = ["order", "plan", "receipt", "report", "verification"];
        let list = entry.body.get("made_of").and_then(|it| it.as_str()).filter(|_| entry.kind == "report");
        let own = entry.subject.iter().map(crate::Subject::sha256).filter(|_| KEPT.contains(&entry.kind.as_str()));
        for digest in own.chain(list) {
            let file = self.ledger.folder().join("objects").join(digest);
            if std::fs::symlink_metadata(file).is_err() {
                let label = entry.label();
                let fault = format!("{label} speaks of a document that is not there: {digest}");
                if self.faults.len() < MOST_FAULTS {
                    self.faults.push(fault);
                }
            }
        }
    }

    fn push(&mut self, leaf: Hash) {
        self.done += 1;
        let mut new = (1, leaf);
        while let Some((size, left)) = self.stack.pop_if(|(size, _)| *size == new.0) {
            new = (size * 2, node_hash(left, new.1));
        }
        self.stack.push(new);
    }

    fn root(&self) -> Hash {
        let mut hashes = self.stack.iter().rev().map(|(_, hash)| *hash);
        let last = hashes.next();
        last.map_or(tlog_tiles::EMPTY_HASH, |last| hashes.fold(last, |right, left| node_hash(left, right)))
    }

    fn compare_older(&mut self) {
        let root = self.root();
        let differing = self.older.iter().find(|old| old.size == self.done && old.root != root).copied();
        if let Some(old) = differing {
            self.older.retain(|other| other.size != old.size);
            let size = old.size;
            self.fault(format!(
                "the ledger was forked: its first {size} entries are not those of the older checkpoint"
            ));
        }
    }

    /// The tiles above the entries' own must follow from those below.
    fn tiles(&mut self) {
        let reader = TileReader::of(self.ledger.folder(), self.head.size);
        for level in 1..8u8 {
            let at_level = self.head.size >> (u32::from(level) * 8);
            for n in 0..at_level.div_ceil(WIDTH) {
                let fits = reader.tile(level, n).and_then(|bytes| {
                    for (at, hash) in bytes.chunks_exact(32).enumerate() {
                        let below = reader.tile(level - 1, n * WIDTH + at as u64)?;
                        if Tile::subtree_hash(&below).0 != hash {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                });
                match fits {
                    Ok(true) => {}
                    Ok(false) => self.fault(format!("{} was altered", tiles::hashes(level, n, WIDTH))),
                    Err(error) => self.fault(error.to_string()),
                }
            }
        }
        let root = root_of(self.ledger.folder(), self.head.size);
        if self.faults.is_empty() && root.ok() != Some(self.head.root) {
            self.fault("the tiles do not come to the root of the checkpoint".to_owned());
        }
    }

    fn documents(&mut self, report: &mut Report) {
        let Ok(folder) = std::fs::read_dir(self.ledger.folder().join("objects")) else { return };
        for entry in folder.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // What a cut left half written is no document.
            if name.ends_with(".part") {
                continue;
            }
            match std::fs::read(entry.path()) {
                Ok(bytes) if sha256(&bytes) == name => report.documents += 1,
                Ok(_) => self.fault(format!("the document {name} was altered")),
                Err(error) => self.fault(format!("the document {name} cannot be read: {error}")),
            }
        }
    }
}
