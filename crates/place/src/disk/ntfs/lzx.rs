//! LZX as WIM and WOF use it (MS-PATCH gives the codes, wimlib the framing): chunks of at most 32 KiB, each for itself,
//! without the header of cabinets and with block sizes of 16 bits. Own code: `lzxd` and `compcol` know the framing of
//! cabinets only; `keramics-compression` 0.0 changes calls near the end that stay as they are, and fills up with zeros.

use super::xpress::{Bits, Code, repeat};

/// The largest chunk: with a larger window there would be more slots, and block sizes have another form.
const WINDOW: usize = 32 << 10;
/// The symbols of the main code: 256 bytes, then 8 lengths for each of 30 slots of distances.
const MAIN: usize = 256 + 8 * 30;
/// The lengths that the main code has no room for.
const LENGTHS: usize = 249;
/// Calls are only changed where more than this follows.
const UNCHANGED: usize = 10;
/// The size that the packer takes a program to have, whatever it has.
const PROGRAM: i32 = 12_000_000;

/// Unpacks a chunk that gives as many bytes as `out` has.
pub fn lzx(packed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    if out.len() > WINDOW {
        return Err("a chunk is larger than any may be");
    }
    let mut bits = Bits::of(packed);
    // What a block says of lengths are changes to those before, and the distances go on too.
    let (mut main, mut lengths, mut recent) = ([0; MAIN], [0; LENGTHS], [1; 3]);
    let mut at = 0;
    while at < out.len() {
        bits.fill();
        let kind = bits.take(3);
        let size = if bits.take(1) == 1 { WINDOW } else { bits.take(16) as usize };
        let block = out.get_mut(..at + size).filter(|_| size > 0).ok_or("a block is larger than its chunk")?;
        match kind {
            1 | 2 => {
                let low = if kind == 2 { Some(low_bits(&mut bits)?) } else { None };
                let (bytes, matches) = main.split_at_mut(256);
                change(&mut bits, bytes)?;
                change(&mut bits, matches)?;
                change(&mut bits, &mut lengths)?;
                let codes = Codes { main: Code::of(&main)?, lengths: Code::of(&lengths)?, low };
                codes.unpack(&mut bits, block, at, &mut recent)?;
            }
            3 => stored(&mut bits, &mut block[at..], &mut recent)?,
            _ => return Err("a block of an unknown kind"),
        }
        bits.enough()?;
        at += size;
    }
    bits.ended()?;
    restore_calls(out);
    Ok(())
}

struct Codes {
    main: Code<2048>,
    lengths: Code<512>,
    /// The lowest three bits of large distances, where they have a code of their own.
    low: Option<Code<128>>,
}

impl Codes {
    /// Unpacks a block, from `at` to the end of `out`.
    fn unpack(
        &self,
        bits: &mut Bits<'_>,
        out: &mut [u8],
        mut at: usize,
        recent: &mut [usize; 3],
    ) -> Result<(), &'static str> {
        while let Some(byte) = out.get_mut(at) {
            bits.fill();
            let symbol = self.main.symbol(bits)?;
            if symbol < 256 {
                *byte = symbol as u8;
                at += 1;
                continue;
            }
            let (slot, length) = ((symbol - 256) >> 3, symbol & 7);
            let length = if length == 7 { 7 + self.lengths.symbol(bits)? } else { length };
            match recent.get(slot) {
                // Not by age: the third changes places with the first, and the second stays.
                Some(_) => recent.swap(0, slot),
                None => *recent = [self.distance(bits, slot)?, recent[0], recent[1]],
            }
            at = repeat(out, at, recent[0], length + 2)?;
        }
        Ok(())
    }

    #[inline]
    fn distance(&self, bits: &mut Bits<'_>, slot: usize) -> Result<usize, &'static str> {
        // The slots from the fourth on: 3, 4 to 5, 6 to 7, 8 to 11, 12 to 15, 16 to 23, …; the distance is two less.
        let more = (slot as u32 >> 1) - 1;
        let begin = (2 | slot & 1) << more;
        let rest = match &self.low {
            Some(low) if more >= 3 => (bits.take(more - 3) as usize) << 3 | low.symbol(bits)?,
            _ => bits.take(more) as usize,
        };
        Ok(begin + rest - 2)
    }
}

