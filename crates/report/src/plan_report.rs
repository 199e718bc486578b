//! The plan as the issuer gets it: what was asked for first, then products, components, waves, controls, assets,
//! findings and actions. Every table that counts ends in its sum, and the sums agree with one another.

use crate::document::{Cell, Chart, Document, Section, Table, counted};
use ostrakon_plan::{Action, AssetPlan, Control, Cover, Need, Plan, Planned, Step};
use std::collections::{BTreeMap, BTreeSet};

/// What stands for a component nobody named.
pub(crate) const NO_COMPONENT: &str = "(not known)";

/// The report of `plan`, whose digest is `digest`, made at `prepared` (RFC 3339), with those who approved it so far.
pub fn document(plan: &Plan, prepared: &str, digest: &str, approved_by: &[String]) -> Document {
    let report = Report { plan, assets: plan.assets.iter().map(|asset| (asset.id.as_str(), asset)).collect() };
    Document {
        title: format!("Removal plan: {}", plan.order.title),
        head: report.head(prepared, digest, approved_by),
        conclusion: report.conclusion(approved_by),
        sections: vec![
            report.asked(),
            report.products(),
            report.components(),
            report.timeline(),
            report.controls(),
            report.waits(),
            report.assets(),
            report.findings(),
            report.left(),
            report.actions(),
            report.approval(approved_by),
        ],
    }
}

struct Report<'a> {
    plan: &'a Plan,
    /// Assets by id.
    assets: BTreeMap<&'a str, &'a AssetPlan>,
}

/// Findings and the endpoints they are on.
#[derive(Default)]
struct Tally<'a> {
    endpoints: BTreeSet<&'a str>,
    taken: u64,
    left: u64,
}

impl Tally<'_> {
    fn cells(&self) -> [Cell; 4] {
        [self.endpoints.len().into(), self.taken.into(), self.left.into(), (self.taken + self.left).into()]
    }
}

