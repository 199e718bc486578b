//! `ostrakon plan`

use super::{policy, policy_notes, table};
use crate::args::{Form, Global, PlanApprove, PlanDraft, PlanEdit};
use crate::error::CommandError;
use crate::home::Home;
use crate::looking::{latest, look_at, now};
use crate::recording::Recorder;
use crate::{builtin, terminal};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ostrakon_identify::Recogniser;
use ostrakon_identify::identification::identify;
use ostrakon_ledger::sha256;
use ostrakon_model::Asset;
use ostrakon_order::clock::{Events, dates};
use ostrakon_order::order::Verb;
use ostrakon_order::{Library, Order, Policy};
use ostrakon_plan::draft::About;
use ostrakon_plan::{Cover, Input, Plan, Signed, lint};
use ostrakon_report::{known_assets, page_markdown, plan_report};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// The day to work for: the one named, or today.
pub(crate) fn day(text: Option<&str>) -> Result<Date, CommandError> {
    match text {
        None => Ok(now().to_zoned_datetime(TimeZone::system()).date()),
        Some(text) => text
            .parse()
            .map_err(|error| CommandError::new(format!("`{text}` is not a date: {error}"), "write YYYY-MM-DD")),
    }
}

/// Reads a plan file.
pub(crate) fn read(file: &Path) -> Result<Signed, CommandError> {
    let text = builtin::read(file)?;
    Signed::parse(&text).map_err(|error| {
        CommandError::new(format!("{}: {error}", file.display()), "plans are written by `ostrakon plan draft`")
    })
}

/// The first day the order lets removal begin, if it names one.
fn begins(order: &Order, library: &Library, today: Date) -> Result<Option<Date>, CommandError> {
    let due = dates(order, library.calendar_of(order)?, today, &Events::default())?;
    let removal = order.obligations.iter().filter(|it| it.verb == Verb::Remove && it.begin_by.is_some());
    let ids: Vec<&str> = removal.map(|it| it.id.as_str()).collect();
    let days = due.iter().filter(|it| ids.contains(&it.obligation.as_str())).filter_map(|it| it.begin.as_ref());
    Ok(days.map(|moment| moment.day).min())
}

pub(crate) fn draft(global: &Global, args: &PlanDraft) -> Result<u8, CommandError> {
    let (library, mut orders) = builtin::for_orders(global, std::slice::from_ref(&args.order))?;
    let order = orders.remove(0);
    let home = Home::of(global)?;
    let policy = policy(home.policy_file(args.policy.as_deref()).as_deref())?;
    let known = match &args.assets {
        None => Vec::new(),
        Some(file) => known_assets(&file.display().to_string(), &builtin::read(file)?)?,
    };
    let parent = args.parent.as_deref().map(read).transpose()?;
    let today = day(args.today.as_deref())?;
    let begins = begins(&order, &library, today)?;
    let generation = parent.as_ref().map_or(1, |parent| parent.plan.generation + 1);
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            // A plan that is there may be approved: it is never written over unasked.
            let folder = home.folder("plans")?;
            let name = |number: u32| {
                folder.join(format!(
                    "{}-{generation}{}.json",
                    order.id,
                    if number == 0 { String::new() } else { format!("-{number}") }
                ))
            };
            (0..).map(name).find(|file| !crate::home::is_there(file)).unwrap_or_else(|| name(0))
        }
    };
    // Everything that must be made outside the lock is made before it.
    home.ledger(global)?;
    let inside = home.path().join("ledger/checkpoint");
    let dossiers = library.dossiers;
    let recogniser = Recogniser::of(dossiers.values().cloned().collect())?;
    let looks = look_at(global, &args.place, &args.looking, &recogniser, &[&out, &inside])?;
    let mut recorder = Recorder::open(global, &home)?;
    recorder.order(&order)?;
    for (subject, bundle) in &looks {
        if let Some(bundle) = bundle {
            recorder.look(bundle, subject)?;
        }
    }
    let subjects = latest(global, looks.into_iter().map(|(subject, _)| subject).collect());
    let answer = identify(&order, &subjects, &policy, today);
    policy_notes(global, &policy, &[(&order, answer.clone())], today);
    let about = |asset: &Asset, looked: &str| {
        let known = known.iter().find(|known| known.is(&asset.id, &asset.name));
        About {
            asset: asset.clone(),
            looked: looked.to_owned(),
            component: known.map(|known| known.component.clone()).unwrap_or_default(),
            mission_function: known.map(|known| known.mission_function.clone()).unwrap_or_default(),
        }
    };
    let input = Input {
        order: &order,
        order_digest: ostrakon_report::digest(&order.text),
        dossiers: &dossiers,
        findings: &answer.findings,
        assets: answer.assets.iter().map(|(asset, look)| about(asset, &look.started)).collect(),
        planning: &policy.planning,
        policy_digest: format!("sha256:{}", sha256(policy.text.as_bytes())),
        methodologies: methods(&answer),
        today,
        ahead: args.ahead,
        begins,
        parent: parent.as_ref().map(|parent| &parent.plan),
        tool: format!("ostrakon {}", env!("CARGO_PKG_VERSION")),
    };
    let plan = ostrakon_plan::draft(&input)?;
    if !answer.coverage.complete {
        let gaps = answer.coverage.gaps.iter().filter(|gap| gap.is_open()).count();
        terminal::say(
            global,
            &format!("The looks were not whole: {gaps} gap(s) could hide more. The plan covers what was found."),
        );
    }
    let signed = Signed::unapproved(plan);
    terminal::result(Some(&out), &signed.text()?)?;
    recorder.plan(&signed)?;
    terminal::say(
        global,
        &format!("Wrote {}: generation {}, not approved yet.", out.display(), signed.plan.generation),
    );
    told(global, &signed.plan, today, &home, &out)
}

