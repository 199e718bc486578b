//! From a finding's evidence to actions. What cannot be done by a typed action is said, never skipped.

use crate::action::{Action, Manager, Need, Step};
use ostrakon_identify::{Evidence, Finding};
use ostrakon_model::{ArtifactKind, Grade, Presence};
use ostrakon_order::Dossier;
use ostrakon_order::dossier::Step as Word;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done on one asset.
pub(crate) struct Steps {
    /// Actions, first to last, numbered.
    pub(crate) actions: Vec<Action>,
    /// Findings that no action takes away, with the reason.
    pub(crate) left: Vec<(String, String)>,
}

impl Steps {
    /// Blocks `names` at the end, so that what was removed is not fetched again.
    pub(crate) fn block(&mut self, names: Vec<String>) {
        let findings = self.actions.iter().flat_map(|action| action.findings.clone()).collect();
        if !names.is_empty() {
            self.actions.push(action(self.actions.len(), Step::BlockNames { names }, findings));
        }
    }
}

/// Puts the replacements' packages first, and numbers the actions anew.
pub(crate) fn require(actions: &mut Vec<Action>, packages: BTreeSet<String>, findings: &[String]) {
    let steps = packages.into_iter().map(|package| Step::RequirePackage { package });
    let first = steps.map(|step| action(0, step, findings.iter().cloned().collect())).collect::<Vec<_>>();
    actions.splice(0..0, first);
    for (at, action) in actions.iter_mut().enumerate() {
        action.id = format!("a{:02}", at + 1);
    }
}

/// Where in the sequence an action comes: products in the dossier's order, then what they leave.
type Place = (u8, u32, u8, std::cmp::Reverse<usize>, String);

/// Turns findings of one asset into actions. `spared`: places of findings that stay; nothing is planned that holds them or
/// lies in them.
pub(crate) fn of(findings: &[&Finding], dossiers: &BTreeMap<String, Dossier>, spared: &BTreeSet<String>) -> Steps {
    // Several findings may ask for the same thing: it is done once, where the first of them needs it.
    let mut all: BTreeMap<(&str, String), (Place, Step, BTreeSet<String>)> = BTreeMap::new();
    let mut left = Vec::new();
    let mut put = |place: Place, step: Step, finding: &str| {
        let key = (step.word(), step.name());
        let (first, _, findings) = all.entry(key).or_insert_with(|| (place.clone(), step, BTreeSet::new()));
        *first = place.min(first.clone());
        findings.insert(finding.to_owned());
    };
    let folders = folders(findings, dossiers, spared);
    for finding in findings {
        let mut done = false;
        let order = order(finding, dossiers);
        let saved: Vec<String> = saves(finding, &folders);
        for it in &finding.evidence {
            if spared.iter().any(|place| place == path(it) || is_below(path(it), place)) && !is_shared_list(it) {
                continue;
            }
            for (phase, within, step) in steps(it, finding, &saved, &folders) {
                let name = step.name();
                // `kesl-gui` goes before `kesl`, which it belongs to: longer names of one family first.
                let place = (phase, if phase == 1 { order } else { 0 }, within, std::cmp::Reverse(name.len()), name);
                put(place, step, &finding.id);
                done = true;
            }
        }
        if !done {
            let mut all = finding.evidence.iter().filter(|it| !is_shared_list(it)).peekable();
            let kept = all.peek().is_some()
                && all.all(|it| {
                    spared
                        .iter()
                        .any(|place| place == path(it) || is_below(path(it), place) || is_below(place, path(it)))
                });
            let why =
                if kept { "what it lies in belongs to something that may stay".to_owned() } else { why_not(finding) };
            left.push((finding.id.clone(), why));
        }
    }
    let mut all: Vec<(Place, Step, BTreeSet<String>)> = all.into_values().collect();
    all.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let actions = all.into_iter().enumerate().map(|(at, (_, step, findings))| action(at, step, findings));
    Steps { actions: actions.collect(), left }
}

/// Whether an action moves the archive at `outer` away as a whole: it then serves the finding that lies in it, too.
pub(crate) fn goes_with(actions: &mut [Action], outer: &str, finding: &str) -> bool {
    let moves = |step: &Step| matches!(step, Step::Quarantine { path, .. } if path == outer || is_below(outer, path));
    let Some(action) = actions.iter_mut().find(|action| moves(&action.step)) else { return false };
    action.findings.push(finding.to_owned());
    action.findings.sort();
    true
}

