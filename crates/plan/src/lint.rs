//! What no plan may do. Each rule has a name, says what is wrong, and says the way out.

use crate::action::Step;
use crate::plan::{AssetPlan, Cover, Plan};
use jiff::civil::Date;
use ostrakon_model::{Presence, locator};
use std::collections::BTreeSet;
use std::fmt;

/// A rule of the linter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A control would be given by nothing, and nobody takes that on.
    ProtectionGap,
    /// The waiver has run out.
    WaiverExpired,
    /// The replacement is not in place when the wave begins.
    ReplacementLate,
    /// A package of somebody else needs what would be removed.
    NeededPackage,
    /// The program's own files.
    OwnFiles,
    /// A path that no evidence of the finding lies in.
    OutsideEvidence,
    /// A folder of the system itself.
    SystemFolder,
    /// More assets in a wave than its limit.
    WaveLimit,
    /// The order's day has not come.
    TooEarly,
    /// Something that a finding left to people needs.
    TouchesLeft,
    /// The plan does not hold together.
    Incoherent,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 11] = [
        Self::ProtectionGap,
        Self::WaiverExpired,
        Self::ReplacementLate,
        Self::NeededPackage,
        Self::OwnFiles,
        Self::OutsideEvidence,
        Self::SystemFolder,
        Self::WaveLimit,
        Self::TooEarly,
        Self::TouchesLeft,
        Self::Incoherent,
    ];

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ProtectionGap => "protection-gap",
            Self::WaiverExpired => "waiver-expired",
            Self::ReplacementLate => "replacement-late",
            Self::NeededPackage => "needed-package",
            Self::OwnFiles => "own-files",
            Self::OutsideEvidence => "outside-evidence",
            Self::SystemFolder => "system-folder",
            Self::WaveLimit => "wave-limit",
            Self::TooEarly => "too-early",
            Self::TouchesLeft => "touches-left",
            Self::Incoherent => "incoherent",
        }
    }

    /// What to do about it.
    pub const fn way_out(self) -> &'static str {
        match self {
            Self::ProtectionGap => {
                "name a [[replacement]] for this control in the policy, or a [[waiver]] with owner, reason and expires, and draft again"
            }
            Self::WaiverExpired => "have the waiver renewed in the policy, or name a [[replacement]], and draft again",
            Self::ReplacementLate => {
                "move the wave behind the day the replacement is ready (plan edit --wave N=DATE), or bring that day forward"
            }
            Self::NeededPackage => "remove or replace the package that needs it first, and look again",
            Self::OwnFiles => "move Ostrakon and its home away from there, and draft again",
            Self::OutsideEvidence => "draft again from a new look; no plan is edited by hand",
            Self::SystemFolder => "draft again from a new look; no plan is edited by hand",
            Self::WaveLimit => "move assets into a later wave (plan edit --asset NAME=WAVE), or raise size in [waves]",
            Self::TooEarly => "wait for that day, or draft with --ahead if somebody decided to begin before it",
            Self::TouchesLeft => "end the exception or rule on that finding, and draft again",
            Self::Incoherent => "draft again; no plan is edited by hand",
        }
    }
}

/// What the linter refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// What is wrong, and where.
    pub what: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. Way out: {}", self.rule.word(), self.what, self.rule.way_out())
    }
}

/// Folders that hold the system itself, or things of many: none of them is ever a product's, whatever its evidence says.
const SYSTEM: [&str; 61] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/cron.d",
    "/etc/init.d",
    "/etc/opt",
    "/etc/pki",
    "/etc/ssl",
    "/etc/ssl/certs",
    "/etc/systemd",
    "/etc/systemd/system",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib/modules",
    "/usr/lib/node_modules",
    "/usr/lib/systemd",
    "/usr/lib/systemd/system",
    "/usr/lib/sysimage",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/local/share",
    "/usr/local/share/ca-certificates",
    "/usr/sbin",
    "/usr/share",
    "/usr/share/applications",
    "/usr/share/doc",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/lib/systemd",
    "/var/log",
    "/var/mail",
    "/var/opt",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// Is the path written as paths are: absolute, every part a name, and escaped as locators escape?
fn is_plain(path: &str) -> bool {
    let bytes = locator::decode(path);
    let parts = || bytes.split(|byte| *byte == b'/').skip(1);
    bytes.starts_with(b"/")
        && locator::encode(&bytes) == path
        && parts().all(|part| !part.is_empty() && part != b"." && part != b"..")
}

/// Is it a folder that no product has for itself?
fn is_shared(path: &str) -> bool {
    SYSTEM.contains(&path) || path.strip_prefix("/home/").is_some_and(|rest| !rest.contains('/'))
}

