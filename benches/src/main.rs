//! Ostrakon beside the physical limit and beside its peers, in one run on one tree: what each uses, which of the planted
//! traces it finds, and what it takes for a trace that is none.
//!
//! `cargo build --release && cargo run --release -p ostrakon-benches -- [FILES] [ROUNDS] [--no-peers] [--slow]`
//!
//! Makes the tree (`tree.py`), fetches the peers (`peers.sh`; with `--no-peers` they are left out), and runs in turn: the
//! bare walks of this program, Ostrakon, the peers. ClamAV, which takes longest, runs only with `--slow`. Everything lies
//! below `target/bench`, the output of each run in `out` beside the tree. Prints one table of medians, and ends with
//! exit code 1 if Ostrakon misses a plant or takes something else for one.
//!
//! Compare processor time (CPU): walls depend on what else the machine does.

#![expect(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, reason = "a benchmark prints and may stop")]

mod bare;
mod measure;
mod peers;
mod table;

use bare::Each;
use measure::{Ended, measure};
use peers::{Places, Row};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use table::{Ran, Score};

/// No run may take longer.
const LIMIT: Duration = Duration::from_secs(45 * 60);

struct Wanted {
    files: usize,
    rounds: usize,
    peers: bool,
    slow: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, each, folder] = arguments.as_slice()
        && flag == "--bare"
    {
        println!("{}", bare::walk(Path::new(folder), Each::of(each).unwrap()));
        return ExitCode::SUCCESS;
    }
    let Some(wanted) = wanted(&arguments) else {
        eprintln!("usage: [FILES] [ROUNDS] [--no-peers] [--slow]");
        return ExitCode::from(2);
    };
    let places = prepare(&wanted);
    let mut rows = peers::bare(&places);
    rows.extend(peers::ours(&places));
    if wanted.peers {
        rows.extend(peers::peers(&places, wanted.slow));
    }
    let mut all: Vec<Ran> =
        rows.into_iter().map(|row| Ran { row, runs: Vec::new(), trouble: None, score: None }).collect();
    // The round before the first warms the tree.
    for round in 0..=wanted.rounds {
        for ran in &mut all {
            // What is run once comes last, on a tree that is warm.
            let most = ran.row.most;
            let now = if most == 1 { round == wanted.rounds } else { round <= most };
            if now && ran.trouble.is_none() {
                eprintln!("round {round} of {}: {}", wanted.rounds, ran.row.what);
                once(&places, ran, round > 0);
            }
        }
    }
    for ran in &mut all {
        ran.score = score(&places, ran);
    }
    about(&places, &wanted);
    table::print(&all);
    let faults = table::faults(&all);
    for fault in &faults {
        eprintln!("{fault}");
    }
    ExitCode::from(u8::from(!faults.is_empty()))
}

fn wanted(arguments: &[String]) -> Option<Wanted> {
    let (flags, numbers): (Vec<&String>, Vec<&String>) = arguments.iter().partition(|word| word.starts_with("--"));
    if numbers.len() > 2 || flags.iter().any(|flag| !["--no-peers", "--slow"].contains(&flag.as_str())) {
        return None;
    }
    let number = |at: usize, default: usize| numbers.get(at).map_or(Some(default), |text| text.parse().ok());
    let has = |flag: &str| flags.iter().any(|word| *word == flag);
    let (files, rounds) = (number(0, 250_000)?, number(1, 7)?.max(1));
    Some(Wanted { files, rounds, peers: !has("--no-peers"), slow: has("--slow") })
}

/// Fetches the peers and makes the tree, where they are not there yet.
fn prepare(wanted: &Wanted) -> Places {
    let benches = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = benches.parent().unwrap().join("target");
    let tree = target.join("bench").join(format!("tree-{}", wanted.files));
    std::fs::create_dir_all(tree.parent().unwrap()).unwrap();
    if wanted.peers {
        let done = Command::new("bash").arg(benches.join("peers.sh")).stdout(Stdio::null()).status().unwrap();
        assert!(done.success(), "peers.sh failed");
    }
    let files = wanted.files.to_string();
    let made =
        Command::new("python3").arg(benches.join("tree.py")).arg(&tree).args(["--files", files.as_str()]).status();
    assert!(made.unwrap().success(), "tree.py failed");
    let out = tree.join("out");
    std::fs::create_dir_all(&out).unwrap();
    let own = std::env::current_exe().unwrap();
    assert!(own.with_file_name("ostrakon").is_file(), "build ostrakon first: cargo build --release");
    Places { peers: target.join("peers/bin"), root: tree.join("root"), benches, out, own }
}

/// Runs a row once; what it prints goes into files.
fn once(places: &Places, ran: &mut Ran, counts: bool) {
    let row = &ran.row;
    if !row.program.is_file() {
        ran.trouble = Some("not here".to_owned());
        return;
    }
    let (out, errors) = (output(places, row), places.out.join(format!("{}.err", row.id)));
    let mut command = Command::new(&row.program);
    for (name, value) in &row.environment {
        command.env(name, value);
    }
    command
        .args(&row.arguments)
        .stdin(Stdio::null())
        .stdout(File::create(out).unwrap())
        .stderr(File::create(&errors).unwrap());
    match measure(&mut command, LIMIT) {
        Ended::By(Some(code), used) if row.fine.contains(&code) => {
            if counts {
                ran.runs.push(used);
            }
        }
        Ended::By(code, _) => {
            let said = std::fs::read(&errors).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let first = said.lines().find(|line| !line.is_empty()).unwrap_or("it said nothing");
            let how = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            ran.trouble = Some(format!("failed with {how}: {first}"));
        }
        Ended::NotBegun(error) => ran.trouble = Some(error),
        // What it had printed by then is no answer.
        Ended::TooLong => ran.trouble = Some(format!("unfinished after {} minutes", LIMIT.as_secs() / 60)),
    }
}

fn output(places: &Places, row: &Row) -> PathBuf {
    places.out.join(format!("{}.out", row.id))
}

/// What the last output of a row is worth.
fn score(places: &Places, ran: &Ran) -> Option<Score> {
    let tool = ran.row.tool.filter(|_| ran.trouble.is_none() && !ran.runs.is_empty())?;
    let tree = places.root.parent().unwrap();
    let mut command = Command::new("python3");
    command.arg(places.benches.join("score.py")).arg(tree).arg(tool).arg(output(places, &ran.row));
    let done = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(done.status.success(), "score.py failed on the output of {}", ran.row.what);
    Some(Score::of(&serde_json::from_slice(&done.stdout).unwrap()))
}

/// What was looked at, and how.
fn about(places: &Places, wanted: &Wanted) {
    let text = std::fs::read(places.root.with_file_name("made.json")).unwrap();
    let made: Value = serde_json::from_slice(&text).unwrap();
    let (archives, megabytes) = (&made["archives"]["files"], &made["archives"]["megabytes"]);
    let files = bare::walk(&places.root, Each::Name);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    println!("{files} files, {archives} of them archives or packed, of {megabytes} MB; {processors} processors;");
    println!("up to {} rounds on a warm tree, medians", wanted.rounds);
    for left_out in made["left_out"].as_array().into_iter().flatten() {
        println!("not in the tree: {left_out}");
    }
    println!();
}
