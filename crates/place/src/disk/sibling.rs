//! Files that belong to an image of a disk: its other parts, and the disk below it that it says the differences from.

use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// Opens a file by its name as the image writes it, from the image's folder on. It decides which names it lets pass.
/// Names that a format writes with `\` come with `/`.
pub type Siblings<'a> = dyn Fn(&[u8]) -> Result<Box<dyn File + 'a>, Fault> + 'a;

/// Most disks that lie below each other.
const DEEPEST: usize = 32;

/// A file that somebody else holds.
pub(in crate::disk) struct Lent<'a>(pub(in crate::disk) &'a dyn File);

impl File for Lent<'_> {
    fn size(&self) -> Result<u64, Fault> {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.0.read_at(offset, buffer)
    }

    fn is_random(&self) -> bool {
        self.0.is_random()
    }
}

/// What lies beside an image, which may itself lie below another.
pub(in crate::disk) struct Beside<'s, 'a> {
    siblings: &'s Siblings<'a>,
    /// The way from the folder of the first image to that of this one.
    folder: Vec<u8>,
    /// How many images lie above.
    depth: usize,
}

impl<'s, 'a> Beside<'s, 'a> {
    /// Of the first image.
    pub(in crate::disk) fn of(siblings: &'s Siblings<'a>) -> Self {
        Self { siblings, folder: Vec::new(), depth: 0 }
    }

    /// Opens another part of the image.
    pub(in crate::disk) fn part(&self, name: &[u8]) -> Result<Box<dyn File + 'a>, Fault> {
        self.first(&[name]).map(|(file, _)| file)
    }

    /// Opens the first file that is there, and says which of `names` it is.
    pub(in crate::disk) fn first(&self, names: &[&[u8]]) -> Result<(Box<dyn File + 'a>, usize), Fault> {
        for (index, name) in names.iter().enumerate() {
            match (self.siblings)(&self.path(name)) {
                Err(fault) if fault.gone => {}
                Err(fault) => {
                    let detail = format!("{}: {}", shown(name), fault.detail);
                    return Err(Fault::new(fault.reason, detail));
                }
                Ok(file) => return Ok((file, index)),
            }
        }
        let name = names.first().map(|name| shown(name)).unwrap_or_default();
        Err(Fault::new(GapReason::Unreached, format!("a part of the image is missing: {name}")))
    }

    /// Opens the disk below, which has one of `names`, and says what lies beside that.
    pub(in crate::disk) fn parent(&self, names: &[&[u8]]) -> Result<(Box<dyn File + 'a>, Self), Fault> {
        let depth = self.depth + 1;
        if depth > DEEPEST {
            return Err(Fault::new(GapReason::Limit, format!("more than {DEEPEST} disks lie below each other")));
        }
        let (file, index) = self.first(names)?;
        let mut folder = names.get(index).map(|name| self.path(name)).unwrap_or_default();
        folder.truncate(folder.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1));
        Ok((file, Self { siblings: self.siblings, folder, depth }))
    }

    fn path(&self, name: &[u8]) -> Vec<u8> {
        if is_absolute(name) { name.to_vec() } else { [&self.folder, name].concat() }
    }
}

/// Does the name begin at a root, or at a drive of Windows?
fn is_absolute(name: &[u8]) -> bool {
    matches!(name, [b'/', ..] | [_, b':', ..])
}

/// The same name as it is written here, where Windows wrote it: with `/`, and without `./` in front.
pub(in crate::disk) fn from_windows(name: &str) -> Vec<u8> {
    let name = name.replace('\\', "/");
    name.strip_prefix("./").unwrap_or(&name).as_bytes().to_vec()
}

/// A name without the folders it lies in.
pub(in crate::disk) fn base(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
