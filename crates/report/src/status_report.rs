//! The status as the issuer gets it: the head and the questions of the issuer's own forms first, then what is left over
//! time and by product, component and wave, and every finding behind the numbers.

use crate::document::{Cell, Chart, Document, Section, Table, counted};
use crate::plan_report::{NO_COMPONENT, wave_name};
use crate::status::{Counts, FindingState, State, StatusReport};

/// The states, in the order of every table, and what each means.
const STATES: [(&str, &str); 6] = [
    ("Gone", "a later look over whole coverage no longer finds it"),
    ("Only remnants", "the product is removed, and something an uninstall leaves is still there"),
    ("Still there", "a later look finds it"),
    ("Back again", "it had gone and is there again"),
    ("Not looked at", "no later look could have seen it"),
    ("Excepted", "it may stay: an exception that has not run out covers it"),
];

impl StatusReport {
    /// The report as people read it.
    pub fn document(&self) -> Document {
        let mut sections = vec![self.asked(), self.states(), self.burn_down()];
        let products = self.by_product.iter().map(|(title, counts)| (title.clone(), *counts));
        sections.push(breakdown("By product", "Product", products));
        let named = |name: &String| if name.is_empty() { NO_COMPONENT.to_owned() } else { name.clone() };
        let components = self.by_component.iter().map(|(name, counts)| (named(name), *counts));
        sections.push(breakdown("By component", "Component", components));
        let waves = self.by_wave.iter().map(|(number, counts)| (wave_name(*number), *counts));
        sections.push(breakdown("By wave", "Wave", waves));
        sections.extend([self.claims(), self.exceptions(), self.coverage()]);
        sections.extend(self.never());
        sections.extend([self.each(), signature()]);
        Document {
            title: format!("Status of the removal: {}", self.order.title),
            head: self.head(),
            conclusion: self.conclusion(),
            sections,
        }
    }