fn methods(answer: &ostrakon_identify::Identification) -> String {
    let mut used: Vec<String> = answer
        .methodology
        .iter()
        .filter(|method| method.state == ostrakon_model::MethodState::Used)
        .map(|method| method.collector.clone())
        .collect();
    used.sort();
    used.dedup();
    format!(
        "ostrakon {}: {} collector(s) over whole file systems: {}",
        env!("CARGO_PKG_VERSION"),
        used.len(),
        used.join(", ")
    )
}

/// What a plan comes to, and what speaks against it: exit code 0, or 1 if it may not be approved as it is.
fn told(global: &Global, plan: &Plan, today: Date, home: &Home, file: &Path) -> Result<u8, CommandError> {
    let actions: usize = plan.assets.iter().map(|asset| asset.actions.len()).sum();
    let words = format!(
        "{} action(s) on {} asset(s) in {} wave(s); {} finding(s) are left to people.",
        actions,
        plan.assets.len(),
        plan.waves.len(),
        plan.left.len()
    );
    terminal::say(global, &words);
    for wait in &plan.waits {
        terminal::say(global, &terminal::printable(&format!("Waits for {wait}")));
    }
    let refusals = lint(plan, today, &home.own_paths());
    for refusal in &refusals {
        terminal::say(global, &terminal::printable(&format!("Refused: {refusal}")));
    }
    if !refusals.is_empty() {
        return Ok(1);
    }
    terminal::say(
        global,
        &format!("Next: ostrakon plan show --plan {0}; ostrakon plan approve --plan {0} --key NAME", file.display()),
    );
    Ok(0)
}

