//! The formats of `identify`: JSON by contract, the same as lines, and CSV.

use crate::{ReportError, digest};
use ostrakon_identify::Identification;
use ostrakon_identify::identification::{Judged, JudgedGap};
use ostrakon_order::Order;
use serde_json::{Value, json};

/// Name of the JSON format.
pub const SCHEMA: &str = "ostrakon/identification/1";

/// The identification as one JSON value.
pub fn json(order: &Order, answer: &Identification, started: &str, finished: &str) -> Value {
    let coverage = &answer.coverage;
    let assets = answer.assets.iter().map(|(asset, look)| {
        json!({"id": asset.id, "kind": asset.kind, "name": asset.name, "os": asset.os, "place": look.place,
               "started": look.started, "privilege": look.privilege})
    });
    json!({
        "schema": SCHEMA,
        "order": {"id": order.id, "digest": digest(&order.text)},
        "tool": {"name": "ostrakon", "version": env!("CARGO_PKG_VERSION")},
        "started": started,
        "finished": finished,
        "assets": assets.collect::<Vec<_>>(),
        "findings": answer.findings.iter().map(finding).collect::<Vec<_>>(),
        "coverage": {
            "complete": coverage.complete,
            "files": coverage.files,
            "folders": coverage.folders,
            "bytes_read": coverage.bytes_read,
            "members": coverage.members,
            "bytes_inflated": coverage.bytes_inflated,
            "artifacts": coverage.artifacts,
            "by_collector": coverage.by_collector,
            "gaps": coverage.gaps.iter().map(gap).collect::<Vec<_>>(),
            "excluded": coverage.excluded.iter().map(|(asset, excluded)| {
                json!({"asset": asset, "locator": excluded.locator, "reason": excluded.reason})
            }).collect::<Vec<_>>(),
            "not_looked_for": coverage.not_looked_for,
        },
        "methodology": answer.methodology,
    })
}

fn finding(judged: &Judged) -> Value {
    let finding = &judged.finding;
    let ruling = judged
        .ruling
        .as_ref()
        .map(|ruling| json!({"decision": ruling.decision, "by": ruling.by, "because": ruling.because}));
    json!({
        "id": finding.id,
        "asset": finding.asset,
        "vendor": finding.vendor,
        "product": finding.product,
        "title": finding.title,
        "kind": finding.kind,
        "presence": finding.presence,
        "grade": finding.grade,
        "in_scope": judged.in_scope,
        "scope_reason": judged.scope_reason,
        "counts": judged.counts(),
        "ruling": ruling,
        "disputed": judged.disputed,
        "root": finding.root,
        "evidence": finding.evidence,
    })
}

fn gap(judged: &JudgedGap) -> Value {
    let accepted = judged.accepted.as_ref();
    json!({
        "asset": judged.asset,
        "locator": judged.gap.locator,
        "reason": judged.gap.reason,
        "hides": judged.gap.hides,
        "collector": judged.gap.collector,
        "detail": judged.gap.detail,
        "matters": judged.matters,
        "accepted_by": accepted.map(|(by, _)| by),
        "accepted_because": accepted.map(|(_, because)| because),
    })
}

/// The same as lines: a head, then one line for each asset, finding, gap and collector.
pub fn ndjson(order: &Order, answer: &Identification, started: &str, finished: &str) -> String {
    let mut whole = json(order, answer, started, finished);
    let mut lines = Vec::new();
    let mut take = |from: &mut Value, key: &str, kind: &str| {
        for mut item in from[key].take().as_array_mut().map(std::mem::take).unwrap_or_default() {
            if let Some(object) = item.as_object_mut() {
                object.insert("record".to_owned(), kind.into());
            }
            lines.push(item.to_string());
        }
        if let Some(object) = from.as_object_mut() {
            object.remove(key);
        }
    };
    take(&mut whole, "assets", "asset");
    take(&mut whole, "findings", "finding");
    take(&mut whole["coverage"], "gaps", "gap");
    take(&mut whole["coverage"], "excluded", "excluded");
    take(&mut whole, "methodology", "collector");
    if let Some(object) = whole.as_object_mut() {
        object.insert("record".to_owned(), "head".into());
    }
    lines.insert(0, whole.to_string());
    lines.join("\n") + "\n"
}

/// One line for each piece of evidence.
pub fn csv(order: &Order, answer: &Identification) -> Result<String, ReportError> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| ReportError::Write(error.to_string());
    out.write_record([
        "order",
        "finding",
        "asset",
        "vendor",
        "product",
        "title",
        "presence",
        "grade",
        "in_scope",
        "counts",
        "scope_reason",
        "evidence_kind",
        "attribute",
        "value",
        "indicator",
        "locator",
        "sha256",
        "evidence_grade",
    ])
    .map_err(failed)?;
    for judged in &answer.findings {
        let finding = &judged.finding;
        for evidence in &finding.evidence {
            let row: [&str; 18] = [
                &order.id,
                &finding.id,
                &finding.asset,
                &finding.vendor,
                &finding.product,
                &finding.title,
                finding.presence.word(),
                finding.grade.word(),
                if judged.in_scope { "true" } else { "false" },
                if judged.counts() { "true" } else { "false" },
                &judged.scope_reason,
                evidence.kind.word(),
                evidence.attribute.name(),
                &evidence.value,
                &evidence.indicator,
                evidence.locator.as_str(),
                evidence.sha256.as_deref().unwrap_or_default(),
                evidence.grade.word(),
            ];
            out.write_record(row.map(harmless)).map_err(failed)?;
        }
    }
    let bytes = out.into_inner().map_err(|error| ReportError::Write(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| ReportError::Write(error.to_string()))
}

/// Names on disk are chosen by others: one that begins like a formula must not run in a spreadsheet.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t']) { format!("'{cell}") } else { cell.to_owned() }
}
