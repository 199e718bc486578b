//! Runs a program and says what it used.

use std::process::Command;
use std::time::{Duration, Instant};

/// How often is looked whether a program has ended, at the most and at the least: in between, a hundred times in a run.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// Seconds of processor time, of the program and all it started.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    /// MiB. Pages that forked processes share count for each.
    pub(crate) memory: f64,
}

pub(crate) enum Ended {
    /// With this exit code, or by a signal.
    By(Option<i32>, Used),
    /// It could not be started.
    NotBegun(String),
    /// It was ended, since it ran longer than it may.
    TooLong,
}

pub(crate) fn median(list: &[Used], of: impl Fn(&Used) -> f64) -> Option<f64> {
    let mut values: Vec<f64> = list.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Runs a program to its end, or for as long as it may.
pub(crate) fn measure(command: &mut Command, limit: Duration) -> Ended {
    let before = children_seconds();
    let start = Instant::now();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ended::NotBegun(error.to_string()),
    };
    let mut most: f64 = 0.0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let passed = start.elapsed();
        if passed > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            return Ended::TooLong;
        }
        most = most.max(held(child.id()));
        std::thread::sleep((passed / 100).clamp(SHORTEST, LONGEST));
    };
    let wall = start.elapsed().as_secs_f64();
    Ended::By(status.code(), Used { cpu: children_seconds() - before, wall, memory: most / 1024.0 })
}

/// The most that a process and all it started have held, in KiB.
fn held(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let own: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    let mut all = own;
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|word| word.parse().ok()) {
            all += held(child);
        }
    }
    all
}

/// The processor time of all that was started and has ended.
fn children_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Fields 16 and 17 of proc(5), in ticks of 10 ms.
    let ticks: f64 = fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap();
    ticks / 100.0
}
