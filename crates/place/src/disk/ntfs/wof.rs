//! Files under CompactOS: their data is a hole, and the stream `WofCompressedData` beside it has a table, then chunks that are
//! packed one by one (WOF_EXTERNAL_INFO and FILE_PROVIDER_EXTERNAL_INFO_V1 of the Windows SDK for the reparse point; the
//! stream as wimlib and Linux read it). Files whose data lies in a WIM file instead are not known here.

use super::{lzx::lzx, xpress::xpress_huffman};
use std::ops::Range;

/// The tag of a reparse point that the filter of these files reads.
const TAG: u32 = 0x8000_0017;
/// The data is in the file itself, not in a WIM file.
const IN_FILE: u32 = 2;

const WRONG_TABLE: &str = "the table of a compressed file leads outside it";

/// The algorithm that a reparse point of a compressed file names. None: it is another, or of a form that is not known, and
/// then what the file itself holds is not what it would give.
pub fn parse_reparse(data: &[u8]) -> Option<u32> {
    let number = |at: usize| data.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let length = number(4)? & 0xffff;
    let known = number(0)? == TAG && length >= 16 && number(8)? == 1 && number(12)? == IN_FILE && number(16)? == 1;
    if known { number(20) } else { None }
}

/// How a compressed file lies in its stream.
#[derive(Debug)]
pub struct Wof {
    /// Of the file, unpacked.
    size: u64,
    /// Of a chunk, unpacked; the last may be shorter.
    chunk: usize,
    unpack: fn(&[u8], &mut [u8]) -> Result<(), &'static str>,
}

