//! The order as an OSCAL catalog: a control for each obligation and for each forbidden act.

use super::NAMESPACE;
use super::parts::{
    Head, Props, Resource, day_begins, document, flat, line, link, metadata, order_file, prose, token, uuid_of,
};
use crate::digest;
use jiff::civil::Date;
use ostrakon_order::clock::{self, Moment, Start};
use ostrakon_order::order::{Act, Citation, ForbiddenAct, Status, Trigger, Verb};
use ostrakon_order::{Due, Events, Obligation, Order};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The order as an OSCAL catalog. Dates that follow from the order alone are computed; those that wait for an event, or
/// that count business days, are there in words only.
pub fn catalog(order: &Order) -> Value {
    let (file, file_resource) = order_file(order);
    let mut resources = vec![file_resource];
    for source in &order.sources {
        let resource = source_file(order, source);
        if !resources.iter().any(|known| known["uuid"] == resource["uuid"]) {
            resources.push(resource);
        }
    }
    let named = Props::default()
        .own("instrument", order.instrument)
        .own("force", order.force)
        .own("status", order.status)
        .own("jurisdiction", &order.jurisdiction)
        .own("issued", order.issued)
        .own("effective", order.effective)
        .own("ends", &order.ends)
        .own("time-zone", order.time_zone.iana_name().unwrap_or_default())
        .own("calendar", order.calendar.as_deref().unwrap_or_default())
        .own("confidence", order.confidence)
        .own("encoded-by", &order.encoded_by)
        .own("digest", digest(&order.text))
        .each("legal-basis", &order.legal_basis)
        .each("supersedes", &order.supersedes)
        .each("superseded-by", &order.superseded_by);
    let mut head = metadata(
        order,
        Head {
            title: order.title.clone(),
            version: digest(&order.text).trim_start_matches("sha256:").chars().take(12).collect(),
            modified: changed(order),
            props: named,
            links: vec![link(&file, "reference")],
            agency: "",
            approvers: &[],
        },
    );
    let mut ids = vec![json!({"scheme": NAMESPACE, "identifier": flat(&order.id)})];
    for alias in order.aliases.iter().map(|alias| json!({"identifier": flat(alias)})) {
        if !ids.contains(&alias) {
            ids.push(alias);
        }
    }
    head["published"] = day_begins(order, order.issued).into();
    head["document-ids"] = ids.into();
    let dues = dues(order);
    let controls: Vec<Value> = duties(order).iter().map(|duty| duty.control(order, &dues)).collect();
    let overview = format!("{}_ovw", token(&order.id));
    let traps = order.traps.iter().map(|trap| json!({"name": "trap", "ns": NAMESPACE, "prose": prose(trap)}));
    let mut parts = vec![json!({"id": overview, "name": "overview", "prose": prose(&order.summary)})];
    parts.extend(traps);
    let cited = order.sources.iter().map(|source| source.id.as_str()).collect::<Vec<_>>();
    let body = json!({
        "uuid": uuid_of(&["catalog", &order.id]),
        "metadata": head,
        "groups": [{
            "id": token(&order.id),
            "class": "order",
            "title": line(&order.title),
            "props": Props::default().oscal("label", &order.id).list(),
            "links": references(order, &cited),
            "parts": parts,
            "controls": controls,
        }],
        "back-matter": {"resources": resources},
    });
    document("catalog", body)
}

/// When the order last changed, as far as its file says.
pub(super) fn changed(order: &Order) -> String {
    let days = order.amendments.iter().map(|amendment| amendment.on);
    day_begins(order, days.fold(order.issued, Date::max))
}

/// The controls of the order as what an assessment reviewed.
pub(super) fn reviewed(order: &Order) -> Value {
    let control = |duty: &Duty<'_>| json!({"control-id": duty.id, "statement-ids": [duty.statement()]});
    let controls: Vec<Value> = duties(order).iter().map(control).collect();
    json!({"control-selections": [{"include-controls": controls}]})
}

/// The statement that findings count against: what the order says about removing, and where it says nothing, about use.
pub(super) fn target(order: &Order) -> String {
    let duties = duties(order);
    let target = duties.iter().min_by_key(|duty| duty.rank());
    target.map(Duty::statement).unwrap_or_default()
}

/// The day by which the order wants removal done; none: it sets none that can be told from the order alone.
pub(super) fn deadline(order: &Order) -> Option<Date> {
    let duties = duties(order);
    let target = duties.iter().min_by_key(|duty| duty.rank())?;
    let Command::Obligation(obligation) = target.command else { return None };
    if obligation.repeat.is_some() {
        return None;
    }
    dues(order).get(&obligation.id)?.complete.as_ref().map(|moment| moment.day)
}

/// One control of the catalog.
struct Duty<'a> {
    id: String,
    command: Command<'a>,
}

