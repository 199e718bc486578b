//! Artifacts x indicators -> findings. Pure: it knows no place, no clock and no terminal. It takes artifacts, whether they
//! come from a look, a bundle, or somewhere else.

pub mod evidence;
pub mod explain;
pub mod finding;
pub mod identification;
mod matcher;
pub mod recogniser;
pub mod timeline;

pub use evidence::{Evidence, Hits};
pub use finding::Finding;
pub use identification::{Answer, Coverage, Identification, Subject};
pub use recogniser::Recogniser;

/// Why indicators could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// An indicator whose expression is too large or wrong.
    #[error("indicator {indicator}: {why}")]
    Indicator {
        /// Its name.
        indicator: String,
        /// What is wrong.
        why: String,
    },
}
