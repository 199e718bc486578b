//! The registry of Windows, from its files on a disk that is not running: programs, services, drivers, keys of vendors, of
//! the machine and of each of its users, logged on or not.

mod browser;
mod machine;
mod programs;
mod run_keys;
mod services;
mod store;
mod system;
mod traces;

use super::browser::{CHROME_ID, FIREFOX_ID, NATIVE_HOST};
use super::{certs, os_release};
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::hive::{Broken, Hive, Key};
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
pub(super) const NAME: Attribute = Attribute::known("file.name");
pub(super) const PATH: Attribute = Attribute::known("file.path");
pub(super) const SHA1: Attribute = Attribute::known("file.sha1");
pub(super) const COMPANY: Attribute = Attribute::known("pe.company_name");
pub(super) const DESCRIPTION: Attribute = Attribute::known("pe.file_description");
pub(super) const FILE_VERSION: Attribute = Attribute::known("pe.file_version");
pub(super) const PRODUCT: Attribute = Attribute::known("pe.product_name");
pub(super) const PRODUCT_VERSION: Attribute = Attribute::known("pe.product_version");
const KEY: Attribute = Attribute::known("windows.registry.key");
const KEY_NAME: Attribute = Attribute::known("windows.registry.key_name");

static META: Meta = Meta {
    id: "hives",
    what: "Files of the Windows registry (SOFTWARE, SYSTEM, NTUSER.DAT, UsrClass.dat, Amcache.hve) with their logs: which Windows it is; \
           uninstall keys in both views and of every user, products of Windows Installer, packaged apps, services, drivers and their \
           altitudes, scheduled tasks, classic event logs, Security Center, trusted certificates, extensions and native hosts that \
           browsers are told of, keys of vendors, and of programs, services and keys of vendors what was deleted and can still be \
           read. What is to be started: Run keys, Winlogon. What says that a program was run: BAM, DAM, UserAssist; or was seen by \
           Windows, which need not have run it: ShimCache, Amcache, MuiCache, the compatibility assistant, rules of the firewall.",
    cannot_see: "Hives in other places, such as backups; whether what a key names is on the disk; what is registered below \
                 Classes; keys more than two levels below SOFTWARE that no dossier speaks of; when a program ran of which only \
                 ShimCache, Amcache or MuiCache speak.",
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
        NAME,
        PATH,
        SHA1,
        COMPANY,
        DESCRIPTION,
        FILE_VERSION,
        PRODUCT,
        PRODUCT_VERSION,
        traces::SOURCE,
        traces::LAST_RUN,
        traces::TRACE_NAME,
        traces::FAMILY,
        CHROME_ID,
        FIREFOX_ID,
        NATIVE_HOST,
        os_release::ID,
        os_release::VERSION,
        system::TITLE,
        system::EDITION,
        system::INSTALLED,
        system::HOSTNAME,
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
/// How many programs and extensions of one hive are told: the inventory of a large server has some ten thousand.
const MOST_TOLD: usize = 200_000;
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
            Interest::Name("UsrClass.dat"),
            Interest::Name("USRCLASS.DAT"),
            Interest::Name("Amcache.hve"),
            Interest::Name("amcache.hve"),
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
        let home = kind.home(seen.path);
        let elsewhere = home.is_none() && matches!(kind, Kind::User | Kind::Classes);
        let mut found = Found { seen, out, elsewhere, home: home.unwrap_or_default(), told: 0 };
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
    /// A user's part of what programs and types are registered.
    Classes,
    /// The inventory of programs.
    Amcache,
}

impl Kind {
    fn of(name: &[u8]) -> Option<Self> {
        let known = [
            (&b"SOFTWARE"[..], Self::Software),
            (b"SYSTEM", Self::System),
            (b"NTUSER.DAT", Self::User),
            (b"UsrClass.dat", Self::Classes),
            (b"Amcache.hve", Self::Amcache),
        ];
        known.into_iter().find_map(|(known, kind)| name.eq_ignore_ascii_case(known).then_some(kind))
    }

    /// The folder of the user whose hive lies at `path`, from the root of the volume; none where it lies elsewhere than the
    /// system of the place has it.
    fn home(self, path: &[u8]) -> Option<String> {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
        let depth = match self {
            Self::User => 3,
            // `AppData/Local/Microsoft/Windows`, or of old `Local Settings/Application Data/Microsoft/Windows`.
            Self::Classes => 7,
            _ => return None,
        };
        let [top, user, ..] = parts.as_slice() else { return None };
        let homes = [&b"Users"[..], b"Documents and Settings"];
        let of_this_place = parts.len() == depth && homes.iter().any(|home| top.eq_ignore_ascii_case(home));
        of_this_place.then(|| format!("/{}/{}", String::from_utf8_lossy(top), String::from_utf8_lossy(user)))
    }

