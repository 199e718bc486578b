//! A status report as OSCAL sees it: what its assessment results and its plan of action have in common.

use super::CATALOG;
use super::catalog::{deadline, target};
use super::parts::{
    Asset, Head, Props, assets, day_ends, first_instant, flat, instant, line, link, metadata, order_file, origins,
    plan_file, prose, sibling, uuid_of,
};
use crate::status::{Exception, FindingState, State, StatusReport};
use jiff::civil::Date;
use ostrakon_order::Order;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The status of a risk in OSCAL's words.
pub(super) fn risk_status(state: State) -> &'static str {
    match state {
        State::Gone => "closed",
        State::Remnant | State::StillThere | State::BackAgain | State::NotLookedAt => "open",
        State::Excepted => "deviation-approved",
    }
}

/// Whether the order's statement is satisfied, and why, in OSCAL's words.
pub(super) fn verdict(state: State) -> (&'static str, &'static str) {
    match state {
        State::Gone => ("satisfied", "pass"),
        State::Remnant | State::StillThere | State::BackAgain => ("not-satisfied", "fail"),
        State::NotLookedAt | State::Excepted => ("not-satisfied", "other"),
    }
}

/// The state as a word, and in a sentence.
pub(super) fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Gone => ("gone", "A later look over whole coverage no longer finds it."),
        State::Remnant => ("remnant", "Only remnants are left."),
        State::StillThere => ("still-there", "It is still there."),
        State::BackAgain => ("back-again", "It had gone and is there again."),
        State::NotLookedAt => ("not-looked-at", "No later look could have seen it: it counts as still there."),
        State::Excepted => ("excepted", "It may stay: an exception that has not run out covers it."),
    }
}

/// What identifies something about one finding, in every document.
pub(super) fn about(kind: &str, order: &Order, asset: &str, finding: &str) -> String {
    uuid_of(&[kind, &order.id, asset, finding])
}

/// A status report as OSCAL sees it.
pub(super) struct View<'a> {
    order: &'a Order,
    status: &'a StatusReport,
    target: String,
    deadline: Option<String>,
}

impl<'a> View<'a> {
    /// Of this report.
    pub(super) fn of(order: &'a Order, status: &'a StatusReport) -> Self {
        Self { order, status, target: target(order), deadline: deadline(order).map(|day| day_ends(order, day)) }
    }

    /// The metadata of a document, and the resources it speaks of.
    pub(super) fn head(&self, title: &str) -> (Value, Vec<Value>) {
        let (order, status) = (self.order, self.status);
        let (file, file_resource) = order_file(order);
        let (catalog, catalog_resource) = sibling(order, CATALOG, "The order as an OSCAL catalog.");
        let mut links = vec![link(&file, "reference"), link(&catalog, "reference")];
        let mut resources = vec![file_resource, catalog_resource];
        let mut props = Props::default()
            .own("order", &order.id)
            .own("order-digest", &status.order.digest)
            .own("tool", &status.tool);
        if let Some((generation, digest)) = &status.plan {
            let (plan, resource) = plan_file(order, *generation, digest);
            links.push(link(&plan, "reference"));
            resources.push(resource);
            props = props.own("plan-generation", generation).own("plan-digest", digest);
        }
        let head = Head {
            title: format!("{title}: {}", order.title),
            version: status.prepared.clone(),
            modified: first_instant(&[&status.prepared]),
            props,
            links,
            agency: &status.agency,
            approvers: &status.approved_by,
        };
        (metadata(order, head), resources)
    }

    /// The figures of the report.
    pub(super) fn figures(&self) -> Props {
        let (status, counts) = (self.status, &self.status.counts);
        let props = Props::default()
            .own("total", counts.total)
            .own("gone", counts.gone)
            .own("remnant", counts.remnant)
            .own("still-there", counts.still_there)
            .own("back-again", counts.back_again)
            .own("not-looked-at", counts.not_looked_at)
            .own("excepted", counts.excepted)
            .own("claimed", status.claimed)
            .own("validated", status.validated)
            .own("open-gaps", status.open_gaps)
            .own("never-looked-at", status.never_looked_at.len())
            .own("next-due", &status.next_due);
        status.burn_down.iter().fold(props, |props, (day, open)| props.own("burn-down", format!("{day} {open}")))
    }

    /// The first look the report rests on.
    pub(super) fn start(&self) -> Option<String> {
        self.status.findings.iter().filter_map(|finding| instant(&finding.last_look)).min()
    }

    fn inventory(&self) -> BTreeMap<&'a str, Asset<'a>> {
        let mut all = BTreeMap::new();
        for finding in &self.status.findings {
            all.entry(finding.asset.as_str()).or_insert_with(|| asset(finding));
        }
        for name in &self.status.never_looked_at {
            all.entry(name).or_insert_with(|| Asset { id: name, name, ..Asset::default() });
        }
        all
    }

    /// Assets and the program itself.
    pub(super) fn definitions(&self) -> Value {
        let items: Vec<Value> = self.inventory().values().map(Asset::item).collect();
        json!({"inventory-items": items, "assessment-assets": assets(&self.status.tool)})
    }

