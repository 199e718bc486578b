//! From matches to findings: which product, in what state, how sure.
//!
//! - One `confirmed` match is enough. Two `probable` matches of different types make a finding probable, unless both
//!   are what one thing says of itself; one alone leaves it possible, unless it proves a remnant and is no trace of what
//!   ran. `supporting` matches add to a finding and make none.
//! - A file is not the vendor's by its name or path where a package of somebody else owns it; embedded code is the
//!   exception, since being in somebody else's package is what it means. A folder is nobody's: packages share folders.
//! - What lies below another root (a container, a backup, another system's disk) is a finding of its own, and dormant.
//! - A generic product (the vendor is sure, the product is not) is folded into a specific finding that says as much.

use crate::evidence::{Evidence, FolderHit, Hit, Hits};
use crate::recogniser::Recogniser;
use ostrakon_model::vocabulary::Syntax;
use ostrakon_model::{ArtifactKind, Attribute, Grade, Locator, Presence, ProductKind};
use ostrakon_order::pattern::spell;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A product on an asset, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The same for the same product in the same place of the same asset, look after look.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The dossier.
    pub vendor: String,
    /// The product in it.
    pub product: String,
    /// Its title.
    pub title: String,
    /// What kind of product.
    pub kind: ProductKind,
    /// The legal person behind it, by its id in the dossier.
    pub entity: String,
    /// The state found.
    pub presence: Presence,
    /// How sure.
    pub grade: Grade,
    /// The other root it lies below; empty for the asset's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root: String,
    /// Its evidence, strongest first.
    pub evidence: Vec<Evidence>,
    /// Packages of others that cannot do without one of its packages: `deb:site-monitor needs kesl`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needed_by: Vec<String>,
}

const PACKAGES: [Attribute; 3] =
    [Attribute::known("deb.name"), Attribute::known("rpm.name"), Attribute::known("apk.name")];

/// What keeps findings apart: product, root, and whether it is the product itself, a part of another, or only spoken of.
type Group = (usize, usize, String, u8);

/// Gathers `hits` of one asset into findings, strongest first.
///
/// `layers`: what together is the asset's own root, such as the layers of an image.
pub fn gather(recogniser: &Recogniser, asset: &str, layers: &[Locator], hits: Hits) -> Vec<Finding> {
    let mut roots = roots(&hits);
    roots.retain(|root| !layers.iter().any(|layer| layer.as_str() == root));
    let needs = hits.needs.clone();
    let ours = Own { packages: vendors_packages(recogniser, &hits), folders: vendors_folders(recogniser, &hits) };
    let mut groups: BTreeMap<Group, Vec<Evidence>> = BTreeMap::new();
    for hit in hits.list {
        if let Some((group, evidence)) = of_hit(recogniser, hit, &roots, &ours) {
            groups.entry(group).or_default().push(evidence);
        }
    }
    for ((indicator, base), folder) in hits.folders {
        let (group, evidence) = of_folder(recogniser, indicator, base, folder, &roots);
        groups.entry(group).or_default().push(evidence);
    }
    let mut findings: Vec<(Group, Finding)> = groups
        .into_iter()
        .filter_map(|(group, evidence)| Some((group.clone(), finding(recogniser, asset, group, evidence)?)))
        .collect();
    fold_generic(recogniser, &mut findings);
    let mut findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
    needed(&mut findings, &needs);
    findings.sort_by(|one, other| {
        let rank = |finding: &Finding| (std::cmp::Reverse(finding.grade), finding.presence);
        rank(one).cmp(&rank(other)).then_with(|| (&one.product, &one.root).cmp(&(&other.product, &other.root)))
    });
    findings
}

/// Every root below the place's own: systems that were seen, and what lies above paths that indicators name.
fn roots(hits: &Hits) -> BTreeSet<String> {
    let named = hits.list.iter().filter_map(|hit| hit.root.clone());
    let folders = hits.folders.iter().map(|((_, base), folder)| base[..folder.root].to_owned());
    hits.roots.iter().cloned().chain(named).chain(folders).filter(|root| !root.is_empty()).collect()
}

fn root_of<'a>(path: &str, roots: &'a BTreeSet<String>) -> &'a str {
    let above = |root: &&String| path.strip_prefix(root.as_str()).is_some_and(|rest| rest.starts_with('/'));
    roots.iter().filter(above).max_by_key(|root| root.len()).map_or("", String::as_str)
}

/// The packages that are the vendor's own, by dossier: what they own may be taken by its name.
fn vendors_packages(recogniser: &Recogniser, hits: &Hits) -> BTreeSet<(usize, String)> {
    let packages = hits.list.iter().filter(|hit| PACKAGES.contains(&hit.attribute));
    packages.map(|hit| (dossier_of(recogniser, hit.indicator), hit.value.to_ascii_lowercase())).collect()
}

/// The folders that are the vendor's own, by dossier.
fn vendors_folders(recogniser: &Recogniser, hits: &Hits) -> BTreeSet<(usize, String)> {
    let own = hits.folders.keys().filter(|(number, _)| {
        let (_, _, indicator) = recogniser.indicator(*number);
        indicator.presence != Some(Presence::Embedded) && indicator.grade == Grade::Confirmed
    });
    own.map(|(number, base)| (dossier_of(recogniser, *number), base.clone())).collect()
}

