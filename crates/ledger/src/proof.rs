//! A proof: one file that shows a stranger, offline, that a report is in a ledger together with all it was made of, under
//! one signed checkpoint. Its form is canonical, so that not a bit of it can change unnoticed.

use crate::envelope::Entry;
use crate::key::PublicKey;
use crate::log::{Head, Ledger, read_checkpoint};
use crate::{LedgerError, canonical, sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tlog_tiles::{Hash, check_record, record_hash};

/// Name of the format.
pub const SCHEMA: &str = "ostrakon/proof/1";

/// The proof of one report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// [`SCHEMA`].
    pub schema: String,
    /// The key of the ledger.
    pub key: String,
    /// The checkpoint: a signed note.
    pub checkpoint: String,
    /// The report.
    pub report: Proved,
    /// What it says it was made of: the canonical JSON of a list of [`MadeOf`], which its statement names by digest.
    pub list: String,
    /// What it was made of: the order, looks, the plan, approvals, receipts, verifications.
    pub made_of: Vec<Proved>,
}

/// An entry with the way to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// Its index.
    pub index: u64,
    /// Its bytes: an envelope.
    pub entry: String,
    /// The hashes from its leaf to the root, in base64.
    pub path: Vec<String>,
}

/// A proof that holds.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The key it holds under.
    pub key: PublicKey,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The report's entry.
    pub report: Entry,
    /// What it was made of.
    pub made_of: Vec<Entry>,
}

/// What the statement of a report says it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadeOf {
    /// The entry's index.
    pub index: u64,
    /// Its leaf hash in hex.
    pub leaf: String,
    /// What it is, for messages.
    pub what: String,
}

impl Proof {
    /// Proves the report at `index`.
    pub fn of(ledger: &Ledger, index: u64) -> Result<Self, LedgerError> {
        let checkpoint = ledger.checkpoint()?;
        let head = read_checkpoint(&checkpoint, ledger.key())?;
        let report = ledger.entry(index)?;
        if report.kind != "report" {
            return Err(LedgerError::Malformed(format!("{} is no report", report.label())));
        }
        let proved = |index: u64| -> Result<Proved, LedgerError> {
            let entry = String::from_utf8(ledger.bytes(index)?)
                .map_err(|error| LedgerError::Malformed(format!("entry {index}: {error}")))?;
            let path = ledger.inclusion(index, head.size)?;
            Ok(Proved { index, entry, path: path.iter().map(|hash| STANDARD.encode(hash.0)).collect() })
        };
        let list = ledger.document(list_digest(&report))?.unwrap_or_default();
        let list = String::from_utf8_lossy(&list).into_owned();
        Ok(Self {
            schema: SCHEMA.to_owned(),
            key: ledger.key().to_string(),
            checkpoint,
            report: proved(index)?,
            made_of: made_of(&report, &list)?.iter().map(|it| proved(it.index)).collect::<Result<_, _>>()?,
            list,
        })
    }

