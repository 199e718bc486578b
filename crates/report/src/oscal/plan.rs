//! The plan as an OSCAL plan of action and milestones.

use super::CATALOG;
use super::catalog::deadline;
use super::parts::{
    Asset, Head, Props, assets, day_begins, day_ends, document, first_instant, flat, line, link, metadata, order_file,
    origins, plan_file, prose, sibling, token, uuid_of,
};
use super::poam::system;
use super::view::about;
use jiff::civil::Date;
use ostrakon_order::Order;
use ostrakon_plan::action::Action;
use ostrakon_plan::plan::{AssetPlan, Cover, Left, Plan, Planned, Wave};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The plan as a plan of action and milestones: waves are milestones of one remediation, the assets of each wave its
/// tasks. `prepared` is when the document is made, RFC 3339.
pub fn poam_of_plan(order: &Order, plan: &Plan, prepared: &str) -> Value {
    let view = PlanView { order, plan, prepared, deadline: deadline(order) };
    let (file, file_resource) = order_file(order);
    let (catalog, catalog_resource) = sibling(order, CATALOG, "The order as an OSCAL catalog.");
    let (document_of_plan, plan_resource) = plan_file(order, plan.generation, "");
    let generation = plan.generation.to_string();
    let agency = view.agency();
    let props = Props::default()
        .own("order", &order.id)
        .own("order-digest", &plan.order.digest)
        .own("tool", &plan.tool)
        .own("plan-generation", &generation)
        .own("plan-parent", plan.parent.as_deref().unwrap_or_default())
        .own("plan-drafted", plan.drafted)
        .own("policy-digest", &plan.policy)
        .own("removal-begins", plan.begins.map(|day| day.to_string()).unwrap_or_default())
        .own("ahead-of-that-day", if plan.ahead { "yes" } else { "no" });
    let head = metadata(
        order,
        Head {
            title: format!("Plan of action: {}", order.title),
            version: format!("generation {generation}"),
            modified: first_instant(&[prepared]),
            props,
            links: [&file, &catalog, &document_of_plan].map(|to| link(to, "reference")).into(),
            agency: &agency,
            approvers: &[],
        },
    );
    let covers = view.covers();
    let mut risks = vec![view.removal(&covers)];
    let mut items = vec![view.all()];
    let mut observations = Vec::new();
    for asset in &plan.assets {
        for finding in &asset.findings {
            observations.push(view.observation(&asset.id, &asset.name, &asset.looked, finding));
            risks.push(view.risk(&asset.id, &asset.name, finding, plan.wave(asset.wave), ""));
            items.push(view.item(&asset.id, &asset.name, finding, ""));
        }
    }
    for left in &plan.left {
        let (name, looked) = view.place_of(left);
        observations.push(view.observation(&left.asset, name, looked, &left.finding));
        risks.push(view.risk(&left.asset, name, &left.finding, None, &left.reason));
        items.push(view.item(&left.asset, name, &left.finding, &left.reason));
    }
    for (uuid, cover) in &covers {
        if let Some(risk) = view.uncovered(uuid, cover) {
            items.push(json!({
                "uuid": uuid_of(&["item", uuid]),
                "title": risk["title"],
                "description": risk["description"],
                "origins": origins(&plan.tool),
                "related-risks": [{"risk-uuid": risk["uuid"]}],
            }));
            risks.push(risk);
        }
    }
    let inventory: Vec<Value> = view.inventory().values().map(Asset::item).collect();
    let body = json!({
        "uuid": uuid_of(&["poam-of-plan", &order.id, &agency]),
        "metadata": head,
        "system-id": system(order, &agency),
        "local-definitions": {"inventory-items": inventory, "assessment-assets": assets(&plan.tool)},
        "observations": observations,
        "risks": risks,
        "poam-items": items,
        "back-matter": {"resources": [file_resource, catalog_resource, plan_resource]},
    });
    document("plan-of-action-and-milestones", body)
}

