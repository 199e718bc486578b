//! Mach-O: the programs in a file, one or, in a universal file, one for each processor, and their load commands. Formats:
//! Apple's `mach-o/fat.h` and `mach-o/loader.h`.

use super::{LARGEST_TABLE, Layout, Program, piece, span};
use crate::collector::Interest;
use crate::reading::be32;
use ostrakon_model::GapReason;
use ostrakon_place::{Fault, File};
use std::ops::Range;

/// How Mach-O files begin: 32 and 64 bits in both byte orders, and universal files in both widths.
pub(crate) const MAGICS: [Interest; 6] = [
    Interest::Magic(0, b"\xfe\xed\xfa\xce"),
    Interest::Magic(0, b"\xce\xfa\xed\xfe"),
    Interest::Magic(0, b"\xfe\xed\xfa\xcf"),
    Interest::Magic(0, b"\xcf\xfa\xed\xfe"),
    Interest::Magic(0, b"\xca\xfe\xba\xbe"),
    Interest::Magic(0, b"\xca\xfe\xba\xbf"),
];

/// Class files of Java begin as universal files do, with their version, 45 or more, where those have their count.
const MOST_PROGRAMS: u32 = 20;

const SEGMENT: u32 = 0x1;
const SEGMENT_64: u32 = 0x19;

fn layout(head: &[u8]) -> Option<Layout> {
    let (big, wide) = match head.get(..4)? {
        b"\xfe\xed\xfa\xce" => (true, false),
        b"\xce\xfa\xed\xfe" => (false, false),
        b"\xfe\xed\xfa\xcf" => (true, true),
        b"\xcf\xfa\xed\xfe" => (false, true),
        _ => return None,
    };
    Some(Layout { big, wide })
}

/// Is it a processor that Mach-O knows? The highest byte says how wide its addresses are.
fn is_processor(number: u32) -> bool {
    (1..=18).contains(&(number & 0x00ff_ffff)) && number >> 24 <= 2
}

/// Where the programs of the file that begins with `head` lie in it; none where it is no Mach-O file.
pub(crate) fn slices(file: &dyn File, head: &[u8]) -> Result<Vec<Range<u64>>, Fault> {
    let size = file.size()?;
    if layout(head).is_some() {
        let whole = 0..size;
        return Ok(vec![whole]);
    }
    let each = match head.get(..4) {
        Some(b"\xca\xfe\xba\xbe") => 20,
        Some(b"\xca\xfe\xba\xbf") => 32,
        _ => return Ok(Vec::new()),
    };
    let count = be32(head, 4).filter(|count| (1..MOST_PROGRAMS).contains(count));
    let first = be32(head, 8).is_some_and(is_processor);
    let Some(count) = count.filter(|_| first) else { return Ok(Vec::new()) };
    let cut = || Fault::new(GapReason::Truncated, "one of its programs lies beyond the end of the file");
    // The header has one byte order only; each program has its own.
    let header = Layout { big: true, wide: each == 32 };
    let mut list = Vec::new();
    for entry in head.get(8..).unwrap_or_default().chunks_exact(each).take(usize::try_from(count).unwrap_or_default()) {
        let start = header.word(entry, 8, 8).ok_or_else(cut)?;
        let range = span(start, header.word(entry, 12, 16).ok_or_else(cut)?)?;
        if range.end > size {
            return Err(cut());
        }
        list.push(range);
    }
    if list.len() as u64 != u64::from(count) {
        return Err(cut());
    }
    // Each byte belongs to one program, so that no file costs more than its size.
    list.sort_by_key(|range| range.start);
    if list.windows(2).any(|pair| matches!(pair, [one, other] if other.start < one.end)) {
        return Err(Fault::corrupt("its programs overlap"));
    }
    Ok(list)
}

/// The load commands of one program.
pub(crate) struct Commands {
    /// How it writes its numbers.
    pub(crate) layout: Layout,
    /// What kind of program it is.
    pub(crate) kind: u32,
    /// Where it lies in the file.
    pub(crate) slice: Range<u64>,
    count: u32,
    bytes: Vec<u8>,
}

