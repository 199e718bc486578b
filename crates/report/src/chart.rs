//! Charts: their numbers as a table, and their picture as SVG that needs no script and does not rely on colour alone.

use crate::document::{Cell, Chart, Section, Table};
use jiff::civil::Date;
use maud::{Markup, html};
use std::borrow::Cow;

/// The picture is this wide; the page scales it.
const WIDTH: f64 = 720.0;
/// Height of the burn-down's picture.
const HEIGHT: f64 = 300.0;
/// The burn-down's field: left and right edge, upper edge, base.
const FIELD: (f64, f64, f64, f64) = (56.0, 676.0, 28.0, 252.0);
/// The bars' field: left and right edge.
const BARS: (f64, f64) = (216.0, 660.0);
/// Height of one bar with the room below it.
const BAR: f64 = 28.0;
/// Dates on the axis stand at least this far apart.
const APART: f64 = 84.0;
/// A letter is about this wide.
const LETTER: f64 = 6.6;
/// What tells one part from another besides its colour: lines over an 8 x 8 tile.
const HATCHES: [&str; 6] = ["", "M0 8L8 0", "M0 4H8", "M0 0L8 8M0 8L8 0", "M4 0V8", "M2 2h1v1h-1zM6 6h1v1h-1z"];

/// The tables of a section as every form shows them: its own, and the numbers of its chart where that table does not
/// tell them.
pub(crate) fn tables(section: &Section) -> Vec<Cow<'_, Table>> {
    let told = |chart: &&Chart| section.table.as_ref().is_some_and(|table| columns(chart, table).is_some());
    let chart = section.chart.as_ref().filter(|chart| !told(chart));
    section.table.iter().map(Cow::Borrowed).chain(chart.map(|chart| Cow::Owned(numbers(chart)))).collect()
}

/// The columns of `table` that tell the numbers of `chart` row by row, one for each part; none: it does not tell them.
pub(crate) fn columns(chart: &Chart, table: &Table) -> Option<Vec<usize>> {
    let find = |part: &str| table.columns.iter().position(|title| title == part);
    let columns = parts(chart).into_iter().map(find).collect::<Option<Vec<usize>>>()?;
    let (bars, (rows, _)) = (bars(chart), table.parts());
    let same = |((name, sizes), row): (&(&str, &[u64]), &Vec<Cell>)| {
        matches!(row.first(), Some(Cell::Text(text) | Cell::Link(text)) if text == name)
            && columns.iter().zip(*sizes).all(|(column, size)| row.get(*column) == Some(&Cell::Number(*size)))
    };
    (bars.len() == rows.len() && bars.iter().zip(rows).all(same)).then_some(columns)
}

/// The numbers of a chart as a table.
fn numbers(chart: &Chart) -> Table {
    let (first, whole) = match chart {
        Chart::BurnDown { .. } => ("Day", false),
        Chart::Bars { parts, .. } => ("Bar", parts.len() > 1),
    };
    let mut titles = vec![first];
    titles.extend(parts(chart));
    titles.extend(whole.then_some("All"));
    let mut table = Table::of(&titles);
    for (name, sizes) in bars(chart) {
        let mut row = vec![Cell::from(name)];
        row.extend(sizes.iter().map(|size| Cell::Number(*size)));
        row.extend(whole.then(|| Cell::Number(sizes.iter().sum())));
        row.resize(titles.len(), Cell::from(""));
        table.rows.push(row);
    }
    table
}

fn parts(chart: &Chart) -> Vec<&str> {
    match chart {
        Chart::BurnDown { what, .. } => vec![what],
        Chart::Bars { parts, .. } => parts.iter().map(String::as_str).collect(),
    }
}

fn bars(chart: &Chart) -> Vec<(&str, &[u64])> {
    match chart {
        Chart::BurnDown { points, .. } => {
            points.iter().map(|(day, left)| (day.as_str(), std::slice::from_ref(left))).collect()
        }
        Chart::Bars { bars, .. } => bars.iter().map(|(name, sizes)| (name.as_str(), sizes.as_slice())).collect(),
    }
}

