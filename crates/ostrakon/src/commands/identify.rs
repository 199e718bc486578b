//! `ostrakon identify`

use super::{policy, policy_notes, summary};
use crate::args::{Format, Global, Identify};
use crate::error::CommandError;
use crate::looking::{latest, look_at, now};
use crate::{builtin, terminal};
use jiff::tz::TimeZone;
use ostrakon_identify::identification::identify;
use ostrakon_identify::{Answer, Recogniser};
use ostrakon_report::formats;
use std::path::Path;

pub(crate) fn run(global: &Global, args: &Identify) -> Result<u8, CommandError> {
    let started = now();
    let (library, orders) = builtin::for_orders(global, &args.order)?;
    let policy = policy(args.policy.as_deref())?;
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let outputs: Vec<&Path> = args.out.as_deref().into_iter().collect();
    let looks = look_at(global, &args.place, &args.looking, &recogniser, &outputs)?;
    let subjects = looks.into_iter().map(|(subject, _)| subject).collect();
    let subjects = latest(global, subjects);
    let finished = now();
    let today = finished.to_zoned_datetime(TimeZone::system()).date();
    let answers: Vec<_> = orders.iter().map(|order| (order, identify(order, &subjects, &policy, today))).collect();

    policy_notes(global, &policy, &answers, today);

    let (from, to) = (started.to_string(), finished.to_string());
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