    /// What was seen of each finding, and what of the estate was not.
    pub(super) fn observations(&self) -> Vec<Value> {
        let seen = self.status.findings.iter().map(|finding| self.observation(finding));
        seen.chain(self.unseen().map(|(observation, _)| observation)).collect()
    }

    /// The risk of each finding, and that of what was not seen.
    pub(super) fn risks(&self) -> Vec<Value> {
        let known = self.status.findings.iter().map(|finding| self.risk(finding));
        known.chain(self.unseen().map(|(_, risk)| risk)).collect()
    }

    /// The finding over all, then each finding.
    pub(super) fn findings(&self) -> Vec<Value> {
        let each = self.status.findings.iter().map(|finding| self.finding(finding));
        [self.overall()].into_iter().chain(each).collect()
    }

    fn id(&self, kind: &str, finding: &FindingState) -> String {
        about(kind, self.order, &finding.asset, &finding.id)
    }

    fn observation(&self, finding: &FindingState) -> Value {
        let (word, sentence) = words(finding.state);
        // What was not looked at again is known from when it was last seen.
        let collected = match finding.state {
            State::NotLookedAt => first_instant(&[&finding.last_seen, &finding.first_seen, &self.status.prepared]),
            _ => first_instant(&[&finding.last_look, &finding.last_seen, &self.status.prepared]),
        };
        let props = Props::default()
            .own("finding-id", &finding.id)
            .own("product", &finding.product)
            .own("state", word)
            .own("first-seen", &finding.first_seen)
            .own("last-seen", &finding.last_seen)
            .own("last-look", &finding.last_look)
            .own("claimed-removed", if finding.claimed { "yes" } else { "no" });
        json!({
            "uuid": self.id("observation", finding),
            "title": titled(finding),
            "description": prose(&format!("{}: {sentence}", named(finding))),
            "props": props.list(),
            "methods": ["EXAMINE"],
            "types": ["discovery"],
            "origins": origins(&self.status.tool),
            "subjects": [asset(finding).subject()],
            "collected": collected,
            "remarks": prose(&finding.note),
        })
    }

    fn risk(&self, finding: &FindingState) -> Value {
        let (word, sentence) = words(finding.state);
        let exception = match finding.state {
            State::Excepted => self.exception(finding),
            _ => None,
        };
        let expires = exception.and_then(|exception| exception.expires.parse::<Date>().ok());
        let note =
            if finding.note.trim().is_empty() { sentence.to_owned() } else { format!("{sentence} {}", finding.note) };
        let props = Props::default()
            .own("finding-id", &finding.id)
            .own("product", &finding.product)
            .own("component", &finding.component)
            .explained("state", word, &note);
        let mut log = vec![json!({
            "uuid": self.id("opened", finding),
            "title": "Found",
            "start": first_instant(&[&finding.first_seen, &finding.last_seen, &self.status.prepared]),
            "status-change": "open",
        })];
        if finding.state == State::Gone {
            log.push(json!({
                "uuid": self.id("closed", finding),
                "title": "No longer found",
                "start": first_instant(&[&finding.last_look, &self.status.prepared]),
                "status-change": "closed",
            }));
        }
        let response = match exception {
            Some(exception) => json!([{
                "uuid": self.id("exception", finding),
                "lifecycle": "completed",
                "title": line(&format!("Exception granted by {} until {}", exception.by, exception.expires)),
                "description": prose(&format!("Reason: {}", exception.reason)),
                "props": Props::default().oscal("type", "accept").list(),
            }]),
            None if finding.state == State::Excepted => json!([]),
            None => json!([{
                "uuid": self.id("removal", finding),
                "lifecycle": if finding.state == State::Gone { "completed" } else { "planned" },
                "title": format!("Removal, wave {}", wave(finding)),
                "description": if finding.claimed {
                    "A receipt says that it was removed; only a later look proves it."
                } else {
                    "No receipt says that it was removed."
                },
                "props": Props::default().oscal("type", "avoid").own("wave", wave(finding)).list(),
            }]),
        };
        json!({
            "uuid": self.id("risk", finding),
            "title": titled(finding),
            "description": prose(&format!("{}: {note}", named(finding))),
            "statement": prose(&format!("{} of {} commands that it go.", self.order.title, self.order.issuer)),
            "props": props.list(),
            "status": risk_status(finding.state),
            "origins": origins(&self.status.tool),
            "deadline": expires.map(|day| day_ends(self.order, day)).or_else(|| self.deadline.clone()),
            "remediations": response,
            "risk-log": {"entries": log},
            "related-observations": [{"observation-uuid": self.id("observation", finding)}],
        })
    }

