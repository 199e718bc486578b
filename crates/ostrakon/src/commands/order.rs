//! `ostrakon order`

use super::table;
use crate::args::{Clock, ClockFormat, Global};
use crate::error::CommandError;
use crate::looking::now;
use crate::{builtin, terminal};
use jiff::civil::Date;
use ostrakon_order::clock::{Moment, dates};
use ostrakon_order::{DueState, Events, Order, OrderError};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub(crate) fn list(global: &Global) -> Result<u8, CommandError> {
    let library = builtin::library(global)?;
    let mut rows = table(&["id", "title", "issuer", "issued", "status", "dossiers"]);
    for order in library.orders.values() {
        rows.add_row([
            order.id.clone(),
            order.title.clone(),
            order.issuer.clone(),
            order.issued.to_string(),
            order.status.to_string(),
            order.scope.dossiers.join(", "),
        ]);
    }
    terminal::print(&format!("{rows}\n"))?;
    Ok(0)
}

pub(crate) fn show(global: &Global, id: &str) -> Result<u8, CommandError> {
    let mut library = builtin::library(global)?;
    let order = builtin::order(&mut library, id)?;
    terminal::print(&shown(&order))?;
    Ok(0)
}

fn shown(order: &Order) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_order(&mut out, order);
    out
}

fn write_order(out: &mut String, order: &Order) -> std::fmt::Result {
    writeln!(out, "{} ({})", order.title, order.id)?;
    writeln!(out, "{}; {}, {}, {}", order.issuer, order.instrument, order.force, order.status)?;
    writeln!(out, "issued {}, effective {}, {}", order.issued, order.effective, ostrakon_report::digest(&order.text))?;
    writeln!(out, "\n{}", order.summary)?;
    writeln!(out, "\nScope (the first rule that fits decides; what no rule takes is out)")?;
    for rule in &order.scope.rules {
        let mut what: Vec<String> = rule.products.clone();
        what.extend(rule.kinds.iter().map(|kind| format!("kind {kind}")));
        what.extend(rule.presences.iter().map(|presence| format!("presence {presence}")));
        what.extend(rule.entities.iter().map(|entity| format!("entity {entity}")));
        let what = if what.is_empty() { "everything else".to_owned() } else { what.join(", ") };
        writeln!(out, "  {:3} {what}: {}", rule.decision.word(), rule.reason)?;
    }
    writeln!(out, "\nObligations")?;
    for duty in &order.obligations {
        writeln!(out, "  {} ({}): {}", duty.id, duty.verb, duty.what)?;
        if !duty.unless.is_empty() {
            writeln!(out, "      unless {}", duty.unless)?;
        }
    }
    writeln!(out, "\nReports")?;
    for report in &order.reports {
        let nil = if report.nil_required { ", also when nothing is found" } else { "" };
        writeln!(out, "  {} to {}{nil}: {} field(s)", report.title, report.to, report.field.len())?;
    }
    if !order.traps.is_empty() {
        writeln!(out, "\nEasily read wrongly")?;
        order.traps.iter().try_for_each(|trap| writeln!(out, "  - {trap}"))?;
    }
    writeln!(out, "\nSources")?;
    order.sources.iter().try_for_each(|source| writeln!(out, "  {}: {}", source.id, source.url))
}

pub(crate) fn check(global: &Global, files: &[PathBuf], schema: bool) -> Result<u8, CommandError> {
    if schema {
        terminal::print(&format!("{:#}\n", ostrakon_order::order_schema().to_value()))?;
        return Ok(0);
    }
    let mut faults = Vec::new();
    for file in files {
        let text = builtin::read(file)?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        match Order::parse(&file.display().to_string(), stem.as_deref(), &text) {
            Ok(order) => check_whole(global, file, &order)?,
            Err(mut list) => faults.append(&mut list),
        }
    }
    if faults.is_empty() { Ok(0) } else { Err(OrderError::Invalid(faults).into()) }
}

