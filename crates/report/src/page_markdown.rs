//! A document as Markdown: the same text, tables and links; a chart becomes the table of its numbers.

use crate::chart;
use crate::document::{Cell, Document, Section, Table};
use crate::page::{OPEN, anchor};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// The names that links lead to, each with its section and row.
type Targets<'a> = BTreeMap<&'a str, (usize, usize)>;

/// The document as Markdown.
pub fn markdown(document: &Document) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, document);
    out
}

/// Text from elsewhere: it must not end a cell, begin a tag, a link or a picture, or be read as code.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.trim_end().replace("\r\n", "\n").chars() {
        match letter {
            '\\' | '`' | '|' | '[' | ']' | '*' | '_' | '~' => out.extend(['\\', letter]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push_str("<br>"),
            _ if letter.is_control() => out.push(' '),
            _ => out.push(letter),
        }
    }
    // At the beginning of a line these would make a heading or a list.
    if out.starts_with(['#', '-', '+', '=']) {
        out.insert(0, '\\');
    }
    out
}

fn write(out: &mut String, document: &Document) -> fmt::Result {
    writeln!(out, "# {}\n", escape(&document.title))?;
    for (label, value) in &document.head {
        let value = if value.trim().is_empty() { open() } else { escape(value) };
        writeln!(out, "- **{}:** {value}", escape(label))?;
    }
    writeln!(out, "\n**Conclusion.** {}", escape(&document.conclusion))?;
    let targets = document.targets();
    for (at, section) in document.sections.iter().enumerate() {
        write_section(out, at, section, &targets)?;
    }
    Ok(())
}

fn write_section(out: &mut String, at: usize, section: &Section, targets: &Targets<'_>) -> fmt::Result {
    writeln!(out, "\n## {}", escape(&section.title))?;
    section.text.iter().try_for_each(|paragraph| writeln!(out, "\n{}", escape(paragraph)))?;
    for (which, table) in chart::tables(section).iter().enumerate() {
        let own = which == 0 && section.table.is_some();
        write_table(out, table, own.then_some(at), targets)?;
    }
    Ok(())
}

/// One table; `section` is where it is, if links may lead to its rows.
fn write_table(out: &mut String, table: &Table, section: Option<usize>, targets: &Targets<'_>) -> fmt::Result {
    let (rows, sums) = table.parts();
    if table.columns.is_empty() {
        return Ok(());
    }
    let number = |column: usize| rows.iter().any(|row| matches!(row.get(column), Some(Cell::Number(_))));
    let titles: Vec<String> = table.columns.iter().map(|title| escape(title)).collect();
    let lines = (0..titles.len()).map(|column| if number(column) { "---:" } else { "---" });
    writeln!(out, "\n| {} |\n| {} |", titles.join(" | "), lines.collect::<Vec<_>>().join(" | "))?;
    for (at, row) in rows.iter().enumerate() {
        let place = match row.first() {
            Some(Cell::Text(name)) if section.is_some_and(|of| targets.get(name.as_str()) == Some(&(of, at))) => {
                format!("<a id=\"{}\"></a>", anchor(name))
            }
            _ => String::new(),
        };
        let cells: Vec<String> = row.iter().map(|it| cell(it, targets)).collect();
        writeln!(out, "| {place}{} |", cells.join(" | "))?;
    }
    if let Some(sums) = sums {
        let strong = |it: &Cell| match cell(it, targets) {
            text if text.is_empty() => text,
            text => format!("**{text}**"),
        };
        writeln!(out, "| {} |", sums.iter().map(strong).collect::<Vec<_>>().join(" | "))?;
    }
    Ok(())
}

fn cell(cell: &Cell, targets: &Targets<'_>) -> String {
    match cell {
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) => escape(text),
        Cell::Link(name) if targets.contains_key(name.as_str()) => format!("[{}](#{})", escape(name), anchor(name)),
        Cell::Link(name) => escape(name),
        Cell::Open => open(),
    }
}

fn open() -> String {
    format!("*({OPEN})*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Chart;

    #[test]
    fn nothing_ends_a_cell_or_begins_a_tag() {
        assert_eq!(escape("a|b`c`\nd<script>"), "a\\|b\\`c\\`<br>d&lt;script&gt;");
        assert_eq!(escape("![x](http://h/p.png) =cmd()"), "!\\[x\\](http://h/p.png) =cmd()");
        assert_eq!((escape("# no"), escape("=cmd()")), ("\\# no".to_owned(), "\\=cmd()".to_owned()));
        assert_eq!(escape("a\u{1b}[2Jb&lt;\r\n"), "a \\[2Jb&amp;lt;");
    }

    #[test]
    fn tables_links_sums_and_the_numbers_of_charts() {
        let mut table = Table::of(&["Finding", "Count", "Note"]);
        table.rows.push(vec!["F-1".into(), Cell::Number(2), Cell::Open]);
        table.rows.push(vec!["F-2".into(), Cell::Number(3), Cell::Link("F-1".to_owned())]);
        let chart = Chart::BurnDown {
            what: "Findings left".to_owned(),
            total: 5,
            points: vec![("2017-12-12".to_owned(), 5), ("2018-01-11".to_owned(), 4)],
        };
        let section = Section {
            title: "All".to_owned(),
            chart: Some(chart),
            table: Some(table.summed("All", &[1])),
            text: vec![],
        };
        let head = vec![("Agency".to_owned(), " ".to_owned())];
        let document =
            Document { title: "T".to_owned(), head, conclusion: "Five.".to_owned(), sections: vec![section] };
        let expected = "# T\n\n- **Agency:** *(to be filled in by a person)*\n\n**Conclusion.** Five.\n\n## All\n\n\
            | Finding | Count | Note |\n| --- | ---: | --- |\n\
            | <a id=\"F-1\"></a>F-1 | 2 | *(to be filled in by a person)* |\n| F-2 | 3 | [F-1](#F-1) |\n\
            | **All** | **5** |  |\n\n| Day | Findings left |\n| --- | ---: |\n| 2017-12-12 | 5 |\n\
            | 2018-01-11 | 4 |\n";
        assert_eq!(markdown(&document), expected);
    }
}