impl Wof {
    /// A file of `size` bytes that is packed with the algorithm of this number, as [`parse_reparse`] gives it.
    pub fn of(size: u64, algorithm: u32) -> Result<Self, &'static str> {
        let (chunk, unpack) = match algorithm {
            0 => (4 << 10, xpress_huffman as fn(&[u8], &mut [u8]) -> _),
            1 => (32 << 10, lzx as _),
            2 => (8 << 10, xpress_huffman as _),
            3 => (16 << 10, xpress_huffman as _),
            _ => return Err("compressed in a way that is not known"),
        };
        Ok(Self { size, chunk, unpack })
    }

    /// How many bytes a chunk gives; the last may give fewer.
    pub fn chunk_size(&self) -> usize {
        self.chunk
    }

    /// How many chunks there are.
    pub fn chunk_count(&self) -> u64 {
        self.size.div_ceil(self.chunk as u64)
    }

    /// Where the table lies in the stream. It says where chunks begin, but for the first, which lies behind it.
    pub fn table(&self) -> Range<u64> {
        0..self.chunk_count().saturating_sub(1) * self.entry()
    }

    /// Which part of the table `range` needs.
    pub fn entries(&self, index: u64) -> Range<u64> {
        let last = self.chunk_count().saturating_sub(1);
        index.saturating_sub(1).min(last) * self.entry()..index.saturating_add(1).min(last) * self.entry()
    }

    /// Where a chunk lies in a stream that is `stream` long.
    pub fn range(&self, index: u64, entries: &[u8], stream: u64) -> Result<Range<u64>, &'static str> {
        let most = self.unpacked(index)? as u64;
        let mut places = entries.chunks_exact(self.entry() as usize).map(|entry| {
            let place = entry.iter().rev().fold(0, |place, byte| place << 8 | u64::from(*byte));
            self.table().end.checked_add(place)
        });
        let start = if index == 0 { Some(self.table().end) } else { places.next().flatten() };
        let end = if index + 1 == self.chunk_count() { Some(stream) } else { places.next().flatten() };
        match (start, end) {
            (Some(start), Some(end)) if start < end && end <= stream && end - start <= most => Ok(start..end),
            _ => Err(WRONG_TABLE),
        }
    }

    /// Unpacks a chunk. One that is not smaller for it was not packed.
    pub fn decode(&self, index: u64, packed: &[u8]) -> Result<Vec<u8>, &'static str> {
        let size = self.unpacked(index)?;
        if packed.len() == size {
            return Ok(packed.to_vec());
        }
        let mut out = vec![0; size];
        (self.unpack)(packed, &mut out)?;
        Ok(out)
    }

    /// Reads and unpacks a chunk of a stream that is `stream` long. `wrong` makes a fault of what is wrong with it.
    pub fn chunk<E>(
        &self,
        index: u64,
        stream: u64,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, E>,
        wrong: impl Fn(&'static str) -> E,
    ) -> Result<Vec<u8>, E> {
        let mut bytes = |range: Range<u64>| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            match read(range.start, &mut bytes)? {
                count if count == bytes.len() => Ok(bytes),
                _ => Err(wrong("the stream of a compressed file ends too soon")),
            }
        };
        let entries = bytes(self.entries(index))?;
        let range = self.range(index, &entries, stream).map_err(&wrong)?;
        self.decode(index, &bytes(range)?).map_err(&wrong)
    }

    /// How long a chunk is once unpacked.
    fn unpacked(&self, index: u64) -> Result<usize, &'static str> {
        let before = index.checked_mul(self.chunk as u64).filter(|before| *before < self.size);
        let left = self.size - before.ok_or("a compressed file has no such chunk")?;
        Ok(left.min(self.chunk as u64) as usize)
    }

    /// The size of an entry of the table, which depends on the file and not on its stream.
    fn entry(&self) -> u64 {
        if self.size > u64::from(u32::MAX) { 8 } else { 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lznt1::tests::{Noise, sum_of};
    use super::*;

    /// The streams of make_packed.py: their algorithm, what they hold and its sum.
    const STREAMS: [(u32, u64, u64, &[u8]); 4] = [
        (0, 12387, 0x7797_6625_8d4b_7173, include_bytes!("../../../../../tests/fixtures/windows/packed/xpress4k.wof")),
        (2, 24675, 0x85b6_cc36_a33a_1dc0, include_bytes!("../../../../../tests/fixtures/windows/packed/xpress8k.wof")),
        (3, 32867, 0x23a1_a5db_444d_cfc8, include_bytes!("../../../../../tests/fixtures/windows/packed/xpress16k.wof")),
        (1, 39000, 0x32b8_1dbf_615a_e921, include_bytes!("../../../../../tests/fixtures/windows/packed/lzx.wof")),
    ];

    fn read(stream: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<usize, &'static str> {
        |at, out| {
            let bytes = stream.get(at as usize..).unwrap_or_default();
            let count = bytes.len().min(out.len());
            out[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        }
    }

    fn whole(wof: &Wof, stream: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut all = Vec::new();
        for index in 0..wof.chunk_count() {
            all.extend(wof.chunk(index, stream.len() as u64, read(stream), |wrong| wrong)?);
        }
        Ok(all)
    }

    #[test]
    fn streams_give_what_was_packed() {
        for (algorithm, size, sum, stream) in STREAMS {
            let wof = Wof::of(size, algorithm).unwrap();
            let all = whole(&wof, stream).unwrap();
            assert_eq!((all.len() as u64, sum_of(&all)), (size, sum));
            // Chunks in any order, and none behind the last.
            let last = wof.chunk_count() - 1;
            let chunk = wof.chunk(last, stream.len() as u64, read(stream), |wrong| wrong).unwrap();
            assert_eq!(chunk, all[last as usize * wof.chunk_size()..]);
            for index in [last + 1, u64::MAX] {
                assert!(wof.chunk(index, stream.len() as u64, read(stream), |wrong| wrong).is_err());
            }
        }
    }

    #[test]
    fn some_chunks_were_not_packed() {
        let (algorithm, size, _, stream) = STREAMS[0];
        let wof = Wof::of(size, algorithm).unwrap();
        let stored = |index| {
            let range = wof.range(index, &stream[wof.entries(index).start as usize..], stream.len() as u64).unwrap();
            range.end - range.start == wof.chunk_size() as u64
        };
        assert_eq!([0, 1, 2].map(stored), [false, true, false]);
    }

    #[test]
    fn files_of_any_size_have_a_table() {
        let tables = [
            (0, 0, 0..0),
            (1, 0, 0..0),
            (4096, 0, 0..0),
            (4097, 0, 0..4),
            (u32::MAX.into(), 1, 0..4 * 131_071),
            (1 << 32, 1, 0..8 * 131_071),
            (u64::MAX, 0, 0..8 * ((1 << 52) - 1)),
        ];
        for (size, algorithm, table) in tables {
            let wof = Wof::of(size, algorithm).unwrap();
            assert_eq!(wof.table(), table);
            assert_eq!(wof.entries(0), 0..(if table.end == 0 { 0 } else { wof.entry() }));
            assert_eq!(wof.entries(u64::MAX).end, table.end);
        }
        // Places of eight bytes.
        let wof = Wof::of(1 << 32, 1).unwrap();
        let table = wof.table().end;
        let entries: Vec<u8> =
            [0x1_0000_0000_u64, 0x1_0000_0123].iter().flat_map(|place| place.to_le_bytes()).collect();
        let range = wof.range(1, &entries, 1 << 33);
        assert_eq!(range, Ok(table + 0x1_0000_0000..table + 0x1_0000_0123));
        assert_eq!(
            wof.range(131_071, &entries[..8], table + 0x1_0000_0001),
            Ok(table + 0x1_0000_0000..table + 0x1_0000_0001)
        );
        assert!(wof.range(131_071, &entries[..8], table + 0x1_0000_0000).is_err());
    }

    #[test]
    fn tables_that_lie_are_found_out() {
        let wof = Wof::of(3 * 4096, 0).unwrap();
        let range = |index, places: &[u32]| {
            let entries: Vec<u8> = places.iter().flat_map(|place| place.to_le_bytes()).collect();
            wof.range(index, &entries, 8 + 9000)
        };
        assert_eq!(range(0, &[4000]), Ok(8..4008));
        assert_eq!(range(1, &[4000, 8000]), Ok(4008..8008));
        assert_eq!(range(2, &[8000]), Ok(8008..9008));
        let wrong: [(u64, &[u32]); 8] =
            [(0, &[0]), (0, &[4097]), (0, &[]), (1, &[4000]), (1, &[8, 7]), (2, &[9000]), (2, &[9001]), (2, &[100])];
        for (index, places) in wrong {
            assert_eq!(range(index, places), Err(WRONG_TABLE));
        }
    }

    #[test]
    fn damage_is_no_panic() {
        let mut noise = Noise(4);
        for (algorithm, size, sum, stream) in STREAMS {
            let wof = Wof::of(size, algorithm).unwrap();
            for round in 0..400 {
                let mut damaged = stream.to_vec();
                if round % 2 == 0 {
                    // The table and what lies near it, more often than by chance.
                    let from = noise.below(if round % 4 == 0 { 16 } else { damaged.len() });
                    damaged[from] = noise.below(256) as u8;
                    let all = whole(&wof, &damaged);
                    assert!(all.is_err() || all.is_ok_and(|all| all.len() as u64 == size));
                } else {
                    damaged.truncate(noise.below(stream.len()));
                    assert!(whole(&wof, &damaged).is_err());
                }
            }
            for other in 0..4 {
                let all = Wof::of(size, other).and_then(|wof| whole(&wof, stream));
                assert_eq!(all.is_ok_and(|all| sum_of(&all) == sum), other == algorithm);
            }
        }
    }

    #[test]
    fn reparse_points_name_an_algorithm() {
        let point = |tag: u32, length: u16, numbers: [u32; 5]| {
            let mut data = [&tag.to_le_bytes()[..], &length.to_le_bytes(), &[0, 0]].concat();
            data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            data
        };
        let right = point(TAG, 20, [1, 2, 1, 1, 0]);
        assert_eq!(parse_reparse(&right), Some(1));
        assert_eq!(parse_reparse(&point(TAG, 16, [1, 2, 1, 3, 0])[..24]), Some(3));
        let others = [
            point(0xa000_000c, 20, [1, 2, 1, 1, 0]),
            point(TAG, 12, [1, 2, 1, 1, 0]),
            point(TAG, 20, [2, 2, 1, 1, 0]),
            point(TAG, 20, [1, 1, 1, 1, 0]),
            point(TAG, 20, [1, 2, 2, 1, 0]),
        ];
        for other in others {
            assert_eq!(parse_reparse(&other), None);
        }
        for length in 0..24 {
            assert_eq!(parse_reparse(&right[..length]), None);
        }
        assert!(Wof::of(1, 4).is_err());
    }
}
