//! SPDX 2 as lines of `Tag: value`: <https://spdx.github.io/spdx-spec/v2.3/>. A value over several lines stands between
//! `<text>` and `</text>`; files after a package are that package's.

use super::spdx::{Gathered, gathered, kind, party, reference, said, source};
use super::{Component, Document, push};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;

/// `None` where the text only speaks of such files.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Document>, Fault> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().enumerate();
    let first = lines.find(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let version = first.and_then(|(_, line)| line.trim().strip_prefix("SPDXVersion:"));
    let Some(version) = version else { return Ok(None) };
    let mut bill = Bill { gathered: gathered(version.trim())?, section: Section::Document, package: String::new() };
    while let Some((at, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((tag, value)) = line.split_once(':') else {
            return Err(Fault::corrupt(format!("line {}: no tag", at.saturating_add(1))));
        };
        let value = value.trim();
        let long = value.strip_prefix("<text>").filter(|rest| !rest.ends_with("</text>"));
        // No field that is read here is long.
        if long.is_some() && !lines.any(|(_, line)| line.trim_end().ends_with("</text>")) {
            return Err(Fault::new(GapReason::Truncated, format!("line {}: a text without end", at.saturating_add(1))));
        }
        bill.field(tag.trim(), value)?;
    }
    bill.ended()?;
    bill.gathered.finish().map(Some)
}

struct Bill {
    gathered: Gathered,
    section: Section,
    /// The package whose files follow.
    package: String,
}

/// The part of the document that the lines belong to.
enum Section {
    /// The document's own part, or one that is not read.
    Document,
    Package(Box<Component>),
    File(Box<Component>),
}

impl Bill {
    fn field(&mut self, tag: &str, value: &str) -> Result<(), Fault> {
        match tag {
            "PackageName" => {
                self.ended()?;
                self.package.clear();
                let component = Component { name: value.to_owned(), ..Component::default() };
                self.section = Section::Package(Box::new(component));
            }
            "FileName" => {
                self.ended()?;
                let component = Component { name: value.to_owned(), ..Component::default() };
                self.section = Section::File(Box::new(component));
            }
            "SnippetSPDXID" | "SnippetSPDXIdentifier" | "LicenseID" | "Reviewer" | "Annotator" => self.ended()?,
            "Relationship" => {
                let mut words = value.split_ascii_whitespace();
                let (Some(from), Some(word), Some(to)) = (words.next(), words.next(), words.next()) else {
                    return Err(Fault::corrupt(format!("a relationship that is not three words: {value}")));
                };
                self.gathered.relation(from.to_owned(), word, to.to_owned())?;
            }
            _ => match &mut self.section {
                Section::Document => {}
                Section::Package(component) => package(component, tag, value),
                Section::File(component) => file(component, tag, value),
            },
        }
        Ok(())
    }

    /// The section before ends.
    fn ended(&mut self) -> Result<(), Fault> {
        match std::mem::replace(&mut self.section, Section::Document) {
            Section::Document => Ok(()),
            Section::Package(component) => {
                component.reference.clone_into(&mut self.package);
                self.gathered.document.add(*component)
            }
            Section::File(component) => {
                let Component { reference, name, hashes, .. } = *component;
                if !self.package.is_empty() {
                    self.gathered.contains(self.package.clone(), reference.clone())?;
                }
                self.gathered.file(reference, &name, hashes)
            }
        }
    }
}

fn package(component: &mut Component, tag: &str, value: &str) {
    match tag {
        "SPDXID" => value.clone_into(&mut component.reference),
        "PackageVersion" => said(value).clone_into(&mut component.version),
        "PackageSupplier" | "PackageOriginator" => push(&mut component.supplier, party(value)),
        "PackageSourceInfo" => source(component, plain(value)),
        "PrimaryPackagePurpose" => component.kind = kind(value),
        "PackageChecksum" => component.hashes.extend(checksum(value)),
        "ExternalRef" => {
            let mut words = value.split_ascii_whitespace().skip(1);
            if let (Some(kind), Some(locator)) = (words.next(), words.next()) {
                reference(component, kind, locator);
            }
        }
        _ => {}
    }
}

fn file(component: &mut Component, tag: &str, value: &str) {
    match tag {
        "SPDXID" => value.clone_into(&mut component.reference),
        "FileChecksum" => component.hashes.extend(checksum(value)),
        _ => {}
    }
}

/// `SHA256: 00...`
fn checksum(value: &str) -> Option<(String, String)> {
    let (algorithm, value) = value.split_once(':')?;
    Some((algorithm.trim().to_owned(), value.trim().to_owned()))
}

/// A text on one line without its brackets.
fn plain(value: &str) -> &str {
    value.strip_prefix("<text>").and_then(|rest| rest.strip_suffix("</text>")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    const TEXT: &str = "# made by hand\nSPDXVersion: SPDX-2.2\nSPDXID: SPDXRef-DOCUMENT\nDocumentComment: <text>one\n\
        PackageName: not one\n</text>\nRelationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-a\n\nPackageName: a\n\
        SPDXID: SPDXRef-a\nPackageVersion: 1:2\nPackageSupplier: Organization: S\nPrimaryPackagePurpose: OPERATING-SYSTEM\n\
        PackageSourceInfo: <text>acquired package info from x: /b</text>\n\
        ExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1\n\nFileName: ./f\nSPDXID: SPDXRef-f\nFileChecksum: SHA256: 00\n";

    #[test]
    fn packages_and_files_are_read() {
        let document = read(TEXT.as_bytes()).unwrap().unwrap();
        let [package, file] = document.components.as_slice() else { panic!("two components") };
        assert_eq!((package.version.as_str(), package.kind), ("1:2", Kind::OperatingSystem));
        assert_eq!((package.supplier.join(" "), package.purls.join(" ")), ("S".to_owned(), "pkg:npm/a@1".to_owned()));
        assert_eq!(package.places, ["/b", "/f"]);
        assert_eq!(file.hashes, [("SHA256".to_owned(), "00".to_owned())]);
        assert_eq!(document.subject.as_deref(), Some("a"));
    }

    #[test]
    fn other_text_is_none_and_damage_a_fault() {
        assert_eq!(read(b"A page about\nSPDXVersion: SPDX-2.2\n"), Ok(None));
        assert!(read(b"SPDXVersion: SPDX-2.2\nPackageComment: <text>a\n").is_err());
        assert!(read(b"SPDXVersion: SPDX-2.2\nPackageName\n").is_err());
        assert!(read(b"SPDXVersion: SPDX-3.5\n").is_err());
    }
}
