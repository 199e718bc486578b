//! The planner: a pure function. The same findings, policy and day make the same plan.

use crate::action::Step;
use crate::plan::{Approval, AssetPlan, Control, Cover, Element, Left, OrderRef, Plan, Planned, SCHEMA, Wave};
use crate::{PlanError, steps};
use jiff::ToSpan;
use jiff::civil::Date;
use ostrakon_identify::Finding;
use ostrakon_identify::identification::Judged;
use ostrakon_model::{Asset, AssetKind, Presence};
use ostrakon_order::planning::Planning;
use ostrakon_order::{Dossier, Order};
use std::collections::{BTreeMap, BTreeSet};

/// What a plan is made of.
pub struct Input<'a> {
    /// The order.
    pub order: &'a Order,
    /// The digest of its file.
    pub order_digest: String,
    /// The dossiers, which say in what order products go.
    pub dossiers: &'a BTreeMap<String, Dossier>,
    /// The findings, judged under the order.
    pub findings: &'a [Judged],
    /// The assets looked at, with the time each look began, its component and its mission function.
    pub assets: Vec<About>,
    /// The policy's part for plans.
    pub planning: &'a Planning,
    /// The digest of the policy.
    pub policy_digest: String,
    /// How was looked, in words.
    pub methodologies: String,
    /// Today.
    pub today: Date,
    /// Somebody decided to begin before the order's day.
    pub ahead: bool,
    /// The day the order lets removal begin.
    pub begins: Option<Date>,
    /// The generation before.
    pub parent: Option<&'a Plan>,
    /// The program and its version.
    pub tool: String,
}

/// An asset that was looked at.
#[derive(Debug, Clone)]
pub struct About {
    /// The asset.
    pub asset: Asset,
    /// When the look began, RFC 3339.
    pub looked: String,
    /// The component of the agency it belongs to.
    pub component: String,
    /// What it is for.
    pub mission_function: String,
}

/// Drafts a plan.
pub fn draft(input: &Input<'_>) -> Result<Plan, PlanError> {
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        order: OrderRef {
            id: input.order.id.clone(),
            title: input.order.title.clone(),
            issuer: input.order.issuer.clone(),
            digest: input.order_digest.clone(),
        },
        generation: input.parent.map_or(1, |parent| parent.generation + 1),
        parent: input.parent.map(Plan::digest).transpose()?,
        drafted: input.today,
        tool: input.tool.clone(),
        policy: input.policy_digest.clone(),
        approval: (!input.planning.approval.approvers.is_empty()).then(|| Approval {
            required: input.planning.approval.required,
            approvers: input.planning.approval.approvers.clone(),
        }),
        begins: input.begins,
        ahead: input.ahead,
        elements: Vec::new(),
        waves: Vec::new(),
        assets: Vec::new(),
        left: Vec::new(),
        waits: Vec::new(),
    };
    let mut assets = input.assets.clone();
    assets.sort_by(|one, other| (&one.asset.name, &one.asset.id).cmp(&(&other.asset.name, &other.asset.id)));
    for about in &assets {
        asset(input, about, &mut plan);
    }
    waves(input, &mut plan);
    // Covers are chosen once it is known when each asset's turn is.
    covers(input, &mut plan);
    plan.elements = elements(input, &plan);
    plan.waits = waits(&plan, input.today);
    Ok(plan)
}

fn planned(finding: &Finding) -> Planned {
    let mut places: Vec<String> = finding.evidence.iter().map(|it| it.locator.as_str().to_owned()).collect();
    places.sort();
    places.dedup();
    Planned {
        id: finding.id.clone(),
        product: format!("{}/{}", finding.vendor, finding.product),
        title: finding.title.clone(),
        presence: finding.presence,
        grade: finding.grade,
        places,
        needed_by: finding.needed_by.clone(),
    }
}

fn product_of(finding: &Finding) -> String {
    format!("{}/{}", finding.vendor, finding.product)
}

/// Why nothing is removed from what is no machine.
fn in_no_machine(kind: AssetKind) -> String {
    match kind {
        AssetKind::Image => "it is in a container image: build the image anew without it, and replace its containers",
        _ => "it is in a file that was looked at by itself: whoever made the file has to make it anew without it",
    }
    .to_owned()
}

