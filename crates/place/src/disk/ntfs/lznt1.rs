//! LZNT1 (MS-XCA 2.5), the compression that NTFS itself has: blocks of 4 KiB, each for itself. Own code: `lznt1` 0.1 lets
//! what a short block leaves out slide together, lets blocks refer to those before and grow without limit, and takes a unit
//! that was cut off between two blocks for a whole one.

use super::xpress::repeat;

/// What a block gives.
const BLOCK: usize = 4096;

const CUT_OFF: &str = "a compressed unit ends too soon";

/// Unpacks one compression unit. `out` is as long as the unit has bytes that count; those that it leaves out are zeros.
pub fn lznt1(packed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    let mut rest = packed;
    let mut blocks = out.chunks_mut(BLOCK);
    while let Some(block) = blocks.next() {
        let (header, after) = rest.split_first_chunk().ok_or(CUT_OFF)?;
        let header = u16::from_le_bytes(*header);
        if header == 0 {
            block.fill(0);
            blocks.for_each(|block| block.fill(0));
            return Ok(());
        }
        if header >> 12 & 7 != 3 {
            return Err("a compressed block does not begin as it must");
        }
        let (body, after) = after.split_at_checked(usize::from(header & 0xfff) + 1).ok_or(CUT_OFF)?;
        rest = after;
        let packed = header & 0x8000 != 0;
        match <&mut [u8; BLOCK]>::try_from(&mut *block) {
            Ok(whole) => give(body, packed, whole)?,
            // The file ends in it, but the block goes on.
            Err(_) => {
                let mut whole = [0; BLOCK];
                give(body, packed, &mut whole)?;
                block.iter_mut().zip(whole).for_each(|(byte, given)| *byte = given);
            }
        }
    }
    Ok(())
}

fn give(body: &[u8], packed: bool, out: &mut [u8; BLOCK]) -> Result<(), &'static str> {
    let given = if packed {
        unpack(body, out)?
    } else {
        out.iter_mut().zip(body).for_each(|(byte, given)| *byte = *given);
        body.len()
    };
    out.iter_mut().skip(given).for_each(|byte| *byte = 0);
    Ok(())
}

