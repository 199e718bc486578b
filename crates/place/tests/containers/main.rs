//! Containers as real tools write them, and as no tool would: what comes out is the exact list of members or a fault,
//! never a panic, an endless loop or more memory than the purse allows. The real ones are made by
//! `tests/fixtures/make-archives.sh`, the others by the tests themselves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bombs;
mod damage;
mod lies;
mod made;
mod names;
mod real;
mod seven;
mod unsteady;

use ostrakon_place::container::{Bytes, Format, Limits, Memory, NotOpened, Purse, open, sniff};
use ostrakon_place::{EntryKind, Fault, File};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// No content of a member is read further.
const MOST: u64 = 1 << 20;

/// A member as it was given, with its content or why it could not be had.
struct Seen {
    path: Vec<u8>,
    kind: EntryKind,
    content: Result<Vec<u8>, Fault>,
}

impl Seen {
    /// Its path for messages.
    fn text(&self) -> String {
        self.path.escape_ascii().to_string()
    }
}

/// What `file`, called `name`, is told to be.
fn told(name: &str, file: &dyn File) -> Option<Result<Format, NotOpened>> {
    let mut head = [0; 4096];
    let read = file.read_at(0, &mut head).ok()?;
    sniff(name.rsplit('/').next().unwrap_or(name).as_bytes(), &head[..read])
}

/// All members of `file`, which is of `format`, with their content, and what became of the pass.
fn members(format: Format, name: &str, file: &dyn File, limits: Limits) -> (Vec<Seen>, Result<(), Fault>) {
    let purse = Purse::of(limits, Memory::of(1), file.size().unwrap_or_default());
    let mut seen = Vec::new();
    let name = name.rsplit('/').next().unwrap_or(name);
    let result = open(format, name.as_bytes(), file, &purse, &mut |member, file| {
        seen.push(Seen { path: member.path.to_vec(), kind: member.kind, content: file.read_all(MOST) });
        ControlFlow::Continue(())
    });
    (seen, result)
}

/// The same for a file that says by itself what it is; nothing if it is no container.
fn look(name: &str, file: &dyn File) -> Option<(Vec<Seen>, Result<(), Fault>)> {
    let format = told(name, file)?.ok()?;
    Some(members(format, name, file, Limits::default()))
}

/// Every fault of a pass: its own, and those of the members.
fn faults<'a>(seen: &'a [Seen], result: &'a Result<(), Fault>) -> Vec<&'a Fault> {
    result.as_ref().err().into_iter().chain(seen.iter().filter_map(|it| it.content.as_ref().err())).collect()
}

/// The fault of an archive in `bytes` or of one of its members: it must have one.
fn fault_of(name: &str, bytes: &[u8]) -> Fault {
    let format = told(name, &Bytes(bytes)).unwrap().unwrap();
    let (seen, result) = members(format, name, &Bytes(bytes), Limits::default());
    let first = faults(&seen, &result).first().map(|fault| (*fault).clone());
    first.unwrap_or_else(|| panic!("{name}: {} members and no fault", seen.len()))
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/containers")
}

/// A fixture; those in `plain` are kept compressed and are given as they were.
fn fixture(name: &str) -> Vec<u8> {
    let path = fixtures().join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !name.starts_with("plain/") {
        return bytes;
    }
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut content).unwrap();
    content
}

/// The name that a fixture has as a container: those in `plain` without the ending they are kept under.
fn name_of(name: &str) -> &str {
    name.strip_prefix("plain/").map_or(name, |plain| plain.strip_suffix(".gz").unwrap_or(plain))
}

/// The names of all fixtures, in order.
fn all_fixtures() -> Vec<String> {
    let mut names = Vec::new();
    for (folder, prefix) in [(fixtures(), ""), (fixtures().join("plain"), "plain/")] {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                names.push(format!("{prefix}{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    assert!(names.len() > 60, "too few fixtures: {}", names.len());
    names.sort();
    names
}

/// Runs the ignored test `name` in a process of its own: what goes wrong there would take this one with it, or its memory
/// could not be told from that of other tests.
fn alone(name: &str) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args([name, "--exact", "--ignored", "--test-threads=1"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let also = String::from_utf8_lossy(&output.stderr);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "{name}: {}\n{said}\n{also}", output.status);
}

/// The most memory this process ever had, in MiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() >> 10
}
