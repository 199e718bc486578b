//! A report as people read it, before it has a form: sections of text, tables and charts. HTML, Markdown and XLSX are
//! written from this and nothing else, so that they carry the same numbers.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Labels and values at its head: order, issuer, prepared, tool, digest. An empty value is one that a person must
    /// still fill in.
    pub head: Vec<(String, String)>,
    /// What it comes to, in one or two sentences.
    pub conclusion: String,
    /// Its sections.
    pub sections: Vec<Section>,
}

/// One section.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Section {
    /// Its title; in a workbook, the name of its sheet.
    pub title: String,
    /// Paragraphs before the table.
    pub text: Vec<String>,
    /// A chart.
    pub chart: Option<Chart>,
    /// A table.
    pub table: Option<Table>,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// The columns' titles.
    pub columns: Vec<String>,
    /// The rows; each has as many cells as there are columns.
    pub rows: Vec<Vec<Cell>>,
    /// The last row is the sum of those above.
    pub total: bool,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A number; a workbook keeps it as one.
    Number(u64),
    /// Text.
    Text(String),
    /// Text that refers to a row elsewhere in the report by its name (a finding, an asset).
    Link(String),
    /// Something a person must still fill in.
    Open,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Chart {
    /// How much is left over time: `(day, open)`, oldest first, of `total` at the beginning.
    BurnDown {
        /// What is counted.
        what: String,
        /// How many there were at the beginning.
        total: u64,
        /// Day (RFC 3339 date) and how many were left then.
        points: Vec<(String, u64)>,
    },
    /// Parts of wholes: one bar for each row, one part for each state.
    Bars {
        /// The names of the parts, in order.
        parts: Vec<String>,
        /// Each bar's name and the size of its parts.
        bars: Vec<(String, Vec<u64>)>,
    },
}

impl Document {
    /// Where links lead: the names that a link refers to and that stand in the first cell of a row, each with its
    /// section and row. Where several rows have the name, the first is meant.
    pub(crate) fn targets(&self) -> BTreeMap<&str, (usize, usize)> {
        let tables =
            || self.sections.iter().enumerate().filter_map(|(at, section)| Some((at, section.table.as_ref()?)));
        let linked: BTreeSet<&str> = tables()
            .flat_map(|(_, table)| table.rows.iter().flatten())
            .filter_map(|cell| if let Cell::Link(name) = cell { Some(name.as_str()) } else { None })
            .collect();
        let mut targets = BTreeMap::new();
        for (section, table) in tables() {
            for (row, cells) in table.parts().0.iter().enumerate() {
                if let Some(Cell::Text(name)) = cells.first()
                    && linked.contains(name.as_str())
                {
                    targets.entry(name.as_str()).or_insert((section, row));
                }
            }
        }
        targets
    }
}

impl Section {
    /// A section without a chart.
    pub(crate) fn of(title: &str, text: Vec<String>, table: Option<Table>) -> Self {
        Self { title: title.to_owned(), text, chart: None, table }
    }
}

impl Table {
    /// A table with these columns.
    pub fn of(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(|title| (*title).to_owned()).collect(), ..Self::default() }
    }

    /// The same with a last row that begins with `label` and sums these columns.
    #[must_use]
    pub fn summed(mut self, label: &str, columns: &[usize]) -> Self {
        let sum = |column: usize| -> u64 {
            let number = |row: &Vec<Cell>| if let Some(Cell::Number(number)) = row.get(column) { *number } else { 0 };
            self.rows.iter().map(number).sum()
        };
        let cell = |column| if columns.contains(&column) { Cell::Number(sum(column)) } else { Cell::from("") };
        let mut last: Vec<Cell> = (0..self.columns.len()).map(cell).collect();
        if let Some(first) = last.first_mut() {
            *first = label.into();
        }
        self.rows.push(last);
        self.total = true;
        self
    }

    /// The rows, and the row of their sums where there is one.
    pub(crate) fn parts(&self) -> (&[Vec<Cell>], Option<&Vec<Cell>>) {
        match self.rows.split_last() {
            Some((last, rows)) if self.total => (rows, Some(last)),
            _ => (&self.rows, None),
        }
    }
}

impl Cell {
    /// The text; where it is empty, something a person must still fill in.
    pub fn or_open(text: &str) -> Self {
        if text.trim().is_empty() { Self::Open } else { text.into() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Number(number as u64)
    }
}

/// So many of something: `1 finding`, `2 findings`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_sums_the_rows_above() {
        let mut table = Table::of(&["Product", "Endpoints", "Note"]);
        table.rows.push(vec!["KES".into(), Cell::Number(2), "9".into()]);
        table.rows.push(vec!["KSC".into(), Cell::Open, "".into()]);
        table.rows.push(vec!["KAV".into(), Cell::Number(3), "".into()]);
        let table = table.summed("All", &[1]);
        let (rows, sums) = table.parts();
        assert_eq!((rows.len(), sums.cloned()), (3, Some(vec!["All".into(), Cell::Number(5), "".into()])));
        let nothing = Table::of(&["Product", "Endpoints"]).summed("All", &[1]);
        assert_eq!(nothing.rows, [[Cell::from("All"), Cell::Number(0)]]);
    }

    #[test]
    fn a_link_leads_to_the_first_row_of_that_name_and_never_to_a_sum() {
        let mut assets = Table::of(&["Asset", "See"]);
        assets.rows.push(vec!["pc7".into(), Cell::Link("pc7".to_owned())]);
        assets.rows.push(vec!["pc7".into(), Cell::Link("All".to_owned())]);
        let section = Section { table: Some(assets.summed("All", &[])), ..Section::default() };
        let empty = Section::default();
        let sections = vec![empty, section];
        let document = Document { title: String::new(), head: vec![], conclusion: String::new(), sections };
        assert_eq!(document.targets().into_iter().collect::<Vec<_>>(), [("pc7", (1, 0))]);
    }
}
