//! The superblock, and what all else of a volume is read through: where blocks and inodes lie, and the seals of version 5.

use super::sum;
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use std::cell::RefCell;
use std::rc::Rc;

/// Inodes lie together in chunks, so those of one folder are mostly near each other: they are read by windows of this size.
const WINDOW: u64 = 16 << 10;
/// How many windows are kept.
const WINDOWS: usize = 16;
/// The features that change how a volume of version 5 is read, and that this program knows: kinds in folders, sparse chunks of
/// inodes, the other UUID, large times, the mark of a needed repair, large counts of extents, exchanged ranges, pointers to
/// parents, and a tree of metadata. The last three leave folders and files as they were.
const KNOWN: u64 = 0x1ff;
const KINDS: u64 = 0x1;
const OTHER_UUID: u64 = 0x4;
const NEEDS_REPAIR: u64 = 0x10;
/// The same for version 4: lazy counters, attributes of the second form, large project numbers, kinds in folders.
const KNOWN_4: u64 = 0x28a;
const KINDS_4: u64 = 0x200;
/// The bits beside the version: there is a second word of features; folders are of the second form; names fold ASCII case.
const MORE: u64 = 0x8000;
const FOLDERS_2: u64 = 0x2000;
const FOLDS: u64 = 0x4000;

/// An open volume.
pub(super) struct Volume<'a> {
    file: &'a dyn File,
    /// The size of a block, of an inode, and of a block of a folder, as powers of two.
    pub(super) block_log: u32,
    pub(super) inode_log: u32,
    pub(super) folder_log: u32,
    /// The inode of the root.
    pub(super) root: u64,
    /// Is it of version 5: are its blocks sealed?
    pub(super) sealed: bool,
    /// Do folders say what their names stand for?
    pub(super) has_kinds: bool,
    /// Do names fold ASCII case?
    pub(super) folds: bool,
    /// Has it a mark that says it must be repaired first?
    pub(super) needs_repair: bool,
    /// Where its log begins, by block, and how many blocks long it is; block 0: on another device.
    pub(super) log: (u64, u64),
    /// In blocks.
    pub(super) size: u64,
    /// How many groups of how many blocks; the last may be shorter. A block's number has its group above `group_log` bits.
    groups: u64,
    group_size: u64,
    group_log: u32,
    uuid: Vec<u8>,
    windows: RefCell<Vec<(u64, Rc<Vec<u8>>)>>,
}

/// Where the head of a block of version 5 has its checksum, its own place, the volume's UUID, and whose it is.
pub(super) struct Seal {
    pub(super) sum: usize,
    pub(super) place: usize,
    pub(super) uuid: usize,
    pub(super) owner: usize,
}

impl<'a> Volume<'a> {
    pub(super) fn open(file: &'a dyn File) -> Result<Self, Fault> {
        let unsupported = |detail: String| Err(Fault::new(GapReason::UnsupportedFormat, detail));
        let mut head = vec![0; 512];
        fill(file, 0, &mut head)?;
        if !head.starts_with(b"XFSB") {
            return Err(Fault::corrupt("it has no superblock of XFS"));
        }
        let field = |at, length| number(&head, at, length);
        let power = |at| number(&head, at, 1).map(|power| u32::try_from(power).unwrap_or(u32::MAX));
        let contradiction = || Fault::corrupt("its superblock contradicts itself");

        let version = field(100, 2)?;
        let sealed = match version & 0xf {
            4 => false,
            5 => true,
            other => return unsupported(format!("XFS of version {other}")),
        };
        let sector = field(102, 2)?;
        if !sector.is_power_of_two() || !(512..=32 << 10).contains(&sector) {
            return Err(contradiction());
        }
        let (has_kinds, own_uuid, needs_repair) = if sealed {
            let mut whole = vec![0; usize_of(sector)?];
            fill(file, 0, &mut whole)?;
            if !sum::holds(&whole, 224) {
                return Err(Fault::corrupt("the checksum of its superblock is wrong"));
            }
            let features = field(216, 4)?;
            if features & !KNOWN != 0 {
                return unsupported(format!("XFS with features this program does not know: {:#x}", features & !KNOWN));
            }
            (features & KINDS != 0, features & OTHER_UUID == 0, features & NEEDS_REPAIR != 0)
        } else {
            let features = if version & MORE == 0 { 0 } else { field(200, 4)? };
            if features & !KNOWN_4 != 0 || version & FOLDERS_2 == 0 {
                return unsupported(
                    "XFS of version 4 with features, or without, that this program does not know".into(),
                );
            }
            (features & KINDS_4 != 0, true, false)
        };

        let (block_log, inode_log, group_log) = (power(120)?, power(122)?, power(124)?);
        let (groups, group_size, size) = (field(88, 4)?, field(84, 4)?, field(8, 8)?);
        let folder_log = block_log.saturating_add(power(192)?);
        let sizes = (9..=16).contains(&block_log) && (8..=11).contains(&inode_log) && inode_log <= block_log;
        if !sizes || folder_log > 16 || field(4, 4)? != 1 << block_log || field(104, 2)? != 1 << inode_log {
            return Err(contradiction());
        }
        // Both are numbers of four bytes, so their product is one of eight.
        let most = groups.saturating_mul(group_size);
        let fits = most.saturating_sub(group_size) < size && size <= most && size <= (u64::MAX >> 1) >> block_log;
        if !fits || group_size.next_power_of_two().ilog2() != group_log || field(126, 1)? != 0 {
            return Err(contradiction());
        }
        let uuid = if own_uuid { head.get(32..48) } else { head.get(248..264) };
        Ok(Self {
            file,
            block_log,
            inode_log,
            folder_log,
            root: field(56, 8)?,
            sealed,
            has_kinds,
            folds: version & FOLDS != 0,
            needs_repair,
            log: (field(48, 8)?, field(96, 4)?),
            size,
            groups,
            group_size,
            group_log,
            uuid: uuid.unwrap_or_default().to_vec(),
            windows: RefCell::default(),
        })
    }