/// The place of a product among the vendor's, as its dossier numbers the commands: the product before its agent.
fn order(finding: &Finding, dossiers: &BTreeMap<String, Dossier>) -> u32 {
    let removals = dossiers.get(&finding.vendor).into_iter().flat_map(|dossier| &dossier.removals);
    let own = removals.filter(|it| it.product == finding.product && it.step == Word::Command && it.platform == "linux");
    own.filter_map(|it| it.order).min().unwrap_or(15)
}

/// The folders that go as a whole: those that evidence names surely, and those the dossier lists as left behind, without
/// those that lie inside another.
fn folders(findings: &[&Finding], dossiers: &BTreeMap<String, Dossier>, spared: &BTreeSet<String>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for finding in findings {
        let removals = dossiers.get(&finding.vendor).into_iter().flat_map(|dossier| &dossier.removals);
        let remnants: BTreeSet<&str> =
            removals.filter(|it| it.step == Word::Remnant).map(|it| it.text.as_str()).collect();
        for it in &finding.evidence {
            let path = path(it);
            if is_folder(it) && (it.grade > Grade::Possible || remnants.contains(path)) {
                all.insert(path.to_owned());
            }
        }
    }
    let stays = |path: &String| spared.iter().any(|it| it == path || is_below(it, path) || is_below(path, it));
    all.retain(|path| !stays(path));
    all.iter().filter(|path| !all.iter().any(|other| is_below(path, other))).cloned().collect()
}

/// Does the evidence lie in a list that many share?
pub(crate) fn is_shared_list(it: &Evidence) -> bool {
    matches!(it.kind, ArtifactKind::Package | ArtifactKind::Process | ArtifactKind::Account)
}

/// The finding's own folders: saved whole before a package's scripts can delete what no package owns.
fn saves(finding: &Finding, folders: &BTreeSet<String>) -> Vec<String> {
    let own: BTreeSet<&str> = finding.evidence.iter().filter(|it| is_folder(it)).map(path).collect();
    let own = own.iter().filter(|path| folders.iter().any(|folder| folder == *path || is_below(path, folder)));
    let own: BTreeSet<String> = own.map(|path| (*path).to_owned()).collect();
    own.iter().filter(|path| !own.iter().any(|other| is_below(path, other))).cloned().collect()
}

fn is_folder(it: &Evidence) -> bool {
    it.kind == ArtifactKind::File && it.attribute.name() == "file.path" && it.note.contains(" program")
}

