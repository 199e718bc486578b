//! OCSF 1.8.0 events, one JSON object a line, for SIEMs:
//!
//! - Software Inventory Info (5020) for each finding: what product, on which device;
//! - Compliance Finding (2003) for each order and finding: what the order makes of it;
//! - Compliance Finding (2003) for each order and asset: what it comes to there, with every open gap. An asset without a
//!   finding has one as well, so that nothing found is told apart from nothing looked at.

use crate::digest;
use crate::identity::{cpe, file_of, filled, is_sha256, is_whole, lean, maker, purl, purl_of, uuid_of, version};
use jiff::Timestamp;
use ostrakon_identify::identification::Judged;
use ostrakon_identify::{Evidence, Finding, Identification};
use ostrakon_model::{ArtifactKind, Asset, AssetKind, Grade, Look, locator};
use ostrakon_order::policy::Decision;
use ostrakon_order::{Dossier, Order};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const VERSION: &str = "1.8.0";

/// A class of OCSF, and the one activity of it that is used here.
struct Class {
    uid: u64,
    name: &'static str,
    category: u64,
    category_name: &'static str,
    activity: u64,
    activity_name: &'static str,
}

const INVENTORY: Class = Class {
    uid: 5020,
    name: "Software Inventory Info",
    category: 5,
    category_name: "Discovery",
    activity: 2,
    activity_name: "Collect",
};

const COMPLIANCE: Class = Class {
    uid: 2003,
    name: "Compliance Finding",
    category: 2,
    category_name: "Findings",
    activity: 1,
    activity_name: "Create",
};