    fn exception(&self, finding: &FindingState) -> Option<&'a Exception> {
        self.status.exceptions.iter().find(|exception| {
            (exception.covers == finding.id || exception.covers == finding.product)
                && (exception.asset.is_empty() || exception.asset == finding.asset_name)
        })
    }

    fn finding(&self, finding: &FindingState) -> Value {
        let (word, sentence) = words(finding.state);
        let (state, reason) = verdict(finding.state);
        json!({
            "uuid": self.id("finding", finding),
            "title": titled(finding),
            "description": prose(&format!("{}: {sentence}", named(finding))),
            "props": Props::default().own("finding-id", &finding.id).own("state", word).list(),
            "origins": origins(&self.status.tool),
            "target": self.target(state, reason, sentence),
            "related-observations": [{"observation-uuid": self.id("observation", finding)}],
            "related-risks": [{"risk-uuid": self.id("risk", finding)}],
        })
    }

    fn target(&self, state: &str, reason: &str, remarks: &str) -> Value {
        json!({
            "type": "statement-id",
            "target-id": self.target,
            "status": {"state": state, "reason": reason, "remarks": prose(remarks)},
        })
    }

    /// Is the order's statement as a whole satisfied? If not, why.
    pub(super) fn shortfall(&self) -> Option<(&'static str, String)> {
        let (status, counts) = (self.status, &self.status.counts);
        let gone = status.findings.iter().filter(|finding| finding.state == State::Gone).count() as u64;
        let left = status.findings.iter().any(|finding| verdict(finding.state).1 == "fail");
        if left || counts.remnant + counts.still_there + counts.back_again > 0 {
            return Some(("fail", format!("{gone} of {} finding(s) are gone.", counts.total)));
        }
        if gone != counts.total || gone != status.findings.len() as u64 {
            let text = "of the others nobody can say that they are gone, or they may stay";
            return Some(("other", format!("{gone} of {} finding(s) are gone; {text}.", counts.total)));
        }
        if status.burn_down.is_empty() {
            return Some(("other", "Nothing was looked at.".to_owned()));
        }
        self.unseen_text().map(|text| ("other", text))
    }

    fn overall(&self) -> Value {
        let shortfall = self.shortfall();
        let (state, reason, text) = match &shortfall {
            Some((reason, text)) => ("not-satisfied", *reason, text.as_str()),
            None => ("satisfied", "pass", "Everything found is gone, and coverage is complete."),
        };
        let unseen = self.unseen_text().is_some();
        let list = |key: &str, uuid: String| if unseen { json!([{key: uuid}]) } else { json!([]) };
        json!({
            "uuid": uuid_of(&["finding", &self.order.id, "all"]),
            "title": "All products of the order",
            "description": prose(text),
            "origins": origins(&self.status.tool),
            "target": self.target(state, reason, text),
            "related-observations": list("observation-uuid", self.unseen_id("observation")),
            "related-risks": list("risk-uuid", self.unseen_id("risk")),
        })
    }

    /// What identifies something about what was not seen.
    pub(super) fn unseen_id(&self, kind: &str) -> String {
        uuid_of(&[kind, &self.order.id, "unseen"])
    }

    /// What of the estate was not seen; none: coverage is complete.
    pub(super) fn unseen_text(&self) -> Option<String> {
        let (gaps, never) = (self.status.open_gaps, self.status.never_looked_at.len());
        (gaps > 0 || never > 0)
            .then(|| format!("{gaps} gap(s) could hide a product, and {never} known asset(s) were never looked at."))
    }

    /// The observation and the risk of what was not seen.
    fn unseen(&self) -> Option<(Value, Value)> {
        let text = self.unseen_text()?;
        let inventory = self.inventory();
        let never = self.status.never_looked_at.iter().filter_map(|name| inventory.get(name.as_str()));
        let props = Props::default()
            .own("open-gaps", self.status.open_gaps)
            .own("never-looked-at", self.status.never_looked_at.len());
        let observation = json!({
            "uuid": self.unseen_id("observation"),
            "title": "What was not seen",
            "description": text,
            "props": props.list(),
            "methods": ["EXAMINE"],
            "types": ["discovery"],
            "origins": origins(&self.status.tool),
            "subjects": never.map(Asset::subject).collect::<Vec<_>>(),
            "collected": first_instant(&[&self.status.prepared]),
        });
        let risk = json!({
            "uuid": self.unseen_id("risk"),
            "title": "What was not seen",
            "description": text,
            "statement": "A product of the order could be where nobody could look.",
            "status": "open",
            "origins": origins(&self.status.tool),
            "deadline": self.deadline,
            "related-observations": [{"observation-uuid": self.unseen_id("observation")}],
        });
        Some((observation, risk))
    }
}

fn asset(finding: &FindingState) -> Asset<'_> {
    Asset {
        id: &finding.asset,
        name: if finding.asset_name.is_empty() { &finding.asset } else { &finding.asset_name },
        component: &finding.component,
        looked_at: true,
        ..Asset::default()
    }
}

fn named(finding: &FindingState) -> String {
    flat(&format!("{} on {}", finding.title, asset(finding).name))
}

/// The finding as a title.
pub(super) fn titled(finding: &FindingState) -> String {
    line(&named(finding))
}

/// The finding's wave as a word.
pub(super) fn wave(finding: &FindingState) -> String {
    if finding.wave == 0 { "none".to_owned() } else { finding.wave.to_string() }
}