fn low_bits(bits: &mut Bits<'_>) -> Result<Code<128>, &'static str> {
    let mut lengths = [0; 8];
    for length in &mut lengths {
        *length = bits.take(3) as u8;
        bits.fill();
    }
    Code::of(&lengths)
}

/// Changes the lengths of a code by what the block says of them. That is itself in a code.
fn change(bits: &mut Bits<'_>, lengths: &mut [u8]) -> Result<(), &'static str> {
    let mut how = [0; 20];
    for length in &mut how {
        bits.fill();
        *length = bits.take(4) as u8;
    }
    let how = Code::<64>::of(&how)?;
    let mut rest = lengths;
    while let Some(first) = rest.first() {
        bits.fill();
        let first = u16::from(*first);
        let less = |by: usize| ((first + 17).saturating_sub(by as u16) % 17) as u8;
        let (count, length) = match how.symbol(bits)? {
            17 => (4 + bits.take(4), 0),
            18 => (20 + bits.take(5), 0),
            19 => {
                let count = 4 + bits.take(1);
                match how.symbol(bits)? {
                    by @ ..17 => (count, less(by)),
                    _ => return Err("a run of runs of lengths"),
                }
            }
            by => (1, less(by)),
        };
        let (these, others) = rest.split_at_mut_checked(count as usize).ok_or("more lengths than symbols")?;
        these.fill(length);
        rest = others;
    }
    Ok(())
}

/// A block that was not worth packing: the distances, then its bytes.
fn stored(bits: &mut Bits<'_>, out: &mut [u8], recent: &mut [usize; 3]) -> Result<(), &'static str> {
    bits.drop_word();
    bits.enough()?;
    for distance in recent {
        let bytes = bits.bytes(4)?;
        *distance = bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
        if *distance == 0 {
            return Err("a distance of nothing");
        }
    }
    out.copy_from_slice(bits.bytes(out.len())?);
    // Words begin at even places; at its end there may be none.
    if out.len() % 2 == 1 {
        _ = bits.bytes(1);
    }
    Ok(())
}

/// The packer lets calls of x86 say where they lead, not how far away that is, for then they repeat. It does so with all that
/// looks like one.
fn restore_calls(out: &mut [u8]) {
    let end = out.len().saturating_sub(UNCHANGED);
    let mut at = 0;
    while let Some(found) = out.get(at..end).and_then(|rest| rest.iter().position(|byte| *byte == 0xe8)) {
        at += found;
        if let Some(bytes) = out.get_mut(at + 1..).and_then(|rest| rest.first_chunk_mut()) {
            let place = at as i32;
            match i32::from_le_bytes(*bytes) {
                target @ 0..PROGRAM => *bytes = (target - place).to_le_bytes(),
                target if target < 0 && target >= -place => *bytes = (target + PROGRAM).to_le_bytes(),
                _ => {}
            }
        }
        at += 5;
    }
}

#[cfg(test)]
mod tests {
    use super::super::lznt1::tests::{damage, sum_of};
    use super::super::wof::Wof;
    use super::*;

    #[test]
    fn stored_blocks_follow_others() {
        let packed = include_bytes!("../../../../../tests/fixtures/windows/packed/lzx.stored");
        let mut out = [0; 218];
        assert_eq!(lzx(packed, &mut out), Ok(()));
        assert_eq!(sum_of(&out), 0xde48_b52a_a156_721b);
        assert!(lzx(packed, &mut out[..217]).is_err());
        assert!(lzx(packed, &mut [0; 219]).is_err());
        damage(packed, out.len(), 0, lzx);
    }

    #[test]
    fn damage_is_no_panic() {
        let stream = include_bytes!("../../../../../tests/fixtures/windows/packed/lzx.wof");
        let wof = Wof::of(39000, 1).unwrap();
        for (index, size) in [(0, 32768), (1, 6232)] {
            let chunk = wof.range(index, &stream[..4], stream.len() as u64).unwrap();
            damage(&stream[chunk.start as usize..chunk.end as usize], size, 2, lzx);
        }
    }

    #[test]
    fn calls_are_restored() {
        // Where each leads, and what it is then: at 0, at 6, negative, too far ahead, and near the end.
        let call = |target: i32| [&[0xe8][..], &target.to_le_bytes(), &[0]].concat();
        let before = [call(100), call(100), call(-12), call(-19), call(PROGRAM - 1), call(PROGRAM), call(7), call(9)];
        let after =
            [call(100), call(94), call(PROGRAM - 12), call(-19), call(PROGRAM - 25), call(PROGRAM), call(-29), call(9)];
        let mut out = before.concat();
        restore_calls(&mut out);
        assert_eq!(out, after.concat());
        // The last ten bytes stay.
        let mut out = [0xe8, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out[1] = 0xe8;
        restore_calls(&mut out[1..]);
        assert_eq!(out[1..6], [0xe8, 0, 0, 0, 0]);
        for size in 0..11 {
            let mut out = vec![0xe8; size];
            restore_calls(&mut out);
            assert_eq!(out, vec![0xe8; size]);
        }
    }

    #[test]
    fn chunks_are_small() {
        assert!(lzx(&[0; 9], &mut vec![0; WINDOW + 1]).is_err());
    }
}
