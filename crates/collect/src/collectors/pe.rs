//! PE files, the programs and libraries of Windows: version information in every language, libraries they ask for, their
//! own names, manifest, who signed them; and, only when an indicator asks, whether their sections hold given bytes.
//! Format: Microsoft, "PE Format". Only the parts that are needed are read.

mod image;
mod names;
mod resources;
mod sign;
pub(crate) mod tables;
mod version;

use crate::collector::{Collector, Context, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::mark_search::search;
use crate::signature;
use image::Image;
use names::{EXPORT_NAME, IMPORT, PDB};
use ostrakon_model::{Artifact, ArtifactKind, Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use sign::STATE;
use tables::Tables;
use version::{
    COMPANY_NAME, FILE_DESCRIPTION, FILE_VERSION, INTERNAL_NAME, LEGAL_COPYRIGHT, ORIGINAL_FILENAME, PRODUCT_NAME,
    PRODUCT_VERSION,
};

pub(crate) struct Pe;

const NAME: Attribute = Attribute::known("file.name");
const PATH: Attribute = Attribute::known("file.path");
const OWNER: Attribute = Attribute::known("file.owner");
const MANIFEST: Attribute = Attribute::known("pe.manifest");
const BYTES: Attribute = Attribute::known("pe.bytes");

/// The largest version information that is read: its lengths have 16 bits.
const LARGEST_VERSION: u32 = 64 << 10;
/// How much of a manifest is read; the identity stands at its beginning.
const LARGEST_MANIFEST: u32 = 256 << 10;
/// Version information and manifests of one program: one or two for each language.
const MOST_RESOURCES: usize = 200;
/// Sections with code, and with initialised data.
const CODE_OR_DATA: u32 = 0x20 | 0x40;

static META: Meta = Meta {
    id: "pe",
    what: "PE programs and libraries of Windows, under any name: version information in all languages, imports, export name, \
           path of debugging data, manifest; who signed them, and for what a dossier recognises whether the signed digests are \
           those of the file; marks in their sections where a dossier asks for them.",
    cannot_see: "Whether a signature is genuine: digests are compared, but no key and no chain of certificates is verified, so \
                 that a certificate which somebody made in another's name, or a signature with its digest written over, counts \
                 as that name's; nor whether a certificate was revoked. Signatures in catalogues, which lie outside the file. \
                 Packed or encrypted code; programs of DOS and 16-bit Windows; what an installer carries.",
    attributes: &[
        NAME,
        PATH,
        OWNER,
        COMPANY_NAME,
        FILE_DESCRIPTION,
        FILE_VERSION,
        INTERNAL_NAME,
        LEGAL_COPYRIGHT,
        ORIGINAL_FILENAME,
        PRODUCT_NAME,
        PRODUCT_VERSION,
        IMPORT,
        EXPORT_NAME,
        PDB,
        MANIFEST,
        BYTES,
        signature::SUBJECT,
        signature::COMMON_NAME,
        signature::ORGANIZATION,
        signature::SERIAL_NUMBER,
        signature::ISSUER,
        signature::CHAIN,
        signature::SHA256,
        STATE,
    ],
    hides: Presences::of(&[Presence::Dormant, Presence::Embedded]),
    live: false,
};

impl Collector for Pe {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Magic(0, b"MZ")]
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let size = seen.file.size()?;
        let read = |at: u64, buffer: &mut [u8]| seen.file.read_at(at, buffer);
        let Some(tables) = Tables::read(seen.head, size, &read).transpose() else { return Ok(Examined::NotMine) };
        let artifact = seen.artifact(ArtifactKind::Executable);
        let mut artifact = artifact.with(NAME, ostrakon_model::locator::encode(seen.name())).with(PATH, seen.text);
        let outcome =
            tables.and_then(|tables| inspect(&Image::new(seen.file, size, tables), &seen.context, &mut artifact));
        out.add(artifact);
        outcome.map(|()| Examined::Whole)
    }
}

/// Reads every part into `artifact`; damage to one does not keep the others from being read.
fn inspect(image: &Image<'_>, context: &Context<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let parts = [
        is_whole(image),
        described(image, artifact),
        names::imports(image, artifact),
        names::exports(image, artifact),
        names::debug(image, artifact),
        marked(image, context, artifact),
        // Last, since whether the digest is worth its cost depends on all the rest.
        sign::describe(image, context.worth, artifact),
    ];
    let mut faults = parts.into_iter().filter_map(Result::err);
    let Some(mut first) = faults.next() else { return Ok(()) };
    for fault in faults {
        first.detail.push_str("; ");
        first.detail.push_str(&fault.detail);
    }
    Err(first)
}

/// Do its sections lie within the file? What only fills the last one up may be missing.
fn is_whole(image: &Image<'_>) -> Result<(), Fault> {
    let beyond = image.tables.sections.iter().any(|section| {
        let used = if section.size == 0 { section.stored } else { section.size.min(section.stored) };
        used > 0 && section.offset + u64::from(used) > image.size
    });
    if beyond { Err(Fault::new(GapReason::Truncated, "a section reaches beyond the end of the file")) } else { Ok(()) }
}

/// Version information and manifest.
fn described(image: &Image<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let mut found = Vec::new();
    let mut outcome = resources::find(image, &mut found);
    if found.len() > MOST_RESOURCES {
        let detail = format!("more than {MOST_RESOURCES} resources of version information and manifests");
        outcome = outcome.and(Err(Fault::new(GapReason::Limit, detail)));
    }
    for resource in found.iter().take(MOST_RESOURCES) {
        let read = if resource.kind == resources::VERSION {
            versioned(image, resource, artifact)
        } else {
            let length = resource.size.min(LARGEST_MANIFEST) as usize;
            image.at(resource.address, length, "its manifest").map(|manifest| {
                let name = resources::identity(&manifest).unwrap_or_default();
                if !artifact.values(MANIFEST).any(|known| known == name) {
                    artifact.push(MANIFEST, name);
                }
            })
        };
        outcome = outcome.and(read);
    }
    outcome
}

fn versioned(image: &Image<'_>, resource: &resources::Resource, artifact: &mut Artifact) -> Result<(), Fault> {
    if resource.size > LARGEST_VERSION {
        return Err(Fault::new(GapReason::Limit, "version information larger than its own lengths can say"));
    }
    let bytes = image.at(resource.address, resource.size as usize, "its version information")?;
    version::describe(&bytes, artifact).map_err(Fault::corrupt)
}

/// The bytes that indicators ask for, in code and initialised data.
fn marked(image: &Image<'_>, context: &Context<'_>, artifact: &mut Artifact) -> Result<(), Fault> {
    let sections = image.tables.sections.iter().filter(|section| section.flags & CODE_OR_DATA != 0);
    let ranges: Vec<_> = sections
        .map(tables::Section::range)
        .map(|range| range.start.min(image.size)..range.end.min(image.size))
        .collect();
    search(image.file, &ranges, context.marks, BYTES, artifact).map_err(Fault::corrupt)
}