/// How an order's control stands: OCSF's number and word, and the severity of the event.
struct Standing {
    status: (u64, &'static str),
    severity: (u64, &'static str),
}

const FAIL: Standing = Standing { status: (3, "Fail"), severity: (4, "High") };
const WARNING: Standing = Standing { status: (2, "Warning"), severity: (3, "Medium") };
const PASS: Standing = Standing { status: (1, "Pass"), severity: (1, "Informational") };
const OUT_OF_SCOPE: Standing = Standing { status: (99, "Out of scope"), severity: (1, "Informational") };
const RULED_OUT: Standing = Standing { status: (99, "Ruled out"), severity: (1, "Informational") };
const INCOMPLETE: Standing = Standing { status: (99, "Incomplete"), severity: (3, "Medium") };

/// The answers as events, one a line. `dossiers` give the names of makers.
pub fn ocsf(answers: &[(&Order, Identification)], dossiers: &[Dossier], started: &str, finished: &str) -> String {
    let time = Time { started: millis(started), finished: millis(finished), at: finished };
    let mut events = Vec::new();
    let mut told = BTreeSet::new();
    for (_, answer) in answers {
        for judged in &answer.findings {
            // Several orders may ask about one vendor: its products are there once.
            if told.insert(&judged.finding.id) {
                events.push(inventory(answer, &judged.finding, dossiers, &time));
            }
        }
    }
    for (order, answer) in answers {
        events.extend(answer.findings.iter().map(|judged| of_finding(order, answer, judged, dossiers, &time)));
        events.extend(answer.assets.iter().map(|(asset, look)| of_asset(order, answer, (asset, look), &time)));
    }
    events.into_iter().map(|event| format!("{}\n", lean(event))).collect()
}

struct Time<'a> {
    started: i64,
    finished: i64,
    /// The end as text: part of what identifies an event.
    at: &'a str,
}

fn millis(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap_or_default().as_millisecond()
}

/// What every event of a class has. `names` identify the event.
fn event(class: &Class, severity: (u64, &str), message: &str, names: &[&str], time: &Time<'_>) -> Value {
    json!({
        "activity_id": class.activity,
        "activity_name": class.activity_name,
        "category_uid": class.category,
        "category_name": class.category_name,
        "class_uid": class.uid,
        "class_name": class.name,
        "type_uid": class.uid * 100 + class.activity,
        "type_name": format!("{}: {}", class.name, class.activity_name),
        "severity_id": severity.0,
        "severity": severity.1,
        "time": time.finished,
        "start_time": time.started,
        "end_time": time.finished,
        "message": message,
        "metadata": {
            "version": VERSION,
            "uid": uuid_of(&[&["event", class.name, time.at], names].concat()),
            "product": {"name": "ostrakon", "vendor_name": "Ostrakon", "version": env!("CARGO_PKG_VERSION")},
        },
    })
}

fn device(asset: &Asset) -> Value {
    let os = filled(&asset.os).map(|os| {
        let text = os.to_lowercase();
        let kinds = [("windows", 100), ("macos", 300), ("linux", 200)];
        let kind = kinds.iter().find(|(word, _)| text.contains(word)).map_or(0, |(_, kind)| *kind);
        json!({"name": os, "type_id": kind})
    });
    let name = filled(&asset.name);
    json!({
        "uid": asset.id,
        "name": name,
        "hostname": name.filter(|_| asset.kind == AssetKind::Host),
        "type_id": 0,
        "type": "Unknown",
        "os": os,
    })
}

/// The device of a finding; one whose asset is not at hand has its id alone.
fn device_of(answer: &Identification, finding: &Finding) -> Value {
    let found = answer.assets.iter().find(|(asset, _)| asset.id == finding.asset);
    found.map_or_else(|| json!({"uid": finding.asset, "type_id": 0}), |(asset, _)| device(asset))
}

fn inventory(answer: &Identification, finding: &Finding, dossiers: &[Dossier], time: &Time<'_>) -> Value {
    let device = device_of(answer, finding);
    let message = format!("{} is {} on {}", finding.title, finding.presence, name_of(&device));
    let mut event = event(&INVENTORY, (1, "Informational"), &message, &[&finding.id], time);
    event["metadata"]["correlation_uid"] = finding.id.clone().into();
    event["device"] = device;
    event["product"] = product(finding, dossiers);
    event["sbom"] = sbom(finding, dossiers).into();
    event["unmapped"] = state(finding);
    event
}

fn name_of(device: &Value) -> &str {
    device["name"].as_str().or_else(|| device["uid"].as_str()).unwrap_or_default()
}

fn product(finding: &Finding, dossiers: &[Dossier]) -> Value {
    json!({
        "name": finding.title,
        "uid": format!("{}/{}", finding.vendor, finding.product),
        "vendor_name": maker(finding, dossiers).0,
        "version": version(finding),
        "cpe_name": cpe(finding),
    })
}

/// What OCSF has no place for.
fn state(finding: &Finding) -> Value {
    json!({
        "finding": finding.id,
        "vendor": finding.vendor,
        "kind": finding.kind,
        "presence": finding.presence,
        "grade": finding.grade,
        "root": filled(&finding.root),
        "needed_by": filled(&finding.needed_by.join("; ")),
    })
}

/// The packages of a finding. OCSF knows none without a version.
fn sbom(finding: &Finding, dossiers: &[Dossier]) -> Option<Value> {
    let named = |by_url: bool| -> Vec<(&str, &Evidence)> {
        let mut seen = BTreeSet::new();
        let packages = finding.evidence.iter().filter(|evidence| {
            matches!(evidence.kind, ArtifactKind::Package | ArtifactKind::Library) && !evidence.version.is_empty()
        });
        let named = packages.filter_map(|evidence| Some((package_name(evidence, by_url)?, evidence)));
        named.filter(|(name, evidence)| seen.insert((*name, evidence.version.as_str()))).collect()
    };
    // In some ecosystems the package URL is all there is.
    let packages = Some(named(false)).filter(|packages| !packages.is_empty()).unwrap_or_else(|| named(true));
    let ((name, first), others) = packages.split_first()?;
    let maker = maker(finding, dossiers).0;
    let components = others.iter().map(|(name, evidence)| {
        json!({"name": name, "version": evidence.version, "author": maker, "purl": purl_of(evidence)})
    });
    Some(json!({
        "package": {
            "name": name,
            "version": first.version,
            "vendor_name": maker,
            "type_id": 1,
            "purl": purl_of(first).or_else(|| purl(finding)),
            "cpe_name": cpe(finding),
        },
        "software_components": components.collect::<Vec<_>>(),
    }))
}

/// The name of the package that evidence speaks of: a value that is a name, or the last part of a package URL.
fn package_name(evidence: &Evidence, by_url: bool) -> Option<&str> {
    let value = evidence.value.as_str();
    match evidence.attribute.name() {
        "purl" if by_url => value.split('@').next()?.rsplit('/').next(),
        "maven.coordinate" if !by_url => Some(value),
        name if !by_url && name.ends_with(".name") => Some(value),
        _ => None,
    }
}

fn standing(judged: &Judged) -> Standing {
    let ruled_out = judged.ruling.as_ref().is_some_and(|ruling| ruling.decision == Decision::NotProduct);
    if judged.counts() {
        FAIL
    } else if !judged.in_scope {
        OUT_OF_SCOPE
    } else if ruled_out {
        RULED_OUT
    } else {
        WARNING
    }
}

fn of_finding(order: &Order, answer: &Identification, judged: &Judged, dossiers: &[Dossier], time: &Time<'_>) -> Value {
    let finding = &judged.finding;
    let standing = standing(judged);
    let device = device_of(answer, finding);
    let message = format!("{}: {} is {} on {}", order.id, finding.title, finding.presence, name_of(&device));
    let mut event = event(&COMPLIANCE, standing.severity, &message, &[&order.id, &finding.id], time);
    let (confidence, word) = match finding.grade {
        Grade::Confirmed => (3, "High"),
        Grade::Probable => (2, "Medium"),
        Grade::Possible => (1, "Low"),
    };
    let mut details = vec![judged.scope_reason.clone()];
    details.extend(judged.ruling.as_ref().map(|ruling| format!("ruled by {}: {}", ruling.by, ruling.because)));
    let indicators: BTreeSet<&str> = finding.evidence.iter().map(|evidence| evidence.indicator.as_str()).collect();
    event["metadata"]["correlation_uid"] = finding.id.clone().into();
    event["confidence_id"] = confidence.into();
    event["confidence"] = word.into();
    let suppressed = standing.status == RULED_OUT.status;
    let (status_id, status) = if suppressed { (3, "Suppressed") } else { (1, "New") };
    event["status_id"] = status_id.into();
    event["status"] = status.into();
    event["compliance"] = compliance(order, &standing, details);
    event["finding_info"] = json!({
        "uid": format!("{}/{}", order.id, finding.id),
        "title": finding.title,
        "desc": judged.scope_reason,
        "created_time": time.finished,
        "types": [finding.presence.word(), finding.kind.word()],
        "data_sources": indicators,
        "product": product(finding, dossiers),
    });
    event["evidences"] = finding.evidence.iter().map(evidence).collect::<Vec<_>>().into();
    event["resources"] = json!([{"uid": finding.asset, "name": name_of(&device)}]);
    event["device"] = device;
    event["unmapped"] = state(finding);
    event["unmapped"]["in_scope"] = judged.in_scope.into();
    event["unmapped"]["counts"] = judged.counts().into();
    event
}

fn compliance(order: &Order, standing: &Standing, details: Vec<String>) -> Value {
    json!({
        "control": order.id,
        "desc": order.title,
        "standards": [order.issuer],
        "requirements": order.obligations.iter().map(|duty| &duty.id).collect::<BTreeSet<_>>(),
        "control_parameters": [{"name": "digest", "value": digest(&order.text)}],
        "status_id": standing.status.0,
        "status": standing.status.1,
        "status_details": details,
    })
}

fn evidence(evidence: &Evidence) -> Value {
    let path = file_of(evidence.locator.as_str());
    let file = path.strip_prefix('/').map(|_| {
        let bytes = locator::decode(path);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let name = text.rsplit('/').find(|part| !part.is_empty()).unwrap_or("/").to_owned();
        let hashes = evidence.sha256.as_deref().filter(|digest| is_sha256(digest));
        let hashes = hashes.map(|digest| json!([{"algorithm_id": 3, "algorithm": "SHA-256", "value": digest}]));
        json!({"name": name, "path": text, "type_id": 0, "hashes": hashes})
    });
    json!({"name": evidence.indicator, "file": file, "data": evidence})
}

/// What an order comes to on an asset.
fn of_asset(order: &Order, answer: &Identification, asset: (&Asset, &Look), time: &Time<'_>) -> Value {
    let (asset, look) = asset;
    let here = || answer.findings.iter().filter(|judged| judged.finding.asset == asset.id);
    let (counting, open) = (here().filter(|it| it.counts()).count(), here().filter(|it| it.is_open()).count());
    let whole = is_whole(answer, &asset.id);
    let standing = match (counting, open, whole) {
        (1.., _, _) => FAIL,
        (0, 1.., _) => WARNING,
        (0, 0, true) => PASS,
        (0, 0, false) => INCOMPLETE,
    };
    let gaps = answer.coverage.gaps.iter().filter(|judged| judged.asset == asset.id && judged.is_open());
    let gaps: Vec<String> = gaps
        .map(|judged| format!("{}: {}, could hide {}", judged.gap.locator, judged.gap.reason, judged.gap.hides))
        .collect();
    let coverage = match gaps.len() {
        0 => "coverage is complete".to_owned(),
        count => format!("coverage is not complete: {count} open gap(s)"),
    };
    let message = format!(
        "{} on {}: {counting} finding(s) in scope, {open} to rule on; {coverage}",
        order.id,
        filled(&asset.name).unwrap_or(&asset.id)
    );
    let mut event = event(&COMPLIANCE, standing.severity, &message, &[&order.id, &asset.id], time);
    event["status_id"] = 1.into();
    event["status"] = "New".into();
    event["compliance"] = compliance(order, &standing, [vec![coverage], gaps].concat());
    event["finding_info"] = json!({
        "uid": format!("{}/{}", order.id, asset.id),
        "title": order.title,
        "created_time": time.finished,
        "types": ["order on asset"],
    });
    event["resources"] = json!([{"uid": asset.id, "name": filled(&asset.name), "type": asset.kind.word()}]);
    event["device"] = device(asset);
    event["unmapped"] = json!({
        "complete": whole,
        "place": look.place,
        "privilege": look.privilege,
        "not_looked_for": answer.coverage.not_looked_for,
    });
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_in_milliseconds() {
        assert_eq!(millis("1970-01-01T00:00:01.5Z"), 1500);
        assert_eq!(millis("yesterday"), 0);
    }
}
