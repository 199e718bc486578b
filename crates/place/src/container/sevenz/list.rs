//! What the list of an archive costs (7zFormat.txt): a few KB can say that there are millions of files, and the crate makes
//! room for all of them before it reads the first. So they are counted and paid for here.

use crate::container::bytes::{le32, le64, number};
use crate::container::part::Part;
use crate::container::purse::{Held, Purse};
use crate::container::stream::{self, Stream};
use crate::tree::{Fault, File};
use ostrakon_model::GapReason;
use sevenz_rust2::EncoderMethod;
use std::io::Read;

/// Where the packed streams begin: behind the mark and what says where the list is.
pub(super) const START: u64 = 32;
/// The longest list, of a quarter of a million files or so.
const LONGEST: u64 = 32 << 20;
/// What each of a kind takes, here and in the crate, but for names.
const FILE: u64 = 160;
const BLOCK: u64 = 400;
const STREAM: u64 = 64;
/// Most coders of a block, and most streams of a coder: those of the crate.
const MOST_CODERS: u64 = 64;

/// Pays for what the crate takes to read the list; nothing if the archive is empty.
pub(super) fn pay<'p>(file: &dyn File, purse: &'p Purse) -> Result<Option<[Held<'p>; 2]>, Fault> {
    let mut head = [0; START as usize];
    if file.read_at(0, &mut head)? < head.len() {
        return Err(Fault::new(GapReason::Truncated, "it ends before it says where its list is"));
    }
    // Without this the crate tries every place of the last MiB.
    if crc32fast::hash(head.get(12..).unwrap_or_default()) != le32(&head, 8) {
        return Err(Fault::corrupt("where its list is cannot be read"));
    }
    let (offset, length) = (le64(&head, 12), le64(&head, 20));
    if length == 0 {
        return Ok(None);
    }
    let mut held = purse.hold(0)?;
    let bytes = read(file, offset, length, &mut held)?;
    let mut counts = Counts::of(purse);
    match bytes.split_first() {
        Some((0x01, rest)) => counts.list(rest)?,
        Some((0x17, rest)) => {
            let mut own = Counts::of(purse);
            own.streams(&mut List { rest })?;
            let bytes = own.unpack(file, purse, &mut held)?;
            match bytes.split_first() {
                Some((0x01, rest)) => counts.list(rest)?,
                _ => return Err(Fault::corrupt("its list is none")),
            }
        }
        _ => return Err(Fault::corrupt("its list is none")),
    }
    Ok(Some([held, counts.held]))
}

/// Reads the `length` bytes at `offset` behind the head. The crate reads them again, and marks of what they list are kept.
fn read(file: &dyn File, offset: u64, length: u64, held: &mut Held<'_>) -> Result<Vec<u8>, Fault> {
    if length > LONGEST {
        return Err(Fault::new(GapReason::Limit, format!("its list is longer than {} MiB", LONGEST >> 20)));
    }
    let start = START.checked_add(offset).ok_or_else(|| Fault::corrupt("its list lies beyond any file"))?;
    // What is not there costs no memory.
    let size = file.size()?;
    if start.checked_add(length).is_none_or(|end| end > size) {
        return Err(Fault::new(GapReason::Truncated, "it ends before its list does"));
    }
    held.more(3 * length)?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    Part::pinned(file, start, length).read_at(0, &mut bytes)?;
    Ok(bytes)
}

/// What there is of each kind, paid for.
struct Counts<'p> {
    held: Held<'p>,
    packed: u64,
    blocks: Vec<Block>,
    streams: u64,
    /// Where the packed streams begin, and how long the first is.
    position: u64,
    first: u64,
}

/// One block.
#[derive(Default)]
struct Block {
    /// Its coders, each with its properties.
    coders: Vec<(Vec<u8>, Vec<u8>)>,
    outputs: u64,
    /// How much comes out of it, for the first output.
    size: u64,
    has_sum: bool,
}

impl<'p> Counts<'p> {
    fn of(purse: &'p Purse) -> Self {
        Self { held: Held::none(purse), packed: 0, blocks: Vec::new(), streams: 0, position: 0, first: 0 }
    }

    /// A list as it is: what its streams are, and how many files there are.
    fn list(&mut self, rest: &[u8]) -> Result<(), Fault> {
        let mut list = List { rest };
        let mut kind = list.byte()?;
        if kind == 0x02 {
            while list.byte()? != 0 {
                let length = list.number()?;
                list.take(length)?;
            }
            kind = list.byte()?;
        }
        if kind == 0x04 {
            self.streams(&mut list)?;
            kind = list.byte()?;
        }
        if kind == 0x05 {
            let files = list.count()?;
            self.held.more(FILE * files)?;
        }
        Ok(())
    }

