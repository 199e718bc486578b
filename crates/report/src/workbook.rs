//! A document as an Excel workbook, in the shape of the forms issuers hand out: a sheet with the head, the conclusion
//! and the list of sheets, then one sheet for each section, its numbers as numbers, its sums as formulas, its open
//! cells marked. Text stays text, whatever it begins with.

use crate::ReportError;
use crate::chart;
use crate::document::{Cell, Chart, Document, Section, Table};
use crate::page::OPEN;
use jiff::Timestamp;
use rust_xlsxwriter::utility::row_col_to_cell;
use rust_xlsxwriter::{
    Chart as Drawing, ChartDataLabel, ChartPatternFill, ChartPatternFillType as Pattern, ChartType, DocProperties,
    ExcelDateTime, Format, FormatAlign, FormatBorder, FormatPattern, Formula, Note, Url, Workbook, Worksheet,
    XlsxError,
};
use std::collections::{BTreeMap, BTreeSet};

/// Excel takes 32,767 UTF-16 units in a cell; what is longer is cut, and says so.
const MOST_TEXT: usize = 32_000;
/// Excel takes 65,530 links on a sheet; beyond that the names stand there without a link.
const MOST_LINKS: usize = 60_000;
/// So many open cells of a sheet get a note; all get the fill.
const MOST_NOTES: usize = 200;
/// A name of a sheet has at most so many UTF-16 units.
const MOST_NAME: usize = 31;
/// Columns are at least and at most so many digits wide.
const WIDTHS: (usize, usize) = (9, 60);
/// The height of one line of text, in points.
const LINE: f64 = 15.0;
/// Excel allows no higher row.
const HIGHEST: f64 = 409.0;
/// The head stays in sight where it does not take more lines than this.
const MOST_FROZEN: usize = 12;
/// The name of the first sheet.
const SUMMARY: &str = "Summary";
/// What tells one part of a bar from another besides its colour.
const PARTS: [(Pattern, &str); 6] = [
    (Pattern::Dotted90Percent, "#2F6F4F"),
    (Pattern::DiagonalStripesWideUpwards, "#C9A227"),
    (Pattern::HorizontalStripesDark, "#B5483A"),
    (Pattern::DiagonalStripesWideDownwards, "#7A3B69"),
    (Pattern::VerticalStripesDark, "#8A94A0"),
    (Pattern::Dotted30Percent, "#3F6FB5"),
];

/// The document as the bytes of an XLSX file. The same document gives the same bytes.
pub fn xlsx(document: &Document) -> Result<Vec<u8>, ReportError> {
    write(document).map_err(|error| ReportError::Write(error.to_string()))
}

fn write(document: &Document) -> Result<Vec<u8>, XlsxError> {
    let names = sheet_names(document);
    let mut links = BTreeMap::new();
    for (name, (section, row)) in document.targets() {
        let cell = row_col_to_cell(first_row(&document.sections[section]) + index::<u32>(row)?, 0);
        links.insert(name, format!("internal:'{}'!{cell}", names[section]));
    }
    let shared = Shared { looks: Looks::new(), links };
    let mut book = Workbook::new();
    let title: String = clean(&document.title).chars().take(200).collect();
    book.set_properties(&DocProperties::new().set_title(title).set_creation_datetime(&made(document)?));
    shared.summary(book.add_worksheet(), document, &names)?;
    for (section, name) in document.sections.iter().zip(&names) {
        let sheet = book.add_worksheet();
        sheet.set_name(name)?;
        shared.section(sheet, section, name)?;
    }
    book.save_to_buffer()
}

/// When the report was made: the instant or the day under `Prepared`. The clock of this machine is never asked.
fn made(document: &Document) -> Result<ExcelDateTime, XlsxError> {
    let prepared = document.head.iter().find(|(label, _)| label == "Prepared").map_or("", |(_, value)| value.as_str());
    let second = prepared.parse::<Timestamp>().map(Timestamp::as_second);
    let day = prepared.get(..10).and_then(|day| ExcelDateTime::parse_from_str(day).ok());
    match (second, day) {
        (Ok(second), _) => ExcelDateTime::from_timestamp(second),
        (Err(_), Some(day)) => Ok(day),
        (Err(_), None) => ExcelDateTime::from_timestamp(0),
    }
}

