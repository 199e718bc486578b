//! Folders and files of Windows, as AppLocker and App Control write them.

use crate::block::paths::{PATHS, Shape};
use crate::block::select::{Input, Left, USED, values};
use std::collections::BTreeMap;

/// Where a variable of a dossier lies: for AppLocker, and below the system drive. Under the latter stands nothing for
/// folders of each user, which only AppLocker can name.
const FOLDERS: &[(&str, &str, &[&str])] = &[
    ("%programfiles(x86)%", "%PROGRAMFILES%", &["Program Files", "Program Files (x86)"]),
    ("%programfiles%", "%PROGRAMFILES%", &["Program Files", "Program Files (x86)"]),
    (
        "%commonprogramfiles%",
        r"%PROGRAMFILES%\Common Files",
        &[r"Program Files\Common Files", r"Program Files (x86)\Common Files"],
    ),
    ("%programdata%", r"%OSDRIVE%\ProgramData", &["ProgramData"]),
    ("%systemroot%", "%WINDIR%", &["Windows"]),
    ("%windir%", "%WINDIR%", &["Windows"]),
    ("%systemdrive%", "%OSDRIVE%", &[""]),
    ("%localappdata%", r"%OSDRIVE%\Users\*\AppData\Local", &[]),
    ("%appdata%", r"%OSDRIVE%\Users\*\AppData\Roaming", &[]),
];

/// Folders below those that no vendor owns: a rule on one would stop the machine.
const SHARED: [&str; 8] = [
    "common files",
    "microsoft",
    "program files",
    "program files (x86)",
    "programdata",
    "users",
    "windows",
    "windowsapps",
];

/// A folder, a file, or whatever begins alike.
pub(super) struct Found {
    /// The path for AppLocker.
    pub(super) applocker: String,
    /// The paths below the system drive.
    pub(super) drive: Vec<String>,
    /// The indicator.
    pub(super) from: String,
}

/// The paths of Windows to refuse; none lies in another.
pub(super) fn paths(input: Input<'_>, left: &mut Left) -> Vec<Found> {
    let (mut list, mut missed) = (BTreeMap::new(), Vec::new());
    for chosen in input.chosen(PATHS, USED, left) {
        for value in values(&chosen.indicator.test) {
            let what = chosen.says(value);
            if !value.starts_with('%') {
                left.add("a path of another system", what);
                continue;
            }
            match found(&chosen.indicator.name, Shape::of(&chosen.indicator.test, value)) {
                Err(reason) => missed.push((value, reason, what)),
                Ok((one, hits)) => {
                    if !input.spares(PATHS, hits, what, left) {
                        list.entry(one.applocker.to_ascii_lowercase()).or_insert(one);
                    }
                }
            }
        }
    }
    let wide: Vec<String> = list.keys().filter_map(|path| path.strip_suffix('*').map(str::to_owned)).collect();
    list.retain(|path, _| !wide.iter().any(|start| path.starts_with(start) && path.len() > start.len() + 1));
    for (value, reason, what) in missed {
        let covered = spelled(value).is_some_and(|(applocker, _, rest)| {
            let path = format!("{applocker}\\{rest}").to_ascii_lowercase();
            wide.iter().any(|start| path.starts_with(start))
        });
        if !covered {
            left.add(reason, what);
        }
    }
    list.into_values().collect()
}

/// The folder a path begins with, in both spellings, and the rest of it.
fn spelled(path: &str) -> Option<(&'static str, &'static [&'static str], String)> {
    let path = path.replace('/', "\\");
    let lower = path.to_ascii_lowercase();
    let &(variable, applocker, drive) = FOLDERS.iter().find(|(variable, ..)| lower.starts_with(*variable))?;
    Some((applocker, drive, path[variable.len()..].trim_start_matches('\\').to_owned()))
}

/// The path in both spellings, and the test whether a path of a lookalike is hit.
fn found(name: &str, shape: Result<Shape<'_>, &'static str>) -> Result<(Found, impl Fn(&str) -> bool), &'static str> {
    let shape = shape?;
    let (applocker, drive, rest) = spelled(shape.path()).ok_or("a folder these rules have no variable for")?;
    let odd = |letter: char| letter.is_control() || matches!(letter, '"' | '<' | '>' | '|' | ':' | '%');
    if rest.is_empty() || rest.contains(odd) || rest.split('\\').any(|part| part.is_empty() || part == "..") {
        return Err("not a path below a folder of Windows");
    }
    let in_windows = applocker == "%WINDIR%";
    let folder = !matches!(shape, Shape::File(_));
    if folder && (in_windows && !rest.contains('\\') || SHARED.contains(&rest.to_ascii_lowercase().as_str())) {
        return Err("a folder that belongs to everybody");
    }
    if in_windows && rest.to_ascii_lowercase().starts_with(r"system32\drivers") {
        return Err("drivers, which a rule on a path does not stop");
    }
    let end = match shape {
        Shape::Folder(_) => "\\*",
        Shape::File(_) => "",
        Shape::Stem(_) => "*",
    };
    let drive: Vec<_> =
        drive.iter().map(|folder| format!("{folder}\\{rest}").trim_start_matches('\\').to_owned()).collect();
    let starts: Vec<_> = drive.iter().map(|path| path.to_ascii_lowercase()).collect();
    let anywhere = rest.to_ascii_lowercase();
    let hits = move |other: &str| {
        let other = other.replace('/', "\\").to_ascii_lowercase();
        let other = other.split_once(":\\").map_or(other.as_str(), |(_, path)| path);
        let hit = |start: &String| match other.strip_prefix(start.as_str()) {
            Some(rest) => rest.is_empty() || end == "*" || end == "\\*" && rest.starts_with('\\'),
            None => false,
        };
        // In a folder of each user nothing is known of what lies above.
        starts.iter().any(hit) || starts.is_empty() && other.contains(&anywhere)
    };
    let one = Found {
        applocker: format!("{applocker}\\{rest}{end}"),
        drive: drive.into_iter().map(|path| path + end).collect(),
        from: name.to_owned(),
    };
    Ok((one, hits))
}
