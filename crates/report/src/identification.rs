//! The identification report: products, endpoints per product and component, methodologies, coverage. A nil report is
//! only made where nothing was found *and* everything was looked at; where it was not, the report says why it refuses.

use crate::assets::Known;
use crate::{digest, html, markdown};
use ostrakon_identify::Identification;
use ostrakon_identify::Subject;
use ostrakon_identify::identification::Judged;
use ostrakon_model::{Grade, MethodState, Presence};
use ostrakon_order::Order;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Name of the JSON form.
pub const SCHEMA: &str = "ostrakon/report/identification/1";

/// The report as data; every form is a view of it.
#[derive(Debug, Serialize)]
pub struct IdentificationReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The order.
    pub order: OrderHead,
    /// When it was made, RFC 3339.
    pub prepared: String,
    /// The program and its version.
    pub tool: String,
    /// What it comes to.
    pub conclusion: Conclusion,
    /// Products that count, with the endpoints each is on.
    pub products: Vec<ProductRow>,
    /// Endpoints with at least one of them.
    pub endpoints_impacted: usize,
    /// Endpoints per component and product.
    pub components: Vec<ComponentRow>,
    /// Every finding of the order's vendors, with its evidence.
    pub findings: Vec<FindingRow>,
    /// Who was looked at, how, when and with what privilege.
    pub looks: Vec<LookRow>,
    /// Known assets nobody looked at; empty also where no list of known assets was given.
    pub never_looked_at: Vec<Known>,
    /// How many assets are known; none: no list was given.
    pub known_assets: Option<usize>,
    /// What was not read, by reason.
    pub gaps: Vec<GapRow>,
    /// What was left out on purpose.
    pub excluded: Vec<String>,
    /// Presences the order asks for that these looks could not show.
    pub not_looked_for: Vec<String>,
    /// The collectors.
    pub methodologies: Vec<MethodRow>,
    /// The fields the issuer asks for, and who fills them.
    pub fields: Vec<FieldRow>,
    /// What is easily read wrongly in the order.
    pub traps: Vec<String>,
}

/// The order at the head of the report.
#[derive(Debug, Clone, Serialize)]
pub struct OrderHead {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Who issued it.
    pub issuer: String,
    /// When.
    pub issued: String,
    /// The digest of its file.
    pub digest: String,
}

/// What a report comes to.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Conclusion {
    /// Nothing was found, and everything was looked at.
    Nil {
        /// The statement.
        statement: String,
    },
    /// Products were found.
    Found {
        /// The statement.
        statement: String,
        /// Why more could be there.
        limits: Vec<String>,
    },
    /// Nothing was found that counts, and the report does not call that nil.
    Refused {
        /// The statement.
        statement: String,
        /// Why.
        reasons: Vec<String>,
    },
}

/// One product and its endpoints.
#[derive(Debug, Serialize)]
pub struct ProductRow {
    /// `vendor/product`.
    pub product: String,
    /// Its title.
    pub title: String,
    /// How many endpoints it is on.
    pub endpoints: usize,
    /// Endpoints by the strongest state found on each.
    pub by_presence: BTreeMap<String, usize>,
    /// The findings behind the numbers.
    pub findings: Vec<String>,
}

