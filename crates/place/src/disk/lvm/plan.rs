//! From the description of a group to the content of its logical volumes.

use super::content::{Content, DEEPEST, Leg, Source, Stretch};
use super::mirror;
use super::text::{Item, Section, Value};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// What numbers of sectors count.
const SECTOR: u64 = 512;
/// Most physical and logical volumes of a group.
const MOST_PHYSICAL: usize = 4096;
const MOST_LOGICAL: usize = 16384;

/// Where the physical volumes of all groups are, by their ids. None: more than one says it is that.
pub(super) type Volumes<'a> = HashMap<String, Option<&'a dyn File>>;

/// A physical volume, as the group describes it.
struct Physical<'a> {
    file: Result<&'a dyn File, Fault>,
    /// Where its extents begin, in bytes, and how many there are.
    start: u64,
    count: u64,
}

/// A group while its volumes are put together.
pub(super) struct Plan<'t, 'a> {
    /// The size of an extent in bytes.
    extent: u64,
    physical: HashMap<&'t str, Physical<'a>>,
    logical: HashMap<&'t str, Section<'t>>,
    /// The names of the visible ones, in their order.
    visible: Vec<&'t str>,
    /// What holds the changes of a snapshot, or is changed by one.
    snapshots: HashSet<&'t str>,
    /// What is known by now; nothing for those that are just being put together.
    known: RefCell<HashMap<&'t str, Option<Known<'a>>>>,
    /// What was found to be doubtful.
    pub(super) doubts: RefCell<Vec<Fault>>,
}

type Known<'a> = Result<Rc<Content<'a>>, Fault>;

/// The ids of the physical volumes of a group, without dashes.
pub(super) fn ids(group: Section<'_>) -> Result<Vec<String>, Fault> {
    let sections = sections(group.section("physical_volumes")?, MOST_PHYSICAL)?;
    sections.into_iter().map(|(_, volume)| Ok(volume.text("id")?.replace('-', ""))).collect()
}

/// The sections of a section, whose names must be such as LVM2 gives.
fn sections<'t>(section: Section<'t>, most: usize) -> Result<Vec<(&'t str, Section<'t>)>, Fault> {
    let mut found = Vec::new();
    for entry in section.entries() {
        if let (name, Value::Section(section)) = entry? {
            if !is_name(name) {
                return Err(Fault::corrupt("a volume group has a volume with a name that is none"));
            }
            if found.len() == most {
                return Err(Fault::new(GapReason::Limit, format!("a volume group has more than {most} volumes")));
            }
            found.push((name, section));
        }
    }
    Ok(found)
}

/// Is it a name of a group or volume, such as LVM2 allows?
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(is_letter) && !matches!(name, "." | "..")
}

impl<'t, 'a> Plan<'t, 'a> {
    /// Goes through the description of a group, whose physical volumes are among `volumes`.
    pub(super) fn of(group: Section<'t>, volumes: &Volumes<'a>) -> Result<Self, Fault> {
        let too_large = || Fault::corrupt("a volume group is larger than any can be");
        let bytes = |sectors: u64| sectors.checked_mul(SECTOR).ok_or_else(too_large);
        let extent = bytes(group.number("extent_size")?)?;
        if extent == 0 {
            return Err(Fault::corrupt("the extents of a volume group have no size"));
        }
        let mut physical = HashMap::new();
        for (name, volume) in sections(group.section("physical_volumes")?, MOST_PHYSICAL)? {
            let id = volume.text("id")?;
            // A volume that was away for a time may have missed what was written then.
            let is_missing = volume.says("flags", "MISSING")? || volume.says("status", "MISSING")?;
            let file = match volumes.get(&id.replace('-', "")) {
                Some(Some(file)) if !is_missing => Ok(*file),
                Some(None) => Err(Fault::corrupt(format!("more than one volume says it is the physical volume {id}"))),
                _ => Err(Fault::new(GapReason::Unreached, format!("the physical volume {id} is not there"))),
            };
            let (start, count) = (bytes(volume.number("pe_start")?)?, volume.number("pe_count")?);
            let end = count.checked_mul(extent).and_then(|size| size.checked_add(start));
            end.ok_or_else(too_large)?;
            physical.insert(name, Physical { file, start, count });
        }
        let mut plan = Self {
            extent,
            physical,
            logical: HashMap::new(),
            visible: Vec::new(),
            snapshots: HashSet::new(),
            known: RefCell::default(),
            doubts: RefCell::default(),
        };
        for (name, volume) in sections(group.section("logical_volumes")?, MOST_LOGICAL)? {
            let first = volume.section("segment1")?;
            if matches!(first.get("type")?, Some(Value::Text("snapshot"))) {
                // It is a bond between two volumes. That of the two which holds the changes has the name that is seen.
                let merging = first.get("merging_store")?;
                let Some(Value::Text(store)) =
                    merging.map_or_else(|| first.get("cow_store"), |store| Ok(Some(store)))?
                else {
                    return Err(Fault::corrupt("a snapshot has no place for its changes"));
                };
                plan.visible.push(store);
                plan.snapshots.insert(store);
                if merging.is_some() {
                    plan.snapshots.insert(first.text("origin")?);
                }
                continue;
            }
            if volume.says("status", "VISIBLE")? {
                plan.visible.push(name);
            }
            plan.logical.insert(name, volume);
        }
        Ok(plan)
    }

    /// The logical volumes that are there to be used, with their content.
    pub(super) fn volumes(&self) -> impl Iterator<Item = (&'t str, Known<'a>)> {
        self.visible.iter().map(|name| (*name, self.content(name, 0)))
    }

