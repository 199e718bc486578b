//! The words of Ostrakon as types. No I/O, no clock, no terminal: what a place yields (artifacts, gaps, exclusions), what
//! an order asks (presence, product kind, grade) and how a look is written down (records).

pub mod artifact;
pub mod coverage;
pub mod locator;
pub mod record;
pub mod vocabulary;
pub mod words;

pub use artifact::{Artifact, ArtifactKind, Attribute};
pub use coverage::{Excluded, Exclusion, Gap, GapReason};
pub use locator::Locator;
pub use record::{
    Asset, AssetKind, Ending, FileDigest, KnownName, Listing, Look, Method, MethodState, Name, Owner, Record, Stamps,
};
pub use words::{Grade, Presence, Presences, ProductKind};

/// A name in the vocabulary that does not exist, or a word outside its list.
#[derive(Debug, thiserror::Error)]
pub enum WordError {
    /// An attribute the vocabulary does not have.
    #[error("no attribute is called `{0}`; `ostrakon dossier attributes` lists them")]
    Attribute(String),
}
