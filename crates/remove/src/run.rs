//! A run: the approved plan of one asset, carried out action by action, gone on with, or taken back.

use crate::RemoveError;
use crate::hosts;
use crate::journal::{Before, Ended, Event, Journal};
use crate::machine::{Machine, Standing};
use crate::package;
use crate::root::Root;
use crate::store::Store;
use ostrakon_plan::{Action, Approved, AssetPlan, Step};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The plan of one asset on its way.
pub struct Run<'a> {
    plan: &'a Approved,
    asset: &'a AssetPlan,
    digest: String,
    root: &'a Root,
    folder: PathBuf,
    journal: Journal,
    store: Store,
    /// The clock, passed in: RFC 3339.
    now: &'a dyn Fn() -> String,
    deadline: Duration,
    /// Held as long as the run is open.
    _lock: rustix::fd::OwnedFd,
}

/// What is told on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// An action begins.
    Begins(String),
    /// An action has ended.
    Ended(Ended, String),
    /// Something is said besides.
    Note(String),
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every action is done. `changed`: how many of them had something to do this time.
    Finished {
        /// How many actions changed something.
        changed: usize,
    },
    /// An action failed, and the run stopped there.
    Failed(String),
    /// Somebody asked it to stop.
    Stopped,
    /// Everything was taken back, but for what is named.
    RolledBack(Vec<String>),
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was begun.
    New,
    /// It was begun and has not ended.
    Unfinished,
    /// It was begun to be taken back, and that has not ended.
    GoingBack,
    /// All is done.
    Finished,
    /// All was taken back.
    RolledBack,
    /// All is done, and what was saved is deleted.
    Purged,
}

/// A finding as a fresh look has it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Fresh {
    /// Its id.
    pub id: String,
    /// Its evidence.
    #[serde(default)]
    pub evidence: Vec<FreshEvidence>,
    /// Packages of others that cannot do without it.
    #[serde(default)]
    pub needed_by: Vec<String>,
}

/// A piece of its evidence.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct FreshEvidence {
    /// The attribute.
    #[serde(default)]
    pub attribute: String,
    /// The value.
    #[serde(default)]
    pub value: String,
    /// Where.
    pub locator: String,
    /// The digest of the file.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The version of the package.
    #[serde(default)]
    pub version: String,
}

/// What an action came to, for the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The action's id.
    pub action: String,
    /// What it does.
    #[serde(rename = "do")]
    pub does: String,
    /// On what.
    pub on: String,
    /// The findings it serves.
    pub findings: Vec<String>,
    /// How it ended: `done`, `unchanged`, `failed`, `rolled-back`, `begun`, `not-begun`.
    pub outcome: String,
    /// What to know about it.
    pub detail: String,
    /// When it ended, RFC 3339.
    pub at: String,
}

