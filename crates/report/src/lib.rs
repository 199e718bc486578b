//! What people and programs get: the formats of `identify`, and the reports an issuer asks for.

pub mod assets;
pub mod baseline;
mod chart;
pub mod cyclonedx;
pub mod document;
pub mod formats;
mod html;
pub mod identification;
mod identity;
mod markdown;
pub mod ocsf;
pub mod oscal;
pub mod page;
pub mod page_markdown;
pub mod plan_report;
pub mod sarif;
pub mod status;
mod status_report;
mod style;
pub mod workbook;

pub use assets::{Known, known_assets};
pub use identification::{Conclusion, IdentificationReport};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The list of known assets cannot be read.
    #[error("{file}, line {line}: {why}")]
    Assets {
        /// The file as it was named.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// An earlier answer cannot be read.
    #[error("{file}: {why}")]
    Baseline {
        /// The file as it was named.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// Something could not be written as JSON or CSV.
    #[error("cannot write the result: {0}")]
    Write(String),
}

/// What names a text in reports: `sha256:` and its digest in hex.
pub fn digest(text: &str) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(text.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
