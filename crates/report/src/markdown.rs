//! The identification report as Markdown.

use crate::identification::{Conclusion, IdentificationReport};
use std::fmt::Write;

pub(crate) fn page(report: &IdentificationReport) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, report);
    out
}

/// Text from elsewhere inside a table or line: it must not end the cell or begin a tag.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ").replace('`', "'")
}

fn links(findings: &[String]) -> String {
    findings.iter().map(|id| format!("[{id}](#{id})")).collect::<Vec<_>>().join(", ")
}

fn write(out: &mut String, report: &IdentificationReport) -> std::fmt::Result {
    let order = &report.order;
    writeln!(out, "# Identification report: {}\n", cell(&order.title))?;
    writeln!(out, "Order `{}` of {}, issued {}, `{}`.  ", order.id, cell(&order.issuer), order.issued, order.digest)?;
    writeln!(out, "Prepared {} with {}.\n", report.prepared, report.tool)?;
    writeln!(out, "## Conclusion\n")?;
    let (head, statement, list) = match &report.conclusion {
        Conclusion::Nil { statement } => ("Nil report.", statement, &[][..]),
        Conclusion::Found { statement, limits } => ("Products found.", statement, limits.as_slice()),
        Conclusion::Refused { statement, reasons } => ("Not a nil report.", statement, reasons.as_slice()),
    };
    writeln!(out, "**{head}** {statement}\n")?;
    list.iter().try_for_each(|reason| writeln!(out, "- {}", cell(reason)))?;

    writeln!(out, "\n## Products\n\nEndpoints impacted: {}.\n", report.endpoints_impacted)?;
    writeln!(out, "| product | endpoints | by state | findings |\n| --- | ---: | --- | --- |")?;
    for row in &report.products {
        let states: Vec<_> = row.by_presence.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let findings = links(&row.findings);
        writeln!(out, "| {} | {} | {} | {findings} |", cell(&row.title), row.endpoints, states.join(", "))?;
    }
    if report.products.is_empty() {
        writeln!(out, "| none | 0 | | |")?;
    }
    if !report.components.is_empty() {
        writeln!(out, "\n## Components\n\n| component | product | endpoints | mission functions | findings |")?;
        writeln!(out, "| --- | --- | ---: | --- | --- |")?;
        for row in &report.components {
            let component = if row.component.is_empty() { "(not in the list of known assets)" } else { &row.component };
            let missions = cell(&row.mission_functions.join(", "));
            let findings = links(&row.findings);
            writeln!(
                out,
                "| {} | {} | {} | {missions} | {findings} |",
                cell(component),
                cell(&row.title),
                row.endpoints
            )?;
        }
    }

    writeln!(out, "\n## Coverage\n")?;
    match report.known_assets {
        Some(known) => writeln!(
            out,
            "Assets known: {known}. Looked at: {}. Never looked at: {}.\n",
            report.looks.len(),
            report.never_looked_at.len()
        )?,
        None => writeln!(out, "No list of known assets was given: who was never looked at cannot be said.\n")?,
    }
    writeln!(out, "| asset | component | system | looked at | privilege | files | findings | open gaps |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | ---: | ---: | ---: |")?;
    for look in &report.looks {
        let finished = if look.finished.is_empty() { "cut off" } else { &look.finished };
        writeln!(
            out,
            "| {} ({}) | {} | {} | {} to {finished} | {} | {} | {} | {} |",
            cell(&look.asset),
            cell(&look.place),
            cell(&look.component),
            cell(&look.os),
            look.started,
            cell(&look.privilege),
            look.files,
            look.findings,
            look.open_gaps
        )?;
    }
    for known in &report.never_looked_at {
        writeln!(out, "| {} | {} | | **never** | | | | |", cell(&known.name), cell(&known.component))?;
    }
    writeln!(out, "\n### Gaps\n")?;
    if report.gaps.is_empty() {
        writeln!(out, "None.")?;
    }
    for gap in &report.gaps {
        let standing = match (gap.open, gap.accepted.is_empty()) {
            (true, _) => format!("open; {}", gap.way_out),
            (false, false) => format!("accepted by {}", gap.accepted),
            (false, true) => "could not hide what this order asks for".to_owned(),
        };
        writeln!(
            out,
            "- **{} {}** on {}: could hide {}; {}.",
            gap.count,
            gap.reason,
            cell(&gap.asset),
            gap.hides,
            cell(&standing)
        )?;
        gap.places.iter().try_for_each(|place| writeln!(out, "  - `{}`", cell(place)))?;
        if gap.count > gap.places.len() {
            writeln!(out, "  - and {} more: the JSON of `identify` lists all", gap.count - gap.places.len())?;
        }
    }
    if !report.not_looked_for.is_empty() {
        writeln!(out, "\nNot looked for by these methods: {}.", report.not_looked_for.join(", "))?;
    }
    if !report.excluded.is_empty() {
        writeln!(out, "\n### Left out on purpose\n")?;
        report.excluded.iter().try_for_each(|line| writeln!(out, "- {}", cell(line)))?;
    }

    writeln!(out, "\n## Findings\n")?;
    if report.findings.is_empty() {
        writeln!(out, "None.")?;
    }
    for row in &report.findings {
        writeln!(out, "### <a id=\"{}\"></a>{} {} on {}\n", row.id, row.id, cell(&row.title), cell(&row.asset))?;
        writeln!(out, "{}, {}: **{}**. {}\n", row.presence, row.grade, row.standing, cell(&row.reason))?;
        if !row.ruling.is_empty() {
            writeln!(out, "Ruling of {}\n", cell(&row.ruling))?;
        }
        writeln!(out, "| evidence | value | where | indicator | SHA-256 |\n| --- | --- | --- | --- | --- |")?;
        for it in &row.evidence {
            writeln!(
                out,
                "| {} {} | {} {} | {} | {} ({}) | {} |",
                it.kind.word(),
                it.attribute,
                cell(&it.value),
                cell(&it.note),
                cell(it.locator.as_str()),
                it.indicator,
                it.grade,
                it.sha256.as_deref().unwrap_or("-")
            )?;
        }
        writeln!(out)?;
    }

    writeln!(out, "\n## Methodologies\n\n| collector | reads | cannot see | artifacts | state |")?;
    writeln!(out, "| --- | --- | --- | ---: | --- |")?;
    for row in &report.methodologies {
        let (what, cannot) = (cell(&row.what), cell(&row.cannot_see));
        writeln!(out, "| {} {} | {what} | {cannot} | {} | {} |", row.collector, row.version, row.artifacts, row.state)?;
    }
    if !report.fields.is_empty() {
        writeln!(out, "\n## What the issuer asks for\n\n| field | filled by | answer |\n| --- | --- | --- |")?;
        for row in &report.fields {
            writeln!(out, "| {} | {} | {} |", cell(&row.label), row.filled_by, row.answer)?;
        }
    }
    if !report.traps.is_empty() {
        writeln!(out, "\n## What is easily read wrongly in this order\n")?;
        report.traps.iter().try_for_each(|trap| writeln!(out, "- {}", cell(trap)))?;
    }
    Ok(())
}
