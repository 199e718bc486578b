//! Packages of Windows Installer, patches and merge modules: compound files whose streams are tables of a database and the
//! files that these speak of, cabinets before all.

use super::compound::{Chain, Compound, Entry, Kind, class_of_root};
use super::damage::{Broken, Damage};
use super::purse::Purse;
use super::{Each, Member};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use std::ops::ControlFlow;

/// Names begin so that are a table's.
const TABLE: u16 = 0x4840;
/// Names of sets of properties and of signatures begin so.
const PROPERTIES: u16 = 5;
const SIGNATURES: [&str; 2] = ["\u{5}DigitalSignature", "\u{5}MsiDigitalSignatureEx"];

/// What kind of package it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageKind {
    /// Something to install, or a module to merge into such.
    Product,
    /// A patch for what is installed.
    Patch,
    /// A transform, or what calls itself a package only by its name.
    Other,
}

/// Is this compound file a package? Others are documents and the like.
pub(super) fn is_one(file: &dyn File) -> Result<bool, Fault> {
    match class_of_root(file) {
        Ok(class) => Ok(kind_of(&class) != PackageKind::Other),
        // What is broken and does not even call itself one is somebody else's.
        Err(fault) if matches!(fault.reason, GapReason::Corrupt | GapReason::Truncated) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// {000C1084-0000-0000-C000-000000000046} and its neighbours.
fn kind_of(class: &[u8; 16]) -> PackageKind {
    const REST: &[u8] = &[0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    match class {
        [0x84, rest @ ..] if rest == REST => PackageKind::Product,
        [0x86, rest @ ..] if rest == REST => PackageKind::Patch,
        _ => PackageKind::Other,
    }
}

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let package = Package::open(file)?;
    let _held = purse.hold(package.0.kept)?;
    let mut damage = Damage::default();
    for entry in package.0.streams().filter(|entry| !matches!(entry.name.first(), Some(&(TABLE | PROPERTIES)))) {
        purse.member()?;
        let mut path = Vec::new();
        let folders: Vec<&Entry> = package.0.folders(entry).collect();
        for part in folders.into_iter().rev().chain([entry]) {
            path.push(b'/');
            path.extend(spelled(&part.name).bytes());
        }
        let member = Member { path: &path, kind: EntryKind::File, packed: false };
        let flow = match package.0.open_stream(entry) {
            Ok(chain) => {
                let _held = purse.hold(chain.kept())?;
                each(&member, &chain)
            }
            Err(fault) => {
                damage.note(&path, fault.clone())?;
                each(&member, &Broken(fault))
            }
        };
        if flow == ControlFlow::Break(()) {
            return Ok(());
        }
    }
    damage.end()
}

/// The name of a stream as its database has it: two letters of 64 are packed into one of UTF-16.
fn spelled(name: &[u16]) -> String {
    const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    let letter = |number: u16| u16::from(LETTERS[usize::from(number & 0x3f)]);
    let units = name.iter().flat_map(|unit| match *unit {
        unit @ 0x3800..0x4800 => [Some(letter(unit - 0x3800)), Some(letter((unit - 0x3800) >> 6))],
        unit @ 0x4800..0x4840 => [Some(letter(unit - 0x4800)), None],
        unit => [Some(unit), None],
    });
    let units: Vec<u16> = units.flatten().collect();
    String::from_utf16_lossy(&units)
}

/// An open package.
pub struct Package<'a>(Compound<'a>);

impl<'a> Package<'a> {
    /// Is this file, which begins as compound files do, a package?
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn is_one(file: &dyn File) -> Result<bool, Fault> {
        is_one(file)
    }

    /// Opens the package that `file` is.
    ///
    /// # Errors
    /// Where its directory cannot be read.
    pub fn open(file: &'a dyn File) -> Result<Self, Fault> {
        Compound::open(file).map(Self)
    }

    /// What kind of package it is.
    pub fn kind(&self) -> PackageKind {
        self.0.entry(0).map_or(PackageKind::Other, |root| kind_of(&root.class))
    }

    /// The table of this name, if it is there.
    ///
    /// # Errors
    /// Where its sectors cannot be followed.
    pub fn table(&self, name: &str) -> Result<Option<impl File + use<'a>>, Fault> {
        self.find(|entry| entry.first() == Some(&TABLE) && spelled(entry.get(1..).unwrap_or_default()) == name)
    }

    /// The stream of this name, if it is there: a set of properties or a signature.
    ///
    /// # Errors
    /// Where its sectors cannot be followed.
    pub fn stream(&self, name: &str) -> Result<Option<impl File + use<'a>>, Fault> {
        self.find(|entry| entry.iter().copied().eq(name.encode_utf16()))
    }

    fn find(&self, fits: impl Fn(&[u16]) -> bool) -> Result<Option<Chain<'a>>, Fault> {
        let mut list = self.0.inside(0).map(|(_, entry)| entry).filter(|entry| entry.kind == Kind::Stream);
        list.find(|entry| fits(&entry.name)).map(|entry| self.0.open_stream(entry)).transpose()
    }

    /// Gives all that a signature covers to `feed`, in its order: the streams of a folder by their names, with folders
    /// among them, then the class of the folder. What is signed of names and times comes before, as the package has it.
    ///
    /// # Errors
    /// Where something of it cannot be read.
    pub fn signed(&self, feed: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        if let Some(names) = self.stream(SIGNATURES[1])? {
            pour(&names, feed)?;
        }
        self.signed_of(0, feed)
    }

    fn signed_of(&self, folder: usize, feed: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        let bytes = |entry: &Entry| entry.name.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>();
        let mut list: Vec<(usize, &Entry)> = self.0.inside(folder).collect();
        list.sort_by_cached_key(|(_, entry)| bytes(entry));
        let is_signature = |entry: &Entry| SIGNATURES.contains(&String::from_utf16_lossy(&entry.name).as_str());
        for (number, entry) in list {
            match entry.kind {
                Kind::Stream if folder == 0 && is_signature(entry) => {}
                Kind::Stream => pour(&self.0.open_stream(entry)?, feed)?,
                // As deep as the directory may be.
                Kind::Folder => self.signed_of(number, feed)?,
                Kind::Nothing => {}
            }
        }
        feed(self.0.entry(folder).map_or(&[], |entry| &entry.class));
        Ok(())
    }
}

/// Reads a stream to its end.
fn pour(file: &dyn File, feed: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
    let mut buffer = vec![0; 64 << 10];
    let mut at = 0;
    loop {
        match file.read_at(at, &mut buffer)? {
            0 => return Ok(()),
            read => feed(&buffer[..read]),
        }
        at += buffer.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_out() {
        assert_eq!(spelled(&[0x3800 + 11 + (44 << 6)]), "Bi");
        assert_eq!(spelled(&[0x4800 + 10, u16::from(b'-')]), "A-");
        assert_eq!(spelled(&[5, u16::from(b'S')]), "\u{5}S");
    }
}
