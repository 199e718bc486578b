//! Go's build information in programs: the modules that were linked in, with versions and replacements. Format: Go's
//! `debug/buildinfo` and `runtime/debug`.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared, library, name_in};
use crate::sections::{Layout, PROGRAMS, Program, piece, programs};
use ostrakon_model::{ArtifactKind, Attribute, GapReason, Presence, Presences};
use ostrakon_place::{Fault, File};
use std::collections::BTreeSet;

pub(crate) struct GoBuild;

const PURL: Attribute = Attribute::known("purl");
const VERSION: Attribute = Attribute::known("library.version");

/// How the information begins, at a round place.
const MAGIC: &[u8] = b"\xff Go buildinf:";
const ROUND: usize = 16;
/// The names of its section in ELF and in Mach-O.
const SECTIONS: [&str; 2] = [".go.buildinfo", "__go_buildinfo"];
/// Where it has no section of its own, it lies in the first part of the data.
const FIRST_PIECE: u64 = 64 << 10;
/// A program of some thousand modules has some hundred KiB of it.
const LARGEST: u64 = 4 << 20;
const MOST_MODULES: usize = 20_000;

static META: Meta = Meta {
    id: "go-build",
    what: "Go modules linked into ELF, PE and Mach-O programs, from the build information the Go compiler leaves in them.",
    cannot_see: "Programs built without modules or before Go 1.13; programs that are packed or had the information taken out; \
                 PE programs linked by a linker that says it is Microsoft's.",
    attributes: &[PURL, VERSION],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

/// What a module is to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// The program's own.
    Main,
    /// Its code is in the program.
    Linked,
    /// Another's code was taken in its stead.
    Replaced,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Module {
    role: Role,
    path: String,
    version: String,
}

impl Collector for GoBuild {
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
            let Some(text) = build_information(seen.file, &program)? else { continue };
            examined = Examined::Whole;
            for module in modules(&text).map_err(Fault::corrupt)? {
                if known.contains(&module) {
                    continue;
                }
                let Module { role, path, version } = &module;
                out.add(match role {
                    Role::Main => {
                        let mut artifact = seen.artifact(ArtifactKind::Executable);
                        name_in(&mut artifact, Ecosystem::Go, path, version);
                        artifact
                    }
                    Role::Linked => library(seen.locator(), Ecosystem::Go, path, version).proving(Presence::Embedded),
                    Role::Replaced => declared(seen.locator(), Ecosystem::Go, path, version),
                });
                known.insert(module);
            }
        }
        Ok(examined)
    }
}

/// The text about modules, empty where the program was built without them; `None`: not a program of Go.
fn build_information(file: &dyn File, program: &Program) -> Result<Option<String>, Fault> {
    // Go's own linker says it is version 3, GNU's 2. That of LLVM says it is Microsoft's of 2015, whose minor is 0.
    let by_go = matches!(program.linker, Some((2 | 3, _) | (14, 0)));
    let data = program.data.as_ref().filter(|_| program.sections == 0 || by_go);
    let Some(range) = program.section.as_ref().or(data) else { return Ok(None) };
    let read = |start: u64, most: u64| piece(file, start..range.end.min(start.saturating_add(most)), most);
    let bytes = read(range.start, FIRST_PIECE)?;
    let begins = |at: &usize| bytes.get(*at..).is_some_and(|rest| rest.starts_with(MAGIC));
    let Some(at) = (0..bytes.len()).step_by(ROUND).find(begins) else {
        let damaged = || Fault::corrupt("its section for Go's build information holds something else");
        return if program.section.is_some() { Err(damaged()) } else { Ok(None) };
    };
    let bytes = bytes.get(at..).unwrap_or_default();
    let cut = || Fault::corrupt("Go's build information ends early");
    let (Some(width), Some(flags)) = (bytes.get(14).copied(), bytes.get(15).copied()) else { return Err(cut()) };
    let (version, modules) = if flags & 2 != 0 {
        match texts(bytes) {
            Some(found) => found,
            None => texts(&read(range.start.saturating_add(at as u64), LARGEST)?).ok_or_else(cut)?,
        }
    } else {
        let layout = Layout { big: flags & 1 != 0, wide: width == 8 };
        let (first, second) = if layout.wide { (16, 24) } else { (16, 20) };
        let pointers = (layout.word(bytes, first, first), layout.word(bytes, second, second));
        let (Some(version), Some(modules)) = pointers else { return Err(cut()) };
        if version == 0 && modules == 0 {
            let detail = "Go's build information that is complete only when the program is loaded";
            return Err(Fault::new(GapReason::UnsupportedFormat, detail));
        }
        (pointed_at(file, program, layout, version)?, pointed_at(file, program, layout, modules)?)
    };
    if version.is_empty() {
        return Err(Fault::corrupt("Go's build information without the version of Go"));
    }
    if modules.is_empty() {
        return Ok(Some(String::new()));
    }
    // 16 bytes of a mark stand before the text and after it.
    let inner = modules.len().checked_sub(16).and_then(|end| modules.get(16..end));
    match inner.filter(|text| text.ends_with(b"\n")) {
        Some(text) => Ok(Some(String::from_utf8_lossy(text).into_owned())),
        None => Err(Fault::corrupt("Go's build information without the marks around its modules")),
    }
}

