//! Numbers in bytes, the lowest byte first. What lies beyond the end counts as 0.

pub(super) fn le16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..) {
        Some(&[first, second, ..]) => u16::from_le_bytes([first, second]),
        _ => 0,
    }
}

pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..) {
        Some(&[first, second, third, fourth, ..]) => u32::from_le_bytes([first, second, third, fourth]),
        _ => 0,
    }
}

pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at.saturating_add(4))) << 32
}

/// The number of `length` bytes at `at`.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = at.checked_add(length).and_then(|end| bytes.get(at..end)).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
