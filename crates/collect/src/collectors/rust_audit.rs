//! The crates a Rust program was built of, where it was built with `cargo auditable`: JSON, compressed with zlib, in a section
//! of its own. Format: the `auditable` data format of cargo-auditable.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, library, name_in};
use crate::sections::{PROGRAMS, piece, programs};
use ostrakon_model::{ArtifactKind, Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::Read;

pub(crate) struct RustAudit;

const PURL: Attribute = Attribute::known("purl");
const VERSION: Attribute = Attribute::known("library.version");

const SECTIONS: [&str; 1] = [".dep-v0"];
/// The most the data may take, compressed and not: the format's own bound for readers.
const LARGEST: u64 = 8 << 20;
const MOST_PACKAGES: usize = 20_000;

static META: Meta = Meta {
    id: "rust-audit",
    what: "Rust crates built into ELF, PE and Mach-O programs, from the list that cargo auditable leaves in them.",
    cannot_see: "Programs built without cargo auditable, which most are; programs that are packed or had the list taken out.",
    attributes: &[PURL, VERSION],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

#[derive(Debug, Deserialize)]
struct Listed {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    /// Left out where it is `runtime`.
    kind: Option<String>,
    /// The program's own.
    #[serde(default)]
    root: bool,
}

impl Collector for RustAudit {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &PROGRAMS
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let mut known = BTreeSet::new();
        let mut examined = Examined::NotMine;
        // A universal file holds the same program for several processors.
        for program in programs(seen.file, seen.head, &SECTIONS)? {
            let Some(section) = program.section else { continue };
            examined = Examined::Whole;
            for package in packages(&piece(seen.file, section, LARGEST)?)? {
                // What only ran while it was built is not in the program.
                if package.kind.as_deref().is_some_and(|kind| kind != "runtime") || known.contains(&package) {
                    continue;
                }
                let Package { name, version, .. } = &package;
                if package.root {
                    let mut artifact = seen.artifact(ArtifactKind::Executable);
                    name_in(&mut artifact, Ecosystem::Cargo, name, version);
                    out.add(artifact);
                } else {
                    let artifact = library(seen.locator(), Ecosystem::Cargo, name, version);
                    out.add(artifact.proving(Presence::Embedded));
                }
                known.insert(package);
            }
        }
        Ok(examined)
    }
}

fn packages(section: &[u8]) -> Result<Vec<Package>, Fault> {
    let mut text = Vec::new();
    let read = flate2::read::ZlibDecoder::new(section).take(LARGEST + 1).read_to_end(&mut text);
    read.map_err(|error| Fault::corrupt(format!("its list of crates: {error}")))?;
    if text.len() as u64 > LARGEST {
        return Err(Fault::new(GapReason::Limit, format!("a list of crates of more than {} MiB", LARGEST >> 20)));
    }
    let listed: Listed =
        serde_json::from_slice(&text).map_err(|error| Fault::corrupt(format!("its list of crates: {error}")))?;
    if listed.packages.len() > MOST_PACKAGES {
        return Err(Fault::new(GapReason::Limit, format!("a list of more than {MOST_PACKAGES} crates")));
    }
    Ok(listed.packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_is_a_fault() {
        assert!(packages(b"").is_err_and(|fault| fault.reason == GapReason::Corrupt));
        assert!(packages(b"{\"packages\":[]}").is_err_and(|fault| fault.reason == GapReason::Corrupt));
    }
}
