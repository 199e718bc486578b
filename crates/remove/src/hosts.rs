//! Lines in text files: the hosts file's block of names, and lines that are taken out of a file such as a crontab.

use crate::RemoveError;
use crate::journal::Before;
use crate::machine::{Machine, Standing};
use crate::metadata::{copy_attributes, read_file};
use crate::root::shown;
use ostrakon_model::locator::decode;
use ostrakon_plan::Action;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};

const HOSTS: &str = "/etc/hosts";
const BEGIN: &str = "# begin of the names Ostrakon blocks";
const END: &str = "# end of the names Ostrakon blocks";

fn block_of(names: &[String]) -> String {
    let mut text = format!("{BEGIN}\n");
    names.iter().for_each(|name| text.push_str(&format!("0.0.0.0 {name}\n:: {name}\n")));
    text + END + "\n"
}

fn position(text: &[u8], wanted: &str) -> Option<usize> {
    text.windows(wanted.len()).position(|piece| piece == wanted.as_bytes())
}

/// The text without the block.
fn without_block(text: &[u8]) -> Vec<u8> {
    let Some(start) = position(text, BEGIN) else { return text.to_vec() };
    let Some(end) = position(&text[start..], END) else { return text.to_vec() };
    let rest = &text[start + end + END.len()..];
    [&text[..start], rest.strip_prefix(b"\n").unwrap_or(rest)].concat()
}

pub(crate) fn standing(machine: &Machine<'_>, names: &[String]) -> Result<Standing, RemoveError> {
    let text = read(machine, HOSTS)?;
    let there = position(&text, &block_of(names)).is_some();
    Ok(if there { Standing::Reached } else { Standing::Ahead(Before::default()) })
}

pub(crate) fn block(machine: &mut Machine<'_>, action: &Action, names: &[String]) -> Result<(), RemoveError> {
    // A name that is none could be a line of its own in that file.
    let is_name = |name: &&String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if let Some(name) = names.iter().find(|name| !is_name(name)) {
        return Err(machine.failed(action, format!("{} is no name of a host", shown(name.as_bytes()))));
    }
    machine.save(action, &[HOSTS.as_bytes().to_vec()], false)?;
    change(machine, HOSTS, |text| {
        let text = without_block(text);
        let line: &[u8] = if text.is_empty() || text.ends_with(b"\n") { b"" } else { b"\n" };
        [&text, line, block_of(names).as_bytes()].concat()
    })
}

/// Takes the block out; a file that is then what was saved is put back with all its metadata.
pub(crate) fn unblock(machine: &mut Machine<'_>, action: &Action) -> Result<Vec<String>, RemoveError> {
    change(machine, HOSTS, without_block)?;
    back_if_same(machine, action, HOSTS)
}

pub(crate) fn lines_standing(machine: &Machine<'_>, path: &str, lines: &[String]) -> Result<Standing, RemoveError> {
    let text = read(machine, &String::from_utf8_lossy(&decode(path)))?;
    let there = text.split(|byte| *byte == b'\n').any(|line| holds(line, lines));
    Ok(if there { Standing::Ahead(Before::default()) } else { Standing::Reached })
}

/// Is the command of this line one of those? Before it a crontab has five times or one word such as `@daily`, and in the
/// system's own crontabs a user.
fn holds(line: &[u8], lines: &[String]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return false;
    }
    let after = |fields: usize| {
        let mut rest = line;
        for _ in 0..fields {
            rest = rest.split_once(char::is_whitespace)?.1.trim_start();
        }
        Some(rest)
    };
    let counts: &[usize] = if line.starts_with('@') { &[1, 2] } else { &[0, 5, 6] };
    counts.iter().filter_map(|count| after(*count)).any(|command| lines.iter().any(|wanted| wanted.trim() == command))
}

pub(crate) fn remove_lines(
    machine: &mut Machine<'_>,
    action: &Action,
    path: &str,
    lines: &[String],
) -> Result<(), RemoveError> {
    machine.save(action, &[decode(path)], false)?;
    let path = String::from_utf8_lossy(&decode(path)).into_owned();
    change(machine, &path, |text| {
        let kept = text.split_inclusive(|byte| *byte == b'\n').filter(|line| !holds(line, lines));
        kept.flatten().copied().collect()
    })
}

