//! All indicators of all dossiers, compiled together: what one artifact costs does not grow with their number.

use crate::IdentifyError;
use crate::evidence::{Hit, Hits, Statement};
use crate::matcher::{Matcher, Single};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Locator, Name, Presence};
use ostrakon_order::pattern::Test;
use ostrakon_order::{Dossier, Indicator, Product};
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

const FILE_PATH: Attribute = Attribute::known("file.path");
const FILE_NAME: Attribute = Attribute::known("file.name");
const DEB_NAME: Attribute = Attribute::known("deb.name");
const DEB_DEPENDS: Attribute = Attribute::known("deb.depends");
const RPM_NAME: Attribute = Attribute::known("rpm.name");
const RPM_REQUIRES: Attribute = Attribute::known("rpm.requires");
const PURL: Attribute = Attribute::known("purl");
const VERSIONS: [Attribute; 11] = [
    Attribute::known("deb.version"),
    Attribute::known("rpm.version"),
    Attribute::known("apk.version"),
    Attribute::known("npm.version"),
    Attribute::known("pypi.version"),
    Attribute::known("snap.version"),
    Attribute::known("maven.version"),
    Attribute::known("library.version"),
    Attribute::known("windows.uninstall.display_version"),
    Attribute::known("pe.product_version"),
    Attribute::known("pe.file_version"),
];
const FILE_OWNER: Attribute = Attribute::known("file.owner");
const TRACE_SOURCE: Attribute = Attribute::known("trace.source");
const LAST_RUN: Attribute = Attribute::known("trace.last_run");

/// Recognises the products of dossiers.
#[derive(Debug)]
pub struct Recogniser {
    dossiers: Vec<Dossier>,
    /// Dossier and indicator in it.
    indicators: Vec<(usize, usize)>,
    by_attribute: Vec<Matcher>,
    /// The same tests one by one, for paths whose parts are asked for.
    paths: HashMap<u32, OnceLock<Single>>,
    /// Of each indicator with conditions: all must hold, each on any of its attributes.
    conditions: HashMap<u32, Vec<Vec<(Attribute, Single)>>>,
}

impl Recogniser {
    /// Compiles the indicators of `dossiers`.
    pub fn of(dossiers: Vec<Dossier>) -> Result<Self, IdentifyError> {
        let indicators: Vec<(usize, usize)> = dossiers
            .iter()
            .enumerate()
            .flat_map(|(at, dossier)| (0..dossier.indicators.len()).map(move |indicator| (at, indicator)))
            .collect();
        let numbered = || {
            indicators.iter().enumerate().filter_map(|(number, (dossier, indicator))| {
                Some((u32::try_from(number).ok()?, &dossiers[*dossier].indicators[*indicator]))
            })
        };
        let by_attribute: Vec<Matcher> = Attribute::all()
            .map(|attribute| {
                let mine = numbered().filter(|(_, indicator)| indicator.on.contains(&attribute));
                Matcher::of(attribute, mine.map(|(number, indicator)| (number, &indicator.test)))
            })
            .collect();
        let mut paths = HashMap::new();
        let mut conditions = HashMap::new();
        for (number, indicator) in numbered() {
            if indicator.on.contains(&FILE_PATH) {
                paths.insert(number, OnceLock::new());
            }
            if !indicator.and.is_empty() {
                let list = indicator
                    .and
                    .iter()
                    .map(|condition| condition.on.iter().map(|on| (*on, Single::of(*on, &condition.test))).collect());
                conditions.insert(number, list.collect());
            }
        }
        let recogniser = Self { dossiers, indicators, by_attribute, paths, conditions };
        // Sets that could be too large are compiled now, so that this is an error and not silence; the others when their
        // first value comes.
        for attribute in Attribute::all() {
            let matcher = &recogniser.by_attribute[attribute.index()];
            let soon = [FILE_PATH, FILE_NAME].contains(&attribute) || matcher.is_large();
            if soon && !matcher.compile() {
                let why = "the expressions on this attribute are too large together".to_owned();
                return Err(IdentifyError::Indicator { indicator: format!("all on {attribute}"), why });
            }
        }
        Ok(recogniser)
    }

    /// The dossiers.
    pub fn dossiers(&self) -> &[Dossier] {
        &self.dossiers
    }

