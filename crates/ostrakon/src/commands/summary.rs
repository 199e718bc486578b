//! What `identify` tells people: the findings as a table, and what they come to.

use super::table;
use crate::terminal::printable;
use ostrakon_identify::identification::{Identification, Judged, JudgedGap};
use ostrakon_identify::{Answer, Evidence};
use ostrakon_model::{GapReason, MethodState, Presences};
use ostrakon_order::Order;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The findings of one order. `all` shows every piece of evidence.
pub(super) fn findings(order: &Order, answer: &Identification, all: bool) -> String {
    let mut out = format!("{} ({})\n", order.title, order.id);
    if answer.findings.is_empty() {
        let _ = writeln!(out, "No finding.\n{}", verdict(order, answer));
        return out;
    }
    let several = answer.assets.len() > 1;
    let mut rows = table(&["finding", "product", "presence", "grade", "scope"]);
    let mut details = String::new();
    let mut sorted: Vec<&Judged> = answer.findings.iter().collect();
    sorted.sort_by_key(|judged| (!judged.counts(), !judged.is_open(), !judged.in_scope));
    for judged in sorted {
        let finding = &judged.finding;
        let mut product = finding.title.clone();
        if !finding.root.is_empty() {
            let _ = write!(product, "\nbelow {}", printable(&finding.root));
        }
        if several {
            let _ = write!(product, "\non {}", printable(&name(answer, &finding.asset)));
        }
        let scope = match (judged.in_scope, &judged.ruling) {
            (false, _) => "out",
            (true, None) if judged.is_open() => "in, wants a ruling",
            (true, None) => "in",
            (true, Some(_)) if judged.counts() => "in, ruled to be it",
            (true, Some(_)) => "in, ruled out",
        };
        rows.add_row([&finding.id, &product, finding.presence.word(), finding.grade.word(), scope]);
        detail(&mut details, judged, all);
    }
    let _ = writeln!(out, "{rows}\n{details}{}", verdict(order, answer));
    out
}

/// What it comes to, in a line: part of the result, so that a file of it can stand alone.
fn verdict(order: &Order, answer: &Identification) -> String {
    let counting = answer.counting().count();
    let gaps = answer.coverage.gaps.iter().filter(|gap| gap.is_open()).count();
    let coverage =
        if answer.coverage.complete { "coverage is complete".to_owned() } else { format!("{gaps} open gap(s)") };
    let open = match answer.open().count() {
        0 => String::new(),
        open => format!(", {open} possible finding(s) want a ruling"),
    };
    match answer.answer() {
        Answer::Found => format!("{}: {counting} finding(s) in scope{open}; {coverage}.", order.id),
        Answer::NothingFound => format!("{}: nothing in scope; {coverage}.", order.id),
        Answer::Incomplete => {
            format!("{}: nothing that counts, and the answer is not whole: {coverage}{open}.", order.id)
        }
    }
}

/// Why a finding is in scope or not, and its evidence.
fn detail(out: &mut String, judged: &Judged, all: bool) {
    let finding = &judged.finding;
    let _ = writeln!(out, "{}  {}", finding.id, finding.title);
    let _ = writeln!(out, "    {}", judged.scope_reason);
    if let Some(ruling) = &judged.ruling {
        let _ = writeln!(out, "    Ruling of {}: {}", ruling.by, ruling.because);
    }
    for statement in &judged.disputed {
        let by = if statement.author.is_empty() { "somebody" } else { &statement.author };
        let says = format!("Disputed: {by} says {} in {}", statement.justification, statement.locator);
        let _ = writeln!(out, "    {}", printable(&says));
    }
    // Several indicators can fit one value: without -v it is said once.
    let mut evidence: Vec<&Evidence> = finding.evidence.iter().collect();
    if !all {
        let mut seen = BTreeSet::new();
        evidence.retain(|it| seen.insert((it.attribute, &it.value, &it.locator)));
    }
    let shown = if all { evidence.len() } else { 4 };
    for it in evidence.iter().take(shown) {
        let place = if it.locator.as_str() == it.value { String::new() } else { format!(" in {}", it.locator) };
        let note = if it.note.is_empty() { String::new() } else { format!(" ({})", it.note) };
        let by = if all { format!(" [{} {}]", it.indicator, it.grade) } else { String::new() };
        let _ = writeln!(out, "    {} {}{by}", it.attribute, printable(&format!("{}{place}{note}", it.value)));
    }
    if evidence.len() > shown {
        let _ = writeln!(out, "    and {} more (-v)", evidence.len() - shown);
    }
}

