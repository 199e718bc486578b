//! `ostrakon report status`

use super::{plan, policy_notes};
use crate::args::{Global, ReportForm, ReportStatus};
use crate::error::CommandError;
use crate::home::Home;
use crate::looking::{is_bundle, now, of_bundle};
use crate::recording::{Recorder, Source};
use crate::{builtin, lockdown, terminal};
use jiff::tz::TimeZone;
use ostrakon_identify::timeline::courses;
use ostrakon_identify::{Recogniser, Subject};
use ostrakon_order::Order;
use ostrakon_order::clock::{Events, dates};
use ostrakon_report::document::Document;
use ostrakon_report::status::{Made, Receipt, StatusReport};
use ostrakon_report::{known_assets, oscal, page, page_markdown, workbook};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub(crate) fn run(global: &Global, args: &ReportStatus) -> Result<u8, CommandError> {
    let (library, mut orders) = builtin::for_orders(global, std::slice::from_ref(&args.order))?;
    let order = orders.remove(0);
    let home = Home::of(global)?;
    let policy = plan::policy_of(&home, args.policy.as_deref())?;
    let today = plan::day(None)?;
    let known = match &args.assets {
        None => Vec::new(),
        Some(file) => known_assets(&file.display().to_string(), &builtin::read(file)?)?,
    };
    let due = dates(&order, library.calendar_of(&order)?, today, &Events::default())?;
    let repeats =
        order.obligations.iter().filter(|it| it.repeat.is_some()).map(|it| it.id.as_str()).collect::<Vec<_>>();
    let next_due =
        due.iter().filter(|it| repeats.contains(&it.obligation.as_str())).filter_map(|it| it.complete.as_ref());
    let next_due = next_due
        .map(|moment| moment.day)
        .filter(|day| *day >= today)
        .min()
        .map(|day| day.to_string())
        .unwrap_or_default();
    let signed = args.plan.as_deref().map(plan::read).transpose()?;
    if let Some(signed) = &signed
        && signed.plan.order.id != order.id
    {
        let message = format!("the plan is for {}, and the report for {}", signed.plan.order.id, order.id);
        return Err(CommandError::new(message, "give the plan of this order"));
    }
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    home.ledger(global)?;
    let (inside, folder) = (home.path().join("ledger/checkpoint"), args.out.as_deref().map(|out| out.join("x")));
    if args.form == ReportForm::Oscal {
        make_folder(args.out.as_deref())?;
    }
    let out: Option<&Path> = if args.form == ReportForm::Oscal { folder.as_deref() } else { args.out.as_deref() };
    let writes: Vec<&Path> = out.into_iter().chain([inside.as_path()]).collect();
    lockdown::lock(&writes);
    let mut recorder = Recorder::open(global, &home)?;
    let mut made_of: Vec<Source> = vec![recorder.order(&order)?];
    let mut subjects: Vec<Subject> = Vec::new();
    for bundle in &args.bundles {
        if !is_bundle(bundle) {
            let help = "reports are made of bundles: sudo ostrakon inventory --out host.ostrakon";
            return Err(CommandError::new(format!("{} is no bundle", bundle.display()), help));
        }
        let subject = of_bundle(bundle, &recogniser)?;
        made_of.push(recorder.look(bundle, &subject)?);
        subjects.push(subject);
    }
    let mut approved_by = Vec::new();
    if let Some(signed) = &signed {
        made_of.push(recorder.plan(signed)?);
        let digest = signed.plan.digest()?;
        for kind in ["approval", "receipt", "verification"] {
            made_of.extend(recorder.of_plan(kind, &digest));
        }
        approved_by = signed.approved_by(&home.approvers(&policy)?)?.0;
    }
    made_of.sort_by_key(|source| source.at.index);
    made_of.dedup_by_key(|source| source.at.index);
    let receipts = receipts(&home, &args.receipt)?;
    let list = courses(&order, &subjects, &policy, today);
    let now_looked = crate::looking::latest_quietly(subjects.clone());
    let answer = ostrakon_identify::identification::identify(&order, &now_looked, &policy, today);
    let waiting = answer.open().count();
    let cut_off = now_looked.iter().filter(|subject| subject.ending.is_none()).count();
    policy_notes(global, &policy, &[(&order, answer)], today);
    let report = StatusReport::of(Made {
        order: &order,
        policy: &policy,
        plan: signed.as_ref().map(|signed| &signed.plan),
        approved_by,
        subjects: &subjects,
        courses: &list,
        known: &known,
        receipts: &receipts,
        next_due,
        today,
        prepared: now().to_zoned_datetime(TimeZone::UTC).timestamp().to_string(),
    });
    let files = || oscal::of_status(&order, &report);
    let bytes = written(args.form, args.out.as_deref(), &report.document(), &report, &files)?;
    let claim = json!({
        "total": report.counts.total, "gone": report.counts.gone, "remnant": report.counts.remnant,
        "still there": report.counts.still_there, "back again": report.counts.back_again,
        "not looked at": report.counts.not_looked_at, "excepted": report.counts.excepted,
        "claimed": report.claimed, "validated": report.validated, "open gaps": report.open_gaps,
        "endpoints looked at": subjects.iter().map(|subject| &subject.look.asset.id).collect::<std::collections::BTreeSet<_>>().len(),
        "method": methods(&subjects),
    });
    let source = recorder.report(&format!("status of {}", order.id), &bytes, &order, claim, &made_of)?;
    let counts = &report.counts;
    terminal::say(
        global,
        &format!(
            "{} of {} finding(s) gone, {} of {} claimed removals validated. Recorded as {}.",
            counts.gone, counts.total, report.validated, report.claimed, source.what
        ),
    );
    if counts.gone + counts.excepted < counts.total {
        return Ok(1);
    }
    let whole = report.open_gaps == 0 && report.never_looked_at.is_empty() && waiting == 0 && cut_off == 0;
    Ok(if whole { 0 } else { 3 })
}

