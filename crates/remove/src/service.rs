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

/// The links by which the unit is enabled.
fn links(machine: &Machine<'_>, unit: &str) -> Vec<Vec<u8>> {
    let folder = std::fs::read_dir(machine.root.host(OWN.as_bytes()));
    let wants = folder.into_iter().flatten().flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        (name.ends_with(".wants") || name.ends_with(".requires")) && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let paths = wants.map(|entry| format!("{OWN}/{}/{unit}", entry.file_name().to_string_lossy()).into_bytes());
    paths.filter(|path| std::fs::symlink_metadata(machine.root.host(path)).is_ok()).collect()
}

pub(crate) fn standing(machine: &Machine<'_>, unit: &str) -> Result<Standing, RemoveError> {
    check(unit)?;
    let mut before =
        Before { masked: is_masked(machine, unit)?, enabled: !links(machine, unit).is_empty(), ..Before::default() };
    let mut known = before.masked || before.enabled;
    if runs(machine) {
        let shown = machine.ask("systemctl", &["show", "-p", "LoadState,ActiveState,UnitFileState", "--", unit])?;
        let value =
            |key: &str| shown.output.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        let active = value("ActiveState=");
        before.active = matches!(active.as_str(), "active" | "activating" | "reloading" | "deactivating");
        known |= before.active || value("LoadState=") == "loaded";
    } else {
        let folders = [OWN, "/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system"];
        known |= folders.iter().any(|folder| machine.root.has(&format!("{folder}/{unit}")));
    }
    let reached = !known || (before.masked && !before.enabled && !before.active);
    Ok(if reached { Standing::Reached } else { Standing::Ahead(before) })
}

pub(crate) fn stop(machine: &mut Machine<'_>, action: &Action, unit: &str) -> Result<(), RemoveError> {
    // A file of the administrator's own stands where the mask would be: it is the quarantine's business.
    let own = machine.root.spot(&mask(unit))?.is_some_and(|spot| std::fs::symlink_metadata(spot.path()).is_ok());
    let links = links(machine, unit);
    machine.save(action, &links, true)?;
    if runs(machine) {
        // A unit that a package has already taken away cannot be stopped by its name; that it does not run is what counts.
        machine.run(action, "systemctl", &["stop", "--", unit])?;
        machine.run(action, "systemctl", &["disable", "--", unit])?;
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
        if matches!(state.output.trim(), "active" | "activating" | "reloading") {
            return Err(machine.failed(action, format!("{unit} is still {}", state.output.trim())));
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
    let left = machine.store.restore(machine.root, &machine.saved(action)?, &|_| false)?;
    if runs(machine) {
        machine.run(action, "systemctl", &["daemon-reload"])?;
        if before.active {
            let ran = machine.run(action, "systemctl", &["start", "--", unit])?;
            if !ran.succeeded() {
                return Ok(vec![format!("{unit} does not start: {}", ran.told())]);
            }
        }
    }
    Ok(left)
}
