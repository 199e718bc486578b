//! Running processes of this machine, by /proc.

use crate::collector::{Collector, Context, Examined, Meta, Out, Outcome};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Locator, Presence, Presences};
use ostrakon_place::{EntryKind, Fault};

pub(crate) struct Process;

const NAME: Attribute = Attribute::known("process.name");
const PATH: Attribute = Attribute::known("process.path");
const COMMAND: Attribute = Attribute::known("process.command");
const RUNNING: Presences = Presences::of(&[Presence::Running]);

static META: Meta = Meta {
    id: "process",
    what: "Running processes: name, executable, command line.",
    cannot_see: "Processes that ended before the look or began after it; code inside another's process.",
    attributes: &[NAME, PATH, COMMAND],
    hides: RUNNING,
    live: true,
};

impl Collector for Process {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn host(&self, context: &Context<'_>, out: &mut Out) -> Outcome {
        let mut ids = Vec::new();
        context.tree.folder(b"/proc")?.entries(&mut |entry| {
            if entry.kind == EntryKind::Folder && entry.name.iter().all(u8::is_ascii_digit) {
                ids.push(entry.name.to_vec());
            }
        })?;
        if ids.is_empty() {
            return Err(Fault::new(GapReason::Unreached, "/proc lists no process: is it mounted?"));
        }
        // Under `hidepid` a user sees only his own, and never the first.
        if !ids.iter().any(|id| id == b"1") {
            let detail = "/proc hides the processes of other users";
            out.gap(Locator("/proc".to_owned()), GapReason::PermissionDenied, RUNNING, detail);
        }
        let mut hidden = Vec::new();
        for id in ids {
            let path = [b"/proc/".as_slice(), &id].concat();
            match process(context, &path) {
                Ok((artifact, exe)) => {
                    if !exe {
                        hidden.extend(artifact.iter().flat_map(|it| it.values(NAME)).map(str::to_owned));
                    }
                    out.artifacts.extend(artifact);
                }
                Err(fault) if fault.gone || fault.detail.contains("No such process") => {}
                Err(fault) => out.gap(Locator::of_path(&path), fault.reason, RUNNING, fault.detail),
            }
        }
        if !hidden.is_empty() {
            let names = hidden.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if hidden.len() > 5 { ", ..." } else { "" };
            let detail =
                format!("the executable of {} process(es); their names were read: {names}{more}", hidden.len());
            out.gap(Locator("/proc".to_owned()), GapReason::PermissionDenied, RUNNING, detail);
        }
        Ok(Examined::Whole)
    }
}

/// One process, and whether it let its executable be asked about. Kernel threads are none.
fn process(context: &Context<'_>, path: &[u8]) -> Result<(Option<Artifact>, bool), Fault> {
    let folder = context.tree.folder(path)?;
    let name = folder.open(b"comm")?.read_all(4096)?;
    let command = folder.open(b"cmdline")?.read_all(16 << 20)?;
    let mut asked = true;
    let exe = match folder.link(b"exe") {
        Ok(exe) => Some(exe),
        Err(fault) if fault.gone && command.is_empty() => return Ok((None, true)),
        Err(fault) => {
            // Gone: it was started from a file system that is no longer there.
            asked = fault.gone;
            None
        }
    };
    let command: Vec<_> = command.split(|byte| *byte == 0).filter(|word| !word.is_empty()).map(encode).collect();
    let mut artifact = Artifact::new(ArtifactKind::Process, Locator::of_path(path), "")
        .with(NAME, encode(name.trim_ascii_end()))
        .with(COMMAND, command.join(" "));
    if let Some(exe) = &exe {
        artifact.push(PATH, encode(exe.strip_suffix(b" (deleted)").unwrap_or(exe)));
    }
    Ok((Some(artifact), asked))
}