    /// The content of the logical volume `name`, which lies in `depth` others.
    pub(super) fn content(&self, name: &'t str, depth: u32) -> Known<'a> {
        let unknown = || Fault::corrupt(format!("a logical volume lies in {name}, which is not there"));
        let volume = *self.logical.get(name).ok_or_else(unknown)?;
        if let Some(known) = self.known.borrow().get(name) {
            let circle = || Err(Fault::corrupt("logical volumes lie in each other"));
            return known.clone().unwrap_or_else(circle);
        }
        if depth >= DEEPEST {
            return Err(Fault::corrupt("logical volumes lie in each other deeper than LVM2 makes them"));
        }
        self.known.borrow_mut().insert(name, None);
        let content = self.build(name, volume, depth).map(Rc::new);
        self.known.borrow_mut().insert(name, Some(content.clone()));
        content
    }

    fn build(&self, name: &'t str, volume: Section<'t>, depth: u32) -> Result<Content<'a>, Fault> {
        if self.snapshots.contains(name) {
            let words = format!("the logical volume {name} is a snapshot or takes one back, which is not read");
            return Err(Fault::new(GapReason::UnsupportedFormat, words));
        }
        let mut stretches = Vec::new();
        for entry in volume.entries() {
            if let (key, Value::Section(segment)) = entry?
                && key.starts_with("segment")
            {
                stretches.push(self.stretch(name, volume, segment, depth)?);
            }
        }
        if stretches.len() as u64 != volume.number("segment_count")? {
            return Err(Fault::corrupt(format!("the logical volume {name} lacks a segment")));
        }
        Content::of(stretches)
    }

    /// The stretch that a segment of the volume `name` is.
    fn stretch(&self, name: &str, volume: Section<'t>, segment: Section<'t>, depth: u32) -> Result<Stretch<'a>, Fault> {
        let (first, extents) = (segment.number("start_extent")?, segment.number("extent_count")?);
        let kind = segment.text("type")?;
        let [start, size] = [first, extents].map(|extents| extents.checked_mul(self.extent));
        let (Some(start), Some(size)) = (start, size) else {
            return Err(Fault::corrupt(format!("the logical volume {name} is too large")));
        };
        let (turn, legs) = match kind {
            "striped" | "linear" => {
                let places = places(segment.list("stripes")?)?;
                let count = places.len() as u64;
                if count == 0 || !extents.is_multiple_of(count) || segment.number("stripe_count")? != count {
                    return Err(Fault::corrupt(format!("the stripes of the logical volume {name} are not even")));
                }
                let leg = |(target, at)| self.leg(target, at, extents / count, depth);
                let legs = places.into_iter().map(leg).collect::<Result<Vec<_>, _>>()?;
                let turn = if count == 1 { Some(size) } else { segment.number("stripe_size")?.checked_mul(SECTOR) };
                (turn.unwrap_or(0), legs)
            }
            "mirror" => {
                let legs = places(segment.list("mirrors")?)?.into_iter();
                let legs = legs.map(|(target, at)| self.leg(target, at, extents, depth));
                let leg = if volume.says("status", "PVMOVE")? {
                    // While extents are moved only the place they come from is whole, then only that where they go.
                    let is_moved = segment.number("extents_moved")? == extents;
                    legs.into_iter()
                        .nth(usize::from(is_moved))
                        .ok_or_else(|| Fault::corrupt("a move without a place"))?
                } else {
                    mirror::first(self, name, legs)
                };
                (size, vec![leg?])
            }
            "raid1" if first == 0 => (size, vec![mirror::raid(self, name, segment, extents, depth)?]),
            kind if is_name(kind) => {
                let words = format!("the logical volume {name} is of type {kind}, which is not read");
                return Err(Fault::new(GapReason::UnsupportedFormat, words));
            }
            _ => return Err(Fault::corrupt(format!("the logical volume {name} has a type that is none"))),
        };
        Ok(Stretch { start, size, turn, legs })
    }

    /// A leg of so many extents, which begin with extent `at` of the physical or logical volume `target`.
    pub(super) fn leg(&self, target: &'t str, at: u64, extents: u64, depth: u32) -> Result<Leg<'a>, Fault> {
        let outside = || Fault::corrupt("a logical volume leads outside what it lies in");
        let end = at.checked_add(extents).ok_or_else(outside)?;
        if let Some(volume) = self.physical.get(target) {
            if end > volume.count {
                return Err(outside());
            }
            let start = at.checked_mul(self.extent).and_then(|place| place.checked_add(volume.start));
            return Ok(Leg { source: Source::Physical(volume.file.clone()?), start: start.ok_or_else(outside)? });
        }
        let content = self.content(target, depth.saturating_add(1))?;
        if end.checked_mul(self.extent).is_none_or(|end| end > content.size().unwrap_or(0)) {
            return Err(outside());
        }
        Ok(Leg { source: Source::Logical(content), start: at.saturating_mul(self.extent) })
    }

    /// What the description says of the logical volume `name`.
    pub(super) fn says(&self, name: &str, status: &str) -> Result<bool, Fault> {
        self.logical.get(name).map_or(Ok(false), |volume| volume.says("status", status))
    }
}

/// Places as a segment lists them: each a volume, then an extent of it.
fn places(items: Vec<Item<'_>>) -> Result<Vec<(&str, u64)>, Fault> {
    let (pairs, []) = items.as_chunks() else {
        return Err(Fault::corrupt("a segment of a logical volume lists half a place"));
    };
    let places = pairs.iter().map(|pair| match *pair {
        [Item::Text(target), Item::Number(at)] => Ok((target, at)),
        _ => Err(Fault::corrupt("a segment of a logical volume lists a place that is none")),
    });
    places.collect()
}
