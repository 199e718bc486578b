//! The volume descriptors: where the names begin and how they are written, and what else is on the disc.

use super::record::{Extent, Record, SECTOR, number};
use super::rock::Rock;
use crate::container::part::Part;
use crate::container::purse::Purse;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// The first descriptor's sector, and how many are looked at: real discs have five or so.
pub(super) const FIRST: u64 = 16;
const MOST: u64 = 64;

/// What the descriptors say.
#[derive(Clone, Copy)]
pub(super) struct Volume {
    /// The size of the blocks that places are counted in.
    pub(super) block: u64,
    /// The root folder of the names that are read.
    pub(super) root: Extent,
    pub(super) naming: Naming,
    /// The sector of El Torito's catalogue.
    pub(super) catalog: Option<u64>,
    /// Is there a UDF file system?
    pub(super) udf: bool,
}

/// How names are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// As ISO 9660 has them.
    Plain,
    /// UCS-2, the higher byte first.
    Joliet,
    /// In the system's area, behind so many bytes.
    Rock { skip: usize },
}

impl Volume {
    /// Reads the descriptors and decides whose names are read.
    pub(super) fn find(file: &dyn File, purse: &Purse) -> Result<Self, Fault> {
        let mut primary = None;
        let mut joliet = None;
        let (mut catalog, mut udf) = (None, false);
        for sector in FIRST..FIRST + MOST {
            let mut bytes = [0; SECTOR as usize];
            match Part::of(file, sector * SECTOR, SECTOR).read_at(0, &mut bytes) {
                Ok(_) => {}
                // The folders behind it will say so too.
                Err(_) if primary.is_some() => break,
                Err(fault) => return Err(fault),
            }
            match (&bytes[1..6], bytes[0]) {
                (b"CD001", 0) if bytes[7..].starts_with(b"EL TORITO SPECIFICATION") => {
                    catalog = catalog.or(Some(number(&bytes, 71, 4)));
                }
                (b"CD001", 1) => primary = primary.or(Some(Tree::of(&bytes)?)),
                // The escape sequences of the three levels of UCS-2.
                (b"CD001", 2) if matches!(&bytes[88..91], b"%/@" | b"%/C" | b"%/E") => {
                    // Where it is broken, the primary one leads to the same files.
                    joliet = joliet.or(Tree::of(&bytes).ok());
                }
                (b"CD001" | b"BEA01" | b"TEA01", _) => {}
                (b"NSR02" | b"NSR03", _) => udf = true,
                _ => break,
            }
        }
        let Some(primary) = primary else {
            return Err(if udf {
                Fault::new(GapReason::UnsupportedFormat, "a UDF file system")
            } else {
                Fault::corrupt("it has no descriptor of ISO 9660")
            });
        };
        let rock = primary.rock(file, purse);
        let (tree, naming) = match (rock, joliet) {
            (Some(skip), _) => (primary, Naming::Rock { skip }),
            (None, Some(joliet)) => (joliet, Naming::Joliet),
            (None, None) => (primary, Naming::Plain),
        };
        Ok(Self { block: tree.block, root: tree.root, naming, catalog, udf })
    }
}

/// One descriptor's tree of names.
#[derive(Clone, Copy)]
struct Tree {
    block: u64,
    root: Extent,
}

impl Tree {
    fn of(descriptor: &[u8]) -> Result<Self, Fault> {
        let block = number(descriptor, 128, 2);
        if !matches!(block, 512 | 1024 | SECTOR) {
            return Err(Fault::corrupt("its blocks have a size they cannot have"));
        }
        let root = descriptor.get(156..190).and_then(|bytes| Record::parse(bytes, block));
        match root {
            Some(root) if root.is_folder => Ok(Self { block, root: root.extent }),
            _ => Err(Fault::corrupt("its root is no folder")),
        }
    }

    /// How many bytes lie before Rock Ridge's in each record, if it is used: the root's first record says so.
    fn rock(self, file: &dyn File, purse: &Purse) -> Option<usize> {
        let mut bytes = [0; 256];
        Part::of(file, self.root.start, 256).read_at(0, &mut bytes).ok()?;
        let length = usize::from(bytes[0]);
        let record = Record::parse(bytes.get(..length)?, self.block)?;
        let mut rock = Rock::default();
        // What is broken in it is broken for the root alone.
        let _ = rock.read(file, purse, &record.system, self.block);
        rock.skip.filter(|_| rock.used)
    }
}