/// The picture. `id` begins the names of what it refers to, so that two pictures on one page stay apart.
pub(crate) fn picture(chart: &Chart, id: &str) -> Markup {
    match chart {
        Chart::BurnDown { what, total, points } if !points.is_empty() => burn_down(what, *total, points, id),
        Chart::Bars { parts, bars } if !parts.is_empty() && !bars.is_empty() => stacked(parts, bars, id),
        Chart::BurnDown { .. } | Chart::Bars { .. } => html! { p.soft { "There is nothing to draw yet." } },
    }
}

fn burn_down(what: &str, total: u64, points: &[(String, u64)], id: &str) -> Markup {
    let (left_edge, right_edge, upper, base) = FIELD;
    let highest = points.iter().map(|(_, left)| *left).fold(total, u64::max).max(1);
    let step = step(highest);
    let top = highest.div_ceil(step).saturating_mul(step);
    let y = |count: u64| base - (base - upper) * (count as f64 / top as f64);
    let x = across(points);
    let path: String = x.iter().zip(points).enumerate().fold(String::new(), |path, (at, (x, (_, left)))| {
        let (x, y) = (px(*x), px(y(*left)));
        if at == 0 { format!("M{x} {y}") } else { format!("{path}H{x}V{y}") }
    });
    let (first, last) = (&points[0], &points[points.len() - 1]);
    let (named, described) = (format!("{id}t"), format!("{id}d"));
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(format!("{named} {described}")) {
                title id=(named) { (what) " over time" }
                desc id=(described) {
                    (total) " at the beginning; " (first.1) " on " (first.0) ", " (last.1) " on " (last.0) ", by "
                    (points.len()) @if points.len() == 1 { " point" } @else { " points" } ". The target is 0."
                }
                @for count in (0..=top / step).map(|tick| tick * step) {
                    line.axis x1=(px(left_edge)) y1=(px(y(count))) x2=(px(right_edge)) y2=(px(y(count))) {}
                    text x=(px(left_edge - 8.0)) y=(px(y(count) + 4.0)) text-anchor="end" { (count) }
                }
                @if total > 0 {
                    line.begin x1=(px(left_edge)) y1=(px(y(total))) x2=(px(right_edge)) y2=(px(y(total))) {}
                    text x=(px(right_edge)) y=(px(y(total) - 6.0)) text-anchor="end" { "at the beginning: " (total) }
                }
                line.target x1=(px(left_edge)) y1=(px(base)) x2=(px(right_edge)) y2=(px(base)) {}
                text x=(px(left_edge + 6.0)) y=(px(base - 6.0)) { "target: 0" }
                path.step d=(path) {}
                @for (x, (day, left)) in x.iter().zip(points) {
                    circle.dot cx=(px(*x)) cy=(px(y(*left))) r="3.5" { title { (day) ": " (left) } }
                }
                @for at in labelled(&x) {
                    text.in x=(px(x[at])) y=(px(y(points[at].1) - 8.0)) text-anchor="middle" { (points[at].1) }
                    line.axis x1=(px(x[at])) y1=(px(base)) x2=(px(x[at])) y2=(px(base + 5.0)) {}
                    text x=(px(x[at])) y=(px(base + 20.0)) text-anchor="middle" { (points[at].0) }
                }
            }
        }
    }
}

/// The smallest of 1, 2, 5, 10, 20, 50 ... that reaches the highest count in at most five steps.
fn step(highest: u64) -> u64 {
    std::iter::successors(Some(1_u64), |unit| unit.checked_mul(10))
        .flat_map(|unit| [1, 2, 5].map(|factor| unit.saturating_mul(factor)))
        .find(|step| highest.div_ceil(*step) <= 5)
        .unwrap_or(highest)
}

/// Where each point stands: by its date, or evenly where one of them has none.
fn across(points: &[(String, u64)]) -> Vec<f64> {
    let dates: Option<Vec<Date>> = points.iter().map(|(day, _)| day.get(..10)?.parse::<Date>().ok()).collect();
    let since: Vec<f64> = match dates {
        Some(dates) => {
            let days = |date: &Date| dates[0].until(*date).map_or(0, |span| span.get_days().max(0));
            dates.iter().map(|date| f64::from(days(date))).collect()
        }
        None => (0..points.len()).map(|at| at as f64).collect(),
    };
    let longest = since.iter().copied().fold(0.0, f64::max);
    let (left, right, ..) = FIELD;
    since
        .into_iter()
        .map(|since| if longest > 0.0 { left + (right - left) * since / longest } else { left.midpoint(right) })
        .collect()
}

