//! `UserAssist`: what a user started from the desktop, how often and when. The names are in ROT13.

use super::LAST_RUN;
use crate::collectors::hives::Found;
use crate::hive::{Broken, Key};
use crate::reading::le64;
use crate::windows_path::time;

const ASSIST: &str = "Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";

/// Reads the lists of the user whose key `Software` is given.
pub(in crate::collectors::hives) fn read(software: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(lists) = software.key(ASSIST)? else { return Ok(()) };
    for list in lists.keys()? {
        let Ok(Some(counts)) = list.key("Count") else { continue };
        let path = format!("Software\\{ASSIST}\\{}\\Count", list.name());
        for value in counts.values().unwrap_or_default() {
            let Some(program) = started(&turned(&value.name)).map(str::to_owned) else { continue };
            let last = last_run(&value.data).unwrap_or_default();
            found.tell(found.trace(&path, "userassist", &program).with(LAST_RUN, last));
        }
    }
    Ok(())
}

/// The name in ROT13, or out of it.
fn turned(name: &str) -> String {
    let turn = |letter: char, first: u8| {
        let place = (letter as u32).saturating_sub(u32::from(first));
        char::from_u32(u32::from(first) + (place + 13) % 26).unwrap_or(letter)
    };
    let turned = |letter| match letter {
        'a'..='z' => turn(letter, b'a'),
        'A'..='Z' => turn(letter, b'A'),
        other => other,
    };
    name.chars().map(turned).collect()
}

/// What was started: before Windows 7 the kind of thing stands before it, and some entries count something else.
fn started(name: &str) -> Option<&str> {
    let event = name.strip_prefix("UEME_");
    let Some(event) = event else { return Some(name).filter(|name| !name.is_empty()) };
    let (kind, name) = event.split_once(':')?;
    // Places in the start menu begin with a number of it in percent signs.
    let name = name.strip_prefix('%').and_then(|rest| rest.split_once("%\\")).map_or(name, |(_, name)| name);
    (["RUNPATH", "RUNPIDL"].contains(&kind) && !name.is_empty()).then_some(name)
}

/// When it was started last: at the end of 72 bytes, or of 16 before Windows 7.
fn last_run(data: &[u8]) -> Option<String> {
    le64(data, if data.len() == 16 { 8 } else { 60 }).and_then(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_turned_back() {
        assert_eq!(turned("P:\\Hfref\\vinabi\\XIEG.rkr 9"), "C:\\Users\\ivanov\\KVRT.exe 9");
        assert_eq!(turned("Иванов"), "Иванов");
    }

    #[test]
    fn only_what_was_started_counts() {
        assert_eq!(started("UEME_RUNPATH:C:\\x.exe"), Some("C:\\x.exe"));
        assert_eq!(started("UEME_RUNPIDL:%csidl2%\\X\\y.lnk"), Some("X\\y.lnk"));
        for name in ["UEME_CTLSESSION", "UEME_CTLCUACount:ctor", "UEME_RUNPATH", "UEME_RUNPATH:", ""] {
            assert_eq!(started(name), None, "{name}");
        }
    }

    #[test]
    fn a_time_is_read_where_there_is_one() {
        let time = 133_485_408_000_000_000_u64.to_le_bytes();
        let new = [&[0; 60][..], &time, &[0; 4]].concat();
        let wanted = Some("2024-01-01T00:00:00Z");
        assert_eq!(last_run(&new).as_deref(), wanted);
        assert_eq!(last_run(&[&[0; 8][..], &time].concat()).as_deref(), wanted);
        for length in 0..67 {
            assert_eq!(last_run(&new[..length]), None);
        }
    }
}
