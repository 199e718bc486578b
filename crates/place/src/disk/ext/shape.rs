//! The superblock: what the file system is made of, and where its tables are.

use super::number::{START, crc, le, le32};
use crate::tree::Fault;
use ostrakon_model::GapReason;

/// Where the superblock lies, and its size.
pub(super) const PLACE: u64 = 1024;
pub(super) const SIZE: usize = 1024;

/// What a reader has to know of, and what of it is not read here.
const FILE_TYPES: u32 = 0x2;
const RECOVER: u32 = 0x4;
const JOURNAL_DEVICE: u32 = 0x8;
const META_GROUPS: u32 = 0x10;
const WIDE: u32 = 0x80;
const OWN_SEED: u32 = 0x2000;
const LARGE_FOLDERS: u32 = 0x4000;
const FOREIGN: [(u32, &str); 2] = [(0x1, "compression"), (0x1000, "dirdata")];
/// All that is read. Those without a name above need nothing here, or are seen from the inode: extents, mmp, flex_bg,
/// ea_inode, inline_data, encrypt, casefold.
const KNOWN: u32 = FILE_TYPES | RECOVER | META_GROUPS | WIDE | OWN_SEED | LARGE_FOLDERS | 0x3_8740;

/// What need not be known for reading: checksums of all tables, copies of the superblock in few groups, or in two.
const READ_ONLY: usize = 0x64;
const CHECKSUMS: u32 = 0x400;
const SPARSE: u32 = 0x1;
const TWO_COPIES: u32 = 0x200;

/// What a superblock says.
pub(super) struct Shape {
    pub(super) block_size: usize,
    /// How many blocks there are, and which is the first of the first group.
    pub(super) blocks: u64,
    pub(super) first_block: u64,
    pub(super) inodes: u64,
    pub(super) inodes_per_group: u64,
    pub(super) inode_size: usize,
    /// The first inode that is not the file system's own.
    pub(super) first_inode: u64,
    pub(super) descriptor_size: usize,
    /// What all checksums begin with, where there are some.
    pub(super) seed: Option<u32>,
    /// Do folders say what their names stand for?
    pub(super) has_kinds: bool,
    /// Can folders be larger than 4 GiB?
    pub(super) has_large_folders: bool,
    /// Was it not unmounted, so that its journal counts?
    pub(super) is_dirty: bool,
    /// The inode of the journal; 0 where it lies on another device.
    pub(super) journal: u64,
    groups: u64,
    blocks_per_group: u64,
    /// From which block of descriptors on each lies in the groups it describes.
    spread_from: u64,
    /// Which groups have a copy of the superblock.
    copies: Copies,
}

enum Copies {
    All,
    /// The first, and powers of 3, 5 and 7.
    Sparse,
    Two([u64; 2]),
}

