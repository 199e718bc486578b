//! One machine and what an action needs of it.

use crate::RemoveError;
use crate::command::{self, Asked, Ran};
use crate::journal::{Before, Ended, Event, Journal};
use crate::root::Root;
use crate::store::{Kind, Manifest, Store};
use crate::{hosts, package, process, service};
use ostrakon_model::locator::decode;
use ostrakon_plan::{Action, Step};
use std::time::Duration;

/// A machine, its journal and its quarantine.
pub(crate) struct Machine<'a> {
    pub(crate) root: &'a Root,
    pub(crate) store: &'a Store,
    pub(crate) journal: &'a mut Journal,
    /// The clock, passed in: RFC 3339.
    pub(crate) now: &'a dyn Fn() -> String,
    /// How long a program of the machine may take.
    pub(crate) deadline: Duration,
}

/// Where an action stands.
pub(crate) enum Standing {
    /// What it should come to is so already.
    Reached,
    /// There is something to do; what was there before.
    Ahead(Before),
}

impl Machine<'_> {
    pub(crate) fn write(&mut self, event: Event) -> Result<(), RemoveError> {
        self.journal.write(&(self.now)(), event)
    }

    /// Runs a program of the machine and writes down how it ended.
    pub(crate) fn run(&mut self, action: &Action, program: &str, arguments: &[&str]) -> Result<Ran, RemoveError> {
        let ran = command::run(self.root, self.deadline, program, arguments)?;
        let (line, code, output) = (ran.line.clone(), ran.code, ran.output.clone());
        self.write(Event::Ran { action: action.id.clone(), line, code, output })?;
        Ok(ran)
    }

    /// Runs a program of the machine that only looks.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> Result<Asked, RemoveError> {
        command::ask(self.root, self.deadline, program, arguments)
    }

    /// Saves `paths` under the action's name and the number of the try, and writes that down.
    pub(crate) fn save(&mut self, action: &Action, paths: &[Vec<u8>], shared: bool) -> Result<Manifest, RemoveError> {
        let tries = self.store.manifests(&format!("{}-", action.id))?.len();
        let name = format!("{}-{tries:04}", action.id);
        let manifest = self.store.save(self.root, &name, paths, shared)?;
        let items = manifest.items.len() as u64;
        self.write(Event::Saved { action: action.id.clone(), manifest: name, items })?;
        Ok(manifest)
    }

    pub(crate) fn saved(&self, action: &Action) -> Result<Vec<Manifest>, RemoveError> {
        self.store.manifests(&format!("{}-", action.id))
    }

    /// Saves the files of a package manager's database, apart from those of the package.
    pub(crate) fn save_database(&mut self, action: &Action, paths: &[Vec<u8>]) -> Result<(), RemoveError> {
        let tries = self.saved_database(action)?.len();
        let name = format!("db-{}-{tries:04}", action.id);
        let manifest = self.store.save(self.root, &name, paths, true)?;
        let items = manifest.items.len() as u64;
        self.write(Event::Saved { action: action.id.clone(), manifest: name, items })
    }

    pub(crate) fn saved_database(&self, action: &Action) -> Result<Vec<Manifest>, RemoveError> {
        self.store.manifests(&format!("db-{}-", action.id))
    }

    /// What the package database was like when the last try had ended.
    pub(crate) fn last_after(&self, action: &Action) -> Option<String> {
        self.journal.events().iter().rev().find_map(|(_, event)| match event {
            Event::End { action: id, after, .. } if *id == action.id => Some(after.clone()),
            _ => None,
        })
    }

    /// Have others since changed what the action changed, so that it must not be put back over theirs?
    pub(crate) fn is_changed(&self, action: &Action) -> Result<bool, RemoveError> {
        let after = self.last_after(action).unwrap_or_default();
        let done =
            self.journal.events().iter().any(
                |(_, event)| matches!(event, Event::End { action: id, outcome: Ended::Done, .. } if *id == action.id),
            );
        match &action.step {
            Step::RemovePackage { manager, package, .. } => package::is_changed(self, *manager, package, &after, done),
            Step::RemoveLines { path, .. } => Ok(!after.is_empty() && hosts::digest(self, path) != after),
            _ => Ok(false),
        }
    }

    pub(crate) fn failed(&self, action: &Action, why: impl Into<String>) -> RemoveError {
        RemoveError::Failed {
            action: format!("{} ({} {})", action.id, action.step.word(), action.step.name()),
            why: why.into(),
        }
    }

    /// Where `action` stands.
    pub(crate) fn standing(&self, action: &Action) -> Result<Standing, RemoveError> {
        match &action.step {
            Step::RequirePackage { package } => package::required(self, action, package),
            Step::StopUnit { unit } => service::standing(self, unit),
            Step::EndProcesses { executable } => process::standing(self, executable),
            Step::DenyModule { module } => process::module_standing(self, module),
            Step::RemovePackage { manager, package, .. } => package::standing(self, *manager, package),
            Step::Quarantine { path, .. } | Step::RemoveCertificate { path, .. } => {
                let spot = self.root.spot(&decode(path))?;
                let there = spot.is_some_and(|spot| std::fs::symlink_metadata(spot.path()).is_ok());
                Ok(if there { Standing::Ahead(Before::default()) } else { Standing::Reached })
            }
            Step::RemoveLines { path, lines } => hosts::lines_standing(self, path, lines),
            Step::BlockNames { names } => hosts::standing(self, names),
        }
    }

    /// Carries `action` out. Called again after it was cut off.
    pub(crate) fn apply(&mut self, action: &Action, before: &Before) -> Result<(), RemoveError> {
        match &action.step {
            Step::RequirePackage { .. } => Ok(()),
            Step::StopUnit { unit } => service::stop(self, action, unit),
            Step::EndProcesses { executable } => process::end(self, action, executable, before),
            Step::DenyModule { module } => process::deny_module(self, action, module, before),
            Step::RemovePackage { manager, package, save, .. } => {
                package::remove(self, action, *manager, package, save)
            }
            Step::Quarantine { path, sha256 } => self.quarantine(action, path, sha256.as_deref()),
            Step::RemoveCertificate { path, sha256 } => {
                self.quarantine(action, path, sha256.as_deref())?;
                self.refresh_trust(action)
            }
            Step::RemoveLines { path, lines } => hosts::remove_lines(self, action, path, lines),
            Step::BlockNames { names } => hosts::block(self, action, names),
        }
    }

    /// Takes `action` back. Returns what could not be brought back. `changed`: what [`Self::is_changed`] said first.
    pub(crate) fn undo(&mut self, action: &Action, before: &Before, changed: bool) -> Result<Vec<String>, RemoveError> {
        match &action.step {
            Step::RequirePackage { .. } => Ok(Vec::new()),
            Step::StopUnit { unit } => service::start(self, action, unit, before),
            Step::EndProcesses { .. } => Ok(Vec::new()),
            Step::DenyModule { module } => process::allow_module(self, action, module, before),
            Step::RemovePackage { manager, package, .. } => {
                package::bring_back(self, action, *manager, package, changed)
            }
            Step::Quarantine { .. } => self.bring_back(action),
            Step::RemoveCertificate { .. } => {
                let left = self.bring_back(action)?;
                self.refresh_trust(action)?;
                Ok(left)
            }
            Step::RemoveLines { path, .. } => hosts::bring_back(self, action, path, changed),
            Step::BlockNames { .. } => hosts::unblock(self, action),
        }
    }

    fn quarantine(&mut self, action: &Action, path: &str, planned: Option<&str>) -> Result<(), RemoveError> {
        let manifest = self.save(action, &[decode(path)], false)?;
        // What was planned is what is moved: a file that became a folder, or another file, is neither.
        if let (Some(planned), Some(item)) = (planned, manifest.items.first())
            && !matches!(&item.kind, Kind::File { sha256, .. } if sha256 == planned)
        {
            return Err(self.failed(action, "it is not the file that was planned"));
        }
        self.store.delete(self.root, &manifest)
    }

    fn bring_back(&mut self, action: &Action) -> Result<Vec<String>, RemoveError> {
        Ok(self.store.restore(self.root, &self.saved(action)?, &|_| false))
    }

    /// Makes the bundles of trusted certificates anew, by the machine's own program.
    fn refresh_trust(&mut self, action: &Action) -> Result<(), RemoveError> {
        for (file, program, arguments) in [
            ("/usr/sbin/update-ca-certificates", "update-ca-certificates", &[][..]),
            ("/usr/bin/update-ca-trust", "update-ca-trust", &["extract"][..]),
        ] {
            if self.root.has(file) {
                let ran = self.run(action, program, arguments)?;
                return if ran.succeeded() { Ok(()) } else { Err(self.failed(action, ran.told())) };
            }
        }
        Ok(())
    }
}
