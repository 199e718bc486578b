//! What says that a program was run, seen or is to be started, in one module for each record Windows keeps. None of it proves
//! that the program is there, and most of it outlives the program.

pub(super) mod amcache;
pub(super) mod bam;
pub(super) mod compatibility;
pub(super) mod firewall;
pub(super) mod mui_cache;
pub(super) mod shim_cache;
pub(super) mod user_assist;

use super::{Found, NAME, PATH};
use crate::windows_path::{family, name_of, placed};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence};

pub(super) const SOURCE: Attribute = Attribute::known("trace.source");
pub(super) const LAST_RUN: Attribute = Attribute::known("trace.last_run");
pub(super) const TRACE_NAME: Attribute = Attribute::known("trace.name");
pub(super) const FAMILY: Attribute = Attribute::known("msix.family_name");

impl Found<'_, '_> {
    /// What `source` says at `key` of a program that is called `text` there: by its path, as an app of the Store, or by a name.
    pub(super) fn trace(&self, key: &str, source: &str, text: &str) -> Artifact {
        let text = text.trim_end_matches(['\\', '/']);
        let artifact = self.artifact(ArtifactKind::Trace, key).with(SOURCE, source).proving(Presence::Remnant);
        let path = placed(text, &self.home);
        if let Some(family) = family(text).filter(|_| path.is_none()) {
            return artifact.with(FAMILY, family);
        }
        let name = name_of(text);
        if path.is_none() && !text.contains(['\\', '/']) && !is_file_name(name) {
            return artifact.with(TRACE_NAME, text);
        }
        let path = path.map(|path| encode(path.as_bytes()).into_owned());
        artifact.with(PATH, path.unwrap_or_default()).with(NAME, encode(name.as_bytes()))
    }
}

/// Does a name end like that of a program, a driver, or a link to one?
fn is_file_name(name: &str) -> bool {
    const ENDINGS: [&str; 10] = ["exe", "dll", "sys", "com", "scr", "bat", "cmd", "msi", "msc", "lnk"];
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}