fn asset(input: &Input<'_>, about: &About, plan: &mut Plan) {
    let names = [about.asset.id.as_str(), about.asset.name.as_str()];
    let left =
        |finding: &Finding, reason: String| Left { asset: about.asset.id.clone(), finding: planned(finding), reason };
    let (mut own, mut nested): (Vec<&Finding>, Vec<&Finding>) = (Vec::new(), Vec::new());
    for judged in input.findings.iter().filter(|judged| judged.finding.asset == about.asset.id && judged.counts()) {
        let finding = &judged.finding;
        let product = product_of(finding);
        if let Some(it) = input.planning.excepts(&finding.id, &product, names, input.today) {
            plan.left.push(left(finding, format!("{} lets it stay until {}: {}", it.by, it.until, it.because)));
        } else if !matches!(about.asset.kind, AssetKind::Host | AssetKind::Tree) {
            plan.left.push(left(finding, in_no_machine(about.asset.kind)));
        } else if finding.root.contains('!') {
            nested.push(finding);
        } else if !finding.root.is_empty() {
            let root = &finding.root;
            plan.left.push(left(
                finding,
                format!("it lies in another system below {root}: look and remove there, with --root {root}"),
            ));
        } else {
            own.push(finding);
        }
    }
    let controls = controls(input, &own);
    let staying = input.findings.iter().map(|judged| &judged.finding).filter(|finding| {
        finding.asset == about.asset.id && plan.left.iter().any(|left| left.finding.id == finding.id)
    });
    let spared: BTreeSet<String> = staying
        .flat_map(|finding| &finding.evidence)
        .filter(|it| !steps::is_shared_list(it))
        .map(|it| it.locator.as_str().split('!').next().unwrap_or_default().to_owned())
        .collect();
    let mut steps = steps::of(&own, input.dossiers, &spared);
    if input.planning.blocking.names && !steps.actions.is_empty() {
        let dossiers: Vec<&Dossier> =
            input.order.scope.dossiers.iter().filter_map(|id| input.dossiers.get(id)).collect();
        steps.block(crate::block::host_names(input.order, &dossiers));
    }
    for (id, reason) in steps.left {
        if let Some(finding) = own.iter().find(|finding| finding.id == id) {
            plan.left.push(left(finding, reason));
        }
    }
    for finding in nested {
        let outer = finding.root.split('!').next().unwrap_or_default();
        if steps::goes_with(&mut steps.actions, outer, &finding.id) {
            own.push(finding);
        } else {
            let why =
                format!("it lies in {outer}, which nobody changes from outside: replace or delete that as a whole");
            plan.left.push(left(finding, why));
        }
    }
    own.retain(|finding| steps.actions.iter().any(|action| action.findings.contains(&finding.id)));
    if steps.actions.is_empty() {
        return;
    }
    plan.assets.push(AssetPlan {
        id: about.asset.id.clone(),
        name: about.asset.name.clone(),
        os: about.asset.os.clone(),
        component: about.component.clone(),
        mission_function: about.mission_function.clone(),
        wave: 0,
        looked: about.looked.clone(),
        findings: own.into_iter().map(planned).collect(),
        controls,
        actions: steps.actions,
    });
}

/// The controls that running or installed products give. A remnant protects nobody.
fn controls(input: &Input<'_>, findings: &[&Finding]) -> Vec<Control> {
    let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for finding in findings.iter().filter(|it| matches!(it.presence, Presence::Running | Presence::Installed)) {
        let product = input.dossiers.get(&finding.vendor).and_then(|dossier| dossier.product(&finding.product));
        for control in product.into_iter().flat_map(|product| &product.capabilities) {
            given.entry(control).or_default().insert(&finding.title);
        }
    }
    let control = |(control, by): (&str, BTreeSet<&str>)| Control {
        control: control.to_owned(),
        given_by: by.into_iter().map(str::to_owned).collect(),
        cover: None,
    };
    given.into_iter().map(control).collect()
}

