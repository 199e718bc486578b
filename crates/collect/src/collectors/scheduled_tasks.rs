//! Tasks of the Task Scheduler, as files: XML below System32/Tasks, and the `.job` files of before Windows Vista. What a task
//! starts is a trace: the program need not be there any more.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::reading::{decoded, last_part, le16, utf16};
use crate::sbom::xml::{Attributes, Elements, walk};
use crate::trace;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct ScheduledTasks;

const TASK: Attribute = super::hives::TASK;
const AUTHOR: Attribute = Attribute::known("windows.scheduled_task.author");

static META: Meta = Meta {
    id: "scheduled-tasks",
    what: "Scheduled tasks of Windows from their files (System32/Tasks, and .job files): their names, authors and the \
           programs they start.",
    cannot_see: "What a task does through a COM class; tasks only the registry has (hives); files of tasks in another \
                 encoding than Windows writes, in folders below Tasks.",
    attributes: &[TASK, AUTHOR, trace::SOURCE, trace::PATH, trace::NAME, trace::ARGUMENTS],
    hides: Presences::of(&[Presence::Installed, Presence::Remnant]),
    live: false,
};

/// Tasks have some KiB.
const MOST: u64 = 4 << 20;
/// A task may have 32 actions.
const MOST_ACTIONS: usize = 256;

impl Collector for ScheduledTasks {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            // Tasks have no ending: `<` in UTF-16 begins them, in folders to any depth.
            Interest::Magic(0, b"\xff\xfe<\0"),
            Interest::In("Windows/System32/Tasks"),
            Interest::In("Windows/system32/Tasks"),
            Interest::In("WINDOWS/system32/Tasks"),
            Interest::Ending(".job"),
        ]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        above(path).is_some()
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let Some((above, job)) = above(seen.path) else { return Ok(Examined::NotMine) };
        let bytes = seen.whole(MOST)?;
        if bytes.is_empty() {
            return Ok(Examined::Whole);
        }
        let name = String::from_utf8_lossy(last_part(seen.path)).into_owned();
        let mut service = seen.artifact(ArtifactKind::Service);
        if !above.is_empty() {
            service = service.proving(Presence::Dormant);
        }
        let mut task = Task { service, actions: Vec::new(), lost: false };
        let read = if job {
            task.service.push(TASK, name.get(..name.len().saturating_sub(4)).unwrap_or(&name));
            task.job(&bytes).ok_or_else(|| Fault::new(GapReason::Truncated, "a task that ends too soon"))
        } else {
            task.service.push(TASK, name);
            walk(&decoded(&bytes), &mut task)
        };
        out.add(task.service);
        for (command, arguments) in task.actions.iter().filter(|(command, _)| !command.is_empty()) {
            out.add(trace::of(seen, "scheduled-task", command).with(trace::ARGUMENTS, arguments));
        }
        read?;
        if task.lost {
            return Err(Fault::new(GapReason::Limit, format!("a task of more than {MOST_ACTIONS} actions")));
        }
        Ok(Examined::Whole)
    }
}

/// What lies above the system's folder, if the file is where it has tasks; and whether it is one of old.
fn above(path: &[u8]) -> Option<(&[u8], bool)> {
    let find = |folder: &str| path.windows(folder.len()).position(|part| part.eq_ignore_ascii_case(folder.as_bytes()));
    let job = path.len() > 4 && path[path.len() - 4..].eq_ignore_ascii_case(b".job");
    let old = ["/windows/tasks/", "/winnt/tasks/"].into_iter().find_map(find).filter(|_| job);
    let at = old.or_else(|| find("/windows/system32/tasks/"))?;
    Some((path.get(..at)?, old.is_some()))
}

struct Task {
    service: Artifact,
    /// Commands with their arguments.
    actions: Vec<(String, String)>,
    /// There were more.
    lost: bool,
}

impl Elements for Task {
    fn open(&mut self, path: &str, _attributes: &Attributes) -> Result<(), Fault> {
        if path == "Task/Actions/Exec" {
            self.lost |= self.actions.len() == MOST_ACTIONS;
            if !self.lost {
                self.actions.push(Default::default());
            }
        }
        Ok(())
    }

    fn close(&mut self, path: &str, text: &str) -> Result<(), Fault> {
        let action = self.actions.last_mut().filter(|_| !self.lost);
        match (path, action) {
            ("Task/RegistrationInfo/Author", _) => self.service.push(AUTHOR, text),
            ("Task/Actions/Exec/Command", Some((command, _))) => text.clone_into(command),
            ("Task/Actions/Exec/Arguments", Some((_, arguments))) => text.clone_into(arguments),
            _ => {}
        }
        Ok(())
    }
}

impl Task {
    /// Texts behind a part of fixed length (MS-TSCH 2.4): program, arguments, folder, author; each its length in letters first.
    fn job(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = usize::from(le16(bytes, 20)?);
        let mut text = || {
            let start = at.checked_add(2)?;
            let end = start.checked_add(usize::from(le16(bytes, at)?) * 2)?;
            at = end;
            bytes.get(start..end).map(utf16)
        };
        let command = text()?;
        let arguments = text();
        self.actions.push((command, arguments.clone().unwrap_or_default()));
        arguments?;
        let _folder = text()?;
        self.service.push(AUTHOR, text()?);
        Some(())
    }
}
