//! The registry of Windows, from its files on a disk that is not running: programs, services, drivers, keys of vendors, of
//! the machine and of each of its users, logged on or not.

mod machine;
mod programs;
mod services;

use super::certs;
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::hive::{Broken, Hive, Key};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Locator, Presence, Presences};
use ostrakon_place::Fault;

pub(crate) struct Hives;

pub(super) const DISPLAY_NAME: Attribute = Attribute::known("windows.uninstall.display_name");
pub(super) const PUBLISHER: Attribute = Attribute::known("windows.uninstall.publisher");
pub(super) const VERSION: Attribute = Attribute::known("windows.uninstall.display_version");
pub(super) const PRODUCT_CODE: Attribute = Attribute::known("msi.product_code");
pub(super) const UPGRADE_CODE: Attribute = Attribute::known("msi.upgrade_code");
pub(super) const SERVICE: Attribute = Attribute::known("windows.service.name");
pub(super) const SERVICE_TITLE: Attribute = Attribute::known("windows.service.display_name");
pub(super) const DRIVER: Attribute = Attribute::known("windows.driver.name");
pub(super) const ALTITUDE: Attribute = Attribute::known("windows.driver.altitude");
pub(super) const SECURITY_CENTER: Attribute = Attribute::known("windows.security_center.name");
pub(super) const TASK: Attribute = Attribute::known("windows.scheduled_task");
pub(super) const CHANNEL: Attribute = Attribute::known("windows.eventlog.channel");
pub(super) const PROVIDER: Attribute = Attribute::known("windows.eventlog.provider");
const KEY: Attribute = Attribute::known("windows.registry.key");
const KEY_NAME: Attribute = Attribute::known("windows.registry.key_name");

static META: Meta = Meta {
    id: "hives",
    what: "Files of the Windows registry (SOFTWARE, SYSTEM, NTUSER.DAT) with their logs: uninstall keys in both views and of \
           every user, products of Windows Installer, services, drivers and their altitudes, scheduled tasks, classic event logs, Security Center, \
           trusted certificates, keys of vendors, and of all these what was deleted and can still be read.",
    cannot_see: "Hives in other places, such as backups; keys that say what was run (ShimCache, BAM, Amcache); whether what a key names is on the disk; what is registered \
                 below Classes; keys more than two levels below SOFTWARE that no dossier speaks of.",
    attributes: &[
        DISPLAY_NAME,
        PUBLISHER,
        VERSION,
        PRODUCT_CODE,
        UPGRADE_CODE,
        SERVICE,
        SERVICE_TITLE,
        DRIVER,
        ALTITUDE,
        SECURITY_CENTER,
        TASK,
        CHANNEL,
        PROVIDER,
        KEY,
        KEY_NAME,
        certs::STORE,
        certs::SUBJECT,
        certs::ISSUER,
        certs::COMMON_NAME,
        certs::ORGANIZATION,
    ],
    hides: Presences::of(&[Presence::Installed, Presence::Remnant]),
    live: false,
};

/// The largest hive that is read, in bytes: those of large servers have some 100 MiB.
const MOST: u64 = 128 << 20;
/// How deep keys are followed where a dossier may speak of them, and how deep they are told in any case.
const DEEPEST: u32 = 8;
const TOLD: u32 = 2;

impl Collector for Hives {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[
            // As it was written by one or the other Windows.
            Interest::In("Windows/System32/config"),
            Interest::In("Windows/system32/config"),
            Interest::In("WINDOWS/system32/config"),
            Interest::In("WINNT/system32/config"),
            Interest::Name("NTUSER.DAT"),
            Interest::Name("ntuser.dat"),
        ]
    }

    fn asks_others(&self, _name: &[u8]) -> bool {
        true
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let kind = Kind::of(seen.name());
        let Some(kind) = kind else { return Ok(Examined::NotMine) };
        if seen.head.is_empty() {
            return Ok(Examined::Whole);
        }
        let hive = Hive::open(seen.whole(MOST)?.into_owned(), &logs(seen)).map_err(fault)?;
        let mut found = Found { seen, out, elsewhere: kind == Kind::User && !is_of_this_place(seen.path) };
        let read = kind.read(&hive, &mut found);
        let skipped = hive.skipped();
        let lost = (skipped > 0).then(|| format!("{skipped} keys or values in it cannot be read"));
        for detail in hive.doubts().iter().cloned().chain(lost) {
            out.gap(seen.locator(), GapReason::Corrupt, META.hides, detail);
        }
        read.map(|()| Examined::Whole).map_err(fault)
    }
}

fn fault(broken: Broken) -> Fault {
    Fault::corrupt(broken.0)
}

/// Which branch of the registry a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Software,
    System,
    User,
}

