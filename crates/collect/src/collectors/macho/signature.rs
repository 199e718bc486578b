//! The code signature inside a Mach-O program: its parts, who signed what, and whether that is the program. All numbers are
//! big-endian. Format: Apple's `kern/cs_blobs.h`.

use super::directory::{self, Directory};
use super::entitlements;
use super::state::State;
use crate::reading::be32;
use crate::signature::{self as cms, Signer};
use ostrakon_model::{Artifact, GapReason};
use ostrakon_place::{Fault, File};
use std::ops::Range;

const SIGNATURE: u32 = 0xfade_0cc0;
const DIRECTORY: u32 = 0xfade_0c02;
const ENTITLEMENTS: u32 = 0xfade_7171;
const ENTITLEMENTS_DER: u32 = 0xfade_7172;
const CMS: u32 = 0xfade_0b01;

/// The slot of the directory that is signed; further ones have slots of their own.
const FIRST: u32 = 0;
/// The slot of the signature of it.
const SIGNED: u32 = 0x1_0000;

/// Real signatures have fewer than ten parts.
const MOST_PARTS: u32 = 64;

/// What a signature holds.
pub(super) struct Read {
    /// What can be compared, where somebody signed; else all that there is to say.
    pub(super) claim: Result<Claim, State>,
    /// What is wrong with it.
    pub(super) outcome: Result<(), Fault>,
}

/// What somebody signed.
pub(super) struct Claim {
    /// The directory that is signed.
    first: Directory,
    /// Another with digests of a stronger kind.
    stronger: Option<Directory>,
    /// The teams that the directories name.
    teams: Vec<String>,
    /// From each signer the digest of what is signed.
    messages: Vec<Option<(String, Vec<u8>)>>,
    /// Who signed.
    signers: Vec<Signer>,
}

/// Reads a signature, and adds what it says to `artifact`.
pub(super) fn read(bytes: &[u8], artifact: &mut Artifact) -> Read {
    let mut first: Option<Directory> = None;
    let mut others = Vec::new();
    let (mut messages, mut signers) = (Vec::new(), Vec::new());
    let mut outcome = Ok(());
    // Entitlements say nothing about who signed what.
    let mut beside = Ok(());
    match parts(bytes) {
        Ok(parts) => {
            for part in parts {
                let content = part.whole.get(8..).unwrap_or_default();
                match part.kind {
                    DIRECTORY => {
                        let read = directory::describe(part.whole, artifact);
                        outcome = outcome.and(read.map(|directory| {
                            if part.slot == FIRST && first.is_none() {
                                first = Some(directory);
                            } else {
                                others.push(directory);
                            }
                        }));
                    }
                    ENTITLEMENTS => beside = beside.and(entitlements::list(content, artifact)),
                    ENTITLEMENTS_DER => beside = beside.and(entitlements::der(content, artifact)),
                    // The part is there and empty where nobody signed.
                    CMS if part.slot == SIGNED && !content.is_empty() => {
                        let mut list = Vec::new();
                        let read = cms::read(content, &mut list);
                        for signed in list {
                            signed.describe(artifact);
                            messages.extend(signed.messages);
                            signers.extend(signed.signers);
                        }
                        outcome = outcome.and(read.map_err(Fault::corrupt));
                    }
                    _ => {}
                }
            }
        }
        Err(problem) => outcome = Err(problem),
    }
    if first.is_none() && outcome.is_ok() {
        outcome = Err(Fault::corrupt("a code signature without digests of the code"));
    }
    let claim = match first {
        Some(_) if outcome.is_ok() && messages.is_empty() => Err(State::AdHoc),
        Some(first) if outcome.is_ok() => {
            let teams = others.iter().chain([&first]).filter_map(|directory| directory.team.clone()).collect();
            let strongest = others.into_iter().max_by_key(|directory| directory.kind);
            let stronger = strongest.filter(|directory| directory.kind > first.kind);
            Ok(Claim { first, stronger, teams, messages, signers })
        }
        _ => Err(State::Unreadable),
    };
    Read { claim, outcome: outcome.and(beside) }
}

impl Claim {
    /// Computes all digests anew, of the directory and of `range`, which is all of the program that lies before its signature,
    /// and compares them with what is said to be signed, and who signed with the team. No key is asked.
    pub(super) fn compare(&self, file: &dyn File, range: &Range<u64>) -> Result<State, Fault> {
        if !self.signers.iter().all(|signer| self.is_of_team(signer)) {
            return Ok(State::Differs);
        }
        let same = self.is_signed();
        if same == Some(false) {
            return Ok(State::Differs);
        }
        for directory in [&self.first].into_iter().chain(&self.stronger) {
            if !directory.covers(file, range)? {
                return Ok(State::Differs);
            }
        }
        Ok(if same.is_some() { State::Matches } else { State::NotChecked })
    }

    /// Does the certificate name the teams, each as a unit? The store signs what it sells anew, in Apple's own name, and leaves
    /// the team as it is.
    fn is_of_team(&self, signer: &Signer) -> bool {
        let store = signer.organizations.iter().any(|name| name == "Apple Inc.");
        store || self.teams.iter().all(|team| signer.units.contains(team))
    }