/// A name for the sheet of each section: short enough, without forbidden characters, no two alike.
fn sheet_names(document: &Document) -> Vec<String> {
    // Excel keeps "History" for itself and does not tell upper from lower case.
    let mut taken = BTreeSet::from([SUMMARY.to_lowercase(), "history".to_owned()]);
    let forbidden = |letter: char| letter.is_control() || "[]:*?/\\'\u{fffe}\u{ffff}".contains(letter);
    let name = |section: &Section| {
        let plain: String = section.title.chars().map(|it| if forbidden(it) { ' ' } else { it }).collect();
        let plain = if plain.trim().is_empty() { "Sheet" } else { plain.trim() };
        let mut name = within(plain, MOST_NAME);
        let mut number = 2;
        while !taken.insert(name.to_lowercase()) {
            let suffix = format!(" ({number})");
            name = within(plain, MOST_NAME - suffix.len()) + &suffix;
            number += 1;
        }
        name
    };
    document.sections.iter().map(name).collect()
}

/// The beginning of `text` that has at most so many UTF-16 units.
fn within(text: &str, most: usize) -> String {
    let mut length = 0;
    let fits = |letter: &char| {
        length += letter.len_utf16();
        length <= most
    };
    text.chars().take_while(fits).collect::<String>().trim_end().to_owned()
}

/// Text as a cell can hold it: without the letters that XML forbids, and not too long.
fn clean(text: &str) -> String {
    let forbidden =
        |letter: char| (letter.is_control() && !"\n\t".contains(letter)) || "\u{fffe}\u{ffff}".contains(letter);
    let allowed = |letter: char| if forbidden(letter) { char::REPLACEMENT_CHARACTER } else { letter };
    let mut text: String = text.replace("\r\n", "\n").chars().map(allowed).collect();
    if text.encode_utf16().count() > MOST_TEXT {
        text = within(&text, MOST_TEXT) + " ... (cut: more than a cell can hold)";
    }
    // The writer takes a text between these for markup of its own and would write it as it is.
    if text.starts_with("<r>") { format!(" {text}") } else { text }
}

/// Row and column numbers of Excel are narrower than ours.
fn index<T: TryFrom<usize>>(at: usize) -> Result<T, XlsxError> {
    T::try_from(at).map_err(|_| XlsxError::RowColumnLimitError)
}

/// The row of the columns' titles: below the section's title, its paragraphs and an empty row.
fn head_row(section: &Section) -> u32 {
    u32::try_from(section.text.len()).unwrap_or(u32::MAX / 2) + 2
}

fn first_row(section: &Section) -> u32 {
    head_row(section) + 1
}

/// How cells look.
struct Looks {
    title: Format,
    strong: Format,
    head: Format,
    text: Format,
    link: Format,
    number: Format,
    sum: Format,
    open: Format,
    paragraph: Format,
}

impl Looks {
    fn new() -> Self {
        let cell = Format::new().set_border(FormatBorder::Thin).set_border_color("#D6DBE1").set_align(FormatAlign::Top);
        let text = cell.clone().set_text_wrap();
        Self {
            title: Format::new().set_bold().set_font_size(14),
            strong: Format::new().set_bold().set_align(FormatAlign::Top),
            head: text.clone().set_bold().set_background_color("#F2F4F7"),
            link: text.clone().set_hyperlink(),
            number: cell.clone().set_num_format("0"),
            sum: cell.set_num_format("0").set_bold().set_border_top(FormatBorder::Medium),
            open: text
                .clone()
                .set_border(FormatBorder::Dashed)
                .set_border_color("#8A5300")
                .set_pattern(FormatPattern::LightUp)
                .set_background_color("#FFF8E1")
                .set_foreground_color("#E8D9A8"),
            paragraph: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            text,
        }
    }
}

/// What all sheets share: the looks, and where each name that links lead to stands.
struct Shared<'a> {
    looks: Looks,
    links: BTreeMap<&'a str, String>,
}

/// What is counted on one sheet.
#[derive(Default)]
struct Used {
    links: usize,
    notes: usize,
}

/// Where a table stands on its sheet.
#[derive(Clone, Copy)]
struct Spot {
    row: u32,
    column: u16,
}

