//! The journal: one JSON line for each thing begun or done, made durable before the program goes on. Each line carries the
//! digest of the one before, so that a line that was lost or changed is seen; a last line that was cut off by a power
//! failure is not one.

use crate::RemoveError;
use crate::store::sync_folder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    Run {
        /// The digest of the plan.
        plan: String,
        /// The asset's id.
        asset: String,
        /// The root that is worked on.
        root: String,
    },
    /// An action is about to begin.
    Begin {
        /// The action's id.
        action: String,
        /// What was there before.
        before: Before,
    },
    /// What it takes away is saved.
    Saved {
        /// The action's id.
        action: String,
        /// The name of the manifest.
        manifest: String,
        /// How many items it has.
        items: u64,
    },
    /// A program ran.
    Ran {
        /// The action's id.
        action: String,
        /// The command line.
        line: String,
        /// Its exit code.
        code: Option<i32>,
        /// The end of what it wrote.
        output: String,
    },
    /// An action has ended.
    End {
        /// The action's id.
        action: String,
        /// How.
        outcome: Ended,
        /// What to know about it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
        /// What the package database was like right after, by digest.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        after: String,
    },
    /// An action is about to be taken back.
    Undo {
        /// The action's id.
        action: String,
        /// Others have changed since what the action changed: theirs stays.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed: bool,
    },
    /// An action was taken back.
    Undone {
        /// The action's id.
        action: String,
        /// What could not be brought back, and why.
        left: Vec<String>,
    },
    /// All actions were taken back.
    RolledBack,
    /// All actions are done.
    Finished,
    /// What was saved is deleted: there is no way back.
    Purged,
}

/// What was there before an action, as far as going back needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// A unit was running, a module was loaded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active: bool,
    /// A unit was enabled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    /// A unit was masked already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// Processes that were ended: id and start time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<(i32, u64)>,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It came to what it should.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// It failed; the run stops there.
    Failed,
}

#[derive(Serialize, Deserialize)]
struct Line {
    seq: u64,
    at: String,
    last: String,
    #[serde(flatten)]
    event: Event,
}

/// A journal, opened.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    next: u64,
    last: String,
    events: Vec<(String, Event)>,
}

impl Journal {
    /// Opens the journal at `path`, made if need be. A last line that was cut off is taken away.
    pub fn open(path: &Path) -> Result<Self, RemoveError> {
        let io = RemoveError::io(path);
        let mut file = match File::options().read(true).append(true).create(true).mode(0o600).open(path) {
            Ok(file) => file,
            Err(error) => return Err(io(error)),
        };
        sync_folder(path.parent().unwrap_or(Path::new("/")))?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut file, &mut text).map_err(RemoveError::io(path))?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            file.set_len(whole as u64).and_then(|()| file.sync_all()).map_err(RemoveError::io(path))?;
        }
        let mut journal = Self { path: path.to_owned(), file, next: 0, last: String::new(), events: Vec::new() };
        for text in text[..whole].lines() {
            let damaged = |why: String| RemoveError::Damaged { path: path.to_owned(), why };
            let line: Line = serde_json::from_str(text)
                .map_err(|error| damaged(format!("line {} cannot be read: {error}", journal.next + 1)))?;
            if line.seq != journal.next || line.last != journal.last {
                return Err(damaged(format!("line {} does not follow from the one before", journal.next + 1)));
            }
            journal.took(text, line);
        }
        Ok(journal)
    }

    /// Reads the journal at `path` and changes nothing, while somebody may be writing it.
    pub fn read(path: &Path) -> Result<Vec<(String, Event)>, RemoveError> {
        let text = std::fs::read_to_string(path).map_err(RemoveError::io(path))?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let line = |text: &str| {
            let line: Line = serde_json::from_str(text)
                .map_err(|error| RemoveError::Damaged { path: path.to_owned(), why: error.to_string() })?;
            Ok((line.at, line.event))
        };
        text[..whole].lines().map(line).collect()
    }

    /// Is there a journal at `path`?
    pub fn is_there(path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
    }

    /// Writes `event` and makes it durable. `at`: the time, RFC 3339.
    pub fn write(&mut self, at: &str, event: Event) -> Result<(), RemoveError> {
        let line = Line { seq: self.next, at: at.to_owned(), last: self.last.clone(), event };
        let text = serde_json::to_string(&line).map_err(|error| RemoveError::io(&self.path)(error.into()))?;
        let before = self.file.metadata().map_err(RemoveError::io(&self.path))?.len();
        let written = self.file.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A full disk takes half a line; the next line must not be written behind it.
            let _ = self.file.set_len(before);
            return Err(RemoveError::io(&self.path)(error));
        }
        self.took(&text, line);
        Ok(())
    }

    fn took(&mut self, text: &str, line: Line) {
        self.next += 1;
        self.last = Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.events.push((line.at, line.event));
    }

    /// All events so far, with their times.
    pub fn events(&self) -> &[(String, Event)] {
        &self.events
    }
}
