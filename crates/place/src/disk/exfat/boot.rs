//! The first sectors of an exFAT volume, which say where everything lies.

use crate::disk::fat::clusters::{Layout, Width};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;

/// How many sectors the sum is over; it fills the one behind them.
const SUMMED: usize = 11;
/// What changes while the volume is used is not summed: flags, and how full it is.
const NOT_SUMMED: [usize; 3] = [106, 107, 112];

/// Reads the first sectors: where everything lies, and the first cluster of the root.
pub(super) fn read(file: &dyn File) -> Result<(Layout, u32), Fault> {
    let sector: [u8; 512] = bytes(file, 512)?.try_into().map_err(|_| cut())?;
    let byte = |at: usize| sector.get(at).copied().unwrap_or_default();
    let long = |at: usize| u32::from_le_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]);
    // Where FAT has its numbers, exFAT has none.
    if !sector.starts_with(b"\xeb\x76\x90EXFAT   ") || !sector.iter().take(64).skip(11).all(|byte| *byte == 0) {
        return Err(Fault::corrupt("it has no boot sector of exFAT"));
    }
    let (minor, major) = (byte(104), byte(105));
    if major != 1 {
        return Err(Fault::new(GapReason::UnsupportedFormat, format!("exFAT of version {major}.{minor}")));
    }
    let wrong = || Fault::corrupt("its boot sector contradicts itself");
    let (sector_shift, cluster_shift) = (u32::from(byte(108)), u32::from(byte(109)));
    if !(9..=12).contains(&sector_shift) || sector_shift + cluster_shift > 25 {
        return Err(wrong());
    }
    let size = 1_usize << sector_shift;
    check(&bytes(file, size * (SUMMED + 1))?, size * SUMMED)?;
    match byte(110) {
        1 => {}
        2 => return Err(Fault::new(GapReason::UnsupportedFormat, "a volume of TexFAT")),
        _ => return Err(wrong()),
    }
    let volume = u64::from(long(72)) | u64::from(long(76)) << 32;
    let (table, table_length) = (u64::from(long(80)), u64::from(long(84)));
    let (heap, count) = (u64::from(long(88)), long(92));
    let needs = (u64::from(count) + 2) * 4;
    let fits = table >= 2 * (SUMMED as u64 + 1)
        && table_length << sector_shift >= needs
        && heap >= table + table_length
        && volume >= heap + (u64::from(count) << cluster_shift)
        && count <= Width::Bits32.most();
    if !fits {
        return Err(wrong());
    }
    let layout = Layout {
        table: table << sector_shift,
        width: Width::Bits32,
        heap: heap << sector_shift,
        cluster: 1 << (sector_shift + cluster_shift),
        count,
    };
    Ok((layout, long(96)))
}

/// Are the first `summed` bytes those that the sums behind them are of?
fn check(sectors: &[u8], summed: usize) -> Result<(), Fault> {
    let (sectors, sums) = sectors.split_at_checked(summed).ok_or_else(cut)?;
    let counted = sectors.iter().enumerate().filter(|(at, _)| !NOT_SUMMED.contains(at));
    let sum = counted.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
    if sums.chunks(4).any(|stored| stored != sum.to_le_bytes()) {
        return Err(Fault::corrupt("its first sectors do not have the sum they should"));
    }
    Ok(())
}

/// The first bytes of the volume; no more than twelve sectors.
fn bytes(file: &dyn File, length: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; length];
    if file.read_at(0, &mut bytes)? < length {
        return Err(cut());
    }
    Ok(bytes)
}

fn cut() -> Fault {
    Fault::new(GapReason::Truncated, "it ends within its first sectors")
}
