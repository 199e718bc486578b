//! The ledger at size: entries appended a second, with batches of several sizes, and what a proof of inclusion costs once
//! there are a million.
//!
//! `cargo run --release -p ostrakon-benches --bin ledger -- [ENTRIES] [BATCH]`
//!
//! Every entry is signed, every batch is made durable. The folder lies below `target/bench`, on the disk of the sources.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints and may stop")]

use ostrakon_ledger::{Draft, Ledger, SecretKey, Subject, sha256};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

fn drafts(from: usize, count: usize) -> Vec<Draft> {
    let draft = |at: usize| Draft {
        kind: "look".to_owned(),
        at: "2026-11-23T10:00:00Z".to_owned(),
        subject: vec![Subject::of(format!("pc{at}"), sha256(&at.to_be_bytes()))],
        body: json!({"asset": format!("machine:{at:016x}"), "files": 250_000, "gaps": 0, "privilege": "root"}),
    };
    (from..from + count).map(draft).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (entries, batch) = (number(0, 1_000_000), number(1, 1_000));
    let bench = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&bench).unwrap();
    let folder = tempfile::tempdir_in(bench).unwrap();
    let key = SecretKey::generate("bench.example").unwrap();
    for (size, count) in [(1, 200), (100, 10_000)] {
        let path = folder.path().join(size.to_string());
        let ledger = Ledger::create(&path, &key).unwrap();
        let began = Instant::now();
        for at in (0..count).step_by(size) {
            ledger.append(&key, drafts(at, size)).unwrap();
        }
        println!("append, batches of {size:>6}: {:>9.0} entries/s", count as f64 / began.elapsed().as_secs_f64());
    }
    let ledger = Ledger::create(&folder.path().join("large"), &key).unwrap();
    let began = Instant::now();
    for at in (0..entries).step_by(batch) {
        ledger.append(&key, drafts(at, batch)).unwrap();
    }
    println!("append, batches of {batch:>6}: {:>9.0} entries/s", entries as f64 / began.elapsed().as_secs_f64());
    let size = ledger.head().unwrap().size;
    let mut times: Vec<f64> = (0..2_000u64)
        .map(|at| {
            let index = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
            let began = Instant::now();
            ledger.inclusion(index, size).unwrap();
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("prove inclusion at {size}: median {:.3} ms, 99th of 100 {:.3} ms", times[1_000], times[1_980]);
    let began = Instant::now();
    ostrakon_ledger::verify(ledger.folder(), None, &[]).unwrap();
    println!("verify all {size} entries: {:.1} s", began.elapsed().as_secs_f64());
}
