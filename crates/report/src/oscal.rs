//! Orders, plans and status reports as OSCAL documents, for the programs in which agencies keep plans and findings.
//! docs/oscal.md says what is where. They say nothing that the report does not say: what nobody could see is never
//! `satisfied`.

mod catalog;
mod parts;
mod plan;
mod poam;
mod results;
mod view;

pub use catalog::catalog;
pub use plan::poam_of_plan;
pub use poam::poam_of_status;
pub use results::{assessment_plan, assessment_results};

use crate::status::StatusReport;
use ostrakon_order::Order;
use ostrakon_plan::plan::Plan;
use serde_json::Value;

/// The version of OSCAL the documents are written in.
pub const VERSION: &str = "1.2.1";

/// The namespace of the props and parts that are our own.
pub const NAMESPACE: &str = "https://ostrakon.example/ns/oscal";

/// File name of [`catalog`]; the documents refer to each other by these names.
pub const CATALOG: &str = "catalog.json";
/// File name of [`assessment_plan`].
pub const ASSESSMENT_PLAN: &str = "assessment-plan.json";
/// File name of [`assessment_results`].
pub const ASSESSMENT_RESULTS: &str = "assessment-results.json";
/// File name of [`poam_of_status`] and [`poam_of_plan`].
pub const POAM: &str = "poam.json";

/// All documents of a status report, each with the name of its file.
pub fn of_status(order: &Order, status: &StatusReport) -> Vec<(&'static str, Value)> {
    vec![
        (CATALOG, catalog(order)),
        (ASSESSMENT_PLAN, assessment_plan(order)),
        (ASSESSMENT_RESULTS, assessment_results(order, status)),
        (POAM, poam_of_status(order, status)),
    ]
}

