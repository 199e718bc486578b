//! What says that a program was run, or is to be: the path it names, as the place would have it, and the time it gives.

use crate::collector::Seen;
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence};

pub(crate) const PATH: Attribute = Attribute::known("file.path");
pub(crate) const NAME: Attribute = Attribute::known("file.name");
pub(crate) const SOURCE: Attribute = Attribute::known("trace.source");
pub(crate) const LAST_RUN: Attribute = Attribute::known("trace.last_run");
pub(crate) const RUN_COUNT: Attribute = Attribute::known("trace.run_count");
pub(crate) const ARGUMENTS: Attribute = Attribute::known("trace.arguments");

/// A trace of the program at `path`, as Windows writes paths. What it names need not be there: it is left of something.
pub(crate) fn of(seen: &Seen<'_>, source: &str, path: &str) -> Artifact {
    let artifact = seen.artifact(ArtifactKind::Trace).with(SOURCE, source).proving(Presence::Remnant);
    let path = first_word(path);
    let name = path.rsplit(['\\', '/']).next().unwrap_or(path);
    let artifact = artifact.with(NAME, encode(name.as_bytes()));
    match in_volume(path) {
        Some(path) => artifact.with(PATH, encode(path.as_bytes())),
        None => artifact,
    }
}

/// A command without the quotation marks around it and what follows them.
fn first_word(command: &str) -> &str {
    let command = command.trim();
    command.strip_prefix('"').map_or(command, |rest| rest.split('"').next().unwrap_or(rest))
}

/// The path from the root of its volume: what the drive is called says nothing about the place. None where it lies on
/// another machine, or depends on what is not known.
fn in_volume(path: &str) -> Option<String> {
    const KNOWN: [(&str, &str); 11] = [
        ("systemroot", "/Windows"),
        ("windir", "/Windows"),
        ("systemdrive", ""),
        ("programfiles", "/Program Files"),
        ("programw6432", "/Program Files"),
        ("programfiles(x86)", "/Program Files (x86)"),
        ("commonprogramfiles", "/Program Files/Common Files"),
        ("commonprogramfiles(x86)", "/Program Files (x86)/Common Files"),
        ("programdata", "/ProgramData"),
        ("allusersprofile", "/ProgramData"),
        ("public", "/Users/Public"),
    ];
    let path = path.replace('\\', "/");
    if let Some((variable, rest)) = path.strip_prefix('%').and_then(|rest| rest.split_once('%')) {
        let (_, folder) = KNOWN.iter().find(|(name, _)| variable.eq_ignore_ascii_case(name))?;
        return Some(format!("{folder}{rest}"));
    }
    let path = ["//?/", "//./", "/??/"].iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(&path);
    if path.as_bytes().get(1) == Some(&b':') {
        return path.get(2..).filter(|rest| rest.starts_with('/')).map(str::to_owned);
    }
    let volume = |prefix: &str| path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if volume("/volume{") || volume("/device/") {
        let parts = if volume("/device/") { 3 } else { 2 };
        let (at, _) = path.match_indices('/').nth(parts - 1)?;
        return path.get(at..).map(str::to_owned);
    }
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}

/// A time of Windows (units of 100 ns since 1601) as RFC 3339; none for 0 and what lies beyond any calendar.
pub(crate) fn time(units: u64) -> Option<String> {
    const TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(units / 10_000_000).ok().filter(|_| units > 0)? - TO_1970;
    jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_root_of_their_volume() {
        for (path, wanted) in [
            ("C:\\Program Files\\x\\a.exe", Some("/Program Files/x/a.exe")),
            ("\\??\\D:\\a.exe", Some("/a.exe")),
            ("\\VOLUME{01d5f8c1-2f3a}\\WINDOWS\\A.EXE", Some("/WINDOWS/A.EXE")),
            ("\\Device\\HarddiskVolume3\\Windows\\a.exe", Some("/Windows/a.exe")),
            ("%ProgramFiles(x86)%\\x\\a.exe", Some("/Program Files (x86)/x/a.exe")),
            ("%SystemDrive%\\a.exe", Some("/a.exe")),
            ("%LOCALAPPDATA%\\x\\a.exe", None),
            ("\\\\server\\share\\a.exe", None),
            ("a.exe", None),
            ("C:a.exe", None),
            ("é:", None),
            ("", None),
        ] {
            assert_eq!(in_volume(path).as_deref(), wanted, "{path}");
        }
        assert_eq!(first_word(" \"C:\\a b.exe\" -x"), "C:\\a b.exe");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(time(133_523_755_200_000_000).as_deref(), Some("2024-02-14T09:12:00Z"));
        assert_eq!(time(0), None);
        assert_eq!(time(u64::MAX), None);
    }
}
