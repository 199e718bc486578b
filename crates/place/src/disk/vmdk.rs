//! Disks of VMware (VMDK; VMware's "Virtual Disk Format 5.0"), which others write too. Own code: `vmdk` crates want a path or
//! own their file, and this one may lie in an archive.
//!
//! A text says of which extents the disk is made, in their order: flat files, sparse ones, or nothing. It is a file of its
//! own, or lies in the only extent. A snapshot also names the disk below, which shows where its extents hold nothing.

mod descriptor;
mod sparse;
#[cfg(test)]
mod tests;

use super::cluster::{Pages, Pieces, Run, UNPACKED, fill, read};
use super::sibling::{Beside, Lent, Siblings, base, from_windows};
use crate::tree::{Fault, File};
use descriptor::{Descriptor, Kind, Line};
use ostrakon_model::GapReason;
use sparse::{Grain, Sparse};

const SECTOR: u64 = 512;
/// The longest description, in bytes.
const TEXT: u64 = 1 << 20;
/// The largest disk: more than any format of VMware holds.
const LARGEST: u64 = 1 << 53;

/// Shows the disk in the image `file`: the description of one, or an extent that holds its own. Extents and the disk below
/// are opened as the description names them.
///
/// # Errors
/// Where the image contradicts its format, or an extent is not there. An extent without its description is no disk.
pub(in crate::disk) fn open<'a>(file: &'a dyn File, siblings: &Siblings<'a>) -> Result<Box<dyn File + 'a>, Fault> {
    Ok(Box::new(Vmdk::open(Box::new(Lent(file)), &Beside::of(siblings))?))
}

struct Vmdk<'a> {
    size: u64,
    /// The number that a snapshot knows it by.
    content: u32,
    extents: Vec<Extent<'a>>,
    parent: Option<Box<Vmdk<'a>>>,
    pages: Pages,
    /// The grains that were unpacked last, by where they begin on the disk.
    grains: Pieces,
}

/// A stretch of the disk.
struct Extent<'a> {
    start: u64,
    size: u64,
    content: Content<'a>,
}

