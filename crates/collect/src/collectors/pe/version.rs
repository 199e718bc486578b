//! Version information of a PE file: blocks in blocks, with texts by language. Format: Microsoft, `VS_VERSIONINFO`.

use crate::reading::{le16, le32};
use ostrakon_model::{Artifact, Attribute};

pub(super) const COMPANY_NAME: Attribute = Attribute::known("pe.company_name");
pub(super) const FILE_DESCRIPTION: Attribute = Attribute::known("pe.file_description");
pub(super) const FILE_VERSION: Attribute = Attribute::known("pe.file_version");
pub(super) const INTERNAL_NAME: Attribute = Attribute::known("pe.internal_name");
pub(super) const LEGAL_COPYRIGHT: Attribute = Attribute::known("pe.legal_copyright");
pub(super) const ORIGINAL_FILENAME: Attribute = Attribute::known("pe.original_filename");
pub(super) const PRODUCT_NAME: Attribute = Attribute::known("pe.product_name");
pub(super) const PRODUCT_VERSION: Attribute = Attribute::known("pe.product_version");

/// The texts that are kept.
const TEXTS: [(&str, Attribute); 8] = [
    ("CompanyName", COMPANY_NAME),
    ("FileDescription", FILE_DESCRIPTION),
    ("FileVersion", FILE_VERSION),
    ("InternalName", INTERNAL_NAME),
    ("LegalCopyright", LEGAL_COPYRIGHT),
    ("OriginalFilename", ORIGINAL_FILENAME),
    ("ProductName", PRODUCT_NAME),
    ("ProductVersion", PRODUCT_VERSION),
];

/// What is known of one program: it has eight texts for each language, most of them the same.
const MOST_TEXTS: usize = 2000;

/// One block: length, length of its value, kind, key, value, and the blocks in it, each from a multiple of four bytes on.
struct Block<'a> {
    key: String,
    /// What follows the key.
    rest: &'a [u8],
    /// Where that begins in the whole, since all is rounded from there.
    at: usize,
    /// The length it says its value has.
    value: usize,
}

/// Adds the texts of every language to `artifact`, those that are there already left out.
pub(super) fn describe(bytes: &[u8], artifact: &mut Artifact) -> Result<(), String> {
    let (root, _) = block(bytes, 0, bytes.len())?.ok_or("version information without content")?;
    if root.key != "VS_VERSION_INFO" {
        return Err("version information of an unknown form".to_owned());
    }
    if root.value > root.rest.len() {
        return Err("the numbers of version information reach out of it".to_owned());
    }
    let read = each(bytes, root.at + root.value, root.at + root.rest.len(), &mut |info| {
        if info.key != "StringFileInfo" {
            return Ok(());
        }
        each(bytes, info.at, info.at + info.rest.len(), &mut |table| {
            each(bytes, table.at, table.at + table.rest.len(), &mut |text| {
                // Makers count the length of a text in bytes, in pairs, with or without its end: only the end counts.
                match TEXTS.iter().find(|(name, _)| *name == text.key) {
                    Some((_, attribute)) => add(artifact, *attribute, wide(text.rest).trim()),
                    None => Ok(()),
                }
            })
        })
    });
    numbers(root.rest.get(..root.value).unwrap_or_default(), artifact);
    read
}

/// The versions in numbers, where no text says them.
fn numbers(fixed: &[u8], artifact: &mut Artifact) {
    if le32(fixed, 0) != Some(0xfeef_04bd) {
        return;
    }
    for (attribute, at) in [(FILE_VERSION, 8), (PRODUCT_VERSION, 16)] {
        let (Some(high), Some(low)) = (le32(fixed, at), le32(fixed, at + 4)) else { continue };
        if artifact.values(attribute).next().is_none() && (high, low) != (0, 0) {
            artifact.push(attribute, format!("{}.{}.{}.{}", high >> 16, high & 0xffff, low >> 16, low & 0xffff));
        }
    }
}

/// Adds a value that is not there yet.
fn add(artifact: &mut Artifact, attribute: Attribute, value: &str) -> Result<(), String> {
    if artifact.attributes.len() >= MOST_TEXTS {
        return Err(format!("more than {MOST_TEXTS} texts in version information"));
    }
    if !artifact.values(attribute).any(|known| known == value) {
        artifact.push(attribute, value);
    }
    Ok(())
}

