//! Orders and dossiers: the files people write, read in two types (raw with spans, then valid), with errors that point at
//! the line and say what is allowed; and the clock that turns an order's obligations into dates.

pub mod calendar;
pub mod clock;
pub mod diagnostic;
pub mod dossier;
mod dossier_raw;
pub mod library;
pub mod order;
mod order_raw;
pub mod pattern;
pub mod planning;
pub mod policy;
pub mod scope;
mod words;

pub use calendar::Calendar;
pub use clock::{Due, DueState, Events};
pub use diagnostic::{Code, Diagnostic};
pub use dossier::{Dossier, Indicator, Lookalike, Product};
pub use library::{Library, Source};
pub use order::{Obligation, Order};
pub use policy::Policy;
pub use scope::{Scope, Verdict};

/// Why orders and dossiers could not be used.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// One or more faults in files people wrote.
    #[error("{} fault(s) in {}", .0.len(), faulty_files(.0))]
    Invalid(Vec<Diagnostic>),
    /// No order of that name.
    #[error("no order is called `{id}`; known are {known}")]
    UnknownOrder {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// No dossier of that name.
    #[error("no dossier is called `{id}`; known are {known}")]
    UnknownDossier {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// A date, an event or an offset that cannot be computed.
    #[error("{0}")]
    Clock(String),
}

fn faulty_files(faults: &[Diagnostic]) -> String {
    let files: std::collections::BTreeSet<_> = faults.iter().map(|fault| fault.file.as_str()).collect();
    files.into_iter().collect::<Vec<_>>().join(", ")
}

/// The JSON Schema of an order file.
pub fn order_schema() -> schemars::Schema {
    schemars::schema_for!(order_raw::RawOrder)
}

/// The JSON Schema of one file of a dossier folder.
pub fn dossier_schema() -> schemars::Schema {
    schemars::schema_for!(dossier_raw::RawDossier)
}