enum Content<'a> {
    Zeros,
    /// As it is, from a place in the file on.
    Flat(Box<dyn File + 'a>, u64),
    Sparse(Box<dyn File + 'a>, Sparse),
}

impl<'a> Vmdk<'a> {
    fn open(file: Box<dyn File + 'a>, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let mut start = [0; 4];
        let read = file.read_at(0, &mut start)?;
        if read == 4 && sparse::is_sparse(&start) {
            let (sparse, place) = Sparse::open(&*file)?;
            let text = match place {
                Some((at, length)) => text(&*file, at, length)?,
                None => Vec::new(),
            };
            if text.is_empty() {
                let detail = "an extent of a VMDK, whose description is a file of its own";
                return Err(Fault::new(GapReason::UnsupportedFormat, detail));
            }
            let descriptor = Descriptor::parse(&text)?;
            return match (sparse, descriptor.extents.as_slice()) {
                // The description names it, but the file may have got another name.
                (Some(sparse), [Line { size, kind: Kind::Sparse, .. }]) => {
                    let size = *size;
                    Self::of(&descriptor, vec![(size, Content::Sparse(file, sparse))], beside)
                }
                (Some(_), _) => Err(Fault::corrupt("a VMDK in one file describes a disk of other extents")),
                (None, _) => Self::described(&descriptor, beside),
            };
        }
        let length = file.size()?;
        if length > TEXT {
            return Err(Fault::corrupt("it is no VMDK, nor the description of one"));
        }
        Self::described(&Descriptor::parse(&text(&*file, 0, length)?)?, beside)
    }

    /// The disk of a description that is a file of its own.
    fn described(descriptor: &Descriptor<'_>, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let mut extents = Vec::new();
        for Line { size, kind, name, offset } in &descriptor.extents {
            let content = match kind {
                Kind::Zero => Content::Zeros,
                Kind::Flat => Content::Flat(beside.part(name)?, *offset),
                Kind::Sparse => {
                    let file = beside.part(name)?;
                    match Sparse::open(&*file)? {
                        (Some(sparse), _) => Content::Sparse(file, sparse),
                        (None, _) => return Err(Fault::corrupt("an extent of a VMDK is the description of one")),
                    }
                }
            };
            extents.push((*size, content));
        }
        Self::of(descriptor, extents, beside)
    }

    fn of(
        descriptor: &Descriptor<'_>,
        contents: Vec<(u64, Content<'a>)>,
        beside: &Beside<'_, 'a>,
    ) -> Result<Self, Fault> {
        let mut end = 0_u64;
        let mut extents = Vec::new();
        for (size, content) in contents {
            if let Content::Sparse(_, sparse) = &content
                && sparse.size < size
            {
                return Err(Fault::corrupt("an extent of a VMDK is smaller than its description says"));
            }
            let start = end;
            end = start.saturating_add(size);
            extents.push(Extent { start, size, content });
        }
        if end > LARGEST {
            return Err(Fault::corrupt("a VMDK describes a disk that is too large"));
        }
        let parent = match descriptor.parent {
            Some(content) => Some(Box::new(Self::below(descriptor, content, beside)?)),
            None => None,
        };
        let (pages, grains) = (Pages::default(), Pieces::new(UNPACKED));
        Ok(Self { size: end, content: descriptor.content, extents, parent, pages, grains })
    }

    /// Opens the disk below, which has the number `content`.
    fn below(descriptor: &Descriptor<'_>, content: u32, beside: &Beside<'_, 'a>) -> Result<Self, Fault> {
        let name = from_windows(&String::from_utf8_lossy(descriptor.below));
        let mut names = vec![descriptor.below, &name, base(&name)];
        names.dedup();
        let (file, beside) = beside.parent(&names)?;
        let parent = Self::open(file, &beside)?;
        if parent.content != content {
            return Err(Fault::corrupt("the disk below a VMDK was changed since"));
        }
        Ok(parent)
    }

    fn run(&self, at: u64) -> Result<Run<'_>, Fault> {
        let after = self.extents.partition_point(|extent| extent.start <= at);
        let number = after.saturating_sub(1);
        let extent = self.extents.get(number).ok_or_else(|| Fault::corrupt("no extent of the VMDK lies there"))?;
        let within = at.saturating_sub(extent.start);
        let left = extent.size.saturating_sub(within);
        let mut run = match &extent.content {
            Content::Zeros => Run::zeros(left),
            Content::Flat(file, start) => Run::stored(&**file, start.checked_add(within), left),
            Content::Sparse(file, sparse) => match sparse.grain(number, &**file, &self.pages, within)? {
                Grain::Nothing(length) => {
                    let parent = self.parent.as_deref().map(|parent| parent as &dyn File);
                    Run::below(parent, at, length.min(left))?
                }
                Grain::Zeros(length) => Run::zeros(length),
                Grain::Stored(place, length) => Run::stored(&**file, Some(place), length),
                Grain::Packed { place, start, length } => {
                    let key = extent.start.saturating_add(start);
                    let grain = self.grains.get(key, || sparse.unpack(&**file, place, start))?;
                    Run::unpacked(grain, within.saturating_sub(start), length)
                }
            },
        };
        run.length = run.length.min(left);
        Ok(run)
    }
}

/// The description of `length` bytes at `at`, without what fills it up.
fn text(file: &dyn File, at: u64, length: u64) -> Result<Vec<u8>, Fault> {
    if length > TEXT {
        return Err(Fault::new(GapReason::Limit, "the description of a VMDK is larger than 1 MiB"));
    }
    let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
    fill(file, at, &mut text, "the description of the VMDK")?;
    text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
    Ok(text)
}

impl File for Vmdk<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        read(self.size, offset, buffer, |at| self.run(at))
    }

    fn is_random(&self) -> bool {
        self.extents.iter().all(|extent| match &extent.content {
            Content::Zeros => true,
            Content::Flat(file, _) | Content::Sparse(file, _) => file.is_random(),
        })
    }
}
