//! CycloneDX 1.7: one bill of materials for all orders asked about. Findings are components, assets are what they are
//! part of, and gaps decide whether the composition of an asset is complete.

use crate::digest;
use crate::identity::{cpe, digests, filled, is_whole, lean, maker, purl, uuid_of, version, word};
use ostrakon_identify::identification::{Judged, JudgedGap};
use ostrakon_identify::{Evidence, Finding, Identification};
use ostrakon_model::{ArtifactKind, Asset, Attribute, Grade, Look, Presence, ProductKind};
use ostrakon_order::{Dossier, Order};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TOOL: &str = "tool:ostrakon";
const WHOLE: &str = "composition:complete";
const NOT_WHOLE: &str = "composition:incomplete";

/// A finding, and what each order makes of it.
struct Part<'a> {
    bom_ref: String,
    finding: &'a Finding,
    under: Vec<(&'a Order, &'a Judged)>,
}

/// The answers as one bill of materials. `dossiers` give the names of makers.
pub fn cyclonedx(answers: &[(&Order, Identification)], dossiers: &[Dossier], started: &str, finished: &str) -> Value {
    let assets = assets(answers);
    let parts = parts(answers);
    let mut components: Vec<Value> = assets.iter().map(|(asset, look)| asset_component(asset, look)).collect();
    // One asset is the subject of the bill; several are components themselves.
    let subject = if components.len() == 1 { components.pop() } else { None };
    components.extend(parts.iter().map(|part| component(part, dossiers)));
    let dependencies = assets.iter().map(|(asset, _)| {
        let of_asset = parts.iter().filter(|part| part.finding.asset == asset.id);
        json!({"ref": ref_of(asset), "dependsOn": of_asset.map(|part| &part.bom_ref).collect::<Vec<_>>()})
    });
    let names: Vec<&str> = answers.iter().map(|(order, _)| order.id.as_str()).collect();
    let ids: Vec<&str> = assets.iter().map(|(asset, _)| asset.id.as_str()).collect();
    let (compositions, annotations) = coverage(answers, &assets, &names.join(", "), finished);
    lean(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": format!("urn:uuid:{}", uuid_of(&[&["bill", started, finished], &names[..], &ids[..]].concat())),
        "version": 1,
        "metadata": {
            "timestamp": finished,
            "lifecycles": [{"phase": "discovery"}],
            "tools": {"components": [tool(Some(TOOL))]},
            "component": subject,
            "properties": about(answers, started, finished),
        },
        "components": components,
        "dependencies": dependencies.collect::<Vec<_>>(),
        "compositions": compositions,
        "annotations": annotations,
    }))
}

fn tool(bom_ref: Option<&str>) -> Value {
    json!({"type": "application", "bom-ref": bom_ref, "name": "ostrakon", "version": env!("CARGO_PKG_VERSION")})
}

fn property(name: &str, value: impl Into<String>) -> Value {
    json!({"name": format!("ostrakon:{name}"), "value": value.into()})
}

/// Every asset once.
fn assets<'a>(answers: &'a [(&Order, Identification)]) -> Vec<(&'a Asset, &'a Look)> {
    let mut seen = BTreeSet::new();
    let all = answers.iter().flat_map(|(_, answer)| &answer.assets);
    all.filter(|pair| seen.insert(pair.0.id.as_str())).map(|(asset, look)| (asset, look)).collect()
}

/// Every finding once, by its id; two looks at places with one id are told apart by a number.
fn parts<'a>(answers: &'a [(&'a Order, Identification)]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let mut known: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    for (order, answer) in answers {
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for judged in &answer.findings {
            let finding = &judged.finding;
            let time = times.entry(finding.id.as_str()).or_default();
            *time = time.saturating_add(1);
            let next = parts.len();
            let at = *known.entry((finding.id.as_str(), *time)).or_insert(next);
            if at == next {
                let bom_ref = if *time == 1 { finding.id.clone() } else { format!("{}-{time}", finding.id) };
                parts.push(Part { bom_ref, finding, under: Vec::new() });
            }
            if let Some(part) = parts.get_mut(at) {
                part.under.push((*order, judged));
            }
        }
    }
    parts
}

fn ref_of(asset: &Asset) -> String {
    format!("asset:{}", asset.id)
}

fn asset_component(asset: &Asset, look: &Look) -> Value {
    let kind = match asset.kind.word() {
        "host" => "device",
        "image" | "container" => "container",
        "file" | "sbom" => "file",
        _ if asset.os.is_empty() => "file",
        _ => "operating-system",
    };
    json!({
        "type": kind,
        "bom-ref": ref_of(asset),
        "name": filled(&asset.name).unwrap_or(&asset.id),
        "description": filled(&asset.os),
        "properties": [
            property("asset", &asset.id),
            property("asset_kind", asset.kind.word()),
            property("place", &look.place),
            property("started", &look.started),
            property("privilege", &look.privilege),
        ],
    })
}

