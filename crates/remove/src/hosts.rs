//! Lines in text files: the hosts file's block of names, and lines that are taken out of a file such as a crontab.

use crate::RemoveError;
use crate::journal::Before;
use crate::machine::{Machine, Standing};
use crate::root::shown;
use ostrakon_model::locator::decode;
use ostrakon_plan::Action;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;

const HOSTS: &str = "/etc/hosts";
const BEGIN: &str = "# begin of the names Ostrakon blocks";
const END: &str = "# end of the names Ostrakon blocks";

fn block_of(names: &[String]) -> String {
    let mut text = format!("{BEGIN}\n");
    names.iter().for_each(|name| text.push_str(&format!("0.0.0.0 {name}\n:: {name}\n")));
    text + END + "\n"
}

/// The text without the block.
fn without_block(text: &str) -> String {
    let Some(start) = text.find(BEGIN) else { return text.to_owned() };
    let Some(end) = text[start..].find(END) else { return text.to_owned() };
    let rest = &text[start + end + END.len()..];
    format!("{}{}", &text[..start], rest.strip_prefix('\n').unwrap_or(rest))
}

pub(crate) fn standing(machine: &Machine<'_>, names: &[String]) -> Result<Standing, RemoveError> {
    let text = machine.root.read(HOSTS).unwrap_or_default();
    let there = String::from_utf8_lossy(&text).contains(&block_of(names));
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
        let line = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        format!("{text}{line}{}", block_of(names))
    })
}

pub(crate) fn unblock(machine: &mut Machine<'_>, _action: &Action) -> Result<Vec<String>, RemoveError> {
    change(machine, HOSTS, without_block)?;
    Ok(Vec::new())
}

pub(crate) fn lines_standing(machine: &Machine<'_>, path: &str, lines: &[String]) -> Result<Standing, RemoveError> {
    let text = machine.root.read(&String::from_utf8_lossy(&decode(path))).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let there = text.lines().any(|line| holds(line, lines));
    Ok(if there { Standing::Ahead(Before::default()) } else { Standing::Reached })
}

/// A crontab's line ends with the command; before it come times and a user.
fn holds(line: &str, lines: &[String]) -> bool {
    lines.iter().any(|wanted| !wanted.is_empty() && (line == wanted || line.trim_end().ends_with(wanted.as_str())))
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
        text.split_inclusive('\n').filter(|line| !holds(line.trim_end_matches('\n'), lines)).collect()
    })
}

/// Puts the file back if it is as the removal left it.
pub(crate) fn bring_back(
    machine: &mut Machine<'_>,
    action: &Action,
    path: &str,
    after: &str,
) -> Result<Vec<String>, RemoveError> {
    if !after.is_empty() && digest(machine, path) != after {
        return Ok(vec![format!("{path}: it was changed since; put the lines back by hand")]);
    }
    if let Some(spot) = machine.root.spot(&decode(path))? {
        let _ = std::fs::remove_file(spot.path());
    }
    let manifests = machine.saved(action)?;
    // The first saving has the lines; a later one may lack some.
    machine.store.restore(machine.root, manifests.get(..1).unwrap_or_default(), &|_| false)
}

/// What a file is like, by digest.
pub(crate) fn digest(machine: &Machine<'_>, path: &str) -> String {
    let text = machine.root.read(&String::from_utf8_lossy(&decode(path))).unwrap_or_default();
    Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a text file anew, whole or not at all, with the owner and mode it has.
fn change(machine: &Machine<'_>, path: &str, new: impl FnOnce(&str) -> String) -> Result<(), RemoveError> {
    let Some(spot) = machine.root.spot(path.as_bytes())? else { return Ok(()) };
    let host = machine.root.host(path.as_bytes());
    let bytes = std::fs::read(spot.path()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let new = new(&text);
    if new == text {
        return Ok(());
    }
    let part = spot.part();
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&part);
        let mut file = std::fs::File::options().write(true).create_new(true).open(&part)?;
        std::io::Write::write_all(&mut file, new.as_bytes())?;
        if let Ok(meta) = std::fs::metadata(spot.path()) {
            std::os::unix::fs::fchown(&file, Some(meta.uid()), Some(meta.gid()))?;
            file.set_permissions(meta.permissions())?;
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
        let text = "127.0.0.1 localhost\n";
        let names = ["kaspersky.com".to_owned()];
        let with = format!("{text}{}", block_of(&names));
        assert_eq!(without_block(&with), text);
        assert_eq!(without_block(text), text);
    }
}
