//! SARIF 2.1.0 (OASIS, with errata 01): one run for each order, one result for each finding, a notification for each gap.
//! Rules are the indicators that matched; a finding's rule is that of its strongest evidence.
//!
//! With an earlier answer as baseline each result says whether it is new. One that is missing now is `absent` only where
//! the asset was looked at as a whole; elsewhere it stays, of the kind `open`, which is SARIF's word for not evaluated.

mod places;

use crate::baseline::{Baseline, Entry, run_of};
use crate::digest;
use crate::identity::{filled, is_whole, lean, word};
use ostrakon_identify::Identification;
use ostrakon_identify::identification::{Judged, JudgedGap};
use ostrakon_model::{GapReason, Grade, vocabulary};
use ostrakon_order::Order;
use ostrakon_order::policy::Decision;
use places::Places;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The name of the fingerprint that holds a finding's id.
const FINGERPRINT: &str = "ostrakonFinding/v1";

/// The answers as one SARIF log.
pub fn sarif(
    answers: &[(&Order, Identification)],
    baseline: Option<&Baseline>,
    started: &str,
    finished: &str,
) -> Value {
    let runs = answers.iter().map(|(order, answer)| run(order, answer, baseline, (started, finished)));
    lean(json!({"$schema": SCHEMA, "version": "2.1.0", "runs": runs.collect::<Vec<_>>()}))
}

fn run(order: &Order, answer: &Identification, baseline: Option<&Baseline>, time: (&str, &str)) -> Value {
    let (started, finished) = time;
    let earlier = baseline.and_then(|baseline| baseline.answer(&order.id));
    let entries: Vec<(Entry, &Judged)> = answer.findings.iter().map(|judged| (Entry::of(judged), judged)).collect();
    let now: BTreeSet<&str> = entries.iter().map(|(entry, _)| entry.id.as_str()).collect();
    let before = earlier.map(|earlier| earlier.findings.as_slice()).unwrap_or_default();
    let missing: Vec<&Entry> = before.iter().filter(|entry| !now.contains(entry.id.as_str())).collect();

    let rules = Rules::of(entries.iter().map(|(entry, _)| entry).chain(missing.iter().copied()));
    let mut places = Places::of(answer);
    let mut results = Vec::new();
    for (entry, judged) in &entries {
        let mut result = result(order, entry, &rules, &mut places);
        if let Some(earlier) = earlier {
            result["baselineState"] = earlier.state(entry).into();
        }
        result["suppressions"] = suppressions(judged);
        if !judged.finding.needed_by.is_empty() {
            result["properties"]["needed_by"] = judged.finding.needed_by.clone().into();
        }
        results.push(result);
    }
    for entry in missing {
        let mut result = result(order, entry, &rules, &mut places);
        if is_whole(answer, &entry.asset) {
            result["baselineState"] = "absent".into();
        } else {
            result["baselineState"] = "unchanged".into();
            result["kind"] = "open".into();
            result["level"] = "none".into();
            let text = format!("{} was found earlier; whether it is still there was not seen.", plain(&entry.title));
            result["message"] = json!({ "text": text });
        }
        results.push(result);
    }
    let reasons: BTreeSet<GapReason> = answer.coverage.gaps.iter().map(|gap| gap.gap.reason).collect();
    let notifications: Vec<Value> =
        answer.coverage.gaps.iter().map(|gap| notification(gap, &reasons, &mut places)).collect();
    let assets: Vec<&str> = answer.assets.iter().map(|(asset, _)| asset.id.as_str()).collect();
    let driver = json!({
        "name": "ostrakon",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules.all(),
        "notifications": reasons.iter().map(|reason| reason_rule(*reason)).collect::<Vec<_>>(),
    });
    json!({
        "tool": {"driver": driver},
        "automationDetails": {
            "id": format!("ostrakon/{}/", order.id),
            "guid": run_of(&order.id, started, &assets),
            "description": {"text": format!("{} ({}).", plain(&order.title), plain(&order.id))},
        },
        "baselineGuid": earlier.map(|earlier| earlier.run()),
        "invocations": [{
            "executionSuccessful": answer.coverage.complete,
            "startTimeUtc": started,
            "endTimeUtc": finished,
            "toolExecutionNotifications": notifications,
        }],
        "originalUriBaseIds": places.bases(),
        "artifacts": places.artifacts(),
        "results": results,
        "properties": about(order, answer),
    })
}

fn about(order: &Order, answer: &Identification) -> Value {
    let coverage = &answer.coverage;
    let assets = answer.assets.iter().map(|(asset, look)| {
        json!({"id": asset.id, "kind": asset.kind, "name": asset.name, "os": asset.os, "place": look.place,
               "started": look.started, "privilege": look.privilege})
    });
    let excluded = coverage
        .excluded
        .iter()
        .map(|(asset, excluded)| json!({"asset": asset, "locator": excluded.locator, "reason": excluded.reason}));
    json!({
        "order": {"id": order.id, "title": order.title, "issuer": order.issuer, "digest": digest(&order.text)},
        "answer": word(answer),
        "assets": assets.collect::<Vec<_>>(),
        "coverage": {
            "complete": coverage.complete,
            "files": coverage.files,
            "folders": coverage.folders,
            "bytes_read": coverage.bytes_read,
            "artifacts": coverage.artifacts,
            "excluded": excluded.collect::<Vec<_>>(),
            "not_looked_for": coverage.not_looked_for,
        },
        "methodology": answer.methodology,
    })
}

