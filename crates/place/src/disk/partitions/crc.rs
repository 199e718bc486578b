//! The cyclic redundancy check that GPT, LVM2 and JFFS2 share, each with another beginning and end.

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ (0xedb8_8320 * (value & 1));
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// The register after `bytes`, when it was `register` before.
pub(in crate::disk) fn crc32(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |register, byte| (register >> 8) ^ TABLE[usize::from(register.to_le_bytes()[0] ^ byte)])
}