fn component(part: &Part<'_>, dossiers: &[Dossier]) -> Value {
    let finding = part.finding;
    let kind = match finding.kind {
        ProductKind::Library => "library",
        ProductKind::Device => "device",
        ProductKind::Security
        | ProductKind::Management
        | ProductKind::Tool
        | ProductKind::Service
        | ProductKind::App => "application",
    };
    let (maker, vendor) = maker(finding, dossiers);
    // Who supplied what lies in another maker's product is not known.
    let supplier = (finding.presence != Presence::Embedded).then(|| json!({ "name": vendor }));
    let occurrences = finding
        .evidence
        .iter()
        .map(|evidence| json!({"location": evidence.locator, "additionalContext": context(evidence)}));
    json!({
        "type": kind,
        "bom-ref": part.bom_ref,
        "manufacturer": {"name": maker},
        "supplier": supplier,
        "name": finding.title,
        "version": version(finding),
        "hashes": own_digest(finding).map(|digest| json!([sha256(digest)])),
        "cpe": cpe(finding),
        "purl": purl(finding),
        "components": files(part),
        "evidence": {"identity": identity(finding), "occurrences": occurrences.collect::<Vec<_>>()},
        "properties": properties(part),
    })
}

fn context(evidence: &Evidence) -> String {
    let note = if evidence.note.is_empty() { String::new() } else { format!(" ({})", evidence.note) };
    format!("{}: {} is {}{note}", evidence.indicator, evidence.attribute, evidence.value)
}

fn sha256(digest: &str) -> Value {
    json!({"alg": "SHA-256", "content": digest})
}

/// The digest of the finding itself: of its only file, where that is a program.
fn own_digest(finding: &Finding) -> Option<&str> {
    let known = digests(finding);
    let (file, digest) = known.first_key_value()?;
    let is_program = |evidence: &Evidence| {
        evidence.locator.as_str() == *file && matches!(evidence.kind, ArtifactKind::Executable | ArtifactKind::Driver)
    };
    (known.len() == 1 && finding.evidence.iter().any(is_program)).then_some(*digest)
}

/// The files whose digest is known, as components inside that of the finding.
fn files(part: &Part<'_>) -> Option<Vec<Value>> {
    let known = digests(part.finding);
    let file = |(at, (file, digest)): (usize, (&&str, &&str))| {
        json!({"type": "file", "bom-ref": format!("{}/file/{}", part.bom_ref, at.saturating_add(1)),
               "name": file, "hashes": [sha256(digest)]})
    };
    (!known.is_empty()).then(|| known.iter().enumerate().map(file).collect())
}

/// What the finding was recognised by, gathered by the field of a component that it speaks of.
fn identity(finding: &Finding) -> Vec<Value> {
    let mut fields: BTreeMap<&str, Vec<&Evidence>> = BTreeMap::new();
    for evidence in &finding.evidence {
        fields.entry(field(evidence.attribute)).or_default().push(evidence);
    }
    let one = |(field, evidence): (&str, Vec<&Evidence>)| {
        let best = evidence.iter().map(|it| it.grade).max().unwrap_or(finding.grade);
        let concluded = match field {
            "name" => Some(finding.title.clone()),
            "purl" => purl(finding),
            "cpe" => cpe(finding).map(str::to_owned),
            _ => evidence.first().map(|it| it.value.clone()),
        };
        let mut seen = BTreeSet::new();
        let different = evidence.iter().filter(|it| seen.insert((technique(it), it.grade, it.value.as_str())));
        let methods = different
            .map(|it| json!({"technique": technique(it), "confidence": confidence(it.grade), "value": it.value}));
        json!({
            "field": field,
            "confidence": confidence(if field == "name" { finding.grade } else { best }),
            "concludedValue": concluded,
            "methods": methods.collect::<Vec<_>>(),
            "tools": [TOOL],
        })
    };
    fields.into_iter().map(one).collect()
}

/// The field of a component that an attribute speaks of.
fn field(attribute: Attribute) -> &'static str {
    match attribute.name() {
        "purl" => "purl",
        "cpe" | "cpe.vendor" => "cpe",
        "maven.group" => "group",
        "file.sha256" | "certificate.sha256" | "elf.build_id" => "hash",
        name if name.starts_with("swid.") => "swid",
        name if name.ends_with(".version") => "version",
        _ => "name",
    }
}

/// CycloneDX's word for how a piece of evidence was come by.
fn technique(evidence: &Evidence) -> &'static str {
    let name = evidence.attribute.name();
    if matches!(name, "file.sha256" | "certificate.sha256") {
        return "hash-comparison";
    }
    match name.split('.').next().unwrap_or_default() {
        "deb" | "rpm" | "apk" | "snap" | "flatpak" | "library" | "npm" | "pypi" | "maven" | "nuget" | "cargo"
        | "golang" | "gem" | "composer" | "cocoapods" | "swift" | "pub" | "hex" | "conda" | "nix" | "guix" | "purl"
        | "cpe" | "sbom" | "swid" | "msi" | "msix" | "chrome" | "firefox" | "homebrew" | "winget" | "chocolatey" => {
            "manifest-analysis"
        }
        "file" | "log" | "kmod" | "device" => "filename",
        "elf" | "pe" | "signature" | "android" => "binary-analysis",
        "process" => "dynamic-analysis",
        "procurement" | "legal" => "attestation",
        _ => "other",
    }
}