/// The points whose date and count are written out: the last, and before it all that stand far enough apart.
fn labelled(x: &[f64]) -> Vec<usize> {
    let Some((last, before)) = x.split_last() else { return Vec::new() };
    let mut chosen: Vec<usize> = Vec::new();
    for (at, here) in before.iter().enumerate() {
        if chosen.last().is_none_or(|previous| here - x[*previous] >= APART) && last - here >= APART {
            chosen.push(at);
        }
    }
    chosen.push(before.len());
    chosen
}

fn stacked(parts: &[String], bars: &[(String, Vec<u64>)], id: &str) -> Markup {
    let legend = legend(parts);
    let upper = legend.last().map_or(0.0, |(_, y)| y + 34.0);
    let height = upper + BAR * bars.len() as f64;
    let largest = bars.iter().map(|(_, sizes)| sizes.iter().sum::<u64>()).fold(1, u64::max);
    let (named, described) = (format!("{id}t"), format!("{id}d"));
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {}", px(height))) role="img"
                aria-labelledby=(format!("{named} {described}")) {
                title id=(named) { (parts.join(", ")) }
                desc id=(described) { (said(parts, bars)) }
                defs {
                    @for (part, hatch) in HATCHES.iter().enumerate() {
                        pattern id=(format!("{id}p{part}")) width="8" height="8" patternUnits="userSpaceOnUse" {
                            rect class=(format!("p{part}")) width="8" height="8" {}
                            @if !hatch.is_empty() { path.hatch d=(hatch) {} }
                        }
                    }
                }
                @for (part, (name, (x, y))) in parts.iter().zip(&legend).enumerate() {
                    rect.edge x=(px(*x)) y=(px(*y)) width="16" height="16" fill=(fill(id, part)) {}
                    text x=(px(x + 22.0)) y=(px(y + 12.0)) { (name) }
                }
                @for (at, (name, sizes)) in bars.iter().enumerate() {
                    (bar(name, sizes, parts, upper + BAR * at as f64, largest, id))
                }
            }
        }
    }
}

fn bar(name: &str, sizes: &[u64], parts: &[String], y: f64, largest: u64, id: &str) -> Markup {
    let scale = (BARS.1 - BARS.0) / largest as f64;
    let starts = sizes.iter().scan(0_u64, |sum, size| {
        let start = *sum;
        *sum += size;
        Some(start)
    });
    let all: u64 = sizes.iter().sum();
    html! {
        g {
            text x=(px(BARS.0 - 8.0)) y=(px(y + 15.0)) text-anchor="end" { title { (name) } (short(name)) }
            @for (part, (size, start)) in sizes.iter().zip(starts).enumerate().filter(|(_, (size, _))| **size > 0) {
                @let (x, wide) = (BARS.0 + scale * start as f64, scale * *size as f64);
                rect.edge x=(px(x)) y=(px(y)) width=(px(wide)) height="20" fill=(fill(id, part)) {
                    title { (parts.get(part).map(String::as_str).unwrap_or_default()) ": " (size) }
                }
                @if wide >= 8.0 + LETTER * size.to_string().len() as f64 {
                    text.in x=(px(x + wide / 2.0)) y=(px(y + 14.0)) text-anchor="middle" { (size) }
                }
            }
            text x=(px(BARS.0 + scale * all as f64 + 6.0)) y=(px(y + 15.0)) { (all) }
        }
    }
}

/// What the bars say, in words.
fn said(parts: &[String], bars: &[(String, Vec<u64>)]) -> String {
    let bar = |(name, sizes): &(String, Vec<u64>)| {
        let sizes: Vec<String> = parts.iter().zip(sizes).map(|(part, size)| format!("{part} {size}")).collect();
        format!("{name}: {}.", sizes.join(", "))
    };
    bars.iter().map(bar).collect::<Vec<_>>().join(" ")
}