/// Puts the file back, unless others have changed it since.
pub(crate) fn bring_back(
    machine: &mut Machine<'_>,
    action: &Action,
    path: &str,
    changed: bool,
) -> Result<Vec<String>, RemoveError> {
    if changed {
        return Ok(vec![format!("{path}: it was changed since; put the lines back by hand")]);
    }
    let manifests = machine.saved(action)?;
    // The first saving has the lines; a later one may lack some.
    Ok(machine.store.restore(machine.root, manifests.get(..1).unwrap_or_default(), &|_| true))
}

fn back_if_same(machine: &mut Machine<'_>, action: &Action, path: &str) -> Result<Vec<String>, RemoveError> {
    let manifests = machine.saved(action)?;
    let Some(first) = manifests.first() else { return Ok(Vec::new()) };
    let saved = first.items.first().map(|item| machine.store.content(item)).transpose();
    let saved = saved.map_err(RemoveError::io(&machine.root.host(path.as_bytes())))?;
    let now = read(machine, path)?;
    let same = saved.is_some_and(|saved| now == saved || now.strip_suffix(b"\n") == Some(saved.as_slice()));
    if !same {
        return Ok(Vec::new());
    }
    Ok(machine.store.restore(machine.root, &manifests[..1], &|_| true))
}

/// What a file is like, by digest.
pub(crate) fn digest(machine: &Machine<'_>, path: &str) -> String {
    let text = read(machine, &String::from_utf8_lossy(&decode(path))).unwrap_or_default();
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The longest text file that lines are taken out of.
const LONGEST: u64 = 64 << 20;

/// The bytes of a regular file, no link followed; empty where there is none.
fn read(machine: &Machine<'_>, path: &str) -> Result<Vec<u8>, RemoveError> {
    let host = machine.root.host(path.as_bytes());
    let Some(spot) = machine.root.spot(path.as_bytes())? else { return Ok(Vec::new()) };
    match std::fs::symlink_metadata(spot.path()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RemoveError::io(&host)(error)),
        Ok(meta) if !meta.is_file() || meta.len() > LONGEST => {
            let why = format!("{}: not a text file that lines can be changed in", host.display());
            return Err(RemoveError::Refused(vec![why]));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let read = read_file(&spot.path()).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    read.map_err(RemoveError::io(&host))?;
    Ok(bytes)
}

/// Writes a text file anew, whole or not at all, with the owner, mode and attributes it has.
pub(crate) fn change(machine: &Machine<'_>, path: &str, new: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<(), RemoveError> {
    let Some(spot) = machine.root.spot(path.as_bytes())? else { return Ok(()) };
    let host = machine.root.host(path.as_bytes());
    let text = read(machine, path)?;
    let new = new(&text);
    if new == text {
        return Ok(());
    }
    let part = spot.part();
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&part);
        let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&part)?;
        std::io::Write::write_all(&mut file, &new)?;
        match std::fs::symlink_metadata(spot.path()) {
            Ok(meta) => {
                std::os::unix::fs::fchown(&file, Some(meta.uid()), Some(meta.gid()))?;
                file.set_permissions(meta.permissions())?;
                copy_attributes(&spot.path(), &part)?;
            }
            Err(_) => file.set_permissions(std::fs::Permissions::from_mode(0o644))?,
        }
        file.sync_all()?;
        std::fs::rename(&part, spot.path())?;
        spot.sync()
    };
    write().map_err(RemoveError::io(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_comes_and_goes_without_a_trace() {
        let text = b"127.0.0.1 localhost\n\xff\n";
        let names = ["kaspersky.com".to_owned()];
        let with = [&text[..], block_of(&names).as_bytes()].concat();
        assert_eq!(without_block(&with), text);
        assert_eq!(without_block(text), text);
    }

    #[test]
    fn a_line_holds_a_command_only_if_that_is_its_command() {
        let wanted = ["/opt/kaspersky/update".to_owned()];
        for line in
            ["5 * * * * root /opt/kaspersky/update", "@daily root /opt/kaspersky/update", "/opt/kaspersky/update"]
        {
            assert!(holds(line.as_bytes(), &wanted), "{line}");
        }
        for line in ["# 5 * * * * root /opt/kaspersky/update", "5 * * * * root backup --skip /opt/kaspersky/update", ""]
        {
            assert!(!holds(line.as_bytes(), &wanted), "{line}");
        }
    }
}
