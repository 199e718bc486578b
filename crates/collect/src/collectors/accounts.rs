//! Local users and groups: some products make their own and leave them behind.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use ostrakon_model::{ArtifactKind, Attribute, Presence, Presences};

pub(crate) struct Accounts;

const USER: Attribute = Attribute::known("os.user");
const GROUP: Attribute = Attribute::known("os.group");

static META: Meta = Meta {
    id: "accounts",
    what: "Local users and groups by /etc/passwd and /etc/group.",
    cannot_see: "Accounts of a directory service.",
    attributes: &[USER, GROUP],
    hides: Presences::of(&[Presence::Remnant]),
    live: false,
};

impl Collector for Accounts {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Path("etc/passwd"), Interest::Path("etc/group")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(64 << 20)?;
        let attribute = if seen.name() == b"passwd" { USER } else { GROUP };
        for name in text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name) {
            // NIS lines begin with a sign and name no local account.
            if !name.is_empty() && !name.starts_with(['+', '-', '#']) {
                out.add(seen.artifact(ArtifactKind::Account).with(attribute, name));
            }
        }
        Ok(Examined::Whole)
    }
}
