//! Programs of the machine: fixed names, arguments that follow from a type, a deadline, and their output kept. What a
//! program leaves running when its deadline ends is ended with it.

use crate::RemoveError;
use crate::root::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program did.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// The command line, for people.
    pub(crate) line: String,
    /// Its exit code; none: it was ended by a signal or by the deadline.
    pub(crate) code: Option<i32>,
    /// The end of what it wrote.
    pub(crate) output: String,
}

/// How much of a program's output is kept.
const MOST_OUTPUT: usize = 16 << 10;

impl Ran {
    pub(crate) fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, for a message.
    pub(crate) fn told(&self) -> String {
        let last: Vec<&str> = self.output.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        let end = match self.code {
            Some(code) => format!("ended with {code}"),
            None => "was ended".to_owned(),
        };
        if last.is_empty() {
            format!("`{}` {end}", self.line)
        } else {
            format!("`{}` {end}: {}", self.line, last.join(" / "))
        }
    }
}

/// Runs `program` inside `root`, by that root's own programs.
pub(crate) fn run(root: &Root, deadline: Duration, program: &str, arguments: &[&str]) -> Result<Ran, RemoveError> {
    let mut command = if root.is_live() {
        Command::new(program)
    } else {
        let mut command = Command::new("chroot");
        command.arg(root.path()).arg(program);
        command
    };
    command.args(arguments);
    let line = std::iter::once(program).chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ");
    // Scripts get the environment they were written for, and no questions to ask.
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", "/root")
        .env("LC_ALL", "C")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
        .env("PIP_BREAK_SYSTEM_PACKAGES", "1")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for us: a package manager that is stopped half way leaves a package half removed.
        .process_group(0);
    // What a script detaches comes back to us when its parent ends, so that a deadline reaches it.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let mut child = command.spawn().map_err(|source| {
        let what = if root.is_live() { program.into() } else { root.host(program.as_bytes()) };
        RemoveError::Io { path: what, source }
    })?;
    let output = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for pipe in [child.stdout.take().map(Pipe::Out), child.stderr.take().map(Pipe::Err)].into_iter().flatten() {
        let output = std::sync::Arc::clone(&output);
        // Not joined: a program that was left running may hold the pipe for ever.
        std::thread::spawn(move || pipe.drain(&output));
    }
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if began.elapsed() > deadline => break None,
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            Err(error) => return Err(RemoveError::io(std::path::Path::new(program))(error)),
        }
    };
    if status.is_none() {
        end_all_below();
        let _ = child.wait();
    }
    std::thread::sleep(Duration::from_millis(20));
    let bytes = output.lock().map(|bytes| bytes.clone()).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let code = match status {
        Some(status) => status.code().or_else(|| {
            text.push_str(&format!("\n[ended by signal {}]", status.signal().unwrap_or_default()));
            None
        }),
        None => {
            text.push_str(&format!("\n[ended: it had not come to an end after {} s]", deadline.as_secs()));
            None
        }
    };
    Ok(Ran { line, code, output: text })
}

enum Pipe {
    Out(std::process::ChildStdout),
    Err(std::process::ChildStderr),
}

impl Pipe {
    fn drain(self, output: &std::sync::Mutex<Vec<u8>>) {
        let mut reader: Box<dyn Read> = match self {
            Self::Out(pipe) => Box::new(pipe),
            Self::Err(pipe) => Box::new(pipe),
        };
        let mut piece = [0u8; 4096];
        while let Ok(read) = reader.read(&mut piece) {
            if read == 0 {
                return;
            }
            let Ok(mut kept) = output.lock() else { return };
            kept.extend(&piece[..read]);
            let more = kept.len().saturating_sub(MOST_OUTPUT);
            kept.drain(..more);
        }
    }
}

/// Ends every process below this one, however often it was detached: first asked, then made to.
fn end_all_below() {
    let own = rustix::process::getpid();
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::KILL, rustix::process::Signal::KILL] {
        let below = below(own.as_raw_nonzero().get());
        if below.is_empty() {
            return;
        }
        for pid in below {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        std::thread::sleep(Duration::from_millis(if signal == rustix::process::Signal::TERM { 2000 } else { 200 }));
    }
}

/// The processes below `own`.
fn below(own: i32) -> BTreeSet<i32> {
    let mut parents: BTreeMap<i32, i32> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name may hold anything, brackets too: what follows the last one is plain.
        let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
        let (state, parent) = (fields.next(), fields.next().and_then(|parent| parent.parse().ok()));
        if let (Some(state), Some(parent)) = (state, parent)
            && state != "Z"
        {
            parents.insert(pid, parent);
        }
    }
    let mut found = BTreeSet::new();
    loop {
        let more: Vec<i32> = parents
            .iter()
            .filter(|(pid, parent)| !found.contains(*pid) && (**parent == own || found.contains(*parent)))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}