/// One component and product.
#[derive(Debug, Serialize)]
pub struct ComponentRow {
    /// The component; empty: not in the list of known assets.
    pub component: String,
    /// The product's title.
    pub title: String,
    /// How many endpoints.
    pub endpoints: usize,
    /// What those endpoints are for.
    pub mission_functions: Vec<String>,
    /// The findings behind the number.
    pub findings: Vec<String>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct FindingRow {
    /// Its id.
    pub id: String,
    /// The asset's name.
    pub asset: String,
    /// The asset's component.
    pub component: String,
    /// The product's title.
    pub title: String,
    /// `vendor/product`.
    pub product: String,
    /// The state.
    pub presence: String,
    /// How sure.
    pub grade: String,
    /// `counts`, `ruled out`, `open` (a person must rule on it) or `out of scope`.
    pub standing: String,
    /// Why in or out of scope.
    pub reason: String,
    /// Who ruled on it, and why.
    pub ruling: String,
    /// The evidence.
    pub evidence: Vec<ostrakon_identify::Evidence>,
}

/// One look.
#[derive(Debug, Serialize)]
pub struct LookRow {
    /// The asset's name.
    pub asset: String,
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its operating system.
    pub os: String,
    /// The place as it was named.
    pub place: String,
    /// The component.
    pub component: String,
    /// What it is for.
    pub mission_function: String,
    /// When it began.
    pub started: String,
    /// When it ended; empty: it was cut off.
    pub finished: String,
    /// With what privilege.
    pub privilege: String,
    /// The version of the program.
    pub version: String,
    /// Files met.
    pub files: u64,
    /// Findings that count.
    pub findings: usize,
    /// Gaps that keep its coverage from being complete.
    pub open_gaps: usize,
}

/// Gaps of one reason.
#[derive(Debug, Serialize)]
pub struct GapRow {
    /// The reason.
    pub reason: String,
    /// The asset's name.
    pub asset: String,
    /// How many.
    pub count: usize,
    /// What they could hide.
    pub hides: String,
    /// Do they keep coverage from being complete?
    pub open: bool,
    /// Who takes them on, and why; empty: nobody.
    pub accepted: String,
    /// What to do about them.
    pub way_out: String,
    /// Where: all of them, up to [`MOST_PLACES`].
    pub places: Vec<String>,
}

/// How many places of one kind of gap a report prints; the JSON of `identify` has all.
pub const MOST_PLACES: usize = 50;

/// One collector.
#[derive(Debug, Serialize)]
pub struct MethodRow {
    /// Its id.
    pub collector: String,
    /// What it reads.
    pub what: String,
    /// What it cannot see.
    pub cannot_see: String,
    /// Its version.
    pub version: String,
    /// `used`, or why not.
    pub state: String,
    /// Artifacts it saw.
    pub artifacts: u64,
}

/// A field the issuer asks for.
#[derive(Debug, Serialize)]
pub struct FieldRow {
    /// Its label.
    pub label: String,
    /// Who fills it.
    pub filled_by: String,
    /// Its answer, or where in this report it is.
    pub answer: String,
}

impl IdentificationReport {
    /// Makes the report of `answer`, over `subjects`, with the list of known assets where there is one.
    pub fn of(
        order: &Order,
        answer: &Identification,
        subjects: &[Subject],
        known: Option<&[Known]>,
        prepared: &str,
    ) -> Self {
        let about = About { answer, known: known.unwrap_or_default() };
        let looks: Vec<LookRow> = subjects.iter().map(|subject| about.look(subject)).collect();
        let products = about.products();
        let endpoints: BTreeSet<&str> = answer.counting().map(|judged| judged.finding.asset.as_str()).collect();
        let seen = |known: &&Known| answer.assets.iter().any(|(asset, _)| known.is(&asset.id, &asset.name));
        let never: Vec<Known> = about.known.iter().filter(|known| !seen(known)).cloned().collect();
        let conclusion = conclude(answer, &looks, &never, endpoints.len());
        let report = order.reports.iter().find(|report| report.id == "identification");
        let fields = report.into_iter().flat_map(|report| &report.field).map(|field| FieldRow {
            label: field.label.clone(),
            filled_by: field.filled_by.to_string(),
            answer: match field.key.as_str() {
                "products" | "products_found" => format!("{} product(s): section Products", products.len()),
                key if key.contains("endpoint") => format!("{} endpoint(s): section Products", endpoints.len()),
                key if key.contains("method") => "section Methodologies".to_owned(),
                _ => "to be filled in by a person".to_owned(),
            },
        });
        Self {
            schema: SCHEMA,
            order: OrderHead {
                id: order.id.clone(),
                title: order.title.clone(),
                issuer: order.issuer.clone(),
                issued: order.issued.to_string(),
                digest: digest(&order.text),
            },
            prepared: prepared.to_owned(),
            tool: format!("ostrakon {}", env!("CARGO_PKG_VERSION")),
            conclusion,
            endpoints_impacted: endpoints.len(),
            components: about.components(),
            findings: answer.findings.iter().map(|judged| about.finding(judged)).collect(),
            never_looked_at: never,
            known_assets: known.map(<[Known]>::len),
            gaps: about.gaps(),
            excluded: answer
                .coverage
                .excluded
                .iter()
                .map(|(asset, excluded)| format!("{}: {} ({})", about.name(asset), excluded.locator, excluded.reason))
                .collect(),
            not_looked_for: answer.coverage.not_looked_for.iter().map(|presence| presence.to_string()).collect(),
            methodologies: about.methods(),
            fields: fields.collect(),
            traps: order.traps.clone(),
            looks,
            products,
        }
    }

    /// May this be called a nil report?
    pub fn is_nil(&self) -> bool {
        matches!(self.conclusion, Conclusion::Nil { .. })
    }

