//! What is in a place: one module per kind of artifact, listed in `collectors`, and the one pass that feeds them all.
//!
//! A collector says which files it wants by name, ending, folder or first bytes; [`look()`] walks the place once, opens each
//! file once, and hands it to those who want it. Whatever could not be read becomes a gap that says what it could hide.

mod again;
mod ahead;
pub mod collector;
mod collectors;
pub mod disks;
mod earlier;
mod hive;
pub mod image;
mod json;
mod library;
pub mod look;
mod mark_search;
pub mod marks;
mod nested;
mod npm_spec;
mod owners;
mod reading;
mod requirement;
mod router;
mod sbom;
mod sections;
mod signature;
mod sqlite;
mod toml_text;
mod trace;
mod windows_path;
mod worker;
mod yaml;

pub use collector::{Collector, Context, Examined, Interest, Meta, Out, Outcome, Seen};
pub use collectors::{COLLECTORS, methods};
pub use disks::volumes;
pub use earlier::Earlier;
pub use image::Image;
pub use look::{Looked, Place, Sink, look, look_at_file, look_at_host};
pub use marks::Marks;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