    /// The packed streams, the blocks, and the streams in these.
    fn streams(&mut self, list: &mut List<'_>) -> Result<(), Fault> {
        let mut kind = list.byte()?;
        if kind == 0x06 {
            self.position = list.number()?;
            self.packed = list.count()?;
            self.held.more(STREAM * self.packed)?;
            kind = list.byte()?;
            if kind == 0x09 {
                for number in 0..self.packed {
                    let size = list.number()?;
                    self.first = if number == 0 { size } else { self.first };
                }
                kind = list.byte()?;
            }
            if kind == 0x0a {
                list.sums(self.packed)?;
                kind = list.byte()?;
            }
            end(kind)?;
            kind = list.byte()?;
        }
        if kind == 0x07 {
            list.is(0x0b)?;
            let count = list.count()?;
            list.is(0)?;
            self.held.more(BLOCK * count)?;
            for number in 0..count {
                let block = list.block(number == 0)?;
                self.blocks.push(block);
            }
            list.is(0x0c)?;
            for block in &mut self.blocks {
                for output in 0..block.outputs {
                    let size = list.number()?;
                    block.size = if output == 0 { size } else { block.size };
                }
            }
            kind = list.byte()?;
            if kind == 0x0a {
                let sums = list.sums(count)?;
                self.blocks.iter_mut().zip(sums).for_each(|(block, sum)| block.has_sum = sum);
                kind = list.byte()?;
            }
            end(kind)?;
            kind = list.byte()?;
        }
        self.streams = self.blocks.len() as u64;
        if kind == 0x08 {
            self.in_blocks(list)?;
            kind = list.byte()?;
        }
        end(kind)
    }

    /// How many streams each block has.
    fn in_blocks(&mut self, list: &mut List<'_>) -> Result<(), Fault> {
        let mut kind = list.byte()?;
        let mut each = vec![1_u64; self.blocks.len()];
        if kind == 0x0d {
            self.streams = 0;
            for count in &mut each {
                *count = list.count()?;
                self.streams = self.streams.saturating_add(*count);
            }
            if self.streams > list.rest.len() as u64 {
                return Err(wrong());
            }
            self.held.more(STREAM * self.streams)?;
            kind = list.byte()?;
        }
        if kind == 0x09 {
            // The last of each block has what is left.
            let sizes: u64 = each.iter().map(|count| count.saturating_sub(1)).sum();
            for _ in 0..sizes {
                list.number()?;
            }
            kind = list.byte()?;
        }
        if kind == 0x0a {
            let known = |(block, count): (&Block, &u64)| if block.has_sum && *count == 1 { 0 } else { *count };
            list.sums(self.blocks.iter().zip(&each).map(known).sum())?;
            kind = list.byte()?;
        }
        end(kind)
    }

    /// The list that the first block holds: it may be compressed itself.
    fn unpack(&self, file: &dyn File, purse: &Purse, held: &mut Held<'_>) -> Result<Vec<u8>, Fault> {
        let block = self.blocks.first().ok_or_else(wrong)?;
        if block.coders.iter().any(|(method, _)| method == EncoderMethod::ID_AES256_SHA256) {
            return Err(super::closed());
        }
        if block.size > LONGEST {
            return Err(Fault::new(GapReason::Limit, format!("its list is longer than {} MiB", LONGEST >> 20)));
        }
        let [(method, properties)] = block.coders.as_slice() else {
            return Err(Fault::new(GapReason::UnsupportedFormat, "its list is filtered"));
        };
        let start = START.checked_add(self.position).ok_or_else(wrong)?;
        let part = Part::pinned(file, start, self.first);
        let source = Stream::of(&part);
        let first = properties.first().copied().unwrap_or_default();
        let mut decoder: Box<dyn Read> = match method.as_slice() {
            EncoderMethod::ID_COPY => Box::new(source),
            EncoderMethod::ID_LZMA => {
                let dictionary = le32(properties, 1);
                let kib = lzma_rust2::lzma_get_memory_usage_by_props(dictionary, first).map_err(stream::fault)?;
                held.more(u64::from(kib) << 10)?;
                let decoder = lzma_rust2::LzmaReader::new_with_props(source, block.size, first, dictionary, None);
                Box::new(decoder.map_err(stream::fault)?)
            }
            EncoderMethod::ID_LZMA2 if first < 40 => {
                let dictionary = (2 | u32::from(first & 1)) << (first / 2 + 11);
                held.more(u64::from(dictionary) + (256 << 10))?;
                Box::new(lzma_rust2::Lzma2Reader::new(source, dictionary, None))
            }
            EncoderMethod::ID_ZSTD => {
                let mut decoder = zstd::stream::read::Decoder::new(source).map_err(stream::fault)?;
                held.more(9 << 20)?;
                decoder.window_log_max(23).map_err(stream::fault)?;
                Box::new(decoder)
            }
            _ => {
                return Err(Fault::new(
                    GapReason::UnsupportedFormat,
                    "its list is compressed in a way that is not known",
                ));
            }
        };
        held.more(2 * block.size)?;
        let mut bytes = Vec::new();
        let read = Read::take(&mut decoder, block.size).read_to_end(&mut bytes).map_err(stream::fault)?;
        purse.inflate(read)?;
        if (read as u64) < block.size {
            return Err(Fault::new(GapReason::Truncated, "its list ends before it says it does"));
        }
        Ok(bytes)
    }
}

