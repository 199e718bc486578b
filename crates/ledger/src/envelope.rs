//! What an entry is: an in-toto statement (who and what by digest, and what is said of it) in a DSSE envelope.

use crate::key::{PublicKey, SecretKey};
use crate::{LedgerError, canonical};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Type of the statements, as in-toto names it.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type of the payload, as DSSE wants it.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Before the kind in a predicate type.
const PREDICATE: &str = "urn:ostrakon:ledger:";

/// Something an entry speaks of, by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its digests: `sha256` and hex.
    pub digest: std::collections::BTreeMap<String, String>,
}

impl Subject {
    /// A subject with its SHA-256 in hex.
    pub fn of(name: impl Into<String>, sha256: impl Into<String>) -> Self {
        Self { name: name.into(), digest: [("sha256".to_owned(), sha256.into())].into() }
    }

    /// Its SHA-256 in hex.
    pub fn sha256(&self) -> &str {
        self.digest.get("sha256").map_or("", String::as_str)
    }
}

/// What is to become an entry; its index is not known yet.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What kind of entry: `order`, `look`, `plan`, `approval`, `receipt`, `verification`, `exception`, `report`, ...
    pub kind: String,
    /// When it happened, RFC 3339.
    pub at: String,
    /// What it speaks of.
    pub subject: Vec<Subject>,
    /// What it says: an object.
    pub body: Value,
}

/// An entry, as read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the log, from 0, as its signed statement says.
    pub index: u64,
    /// What kind of entry.
    pub kind: String,
    /// When it happened, RFC 3339.
    pub at: String,
    /// What it speaks of.
    pub subject: Vec<Subject>,
    /// What it says.
    pub body: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    index: u64,
    at: String,
    body: Value,
}

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The payload, in base64.
    pub payload: String,
    /// Its type.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Signatures over both.
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Which key: its name and hash.
    pub keyid: String,
    /// The signature, in base64.
    pub sig: String,
}

/// What DSSE signs: type and payload with their lengths, so that one cannot be read as the other.
pub fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

impl Draft {
    /// The bytes of the entry at `index`: a signed envelope in canonical JSON.
    pub(crate) fn seal(self, index: u64, key: &SecretKey) -> Result<Vec<u8>, LedgerError> {
        let statement = Statement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: self.subject,
            predicate_type: format!("{PREDICATE}{}:1", self.kind),
            predicate: Predicate { index, at: self.at, body: self.body },
        };
        let payload = canonical(&statement)?;
        let sig = key.sign(&pre_authentication(PAYLOAD_TYPE, &payload))?;
        canonical(&Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature { keyid: key.public().id(), sig: STANDARD.encode(sig) }],
        })
    }
}

impl Entry {
    /// Reads the bytes of an entry and checks its signature. The error says what is wrong, not which entry it is.
    pub fn open(bytes: &[u8], key: &PublicKey) -> Result<Self, String> {
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| format!("is no envelope ({error})"))?;
        let payload = STANDARD.decode(&envelope.payload).map_err(|error| format!("has a broken payload ({error})"))?;
        let signed = pre_authentication(&envelope.payload_type, &payload);
        let by_key = envelope.signatures.iter().any(|signature| {
            signature.keyid == key.id() && STANDARD.decode(&signature.sig).is_ok_and(|sig| key.verify(&signed, &sig))
        });
        if !by_key {
            return Err(format!("is not signed by {}", key.id()));
        }
        Self::of_payload(&payload)
    }

    /// Reads the bytes of an entry of one's own ledger, whose signatures are checked when the ledger is.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| format!("is no envelope ({error})"))?;
        let payload = STANDARD.decode(&envelope.payload).map_err(|error| format!("has a broken payload ({error})"))?;
        Self::of_payload(&payload)
    }

    fn of_payload(payload: &[u8]) -> Result<Self, String> {
        let statement: Statement =
            serde_json::from_slice(payload).map_err(|error| format!("is no statement ({error})"))?;
        let kind = statement.predicate_type.strip_prefix(PREDICATE).and_then(|rest| rest.strip_suffix(":1"));
        let kind = kind.ok_or_else(|| format!("is of the unknown type {}", statement.predicate_type))?;
        Ok(Self {
            index: statement.predicate.index,
            kind: kind.to_owned(),
            at: statement.predicate.at,
            subject: statement.subject,
            body: statement.predicate.body,
        })
    }

    /// What it is, for messages: `entry 7 (look: pc7)`.
    pub fn label(&self) -> String {
        let name = self.subject.first().map_or("", |subject| subject.name.as_str());
        format!("entry {} ({}: {name})", self.index, self.kind)
    }
}