    /// The bytes that indicators ask for in executables: of those that make findings, since reading every program for
    /// what only supports one is not worth its time.
    pub fn marks(&self) -> Vec<Vec<u8>> {
        let indicators = self.dossiers.iter().flat_map(|dossier| &dossier.indicators);
        let mut marks: Vec<Vec<u8>> = indicators
            .filter(|indicator| !indicator.supporting)
            .map(|indicator| &indicator.test)
            .filter_map(|test| if let Test::Bytes(values) = test { Some(values.clone()) } else { None })
            .flatten()
            .collect();
        marks.sort();
        marks.dedup();
        marks
    }

    /// The attributes that indicators and their conditions test.
    pub fn attributes(&self) -> Vec<Attribute> {
        let conditions: HashSet<Attribute> = self.conditions.values().flatten().flatten().map(|(on, _)| *on).collect();
        let tested = |attribute: &Attribute| !self.by_attribute[attribute.index()].is_empty();
        Attribute::all().filter(|attribute| tested(attribute) || conditions.contains(attribute)).collect()
    }

    /// The indicator `number`.
    pub(crate) fn indicator(&self, number: u32) -> (&Dossier, &Product, &Indicator) {
        let (dossier, indicator) = self.indicators[number as usize];
        let dossier = &self.dossiers[dossier];
        let indicator = &dossier.indicators[indicator];
        (dossier, &dossier.products[indicator.product], indicator)
    }

    /// Takes in the name and path of a file or folder.
    pub fn entry(&self, entry: &Name<'_>, hits: &mut Hits) {
        let Name { path, name, is_folder, owner, copy } = *entry;
        let mut found = std::mem::take(&mut hits.found);
        // What lies in a container is first asked for by its path in there, which is shorter and says as much.
        let inner = path.rsplit('!').next().unwrap_or(path);
        for (attribute, value) in [(FILE_PATH, path), (FILE_NAME, name)] {
            found.clear();
            if attribute == FILE_PATH && inner.len() < path.len() {
                self.by_attribute[attribute.index()].find(inner, &mut hits.scratch, &mut found);
                if found.is_empty() {
                    continue;
                }
                found.clear();
            }
            self.by_attribute[attribute.index()].find(value, &mut hits.scratch, &mut found);
            for number in &found {
                let (_, _, indicator) = self.indicator(*number);
                let conditions = self.conditions.get(number);
                let holds = |on: &Attribute, test: &Single| match *on {
                    FILE_PATH => test.fits(path),
                    FILE_NAME => test.fits(name),
                    FILE_OWNER => owner.get().is_some_and(|owner| test.fits(owner)),
                    _ => false,
                };
                let all = |list: &Vec<Vec<(Attribute, Single)>>| {
                    list.iter().all(|any| any.iter().any(|(on, test)| holds(on, test)))
                };
                if conditions.is_some_and(|list| !all(list)) {
                    continue;
                }
                if attribute == FILE_PATH && matches!(indicator.test, Test::Under(_)) {
                    self.below(*number, path, u64::from(!is_folder), u64::from(is_program(name)), copy, hits);
                    continue;
                }
                let Ok(root) = self.root_of(*number, attribute, path) else { continue };
                let presence = if is_program(name) { Presence::Dormant } else { Presence::Remnant };
                hits.taken += 1;
                hits.list.push(Hit {
                    indicator: *number,
                    kind: ArtifactKind::File,
                    attribute,
                    value: value.to_owned(),
                    locator: Locator(path.to_owned()),
                    presence: in_copy(copy, indicator.presence.unwrap_or(presence)),
                    owner: owner.get().map(str::to_owned),
                    root,
                    sha256: None,
                    version: String::new(),
                    purl: String::new(),
                    note: String::new(),
                });
            }
        }
        hits.found = found;
    }