/// What a control comes from.
#[derive(Clone, Copy)]
enum Command<'a> {
    Obligation(&'a Obligation),
    Act(&'a ForbiddenAct),
    /// The order names neither obligations nor acts.
    Whole,
}

/// The controls of the order; at least one.
fn duties(order: &Order) -> Vec<Duty<'_>> {
    let id = |name: &str| token(&format!("{}.{name}", order.id));
    let mut out = Vec::new();
    for obligation in &order.obligations {
        out.push(Duty { id: id(&obligation.id), command: Command::Obligation(obligation) });
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for act in &order.acts {
        let count = counts.entry(act.what.word()).or_default();
        *count += 1;
        let name = match *count {
            1 => format!("act.{}", act.what.word()),
            count => format!("act.{}.{count}", act.what.word()),
        };
        out.push(Duty { id: id(&name), command: Command::Act(act) });
    }
    if out.is_empty() {
        out.push(Duty { id: id("whole"), command: Command::Whole });
    }
    out
}

/// The first date of each obligation that follows from the order alone.
fn dues(order: &Order) -> BTreeMap<String, Due> {
    let all = clock::dates(order, None, order.issued, &Events::default()).unwrap_or_default();
    all.into_iter().map(|due| (due.obligation.clone(), due)).collect()
}

impl Duty<'_> {
    fn statement(&self) -> String {
        format!("{}_smt", self.id)
    }

    /// How near it is to "the product is gone"; 0 is nearest.
    fn rank(&self) -> u8 {
        match self.command {
            Command::Obligation(obligation) => match obligation.verb {
                Verb::Remove | Verb::Dispose | Verb::Disconnect | Verb::Replace if obligation.measure.is_some() => 0,
                Verb::Disconnect => 1,
                Verb::Remove => 2,
                Verb::Dispose => 3,
                Verb::Replace => 4,
                _ => 7,
            },
            Command::Act(act) => match act.what {
                Act::Presence => 5,
                Act::Use => 6,
                _ => 8,
            },
            Command::Whole => 9,
        }
    }

    fn control(&self, order: &Order, dues: &BTreeMap<String, Due>) -> Value {
        match self.command {
            Command::Obligation(obligation) => self.obligation(order, obligation, dues.get(&obligation.id)),
            Command::Act(act) => self.act(order, act),
            Command::Whole => {
                let parts = json!([{"id": self.statement(), "name": "statement", "prose": prose(&order.summary)}]);
                self.value("order", &order.title, status(order, Props::default()), json!([]), parts)
            }
        }
    }

    fn value(&self, class: &str, title: &str, props: Props, links: Value, parts: Value) -> Value {
        json!({
            "id": self.id,
            "class": class,
            "title": line(title),
            "props": props.list(),
            "links": links,
            "parts": parts,
        })
    }

    fn obligation(&self, order: &Order, duty: &Obligation, due: Option<&Due>) -> Value {
        let start = |start: &Option<Start>| start.as_ref().map(words).unwrap_or_default();
        let day = |day: &Option<Date>| day.as_ref().map(Date::to_string).unwrap_or_default();
        let mut props = status(order, Props::default().oscal("label", &duty.id))
            .own("verb", duty.verb)
            .own("trigger", trigger(&duty.trigger))
            .own("begin-by", start(&duty.begin_by))
            .own("complete-by", start(&duty.complete_by))
            .own("at", duty.at.as_ref().map(ToString::to_string).unwrap_or_default())
            .own("roll", duty.roll)
            .own("valid-from", day(&duty.valid_from))
            .own("valid-to", day(&duty.valid_to))
            .own("severity", &duty.severity)
            .own("report", duty.report.as_deref().unwrap_or_default());
        if let Some(repeat) = &duty.repeat {
            props = props.own("repeat-every", repeat.every).own("repeat-first", start(&repeat.first));
            props = props.own("repeat-until", &repeat.until);
        }
        if let Some(due) = due {
            let moment = |moment: &Option<Moment>| moment.as_ref().map(written).unwrap_or_default();
            props = props.own("begins-on", moment(&due.begin));
            let name = if duty.repeat.is_some() { "first-due-on" } else { "due-on" };
            props = props.own(name, moment(&due.complete));
        }
        let item = |kind: &str, text: String| {
            let id = format!("{}.{kind}", self.statement());
            json!({"id": id, "name": "item", "class": kind, "prose": prose(&text)})
        };
        let mut items = Vec::new();
        if !duty.precondition.is_empty() {
            items.push(item("precondition", format!("Before: {}", duty.precondition)));
        }
        if !duty.unless.is_empty() {
            items.push(item("unless", format!("Unless: {}", duty.unless)));
        }
        let statement =
            json!({"id": self.statement(), "name": "statement", "prose": prose(&duty.what), "parts": items});
        let mut parts = vec![statement];
        parts.extend(guidance(&self.id, &duty.note));
        if let Some(measure) = &duty.measure {
            let text = format!("{} {}", measure.target, measure.of);
            let id = format!("{}_obj", self.id);
            parts.push(json!({"id": id, "name": "assessment-objective", "prose": prose(&text)}));
        }
        parts.extend(duty.report.as_deref().and_then(|report| asked(order, report)));
        let mut links = references(order, &duty.source.iter().map(String::as_str).collect::<Vec<_>>());
        for before in &duty.after {
            links.push(link(&token(&format!("{}.{before}", order.id)), "required"));
        }
        self.value(duty.verb.word(), &titled(&duty.id), props, links.into(), parts.into())
    }

    fn act(&self, order: &Order, act: &ForbiddenAct) -> Value {
        let binds: Vec<&str> = act.binds.iter().map(|party| party.word()).collect();
        let mut props = status(order, Props::default().oscal("label", format!("act {}", act.what)))
            .own("act", act.what)
            .own("from", &act.from);
        for party in &binds {
            props = props.own("binds", party);
        }
        let whom = if binds.is_empty() { "everybody bound".to_owned() } else { format!("the {}", binds.join(", ")) };
        let from = if act.from.is_empty() { "the order on".to_owned() } else { act.from.clone() };
        let text = format!("Forbidden to {whom} from {from}: {}.", act.what);
        let statement = json!({"id": self.statement(), "name": "statement", "prose": prose(&text)});
        let mut parts = vec![statement];
        parts.extend(guidance(&self.id, &act.note));
        let links = references(order, &act.source.iter().map(String::as_str).collect::<Vec<_>>());
        let title = format!("Forbidden: {}", act.what);
        self.value("forbidden-act", &title, props, links.into(), parts.into())
    }
}

