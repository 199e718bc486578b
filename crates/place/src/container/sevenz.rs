//! 7z archives, by the crate `sevenz-rust2`: files lie behind each other in compressed blocks, and are read in that order.

use super::lazy::Lazy;
use super::purse::Purse;
use super::stream::{self, Stream};
use super::{Each, Member, rooted};
use crate::tree::{EntryKind, Fault, File};
use ostrakon_model::GapReason;
use sevenz_rust2::{ArchiveReader, EntryDecision, Error, Password};
use std::io::BufReader;
use std::ops::ControlFlow;

/// What a decoder's dictionary may take, in KiB.
const MOST_KIB: usize = 64 << 10;

pub(super) fn members(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    // How much a decoder takes is not known before: one archive at a time.
    let most = (MOST_KIB as u64) << 10;
    purse.keep(most)?;
    let result = pass(file, purse, each);
    purse.give_back(most);
    result
}

fn pass(file: &dyn File, purse: &Purse, each: &mut Each<'_>) -> Result<(), Fault> {
    let source = BufReader::with_capacity(64 << 10, Stream::of(file));
    let mut archive = ArchiveReader::new_with_memory_limit(source, Password::empty(), MOST_KIB).map_err(fault)?;
    archive.set_thread_count(1);
    let mut broken = None;
    let passed = archive.for_each_entries_with_decision(|entry, reader| {
        if let Err(fault) = purse.member() {
            broken = Some(fault);
            return Ok(EntryDecision::Stop);
        }
        let kind = if entry.is_directory() { EntryKind::Folder } else { EntryKind::File };
        let name = entry.name().replace('\\', "/");
        let path = rooted(name.as_bytes());
        let member = Member { path: &path, kind, packed: false };
        let size = if entry.has_stream() { entry.size() } else { 0 };
        let flow = each(&member, &Lazy::of(Some(size), purse, || Ok(Box::new(reader))));
        Ok(if flow == ControlFlow::Break(()) { EntryDecision::Stop } else { EntryDecision::Continue })
    });
    match broken {
        Some(fault) => Err(fault),
        None => passed.map_err(fault),
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Io(error, _) => stream::fault(error),
        Error::PasswordRequired | Error::MaybeBadPassword(_) => Fault::new(GapReason::Encrypted, "it needs a password"),
        Error::MaxMemLimited { .. } => Fault::new(GapReason::Limit, error.to_string()),
        Error::UnsupportedCompressionMethod(_) | Error::Unsupported(_) | Error::ExternalUnsupported => {
            Fault::new(GapReason::UnsupportedFormat, error.to_string())
        }
        other => Fault::corrupt(other.to_string()),
    }
}