    fn head(&self) -> Vec<(String, String)> {
        let or = |text: &str, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text.to_owned() };
        let plan = self.plan.as_ref().map(|(generation, digest)| format!("generation {generation}, {digest}"));
        let pairs = [
            ("Agency", self.agency.clone()),
            ("Point of contact", String::new()),
            ("Order", format!("{} ({}), issued {}", self.order.title, self.order.id, self.order.issued)),
            ("Issuer", self.order.issuer.clone()),
            ("Order file", self.order.digest.clone()),
            ("Plan", plan.unwrap_or_else(|| "there is no plan".to_owned())),
            ("Approved by", or(&self.approved_by.join(", "), "nobody")),
            ("Prepared", self.prepared.clone()),
            ("Tool", self.tool.clone()),
            ("Next report due", or(&self.next_due, "the order does not say")),
        ];
        pairs.into_iter().map(|(label, value)| (label.to_owned(), value)).collect()
    }

    fn conclusion(&self) -> String {
        let counts = &self.counts;
        let are = |number: u64| if number == 1 { "is" } else { "are" };
        let mut said = match counts.total {
            0 => "There is no finding to report on.".to_owned(),
            total => format!("{} of {} {} gone.", counts.gone, counted(total, "finding"), are(counts.gone)),
        };
        if self.claimed > 0 {
            let claims = counted(self.claimed, "removal");
            said.push_str(&format!(" Receipts claim {claims}; a later look validates {} of them.", self.validated));
        }
        let left = [
            (counts.still_there, "still there"),
            (counts.back_again, "back again"),
            (counts.remnant, "left as remnants only"),
            (counts.not_looked_at, "not looked at since"),
            (counts.excepted, "excepted"),
        ];
        let left: Vec<String> = left
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, how)| format!("{number} {} {how}", are(number)))
            .collect();
        if !left.is_empty() {
            said.push_str(&format!(" Of the others {}.", left.join(", ")));
        }
        said.push(' ');
        said.push_str(&self.looked());
        said
    }

    /// How far was looked, in one sentence.
    fn looked(&self) -> String {
        let (gaps, never) = (self.open_gaps, self.never_looked_at.len() as u64);
        if gaps == 0 && never == 0 {
            return match self.known_assets {
                Some(_) => "No gap is open, and every known asset was looked at.".to_owned(),
                None => "No gap is open. Whether every asset was looked at cannot be said: no list of them was given."
                    .to_owned(),
            };
        }
        let (gaps, assets) = (counted(gaps, "open gap"), counted(never, "known asset"));
        format!("Coverage is not complete: {gaps}, and {assets} never looked at.")
    }

    /// The questions of the issuer's forms.
    fn asked(&self) -> Section {
        let sizes = parts(&self.counts);
        let mut rows = vec![("Findings of products in scope".to_owned(), Cell::Number(sizes.iter().sum::<u64>()))];
        rows.extend(STATES.iter().zip(sizes).map(|((state, means), size)| {
            (format!("Of these, {}: {means}", state.to_lowercase()), Cell::Number(size))
        }));
        let more = [
            ("Removals that receipts claim", Cell::Number(self.claimed)),
            ("Of these, validated by a later look", Cell::Number(self.validated)),
            (
                "What keeps newly provisioned and previously disconnected endpoints from bringing a product back",
                Cell::or_open(&self.recurrence_control),
            ),
            ("Constraints, challenges and support needed", Cell::or_open(&self.challenges)),
            ("Own tracking numbers of what is not yet done", Cell::Open),
            ("The day on which removal is expected to be complete", Cell::Open),
            ("Does this report cover the whole department with all its components?", Cell::Open),
            ("Is removal complete and use ended? (a confirmation of its own)", Cell::Open),
        ];
        rows.extend(more.map(|(question, answer)| (question.to_owned(), answer)));
        let mut table = Table::of(&["No.", "Question", "Answer"]);
        let numbered = rows.into_iter().zip(1_u64..);
        table.rows = numbered.map(|((question, answer), at)| vec![Cell::Number(at), question.into(), answer]).collect();
        Section::of("What the issuer asks for", Vec::new(), Some(table))
    }

    fn states(&self) -> Section {
        let mut table = Table::of(&["State", "Findings", "What it means"]);
        for ((state, means), size) in STATES.iter().zip(parts(&self.counts)) {
            table.rows.push(vec![Cell::from(*state), size.into(), Cell::from(*means)]);
        }
        Section::of("Findings by state", Vec::new(), Some(table.summed("All", &[1])))
    }

    fn burn_down(&self) -> Section {
        let title = "What is left over time";
        if self.burn_down.is_empty() {
            return Section::of(title, vec!["Nobody has looked again yet.".to_owned()], None);
        }
        let said = "Findings left on each day somebody looked. The target is 0.".to_owned();
        let (what, total) = ("Findings left".to_owned(), self.counts.total);
        let chart = Some(Chart::BurnDown { what, total, points: self.burn_down.clone() });
        Section { chart, ..Section::of(title, vec![said], None) }
    }

    fn claims(&self) -> Section {
        let (claimed, gone) = (self.claimed, self.counts.gone);
        let validated = self.validated.min(claimed);
        let mut table = Table::of(&["What receipts say and looks show", "Findings"]);
        table.rows = vec![
            vec!["Claimed and validated: a later look no longer finds it".into(), validated.into()],
            vec!["Claimed and not validated".into(), (claimed - validated).into()],
        ];
        let mut text = vec![format!("{validated} of {} validated.", counted(claimed, "claimed removal"))];
        if gone > validated {
            text.push(format!("{} gone without a receipt that says so.", counted(gone - validated, "finding")));
        }
        Section::of("Claimed and validated", text, Some(table.summed("Claimed", &[1])))
    }

    fn exceptions(&self) -> Section {
        let mut table = Table::of(&["Covers", "Asset", "Granted by", "Why", "Holds until"]);
        for exception in &self.exceptions {
            table.rows.push(vec![
                Cell::Link(exception.covers.clone()),
                if exception.asset.is_empty() { "all" } else { &exception.asset }.into(),
                exception.by.as_str().into(),
                exception.reason.as_str().into(),
                exception.expires.as_str().into(),
            ]);
        }
        list("Exceptions", table)
    }

    fn coverage(&self) -> Section {
        let mut table = Table::of(&["What was not seen", "Number"]);
        table.rows = vec![
            vec!["Gaps that keep coverage from being complete".into(), self.open_gaps.into()],
            vec!["Known assets that nobody looked at".into(), self.never_looked_at.len().into()],
            vec!["Findings that no later look could have seen".into(), self.counts.not_looked_at.into()],
        ];
        Section::of("Coverage", vec![self.looked()], Some(table))
    }

    fn never(&self) -> Option<Section> {
        let mut table = Table::of(&["Known asset"]);
        table.rows = self.never_looked_at.iter().map(|name| vec![Cell::from(name.as_str())]).collect();
        (!table.rows.is_empty()).then(|| list("Never looked at", table))
    }

    fn each(&self) -> Section {
        let mut table = Table::of(&[
            "Finding",
            "State",
            "Product",
            "Name",
            "Asset",
            "Component",
            "Wave",
            "First seen",
            "Last seen",
            "Asset last looked at",
            "Claimed",
            "Note",
        ]);
        table.rows = self.findings.iter().map(row).collect();
        list("Findings", table)
    }
}

/// The sizes of the states, in the order of [`STATES`].
fn parts(counts: &Counts) -> [u64; 6] {
    [counts.gone, counts.remnant, counts.still_there, counts.back_again, counts.not_looked_at, counts.excepted]
}

