//! SPDX 2 as JSON: <https://spdx.github.io/spdx-spec/v2.3/>.

use super::json::{List, Text, parse};
use super::spdx::{gathered, kind, party, reference, said, source};
use super::{Component, Document, push};
use ostrakon_place::Fault;
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Bill {
    spdx_version: Text,
    packages: List<Package>,
    files: List<File>,
    relationships: List<Relationship>,
    document_describes: List<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: Text,
    name: Text,
    version_info: Text,
    supplier: Text,
    originator: Text,
    source_info: Text,
    primary_package_purpose: Text,
    checksums: List<Checksum>,
    external_refs: List<Reference>,
    has_files: List<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct File {
    #[serde(rename = "SPDXID")]
    id: Text,
    file_name: Text,
    checksums: List<Checksum>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Checksum {
    algorithm: Text,
    checksum_value: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Reference {
    reference_type: Text,
    reference_locator: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: Text,
    related_spdx_element: Text,
    relationship_type: Text,
}

pub(super) fn read(bytes: &[u8]) -> Result<Document, Fault> {
    let bill: Bill = parse(bytes)?;
    let mut gathered = gathered(&bill.spdx_version.0)?;
    for package in bill.packages.0 {
        for file in package.has_files.0 {
            gathered.contains(package.id.0.clone(), file.0)?;
        }
        let mut component = Component {
            reference: package.id.0,
            name: package.name.0,
            version: said(&package.version_info.0).to_owned(),
            kind: kind(&package.primary_package_purpose.0),
            hashes: hashes(package.checksums),
            ..Component::default()
        };
        push(&mut component.supplier, party(&package.supplier.0));
        push(&mut component.supplier, party(&package.originator.0));
        source(&mut component, &package.source_info.0);
        for external in package.external_refs.0 {
            reference(&mut component, &external.reference_type.0, &external.reference_locator.0);
        }
        gathered.document.add(component)?;
    }
    for file in bill.files.0 {
        gathered.file(file.id.0, &file.file_name.0, hashes(file.checksums))?;
    }
    for described in bill.document_describes.0 {
        gathered.describes(described.0)?;
    }
    for relation in bill.relationships.0 {
        gathered.relation(
            relation.spdx_element_id.0,
            &relation.relationship_type.0,
            relation.related_spdx_element.0,
        )?;
    }
    gathered.finish()
}

fn hashes(list: List<Checksum>) -> Vec<(String, String)> {
    list.0.into_iter().map(|checksum| (checksum.algorithm.0, checksum.checksum_value.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    #[test]
    fn packages_and_files_are_read() {
        let document = read(
            br#"{"spdxVersion": "SPDX-2.2", "documentDescribes": ["SPDXRef-a"],
                "packages": [{"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1", "supplier": "Organization: S (s@x.example)",
                    "originator": "NOASSERTION", "hasFiles": ["SPDXRef-f"],
                    "externalRefs": [{"referenceCategory": "PACKAGE_MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/a@1"},
                        {"referenceCategory": "SECURITY", "referenceType": "cpe22Type", "referenceLocator": "cpe:/a:s:a:1"}]}],
                "files": [{"SPDXID": "SPDXRef-f", "fileName": "./a.js",
                    "checksums": [{"algorithm": "SHA256", "checksumValue": "00"}]}]}"#,
        )
        .unwrap();
        let [package, file] = document.components.as_slice() else { panic!("two components") };
        assert_eq!((package.purls.join(" "), package.cpes.join(" ")), ("pkg:npm/a@1".into(), "cpe:/a:s:a:1".into()));
        assert_eq!((package.supplier.join(" "), package.places.join(" ")), ("S (s@x.example)".into(), "/a.js".into()));
        assert_eq!((file.kind, file.hashes.len()), (Kind::File, 1));
        assert_eq!((document.subject.as_deref(), document.version.as_str()), (Some("a"), "2.2"));
    }

    #[test]
    fn an_unknown_version_and_damage_are_faults() {
        assert!(read(br#"{"spdxVersion": "SPDX-9.9"}"#).is_err());
        assert!(read(br#"{"spdxVersion": "SPDX-2.3", "packages": {"a": 1}}"#).is_err());
    }
}