pub(crate) fn show(global: &Global, file: &Path, policy_file: Option<&Path>) -> Result<u8, CommandError> {
    let signed = read(file)?;
    let home = Home::of(global)?;
    let policy = policy(home.policy_file(policy_file).as_deref())?;
    let plan = &signed.plan;
    let mut text = format!(
        "{} ({})\nGeneration {} of {}, drafted {} by {}\n{}\n",
        plan.order.title,
        plan.order.id,
        plan.generation,
        plan.order.issuer,
        plan.drafted,
        plan.tool,
        plan.digest()?
    );
    if let Some(begins) = plan.begins {
        text.push_str(&format!(
            "Removal may begin on {begins}{}\n",
            if plan.ahead { "; this plan begins ahead of that" } else { "" }
        ));
    }
    for wave in &plan.waves {
        let names: Vec<&str> =
            plan.assets.iter().filter(|asset| asset.wave == wave.number).map(|asset| asset.name.as_str()).collect();
        text.push_str(&format!("\nWave {} from {}: {}\n", wave.number, wave.begins, names.join(", ")));
    }
    for asset in &plan.assets {
        text.push_str(&format!("\n{} ({}), {}\n", asset.name, asset.id, asset.os));
        for finding in &asset.findings {
            text.push_str(&format!("  {} {}, {}, {}\n", finding.id, finding.title, finding.presence, finding.grade));
        }
        for control in &asset.controls {
            text.push_str(&format!(
                "  {} goes with {}: {}\n",
                control.control,
                control.given_by.join(", "),
                cover(control.cover.as_ref())
            ));
        }
        let mut rows = table(&["", "Do", "What", "Way back"]);
        for action in &asset.actions {
            rows.add_row([
                action.id.clone(),
                action.step.word().to_owned(),
                action.step.name(),
                action.way_back.clone(),
            ]);
        }
        text.push_str(&format!("{rows}\n"));
    }
    for left in &plan.left {
        text.push_str(&format!("Left to people: {} on {}: {}\n", left.finding.title, left.asset, left.reason));
    }
    let open: Vec<&str> = plan.open_elements().map(|element| element.key.as_str()).collect();
    if !open.is_empty() {
        text.push_str(&format!("\nOpen, for `ostrakon plan edit`: {}\n", open.join(", ")));
    }
    let approvers = home.approvers(&policy)?;
    let (by, faults) = signed.approved_by(&approvers)?;
    text.push_str(&format!(
        "\nApproved by {} of {} needed: {}\n",
        by.len(),
        approvers.required.max(1),
        if by.is_empty() { "nobody".to_owned() } else { by.join(", ") }
    ));
    faults.iter().for_each(|fault| text.push_str(&format!("- {fault}\n")));
    terminal::print(&text.lines().map(|line| terminal::printable(line) + "\n").collect::<String>())?;
    let today = day(None)?;
    told(global, plan, today, &home, file)
}

fn cover(cover: Option<&Cover>) -> String {
    match cover {
        None => "NOTHING covers it".to_owned(),
        Some(Cover::Replacement { name, ready, package }) => {
            let seen = if package.is_empty() { String::new() } else { format!(", package {package} must be there") };
            format!("{name}, in place by {ready}{seen}")
        }
        Some(Cover::Waiver { owner, reason, expires }) => format!("waived by {owner} until {expires}: {reason}"),
    }
}

/// `name=value`.
fn pair(text: &str) -> Result<(&str, &str), CommandError> {
    text.split_once('=').ok_or_else(|| CommandError::new(format!("`{text}` has no ="), "write it as NAME=VALUE"))
}

pub(crate) fn edit(global: &Global, args: &PlanEdit) -> Result<u8, CommandError> {
    let signed = read(&args.plan)?;
    let before = signed.plan;
    let mut plan = before.clone();
    for text in &args.set {
        let (key, answer) = pair(text)?;
        let known: Vec<String> = plan.elements.iter().map(|element| element.key.clone()).collect();
        let Some(element) = plan.elements.iter_mut().find(|element| element.key == key) else {
            return Err(CommandError::new(
                format!("the plan has no element `{key}`"),
                format!("known are {}", known.join(", ")),
            ));
        };
        answer.clone_into(&mut element.answer);
    }
    for text in &args.asset {
        let (name, number) = pair(text)?;
        let fits = |it: &&mut ostrakon_plan::AssetPlan| it.name == name || it.id == name;
        let Some(asset) = plan.assets.iter_mut().find(fits) else {
            return Err(CommandError::new(
                format!("the plan has no asset `{name}`"),
                "`ostrakon plan show` lists them",
            ));
        };
        asset.wave =
            number.parse().map_err(|_| CommandError::new(format!("`{number}` is no wave"), "write a number from 1"))?;
    }
    for text in &args.wave {
        let (number, date) = pair(text)?;
        let wave = plan.waves.iter_mut().find(|wave| wave.number.to_string() == number);
        let Some(wave) = wave else {
            return Err(CommandError::new(format!("the plan has no wave {number}"), "`ostrakon plan show` lists them"));
        };
        wave.begins = day(Some(date))?;
    }
    if args.set.is_empty() && args.asset.is_empty() && args.wave.is_empty() {
        ask(&mut plan)?;
    }
    if plan == before {
        terminal::say(global, "Nothing was changed.");
        return Ok(0);
    }
    plan.generation += 1;
    plan.parent = Some(before.digest()?);
    plan.refresh_waits(day(None)?);
    let home = Home::of(global)?;
    let signed = Signed::unapproved(plan);
    let out: PathBuf = args.out.clone().unwrap_or_else(|| args.plan.clone());
    terminal::result(Some(&out), &signed.text()?)?;
    Recorder::open(global, &home)?.plan(&signed)?;
    terminal::say(
        global,
        &format!(
            "Wrote {}: generation {}; approvals of the one before do not count for it.",
            out.display(),
            signed.plan.generation
        ),
    );
    told(global, &signed.plan, day(None)?, &home, &out)
}