impl Shape {
    /// Reads a superblock, but not its checksum.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Fault> {
        let number = |at| u64::from(le32(bytes, at));
        let wrong = || Fault::corrupt("its superblock contradicts itself");
        if le(bytes, 0x38, 2) != 0xef53 {
            return Err(Fault::corrupt("it has no superblock of ext2, ext3 or ext4"));
        }
        let (compatible, needed, read_only) = (le32(bytes, 0x5c), le32(bytes, 0x60), le32(bytes, READ_ONLY));
        // In the first revision some numbers were not chosen.
        let chosen = number(0x4c) > 0;
        if needed & !KNOWN != 0 {
            return Err(Fault::new(GapReason::UnsupportedFormat, unknown(needed & !KNOWN)));
        }
        let is_wide = needed & WIDE != 0;
        let block_size = match number(0x18) {
            power @ 0..=6 => 1024 << power,
            _ => return Err(wrong()),
        };
        let inode_size = if chosen { usize::try_from(le(bytes, 0x58, 2)).map_err(|_| wrong())? } else { 128 };
        let descriptor_size = if is_wide { usize::try_from(le(bytes, 0xfe, 2)).map_err(|_| wrong())? } else { 32 };
        let fits = |size: usize, least| size.is_power_of_two() && size >= least && size <= block_size;
        let blocks = number(4) | if is_wide { number(0x150) << 32 } else { 0 };
        let (first_block, blocks_per_group, inodes_per_group) = (number(0x14), number(0x20), number(0x28));
        let most = block_size as u64 * 8;
        if !fits(inode_size, 128)
            || !fits(descriptor_size, if is_wide { 64 } else { 32 })
            || blocks.checked_mul(block_size as u64).is_none_or(|bytes| i64::try_from(bytes).is_err())
            || first_block >= blocks.min(2)
            || blocks_per_group == 0
            || !(1..=most).contains(&inodes_per_group)
        {
            return Err(wrong());
        }
        let groups = (blocks - first_block).div_ceil(blocks_per_group);
        let inodes = number(0);
        if groups.checked_mul(inodes_per_group) != Some(inodes) {
            return Err(wrong());
        }
        let seed = if needed & OWN_SEED != 0 {
            le32(bytes, 0x270)
        } else {
            crc(START, bytes.get(0x68..0x78).unwrap_or_default())
        };
        Ok(Self {
            block_size,
            blocks,
            first_block,
            inodes,
            inodes_per_group,
            inode_size,
            first_inode: if chosen { number(0x54) } else { 11 },
            descriptor_size,
            seed: (read_only & CHECKSUMS != 0).then_some(seed),
            has_kinds: needed & FILE_TYPES != 0,
            has_large_folders: needed & LARGE_FOLDERS != 0,
            is_dirty: needed & RECOVER != 0,
            journal: number(0xe0),
            groups,
            blocks_per_group,
            spread_from: if needed & META_GROUPS != 0 { number(0x104) } else { u64::MAX },
            copies: if compatible & TWO_COPIES != 0 {
                Copies::Two([number(0x24c), number(0x250)])
            } else if read_only & SPARSE != 0 {
                Copies::Sparse
            } else {
                Copies::All
            },
        })
    }

    /// Does the superblock that this was read from match its checksum, if it has one?
    pub(super) fn matches(&self, bytes: &[u8]) -> bool {
        let (bytes, sum) = (bytes.get(..0x3fc).unwrap_or_default(), le32(bytes, 0x3fc));
        if self.seed.is_some() {
            return crc(START, bytes) == sum;
        }
        // One that matches as soon as it says that there are checksums has lost that alone.
        let mut bytes = bytes.to_vec();
        if let Some(features) = bytes.get_mut(READ_ONLY..).and_then(|bytes| bytes.first_chunk_mut()) {
            *features = (u32::from_le_bytes(*features) | CHECKSUMS).to_le_bytes();
        }
        crc(START, &bytes) != sum
    }

    /// The block with the descriptor of a group, and where in it that begins.
    pub(super) fn descriptor(&self, group: u64) -> Option<(u64, usize)> {
        let each = (self.block_size / self.descriptor_size) as u64;
        let (index, within) = (group / each, usize::try_from(group % each).ok()?);
        let block = if index < self.spread_from {
            // Behind the superblock, which may share its block with what is before it.
            PLACE / self.block_size as u64 + 1 + index
        } else {
            let first = index * each;
            let start = first.checked_mul(self.blocks_per_group)?.checked_add(self.first_block)?;
            // Blocks of 1 KiB that count from 0 leave one free before the first superblock.
            let free = index == 0 && self.block_size == 1024 && self.first_block == 0;
            start + u64::from(self.has_copy(first)) + u64::from(free)
        };
        (group < self.groups && block < self.blocks).then_some((block, within * self.descriptor_size))
    }

    fn has_copy(&self, group: u64) -> bool {
        match self.copies {
            _ if group == 0 => true,
            Copies::All => true,
            Copies::Two(groups) => groups.contains(&group),
            Copies::Sparse => group == 1 || [3_u64, 5, 7].iter().any(|base| is_power(group, *base)),
        }
    }
}

fn is_power(mut number: u64, base: u64) -> bool {
    while number > 1 && number.is_multiple_of(base) {
        number /= base;
    }
    number == 1
}

/// Names what is needed and not known.
fn unknown(bits: u32) -> String {
    if bits & JOURNAL_DEVICE != 0 {
        return "the journal of another file system".to_owned();
    }
    let rest = FOREIGN.iter().fold(bits, |rest, (bit, _)| rest & !bit);
    let mut names: Vec<_> = FOREIGN.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| (*name).into()).collect();
    if rest != 0 {
        names.push(format!("features {rest:#x}"));
    }
    format!("ext4 with {}, which is not known here", names.join(" and "))
}
