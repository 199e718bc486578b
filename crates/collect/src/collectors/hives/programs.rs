//! What is registered as installed: the keys that "Programs and Features" shows, and those of Windows Installer.

use super::{DISPLAY_NAME, Found, PRODUCT_CODE, PUBLISHER, UPGRADE_CODE, VERSION};
use crate::hive::{Broken, Hive, Key, Value};
use ostrakon_model::{Artifact, ArtifactKind, Presence};

const UNINSTALL: &str = "Microsoft\\Windows\\CurrentVersion\\Uninstall";
const UPGRADES: &str = "Microsoft\\Windows\\CurrentVersion\\Installer\\UpgradeCodes";
const USER_DATA: &str = "Microsoft\\Windows\\CurrentVersion\\Installer\\UserData";

/// Reads the programs below `software`, whose path in the hive is `view`.
pub(super) fn read(software: Key<'_>, view: &str, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    if let Some(uninstall) = software.key(UNINSTALL)? {
        for key in uninstall.keys()? {
            let name = key.name();
            let artifact = found.artifact(ArtifactKind::Package, &format!("{view}{UNINSTALL}\\{name}"));
            if let Some(artifact) = described(artifact, &key.values()?, is_guid(&name).then_some(name)) {
                found.out.add(artifact);
            }
        }
    }
    if let Some(upgrades) = software.key(UPGRADES)? {
        for key in upgrades.keys()? {
            // Empty ones are left by what was removed.
            let Some(code) = unpacked(&key.name()).filter(|_| key.values().is_ok_and(|values| !values.is_empty()))
            else {
                continue;
            };
            let artifact = found.artifact(ArtifactKind::Package, &format!("{view}{UPGRADES}\\{}", key.name()));
            found.out.add(artifact.with(UPGRADE_CODE, code));
        }
    }
    let Some(users) = software.key(USER_DATA)? else { return Ok(()) };
    for user in users.keys()? {
        let Some(products) = user.key("Products")? else { continue };
        for product in products.keys()? {
            let (sid, packed) = (user.name(), product.name());
            let values = match product.key("InstallProperties")? {
                Some(properties) => properties.values()?,
                None => Vec::new(),
            };
            let path = format!("{view}{USER_DATA}\\{sid}\\Products\\{packed}");
            let artifact = found.artifact(ArtifactKind::Package, &path);
            if let Some(artifact) = described(artifact, &values, unpacked(&packed)) {
                found.out.add(artifact);
            }
        }
    }
    Ok(())
}

/// Tells the uninstall keys that were deleted and are still in the hive.
pub(super) fn deleted(hive: &Hive, found: &mut Found<'_, '_>) {
    for gone in hive.deleted() {
        let Some((_, name)) = gone.path.rsplit_once("\\Uninstall\\").filter(|(_, name)| !name.contains('\\')) else {
            continue;
        };
        let Ok(values) = gone.key.values() else { continue };
        let artifact = found.artifact(ArtifactKind::Package, &gone.path).proving(Presence::Remnant);
        if let Some(artifact) = described(artifact, &values, is_guid(name).then(|| name.to_owned())) {
            found.out.add(artifact);
        }
    }
}

/// The artifact with what its values and its product code say, if they say anything.
fn described(mut artifact: Artifact, values: &[Value], code: Option<String>) -> Option<Artifact> {
    let text = |name: &str| {
        let value = values.iter().find(|value| value.name.eq_ignore_ascii_case(name));
        value.and_then(Value::text).filter(|text| !text.is_empty())
    };
    let before = artifact.attributes.len();
    let known = [
        (DISPLAY_NAME, text("DisplayName")),
        (PUBLISHER, text("Publisher")),
        (VERSION, text("DisplayVersion")),
        (PRODUCT_CODE, code),
    ];
    for (attribute, value) in known {
        if let Some(value) = value {
            artifact.push(attribute, value);
        }
    }
    (artifact.attributes.len() > before).then_some(artifact)
}

fn is_guid(name: &str) -> bool {
    let bytes = name.as_bytes();
    let fits = |(at, byte): (usize, &u8)| match at {
        0 => *byte == b'{',
        9 | 14 | 19 | 24 => *byte == b'-',
        37 => *byte == b'}',
        _ => byte.is_ascii_hexdigit(),
    };
    bytes.len() == 38 && bytes.iter().enumerate().all(fits)
}

/// The product code of a packed one: Windows Installer writes each of its first three parts backwards, and of the rest each
/// pair of digits.
fn unpacked(packed: &str) -> Option<String> {
    const PARTS: [usize; 11] = [8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2];
    if packed.len() != 32 || !packed.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut code = String::from("{");
    let mut rest = packed;
    for (at, length) in PARTS.into_iter().enumerate() {
        let (part, after) = rest.split_at_checked(length)?;
        rest = after;
        code.extend(part.chars().rev());
        if matches!(at, 0 | 1 | 2 | 4) {
            code.push('-');
        }
    }
    code.push('}');
    Some(code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_codes_are_unpacked() {
        // The example of Microsoft's documentation of packed GUIDs.
        assert_eq!(
            unpacked("78563412BC9AF0DE0123456789ABCDEF").as_deref(),
            Some("{21436587-A9CB-ED0F-1032-547698BADCFE}")
        );
        assert_eq!(unpacked("78563412"), None);
        assert!(is_guid("{21436587-A9CB-ED0F-1032-547698BADCFE}"));
        assert!(!is_guid("InstallWIX_{21436587-A9CB-ED0F-1032-547698B}"));
    }
}