fn name(answer: &Identification, id: &str) -> String {
    let asset = answer.assets.iter().map(|(asset, _)| asset).find(|asset| asset.id == id);
    asset.map_or_else(|| id.to_owned(), |asset| asset.name.clone())
}

/// What the identification comes to, with what to do next.
pub(super) fn conclusion(order: &Order, answer: &Identification, all: bool) -> String {
    let coverage = &answer.coverage;
    let mut out = String::new();
    for (asset, look) in &answer.assets {
        let os = if asset.os.is_empty() { String::new() } else { format!(", {}", asset.os) };
        let line = format!("Looked at {} ({}{os}) as {}.", asset.name, look.place, look.privilege);
        let _ = writeln!(out, "{}", printable(&line));
    }
    let _ = writeln!(
        out,
        "{} files in {} folders, {} read, {} artifacts.",
        coverage.files,
        coverage.folders,
        size(coverage.bytes_read),
        coverage.artifacts
    );
    if coverage.members > 0 {
        let inflated = size(coverage.bytes_inflated);
        let _ = writeln!(out, "{} members of archives, {inflated} inflated.", coverage.members);
    }
    let unused: Vec<_> =
        answer.methodology.iter().filter(|method| method.state == MethodState::NeedsLiveHost).collect();
    if !unused.is_empty() {
        let names: Vec<_> = unused.iter().map(|method| method.collector.as_str()).collect();
        let _ = writeln!(out, "Not used, since the place is no running machine: {}.", names.join(", "));
    }
    gaps(&mut out, coverage.gaps.iter().filter(|gap| gap.is_open()).collect(), "open", all);
    let accepted: Vec<_> = coverage.gaps.iter().filter(|gap| gap.matters && gap.accepted.is_some()).collect();
    if let Some((by, because)) = accepted.first().and_then(|gap| gap.accepted.as_ref()) {
        let _ = writeln!(out, "{} gap(s) accepted by {by}: {because}", accepted.len());
    }
    if !coverage.excluded.is_empty() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        coverage.excluded.iter().for_each(|(_, it)| *counts.entry(it.reason.word()).or_default() += 1);
        let words: Vec<_> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let _ = writeln!(out, "Left out on purpose: {}.", words.join(", "));
        if all {
            for (_, it) in &coverage.excluded {
                let _ = writeln!(out, "  {} ({})", it.locator, it.reason);
            }
        }
    }
    if !coverage.not_looked_for.is_empty() {
        let _ = writeln!(out, "Not looked for by this program: {}.", coverage.not_looked_for);
    }
    let (counting, open) = (answer.counting().count(), answer.open().count());
    let aside = answer.findings.len() - counting - open;
    let _ = write!(out, "{}: ", order.id);
    match answer.answer() {
        Answer::Found => {
            let _ = write!(out, "{counting} finding(s) in scope.");
        }
        Answer::NothingFound => out.push_str("nothing in scope was found, and coverage is complete."),
        Answer::Incomplete => out.push_str("nothing was found that counts, but the answer is not whole."),
    }
    if open > 0 {
        let _ = write!(out, " {open} possible finding(s) want a ruling in the policy file (docs/policy.md).");
    }
    if aside > 0 {
        let _ = write!(out, " {aside} finding(s) out of scope or ruled out.");
    }
    if answer.answer() == Answer::Found && !coverage.complete {
        out.push_str(" Coverage is not complete: there may be more.");
    }
    out
}

fn gaps(out: &mut String, list: Vec<&JudgedGap>, word: &str, all: bool) {
    let mut groups: BTreeMap<GapReason, Vec<&JudgedGap>> = BTreeMap::new();
    list.into_iter().for_each(|gap| groups.entry(gap.gap.reason).or_default().push(gap));
    for (reason, list) in groups {
        let hides = list.iter().fold(Presences::NONE, |all, gap| all.union(gap.gap.hides));
        let _ = writeln!(out, "{} {word} gap(s), {reason}; could hide {hides}. {}:", list.len(), way_out(reason));
        let shown = if all { list.len() } else { 3 };
        for gap in list.iter().take(shown) {
            let detail = printable(&format!("{} ({}, {})", gap.gap.locator, gap.gap.collector, gap.gap.detail));
            let _ = writeln!(out, "  {detail}");
        }
        if list.len() > shown {
            let _ = writeln!(out, "  and {} more (-v, or --format json)", list.len() - shown);
        }
    }
}

fn way_out(reason: GapReason) -> String {
    let words = reason.way_out();
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < 3 {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.*} {}", usize::from(unit > 0), UNITS[unit])
}
