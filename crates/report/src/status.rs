//! The status of a removal: what was planned, what each finding is now, and how that is known. Claimed is what a receipt
//! says; validated is what a later look no longer found.

use crate::Known;
use crate::identification::OrderHead;
use jiff::civil::Date;
use ostrakon_identify::Subject;
pub use ostrakon_identify::timeline::State;
use ostrakon_identify::timeline::{Course, courses, open_gaps};
use ostrakon_order::{Order, Policy};
use ostrakon_plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
    /// How many assets are known; none: no list of them was given, so nobody can say whether all were looked at.
    pub known_assets: Option<u64>,
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

/// What a removal says it did on one asset; written by `ostrakon remove`.
#[derive(Debug, Clone, Deserialize)]
pub struct Receipt {
    /// The asset's id.
    pub asset: String,
    /// `finished`, `stopped` or `rolled-back`.
    pub outcome: String,
    /// When it was written, RFC 3339.
    pub at: String,
    /// Its actions.
    pub actions: Vec<ReceiptAction>,
}

/// One action of a receipt.
#[derive(Debug, Clone, Deserialize)]
pub struct ReceiptAction {
    /// The findings it serves.
    pub findings: Vec<String>,
    /// How it ended.
    pub outcome: String,
}

/// What a status report is made of.
pub struct Made<'a> {
    /// The order.
    pub order: &'a Order,
    /// The policy: agency, exceptions, challenges.
    pub policy: &'a Policy,
    /// The plan it is measured against.
    pub plan: Option<&'a Plan>,
    /// Who approved it.
    pub approved_by: Vec<String>,
    /// Looks of all times.
    pub subjects: &'a [Subject],
    /// What became of each finding in them.
    pub courses: &'a [Course],
    /// The known assets.
    pub known: &'a [Known],
    /// What removals say they did.
    pub receipts: &'a [Receipt],
    /// When the next report is due, RFC 3339 date; empty: the order does not say.
    pub next_due: String,
    /// Today.
    pub today: Date,
    /// When the report is made, RFC 3339.
    pub prepared: String,
}

impl Counts {
    fn add(&mut self, state: State) {
        self.total += 1;
        *match state {
            State::Gone => &mut self.gone,
            State::Remnant => &mut self.remnant,
            State::StillThere => &mut self.still_there,
            State::BackAgain => &mut self.back_again,
            State::NotLookedAt => &mut self.not_looked_at,
            State::Excepted => &mut self.excepted,
        } += 1;
    }

    /// Do the parts add up to the total?
    pub fn balance(&self) -> bool {
        self.total == self.gone + self.remnant + self.still_there + self.back_again + self.not_looked_at + self.excepted
    }
}

impl StatusReport {
    /// Makes the report.
    pub fn of(made: Made<'_>) -> Self {
        let about = |course: &Course| made.known.iter().find(|known| known.is(&course.asset, &course.asset_name));
        let claimed = |course: &Course| {
            // The last word of a machine on this finding counts: what was taken back is not claimed.
            let names = |receipt: &&Receipt| {
                receipt.asset == course.asset && receipt.actions.iter().any(|it| it.findings.contains(&course.id))
            };
            let last = made.receipts.iter().filter(names).max_by(|one, other| one.at.cmp(&other.at));
            last.is_some_and(|receipt| {
                let mut own = receipt.actions.iter().filter(|it| it.findings.contains(&course.id));
                receipt.outcome != "rolled-back" && own.all(|it| ["done", "unchanged"].contains(&it.outcome.as_str()))
            })
        };
        let wave = |course: &Course| {
            let asset = made.plan.and_then(|plan| plan.asset(&course.asset));
            asset
                .filter(|asset| asset.findings.iter().any(|finding| finding.id == course.id))
                .map_or(0, |asset| asset.wave)
        };
        let findings: Vec<FindingState> = made
            .courses
            .iter()
            .map(|course| FindingState {
                id: course.id.clone(),
                asset: course.asset.clone(),
                asset_name: course.asset_name.clone(),
                component: about(course).map(|known| known.component.clone()).unwrap_or_default(),
                wave: wave(course),
                product: course.product.clone(),
                title: course.title.clone(),
                state: course.state,
                first_seen: course.first_seen.clone(),
                last_seen: course.last_seen.clone(),
                last_look: course.last_look.clone(),
                claimed: claimed(course),
                note: course.note.clone(),
            })
            .collect();
        let mut report = Self {
            schema: SCHEMA,
            order: OrderHead {
                id: made.order.id.clone(),
                title: made.order.title.clone(),
                issuer: made.order.issuer.clone(),
                issued: made.order.issued.to_string(),
                digest: crate::digest(&made.order.text),
            },
            prepared: made.prepared.clone(),
            tool: format!("ostrakon {}", env!("CARGO_PKG_VERSION")),
            agency: made.policy.planning.agency.name.clone(),
            plan: made.plan.and_then(|plan| Some((plan.generation, plan.digest().ok()?))),
            approved_by: made.approved_by.clone(),
            counts: Counts::default(),
            by_product: BTreeMap::new(),
            by_component: BTreeMap::new(),
            by_wave: BTreeMap::new(),
            burn_down: burn_down(&made),
            claimed: findings.iter().filter(|it| it.claimed).count() as u64,
            validated: findings.iter().filter(|it| it.claimed && it.state == State::Gone).count() as u64,
            exceptions: exceptions(&made),
            recurrence_control: made.policy.planning.recurrence_control.clone(),
            challenges: made.policy.planning.challenges.clone(),
            open_gaps: open_gaps(made.order, made.subjects, made.policy, made.today) as u64,
            known_assets: (!made.known.is_empty()).then_some(made.known.len() as u64),
            never_looked_at: never(&made),
            next_due: made.next_due.clone(),
            findings: Vec::new(),
        };
        for it in &findings {
            report.counts.add(it.state);
            report.by_product.entry(it.title.clone()).or_default().add(it.state);
            report.by_component.entry(it.component.clone()).or_default().add(it.state);
            report.by_wave.entry(it.wave).or_default().add(it.state);
        }
        report.findings = findings;
        report
    }
}

/// How many findings were left on each day somebody looked: those of the latest look at each place by then.
fn burn_down(made: &Made<'_>) -> Vec<(String, u64)> {
    let day = |subject: &Subject| subject.look.started.get(..10).unwrap_or_default().to_owned();
    let days: BTreeSet<String> = made.subjects.iter().map(day).collect();
    let left = |until: &String| {
        let then: Vec<Subject> = made.subjects.iter().filter(|subject| day(subject) <= *until).cloned().collect();
        let open = courses(made.order, &then, made.policy, made.today);
        open.iter().filter(|course| !matches!(course.state, State::Gone | State::Excepted)).count() as u64
    };
    days.iter().map(|until| (until.clone(), left(until))).collect()
}

fn exceptions(made: &Made<'_>) -> Vec<Exception> {
    let list = made.policy.planning.exceptions.iter();
    list.map(|it| Exception {
        covers: it.covers.clone(),
        asset: it.asset.clone(),
        by: it.by.clone(),
        reason: it.because.clone(),
        expires: it.until.to_string(),
    })
    .collect()
}

fn never(made: &Made<'_>) -> Vec<String> {
    let looked = |known: &&Known| made.subjects.iter().any(|it| known.is(&it.look.asset.id, &it.look.asset.name));
    made.known.iter().filter(|known| !looked(known)).map(|known| known.name.clone()).collect()
}
