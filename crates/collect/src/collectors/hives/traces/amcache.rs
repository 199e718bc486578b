//! `Amcache.hve`: Windows's inventory of programs, applications and drivers it met, with makers, versions and digests. An entry
//! says that a thing was there when Windows looked, and seldom that it ran.

use super::FAMILY;
use crate::collectors::hives::{
    COMPANY, DESCRIPTION, DISPLAY_NAME, DRIVER, FILE_VERSION, Found, PRODUCT, PRODUCT_CODE, PRODUCT_VERSION, PUBLISHER,
    SHA1, VERSION,
};
use crate::hive::{Broken, Key, Value};
use crate::windows_path::{family, placed};
use ostrakon_model::Attribute;

const SOURCE: &str = "amcache";

/// Attributes and the values that give them.
type Fields = &'static [(Attribute, &'static str)];

/// The lists of Windows 10: a key for each thing; which value is its path; what else there is of it.
const LISTS: [(&str, &str, Fields); 3] = [
    (
        "InventoryApplicationFile",
        "LowerCaseLongPath",
        &[(COMPANY, "Publisher"), (PRODUCT, "ProductName"), (FILE_VERSION, "Version"), (SHA1, "FileId")],
    ),
    (
        "InventoryApplication",
        "RootDirPath",
        &[
            (DISPLAY_NAME, "Name"),
            (PUBLISHER, "Publisher"),
            (VERSION, "Version"),
            (PRODUCT_CODE, "MsiProductCode"),
            (FAMILY, "PackageFullName"),
        ],
    ),
    (
        "InventoryDriverBinary",
        "DriverName",
        &[
            (COMPANY, "DriverCompany"),
            (PRODUCT, "Product"),
            (PRODUCT_VERSION, "ProductVersion"),
            (DRIVER, "Service"),
            (SHA1, "DriverId"),
        ],
    ),
];

/// The lists of Windows 8 and before, whose values have numbers for names: files by their volume, and applications.
const FILES: Fields = &[(PRODUCT, "0"), (COMPANY, "1"), (FILE_VERSION, "5"), (DESCRIPTION, "c"), (SHA1, "101")];
const PROGRAMS: Fields = &[(DISPLAY_NAME, "0"), (VERSION, "1"), (PUBLISHER, "2")];

/// Reads the inventory from the root of its hive.
pub(in crate::collectors::hives) fn read(root: Key<'_>, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    let Some(root) = root.key("Root")? else { return Ok(()) };
    for (list, name, fields) in LISTS {
        let path = format!("Root\\{list}");
        let Some(list) = root.key(list)? else { continue };
        told(list, &path, name, fields, found)?;
    }
    if let Some(programs) = root.key("Programs")? {
        told(programs, "Root\\Programs", "", PROGRAMS, found)?;
    }
    let Some(volumes) = root.key("File")? else { return Ok(()) };
    for volume in volumes.keys()? {
        told(volume, &format!("Root\\File\\{}", volume.name()), "15", FILES, found)?;
    }
    Ok(())
}

/// Tells each key of a list.
fn told(list: Key<'_>, path: &str, name: &str, fields: Fields, found: &mut Found<'_, '_>) -> Result<(), Broken> {
    for key in list.keys()? {
        // What cannot be read of one is counted by the hive and costs no other.
        let (id, values) = (key.name(), key.values().unwrap_or_default());
        let text = |name: &str| {
            let value = values.iter().find(|value| value.name.eq_ignore_ascii_case(name));
            value.and_then(Value::text).unwrap_or_default()
        };
        // The key of a driver is its path.
        let known = if placed(&id, "").is_some() { id.clone() } else { text(name) };
        let mut trace = found.trace(&format!("{path}\\{id}"), SOURCE, &known);
        for (attribute, name) in fields {
            match *attribute {
                SHA1 => trace.push(SHA1, sha1(&text(name)).unwrap_or_default()),
                FAMILY => trace.push(FAMILY, family(&text(name)).unwrap_or_default()),
                other => trace.push(other, text(name)),
            }
        }
        if trace.attributes.len() > 1 {
            found.tell(trace);
        }
    }
    Ok(())
}

/// A SHA-1, with or without the four zeros Windows writes before it.
fn sha1(text: &str) -> Option<String> {
    let digest = text.strip_prefix("0000").filter(|rest| rest.len() == 40).unwrap_or(text);
    (digest.len() == 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| digest.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_lose_their_zeros() {
        let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert_eq!(sha1(&format!("0000{}", digest.to_uppercase())).as_deref(), Some(digest));
        assert_eq!(sha1(digest).as_deref(), Some(digest));
        for text in ["", "0000", &digest[1..], "00000123456789abcdef0123456789abcdef0123456x"] {
            assert_eq!(sha1(text), None, "{text}");
        }
    }
}
