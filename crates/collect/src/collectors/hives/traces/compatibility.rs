//! What Windows keeps about programs that might not get along with it: those its assistant watched, and those that run in a
//! layer of an older Windows.

use crate::collectors::hives::Found;
use crate::hive::{Broken, Key};

const FLAGS: &str = "Microsoft\\Windows NT\\CurrentVersion\\AppCompatFlags";

/// Reads the lists below `software`, whose path in the hive is `view`.
pub(in crate::collectors::hives) fn read(
    software: Key<'_>,
    view: &str,
    found: &mut Found<'_, '_>,
) -> Result<(), Broken> {
    for (list, source) in [
        ("Compatibility Assistant\\Store", "compatibility-assistant"),
        ("Compatibility Assistant\\Persisted", "compatibility-assistant"),
        ("Layers", "compatibility-layer"),
    ] {
        let path = format!("{FLAGS}\\{list}");
        let Some(key) = software.key(&path)? else { continue };
        let path = format!("{view}{path}");
        for value in key.values()? {
            // Some begin with the number of a file system and a mark.
            let program = value.name.trim_start_matches("SIGN.MEDIA=").trim_start_matches('~').trim();
            if !program.is_empty() {
                found.tell(found.trace(&path, source, program));
            }
        }
    }
    Ok(())
}