    /// The size of a block.
    pub(super) fn block_size(&self) -> u64 {
        1 << self.block_log
    }

    /// Where `count` blocks from `block` on lie, in bytes.
    pub(super) fn position(&self, block: u64, count: u64) -> Result<u64, Fault> {
        let (group, within) = (block >> self.group_log, block & !(u64::MAX << self.group_log));
        let start = group.saturating_mul(self.group_size).saturating_add(within);
        let fits = group < self.groups
            && within.saturating_add(count) <= self.group_size
            && start.saturating_add(count) <= self.size;
        if fits { Ok(start << self.block_log) } else { Err(Fault::corrupt("it points outside the volume")) }
    }

    /// Where the inode of that number lies.
    pub(super) fn inode_position(&self, number: u64) -> Result<u64, Fault> {
        let shared = self.block_log.saturating_sub(self.inode_log);
        let start = self.position(number >> shared, 1)?;
        Ok(start + ((number & !(u64::MAX << shared)) << self.inode_log))
    }

    /// The bytes of the inode of that number.
    pub(super) fn inode(&self, number: u64) -> Result<Vec<u8>, Fault> {
        let position = self.inode_position(number)?;
        let window = self.window(position / WINDOW)?;
        let start = usize_of(position % WINDOW)?;
        let inode = window.get(start..).and_then(|rest| rest.get(..1 << self.inode_log));
        inode.map(<[u8]>::to_vec).ok_or_else(truncated)
    }

    fn window(&self, index: u64) -> Result<Rc<Vec<u8>>, Fault> {
        let mut windows = self.windows.borrow_mut();
        if let Some(place) = windows.iter().position(|(known, _)| *known == index) {
            let window = windows.remove(place);
            let bytes = Rc::clone(&window.1);
            windows.push(window);
            return Ok(bytes);
        }
        // The last window of a volume may be shorter.
        let mut bytes = vec![0; usize_of(WINDOW)?];
        let read = self.file.read_at(index.saturating_mul(WINDOW), &mut bytes)?;
        bytes.truncate(read);
        let bytes = Rc::new(bytes);
        if windows.len() >= WINDOWS {
            windows.remove(0);
        }
        windows.push((index, Rc::clone(&bytes)));
        Ok(bytes)
    }

    /// Fills `into` with what lies at `position`.
    pub(super) fn read(&self, position: u64, into: &mut [u8]) -> Result<(), Fault> {
        fill(self.file, position, into)
    }

    pub(super) fn is_random(&self) -> bool {
        self.file.is_random()
    }

    /// Is `block`, read from `position`, whole and one of the inode `owner`? Version 4 cannot say.
    pub(super) fn check(&self, block: &[u8], seal: &Seal, position: u64, owner: u64) -> Result<(), Fault> {
        if !self.sealed {
            return Ok(());
        }
        if !sum::holds(block, seal.sum) {
            return Err(Fault::corrupt("the checksum of a block is wrong"));
        }
        // Places count in sectors of 512 bytes, whatever the size of a block.
        let placed = number(block, seal.place, 8)? == position / 512 && number(block, seal.owner, 8)? == owner;
        if placed && self.is_uuid(block, seal.uuid) { Ok(()) } else { Err(Fault::corrupt("a block belongs elsewhere")) }
    }

    /// Is what lies at `at` the UUID that all parts of the volume have?
    pub(super) fn is_uuid(&self, bytes: &[u8], at: usize) -> bool {
        bytes.get(at..).is_some_and(|rest| rest.starts_with(&self.uuid))
    }
}

/// The number of `length` bytes at `at`, the highest first.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Result<u64, Fault> {
    let field = at.checked_add(length).and_then(|end| bytes.get(at..end));
    let field = field.ok_or_else(|| Fault::corrupt("a part of it ends too soon"))?;
    Ok(field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A size or place in memory.
pub(super) fn usize_of(number: u64) -> Result<usize, Fault> {
    usize::try_from(number).map_err(|_| Fault::new(GapReason::Limit, "larger than the memory of this system"))
}

fn fill(file: &dyn File, position: u64, into: &mut [u8]) -> Result<(), Fault> {
    if file.read_at(position, into)? == into.len() { Ok(()) } else { Err(truncated()) }
}

fn truncated() -> Fault {
    Fault::new(GapReason::Truncated, "the volume ends before what it holds")
}