fn short(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

impl<'a> Run<'a> {
    /// Opens the run of `plan` on the asset `asset`, below `home`. A run that was taken back is kept, and a new one begins
    /// beside it when `anew`.
    pub fn open(
        home: &Path,
        plan: &'a Approved,
        asset: &'a AssetPlan,
        root: &'a Root,
        now: &'a dyn Fn() -> String,
        deadline: Duration,
        anew: bool,
    ) -> Result<Self, RemoveError> {
        let lock = root.lock()?;
        // Folders are held open on the way down.
        let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current = limit.maximum;
        let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
        let digest = plan.plan().digest().map_err(|error| RemoveError::Refused(vec![error.to_string()]))?;
        let name =
            format!("{}-{}", &digest[digest.len() - 12..], short(&format!("{}\n{}", asset.id, root.path().display())));
        let runs = home.join("runs").join(name);
        std::fs::create_dir_all(&runs).map_err(RemoveError::io(&runs))?;
        let mut number = std::fs::read_dir(&runs).map_err(RemoveError::io(&runs))?.flatten().count().max(1);
        let mut folder = runs.join(format!("{number:03}"));
        if anew && state(&folder)? == State::RolledBack {
            number += 1;
            folder = runs.join(format!("{number:03}"));
        }
        let store = Store::open(&folder)?;
        let journal = Journal::open(&folder.join("journal"))?;
        let run = Self { plan, asset, digest, root, folder, journal, store, now, deadline, _lock: lock };
        run.belongs()?;
        Ok(run)
    }

    /// The journal must be of this plan, asset and root.
    fn belongs(&self) -> Result<(), RemoveError> {
        match self.journal.events().first() {
            None => Ok(()),
            Some((_, Event::Run { plan, asset, root }))
                if *plan == self.digest && *asset == self.asset.id && *root == self.root.path().to_string_lossy() =>
            {
                Ok(())
            }
            Some(_) => {
                let why = "it is of another plan, asset or root".to_owned();
                Err(RemoveError::Damaged { path: self.folder.join("journal"), why })
            }
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        state_of(self.journal.events())
    }

    /// Its folder: journal and quarantine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many files its quarantine keeps, and how many bytes they take.
    pub fn kept(&self) -> (u64, u64) {
        self.store.size()
    }

    /// What speaks against beginning, or going on, now that the machine was looked at again. `fresh`: what that look found.
    ///
    /// An action that has something to do must rest on evidence that this look found too. When a run that was begun goes on,
    /// its earlier actions may have taken the evidence of later ones away: those were checked when it began.
    pub fn against(&mut self, fresh: &[Fresh]) -> Result<Vec<String>, RemoveError> {
        let mut list = Vec::new();
        let begun = self.state() != State::New;
        let actions = self.asset.actions.clone();
        for action in &actions {
            if self.last_end(&action.id).is_some_and(|(ended, _)| ended != Ended::Failed) {
                continue;
            }
            let mine = fresh.iter().filter(|finding| action.findings.contains(&finding.id));
            let evidence: Vec<&FreshEvidence> = mine.clone().flat_map(|finding| &finding.evidence).collect();
            let name = format!("{} ({} {})", action.id, action.step.word(), action.step.name());
            let file = |it: &&&FreshEvidence| it.locator.split('!').next().unwrap_or_default().to_owned();
            let rests = match &action.step {
                Step::RequirePackage { .. } | Step::BlockNames { .. } => true,
                Step::RemovePackage { manager, package, version, .. } => {
                    let by = manager.attribute();
                    let own = evidence.iter().filter(|it| it.value == *package && it.attribute == by);
                    let other = own.clone().find(|it| !version.is_empty() && it.version != *version);
                    if let Some(other) = other {
                        list.push(format!("{name}: version {version} was planned, and {} is there now", other.version));
                    }
                    let needed = mine.flat_map(|finding| &finding.needed_by);
                    let needed = needed.filter(|it| it.ends_with(&format!(" needs {package}")));
                    list.extend(needed.map(|needed| format!("{name}: {needed}")));
                    own.count() > 0
                }
                Step::StopUnit { unit } => evidence.iter().any(|it| file(&it).rsplit('/').next() == Some(unit)),
                Step::EndProcesses { executable } => {
                    evidence.iter().any(|it| it.attribute == "process.path" && it.value == *executable)
                }
                Step::DenyModule { module } => evidence.iter().any(|it| it.value == *module),
                Step::RemoveLines { path, .. } => evidence.iter().any(|it| file(&it) == *path),
                Step::Quarantine { path, sha256 } | Step::RemoveCertificate { path, sha256 } => {
                    let now: Vec<_> = evidence.iter().filter(|it| file(it) == *path).collect();
                    let digest = now.iter().find_map(|it| it.sha256.as_ref());
                    if let (Some(planned), Some(now)) = (sha256, digest)
                        && planned != now
                    {
                        let way_out = "draft a new generation from a new look";
                        list.push(format!("{name}: it changed since the plan was made; {way_out}"));
                    }
                    !now.is_empty()
                }
            };
            if !rests && !begun && matches!(self.machine().standing(action)?, Standing::Ahead(_)) {
                list.push(format!("{name}: this look finds no evidence there any more; draft a new generation"));
            }
        }
        Ok(list)
    }

    /// What would be done, exactly, in words: nothing is changed.
    pub fn rehearse(&mut self) -> Result<Vec<String>, RemoveError> {
        let mut lines = Vec::new();
        let actions = self.asset.actions.clone();
        for action in &actions {
            let standing = self.machine().standing(action);
            let word = match standing {
                Ok(Standing::Reached) => "nothing to do".to_owned(),
                Ok(Standing::Ahead(before)) => self.in_words(action, &before),
                Err(error) => format!("would stop here: {error}"),
            };
            lines.push(format!("{} {} {}: {word}", action.id, action.step.word(), action.step.name()));
        }
        Ok(lines)
    }

    fn in_words(&self, action: &Action, before: &Before) -> String {
        match &action.step {
            Step::EndProcesses { .. } => {
                let list: Vec<String> = before.processes.iter().map(|(pid, _)| pid.to_string()).collect();
                format!("ends process(es) {}", list.join(", "))
            }
            Step::RemovePackage { manager: ostrakon_plan::Manager::Dpkg, package, .. } => {
                format!("saves its files and runs `dpkg --purge -- {package}`")
            }
            Step::RemovePackage { manager: ostrakon_plan::Manager::Rpm, package, .. } => {
                format!("saves its files and runs `rpm -e --allmatches -- {package}`")
            }
            Step::Quarantine { path, .. } => {
                let (files, bytes) = count(&self.root.host(&ostrakon_model::locator::decode(path)), 0);
                format!("moves {files} name(s), {bytes} bytes, into {}", self.folder.display())
            }
            _ => action.effect.clone(),
        }
    }

    fn machine(&mut self) -> Machine<'_> {
        Machine {
            root: self.root,
            store: &self.store,
            journal: &mut self.journal,
            now: self.now,
            deadline: self.deadline,
        }
    }

    fn last_end(&self, id: &str) -> Option<(Ended, String)> {
        self.journal.events().iter().rev().find_map(|(_, event)| match event {
            Event::End { action, outcome, detail, .. } if action == id => Some((*outcome, detail.clone())),
            _ => None,
        })
    }

    /// What was there before the action, as the first try saw it.
    fn before(&self, id: &str) -> Option<Before> {
        self.journal.events().iter().find_map(|(_, event)| match event {
            Event::Begin { action, before } if action == id => Some(before.clone()),
            _ => None,
        })
    }

    /// Begins, or goes on. `stop`: set when somebody asks it to stop; it does, between two actions.
    pub fn carry_out(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(Told)) -> Result<Outcome, RemoveError> {
        match self.state() {
            State::New => {
                let (plan, asset) = (self.digest.clone(), self.asset.id.clone());
                let root = self.root.path().to_string_lossy().into_owned();
                self.machine().write(Event::Run { plan, asset, root })?;
            }
            State::GoingBack => {
                let why = "this run is being taken back: ostrakon remove rollback".to_owned();
                return Err(RemoveError::Refused(vec![why]));
            }
            State::RolledBack => {
                let why = "this run was taken back; `ostrakon remove --plan FILE` begins a new one".to_owned();
                return Err(RemoveError::Refused(vec![why]));
            }
            State::Unfinished | State::Finished | State::Purged => {}
        }
        let finished = matches!(self.state(), State::Finished | State::Purged);
        let mut changed = 0;
        let actions = self.asset.actions.clone();
        for action in &actions {
            if stop.load(Ordering::Relaxed) {
                return Ok(Outcome::Stopped);
            }
            if finished || self.last_end(&action.id).is_some_and(|(ended, _)| ended != Ended::Failed) {
                continue;
            }
            tell(Told::Begins(format!("{} {} {}", action.id, action.step.word(), action.step.name())));
            match self.one(action) {
                Ok(ended) => {
                    changed += usize::from(ended == Ended::Done);
                    tell(Told::Ended(ended, String::new()));
                }
                Err(error @ (RemoveError::Failed { .. } | RemoveError::Io { .. } | RemoveError::Refused(_))) => {
                    let detail = error.to_string();
                    let after = after_of(&self.machine(), action);
                    // If not even that can be written, going on finds the action begun and not ended: the same.
                    let (id, text) = (action.id.clone(), detail.clone());
                    let written =
                        self.machine().write(Event::End { action: id, outcome: Ended::Failed, detail: text, after });
                    tell(Told::Ended(Ended::Failed, detail.clone()));
                    written?;
                    return Ok(Outcome::Failed(detail));
                }
                Err(error) => return Err(error),
            }
        }
        if !finished {
            self.machine().write(Event::Finished)?;
        }
        Ok(Outcome::Finished { changed })
    }

    fn one(&mut self, action: &Action) -> Result<Ended, RemoveError> {
        let begun = self.before(&action.id);
        let mut machine = self.machine();
        let standing = machine.standing(action)?;
        let ended = match (standing, begun) {
            // Begun before, cut off after it was done: it is done.
            (Standing::Reached, Some(before)) => {
                // What comes after the main thing, such as making bundles anew, may not have been.
                if matches!(action.step, Step::RemoveCertificate { .. } | Step::StopUnit { .. }) {
                    machine.apply(action, &before)?;
                }
                Ended::Done
            }
            (Standing::Reached, None) => Ended::Unchanged,
            (Standing::Ahead(now), begun) => {
                let before = match begun {
                    Some(before) => before,
                    None => {
                        machine.write(Event::Begin { action: action.id.clone(), before: now.clone() })?;
                        now
                    }
                };
                machine.apply(action, &before)?;
                if let Standing::Ahead(_) = machine.standing(action)? {
                    return Err(machine.failed(action, "it did not come to what it should"));
                }
                Ended::Done
            }
        };
        let after = after_of(&machine, action);
        machine.write(Event::End { action: action.id.clone(), outcome: ended, detail: String::new(), after })?;
        Ok(ended)
    }

    /// Takes everything back, last action first.
    pub fn rollback(&mut self, tell: &mut dyn FnMut(Told)) -> Result<Outcome, RemoveError> {
        match self.state() {
            State::New => {
                return Err(RemoveError::Refused(vec!["nothing was begun, so nothing is taken back".to_owned()]));
            }
            State::RolledBack if self.left().is_empty() => return Ok(Outcome::RolledBack(Vec::new())),
            State::Purged => {
                let why = "what was saved has been deleted: there is no way back".to_owned();
                return Err(RemoveError::Refused(vec![why]));
            }
            _ => {}
        }
        let actions = self.asset.actions.clone();
        for action in actions.iter().rev() {
            let Some(before) = self.before(&action.id) else { continue };
            let undone = self.journal.events().iter().any(
                |(_, event)| matches!(event, Event::Undone { action: id, left } if *id == action.id && left.is_empty()),
            );
            if undone {
                continue;
            }
            tell(Told::Begins(format!("back: {} {} {}", action.id, action.step.word(), action.step.name())));
            // Said once: what a taking back that was cut off has changed itself is nobody else's change.
            let said = self.journal.events().iter().find_map(|(_, event)| match event {
                Event::Undo { action: id, changed } if *id == action.id => Some(*changed),
                _ => None,
            });
            let mut machine = self.machine();
            let left = match said.map_or_else(|| machine.is_changed(action), Ok) {
                Err(error) => vec![format!("{}: {error}", action.step.name())],
                Ok(changed) => {
                    machine.write(Event::Undo { action: action.id.clone(), changed })?;
                    // What one action meets stops no other.
                    machine
                        .undo(action, &before, changed)
                        .unwrap_or_else(|error| vec![format!("{}: {error}", action.step.name())])
                }
            };
            machine.write(Event::Undone { action: action.id.clone(), left: left.clone() })?;
            tell(Told::Ended(Ended::Done, left.join("; ")));
        }
        self.machine().write(Event::RolledBack)?;
        Ok(Outcome::RolledBack(self.left()))
    }

    /// What the last taking back of each action could not bring back.
    fn left(&self) -> Vec<String> {
        let mut left = std::collections::BTreeMap::new();
        for (_, event) in self.journal.events() {
            if let Event::Undone { action, left: list } = event {
                left.insert(action, list);
            }
        }
        left.into_values().flatten().cloned().collect()
    }

    /// Gives up the way back: what was saved is deleted, the journal stays.
    pub fn purge(&mut self) -> Result<(), RemoveError> {
        if !matches!(self.state(), State::Finished | State::Purged | State::RolledBack) {
            return Err(RemoveError::Refused(vec!["the removal has not ended".to_owned()]));
        }
        if self.state() != State::Purged {
            self.machine().write(Event::Purged)?;
        }
        self.store.purge()
    }

    /// What each action came to.
    pub fn receipts(&self) -> Vec<Receipt> {
        let receipt = |action: &Action| {
            let mut receipt = Receipt {
                action: action.id.clone(),
                does: action.step.word().to_owned(),
                on: action.step.name(),
                findings: action.findings.clone(),
                outcome: "not-begun".to_owned(),
                detail: String::new(),
                at: String::new(),
            };
            for (at, event) in self.journal.events() {
                let (outcome, text) = match event {
                    Event::Begin { action: id, .. } if *id == action.id => ("begun", String::new()),
                    Event::End { action: id, outcome, detail, .. } if *id == action.id => {
                        let word = match outcome {
                            Ended::Done => "done",
                            Ended::Unchanged => "unchanged",
                            Ended::Failed => "failed",
                        };
                        (word, detail.clone())
                    }
                    Event::Undone { action: id, left } if *id == action.id => ("rolled-back", left.join("; ")),
                    _ => continue,
                };
                receipt.outcome = outcome.to_owned();
                receipt.detail = text;
                receipt.at.clone_from(at);
            }
            receipt
        };
        self.asset.actions.iter().map(receipt).collect()
    }

    /// Who approved what is carried out.
    pub fn approved_by(&self) -> &[String] {
        self.plan.by()
    }
}

/// How far the run of a journal is, and what its first line says: plan, asset, root. Nothing is changed.
pub fn state_and_head(journal: &Path) -> Result<(State, [String; 3]), RemoveError> {
    let events = Journal::read(journal)?;
    let head = match events.first() {
        Some((_, Event::Run { plan, asset, root })) => [plan.clone(), asset.clone(), root.clone()],
        _ => Default::default(),
    };
    Ok((state_of(&events), head))
}

fn state(folder: &Path) -> Result<State, RemoveError> {
    let path = folder.join("journal");
    if !Journal::is_there(&path) {
        return Ok(State::New);
    }
    Ok(state_of(&Journal::read(&path)?))
}

fn state_of(events: &[(String, Event)]) -> State {
    let mut state = State::New;
    for (_, event) in events {
        state = match event {
            Event::Run { .. } => State::Unfinished,
            Event::Finished => State::Finished,
            Event::Undo { .. } => State::GoingBack,
            Event::RolledBack => State::RolledBack,
            Event::Purged => State::Purged,
            _ => state,
        };
    }
    state
}

/// What the thing that others may change too was like right after the action, by digest.
fn after_of(machine: &Machine<'_>, action: &Action) -> String {
    match &action.step {
        Step::RemovePackage { manager, .. } => package::database_digest(machine, *manager),
        Step::RemoveLines { path, .. } => hosts::digest(machine, path),
        _ => String::new(),
    }
}

/// How many names lie at and below `path`, and how many bytes they hold.
fn count(path: &Path, depth: usize) -> (u64, u64) {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return (0, 0) };
    if !meta.is_dir() || depth > 1024 {
        return (1, meta.len());
    }
    let list = std::fs::read_dir(path).into_iter().flatten().flatten();
    list.fold((1, 0), |(names, bytes), entry| {
        let (more, size) = count(&entry.path(), depth + 1);
        (names + more, bytes + size)
    })
}
