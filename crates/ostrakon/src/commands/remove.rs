//! `ostrakon remove`
//!
//! Reading hostile files and changing the machine are two processes: the looks, before and after, are made by this program
//! started anew, which locks itself down; the one that changes things reads nothing but their answer.

use super::plan;
use crate::args::{Global, Remove, RemoveCommand, Removing};
use crate::error::CommandError;
use crate::home::{Home, is_there};
use crate::looking::now_exactly;
use crate::opened::Opened;
use crate::recording::Recorder;
use crate::{builtin, terminal};
use ostrakon_ledger::Subject;
use ostrakon_order::Order;
use ostrakon_plan::{Approved, AssetPlan, Signed, Step};
use ostrakon_remove::run::{Fresh, State};
use ostrakon_remove::{Outcome, Root, Run, Told, journal::Ended};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(crate) fn run(global: &Global, args: &Remove) -> Result<u8, CommandError> {
    match &args.command {
        None => {
            if args.what.plan.is_none() {
                let help = "ostrakon remove --plan FILE; or resume, rollback, purge";
                return Err(CommandError::new("no plan is named", help));
            }
            Job::of(global, &args.what, Way::On)?.carry_out(args.dry_run, true)
        }
        Some(RemoveCommand::Resume(what)) => Job::of(global, what, Way::On)?.carry_out(false, false),
        Some(RemoveCommand::Rollback(what)) => Job::of(global, what, Way::Back)?.rollback(),
        Some(RemoveCommand::Purge(what)) => Job::of(global, what, Way::Back)?.purge(),
    }
}

/// Forward needs an approved plan that the linter has nothing against today. Back needs only the plan that was begun: no
/// key that was lost and no waiver that has run out may keep a machine from being brought back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    On,
    Back,
}

/// A removal on one asset.
struct Job<'a> {
    global: &'a Global,
    what: &'a Removing,
    home: Home,
    order: Order,
    signed: Signed,
    approved: Approved,
    asset: AssetPlan,
    root: Root,
}

/// What the look says that the removal needs.
struct Looked {
    findings: Vec<Fresh>,
    /// Findings that count: id, title, presence.
    counting: Vec<(String, String, String)>,
    complete: bool,
    /// Nothing counts, and the answer is not whole all the same.
    open: bool,
    gaps: Vec<String>,
    json: Value,
}

/// A removal and its taking back may lie in one second, and the later one counts.
fn clock() -> String {
    format!("{:.6}", now_exactly())
}

impl<'a> Job<'a> {
    fn of(global: &'a Global, what: &'a Removing, way: Way) -> Result<Self, CommandError> {
        let home = Home::of(global)?;
        let root = Root::open(what.root.as_deref().unwrap_or(Path::new("/")))?;
        if root.is_live() && !rustix::process::geteuid().is_root() {
            return Err(CommandError::new("removing from this machine needs root", "sudo ostrakon remove ..."));
        }
        let last = last_run(&home, &root)?;
        let file = match (&what.plan, &last) {
            (Some(file), _) => file.clone(),
            (None, Some(last)) => last.folder.join("plan.json"),
            (None, None) => {
                let message =
                    format!("there is no such removal on {} in {}", root.path().display(), home.path().display());
                let help = "name the plan with --plan FILE, the root with --root DIR, the home with --home DIR";
                return Err(CommandError::new(message, help));
            }
        };
        let signed = plan::read(&file)?;
        let today = plan::day(None)?;
        let digest = signed.plan.digest()?;
        let (approved, asset) = match way {
            Way::Back => {
                let begun = last.filter(|last| what.plan.is_none() || last.plan == digest);
                let begun = match begun {
                    Some(begun) => begun,
                    None => run_of(&home, &root, &digest)?,
                };
                let asset = signed.plan.asset(&begun.asset).cloned();
                let asset =
                    asset.ok_or_else(|| CommandError::new("the plan has not the asset it was begun for", ""))?;
                (signed.clone().begun(&begun.plan)?, asset)
            }
            Way::On => {
                let policy = plan::policy_of(&home, what.policy.as_deref())?;
                let approved = signed.clone().approved(&home.approvers(&policy)?, today, &home.own_paths())?;
                (approved, find(&signed, what, &root, &home)?)
            }
        };
        let (_, mut orders) = builtin::for_orders(global, std::slice::from_ref(&signed.plan.order.id))?;
        let order = orders.remove(0);
        if way == Way::On {
            may_begin(&signed, &order, &asset, what, &root, today)?;
        }
        Ok(Self { global, what, home, order, signed, approved, asset, root })
    }

