//! XPRESS with Huffman codes (MS-XCA 2.2, there LZ77+Huffman): the chunks of files under CompactOS, and the prefetch files
//! since Windows 10. Own code: `xpress-huffman` 0.1 loses the end of some right streams, and `keramics-compression` 0.0 and
//! `compcol` 0.7 take most streams that were cut off for whole ones.
//!
//! LZX packs its bits into words and its codes into lengths in the same way, and takes both from here.

/// The bytes that a table of code lengths takes: four bits for each of its symbols.
const TABLE: usize = 256;
/// The symbols: 256 bytes, then 16 lengths for each of 16 magnitudes of the distance.
const SYMBOLS: usize = 2 * TABLE;
/// What one table serves. A match may go on beyond it.
const BLOCK: usize = 64 << 10;
/// The longest code that has symbols of its own here is that of LZX.
const LONGEST: usize = 16;
/// What may lie behind the end. The packers write one more symbol and fill up words; more than that is another stream.
const MOST_LEFT: u64 = 64;

const CUT_OFF: &str = "packed data ends too soon";
const NOT_A_CODE: &str = "packed data has a table that is no code";

/// Unpacks a stream that gives as many bytes as `out` has.
pub fn xpress_huffman(packed: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    let mut bits = Bits::of(packed);
    let mut at = 0;
    while at < out.len() {
        let mut lengths = [0; SYMBOLS];
        for (pair, both) in lengths.chunks_exact_mut(2).zip(bits.bytes(TABLE)?) {
            pair.copy_from_slice(&[both & 0xf, both >> 4]);
        }
        let code = Code::<2048>::of(&lengths)?;
        let end = out.len().min(at + BLOCK);
        while at < end {
            bits.fill();
            let symbol = code.symbol(&mut bits)?;
            if symbol < 256 {
                if let Some(byte) = out.get_mut(at) {
                    *byte = symbol as u8;
                }
                at += 1;
                continue;
            }
            let (magnitude, length) = ((symbol >> 4) as u32 & 0xf, symbol & 0xf);
            let length = if length == 0xf { long(&mut bits)? } else { length };
            let distance = 1 << magnitude | bits.take(magnitude) as usize;
            at = repeat(out, at, distance, length.saturating_add(3))?;
        }
        // The next table lies behind what the reader has, which is dropped.
        bits.back_to_reader();
        bits.enough()?;
        if at < out.len() {
            bits.skip(bits.count);
        }
    }
    bits.ended()
}

/// A length that its symbol has no room for. Its bytes lie between the words, behind those that have been read.
#[cold]
fn long(bits: &mut Bits<'_>) -> Result<usize, &'static str> {
    bits.back_to_reader();
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
    match number(bits.bytes(1)?) {
        255 => match number(bits.bytes(2)?) {
            0 => Ok(number(bits.bytes(4)?)),
            1..15 => Err("packed data has a length that is too short for its form"),
            length => Ok(length),
        },
        length => Ok(length + 15),
    }
}

/// Gives the bytes from `distance` before `at` again, also those that it only just gave. Says where that ends.
#[inline]
pub(super) fn repeat(out: &mut [u8], at: usize, distance: usize, length: usize) -> Result<usize, &'static str> {
    if distance == 0 || distance > at {
        return Err("packed data refers to what lies before its beginning");
    }
    let (from, end) = (at - distance, at.saturating_add(length));
    if end > out.len() {
        return Err("packed data gives more than it should");
    }
    let mut to = at;
    while to < end {
        // What lies between the two has its period, so each time twice as much can be had.
        let count = (end - to).min(to - from);
        out.copy_within(from..from + count, to);
        to += count;
    }
    Ok(end)
}