    /// As one HTML file that needs no other and prints well.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }
}

fn conclude(answer: &Identification, looks: &[LookRow], never: &[Known], endpoints: usize) -> Conclusion {
    let mut limits = Vec::new();
    let open_gaps: usize = looks.iter().map(|look| look.open_gaps).sum();
    if looks.is_empty() {
        limits.push("Nothing was looked at.".to_owned());
    }
    if open_gaps > 0 {
        limits.push(format!("{open_gaps} gap(s) could hide what the order asks for: section Coverage."));
    }
    if !never.is_empty() {
        let names: Vec<_> = never.iter().take(5).map(|known| known.name.as_str()).collect();
        let more = if never.len() > 5 { ", ..." } else { "" };
        limits.push(format!("{} known asset(s) were never looked at: {}{more}.", never.len(), names.join(", ")));
    }
    let waiting = answer.open().count();
    if waiting > 0 {
        limits.push(format!("{waiting} possible finding(s) wait for a person to rule on them: section Findings."));
    }
    let cut_off: Vec<_> =
        looks.iter().filter(|look| look.finished.is_empty()).map(|look| look.asset.as_str()).collect();
    if !cut_off.is_empty() {
        limits.push(format!("The look at {} was cut off.", cut_off.join(", ")));
    }
    // Two looks at one endpoint are one endpoint.
    let assets = looks.iter().map(|look| look.id.as_str()).collect::<BTreeSet<_>>().len();
    let counted = answer.counting().count();
    if counted > 0 {
        let statement = format!(
            "{counted} finding(s) in scope on {endpoints} of {assets} endpoint(s) looked at; {} known endpoint(s) not looked at.",
            never.len()
        );
        return Conclusion::Found { statement, limits };
    }
    if limits.is_empty() {
        let mut statement = format!(
            "No product in scope of the order was found on any of the {assets} endpoint(s) looked at, and coverage is complete."
        );
        let beyond = answer.coverage.not_looked_for;
        if !beyond.is_empty() {
            statement.push_str(&format!(" These methods do not look for: {beyond}."));
        }
        return Conclusion::Nil { statement };
    }
    let statement =
        "No product in scope was found. This is not a nil report, because the look was not whole.".to_owned();
    Conclusion::Refused { statement, reasons: limits }
}

struct About<'a> {
    answer: &'a Identification,
    known: &'a [Known],
}