    /// Takes in an artifact.
    pub fn artifact(&self, artifact: &Artifact, hits: &mut Hits) {
        if artifact.kind == ArtifactKind::Statement {
            hits.taken += 1;
            hits.statements.push(statement(artifact));
            return;
        }
        if artifact.kind == ArtifactKind::System {
            hits.roots.extend(root_of_system(artifact.locator.as_str()).map(str::to_owned));
        }
        if artifact.kind == ArtifactKind::Package && artifact.presence != Some(Presence::Remnant) {
            self.needs(artifact, hits);
        }
        let owner = artifact.values(FILE_OWNER).next();
        let mut found = std::mem::take(&mut hits.found);
        for (attribute, value) in &artifact.attributes {
            found.clear();
            self.by_attribute[attribute.index()].find(value, &mut hits.scratch, &mut found);
            for number in &found {
                let (_, _, indicator) = self.indicator(*number);
                if !self.conditions_hold(*number, artifact) {
                    continue;
                }
                let trace = artifact.kind == ArtifactKind::Trace;
                // What ran does not tell whose product it was part of.
                if trace && indicator.presence == Some(Presence::Embedded) {
                    continue;
                }
                // The path a trace names is no file and no folder of the place.
                if !trace && *attribute == FILE_PATH && matches!(indicator.test, Test::Under(_)) {
                    // The file was counted as an entry, and as a program where its name says that it is one.
                    let program = artifact.kind == ArtifactKind::Executable && !is_program(value);
                    self.below(*number, value, 0, u64::from(program), artifact.copy, hits);
                    continue;
                }
                let Ok(root) = self.root_of(*number, *attribute, value) else { continue };
                let own = artifact.presence.unwrap_or_else(|| artifact.kind.presence());
                hits.taken += 1;
                hits.list.push(Hit {
                    indicator: *number,
                    kind: artifact.kind,
                    attribute: *attribute,
                    value: value.clone(),
                    locator: artifact.locator.clone(),
                    // What a thing's own state says is stronger than what its kind would: a purged package is a remnant.
                    presence: match artifact.presence {
                        _ if trace => Presence::Remnant,
                        Some(state @ (Presence::Remnant | Presence::Declared)) => state,
                        _ => in_copy(artifact.copy, indicator.presence.unwrap_or(own)),
                    },
                    owner: owner.map(str::to_owned),
                    root: root.filter(|_| !trace),
                    sha256: artifact.sha256.clone(),
                    version: version(artifact),
                    purl: artifact.values(PURL).next().unwrap_or_default().to_owned(),
                    note: if trace { told(artifact) } else { against(artifact, *attribute) },
                });
            }
        }
        hits.found = found;
    }

    /// Does any indicator fit an attribute of the artifact? Its conditions are not asked.
    pub fn knows(&self, artifact: &Artifact) -> bool {
        let (mut scratch, mut found) = (Vec::new(), Vec::new());
        artifact.attributes.iter().any(|(attribute, value)| {
            self.by_attribute[attribute.index()].find(value, &mut scratch, &mut found);
            !found.is_empty()
        })
    }

    /// Keeps what this package cannot do without: whoever removes one must know who needs it.
    fn needs(&self, artifact: &Artifact, hits: &mut Hits) {
        for (name, kind, on) in [(DEB_NAME, "deb", DEB_DEPENDS), (RPM_NAME, "rpm", RPM_REQUIRES)] {
            let Some(package) = artifact.values(name).next() else { continue };
            // A relation with a bar can be met by another package.
            let firm = artifact.values(on).filter(|relation| !relation.contains('|'));
            hits.needs.extend(firm.map(|needed| (format!("{kind}:{package}"), needed.to_owned())));
        }
    }

    fn conditions_hold(&self, number: u32, artifact: &Artifact) -> bool {
        self.conditions.get(&number).is_none_or(|list| {
            list.iter().all(|any| any.iter().any(|(on, test)| artifact.values(*on).any(|value| test.fits(value))))
        })
    }

    fn below(&self, number: u32, path: &str, files: u64, executables: u64, copy: bool, hits: &mut Hits) {
        let Some((root, base)) = self.parts(number, path) else { return };
        if !can_be_root(root) {
            return;
        }
        hits.taken += 1;
        let folder = hits.folders.entry((number, base.to_owned())).or_default();
        folder.files += files;
        folder.executables += executables;
        folder.root = root.len();
        folder.own |= !copy;
    }

    /// Of a path that an indicator fits: what lies above the part it names, and that part.
    fn parts<'v>(&self, number: u32, path: &'v str) -> Option<(&'v str, &'v str)> {
        let single = self.paths.get(&number)?;
        single.get_or_init(|| Single::of(FILE_PATH, &self.indicator(number).2.test)).parts(path)
    }

    /// What lies above the part of a path that an indicator names; an error where that cannot be a root, so that the
    /// indicator speaks of another path.
    fn root_of(&self, number: u32, attribute: Attribute, value: &str) -> Result<Option<String>, NoRoot> {
        if attribute != FILE_PATH {
            return Ok(None);
        }
        match self.parts(number, value) {
            Some((root, _)) if !can_be_root(root) => Err(NoRoot),
            found => Ok(found.map(|(root, _)| root.to_owned())),
        }
    }
}

