//! Ostrakon beside the physical limit, in one run: a bare parallel walk that reads the first 4 KiB of every file, and
//! `ostrakon identify` on the same warm tree. Prints one table of medians.
//!
//! `cargo build --release && cargo run --release -p ostrakon-benches -- [FILES] [ROUNDS]`
//!
//! The tree is made of hard links to the files of `/usr`, below `target/bench`, so that its contents are real and it costs
//! no disk. Compare CPU seconds; walls depend on what else the machine does.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints and may stop")]

use rustix::fs::{FileType, Mode, OFlags, RawDir};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder] = arguments.as_slice()
        && flag == "--bare"
    {
        println!("{}", bare(Path::new(folder)));
        return;
    }
    let number = |at: usize, default: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (files, rounds) = (number(0, 250_000), number(1, 7));
    let tree = tree(files);
    let own = std::env::current_exe().unwrap();
    let ostrakon = own.with_file_name("ostrakon");
    let runs: [(&str, PathBuf, Vec<String>); 2] = [
        ("bare walk + first 4 KiB", own, vec!["--bare".to_owned(), tree.display().to_string()]),
        ("ostrakon identify", ostrakon, {
            let place = tree.display().to_string();
            ["identify", &place, "--order", "bod-17-01", "--quiet"].map(str::to_owned).to_vec()
        }),
    ];
    let mut results = vec![Vec::new(); runs.len()];
    for round in 0..=rounds {
        for (at, (_, program, arguments)) in runs.iter().enumerate() {
            let used = measure(program, arguments);
            // The first round warms the tree.
            if round > 0 {
                results[at].push(used);
            }
        }
    }
    println!("{} files, {rounds} rounds, medians", bare(&tree));
    println!("{:26} {:>8} {:>8} {:>10}", "what", "CPU s", "wall s", "memory MB");
    let mut medians = Vec::new();
    for ((name, _, _), list) in runs.iter().zip(&results) {
        let (cpu, wall, memory) =
            (median(list, |used| used.cpu), median(list, |used| used.wall), median(list, |used| used.memory));
        println!("{name:26} {cpu:8.2} {wall:8.2} {memory:10.0}");
        medians.push((cpu, wall));
    }
    println!("{:26} {:8.2} {:8.2}", "ratio", medians[1].0 / medians[0].0, medians[1].1 / medians[0].1);
}

#[derive(Debug, Clone, Copy)]
struct Used {
    cpu: f64,
    wall: f64,
    memory: f64,
}

fn median(list: &[Used], of: impl Fn(&Used) -> f64) -> f64 {
    let mut values: Vec<f64> = list.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a program and says what it used: the processor time the kernel adds to its parent when it ends, and the largest
/// memory seen while it ran.
fn measure(program: &Path, arguments: &[String]) -> Used {
    let before = children_seconds();
    let start = Instant::now();
    let mut child = Command::new(program).args(arguments).stdout(Stdio::null()).spawn().unwrap();
    let memory = watch(&mut child);
    Used { cpu: children_seconds() - before, wall: start.elapsed().as_secs_f64(), memory }
}

fn watch(child: &mut Child) -> f64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0.0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(most);
        most = kib.max(most);
        std::thread::sleep(Duration::from_millis(2));
    }
    most / 1024.0
}

fn children_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Fields 16 and 17 of proc(5), in ticks of 10 ms.
    let ticks: f64 = fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap();
    ticks / 100.0
}

/// A tree of at least `files` files.
fn tree(files: usize) -> PathBuf {
    let top = PathBuf::from("target/bench").join(files.to_string());
    std::fs::create_dir_all(&top).unwrap();
    let mut copies = 0;
    while bare(&top) < files {
        let to = top.join(format!("copy-{copies}"));
        if !to.is_dir() {
            let done = Command::new("cp").args(["-al", "/usr"]).arg(&to).status().unwrap();
            assert!(done.success(), "cp -al /usr failed: target/ must lie on the file system of /usr");
        }
        copies += 1;
    }
    top.canonicalize().unwrap()
}

/// Walks `top` with one thread a processor, reads the first 4 KiB of every file, and counts files.
fn bare(top: &Path) -> usize {
    let queue = (Mutex::new((vec![top.to_owned()], 0_usize)), Condvar::new());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        let work = || {
            let mut files = 0;
            loop {
                let mut state = queue.0.lock().unwrap();
                let folder = loop {
                    if let Some(folder) = state.0.pop() {
                        state.1 += 1;
                        break folder;
                    }
                    if state.1 == 0 {
                        queue.1.notify_all();
                        return files;
                    }
                    state = queue.1.wait(state).unwrap();
                };
                drop(state);
                let found = read(&folder, &mut files);
                let mut state = queue.0.lock().unwrap();
                state.0.extend(found);
                state.1 -= 1;
                queue.1.notify_all();
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn read(path: &Path, files: &mut usize) -> Vec<PathBuf> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut found = Vec::new();
    let Ok(folder) = rustix::fs::open(path, flags | OFlags::DIRECTORY, Mode::empty()) else { return found };
    let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
    let mut head = [0; 4096];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        match entry.file_type() {
            FileType::Directory if name.to_bytes() != b"." && name.to_bytes() != b".." => {
                found.push(path.join(std::ffi::OsStr::new(&*name.to_string_lossy())));
            }
            FileType::RegularFile => {
                *files += 1;
                if let Ok(file) = rustix::fs::openat(&folder, name, flags, Mode::empty()) {
                    let _ = rustix::io::pread(&file, &mut head, 0);
                }
            }
            _ => {}
        }
    }
    found
}