impl About<'_> {
    fn name(&self, id: &str) -> String {
        let asset = self.answer.assets.iter().map(|(asset, _)| asset).find(|asset| asset.id == id);
        asset.map_or_else(|| id.to_owned(), |asset| asset.name.clone())
    }

    fn known(&self, id: &str) -> Option<&Known> {
        let name = self.name(id);
        self.known.iter().find(|known| known.is(id, &name))
    }

    fn look(&self, subject: &Subject) -> LookRow {
        let asset = &subject.look.asset;
        let known = self.known(&asset.id);
        let counting = self.answer.counting().filter(|judged| judged.finding.asset == asset.id);
        let open = self.answer.coverage.gaps.iter().filter(|gap| gap.asset == asset.id && gap.is_open());
        LookRow {
            asset: asset.name.clone(),
            id: asset.id.clone(),
            kind: asset.kind.word().to_owned(),
            os: asset.os.clone(),
            place: subject.look.place.clone(),
            component: known.map(|known| known.component.clone()).unwrap_or_default(),
            mission_function: known.map(|known| known.mission_function.clone()).unwrap_or_default(),
            started: subject.look.started.clone(),
            finished: subject.ending.as_ref().map(|ending| ending.finished.clone()).unwrap_or_default(),
            privilege: subject.look.privilege.clone(),
            version: subject.look.version.clone(),
            files: subject.ending.as_ref().map(|ending| ending.files).unwrap_or_default(),
            findings: counting.count(),
            open_gaps: open.count(),
        }
    }

    fn products(&self) -> Vec<ProductRow> {
        let mut groups: BTreeMap<String, Vec<&Judged>> = BTreeMap::new();
        for judged in self.answer.counting() {
            let name = format!("{}/{}", judged.finding.vendor, judged.finding.product);
            groups.entry(name).or_default().push(judged);
        }
        let row = |(product, list): (String, Vec<&Judged>)| {
            let mut strongest: BTreeMap<&str, Presence> = BTreeMap::new();
            for judged in &list {
                let state = strongest.entry(&judged.finding.asset).or_insert(judged.finding.presence);
                *state = (*state).min(judged.finding.presence);
            }
            let mut by_presence: BTreeMap<String, usize> = BTreeMap::new();
            strongest.values().for_each(|presence| *by_presence.entry(presence.to_string()).or_default() += 1);
            ProductRow {
                product,
                title: list[0].finding.title.clone(),
                endpoints: strongest.len(),
                by_presence,
                findings: list.iter().map(|judged| judged.finding.id.clone()).collect(),
            }
        };
        groups.into_iter().map(row).collect()
    }

    fn components(&self) -> Vec<ComponentRow> {
        let mut groups: BTreeMap<(String, String), Vec<&Judged>> = BTreeMap::new();
        for judged in self.answer.counting() {
            let component = self.known(&judged.finding.asset).map(|known| known.component.clone()).unwrap_or_default();
            groups.entry((component, judged.finding.title.clone())).or_default().push(judged);
        }
        let row = |((component, title), list): ((String, String), Vec<&Judged>)| {
            let endpoints: BTreeSet<&str> = list.iter().map(|judged| judged.finding.asset.as_str()).collect();
            let missions: BTreeSet<String> = endpoints
                .iter()
                .filter_map(|asset| self.known(asset))
                .map(|known| known.mission_function.clone())
                .filter(|mission| !mission.is_empty())
                .collect();
            ComponentRow {
                component,
                title,
                endpoints: endpoints.len(),
                mission_functions: missions.into_iter().collect(),
                findings: list.iter().map(|judged| judged.finding.id.clone()).collect(),
            }
        };
        groups.into_iter().map(row).collect()
    }

    fn finding(&self, judged: &Judged) -> FindingRow {
        let finding = &judged.finding;
        let standing = match () {
            () if judged.counts() => "counts",
            () if !judged.in_scope => "out of scope",
            () if judged.is_open() => "open",
            () => "ruled out",
        };
        FindingRow {
            id: finding.id.clone(),
            asset: self.name(&finding.asset),
            component: self.known(&finding.asset).map(|known| known.component.clone()).unwrap_or_default(),
            title: finding.title.clone(),
            product: format!("{}/{}", finding.vendor, finding.product),
            presence: finding.presence.to_string(),
            grade: if finding.grade == Grade::Possible && judged.ruling.is_some() {
                "possible, ruled on".to_owned()
            } else {
                finding.grade.to_string()
            },
            standing: standing.to_owned(),
            reason: judged.scope_reason.clone(),
            ruling: judged.ruling.as_ref().map(|it| format!("{}: {}", it.by, it.because)).unwrap_or_default(),
            evidence: finding.evidence.clone(),
        }
    }

    fn gaps(&self) -> Vec<GapRow> {
        let mut groups: BTreeMap<(bool, String, String, String), Vec<_>> = BTreeMap::new();
        for gap in &self.answer.coverage.gaps {
            let accepted = gap.accepted.as_ref().map(|(by, because)| format!("{by}: {because}")).unwrap_or_default();
            let key = (!gap.is_open(), gap.gap.reason.to_string(), self.name(&gap.asset), accepted);
            groups.entry(key).or_default().push(&gap.gap);
        }
        type Group<'a> = ((bool, String, String, String), Vec<&'a ostrakon_model::Gap>);
        let row = |((closed, reason, asset, accepted), list): Group<'_>| GapRow {
            reason,
            asset,
            count: list.len(),
            hides: list.iter().fold(ostrakon_model::Presences::NONE, |all, gap| all.union(gap.hides)).to_string(),
            open: !closed,
            accepted,
            way_out: list[0].reason.way_out().to_owned(),
            places: list.iter().take(MOST_PLACES).map(|gap| format!("{} ({})", gap.locator, gap.detail)).collect(),
        };
        groups.into_iter().map(row).collect()
    }

    fn methods(&self) -> Vec<MethodRow> {
        let mut rows: Vec<MethodRow> = Vec::new();
        for method in &self.answer.methodology {
            if rows.iter().any(|row| row.collector == method.collector && row.version == method.version) {
                continue;
            }
            rows.push(MethodRow {
                collector: method.collector.clone(),
                what: method.what.clone(),
                cannot_see: method.cannot_see.clone(),
                version: method.version.clone(),
                state: match method.state {
                    MethodState::Used => "used".to_owned(),
                    MethodState::NeedsLiveHost => "not used: it needs a running machine".to_owned(),
                },
                artifacts: self.answer.coverage.by_collector.get(&method.collector).copied().unwrap_or_default(),
            });
        }
        rows
    }
}