/// Calls `with` for every block between two offsets.
fn each(
    bytes: &[u8],
    start: usize,
    end: usize,
    with: &mut dyn FnMut(&Block<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let mut at = rounded(start);
    while let Some((one, next)) = block(bytes, at, end)? {
        with(&one)?;
        at = next;
    }
    Ok(())
}

/// The block at `at`, and where the next one begins; none where nothing or only filling is left before `end`.
fn block(bytes: &[u8], at: usize, end: usize) -> Result<Option<(Block<'_>, usize)>, String> {
    let left = bytes.get(at..end).unwrap_or_default();
    if left.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let length = le16(left, 0).map_or(0, usize::from);
    let stop = at.saturating_add(length);
    // Some count what fills the last block up as theirs.
    if length < 6 || stop > rounded(end) {
        return Err("a block of version information reaches out of the one around it".to_owned());
    }
    let whole = bytes.get(at..stop.min(end)).unwrap_or_default();
    let value = le16(whole, 2).map_or(0, usize::from);
    let words = whole.get(6..).unwrap_or_default();
    let key = wide(words);
    // Two bytes for each unit, and two for its end.
    let after = rounded(at.saturating_add(6).saturating_add(key.encode_utf16().count() * 2 + 2));
    let rest = bytes.get(after..stop.min(end)).unwrap_or_default();
    Ok(Some((Block { key, rest, at: after, value }, rounded(stop))))
}

/// The next multiple of four.
fn rounded(at: usize) -> usize {
    at.saturating_add(3) & !3
}

/// Text in UTF-16 up to its end.
fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> =
        bytes.chunks_exact(2).filter_map(|unit| le16(unit, 0)).take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ostrakon_model::{ArtifactKind, Locator};

    const PROGRAM: &[u8] =
        include_bytes!("../../../fixtures/pe/real/Program Files (x86)/Kaspersky Lab/KES.12.3.0/ksn_facade.dll");

    /// The version information of the fixture, which has two languages in one resource.
    fn fixture() -> Vec<u8> {
        let key: Vec<u8> = "VS_VERSION_INFO".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let at = memchr::memmem::find(PROGRAM, &key).unwrap() - 6;
        let length = usize::from(le16(PROGRAM, at).unwrap());
        PROGRAM[at..at + length].to_vec()
    }

    fn read(bytes: &[u8]) -> (Result<(), String>, Vec<(Attribute, String)>) {
        let mut artifact = Artifact::new(ArtifactKind::Executable, Locator(String::new()), "");
        let outcome = describe(bytes, &mut artifact);
        (outcome, artifact.attributes)
    }

    #[test]
    fn texts_of_every_language_are_read() {
        let (outcome, attributes) = read(&fixture());
        assert_eq!(outcome, Ok(()));
        let values = |wanted| -> Vec<_> {
            attributes.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| value.as_str()).collect()
        };
        assert_eq!(values(COMPANY_NAME), ["АО «Лаборатория Касперского»", "AO Kaspersky Lab"]);
        assert_eq!(values(LEGAL_COPYRIGHT), ["© 2023 АО «Лаборатория Касперского»", "© 2023 AO Kaspersky Lab"]);
        assert_eq!(values(FILE_DESCRIPTION), ["Служба защиты", "Protection service"]);
        assert_eq!(values(ORIGINAL_FILENAME), ["ksn_facade.dll"]);
        assert_eq!(values(INTERNAL_NAME), ["ksn_facade"]);
        assert_eq!(values(FILE_VERSION), ["1.2.3.4"]);
    }

    #[test]
    fn numbers_stand_in_for_texts() {
        // The head of the fixture, with the name of its list of texts changed.
        let mut bytes = fixture();
        let key: Vec<u8> = "StringFileInfo".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let at = memchr::memmem::find(&bytes, &key).unwrap();
        bytes[at] = b'X';
        let (outcome, attributes) = read(&bytes);
        assert_eq!(outcome, Ok(()));
        let expected = [(FILE_VERSION, "12.3.0.493".to_owned()), (PRODUCT_VERSION, "12.3.0.0".to_owned())];
        assert_eq!(attributes, expected);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let whole = fixture();
        for cut in 0..whole.len() {
            let (outcome, _) = read(&whole[..cut]);
            assert!(cut + 4 > whole.len() || outcome.is_err(), "{cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            drop(read(&changed));
        }
    }
}
