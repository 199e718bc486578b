//! The moderators of background and desktop activity (BAM, DAM): which programs each user ran in the last days, and when.

use super::LAST_RUN;
use crate::collectors::hives::Found;
use crate::hive::{Broken, Key};
use crate::reading::le64;
use crate::windows_path::time;

/// Reads the programs of all users below the control set `set`.
pub(in crate::collectors::hives) fn read(control: Key<'_>, set: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for (service, state) in [("bam", "\\State"), ("bam", ""), ("dam", "\\State"), ("dam", "")] {
        let path = format!("Services\\{service}{state}\\UserSettings");
        let Some(users) = control.key(&path)? else { continue };
        for user in users.keys()? {
            let path = format!("{set}\\{path}\\{}", user.name());
            for value in user.values().unwrap_or_default() {
                // Beside the programs stand two numbers about the list itself.
                if !["Version", "SequenceNumber"].contains(&value.name.as_str()) {
                    let last = le64(&value.data, 0).and_then(time).unwrap_or_default();
                    found.tell(found.trace(&path, service, &value.name).with(LAST_RUN, last));
                }
            }
        }
    }
    Ok(())
}