    /// The bytes of the file: canonical JSON and a line end.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LedgerError> {
        let mut bytes = canonical(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks the bytes of a proof file. `key`: the key it must be of; none: the one in the file, which the reader must
    /// then compare by himself.
    pub fn check(bytes: &[u8], key: Option<&PublicKey>) -> Result<Checked, LedgerError> {
        let proof: Self = serde_json::from_slice(bytes)
            .map_err(|error| LedgerError::refused(format!("this is no proof file, or it was altered: {error}")))?;
        if proof.schema != SCHEMA {
            return Err(LedgerError::refused(format!("the proof is of the unknown form {}", proof.schema)));
        }
        let own = PublicKey::parse(&proof.key)
            .map_err(|error| LedgerError::refused(format!("the key in the proof was altered: {error}")))?;
        if let Some(key) = key
            && *key != own
        {
            let (own, key) = (own.id(), key.id());
            return Err(LedgerError::refused(format!("the proof is of {own}, and the key given is {key}")));
        }
        let head = read_checkpoint(&proof.checkpoint, &own)?;
        let mut faults = Vec::new();
        let mut open = |proved: &Proved, what: &str| match proved.open(&own, head) {
            Ok(entry) => Some(entry),
            Err(fault) => {
                faults.push(format!("{what}, entry {}, does not hold: it {fault}", proved.index));
                None
            }
        };
        let report = open(&proof.report, "the report");
        let others: Vec<Option<Entry>> =
            proof.made_of.iter().map(|proved| open(proved, "what the report was made of")).collect();
        if let Some(report) = &report {
            faults.extend(belongs(report, &proof.list, &proof.made_of, &others)?);
        }
        if faults.is_empty() && proof.to_bytes()? != bytes {
            faults.push("the file was altered: it is not written as proofs are".to_owned());
        }
        match report {
            Some(report) if faults.is_empty() => {
                Ok(Checked { key: own, size: head.size, report, made_of: others.into_iter().flatten().collect() })
            }
            _ => Err(LedgerError::Refused(faults)),
        }
    }
}

impl Proved {
    fn open(&self, key: &PublicKey, head: Head) -> Result<Entry, String> {
        let entry = Entry::open(self.entry.as_bytes(), key)?;
        if entry.index != self.index {
            return Err(format!("says of itself that it is entry {}", entry.index));
        }
        let path: Option<Vec<Hash>> = self.path.iter().map(|text| hash(text)).collect();
        let path = path.ok_or("has a broken way to the root")?;
        let leaf = record_hash(self.entry.as_bytes());
        check_record(&path, head.size, head.root, self.index, leaf)
            .map_err(|_| "is not in the log that the checkpoint was signed over".to_owned())?;
        Ok(entry)
    }
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok().map(Hash)
}

fn list_digest(report: &Entry) -> &str {
    report.body.get("made_of").and_then(|it| it.as_str()).unwrap_or_default()
}

/// The list of what a report was made of, if it is the one that its statement names.
fn made_of(report: &Entry, list: &str) -> Result<Vec<MadeOf>, LedgerError> {
    if sha256(list.as_bytes()) != list_digest(report) {
        return Err(LedgerError::refused("the list of what the report was made of is not there, or was altered"));
    }
    serde_json::from_str(list)
        .map_err(|error| LedgerError::refused(format!("{} does not say what it was made of: {error}", report.label())))
}

/// The entries beside the report must be those it was made of, each of them, in their order, and of its order.
fn belongs(
    report: &Entry,
    list: &str,
    proved: &[Proved],
    entries: &[Option<Entry>],
) -> Result<Vec<String>, LedgerError> {
    let mut faults = Vec::new();
    let wanted = made_of(report, list)?;
    for it in &wanted {
        let there = proved.iter().find(|proved| proved.index == it.index);
        match there {
            None => faults.push(format!("entry {} ({}) was dropped from the proof", it.index, it.what)),
            Some(proved) if crate::hex(&record_hash(proved.entry.as_bytes()).0) != it.leaf => {
                faults.push(format!("entry {} ({}) is not the one the report was made of", it.index, it.what));
            }
            Some(_) => {}
        }
    }
    for proved in proved {
        if !wanted.iter().any(|it| it.index == proved.index) {
            faults.push(format!("entry {} was put into the proof: the report was not made of it", proved.index));
        }
    }
    let said = report.body.get("order").and_then(|order| order.get("sha256")).and_then(|it| it.as_str());
    let orders = entries.iter().flatten().filter(|entry| entry.kind == "order");
    let digests: Vec<&str> = orders.flat_map(|entry| entry.subject.iter().map(|subject| subject.sha256())).collect();
    match said {
        Some(said) if digests.contains(&said) => {}
        Some(said) => faults.push(format!("the order was swapped: the report answers the order of digest {said}")),
        None => faults.push("the report does not say which order it answers".to_owned()),
    }
    if faults.is_empty() && !wanted.iter().map(|it| it.index).eq(proved.iter().map(|proved| proved.index)) {
        faults.push("the entries in the proof were reordered".to_owned());
    }
    Ok(faults)
}