impl Kind {
    fn of(name: &[u8]) -> Option<Self> {
        [(&b"SOFTWARE"[..], Self::Software), (b"SYSTEM", Self::System), (b"NTUSER.DAT", Self::User)]
            .into_iter()
            .find_map(|(known, kind)| name.eq_ignore_ascii_case(known).then_some(kind))
    }

    fn read(self, hive: &Hive, found: &mut Found<'_, '_>) -> Result<(), Broken> {
        let root = hive.root()?;
        // Each part is tried, whatever became of those before it; the first fault is the one that is told.
        match self {
            Self::Software => {
                programs::deleted(hive, found);
                deleted(hive, found);
                let narrow = root.key("WOW6432Node");
                let narrow = narrow.and_then(|it| it.map_or(Ok(()), |it| programs::read(it, "WOW6432Node\\", found)));
                let parts = [
                    programs::read(root, "", found),
                    narrow,
                    machine::security_center(root, found),
                    machine::tasks(root, found),
                    machine::certificates(root, "", found),
                    keys(root, "HKLM\\SOFTWARE", "", 1, found),
                ];
                parts.into_iter().collect()
            }
            Self::System => {
                services::deleted(hive, found);
                services::read(root, found)
            }
            Self::User => {
                programs::deleted(hive, found);
                let Some(software) = root.key("Software")? else { return Ok(()) };
                let parts = [
                    programs::read(software, "Software\\", found),
                    machine::certificates(software, "Software\\", found),
                    keys(software, "HKCU\\Software", "Software\\", 1, found),
                ];
                parts.into_iter().collect()
            }
        }
    }
}

/// The logs that lie beside a hive.
fn logs(seen: &Seen<'_>) -> Vec<Vec<u8>> {
    let log = |ending: &str| {
        let path = [seen.path, ending.as_bytes()].concat();
        // One that is not there, or cannot be read, is missed by the hive itself, if it needs it.
        seen.context.tree.find(&path).and_then(|file| file.read_all(MOST)).unwrap_or_default()
    };
    [".LOG1", ".LOG2", ".LOG", ".log1", ".log2", ".log"].map(log).into_iter().filter(|log| !log.is_empty()).collect()
}

/// Does a user's hive lie where those of the system that the place holds do?
fn is_of_this_place(path: &[u8]) -> bool {
    let mut parts = path.split(|byte| *byte == b'/').skip(1);
    let top = parts.next().unwrap_or_default();
    (top.eq_ignore_ascii_case(b"Users") || top.eq_ignore_ascii_case(b"Documents and Settings")) && parts.count() == 2
}

/// Tells keys: those near the top in any case, those below where somebody recognises them.
fn keys(at: Key<'_>, path: &str, inside: &str, depth: u32, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for key in at.keys()? {
        let name = key.name();
        // A hundred thousand names of types and interfaces, none of a vendor's own place.
        if depth == 1 && name.eq_ignore_ascii_case("Classes") {
            continue;
        }
        let (path, inside) = (format!("{path}\\{name}"), format!("{inside}{name}"));
        let artifact =
            found.artifact(ArtifactKind::RegistryKey, &inside).with(KEY, path.as_str()).with(KEY_NAME, name.as_str());
        if depth <= TOLD || (found.seen.context.worth)(&artifact) {
            found.out.add(artifact);
        }
        if depth < DEEPEST {
            // A broken branch is counted by the hive and costs nothing else.
            let _ = keys(key, &path, &format!("{inside}\\"), depth + 1, found);
        }
    }
    Ok(())
}

/// Tells the keys of the machine's vendors that were deleted, where somebody recognises them.
fn deleted(hive: &Hive, found: &mut Found<'_, '_>) {
    for gone in hive.deleted().into_iter().filter(|gone| gone.whole) {
        let key = format!("HKLM\\SOFTWARE\\{}", gone.path);
        let artifact = found.artifact(ArtifactKind::RegistryKey, &gone.path).with(KEY, key).proving(Presence::Remnant);
        if (found.seen.context.worth)(&artifact) {
            found.out.add(artifact);
        }
    }
}

/// Where what is found goes.
pub(super) struct Found<'f, 's> {
    seen: &'f Seen<'s>,
    pub(super) out: &'f mut Out,
    /// The hive is not where the system of the place has its own.
    elsewhere: bool,
}

impl Found<'_, '_> {
    /// Something at the key of this path in the hive.
    pub(super) fn artifact(&self, kind: ArtifactKind, key: &str) -> Artifact {
        let locator = Locator(format!("{}!{}", self.seen.text, encode(key.as_bytes())));
        let artifact = Artifact::new(kind, locator, "");
        if self.elsewhere { artifact.proving(Presence::Dormant) } else { artifact }
    }
}
