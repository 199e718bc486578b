//! Bills of materials and statements about them: bytes in, components and statements out. Each format has a module; what
//! a file is, is told by its own words, never by its name.

mod cpe;
mod csaf;
mod cyclonedx;
mod cyclonedx_json;
mod cyclonedx_xml;
mod json;
mod purl;
mod spdx;
mod spdx3;
mod spdx_json;
mod spdx_tag;
mod swid;
mod vex;
pub(crate) mod xml;

pub(crate) use cpe::{name as cpe_name, vendor as cpe_vendor};
pub(crate) use purl::{Purl, read as read_purl};

use json::{Loose, Object, Words};
use memchr::memmem;
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use serde::Deserialize;
use std::borrow::Cow;

/// The largest bills known, of whole distributions, have some ten million lines.
pub(crate) const LIMIT: u64 = 256 << 20;

/// Components, and statements, of one document.
const MOST: usize = 2_000_000;

/// Places of one component: what comes after them shows nothing new.
const MOST_PLACES: usize = 256;

/// Names of one thing: no component has as many package URLs or suppliers.
const MOST_NAMES: usize = 1024;

/// What is said once in a file and held many times, in bytes.
const MOST_REPEATED: usize = 1 << 30;

/// What one file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    /// The name of the format.
    pub(crate) format: &'static str,
    /// The version of the format.
    pub(crate) version: String,
    /// What it speaks of.
    pub(crate) subject: Option<String>,
    /// What is in it, nested ones and the subject among them.
    pub(crate) components: Vec<Component>,
    /// What is said about products and their components.
    pub(crate) statements: Vec<Statement>,
    /// What it says it does not know or does not list.
    pub(crate) incomplete: Vec<String>,
    /// Bytes of what is held more often than it is said.
    repeated: usize,
}

/// One part of a product.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// The document's own name of it.
    pub(crate) reference: String,
    /// Its name, with its group before a `/`.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Package URLs, as written.
    pub(crate) purls: Vec<String>,
    /// CPE names, as written.
    pub(crate) cpes: Vec<String>,
    /// Supplier, publisher, manufacturer, author, as written.
    pub(crate) supplier: Vec<String>,
    /// Who wrote the tag, for SWID.
    pub(crate) tag_creator: Vec<String>,
    /// Algorithm and value, as written.
    pub(crate) hashes: Vec<(String, String)>,
    /// Paths at which it was met.
    pub(crate) places: Vec<String>,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a component is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A library or framework.
    Library,
    /// A program.
    Application,
    /// An operating system.
    OperatingSystem,
    /// A file.
    File,
    /// A container image.
    Container,
    /// A device.
    Device,
    /// Firmware.
    Firmware,
    /// Anything else.
    #[default]
    Other,
}

/// What someone says about a component of a product.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The product: package URLs, or names where it has none.
    pub(crate) product: Vec<String>,
    /// The component of it that is spoken of; empty: the product itself.
    pub(crate) component: Vec<String>,
    /// `not_affected`, `affected`, `fixed` or `under_investigation`, or the format's own word.
    pub(crate) status: String,
    /// Why, in the format's own word, such as `component_not_present`.
    pub(crate) justification: String,
    /// Who says so.
    pub(crate) author: String,
    /// The vulnerability, and what else is said.
    pub(crate) note: String,
}

impl Document {
    fn new(format: &'static str, version: &str) -> Self {
        Self { format, version: version.to_owned(), ..Self::default() }
    }

    fn add(&mut self, component: Component) -> Result<(), Fault> {
        if self.components.len() >= MOST {
            return Err(Fault::new(GapReason::Limit, format!("more than {MOST} components")));
        }
        self.components.push(component);
        Ok(())
    }

    fn state(&mut self, statement: Statement) -> Result<(), Fault> {
        if self.statements.len() >= MOST {
            return Err(Fault::new(GapReason::Limit, format!("more than {MOST} statements")));
        }
        let lists = statement.product.iter().chain(&statement.component);
        let texts = [&statement.status, &statement.justification, &statement.author, &statement.note];
        self.repeat(lists.chain(texts).map(String::len).sum())?;
        self.statements.push(statement);
        Ok(())
    }

    /// Counts bytes that are held once more than they are said: a short file must not grow without bound.
    fn repeat(&mut self, bytes: usize) -> Result<(), Fault> {
        self.repeated = self.repeated.saturating_add(bytes);
        if self.repeated > MOST_REPEATED {
            return Err(Fault::new(GapReason::Limit, "it says the same too often"));
        }
        Ok(())
    }
}

impl Component {
    /// Adds a place once. Paths inside an image are written with and without `/` before them.
    fn place(&mut self, path: &str) {
        let path = path.trim();
        let path = path.strip_prefix("./").unwrap_or(path);
        let whole = path.starts_with(['/', '%', '[']) || path.contains(":\\") || path.contains("://");
        let path = if whole { path.to_owned() } else { format!("/{path}") };
        if path.len() > 1 && self.places.len() < MOST_PLACES && !self.places.contains(&path) {
            self.places.push(path);
        }
    }

    /// What a statement calls it: by its package URLs or, where it has none, by its name.
    fn called(&self) -> Vec<String> {
        if self.purls.is_empty() { vec![self.name.clone()] } else { self.purls.clone() }
    }
}

/// Adds `text` to `list` unless it says nothing or is there already.
fn push(list: &mut Vec<String>, text: &str) {
    let text = text.trim();
    if !text.is_empty() && list.len() < MOST_NAMES && !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}