    fn open(&self, anew: bool) -> Result<Run<'_>, CommandError> {
        let deadline = Duration::from_secs(self.what.deadline.max(1));
        Ok(Run::open(self.home.path(), &self.approved, &self.asset, &self.root, &clock, deadline, anew)?)
    }

    /// Looks, by this program started anew.
    fn look(&self) -> Result<Looked, CommandError> {
        terminal::say(self.global, &format!("Looking at {} ...", self.asset.name));
        let program =
            std::env::current_exe().map_err(|error| CommandError::new(format!("cannot find myself: {error}"), ""))?;
        let mut command = Command::new(program);
        command.arg("identify");
        if !self.root.is_live() {
            command.arg(self.root.path());
        }
        command.args(["--order", &self.order.id, "--format", "json", "--quiet", "--home"]).arg(self.home.path());
        for (option, list) in [
            ("--orders", &self.global.orders),
            ("--dossiers", &self.global.dossiers),
            ("--exclude", &self.what.exclude),
        ] {
            for path in list {
                command.arg(option).arg(path);
            }
        }
        if let Some(asset) = &self.what.asset {
            command.arg("--asset").arg(asset);
        }
        if let Some(policy) = self.home.policy_file(self.what.policy.as_deref()) {
            command.arg("--policy").arg(policy);
        }
        let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
        let output = output.map_err(|error| CommandError::new(format!("cannot look again: {error}"), ""))?;
        let code = output.status.code();
        if !matches!(code, Some(0 | 1 | 3)) {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(CommandError::new(format!("cannot look again: {}", terminal::printable(said.trim())), ""));
        }
        let unreadable = |error: serde_json::Error| CommandError::new(format!("the look cannot be read: {error}"), "");
        let json: Value = serde_json::from_slice(&output.stdout).map_err(unreadable)?;
        let findings: Vec<Fresh> = serde_json::from_value(json["findings"].clone()).map_err(unreadable)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let counts = |finding: &&Value| {
            finding["in_scope"] == true
                && (finding["grade"] != "possible" || finding["ruling"]["decision"] == "product")
        };
        let list = json["findings"].as_array().cloned().unwrap_or_default();
        let counting =
            list.iter().filter(counts).map(|it| (text(&it["id"]), text(&it["title"]), text(&it["presence"]))).collect();
        let gaps = json["coverage"]["gaps"].as_array().cloned().unwrap_or_default();
        let open = gaps.iter().filter(|gap| gap["accepted_by"].is_null());
        let gaps = open.map(|gap| format!("{} ({})", text(&gap["locator"]), text(&gap["reason"]))).collect();
        let (complete, open) = (json["coverage"]["complete"] == true, code == Some(3));
        Ok(Looked { findings, counting, complete, open, gaps, json })
    }

    fn carry_out(&self, dry: bool, anew: bool) -> Result<u8, CommandError> {
        let looked = self.look()?;
        let mut run = self.open(anew)?;
        if !anew && matches!(run.state(), State::New | State::RolledBack) {
            let message = format!("there is no such removal on {} to go on with", self.root.path().display());
            return Err(CommandError::new(message, "ostrakon remove --plan FILE begins one"));
        }
        let against = run.against(&looked.findings)?;
        if !against.is_empty() {
            let help = "nothing was done: look again and draft a new generation of the plan";
            return Err(CommandError::new(
                format!("the machine is not as the plan knows it\n- {}", against.join("\n- ")),
                help,
            ));
        }
        if dry {
            for line in run.rehearse()? {
                terminal::print(&format!("{}\n", terminal::printable(&line)))?;
            }
            terminal::say(self.global, "Nothing was changed.");
            return Ok(0);
        }
        self.keep_plan(run.folder())?;
        let mut recorder = Recorder::open(self.global, &self.home)?;
        recorder.order(&self.order)?;
        recorder.plan(&self.signed)?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The first one stops between two actions; the second ends the program at once, and the journal knows.
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 2, Arc::clone(&stop));
            let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
        }
        let was_finished = matches!(run.state(), State::Finished | State::Purged);
        let outcome = run.carry_out(&stop, &mut |told| self.tell(&told))?;
        let (done, words) = match &outcome {
            Outcome::Finished { .. } if was_finished => {
                (true, "All actions were done before; nothing was changed.".to_owned())
            }
            Outcome::Finished { changed } => (
                true,
                format!("All {} action(s) are done; {changed} of them changed something.", self.asset.actions.len()),
            ),
            Outcome::Failed(why) => (false, format!("Stopped: {why}")),
            Outcome::Stopped => (false, "Stopped, as asked, between two actions.".to_owned()),
            Outcome::RolledBack(_) => (false, String::new()),
        };
        terminal::say(self.global, &terminal::printable(&words));
        // A run that was cut off right after its end has no receipt yet.
        if !was_finished || !recorder.has_receipt(&run_name(&run)) {
            self.receipt(&mut recorder, &run, if done { "finished" } else { "stopped" })?;
        }
        if !done {
            terminal::say(self.global, "Go on: ostrakon remove resume. Go back: ostrakon remove rollback.");
            return Ok(2);
        }
        drop(run);
        self.second_look(&mut recorder)
    }

    /// Success is a second look that no longer finds it.
    fn second_look(&self, recorder: &mut Recorder) -> Result<u8, CommandError> {
        let looked = self.look()?;
        let mut states = Vec::new();
        for finding in &self.asset.findings {
            let now = looked.counting.iter().find(|(id, ..)| *id == finding.id);
            let state = match now {
                Some((_, _, presence))
                    if presence == "remnant" && finding.presence != ostrakon_model::Presence::Remnant =>
                {
                    "remnant"
                }
                Some(_) => "still there",
                None if looked.complete && !looked.findings.iter().any(|it| it.id == finding.id) => "gone",
                None => "not looked at",
            };
            states
                .push(json!({"finding": finding.id, "title": finding.title, "was": finding.presence, "state": state}));
            terminal::say(self.global, &format!("{state:13} {} ({})", finding.title, finding.id));
        }
        // What the policy lets stay is no failure of the removal.
        let policy = plan::policy_of(&self.home, self.what.policy.as_deref())?;
        let today = plan::day(None)?;
        let excepted = |id: &str| {
            let list = looked.json["findings"].as_array();
            let finding = list.into_iter().flatten().find(|finding| finding["id"] == id);
            let word = |key: &str| finding.and_then(|it| it[key].as_str()).unwrap_or_default();
            let product = format!("{}/{}", word("vendor"), word("product"));
            policy.planning.excepts(id, &product, [&self.asset.id, &self.asset.name], today).is_some()
        };
        let new: Vec<&(String, String, String)> = looked
            .counting
            .iter()
            .filter(|(id, ..)| !self.asset.findings.iter().any(|finding| finding.id == *id))
            .collect();
        for (id, title, presence) in &new {
            let why = if excepted(id) { "an exception lets it stay" } else { "not in this plan" };
            terminal::say(self.global, &format!("also there    {title} ({id}), {presence}: {why}"));
        }
        let bytes =
            serde_json::to_vec_pretty(&looked.json).map_err(|error| CommandError::new(error.to_string(), ""))?;
        let digest = recorder.ledger().keep(&bytes)?;
        let body = json!({
            "order": self.order.id, "plan": self.signed.plan.digest()?, "asset": self.asset.id, "states": states,
            "complete": looked.complete, "open_gaps": looked.gaps.len(),
        });
        recorder.append("verification", vec![Subject::of(self.asset.name.as_str(), digest)], body)?;
        if looked.counting.iter().any(|(id, ..)| !excepted(id)) {
            terminal::say(
                self.global,
                "The second look still finds something in scope. Draft a follow-up: ostrakon plan draft --parent FILE",
            );
            return Ok(1);
        }
        if looked.open || !looked.complete {
            let gaps = looked.gaps.len();
            let words = "The second look finds nothing that counts, and its answer is not whole";
            terminal::say(
                self.global,
                &format!("{words}: {gaps} gap(s), or a possible finding that waits for a ruling."),
            );
            looked.gaps.iter().take(5).for_each(|gap| terminal::say(self.global, &format!("- {gap}")));
            return Ok(3);
        }
        let words = if looked.counting.is_empty() { "nothing in scope" } else { "nothing in scope but what may stay" };
        terminal::say(self.global, &format!("The second look, over whole coverage, finds {words}."));
        Ok(0)
    }

    fn rollback(&self) -> Result<u8, CommandError> {
        let mut run = self.open(false)?;
        let outcome = run.rollback(&mut |told| self.tell(&told))?;
        let mut recorder = Recorder::open(self.global, &self.home)?;
        self.receipt(&mut recorder, &run, "rolled-back")?;
        let Outcome::RolledBack(left) = outcome else { return Ok(2) };
        if left.is_empty() {
            terminal::say(self.global, "All is back as it was.");
            return Ok(0);
        }
        terminal::say(
            self.global,
            &format!("Back, but for {} thing(s); what was saved is kept in {}:", left.len(), run.folder().display()),
        );
        left.iter().for_each(|line| terminal::say(self.global, &terminal::printable(&format!("- {line}"))));
        Ok(1)
    }

    fn purge(&self) -> Result<u8, CommandError> {
        let mut run = self.open(false)?;
        let (files, bytes) = run.kept();
        run.purge()?;
        let mut recorder = Recorder::open(self.global, &self.home)?;
        let body = json!({"plan": self.signed.plan.digest()?, "asset": self.asset.id, "files": files, "bytes": bytes});
        recorder.append(
            "purge",
            vec![Subject::of(self.asset.name.as_str(), ostrakon_ledger::sha256(self.asset.id.as_bytes()))],
            body,
        )?;
        terminal::say(
            self.global,
            &format!("Deleted {files} saved file(s), {bytes} bytes. There is no way back from this removal now."),
        );
        Ok(0)
    }

    fn tell(&self, told: &Told) {
        let text = match told {
            Told::Begins(text) => format!("  {text}"),
            Told::Ended(Ended::Done, detail) if detail.is_empty() => "    done".to_owned(),
            Told::Ended(Ended::Done, detail) => format!("    done, but: {detail}"),
            Told::Ended(Ended::Unchanged, _) => "    nothing to do".to_owned(),
            Told::Ended(Ended::Failed, _) => "    failed".to_owned(),
            Told::Note(text) => format!("    {text}"),
        };
        terminal::say(self.global, &terminal::printable(&text));
    }

    /// The plan, beside its journal: going on and going back need no other file.
    fn keep_plan(&self, folder: &Path) -> Result<(), CommandError> {
        let file = folder.join("plan.json");
        terminal::result(Some(&file), &self.signed.text()?)?;
        // Going back needs it, whatever happens to the power now.
        let sync = |path: &Path| std::fs::File::open(path).and_then(|file| file.sync_all());
        sync(&file).and_then(|()| sync(folder)).map_err(|error| {
            CommandError::new(
                format!("cannot make {} durable: {error}", file.display()),
                "name another home with --home DIR",
            )
        })
    }

    fn receipt(&self, recorder: &mut Recorder, run: &Run<'_>, outcome: &str) -> Result<(), CommandError> {
        let plan = self.signed.plan.digest()?;
        let receipt = json!({
            "schema": "ostrakon/receipt/1", "order": self.order.id, "plan": plan, "generation": self.signed.plan.generation,
            "asset": self.asset.id, "asset_name": self.asset.name, "outcome": outcome, "at": clock(),
            "approved_by": run.approved_by(), "actions": run.receipts(), "quarantine": run.folder().display().to_string(),
        });
        let bytes = serde_json::to_vec_pretty(&receipt).map_err(|error| CommandError::new(error.to_string(), ""))?;
        let digest = recorder.ledger().keep(&bytes)?;
        let folder = self.home.folder("receipts")?;
        let file = folder.join(format!("{}.json", &digest[..16]));
        terminal::result(Some(&file), &String::from_utf8_lossy(&bytes))?;
        let count = |word: &str| run.receipts().iter().filter(|it| it.outcome == word).count();
        let body = json!({
            "plan": plan, "asset": self.asset.id, "outcome": outcome, "run": run_name(run),
            "done": count("done"), "unchanged": count("unchanged"), "failed": count("failed"), "rolled_back": count("rolled-back"),
        });
        recorder.append("receipt", vec![Subject::of(self.asset.name.as_str(), digest)], body)?;
        Ok(())
    }
}