/// All documents of a plan, each with the name of its file. `prepared` is when they are made, RFC 3339.
pub fn of_plan(order: &Order, plan: &Plan, prepared: &str) -> Vec<(&'static str, Value)> {
    vec![(CATALOG, catalog(order)), (POAM, poam_of_plan(order, plan, prepared))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identification::OrderHead;
    use crate::status::{Counts, Exception, FindingState, State};
    use ostrakon_plan::action::{Action, Step};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    const NOW: &str = "2018-01-11T15:00:00Z";

    fn order() -> Order {
        let text = include_str!("../../../orders/bod-17-01.toml");
        Order::parse("bod-17-01.toml", Some("bod-17-01"), text).unwrap()
    }

    fn finding(id: &str, asset: &str, state: State) -> FindingState {
        FindingState {
            id: id.to_owned(),
            asset: asset.to_owned(),
            asset_name: asset.to_owned(),
            component: "Bureau".to_owned(),
            wave: 1,
            product: "kaspersky/kesl".to_owned(),
            title: "Kaspersky Endpoint Security for Linux".to_owned(),
            state,
            first_seen: "2017-10-01T08:00:00.5+02:00".to_owned(),
            last_seen: "2017-10-01T08:00:00Z".to_owned(),
            last_look: "2018-01-10T08:00:00Z".to_owned(),
            claimed: true,
            note: String::new(),
        }
    }

    fn status(findings: Vec<FindingState>) -> StatusReport {
        let count = |state: State| findings.iter().filter(|finding| finding.state == state).count() as u64;
        let counts = Counts {
            total: findings.len() as u64,
            gone: count(State::Gone),
            remnant: count(State::Remnant),
            still_there: count(State::StillThere),
            back_again: count(State::BackAgain),
            not_looked_at: count(State::NotLookedAt),
            excepted: count(State::Excepted),
        };
        StatusReport {
            schema: crate::status::SCHEMA,
            order: OrderHead {
                id: "bod-17-01".to_owned(),
                title: "Removal of Kaspersky-branded products".to_owned(),
                issuer: "Department of Homeland Security".to_owned(),
                issued: "2017-09-13".to_owned(),
                digest: crate::digest(&order().text),
            },
            prepared: NOW.to_owned(),
            tool: "ostrakon 0.1.0".to_owned(),
            agency: "Department of Examples".to_owned(),
            plan: Some((2, format!("sha256:{}", "ab".repeat(32)))),
            approved_by: vec!["C. Officer".to_owned()],
            counts,
            by_product: Default::default(),
            by_component: Default::default(),
            by_wave: Default::default(),
            burn_down: vec![("2018-01-10".to_owned(), counts.total - counts.gone)],
            claimed: 1,
            validated: 1,
            findings,
            exceptions: Vec::new(),
            recurrence_control: String::new(),
            challenges: String::new(),
            open_gaps: 0,
            known_assets: Some(3),
            never_looked_at: Vec::new(),
            next_due: "2018-02-10".to_owned(),
        }
    }

    /// The state of the finding over all, and of the only other finding.
    fn verdicts(status: &StatusReport) -> Vec<String> {
        let results = assessment_results(&order(), status);
        let findings = results["assessment-results"]["results"][0]["findings"].as_array().unwrap().clone();
        let state = |finding: &Value| finding["target"]["status"]["state"].as_str().unwrap().to_owned();
        findings.iter().map(state).collect()
    }

    fn each(value: &Value, visit: &mut dyn FnMut(&str, &Value)) {
        for value in value.as_array().into_iter().flatten() {
            each(value, visit);
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            visit(key, value);
            each(value, visit);
        }
    }

    fn whole() -> StatusReport {
        let states =
            [State::Gone, State::Remnant, State::StillThere, State::BackAgain, State::NotLookedAt, State::Excepted];
        let finding = |(number, state): (usize, &State)| finding(&format!("f{number}"), &format!("pc{number}"), *state);
        let mut status = status(states.iter().enumerate().map(finding).collect());
        status.open_gaps = 3;
        status.never_looked_at = vec!["pc9".to_owned()];
        status.exceptions = vec![Exception {
            covers: "f5".to_owned(),
            asset: String::new(),
            by: "C. Officer".to_owned(),
            reason: "Evidence in a case".to_owned(),
            expires: "2018-06-30".to_owned(),
        }];
        status
    }

    #[test]
    fn the_namespace_of_identifiers_is_that_of_the_props() {
        assert_eq!(parts::OURS, uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, NAMESPACE.as_bytes()));
    }

    #[test]
    fn only_what_is_gone_is_satisfied_and_closed() {
        let results = assessment_results(&order(), &whole());
        let result = &results["assessment-results"]["results"][0];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let of_finding = |finding: &Value| {
            let status = &finding["target"]["status"];
            let risk = result["risks"].as_array().unwrap().iter();
            let mut risk = risk.filter(|risk| risk["uuid"] == finding["related-risks"][0]["risk-uuid"]);
            format!("{} {} {}", word(&status["state"]), word(&status["reason"]), word(&risk.next().unwrap()["status"]))
        };
        let rows: Vec<String> = result["findings"].as_array().unwrap().iter().map(of_finding).collect();
        let expected = [
            "not-satisfied fail open",
            "satisfied pass closed",
            "not-satisfied fail open",
            "not-satisfied fail open",
            "not-satisfied fail open",
            "not-satisfied other open",
            "not-satisfied other deviation-approved",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn all_is_satisfied_only_where_everybody_looked() {
        let gone = || status(vec![finding("f1", "pc1", State::Gone)]);
        assert_eq!(verdicts(&gone()), ["satisfied", "satisfied"]);
        let mut gap = gone();
        gap.open_gaps = 1;
        assert_eq!(verdicts(&gap), ["not-satisfied", "satisfied"]);
        let mut missed = gone();
        missed.never_looked_at = vec!["pc2".to_owned()];
        assert_eq!(verdicts(&missed), ["not-satisfied", "satisfied"]);
        assert_eq!(verdicts(&status(vec![finding("f1", "pc1", State::NotLookedAt)])), ["not-satisfied"; 2]);
        assert_eq!(verdicts(&status(Vec::new())), ["satisfied"]);
        let mut nobody = status(Vec::new());
        nobody.burn_down.clear();
        assert_eq!(verdicts(&nobody), ["not-satisfied"]);
    }

    /// Every value is there, every identifier is one thing's, and every reference leads to something.
    fn holds_together(name: &str, document: &Value) {
        let (mut defined, mut used) = (BTreeSet::<String>::new(), BTreeSet::<String>::new());
        each(document, &mut |key, value| {
            assert!(!value.is_null(), "{name}: {key} is null");
            assert!(value.as_array().is_none_or(|list| !list.is_empty()), "{name}: {key} is empty");
            let text = value.as_str().map(str::to_owned);
            assert!(text.as_ref().is_none_or(|text| text.trim() == text && !text.is_empty()), "{name}: {key} is blank");
            match key {
                "uuid" => assert!(defined.insert(text.unwrap()), "{name}: {value} is there twice"),
                "id" => defined.extend(text),
                "href" => used.extend(text.and_then(|text| text.strip_prefix('#').map(str::to_owned))),
                "party-uuids" => {
                    used.extend(value.as_array().unwrap().iter().map(|uuid| uuid.as_str().unwrap().to_owned()));
                }
                key if key.ends_with("-uuid") => used.extend(text),
                _ => {}
            }
        });
        let lost: Vec<&String> = used.difference(&defined).collect();
        assert!(lost.is_empty(), "{name}: {lost:?}");
    }

    #[test]
    fn documents_are_the_same_every_time_and_hold_together() {
        let (order, status, plan) = (order(), whole(), plan());
        assert_eq!(of_status(&order, &status), of_status(&order, &status));
        assert_eq!(of_plan(&order, &plan, NOW), of_plan(&order, &plan, NOW));
        for (name, document) in of_status(&order, &status).iter().chain(&of_plan(&order, &plan, NOW)) {
            holds_together(name, document);
        }
    }

    #[test]
    fn a_name_from_a_machine_stays_text() {
        let odd = "pc*\n<b>[x](y)</b>\t{{ insert }}\u{7} ";
        let document = assessment_results(&order(), &status(vec![finding("f1", odd, State::StillThere)]));
        let result = &document["assessment-results"]["results"][0];
        let item = &result["local-definitions"]["inventory-items"][0];
        assert_eq!(item["props"][0]["value"], "pc* <b>[x](y)</b> {{ insert }}");
        assert_eq!(item["description"], r"pc\* \<b\>\[x\](y)\</b\> \{\{ insert \}\}");
        holds_together("odd", &document);
    }

    #[test]
    fn instants_have_a_zone_and_tokens_fit() {
        assert_eq!(parts::instant("2017-10-13").as_deref(), Some("2017-10-13T00:00:00Z"));
        assert_eq!(parts::instant("2017-10-13T12:00:00.25+05:30").as_deref(), Some("2017-10-13T06:30:00Z"));
        assert_eq!(parts::instant("-000012-01-01T00:00:00Z"), None);
        assert_eq!(parts::instant(""), None);
        let day = "2017-12-12".parse().unwrap();
        assert_eq!(parts::day_ends(&order(), day), "2017-12-12T23:59:59-05:00");
        assert_eq!(parts::token("bod-17-01.status"), "bod-17-01.status");
        let (blank, dash) = (parts::token("9 a"), parts::token("9-a"));
        assert!(blank.starts_with("_9-a-") && dash.starts_with("_9-a-") && blank != dash, "{blank} {dash}");
    }

    fn plan() -> Plan {
        let text = r#"{
            "schema": "ostrakon/plan/1",
            "order": {"id": "bod-17-01", "title": "t", "issuer": "i", "digest": "sha256:00"},
            "generation": 1, "parent": null, "drafted": "2017-11-01", "tool": "ostrakon 0.1.0", "policy": "sha256:11",
            "begins": "2017-12-12",
            "elements": [
                {"key": "agency_name", "label": "(a) Agency name", "filled_by": "config", "required": true,
                 "answer": "Department of Examples"},
                {"key": "costs", "label": "(n) Costs", "filled_by": "human", "required": true, "answer": ""}
            ],
            "waves": [
                {"number": 1, "begins": "2017-12-12", "limit": 1},
                {"number": 2, "begins": "2017-12-19", "limit": 50}
            ],
            "assets": [{
                "id": "a1", "name": "pc1", "os": "Debian 12", "component": "Bureau", "mission_function": "Payroll",
                "wave": 1, "looked": "2017-10-30T09:00:00Z",
                "findings": [{"id": "f1", "product": "kaspersky/kesl", "title": "Kaspersky Endpoint Security",
                              "presence": "installed", "grade": "confirmed", "places": []}],
                "controls": [
                    {"control": "anti-malware", "given_by": ["Kaspersky Endpoint Security"],
                     "cover": {"by": "replacement", "name": "Other", "ready": "2017-12-01", "package": "other"}},
                    {"control": "web-filtering", "given_by": ["Kaspersky Endpoint Security"],
                     "cover": {"by": "waiver", "owner": "C. Officer", "reason": "The gateway filters",
                               "expires": "2018-03-31"}},
                    {"control": "anti-exploit", "given_by": ["Kaspersky Endpoint Security"], "cover": null}
                ],
                "actions": []
            }],
            "left": [{"asset": "a2", "reason": "Nobody knows how.",
                      "finding": {"id": "f2", "product": "kaspersky/kes", "title": "Kaspersky Endpoint Security",
                                  "presence": "dormant", "grade": "probable", "places": []}}],
            "waits": ["an approval"]
        }"#;
        let mut plan: Plan = serde_json::from_str(text).unwrap();
        plan.assets[0].actions.push(Action {
            id: "a01".to_owned(),
            step: Step::StopUnit { unit: "kesl.service".to_owned() },
            findings: vec!["f1".to_owned()],
            precondition: String::new(),
            needs: Vec::new(),
            effect: "The unit is stopped and masked.".to_owned(),
            verification: String::new(),
            way_back: String::new(),
        });
        plan
    }

    #[test]
    fn waves_are_milestones_from_their_first_day_to_the_day_before_the_next() {
        let document = poam_of_plan(&order(), &plan(), NOW);
        let risk = &document["plan-of-action-and-milestones"]["risks"][0];
        let tasks = risk["remediations"][0]["tasks"].as_array().unwrap();
        assert_eq!(tasks[0]["timing"]["on-date"]["date"], "2017-12-01T00:00:00-05:00");
        let range = &tasks[1]["timing"]["within-date-range"];
        assert_eq!(range["start"], "2017-12-12T00:00:00-05:00");
        assert_eq!(range["end"], "2017-12-18T23:59:59-05:00");
        assert_eq!(tasks[1]["tasks"][0]["props"][0]["value"], "a01 stop-unit kesl.service");
        // The directive sets no day by which removal ends, so the last wave has none either.
        assert_eq!(tasks[2]["timing"]["on-date"]["date"], "2017-12-19T00:00:00-05:00");
        assert_eq!(tasks[2]["dependencies"][0]["task-uuid"], tasks[1]["uuid"]);
    }
    #[test]
    #[ignore = "installs compliance-trestle the first time"]
    fn trestle_accepts_every_document() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        let mut write = |set: &str, documents: Vec<(&'static str, Value)>| {
            for (name, document) in documents {
                let file = folder.path().join(format!("{set}-{name}"));
                fs::write(&file, document.to_string()).unwrap();
                files.push(file);
            }
        };
        for entry in fs::read_dir(root.join("orders")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let text = fs::read_to_string(&path).unwrap();
                let order = Order::parse(&path.to_string_lossy(), None, &text).unwrap();
                write(&order.id, of_status(&order, &whole()));
            }
        }
        write("plan", of_plan(&order(), &plan(), NOW));
        write("nil", of_status(&order(), &status(Vec::new())));
        let done = Command::new(root.join("tests/fixtures/oscal.sh")).args(&files).output().unwrap();
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success() && said.matches("valid ").count() == files.len(), "{said}");
    }
}