    /// Did all signers sign this directory? None where one of them used a kind of digest that is not known.
    fn is_signed(&self) -> Option<bool> {
        let mut known: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut all = Some(true);
        for message in &self.messages {
            let Some((algorithm, signed)) = message else { return Some(false) };
            if !known.iter().any(|(name, _)| *name == algorithm.as_str()) {
                let Some(digest) = cms::digest_by(algorithm, &self.first.whole) else {
                    all = None;
                    continue;
                };
                known.push((algorithm.as_str(), digest));
            }
            if !known.iter().any(|(name, digest)| *name == algorithm.as_str() && digest == signed) {
                return Some(false);
            }
        }
        all
    }
}

/// A part of a signature.
struct Part<'a> {
    /// What it is for.
    slot: u32,
    /// What it is.
    kind: u32,
    /// All of it, with its kind and length.
    whole: &'a [u8],
}

/// The parts of a signature.
fn parts(bytes: &[u8]) -> Result<Vec<Part<'_>>, Fault> {
    let outside = || Fault::corrupt("a part of its signature lies outside it");
    if be32(bytes, 0) != Some(SIGNATURE) {
        return Err(Fault::corrupt("a code signature that does not begin as one"));
    }
    let count = be32(bytes, 8).ok_or_else(outside)?;
    if count > MOST_PARTS {
        return Err(Fault::new(GapReason::Limit, format!("a code signature of {count} parts")));
    }
    let mut list = Vec::new();
    let mut total = 0_usize;
    for index in bytes.get(12..).unwrap_or_default().chunks_exact(8).take(usize::try_from(count).unwrap_or_default()) {
        let start = place(index, 4).ok_or_else(outside)?;
        let part = bytes.get(start..).ok_or_else(outside)?;
        let length = place(part, 4).filter(|length| *length >= 8);
        let whole = length.and_then(|length| part.get(..length)).ok_or_else(outside)?;
        // Parts that overlapped could make a small signature cost as much as a large one.
        total = total.saturating_add(whole.len());
        if total > bytes.len() {
            return Err(Fault::corrupt("the parts of its signature overlap"));
        }
        let number = |bytes: &[u8]| be32(bytes, 0).unwrap_or_default();
        list.push(Part { slot: number(index), kind: number(whole), whole });
    }
    if list.len() as u64 != u64::from(count) {
        return Err(outside());
    }
    Ok(list)
}

/// A number at `at` that is a place or a length.
fn place(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(be32(bytes, at)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::Bytes;
    use ostrakon_model::{ArtifactKind, Locator};

    const PROGRAM: &[u8] =
        include_bytes!("../../../fixtures/macho/real/Applications/Kaspersky.app/Contents/Frameworks/libkavsdk.dylib");

    fn find(bytes: &[u8], wanted: &[u8]) -> usize {
        bytes.windows(wanted.len()).position(|part| part == wanted).unwrap()
    }

    /// The state of the program, its signature changed by `change`.
    fn state(change: impl FnOnce(&mut [u8])) -> State {
        let at = find(PROGRAM, &SIGNATURE.to_be_bytes());
        let mut signature = PROGRAM[at..].to_vec();
        change(&mut signature);
        let mut artifact = Artifact::new(ArtifactKind::Executable, Locator(String::new()), "");
        let read = read(&signature, &mut artifact);
        assert_eq!(read.outcome.is_err(), matches!(read.claim, Err(State::Unreadable)));
        match read.claim {
            Ok(claim) => claim.compare(&Bytes(PROGRAM), &(0..at as u64)).unwrap(),
            Err(state) => state,
        }
    }

    #[test]
    fn what_is_signed_is_the_first_directory() {
        assert_eq!(state(|_| ()), State::Matches);
        // As another directory beside a signature is made: the digests of the pages are true, and it is not what was signed.
        let renamed = state(|signature| {
            let at = find(signature, b"com.kaspersky.kavsdk");
            signature[at] = b'C';
        });
        assert_eq!(renamed, State::Differs);
    }

    #[test]
    fn no_directory_names_another_team_or_program() {
        let further = |signature: &[u8]| {
            let first = find(signature, &DIRECTORY.to_be_bytes()) + 4;
            first + find(&signature[first..], &DIRECTORY.to_be_bytes())
        };
        let team = state(|signature| {
            let at = further(signature);
            let at = at + find(&signature[at..], b"2Y8XE5CQ94");
            signature[at] = b'3';
        });
        assert_eq!(team, State::Differs);
        let page = state(|signature| {
            let at = further(signature);
            let length = be32(signature, at + 4).unwrap() as usize;
            signature[at + length - 1] ^= 1;
        });
        assert_eq!(page, State::Differs);
    }

    #[test]
    fn what_cannot_be_read_and_what_nobody_signed_are_told_apart() {
        let cms = |signature: &[u8]| find(signature, &CMS.to_be_bytes());
        let damaged = state(|signature| {
            let at = cms(signature);
            signature[at + 8..at + 12].copy_from_slice(&[4, 2, 0, 0]);
        });
        assert_eq!(damaged, State::Unreadable);
        let empty = state(|signature| {
            let at = cms(signature);
            signature[at + 4..at + 8].copy_from_slice(&8_u32.to_be_bytes());
        });
        assert_eq!(empty, State::AdHoc);
        assert_eq!(state(|signature| signature[0] = 0), State::Unreadable);
    }
}