/// What is the vendor's own on the asset.
struct Own {
    packages: BTreeSet<(usize, String)>,
    folders: BTreeSet<(usize, String)>,
}

impl Own {
    fn owns(&self, dossier: usize, owner: &str) -> bool {
        let package = owner.split_once(':').map_or(owner, |(_, name)| name).to_ascii_lowercase();
        self.packages.contains(&(dossier, package))
    }

    fn holds(&self, dossier: usize, path: &str) -> bool {
        let below = |base: &String| path.strip_prefix(base.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.folders.iter().any(|(owner, base)| *owner == dossier && below(base))
    }
}

fn dossier_of(recogniser: &Recogniser, indicator: u32) -> usize {
    let (dossier, _, _) = recogniser.indicator(indicator);
    recogniser.dossiers().iter().position(|known| known.id == dossier.id).unwrap_or_default()
}

fn class(presence: Presence) -> u8 {
    match presence {
        Presence::Running | Presence::Installed | Presence::Dormant | Presence::Remnant => 0,
        Presence::Embedded => 1,
        Presence::Declared => 2,
        Presence::Contact => 3,
        Presence::Procured => 4,
    }
}

fn of_hit(recogniser: &Recogniser, hit: Hit, roots: &BTreeSet<String>, ours: &Own) -> Option<(Group, Evidence)> {
    let (_, _, indicator) = recogniser.indicator(hit.indicator);
    let dossier = dossier_of(recogniser, hit.indicator);
    let by_vendor = hit.owner.as_deref().is_some_and(|owner| ours.owns(dossier, owner));
    if hit.presence == Presence::Embedded {
        // The engine inside the vendor's own product is that product.
        if by_vendor || ours.holds(dossier, hit.locator.as_str()) {
            return None;
        }
    } else if hit.owner.is_some() && !by_vendor && hit.attribute.name().starts_with("file.") {
        return None;
    }
    let root = root_of(hit.locator.as_str(), roots).to_owned();
    let presence = match hit.presence {
        Presence::Installed if !root.is_empty() => Presence::Dormant,
        other => other,
    };
    let group = (dossier, indicator.product, root, class(presence));
    let evidence = Evidence {
        kind: hit.kind,
        attribute: hit.attribute,
        value: shown(hit.attribute, hit.value),
        indicator: indicator.name.clone(),
        locator: hit.locator,
        sha256: hit.sha256,
        grade: indicator.grade,
        supporting: indicator.supporting,
        presence,
        version: hit.version,
        purl: hit.purl,
        note: match hit.owner {
            Some(owner) if hit.note.is_empty() => format!("belongs to package {owner}"),
            Some(owner) => format!("{}; belongs to package {owner}", hit.note),
            None => hit.note,
        },
    };
    Some((group, evidence))
}

/// Bytes travel as hex; people read them as the dossier writes them.
fn shown(attribute: Attribute, value: String) -> String {
    if attribute.info().syntax != Syntax::Bytes {
        return value;
    }
    let pairs = value.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    bytes.map_or(value, |bytes| spell(&bytes))
}

fn of_folder(
    recogniser: &Recogniser,
    number: u32,
    base: String,
    folder: FolderHit,
    roots: &BTreeSet<String>,
) -> (Group, Evidence) {
    let (_, _, indicator) = recogniser.indicator(number);
    let alone = if folder.executables > 0 { Presence::Dormant } else { Presence::Remnant };
    let presence = indicator.presence.unwrap_or(alone);
    let root = root_of(&base, roots).to_owned();
    let copy = !folder.own || !root.is_empty();
    let presence = if presence < Presence::Dormant && copy { Presence::Dormant } else { presence };
    let group = (dossier_of(recogniser, number), indicator.product, root, class(presence));
    let count = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let evidence = Evidence {
        kind: ArtifactKind::File,
        attribute: Attribute::known("file.path"),
        value: base.clone(),
        indicator: indicator.name.clone(),
        locator: Locator(base),
        sha256: None,
        grade: indicator.grade,
        supporting: indicator.supporting,
        presence,
        version: String::new(),
        purl: String::new(),
        note: format!("{}, {}", count(folder.files, "file"), count(folder.executables, "program")),
    };
    (group, evidence)
}

fn finding(recogniser: &Recogniser, asset: &str, group: Group, mut evidence: Vec<Evidence>) -> Option<Finding> {
    let (dossier, product, root, class) = group;
    let dossier = &recogniser.dossiers()[dossier];
    let product = &dossier.products[product];
    evidence.sort_by(|one, other| {
        let key = |it: &Evidence| (it.supporting, std::cmp::Reverse(it.grade), it.presence, it.indicator.clone());
        key(one).cmp(&key(other)).then_with(|| (&one.locator, &one.value).cmp(&(&other.locator, &other.value)))
    });
    // The same file is seen by its name and as a program: one piece of evidence, the stronger.
    let mut seen = BTreeSet::new();
    evidence.retain(|it| seen.insert((it.indicator.clone(), it.locator.clone(), it.attribute, it.value.clone())));
    let making: Vec<&Evidence> = evidence.iter().filter(|it| !it.supporting).collect();
    // A mark that is only possible says nothing about the state of what better marks found.
    let strongest = making.iter().map(|it| it.grade).max()?;
    let good = making.iter().filter(|it| strongest == Grade::Possible || it.grade > Grade::Possible);
    let presence = good.map(|it| it.presence).min()?;
    let grade = grade(&making, presence);
    let id = Sha256::digest(format!("{asset}\n{}\n{}\n{root}\n{class}", dossier.id, product.id).as_bytes());
    Some(Finding {
        id: id.iter().take(6).map(|byte| format!("{byte:02x}")).collect(),
        asset: asset.to_owned(),
        vendor: dossier.id.clone(),
        product: product.id.clone(),
        title: product.title.clone(),
        kind: product.kind,
        entity: product.entity.clone(),
        presence,
        grade,
        root,
        evidence,
        needed_by: Vec::new(),
    })
}

/// How sure all matches together are.
fn grade(making: &[&Evidence], presence: Presence) -> Grade {
    let of = |grade| making.iter().filter(move |it| it.grade == grade);
    if of(Grade::Confirmed).next().is_some() {
        return Grade::Confirmed;
    }
    let family = |it: &&&Evidence| it.attribute.name().split('.').next().unwrap_or_default();
    let types: BTreeSet<&str> = of(Grade::Probable).map(|it| family(&it)).collect();
    // Who makes a thing writes all that it says of itself: of one thing two marks are one, but for a signature's.
    let places: BTreeSet<&Locator> = of(Grade::Probable).map(|it| &it.locator).collect();
    let agree = types.len() > 1 && (places.len() > 1 || types.contains("signature"));
    // A trace names what may have been anybody's: alone it is left by no uninstall.
    let left = of(Grade::Probable).any(|it| it.kind != ArtifactKind::Trace);
    let remnant = presence == Presence::Remnant && left;
    if agree || remnant { Grade::Probable } else { Grade::Possible }
}

/// Says at each finding which packages of others need its packages.
fn needed(findings: &mut [Finding], needs: &[(String, String)]) {
    let packages = |finding: &Finding| -> BTreeSet<String> {
        let own = finding.evidence.iter().filter(|it| PACKAGES.contains(&it.attribute));
        own.map(|it| it.value.clone()).collect()
    };
    let known: BTreeSet<String> = findings.iter().flat_map(packages).collect();
    for finding in findings.iter_mut().filter(|finding| finding.root.is_empty()) {
        let own = packages(finding);
        for (package, needed) in needs {
            let name = package.split_once(':').map_or(package.as_str(), |(_, name)| name);
            if own.contains(needed) && !known.contains(name) {
                finding.needed_by.push(format!("{package} needs {needed}"));
            }
        }
        finding.needed_by.sort();
    }
}

/// Does all that is only possible lie in a folder of the other finding? A name by itself says nothing elsewhere.
fn lies_with(generic: &Finding, specific: &Finding) -> bool {
    let folder = |it: &Evidence| it.locator.as_str().rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let named = |it: &Evidence| it.kind == ArtifactKind::File && !it.note.is_empty();
    generic.evidence.iter().all(|one| {
        let inside = |top: &str| one.locator.as_str().strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
        specific.evidence.iter().any(|it| folder(one) == folder(it) || (named(it) && inside(it.locator.as_str())))
    })
}

/// Moves the evidence of generic findings to specific ones that say as much: same vendor, same root, a state at least as
/// strong, and a product of a kind that comes with such files.
fn fold_generic(recogniser: &Recogniser, findings: &mut Vec<(Group, Finding)>) {
    let is_generic = |group: &Group| recogniser.dossiers()[group.0].products[group.1].generic;
    let mut at = 0;
    while at < findings.len() {
        if !is_generic(&findings[at].0) {
            at += 1;
            continue;
        }
        let (group, generic) = &findings[at];
        let fits = |(other, specific): &&(Group, Finding)| {
            !is_generic(other)
                && (other.0, &other.2, other.3) == (group.0, &group.2, group.3)
                && matches!(specific.kind, ProductKind::Security | ProductKind::Management | ProductKind::App)
                && specific.presence <= generic.presence
                && specific.grade >= generic.grade
                && (generic.grade > Grade::Possible || lies_with(generic, specific))
        };
        let target = findings.iter().find(fits).map(|(group, _)| group.clone());
        match target {
            Some(target) => {
                let (_, generic) = findings.remove(at);
                let specific = findings.iter_mut().find(|(group, _)| *group == target);
                if let Some((_, specific)) = specific {
                    let same = |one: &Evidence, other: &Evidence| {
                        (&one.locator, one.attribute, &one.value) == (&other.locator, other.attribute, &other.value)
                    };
                    for evidence in generic.evidence {
                        if !specific.evidence.iter().any(|known| same(known, &evidence)) {
                            specific.evidence.push(evidence);
                        }
                    }
                }
            }
            None => at += 1,
        }
    }
}