fn is_inside(one: &str, other: &str) -> bool {
    one == other || one.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

/// Checks `plan` for the day `today`. `own`: paths of the program and its home, which no action may touch.
pub fn lint(plan: &Plan, today: Date, own: &[String]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut refuse = |rule, what: String| refusals.push(Refusal { rule, what });
    if let Some(begins) = plan.begins
        && today < begins
        && !plan.ahead
    {
        refuse(Rule::TooEarly, format!("{} lets removal begin on {begins}, and today is {today}", plan.order.id));
    }
    for wave in &plan.waves {
        let assets = plan.assets.iter().filter(|asset| asset.wave == wave.number).count();
        if assets > wave.limit as usize {
            refuse(Rule::WaveLimit, format!("wave {} has {assets} assets and a limit of {}", wave.number, wave.limit));
        }
    }
    let mut names = BTreeSet::new();
    for asset in &plan.assets {
        if !names.insert(&asset.id) {
            refuse(Rule::Incoherent, format!("{} is in the plan twice", asset.name));
        }
        controls(plan, asset, today, &mut refuse);
        actions(asset, own, &mut refuse);
        spared(plan, asset, &mut refuse);
    }
    refusals
}

fn controls(plan: &Plan, asset: &AssetPlan, today: Date, refuse: &mut impl FnMut(Rule, String)) {
    let Some(wave) = plan.wave(asset.wave) else {
        return refuse(Rule::Incoherent, format!("{} is in wave {}, which is not there", asset.name, asset.wave));
    };
    let day = wave.begins.max(today);
    for control in &asset.controls {
        let (name, by) = (&control.control, control.given_by.join(", "));
        match &control.cover {
            None => {
                refuse(Rule::ProtectionGap, format!("{} would be without {name}, which {by} gives it now", asset.name))
            }
            Some(Cover::Waiver { owner, expires, .. }) if *expires < day => refuse(
                Rule::WaiverExpired,
                format!(
                    "{} would be without {name}: the waiver of {owner} ends on {expires}, before {day}",
                    asset.name
                ),
            ),
            Some(Cover::Replacement { name: product, ready, .. }) if *ready > day => refuse(
                Rule::ReplacementLate,
                format!("{} would be without {name} from {day} until {product} is ready on {ready}", asset.name),
            ),
            Some(_) => {}
        }
    }
}

/// What a finding left to people needs must not go with another.
fn spared(plan: &Plan, asset: &AssetPlan, refuse: &mut impl FnMut(Rule, String)) {
    let left = plan.left.iter().filter(|left| left.asset == asset.id && left.finding.presence <= Presence::Remnant);
    for left in left {
        for action in &asset.actions {
            for path in action.step.paths() {
                let place = left.finding.places.iter().map(|place| place.split('!').next().unwrap_or_default());
                // A list of packages, and a folder above the product's own, are not the product's.
                let mut place = place.filter(|place| !place.starts_with("/var/lib/") && !place.starts_with("/proc"));
                if let Some(place) = place.find(|place| is_inside(place, path) || is_inside(path, place)) {
                    let (name, title) = (&asset.name, &left.finding.title);
                    refuse(
                        Rule::TouchesLeft,
                        format!(
                            "{name} {} would move {path}, and {title}, which is left to people, has {place}",
                            action.id
                        ),
                    );
                }
            }
        }
    }
}

fn actions(asset: &AssetPlan, own: &[String], refuse: &mut impl FnMut(Rule, String)) {
    for (number, action) in asset.actions.iter().enumerate() {
        let at = format!("{} {}", asset.name, action.id);
        if action.id != format!("a{:02}", number + 1) {
            refuse(Rule::Incoherent, format!("{at} should be a{:02}: actions are numbered as they come", number + 1));
        }
        let serves: Vec<_> = asset.findings.iter().filter(|finding| action.findings.contains(&finding.id)).collect();
        if serves.len() != action.findings.len() || serves.is_empty() {
            refuse(Rule::Incoherent, format!("{at} serves a finding that the plan does not have"));
        }
        if let Step::RemovePackage { package, .. } = &action.step {
            for needed_by in serves.iter().flat_map(|finding| &finding.needed_by) {
                if needed_by.ends_with(&format!(" needs {package}")) {
                    refuse(Rule::NeededPackage, format!("{at} removes {package}, and {needed_by}"));
                }
            }
        }
        for path in action.step.paths() {
            if !is_plain(path) || is_shared(path) {
                refuse(Rule::SystemFolder, format!("{at} would touch {path}"));
            }
            let within = |place: &String| path == place.split('!').next().unwrap_or_default();
            if !serves.iter().flat_map(|finding| &finding.places).any(within) {
                refuse(Rule::OutsideEvidence, format!("{at} would touch {path}, and no evidence lies there"));
            }
            if let Some(file) = own.iter().find(|file| is_inside(file, path) || is_inside(path, file)) {
                refuse(Rule::OwnFiles, format!("{at} would touch {path}, where Ostrakon has {file}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_names_of_their_own_and_a_way_out() {
        let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.word()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        assert!(Rule::ALL.iter().all(|rule| !rule.way_out().is_empty()));
    }
}
