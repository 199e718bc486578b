//! Numbers in bytes, and the checksum of this family: CRC-32C as the kernel keeps it, without the last inversion.

/// The number of `length` bytes at `at`, the lowest byte first. What lies beyond the end counts as 0.
pub(super) fn le(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = at.checked_add(length).and_then(|end| bytes.get(at..end)).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The same of four bytes.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The number of four bytes at `at`, the highest byte first, as the journal has them.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// What a checksum begins with.
pub(super) const START: u32 = u32::MAX;

/// Eight bytes are looked up at once: table N is for a byte that N others follow.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let sum = tables[table - 1][byte];
            tables[table][byte] = (sum >> 8) ^ tables[0][(sum & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum `sum`, gone on with over `bytes`.
pub(super) fn crc(mut sum: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
    for word in words {
        let [a, b, c, d, e, f, g, h] = *word;
        let [p, q, r, s] = (sum ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        sum = t7[usize::from(p)]
            ^ t6[usize::from(q)]
            ^ t5[usize::from(r)]
            ^ t4[usize::from(s)]
            ^ t3[usize::from(e)]
            ^ t2[usize::from(f)]
            ^ t1[usize::from(g)]
            ^ t0[usize::from(h)];
    }
    for byte in rest {
        let [low, ..] = sum.to_le_bytes();
        sum = (sum >> 8) ^ t0[usize::from(low ^ byte)];
    }
    sum
}

/// The checksum over `bytes` in which the `hole` bytes at `at` count as 0: it lies there itself.
pub(super) fn crc_around(sum: u32, bytes: &[u8], at: usize, hole: usize) -> u32 {
    let (before, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    let (inside, after) = rest.split_at_checked(hole).unwrap_or((rest, &[]));
    let sum = inside.iter().fold(crc(sum, before), |sum, _| crc(sum, &[0]));
    crc(sum, after)
}
