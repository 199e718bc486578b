//! 7z archives, by the crate `sevenz-rust2`: files lie behind each other in compressed blocks, and are read in that order.
//! Where a block cannot be read, its files are named all the same, and the next block is read.

mod list;

use super::bytes::le32;
use super::damage::{Broken, Damage};
use super::lazy::Lazy;
use super::part::{Bytes, Part};
use super::purse::Purse;
use super::sniff::Codec;
use super::stream::{self, Stream};
use super::{Each, LONGEST_LINK, Member, rooted, window};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use sevenz_rust2::{Archive, ArchiveEntry, Block, BlockDecoder, EncoderMethod, Error, Password};
use std::io::{BufReader, Read};
use std::ops::ControlFlow;

/// What a decoder's dictionary may take, in KiB: 64 MiB, and what lies beside it.
const MOST_KIB: usize = 72 << 10;
const PIECE: usize = 64 << 10;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let Some(_held) = list::pay(file, purse)? else { return Ok(()) };
    let mut source = BufReader::with_capacity(PIECE, Stream::of(file));
    let password = Password::empty();
    let archive = Archive::read_with_memory_limit(&mut source, &password, MOST_KIB).map_err(fault)?;
    let mut pass = Pass { file, purse, archive: &archive, damage: Damage::default() };
    for (index, block) in archive.blocks.iter().enumerate() {
        let entries = pass.entries(index);
        if entries.is_empty() {
            continue;
        }
        let (given, flow) = match pass.needed(index, block).and_then(|needed| purse.hold(needed)) {
            Ok(_held) => {
                let decoder = BlockDecoder::new_with_memory_limit(1, MOST_KIB, index, &archive, &password, &mut source);
                pass.block(decoder, entries.len(), each)?
            }
            Err(fault) => (0, Flow::Broken(fault)),
        };
        let flow = match flow {
            Flow::Broken(fault) => pass.broken(entries.get(given..).unwrap_or_default(), &fault, each)?,
            Flow::End(flow) => flow,
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    // What has no content lies in no block.
    for (entry, block) in archive.files.iter().zip(&archive.stream_map.file_block_index) {
        if block.is_none() && pass.give(entry, &Bytes(b""), each)?.is_break() {
            return Ok(());
        }
    }
    pass.damage.end()
}

/// A pass over an archive.
struct Pass<'p> {
    file: &'p dyn File,
    purse: &'p Purse,
    archive: &'p Archive,
    damage: Damage,
}

/// How the pass over a block ended.
enum Flow {
    /// All was given, or somebody has seen enough.
    End(ControlFlow<()>),
    /// What was not given cannot be read.
    Broken(Fault),
}

