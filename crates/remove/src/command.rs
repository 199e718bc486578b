//! Programs of the machine: fixed names, arguments that follow from a type, a deadline, and their output kept. What a
//! program leaves running when its deadline ends is ended with it.

use crate::RemoveError;
use crate::root::Root;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
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

/// What a program answered that was only asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The command line, for people.
    pub(crate) line: String,
    /// Its exit code.
    pub(crate) code: i32,
    /// All it wrote to stdout.
    pub(crate) out: String,
    /// The end of what it wrote to stderr.
    pub(crate) err: String,
}

/// The longest answer that is taken: a list of a package's files.
const LONGEST_ANSWER: usize = 64 << 20;
/// How long what a program wrote may take to arrive once it has ended. What it left running may hold the pipe for ever.
const ARRIVAL: Duration = Duration::from_secs(2);

/// The way into a root that is not running: namespaces of its own, so that what is started there sees no process, no mount
/// and no network of the machine, and ends with it; its own /proc; then chroot. This keeps accidents in, not an attacker
/// with the rights of root: whoever runs the programs of a root trusts it.
const INTO: [&str; 10] =
    ["unshare", "--mount", "--pid", "--ipc", "--uts", "--net", "--fork", "--kill-child", "sh", "-c"];
const ENTER: &str = "mount -t proc proc \"$0/proc\" 2>/dev/null; exec chroot \"$0\" \"$@\"";

fn start(root: &Root, program: &str, arguments: &[&str]) -> Result<Child, RemoveError> {
    let mut command = if root.is_live() {
        Command::new(program)
    } else {
        let mut command = Command::new(INTO[0]);
        command.args(&INTO[1..]).arg(ENTER).arg(root.path()).arg(program);
        command
    };
    // Scripts get the environment they were written for, and no questions to ask.
    command
        .args(arguments)
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
    command.spawn().map_err(|source| {
        let what = if root.is_live() { program.into() } else { root.host(program.as_bytes()) };
        RemoveError::Io { path: what, source }
    })
}

/// Waits for `child` until the deadline, which ends it and all it started; none: it was ended.
fn wait(child: &mut Child, deadline: Duration, program: &str) -> Result<Option<ExitStatus>, RemoveError> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) if began.elapsed() > deadline => {
                end_all_below();
                let _ = child.wait();
                return Ok(None);
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(RemoveError::io(std::path::Path::new(program))(error)),
        }
    }
}

fn line_of(program: &str, arguments: &[&str]) -> String {
    std::iter::once(program).chain(arguments.iter().copied()).collect::<Vec<_>>().join(" ")
}

/// Runs `program` inside `root`, by that root's own programs, and keeps the end of what it wrote.
pub(crate) fn run(root: &Root, deadline: Duration, program: &str, arguments: &[&str]) -> Result<Ran, RemoveError> {
    let mut child = start(root, program, arguments)?;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (send, arrived) = channel();
    drain(child.stdout.take(), Arc::clone(&kept), MOST_OUTPUT, send.clone());
    drain(child.stderr.take(), Arc::clone(&kept), MOST_OUTPUT, send);
    let status = wait(&mut child, deadline, program)?;
    for _ in 0..2 {
        let _ = arrived.recv_timeout(ARRIVAL);
    }
    let bytes = kept.lock().map(|bytes| bytes.clone()).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    let code = status.and_then(|status| status.code());
    match status {
        Some(status) if code.is_none() => {
            text.push_str(&format!("\n[ended by signal {}]", status.signal().unwrap_or_default()));
        }
        None => text.push_str(&format!("\n[ended: it had not come to an end after {} s]", deadline.as_secs())),
        Some(_) => {}
    }
    Ok(Ran { line: line_of(program, arguments), code, output: text })
}

/// Asks a program of `root` that only looks. An answer that did not arrive whole is an error, not an empty one.
pub(crate) fn ask(root: &Root, deadline: Duration, program: &str, arguments: &[&str]) -> Result<Asked, RemoveError> {
    let mut child = start(root, program, arguments)?;
    let (out, err) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (send, arrived) = channel();
    let (send_err, arrived_err) = channel();
    drain(child.stdout.take(), Arc::clone(&out), LONGEST_ANSWER + 1, send);
    drain(child.stderr.take(), Arc::clone(&err), MOST_OUTPUT, send_err);
    let status = wait(&mut child, deadline, program)?;
    let line = line_of(program, arguments);
    let refused = |why: &str| RemoveError::Refused(vec![format!("`{line}` cannot be asked: {why}")]);
    let whole = arrived.recv_timeout(deadline.max(ARRIVAL)).is_ok() && arrived_err.recv_timeout(ARRIVAL).is_ok();
    let text = |kept: &Mutex<Vec<u8>>| {
        kept.lock().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    let (out, err) = (text(&out), text(&err));
    if !whole || out.len() > LONGEST_ANSWER {
        return Err(refused("its answer does not end"));
    }
    let Some(code) = status.and_then(|status| status.code()) else {
        return Err(refused("it was ended"));
    };
    Ok(Asked { line: line.clone(), code, out, err })
}

impl Asked {
    /// The error for an answer that is none.
    pub(crate) fn no_answer(&self) -> RemoveError {
        let said = self.err.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        RemoveError::Refused(vec![format!("`{}` gave no answer: it ended with {} {said}", self.line, self.code)])
    }
}

/// Reads a pipe to its end in a thread of its own, keeps the last `most` bytes, and says when it has ended.
fn drain(pipe: Option<impl Read + Send + 'static>, kept: Arc<Mutex<Vec<u8>>>, most: usize, ended: Sender<()>) {
    let Some(mut pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut piece = [0u8; 8192];
        while let Ok(read) = pipe.read(&mut piece) {
            if read == 0 {
                break;
            }
            let Ok(mut kept) = kept.lock() else { break };
            kept.extend(&piece[..read]);
            let more = kept.len().saturating_sub(most);
            kept.drain(..more);
        }
        let _ = ended.send(());
    });
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