fn wrong() -> Fault {
    Fault::corrupt("its list contradicts itself")
}

/// Each part of a list ends with 0.
fn end(kind: u8) -> Result<(), Fault> {
    if kind == 0 { Ok(()) } else { Err(wrong()) }
}

/// What is left of a list.
struct List<'b> {
    rest: &'b [u8],
}

impl<'b> List<'b> {
    fn take(&mut self, length: u64) -> Result<&'b [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| wrong())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(wrong)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1)?.first().copied().ok_or_else(wrong)
    }

    fn is(&mut self, byte: u8) -> Result<(), Fault> {
        if self.byte()? == byte { Ok(()) } else { Err(wrong()) }
    }

    /// A number: the first byte says by its highest bits how many follow, and has the highest of the number in the rest.
    fn number(&mut self) -> Result<u64, Fault> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let low = number(self.take(u64::from(more))?, 0, more as usize);
        let high = u64::from(first) & (0x7f >> more.min(7));
        Ok(if more < 8 { low | high << (8 * more) } else { low })
    }

    /// A number of things that are listed, each with a byte or more.
    fn count(&mut self) -> Result<u64, Fault> {
        let count = self.number()?;
        if count > self.rest.len() as u64 { Err(wrong()) } else { Ok(count) }
    }

    /// Passes over the checksums of `count` things; says which have one.
    fn sums(&mut self, count: u64) -> Result<Vec<bool>, Fault> {
        let all = self.byte()? != 0;
        let marked: Vec<bool> = if all {
            // Four bytes for each are to come.
            let most = usize::try_from(count).ok().filter(|count| *count <= self.rest.len() / 4);
            vec![true; most.ok_or_else(wrong)?]
        } else {
            let most = usize::try_from(count).map_err(|_| wrong())?;
            let bits = self.take(count.div_ceil(8))?;
            bits.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0)).take(most).collect()
        };
        self.take(4 * marked.iter().filter(|it| **it).count() as u64)?;
        Ok(marked)
    }

    /// A block; its coders are kept where somebody asks.
    fn block(&mut self, keep: bool) -> Result<Block, Fault> {
        let mut block = Block::default();
        let mut inputs = 0_u64;
        let count = self.number()?;
        for _ in 0..count {
            let flags = self.byte()?;
            let method = self.take(u64::from(flags & 0x0f))?;
            let (ins, outs) = if flags & 0x10 != 0 { (self.number()?, self.number()?) } else { (1, 1) };
            let length = if flags & 0x20 != 0 { self.number()? } else { 0 };
            let properties = self.take(length)?;
            inputs = inputs.saturating_add(ins);
            block.outputs = block.outputs.saturating_add(outs);
            if count > MOST_CODERS || inputs > MOST_CODERS || block.outputs > MOST_CODERS {
                return Err(wrong());
            }
            if keep {
                block.coders.push((method.to_vec(), properties.to_vec()));
            }
        }
        let pairs = block.outputs.checked_sub(1).ok_or_else(wrong)?;
        for _ in 0..2 * pairs {
            self.number()?;
        }
        let packed = inputs.checked_sub(pairs).ok_or_else(wrong)?;
        if packed > 1 {
            for _ in 0..packed {
                self.number()?;
            }
        }
        Ok(block)
    }
}
