//! The resources of a PE file: folders by kind, name and language. Only version information and manifests are looked for.

use super::image::Image;
use super::tables::RESOURCES;
use crate::reading::{le16, le32};
use memchr::memmem;
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use std::collections::VecDeque;

/// Version information.
pub(super) const VERSION: u32 = 16;
/// A manifest.
pub(super) const MANIFEST: u32 = 24;

/// Entries of the folders that are read; those of real programs have one or two for each language.
const MOST_ENTRIES: u32 = 10_000;
/// The folders of kinds, of names and of languages.
const DEEPEST: u32 = 2;
/// Assemblies in one manifest.
const MOST_ASSEMBLIES: usize = 64;

/// One resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resource {
    pub(super) kind: u32,
    pub(super) address: u32,
    pub(super) size: u32,
}

/// Adds version information and manifests in every language to `found`.
pub(super) fn find(image: &Image<'_>, found: &mut Vec<Resource>) -> Result<(), Fault> {
    let Some(directory) = image.tables.directory(RESOURCES) else { return Ok(()) };
    let too_many = || Fault::new(GapReason::Limit, format!("more than {MOST_ENTRIES} resources"));
    let what = "the table of its resources";
    let mut left = MOST_ENTRIES;
    // Where a folder lies, how deep, and what kind it is of.
    let mut folders = VecDeque::from([(directory.address, 0, None)]);
    while let Some((at, depth, kind)) = folders.pop_front() {
        let head = image.at(at, 16, what)?;
        let half = |at| le16(&head, at).map_or(0, u32::from);
        let count = half(12) + half(14);
        left = left.checked_sub(count).ok_or_else(too_many)?;
        let entries = image.at(at.saturating_add(16), count as usize * 8, what)?;
        for entry in entries.chunks_exact(8) {
            let word = |at| le32(entry, at).unwrap_or_default();
            let (name, to) = (word(0), word(4));
            let Some(kind) = kind.or((name == VERSION || name == MANIFEST).then_some(name)) else { continue };
            let address = directory.address.saturating_add(to & 0x7fff_ffff);
            if to & 0x8000_0000 == 0 {
                let entry = image.at(address, 16, what)?;
                let word = |at| le32(&entry, at).unwrap_or_default();
                found.push(Resource { kind, address: word(0), size: word(4) });
            } else if depth < DEEPEST {
                folders.push_back((address, depth + 1, Some(kind)));
            } else {
                return Err(Fault::corrupt("folders of its resources lie in each other"));
            }
        }
    }
    Ok(())
}

/// The name a manifest gives to the program's own assembly; those it depends on have names too.
pub(super) fn identity(manifest: &[u8]) -> Option<String> {
    let text = text(manifest);
    let bytes = text.as_bytes();
    memmem::find_iter(bytes, "assemblyIdentity").take(MOST_ASSEMBLIES).find_map(|at| {
        // Between the two tags of a dependency there is an odd number of their names before.
        let before = text.get(..at)?;
        let closes = before.rsplit(['<', '>']).next().is_some_and(|tag| tag.starts_with('/'));
        if closes || memmem::find_iter(before.as_bytes(), "dependentAssembly").count() % 2 == 1 {
            return None;
        }
        let tag = text.get(at..)?.split('>').next()?;
        attribute(tag, "name")
    })
}

/// A manifest as text: UTF-16 with its mark, else UTF-8.
fn text(manifest: &[u8]) -> String {
    match manifest.strip_prefix(b"\xff\xfe") {
        Some(units) => {
            let units: Vec<u16> = units.chunks_exact(2).filter_map(|unit| le16(unit, 0)).collect();
            String::from_utf16_lossy(&units)
        }
        None => String::from_utf8_lossy(manifest).into_owned(),
    }
}

/// The value of an attribute in a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    tag.match_indices(name).find_map(|(at, _)| {
        if !tag.get(..at)?.ends_with(char::is_whitespace) {
            return None;
        }
        let value = tag.get(at + name.len()..)?.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
        let value = value.get(1..)?.split(quote).next()?.trim();
        let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
        let value = plain.iter().fold(value.to_owned(), |value, (entity, letter)| value.replace(entity, letter));
        (!value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_the_programs_own() {
        let own = r#"<asmv1:assemblyIdentity processorArchitecture="*" type='win32' name = 'A &amp; B' />"#;
        let other =
            r#"<dependency><dependentAssembly><assemblyIdentity name="Other"/></dependentAssembly></dependency>"#;
        for manifest in [format!("<assembly>{other}{own}</assembly>"), format!("<assembly>{own}{other}</assembly>")] {
            assert_eq!(identity(manifest.as_bytes()).as_deref(), Some("A & B"));
            let wide: Vec<u8> = "\u{feff}"
                .chars()
                .chain(manifest.chars())
                .collect::<String>()
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            assert_eq!(identity(&wide).as_deref(), Some("A & B"));
        }
        assert_eq!(identity(other.as_bytes()), None);
        assert_eq!(identity(b"<assemblyIdentity filename=\"x\"></assemblyIdentity name=\"y\">"), None);
    }
}
