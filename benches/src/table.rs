//! What the runs gave: one table, ratios, and what Ostrakon got wrong.

use crate::measure::{Used, median};
use crate::peers::{AGAIN, FLAT, HEAD, Kind, Row, STAT, WHOLE};
use serde_json::Value;
use std::collections::BTreeSet;

/// What became of a row.
pub(crate) struct Ran {
    pub(crate) row: Row,
    pub(crate) runs: Vec<Used>,
    /// Why there is no result.
    pub(crate) trouble: Option<String>,
    pub(crate) score: Option<Score>,
}

/// What score.py says of an output.
pub(crate) struct Score {
    plants: u64,
    lookalikes: u64,
    missed: BTreeSet<String>,
    /// Lookalikes taken for products.
    taken: BTreeSet<String>,
    /// How many places were reported that hold neither, and some of them.
    elsewhere: u64,
    places: BTreeSet<String>,
}

impl Score {
    pub(crate) fn of(said: &Value) -> Self {
        let number = |key: &str| said[key].as_u64().unwrap();
        let names = |key: &str| -> BTreeSet<String> {
            let list = said[key].as_array().unwrap();
            list.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        Self {
            plants: number("plants"),
            lookalikes: number("lookalikes"),
            missed: names("missed"),
            taken: names("hit_ids"),
            elsewhere: number("elsewhere"),
            places: names("elsewhere_at"),
        }
    }

    fn found(&self) -> u64 {
        self.plants - self.missed.len() as u64
    }
}

impl Ran {
    fn medians(&self) -> Option<[f64; 3]> {
        let cpu = median(&self.runs, |used| used.cpu)?;
        let wall = median(&self.runs, |used| used.wall)?;
        let memory = median(&self.runs, |used| used.memory)?;
        Some([cpu, wall, memory])
    }
}

pub(crate) fn print(all: &[Ran]) {
    let head = ["what", "runs", "CPU s", "wall s", "memory MB", "plants", "false", "elsewhere"];
    let [what, runs, cpu, wall, memory, plants, taken, elsewhere] = head;
    println!("{what:30} {runs:>4} {cpu:>8} {wall:>8} {memory:>9} {plants:>7} {taken:>6} {elsewhere:>9}");
    for ran in all {
        let what = &ran.row.what;
        let (Some([cpu, wall, memory]), None) = (ran.medians(), &ran.trouble) else {
            println!("{what:30} {}", ran.trouble.as_deref().unwrap_or("not run"));
            continue;
        };
        print!("{what:30} {:>4} {cpu:>8.2} {wall:>8.2} {memory:>9.0}", ran.runs.len());
        if let Some(score) = &ran.score {
            let plants = format!("{}/{}", score.found(), score.plants);
            let taken = format!("{}/{}", score.taken.len(), score.lookalikes);
            print!(" {plants:>7} {taken:>6} {:>9}", score.elsewhere);
        }
        println!();
    }
    ratios(all);
    remarks(all);
}

fn ratios(all: &[Ran]) {
    println!("\n{:42} {:>8} {:>8} {:>9}", "how many times", "CPU", "wall", "memory");
    for (over, under) in [(WHOLE, HEAD), (FLAT, HEAD), (AGAIN, STAT), (AGAIN, WHOLE)] {
        ratio(find(all, over), find(all, under));
    }
    for ran in all.iter().filter(|ran| ran.row.is_peer()) {
        ratio(Some(ran), find(all, WHOLE));
    }
}

fn find<'a>(all: &'a [Ran], id: &str) -> Option<&'a Ran> {
    all.iter().find(|ran| ran.row.id == id)
}

fn ratio(over: Option<&Ran>, under: Option<&Ran>) {
    let (Some(over), Some(under)) = (over, under) else { return };
    if over.trouble.is_some() || under.trouble.is_some() {
        return;
    }
    let (Some(above), Some(below)) = (over.medians(), under.medians()) else { return };
    let name = format!("{} / {}", over.row.what.trim_start_matches("ostrakon "), under.row.what);
    println!("{name:42} {:>8.2} {:>8.2} {:>9.2}", above[0] / below[0], above[1] / below[1], above[2] / below[2]);
}

/// What must be known beside the table.
fn remarks(all: &[Ran]) {
    println!();
    for ran in all.iter().filter(|ran| matches!(ran.row.kind, Kind::Ours { every: true })) {
        if let Some(score) = &ran.score {
            println!("{} missed: {}", ran.row.what, list(&score.missed));
        }
    }
    let scored = || all.iter().filter(|ran| ran.row.is_peer()).filter_map(|ran| ran.score.as_ref());
    if let (Some(whole), Some(first)) = (find(all, WHOLE).and_then(|ran| ran.score.as_ref()), scored().next()) {
        let none = scored().fold(first.missed.clone(), |missed, score| &missed & &score.missed);
        println!("plants that no peer here found, and Ostrakon did: {}", list(&(&none - &whole.missed)));
    }
    if all.iter().any(|ran| ran.row.tool == Some("trivy") && ran.trouble.is_none()) {
        println!(
            "Trivy has no databases here: without that of Java it names no jar, and it knows no holes. By itself, rootfs \
             reads no lock files, and fs no packages of npm and PyPI as installed."
        );
        println!("Trivy and Syft open a saved image only if it is what they are called for, not in a folder.");
    }
    if all.iter().any(|ran| ran.row.is_peer()) {
        println!("The memory of YARA-X is that of all its processes; pages that they share count for each.");
    }
}

/// What is wrong with Ostrakon's answers, a line each.
pub(crate) fn faults(all: &[Ran]) -> Vec<String> {
    let mut faults = Vec::new();
    for ran in all {
        let Kind::Ours { every } = ran.row.kind else { continue };
        let what = &ran.row.what;
        if let Some(trouble) = &ran.trouble {
            faults.push(format!("{what}: {trouble}"));
        }
        let Some(score) = &ran.score else { continue };
        if every && !score.missed.is_empty() {
            faults.push(format!("{what} misses {}", list(&score.missed)));
        }
        if !score.taken.is_empty() {
            faults.push(format!("{what} takes for a product {}", list(&score.taken)));
        }
        if score.elsewhere > 0 {
            faults.push(format!("{what} reports what was not planted at {}", list(&score.places)));
        }
    }
    faults
}

fn list(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
