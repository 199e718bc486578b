//! The status of a removal: what was planned, what each finding is now, and how that is known. Claimed is what a receipt
//! says; validated is what a later look no longer found.

use crate::identification::OrderHead;
pub use ostrakon_identify::timeline::State;
use serde::Serialize;
use std::collections::BTreeMap;

/// Name of the JSON form.
pub const SCHEMA: &str = "ostrakon/report/status/1";

/// The report as data; every form is a view of it.
#[derive(Debug, Clone, Serialize)]
pub struct StatusReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The order.
    pub order: OrderHead,
    /// When it was made, RFC 3339.
    pub prepared: String,
    /// The program and its version.
    pub tool: String,
    /// The agency's name; empty: still to be filled in.
    pub agency: String,
    /// The plan it is measured against: generation and digest; none: there is no plan.
    pub plan: Option<(u32, String)>,
    /// Who approved the plan.
    pub approved_by: Vec<String>,
    /// All findings by state; they add up to `total`.
    pub counts: Counts,
    /// The same for each product, by title.
    pub by_product: BTreeMap<String, Counts>,
    /// The same for each component; the empty name: not in the list of known assets.
    pub by_component: BTreeMap<String, Counts>,
    /// The same for each wave; 0: in no wave.
    pub by_wave: BTreeMap<u32, Counts>,
    /// How many findings were left on each day somebody looked, `(day, open)`.
    pub burn_down: Vec<(String, u64)>,
    /// How many findings receipts say were removed.
    pub claimed: u64,
    /// How many of those a later look no longer found.
    pub validated: u64,
    /// Each finding.
    pub findings: Vec<FindingState>,
    /// Who is allowed what, and until when.
    pub exceptions: Vec<Exception>,
    /// What keeps new and long-absent machines from bringing the product back.
    pub recurrence_control: String,
    /// What stands in the way.
    pub challenges: String,
    /// Gaps that keep coverage from being complete.
    pub open_gaps: u64,
    /// Known assets that nobody looked at.
    pub never_looked_at: Vec<String>,
    /// When the next report is due, RFC 3339 date; empty: the order does not say.
    pub next_due: String,
}

/// Findings by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// A later look over whole coverage no longer finds it.
    pub gone: u64,
    /// Only remnants are left.
    pub remnant: u64,
    /// It is still there.
    pub still_there: u64,
    /// It had gone and is there again.
    pub back_again: u64,
    /// No later look could have seen it.
    pub not_looked_at: u64,
    /// It may stay: an exception that has not run out covers it.
    pub excepted: u64,
}

/// One finding over time.
#[derive(Debug, Clone, Serialize)]
pub struct FindingState {
    /// Its id.
    pub id: String,
    /// The asset's id.
    pub asset: String,
    /// The asset's name.
    pub asset_name: String,
    /// Its component.
    pub component: String,
    /// Its wave; 0: in none.
    pub wave: u32,
    /// `vendor/product`.
    pub product: String,
    /// The product's title.
    pub title: String,
    /// What it is now.
    pub state: State,
    /// When it was first seen, RFC 3339.
    pub first_seen: String,
    /// When it was last seen, RFC 3339.
    pub last_seen: String,
    /// When the asset was last looked at, RFC 3339.
    pub last_look: String,
    /// Does a receipt say it was removed?
    pub claimed: bool,
    /// What to know about it: why it could not be seen, who excepted it.
    pub note: String,
}

/// Something that may stay, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// The finding's id or the product it covers.
    pub covers: String,
    /// The asset's name; empty: all.
    pub asset: String,
    /// Who granted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The last day it holds, RFC 3339 date.
    pub expires: String,
}