fn path(it: &Evidence) -> &str {
    it.locator.as_str().split('!').next().unwrap_or_default()
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Folders of certificates from which the bundles of the system are made.
const ANCHORS: [&str; 4] = [
    "/usr/local/share/ca-certificates/",
    "/etc/pki/ca-trust/source/anchors/",
    "/usr/share/pki/trust/anchors/",
    "/etc/pki/trust/anchors/",
];

/// What one piece of evidence asks for: phase, place within it, step.
fn steps(it: &Evidence, finding: &Finding, saved: &[String], folders: &BTreeSet<String>) -> Vec<(u8, u8, Step)> {
    let (path, value) = (path(it), it.value.clone());
    // A package file that lies there is a file, and what lies in any other archive is nobody's to change from outside.
    let inside = it.locator.as_str().strip_prefix(path).unwrap_or_default();
    if it.kind == ArtifactKind::Package && it.presence == Presence::Dormant {
        let whole = inside.is_empty() || (inside.starts_with("!/control.tar") && inside.ends_with("!/control"));
        let sure = it.grade > Grade::Possible && !it.supporting;
        let step = Step::Quarantine { path: path.to_owned(), sha256: None };
        return if whole && sure { vec![(2, 3, step)] } else { Vec::new() };
    }
    // A certificate or a line of a list has a number in its file, not a path in it.
    if inside.starts_with("!/") {
        return Vec::new();
    }
    let package = |manager| {
        let version = it.version.clone();
        vec![(1, 3, Step::RemovePackage { manager, package: value.clone(), version, save: saved.to_vec() })]
    };
    let language = |manager, homes: [&str; 2]| {
        if homes.iter().any(|home| path.starts_with(home)) { package(manager) } else { Vec::new() }
    };
    match it.attribute.name() {
        "deb.name" => package(Manager::Dpkg),
        "rpm.name" => package(Manager::Rpm),
        "apk.name" => package(Manager::Apk),
        "flatpak.id" => package(Manager::Flatpak),
        "snap.name" => package(Manager::Snap),
        "npm.name" => language(Manager::Npm, ["/usr/lib/node_modules/", "/usr/local/lib/node_modules/"]),
        "pypi.name" => language(Manager::Pip, ["/usr/lib/python3", "/usr/local/lib/python3"]),
        "systemd.unit" | "systemd.exec" if finding.presence < Presence::Dormant || it.grade > Grade::Possible => {
            let unit = path.rsplit('/').next().unwrap_or_default().to_owned();
            let mut list = vec![(1, 0, Step::StopUnit { unit })];
            list.extend(file(it, finding, folders));
            list
        }
        "process.path" => vec![(1, 1, Step::EndProcesses { executable: value })],
        "kmod.name" => vec![(1, 2, Step::DenyModule { module: value })],
        "cron.command" => vec![(2, 0, Step::RemoveLines { path: path.to_owned(), lines: vec![value] })],
        name if name.starts_with("certificate.") => {
            if ANCHORS.iter().any(|folder| path.starts_with(folder)) {
                vec![(2, 1, Step::RemoveCertificate { path: path.to_owned(), sha256: it.sha256.clone() })]
            } else {
                Vec::new()
            }
        }
        _ if is_folder(it) => whole(path, folders).map(|step| (2, 4, step)).into_iter().collect(),
        _ => file(it, finding, folders).into_iter().collect(),
    }
}

/// The folder that goes as a whole and that `path` is or lies in.
fn whole(path: &str, folders: &BTreeSet<String>) -> Option<Step> {
    let folder = folders.iter().find(|folder| path == *folder || is_below(path, folder))?;
    Some(Step::Quarantine { path: folder.clone(), sha256: None })
}

/// A file of the product: by itself, or with the folder it lies in.
fn file(it: &Evidence, finding: &Finding, folders: &BTreeSet<String>) -> Option<(u8, u8, Step)> {
    let path = path(it);
    let kinds = [ArtifactKind::File, ArtifactKind::Executable, ArtifactKind::Extension, ArtifactKind::Service];
    let sure = it.grade > Grade::Possible && !it.supporting;
    let alone = it.locator.as_str() == path;
    if !kinds.contains(&it.kind) || !sure || !alone || finding.presence == Presence::Embedded {
        return None;
    }
    let alone = || (2, 3, Step::Quarantine { path: path.to_owned(), sha256: it.sha256.clone() });
    Some(whole(path, folders).map_or_else(alone, |step| (2, 4, step)))
}

/// Why no action takes a finding away.
fn why_not(finding: &Finding) -> String {
    if finding.presence == Presence::Embedded {
        return "it is inside another maker's product: ask the maker for a version without it, or remove that product"
            .to_owned();
    }
    if let Some(it) = finding.evidence.iter().find(|it| it.attribute.name().starts_with("certificate.")) {
        return format!(
            "the certificate lies in {}: remove it with that store's own tool, such as certutil -D",
            it.locator
        );
    }
    if matches!(finding.presence, Presence::Declared | Presence::Contact | Presence::Procured) {
        return format!(
            "nothing of it is on the machine: it is {}, which is ended where it was asked for",
            finding.presence
        );
    }
    "its evidence is not of a kind that can be removed by a typed action: a person must decide".to_owned()
}

impl Step {
    /// The paths the step moves away.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let path = match self {
            Self::Quarantine { path, .. } | Self::RemoveCertificate { path, .. } | Self::RemoveLines { path, .. } => {
                Some(path.as_str())
            }
            _ => None,
        };
        let saved = match self {
            Self::RemovePackage { save, .. } => save.as_slice(),
            _ => &[],
        };
        path.into_iter().chain(saved.iter().map(String::as_str))
    }

    /// What it acts on.
    pub fn name(&self) -> String {
        match self {
            Self::RequirePackage { package } => package.clone(),
            Self::StopUnit { unit } => unit.clone(),
            Self::EndProcesses { executable } => executable.clone(),
            Self::DenyModule { module } => module.clone(),
            Self::RemovePackage { manager, package, .. } => format!("{}:{package}", manager.word()),
            Self::Quarantine { path, .. } | Self::RemoveCertificate { path, .. } => path.clone(),
            Self::RemoveLines { path, lines } => format!("{path}: {}", lines.join(" / ")),
            Self::BlockNames { names } => match names.as_slice() {
                [first, .., last] => format!("{} names, {first} to {last}", names.len()),
                few => few.join(", "),
            },
        }
    }

    /// What it does, as its word in a plan.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RequirePackage { .. } => "require-package",
            Self::StopUnit { .. } => "stop-unit",
            Self::EndProcesses { .. } => "end-processes",
            Self::DenyModule { .. } => "deny-module",
            Self::RemovePackage { .. } => "remove-package",
            Self::Quarantine { .. } => "quarantine",
            Self::RemoveCertificate { .. } => "remove-certificate",
            Self::RemoveLines { .. } => "remove-lines",
            Self::BlockNames { .. } => "block-names",
        }
    }
}

