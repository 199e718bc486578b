//! Mach-O executables and libraries, alone or several in one universal file: the libraries they load, their search paths, id
//! and UUID, and what their code signature says; and, only when an indicator asks, whether their code and data hold given
//! bytes. Formats: Apple's `mach-o/loader.h`, `mach-o/fat.h` and, for the signature, `kern/cs_blobs.h`.

mod directory;
mod entitlements;
mod signature;
mod state;

use self::signature::Claim;
use self::state::State;
use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::mark_search;
use crate::reading::hex;
use crate::sections::mach::{Commands, MAGICS, Section, slices};
use crate::sections::piece;
use crate::signature::{CHAIN, COMMON_NAME, ISSUER, ORGANIZATION, SERIAL_NUMBER, SHA256, SUBJECT};
use ostrakon_model::locator::encode;
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Presence, Presences};
use ostrakon_place::{Fault, File};
use std::ops::Range;

pub(crate) struct MachO;

const NAME: Attribute = Attribute::known("file.name");
const PATH: Attribute = Attribute::known("file.path");
const OWNER: Attribute = Attribute::known("file.owner");
const DYLIB: Attribute = Attribute::known("macho.dylib");
const ID: Attribute = Attribute::known("macho.id");
const RPATH: Attribute = Attribute::known("macho.rpath");
const UUID: Attribute = Attribute::known("macho.uuid");
const BYTES: Attribute = Attribute::known("macho.bytes");
const TEAM: Attribute = Attribute::known("macos.team_id");
const SIGNING_ID: Attribute = Attribute::known("macos.signing_id");
const ENTITLEMENT: Attribute = Attribute::known("macos.entitlement");
const STATE: Attribute = Attribute::known("signature.state");

/// The largest programs load some hundred libraries.
const MOST_NAMES: usize = 2_000;
/// A digest for each page: 8 MiB for each GiB of program.
const LARGEST_SIGNATURE: u64 = 64 << 20;

/// A library that only says what another offers: its sections have headers and no content.
const STUB: u32 = 9;

static META: Meta = Meta {
    id: "macho",
    what: "Mach-O executables and libraries, universal ones too: libraries they load, search paths, UUID, code signature and \
           entitlements, and for what a dossier recognises whether the signed digests are those of the program; marks in \
           their code and data where a dossier asks for them.",
    cannot_see: "Whether a signature is genuine: digests are compared, but no key and no chain of certificates is verified, so \
                 that a certificate which somebody made in another's name, or a signature with its digest written over, counts \
                 as that name's; nor whether a certificate was revoked, or what is signed beside the code (resources, \
                 entitlements) was changed. Signatures kept beside the program; packed or encrypted code; the caches the \
                 system keeps its own libraries in.",
    attributes: &[
        NAME,
        PATH,
        OWNER,
        DYLIB,
        ID,
        RPATH,
        UUID,
        TEAM,
        SIGNING_ID,
        ENTITLEMENT,
        STATE,
        SUBJECT,
        COMMON_NAME,
        ORGANIZATION,
        SERIAL_NUMBER,
        ISSUER,
        CHAIN,
        SHA256,
        BYTES,
    ],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

/// What was found in a file besides its attributes.
#[derive(Default)]
struct Found {
    /// How many programs the file holds.
    programs: usize,
    /// How many names and UUIDs were read.
    names: usize,
    /// Code and data.
    ranges: Vec<Range<u64>>,
    /// Is some of the code encrypted, as the stores of apps do?
    encrypted: bool,
    /// Of signed programs, all that lies before the signature, and what was signed.
    signed: Vec<(Range<u64>, Claim)>,
    /// The signatures of all others.
    states: Vec<State>,
}

impl Collector for MachO {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &MAGICS
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let artifact = seen.artifact(ArtifactKind::Executable);
        let mut artifact = artifact.with(NAME, encode(seen.name())).with(PATH, seen.text);
        let mut found = Found::default();
        let mut outcome = inspect(seen.file, seen.head, &mut artifact, &mut found);
        if outcome.is_ok() && found.programs == 0 {
            return Ok(Examined::NotMine);
        }
        if !found.signed.is_empty() {
            let worth = (seen.context.worth)(&artifact);
            for (range, claim) in &found.signed {
                let compared = if worth { claim.compare(seen.file, range) } else { Ok(State::NotChecked) };
                found.states.push(match &compared {
                    Ok(state) => *state,
                    // It covers more than there is.
                    Err(fault) if fault.reason == GapReason::Truncated => State::Unreadable,
                    Err(_) => State::NotChecked,
                });
                outcome = outcome.and(compared.map(|_| ()));
            }
        }
        if let Some(state) = State::of(&found.states) {
            artifact.push(STATE, state.word());
        }
        if !seen.context.marks.bytes().is_empty() {
            if found.encrypted {
                let hidden = Presences::of(&[Presence::Embedded]);
                out.gap(seen.locator(), GapReason::Encrypted, hidden, "its code is encrypted");
            }
            let marks = seen.context.marks;
            let searched = mark_search::search(seen.file, &found.ranges, marks, BYTES, &mut artifact);
            outcome = outcome.and(searched.map_err(Fault::corrupt));
        }
        out.add(artifact);
        outcome.map(|()| Examined::Whole)
    }
}