/// Where the swatch of each part stands: `(x, y)`, in as many lines as they need.
fn legend(parts: &[String]) -> Vec<(f64, f64)> {
    let (mut x, mut y) = (8.0, 4.0);
    let place = |part: &String| {
        let wide = 44.0 + LETTER * part.chars().count() as f64;
        if x > 8.0 && x + wide > WIDTH {
            (x, y) = (8.0, y + 22.0);
        }
        let here = (x, y);
        x += wide;
        here
    };
    parts.iter().map(place).collect()
}

fn fill(id: &str, part: usize) -> String {
    format!("url(#{id}p{})", part % HATCHES.len())
}

/// A name that fits before its bar.
fn short(name: &str) -> String {
    const MOST: usize = 29;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn(points: &[(&str, u64)]) -> Chart {
        let points = points.iter().map(|(day, left)| ((*day).to_owned(), *left)).collect();
        Chart::BurnDown { what: "Findings left".to_owned(), total: 40, points }
    }

    #[test]
    fn a_burn_down_is_a_step_line_and_one_point_is_enough() {
        let page = picture(&burn(&[("2017-12-12", 40), ("2018-01-11", 12), ("2018-01-12", 0)]), "~1").into_string();
        assert!(page.contains("<path class=\"step\" d=\"M56.0 28.0H656.0V184.8H676.0V252.0\"></path>"), "{page}");
        assert!(page.contains("<title id=\"~1t\">") && page.contains("<desc id=\"~1d\">"));
        assert!(page.contains("2017-12-12") && page.contains("target: 0"));
        let page = picture(&burn(&[("2017-12-12", 40)]), "~1").into_string();
        assert!(page.contains("d=\"M366.0 28.0\"") && page.contains(">2017-12-12</text>"), "{page}");
        let page = picture(&burn(&[]), "~1").into_string();
        assert!(page.contains("nothing to draw"), "{page}");
    }

    #[test]
    fn points_without_a_date_stand_evenly() {
        let points = [("a".to_owned(), 1), ("b".to_owned(), 1), ("c".to_owned(), 1)];
        assert_eq!(across(&points), [56.0, 366.0, 676.0]);
        assert_eq!(labelled(&[56.0, 60.0, 366.0, 670.0, 676.0]), [0, 2, 4]);
    }

    #[test]
    fn steps_are_round() {
        assert_eq!([1, 5, 6, 11, 40, 51, 4711].map(step), [1, 1, 2, 5, 10, 20, 1000]);
        assert!(step(u64::MAX) > 1);
    }

    #[test]
    fn bars_tell_their_parts_by_pattern_and_text() {
        let parts = vec!["Gone".to_owned(), "Still there".to_owned()];
        let bars = vec![("<b>Endpoint</b>".to_owned(), vec![30, 10]), ("nothing".to_owned(), vec![0, 0])];
        let chart = Chart::Bars { parts, bars };
        let page = picture(&chart, "~2").into_string();
        assert!(page.contains("url(#~2p0)") && page.contains("url(#~2p1)"), "{page}");
        assert!(page.contains("&lt;b&gt;Endpoint&lt;/b&gt;") && !page.contains("<b>"), "{page}");
        assert!(page.contains(">30</text>") && page.contains(">10</text>") && page.contains(">40</text>"), "{page}");
    }

    #[test]
    fn a_table_that_tells_the_numbers_stands_for_the_chart() {
        let chart = Chart::Bars { parts: vec!["Gone".to_owned()], bars: vec![("KES".to_owned(), vec![3])] };
        let mut table = Table::of(&["Product", "Gone"]);
        table.rows.push(vec!["KES".into(), Cell::Number(3)]);
        let table = table.summed("All", &[1]);
        let mut section = Section { chart: Some(chart), table: Some(table), ..Section::default() };
        assert_eq!(tables(&section).len(), 1);
        section.table.as_mut().unwrap().rows[0][1] = Cell::Number(2);
        let both = tables(&section);
        assert_eq!(both[1].rows, [[Cell::from("KES"), Cell::Number(3)]]);
    }
}
