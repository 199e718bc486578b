//! `ostrakon report`

use super::{policy, policy_notes};
use crate::args::{Form, Global, ReportIdentification, ReportPlan};
use crate::error::CommandError;
use crate::home::Home;
use crate::looking::{is_bundle, latest, now, of_bundle};
use crate::recording::{Recorder, Source};
use crate::{builtin, lockdown, terminal};
use jiff::tz::TimeZone;
use ostrakon_identify::Recogniser;
use ostrakon_identify::identification::identify;
use ostrakon_report::{Conclusion, IdentificationReport, known_assets};
use serde_json::json;

pub(crate) fn identification(global: &Global, args: &ReportIdentification) -> Result<u8, CommandError> {
    let (library, mut orders) = builtin::for_orders(global, std::slice::from_ref(&args.order))?;
    let order = orders.remove(0);
    let policy = policy(args.policy.as_deref())?;
    let known = match &args.assets {
        None => None,
        Some(file) => Some(known_assets(&file.display().to_string(), &builtin::read(file)?)?),
    };
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let home = Home::of(global)?;
    // Recorded where there is a ledger: whoever only asks for a report need not keep one.
    let records = home.has_ledger();
    let inside = home.path().join("ledger/checkpoint");
    let mut writes: Vec<&std::path::Path> = args.out.as_deref().into_iter().collect();
    writes.extend(records.then_some(inside.as_path()));
    let lock = lockdown::lock(&writes);
    let mut recorder = if records { Some(Recorder::open(global, &home)?) } else { None };
    let mut made_of: Vec<Source> = Vec::new();
    if let Some(recorder) = &mut recorder {
        made_of.push(recorder.order(&order)?);
    }
    if global.verbose || lock.contains("no lock") {
        terminal::say(global, &format!("Reading the bundles: {lock}."));
    }
    let mut subjects = Vec::new();
    for bundle in &args.bundles {
        if !is_bundle(bundle) {
            let help = "reports are made of bundles: sudo ostrakon inventory --out host.ostrakon";
            return Err(CommandError::new(format!("{} is no bundle", bundle.display()), help));
        }
        let subject = of_bundle(bundle, &recogniser)?;
        if let Some(recorder) = &mut recorder {
            made_of.push(recorder.look(bundle, &subject)?);
        }
        subjects.push(subject);
    }
    let subjects = latest(global, subjects);
    let now = now();
    let today = now.to_zoned_datetime(TimeZone::system()).date();
    let answer = identify(&order, &subjects, &policy, today);
    policy_notes(global, &policy, &[(&order, answer.clone())], today);
    let report = IdentificationReport::of(&order, &answer, &subjects, known.as_deref(), &now.to_string());
    let text = match args.form {
        Form::Html => report.html(),
        Form::Md => report.markdown(),
        Form::Json => {
            let json = serde_json::to_string_pretty(&report);
            json.map_err(|error| CommandError::new(error.to_string(), ""))? + "\n"
        }
    };
    terminal::result(args.out.as_deref(), &text)?;
    let (words, code) = match &report.conclusion {
        Conclusion::Nil { statement } => (format!("Nil report: {statement}"), 0),
        Conclusion::Found { statement, .. } => (statement.clone(), 1),
        Conclusion::Refused { statement, reasons } => (format!("{statement}\n- {}", reasons.join("\n- ")), 3),
    };
    terminal::say(global, &words);
    if let Some(recorder) = &mut recorder {
        made_of.sort_by_key(|source| source.at.index);
        made_of.dedup_by_key(|source| source.at.index);
        let claim = json!({
            "conclusion": words, "findings that count": answer.counting().count(),
            "endpoints looked at": subjects.iter().map(|it| &it.look.asset.id).collect::<std::collections::BTreeSet<_>>().len(),
            "coverage complete": answer.coverage.complete,
            "open gaps": answer.coverage.gaps.iter().filter(|gap| gap.is_open()).count(),
            "files met": answer.coverage.files, "method": super::status::methods(&subjects),
        });
        let name = format!("identification of {}", order.id);
        let source = recorder.report(&name, text.as_bytes(), &order, claim, &made_of)?;
        terminal::say(global, &format!("Recorded as {}.", source.what));
    }
    Ok(code)
}

pub(crate) fn plan(global: &Global, args: &ReportPlan) -> Result<u8, CommandError> {
    let signed = super::plan::read(&args.plan)?;
    let (_, mut orders) = builtin::for_orders(global, std::slice::from_ref(&signed.plan.order.id))?;
    let order = orders.remove(0);
    let home = Home::of(global)?;
    let policy = super::plan::policy_of(&home, args.policy.as_deref())?;
    let prepared = now().to_string();
    let (by, _) = signed.approved_by(&home.approvers(&policy)?)?;
    let document = ostrakon_report::plan_report::document(&signed.plan, &prepared, &signed.plan.digest()?, &by);
    let files = || ostrakon_report::oscal::of_plan(&order, &signed.plan, &prepared);
    let bytes = super::status::written(args.form, args.out.as_deref(), &document, &signed.plan, &files)?;
    let mut recorder = Recorder::open(global, &home)?;
    let source = super::status::record_plan(&mut recorder, &order, &signed, &bytes)?;
    let open = signed.plan.open_elements().filter(|element| element.required).count();
    terminal::say(global, &format!("{open} element(s) are open. Recorded as {}.", source.what));
    Ok(0)
}