/// An action with what belongs to it.
fn action(at: usize, step: Step, findings: BTreeSet<String>) -> Action {
    let root = vec![Need::Root];
    let (precondition, needs, effect, verification, way_back) = match &step {
        Step::RequirePackage { package } => (
            "none".to_owned(),
            Vec::new(),
            format!("goes on only where {package} is installed"),
            "the package manager says that it is installed".to_owned(),
            "nothing is changed".to_owned(),
        ),
        Step::StopUnit { unit } => (
            format!("{unit} is a unit of the machine"),
            root,
            format!("{unit} is stopped, disabled and masked"),
            "systemctl says inactive and masked".to_owned(),
            "unmasked, enabled and started as it was before".to_owned(),
        ),
        Step::EndProcesses { executable } => (
            format!("processes run {executable}"),
            root,
            "those processes end: asked to first, then made to".to_owned(),
            "no process runs that executable".to_owned(),
            "none for the processes; their unit is started again when it is brought back".to_owned(),
        ),
        Step::DenyModule { module } => (
            format!("{module} is loaded or can be"),
            root,
            format!("{module} is unloaded and may not be loaded again"),
            "it is not in /proc/modules, and modprobe is told not to load it".to_owned(),
            "the denial is taken away; the module is loaded again if it was".to_owned(),
        ),
        Step::RemovePackage { manager, package, version, .. } => (
            format!("{package} is installed in version {version}, and no package of others needs it"),
            root,
            format!(
                "{} removes {package}; its files, settings and the package database are saved first",
                manager.word()
            ),
            format!("{} no longer knows {package}", manager.word()),
            match manager {
                Manager::Dpkg | Manager::Apk => {
                    "files, settings and the package's entry in the database are put back".to_owned()
                }
                Manager::Rpm => {
                    "files and settings are put back, and the database if nothing else has changed it since".to_owned()
                }
                Manager::Npm => "the package's folder is put back".to_owned(),
                Manager::Flatpak | Manager::Snap | Manager::Pip => {
                    "none: it is installed again from where it came".to_owned()
                }
            },
        ),
        Step::Quarantine { path, sha256: Some(_) } => (
            format!("{path} has the digest that was seen"),
            root,
            format!("{path} is moved into the quarantine"),
            "nothing lies there".to_owned(),
            "it is put back with its metadata".to_owned(),
        ),
        Step::Quarantine { path, sha256: None } => (
            format!("{path} is still the finding's"),
            root,
            format!("{path} and all that lies below it is moved into the quarantine"),
            "nothing lies there".to_owned(),
            "all of it is put back with its metadata".to_owned(),
        ),
        Step::RemoveCertificate { path, .. } => (
            format!("{path} is still the finding's"),
            root,
            format!("{path} is moved into the quarantine, and the bundles of trusted certificates are made anew"),
            "no bundle holds the certificate".to_owned(),
            "it is put back, and the bundles are made anew".to_owned(),
        ),
        Step::RemoveLines { path, .. } => (
            format!("{path} has these lines"),
            root,
            format!("the lines are taken out of {path}"),
            "the lines are not there".to_owned(),
            "the file is put back if nothing else has changed it since".to_owned(),
        ),
        Step::BlockNames { names } => (
            "none".to_owned(),
            root,
            format!("{} names lead nowhere", names.len()),
            "the hosts file has the block".to_owned(),
            "the block is taken out of the hosts file".to_owned(),
        ),
    };
    Action {
        id: format!("a{:02}", at + 1),
        step,
        findings: findings.into_iter().collect(),
        precondition,
        needs,
        effect,
        verification,
        way_back,
    }
}
