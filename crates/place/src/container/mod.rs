//! Archives, packages and images as places of their own: opened where they lie, member by member, never unpacked to disk.
//!
//! [`sniff`] tells a container by its first bytes, [`open`] goes over its members once, in the order it stores them. Each
//! member is a [`File`] that is read, and inflated, only as far as somebody asks. What it may cost is in a [`Purse`].

mod ar;
mod bytes;
mod cab;
mod checked;
mod compound;
mod compressed;
mod cpio;
pub(crate) mod damage;
mod executable;
mod frames;
mod iso;
mod lazy;
mod msi;
mod part;
pub(crate) mod purse;
mod rpm;
mod sevenz;
mod sniff;
mod squashfs;
mod stream;
mod tar;
mod window;
mod zeros;
mod zip;

pub use compressed::peek;
pub use msi::{Package, PackageKind};
pub use part::{Bytes, Part};
pub use purse::{Limits, Memory, Purse};
pub use sniff::{Codec, Format, NotOpened, sniff};
pub use stream::Stream;

use crate::tree::{EntryKind, Fault, File};
use std::ops::ControlFlow;

/// One thing in a container.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its path from the container's root, beginning with `/`; bytes as the container has them.
    pub path: &'a [u8],
    /// What it is.
    pub kind: EntryKind,
    /// Must something be decompressed to see its first bytes?
    pub packed: bool,
}

/// Takes the members of a container as they come. Breaking off ends the pass; what was not seen is then nobody's gap.
pub type Each<'a> = dyn FnMut(&Member<'_>, &dyn File) -> ControlFlow<()> + 'a;

/// Goes over the members of `file`, a container of `format`, once. `name` is the file's own: a compressed file inside is
/// called after it.
///
/// # Errors
/// Where the container contradicts its format, is encrypted, or costs more than the purse has: what was seen before
/// counts all the same.
pub fn open(format: Format, name: &[u8], file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    match format {
        Format::Zip => zip::members(file, purse, each),
        Format::Tar => tar::members(file, purse, each),
        Format::Compressed(codec) => compressed::members(codec, name, file, purse, each),
        Format::Cpio => cpio::members(file, purse, each),
        Format::Deb => ar::members(file, purse, each),
        Format::Rpm => rpm::members(file, purse, each),
        Format::Cab => cab::members(file, purse, each),
        Format::SevenZip => sevenz::members(file, purse, each),
        Format::Iso => iso::members(file, purse, each),
        // Documents are compound files as well.
        Format::Msi
            if ![".msi", ".msp", ".msm"].iter().any(|it| is_called(name, it.as_bytes())) && !msi::is_one(file)? =>
        {
            Ok(())
        }
        Format::Msi => msi::members(file, purse, each),
        Format::Squashfs => squashfs::members(file, purse, each),
        // A disk has volumes, not members.
        Format::Disk(_) => Ok(()),
        Format::SelfExtracting => executable::members(file, purse, each),
    }
}

/// No link leads further; what is longer and calls itself one is a file, and by some readers taken for one.
const LONGEST_LINK: u64 = 4 << 10;

/// Does a name end so, in letters of either case?
pub(crate) fn is_called(name: &[u8], ending: &[u8]) -> bool {
    name.len().checked_sub(ending.len()).and_then(|at| name.get(at..)).is_some_and(|it| it.eq_ignore_ascii_case(ending))
}

/// The path of a member as every container gives it: `/` first, no `./` before it, no `/` behind it.
fn rooted(name: &[u8]) -> Vec<u8> {
    [b"/", bare(name)].concat()
}

/// The same without the first `/`.
fn bare(name: &[u8]) -> &[u8] {
    let mut name = name;
    loop {
        name = match name {
            [b'/', rest @ ..] | [b'.', b'/', rest @ ..] => rest,
            [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => return name,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::rooted;

    #[test]
    fn names_become_paths_from_the_root() {
        for (name, path) in
            [("./opt/x/", "/opt/x"), ("opt/x", "/opt/x"), ("//opt", "/opt"), ("./", "/"), ("../x", "/../x")]
        {
            assert_eq!(rooted(name.as_bytes()), path.as_bytes());
        }
    }
}