/// What lies in a copy is not installed on the asset, and does not run there.
fn in_copy(copy: bool, presence: Presence) -> Presence {
    if copy && presence < Presence::Dormant { Presence::Dormant } else { presence }
}

/// The indicator speaks of another path.
struct NoRoot;

/// Can a system's root be a folder of this name? `/var/opt/x` is not `/opt/x` of a system that lies in `/var`.
fn can_be_root(root: &str) -> bool {
    const PARTS: [&str; 14] =
        ["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "local", "opt", "proc", "sbin", "share", "usr", "var"];
    !PARTS.contains(&root.rsplit('/').next().unwrap_or_default())
}

/// The root below which a system lies whose own record is at `path`, if that is not the place's own.
fn root_of_system(path: &str) -> Option<&str> {
    const RECORDS: [&str; 6] = [
        "/usr/lib/os-release",
        "/etc/os-release",
        "/windows/system32/config/software",
        "/windows/system32/config/system",
        "/winnt/system32/config/software",
        "/winnt/system32/config/system",
    ];
    let above = |tail: &&str| {
        let (root, end) = path.split_at_checked(path.len().checked_sub(tail.len())?)?;
        end.eq_ignore_ascii_case(tail).then_some(root)
    };
    RECORDS.iter().find_map(above).filter(|root| !root.is_empty())
}

/// Does a name say that a file runs, is loaded by what runs, or installs it?
fn is_program(name: &str) -> bool {
    const ENDINGS: [&str; 22] = [
        "exe", "dll", "sys", "com", "scr", "msi", "msix", "cab", "so", "ko", "deb", "rpm", "apk", "run", "pkg", "dmg",
        "jar", "iso", "xpi", "crx", "dylib", "kext",
    ];
    let name = name.rsplit('/').next().unwrap_or(name);
    let ending = name.rsplit('.').next().unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)) || name.contains(".so.")
}

/// What an artifact of this kind says, if it is one.
fn statement(artifact: &Artifact) -> Statement {
    let all = |name| artifact.values(name).map(str::to_owned).collect();
    let one = |name| artifact.values(name).next().unwrap_or_default().to_owned();
    Statement {
        locator: artifact.locator.clone(),
        products: all(Attribute::known("vex.product")),
        components: all(Attribute::known("vex.component")),
        status: one(Attribute::known("vex.status")),
        justification: one(Attribute::known("vex.justification")),
        author: one(Attribute::known("vex.author")),
        note: one(Attribute::known("vex.note")),
    }
}

/// What speaks against a mark that whoever makes a program can write into it: that no signature stands behind it.
fn against(artifact: &Artifact, attribute: Attribute) -> String {
    const STATE: Attribute = Attribute::known("signature.state");
    const ORGANIZATION: Attribute = Attribute::known("signature.subject.organization");
    let name = attribute.name();
    let Some(state) = artifact.values(STATE).next() else { return String::new() };
    let own = name.starts_with("pe.") || name.starts_with("macho.");
    match state {
        "unsigned" if own => "not signed: no signature stands behind what it says of itself".to_owned(),
        "digest-differs" if own || name.starts_with("signature.") || name.starts_with("macos.") => {
            "its signature is for other content than the file has".to_owned()
        }
        "unreadable" if own => "its signature cannot be read".to_owned(),
        _ if own => match artifact.values(ORGANIZATION).next() {
            Some(organization) => format!("signed by {organization}"),
            None => String::new(),
        },
        _ => String::new(),
    }
}

/// What a trace says of what it names.
fn told(artifact: &Artifact) -> String {
    let source = artifact.values(TRACE_SOURCE).next().unwrap_or_default();
    let what = match source {
        "run-key" | "startup-approved" => ": to be started",
        "startup-disabled" => ": to be started, and switched off",
        "shimcache" | "amcache" => ": seen by Windows, which need not have run it",
        "firewall-rule" => ": a rule of the firewall speaks of it",
        "native-host" => ": to be started by a browser",
        _ => "",
    };
    match artifact.values(LAST_RUN).next() {
        Some(time) => format!("{source}{what}, last run {time}"),
        None => format!("{source}{what}"),
    }
}

/// The version an artifact says it has.
fn version(artifact: &Artifact) -> String {
    VERSIONS.iter().find_map(|attribute| artifact.values(*attribute).next()).unwrap_or_default().to_owned()
}