/// How was looked, for a claim: collectors and versions.
pub(crate) fn methods(subjects: &[Subject]) -> Vec<String> {
    let mut list: Vec<String> = subjects
        .iter()
        .flat_map(|subject| &subject.look.methods)
        .filter(|method| method.state == ostrakon_model::MethodState::Used)
        .map(|method| format!("{} {}", method.collector, method.version))
        .collect();
    list.sort();
    list.dedup();
    list
}

fn make_folder(out: Option<&Path>) -> Result<(), CommandError> {
    let Some(folder) = out else {
        return Err(CommandError::new("OSCAL is several files", "name a folder for them with --out DIR"));
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        CommandError::new(format!("cannot make {}: {error}", folder.display()), "name another folder with --out")
    })
}

/// Writes a report in its form; returns the bytes that are recorded.
pub(crate) fn written(
    form: ReportForm,
    out: Option<&Path>,
    document: &Document,
    data: &impl serde::Serialize,
    files: &dyn Fn() -> Vec<(&'static str, Value)>,
) -> Result<Vec<u8>, CommandError> {
    let text = match form {
        ReportForm::Html => page::html(document),
        ReportForm::Md => page_markdown::markdown(document),
        ReportForm::Json => {
            serde_json::to_string_pretty(data).map_err(|error| CommandError::new(error.to_string(), ""))? + "\n"
        }
        ReportForm::Xlsx => {
            let bytes = workbook::xlsx(document)?;
            terminal::result_bytes(out, &bytes)?;
            return Ok(bytes);
        }
        ReportForm::Oscal => {
            make_folder(out)?;
            let folder = out.unwrap_or(Path::new("."));
            let mut main = Vec::new();
            for (name, value) in files() {
                let text = format!("{value:#}\n");
                terminal::result(Some(&folder.join(name)), &text)?;
                // What is proved is the file that says how things stand.
                if name == oscal::POAM {
                    main = text.into_bytes();
                }
            }
            return Ok(main);
        }
    };
    terminal::result(out, &text)?;
    Ok(text.into_bytes())
}

/// The receipts in the home and those named.
fn receipts(home: &Home, named: &[PathBuf]) -> Result<Vec<Receipt>, CommandError> {
    let own = std::fs::read_dir(home.path().join("receipts")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = own.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    files.sort();
    files.extend(named.iter().cloned());
    let mut list = Vec::new();
    for file in files {
        let receipt: Receipt = serde_json::from_str(&builtin::read(&file)?).map_err(|error| {
            CommandError::new(
                format!("{}: not a receipt: {error}", file.display()),
                "receipts are written by `ostrakon remove`",
            )
        })?;
        list.push(receipt);
    }
    Ok(list)
}

/// `ostrakon report plan`: what is recorded of it.
pub(crate) fn record_plan(
    recorder: &mut Recorder,
    order: &Order,
    signed: &ostrakon_plan::Signed,
    bytes: &[u8],
) -> Result<Source, CommandError> {
    let mut made_of = vec![recorder.order(order)?, recorder.plan(signed)?];
    made_of.extend(recorder.of_plan("approval", &signed.plan.digest()?));
    made_of.sort_by_key(|source| source.at.index);
    made_of.dedup_by_key(|source| source.at.index);
    let plan = &signed.plan;
    let claim = json!({
        "generation": plan.generation, "endpoints": plan.assets.len(), "findings": plan.findings().count(),
        "open elements": plan.open_elements().map(|element| element.key.clone()).collect::<Vec<_>>(),
    });
    recorder.report(&format!("plan of {}", order.id), bytes, order, claim, &made_of)
}