impl<'a> Report<'a> {
    fn head(&self, prepared: &str, digest: &str, approved_by: &[String]) -> Vec<(String, String)> {
        let plan = self.plan;
        let answer = |key: &str| {
            let element = plan.elements.iter().find(|element| element.key == key);
            element.map(|element| element.answer.clone()).unwrap_or_default()
        };
        let mut begins = plan.begins.map_or_else(|| "the order names no day".to_owned(), |day| day.to_string());
        if plan.ahead {
            begins.push_str("; somebody decided to begin before");
        }
        let pairs = [
            ("Agency", answer("agency_name")),
            ("Point of contact", answer("poc")),
            ("Order", format!("{} ({})", plan.order.title, plan.order.id)),
            ("Issuer", plan.order.issuer.clone()),
            ("Order file", plan.order.digest.clone()),
            ("Plan", format!("generation {}, {digest}", plan.generation)),
            ("Generation before", plan.parent.clone().unwrap_or_else(|| "none".to_owned())),
            ("Drafted", format!("{} with {}", plan.drafted, plan.tool)),
            ("Policy", plan.policy.clone()),
            ("Removal may begin", begins),
            ("Prepared", prepared.to_owned()),
            ("Approved by", if approved_by.is_empty() { "nobody yet".to_owned() } else { approved_by.join(", ") }),
        ];
        pairs.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    fn conclusion(&self, approved_by: &[String]) -> String {
        let plan = self.plan;
        let products = self.products_tallied();
        let taken: u64 = products.values().map(|tally| tally.taken).sum();
        let mut said = format!(
            "The plan takes {} of {} away from {} in {}",
            counted(taken, "finding"),
            counted(products.values().filter(|tally| tally.taken > 0).count() as u64, "product"),
            counted(plan.assets.len() as u64, "endpoint"),
            counted(plan.waves.len() as u64, "wave"),
        );
        if let Some(first) = plan.waves.iter().map(|wave| wave.begins).min() {
            said.push_str(&format!(", the first from {first}"));
        }
        said.push('.');
        match plan.left.len() as u64 {
            0 => said.push_str(" No finding is left."),
            1 => said.push_str(" 1 finding is left, with the reason."),
            left => said.push_str(&format!(" {left} findings are left, each with its reason.")),
        }
        let open = plan.open_elements().count() as u64;
        if open > 0 {
            let asked = counted(plan.elements.len() as u64, "element");
            let wait = if open == 1 { "waits" } else { "wait" };
            said.push_str(&format!(" Of the {asked} the issuer asks for, {open} still {wait} for a person."));
        }
        if !plan.waits.is_empty() {
            let things = counted(plan.waits.len() as u64, "thing");
            said.push_str(&format!(" Before it can be carried out it waits for {things}."));
        }
        if approved_by.is_empty() {
            said.push_str(" Nobody has approved it yet.");
        }
        said
    }

    fn asked(&self) -> Section {
        let plan = self.plan;
        let mut table = Table::of(&["Element", "Answer", "Must be there", "Filled by"]);
        for element in &plan.elements {
            table.rows.push(vec![
                element.label.as_str().into(),
                Cell::or_open(&element.answer),
                if element.required { "yes" } else { "where it applies" }.into(),
                element.filled_by.as_str().into(),
            ]);
        }
        let (all, open) = (plan.elements.len(), plan.open_elements().count());
        let said = match (all, open) {
            (0, _) => "The order does not say what a plan must hold.".to_owned(),
            (_, 0) => format!("All of the {all} are answered."),
            _ => format!("{} of {all} are answered.", all - open),
        };
        Section::of("What the issuer asks for", vec![said], Some(table).filter(|table| !table.rows.is_empty()))
    }

    fn products(&self) -> Section {
        let mut table =
            Table::of(&["Product", "Name", "Endpoints", "Findings taken away", "Findings left", "All findings"]);
        for ((title, product), tally) in self.products_tallied() {
            table.rows.push([Cell::from(title), product.into()].into_iter().chain(tally.cells()).collect());
        }
        let impacted = verb(self.endpoints().len() as u64, "endpoint");
        let said = format!("{impacted} impacted. One with several products counts in the row of each.");
        Section::of("Products", vec![said], Some(table.summed("All", &[2, 3, 4, 5])))
    }

    fn components(&self) -> Section {
        let mut table = Table::of(&[
            "Component",
            "Endpoints",
            "Findings taken away",
            "Findings left",
            "All findings",
            "Mission functions",
        ]);
        let component = |id: &str| self.assets.get(id).map_or("", |asset| asset.component.as_str());
        for (name, tally) in self.tally(|asset, _| component(asset)) {
            let assets = tally.endpoints.iter().filter_map(|id| self.assets.get(id));
            let missions: BTreeSet<&str> = assets.map(|asset| asset.mission_function.as_str()).collect();
            let missions: Vec<&str> = missions.into_iter().filter(|mission| !mission.is_empty()).collect();
            let name = if name.is_empty() { NO_COMPONENT } else { name };
            let cells = [Cell::from(name)].into_iter().chain(tally.cells());
            table.rows.push(cells.chain([Cell::or_open(&missions.join("; "))]).collect());
        }
        let said = "Every endpoint belongs to one component.".to_owned();
        Section::of("Components", vec![said], Some(table.summed("All", &[1, 2, 3, 4])))
    }

    fn timeline(&self) -> Section {
        let plan = self.plan;
        let mut table = Table::of(&["Wave", "First day", "Assets", "Findings taken away", "Actions", "Room for"]);
        let numbers: BTreeSet<u32> =
            plan.waves.iter().map(|wave| wave.number).chain(plan.assets.iter().map(|asset| asset.wave)).collect();
        let mut bars = Vec::new();
        for number in numbers {
            let own: Vec<&AssetPlan> = plan.assets.iter().filter(|asset| asset.wave == number).collect();
            let wave = plan.wave(number);
            table.rows.push(vec![
                wave_name(number).into(),
                wave.map(|wave| wave.begins.to_string()).unwrap_or_default().into(),
                own.len().into(),
                own.iter().map(|asset| asset.findings.len()).sum::<usize>().into(),
                own.iter().map(|asset| asset.actions.len()).sum::<usize>().into(),
                wave.map(|wave| counted(wave.limit.into(), "asset")).unwrap_or_default().into(),
            ]);
            bars.push((wave_name(number), vec![own.len() as u64]));
        }
        let only_left = self.endpoints().len() - self.assets.len();
        let mut text = vec!["No wave begins before its day.".to_owned()];
        if only_left > 0 {
            text.push(format!("{} in no wave: the findings there are left.", verb(only_left as u64, "endpoint")));
        }
        let chart = Some(Chart::Bars { parts: vec!["Assets".to_owned()], bars }).filter(|_| !plan.assets.is_empty());
        Section { chart, ..Section::of("Timeline", text, Some(table.summed("All", &[2, 3, 4]))) }
    }

    fn controls(&self) -> Section {
        let mut counts: BTreeMap<(&str, String, String, String), u64> = BTreeMap::new();
        for control in self.plan.assets.iter().flat_map(|asset| &asset.controls) {
            let (by, day) = cover(control);
            *counts.entry((control.control.as_str(), control.given_by.join(", "), by, day)).or_default() += 1;
        }
        let title = "Controls affected";
        if counts.is_empty() {
            return Section::of(title, vec!["No control goes with the products taken away.".to_owned()], None);
        }
        let mut table = Table::of(&["Control", "Given by now", "Assets", "Covered by", "When"]);
        for ((control, given_by, by, day), assets) in counts {
            table.rows.push(vec![control.into(), given_by.into(), assets.into(), Cell::or_open(&by), day.into()]);
        }
        let said = "What covers each control once the product is gone. An asset counts once for each of its controls.";
        Section::of(title, vec![said.to_owned()], Some(table.summed("All", &[2])))
    }

    fn waits(&self) -> Section {
        let title = "What the plan waits for";
        if self.plan.waits.is_empty() {
            return Section::of(title, vec!["Nothing.".to_owned()], None);
        }
        let mut table = Table::of(&["It waits for"]);
        table.rows = self.plan.waits.iter().map(|wait| vec![Cell::from(wait.as_str())]).collect();
        Section::of(title, Vec::new(), Some(table))
    }

    fn assets(&self) -> Section {
        let mut table = Table::of(&[
            "Asset",
            "Id",
            "System",
            "Component",
            "Mission function",
            "Wave",
            "Looked at",
            "Findings taken away",
            "Findings left",
            "Actions",
        ]);
        let tallies = self.tally(|asset, _| asset);
        let left = |id: &str| tallies.get(id).map_or(0, |tally| tally.left);
        for asset in &self.plan.assets {
            table.rows.push(vec![
                asset.name.as_str().into(),
                asset.id.as_str().into(),
                asset.os.as_str().into(),
                if asset.component.is_empty() { NO_COMPONENT } else { &asset.component }.into(),
                Cell::or_open(&asset.mission_function),
                if asset.wave == 0 { "none".into() } else { Cell::Number(asset.wave.into()) },
                asset.looked.as_str().into(),
                asset.findings.len().into(),
                left(&asset.id).into(),
                asset.actions.len().into(),
            ]);
        }
        for (id, tally) in tallies.iter().filter(|(id, _)| !self.assets.contains_key(*id)) {
            let names = [*id, *id, "", "", "", "none", ""].map(Cell::from);
            let counts = [Cell::Number(0), tally.left.into(), Cell::Number(0)];
            table.rows.push(names.into_iter().chain(counts).collect());
        }
        let said = "The assets, in the order their turn comes; after them those whose findings are all left.";
        Section::of("Assets", vec![said.to_owned()], Some(table.summed("All", &[7, 8, 9])))
    }

    fn findings(&self) -> Section {
        let mut table = Table::of(&["Finding", "Asset", "Product", "Name", "State", "Grade", "Taken away by"]);
        for asset in &self.plan.assets {
            for finding in &asset.findings {
                let serving = asset.actions.iter().filter(|action| action.findings.contains(&finding.id));
                let serving: Vec<&str> = serving.map(|action| action.id.as_str()).collect();
                table.rows.push(self.finding(&asset.id, finding, &serving.join(", ")));
            }
        }
        let said = counted(table.rows.len() as u64, "finding") + ", each with the actions that take it away.";
        Section::of("Findings taken away", vec![said], Some(table))
    }

    fn left(&self) -> Section {
        let mut table = Table::of(&["Finding", "Asset", "Product", "Name", "State", "Grade", "Why it is left"]);
        for left in &self.plan.left {
            table.rows.push(self.finding(&left.asset, &left.finding, &left.reason));
        }
        let title = "Findings left";
        if table.rows.is_empty() {
            return Section::of(title, vec!["None.".to_owned()], None);
        }
        let said = counted(table.rows.len() as u64, "finding") + " that no action of this plan takes away.";
        Section::of(title, vec![said], Some(table))
    }

    fn finding(&self, asset: &str, finding: &Planned, last: &str) -> Vec<Cell> {
        vec![
            finding.id.as_str().into(),
            Cell::Link(self.name(asset)),
            finding.title.as_str().into(),
            finding.product.as_str().into(),
            finding.presence.to_string().into(),
            finding.grade.to_string().into(),
            last.into(),
        ]
    }

    fn actions(&self) -> Section {
        let mut table = Table::of(&[
            "Asset",
            "Action",
            "What is done",
            "To what",
            "Findings",
            "Needs",
            "Must hold before",
            "What it comes to",
            "How that is seen",
            "The way back",
        ]);
        for asset in &self.plan.assets {
            for action in &asset.actions {
                table.rows.push(action_row(&asset.name, action));
            }
        }
        let said = counted(table.rows.len() as u64, "action") + ", on each asset in this order and none besides.";
        Section::of("Actions", vec![said], Some(table))
    }

    fn approval(&self, approved_by: &[String]) -> Section {
        let mut table = Table::of(&["Role", "Name", "Signature", "Date"]);
        let mut row = |role: &str, name: &str| {
            table.rows.push(vec![Cell::or_open(role), Cell::or_open(name), Cell::Open, Cell::Open]);
        };
        approved_by.iter().for_each(|name| row("Approver", name));
        row("Agency CIO or equivalent", "");
        if self.plan.elements.iter().any(|element| element.key == "costs") {
            row("Chief Financial Officer, for the costs", "");
        }
        Section::of("Approval", Vec::new(), Some(table))
    }

    /// All endpoints with a finding, taken away or left.
    fn endpoints(&self) -> BTreeSet<&'a str> {
        self.plan.left.iter().map(|left| left.asset.as_str()).chain(self.assets.keys().copied()).collect()
    }

