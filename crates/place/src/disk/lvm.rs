//! Volume groups of LVM2 (Linux), put together from their physical volumes. The label, the metadata areas and the text in them
//! are as `lib/format_text` of LVM2 writes them. Own code: no crate reads it, and the text is short work.
//!
//! Read are linear and striped volumes, and mirrors (`mirror`, `raid1`) by one of their legs. Of all copies of a description
//! the newest counts. What any other type of segment holds (thin pools, caches, snapshots, parity) is a fault of the
//! logical volume that has it, as is a physical volume that it needs and that is not there.

mod content;
mod metadata;
mod mirror;
mod plan;
#[cfg(test)]
mod tests;
mod text;

use crate::tree::{Fault, File};
use content::Shared;
use metadata::{Area, Physical, Text};
use ostrakon_model::GapReason;
use plan::{Plan, Volumes, ids, is_name};
use std::collections::{BTreeMap, HashSet};

/// Most bytes of descriptions of different groups.
const MOST_TEXTS: usize = 32 << 20;

/// A volume group.
pub(in crate::disk) struct Group<'a> {
    /// Its name.
    pub name: String,
    /// The logical volumes that are there to be used, in the order of the description.
    pub logical: Vec<Logical<'a>>,
    /// What of it is damaged or not up to date; that of volumes in no group is with the first group.
    pub doubts: Vec<Fault>,
}

/// A logical volume.
pub(in crate::disk) struct Logical<'a> {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: Result<Box<dyn File + 'a>, Fault>,
}

/// Does a volume that begins so say it is a physical volume?
pub(in crate::disk) fn is_one(head: &[u8]) -> bool {
    metadata::has_label(head)
}

/// The groups that the physical volumes `volumes` make up, as far as these are all there.
///
/// # Errors
/// Where none can be made of them and one should: where no description is there or whole.
pub(in crate::disk) fn open<'a>(volumes: Vec<&'a dyn File>) -> Result<Vec<Group<'a>>, Fault> {
    let mut found = Found::default();
    for volume in volumes {
        if let Err(fault) = found.add(volume) {
            found.doubts.push(fault);
        }
    }
    let mut groups = Vec::new();
    let mut described = HashSet::new();
    for text in found.texts.values() {
        match group(text, &found.volumes, &mut described) {
            Ok(group) => groups.push(group),
            Err(fault) => found.doubts.push(fault),
        }
    }
    for id in found.used.iter().filter(|id| !described.contains(*id)) {
        let words = format!("the group of the physical volume {id} is not described anywhere");
        found.doubts.push(Fault::new(GapReason::Unreached, words));
    }
    match groups.first_mut() {
        Some(group) => group.doubts.append(&mut found.doubts),
        None => found.doubts.into_iter().next().map_or(Ok(()), Err)?,
    }
    Ok(groups)
}

/// What physical volumes say.
#[derive(Default)]
struct Found<'a> {
    volumes: Volumes<'a>,
    /// The ids of those that are in a group.
    used: Vec<String>,
    /// The newest description of each group, by its id.
    texts: BTreeMap<String, Text>,
    doubts: Vec<Fault>,
}

impl<'a> Found<'a> {
    /// Adds a physical volume.
    fn add(&mut self, volume: &'a dyn File) -> Result<(), Fault> {
        let physical = Physical::read(volume)?;
        self.volumes.entry(physical.id.clone()).and_modify(|file| *file = None).or_insert(Some(volume));
        let mut is_used = true;
        for area in physical.areas(volume) {
            match area.and_then(|area| self.text(volume, area)) {
                Ok(says) => is_used &= says,
                Err(fault) => self.doubts.push(fault),
            }
        }
        if is_used {
            self.used.push(physical.id);
        }
        Ok(())
    }

    /// Keeps the description that an area holds, if none is newer. False: it says that there is no group.
    fn text(&mut self, volume: &dyn File, area: Area) -> Result<bool, Fault> {
        let place = match area {
            Area::Text(place) => place,
            Area::NoGroup => return Ok(false),
            Area::Unused => return Ok(true),
        };
        if self.texts.values().any(|text| place.is_like(text)) {
            return Ok(true);
        }
        let text = place.text(volume)?;
        if self.texts.get(&text.id).is_some_and(|known| known.number >= text.number) {
            return Ok(true);
        }
        let kept: usize = self.texts.values().map(Text::size).sum();
        if kept.saturating_add(text.size()) > MOST_TEXTS {
            return Err(Fault::new(GapReason::Limit, "the descriptions of volume groups are longer than 32 MiB"));
        }
        self.texts.insert(text.id.clone(), text);
        Ok(true)
    }
}

/// The group that `text` describes. Adds the ids of its physical volumes to `described`.
fn group<'a>(text: &Text, volumes: &Volumes<'a>, described: &mut HashSet<String>) -> Result<Group<'a>, Fault> {
    let (name, section) = text.group()?;
    if !is_name(name) {
        return Err(Fault::corrupt("a volume group has a name that is none"));
    }
    described.extend(ids(section)?);
    let plan = Plan::of(section, volumes)?;
    let logical = plan.volumes().map(|(name, content)| Logical {
        name: name.to_owned(),
        content: content.map(|content| Box::new(Shared(content)) as Box<dyn File + 'a>),
    });
    let logical = logical.collect();
    Ok(Group { name: name.to_owned(), logical, doubts: plan.doubts.take() })
}