/// A control that goes with a product, and what covers it.
type Covers<'a> = BTreeMap<String, (&'a str, Option<&'a Cover>)>;

struct PlanView<'a> {
    order: &'a Order,
    plan: &'a Plan,
    prepared: &'a str,
    deadline: Option<Date>,
}

impl<'a> PlanView<'a> {
    /// The agency as the plan's elements name it.
    fn agency(&self) -> String {
        let element = self.plan.elements.iter().find(|element| element.key == "agency_name");
        element.map(|element| flat(&element.answer)).unwrap_or_default()
    }

    fn inventory(&self) -> BTreeMap<&'a str, Asset<'a>> {
        let mut all = BTreeMap::new();
        for asset in &self.plan.assets {
            all.insert(asset.id.as_str(), planned(asset));
        }
        for left in &self.plan.left {
            let bare = Asset { id: &left.asset, name: &left.asset, looked_at: true, ..Asset::default() };
            all.entry(left.asset.as_str()).or_insert(bare);
        }
        all
    }

    /// Name of the asset of a finding that is left, and when it was looked at, as far as the plan says.
    fn place_of(&self, left: &'a Left) -> (&'a str, &'a str) {
        let asset = self.plan.asset(&left.asset);
        asset.map_or((left.asset.as_str(), ""), |asset| (asset.name.as_str(), asset.looked.as_str()))
    }