/// What a file alone cannot show: that its dossiers and calendar are there, and that its clock runs.
fn check_whole(global: &Global, file: &Path, order: &Order) -> Result<(), CommandError> {
    let mut library = builtin::library(global)?;
    library.orders.insert(order.id.clone(), order.clone());
    let dossiers = library.dossiers_of(order)?;
    let calendar = library.calendar_of(order)?;
    let mut events = Events::default();
    for duty in &order.obligations {
        if let ostrakon_order::order::Trigger::Event(name) = &duty.trigger {
            events.happened.insert(name.clone(), Moment { day: order.issued, instant: None });
        }
    }
    dates(order, calendar, order.issued, &events)?;
    let text = format!(
        "{}: whole. {} obligation(s), {} scope rule(s), {} dossier(s).",
        file.display(),
        order.obligations.len(),
        order.scope.rules.len(),
        dossiers.len()
    );
    terminal::say(global, &text);
    Ok(())
}

pub(crate) fn clock(global: &Global, args: &Clock) -> Result<u8, CommandError> {
    let mut library = builtin::library(global)?;
    let order = builtin::order(&mut library, &args.order)?;
    let today = match &args.today {
        None => now().to_zoned_datetime(order.time_zone.clone()).date(),
        Some(day) => day.parse::<Date>().map_err(|_| {
            CommandError::new(format!("`{day}` is no day"), "write year-month-day, such as --today 2017-10-01")
        })?,
    };
    let mut events = Events::default();
    for (given, into) in [(&args.event, true), (&args.done, false)] {
        for pair in given {
            let (name, at) = pair.split_once('=').ok_or_else(|| {
                CommandError::new(format!("`{pair}` has no day"), "write NAME=DATE, such as identified=2024-03-01")
            })?;
            known(&order, name, into)?;
            let moment = Moment::parse(at, &order.time_zone)?;
            if into { &mut events.happened } else { &mut events.done }.insert(name.to_owned(), moment);
        }
    }
    let list = dates(&order, library.calendar_of(&order)?, today, &events)?;
    if args.format == ClockFormat::Json {
        let rows: Vec<_> = list
            .iter()
            .map(|due| {
                let moment = |it: &Option<Moment>| {
                    it.as_ref().map(|it| {
                        it.instant.as_ref().map_or_else(|| it.day.to_string(), |at| at.timestamp().to_string())
                    })
                };
                json!({"obligation": due.obligation, "occurrence": due.occurrence, "begin_by": moment(&due.begin),
                       "complete_by": moment(&due.complete), "state": due.state.to_string(), "note": due.note})
            })
            .collect();
        terminal::print(&format!("{:#}\n", serde_json::Value::from(rows)))?;
        return Ok(0);
    }
    let mut rows = table(&["obligation", "what", "begin by", "complete by", "state"]);
    for due in &list {
        let duty = order.obligations.iter().find(|duty| duty.id == due.obligation);
        let name = if due.occurrence > 1 {
            format!("{} no. {}", due.obligation, due.occurrence)
        } else {
            due.obligation.clone()
        };
        let note = if due.note.is_empty() { String::new() } else { format!("\n({})", due.note) };
        let moment = |it: &Option<Moment>| it.as_ref().map(Moment::to_string).unwrap_or_default();
        rows.add_row([
            name,
            duty.map(|duty| format!("{}{note}", duty.what)).unwrap_or_default(),
            moment(&due.begin),
            moment(&due.complete),
            due.state.to_string(),
        ]);
    }
    terminal::print(&format!("{} ({}), asked on {today} {}\n{rows}\n", order.title, order.id, today.strftime("%A")))?;
    let late = list.iter().filter(|due| matches!(due.state, DueState::Late(_))).count();
    if late > 0 {
        terminal::say(global, &format!("{late} obligation(s) late unless done; say --done ID=DATE for what is done."));
    }
    Ok(0)
}

fn known(order: &Order, name: &str, event: bool) -> Result<(), CommandError> {
    use ostrakon_order::order::Trigger;
    let list: Vec<&str> = if event {
        let names = order.obligations.iter().filter_map(|duty| match &duty.trigger {
            Trigger::Event(name) => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    } else {
        order.obligations.iter().map(|duty| duty.id.as_str()).collect()
    };
    if list.contains(&name) {
        return Ok(());
    }
    let kind = if event { "event" } else { "obligation" };
    let mut unique = list;
    unique.sort_unstable();
    unique.dedup();
    let known = if unique.is_empty() { "it has none".to_owned() } else { format!("known are {}", unique.join(", ")) };
    Err(CommandError::new(format!("order `{}` knows no {kind} `{name}`", order.id), known))
}
