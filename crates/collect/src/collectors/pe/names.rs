//! Names in a PE file's own tables: libraries it asks for, its own name as a library, the file its debugging data lies in.

use super::image::Image;
use super::tables::{DEBUG, DELAYED_IMPORTS, EXPORTS, IMPORTS};
use crate::reading::le32;
use ostrakon_model::{Artifact, Attribute, GapReason, locator};
use ostrakon_place::Fault;
use std::collections::BTreeSet;

pub(super) const IMPORT: Attribute = Attribute::known("pe.import");
pub(super) const EXPORT_NAME: Attribute = Attribute::known("pe.export_name");
pub(super) const PDB: Attribute = Attribute::known("pe.pdb");

/// The largest programs ask for some hundred libraries.
const MOST_NAMES: u32 = 10_000;
/// Real programs have less than ten entries of debugging data.
const MOST_DEBUG: u32 = 64;
/// The longest record of debugging data that is read: its head and a path.
const LONGEST_RECORD: usize = 4096;

/// The libraries it asks for, when it starts and later, in lower case.
pub(super) fn imports(image: &Image<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let mut known = BTreeSet::new();
    let at_start = descriptors(image, IMPORTS, 20, |entry| {
        let name = le32(entry, 12).unwrap_or_default();
        (name != 0).then_some(name)
    });
    let later = descriptors(image, DELAYED_IMPORTS, 32, |entry| {
        let name = le32(entry, 4).filter(|name| *name != 0)?;
        // Compilers up to 2002 wrote addresses as they are when loaded.
        let relative = u64::from(name).checked_sub(image.tables.base).and_then(|name| u32::try_from(name).ok());
        let is_relative = le32(entry, 0).unwrap_or_default() & 1 == 1;
        Some(if is_relative { name } else { relative.unwrap_or(name) })
    });
    let mut outcome = Ok(());
    for (addresses, read) in [at_start, later] {
        for address in addresses {
            match image.text(address, "the name of a library it asks for") {
                Ok(name) => {
                    let name = name.to_lowercase();
                    if known.insert(name.clone()) {
                        artifact.push(IMPORT, name);
                    }
                }
                Err(fault) => outcome = outcome.and(Err(fault)),
            }
        }
        outcome = outcome.and(read);
    }
    outcome
}

/// The addresses of names in a table that ends with an entry that has none; and what went wrong after them.
fn descriptors(
    image: &Image<'_>,
    number: usize,
    length: u32,
    name: impl Fn(&[u8]) -> Option<u32>,
) -> (Vec<u32>, Result<(), Fault>) {
    let mut list = Vec::new();
    let Some(directory) = image.tables.directory(number) else { return (list, Ok(())) };
    for at in 0..MOST_NAMES {
        let address = directory.address.saturating_add(at * length);
        match image.at(address, length as usize, "the table of what it asks for") {
            Ok(entry) => match name(&entry) {
                Some(address) => list.push(address),
                None => return (list, Ok(())),
            },
            Err(fault) => return (list, Err(fault)),
        }
    }
    (list, Err(Fault::new(GapReason::Limit, format!("it asks for more than {MOST_NAMES} libraries"))))
}

/// The name it gives itself where it exports functions; it stays when the file is renamed.
pub(super) fn exports(image: &Image<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let Some(directory) = image.tables.directory(EXPORTS) else { return Ok(()) };
    let table = image.at(directory.address, 40, "the table of what it exports")?;
    if let Some(name) = le32(&table, 12).filter(|name| *name != 0) {
        artifact.push(EXPORT_NAME, image.text(name, "its own name")?);
    }
    Ok(())
}

/// The path of the file with its debugging data, as on the machine that made it: records of kind CodeView, in their newer
/// form (RSDS) and in that of before 2002 (NB10).
pub(super) fn debug(image: &Image<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let Some(directory) = image.tables.directory(DEBUG) else { return Ok(()) };
    for at in 0..(directory.size / 28).min(MOST_DEBUG) {
        let entry = image.at(directory.address.saturating_add(at * 28), 28, "the table of its debugging data")?;
        let word = |at| le32(&entry, at).unwrap_or_default();
        let (kind, length, offset) = (word(12), word(16), word(24));
        if kind != 2 || length == 0 || offset == 0 {
            continue;
        }
        let length = usize::try_from(length).map_or(LONGEST_RECORD, |length| length.min(LONGEST_RECORD));
        let record = image.read(u64::from(offset), length, "its debugging data")?;
        let path = match record.get(..4) {
            Some(b"RSDS") => record.get(24..),
            Some(b"NB10") => record.get(16..),
            _ => None,
        };
        let path = path.unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
        artifact.push(PDB, locator::encode(path));
    }
    Ok(())
}
