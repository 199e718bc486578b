//! What a collector is: what it wants to see, what it does with it, and what it cannot see.

use crate::marks::Marks;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Gap, GapReason, Locator, Presences};
use ostrakon_place::{Fault, File, Tree};

/// One kind of thing in a place, turned into artifacts.
pub trait Collector: Sync {
    /// Who this is.
    fn meta(&self) -> &'static Meta;

    /// Which files it wants to see.
    fn wants(&self) -> &'static [Interest] {
        &[]
    }

    /// Could a file with a name or ending it wants be one of its own, as far as its path says? Asked before it is read; `inside`: in
    /// an archive, where reading means inflating.
    fn could_be(&self, _path: &[u8], _inside: bool) -> bool {
        true
    }

    /// Does what it finds in a file depend on others beside it? Such files are read again even where they have not changed.
    fn asks_others(&self, _name: &[u8]) -> bool {
        false
    }

    /// Looks at one file it wanted. An error is a gap; what was found before it counts all the same.
    fn file(&self, _seen: &Seen<'_>, _out: &mut Out) -> Outcome {
        Ok(Examined::NotMine)
    }

    /// Looks at the running machine. Called once, and only where the place is one.
    fn host(&self, _context: &Context<'_>, _out: &mut Out) -> Outcome {
        Ok(Examined::NotMine)
    }
}

/// Who a collector is. The words feed the methodology and the coverage statement of every report.
#[derive(Debug)]
pub struct Meta {
    /// Its name: the module's, with `-`.
    pub id: &'static str,
    /// What it reads.
    pub what: &'static str,
    /// What it cannot see.
    pub cannot_see: &'static str,
    /// The attributes it sets.
    pub attributes: &'static [Attribute],
    /// What a file it cannot read could hide.
    pub hides: Presences,
    /// It needs a running machine.
    pub live: bool,
}

/// A reason to hand a file to a collector. Names and paths are compared byte for byte, endings without regard to case.
#[derive(Debug, Clone, Copy)]
pub enum Interest {
    /// The file at this path below any root; no leading `/`.
    Path(&'static str),
    /// Every file directly in the folder at this path below any root.
    In(&'static str),
    /// Every file of this name.
    Name(&'static str),
    /// Every file whose name ends so, in letters of either case; begins with the last `.` of the name.
    Ending(&'static str),
    /// Every file with these bytes at this offset of its first 4 KiB.
    Magic(usize, &'static [u8]),
}

/// What became of one file, or of the host, at one collector: examined, not its business, or a fault. Never an empty list
/// for all three.
pub type Outcome = Result<Examined, Fault>;

/// What a collector did with a file it was handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examined {
    /// Examined it; what was found, if anything, is in the [`Out`].
    Whole,
    /// Its name was alike, and it is something else.
    NotMine,
}

/// What a collector knows besides the file.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The place.
    pub tree: &'a dyn Tree,
    /// Is it the running machine?
    pub live: bool,
    /// Bytes that some indicator asks for in executables.
    pub marks: &'a Marks,
    /// Is an artifact worth more than a glance: does somebody recognise it?
    pub worth: &'a (dyn Fn(&Artifact) -> bool + Sync),
    /// The place that was named is this one file.
    pub alone: bool,
}

/// One open file, as a collector sees it.
pub struct Seen<'a> {
    /// Its path from the root of the place, as bytes.
    pub path: &'a [u8],
    /// Its path as text, encoded as in a locator.
    pub text: &'a str,
    /// Its first bytes, 4,096 at most; fewer: this is the whole file.
    pub head: &'a [u8],
    /// The file.
    pub file: &'a dyn File,
    /// The root it was found below, for those who asked by path: empty for the place's own.
    pub root: &'a [u8],
    /// The rest.
    pub context: Context<'a>,
}

/// How many bytes of a file its head is.
pub const HEAD: usize = 4096;

impl Seen<'_> {
    /// The last part of the path.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or(self.path)
    }

    /// The folder's path.
    pub fn folder(&self) -> &[u8] {
        &self.path[..self.path.len() - self.name().len()]
    }

    /// Where it is.
    pub fn locator(&self) -> Locator {
        Locator(self.text.to_owned())
    }

    /// The whole file, up to `limit` bytes.
    pub fn whole(&self, limit: u64) -> Result<std::borrow::Cow<'_, [u8]>, Fault> {
        if self.head.len() < HEAD {
            return Ok(std::borrow::Cow::Borrowed(self.head));
        }
        self.file.read_all(limit).map(std::borrow::Cow::Owned)
    }

    /// The whole file as text, up to `limit` bytes; bytes that are not UTF-8 are replaced. A byte of 0 means that it is no
    /// text at all.
    pub fn text(&self, limit: u64) -> Result<String, Fault> {
        let bytes = self.whole(limit)?;
        if bytes.contains(&0) {
            return Err(Fault::corrupt("bytes of 0 in a text file"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// An artifact at this file.
    pub fn artifact(&self, kind: ArtifactKind) -> Artifact {
        Artifact::new(kind, self.locator(), "")
    }
}

/// What a collector found, and what it could not read besides.
#[derive(Debug, Default)]
pub struct Out {
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) gaps: Vec<Gap>,
}

impl Out {
    /// Something was seen.
    pub fn add(&mut self, artifact: Artifact) {
        self.artifacts.push(artifact);
    }

    /// Something besides the file itself was not read.
    pub fn gap(&mut self, locator: Locator, reason: GapReason, hides: Presences, detail: impl Into<String>) {
        self.gaps.push(Gap { locator, reason, hides, collector: String::new(), detail: detail.into() });
    }
}