/// The version of Go and the modules, where they follow the header, as from Go 1.18 on.
fn texts(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (version, rest) = text(bytes.get(32..)?)?;
    let (modules, _) = text(rest)?;
    Some((version.to_vec(), modules.to_vec()))
}

/// A text after its length, which is written in groups of 7 bits, the lowest first.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        length |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes.get(at + 1..)?.split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

/// The text whose address and length stand at `address`, as before Go 1.18.
fn pointed_at(file: &dyn File, program: &Program, layout: Layout, address: u64) -> Result<Vec<u8>, Fault> {
    let pointer: usize = if layout.wide { 8 } else { 4 };
    let pair = program.at(file, address, 2 * pointer as u64, 16)?;
    match (layout.word(&pair, 0, 0), layout.word(&pair, pointer, pointer)) {
        (_, Some(0)) => Ok(Vec::new()),
        (Some(start), Some(length)) => program.at(file, start, length, LARGEST),
        _ => Err(Fault::corrupt("Go's build information ends early")),
    }
}

/// The modules of a text: lines of words between tabs, `mod` and `dep` with path, version and digest, and `=>` with what
/// replaces the one before.
fn modules(text: &str) -> Result<Vec<Module>, String> {
    let mut list: Vec<Module> = Vec::new();
    for line in text.lines() {
        let mut words = line.split('\t');
        let kind = words.next().unwrap_or_default();
        if !matches!(kind, "mod" | "dep" | "=>") {
            continue;
        }
        let (Some(path), Some(version)) = (words.next().filter(|path| !path.is_empty()), words.next()) else {
            return Err(format!("a line `{kind}` of Go's build information without path and version"));
        };
        let version = if version == "(devel)" { "" } else { version };
        if kind == "=>" {
            let before = list.last_mut().ok_or("Go's build information replaces a module it does not name")?;
            if is_folder(path) {
                // The module itself, from a folder of the builder: the version that was asked for says nothing.
                before.version.clear();
                continue;
            }
            if before.role == Role::Linked {
                before.role = Role::Replaced;
            }
        }
        if list.len() >= MOST_MODULES {
            return Err(format!("Go's build information with more than {MOST_MODULES} modules"));
        }
        let role = if kind == "mod" { Role::Main } else { Role::Linked };
        list.push(Module { role, path: path.to_owned(), version: version.to_owned() });
    }
    Ok(list)
}

/// Is it a folder of the builder, no module's path? `./x`, `../x`, `/x`, `C:\x`.
fn is_folder(path: &str) -> bool {
    path.starts_with(['.', '/', '\\']) || path.get(1..).is_some_and(|rest| rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_their_replacements() {
        let text = "path\tx.org/a/cmd\nmod\tx.org/a\t(devel)\t\ndep\tx.org/b\tv1.0.0\th1:b=\ndep\tx.org/c\tv1.1.0\n\
                    =>\tx.org/fork\tv2.0.0\th1:f=\ndep\tx.org/d\tv1.2.0\n=>\t./d\t(devel)\t\n\nbuild\t-compiler=gc\n";
        let module = |role, path: &str, version: &str| Module { role, path: path.into(), version: version.into() };
        let wanted = vec![
            module(Role::Main, "x.org/a", ""),
            module(Role::Linked, "x.org/b", "v1.0.0"),
            module(Role::Replaced, "x.org/c", "v1.1.0"),
            module(Role::Linked, "x.org/fork", "v2.0.0"),
            module(Role::Linked, "x.org/d", ""),
        ];
        assert_eq!(modules(text), Ok(wanted));
        assert!(modules("=>\tx.org/fork\tv2.0.0\n").is_err());
        assert!(modules("dep\tx.org/b\n").is_err());
    }

    #[test]
    fn a_text_ends_where_its_length_says() {
        assert_eq!(text(b"\x03abcd"), Some((&b"abc"[..], &b"d"[..])));
        assert_eq!(text(b"\x05abcd"), None);
        assert_eq!(text(&[0xff; 12]), None);
    }
}