    fn products_tallied(&self) -> BTreeMap<(&'a str, &'a str), Tally<'a>> {
        self.tally(|_, finding| (finding.title.as_str(), finding.product.as_str()))
    }

    fn tally<K: Ord>(&self, key: impl Fn(&'a str, &'a Planned) -> K) -> BTreeMap<K, Tally<'a>> {
        let mut tallies: BTreeMap<K, Tally<'a>> = BTreeMap::new();
        for asset in &self.plan.assets {
            for finding in &asset.findings {
                let tally = tallies.entry(key(&asset.id, finding)).or_default();
                tally.endpoints.insert(&asset.id);
                tally.taken += 1;
            }
        }
        for left in &self.plan.left {
            let tally = tallies.entry(key(&left.asset, &left.finding)).or_default();
            tally.endpoints.insert(&left.asset);
            tally.left += 1;
        }
        tallies
    }

    fn name(&self, id: &str) -> String {
        self.assets.get(id).map_or(id, |asset| asset.name.as_str()).to_owned()
    }
}

fn verb(number: u64, noun: &str) -> String {
    counted(number, noun) + if number == 1 { " is" } else { " are" }
}

pub(crate) fn wave_name(number: u32) -> String {
    if number == 0 { "In no wave".to_owned() } else { format!("Wave {number}") }
}

