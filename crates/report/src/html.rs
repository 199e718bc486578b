//! The identification report as one HTML file: no script, nothing loaded from elsewhere, every number a link to its
//! findings.

use crate::identification::{Conclusion, IdentificationReport};
use crate::style::STYLE;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) fn page(report: &IdentificationReport) -> String {
    let order = &report.order;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Identification report: " (order.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Identification report" }
                p {
                    (order.title) br;
                    span.soft { (order.id) ", " (order.issuer) ", issued " (order.issued) br; code { (order.digest) } br;
                        "Prepared " (report.prepared) " with " (report.tool) }
                }
                (conclusion(&report.conclusion))
                (products(report))
                (coverage(report))
                (findings(report))
                (methods(report))
                (asked(report))
                div.sign { div { "Name" } div { "Role and signature" } div { "Date" } }
            }
        }
    };
    page.into_string()
}

fn conclusion(conclusion: &Conclusion) -> Markup {
    let (class, head, statement, list) = match conclusion {
        Conclusion::Nil { statement } => ("box nil", "Nil report", statement, &[][..]),
        Conclusion::Found { statement, limits } => ("box found", "Products found", statement, limits.as_slice()),
        Conclusion::Refused { statement, reasons } => {
            ("box refused", "Not a nil report", statement, reasons.as_slice())
        }
    };
    html! {
        div class=(class) {
            strong { (head) } br; (statement)
            @if !list.is_empty() { ul { @for reason in list { li { (reason) } } } }
        }
    }
}

fn links(findings: &[String]) -> Markup {
    html! { @for (at, id) in findings.iter().enumerate() { @if at > 0 { ", " } a href=(format!("#{id}")) { code { (id) } } } }
}

fn products(report: &IdentificationReport) -> Markup {
    html! {
        h2 { "Products" }
        p { "Endpoints impacted: " strong { (report.endpoints_impacted) } "." }
        table {
            tr { th { "Product" } th { "Endpoints" } th { "By state" } th { "Findings behind the number" } }
            @for row in &report.products {
                tr {
                    td { (row.title) " " span.soft { (row.product) } }
                    td.n { (row.endpoints) }
                    td { @for (state, count) in &row.by_presence { (count) " " (state) " " } }
                    td { (links(&row.findings)) }
                }
            }
            @if report.products.is_empty() { tr { td { "none" } td.n { "0" } td {} td {} } }
        }
        @if !report.components.is_empty() {
            h3 { "By component" }
            table {
                tr { th { "Component" } th { "Product" } th { "Endpoints" } th { "Mission functions" } th { "Findings behind the number" } }
                @for row in &report.components {
                    tr {
                        td { @if row.component.is_empty() { span.soft { "not in the list of known assets" } } @else { (row.component) } }
                        td { (row.title) }
                        td.n { (row.endpoints) }
                        td { (row.mission_functions.join(", ")) }
                        td { (links(&row.findings)) }
                    }
                }
            }
        }
    }
}

fn coverage(report: &IdentificationReport) -> Markup {
    html! {
        h2 { "Coverage" }
        @match report.known_assets {
            Some(known) => p { "Assets known: " (known) ". Looked at: " (report.looks.len()) ". Never looked at: " (report.never_looked_at.len()) "." },
            None => p { "No list of known assets was given: who was never looked at cannot be said." },
        }
        table {
            tr { th { "Asset" } th { "Component, mission function" } th { "System" } th { "Looked at" } th { "Privilege" } th { "Files" } th { "Findings" } th { "Open gaps" } }
            @for look in &report.looks {
                tr {
                    td { (look.asset) br; span.soft { (look.kind) " " code { (look.place) } } }
                    td { (look.component) @if !look.mission_function.is_empty() { ", " (look.mission_function) } }
                    td { (look.os) }
                    td.w { (look.started) br; @if look.finished.is_empty() { span.open { "cut off" } } @else { (look.finished) } }
                    td { (look.privilege) }
                    td.n { (look.files) } td.n { (look.findings) } td.n { (look.open_gaps) }
                }
            }
            @for known in &report.never_looked_at {
                tr { td { (known.name) } td { (known.component) @if !known.mission_function.is_empty() { ", " (known.mission_function) } } td {} td { span.open { "never" } } td {} td {} td {} td {} }
            }
        }
        h3 { "Gaps" }
        @if report.gaps.is_empty() { p { "None." } }
        @for gap in &report.gaps {
            p {
                @if gap.open { span.open { "Open: " } }
                strong { (gap.count) " " (gap.reason) } " on " (gap.asset) "; could hide " (gap.hides) ". "
                @if gap.open { "Way out: " (gap.way_out) "." }
                @else if gap.accepted.is_empty() { "They could not hide what this order asks for." }
                @else { "Accepted by " (gap.accepted) }
            }
            ul {
                @for place in &gap.places { li { code { (place) } } }
                @if gap.count > gap.places.len() { li.soft { "and " (gap.count - gap.places.len()) " more: the JSON of identify lists all" } }
            }
        }
        @if !report.not_looked_for.is_empty() { p { "Not looked for by these methods: " (report.not_looked_for.join(", ")) "." } }
        @if !report.excluded.is_empty() {
            h3 { "Left out on purpose" }
            ul { @for line in &report.excluded { li { code { (line) } } } }
        }
    }
}

fn findings(report: &IdentificationReport) -> Markup {
    html! {
        h2 { "Findings" }
        @if report.findings.is_empty() { p { "None." } }
        @for row in &report.findings {
            article id=(row.id) {
                h3 { code { (row.id) } " " (row.title) " on " (row.asset) }
                p {
                    span class=(row.standing.split(' ').next().unwrap_or_default()) { (row.standing) } ", "
                    (row.presence) ", " (row.grade) ". " (row.reason)
                    @if !row.ruling.is_empty() { br; "Ruling of " (row.ruling) }
                }
                table {
                    tr { th { "Evidence" } th { "Value" } th { "Where" } th { "Indicator" } th { "SHA-256" } }
                    @for it in &row.evidence {
                        tr {
                            td { (it.kind.word()) " " code { (it.attribute) } }
                            td { code { (it.value) } @if !it.note.is_empty() { br; span.soft { (it.note) } } }
                            td { code { (it.locator) } }
                            td { code { (it.indicator) } " " (it.grade) @if it.supporting { ", supporting" } }
                            td { code { (it.sha256.as_deref().unwrap_or("-")) } }
                        }
                    }
                }
            }
        }
    }
}

fn methods(report: &IdentificationReport) -> Markup {
    html! {
        h2 { "Methodologies" }
        table {
            tr { th { "Collector" } th { "Reads" } th { "Cannot see" } th { "Artifacts" } th { "State" } }
            @for row in &report.methodologies {
                tr { td.w { (row.collector) " " span.soft { (row.version) } } td { (row.what) } td { (row.cannot_see) } td.n { (row.artifacts) } td { (row.state) } }
            }
        }
    }
}

fn asked(report: &IdentificationReport) -> Markup {
    html! {
        @if !report.fields.is_empty() {
            h2 { "What the issuer asks for" }
            table {
                tr { th { "Field" } th { "Filled by" } th { "Answer" } }
                @for row in &report.fields { tr { td { (row.label) } td { (row.filled_by) } td { (row.answer) } } }
            }
        }
        @if !report.traps.is_empty() {
            h2 { "What is easily read wrongly in this order" }
            ul { @for trap in &report.traps { li { (trap) } } }
        }
    }
}