fn confidence(grade: Grade) -> f64 {
    match grade {
        Grade::Confirmed => 1.0,
        Grade::Probable => 0.7,
        Grade::Possible => 0.3,
    }
}

fn properties(part: &Part<'_>) -> Vec<Value> {
    let finding = part.finding;
    let mut list = vec![
        property("finding", &finding.id),
        property("asset", &finding.asset),
        property("product", format!("{}/{}", finding.vendor, finding.product)),
        property("kind", finding.kind.word()),
        property("presence", finding.presence.word()),
        property("grade", finding.grade.word()),
    ];
    list.extend(filled(&finding.root).map(|root| property("root", root)));
    list.extend(finding.needed_by.iter().map(|need| property("needed_by", need)));
    for (order, judged) in &part.under {
        let of_order = |name: &str, value: String| property(&format!("{name}:{}", order.id), value);
        list.push(property("order", &order.id));
        list.push(of_order("in_scope", judged.in_scope.to_string()));
        list.push(of_order("scope_reason", judged.scope_reason.clone()));
        list.push(of_order("counts", judged.counts().to_string()));
        if let Some(ruling) = &judged.ruling {
            let decision = serde_json::to_value(ruling.decision).unwrap_or_default();
            let decision = decision.as_str().unwrap_or_default();
            list.push(of_order("ruling", format!("{decision}, by {}: {}", ruling.by, ruling.because)));
        }
    }
    list
}

/// What was asked, what it comes to, and each gap.
fn about(answers: &[(&Order, Identification)], started: &str, finished: &str) -> Vec<Value> {
    let mut list = vec![property("started", started), property("finished", finished)];
    for (order, answer) in answers {
        let coverage = &answer.coverage;
        let of_order = |name: &str, value: String| property(&format!("{name}:{}", order.id), value);
        list.push(property("order", &order.id));
        list.push(of_order("order_digest", digest(&order.text)));
        list.push(of_order("answer", word(answer).to_owned()));
        list.push(of_order("coverage_complete", coverage.complete.to_string()));
        list.push(of_order("not_looked_for", coverage.not_looked_for.to_string()));
        list.extend(coverage.gaps.iter().map(|gap| of_order("gap", spelled(gap))));
        list.extend(coverage.excluded.iter().map(|(asset, excluded)| {
            of_order("excluded", format!("{asset} {}: {}", excluded.locator, excluded.reason))
        }));
    }
    list
}

fn spelled(judged: &JudgedGap) -> String {
    let gap = &judged.gap;
    let state = match (&judged.accepted, judged.matters) {
        (_, false) => "cannot hide what the order asks for".to_owned(),
        (Some((by, because)), true) => format!("accepted by {by}: {because}"),
        (None, true) => format!("open, could hide {}", gap.hides),
    };
    format!("{} {}: {}; {state}", judged.asset, gap.locator, gap.reason)
}

/// Which assets are listed completely, and what that means.
fn coverage(
    answers: &[(&Order, Identification)],
    assets: &[(&Asset, &Look)],
    orders: &str,
    at: &str,
) -> (Vec<Value>, Vec<Value>) {
    let whole_for_all = |asset: &Asset| answers.iter().all(|(_, answer)| is_whole(answer, &asset.id));
    let (whole, not_whole): (Vec<&Asset>, Vec<&Asset>) =
        assets.iter().map(|(asset, _)| *asset).partition(|asset| whole_for_all(asset));
    let means = format!(
        "On these assets no place went unread that could hide what the orders ask for ({orders}), or a named person \
         accepted that it did. Listed are the products of the orders' vendors; other software is not."
    );
    let means_not = format!(
        "On these assets places went unread that could hide what the orders ask for ({orders}): more of it may be \
         there. The properties ostrakon:gap of the metadata name each place."
    );
    let mut compositions = Vec::new();
    let mut annotations = Vec::new();
    for (assets, bom_ref, aggregate, text) in
        [(whole, WHOLE, "complete", means), (not_whole, NOT_WHOLE, "incomplete", means_not)]
    {
        if assets.is_empty() {
            continue;
        }
        let refs: Vec<String> = assets.iter().map(|asset| ref_of(asset)).collect();
        compositions.push(json!({
            "bom-ref": bom_ref,
            "aggregate": aggregate,
            "assemblies": refs,
            "dependencies": refs,
        }));
        annotations.push(json!({
            "subjects": [bom_ref],
            "annotator": {"component": tool(None)},
            "timestamp": at,
            "text": text,
        }));
    }
    (compositions, annotations)
}
