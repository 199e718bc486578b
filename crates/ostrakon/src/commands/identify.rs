//! `ostrakon identify`

use super::{policy, policy_notes, summary};
use crate::args::{Format, Global, Identify, Looking};
use crate::error::CommandError;
use crate::looking::{is_bundle, latest, look_at, now, of_bundle};
use crate::{builtin, terminal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ostrakon_identify::identification::identify;
use ostrakon_identify::{Answer, Recogniser};
use ostrakon_model::Look;
use ostrakon_order::{Order, Policy};
use ostrakon_report::baseline::Baseline;
use ostrakon_report::{cyclonedx, formats, ocsf, sarif};
use std::path::Path;

pub(crate) fn run(global: &Global, args: &Identify) -> Result<u8, CommandError> {
    let started = now();
    if args.baseline.is_some() && args.format != Format::Sarif {
        let help = "leave it out, or ask for --format sarif";
        return Err(CommandError::new("--baseline goes with --format sarif only", help));
    }
    let (library, orders) = builtin::for_orders(global, &args.order)?;
    let policy = policy(args.policy.as_deref())?;
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let looking = Looking { since: args.since.clone(), ..args.looking.clone() };
    let outputs: Vec<&Path> = args.out.as_deref().into_iter().collect();
    let looks = look_at(global, &args.place, &looking, &recogniser, &outputs)?;
    let subjects = looks.into_iter().map(|(subject, _)| subject).collect();
    let subjects = latest(global, subjects);
    let finished = now();
    let today = finished.to_zoned_datetime(TimeZone::system()).date();
    let answers: Vec<_> = orders.iter().map(|order| (order, identify(order, &subjects, &policy, today))).collect();

    policy_notes(global, &policy, &answers, today);

    let (from, to) = (started.to_string(), finished.to_string());
    let baseline = match &args.baseline {
        Some(file) => Some(baseline(file, &orders, &recogniser, &policy, today)?),
        None => None,
    };
    let mut text = String::new();
    match args.format {
        Format::Table => {
            for (order, answer) in &answers {
                text.push_str(&summary::findings(order, answer, global.verbose));
            }
        }
        Format::Json => {
            let mut values: Vec<_> =
                answers.iter().map(|(order, answer)| formats::json(order, answer, &from, &to)).collect();
            let value = if values.len() == 1 { values.remove(0) } else { values.into() };
            text = format!("{value:#}\n");
        }
        Format::Ndjson => {
            for (order, answer) in &answers {
                text.push_str(&formats::ndjson(order, answer, &from, &to));
            }
        }
        Format::Csv => {
            for (at, (order, answer)) in answers.iter().enumerate() {
                let table = formats::csv(order, answer)?;
                // One head for all orders.
                let rows = if at == 0 { table.as_str() } else { table.split_once('\n').map_or("", |(_, rows)| rows) };
                text.push_str(rows);
            }
        }
        Format::Sarif => {
            text = format!("{:#}\n", sarif::sarif(&answers, baseline.as_ref(), &from, &to));
        }
        Format::CycloneDx => {
            text = format!("{:#}\n", cyclonedx::cyclonedx(&answers, recogniser.dossiers(), &from, &to));
        }
        Format::Ocsf => text = ocsf::ocsf(&answers, recogniser.dossiers(), &from, &to),
    }
    terminal::result(args.out.as_deref(), &text)?;
    for (order, answer) in &answers {
        terminal::say(global, &summary::conclusion(order, answer, global.verbose));
    }
    // The strongest word wins: found, then incomplete, then nothing.
    let all: Vec<Answer> = answers.iter().map(|(_, answer)| answer.answer()).collect();
    let worst = [Answer::Found, Answer::Incomplete].into_iter().find(|answer| all.contains(answer));
    Ok(worst.unwrap_or(Answer::NothingFound).exit_code())
}

/// What was answered before: an answer in JSON, or the bundle of an earlier look, asked again.
fn baseline(
    file: &Path,
    orders: &[Order],
    recogniser: &Recogniser,
    policy: &Policy,
    today: Date,
) -> Result<Baseline, CommandError> {
    let baseline = if is_bundle(file) {
        let subject = of_bundle(file, recogniser)?;
        let Look { started, .. } = subject.look.clone();
        let finished = subject.ending.as_ref().map_or_else(|| started.clone(), |ending| ending.finished.clone());
        let subjects = [subject];
        let answers: Vec<_> = orders.iter().map(|order| (order, identify(order, &subjects, policy, today))).collect();
        Baseline::of(&answers, &started, &finished)?
    } else {
        Baseline::read(&file.display().to_string(), &builtin::read(file)?)?
    };
    match orders.iter().find(|order| !baseline.answers(&order.id)) {
        Some(order) => {
            let help = "make it with the same --order";
            Err(CommandError::new(format!("{} holds no answer to {}", file.display(), order.id), help))
        }
        None => Ok(baseline),
    }
}