impl Shared<'_> {
    fn summary(&self, sheet: &mut Worksheet, document: &Document, names: &[String]) -> Result<(), XlsxError> {
        let looks = &self.looks;
        let mut used = Used::default();
        sheet.set_name(SUMMARY)?;
        sheet.set_column_width(0, 30)?;
        sheet.set_column_width(1, 100)?;
        sheet.set_landscape().set_print_fit_to_pages(1, 0);
        sheet.write_string_with_format(0, 0, clean(&document.title), &looks.title)?;
        let mut row = 2;
        for (label, value) in &document.head {
            sheet.write_string_with_format(row, 0, clean(label), &looks.strong)?;
            self.cell(sheet, row, 1, &Cell::or_open(value), &mut used)?;
            row += 1;
        }
        row += 1;
        sheet.write_string_with_format(row, 0, "Conclusion", &looks.strong)?;
        sheet.write_string_with_format(row, 1, clean(&document.conclusion), &looks.text)?;
        row += 2;
        for (at, title) in ["Sheet", "What it says"].into_iter().enumerate() {
            sheet.write_string_with_format(row, index(at)?, title, &looks.head)?;
        }
        for (section, name) in document.sections.iter().zip(names) {
            row += 1;
            let link = Url::new(format!("internal:'{name}'!A1")).set_text(name);
            sheet.write_url_with_format(row, 0, link, &looks.link)?;
            sheet.write_string_with_format(row, 1, clean(&section.text.join("\n")), &looks.text)?;
        }
        Ok(())
    }

    fn section(&self, sheet: &mut Worksheet, section: &Section, name: &str) -> Result<(), XlsxError> {
        let looks = &self.looks;
        let tables = chart::tables(section);
        let head = head_row(section);
        let mut used = Used::default();
        let mut spots = Vec::new();
        let (mut column, mut wide) = (0_u16, 0);
        for (at, table) in tables.iter().enumerate() {
            let spot = Spot { row: head, column };
            let width = self.table(sheet, table, spot, &mut used)?;
            wide = if at == 0 { width } else { wide };
            spots.push(spot);
            column += index::<u16>(table.columns.len())? + 1;
        }
        if let Some(table) = tables.first().filter(|table| !table.columns.is_empty()) {
            let last = index::<u16>(table.columns.len())? - 1;
            let rows: u32 = index(table.parts().0.len())?;
            sheet.autofilter(head, 0, head + rows, last)?;
            sheet.set_repeat_rows(head, head)?;
        } else {
            sheet.set_column_width(0, 100)?;
            wide = 100;
        }
        let across = tables.first().map_or(1, |table| table.columns.len());
        let lines = self.text(sheet, section, across, wide.max(1))?;
        if !tables.is_empty() && lines <= MOST_FROZEN {
            sheet.set_freeze_panes(head + 1, 0)?;
        }
        sheet.write_string_with_format(0, 0, clean(&section.title), &looks.title)?;
        sheet.set_landscape().set_print_fit_to_pages(1, 0);
        // The numbers of the chart are those of the last table: its own, or that of the section, which tells them.
        if let Some(chart) = &section.chart
            && let Some((table, spot)) = tables.last().zip(spots.last())
            && let Some(columns) = chart::columns(chart, table)
            && let Some(drawing) = drawing(chart, section, table, &columns, *spot, name)?
        {
            sheet.insert_chart(head, column, &drawing)?;
        }
        Ok(())
    }

    /// The paragraphs, each over the whole width of the table; gives the lines that the title and they take.
    fn text(&self, sheet: &mut Worksheet, section: &Section, across: usize, wide: usize) -> Result<usize, XlsxError> {
        let look = &self.looks.paragraph;
        let mut all = 2;
        for (at, paragraph) in section.text.iter().enumerate() {
            let (row, paragraph) = (index::<u32>(at + 1)?, clean(paragraph));
            let lines: usize = paragraph.split('\n').map(|line| line.chars().count().div_ceil(wide).max(1)).sum();
            if across > 1 {
                sheet.merge_range(row, 0, row, index::<u16>(across)? - 1, &paragraph, look)?;
            } else {
                sheet.write_string_with_format(row, 0, paragraph, look)?;
            }
            sheet.set_row_height(row, (LINE * lines as f64).min(HIGHEST))?;
            all += lines;
        }
        Ok(all)
    }

    /// One table; gives how many digits wide it is.
    fn table(&self, sheet: &mut Worksheet, table: &Table, at: Spot, used: &mut Used) -> Result<usize, XlsxError> {
        let (rows, sums) = table.parts();
        let mut all = 0;
        for (place, title) in table.columns.iter().enumerate() {
            let column = at.column + index::<u16>(place)?;
            sheet.write_string_with_format(at.row, column, clean(title), &self.looks.head)?;
            let width = width(table, place);
            sheet.set_column_width(column, u32::try_from(width).unwrap_or_default())?;
            all += width;
        }
        for (down, row) in rows.iter().enumerate() {
            for (place, cell) in row.iter().enumerate() {
                let (row, column) = (at.row + 1 + index::<u32>(down)?, at.column + index::<u16>(place)?);
                self.cell(sheet, row, column, cell, used)?;
            }
        }
        for (place, cell) in sums.into_iter().flatten().enumerate() {
            let (down, column) = (index::<u32>(rows.len())?, at.column + index::<u16>(place)?);
            let row = at.row + 1 + down;
            match cell {
                Cell::Number(sum) if down > 0 && is_sum(rows, place, *sum) => {
                    let (from, to) = (row_col_to_cell(at.row + 1, column), row_col_to_cell(row - 1, column));
                    let formula = Formula::new(format!("=SUM({from}:{to})")).set_result(sum.to_string());
                    sheet.write_formula_with_format(row, column, formula, &self.looks.sum)?;
                }
                Cell::Number(sum) => {
                    sheet.write_number_with_format(row, column, *sum as f64, &self.looks.sum)?;
                }
                Cell::Text(text) | Cell::Link(text) => {
                    sheet.write_string_with_format(row, column, clean(text), &self.looks.sum)?;
                }
                Cell::Open => self.cell(sheet, row, column, cell, used)?,
            }
        }
        Ok(all)
    }

    fn cell(
        &self,
        sheet: &mut Worksheet,
        row: u32,
        column: u16,
        cell: &Cell,
        used: &mut Used,
    ) -> Result<(), XlsxError> {
        let looks = &self.looks;
        match cell {
            Cell::Number(number) => sheet.write_number_with_format(row, column, *number as f64, &looks.number)?,
            Cell::Text(text) => sheet.write_string_with_format(row, column, clean(text), &looks.text)?,
            Cell::Link(name) => match self.links.get(name.as_str()) {
                Some(place) if used.links < MOST_LINKS && !name.is_empty() => {
                    used.links += 1;
                    let link = Url::new(place).set_text(clean(name));
                    sheet.write_url_with_format(row, column, link, &looks.link)?
                }
                _ => sheet.write_string_with_format(row, column, clean(name), &looks.text)?,
            },
            Cell::Open => {
                if used.notes < MOST_NOTES {
                    used.notes += 1;
                    let note = Note::new(format!("This is {OPEN}.")).add_author_prefix(false);
                    sheet.insert_note(row, column, &note)?;
                }
                sheet.write_blank(row, column, &looks.open)?
            }
        };
        Ok(())
    }
}

