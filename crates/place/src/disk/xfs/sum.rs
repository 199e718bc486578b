//! The checksum of version 5: CRC32C, stored with its lowest byte first, of a block whose own field counts as zeros.

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut value = 0_u32;
    while value < 256 {
        let mut sum = value;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[value as usize] = sum;
        value += 1;
    }
    table
};

/// Is the checksum at `at` that of `bytes`?
pub(super) fn holds(bytes: &[u8], at: usize) -> bool {
    of(bytes, at).is_some_and(|sum| bytes.get(at..).is_some_and(|rest| rest.starts_with(&sum)))
}

/// The checksum of `bytes` as it is stored at `at`.
pub(super) fn of(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    let (before, after) = (bytes.get(..at)?, bytes.get(at.checked_add(4)?..)?);
    let sum = [before, &[0; 4], after]
        .into_iter()
        .flatten()
        .fold(u32::MAX, |sum, byte| TABLE[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8));
    Some((!sum).to_le_bytes())
}
