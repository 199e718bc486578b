//! Processes, by the executable they run and the time they began, never by name; and kernel modules.

use crate::RemoveError;
use crate::journal::Before;
use crate::machine::{Machine, Standing};
use crate::root::shown;
use ostrakon_model::locator::decode;
use ostrakon_plan::Action;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// How long a process that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The processes that run `executable`: id and start time in clock ticks since the machine began.
fn running(executable: &[u8]) -> Vec<(i32, u64)> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(target) = std::fs::read_link(entry.path().join("exe")) else { continue };
        // A file that was replaced or deleted meanwhile still runs.
        let target = target.as_os_str().as_bytes();
        let same = target == executable || target.strip_suffix(b" (deleted)") == Some(executable);
        if same && let Some(start) = start_of(pid) {
            list.push((pid, start));
        }
    }
    list
}

fn start_of(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(')')?.1;
    let state = fields.split_ascii_whitespace().next()?;
    if state == "Z" { None } else { fields.split_ascii_whitespace().nth(19)?.parse().ok() }
}

pub(crate) fn standing(machine: &Machine<'_>, executable: &str) -> Result<Standing, RemoveError> {
    let processes = if machine.root.is_live() { running(&decode(executable)) } else { Vec::new() };
    Ok(if processes.is_empty() {
        Standing::Reached
    } else {
        Standing::Ahead(Before { active: true, processes, ..Before::default() })
    })
}

pub(crate) fn end(
    machine: &mut Machine<'_>,
    action: &Action,
    executable: &str,
    _before: &Before,
) -> Result<(), RemoveError> {
    let path = decode(executable);
    let own = rustix::process::getpid().as_raw_nonzero().get();
    for signal in [Signal::TERM, Signal::KILL] {
        for (pid, start) in running(&path) {
            let Some(id) = Pid::from_raw(pid).filter(|_| pid != own && pid != 1) else { continue };
            // Between the look and the signal the id may have gone to another process: the descriptor holds this one.
            let Ok(held) = rustix::process::pidfd_open(id, PidfdFlags::empty()) else { continue };
            if start_of(pid) == Some(start) {
                let _ = rustix::process::pidfd_send_signal(&held, signal);
            }
        }
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if running(&path).is_empty() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Err(machine.failed(action, "processes do not end, or are started again at once: stop what starts them"))
}

fn check(module: &str) -> Result<(), RemoveError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if module.is_empty() || module.starts_with('-') || !module.bytes().all(plain) {
        return Err(RemoveError::Refused(vec![format!("{} is no name of a module", shown(module.as_bytes()))]));
    }
    Ok(())
}

fn denial(module: &str) -> Vec<u8> {
    format!("/etc/modprobe.d/ostrakon-deny-{module}.conf").into_bytes()
}

fn is_loaded(machine: &Machine<'_>, module: &str) -> bool {
    let name = module.replace('-', "_");
    machine.root.is_live()
        && std::fs::read_to_string("/proc/modules")
            .is_ok_and(|text| text.lines().any(|line| line.split(' ').next() == Some(&name)))
}

pub(crate) fn module_standing(machine: &Machine<'_>, module: &str) -> Result<Standing, RemoveError> {
    check(module)?;
    let active = is_loaded(machine, module);
    let denied = machine.root.spot(&denial(module))?.is_some_and(|spot| std::fs::symlink_metadata(spot.path()).is_ok());
    Ok(if denied && !active { Standing::Reached } else { Standing::Ahead(Before { active, ..Before::default() }) })
}

pub(crate) fn deny_module(
    machine: &mut Machine<'_>,
    action: &Action,
    module: &str,
    _before: &Before,
) -> Result<(), RemoveError> {
    let path = denial(module);
    let spot = machine.root.spot_made(&path)?;
    let text =
        format!("# Written by Ostrakon: an order bans this module.\nblacklist {module}\ninstall {module} /bin/false\n");
    let write = || -> std::io::Result<()> {
        let part = spot.part();
        let _ = std::fs::remove_file(&part);
        let mut file = std::fs::File::options().write(true).create_new(true).open(&part)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, spot.path())?;
        spot.sync()
    };
    write().map_err(RemoveError::io(&machine.root.host(&path)))?;
    if is_loaded(machine, module) {
        let ran = machine.run(action, "rmmod", &["--", module])?;
        if is_loaded(machine, module) {
            return Err(
                machine.failed(action, format!("it cannot be unloaded now, a restart is needed: {}", ran.told()))
            );
        }
    }
    Ok(())
}

pub(crate) fn allow_module(
    machine: &mut Machine<'_>,
    action: &Action,
    module: &str,
    before: &Before,
) -> Result<Vec<String>, RemoveError> {
    let path = denial(module);
    if let Some(spot) = machine.root.spot(&path)?
        && std::fs::symlink_metadata(spot.path()).is_ok()
    {
        std::fs::remove_file(spot.path())
            .and_then(|()| spot.sync())
            .map_err(RemoveError::io(&machine.root.host(&path)))?;
    }
    if before.active && !is_loaded(machine, module) {
        let ran = machine.run(action, "modprobe", &["--", module])?;
        if !ran.succeeded() {
            return Ok(vec![format!("{module} is not loaded again: {}", ran.told())]);
        }
    }
    Ok(Vec::new())
}
