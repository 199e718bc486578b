//! What cron starts: system tables, tables of users, and the folders it runs through.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};

pub(crate) struct Cron;

const COMMAND: Attribute = Attribute::known("cron.command");

static META: Meta = Meta {
    id: "cron",
    what: "Commands in crontabs of the system and of users, and scripts in cron's daily, hourly, weekly and monthly folders.",
    cannot_see: "at jobs; tables of other schedulers.",
    attributes: &[COMMAND],
    hides: Presences::of(&[Presence::Installed]),
    live: false,
};

const TABLES_WITH_USER: &[&[u8]] = &[b"/etc/crontab", b"/etc/cron.d/"];
const SCRIPTS: &[&[u8]] = &[b"/etc/cron.hourly/", b"/etc/cron.daily/", b"/etc/cron.weekly/", b"/etc/cron.monthly/"];

impl Collector for Cron {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            Interest::Path("etc/crontab"),
            Interest::In("etc/cron.d"),
            Interest::In("etc/cron.hourly"),
            Interest::In("etc/cron.daily"),
            Interest::In("etc/cron.weekly"),
            Interest::In("etc/cron.monthly"),
            Interest::In("var/spool/cron"),
            Interest::In("var/spool/cron/crontabs"),
            Interest::In("var/spool/cron/tabs"),
        ]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let path = &seen.path[seen.root.len()..];
        if seen.name().starts_with(b".") {
            return Ok(Examined::NotMine);
        }
        if SCRIPTS.iter().any(|folder| path.starts_with(folder)) {
            out.add(seen.artifact(ArtifactKind::Service).with(COMMAND, seen.text));
            return Ok(Examined::Whole);
        }
        let text = seen.text(1 << 20)?;
        let with_user = TABLES_WITH_USER.iter().any(|table| path.starts_with(table));
        for command in text.lines().filter_map(|line| command(line, with_user)) {
            out.add(seen.artifact(ArtifactKind::Service).with(COMMAND, command));
        }
        Ok(Examined::Whole)
    }
}

/// The command of one line, if it is an entry.
fn command(line: &str, with_user: bool) -> Option<String> {
    let line = line.trim();
    let first = line.split_ascii_whitespace().next()?;
    let entry = first.starts_with('@') || first.starts_with(|letter: char| letter.is_ascii_digit() || letter == '*');
    if !entry {
        return None;
    }
    let before = usize::from(with_user) + if first.starts_with('@') { 1 } else { 5 };
    let words: Vec<&str> = line.split_ascii_whitespace().skip(before).collect();
    (!words.is_empty()).then(|| words.join(" "))
}
