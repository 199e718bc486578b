//! Units of systemd: stopped, disabled and masked. On a running systemd by systemctl; in a root that is not running, by the
//! links that systemctl would change.

use crate::RemoveError;
use crate::journal::Before;
use crate::machine::{Machine, Standing};
use crate::root::shown;
use ostrakon_plan::Action;

const OWN: &str = "/etc/systemd/system";

/// Is systemd the one that runs this machine?
fn runs(machine: &Machine<'_>) -> bool {
    machine.root.is_live() && std::path::Path::new("/run/systemd/system").is_dir()
}

fn check(unit: &str) -> Result<(), RemoveError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._:-\\".contains(&byte);
    if unit.is_empty() || unit.starts_with('-') || !unit.contains('.') || !unit.bytes().all(plain) {
        return Err(RemoveError::Refused(vec![format!("{} is no name of a unit", shown(unit.as_bytes()))]));
    }
    Ok(())
}

fn mask(unit: &str) -> Vec<u8> {
    format!("{OWN}/{unit}").into_bytes()
}

fn is_masked(machine: &Machine<'_>, unit: &str) -> Result<bool, RemoveError> {
    let Some(spot) = machine.root.spot(&mask(unit))? else { return Ok(false) };
    Ok(std::fs::read_link(spot.path()).is_ok_and(|target| target == std::path::Path::new("/dev/null")))
}

/// The links by which the unit is enabled, or known by another name.
fn links(machine: &Machine<'_>, unit: &str) -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(machine.root.host(OWN.as_bytes()));
    let mut paths = Vec::new();
    for entry in folder.into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type();
        if (name.ends_with(".wants") || name.ends_with(".requires")) && kind.as_ref().is_ok_and(|kind| kind.is_dir()) {
            paths.push(format!("{OWN}/{name}/{unit}").into_bytes());
        } else if name != unit && kind.is_ok_and(|kind| kind.is_symlink()) {
            let target = std::fs::read_link(entry.path()).ok();
            if target.is_some_and(|target| target.file_name().is_some_and(|name| name == unit)) {
                paths.push(format!("{OWN}/{name}").into_bytes());
            }
        }
    }
    paths.into_iter().filter(|path| std::fs::symlink_metadata(machine.root.host(path)).is_ok()).collect()
}

/// Does a file of the administrator's own stand where the mask would be? It is the quarantine's business.
fn has_own_file(machine: &Machine<'_>, unit: &str) -> Result<bool, RemoveError> {
    let spot = machine.root.spot(&mask(unit))?;
    Ok(spot.is_some_and(|spot| std::fs::symlink_metadata(spot.path()).is_ok()) && !is_masked(machine, unit)?)
}

pub(crate) fn standing(machine: &Machine<'_>, unit: &str) -> Result<Standing, RemoveError> {
    check(unit)?;
    let mut before =
        Before { masked: is_masked(machine, unit)?, enabled: !links(machine, unit).is_empty(), ..Before::default() };
    let mut known = before.masked || before.enabled;
    if runs(machine) {
        let shown = machine.ask("systemctl", &["show", "-p", "LoadState,ActiveState,UnitFileState", "--", unit])?;
        let value =
            |key: &str| shown.out.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        let active = value("ActiveState=");
        before.active = matches!(active.as_str(), "active" | "activating" | "reloading" | "deactivating");
        known |= before.active || value("LoadState=") == "loaded";
    } else {
        let folders = [OWN, "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system"];
        known |= folders.iter().any(|folder| machine.root.has(&format!("{folder}/{unit}")));
    }
    let masked = before.masked || has_own_file(machine, unit)?;
    let reached = !known || (masked && !before.enabled && !before.active);
    Ok(if reached { Standing::Reached } else { Standing::Ahead(before) })
}

pub(crate) fn stop(machine: &mut Machine<'_>, action: &Action, unit: &str) -> Result<(), RemoveError> {
    let own = has_own_file(machine, unit)?;
    let links = links(machine, unit);
    machine.save(action, &links, true)?;
    if runs(machine) {
        // A unit that a package has already taken away cannot be stopped by its name; that it does not run is what counts.
        machine.run(action, "systemctl", &["stop", "--", unit])?;
    }
    for link in links {
        if let Some(spot) = machine.root.spot(&link)? {
            remove_link(&spot.path()).map_err(RemoveError::io(&machine.root.host(&link)))?;
            spot.sync().map_err(RemoveError::io(&machine.root.host(&link)))?;
        }
    }
    if !own {
        let spot = machine.root.spot_made(&mask(unit))?;
        match std::os::unix::fs::symlink("/dev/null", spot.path()) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(RemoveError::io(&machine.root.host(&mask(unit)))(error));
            }
            _ => spot.sync().map_err(RemoveError::io(&machine.root.host(&mask(unit))))?,
        }
    }
    if runs(machine) {
        machine.run(action, "systemctl", &["daemon-reload"])?;
        let state = machine.ask("systemctl", &["is-active", "--", unit])?;
        if matches!(state.out.trim(), "active" | "activating" | "reloading") {
            return Err(machine.failed(action, format!("{unit} is still {}", state.out.trim())));
        }
    }
    Ok(())
}

fn remove_link(path: &std::path::Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

pub(crate) fn start(
    machine: &mut Machine<'_>,
    action: &Action,
    unit: &str,
    before: &Before,
) -> Result<Vec<String>, RemoveError> {
    if !before.masked
        && is_masked(machine, unit)?
        && let Some(spot) = machine.root.spot(&mask(unit))?
    {
        remove_link(&spot.path()).map_err(RemoveError::io(&machine.root.host(&mask(unit))))?;
        spot.sync().map_err(RemoveError::io(&machine.root.host(&mask(unit))))?;
    }
    let mut left = machine.store.restore(machine.root, &machine.saved(action)?, &|_| false);
    if runs(machine) {
        machine.run(action, "systemctl", &["daemon-reload"])?;
        if before.active {
            let ran = machine.run(action, "systemctl", &["start", "--", unit])?;
            if !ran.succeeded() {
                left.push(format!("{unit} does not start: {}", ran.told()));
            }
        }
    }
    Ok(left)
}
