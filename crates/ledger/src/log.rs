//! The ledger in a folder: `checkpoint`, `key.pub`, `tile/`, and `objects/` with the documents that entries speak of.
//!
//! Entries are appended in batches. Tiles and entries are made durable first, then the checkpoint: what a checkpoint
//! counts is there, and what was written after it and never counted is written again.

use crate::envelope::{Draft, Entry};
use crate::key::{PublicKey, SecretKey};
use crate::tiles::{self, LONGEST, TileReader, WIDTH};
use crate::{LedgerError, sha256};
use signed_note::{Note, VerifierList};
use std::fs::File;
use std::path::{Path, PathBuf};
use tlog_tiles::{Checkpoint, Hash, Tile, node_hash, prove_record, prove_tree, record_hash, tree_hash};

/// An append-only log in a folder.
#[derive(Debug, Clone)]
pub struct Ledger {
    root: PathBuf,
    key: PublicKey,
}

/// Where an entry went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its index, from 0.
    pub index: u64,
    /// Its leaf hash, in hex.
    pub leaf: String,
}

/// How many entries a log had at some time, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

const CHECKPOINT: &str = "checkpoint";
const KEY: &str = "key.pub";

impl Ledger {
    /// Makes an empty ledger in `root`, signed by `key`. The folder may be there; a ledger may not.
    pub fn create(root: &Path, key: &SecretKey) -> Result<Self, LedgerError> {
        std::fs::create_dir_all(root).map_err(LedgerError::io(root))?;
        let ledger = Self { root: root.to_owned(), key: key.public().clone() };
        if Self::is_there(root) {
            return Err(LedgerError::Malformed(format!("{}: a ledger is there already", root.display())));
        }
        tiles::write(root, KEY, format!("{}\n", key.public()).as_bytes())?;
        ledger.publish(key, Head { size: 0, root: tlog_tiles::EMPTY_HASH })?;
        Ok(ledger)
    }

    /// Opens the ledger in `root`.
    pub fn open(root: &Path) -> Result<Self, LedgerError> {
        let key = PublicKey::read(&root.join(KEY))?;
        Ok(Self { root: root.to_owned(), key })
    }

    /// Is there a ledger in `root`?
    pub fn is_there(root: &Path) -> bool {
        std::fs::symlink_metadata(root.join(CHECKPOINT)).is_ok()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.root
    }

    /// The key it is signed with; its name is the ledger's origin.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The checkpoint as it stands: a signed note.
    pub fn checkpoint(&self) -> Result<String, LedgerError> {
        let path = self.root.join(CHECKPOINT);
        std::fs::read_to_string(&path).map_err(LedgerError::io(&path))
    }

    /// What the checkpoint says, once its signature has been checked.
    pub fn head(&self) -> Result<Head, LedgerError> {
        read_checkpoint(&self.checkpoint()?, &self.key)
    }