/// What covers a control, and from or until when; both empty: nothing does.
fn cover(control: &Control) -> (String, String) {
    match &control.cover {
        None => Default::default(),
        Some(Cover::Replacement { name, ready, package }) if package.is_empty() => {
            (format!("{name}; no package shows that it is there"), format!("in place on {ready}"))
        }
        Some(Cover::Replacement { name, ready, package }) => {
            (format!("{name}, shown by the package {package}"), format!("in place on {ready}"))
        }
        Some(Cover::Waiver { owner, reason, expires }) => {
            (format!("nothing: waived by {owner}, because {reason}"), format!("holds until {expires}"))
        }
    }
}

fn action_row(asset: &str, action: &Action) -> Vec<Cell> {
    let (done, what) = step(&action.step);
    let needs: Vec<String> = action.needs.iter().map(need).collect();
    vec![
        Cell::Link(asset.to_owned()),
        action.id.as_str().into(),
        done.into(),
        what.into(),
        match action.findings.as_slice() {
            [one] => Cell::Link(one.clone()),
            several => several.join(", ").into(),
        },
        needs.join("; ").into(),
        action.precondition.as_str().into(),
        action.effect.as_str().into(),
        action.verification.as_str().into(),
        action.way_back.as_str().into(),
    ]
}

/// What is done, and to what.
fn step(step: &Step) -> (&'static str, String) {
    let file = |path: &str, sha256: Option<&String>, without: &str| match sha256 {
        Some(hash) => format!("{path}, SHA-256 {hash}"),
        None => format!("{path}{without}"),
    };
    match step {
        Step::RequirePackage { package } => ("goes on only with", format!("package {package}")),
        Step::StopUnit { unit } => ("stops, disables and masks", unit.clone()),
        Step::EndProcesses { executable } => ("ends the processes of", executable.clone()),
        Step::DenyModule { module } => ("unloads and denies", format!("kernel module {module}")),
        Step::RemovePackage { manager, package, version, save } => {
            let mut what = format!("{package} {version}, with {}", manager.word());
            if !save.is_empty() {
                what.push_str(&format!("; saves first {}", save.join(", ")));
            }
            ("removes the package", what)
        }
        Step::Quarantine { path, sha256 } => {
            ("moves into the quarantine", file(path, sha256.as_ref(), " with all that lies below it"))
        }
        Step::RemoveCertificate { path, sha256 } => {
            ("takes out of the machine's trust", file(path, sha256.as_ref(), ""))
        }
        Step::RemoveLines { path, lines } => ("takes lines out of", format!("{path}:\n{}", lines.join("\n"))),
        Step::BlockNames { names } => ("sends nowhere", names.join(", ")),
    }
}