/// A part of a program that is loaded, with its sections.
pub(crate) struct Segment<'a> {
    /// Where it is loaded.
    pub(crate) address: u64,
    /// Where it lies in the file.
    pub(crate) range: Range<u64>,
    /// Its sections.
    pub(crate) sections: Vec<Section<'a>>,
}

/// A section.
pub(crate) struct Section<'a> {
    /// Its name.
    pub(crate) name: &'a [u8],
    /// The name of its segment.
    pub(crate) segment: &'a [u8],
    /// Where it lies in the file; none where it only takes room in memory.
    pub(crate) range: Option<Range<u64>>,
}

impl Commands {
    /// Reads those of the program at `slice`; none where it is no program: an object file, a core dump, debug information, a
    /// library to link in.
    pub(crate) fn read(file: &dyn File, slice: Range<u64>) -> Result<Option<Self>, Fault> {
        let cut = || Fault::new(GapReason::Truncated, "its header is cut off");
        let header = piece(file, slice.start..slice.start.saturating_add(32).min(slice.end), 32)?;
        let Some(layout) = layout(&header) else {
            // Universal files can hold archives of object files, and code that is not compiled to the end.
            let other = [&b"!<arch>\n"[..], b"BC\xc0\xde", b"\xde\xc0\x17\x0b"];
            let known = other.iter().any(|magic| header.starts_with(magic));
            return if known { Ok(None) } else { Err(Fault::corrupt("one of its programs is no Mach-O program")) };
        };
        let number = |at| layout.u32(&header, at).ok_or_else(cut);
        let (processor, kind, count, length) = (number(4)?, number(12)?, number(16)?, number(20)?);
        if !is_processor(processor) || matches!(kind, 1 | 4 | 10) {
            return Ok(None);
        }
        let range = span(slice.start.saturating_add(if layout.wide { 32 } else { 28 }), u64::from(length))?;
        if range.end > slice.end {
            return Err(Fault::new(GapReason::Truncated, "its load commands lie beyond its end"));
        }
        let bytes = piece(file, range, LARGEST_TABLE)?;
        Ok(Some(Self { layout, kind, slice, count, bytes }))
    }

    /// Each command: its number, and its bytes with the number and their length.
    pub(crate) fn list(&self) -> Result<Vec<(u32, &[u8])>, Fault> {
        let mut list = Vec::new();
        let mut rest = self.bytes.as_slice();
        // Each takes 8 bytes at least, so that a lying count ends with the bytes.
        for _ in 0..self.count {
            let length = self.layout.u32(rest, 4).and_then(|length| usize::try_from(length).ok());
            let split = length.filter(|length| *length >= 8).and_then(|length| rest.split_at_checked(length));
            let (Some(number), Some((command, after))) = (self.layout.u32(rest, 0), split) else {
                return Err(Fault::corrupt("its load commands do not fit their table"));
            };
            list.push((number, command));
            rest = after;
        }
        Ok(list)
    }