/// Reads every program of the file that begins with `head`. What can be read of one is read, whatever becomes of another; the
/// first fault is given back.
fn inspect(file: &dyn File, head: &[u8], artifact: &mut Artifact, found: &mut Found) -> Result<(), Fault> {
    let mut outcome = Ok(());
    for slice in slices(file, head)? {
        outcome = outcome.and(program(file, slice, artifact, found));
    }
    outcome
}

/// Reads one program.
fn program(file: &dyn File, slice: Range<u64>, artifact: &mut Artifact, found: &mut Found) -> Result<(), Fault> {
    const CODE_SIGNATURE: u32 = 0x1d;

    let Some(commands) = Commands::read(file, slice).map_err(|fault| unreadable(fault, found))? else { return Ok(()) };
    found.programs += 1;
    let mut place = None;
    let mut outcome = Ok(());
    for (number, command) in commands.list().map_err(|fault| unreadable(fault, found))? {
        if number == CODE_SIGNATURE {
            place = Some(command);
        }
        outcome = outcome.and(load(&commands, number, command, artifact, found));
    }
    let Some(command) = place else {
        found.states.push(State::Unsigned);
        return outcome;
    };
    let signed = signed(file, &commands, command).map_err(|fault| unreadable(fault, found));
    outcome.and(signed.and_then(|signed| {
        let Some((before, bytes)) = signed else {
            found.states.push(State::Unsigned);
            return Ok(());
        };
        let read = signature::read(&bytes, artifact);
        match read.claim {
            Ok(claim) => found.signed.push((before, claim)),
            Err(state) => found.states.push(state),
        }
        read.outcome
    }))
}

/// Keeps that a program may be signed in a way that could not be read.
fn unreadable(fault: Fault, found: &mut Found) -> Fault {
    found.states.push(State::Unreadable);
    fault
}

/// What lies before a signature, and the signature.
type Signature = (Range<u64>, Vec<u8>);

/// The signature that a load command names; none where it has no bytes.
fn signed(file: &dyn File, commands: &Commands, command: &[u8]) -> Result<Option<Signature>, Fault> {
    let short = || Fault::corrupt("its signature's load command is too short");
    let number = |at| commands.layout.u32(command, at).map(u64::from).ok_or_else(short);
    let (start, length) = (number(8)?, number(12)?);
    if length == 0 {
        return Ok(None);
    }
    let from = commands.slice.start.saturating_add(start);
    let range = from..from.saturating_add(length);
    if range.end > commands.slice.end {
        return Err(Fault::new(GapReason::Truncated, "its signature lies beyond its end"));
    }
    Ok(Some((commands.slice.start..from, piece(file, range, LARGEST_SIGNATURE)?)))
}

/// Reads a load command: code and data, names, UUID.
fn load(
    commands: &Commands,
    number: u32,
    command: &[u8],
    artifact: &mut Artifact,
    found: &mut Found,
) -> Result<(), Fault> {
    const LOAD_DYLIB: u32 = 0xc;
    const ID_DYLIB: u32 = 0xd;
    const LOAD_WEAK_DYLIB: u32 = 0x8000_0018;
    const UUID_OF: u32 = 0x1b;
    const RUN_PATH: u32 = 0x8000_001c;
    const REEXPORT_DYLIB: u32 = 0x8000_001f;
    const LAZY_LOAD_DYLIB: u32 = 0x20;
    const ENCRYPTION: u32 = 0x21;
    const LOAD_UPWARD_DYLIB: u32 = 0x8000_0023;
    const ENCRYPTION_64: u32 = 0x2c;

    let mut outcome = Ok(());
    if let Some(segment) = commands.segment(number, command)? {
        for range in segment.sections.into_iter().filter(|_| commands.kind != STUB).filter_map(searched) {
            if range.end <= commands.slice.end {
                found.ranges.push(range);
            } else {
                outcome = Err(Fault::new(GapReason::Truncated, "a section of it lies beyond its end"));
            }
        }
    }
    let attribute = match number {
        LOAD_DYLIB | LOAD_WEAK_DYLIB | REEXPORT_DYLIB | LAZY_LOAD_DYLIB | LOAD_UPWARD_DYLIB => DYLIB,
        ID_DYLIB => ID,
        RUN_PATH => RPATH,
        UUID_OF => UUID,
        ENCRYPTION | ENCRYPTION_64 => {
            found.encrypted |= commands.layout.u32(command, 16) != Some(0);
            return outcome;
        }
        _ => return outcome,
    };
    found.names += 1;
    if found.names > MOST_NAMES {
        return Err(Fault::new(GapReason::Limit, format!("more than {MOST_NAMES} libraries and search paths")));
    }
    if number == UUID_OF {
        let bytes = command.get(8..24).ok_or_else(|| Fault::corrupt("a UUID that is too short"))?;
        once(artifact, attribute, &hex(bytes));
    } else {
        once(artifact, attribute, &encode(commands.text(command)?));
    }
    outcome
}

/// The part of the file that a section of code or data takes; none for what is only for debuggers, and for tables for
/// unwinding the stack, which hold no text.
fn searched(section: Section<'_>) -> Option<Range<u64>> {
    let idle = matches!(section.segment, b"__DWARF" | b"__LLVM")
        || matches!(section.name, b"__unwind_info" | b"__eh_frame" | b"__gcc_except_tab");
    section.range.filter(|_| !idle)
}

/// Adds a value that is not there yet: the programs of a universal file say much the same.
fn once(artifact: &mut Artifact, attribute: Attribute, value: &str) {
    if !artifact.values(attribute).any(|known| known == value) {
        artifact.push(attribute, value);
    }
}
