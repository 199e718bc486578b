//! SWID tags: ISO/IEC 19770-2:2015, as NIST IR 8060 describes them. One tag is one product, with its files.

use super::xml::{Attributes, Elements, walk};
use super::{Component, Document, Kind, push, unknown_version};
use ostrakon_place::Fault;

const FORMAT: &str = "SWID";

/// The namespaces of hash algorithms end so, whichever prefix stands for them.
const SHA256: &str = "xmlenc#sha256";

pub(super) fn read(text: &str, space: &str) -> Result<Document, Fault> {
    if !space.is_empty() && !space.contains("19770/-2/2015") {
        return Err(unknown_version(FORMAT, space));
    }
    let document = Document::new(FORMAT, "2015");
    let mut tag = Tag { document, product: Component::default(), folders: Vec::new(), sha256: "SHA256".to_owned() };
    walk(text, &mut tag)?;
    let Tag { mut document, product, .. } = tag;
    document.subject = Some(product.name.clone()).filter(|name| !name.is_empty());
    document.add(product)?;
    Ok(document)
}

struct Tag {
    document: Document,
    product: Component,
    /// The folders around the place in the document.
    folders: Vec<String>,
    /// The prefix of the hash.
    sha256: String,
}

impl Elements for Tag {
    fn open(&mut self, path: &str, attributes: &Attributes) -> Result<(), Fault> {
        for (key, _) in attributes.iter().filter(|(_, value)| value.ends_with(SHA256)) {
            if let Some(prefix) = key.strip_prefix("xmlns:") {
                prefix.clone_into(&mut self.sha256);
            }
        }
        match path {
            "SoftwareIdentity" => {
                attributes.get("tagId").clone_into(&mut self.product.reference);
                attributes.get("name").clone_into(&mut self.product.name);
                attributes.get("version").clone_into(&mut self.product.version);
                self.product.kind = Kind::Application;
                if self.product.reference.is_empty() || self.product.name.is_empty() {
                    return Err(Fault::corrupt("a tag without tagId or name"));
                }
            }
            "SoftwareIdentity/Entity" => self.entity(attributes),
            _ => match last(path) {
                "Directory" => {
                    let folder = match attributes.get("root") {
                        "" => attributes.get("location"),
                        root => root,
                    };
                    self.folders.push(joined([folder, attributes.get("name")]));
                }
                "File" => self.file(attributes)?,
                _ => {}
            },
        }
        Ok(())
    }

    fn close(&mut self, path: &str, _text: &str) -> Result<(), Fault> {
        if last(path) == "Directory" {
            self.folders.pop();
        }
        Ok(())
    }
}

impl Tag {
    fn entity(&mut self, attributes: &Attributes) {
        for role in attributes.get("role").split_ascii_whitespace() {
            let list = match role {
                "tagCreator" => &mut self.product.tag_creator,
                // Who licenses or distributes a product need not have made it, but supplies it.
                "softwareCreator" | "licensor" | "distributor" | "aggregator" => &mut self.product.supplier,
                _ => continue,
            };
            push(list, attributes.get("name"));
            // A registration id that says nothing is spelled so.
            push(
                list,
                Some(attributes.get("regid")).filter(|id| !id.contains("invalid.unavailable")).unwrap_or_default(),
            );
        }
    }

    fn file(&mut self, attributes: &Attributes) -> Result<(), Fault> {
        let own = [attributes.get("root"), attributes.get("location"), attributes.get("name")];
        let path = joined(self.folders.iter().map(String::as_str).chain(own));
        let name = format!("{}#{path}", self.product.reference);
        self.document.repeat(name.len().saturating_add(path.len()))?;
        let mut file = Component { reference: name, name: path, kind: Kind::File, ..Component::default() };
        let hash = attributes.get(&format!("{}:hash", self.sha256));
        if !hash.is_empty() {
            file.hashes.push(("SHA-256".to_owned(), hash.to_owned()));
        }
        file.version.push_str(attributes.get("version"));
        self.product.place(&file.name);
        self.document.add(file)
    }
}

/// The last name of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Parts of a path with one `/` between.
fn joined<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if !path.is_empty() && !path.ends_with(['/', '\\']) {
            path.push('/');
        }
        path.push_str(part);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";

    #[test]
    fn product_creators_and_files_are_read() {
        let text = "<SoftwareIdentity name='Kes' tagId='kaspersky.example-kes-1' version='1'>\
            <Entity name='AO Kaspersky Lab' regid='kaspersky.example' role='tagCreator softwareCreator'/>\
            <Entity name='Shop' role='licensee'/>\
            <Payload xmlns:h='http://www.w3.org/2001/04/xmlenc#sha256'><Directory root='/opt' name='kes'>\
            <Directory name='bin'><File name='kes' h:hash='00'/></Directory><File name='a'/></Directory></Payload>\
            </SoftwareIdentity>";
        let document = read(text, SPACE).unwrap();
        let names: Vec<_> = document.components.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["/opt/kes/bin/kes", "/opt/kes/a", "Kes"]);
        assert_eq!(document.components[0].hashes, [("SHA-256".to_owned(), "00".to_owned())]);
        let product = &document.components[2];
        assert_eq!(product.tag_creator, ["AO Kaspersky Lab", "kaspersky.example"]);
        assert_eq!(product.supplier, product.tag_creator);
        assert_eq!(product.places, ["/opt/kes/bin/kes", "/opt/kes/a"]);
    }

    #[test]
    fn a_tag_without_its_name_is_a_fault() {
        assert!(read("<SoftwareIdentity name='x'/>", SPACE).is_err());
        assert!(read("<SoftwareIdentity name='x' tagId='t'>", SPACE).is_err());
        assert!(
            read("<SoftwareIdentity name='x' tagId='t'/>", "http://standards.iso.org/iso/19770/-2/2009/schema.xsd")
                .is_err()
        );
    }
}
