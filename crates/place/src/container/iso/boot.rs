//! The boot images of El Torito, the specification of bootable discs of 1995.

use super::record::{SECTOR, number};
use crate::container::damage::Damage;
use crate::container::part::Part;
use crate::tree::{Fault, File};

/// An image that a machine starts from.
pub(super) struct Image {
    pub(super) start: u64,
    pub(super) size: u64,
    /// Does it lie in a file?
    pub(super) listed: bool,
}

/// How long an entry of the catalogue is.
const ENTRY: usize = 32;
/// How many bytes a sector has for the programs in an image.
const SMALL: u64 = 512;

/// The images of the catalogue in `sector`, each once. A catalogue that is none is noted as damage.
pub(super) fn images(file: &dyn File, sector: u64, damage: &mut Damage) -> Result<Vec<Image>, Fault> {
    let mut images: Vec<Image> = Vec::new();
    let mut catalog = [0; SECTOR as usize];
    let read = Part::of(file, sector * SECTOR, SECTOR).read_at(0, &mut catalog);
    let read = read.and_then(|_| {
        if number(&catalog, 0, 1) == 1 && number(&catalog, 30, 2) == 0xaa55 {
            Ok(())
        } else {
            Err(Fault::corrupt("its catalogue of boot images is none"))
        }
    });
    if let Err(fault) = read {
        damage.note(b"/[boot]", fault)?;
        return Ok(images);
    }
    // The first entry belongs to no section; each section says how many it has.
    let mut left = 1;
    for entry in catalog.chunks_exact(ENTRY).skip(1) {
        match (number(entry, 0, 1), left) {
            // It only says more about the entry before it.
            (0x44, _) => continue,
            (0x90 | 0x91, 0) => {
                left = number(entry, 2, 2);
                continue;
            }
            (_, 0) => return Ok(images),
            _ => left -= 1,
        }
        let start = number(entry, 8, 4) * SECTOR;
        if start == 0 || images.iter().any(|image| image.start == start) {
            continue;
        }
        match size(file, start, entry) {
            Ok(size) => images.push(Image { start, size, listed: false }),
            Err(fault) => damage.note(b"/[boot]", fault)?,
        }
    }
    if left > 0 {
        damage.note(b"/[boot]", Fault::corrupt("its catalogue of boot images is longer than a sector"))?;
    }
    Ok(images)
}

/// How long the image at `start` is. Its entry often says only how much of it is loaded, or less than is true: file systems
/// and partitions in it know better.
fn size(file: &dyn File, start: u64, entry: &[u8]) -> Result<u64, Fault> {
    let media = number(entry, 1, 1) & 0x0f;
    // Floppy disks of three sizes.
    match media {
        1 => return Ok(1200 << 10),
        2 => return Ok(1440 << 10),
        3 => return Ok(2880 << 10),
        _ => {}
    }
    let said = (number(entry, 6, 2) * SMALL).max(SECTOR);
    let mut head = [0; SMALL as usize];
    Part::of(file, start, SMALL).read_at(0, &mut head)?;
    if number(&head, 510, 2) != 0xaa55 {
        return Ok(said);
    }
    if media == 4 {
        // The one partition of a disk.
        return Ok(said.max((number(&head, 454, 4) + number(&head, 458, 4)) * SMALL));
    }
    let bytes = number(&head, 11, 2);
    if !matches!(bytes, 512 | 1024 | 2048 | 4096) {
        return Ok(said);
    }
    // FAT: the number of sectors in 16 bits, or if that is 0 in 32.
    let sectors = match number(&head, 19, 2) {
        0 => number(&head, 32, 4),
        sectors => sectors,
    };
    Ok(said.max(sectors * bytes))
}