    /// The text a command names: its place in the command stands behind the command's length.
    pub(crate) fn text<'a>(&self, command: &'a [u8]) -> Result<&'a [u8], Fault> {
        let at = self.layout.u32(command, 8).and_then(|at| usize::try_from(at).ok());
        let rest = at.and_then(|at| command.get(at..));
        let rest = rest.ok_or_else(|| Fault::corrupt("a name lies outside its load command"))?;
        Ok(until_zero(rest))
    }

    /// The segment that a command loads, if it is such a command.
    pub(crate) fn segment<'a>(&self, number: u32, command: &'a [u8]) -> Result<Option<Segment<'a>>, Fault> {
        let (head, each) = match number {
            SEGMENT => (56, 68),
            SEGMENT_64 => (72, 80),
            _ => return Ok(None),
        };
        let layout = Layout { big: self.layout.big, wide: number == SEGMENT_64 };
        let cut = || Fault::corrupt("a load command is too short for its segment");
        let within = |start: u64, length: u64| span(self.slice.start.saturating_add(start), length);
        let address = layout.word(command, 24, 24).ok_or_else(cut)?;
        let start = layout.word(command, 32, 40).ok_or_else(cut)?;
        let range = within(start, layout.word(command, 36, 48).ok_or_else(cut)?)?;
        let count = layout.u32(command, if layout.wide { 64 } else { 48 }).ok_or_else(cut)?;
        let count = usize::try_from(count).map_err(|_| cut())?;
        let entries = command.get(head..).unwrap_or_default().chunks_exact(each);
        if entries.len() < count {
            return Err(cut());
        }
        let mut sections = Vec::new();
        for entry in entries.take(count) {
            let size = layout.word(entry, 36, 40).ok_or_else(cut)?;
            let offset = layout.u32(entry, if layout.wide { 48 } else { 40 }).ok_or_else(cut)?;
            let flags = layout.u32(entry, if layout.wide { 64 } else { 56 }).ok_or_else(cut)?;
            // Those that are filled with zeros when they are loaded.
            let empty = offset == 0 || size == 0 || matches!(flags & 0xff, 0x1 | 0xc | 0x12);
            sections.push(Section {
                name: until_zero(entry.get(..16).unwrap_or_default()),
                segment: until_zero(entry.get(16..32).unwrap_or_default()),
                range: if empty { None } else { Some(within(u64::from(offset), size)?) },
            });
        }
        Ok(Some(Segment { address, range, sections }))
    }
}

/// `bytes` up to the first 0.
fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// See [`super::programs`].
pub(super) fn programs(file: &dyn File, head: &[u8], names: &[&str]) -> Result<Vec<Program>, Fault> {
    let mut list = Vec::new();
    for slice in slices(file, head)? {
        let Some(commands) = Commands::read(file, slice)? else { continue };
        let mut program = Program::default();
        for (number, command) in commands.list()? {
            let Some(segment) = commands.segment(number, command)? else { continue };
            program.sections = program.sections.saturating_add(segment.sections.len() as u64);
            program.loaded.push((segment.address, segment.range));
            let named = |section: &Section<'_>| names.iter().any(|wanted| wanted.as_bytes() == section.name);
            let found = segment.sections.into_iter().find(|section| named(section) && section.range.is_some());
            program.section = program.section.take().or_else(|| found.and_then(|section| section.range));
        }
        list.push(program);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::super::Bytes;
    use super::*;

    #[test]
    fn a_class_file_is_no_program() {
        let class = b"\xca\xfe\xba\xbe\0\0\0\x34\0\x0d\x0a\0\x03\0\x0a\x07\0\x0b\x07\0\x0c\x01\0\x06<init>";
        assert_eq!(slices(&Bytes(class), class), Ok(Vec::new()));
    }

    #[test]
    fn a_universal_file_is_cut_or_whole() {
        let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x01\x01\0\0\x0c\0\0\0\0\0\0\0\x20\0\0\0\x08\0\0\0\x05".to_vec();
        bytes.resize(0x28, 0);
        let inside = 0x20..0x28;
        assert_eq!(slices(&Bytes(&bytes), &bytes), Ok(vec![inside]));
        bytes.pop();
        assert!(slices(&Bytes(&bytes), &bytes).is_err_and(|fault| fault.reason == GapReason::Truncated));
    }

    #[test]
    fn programs_that_overlap_are_a_fault() {
        let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x0c\0\0\0\0\0\0\0\x30\0\0\0\x08\0\0\0\x05".to_vec();
        bytes.extend(b"\x01\0\0\x07\0\0\0\0\0\0\0\x34\0\0\0\x08\0\0\0\x05");
        bytes.resize(0x40, 0);
        assert!(slices(&Bytes(&bytes), &bytes).is_err_and(|fault| fault.reason == GapReason::Corrupt));
    }
}
