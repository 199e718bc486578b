//! System V init scripts.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Init;

const SCRIPT: Attribute = Attribute::known("init.script");

static META: Meta = Meta {
    id: "init",
    what: "System V init scripts.",
    cannot_see: "In which run level a script starts; what it starts.",
    attributes: &[SCRIPT],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

impl Collector for Init {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::In("etc/init.d"), Interest::In("etc/rc.d/init.d")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        if seen.name() == b"README" || seen.name().starts_with(b".") {
            return Ok(Examined::NotMine);
        }
        out.add(seen.artifact(ArtifactKind::Service).with(SCRIPT, String::from_utf8_lossy(seen.name())));
        // Programs stand in for scripts on some systems; anything else is no script.
        let runs = seen.head.is_empty() || seen.head.starts_with(b"#") || seen.head.starts_with(b"\x7fELF");
        if !runs && seen.head.contains(&0) {
            return Err(Fault::corrupt("neither a script nor a program"));
        }
        Ok(Examined::Whole)
    }
}
