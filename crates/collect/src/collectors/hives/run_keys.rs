//! What Windows is to start: at logon for the machine or one user, once or each time, beside the shell; and what of it a user
//! allowed or switched off.

use super::Found;
use super::traces::TRACE_NAME;
use crate::hive::{Broken, Key, Value};
use crate::windows_path::{name_of, programs};

/// Keys whose values are command lines.
const KEYS: [&str; 7] = [
    "Microsoft\\Windows\\CurrentVersion\\Run",
    "Microsoft\\Windows\\CurrentVersion\\RunOnce",
    "Microsoft\\Windows\\CurrentVersion\\RunOnceEx",
    "Microsoft\\Windows\\CurrentVersion\\RunServices",
    "Microsoft\\Windows\\CurrentVersion\\RunServicesOnce",
    "Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer\\Run",
    "Microsoft\\Windows NT\\CurrentVersion\\Terminal Server\\Install\\Software\\Microsoft\\Windows\\CurrentVersion\\Run",
];

/// Values that hold programs, divided by commas, and which of them every Windows has.
const BESIDE: [(&str, &str, &[&str]); 5] = [
    ("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Shell", &["explorer.exe"]),
    ("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Userinit", &["userinit.exe", "userinit"]),
    ("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Taskman", &[]),
    ("Microsoft\\Windows NT\\CurrentVersion\\Windows", "Load", &[]),
    ("Microsoft\\Windows NT\\CurrentVersion\\Windows", "Run", &[]),
];

const APPROVED: &str = "Microsoft\\Windows\\CurrentVersion\\Explorer\\StartupApproved";
const SOURCE: &str = "run-key";

/// Reads what is to be started by the keys below `software`, whose path in the hive is `view`.
pub(super) fn read(software: Key<'_>, view: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for path in KEYS {
        let Some(key) = software.key(path)? else { continue };
        let path = format!("{view}{path}");
        commands(&key.values()?, &path, found);
        // `RunOnceEx` has a key for each step.
        for step in key.keys()? {
            commands(&step.values().unwrap_or_default(), &format!("{path}\\{}", step.name()), found);
        }
    }
    for (path, value, known) in BESIDE {
        let Some(key) = software.key(path)? else { continue };
        let text = key.value(value)?.as_ref().and_then(Value::text).unwrap_or_default();
        for program in text.split(',').flat_map(programs) {
            if !known.iter().any(|known| name_of(program).eq_ignore_ascii_case(known)) {
                found.tell(found.trace(&format!("{view}{path}"), SOURCE, program));
            }
        }
    }
    approved(software, view, found)
}

fn commands(values: &[Value], path: &str, found: &mut Found<'_, '_>) {
    for value in values {
        for program in value.text().iter().flat_map(|command| programs(command)) {
            found.tell(found.trace(path, SOURCE, program).with(TRACE_NAME, value.name.as_str()));
        }
    }
}

/// The list of the task manager: names of what is to be started, and with an odd first byte those that were switched off. It
/// outlives what it names.
fn approved(software: Key<'_>, view: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for list in ["Run", "Run32", "StartupFolder"] {
        let path = format!("{APPROVED}\\{list}");
        let Some(key) = software.key(&path)? else { continue };
        for value in key.values()? {
            let off = value.data.first().is_some_and(|first| first & 1 != 0);
            let source = if off { "startup-disabled" } else { "startup-approved" };
            found.tell(found.trace(&format!("{view}{path}"), source, &value.name));
        }
    }
    Ok(())
}
