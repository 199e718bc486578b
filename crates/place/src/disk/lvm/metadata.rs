//! What a physical volume says: its label in one of the first sectors, with its id and where its metadata areas are; in each,
//! a header that leads to the text that describes the group. The area is written round and round, one text behind the other.

use super::text::Section;
use crate::disk::partitions::crc32;
use crate::disk::volume_kind::{field, read_up_to};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// The size of a sector, and of the header of a metadata area.
const SECTOR: usize = 512;
/// How many sectors can hold the label.
const LABELS: usize = 4;
/// What the checks begin with.
const CHECK: u32 = 0xf597_a6cf;
/// The longest text.
const MOST_TEXT: u64 = 4 << 20;
/// Most metadata areas of a volume; LVM2 makes two.
const MOST_AREAS: usize = 16;

/// The label, in any of the first sectors.
fn label(head: &[u8]) -> Option<&[u8]> {
    let is_label = |sector: &&[u8]| sector.starts_with(b"LABELONE") && field(sector, 24) == *b"LVM2 001";
    head.chunks_exact(SECTOR).take(LABELS).find(is_label)
}

/// Does a volume that begins so have the label of a physical volume?
pub(super) fn has_label(head: &[u8]) -> bool {
    label(head).is_some()
}

/// What a physical volume says about itself.
pub(super) struct Physical {
    /// Its id, as the label has it: without dashes.
    pub(super) id: String,
    areas: Vec<(u64, u64)>,
}

impl Physical {
    /// Reads the label.
    pub(super) fn read(volume: &dyn File) -> Result<Self, Fault> {
        let head = read_up_to(volume, 0, LABELS * SECTOR)?;
        let label = label(&head).ok_or_else(|| Fault::corrupt("no label of a physical volume"))?;
        let check = u32::from_le_bytes(field(label, 16));
        if label.get(20..).is_none_or(|covered| crc32(CHECK, covered) != check) {
            return Err(Fault::corrupt("the check of the label of a physical volume is wrong"));
        }
        let start = usize::try_from(u32::from_le_bytes(field(label, 20))).unwrap_or(usize::MAX);
        let header = label.get(start..).unwrap_or_default();
        let id: [u8; 32] = field(header, 0);
        if header.len() < 40 || !id.iter().all(u8::is_ascii_graphic) {
            return Err(Fault::corrupt("a physical volume has no id"));
        }
        // Two lists of places, each with an end: where data is, which the text says too, and where metadata is.
        let mut lists = 0;
        let mut areas = Vec::new();
        for place in header.get(40..).unwrap_or_default().chunks_exact(16) {
            let [start, size] = [0, 8].map(|at| u64::from_le_bytes(field(place, at)));
            if start == 0 {
                lists += 1;
            } else if lists == 1 {
                areas.push((start, size));
            }
            if lists == 2 || areas.len() > MOST_AREAS {
                break;
            }
        }
        if lists < 2 {
            return Err(Fault::corrupt("the label of a physical volume does not end"));
        }
        Ok(Self { id: id.map(char::from).iter().collect(), areas })
    }

    /// What each metadata area holds.
    pub(super) fn areas<'v>(&'v self, volume: &'v dyn File) -> impl Iterator<Item = Result<Area, Fault>> + 'v {
        self.areas.iter().map(move |(start, size)| Area::read(volume, *start, *size))
    }
}

/// What a metadata area holds.
pub(super) enum Area {
    /// A text of a group.
    Text(Place),
    /// No text: the volume is in no group.
    NoGroup,
    /// What it holds is not kept up to date, by wish of who keeps the group.
    Unused,
}

/// Where a text is.
pub(super) struct Place {
    start: u64,
    size: u64,
    offset: u64,
    length: u64,
    check: u32,
}

impl Area {
    /// Reads the header of the area that is `size` bytes long.
    fn read(volume: &dyn File, start: u64, size: u64) -> Result<Self, Fault> {
        const UNUSED: u32 = 1;
        let header = read_up_to(volume, start, SECTOR)?;
        let le64 = |at| u64::from_le_bytes(field(&header, at));
        if header.len() < SECTOR {
            return Err(Fault::new(GapReason::Truncated, "a physical volume ends before its metadata does"));
        }
        let check = header.get(4..).map(|covered| crc32(CHECK, covered));
        if check != Some(u32::from_le_bytes(field(&header, 0))) || field(&header, 4) != *b" LVM2 x[5A%r0N*>" {
            return Err(Fault::corrupt("the header of a metadata area is damaged"));
        }
        // An area that is as large as it likes to be has size 0 in the label.
        let own = le64(32);
        if field(&header, 20) != [1, 0, 0, 0] || le64(24) != start || (size > 0 && own != size) {
            return Err(Fault::corrupt("the header of a metadata area contradicts its label"));
        }
        let (offset, length) = (le64(40), le64(48));
        if u32::from_le_bytes(field(&header, 60)) & UNUSED != 0 {
            return Ok(Self::Unused);
        }
        if offset == 0 {
            return Ok(Self::NoGroup);
        }
        if length > MOST_TEXT {
            return Err(Fault::new(GapReason::Limit, "the description of a volume group is longer than 4 MiB"));
        }
        if offset < SECTOR as u64 || offset >= own || length > own.saturating_sub(SECTOR as u64) {
            return Err(Fault::corrupt("the header of a metadata area leads outside it"));
        }
        let check = u32::from_le_bytes(field(&header, 56));
        Ok(Self::Text(Place { start, size: own, offset, length, check }))
    }
}

impl Place {
    /// Is it certainly the same text, wherever it is?
    pub(super) fn is_like(&self, text: &Text) -> bool {
        (self.length, self.check) == (text.bytes.len() as u64, text.check)
    }

    /// Reads the text.
    pub(super) fn text(&self, volume: &dyn File) -> Result<Text, Fault> {
        let first = self.length.min(self.size.saturating_sub(self.offset));
        let mut bytes = Vec::new();
        // What does not fit before the end of the area goes on behind its header.
        for (offset, length) in [(self.offset, first), (SECTOR as u64, self.length.saturating_sub(first))] {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let piece = read_up_to(volume, self.start.saturating_add(offset), length)?;
            if piece.len() < length {
                return Err(Fault::new(GapReason::Truncated, "a physical volume ends before its metadata does"));
            }
            bytes.extend_from_slice(&piece);
        }
        if crc32(CHECK, &bytes) != self.check {
            return Err(Fault::corrupt("the check of the description of a volume group is wrong"));
        }
        Text::of(bytes, self.check)
    }
}

/// A text with what tells it from others.
pub(super) struct Text {
    bytes: Vec<u8>,
    check: u32,
    /// The id of its group.
    pub(super) id: String,
    /// How many texts of the group were before it.
    pub(super) number: u64,
}

impl Text {
    fn of(bytes: Vec<u8>, check: u32) -> Result<Self, Fault> {
        let mut text = Self { bytes, check, id: String::new(), number: 0 };
        let (_, group) = text.group()?;
        let (id, number) = (group.text("id")?.to_owned(), group.number("seqno")?);
        text.id = id;
        text.number = number;
        Ok(text)
    }

    /// How long it is.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The name of the group, and its section: the only one there is.
    pub(super) fn group(&self) -> Result<(&str, Section<'_>), Fault> {
        for entry in Section::of(&self.bytes).entries() {
            if let (name, super::text::Value::Section(section)) = entry? {
                return Ok((name, section));
            }
        }
        Err(Fault::corrupt("the description of a volume group lacks the group"))
    }
}
