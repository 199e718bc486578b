//! What is in a place: one module per kind of artifact, listed in [`registry`], and the one pass that feeds them all.
//!
//! A collector says which files it wants by name, ending, folder or first bytes; [`look()`] walks the place once, opens each
//! file once, and hands it to those who want it. Whatever could not be read becomes a gap that says what it could hide.

pub mod collector;
mod collectors;
pub mod look;
pub mod marks;
mod owners;
mod reading;
pub mod registry;
mod router;
mod sqlite;

pub use collector::{Collector, Context, Examined, Interest, Meta, Out, Outcome, Seen};
pub use look::{Looked, Place, Sink, look, look_at_host};
pub use marks::Marks;
pub use registry::{COLLECTORS, methods};

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
