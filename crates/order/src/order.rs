//! An order that holds together: every date read, every name resolved, every rule with its reason.

use crate::clock::{Offset, Start};
use crate::diagnostic::{Code, Diagnostic, Faults};
pub use crate::order_raw::{
    RawBound as Bound, RawClosure as Closure, RawEntity as Entity, RawField as Field, RawMeasure as Measure,
    RawReport as Report, RawSource as Citation, RawThings as Things, RawVendorReply as VendorReply,
    RawWaiver as Waiver,
};
use crate::order_raw::{RawObligation, RawOrder, When};
use crate::scope::{Rule, Scope};
pub use crate::words::{
    Act, Confidence, Decision, Depth, FilledBy, Force, Instrument, Mark, Party, Per, Roll, Status, Verb,
};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::value::Datetime;

/// What an order commands.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name: the file's.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Other names, such as clause numbers.
    pub aliases: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// Where it holds.
    pub jurisdiction: String,
    /// Its legal form.
    pub instrument: Instrument,
    /// How it binds.
    pub force: Force,
    /// What it rests on.
    pub legal_basis: Vec<String>,
    /// The day it was issued.
    pub issued: Date,
    /// The day it took effect.
    pub effective: Date,
    /// Where it is in its life.
    pub status: Status,
    /// Orders it replaced.
    pub supersedes: Vec<String>,
    /// Orders that replaced it.
    pub superseded_by: Vec<String>,
    /// When it ends, in words.
    pub ends: String,
    /// Whether the encoding was checked.
    pub confidence: Confidence,
    /// Who encoded it.
    pub encoded_by: String,
    /// The zone its days are days of.
    pub time_zone: TimeZone,
    /// Whose holidays its business days skip.
    pub calendar: Option<String>,
    /// One paragraph for the person who must act.
    pub summary: String,
    /// What is easily read wrongly.
    pub traps: Vec<String>,
    /// Where its facts are from.
    pub sources: Vec<Citation>,
    /// Its changes.
    pub amendments: Vec<Amendment>,
    /// Who is bound.
    pub bound: Bound,
    /// Whose products.
    pub entities: Vec<Entity>,
    /// Who else counts as the vendor.
    pub closure: Closure,
    /// What the order names.
    pub things: Things,
    /// What that means for findings.
    pub scope: Scope,
    /// What is forbidden.
    pub acts: Vec<ForbiddenAct>,
    /// What must be done.
    pub obligations: Vec<Obligation>,
    /// What must be reported.
    pub reports: Vec<Report>,
    /// Which exceptions there are.
    pub waivers: Vec<Waiver>,
    /// How the vendor may answer.
    pub vendor_reply: Option<VendorReply>,
    /// The file's text, whose digest names the order in reports.
    pub text: String,
}

/// A change of an order.
#[derive(Debug, Clone)]
pub struct Amendment {
    /// From when.
    pub on: Date,
    /// Which item.
    pub item: String,
    /// What it said.
    pub old: String,
    /// What it says.
    pub new: String,
    /// Where that is from.
    pub source: Vec<String>,
}

/// Something an order forbids.
#[derive(Debug, Clone)]
pub struct ForbiddenAct {
    /// What.
    pub what: Act,
    /// From when, as the order writes it.
    pub from: String,
    /// For whom.
    pub binds: Vec<Party>,
    /// What to know about it.
    pub note: String,
    /// Where that is from.
    pub source: Vec<String>,
}

/// One duty with its clock.
#[derive(Debug, Clone)]
pub struct Obligation {
    /// Its name in the order.
    pub id: String,
    /// What kind of act.
    pub verb: Verb,
    /// What must be done.
    pub what: String,
    /// What starts its clock.
    pub trigger: Trigger,
    /// When it must be complete; none: the order sets no end.
    pub complete_by: Option<Start>,
    /// When it must have begun.
    pub begin_by: Option<Start>,
    /// The time of day.
    pub at: Option<Time>,
    /// How it repeats.
    pub repeat: Option<Repeat>,
    /// What a day that is no business day does.
    pub roll: Roll,
    /// The first day this version of the rule holds.
    pub valid_from: Option<Date>,
    /// The last day this version of the rule holds.
    pub valid_to: Option<Date>,
    /// When it does not hold, in words.
    pub unless: String,
    /// Obligations that come first.
    pub after: Vec<String>,
    /// What must hold before it.
    pub precondition: String,
    /// The class of urgency, where the order has classes.
    pub severity: String,
    /// What counts as done.
    pub measure: Option<Measure>,
    /// The report it feeds.
    pub report: Option<String>,
    /// What to know about it.
    pub note: String,
    /// Where that is from.
    pub source: Vec<String>,
}