    fn read(self, hive: &Hive, found: &mut Found<'_, '_>) -> Result<(), Broken> {
        let root = hive.root()?;
        // Each part is tried, whatever became of those before it; the first fault is the one that is told.
        match self {
            Self::Software => {
                programs::deleted(hive, found);
                deleted(hive, "HKLM\\SOFTWARE", found);
                let narrow = root.key("WOW6432Node");
                let narrow = narrow.and_then(|it| it.map_or(Ok(()), |it| view(it, "WOW6432Node\\", found)));
                let parts = [
                    system::version(root, found),
                    view(root, "", found),
                    narrow,
                    machine::security_center(root, found),
                    machine::tasks(root, found),
                    machine::certificates(root, "", found),
                    store::of_machine(root, found),
                    keys(root, "HKLM\\SOFTWARE", "", 1, found),
                ];
                parts.into_iter().collect()
            }
            Self::System => {
                services::deleted(hive, found);
                let parts = [services::read(root, found), control_sets(root, found)];
                parts.into_iter().collect()
            }
            Self::User => {
                programs::deleted(hive, found);
                deleted(hive, "HKCU", found);
                let Some(software) = root.key("Software")? else { return Ok(()) };
                let parts = [
                    view(software, "Software\\", found),
                    machine::certificates(software, "Software\\", found),
                    traces::user_assist::read(software, found),
                    traces::mui_cache::read(root, "Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache", found),
                    keys(software, "HKCU\\Software", "Software\\", 1, found),
                ];
                parts.into_iter().collect()
            }
            Self::Classes => {
                deleted(hive, "HKCU\\Software\\Classes", found);
                const CACHE: &str = "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache";
                let parts = [store::of_user(root, found), traces::mui_cache::read(root, CACHE, found)];
                parts.into_iter().collect()
            }
            Self::Amcache => traces::amcache::read(root, found),
        }
    }
}

/// What the machine's and each user's software has alike, and the machine's in two views. `path` is that of the key
/// `software` in its hive.
fn view(software: Key<'_>, path: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let parts = [
        programs::read(software, path, found),
        run_keys::read(software, path, found),
        browser::read(software, path, found),
        traces::compatibility::read(software, path, found),
    ];
    parts.into_iter().collect()
}

/// What each control set has, whether the machine last started with it or not: the name of the machine, and traces.
fn control_sets(root: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let mut outcome = Ok(());
    for control in root.keys()? {
        let set = control.name();
        if !set.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("ControlSet")) {
            continue;
        }
        outcome = [
            outcome,
            system::hostname(control, found),
            services::legacy(control, &set, found),
            traces::shim_cache::read(control, &set, found),
            traces::bam::read(control, &set, found),
            traces::firewall::read(control, &set, found),
        ]
        .into_iter()
        .collect();
    }
    outcome
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

/// Tells the keys of vendors that were deleted, where somebody recognises them; `top` is the name of the root of their hive.
fn deleted(hive: &Hive, top: &str, found: &mut Found<'_, '_>) {
    for gone in hive.deleted().into_iter().filter(|gone| gone.whole) {
        let key = format!("{top}\\{}", gone.path);
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
    /// The folder of the user whose hive it is, from the root of the volume, if it is one's.
    pub(super) home: String,
    /// How many values were told.
    told: usize,
}

impl Found<'_, '_> {
    /// The place of the key of this path in the hive.
    pub(super) fn locator(&self, key: &str) -> Locator {
        self.seen.locator().inside(key.as_bytes())
    }

    /// Tells what a value says. All keys of a hostile hive can list the same values, so there is an end to it.
    pub(super) fn tell(&mut self, artifact: Artifact) {
        self.told += 1;
        if self.told <= MOST_TOLD {
            self.out.add(artifact);
        } else if self.told == MOST_TOLD + 1 {
            let hides = Presences::of(&[Presence::Remnant, Presence::Declared]);
            let why = format!("more than {MOST_TOLD} programs and extensions in one hive");
            self.out.gap(self.seen.locator(), GapReason::Limit, hides, why);
        }
    }

    /// Something at the key of this path in the hive.
    pub(super) fn artifact(&self, kind: ArtifactKind, key: &str) -> Artifact {
        let artifact = Artifact::new(kind, self.locator(key), "");
        if self.elsewhere { artifact.proving(Presence::Dormant) } else { artifact }
    }
}
