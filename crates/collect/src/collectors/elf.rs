//! ELF executables and libraries: soname, needed libraries, search path, notes; and, only when an indicator
//! asks, whether their initialised data holds given bytes.

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::mark_search::search;
use crate::reading::{Stream, hex};
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, ReadCache, ReadRef};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, Presence, Presences};
use ostrakon_place::Fault;
use std::ops::Range;

pub(crate) struct Elf;

const NAME: Attribute = Attribute::known("file.name");
const PATH: Attribute = Attribute::known("file.path");
const OWNER: Attribute = Attribute::known("file.owner");
const SONAME: Attribute = Attribute::known("elf.soname");
const NEEDED: Attribute = Attribute::known("elf.needed");
const RPATH: Attribute = Attribute::known("elf.rpath");
const BUILD_ID: Attribute = Attribute::known("elf.build_id");
const BYTES: Attribute = Attribute::known("elf.bytes");

/// Tables of real programs are far smaller; a header that says more is lying.
const LARGEST_TABLE: u64 = 16 << 20;
/// The largest programs need some hundred libraries.
const MOST_NAMES: usize = 10_000;

static META: Meta = Meta {
    id: "elf",
    what: "ELF executables and libraries: soname, needed libraries, search path, build id; marks in their data where a dossier asks for them.",
    cannot_see: "Packed or encrypted code; programs of other formats (PE, Mach-O, scripts); object files and core dumps.",
    attributes: &[NAME, PATH, OWNER, SONAME, NEEDED, RPATH, BUILD_ID, BYTES],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

impl Collector for Elf {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Magic(0, b"\x7fELF")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        // What is no program to load: object files, core dumps, kernel modules.
        let kind = seen.head.get(0x10..0x12).map(|bytes| u16::from(bytes[0]) | (u16::from(bytes[1]) << 8));
        if matches!(kind, Some(1 | 4 | 0x100 | 0x400)) {
            return Ok(Examined::NotMine);
        }
        let artifact = seen.artifact(ArtifactKind::Executable);
        let mut artifact = artifact.with(NAME, ostrakon_model::locator::encode(seen.name())).with(PATH, seen.text);
        let read = Stream::of(seen.file).map_err(|fault| fault.detail).and_then(|stream| {
            let data = ReadCache::new(stream);
            match seen.head.get(4) {
                Some(2) => inspect::<FileHeader64<Endianness>, _>(&data, &mut artifact),
                _ => inspect::<FileHeader32<Endianness>, _>(&data, &mut artifact),
            }
        });
        let searched = read.and_then(|ranges| search(seen.file, &ranges, seen.context.marks, BYTES, &mut artifact));
        out.add(artifact);
        match searched {
            Ok(()) => Ok(Examined::Whole),
            Err(problem) => Err(Fault::corrupt(problem)),
        }
    }
}

/// Reads the tables into `artifact` and gives the parts of the file that hold initialised data.
fn inspect<'a, E, R>(data: R, artifact: &mut Artifact) -> Result<Vec<Range<u64>>, String>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let say = |error: object::Error| error.to_string();
    let header = E::parse(data).map_err(say)?;
    let endian = header.endian().map_err(say)?;
    let programs = header.program_headers(endian, data).map_err(say)?;
    // The number of headers can be written so that it reads as none: nothing could then be loaded.
    if programs.is_empty() {
        return Err("a program without program headers".to_owned());
    }
    let length = data.len().map_err(|()| "its size cannot be read".to_owned())?;
    for program in programs {
        let (start, size) = program.file_range(endian);
        let kind = program.p_type(endian);
        if size > 0 && (kind == elf::PT_DYNAMIC || kind == elf::PT_NOTE) {
            if start.checked_add(size).is_none_or(|end| end > length) {
                return Err("a program header points outside the file".to_owned());
            }
            if size > LARGEST_TABLE {
                return Err("a program header says a table is larger than any real one".to_owned());
            }
        }
        if let Some(entries) = program.dynamic(endian, data).map_err(say)? {
            dynamic::<E, R>(endian, data, programs, entries, artifact)?;
        }
        if kind == elf::PT_NOTE
            && let Ok(Some(mut notes)) = program.notes(endian, data)
        {
            while let Ok(Some(note)) = notes.next() {
                if note.name() == b"GNU" && note.n_type(endian) == elf::NT_GNU_BUILD_ID && note.desc().len() <= 64 {
                    artifact.push(BUILD_ID, hex(note.desc()));
                }
            }
        }
    }
    Ok(data_ranges::<E, R>(header, endian, data, programs, length))
}

