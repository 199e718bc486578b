//! What a VHDX says of its disk: how large it is and its blocks are, and what lies below.

use super::{MIB, guid};
use crate::disk::cluster::{field, fill, little, utf16};
use crate::disk::sibling::{base, from_windows};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// The list of items, and the longest item that is read.
const LIST: u64 = 64 << 10;
const ITEM: u64 = 64 << 10;
/// Bits of an item: it is of a user, and a reader must know it.
const USER: u64 = 1;
const REQUIRED: u64 = 4;
/// The largest disk.
const LARGEST: u64 = 64 << 40;

/// Names of items. The last two say what a physical sector is and what a disk answers when asked for its name.
const FILE: [u8; 16] = guid(0xcaa1_6737, 0xfa36, 0x4d43, 0xb3b6_33f0_aa44_e76b);
const SIZE: [u8; 16] = guid(0x2fa5_4224, 0xcd1b, 0x4876, 0xb211_5dbe_d83b_f4b8);
const SECTOR: [u8; 16] = guid(0x8141_bf1d, 0xa96f, 0x4709, 0xba47_f233_a8fa_ab5f);
const PARENT: [u8; 16] = guid(0xa8d3_5f2d, 0xb30b, 0x454d, 0xabf7_d3d8_4834_ab0c);
const OTHERS: [[u8; 16]; 2] = [
    guid(0xcda3_48c7, 0x445d, 0x4471, 0x9cc9_e988_5251_c556),
    guid(0xbeca_12ab, 0xb2e6, 0x4523, 0x93ef_c309_e000_c746),
];
/// The one kind of a parent that there is: another VHDX.
const VHDX: [u8; 16] = guid(0xb04a_efb7, 0xd19e, 0x4a81, 0xb789_25b8_e944_5913);

#[derive(Debug)]
pub(super) struct Metadata {
    pub(super) size: u64,
    pub(super) block: u64,
    pub(super) sector: u64,
    pub(super) parent: Option<Below>,
}

/// The disk below.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// What its file may be called.
    pub(super) names: Vec<Vec<u8>>,
    /// What the number of its content may be.
    pub(super) contents: Vec<[u8; 16]>,
}

impl Metadata {
    /// Reads the region of `length` bytes at `start`.
    pub(super) fn read(file: &dyn File, start: u64, length: u64) -> Result<Self, Fault> {
        let mut list = vec![0; LIST as usize];
        fill(file, start, &mut list, "what the VHDX says of its disk")?;
        let count = little(&list, 10, 2);
        if !list.starts_with(b"metadata") || count > 2047 || length < LIST {
            return Err(Fault::corrupt("what the VHDX says of its disk is broken"));
        }
        let mut items = [const { None }; 4];
        for entry in list.chunks_exact(32).skip(1).take(usize::try_from(count).unwrap_or_default()) {
            let (at, size, flags) = (little(entry, 16, 4), little(entry, 20, 4), little(entry, 24, 4));
            let name = field(entry, 0, 16);
            let known = [FILE, SIZE, SECTOR, PARENT].iter().position(|known| flags & USER == 0 && name == known);
            let Some(slot) = known.and_then(|known| items.get_mut(known)) else {
                if flags & REQUIRED != 0 && !OTHERS.iter().any(|other| name == other) {
                    return Err(Fault::new(
                        GapReason::UnsupportedFormat,
                        "a VHDX that says something that is not known",
                    ));
                }
                continue;
            };
            if size > ITEM || at < LIST || at + size > length {
                return Err(Fault::corrupt("something that the VHDX says of its disk lies outside"));
            }
            let mut item = vec![0; usize::try_from(size).unwrap_or_default()];
            let at = start.checked_add(at).ok_or_else(|| Fault::corrupt("the VHDX leads behind any end"))?;
            fill(file, at, &mut item, "what the VHDX says of its disk")?;
            *slot = Some(item);
        }
        let [Some(of_file), Some(size), Some(sector), parent] = items else {
            return Err(Fault::corrupt("the VHDX does not say how large its disk is"));
        };
        let (block, flags) = (little(&of_file, 0, 4), little(&of_file, 4, 4));
        let (size, sector) = (little(&size, 0, 8), little(&sector, 0, 4));
        if !block.is_power_of_two() || !(MIB..=256 * MIB).contains(&block) || ![512, 4096].contains(&sector) {
            let detail = format!("the VHDX has blocks of {block} bytes, and sectors of {sector}");
            return Err(Fault::corrupt(detail));
        }
        if size > LARGEST || size % sector != 0 {
            return Err(Fault::corrupt(format!("the VHDX has a disk of {size} bytes")));
        }
        let parent = match (flags & 2 != 0, parent) {
            (false, _) => None,
            (true, Some(parent)) => Some(Below::parse(&parent)?),
            (true, None) => return Err(Fault::corrupt("the VHDX does not name the disk below it")),
        };
        Ok(Self { size, block, sector, parent })
    }
}

impl Below {
    fn parse(item: &[u8]) -> Result<Self, Fault> {
        if field(item, 0, 16) != VHDX {
            return Err(Fault::new(GapReason::UnsupportedFormat, "a VHDX above a disk of a kind that is not known"));
        }
        let count = usize::try_from(little(item, 18, 2)).unwrap_or_default();
        let number = |at, width| usize::try_from(little(item, at, width)).unwrap_or(usize::MAX);
        let text = |at, length| utf16(field(item, at, length), u16::from_le_bytes);
        let pairs: Vec<(String, String)> = (0..count.min(16))
            .map(|index| 20 + index * 12)
            .map(|at| (text(number(at, 4), number(at + 8, 2)), text(number(at + 4, 4), number(at + 10, 2))))
            .collect();
        let all = |key: &'static str| pairs.iter().filter(move |pair| pair.0 == key).map(|pair| pair.1.as_str());
        let mut below = Self::default();
        below.contents.extend(all("parent_linkage").chain(all("parent_linkage2")).filter_map(parse_guid));
        below.names.extend(all("relative_path").chain(all("absolute_win32_path")).map(from_windows));
        let bases: Vec<_> = below.names.iter().map(|name| base(name).to_vec()).collect();
        below.names.extend(bases);
        below.names.retain(|name| !name.is_empty());
        if below.names.is_empty() {
            return Err(Fault::corrupt("the VHDX does not name the disk below it"));
        }
        Ok(below)
    }
}

/// A name such as `{83ed0ec3-24c8-49a6-a959-5e4bd1288bbb}`, as it is stored.
fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim_matches(['{', '}']);
    let digits: String = text.chars().filter(|sign| *sign != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    let part = |shift: u32| number >> shift;
    let first = u32::try_from(part(96)).ok()?;
    let second = u16::try_from(part(80) & 0xffff).ok()?;
    let third = u16::try_from(part(64) & 0xffff).ok()?;
    let rest = u64::try_from(number & u128::from(u64::MAX)).ok()?;
    Some(guid(first, second, third, rest))
}