fn need(need: &Need) -> String {
    match need {
        Need::Root => "the rights of root".to_owned(),
        Need::Password { reference } => format!("the password kept as {reference}"),
        Need::Reboot => "a restart".to_owned(),
        Need::Console { what } => format!("at the product's console: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbook::tests::same_in_all_forms;
    use jiff::civil::date;
    use ostrakon_model::{Grade, Presence};
    use ostrakon_plan::{Element, Left, Manager, OrderRef, Wave};

    fn planned(id: &str, title: &str) -> Planned {
        Planned {
            id: id.to_owned(),
            product: format!("kaspersky/{}", title.to_lowercase()),
            title: title.to_owned(),
            presence: Presence::Installed,
            grade: Grade::Confirmed,
            places: Vec::new(),
            needed_by: Vec::new(),
        }
    }

    fn action(id: &str, step: Step, findings: &[&str]) -> Action {
        Action {
            id: id.to_owned(),
            step,
            findings: findings.iter().map(|id| (*id).to_owned()).collect(),
            precondition: "it is installed".to_owned(),
            needs: vec![Need::Root, Need::Password { reference: "kesl|uninstall".to_owned() }],
            effect: "it is not installed".to_owned(),
            verification: "dpkg no longer lists it".to_owned(),
            way_back: "install it again".to_owned(),
        }
    }

    fn asset(name: &str, component: &str, wave: u32, findings: Vec<Planned>, actions: Vec<Action>) -> AssetPlan {
        AssetPlan {
            id: format!("machine:{name}"),
            name: name.to_owned(),
            os: "Debian 13".to_owned(),
            component: component.to_owned(),
            mission_function: String::new(),
            wave,
            looked: "2017-11-10T09:00:00Z".to_owned(),
            findings,
            controls: vec![
                Control {
                    control: "anti-malware".to_owned(),
                    given_by: vec!["KESL".to_owned()],
                    cover: Some(Cover::Replacement {
                        name: "ClamAV".to_owned(),
                        ready: date(2017, 12, 1),
                        package: "clamav-daemon".to_owned(),
                    }),
                },
                Control { control: "encryption".to_owned(), given_by: vec!["KESL".to_owned()], cover: None },
            ],
            actions,
        }
    }

    fn element(key: &str, answer: &str) -> Element {
        Element {
            key: key.to_owned(),
            label: format!("({key}) | <script>"),
            filled_by: "human".to_owned(),
            required: true,
            answer: answer.to_owned(),
        }
    }

    fn plan() -> Plan {
        let remove = Step::RemovePackage {
            manager: Manager::Dpkg,
            package: "kesl".to_owned(),
            version: "12.1".to_owned(),
            save: vec!["/opt/kaspersky".to_owned()],
        };
        let folder = Step::Quarantine { path: "/opt/kaspersky".to_owned(), sha256: None };
        Plan {
            approval: None,
            schema: ostrakon_plan::SCHEMA.to_owned(),
            order: OrderRef {
                id: "bod-17-01".to_owned(),
                title: "Removal of Kaspersky-branded products".to_owned(),
                issuer: "Department of Homeland Security".to_owned(),
                digest: "sha256:00".to_owned(),
            },
            generation: 2,
            parent: None,
            drafted: date(2017, 11, 10),
            tool: "ostrakon 0.1.0".to_owned(),
            policy: "sha256:01".to_owned(),
            begins: Some(date(2017, 12, 12)),
            ahead: false,
            elements: vec![element("agency_name", "Agency"), element("agreements", ""), element("costs", "")],
            waves: vec![
                Wave { number: 1, begins: date(2017, 12, 12), limit: 1 },
                Wave { number: 2, begins: date(2017, 12, 19), limit: 10 },
            ],
            assets: vec![
                asset(
                    "pc7",
                    "Census",
                    1,
                    vec![planned("F-1", "KESL"), planned("F-2", "Agent")],
                    vec![action("a01", remove.clone(), &["F-1"]), action("a02", folder, &["F-1", "F-2"])],
                ),
                asset("pc8", "", 2, vec![planned("F-3", "KESL")], vec![action("a01", remove, &["F-3"])]),
            ],
            left: vec![
                Left { asset: "machine:pc8".to_owned(), finding: planned("F-4", "Agent"), reason: "=cmd()".to_owned() },
                Left { asset: "machine:pc9".to_owned(), finding: planned("F-5", "Agent"), reason: "no way".to_owned() },
            ],
            waits: vec!["2017-12-12: the day bod-17-01 lets removal begin".to_owned()],
        }
    }

    fn sums(document: &Document, title: &str) -> Vec<u64> {
        let section = document.sections.iter().find(|section| section.title == title).unwrap();
        let numbers = |cell: &Cell| if let Cell::Number(number) = cell { Some(*number) } else { None };
        section.table.as_ref().unwrap().parts().1.unwrap().iter().filter_map(numbers).collect()
    }

    #[test]
    fn the_sums_agree_with_one_another() {
        let document = document(&plan(), "2017-11-11T08:00:00Z", "sha256:02", &[]);
        // Endpoints (one with two products counts twice), taken away, left, all.
        assert_eq!(sums(&document, "Products"), [5, 3, 2, 5]);
        assert_eq!(sums(&document, "Components"), [3, 3, 2, 5]);
        // Assets, findings taken away, actions.
        assert_eq!(sums(&document, "Timeline"), [2, 3, 3]);
        assert_eq!(sums(&document, "Controls affected"), [4]);
        // Findings taken away, left, actions.
        assert_eq!(sums(&document, "Assets"), [3, 2, 3]);
        assert!(document.conclusion.starts_with(
            "The plan takes 3 findings of 2 products away from 2 endpoints in 2 waves, the first from 2017-12-12. \
             2 findings are left, each with its reason."
        ));
        same_in_all_forms(&document);
    }

    #[test]
    fn the_elements_come_in_the_order_of_the_order_and_what_is_open_stays_open() {
        let document = document(&plan(), "2017-11-11T08:00:00Z", "sha256:02", &["A. Approver".to_owned()]);
        let table = document.sections[0].table.as_ref().unwrap();
        let answers: Vec<&Cell> = table.rows.iter().map(|row| &row[1]).collect();
        assert_eq!(answers, [&Cell::from("Agency"), &Cell::Open, &Cell::Open]);
        let head: BTreeMap<&str, &str> = document.head.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!((head["Agency"], head["Point of contact"], head["Approved by"]), ("Agency", "", "A. Approver"));
        assert!(document.sections.iter().all(|section| section.title.len() <= 31));
    }

    #[test]
    fn every_row_is_as_wide_as_its_table_and_links_lead_somewhere() {
        let document = document(&plan(), "2017-11-11T08:00:00Z", "sha256:02", &[]);
        let tables = document.sections.iter().filter_map(|section| section.table.as_ref());
        assert!(tables.flat_map(|table| table.rows.iter().map(|row| row.len() == table.columns.len())).all(|it| it));
        let targets: Vec<&str> = document.targets().into_keys().collect();
        assert_eq!(targets, ["F-1", "F-3", "machine:pc9", "pc7", "pc8"]);
    }

    #[test]
    fn a_plan_without_anything_to_do_says_so() {
        let mut empty = plan();
        (empty.assets, empty.left, empty.waves, empty.waits) = (vec![], vec![], vec![], vec![]);
        let document = document(&empty, "2017-11-11T08:00:00Z", "sha256:02", &[]);
        assert_eq!(sums(&document, "Products"), [0, 0, 0, 0]);
        same_in_all_forms(&document);
    }
}
