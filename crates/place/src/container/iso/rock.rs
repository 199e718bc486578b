//! Rock Ridge (IEEE P1282) in the areas of the System Use Sharing Protocol (IEEE P1281): names, links, kinds, and folders
//! that were moved because ISO 9660 allows only eight levels.

use super::record::number;
use crate::container::part::Part;
use crate::container::purse::Purse;
use crate::tree::{Fault, File};

/// How many areas one record may have, and how long they may be. Real ones have two, within a sector.
const MOST_AREAS: usize = 64;
const LONGEST_AREA: u64 = 8 << 10;

/// What the areas of one record say.
#[derive(Default)]
pub(super) struct Rock {
    pub(super) name: Option<Vec<u8>>,
    /// As `stat` gives it.
    pub(super) mode: Option<u64>,
    /// Where the link points.
    pub(super) link: Option<Vec<u8>>,
    /// The block of the folder that belongs here and lies elsewhere.
    pub(super) child: Option<u64>,
    /// It is such a folder, where it lies.
    pub(super) moved: bool,
    /// Its content is compressed by zisofs.
    pub(super) zipped: bool,
    /// How many bytes lie before the area in all records but the root's first, which alone says so.
    pub(super) skip: Option<usize>,
    /// Is there anything of Rock Ridge?
    pub(super) used: bool,
    /// Does the next part of the link belong to the same name?
    joined: bool,
}

/// Where an area goes on.
struct Further {
    start: u64,
    length: u64,
}

impl Rock {
    /// Reads an area and those that continue it. What was understood before a fault counts.
    pub(super) fn read(&mut self, file: &dyn File, purse: &Purse, area: &[u8], block: u64) -> Result<(), Fault> {
        let mut further = self.area(area, block)?;
        for _ in 0..MOST_AREAS {
            let Some(Further { start, length }) = further else { return Ok(()) };
            if length > LONGEST_AREA {
                return Err(Fault::corrupt("an area of Rock Ridge is longer than it can be"));
            }
            let length = usize::try_from(length).unwrap_or_default();
            purse.inflate(length)?;
            let mut area = vec![0; length];
            Part::of(file, start, length as u64).read_at(0, &mut area)?;
            further = self.area(&area, block)?;
        }
        Err(Fault::corrupt("areas of Rock Ridge lead to each other without end"))
    }

    /// Reads one area; gives where it goes on.
    fn area(&mut self, area: &[u8], block: u64) -> Result<Option<Further>, Fault> {
        let mut rest = area;
        let mut further = None;
        // The last byte only makes the length even.
        while let &[first, second, length, _, ..] = rest {
            if first == 0 {
                break;
            }
            let entry = rest.split_at_checked(usize::from(length)).filter(|(entry, _)| entry.len() >= 4);
            let Some((entry, after)) = entry else {
                return Err(Fault::corrupt("an entry of Rock Ridge is cut"));
            };
            rest = after;
            let body = entry.get(4..).unwrap_or_default();
            match (&[first, second], body) {
                (b"ST", _) => break,
                (b"SP", [0xbe, 0xef, skip, ..]) => self.skip = Some(usize::from(*skip)),
                (b"CE", _) if body.len() >= 24 => {
                    let start = number(body, 0, 4) * block + number(body, 8, 4);
                    further = Some(Further { start, length: number(body, 16, 4) });
                }
                (b"ER", [length, _, _, _, text @ ..]) => {
                    let text = text.get(..usize::from(*length)).unwrap_or(text);
                    self.used |= matches!(text, b"RRIP_1991A" | b"IEEE_P1282" | b"IEEE_1282");
                }
                (b"RR", _) => self.used = true,
                (b"PX", _) if body.len() >= 8 => {
                    self.used = true;
                    self.mode = Some(number(body, 0, 4));
                }
                (b"NM", [flags, text @ ..]) => {
                    self.used = true;
                    let name = self.name.get_or_insert_default();
                    name.extend_from_slice(match flags & 0x06 {
                        0 => text,
                        2 => b".",
                        _ => b"..",
                    });
                }
                (b"SL", [_, parts @ ..]) => self.link(parts)?,
                (b"CL", _) if body.len() >= 8 => self.child = Some(number(body, 0, 4)),
                (b"RE", _) => self.moved = true,
                (b"ZF", _) => self.zipped = true,
                _ => {}
            }
        }
        Ok(further)
    }

    /// Adds parts to where the link points.
    fn link(&mut self, parts: &[u8]) -> Result<(), Fault> {
        let target = self.link.get_or_insert_default();
        let mut rest = parts;
        while let [flags, length, after @ ..] = rest {
            let Some((text, after)) = after.split_at_checked(usize::from(*length)) else {
                return Err(Fault::corrupt("where a link points is cut"));
            };
            if !self.joined && !matches!(target.as_slice(), [] | [.., b'/']) {
                target.push(b'/');
            }
            target.extend_from_slice(match flags & 0x0e {
                0 => text,
                2 => b".",
                4 => b"..",
                _ => b"/",
            });
            self.joined = flags & 1 != 0;
            rest = after;
        }
        Ok(())
    }
}