/// Unpacks a block and says how much it gave.
fn unpack(mut body: &[u8], out: &mut [u8; BLOCK]) -> Result<usize, &'static str> {
    let mut at = 0;
    while let Some((flags, items)) = body.split_first() {
        body = items;
        let mut flags = *flags;
        // Nothing repeats for a while in most of what is hard to compress.
        if flags == 0
            && let (Some((eight, others)), Some(out)) =
                (body.split_first_chunk::<8>(), out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()))
        {
            *out = *eight;
            at += 8;
            body = others;
            continue;
        }
        for _ in 0..8 {
            if flags & 1 == 0 {
                let Some((byte, others)) = body.split_first() else { break };
                *out.get_mut(at).ok_or("a compressed block gives more than it should")? = *byte;
                at += 1;
                body = others;
            } else {
                let (pair, others) =
                    body.split_first_chunk().ok_or("a compressed block ends in the middle of a match")?;
                let pair = usize::from(u16::from_le_bytes(*pair));
                // The distance takes as many bits as it needs to reach the beginning, the length the others.
                let width = (usize::BITS - at.saturating_sub(1).leading_zeros()).clamp(4, 12);
                at = repeat(out, at, (pair >> (16 - width)) + 1, (pair & 0xffff >> width) + 3)?;
                body = others;
            }
            flags >>= 1;
        }
    }
    Ok(at)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const UNIT: &[u8] = include_bytes!("../../../../../tests/fixtures/windows/packed/lznt1.unit");
    /// What make_packed.py says that it holds.
    const SIZE: usize = 28_633;
    const SUM: u64 = 0x2bc9_0b23_83d8_4227;

    /// Numbers that look drawn, and are the same each time.
    pub(in super::super) struct Noise(pub(in super::super) u64);

    impl Noise {
        pub(in super::super) fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end.max(1)
        }
    }

    /// FNV-1a: what make_packed.py says of what it packed.
    pub(in super::super) fn sum_of(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    }

    /// Unpacks damaged forms of something. That must end, and what was cut off must not pass for whole: `slack` bytes at its
    /// end may be missing unseen.
    pub(in super::super) fn damage(
        packed: &[u8],
        size: usize,
        slack: usize,
        unpack: fn(&[u8], &mut [u8]) -> Result<(), &'static str>,
    ) {
        let mut noise = Noise(packed.len() as u64);
        let mut right = vec![0; size];
        unpack(packed, &mut right).unwrap();
        let mut out = vec![0; size];
        for _ in 0..1500 {
            let mut damaged = packed.to_vec();
            for _ in 0..=noise.below(4) {
                damaged[noise.below(packed.len())] = noise.below(256) as u8;
            }
            _ = unpack(&damaged, &mut out);
            let cut = &packed[..noise.below(packed.len())];
            let whole = unpack(cut, &mut out).is_ok();
            assert!(!whole || (cut.len() + slack >= packed.len() && out == right), "{} of {}", cut.len(), packed.len());
            // Another size than it says.
            let other = noise.below(size * 2);
            _ = unpack(packed, &mut vec![0; other]);
            let random: Vec<u8> = (0..noise.below(600)).map(|_| noise.below(256) as u8).collect();
            _ = unpack(&random, &mut out);
        }
        assert!(unpack(&[], &mut out).is_err());
    }

    #[test]
    fn a_unit_gives_what_was_packed() {
        let mut out = vec![0xaa; SIZE];
        assert_eq!(lznt1(UNIT, &mut out), Ok(()));
        assert_eq!(sum_of(&out), SUM);
    }

    #[test]
    fn the_example_of_the_document() {
        let packed = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01, 0xa0, 0x45,
            0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24, 0x13, 0x88, 0x05, 0xb4,
            0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48, 0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00,
            0x04, 0x01, 0x18, 0x90, 0x00,
        ];
        let plain =
            b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# \
            E D E A F# F# G A A G F# E D D E F# E D D\0";
        let mut out = [0xaa; 142];
        assert_eq!(lznt1(&packed, &mut out), Ok(()));
        assert_eq!(&out, plain);
    }

    #[test]
    fn what_is_left_out_is_zeros() {
        // A short packed block, a short stored one, the end.
        let packed = [0x02, 0xb0, 0, b'a', b'b', 0x01, 0x30, b'c', b'd', 0, 0];
        let mut out = vec![0xaa; 3 * BLOCK + 5];
        assert_eq!(lznt1(&packed, &mut out), Ok(()));
        let mut wanted = vec![0; 3 * BLOCK + 5];
        wanted[..2].copy_from_slice(b"ab");
        wanted[BLOCK..BLOCK + 2].copy_from_slice(b"cd");
        assert_eq!(out, wanted);
        // Where it ends in the middle of a block.
        assert_eq!(lznt1(&packed, &mut out[..BLOCK + 1]), Ok(()));
        assert_eq!(out[BLOCK], b'c');
        // Without an end, what is missing is missing.
        assert_eq!(lznt1(&packed[..9], &mut out[..2 * BLOCK]), Ok(()));
        assert_eq!(lznt1(&packed[..9], &mut out[..2 * BLOCK + 1]), Err(CUT_OFF));
    }

    #[test]
    fn blocks_are_bounded() {
        let mut out = vec![0; 2 * BLOCK];
        let mut give = |packed: &[u8]| lznt1(&[packed, &[0, 0]].concat(), &mut out);
        // A byte and 4,095 times the same; once more is too much.
        assert_eq!(give(&[0x03, 0xb0, 2, b'a', 0xfc, 0x0f]), Ok(()));
        assert_eq!(give(&[0x05, 0xb0, 6, b'a', 0xfc, 0x0f, 0, 0xf0]), Err("packed data gives more than it should"));
        assert_eq!(give(&[0x04, 0xb0, 2, b'a', 0xfc, 0x0f, b'b']), Err("a compressed block gives more than it should"));
        // What lies before the block is not of it, nor is anything before the first.
        let before = Err("packed data refers to what lies before its beginning");
        assert_eq!(give(&[0x01, 0xb0, 0, b'a', 0x02, 0xb0, 1, 0, 0]), before);
        assert_eq!(give(&[0x03, 0xb0, 2, b'a', 0, 0x10]), before);
        assert_eq!(give(&[0x02, 0xb0, 2, b'a', 0]), Err("a compressed block ends in the middle of a match"));
        assert_eq!(give(&[0x02, 0x90, 0, b'a', b'b']), Err("a compressed block does not begin as it must"));
    }

    #[test]
    fn damage_is_no_panic() {
        let end = UNIT.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        damage(UNIT, SIZE, UNIT.len() - end, lznt1);
    }
}