/// Bits in words of two bytes, the lower one first, each word from its highest bit on.
pub(super) struct Bits<'a> {
    packed: &'a [u8],
    /// Where the next word lies.
    next: usize,
    /// What was read of them, from the highest bit on. Below the first `count` bits may be what the next words begin with.
    held: u64,
    count: u32,
    /// How many of the bits are not there: it ended, and zeros stand for them.
    beyond: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn of(packed: &'a [u8]) -> Self {
        Self { packed, next: 0, held: 0, count: 0, beyond: 0 }
    }

    /// Reads on until 49 bits are there: LZX needs as many for a match.
    #[inline]
    pub(super) fn fill(&mut self) {
        if self.count > 48 {
            return;
        }
        let Some(four) = self.packed.get(self.next..).and_then(|rest| rest.first_chunk()) else {
            return self.fill_at_end();
        };
        let four = u64::from_le_bytes(*four).rotate_left(32);
        let four = (four & 0x0000_ffff_0000_ffff) << 16 | four >> 16 & 0x0000_ffff_0000_ffff;
        self.held |= four >> self.count;
        let words = (64 - self.count) / 16;
        self.next += 2 * words as usize;
        self.count += 16 * words;
    }

    #[cold]
    fn fill_at_end(&mut self) {
        while self.count <= 48 {
            match self.packed.get(self.next..).and_then(|rest| rest.first_chunk()) {
                Some(word) => {
                    self.held |= u64::from(u16::from_le_bytes(*word)) << (48 - self.count);
                    self.next += 2;
                }
                None => self.beyond = self.beyond.saturating_add(16),
            }
            self.count += 16;
        }
    }

    #[inline]
    fn skip(&mut self, count: u32) {
        self.held <<= count;
        self.count -= count;
    }

    /// The next bits as a number, at most 17. Between two calls of `fill`, 49 can be had.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        let number = (self.held >> 1 >> (63 - count)) as u32;
        self.skip(count);
        number
    }

    /// Gives words back until the reader has only as many as the format knows it to have: with what is left of one, one more.
    fn back_to_reader(&mut self) {
        self.fill();
        self.back(16 + self.count % 16);
    }

    /// Gives back all but the rest of a word. LZX drops that; where nothing is left of it, it drops the next one.
    pub(super) fn drop_word(&mut self) {
        self.back(self.count % 16);
        if self.count == 0 {
            self.fill();
            self.back(16);
        }
        self.skip(self.count);
    }

    fn back(&mut self, keep: u32) {
        let given = self.count.saturating_sub(keep);
        let unreal = given.min(self.beyond);
        self.beyond -= unreal;
        self.next -= (given - unreal) as usize / 8;
        self.count -= given;
        // Bytes may come between, and then the words that follow are others.
        self.held = self.held >> 1 >> (63 - self.count) << 1 << (63 - self.count);
    }

    /// The bytes that lie where the next word would. Those that gave words back have them.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let bytes = self.packed.get(self.next..).and_then(|rest| rest.get(..count)).ok_or(CUT_OFF)?;
        self.next += count;
        Ok(bytes)
    }

    /// Is all that was taken so far really there?
    pub(super) fn enough(&self) -> Result<(), &'static str> {
        if self.beyond > self.count { Err(CUT_OFF) } else { Ok(()) }
    }

    /// Is this where it ends?
    pub(super) fn ended(&self) -> Result<(), &'static str> {
        self.enough()?;
        let unread = self.packed.len().saturating_sub(self.next) as u64 * 8;
        if unread + u64::from(self.count - self.beyond) > MOST_LEFT * 8 {
            return Err("packed data goes on behind its end");
        }
        Ok(())
    }
}

/// A code of Huffman in its canonical form, which the lengths alone say. Codes that the index of `ENTRIES` has no room for
/// are found by their length.
pub(super) struct Code<const ENTRIES: usize> {
    /// For what the next bits are: the symbol and, in the lowest four bits, its length. 0 for a longer one.
    table: [u16; ENTRIES],
    /// The symbols by their codes.
    sorted: [u16; SYMBOLS],
    /// For each length, the first code that is longer, in 16 bits, and how far `sorted` is from such codes.
    longer: [(u32, u32); LONGEST + 1],
}

impl<const ENTRIES: usize> Code<ENTRIES> {
    const WIDTH: u32 = ENTRIES.trailing_zeros();

