//! Which leg of a mirror to read. Any that is up to date will do; one that failed, came back, or is being filled must not be
//! read. For `raid1` every leg has a volume beside it in which device-mapper keeps that (`drivers/md/dm-raid.c` of the kernel).

use super::content::{Content, Leg};
use super::plan::Plan;
use super::text::{Item, Section};
use crate::disk::volume_kind::{field, read_up_to};
use crate::tree::Fault;
use ostrakon_model::GapReason;

/// The leg to read of a mirror that keeps no marks: the first that is there.
pub(super) fn first<'a>(
    plan: &Plan<'_, 'a>,
    name: &str,
    legs: impl Iterator<Item = Result<Leg<'a>, Fault>>,
) -> Result<Leg<'a>, Fault> {
    let mut missing = None;
    for leg in legs {
        match leg {
            Ok(leg) => {
                if missing.is_some() {
                    doubt(plan, name);
                }
                return Ok(leg);
            }
            Err(fault) => missing = missing.or(Some(fault)),
        }
    }
    Err(missing.unwrap_or_else(|| Fault::corrupt(format!("the mirror {name} has no legs"))))
}

/// The leg to read of a `raid1` segment of so many extents.
pub(super) fn raid<'t, 'a>(
    plan: &Plan<'t, 'a>,
    name: &str,
    segment: Section<'t>,
    extents: u64,
    depth: u32,
) -> Result<Leg<'a>, Fault> {
    let items = segment.list("raids")?;
    let (pairs, []) = items.as_chunks() else {
        return Err(Fault::corrupt(format!("the mirror {name} lists half a leg")));
    };
    if segment.number("device_count")? != pairs.len() as u64 {
        return Err(Fault::corrupt(format!("the mirror {name} lacks a leg")));
    }
    let mut missing = None;
    let mut legs = Vec::new();
    for (index, pair) in pairs.iter().enumerate() {
        let [Item::Text(marks), Item::Text(data)] = *pair else {
            return Err(Fault::corrupt(format!("the mirror {name} lists a leg that is none")));
        };
        let marks = plan.content(marks, depth.saturating_add(1)).and_then(|content| Mark::read(&content));
        match marks.and_then(|mark| Ok((plan.leg(data, 0, extents, depth)?, mark))) {
            Ok((leg, mark)) => legs.push((index, leg, mark, plan.says(data, "REBUILD")?)),
            Err(fault) => missing = missing.or(Some(fault)),
        }
    }
    // A mirror that was never used has no marks at all.
    let newest = legs.iter().filter_map(|(_, _, mark, _)| mark.as_ref()).max_by_key(|mark| mark.events);
    let is_whole = |index: &usize, mark: &Option<Mark>| match (newest, mark) {
        (Some(newest), Some(mark)) => {
            let is_failed =
                |failed: u64| u32::try_from(*index).map_or(true, |index| failed.unbounded_shr(index) & 1 == 1);
            mark.events == newest.events && mark.filled == u64::MAX && !is_failed(newest.failed | mark.failed)
        }
        (Some(_), None) => false,
        (None, _) => true,
    };
    match legs.iter().find(|(index, _, mark, is_rebuilt)| !is_rebuilt && is_whole(index, mark)) {
        Some((_, leg, ..)) => {
            if missing.is_some() {
                doubt(plan, name);
            }
            Ok(leg.clone())
        }
        None => Err(missing.unwrap_or_else(|| Fault::corrupt(format!("no leg of the mirror {name} is up to date")))),
    }
}

/// With a leg away nobody knows which one is the newer.
fn doubt(plan: &Plan<'_, '_>, name: &str) {
    let words = format!("a leg of the mirror {name} is not there, and may be newer than the one that was read");
    plan.doubts.borrow_mut().push(Fault::new(GapReason::Unreached, words));
}

/// What device-mapper keeps of a leg.
struct Mark {
    /// Counts changes of the whole mirror; a leg that was away has fewer.
    events: u64,
    /// A bit for every leg that failed, as this one knows.
    failed: u64,
    /// How far it is filled: to the end, or up to this sector.
    filled: u64,
}

impl Mark {
    /// Reads the mark of a leg. None: it has none yet.
    fn read(content: &Content<'_>) -> Result<Option<Self>, Fault> {
        let bytes = read_up_to(content, 0, 512)?;
        let le64 = |at| u64::from_le_bytes(field(&bytes, at));
        let mark = Self { events: le64(16), failed: le64(24), filled: le64(32) };
        Ok(bytes.starts_with(b"DmRd").then_some(mark))
    }
}