fn state(state: State) -> &'static str {
    let at = match state {
        State::Gone => 0,
        State::Remnant => 1,
        State::StillThere => 2,
        State::BackAgain => 3,
        State::NotLookedAt => 4,
        State::Excepted => 5,
    };
    STATES[at].0
}

/// One row for each group, one column for each state, the sums, and the same as bars.
fn breakdown(title: &str, first: &str, groups: impl Iterator<Item = (String, Counts)>) -> Section {
    let names = STATES.map(|(state, _)| state);
    let columns: Vec<&str> = [first].into_iter().chain(names).chain(["All"]).collect();
    let mut table = Table::of(&columns);
    let mut bars = Vec::new();
    for (name, counts) in groups {
        let sizes = parts(&counts);
        let cells = sizes.into_iter().chain([sizes.iter().sum::<u64>()]).map(Cell::Number);
        table.rows.push([Cell::from(name.as_str())].into_iter().chain(cells).collect());
        bars.push((name, sizes.to_vec()));
    }
    if bars.is_empty() {
        return Section::of(title, vec!["None.".to_owned()], None);
    }
    let numbers: Vec<usize> = (1..columns.len()).collect();
    let chart = Some(Chart::Bars { parts: names.map(str::to_owned).to_vec(), bars });
    Section { chart, ..Section::of(title, Vec::new(), Some(table.summed("All", &numbers))) }
}

fn list(title: &str, table: Table) -> Section {
    if table.rows.is_empty() {
        return Section::of(title, vec!["None.".to_owned()], None);
    }
    Section::of(title, Vec::new(), Some(table))
}

fn row(finding: &FindingState) -> Vec<Cell> {
    vec![
        finding.id.as_str().into(),
        state(finding.state).into(),
        finding.title.as_str().into(),
        finding.product.as_str().into(),
        finding.asset_name.as_str().into(),
        if finding.component.is_empty() { NO_COMPONENT } else { &finding.component }.into(),
        if finding.wave == 0 { "none".into() } else { Cell::Number(finding.wave.into()) },
        finding.first_seen.as_str().into(),
        finding.last_seen.as_str().into(),
        finding.last_look.as_str().into(),
        if finding.claimed { "yes" } else { "no" }.into(),
        finding.note.as_str().into(),
    ]
}