    /// The code with these lengths, none above 16. Without any, it has no symbols; else it must use all codes that there are.
    pub(super) fn of(lengths: &[u8]) -> Result<Self, &'static str> {
        let mut code = Self { table: [0; ENTRIES], sorted: [0; SYMBOLS], longer: [(0, 0); LONGEST + 1] };
        let mut counts = [0_u32; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length)).ok_or(NOT_A_CODE)? += 1;
        }
        counts[0] = 0;
        let mut places = [0_u32; LONGEST + 1];
        let (mut next, mut place) = (0_u32, 0);
        for (length, count) in counts.iter().enumerate() {
            places[length] = place;
            let shift = LONGEST - length;
            // Where the codes of this length begin, their first symbol lies.
            let first = next >> shift;
            next += count << shift;
            code.longer[length] = (next, place.wrapping_sub(first));
            place += count;
        }
        if next != 1 << LONGEST && next != 0 {
            return Err(NOT_A_CODE);
        }
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length != 0) {
            let place = places.get_mut(usize::from(*length)).ok_or(NOT_A_CODE)?;
            *code.sorted.get_mut(*place as usize).ok_or(NOT_A_CODE)? = symbol as u16;
            *place += 1;
        }
        let mut rest = &mut code.table[..];
        let mut symbols = code.sorted.iter();
        for (length, count) in counts.iter().enumerate().take(Self::WIDTH as usize + 1) {
            for symbol in symbols.by_ref().take(*count as usize) {
                let size = ENTRIES >> length;
                let (these, others) = rest.split_at_mut_checked(size).ok_or(NOT_A_CODE)?;
                these.fill(symbol << 4 | length as u16);
                rest = others;
            }
        }
        Ok(code)
    }

    #[inline]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<usize, &'static str> {
        let entry = self.table[(bits.held >> (64 - Self::WIDTH)) as usize & (ENTRIES - 1)];
        if entry == 0 {
            return self.long_symbol(bits);
        }
        bits.skip(u32::from(entry & 0xf));
        Ok(usize::from(entry >> 4))
    }

    fn long_symbol(&self, bits: &mut Bits<'_>) -> Result<usize, &'static str> {
        let next = (bits.held >> 48) as u32;
        let lengths = self.longer.iter().enumerate().skip(Self::WIDTH as usize + 1);
        for (length, (longer, place)) in lengths {
            if next < *longer {
                let place = (next >> (LONGEST - length)).wrapping_add(*place);
                bits.skip(length as u32);
                return self.sorted.get(place as usize).map(|symbol| usize::from(*symbol)).ok_or(NOT_A_CODE);
            }
        }
        Err("packed data uses a code that has no symbols")
    }
}

#[cfg(test)]
mod tests {
    use super::super::lznt1::tests::{damage, sum_of};
    use super::super::wof::Wof;
    use super::*;

    /// The examples of MS-XCA 3.2: tables of zeros but for these, then the codes.
    fn example(lengths: &[(usize, &[u8])], codes: &[u8]) -> Vec<u8> {
        let mut packed = vec![0; TABLE];
        for (at, bytes) in lengths {
            packed[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        packed.extend(codes);
        packed
    }

    #[test]
    fn the_examples_of_the_document() {
        let letters: &[u8] = &[0x50, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x45, 0x44, 4];
        let codes = [216, 82, 62, 215, 148, 17, 91, 233, 25, 95, 249, 214, 124, 223, 141, 4, 0, 0, 0, 0];
        let mut out = [0; 26];
        assert_eq!(xpress_huffman(&example(&[(48, letters), (128, &[4])], &codes), &mut out), Ok(()));
        assert_eq!(&out, b"abcdefghijklmnopqrstuvwxyz");
        let repeats = example(&[(48, &[0x30, 0x23]), (128, &[2]), (143, &[0x20])], &[168, 220, 0, 0, 255, 38, 1]);
        let mut out = [0; 300];
        assert_eq!(xpress_huffman(&repeats, &mut out), Ok(()));
        assert_eq!(out.as_slice(), b"abc".repeat(100));
    }

    #[test]
    fn blocks_follow_each_other() {
        let packed = include_bytes!("../../../../../tests/fixtures/windows/packed/xpress.blocks");
        let mut out = vec![0; 136_251];
        assert_eq!(xpress_huffman(packed, &mut out), Ok(()));
        assert_eq!(sum_of(&out), 0x65f2_0103_5945_3ea5);
        // A match that is longer than what is left, and blocks that are missing.
        assert!(xpress_huffman(packed, &mut out[..135_000]).is_err());
        assert!(xpress_huffman(packed, &mut vec![0; out.len() + 100]).is_err());
        assert!(xpress_huffman(&packed[..packed.len() - 262], &mut out).is_err());
    }

    #[test]
    fn damage_is_no_panic() {
        let stream = include_bytes!("../../../../../tests/fixtures/windows/packed/xpress4k.wof");
        let wof = Wof::of(12387, 0).unwrap();
        let chunk = wof.range(0, &stream[..4], stream.len() as u64).unwrap();
        damage(&stream[chunk.start as usize..chunk.end as usize], wof.chunk_size(), 6, xpress_huffman);
    }

    #[test]
    fn tables_must_be_codes() {
        let mut out = [0; 4];
        for lengths in [0, 0x11, 0xff, 0xbb] {
            assert!(xpress_huffman(&[&[lengths; TABLE][..], &[0; 64]].concat(), &mut out).is_err());
        }
        // One symbol only, and all of them with the longest that they may have.
        assert!(xpress_huffman(&example(&[(48, &[1])], &[0; 64]), &mut out).is_err());
        assert_eq!(xpress_huffman(&[&[0x99; TABLE][..], &[0; 8]].concat(), &mut out), Ok(()));
        assert_eq!(
            xpress_huffman(&[&[0x99; TABLE][..], &[0; 80]].concat(), &mut out),
            Err("packed data goes on behind its end")
        );
    }
}