/// Asks for every open element.
fn ask(plan: &mut Plan) -> Result<(), CommandError> {
    if !std::io::stdin().is_terminal() {
        let open: Vec<&str> = plan.open_elements().map(|element| element.key.as_str()).collect();
        let message = format!("open are: {}", open.join(", "));
        return Err(CommandError::new(
            message,
            "answer them with --set KEY=TEXT, or run this on a terminal to be asked",
        ));
    }
    let mut stderr = std::io::stderr();
    for element in plan.elements.iter_mut().filter(|element| element.is_open()) {
        let _ = write!(stderr, "{}\n  (Enter leaves it open) > ", element.label);
        let _ = stderr.flush();
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        if !matches!(read, Ok(1..)) {
            break;
        }
        line.trim().clone_into(&mut element.answer);
    }
    Ok(())
}

pub(crate) fn approve(global: &Global, args: &PlanApprove) -> Result<u8, CommandError> {
    let mut signed = read(&args.plan)?;
    let home = Home::of(global)?;
    let policy = policy(home.policy_file(args.policy.as_deref()).as_deref())?;
    let key = home.secret_key(&args.key)?;
    let approvers = home.approvers(&policy)?;
    signed.approve(&key, &approvers, day(args.today.as_deref())?, &home.own_paths())?;
    let mut recorder = Recorder::open(global, &home)?;
    recorder.approval(&signed, &key.public().id())?;
    terminal::result(Some(&args.plan), &signed.text()?)?;
    let (by, _) = signed.approved_by(&approvers)?;
    let words = format!(
        "{} approved generation {} ({} of {} needed).",
        key.public().id(),
        signed.plan.generation,
        by.len(),
        approvers.required.max(1)
    );
    terminal::say(global, &words);
    let open: Vec<&str> = signed.plan.open_elements().filter(|it| it.required).map(|it| it.key.as_str()).collect();
    if !open.is_empty() {
        terminal::say(global, &format!("Still open in what the issuer asks for: {}", open.join(", ")));
    }
    Ok(0)
}

pub(crate) fn export(file: &Path, form: Form, out: Option<&Path>) -> Result<u8, CommandError> {
    let signed = read(file)?;
    let by: Vec<String> = signed.approvals.iter().map(|approval| approval.keyid.clone()).collect();
    let document = || -> Result<_, CommandError> {
        Ok(plan_report::document(&signed.plan, &now().to_string(), &signed.plan.digest()?, &by))
    };
    let text = match form {
        Form::Json => signed.text()?,
        Form::Md => page_markdown::markdown(&document()?),
        Form::Html => ostrakon_report::page::html(&document()?),
    };
    terminal::result(out, &text)?;
    Ok(0)
}

/// The policy of a removal: the one named, or the home's.
pub(crate) fn policy_of(home: &Home, file: Option<&Path>) -> Result<Policy, CommandError> {
    policy(home.policy_file(file).as_deref())
}
