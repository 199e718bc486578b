//! The status as an OSCAL plan of action and milestones.

use super::NAMESPACE;
use super::parts::{Props, document, flat, line, origins, prose, uuid_of};
use super::view::{View, about, risk_status, titled, wave, words};
use crate::status::StatusReport;
use ostrakon_order::Order;
use serde_json::{Value, json};

/// The status as a plan of action and milestones: an item for each finding, one over all, one for what was not seen.
pub fn poam_of_status(order: &Order, status: &StatusReport) -> Value {
    let view = View::of(order, status);
    let (head, resources) = view.head("Plan of action");
    let shortfall = view.shortfall();
    let text =
        shortfall.as_ref().map_or("Everything found is gone, and coverage is complete.", |(_, text)| text.as_str());
    let all = json!({
        "uuid": uuid_of(&["item", &order.id, "all"]),
        "title": line(&order.title),
        "description": prose(text),
        "props": view.figures().list(),
        "origins": origins(&status.tool),
        "related-findings": [{"finding-uuid": uuid_of(&["finding", &order.id, "all"])}],
    });
    let mut items = vec![all];
    if let Some(text) = view.unseen_text() {
        items.push(json!({
            "uuid": view.unseen_id("item"),
            "title": "Look where nobody could look",
            "description": text,
            "origins": origins(&status.tool),
            "related-observations": [{"observation-uuid": view.unseen_id("observation")}],
            "related-risks": [{"risk-uuid": view.unseen_id("risk")}],
        }));
    }
    for finding in &status.findings {
        let id = |kind: &str| about(kind, order, &finding.asset, &finding.id);
        let (word, sentence) = words(finding.state);
        let props = Props::default().own("state", word).own("risk-status", risk_status(finding.state));
        items.push(json!({
            "uuid": id("item"),
            "title": titled(finding),
            "description": sentence,
            "props": props.own("wave", wave(finding)).list(),
            "origins": origins(&status.tool),
            "related-findings": [{"finding-uuid": id("finding")}],
            "related-observations": [{"observation-uuid": id("observation")}],
            "related-risks": [{"risk-uuid": id("risk")}],
            "remarks": prose(&finding.note),
        }));
    }
    let body = json!({
        "uuid": uuid_of(&["poam", &order.id, &status.agency]),
        "metadata": head,
        "system-id": system(order, &status.agency),
        "local-definitions": view.definitions(),
        "observations": view.observations(),
        "risks": view.risks(),
        "findings": view.findings(),
        "poam-items": items,
        "back-matter": {"resources": resources},
    });
    document("plan-of-action-and-milestones", body)
}

/// What the document is about, where no system security plan is imported.
pub(super) fn system(order: &Order, agency: &str) -> Value {
    let id = match flat(agency) {
        agency if agency.is_empty() => format!("{}: the agency is not named yet", order.id),
        agency => agency,
    };
    json!({"identifier-type": NAMESPACE, "id": id})
}
