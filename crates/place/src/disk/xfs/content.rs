//! What files and links hold.

use super::inode::{Form, Inode};
use super::map::{Map, Place};
use super::volume::{Seal, Volume, number, usize_of};
use crate::tree::{Fault, File};

/// The longest a link can be.
const LONGEST: u64 = 1024;
/// The head of each extent of a link of version 5, and its seal.
const HEAD: usize = 56;
const SEAL: Seal = Seal { sum: 12, place: 40, uuid: 16, owner: 32 };

/// A regular file, read at any place.
pub(super) struct Regular<'v> {
    map: Map<'v>,
    size: u64,
}

impl<'v> Regular<'v> {
    pub(super) fn of(volume: &'v Volume<'v>, inode: &Inode) -> Result<Self, Fault> {
        Ok(Self { map: Map::of(volume, inode)?, size: inode.size })
    }
}

impl File for Regular<'_> {
    fn size(&self) -> Result<u64, Fault> {
        Ok(self.size)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let volume = self.map.volume;
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let (mut rest, _) = buffer.split_at_mut(wanted);
        let mut at = offset;
        while !rest.is_empty() {
            let run = self.map.run(at >> volume.block_log)?;
            let within = at % volume.block_size();
            let length = run.blocks.saturating_mul(volume.block_size()).saturating_sub(within);
            let (now, later) = rest.split_at_mut(usize::try_from(length).unwrap_or(usize::MAX).min(rest.len()));
            match run.place {
                Place::At(position) => volume.read(position.saturating_add(within), now)?,
                Place::Hole | Place::Unwritten => now.fill(0),
            }
            at = at.saturating_add(now.len() as u64);
            rest = later;
        }
        Ok(wanted)
    }

    fn is_random(&self) -> bool {
        self.map.volume.is_random()
    }
}

/// Where the link `inode` points.
pub(super) fn link(volume: &Volume<'_>, inode: &Inode) -> Result<Vec<u8>, Fault> {
    let wrong = || Fault::corrupt("it does not hold where it points");
    if !(1..=LONGEST).contains(&inode.size) {
        return Err(wrong());
    }
    let size = usize_of(inode.size)?;
    if inode.form == Some(Form::Local) {
        return inode.fork.get(..size).map(<[u8]>::to_vec).ok_or_else(wrong);
    }
    let map = Map::of(volume, inode)?;
    let mut target = Vec::with_capacity(size);
    let mut block = 0;
    // Every extent gives at least one byte.
    while target.len() < size {
        let run = map.run(block)?;
        let Place::At(position) = run.place else { return Err(wrong()) };
        let head = if volume.sealed { HEAD } else { 0 };
        let length = usize_of(run.blocks.saturating_mul(volume.block_size()).min(LONGEST << 8))?;
        let mut bytes = vec![0; length];
        volume.read(position, &mut bytes)?;
        let part = length.saturating_sub(head).min(size - target.len());
        if volume.sealed {
            let right = bytes.starts_with(b"XSLM")
                && usize_of(number(&bytes, 4, 4)?)? == target.len()
                && usize_of(number(&bytes, 8, 4)?)? == part;
            if !right {
                return Err(wrong());
            }
            volume.check(&bytes, &SEAL, position, inode.number)?;
        }
        target.extend_from_slice(bytes.get(head..).and_then(|rest| rest.get(..part)).ok_or_else(wrong)?);
        block += run.blocks;
    }
    Ok(target)
}
