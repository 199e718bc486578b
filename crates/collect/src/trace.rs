//! What says that a program was run, or is to be: the path it names, as the place would have it, and the time it gives.

use crate::collector::Seen;
use crate::windows_path::{name_of, placed};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence};

pub(crate) const PATH: Attribute = Attribute::known("file.path");
pub(crate) const NAME: Attribute = Attribute::known("file.name");
pub(crate) const SOURCE: Attribute = Attribute::known("trace.source");
pub(crate) const LAST_RUN: Attribute = Attribute::known("trace.last_run");
pub(crate) const RUN_COUNT: Attribute = Attribute::known("trace.run_count");
pub(crate) const ARGUMENTS: Attribute = Attribute::known("trace.arguments");

/// A trace of the program at `path`, as Windows writes paths. What it names need not be there: it is left of something.
pub(crate) fn of(seen: &Seen<'_>, source: &str, path: &str) -> Artifact {
    let artifact = seen.artifact(ArtifactKind::Trace).with(SOURCE, source).proving(Presence::Remnant);
    let path = path.trim();
    let path = path.strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or(path);
    let artifact = artifact.with(NAME, encode(name_of(path).as_bytes()));
    match placed(path, "") {
        Some(path) => artifact.with(PATH, encode(path.as_bytes())),
        None => artifact,
    }
}