/// What starts a clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The day of issue.
    Issuance,
    /// The day of effect.
    Effective,
    /// Something the agency records.
    Event(String),
    /// Another obligation's due date, or the day it was done.
    Obligation(String),
}

/// How an obligation repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// How often.
    pub every: Offset,
    /// When first; left out: one interval after the trigger.
    pub first: Option<Start>,
    /// Until when, in words.
    pub until: String,
}

impl Order {
    /// Reads an order file. `file` names it in faults; its stem must be the order's id unless `stem` is `None`.
    pub fn parse(file: &str, stem: Option<&str>, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Faults::of(file, text);
        let Some(raw) = faults.parse::<RawOrder>("docs/orders.md") else { return Err(faults.list) };
        let order = Self::check(raw, stem, text, &mut faults);
        match order {
            Some(order) if faults.list.is_empty() => Ok(order),
            _ => Err(faults.list),
        }
    }

    fn check(raw: RawOrder, stem: Option<&str>, text: &str, faults: &mut Faults<'_>) -> Option<Self> {
        if raw.schema.get_ref() != "ostrakon/order/1" {
            let help = "write schema = \"ostrakon/order/1\"";
            faults.add(Code::Schema, raw.schema.span(), "not an order this program knows", help);
        }
        check_id(&raw.id, faults);
        if let Some(stem) = stem
            && stem != raw.id.get_ref()
        {
            let help = format!("rename the file to {}.toml, or write id = \"{stem}\"", raw.id.get_ref());
            faults.add(Code::Id, raw.id.span(), "the id is not the file's name", help);
        }
        let time_zone = match &raw.time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name.get_ref()).unwrap_or_else(|error| {
                faults.add(Code::Time, name.span(), error.to_string(), "write an IANA name such as America/New_York");
                TimeZone::UTC
            }),
        };
        let issued = date(&raw.issued, faults)?;
        let sources: BTreeSet<&str> = raw.source.iter().map(|source| source.id.as_str()).collect();
        if sources.is_empty() {
            let help = "add a [[source]] with id, url and mark";
            faults.add(Code::Source, raw.id.span(), "an order without a source", help);
        }
        for id in raw.cited() {
            if !sources.contains(id.as_str()) {
                let at = text.find(&format!("\"{id}\"")).map_or(0..0, |at| at..at + id.len() + 2);
                let known = sources.iter().copied().collect::<Vec<_>>().join(", ");
                let help = format!("sources of this order: {known}");
                faults.add(Code::Reference, at, format!("no source is called `{id}`"), help);
            }
        }
        let obligation_ids: BTreeSet<String> = raw.obligation.iter().map(|o| o.id.get_ref().clone()).collect();
        let report_ids: BTreeSet<&str> = raw.report.iter().map(|report| report.id.as_str()).collect();
        let mut obligations = Vec::new();
        let mut seen = BTreeSet::new();
        for obligation in raw.obligation {
            if !seen.insert(obligation.id.get_ref().clone()) {
                let help = "give each version of a rule its own id";
                faults.add(Code::Duplicate, obligation.id.span(), "this obligation is there twice", help);
            }
            if let Some(report) = &obligation.report
                && !report_ids.contains(report.get_ref().as_str())
            {
                let help =
                    format!("reports of this order: {}", report_ids.iter().copied().collect::<Vec<_>>().join(", "));
                faults.add(Code::Reference, report.span(), format!("no report is called `{}`", report.get_ref()), help);
            }
            obligations.extend(check_obligation(obligation, &obligation_ids, faults));
        }
        for report in &raw.report {
            for id in &report.serves {
                if !obligation_ids.contains(id) {
                    let help =
                        format!("obligations: {}", obligation_ids.iter().cloned().collect::<Vec<_>>().join(", "));
                    let at = text.find(&format!("\"{id}\"")).map_or(0..0, |at| at..at + id.len() + 2);
                    faults.add(Code::Reference, at, format!("no obligation is called `{id}`"), help);
                }
            }
        }
        let scope = check_scope(raw.scope, faults);
        let effective = raw.effective.as_ref().and_then(|day| date(day, faults)).unwrap_or(issued);
        let acts = raw
            .act
            .into_iter()
            .map(|act| ForbiddenAct {
                what: act.what,
                from: act.from.as_ref().map(|from| from.get_ref().to_string()).unwrap_or_default(),
                binds: act.binds,
                note: act.note,
                source: act.source,
            })
            .collect();
        let amendments = raw
            .amendment
            .into_iter()
            .filter_map(|change| {
                let on = date(&change.on, faults)?;
                Some(Amendment { on, item: change.item, old: change.old, new: change.new, source: change.source })
            })
            .collect();
        Some(Self {
            id: raw.id.into_inner(),
            title: raw.title,
            aliases: raw.aliases,
            issuer: raw.issuer,
            jurisdiction: raw.jurisdiction,
            instrument: raw.instrument,
            force: raw.force,
            legal_basis: raw.legal_basis,
            issued,
            effective,
            status: raw.status,
            supersedes: raw.supersedes,
            superseded_by: raw.superseded_by,
            ends: raw.ends.map(|ends| ends.into_inner().to_string()).unwrap_or_default(),
            confidence: raw.confidence,
            encoded_by: raw.encoded_by,
            time_zone,
            calendar: raw.calendar.map(Spanned::into_inner),
            summary: raw.summary,
            traps: raw.traps,
            sources: raw.source,
            amendments,
            bound: raw.bound,
            entities: raw.entity,
            closure: raw.closure,
            things: raw.things,
            scope,
            acts,
            obligations,
            reports: raw.report,
            waivers: raw.waiver,
            vendor_reply: raw.vendor_reply,
            text: text.to_owned(),
        })
    }

    /// The report called `id`.
    pub fn report(&self, id: &str) -> Option<&Report> {
        self.reports.iter().find(|report| report.id == id)
    }
}

