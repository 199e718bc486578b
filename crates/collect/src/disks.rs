//! Going into images of disks: every volume is a place of its own, with its own root. The disk that was named as the place is
//! the asset itself; any other, and a disk found on that one, is a copy.

use crate::collector::HEAD;
use crate::look::Sink;
use crate::owners::Owners;
use crate::reading::last_part;
use crate::worker::{At, Worker, guarded};
use ostrakon_model::Locator;
use ostrakon_model::locator::encode;
use ostrakon_place::container::{Format, Member, Purse, sniff};
use ostrakon_place::disk::{self, Found, Image, Met, Volume};
use ostrakon_place::{EntryKind, Fault, File, Tree};
use std::ops::ControlFlow;

/// A volume, as what lies on it sees it.
struct Inside<'v> {
    /// The locator of the volume and what separates paths from it; behind that, a path, while it is told.
    text: String,
    /// How long the first part of `text` is.
    prefix: usize,
    volume: &'v Volume<'v>,
    copy: bool,
    owners: Option<Owners>,
    depth: u32,
    /// Only what these lead to; the first is a path on the volume.
    parts: &'v [Vec<u8>],
    /// The folder that was named last.
    folder: String,
    found: bool,
}

/// The roots of the volumes on the disk that the file at `path` of `tree` holds; none where it is no image of one, or cannot be
/// read: that is a gap when its turn comes.
pub fn volumes(tree: &dyn Tree, path: &[u8]) -> Vec<Locator> {
    let mut roots = Vec::new();
    let _ = guarded(|| {
        let file = tree.find(path)?;
        let mut head = vec![0; HEAD];
        let read = file.read_at(0, &mut head)?;
        let Some(Ok(Format::Disk(image))) = sniff(last_part(path), &head[..read]) else { return Ok(()) };
        let disk = disk::open(image, &*file, &|name| beside(tree, path, name))?;
        disk::volumes(&*disk, true, &mut |name, found| {
            if !matches!(found, Found::Fault(_)) {
                let text = encode(path).into_owned();
                let end = if name.is_empty() { String::new() } else { format!("{}!", encode(name.as_bytes())) };
                roots.push(Locator(format!("{text}!{end}")));
            }
            ControlFlow::Continue(())
        })
    });
    roots
}

/// Opens the file that the image at `path` calls `name`; an ending alone stands for its own name with that ending.
fn beside<'t>(tree: &'t dyn Tree, path: &[u8], name: &[u8]) -> Result<Box<dyn File + 't>, Fault> {
    let own = last_part(path);
    let folder = &path[..path.len() - own.len()];
    match name {
        [b'/', ..] => tree.find(name),
        [b'.', ending @ ..] if ending.len() == 3 && ending.iter().all(u8::is_ascii_alphanumeric) => {
            let stem = own.iter().rposition(|byte| *byte == b'.').map_or(own, |dot| &own[..dot]);
            tree.find(&[folder, stem, name].concat())
        }
        _ => tree.find(&[folder, name].concat()),
    }
}

