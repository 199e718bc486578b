//! `MuiCache`: what programs a user started are called, and who made them, as their own version information says.

use crate::collectors::hives::{COMPANY, DESCRIPTION, Found};
use crate::hive::{Broken, Key, Value};
use std::collections::BTreeMap;

/// Reads the cache at `path`, if there is one.
pub(in crate::collectors::hives) fn read(root: Key<'_>, path: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(cache) = root.key(path)? else { return Ok(()) };
    // A program has up to two values: its title and its maker.
    let mut programs: BTreeMap<String, [String; 2]> = BTreeMap::new();
    for value in cache.values()? {
        let Some(text) = value.text() else { continue };
        let Some((program, at)) = program(&value) else { continue };
        if let Some(field) = programs.entry(program.to_owned()).or_default().get_mut(at) {
            *field = text;
        }
    }
    for (program, [title, maker]) in programs {
        found.tell(found.trace(path, "muicache", &program).with(DESCRIPTION, title).with(COMPANY, maker));
    }
    Ok(())
}

/// The program that a value speaks of, and which of the two it says.
fn program(value: &Value) -> Option<(&str, usize)> {
    let name = value.name.as_str();
    if let Some(program) = name.strip_suffix(".ApplicationCompany") {
        return Some((program, 1));
    }
    // Of old the title has no ending; texts of libraries, `@library,-number`, are no programs.
    let program = name.strip_suffix(".FriendlyAppName").unwrap_or(name);
    (!program.starts_with('@') && program.contains('\\')).then_some((program, 0))
}
