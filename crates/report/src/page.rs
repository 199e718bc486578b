//! A document as one HTML file: no script, nothing loaded from elsewhere, charts as inline SVG, links that lead to the
//! row they name, and boxes for what a person must still fill in.

use crate::chart;
use crate::document::{Cell, Document, Section, Table};
use crate::style::STYLE;
use maud::{DOCTYPE, Markup, PreEscaped};
use std::collections::BTreeMap;

/// What stands where something must still be filled in.
pub(crate) const OPEN: &str = "to be filled in by a person";
/// Contents are listed from so many sections on.
const CONTENTS_FROM: usize = 4;

/// The names that links lead to, each with its section and row.
type Targets<'a> = BTreeMap<&'a str, (usize, usize)>;

/// The document as one self-contained page.
pub fn html(document: &Document) -> String {
    let targets = document.targets();
    let page = maud::html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (document.title) }
                dl.head {
                    @for (label, value) in &document.head {
                        dt { (label) }
                        dd { @if value.trim().is_empty() { (open()) } @else { (value) } }
                    }
                }
                div.box { strong { "Conclusion" } br; (document.conclusion) }
                @if document.sections.len() >= CONTENTS_FROM {
                    nav aria-label="Contents" {
                        ol {
                            @for (at, section) in document.sections.iter().enumerate() {
                                li { a href=(format!("#{}", place(at))) { (section.title) } }
                            }
                        }
                    }
                }
                @for (at, section) in document.sections.iter().enumerate() {
                    (section_of(at, section, &targets))
                }
            }
        }
    };
    page.into_string()
}

/// The name of a place on a page, as it stands in an address: letters, digits, `-`, `_`, `.` and `:` as they are, any
/// other byte as `~` and its number, so that different names stay different.
pub(crate) fn anchor(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut anchor, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte) {
            anchor.push(char::from(byte));
        } else {
            anchor.push_str(&format!("~{byte:02X}"));
        }
        anchor
    })
}

/// The place of a section: no anchor of a name looks like it.
fn place(section: usize) -> String {
    format!("~s{}", section + 1)
}

fn open() -> Markup {
    maud::html! { span.fill { (OPEN) } }
}

fn section_of(at: usize, section: &Section, targets: &Targets<'_>) -> Markup {
    let mine = |row: usize| {
        let name = section.table.as_ref().and_then(|table| table.rows.get(row)?.first());
        let Some(Cell::Text(name)) = name else { return None };
        (targets.get(name.as_str()) == Some(&(at, row))).then(|| anchor(name))
    };
    maud::html! {
        section id=(place(at)) {
            h2 { (section.title) }
            @for paragraph in &section.text { p { (paragraph) } }
            @if let Some(chart) = &section.chart { (chart::picture(chart, &place(at))) }
            @for (which, shown) in chart::tables(section).iter().enumerate() {
                @let own = which == 0 && section.table.is_some();
                (table(&section.title, shown, targets, &|row| if own { mine(row) } else { None }))
            }
        }
    }
}

/// One table; `id` gives the name of the place a row is, where a link leads there.
fn table(title: &str, table: &Table, targets: &Targets<'_>, id: &dyn Fn(usize) -> Option<String>) -> Markup {
    let (rows, sums) = table.parts();
    maud::html! {
        table {
            caption { (title) ": " (rows.len()) @if rows.len() == 1 { " row" } @else { " rows" } }
            thead { tr { @for column in &table.columns { th scope="col" { (column) } } } }
            tbody {
                @for (at, row) in rows.iter().enumerate() {
                    tr id=[id(at)] { @for it in row { (cell(it, targets)) } }
                }
            }
            @if let Some(sums) = sums {
                tfoot { tr { @for it in sums { (cell(it, targets)) } } }
            }
        }
    }
}

fn cell(cell: &Cell, targets: &Targets<'_>) -> Markup {
    maud::html! {
        @match cell {
            Cell::Number(number) => td.n { (number) },
            Cell::Text(text) => td.t { (text) },
            Cell::Link(name) if targets.contains_key(name.as_str()) => {
                td.t { a href=(format!("#{}", anchor(name))) { (name) } }
            }
            Cell::Link(name) => td.t { (name) },
            Cell::Open => td { (open()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Chart;

    fn document() -> Document {
        let mut assets = Table::of(&["Asset", "Note"]);
        assets.rows.push(vec!["pc 7".into(), "<script>alert(1)</script>".into()]);
        assets.rows.push(vec!["pc8".into(), Cell::Open]);
        let mut findings = Table::of(&["Finding", "Asset", "Count"]);
        findings.rows.push(vec!["F-1".into(), Cell::Link("pc 7".to_owned()), Cell::Number(2)]);
        findings.rows.push(vec!["F-2".into(), Cell::Link("unknown".to_owned()), Cell::Number(3)]);
        let bars = vec![("a".to_owned(), vec![1])];
        Document {
            title: "A <b>title</b>".to_owned(),
            head: vec![("Agency".to_owned(), String::new()), ("Order".to_owned(), "bod-17-01".to_owned())],
            conclusion: "Five & more.".to_owned(),
            sections: vec![
                Section { title: "Assets".to_owned(), table: Some(assets), ..Section::default() },
                Section {
                    title: "Findings".to_owned(),
                    text: vec!["Text.".to_owned()],
                    chart: Some(Chart::Bars { parts: vec!["Gone".to_owned()], bars }),
                    table: Some(findings.summed("All", &[2])),
                },
            ],
        }
    }

    #[test]
    fn what_others_wrote_stays_text() {
        let page = html(&document());
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("<h1>A &lt;b&gt;title&lt;/b&gt;</h1>") && page.contains("Five &amp; more."), "{page}");
    }

    #[test]
    fn links_lead_to_the_row_they_name_and_nowhere_else() {
        let page = html(&document());
        assert!(page.contains("<tr id=\"pc~207\">") && page.contains("<a href=\"#pc~207\">pc 7</a>"), "{page}");
        assert!(!page.contains("id=\"pc8\"") && !page.contains("#unknown"), "{page}");
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let different: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), different.len());
    }

    #[test]
    fn what_is_open_is_marked_and_sums_stand_apart() {
        let page = html(&document());
        assert_eq!(page.matches(OPEN).count(), 2);
        assert!(
            page.contains("<tfoot><tr><td class=\"t\">All</td><td class=\"t\"></td><td class=\"n\">5</td>"),
            "{page}"
        );
        // The chart says something the table does not: its numbers stand below.
        assert!(page.contains("<caption>Findings: 2 rows</caption>"), "{page}");
        assert!(page.contains("<caption>Findings: 1 row</caption>"), "{page}");
    }

    #[test]
    fn anchors_of_different_names_differ() {
        assert_eq!(anchor("deb:kesl-12.1_x"), "deb:kesl-12.1_x");
        assert_eq!((anchor("a b"), anchor("a~20b")), ("a~20b".to_owned(), "a~7E20b".to_owned()));
        assert!(!anchor("~s1").starts_with("~s"));
    }
}