    /// Appends entries, all or none, and signs a new checkpoint. Other writers wait.
    pub fn append(&self, key: &SecretKey, drafts: Vec<Draft>) -> Result<Vec<Appended>, LedgerError> {
        if *key.public() != self.key {
            let (own, given) = (self.key.id(), key.public().id());
            return Err(LedgerError::refused(format!("this ledger is signed by {own}, not by {given}")));
        }
        let lock = self.root.join("lock");
        let file =
            File::options().create(true).truncate(false).write(true).open(&lock).map_err(LedgerError::io(&lock))?;
        file.lock().map_err(LedgerError::io(&lock))?;
        let head = self.head()?;
        let mut edge = Edge::read(&self.root, head.size)?;
        let mut appended = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let index = edge.size;
            let kind = draft.kind.clone();
            let bytes = draft.seal(index, key)?;
            if bytes.len() > LONGEST {
                let length = bytes.len();
                let message = format!("an entry of kind {kind} has {length} bytes; at most {LONGEST} fit");
                return Err(LedgerError::Malformed(message));
            }
            let leaf = record_hash(&bytes);
            edge.push(&bytes, leaf);
            appended.push(Appended { index, leaf: crate::hex(&leaf.0) });
        }
        if appended.is_empty() {
            return Ok(appended);
        }
        let old = edge.write(&self.root, head.size)?;
        let size = edge.size;
        let root = edge.root();
        self.publish(key, Head { size, root })?;
        // What only the last checkpoint needed. If it stays, it is only more than is needed.
        for path in old {
            let path = self.root.join(path);
            let _ = std::fs::remove_file(&path);
            let _ = path.parent().map(std::fs::remove_dir);
        }
        Ok(appended)
    }

    fn publish(&self, key: &SecretKey, head: Head) -> Result<(), LedgerError> {
        let wrong = |error: &dyn std::fmt::Display| LedgerError::Malformed(format!("the checkpoint: {error}"));
        let checkpoint = Checkpoint::new(self.key.name(), head.size, head.root, "").map_err(|error| wrong(&error))?;
        let mut note = Note::new(&checkpoint.to_bytes(), &[]).map_err(|error| wrong(&error))?;
        note.add_sigs(&[key.signer()]).map_err(|error| wrong(&error))?;
        tiles::write(&self.root, CHECKPOINT, &note.to_bytes())
    }

    /// The bytes of an entry.
    pub fn bytes(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let size = self.head()?.size;
        if index >= size {
            return Err(LedgerError::Malformed(format!("there is no entry {index}: the ledger has {size}")));
        }
        let list = self.bundle(index / WIDTH, size)?;
        let entry = list.into_iter().nth(usize::try_from(index % WIDTH).unwrap_or_default());
        entry.ok_or_else(|| LedgerError::refused(format!("entry {index} is missing")))
    }

    /// The entries of the file of entries `n`, in a log of `size`.
    pub(crate) fn bundle(&self, n: u64, size: u64) -> Result<Vec<Vec<u8>>, LedgerError> {
        let path = self.root.join(tiles::entries(n, tiles::width(0, n, size)));
        let bytes = std::fs::read(&path).map_err(LedgerError::io(&path))?;
        Ok(tiles::split(&bytes)?.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// An entry, its signature checked.
    pub fn entry(&self, index: u64) -> Result<Entry, LedgerError> {
        Entry::open(&self.bytes(index)?, &self.key)
            .map_err(|fault| LedgerError::refused(format!("entry {index} {fault}")))
    }

    /// All entries, first to last. Their signatures are not checked: that is what [`crate::verify()`] is for.
    pub fn entries(&self) -> Result<Vec<(Entry, Appended)>, LedgerError> {
        let size = self.head()?.size;
        let mut list = Vec::new();
        for n in 0..size.div_ceil(WIDTH) {
            for bytes in self.bundle(n, size)? {
                let index = list.len() as u64;
                let entry =
                    Entry::read(&bytes).map_err(|fault| LedgerError::refused(format!("entry {index} {fault}")))?;
                list.push((entry, Appended { index, leaf: crate::hex(&record_hash(&bytes).0) }));
            }
        }
        Ok(list)
    }

    /// The hashes that lead from entry `index` to the root of the log as it had `size` entries.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        let proof = prove_record(size, index, &TileReader::of(&self.root, size));
        proof.map_err(|error| LedgerError::Malformed(format!("entry {index} cannot be proved: {error}")))
    }

    /// The hashes that show that the log of `size` entries goes on from the one of `old`.
    pub fn consistency(&self, old: u64, size: u64) -> Result<Vec<Hash>, LedgerError> {
        let proof = prove_tree(size, old, &TileReader::of(&self.root, size));
        proof.map_err(|error| LedgerError::Malformed(format!("{old} entries cannot be proved: {error}")))
    }

    /// Keeps a document by its digest; entries speak of it by that. Returns the digest in hex.
    pub fn keep(&self, document: &[u8]) -> Result<String, LedgerError> {
        let digest = sha256(document);
        let path = format!("objects/{digest}");
        if std::fs::symlink_metadata(self.root.join(&path)).is_err() {
            tiles::write(&self.root, &path, document)?;
        }
        Ok(digest)
    }

    /// The document with that digest, if it is kept here; one that has changed is refused.
    pub fn document(&self, digest: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let path = self.root.join("objects").join(digest);
        match std::fs::read(&path) {
            Ok(bytes) if sha256(&bytes) == digest => Ok(Some(bytes)),
            Ok(_) => Err(LedgerError::refused(format!("the document {digest} was altered"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LedgerError::io(&path)(error)),
        }
    }
}

/// Reads a checkpoint that `key` signed.
pub fn read_checkpoint(text: &str, key: &PublicKey) -> Result<Head, LedgerError> {
    let refused = |why: &dyn std::fmt::Display| LedgerError::refused(format!("the checkpoint does not hold: {why}"));
    let verifier = key.verifier().ok_or_else(|| refused(&"its key is none"))?;
    let note = Note::from_bytes(text.as_bytes()).map_err(|error| refused(&error))?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(|error| refused(&error))?;
    let checkpoint = Checkpoint::from_reader(&mut std::io::Cursor::new(note.text()), false);
    let checkpoint = checkpoint.map_err(|error| refused(&error))?;
    if checkpoint.to_bytes() != note.text() || note.to_bytes() != text.as_bytes() {
        return Err(refused(&"it is not written as checkpoints are"));
    }
    if checkpoint.origin() != key.name() {
        return Err(refused(&format!("it is of {}, not of {}", checkpoint.origin(), key.name())));
    }
    Ok(Head { size: checkpoint.size(), root: *checkpoint.hash() })
}

/// The right edge of the tree: the last, unfinished tile of every level, and what was filled since.
struct Edge {
    size: u64,
    /// The bytes of the unfinished file of entries.
    entries: Vec<u8>,
    /// The hashes of the unfinished tile of each level.
    levels: Vec<Vec<u8>>,
    /// Files that became full, with their bytes.
    full: Vec<(String, Vec<u8>)>,
}

impl Edge {
    fn read(root: &Path, size: u64) -> Result<Self, LedgerError> {
        let reader = TileReader::of(root, size);
        let mut levels = Vec::new();
        for level in 0..8u8 {
            let at_level = size >> (u32::from(level) * 8);
            let unfinished = at_level % WIDTH;
            levels.push(if unfinished > 0 { reader.tile(level, at_level / WIDTH)? } else { Vec::new() });
        }
        let entries = if !size.is_multiple_of(WIDTH) {
            let path = root.join(tiles::entries(size / WIDTH, size % WIDTH));
            std::fs::read(&path).map_err(LedgerError::io(&path))?
        } else {
            Vec::new()
        };
        Ok(Self { size, entries, levels, full: Vec::new() })
    }

    fn push(&mut self, entry: &[u8], leaf: Hash) {
        // Checked by the caller: an entry has a length of two bytes.
        self.entries.extend(u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
        self.entries.extend(entry);
        self.size += 1;
        if self.size.is_multiple_of(WIDTH) {
            self.full.push((tiles::entries(self.size / WIDTH - 1, WIDTH), std::mem::take(&mut self.entries)));
        }
        let mut hash = leaf;
        for level in 0..8u8 {
            let tile = &mut self.levels[usize::from(level)];
            tile.extend(hash.0);
            if tile.len() as u64 != WIDTH * 32 {
                return;
            }
            hash = Tile::subtree_hash(tile);
            let n = (self.size >> (u32::from(level) * 8)) / WIDTH - 1;
            self.full.push((tiles::hashes(level, n, WIDTH), std::mem::take(tile)));
        }
    }

    /// Writes what is new; returns the partial files of the size before, which are then needed no more.
    fn write(&mut self, root: &Path, before: u64) -> Result<Vec<String>, LedgerError> {
        for (path, bytes) in std::mem::take(&mut self.full) {
            tiles::write(root, &path, &bytes)?;
        }
        let mut old = Vec::new();
        if !self.size.is_multiple_of(WIDTH) {
            tiles::write(root, &tiles::entries(self.size / WIDTH, self.size % WIDTH), &self.entries)?;
        }
        if !before.is_multiple_of(WIDTH) {
            old.push(tiles::entries(before / WIDTH, before % WIDTH));
        }
        for level in 0..8u8 {
            let shift = u32::from(level) * 8;
            let (now, then) = (self.size >> shift, before >> shift);
            if !now.is_multiple_of(WIDTH) && now != then {
                tiles::write(root, &tiles::hashes(level, now / WIDTH, now % WIDTH), &self.levels[usize::from(level)])?;
            }
            if !then.is_multiple_of(WIDTH) && now != then {
                old.push(tiles::hashes(level, then / WIDTH, then % WIDTH));
            }
        }
        Ok(old)
    }

    /// The root of the tree: the unfinished tiles, folded from the right.
    fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for tile in &self.levels {
            let hashes: Vec<Hash> =
                tile.chunks_exact(32).map(|chunk| Hash(chunk.try_into().unwrap_or([0; 32]))).collect();
            // Complete subtrees of the tile, largest first.
            let mut subtrees = Vec::new();
            let mut at = 0;
            for bit in (0..8).rev() {
                let width = 1usize << bit;
                if hashes.len() & width != 0 {
                    subtrees.push(Tile::subtree_hash(&tile[at * 32..(at + width) * 32]));
                    at += width;
                }
            }
            for subtree in subtrees.into_iter().rev() {
                root = Some(root.map_or(subtree, |right| node_hash(subtree, right)));
            }
        }
        root.unwrap_or(tlog_tiles::EMPTY_HASH)
    }
}

/// The root that the tiles of a log of `size` entries come to.
pub(crate) fn root_of(folder: &Path, size: u64) -> Result<Hash, LedgerError> {
    tree_hash(size, &TileReader::of(folder, size)).map_err(|error| LedgerError::Malformed(error.to_string()))
}