impl<'p> Pass<'p> {
    /// The files of a block.
    fn entries(&self, block: usize) -> &'p [ArchiveEntry] {
        let map = &self.archive.stream_map;
        let start = map.block_first_file_index.get(block).copied().unwrap_or_default();
        let blocks = map.file_block_index.get(start..).unwrap_or_default();
        let count = blocks.iter().take_while(|it| **it == Some(block)).count();
        self.archive.files.get(start..start + count).unwrap_or_default()
    }

    /// The memory that the decoders of a block take.
    fn needed(&self, index: usize, block: &Block) -> Result<u64, Fault> {
        let mut needed = 2 * PIECE as u64;
        for coder in &block.coders {
            let properties = coder.properties();
            needed += match coder.encoder_method_id() {
                EncoderMethod::ID_AES256_SHA256 => return Err(closed()),
                EncoderMethod::ID_LZMA => {
                    let first = properties.first().copied().unwrap_or_default();
                    let kib = lzma_rust2::lzma_get_memory_usage_by_props(le32(properties, 1), first);
                    u64::from(kib.map_err(stream::fault)?) << 10
                }
                EncoderMethod::ID_LZMA2 => {
                    let bits = properties.first().copied().unwrap_or_default().min(40);
                    (u64::from(2 | (bits & 1)) << (bits / 2 + 11)) + (256 << 10)
                }
                EncoderMethod::ID_PPMD => u64::from(le32(properties, 1)),
                EncoderMethod::ID_BZIP2 => 5 << 20,
                EncoderMethod::ID_LZ4 => 16 << 20,
                EncoderMethod::ID_ZSTD => window::needed(Codec::Zstd, &self.packed(index))?,
                _ => PIECE as u64,
            };
        }
        Ok(needed)
    }

    /// The first packed stream of a block.
    fn packed(&self, block: usize) -> Part<'p> {
        let map = &self.archive.stream_map;
        let index = map.block_first_pack_stream_index().get(block).copied().unwrap_or_default();
        let offset = map.pack_stream_offsets().get(index).copied().unwrap_or_default();
        let size = self.archive.pack_sizes().get(index).copied().unwrap_or_default();
        let start = list::START.saturating_add(self.archive.pack_pos()).saturating_add(offset);
        Part::pinned(self.file, start, size)
    }

    /// Goes over the files of a block, `count` of them; gives how many were given.
    fn block<R: Read + std::io::Seek>(
        &mut self,
        decoder: BlockDecoder<'_, R>,
        count: usize,
        each: &mut Each<'_>,
    ) -> Result<(usize, Flow), Fault> {
        let mut given = 0;
        let mut ended = None;
        let passed = decoder.for_each_entries(&mut |entry, reader| {
            given += 1;
            ended = self.entry(entry, reader, each).transpose();
            Ok(ended.is_none())
        });
        match (ended, passed) {
            (Some(ended), _) => Ok((given, ended?)),
            (None, Ok(_)) => Ok((given, Flow::End(ControlFlow::Continue(())))),
            (None, Err(error)) => {
                let fault = fault(error);
                // Those that come now have it themselves.
                if given >= count {
                    self.damage.note(b"", fault.clone())?;
                }
                Ok((given, Flow::Broken(fault)))
            }
        }
    }

    /// Gives one file of a block, and pays for what nobody read of it; says whether the block ends with it.
    fn entry(
        &mut self,
        entry: &ArchiveEntry,
        reader: &mut dyn Read,
        each: &mut Each<'_>,
    ) -> Result<Option<Flow>, Fault> {
        let size = if entry.has_stream() { entry.size() } else { 0 };
        let content = Lazy::of(Some(size), self.purse, || Ok(Box::new(reader)));
        if self.give(entry, &content, each)?.is_break() {
            return Ok(Some(Flow::End(ControlFlow::Break(()))));
        }
        // Who read it was told.
        if let Some(fault) = content.broken() {
            return if fault.reason == GapReason::Limit { Err(fault) } else { Ok(Some(Flow::Broken(fault))) };
        }
        if let Err(fault) = content.rest() {
            self.damage.note(&path(entry), fault.clone())?;
            return Ok(Some(Flow::Broken(fault)));
        }
        Ok(None)
    }

    /// Names the files that cannot be read.
    fn broken(&self, entries: &[ArchiveEntry], fault: &Fault, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        for entry in entries {
            let flow = if entry.has_stream() {
                self.give(entry, &Broken(fault.clone()), each)?
            } else {
                self.give(entry, &Bytes(b""), each)?
            };
            if flow.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn give(&self, entry: &ArchiveEntry, content: &dyn File, each: &mut Each<'_>) -> Result<ControlFlow<()>, Fault> {
        self.purse.member()?;
        Ok(each(&Member { path: &path(entry), kind: kind(entry), packed: false }, content))
    }
}

fn path(entry: &ArchiveEntry) -> Vec<u8> {
    rooted(entry.name().replace('\\', "/").as_bytes())
}

fn kind(entry: &ArchiveEntry) -> EntryKind {
    // Where bit 15 is set, the upper half is the mode of Unix.
    let mode = if entry.has_windows_attributes && entry.windows_attributes() & 0x8000 != 0 {
        entry.windows_attributes() >> 16 & 0o170_000
    } else {
        0
    };
    match mode {
        // It only says that a file is to be deleted.
        _ if entry.is_anti_item() => EntryKind::Other,
        _ if entry.is_directory() => EntryKind::Folder,
        0o120_000 if entry.size() <= LONGEST_LINK => EntryKind::Link,
        _ => EntryKind::File,
    }
}

fn closed() -> Fault {
    Fault::new(GapReason::Encrypted, "it needs a password")
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Io(error, _) => stream::fault(error),
        Error::PasswordRequired | Error::MaybeBadPassword(_) => closed(),
        Error::MaxMemLimited { .. } => Fault::new(GapReason::Limit, error.to_string()),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            Fault::new(GapReason::UnsupportedFormat, error.to_string())
        }
        other => Fault::corrupt(other.to_string()),
    }
}