fn signature() -> Section {
    let mut table = Table::of(&["Role", "Name", "Signature", "Date"]);
    table.rows = vec![
        vec!["Agency CIO or equivalent".into(), Cell::Open, Cell::Open, Cell::Open],
        vec!["Point of contact".into(), Cell::Open, Cell::Open, Cell::Open],
    ];
    let said = "Whoever signs confirms that this report is that of the department and includes all its components.";
    Section::of("Confirmation and signature", vec![said.to_owned()], Some(table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identification::OrderHead;
    use crate::page::html;
    use crate::status::{Exception, SCHEMA};
    use crate::workbook::tests::same_in_all_forms;
    use std::collections::BTreeMap;

    fn counts(sizes: [u64; 6]) -> Counts {
        let [gone, remnant, still_there, back_again, not_looked_at, excepted] = sizes;
        let total = sizes.iter().sum();
        Counts { total, gone, remnant, still_there, back_again, not_looked_at, excepted }
    }

    fn finding(id: &str, state: State) -> FindingState {
        FindingState {
            id: id.to_owned(),
            asset: "machine:1".to_owned(),
            asset_name: "pc7|<script>".to_owned(),
            component: String::new(),
            wave: 1,
            product: "kaspersky/kesl".to_owned(),
            title: "KESL".to_owned(),
            state,
            first_seen: "2017-11-10T09:00:00Z".to_owned(),
            last_seen: "2017-12-10T09:00:00Z".to_owned(),
            last_look: "2018-01-10T09:00:00Z".to_owned(),
            claimed: true,
            note: "=cmd()".to_owned(),
        }
    }

    fn report() -> StatusReport {
        let group = |name: &str, sizes| (name.to_owned(), counts(sizes));
        StatusReport {
            schema: SCHEMA,
            order: OrderHead {
                id: "bod-17-01".to_owned(),
                title: "Removal of Kaspersky-branded products".to_owned(),
                issuer: "Department of Homeland Security".to_owned(),
                issued: "2017-09-13".to_owned(),
                digest: "sha256:00".to_owned(),
            },
            prepared: "2018-01-11T08:00:00Z".to_owned(),
            tool: "ostrakon 0.1.0".to_owned(),
            agency: String::new(),
            plan: Some((2, "sha256:02".to_owned())),
            approved_by: vec!["A. Approver".to_owned()],
            counts: counts([37, 1, 1, 0, 0, 1]),
            by_product: BTreeMap::from([group("Agent", [7, 0, 0, 0, 0, 1]), group("KESL", [30, 1, 1, 0, 0, 0])]),
            by_component: BTreeMap::from([group("", [7, 1, 1, 0, 0, 1]), group("Census", [30, 0, 0, 0, 0, 0])]),
            by_wave: BTreeMap::from([(0, counts([0, 0, 0, 0, 0, 1])), (1, counts([37, 1, 1, 0, 0, 0]))]),
            burn_down: vec![("2017-12-12".to_owned(), 40), ("2018-01-11".to_owned(), 3)],
            claimed: 36,
            validated: 35,
            findings: vec![finding("F-1", State::Gone), finding("F-2", State::StillThere)],
            exceptions: vec![Exception {
                covers: "F-2".to_owned(),
                asset: String::new(),
                by: "CIO".to_owned(),
                reason: "a court's order".to_owned(),
                expires: "2018-03-01".to_owned(),
            }],
            recurrence_control: "Network access control looks before it lets in.".to_owned(),
            challenges: String::new(),
            open_gaps: 2,
            known_assets: Some(3),
            never_looked_at: vec!["pc9".to_owned()],
            next_due: "2018-02-10".to_owned(),
        }
    }

    fn table<'a>(document: &'a Document, title: &str) -> &'a Table {
        document.sections.iter().find(|section| section.title == title).unwrap().table.as_ref().unwrap()
    }

    #[test]
    fn the_conclusion_says_how_many_are_gone_and_how_that_is_known() {
        assert_eq!(
            report().document().conclusion,
            "37 of 40 findings are gone. Receipts claim 36 removals; a later look validates 35 of them. Of the others \
             1 is still there, 1 is left as remnants only, 1 is excepted. Coverage is not complete: 2 open gaps, and \
             1 known asset never looked at."
        );
        let nothing = StatusReport {
            counts: Counts::default(),
            claimed: 0,
            open_gaps: 0,
            known_assets: Some(3),
            never_looked_at: Vec::new(),
            ..report()
        };
        assert_eq!(
            nothing.document().conclusion,
            "There is no finding to report on. No gap is open, and every known asset was looked at."
        );
    }

    #[test]
    fn every_breakdown_sums_to_the_same_counts() {
        let document = report().document();
        let sums = |title: &str| table(&document, title).parts().1.unwrap()[1..].to_vec();
        let expected = [37_u64, 1, 1, 0, 0, 1, 40].map(Cell::Number);
        for title in ["By product", "By component", "By wave"] {
            assert_eq!(sums(title), expected, "{title}");
        }
        assert_eq!(sums("Findings by state")[0], Cell::Number(40));
        assert_eq!(sums("Claimed and validated"), [Cell::Number(36)]);
        same_in_all_forms(&document);
    }

    #[test]
    fn what_a_person_must_say_is_open() {
        let document = report().document();
        let rows = &table(&document, "What the issuer asks for").rows;
        let open: Vec<&Cell> = rows.iter().filter(|row| row[2] == Cell::Open).map(|row| &row[0]).collect();
        assert_eq!(rows.len(), 15);
        assert_eq!(open, [11, 12, 13, 14, 15].map(Cell::Number).iter().collect::<Vec<_>>());
        assert!(document.head.iter().any(|(label, value)| label == "Agency" && value.is_empty()));
    }

    #[test]
    fn an_exception_leads_to_its_finding_and_bars_stand_in_the_table() {
        let document = report().document();
        let page = html(&document);
        assert!(page.contains("<tr id=\"F-2\">") && page.contains("<a href=\"#F-2\">F-2</a>"), "{page}");
        assert!(page.contains("pc7|&lt;script&gt;") && !page.contains("<script"), "{page}");
        // The tables tell the numbers of the bars: only the burn-down has a table of its own.
        assert_eq!(page.matches("<caption>").count(), document.sections.len());
        let widths = |table: &Table| table.rows.iter().all(|row| row.len() == table.columns.len());
        assert!(document.sections.iter().filter_map(|section| section.table.as_ref()).all(widths));
    }

    #[test]
    fn a_report_without_anything_still_stands() {
        let empty = StatusReport {
            plan: None,
            by_product: BTreeMap::new(),
            by_component: BTreeMap::new(),
            by_wave: BTreeMap::new(),
            burn_down: Vec::new(),
            findings: Vec::new(),
            exceptions: Vec::new(),
            known_assets: Some(3),
            never_looked_at: Vec::new(),
            ..report()
        };
        let document = empty.document();
        assert!(document.head.contains(&("Plan".to_owned(), "there is no plan".to_owned())));
        same_in_all_forms(&document);
    }
}