/// Puts assets into waves: pilots first, then by name.
fn waves(input: &Input<'_>, plan: &mut Plan) {
    let rule = &input.planning.waves;
    let is_pilot = |asset: &AssetPlan| {
        rule.pilots.iter().any(|name| name.eq_ignore_ascii_case(&asset.name) || name.eq_ignore_ascii_case(&asset.id))
    };
    plan.assets.sort_by_key(|asset| (!is_pilot(asset), asset.name.clone(), asset.id.clone()));
    let begins = if input.ahead { input.today } else { input.begins.unwrap_or(input.today).max(input.today) };
    let (mut number, mut room) = (1, rule.first);
    for asset in &mut plan.assets {
        if room == 0 {
            number += 1;
            room = rule.size;
        }
        asset.wave = number;
        room -= 1;
    }
    for number in 1..=plan.assets.iter().map(|asset| asset.wave).max().unwrap_or(0) {
        let days = i64::from(number - 1) * i64::from(rule.days_apart);
        let begins = begins.checked_add(days.days()).unwrap_or(begins);
        let limit = if number == 1 { rule.first } else { rule.size };
        plan.waves.push(Wave { number, begins, limit });
    }
}

/// What covers each control: a replacement that is ready in time, else a waiver, else a replacement that comes late.
fn covers(input: &Input<'_>, plan: &mut Plan) {
    for asset in &mut plan.assets {
        let begins = plan.waves.iter().find(|wave| wave.number == asset.wave).map_or(input.today, |wave| wave.begins);
        for control in &mut asset.controls {
            let has = |list: &[String]| list.contains(&control.control);
            let mut replacements: Vec<_> = input.planning.replacements.iter().filter(|it| has(&it.controls)).collect();
            replacements.sort_by_key(|it| it.ready);
            let replacement = replacements.first().map(|it| Cover::Replacement {
                name: it.name.clone(),
                ready: it.ready,
                package: it.package.clone(),
            });
            let names = [&asset.id, &asset.name];
            let fits = |name: &str| name.is_empty() || names.iter().any(|own| own.eq_ignore_ascii_case(name));
            let mut waivers: Vec<_> =
                input.planning.waivers.iter().filter(|it| has(&it.controls) && fits(&it.asset)).collect();
            waivers.sort_by_key(|it| std::cmp::Reverse(it.expires));
            let waiver = waivers.first().map(|it| Cover::Waiver {
                owner: it.owner.clone(),
                reason: it.reason.clone(),
                expires: it.expires,
            });
            let in_time = matches!(&replacement, Some(Cover::Replacement { ready, .. }) if *ready <= begins);
            control.cover = if in_time { replacement } else { waiver.or(replacement) };
        }
        let packages: BTreeSet<String> = asset
            .controls
            .iter()
            .filter_map(|control| match &control.cover {
                Some(Cover::Replacement { package, .. }) if !package.is_empty() => Some(package.clone()),
                _ => None,
            })
            .collect();
        if !packages.is_empty() {
            let ids: Vec<String> = asset.findings.iter().map(|finding| finding.id.clone()).collect();
            steps::require(&mut asset.actions, packages, &ids);
        }
    }
}

fn elements(input: &Input<'_>, plan: &Plan) -> Vec<Element> {
    let Some(report) = input.order.reports.iter().find(|report| report.id == "plan") else { return Vec::new() };
    let before = |key: &str| {
        let parent = input.parent?.elements.iter().find(|element| element.key == key)?;
        (!parent.is_open()).then(|| parent.answer.clone())
    };
    let element = |field: &ostrakon_order::order::Field| {
        let filled_by = field.filled_by.to_string();
        let own = answer(input, plan, &field.key);
        // What the scan or the plan says is said anew each time; what a person said stays.
        let answer = if own.is_empty() { before(&field.key).unwrap_or_default() } else { own };
        Element { key: field.key.clone(), label: field.label.clone(), filled_by, required: field.required, answer }
    };
    report.field.iter().map(element).collect()
}