impl<S: Sink> Worker<'_, S> {
    /// Goes over the volumes of the disk that `file` holds. Was anything there that `parts` lead to?
    pub(crate) fn disk(
        &mut self,
        image: Image,
        at: &At<'_>,
        file: &dyn File,
        parts: &[Vec<u8>],
        purse: &Purse,
    ) -> bool {
        let mut found = false;
        let read = guarded(|| {
            let disk = disk::open(image, file, &|name| beside(at.tree, at.path, name))?;
            if let (Some(fault), true) = (disk::left_out(image, file)?, parts.is_empty()) {
                self.not_read(at, fault);
            }
            disk::volumes(&*disk, image != Image::Raw, &mut |name, volume| {
                found |= self.on_disk(name, volume, at, parts, purse);
                ControlFlow::Continue(())
            })
        });
        if let Err(fault) = read {
            self.not_read(at, fault);
            return true;
        }
        found
    }

    /// A disk or volume that is not read could hide all there is, where it is the asset's own; else what a copy could.
    fn not_read(&mut self, at: &At<'_>, fault: Fault) {
        if at.alone && !at.copy { self.unread(at, fault) } else { self.not_opened(at, fault) }
    }

    /// Goes over one volume of a disk that lies at `at`.
    fn on_disk(&mut self, name: &str, volume: Found<'_>, at: &At<'_>, parts: &[Vec<u8>], purse: &Purse) -> bool {
        let mut rest = parts;
        if let (Some((first, others)), false) = (parts.split_first(), name.is_empty()) {
            if first.strip_prefix(b"/") != Some(name.as_bytes()) {
                return false;
            }
            rest = others;
        }
        // The name of a volume is no path on the disk.
        let text =
            if name.is_empty() { at.text.to_owned() } else { format!("{}!{}", at.text, encode(name.as_bytes())) };
        let here = At { path: name.as_bytes(), text: &text, ..*at };
        match volume {
            Found::Fault(fault) => self.not_read(&here, fault),
            Found::Container(format, file) => return self.members(format, &here, file, rest, purse),
            Found::Volume(format, file) => {
                let mut found = false;
                let read = guarded(|| {
                    let volume = Volume::open(format, file, purse)?;
                    found = self.files(&volume, &here, rest, purse)?;
                    Ok(())
                });
                match read {
                    Ok(()) => return found,
                    Err(fault) => self.not_read(&here, fault),
                }
            }
        }
        true
    }

    fn files(&mut self, volume: &Volume<'_>, at: &At<'_>, parts: &[Vec<u8>], purse: &Purse) -> Result<bool, Fault> {
        let copy = at.copy || !at.alone;
        let mut inside = Inside {
            text: format!("{}!", at.text),
            prefix: at.text.len() + 1,
            volume,
            copy,
            owners: (!copy).then(|| Owners::read(volume)),
            depth: at.depth + 1,
            parts,
            folder: String::new(),
            found: false,
        };
        volume.files(purse, &mut |path, met| self.met_on_volume(path, met, &mut inside))?;
        Ok(inside.found)
    }

    fn met_on_volume(&mut self, path: &[u8], met: Met<'_>, inside: &mut Inside<'_>) -> ControlFlow<()> {
        let deleted = matches!(met, Met::Deleted(_));
        let whole = if deleted { [b"/$Deleted", path].concat() } else { path.to_vec() };
        let mut rest: &[Vec<u8>] = &[];
        if let Some((part, others)) = inside.parts.split_first() {
            let below = whole == *part || (whole.starts_with(part) && whole.get(part.len()) == Some(&b'/'));
            let whole_volume = part == b"/";
            if !(below || whole_volume) || (!others.is_empty() && whole != *part) {
                return ControlFlow::Continue(());
            }
            rest = others;
        }
        inside.found = true;
        let mut text = std::mem::take(&mut inside.text);
        text.push_str(&encode(&whole));
        let owner = inside.owners.as_ref().and_then(|owners| owners.of(path));
        let at = At {
            // What a deleted file was called counts, not where it is shown: behind the number of its record.
            path: if deleted {
                path.iter().skip(1).position(|byte| *byte == b'/').map_or(path, |at| &path[at + 1..])
            } else {
                path
            },
            text: &text,
            tree: inside.volume,
            alone: false,
            copy: inside.copy,
            deleted,
            owner,
            depth: inside.depth,
            purse: None,
        };
        // A panic costs one file, not the volume.
        let read = guarded(|| {
            match met {
                Met::Fault(fault) => self.unread(&at, fault),
                Met::Deleted(file) | Met::Entry(EntryKind::File, file) if !rest.is_empty() => {
                    self.lead(&at, file, rest);
                }
                Met::Deleted(file) => {
                    self.content(&Member { path: at.path, kind: EntryKind::File, packed: false }, file, &at)
                }
                Met::Entry(kind, file) => self.told_on_volume(kind, file, &at, &mut inside.folder),
            }
            Ok(())
        });
        if let Err(fault) = read {
            self.unread(&at, fault);
        }
        text.truncate(inside.prefix);
        inside.text = text;
        ControlFlow::Continue(())
    }

    /// Tells a name on a volume, and looks at what it holds.
    fn told_on_volume(&mut self, kind: EntryKind, file: &dyn File, at: &At<'_>, last_folder: &mut String) {
        let folder = &at.text[..at.text.rfind('/').unwrap_or_default()];
        if last_folder != folder {
            folder.clone_into(last_folder);
            self.sink.folder(folder);
            self.looked.folders += 1;
        }
        self.name(at, kind == EntryKind::Folder);
        if kind == EntryKind::File {
            self.met(1);
            let members = self.looked.members;
            self.content(&Member { path: at.path, kind, packed: false }, file, at);
            if self.looked.members > members {
                // Names of what lies in it were told in between.
                self.sink.folder(last_folder);
            }
        }
    }
}
