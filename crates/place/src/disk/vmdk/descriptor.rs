//! The text that says of which extents a disk is made.

use super::SECTOR;
use crate::tree::Fault;
use ostrakon_model::GapReason;

/// Most extents of a disk; each is an open file.
const EXTENTS: usize = 4096;
/// The number that stands for no disk below.
const NO_PARENT: u32 = u32::MAX;

/// A description.
#[derive(Debug)]
pub(super) struct Descriptor<'t> {
    pub(super) extents: Vec<Line<'t>>,
    /// The number of its content; it changes when somebody writes to the disk.
    pub(super) content: u32,
    /// That of the disk below, if there is one, and what its description is called.
    pub(super) parent: Option<u32>,
    pub(super) below: &'t [u8],
}

/// One extent: so much of the disk, and where it is.
#[derive(Debug, PartialEq)]
pub(super) struct Line<'t> {
    /// In bytes.
    pub(super) size: u64,
    pub(super) kind: Kind,
    pub(super) name: &'t [u8],
    /// Where it begins in its file, in bytes.
    pub(super) offset: u64,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Flat,
    Sparse,
    Zero,
}

impl<'t> Descriptor<'t> {
    pub(super) fn parse(text: &'t [u8]) -> Result<Self, Fault> {
        let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii).peekable();
        let is_other = |line: &&[u8]| line.is_empty() || (line.starts_with(b"#") && !is_title(line));
        while lines.next_if(is_other).is_some() {}
        if !lines.peek().is_some_and(|line| is_title(line) || value(line, b"version").is_some()) {
            return Err(Fault::corrupt("it is no VMDK, nor the description of one"));
        }
        let mut descriptor = Self { extents: Vec::new(), content: 0, parent: None, below: b"" };
        for line in lines {
            if let Some(extent) = extent(line)? {
                descriptor.extents.push(extent);
                if descriptor.extents.len() > EXTENTS {
                    return Err(Fault::new(GapReason::Limit, format!("a VMDK of more than {EXTENTS} extents")));
                }
            } else if let Some(number) = value(line, b"CID") {
                descriptor.content = hexadecimal(number)?;
            } else if let Some(number) = value(line, b"parentCID") {
                descriptor.parent = Some(hexadecimal(number)?).filter(|number| *number != NO_PARENT);
            } else if let Some(name) = value(line, b"parentFileNameHint") {
                descriptor.below = name;
            } else if line.get(..10).is_some_and(|key| key.eq_ignore_ascii_case(b"encryption")) {
                return Err(Fault::new(GapReason::Encrypted, "the VMDK is encrypted"));
            }
        }
        match (descriptor.extents.is_empty(), descriptor.parent, descriptor.below) {
            (true, ..) => Err(Fault::corrupt("a VMDK describes no extents")),
            (_, Some(_), []) => Err(Fault::corrupt("a VMDK does not name the disk below it")),
            _ => Ok(descriptor),
        }
    }
}

fn is_title(line: &[u8]) -> bool {
    line.eq_ignore_ascii_case(b"# Disk DescriptorFile")
}

/// What `line` gives to `key`, without the signs around it.
fn value<'t>(line: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b'=')?)?;
    let value = value.strip_prefix(b"=")?.trim_ascii();
    let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    name.trim_ascii().eq_ignore_ascii_case(key).then_some(bare)
}

fn hexadecimal(number: &[u8]) -> Result<u32, Fault> {
    let number = str::from_utf8(number).ok().and_then(|number| u32::from_str_radix(number, 16).ok());
    number.ok_or_else(|| Fault::corrupt("a VMDK has a number that is none"))
}

/// The extent of a line such as `RW 4192256 SPARSE "disk-s001.vmdk"`, if it describes one.
fn extent(line: &[u8]) -> Result<Option<Line<'_>>, Fault> {
    let (access, rest) = word(line);
    if ![&b"RW"[..], b"RDONLY", b"NOACCESS"].iter().any(|known| access.eq_ignore_ascii_case(known)) {
        return Ok(None);
    }
    let wrong = || Fault::corrupt("a VMDK describes an extent that is none");
    let (size, rest) = word(rest);
    let (kind, rest) = word(rest);
    let size = bytes(size).filter(|size| *size > 0).ok_or_else(wrong)?;
    let kind = match kind.to_ascii_uppercase().as_slice() {
        _ if access.eq_ignore_ascii_case(b"NOACCESS") => return Err(unsupported("NOACCESS")),
        b"ZERO" => return Ok(Some(Line { size, kind: Kind::Zero, name: b"", offset: 0 })),
        b"FLAT" | b"VMFS" => Kind::Flat,
        b"SPARSE" | b"VMFSSPARSE" => Kind::Sparse,
        other => return Err(unsupported(&String::from_utf8_lossy(other))),
    };
    // A name may hold any sign, the one that ends it too.
    let start = rest.strip_prefix(b"\"").ok_or_else(wrong)?;
    let end = start.iter().rposition(|byte| *byte == b'"').ok_or_else(wrong)?;
    let (name, rest) = start.split_at_checked(end).ok_or_else(wrong)?;
    let offset = match word(rest.strip_prefix(b"\"").unwrap_or_default().trim_ascii()).0 {
        [] => 0,
        offset => bytes(offset).ok_or_else(wrong)?,
    };
    Ok(Some(Line { size, kind, name, offset }))
}

fn unsupported(kind: &str) -> Fault {
    Fault::new(GapReason::UnsupportedFormat, format!("a VMDK with an extent that is not read: {kind}"))
}

/// The first word of a line, and what follows.
fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end).unwrap_or_default();
    (word, rest.trim_ascii_start())
}

/// A number of sectors, in bytes.
fn bytes(sectors: &[u8]) -> Option<u64> {
    str::from_utf8(sectors).ok()?.parse::<u64>().ok()?.checked_mul(SECTOR)
}
