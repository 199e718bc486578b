//! `ostrakon verify`

use super::{plan, policy_notes, table};
use crate::args::{ClockFormat, Global, Verify};
use crate::error::CommandError;
use crate::home::Home;
use crate::looking::{latest, look_at, of_bundle};
use crate::recording::{Recorder, Source};
use crate::{builtin, terminal};
use ostrakon_identify::Recogniser;
use ostrakon_identify::identification::identify;
use ostrakon_identify::timeline::{Course, State, courses};
use ostrakon_ledger::{Subject, sha256};
use serde_json::json;

pub(crate) fn run(global: &Global, args: &Verify) -> Result<u8, CommandError> {
    let (library, mut orders) = builtin::for_orders(global, std::slice::from_ref(&args.order))?;
    let order = orders.remove(0);
    let home = Home::of(global)?;
    let policy = plan::policy_of(&home, args.policy.as_deref())?;
    let today = plan::day(None)?;
    let recogniser = Recogniser::of(library.dossiers.into_values().collect())?;
    let mut writes: Vec<&std::path::Path> = args.out.as_deref().into_iter().collect();
    let inside = home.path().join("ledger/checkpoint");
    let records = home.has_ledger();
    if records {
        writes.push(&inside);
    }
    let looks = look_at(global, &args.place, &args.looking, &recogniser, &writes)?;
    let mut earlier = Vec::new();
    for bundle in &args.since {
        earlier.push((of_bundle(bundle, &recogniser)?, Some(bundle.clone())));
    }
    let mut recorder = if records { Some(Recorder::open(global, &home)?) } else { None };
    let mut made_of: Vec<Source> = Vec::new();
    if let Some(recorder) = &mut recorder {
        made_of.push(recorder.order(&order)?);
        for (subject, bundle) in earlier.iter().chain(&looks) {
            if let Some(bundle) = bundle {
                made_of.push(recorder.look(bundle, subject)?);
            }
        }
    }
    let now: Vec<_> = looks.into_iter().map(|(subject, _)| subject).collect();
    let mut all: Vec<_> = earlier.into_iter().map(|(subject, _)| subject).collect();
    all.extend(now.iter().cloned());
    let list = courses(&order, &all, &policy, today);
    let answer = identify(&order, &latest(global, now), &policy, today);
    policy_notes(global, &policy, &[(&order, answer.clone())], today);
    let value = json!({
        "schema": "ostrakon/verification/1", "order": {"id": order.id, "digest": ostrakon_report::digest(&order.text)},
        "complete": answer.coverage.complete, "findings": list,
    });
    let text = match args.format {
        ClockFormat::Json => format!("{value:#}\n"),
        ClockFormat::Table => in_table(&list),
    };
    terminal::result(args.out.as_deref(), &text)?;
    if let Some(recorder) = &mut recorder {
        let bytes = format!("{value:#}\n");
        recorder.ledger().keep(bytes.as_bytes())?;
        let count = |state| list.iter().filter(|course| course.state == state).count();
        let counts: serde_json::Map<_, _> =
            State::ALL.iter().map(|state| (state.word().to_owned(), json!(count(*state)))).collect();
        let body = json!({"order": order.id, "complete": answer.coverage.complete, "counts": counts});
        recorder.append("verification", vec![Subject::of(order.id.as_str(), sha256(bytes.as_bytes()))], body)?;
    }
    let there =
        list.iter().filter(|it| matches!(it.state, State::Remnant | State::StillThere | State::BackAgain)).count();
    let unseen = list.iter().filter(|it| it.state == State::NotLookedAt).count();
    let gone = list.iter().filter(|it| it.state == State::Gone).count();
    // Found now and never before: there is no course to follow, and it is there all the same.
    let counted = answer.counting().filter(|judged| policy_lets_go(&list, &judged.finding.id)).count();
    let gaps = answer.coverage.gaps.iter().filter(|gap| gap.is_open()).count();
    terminal::say(
        global,
        &format!(
            "{gone} of {} finding(s) gone, {there} there, {unseen} not looked at; {gaps} open gap(s).",
            list.len()
        ),
    );
    if there > 0 || counted > 0 {
        terminal::say(global, "What is left needs a follow-up: ostrakon plan draft --parent FILE");
        return Ok(1);
    }
    Ok(if unseen > 0 || !answer.coverage.complete || answer.open().next().is_some() { 3 } else { 0 })
}

fn policy_lets_go(list: &[Course], id: &str) -> bool {
    !list.iter().any(|course| course.id == id && course.state == State::Excepted)
}

fn in_table(list: &[Course]) -> String {
    if list.is_empty() {
        return "No look found anything in scope.\n".to_owned();
    }
    let mut rows =
        table(&["State", "Product", "Asset", "Finding", "Was", "First seen", "Last seen", "How that is known"]);
    for it in list {
        let state = if it.new && it.state == State::StillThere { "new, still there" } else { it.state.word() };
        rows.add_row([
            state.to_owned(),
            terminal::printable(&it.title),
            terminal::printable(&it.asset_name),
            it.id.clone(),
            it.presence.to_string(),
            it.first_seen.clone(),
            it.last_seen.clone(),
            it.note.clone(),
        ]);
    }
    format!("{rows}\n")
}
