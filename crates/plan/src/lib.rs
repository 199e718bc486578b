//! From findings to a plan that can be carried out: [`draft()`] makes it, [`lint()`] refuses what is unsafe, [`Signed`]
//! carries the approvals, and only what was approved becomes an [`Approved`] plan, which is all that removal takes.

pub mod action;
pub mod approval;
pub mod block;
pub mod draft;
pub mod lint;
pub mod plan;
mod steps;

pub use action::{Action, Manager, Need, Step};
pub use approval::{Approved, Approvers, Signed};
pub use draft::{Input, draft};
pub use lint::{Refusal, Rule, lint};
pub use plan::{AssetPlan, Control, Cover, Element, Left, OrderRef, Plan, Planned, SCHEMA, Wave};

/// Why a plan could not be read, changed or approved.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no plan, or of another version.
    #[error("{0}")]
    Malformed(String),
    /// It may not be approved, or carried out, as it is.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// A key or a signature.
    #[error(transparent)]
    Ledger(#[from] ostrakon_ledger::LedgerError),
}