/// Is the number the sum of its column? Only then a formula may stand for it.
fn is_sum(rows: &[Vec<Cell>], column: usize, sum: u64) -> bool {
    let number = |row: &Vec<Cell>| if let Some(Cell::Number(number)) = row.get(column) { *number } else { 0 };
    rows.iter().map(number).sum::<u64>() == sum
}

/// How wide a column is: as its longest line, within bounds. A long table is judged by its beginning.
fn width(table: &Table, column: usize) -> usize {
    let longest = |text: &str| text.split('\n').map(|line| line.chars().count()).max().unwrap_or_default();
    let cell = |row: &Vec<Cell>| match row.get(column) {
        Some(Cell::Text(text) | Cell::Link(text)) => longest(text),
        Some(Cell::Number(number)) => number.to_string().len(),
        Some(Cell::Open) => 24,
        None => 0,
    };
    // The title shares its cell with the button of the filter.
    let title = table.columns.get(column).map_or(0, |title| longest(title) + 3);
    let cells = table.rows.iter().take(1000).map(cell).max().unwrap_or_default() + 1;
    cells.max(title).clamp(WIDTHS.0, WIDTHS.1)
}

/// The chart as Excel draws it, from the columns of the table that tell its numbers.
fn drawing(
    chart: &Chart,
    section: &Section,
    table: &Table,
    columns: &[usize],
    at: Spot,
    sheet: &str,
) -> Result<Option<Drawing>, XlsxError> {
    let rows: u32 = index(table.parts().0.len())?;
    if rows == 0 || columns.is_empty() {
        return Ok(None);
    }
    let (first, last) = (at.row + 1, at.row + rows);
    let (kind, high) = match chart {
        Chart::BurnDown { .. } => (ChartType::Line, 320),
        Chart::Bars { .. } => (ChartType::BarStacked, rows.saturating_mul(30).saturating_add(140).min(1200)),
    };
    let mut drawing = Drawing::new(kind);
    for (part, column) in columns.iter().enumerate() {
        let column = at.column + index::<u16>(*column)?;
        let series = drawing.add_series();
        series
            .set_name((sheet, at.row, column))
            .set_categories((sheet, first, at.column, last, at.column))
            .set_values((sheet, first, column, last, column));
        if let Chart::Bars { .. } = chart {
            let (pattern, color) = PARTS[part % PARTS.len()];
            let mut fill = ChartPatternFill::new();
            fill.set_pattern(pattern).set_foreground_color(color).set_background_color("#FFFFFF");
            // Parts of size 0 get no label.
            series.set_format(&mut fill).set_gap(40);
            series.set_data_label(ChartDataLabel::new().show_value().set_num_format("0;;"));
        }
    }
    drawing.title().set_name(clean(&section.title).as_str());
    drawing.set_width(720).set_height(high);
    let said: String = match chart {
        Chart::BurnDown { what, .. } => format!("{what} over time; the numbers are in the table beside it"),
        Chart::Bars { .. } => format!("{}; the numbers are in the table beside it", section.title),
    };
    drawing.set_alt_text(within(&clean(&said), 250));
    Ok(Some(drawing))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::page::html;
    use crate::page_markdown::markdown;
    use calamine::{Data, Reader, Xlsx};
    use std::io::Cursor;

    type Book = Xlsx<Cursor<Vec<u8>>>;

    fn read(document: &Document) -> Book {
        Xlsx::new(Cursor::new(xlsx(document).unwrap())).unwrap()
    }

    fn number(book: &mut Book, sheet: usize, row: u32, column: u32) -> Option<u64> {
        let name = book.sheet_names()[sheet].clone();
        match book.worksheet_range(&name).unwrap().get_value((row, column)) {
            Some(Data::Float(number)) => Some(*number as u64),
            Some(Data::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Every number of the document stands in all three forms, in the same order and place.
    pub(crate) fn same_in_all_forms(document: &Document) {
        let tables: Vec<_> = document.sections.iter().map(chart::tables).collect();
        let numbers = tables.iter().flatten().flat_map(|table| table.rows.iter().flatten());
        let numbers: Vec<u64> =
            numbers.filter_map(|it| if let Cell::Number(n) = it { Some(*n) } else { None }).collect();

        let page = html(document);
        let cells = page.split("<td class=\"n\">").skip(1).map(|rest| rest.split('<').next().unwrap_or_default());
        assert_eq!(cells.map(|it| it.parse().unwrap()).collect::<Vec<u64>>(), numbers);

        // In Markdown a number looks like a text of digits.
        let digits = |it: &Cell| match it {
            Cell::Number(number) => Some(*number),
            Cell::Text(text) => text.parse().ok(),
            Cell::Link(_) | Cell::Open => None,
        };
        let expected = tables.iter().flatten().flat_map(|table| table.rows.iter().flatten()).filter_map(digits);
        let lines = markdown(document);
        let cells = lines.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split(" | "));
        let plain = cells.filter_map(|it| it.trim_matches(['|', ' ', '*']).parse::<u64>().ok());
        assert_eq!(plain.collect::<Vec<u64>>(), expected.collect::<Vec<u64>>());

        let mut book = read(document);
        for (at, (section, tables)) in document.sections.iter().zip(&tables).enumerate() {
            let mut left = 0;
            for table in tables {
                for (down, row) in table.rows.iter().enumerate() {
                    for (place, cell) in row.iter().enumerate() {
                        let row = first_row(section) + u32::try_from(down).unwrap();
                        let column = u32::try_from(left + place).unwrap();
                        let expected = if let Cell::Number(number) = cell { Some(*number) } else { None };
                        let found = number(&mut book, at + 1, row, column);
                        assert_eq!(found, expected, "{}: row {row}, column {column}", section.title);
                    }
                }
                left += table.columns.len() + 1;
            }
        }
    }

    fn document() -> Document {
        let mut table = Table::of(&["Finding", "Gone", "Left", "Note"]);
        table.rows.push(vec!["=cmd()".into(), Cell::Number(2), Cell::Number(1), "+1 <r><t>x</t></r>".into()]);
        table.rows.push(vec!["-F|2".into(), Cell::Number(3), Cell::Number(4), "<r><t>x</t></r>".into()]);
        table.rows.push(vec![Cell::Open, Cell::Number(0), Cell::Number(5), Cell::Link("@x\u{1}\u{ffff}".to_owned())]);
        table.rows.push(vec!["@x\u{1}\u{ffff}".into(), 7_u64.into(), 0_u64.into(), "<script>`a`\nb".into()]);
        let points = vec![("2017-12-12".to_owned(), 22), ("2018-01-11".to_owned(), 10)];
        let burn_down = Chart::BurnDown { what: "Findings left".to_owned(), total: 22, points };
        let bars = vec![("a".to_owned(), vec![4, 5]), ("b".to_owned(), vec![0, 6])];
        let bars = Chart::Bars { parts: vec!["Gone".to_owned(), "Left".to_owned()], bars };
        let of = |title: &str, chart: Option<Chart>, table: Option<Table>| Section {
            title: title.to_owned(),
            text: vec!["One.".to_owned(), "=2+3".to_owned()],
            chart,
            table,
        };
        Document {
            title: "=title()".to_owned(),
            head: vec![
                ("Agency".to_owned(), String::new()),
                ("Prepared".to_owned(), "2018-01-11T12:30:00Z".to_owned()),
            ],
            conclusion: "=1+1".to_owned(),
            sections: vec![
                of("Findings: all/some [*]?", Some(bars), Some(table.summed("All", &[1, 2]))),
                of("Burn-down", Some(burn_down), None),
                of("A title that is far too long for a sheet, one", None, None),
                of("A title that is far too long for a sheet, two", None, None),
                of("summary", None, Some(Table::of(&["Empty", "Sum"]).summed("All", &[1]))),
            ],
        }
    }

    #[test]
    fn another_program_reads_the_same_numbers() {
        same_in_all_forms(&document());
    }

    #[test]
    fn text_stays_text() {
        let mut book = read(&document());
        let name = book.sheet_names()[1].clone();
        let range = book.worksheet_range(&name).unwrap();
        let text = |row: u32, column: u32| match range.get_value((row, column)) {
            Some(Data::String(text)) => text.clone(),
            _ => String::new(),
        };
        assert_eq!((text(5, 0), text(6, 0)), ("=cmd()".to_owned(), "-F|2".to_owned()));
        assert_eq!((text(5, 3), text(6, 3)), ("+1 <r><t>x</t></r>".to_owned(), " <r><t>x</t></r>".to_owned()));
        assert_eq!((text(7, 3), text(8, 3)), ("@x\u{fffd}\u{fffd}".to_owned(), "<script>`a`\nb".to_owned()));
        assert_eq!(text(2, 0), "=2+3");
        let formulas = book.worksheet_formula(&name).unwrap();
        let formulas: Vec<&str> = formulas.used_cells().map(|(_, _, formula)| formula.as_str()).collect();
        assert_eq!(formulas, ["SUM(B6:B9)", "SUM(C6:C9)"]);
    }

    #[test]
    fn sheets_have_names_that_excel_takes() {
        let book = read(&document());
        let names = book.sheet_names();
        assert_eq!(names[..3], ["Summary", "Findings  all some", "Burn-down"]);
        assert_eq!(names[3..], ["A title that is far too long fo", "A title that is far too lon (2)", "summary (2)"]);
    }

    #[test]
    fn the_first_sheet_is_the_head() {
        let mut book = read(&document());
        let range = book.worksheet_range(SUMMARY).unwrap();
        let text = |row: u32, column: u32| range.get_value((row, column)).map(ToString::to_string).unwrap_or_default();
        assert_eq!((text(0, 0), text(2, 0), text(2, 1)), ("=title()".to_owned(), "Agency".to_owned(), String::new()));
        assert_eq!((text(5, 0), text(5, 1)), ("Conclusion".to_owned(), "=1+1".to_owned()));
        assert_eq!(text(8, 0), "Findings  all some");
    }

    #[test]
    fn the_same_document_gives_the_same_bytes() {
        assert_eq!(xlsx(&document()).unwrap(), xlsx(&document()).unwrap());
        let mut undated = document();
        undated.head.clear();
        assert!(xlsx(&undated).is_ok());
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let long = clean(&"\u{1f600}".repeat(20_000));
        assert!(long.encode_utf16().count() < 32_767 && long.ends_with("can hold)"));
    }
}
