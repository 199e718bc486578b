//! Packaged apps (AppX, MSIX), as Windows registers them: for all users, and for each.

use super::Found;
use super::traces::FAMILY;
use crate::hive::{Broken, Key};
use crate::windows_path::family;
use ostrakon_model::ArtifactKind;

const FOR_ALL: &str = "Microsoft\\Windows\\CurrentVersion\\Appx\\AppxAllUserStore";
const FOR_USER: &str = "Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppModel\\Repository\\Packages";

/// Reads the packages of the machine: `Applications` are there for everyone, and a key for each user lists that one's.
pub(super) fn of_machine(software: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(store) = software.key(FOR_ALL)? else { return Ok(()) };
    let lists = store.keys()?.into_iter().filter(|list| {
        let name = list.name();
        name.eq_ignore_ascii_case("Applications") || name.starts_with("S-1-")
    });
    for list in lists {
        packages(list, &format!("{FOR_ALL}\\{}", list.name()), found)?;
    }
    Ok(())
}

/// Reads the packages of a user, from that one's classes.
pub(super) fn of_user(classes: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    classes.key(FOR_USER)?.map_or(Ok(()), |list| packages(list, FOR_USER, found))
}

fn packages(list: Key<'_>, path: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for name in list.keys()?.iter().map(Key::name) {
        if let Some(family) = family(&name) {
            found.out.add(found.artifact(ArtifactKind::Package, &format!("{path}\\{name}")).with(FAMILY, family));
        }
    }
    Ok(())
}