/// The indicators that matched, each with the attributes it matched on and its grade.
struct Rules<'a>(BTreeMap<&'a str, (BTreeSet<&'a str>, Grade)>);

impl<'a> Rules<'a> {
    fn of(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut rules: BTreeMap<&str, (BTreeSet<&str>, Grade)> = BTreeMap::new();
        for mark in entries.flat_map(|entry| &entry.evidence) {
            let (attributes, _) = rules.entry(&mark.indicator).or_insert_with(|| (BTreeSet::new(), mark.grade));
            attributes.insert(&mark.attribute);
        }
        Self(rules)
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.0.keys().position(|known| *known == id)
    }

    fn all(&self) -> Vec<Value> {
        let rule = |(id, (attributes, grade)): (&&str, &(BTreeSet<&str>, Grade))| {
            let tests = attributes.iter().map(|name| {
                let meaning = vocabulary::info(name).map_or("", |info| info.meaning);
                if meaning.is_empty() { (*name).to_owned() } else { format!("{name} ({meaning})") }
            });
            let tests = tests.collect::<Vec<_>>().join(", ");
            json!({
                "id": id,
                "shortDescription": {"text": plain(&format!("Indicator {id} on {tests}."))},
                "defaultConfiguration": {"level": if *grade == Grade::Possible { "warning" } else { "error" }},
                "properties": {"attributes": attributes, "grade": grade},
            })
        };
        self.0.iter().map(rule).collect()
    }
}

fn result(order: &Order, entry: &Entry, rules: &Rules<'_>, places: &mut Places<'_>) -> Value {
    let level = match (entry.counts, entry.in_scope) {
        (true, _) => "error",
        (false, true) => "warning",
        (false, false) => "note",
    };
    let rule = entry.evidence.first().map(|mark| mark.indicator.as_str());
    let scope = if entry.in_scope { "in" } else { "out of" };
    let reason = entry.scope_reason.trim_end_matches('.');
    let text = format!(
        "{} ({}) on {}: {}, {scope} the scope of {}. {reason}.",
        entry.title,
        entry.presence,
        places.name(&entry.asset),
        entry.grade,
        order.id
    );
    json!({
        "ruleId": rule.map_or_else(|| format!("{}/{}", entry.vendor, entry.product), str::to_owned),
        "ruleIndex": rule.and_then(|rule| rules.position(rule)),
        "kind": "fail",
        "level": level,
        "message": {"text": plain(&text)},
        "locations": entry.evidence.iter().map(|mark| places.of_mark(&entry.asset, mark)).collect::<Vec<_>>(),
        "partialFingerprints": {FINGERPRINT: entry.id},
        "suppressions": [],
        "properties": {
            "finding": entry.id,
            "asset": entry.asset,
            "vendor": entry.vendor,
            "product": entry.product,
            "root": filled(&entry.root),
            "presence": entry.presence,
            "grade": entry.grade,
            "in_scope": entry.in_scope,
            "scope_reason": entry.scope_reason,
            "counts": entry.counts,
        },
    })
}

/// A ruling that it is something else is SARIF's suppression: shown, and not counted.
fn suppressions(judged: &Judged) -> Value {
    match judged.ruling.as_ref().filter(|ruling| ruling.decision == Decision::NotProduct) {
        Some(ruling) => json!([{
            "kind": "external",
            "status": "accepted",
            "justification": format!("{}: {}", ruling.by, ruling.because),
        }]),
        None => json!([]),
    }
}

fn notification(judged: &JudgedGap, reasons: &BTreeSet<GapReason>, places: &mut Places<'_>) -> Value {
    let gap = &judged.gap;
    let state = match (&judged.accepted, judged.matters) {
        (_, false) => "It cannot hide what the order asks for.".to_owned(),
        (Some((by, because)), true) => format!("Accepted by {by}: {because}"),
        (None, true) => format!("It could hide: {}. Way out: {}.", gap.hides, gap.reason.way_out()),
    };
    let text = format!("{} was not read ({}). {state}", gap.locator, gap.reason);
    let accepted = judged.accepted.as_ref();
    json!({
        "descriptor": {
            "id": gap.reason.word(),
            "index": reasons.iter().position(|reason| *reason == gap.reason),
        },
        "level": if judged.is_open() { "error" } else { "note" },
        "message": {"text": plain(&text)},
        "locations": [places.of_locator(&judged.asset, gap.locator.as_str())],
        "properties": {
            "asset": judged.asset,
            "hides": gap.hides,
            "collector": gap.collector,
            "detail": gap.detail,
            "matters": judged.matters,
            "accepted_by": accepted.map(|(by, _)| by),
            "accepted_because": accepted.map(|(_, because)| because),
        },
    })
}

fn reason_rule(reason: GapReason) -> Value {
    json!({
        "id": reason.word(),
        "shortDescription": {"text": format!("Something was not read: {reason}.")},
        "help": {"text": format!("Way out: {}.", reason.way_out())},
    })
}

/// Text as a SARIF message: names on machines are chosen by others, and must become neither a link nor a placeholder.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '[' | ']' => out.extend(['\\', letter]),
            '{' | '}' => out.extend([letter, letter]),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_neither_link_nor_placeholder() {
        assert_eq!(plain("a[b](http://c){0}"), r"a\[b\](http://c){{0}}");
    }
}