/// What the program can say to an element by itself.
fn answer(input: &Input<'_>, plan: &Plan, key: &str) -> String {
    let agency = &input.planning.agency;
    let list = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join("; ");
    let endpoints: BTreeSet<&str> = plan.findings().map(|(asset, _)| asset).collect();
    match key {
        "agency_name" => agency.name.clone(),
        "poc" => {
            let parts = [&agency.contact, &agency.telephone, &agency.email];
            parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(", ")
        }
        "products" => {
            let mut products: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for (asset, finding) in plan.findings() {
                products.entry(&finding.title).or_default().insert(asset);
            }
            let line = |(title, assets): (&str, BTreeSet<&str>)| format!("{title} ({} endpoint(s))", assets.len());
            products.into_iter().map(line).collect::<Vec<_>>().join("; ")
        }
        "endpoints_impacted" => endpoints.len().to_string(),
        "methodologies" => input.methodologies.clone(),
        "components" => {
            list(plan.assets.iter().map(|asset| asset.component.clone()).filter(|name| !name.is_empty()).collect())
        }
        "mission_function" => {
            list(plan.assets.iter().map(|asset| asset.mission_function.clone()).filter(|it| !it.is_empty()).collect())
        }
        "removal_timeline" => {
            let line = |wave: &Wave| {
                let assets = plan.assets.iter().filter(|asset| asset.wave == wave.number).count();
                format!("wave {}: from {}, {assets} endpoint(s)", wave.number, wave.begins)
            };
            plan.waves.iter().map(line).collect::<Vec<_>>().join("; ")
        }
        "controls_impacted" => {
            list(plan.assets.iter().flat_map(|asset| &asset.controls).map(|it| it.control.clone()).collect())
        }
        "replacement_products" | "replacement_timeline" => {
            let covers =
                plan.assets.iter().flat_map(|asset| &asset.controls).filter_map(|control| match &control.cover {
                    Some(Cover::Replacement { name, ready, .. }) if key == "replacement_timeline" => {
                        Some(format!("{name}: in place by {ready}"))
                    }
                    Some(Cover::Replacement { name, .. }) => Some(format!("{name} for {}", control.control)),
                    Some(Cover::Waiver { owner, expires, .. }) => {
                        Some(format!("none for {} until {expires}, waived by {owner}", control.control))
                    }
                    None => None,
                });
            list(covers.collect())
        }
        "challenges" => input.planning.challenges.clone(),
        _ => String::new(),
    }
}

/// What the plan waits for.
fn waits(plan: &Plan, today: Date) -> Vec<String> {
    let mut waits = Vec::new();
    if let Some(begins) = plan.begins.filter(|begins| today < *begins && !plan.ahead) {
        waits.push(format!("{begins}: the day {} lets removal begin", plan.order.id));
    }
    let mut uncovered: BTreeMap<&str, u32> = BTreeMap::new();
    let mut late = BTreeSet::new();
    let mut consoles = BTreeSet::new();
    for asset in &plan.assets {
        for control in &asset.controls {
            match &control.cover {
                None => *uncovered.entry(&control.control).or_default() += 1,
                Some(Cover::Replacement { name, ready, .. }) if *ready > today => {
                    late.insert(format!("{ready}: {name} in place"));
                }
                Some(_) => {}
            }
        }
        for action in &asset.actions {
            for need in &action.needs {
                if let crate::Need::Console { what } = need {
                    consoles.insert(what.clone());
                }
            }
        }
    }
    waits.extend(uncovered.iter().map(|(control, assets)| {
        format!("something that gives {control} on {assets} asset(s), or a waiver of somebody who may give one")
    }));
    waits.extend(late);
    waits.extend(consoles);
    let open: Vec<&str> = plan.open_elements().filter(|it| it.required).map(|it| it.key.as_str()).collect();
    if !open.is_empty() {
        waits.push(format!("answers of a person: {}", open.join(", ")));
    }
    waits
}

impl Plan {
    /// Says anew what the plan waits for, after people filled something in.
    pub fn refresh_waits(&mut self, today: Date) {
        self.waits = waits(self, today);
    }
}

impl Step {
    /// Does it change the machine?
    pub const fn changes(&self) -> bool {
        !matches!(self, Self::RequirePackage { .. })
    }
}