fn dynamic<'a, E, R>(
    endian: Endianness,
    data: R,
    programs: &[E::ProgramHeader],
    entries: &[E::Dyn],
    artifact: &mut Artifact,
) -> Result<(), String>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let entries = || entries.iter().map(|entry| (entry.d_tag(endian), entry.d_val(endian).into()));
    let strings: Option<u64> = entries().find(|(tag, _)| *tag == elf::DT_STRTAB).map(|(_, value)| value);
    // Separate debug files keep the table's header and none of its content.
    let Some(table) = strings.filter(|address| *address != 0) else { return Ok(()) };
    let size: u64 = entries().find(|(tag, _)| *tag == elf::DT_STRSZ).map_or(0, |(_, value)| value);
    let load = programs.iter().filter(|program| program.p_type(endian) == elf::PT_LOAD).find(|program| {
        let (start, length): (u64, u64) = (program.p_vaddr(endian).into(), program.p_filesz(endian).into());
        table >= start && table - start < length
    });
    let load = load.ok_or("its table of strings lies outside what is loaded")?;
    let beyond = "its table of strings reaches beyond any file";
    let start: u64 = load.p_offset(endian).into().checked_add(table - load.p_vaddr(endian).into()).ok_or(beyond)?;
    let end = start.checked_add(size).ok_or(beyond)?;
    let mut names = 0;
    for (tag, value) in entries() {
        let attribute = match tag {
            elf::DT_SONAME => SONAME,
            elf::DT_NEEDED => NEEDED,
            elf::DT_RPATH | elf::DT_RUNPATH => RPATH,
            _ => continue,
        };
        names += 1;
        if names > MOST_NAMES {
            return Err(format!("more than {MOST_NAMES} names in its dynamic table"));
        }
        let at = start.checked_add(value).filter(|at| *at < end).ok_or("a name lies outside its table of strings")?;
        let text = data.read_bytes_at_until(at..end, 0).map_err(|()| "a name lies outside the file")?;
        let text = ostrakon_model::locator::encode(text);
        if attribute == RPATH {
            text.split(':').for_each(|part| artifact.push(RPATH, part));
        } else {
            artifact.push(attribute, text);
        }
    }
    Ok(())
}

/// The parts of the file that hold initialised data: allocated sections without code, or, where there are no section
/// headers, all that is loaded.
fn data_ranges<'a, E, R>(
    header: &E,
    endian: Endianness,
    data: R,
    programs: &[E::ProgramHeader],
    length: u64,
) -> Vec<Range<u64>>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'a>,
{
    let table = header.sections(endian, data).unwrap_or_default();
    let sections = table.iter();
    // Tables for unwinding the stack are a large part of a program, and hold no text.
    let unwinding = |section: &E::SectionHeader| {
        let name = table.section_name(endian, section).unwrap_or_default();
        matches!(name, b".eh_frame" | b".eh_frame_hdr" | b".gcc_except_table")
    };
    let inside = |start: u64, size: u64| {
        let end = start.checked_add(size)?;
        (size > 0 && end <= length).then_some(start..end)
    };
    let of_sections: Vec<_> = sections
        .filter(|section| {
            let flags = section.sh_flags(endian);
            section.sh_type(endian) == elf::SHT_PROGBITS
                && flags.contains(elf::SHF_ALLOC)
                && !flags.contains(elf::SHF_EXECINSTR)
                && !unwinding(section)
        })
        .filter_map(|section| inside(section.sh_offset(endian).into(), section.sh_size(endian).into()))
        .collect();
    if !of_sections.is_empty() {
        return of_sections;
    }
    let loads = programs.iter().filter(|program| program.p_type(endian) == elf::PT_LOAD);
    loads.filter_map(|program| inside(program.p_offset(endian).into(), program.p_filesz(endian).into())).collect()
}
