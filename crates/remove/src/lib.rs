//! Carries out the approved plan on one machine, and takes it back.
//!
//! Every step is written into a journal, and the journal made durable, before it is taken and after it. Whatever ends the
//! program at whatever point, [`Run::resume`] goes on and [`Run::rollback`] goes back. What is removed is saved first.
//! No text of a plan is ever run: programs and their arguments follow from the type of an action.

mod command;
mod hosts;
pub mod journal;
mod machine;
mod metadata;
mod package;
mod process;
mod restore;
mod root;
pub mod run;
mod service;
pub mod store;

pub use journal::{Event, Journal};
pub use root::Root;
pub use run::{Outcome, Run, Told};

use std::path::{Path, PathBuf};

/// Why a removal could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It may not be done as things are.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// An action did not come to what it should.
    #[error("{action}: {why}")]
    Failed {
        /// The action.
        action: String,
        /// What went wrong.
        why: String,
    },
    /// The journal or a record of saved files is not what was written.
    #[error("{path}: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl RemoveError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}