/// What names a run in the ledger: the last two parts of its folder.
fn run_name(run: &Run<'_>) -> String {
    let parts: Vec<_> = run.folder().iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// The part of the plan that is for this machine.
fn find(signed: &Signed, what: &Removing, root: &Root, home: &Home) -> Result<AssetPlan, CommandError> {
    let looking = crate::args::Looking { asset: what.asset.clone(), ..crate::args::Looking::default() };
    let place = (!root.is_live()).then(|| root.path());
    let own = Opened::open(place, &looking, &[], home.path())?.asset();
    let known = signed.plan.assets.iter().find(|asset| asset.id == own.id);
    known.cloned().ok_or_else(|| {
        let names: Vec<String> =
            signed.plan.assets.iter().map(|asset| format!("{} ({})", asset.name, asset.id)).collect();
        let message = format!("the plan has nothing for {} ({}); it is for {}", own.name, own.id, names.join(", "));
        CommandError::new(
            message,
            "--root DIR names another root; --asset NAME is for places that were looked at with --asset",
        )
    })
}

/// May the plan be carried out here and now?
fn may_begin(
    signed: &Signed,
    order: &Order,
    asset: &AssetPlan,
    what: &Removing,
    root: &Root,
    today: jiff::civil::Date,
) -> Result<(), CommandError> {
    let (own, planned) = (ostrakon_report::digest(&order.text), &signed.plan.order.digest);
    if own != *planned {
        let help =
            "draft a new generation under the order as it is now, or give the order it was made for with --orders";
        let message = format!("the plan is for the order {} of {planned}, and the one at hand is {own}", order.id);
        return Err(CommandError::new(message, help));
    }
    if let Some(wave) = signed.plan.wave(asset.wave)
        && today < wave.begins
        && !what.ahead
    {
        let message = format!("{} is in wave {}, which begins on {}", asset.name, wave.number, wave.begins);
        let help = "wait for that day, or give --ahead if somebody decided to begin before it";
        return Err(CommandError::new(message, help));
    }
    let runs = |step: &Step| {
        matches!(step, Step::RemovePackage { .. } | Step::RequirePackage { .. } | Step::RemoveCertificate { .. })
    };
    let programs = asset.actions.iter().find(|action| runs(&action.step));
    if let Some(action) = programs
        && !root.is_live()
        && !what.trust_root
    {
        let (id, name) = (&action.id, action.step.name());
        let message = format!("{id} ({name}) runs programs of {} with the rights of root", root.path().display());
        let help = "if you trust that root, say so with --trust-root; else boot it, and remove there";
        return Err(CommandError::new(message, help));
    }
    Ok(())
}

/// A run of a removal in the home.
struct Begun {
    folder: PathBuf,
    plan: String,
    asset: String,
}

/// All runs on this root, with the time they were last worked on.
fn runs_on(home: &Home, root: &Root) -> Vec<(std::time::SystemTime, Begun)> {
    let folders = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for folder in folders(&home.path().join("runs")).flat_map(|run| folders(&run).collect::<Vec<_>>()) {
        let journal = folder.join("journal");
        if let Ok((state, [plan, asset, path])) = ostrakon_remove::run::state_and_head(&journal)
            && state != State::New
            && path == root.path().to_string_lossy()
            && is_there(&folder.join("plan.json"))
            && let Ok(time) = journal.metadata().and_then(|meta| meta.modified())
        {
            found.push((time, Begun { folder, plan, asset }));
        }
    }
    found.sort_by_key(|(time, _)| *time);
    found
}

/// The run on this root that was last worked on, whatever became of it: older ones are only meant when they are named.
fn last_run(home: &Home, root: &Root) -> Result<Option<Begun>, CommandError> {
    Ok(runs_on(home, root).pop().map(|(_, begun)| begun))
}

/// The last run of that plan on this root.
fn run_of(home: &Home, root: &Root, digest: &str) -> Result<Begun, CommandError> {
    let found = runs_on(home, root).into_iter().rev().find(|(_, begun)| begun.plan == digest);
    found.map(|(_, begun)| begun).ok_or_else(|| {
        let message =
            format!("this plan was not carried out on {} from {}", root.path().display(), home.path().display());
        CommandError::new(message, "name the root with --root DIR, the home with --home DIR")
    })
}
