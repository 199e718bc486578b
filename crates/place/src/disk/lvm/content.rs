//! The content of a logical volume: stretches one behind the other, each of which lies in one piece somewhere, or in stripes
//! over several places.

use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::rc::Rc;

/// How deep logical volumes may lie in others; LVM2 makes no more than four.
pub(super) const DEEPEST: u32 = 8;

/// A logical volume as a file.
pub(super) struct Content<'a> {
    size: u64,
    stretches: Vec<Stretch<'a>>,
    /// Can every place under it be read at its own cost?
    is_random: bool,
    /// How many logical volumes lie in it, one in the other.
    depth: u32,
}

/// A stretch of a logical volume.
pub(super) struct Stretch<'a> {
    /// Where it begins in the volume, and how long it is.
    pub(super) start: u64,
    pub(super) size: u64,
    /// How much of it comes from one leg before it is the turn of the next.
    pub(super) turn: u64,
    pub(super) legs: Vec<Leg<'a>>,
}

/// Where a stretch comes from.
#[derive(Clone)]
pub(super) struct Leg<'a> {
    pub(super) source: Source<'a>,
    /// Where it begins there.
    pub(super) start: u64,
}

/// What a leg stands in.
#[derive(Clone)]
pub(super) enum Source<'a> {
    Physical(&'a dyn File),
    Logical(Rc<Content<'a>>),
}

impl<'a> Source<'a> {
    fn file(&self) -> &(dyn File + 'a) {
        match self {
            Self::Physical(file) => *file,
            Self::Logical(content) => content.as_ref(),
        }
    }

    fn depth(&self) -> u32 {
        match self {
            Self::Physical(_) => 0,
            Self::Logical(content) => content.depth,
        }
    }
}

impl<'a> Content<'a> {
    /// Of stretches that must fill it from its beginning.
    pub(super) fn of(mut stretches: Vec<Stretch<'a>>) -> Result<Self, Fault> {
        stretches.sort_unstable_by_key(|stretch| stretch.start);
        let mut size = 0_u64;
        for stretch in &stretches {
            let round = stretch.turn.checked_mul(stretch.legs.len() as u64);
            let is_whole = round.and_then(|round| stretch.size.checked_rem(round)) == Some(0);
            if stretch.start != size || stretch.size == 0 || !is_whole {
                return Err(Fault::corrupt("the segments of a logical volume contradict each other"));
            }
            size = size.checked_add(stretch.size).ok_or_else(|| Fault::corrupt("a logical volume is too large"))?;
        }
        let sources = || stretches.iter().flat_map(|stretch| &stretch.legs).map(|leg| &leg.source);
        let is_random = sources().all(|source| source.file().is_random());
        let depth = sources().map(Source::depth).max().unwrap_or(0).saturating_add(1);
        if depth > DEEPEST {
            return Err(Fault::corrupt("logical volumes lie in each other deeper than LVM2 makes them"));
        }
        Ok(Self { size, stretches, is_random, depth })
    }
}

impl Stretch<'_> {
    /// Where byte `offset` of the stretch is, and how many bytes are there in one piece.
    fn place(&self, offset: u64) -> Option<(&Leg<'_>, u64, u64)> {
        let count = self.legs.len() as u64;
        let turn = offset.checked_div(self.turn)?;
        let within = offset.checked_rem(self.turn)?;
        let leg = self.legs.get(usize::try_from(turn.checked_rem(count)?).ok()?)?;
        let position = turn.checked_div(count)?.checked_mul(self.turn)?.checked_add(within)?;
        Some((leg, leg.start.checked_add(position)?, self.turn - within))
    }
}

impl File for Content<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let mut rest = buffer.get_mut(..wanted).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let index = self.stretches.partition_point(|stretch| stretch.start <= at).saturating_sub(1);
            let place = self.stretches.get(index).and_then(|stretch| stretch.place(at - stretch.start));
            let (leg, position, run) =
                place.ok_or_else(|| Fault::corrupt("a logical volume leads beyond any volume"))?;
            let length = usize::try_from(run).unwrap_or(usize::MAX).min(rest.len());
            let (piece, behind) = rest.split_at_mut(length);
            if leg.source.file().read_at(position, piece)? < length {
                return Err(Fault::new(GapReason::Truncated, "a physical volume ends before its logical volumes do"));
            }
            rest = behind;
            at = at.saturating_add(length as u64);
        }
        Ok(wanted)
    }

    fn is_random(&self) -> bool {
        self.is_random
    }
}

/// The content of a logical volume, in whose place others may also read it.
pub(super) struct Shared<'a>(pub(super) Rc<Content<'a>>);

impl File for Shared<'_> {
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
