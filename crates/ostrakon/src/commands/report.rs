//! `ostrakon report`

use super::{policy, policy_notes};
use crate::args::{Form, Global, ReportIdentification};
use crate::error::CommandError;
use crate::looking::{is_bundle, latest, now, of_bundle};
use crate::{builtin, lockdown, terminal};
use jiff::tz::TimeZone;
use ostrakon_identify::Recogniser;
use ostrakon_identify::identification::identify;
use ostrakon_report::{Conclusion, IdentificationReport, known_assets};

pub(crate) fn identification(global: &Global, args: &ReportIdentification) -> Result<u8, CommandError> {
    let (library, mut orders) = builtin::for_orders(global, std::slice::from_ref(&args.order))?;
    let order = orders.remove(0);
    let policy = policy(args.policy.as_deref())?;
    let known = match &args.assets {
        None => None,
        Some(file) => Some(known_assets(&file.display().to_string(), &builtin::read(file)?)?),
    };
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let lock = lockdown::lock(&args.out.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    if global.verbose || lock.contains("no lock") {
        terminal::say(global, &format!("Reading the bundles: {lock}."));
    }
    let mut subjects = Vec::new();
    for bundle in &args.bundles {
        if !is_bundle(bundle) {
            let help = "reports are made of bundles: sudo ostrakon inventory --out host.ostrakon";
            return Err(CommandError::new(format!("{} is no bundle", bundle.display()), help));
        }
        subjects.push(of_bundle(bundle, &recogniser)?);
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
    Ok(code)
}
