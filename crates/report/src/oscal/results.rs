//! The status as OSCAL assessment results, and the assessment plan they refer to.

use super::catalog::{changed, reviewed};
use super::parts::{
    Head, Props, Resource, assets, document, first_instant, line, link, metadata, order_file, prose, sibling, uuid_of,
};
use super::view::View;
use super::{ASSESSMENT_PLAN, CATALOG};
use crate::status::StatusReport;
use ostrakon_order::Order;
use serde_json::{Value, json};

/// How the products of the order are looked for, as far as OSCAL wants it: assessment results must refer to an
/// assessment plan.
pub fn assessment_plan(order: &Order) -> Value {
    let (file, file_resource) = order_file(order);
    let (catalog, catalog_resource) = sibling(order, CATALOG, "The order as an OSCAL catalog.");
    let system = Resource {
        names: &["resource", "ssp", &order.id],
        title: "System security plan",
        description: "The agency's own: to be filled in by a person.",
        kind: "plan",
        href: "",
        digest: "",
    };
    let tool = concat!("ostrakon ", env!("CARGO_PKG_VERSION"));
    let head = metadata(
        order,
        Head {
            title: format!("Looking for the products of {}", order.title),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            modified: changed(order),
            props: Props::default().own("order", &order.id),
            links: vec![link(&file, "reference"), link(&catalog, "reference")],
            agency: "",
            approvers: &[],
        },
    );
    let body = json!({
        "uuid": uuid_of(&["assessment-plan", &order.id]),
        "metadata": head,
        "import-ssp": {
            "href": format!("#{}", system.uuid()),
            "remarks": "No system security plan is known to this program.",
        },
        "reviewed-controls": reviewed(order),
        "assessment-subjects": [{"type": "inventory-item", "include-all": {}}],
        "assessment-assets": assets(tool),
        "back-matter": {"resources": [file_resource, catalog_resource, system.value()]},
    });
    document("assessment-plan", body)
}

/// The status as OSCAL assessment results: an observation, a risk and a finding for each finding of the report, one
/// finding over all, and what keeps coverage from being complete.
pub fn assessment_results(order: &Order, status: &StatusReport) -> Value {
    let view = View::of(order, status);
    let (plan, plan_resource) = sibling(order, ASSESSMENT_PLAN, "What was looked for and with what.");
    let (head, mut resources) = view.head("Status of the removal");
    resources.push(plan_resource);
    let counts = &status.counts;
    let mut props = view.figures();
    for exception in &status.exceptions {
        let text = format!("Granted by {} until {}: {}", exception.by, exception.expires, exception.reason);
        let covers = match exception.asset.as_str() {
            "" => exception.covers.clone(),
            asset => format!("{} on {asset}", exception.covers),
        };
        props = props.explained("exception", covers, &text);
    }
    let said =
        [("What keeps the products from coming back", &status.recurrence_control), ("Challenges", &status.challenges)];
    let said = said.iter().filter(|(_, text)| !text.trim().is_empty());
    let remarks: Vec<String> = said.map(|(label, text)| format!("{label}: {text}")).collect();
    let end = first_instant(&[&status.prepared]);
    let result = json!({
        "uuid": uuid_of(&["result", &order.id, &status.agency, &status.prepared]),
        "title": line(&format!("Status of {}", status.prepared)),
        "description": prose(&format!(
            "Of {} finding(s), {} gone, {} only remnants left, {} still there, {} back again, {} not looked at, {} \
             excepted. Claimed by receipts: {}; of those, no longer found by a later look: {}.",
            counts.total, counts.gone, counts.remnant, counts.still_there, counts.back_again, counts.not_looked_at,
            counts.excepted, status.claimed, status.validated
        )),
        "start": view.start().unwrap_or_else(|| end.clone()),
        "end": end,
        "props": props.list(),
        "local-definitions": view.definitions(),
        "reviewed-controls": reviewed(order),
        "observations": view.observations(),
        "risks": view.risks(),
        "findings": view.findings(),
        "remarks": prose(&remarks.join("\n")),
    });
    let body = json!({
        "uuid": uuid_of(&["assessment-results", &order.id, &status.agency]),
        "metadata": head,
        "import-ap": {"href": format!("#{plan}")},
        "results": [result],
        "back-matter": {"resources": resources},
    });
    document("assessment-results", body)
}
