//! What the JSON and the tag-value form of SPDX 2 share: <https://spdx.github.io/spdx-spec/v2.3/>.

use super::{Component, Document, Kind, MOST, push, unknown_version};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use rustc_hash::{FxHashMap, FxHashSet};

const FORMAT: &str = "SPDX";

/// The fields that are read here are the same in all of these.
const VERSIONS: [&str; 3] = ["SPDX-2.1", "SPDX-2.2", "SPDX-2.3"];

/// The document's own name.
const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// A document while it is read.
pub(super) struct Gathered {
    pub(super) document: Document,
    /// Files by their name in the document.
    files: FxHashMap<String, String>,
    /// Which package has which file.
    contents: Vec<(String, String)>,
    /// What the document is about.
    described: FxHashSet<String>,
}

/// An empty document of this version, if the version is known.
pub(super) fn gathered(version: &str) -> Result<Gathered, Fault> {
    if !VERSIONS.contains(&version) {
        return Err(unknown_version(FORMAT, version));
    }
    let document = Document::new(FORMAT, version.trim_start_matches("SPDX-"));
    Ok(Gathered { document, files: FxHashMap::default(), contents: Vec::new(), described: FxHashSet::default() })
}

impl Gathered {
    /// Takes a file.
    pub(super) fn file(&mut self, reference: String, name: &str, hashes: Vec<(String, String)>) -> Result<(), Fault> {
        self.files.insert(reference.clone(), name.to_owned());
        let name = name.to_owned();
        self.document.add(Component { reference, name, hashes, kind: Kind::File, ..Component::default() })
    }

    /// The document says itself that it is about this.
    pub(super) fn describes(&mut self, reference: String) -> Result<(), Fault> {
        self.described.insert(reference);
        self.bounded(self.described.len())
    }

    /// Notes that a package has a file.
    pub(super) fn contains(&mut self, package: String, file: String) -> Result<(), Fault> {
        self.document.repeat(package.len().saturating_add(file.len()))?;
        self.contents.push((package, file));
        self.bounded(self.contents.len())
    }

    /// Takes a relation. Syft says `OTHER`, with a comment, of the files that show a package.
    pub(super) fn relation(&mut self, from: String, word: &str, to: String) -> Result<(), Fault> {
        match word {
            "DESCRIBES" if from == DOCUMENT => self.describes(to),
            "DESCRIBED_BY" if to == DOCUMENT => self.describes(from),
            "CONTAINS" | "OTHER" => self.contains(from, to),
            "CONTAINED_BY" => self.contains(to, from),
            _ => Ok(()),
        }
    }

    fn bounded(&self, count: usize) -> Result<(), Fault> {
        // A package and a file each have a handful of relations.
        if count > MOST.saturating_mul(4) {
            return Err(Fault::new(GapReason::Limit, format!("more than {} relations", MOST.saturating_mul(4))));
        }
        Ok(())
    }

    /// The document with all that its relations say.
    pub(super) fn finish(self) -> Result<Document, Fault> {
        let Self { mut document, files, contents, described } = self;
        let mut places: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        for (package, file) in &contents {
            if let Some(name) = files.get(file) {
                document.repeat(name.len())?;
                places.entry(package).or_default().push(name);
            }
        }
        let mut subjects = Vec::new();
        for component in &mut document.components {
            for place in places.get(component.reference.as_str()).into_iter().flatten() {
                component.place(place);
            }
            if described.contains(&component.reference) {
                push(&mut subjects, &component.name);
            }
        }
        document.subject = Some(subjects.join(", ")).filter(|subject| !subject.is_empty());
        document.components.retain(|component| !described.contains(&component.reference) || !is_folder(component));
        Ok(document)
    }
}

/// Is this only the file or folder that a tool looked at? That is no part of anything; a file with its hash is.
fn is_folder(component: &Component) -> bool {
    let nameless = component.kind == Kind::File && component.hashes.is_empty();
    nameless || component.reference.starts_with("SPDXRef-DocumentRoot-Directory-")
}

/// The kind behind the word for a package's purpose; older versions have none.
pub(super) fn kind(purpose: &str) -> Kind {
    match purpose.to_ascii_uppercase().replace(['-', '_'], "").as_str() {
        "LIBRARY" | "FRAMEWORK" => Kind::Library,
        "APPLICATION" => Kind::Application,
        "OPERATINGSYSTEM" => Kind::OperatingSystem,
        "FILE" => Kind::File,
        "CONTAINER" => Kind::Container,
        "DEVICE" => Kind::Device,
        "FIRMWARE" | "DEVICEDRIVER" => Kind::Firmware,
        _ => Kind::Other,
    }
}

/// The value of a field that may say that there is none.
pub(super) fn said(text: &str) -> &str {
    if matches!(text, "NOASSERTION" | "NONE") { "" } else { text }
}

/// A supplier or originator without the word for what it is.
pub(super) fn party(text: &str) -> &str {
    let words = ["Organization:", "Person:", "Tool:"];
    said(words.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text).trim())
}

/// Takes an external reference of a package.
pub(super) fn reference(component: &mut Component, kind: &str, locator: &str) {
    match kind {
        "purl" => push(&mut component.purls, locator),
        "cpe23Type" | "cpe22Type" => push(&mut component.cpes, locator),
        _ => {}
    }
}

/// The paths in what Syft writes of where a package was found:
/// `acquired package info from DPKG DB: /var/lib/dpkg/status, /var/lib/dpkg/info/a.md5sums`.
pub(super) fn source(component: &mut Component, text: &str) {
    let paths = text.strip_prefix("acquired package info from ").and_then(|rest| rest.split_once(": "));
    for path in paths.map_or("", |(_, paths)| paths).split(", ") {
        component.place(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_give_places_and_the_subject() {
        let mut gathered = gathered("SPDX-2.3").unwrap();
        let named = |reference: &str, kind| Component {
            reference: reference.to_owned(),
            name: reference.to_lowercase(),
            kind,
            ..Component::default()
        };
        gathered.document.add(named("SPDXRef-DocumentRoot-Directory-x", Kind::Other)).unwrap();
        gathered.document.add(named("P", Kind::Other)).unwrap();
        gathered.file("F".to_owned(), "./usr/lib/a.so", Vec::new()).unwrap();
        for (from, word, to) in [
            ("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-DocumentRoot-Directory-x"),
            ("SPDXRef-DocumentRoot-Directory-x", "CONTAINS", "P"),
            ("P", "OTHER", "F"),
        ] {
            gathered.relation(from.to_owned(), word, to.to_owned()).unwrap();
        }
        let document = gathered.finish().unwrap();
        assert_eq!(document.subject.as_deref(), Some("spdxref-documentroot-directory-x"));
        let list: Vec<_> = document.components.iter().map(|one| (one.name.as_str(), one.places.join(" "))).collect();
        assert_eq!(list, [("p", "/usr/lib/a.so".to_owned()), ("./usr/lib/a.so", String::new())]);
    }

    #[test]
    fn suppliers_and_places_are_freed_of_their_words() {
        assert_eq!(party("Organization: AO Kaspersky Lab"), "AO Kaspersky Lab");
        assert_eq!(party("NOASSERTION"), "");
        let mut component = Component::default();
        source(&mut component, "acquired package info from DPKG DB: /var/lib/dpkg/status, /a");
        source(&mut component, "built from git");
        assert_eq!(component.places, ["/var/lib/dpkg/status", "/a"]);
    }
}