/// A fault for a version of a format that is not known here.
fn unknown_version(format: &str, version: &str) -> Fault {
    Fault::new(GapReason::UnsupportedFormat, format!("{format} of version '{version}', which is not known here"))
}

/// Words of which one is in every document that is read here. Some writers put a `\` before every `/`.
const MARKS: [&str; 11] = [
    "\"bomFormat\"",
    "\"spdxVersion\"",
    "SPDXVersion:",
    "spdx.org/rdf/3",
    "spdx.org\\/rdf\\/3",
    "openvex.dev/ns",
    "openvex.dev\\/ns",
    "\"csaf_version\"",
    "cyclonedx.org/schema/bom",
    "SoftwareIdentity",
    "spdx.org/rdf/terms",
];

/// Is one of the marks in `bytes`?
pub(crate) fn is_marked(bytes: &[u8]) -> bool {
    MARKS.iter().any(|mark| memmem::find(bytes, mark.as_bytes()).is_some())
}

/// What the file says; `None` where it is no such document.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Document>, Fault> {
    let text = decoded(bytes);
    let bytes: &[u8] = &text;
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => of_json(bytes),
        Some(b'<') => of_xml(bytes),
        Some(_) if memmem::find(bytes, b"SPDXVersion:").is_some() => spdx_tag::read(bytes),
        _ => Ok(None),
    }
}

/// The bytes without a byte order mark; UTF-16, which tags of Windows programs come in, as UTF-8.
fn decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let number: fn([u8; 2]) -> u16 = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Cow::Borrowed(rest),
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(bytes),
    };
    let (pairs, _) = bytes.as_chunks::<2>();
    let letters = char::decode_utf16(pairs.iter().skip(1).map(|pair| number(*pair)));
    let letters = letters.map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    Cow::Owned(letters.collect::<String>().into_bytes())
}

/// What tells the JSON formats apart, whatever else is in the file.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Marks {
    #[serde(rename = "bomFormat")]
    cyclonedx: Loose,
    #[serde(rename = "spdxVersion")]
    spdx: Loose,
    #[serde(rename = "@context")]
    context: Words,
    document: Object<CsafMarks>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CsafMarks {
    category: Loose,
    csaf_version: Loose,
}

fn of_json(bytes: &[u8]) -> Result<Option<Document>, Fault> {
    let marks: Marks = match json::parse(bytes) {
        Ok(marks) => marks,
        Err(fault) if is_marked(bytes) => return Err(fault),
        Err(_) => return Ok(None),
    };
    let context = |part: &str| marks.context.0.iter().find(|word| word.contains(part));
    let csaf = marks.document.0.unwrap_or_default();
    if marks.cyclonedx.0 == "CycloneDX" {
        return cyclonedx_json::read(bytes).map(Some);
    }
    if marks.spdx.0.starts_with("SPDX-") {
        return spdx_json::read(bytes).map(Some);
    }
    if let Some(context) = context("spdx.org/rdf/3") {
        return spdx3::read(bytes, context).map(Some);
    }
    if let Some(context) = context("openvex.dev/ns") {
        return vex::read(bytes, context).map(Some);
    }
    // Advisories have the same shape; only a VEX speaks of a product that its author supplies.
    if csaf.category.0 == "csaf_vex" {
        return csaf::read(bytes, &csaf.csaf_version.0).map(Some);
    }
    Ok(None)
}

fn of_xml(bytes: &[u8]) -> Result<Option<Document>, Fault> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) if is_marked(bytes) => return Err(Fault::new(GapReason::UnsupportedFormat, "XML that is not UTF-8")),
        Err(_) => return Ok(None),
    };
    let (name, space) = match xml::root(text) {
        Ok(Some(root)) => root,
        Ok(None) => return Ok(None),
        Err(fault) if is_marked(bytes) => return Err(fault),
        Err(_) => return Ok(None),
    };
    match name.as_str() {
        "bom" if space.contains("cyclonedx.org/schema/bom") => cyclonedx_xml::read(text, &space).map(Some),
        "SoftwareIdentity" if space.is_empty() || space.contains("19770/-2") => swid::read(text, &space).map(Some),
        "RDF" if memmem::find(bytes, b"spdx.org/rdf/terms").is_some() => {
            Err(Fault::new(GapReason::UnsupportedFormat, "SPDX as RDF/XML"))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_none() {
        let others: [&[u8]; 7] = [
            b"",
            b"{}",
            b"{\"name\": \"x\", \"document\": [1]",
            b"{\"@context\": [\"https://schema.org\", {\"a\": 1}], \"document\": [1]}",
            b"<html xmlns='http://www.w3.org/1999/xhtml'/>",
            b"<a><b>",
            b"plain text",
        ];
        for other in others {
            assert_eq!(read(other), Ok(None), "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_cut_document_is_a_fault() {
        let cut: [&[u8]; 3] = [
            b"{\"bomFormat\": \"CycloneDX\", \"components\": [{",
            b"<?xml version='1.0'?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.5",
            b"<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"><components>",
        ];
        for bytes in cut {
            assert_eq!(read(bytes).map_err(|fault| fault.reason), Err(GapReason::Truncated));
        }
    }

    #[test]
    fn utf_16_is_read() {
        let text = "\u{feff}<SoftwareIdentity name='x' tagId='t'/>";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&bytes).unwrap().unwrap().components[0].name, "x");
    }

    #[test]
    fn places_are_from_the_root() {
        let mut component = Component::default();
        for path in ["./usr/lib/a", "usr/lib/a", " /usr/lib/a", "C:\\a", ""] {
            component.place(path);
        }
        assert_eq!(component.places, ["/usr/lib/a", "C:\\a"]);
    }
}
