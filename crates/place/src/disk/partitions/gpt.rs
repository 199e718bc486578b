//! GPT: a header in the second sector, an array of entries behind it, and a copy of both at the end of the disk. Each has a
//! check, and what does not pass it is not looked at.

use super::{Draft, Purpose, crc32};
use crate::disk::volume_kind::{field, read_up_to};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// Sizes of a sector.
const SECTORS: [u64; 2] = [512, 4096];
/// Most entries, and bytes of all entries.
const MOST_ENTRIES: u32 = 1024;
const MOST_BYTES: u32 = 1 << 20;
/// The shortest header, and the shortest entry.
const HEADER: u32 = 92;
const ENTRY: u32 = 128;

/// Types of partitions without files: reserved by Microsoft, its list of dynamic volumes, boot code of GRUB and of FreeBSD,
/// swap space of Linux, FreeBSD, NetBSD and Solaris.
const NO_FILES: [u128; 8] = [
    0xe3c9e316_0b5c_4db8_817d_f92df00215ae,
    0x5808c8aa_7e8f_42e0_85d2_e1e90434cfb3,
    0x21686148_6449_6e6f_744e_656564454649,
    0x83bd6b9d_7f41_11dc_be0b_001560b84f0f,
    0x0657fd6d_a4ab_43c4_84e5_0933c84b4f4f,
    0x516e7cb5_6ecf_11d6_8ff8_00022d09712b,
    0x49f48d32_b10e_11dc_b99b_0019d1879648,
    0x6a87c46f_1dd2_11b2_99a6_080020736631,
];
/// The type of partitions that hold volumes of a dynamic disk.
const DYNAMIC: u128 = 0xaf9b60a0_1431_4f62_bc68_3311714a69ad;

/// A table whose checks are right.
pub(super) struct Gpt {
    sector: u64,
    entry: usize,
    entries: Vec<u8>,
    /// Why the first copy was not used.
    doubt: Option<Fault>,
}

/// The table of a disk of `size` bytes: the first copy, or that at the end where the first is damaged.
pub(super) fn read(disk: &dyn File, size: u64) -> Result<Gpt, Fault> {
    let mut copies = Vec::new();
    let mut first = None;
    for sector in SECTORS {
        match Header::read(disk, sector, 1) {
            Ok(header) => match header.entries(disk) {
                Ok(entries) => return Ok(Gpt { sector, entry: header.entry, entries, doubt: None }),
                Err(fault) => {
                    copies.push((sector, header.copy));
                    first = Some(fault);
                }
            },
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    let first = first.unwrap_or_else(|| Fault::corrupt("no header"));
    copies.extend(SECTORS.map(|sector| (sector, (size / sector).saturating_sub(1))));
    for (sector, number) in copies {
        let found = Header::read(disk, sector, number).and_then(|header| Ok((header.entry, header.entries(disk)?)));
        if let Ok((entry, entries)) = found {
            let words = format!("the partition table (GPT) is damaged and its copy was used: {}", first.detail);
            return Ok(Gpt { sector, entry, entries, doubt: Some(Fault::new(first.reason, words)) });
        }
    }
    Err(Fault::new(first.reason, format!("the partition table (GPT) cannot be used: {}", first.detail)))
}

/// What a header says.
struct Header {
    /// The sector of the other header.
    copy: u64,
    /// Where the entries are, in bytes.
    start: u64,
    /// How many there are, how long one is, and their check.
    count: u32,
    entry: usize,
    check: u32,
}

impl Header {
    /// Reads the header in the sector of this number.
    fn read(disk: &dyn File, sector: u64, number: u64) -> Result<Self, Fault> {
        let place = number.checked_mul(sector).ok_or_else(|| Fault::corrupt("its copy lies beyond any disk"))?;
        let mut bytes = read_up_to(disk, place, 512)?;
        let le32 = |at| u32::from_le_bytes(field(&bytes, at));
        let le64 = |at| u64::from_le_bytes(field(&bytes, at));
        if !bytes.starts_with(b"EFI PART") {
            return Err(Fault::corrupt("its header is not there"));
        }
        let (length, check, own) = (le32(12), le32(16), le64(24));
        let (count, entry) = (le32(80), le32(84));
        let start = le64(72).checked_mul(sector);
        let header = Self { copy: le64(32), start: start.unwrap_or(u64::MAX), count, entry: 0, check: le32(88) };
        if let Some(field) = bytes.get_mut(16..20) {
            field.fill(0);
        }
        let covered = usize::try_from(length).ok().and_then(|length| bytes.get(..length)).unwrap_or_default();
        if length < HEADER || !crc32(!0, covered) != check {
            return Err(Fault::corrupt("the check of its header is wrong"));
        }
        if own != number || entry < ENTRY || !entry.is_multiple_of(8) {
            return Err(Fault::corrupt("its header contradicts itself"));
        }
        if count > MOST_ENTRIES || count.saturating_mul(entry) > MOST_BYTES {
            return Err(Fault::new(GapReason::Limit, format!("it has room for more than {MOST_ENTRIES} partitions")));
        }
        let entry = usize::try_from(entry).map_err(|_| Fault::corrupt("its entries are too long"))?;
        Ok(Self { entry, ..header })
    }

    /// All entries, checked.
    fn entries(&self, disk: &dyn File) -> Result<Vec<u8>, Fault> {
        let length = usize::try_from(self.count).unwrap_or(usize::MAX).saturating_mul(self.entry);
        let bytes = read_up_to(disk, self.start, length)?;
        if bytes.len() < length {
            return Err(Fault::new(GapReason::Truncated, "the disk ends before its entries do"));
        }
        if !crc32(!0, &bytes) != self.check {
            return Err(Fault::corrupt("the check of its entries is wrong"));
        }
        Ok(bytes)
    }
}

impl Draft<'_> {
    /// Adds the partitions of a GPT.
    pub(super) fn gpt(&mut self, gpt: Gpt) {
        self.table.doubts.extend(gpt.doubt);
        for (number, entry) in (1..).zip(gpt.entries.chunks_exact(gpt.entry)) {
            let kind = guid(entry);
            if kind == 0 {
                continue;
            }
            let (first, last) = (u64::from_le_bytes(field(entry, 32)), u64::from_le_bytes(field(entry, 40)));
            let start = first.checked_mul(gpt.sector);
            let size = last.checked_sub(first).and_then(|more| more.checked_add(1)?.checked_mul(gpt.sector));
            let (Some(start), Some(size)) = (start, size) else {
                self.table.doubts.push(Fault::corrupt(format!("partition {number} ends before it begins")));
                continue;
            };
            let purpose = match kind {
                DYNAMIC => Purpose::Dynamic,
                kind if NO_FILES.contains(&kind) => Purpose::NoFiles,
                _ => Purpose::Files,
            };
            self.add(number, start, size, purpose, name(entry));
        }
    }
}

/// The type of an entry. Its first three numbers are stored with the lowest byte first, the rest as it is written.
fn guid(entry: &[u8]) -> u128 {
    let [first, second] = [field(entry, 4), field(entry, 6)].map(u16::from_le_bytes);
    u128::from(u32::from_le_bytes(field(entry, 0))) << 96
        | u128::from(first) << 80
        | u128::from(second) << 64
        | u128::from(u64::from_be_bytes(field(entry, 8)))
}

/// The name of an entry: UTF-16, up to a zero or the end.
fn name(entry: &[u8]) -> String {
    let stored: [u8; 72] = field(entry, 56);
    let (units, _) = stored.as_chunks();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