fn guidance(control: &str, note: &str) -> Option<Value> {
    let part = json!({"id": format!("{control}_gdn"), "name": "guidance", "prose": prose(note)});
    (!note.is_empty()).then_some(part)
}

/// What a report of the order must hold.
fn asked(order: &Order, report: &str) -> Option<Value> {
    let report = order.report(report)?;
    let fields = report.field.iter().map(|field| {
        let props = Props::default()
            .own("key", &field.key)
            .own("filled-by", field.filled_by)
            .own("per", field.per.map(|per| per.to_string()).unwrap_or_default())
            .own("required", if field.required { "yes" } else { "no" })
            .own("condition", &field.condition);
        json!({"name": "report-field", "ns": NAMESPACE, "props": props.list(), "prose": prose(&field.label)})
    });
    let props = Props::default()
        .own("to", &report.to)
        .own("nil-required", if report.nil_required { "yes" } else { "no" })
        .own("rollup", &report.rollup)
        .own("signed-by", report.signature.as_ref().map(|signature| signature.role.as_str()).unwrap_or_default());
    Some(json!({
        "name": "report",
        "ns": NAMESPACE,
        "title": line(&report.title),
        "props": props.list(),
        "parts": fields.collect::<Vec<_>>(),
    }))
}

/// OSCAL's own word where an order no longer holds.
fn status(order: &Order, props: Props) -> Props {
    match order.status {
        Status::Superseded => props.oscal("status", "superseded"),
        Status::Revoked | Status::Retired | Status::Archived => props.oscal("status", "withdrawn"),
        Status::Draft | Status::Active | Status::Amended => props,
    }
}

fn source_names<'a>(order: &'a Order, id: &'a str) -> [&'a str; 4] {
    ["resource", "source", &order.id, id]
}

fn source_file(order: &Order, source: &Citation) -> Value {
    let resource = Resource {
        names: &source_names(order, &source.id),
        title: &source.id,
        description: &source.note,
        kind: "citation",
        href: &source.url,
        digest: "",
    };
    resource.value()
}

fn references(order: &Order, ids: &[&str]) -> Vec<Value> {
    let mut out = Vec::new();
    for id in ids {
        let link = link(&uuid_of(&source_names(order, id)), "reference");
        if !out.contains(&link) {
            out.push(link);
        }
    }
    out
}

fn words(start: &Start) -> String {
    match start {
        Start::After(offset) if offset.count == 0 => "trigger".to_owned(),
        Start::After(offset) => offset.to_string(),
        Start::On(day) => day.to_string(),
        Start::At(at) => at.to_string(),
    }
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Issuance => "issuance".to_owned(),
        Trigger::Effective => "effective".to_owned(),
        Trigger::Event(name) => format!("event:{name}"),
        Trigger::Obligation(id) => format!("obligation:{id}"),
    }
}

fn written(moment: &Moment) -> String {
    match &moment.instant {
        Some(at) => at.timestamp().to_string(),
        None => moment.day.to_string(),
    }
}

/// An id as a title: `begin-removal` is "Begin removal".
fn titled(id: &str) -> String {
    let words = id.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
