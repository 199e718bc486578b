//! systemd units: what the system, or a user's session, starts. A unit whose program is gone is a remnant.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};

pub(crate) struct Systemd;

const UNIT: Attribute = Attribute::known("systemd.unit");
const DESCRIPTION: Attribute = Attribute::known("systemd.description");
const EXEC: Attribute = Attribute::known("systemd.exec");

static META: Meta = Meta {
    id: "systemd",
    what: "systemd units (services, timers, sockets, paths, mounts) and what they execute.",
    cannot_see: "Drop-ins and units made by generators at boot; whether a unit is enabled or was ever started.",
    attributes: &[UNIT, DESCRIPTION, EXEC],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

/// The keys whose value begins with a program.
const EXECUTES: [&str; 8] = [
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStop",
    "ExecStopPost",
    "ExecReload",
    "ExecCondition",
    "ExecStopPre",
];

impl Collector for Systemd {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::In("etc/systemd/system"),
            Interest::In("run/systemd/system"),
            Interest::In("usr/lib/systemd/system"),
            Interest::In("lib/systemd/system"),
            Interest::In("usr/local/lib/systemd/system"),
            Interest::In("etc/systemd/user"),
            Interest::In("usr/lib/systemd/user"),
            Interest::In(".config/systemd/user"),
            Interest::In(".local/share/systemd/user"),
        ]
    }

    fn asks_others(&self, _name: &[u8]) -> bool {
        true
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        const UNITS: [&[u8]; 7] = [b".service", b".timer", b".socket", b".path", b".mount", b".automount", b".target"];
        if !UNITS.iter().any(|ending| seen.name().ends_with(ending)) {
            return Ok(Examined::NotMine);
        }
        let text = seen.text(1 << 20)?;
        let mut artifact = seen.artifact(ArtifactKind::Service).with(UNIT, String::from_utf8_lossy(seen.name()));
        let mut programs = Vec::new();
        for (key, value) in lines(&text) {
            if key == "Description" {
                artifact.push(DESCRIPTION, value);
            } else if EXECUTES.contains(&key.as_str())
                && let Some(program) = program(&value)
                && !programs.contains(&program)
            {
                programs.push(program);
            }
        }
        let there = |program: &String| {
            let path = [seen.root, program.as_bytes()].concat();
            // What cannot be asked about is taken to be there: a remnant needs evidence.
            !program.starts_with('/') || seen.context.tree.kind(&path).map_or(true, |kind| kind.is_some())
        };
        if !programs.is_empty() && !programs.iter().any(there) {
            artifact = artifact.proving(Presence::Remnant);
        }
        programs.into_iter().for_each(|program| artifact.push(EXEC, program));
        out.add(artifact);
        Ok(Examined::Whole)
    }
}

/// The assignments of a unit file; a line that ends with `\` goes on in the next.
fn lines(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let pairs = joined.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';', '[']));
    let pairs = pairs.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The program of an Exec line, without the marks systemd allows before it.
fn program(value: &str) -> Option<String> {
    let word = value.split_ascii_whitespace().next()?;
    let word = word.trim_start_matches(['-', '@', ':', '+', '!', '|']).trim_matches('"');
    (!word.is_empty()).then(|| word.to_owned())
}