    fn covers(&self) -> Covers<'a> {
        let mut out = BTreeMap::new();
        for control in self.plan.assets.iter().flat_map(|asset| &asset.controls) {
            let names: [String; 3] = match &control.cover {
                Some(Cover::Replacement { name, ready, .. }) => [name.clone(), ready.to_string(), String::new()],
                Some(Cover::Waiver { owner, reason, expires }) => [owner.clone(), expires.to_string(), reason.clone()],
                None => Default::default(),
            };
            let [who, when, why] = names.each_ref().map(String::as_str);
            let uuid = uuid_of(&["cover", &self.order.id, &control.control, who, when, why]);
            out.insert(uuid, (control.control.as_str(), control.cover.as_ref()));
        }
        out
    }

    /// The item over all, with what the issuer asks a plan to say.
    fn all(&self) -> Value {
        let plan = self.plan;
        let mut props = Props::default();
        for element in &plan.elements {
            let answer = if element.is_open() { "to be filled in by a person" } else { &element.answer };
            props = props.explained(&token(&element.key), answer, &element.label);
        }
        props = props.each("waits-for", &plan.waits);
        let text = format!(
            "{} asset(s) in {} wave(s); {} finding(s) that no action takes away; {} answer(s) still to be given.",
            plan.assets.len(),
            plan.waves.len(),
            plan.left.len(),
            plan.open_elements().count()
        );
        json!({
            "uuid": uuid_of(&["item", &self.order.id, "plan"]),
            "title": line(&self.order.title),
            "description": text,
            "props": props.list(),
            "origins": origins(&plan.tool),
            "related-risks": [{"risk-uuid": uuid_of(&["risk", &self.order.id, "plan"])}],
        })
    }

    /// The risk over all, whose remediation is the plan.
    fn removal(&self, covers: &Covers<'a>) -> Value {
        let plan = self.plan;
        let generation = plan.generation.to_string();
        let mut tasks: Vec<Value> = covers.iter().filter_map(|(uuid, cover)| self.replacement(uuid, cover)).collect();
        tasks.extend(plan.waves.iter().map(|wave| self.wave(wave)));
        json!({
            "uuid": uuid_of(&["risk", &self.order.id, "plan"]),
            "title": line(&self.order.title),
            "description": "Products of the order are on assets of the agency.",
            "statement": prose(&format!("{} commands that they go.", self.order.issuer)),
            "status": "open",
            "origins": origins(&plan.tool),
            "deadline": self.deadline.map(|day| day_ends(self.order, day)),
            "remediations": [{
                "uuid": uuid_of(&["removal", &self.order.id, "plan", &generation]),
                "lifecycle": "planned",
                "title": format!("Plan of removal, generation {generation}"),
                "description": "Waves, first to last; below each, what is done on which asset.",
                "props": Props::default().oscal("type", "avoid").list(),
                "origins": origins(&plan.tool),
                "tasks": tasks,
            }],
        })
    }

    fn replacement(&self, uuid: &str, cover: &(&str, Option<&Cover>)) -> Option<Value> {
        let (control, Some(Cover::Replacement { name, ready, .. })) = cover else { return None };
        Some(json!({
            "uuid": uuid,
            "type": "milestone",
            "title": line(&format!("{name} is in place for {control}")),
            "timing": {"on-date": {"date": day_begins(self.order, *ready)}},
        }))
    }

    fn wave(&self, wave: &Wave) -> Value {
        let assets: Vec<&AssetPlan> = self.plan.assets.iter().filter(|asset| asset.wave == wave.number).collect();
        let before = self.plan.waves.iter().filter(|other| other.number < wave.number).max_by_key(|it| it.number);
        let text = format!("{} asset(s), at most {}.", assets.len(), wave.limit);
        json!({
            "uuid": self.wave_id(wave),
            "type": "milestone",
            "title": format!("Wave {}", wave.number),
            "description": text,
            "timing": self.timing(wave),
            "dependencies": before.map(|before| json!([{"task-uuid": self.wave_id(before)}])),
            "tasks": assets.into_iter().map(|asset| self.task(asset)).collect::<Vec<_>>(),
        })
    }

    fn wave_id(&self, wave: &Wave) -> String {
        uuid_of(&["wave", &self.order.id, &wave.number.to_string()])
    }

    /// From its first day to the day before the next wave; the last one to the order's last day, where it has one.
    fn timing(&self, wave: &Wave) -> Value {
        let begins = day_begins(self.order, wave.begins);
        let next = self.plan.waves.iter().filter(|other| other.number > wave.number).min_by_key(|it| it.number);
        let end = match next {
            Some(next) => Some(next.begins.yesterday().unwrap_or(next.begins).max(wave.begins)),
            None => self.deadline.filter(|day| *day >= wave.begins),
        };
        match end {
            Some(end) => json!({"within-date-range": {"start": begins, "end": day_ends(self.order, end)}}),
            None => json!({"on-date": {"date": begins, "remarks": "It begins on this day; the order sets no end."}}),
        }
    }

    fn task(&self, asset: &AssetPlan) -> Value {
        let steps = asset.actions.iter().fold(Props::default(), |props, action| {
            let (word, object) = step(action);
            props.explained("action", format!("{} {word} {object}", action.id), &action.effect)
        });
        let item = json!({"subject-uuid": planned(asset).uuid(), "type": "inventory-item"});
        json!({
            "uuid": uuid_of(&["task", &self.order.id, &asset.id]),
            "type": "action",
            "title": line(planned(asset).name),
            "description": format!("{} action(s) on {} finding(s).", asset.actions.len(), asset.findings.len()),
            "props": steps.own("mission-function", &asset.mission_function).list(),
            "subjects": [{"type": "inventory-item", "include-subjects": [item]}],
        })
    }

    fn observation(&self, asset: &str, name: &str, looked: &str, finding: &Planned) -> Value {
        let drafted = day_begins(self.order, self.plan.drafted);
        let subject = Asset { id: asset, name, ..Asset::default() }.subject();
        let props = props(finding);
        json!({
            "uuid": about("observation", self.order, asset, &finding.id),
            "title": line(&format!("{} on {name}", finding.title)),
            "description": format!("Found {}, {}.", finding.presence, finding.grade),
            "props": props.list(),
            "methods": ["EXAMINE"],
            "types": ["discovery"],
            "origins": origins(&self.plan.tool),
            "subjects": [subject],
            "collected": first_instant(&[looked, &drafted, self.prepared]),
        })
    }

    /// The risk of a finding; `left` says why no action takes it away.
    fn risk(&self, asset: &str, name: &str, finding: &Planned, wave: Option<&Wave>, left: &str) -> Value {
        let id = |kind: &str| about(kind, self.order, asset, &finding.id);
        let state = format!("Found {}, {}.", finding.presence, finding.grade);
        let response = wave.map(|wave| {
            json!([{
                "uuid": id("removal"),
                "lifecycle": "planned",
                "title": format!("Removal in wave {}", wave.number),
                "description": "What is done is in the remediation over all.",
                "props": Props::default().oscal("type", "avoid").own("wave", wave.number).list(),
                "tasks": [{
                    "uuid": id("milestone"),
                    "type": "milestone",
                    "title": format!("Wave {}", wave.number),
                    "timing": self.timing(wave),
                }],
            }])
        });
        let text = if left.is_empty() { state } else { format!("{state} No action takes it away: {left}") };
        json!({
            "uuid": id("risk"),
            "title": line(&format!("{} on {name}", finding.title)),
            "description": prose(&text),
            "statement": prose(&format!("{} of {} commands that it go.", self.order.title, self.order.issuer)),
            "props": props(finding).list(),
            "status": "open",
            "origins": origins(&self.plan.tool),
            "deadline": self.deadline.map(|day| day_ends(self.order, day)),
            "remediations": response,
            "related-observations": [{"observation-uuid": id("observation")}],
        })
    }

    fn item(&self, asset: &str, name: &str, finding: &Planned, left: &str) -> Value {
        let id = |kind: &str| about(kind, self.order, asset, &finding.id);
        let text = if left.is_empty() { "The plan takes it away." } else { "No action of the plan takes it away." };
        json!({
            "uuid": id("item"),
            "title": line(&format!("{} on {name}", finding.title)),
            "description": text,
            "props": props(finding).list(),
            "origins": origins(&self.plan.tool),
            "related-observations": [{"observation-uuid": id("observation")}],
            "related-risks": [{"risk-uuid": id("risk")}],
            "remarks": prose(left),
        })
    }

    /// The risk that a control is missing once the product is gone; none: a replacement covers it.
    fn uncovered(&self, uuid: &str, cover: &(&str, Option<&Cover>)) -> Option<Value> {
        let (control, cover) = cover;
        let (status, text, until) = match cover {
            Some(Cover::Replacement { .. }) => return None,
            Some(Cover::Waiver { owner, reason, expires }) => {
                let text = format!("Nothing covers it. {owner} takes that on until {expires}: {reason}");
                ("deviation-approved", text, Some(*expires))
            }
            None => ("open", "Nothing covers it, and nobody takes that on.".to_owned(), None),
        };
        Some(json!({
            "uuid": uuid,
            "title": line(&format!("Without {control} once the product is gone")),
            "description": prose(&text),
            "statement": "A control goes with the product and nothing takes its place.",
            "status": status,
            "origins": origins(&self.plan.tool),
            "deadline": until.map(|day| day_ends(self.order, day)),
        }))
    }
}

fn planned(asset: &AssetPlan) -> Asset<'_> {
    Asset {
        id: &asset.id,
        name: if asset.name.is_empty() { &asset.id } else { &asset.name },
        os: &asset.os,
        component: &asset.component,
        mission_function: &asset.mission_function,
        looked_at: true,
    }
}

fn props(finding: &Planned) -> Props {
    let props = Props::default().own("finding-id", &finding.id).own("product", &finding.product);
    props.own("presence", finding.presence).own("grade", finding.grade)
}

/// What an action does and to what, as the plan file writes it.
fn step(action: &Action) -> (String, String) {
    let written = serde_json::to_value(&action.step).unwrap_or_default();
    let word = written["do"].as_str().unwrap_or_default().to_owned();
    let object = ["package", "unit", "executable", "module", "path"].iter().find_map(|key| written[*key].as_str());
    (word, object.unwrap_or_default().to_owned())
}
