//! The ledger: an append-only Merkle log of what was done. Entries are in-toto statements in DSSE envelopes; leaves and
//! nodes are hashed as RFC 6962 says; files lie as C2SP's tlog-tiles says, so that any such client can read them; the
//! checkpoint is a C2SP signed note. Nothing here needs a clock, a network or a home: all is passed in.

pub mod envelope;
pub mod key;
pub mod log;
pub mod proof;
mod tiles;
pub mod verify;

pub use envelope::{Draft, Entry, Envelope, Subject};
pub use key::{PublicKey, SecretKey};
pub use log::{Appended, Ledger};
pub use proof::{Checked, Proof};
pub use verify::{Report, verify};

use std::path::{Path, PathBuf};

/// Why something could not be done with a ledger, a key or a proof.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something does not have the form it should.
    #[error("{0}")]
    Malformed(String),
    /// A proof, a ledger or a signature does not hold. Each fault says which entry.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
}

impl LedgerError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }

    fn refused(fault: impl Into<String>) -> Self {
        Self::Refused(vec![fault.into()])
    }
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex(&sha2::Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The canonical JSON of RFC 8785: the same value has the same bytes everywhere.
pub fn canonical(value: &impl serde::Serialize) -> Result<Vec<u8>, LedgerError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| LedgerError::Malformed(error.to_string()))
}