impl RawOrder {
    /// Every source id the order cites.
    fn cited(&self) -> BTreeSet<String> {
        let lists = [&self.bound.source, &self.closure.source, &self.things.source].into_iter();
        lists
            .chain(self.amendment.iter().map(|it| &it.source))
            .chain(self.entity.iter().map(|it| &it.source))
            .chain(self.things.item.iter().map(|it| &it.source))
            .chain(self.scope.rule.iter().map(|it| &it.source))
            .chain(self.act.iter().map(|it| &it.source))
            .chain(self.obligation.iter().map(|it| &it.source))
            .chain(self.report.iter().map(|it| &it.source))
            .chain(self.waiver.iter().map(|it| &it.source))
            .chain(self.vendor_reply.iter().map(|it| &it.source))
            .flatten()
            .cloned()
            .collect()
    }
}

fn check_scope(raw: crate::order_raw::RawScope, faults: &mut Faults<'_>) -> Scope {
    let mut rules = Vec::new();
    for rule in raw.rule {
        if rule.reason.get_ref().trim().is_empty() {
            let help = "say in a sentence why; the report prints it";
            faults.add(Code::Missing, rule.reason.span(), "a scope rule without a reason", help);
        }
        for product in &rule.products {
            if product.get_ref().split('/').count() != 2 {
                let help = "write \"vendor/product\", or \"vendor/*\" for all of a vendor";
                faults.add(Code::Reference, product.span(), "not the name of a product", help);
            }
        }
        rules.push(Rule {
            decision: rule.decision,
            kinds: rule.kinds,
            presences: rule.presences,
            products: rule.products.into_iter().map(Spanned::into_inner).collect(),
            entities: rule.entities,
            reason: rule.reason.into_inner(),
            source: rule.source,
        });
    }
    Scope {
        dossiers: raw.dossiers.into_iter().map(Spanned::into_inner).collect(),
        depth: raw.depth,
        include_history: raw.include_history,
        rules,
        note: raw.note,
    }
}

