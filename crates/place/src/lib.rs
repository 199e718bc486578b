//! Places to look, opened read-only: the live host, a folder that holds a root, a bundle of an earlier look.
//!
//! A place with files shows one face, [`Tree`]; [`walk()`] goes over it once, in parallel, never through a link and never
//! over a border (see [`borders`]). Nothing here writes to a place; even the access times stay as they were where the
//! system allows.

pub mod borders;
pub mod bundle;
pub mod container;
pub mod disk;
pub mod folder;
pub mod tree;
pub mod walk;

pub use borders::Borders;
pub use bundle::{BundleReader, BundleWriter};
pub use folder::FolderTree;
pub use tree::{Entry, EntryKind, Fault, File, Folder, Stamp, Tree};
pub use walk::{Visitor, walk};

/// Why a place could not be opened or a bundle not read or written.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The place is not there or not to be opened.
    #[error("cannot look at {place}: {why}")]
    Open {
        /// The place as it was named.
        place: String,
        /// What the system said.
        why: String,
    },
    /// Not a bundle, or one this program does not know.
    #[error("{file} is no bundle this program can read: {why}")]
    Bundle {
        /// The file as it was named.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A bundle could not be written.
    #[error("cannot write {file}: {source}")]
    Write {
        /// The file as it was named.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
}