fn check_obligation(raw: RawObligation, ids: &BTreeSet<String>, faults: &mut Faults<'_>) -> Option<Obligation> {
    let known = || format!("obligations of this order: {}", ids.iter().cloned().collect::<Vec<_>>().join(", "));
    let trigger = match raw.trigger.get_ref().split_once(':') {
        None if raw.trigger.get_ref() == "issuance" => Trigger::Issuance,
        None if raw.trigger.get_ref() == "effective" => Trigger::Effective,
        Some(("event", name)) if !name.is_empty() => Trigger::Event(name.to_owned()),
        Some(("obligation", id)) if ids.contains(id) => Trigger::Obligation(id.to_owned()),
        Some(("obligation", id)) => {
            faults.add(Code::Reference, raw.trigger.span(), format!("no obligation is called `{id}`"), known());
            return None;
        }
        _ => {
            let help = "write issuance, effective, event:NAME or obligation:ID";
            faults.add(Code::Word, raw.trigger.span(), "not a trigger", help);
            return None;
        }
    };
    for before in &raw.after {
        if !ids.contains(before.get_ref()) {
            faults.add(
                Code::Reference,
                before.span(),
                format!("no obligation is called `{}`", before.get_ref()),
                known(),
            );
        }
    }
    let mut start = |when: &Option<Spanned<When>>| {
        let when = when.as_ref()?;
        let read = Start::parse(&when.get_ref().to_string());
        read.map_err(|help| faults.add(Code::Time, when.span(), "not a time this program can compute", help)).ok()
    };
    let (complete_by, begin_by) = (start(&raw.complete_by), start(&raw.begin_by));
    let first = raw.repeat.as_ref().and_then(|repeat| start(&repeat.first));
    let repeat = raw.repeat.and_then(|repeat| {
        let every = Offset::parse(repeat.every.get_ref());
        let every = every.and_then(|every| {
            if every.count > 0 { Ok(every) } else { Err("an interval of nothing never comes round".to_owned()) }
        });
        let every = every.map_err(|help| faults.add(Code::Time, repeat.every.span(), "not an interval", help)).ok()?;
        Some(Repeat { every, first, until: repeat.until })
    });
    let at = raw.at.and_then(|at| {
        let time = at.get_ref().parse::<Time>();
        let help = "write the hour and minute, such as 12:00";
        time.map_err(|error| faults.add(Code::Time, at.span(), error.to_string(), help)).ok()
    });
    let valid_from = raw.valid_from.as_ref().and_then(|day| date(day, faults));
    let valid_to = raw.valid_to.as_ref().and_then(|day| date(day, faults));
    Some(Obligation {
        id: raw.id.into_inner(),
        verb: raw.verb,
        what: raw.what,
        trigger,
        complete_by,
        begin_by,
        at,
        repeat,
        roll: raw.roll.unwrap_or(Roll::None),
        valid_from,
        valid_to,
        unless: raw.unless,
        after: raw.after.into_iter().map(Spanned::into_inner).collect(),
        precondition: raw.precondition,
        severity: raw.severity,
        measure: raw.measure,
        report: raw.report.map(Spanned::into_inner),
        note: raw.note,
        source: raw.source,
    })
}

/// Ids are lower-case letters, digits and `-`, so that they can be file names, URLs and arguments.
pub(crate) fn check_id(id: &Spanned<String>, faults: &mut Faults<'_>) {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if id.get_ref().is_empty() || !id.get_ref().chars().all(fits) {
        faults.add(Code::Id, id.span(), "not an id", "use lower-case letters, digits and `-`");
    }
}

fn date(at: &Spanned<Datetime>, faults: &mut Faults<'_>) -> Option<Date> {
    let read = at.get_ref().date.and_then(|day| {
        let (year, month, day) = (i16::try_from(day.year), i8::try_from(day.month), i8::try_from(day.day));
        Date::new(year.ok()?, month.ok()?, day.ok()?).ok()
    });
    if read.is_none() {
        faults.add(Code::Time, at.span(), "not a date", "write year-month-day without quotes, such as 2017-09-13");
    }
    read
}
