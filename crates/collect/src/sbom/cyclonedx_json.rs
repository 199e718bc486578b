//! CycloneDX as JSON: <https://cyclonedx.org/docs/1.7/json/>.

use super::cyclonedx::{Claim, Rest, composition, document, finish, full_name, is_place, kind, subject};
use super::json::{List, Text, parse};
use super::{Component, Document, push};
use ostrakon_place::Fault;
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bom {
    #[serde(rename = "specVersion")]
    version: Text,
    metadata: Option<Metadata>,
    components: List<Part>,
    services: List<Part>,
    vulnerabilities: List<Vulnerability>,
    compositions: List<Composition>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    component: Option<Box<Part>>,
    authors: List<Contact>,
    supplier: Option<Contact>,
    manufacturer: Option<Contact>,
    /// What the one above was called until 1.5.
    manufacture: Option<Contact>,
}

/// A component or a service.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Part {
    #[serde(rename = "bom-ref")]
    reference: Text,
    #[serde(rename = "type")]
    kind: Text,
    group: Text,
    name: Text,
    version: Text,
    purl: Text,
    cpe: Text,
    author: Text,
    publisher: Text,
    supplier: Option<Contact>,
    manufacturer: Option<Contact>,
    provider: Option<Contact>,
    authors: List<Contact>,
    hashes: List<Digest>,
    properties: List<Property>,
    evidence: Option<Evidence>,
    components: List<Part>,
    services: List<Part>,
}

/// An organisation or a person.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Contact {
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Digest {
    alg: Text,
    content: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Property {
    name: Text,
    value: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Evidence {
    occurrences: List<Occurrence>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Occurrence {
    location: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability {
    id: Text,
    analysis: Option<Analysis>,
    affects: List<Affected>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Analysis {
    state: Text,
    justification: Text,
    detail: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Affected {
    #[serde(rename = "ref")]
    reference: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Composition {
    aggregate: Text,
    assemblies: List<Text>,
    dependencies: List<Text>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Document, Fault> {
    let bom: Bom = parse(bytes)?;
    let mut document = document(&bom.version.0)?;
    let mut rest = Rest::default();
    if let Some(metadata) = bom.metadata {
        metadata.authors.0.iter().for_each(|contact| push(&mut rest.authors, &contact.name.0));
        for contact in [metadata.supplier, metadata.manufacturer, metadata.manufacture].into_iter().flatten() {
            push(&mut rest.authors, &contact.name.0);
        }
        if let Some(part) = metadata.component {
            let (component, nested) = taken(*part);
            subject(&mut document, &mut rest, component)?;
            gather(nested, &mut document)?;
        }
    }
    gather([bom.components.0, bom.services.0], &mut document)?;
    for composed in bom.compositions.0 {
        let references = composed.assemblies.0.into_iter().chain(composed.dependencies.0).map(|text| text.0);
        composition(&mut document, &composed.aggregate.0, &references.collect::<Vec<_>>());
    }
    for vulnerability in bom.vulnerabilities.0 {
        // A finding that nobody looked into says nothing.
        let Some(analysis) = vulnerability.analysis else { continue };
        rest.claims.push(Claim {
            vulnerability: vulnerability.id.0,
            state: analysis.state.0,
            justification: analysis.justification.0,
            detail: analysis.detail.0,
            targets: vulnerability.affects.0.into_iter().map(|affected| affected.reference.0).collect(),
        });
    }
    finish(&mut document, rest)?;
    Ok(document)
}

/// Adds the parts and those in them; the parser bounds how deep they lie.
fn gather(lists: [Vec<Part>; 2], document: &mut Document) -> Result<(), Fault> {
    for part in lists.into_iter().flatten() {
        let (component, nested) = taken(part);
        document.add(component)?;
        gather(nested, document)?;
    }
    Ok(())
}

/// A part as a component, and the parts in it.
fn taken(part: Part) -> (Component, [Vec<Part>; 2]) {
    let mut component = Component {
        reference: part.reference.0,
        name: full_name(&part.group.0, &part.name.0),
        version: part.version.0,
        kind: kind(&part.kind.0),
        hashes: part.hashes.0.into_iter().map(|digest| (digest.alg.0, digest.content.0)).collect(),
        ..Component::default()
    };
    push(&mut component.purls, &part.purl.0);
    push(&mut component.cpes, &part.cpe.0);
    let organisations = [part.supplier, part.manufacturer, part.provider].into_iter().flatten();
    let contacts = organisations.chain(part.authors.0).map(|contact| contact.name);
    for name in contacts.chain([part.publisher, part.author]) {
        push(&mut component.supplier, &name.0);
    }
    for property in part.properties.0.iter().filter(|property| is_place(&property.name.0)) {
        component.place(&property.value.0);
    }
    for occurrence in part.evidence.iter().flat_map(|evidence| &evidence.occurrences.0) {
        component.place(&occurrence.location.0);
    }
    (component, [part.components.0, part.services.0])
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Statement};
    use super::*;

    #[test]
    fn nested_components_places_and_suppliers_are_read() {
        let document = read(
            br#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
                "metadata": {"component": {"type": "file", "name": "/srv", "components": [{"type": "file", "name": "a"}]}},
                "components": [{"bom-ref": "1", "type": "application", "group": "g", "name": "n", "version": 7,
                    "purl": "pkg:npm/g/n@7", "cpe": null, "publisher": "P", "supplier": {"name": "S"},
                    "authors": [{"name": "A"}], "hashes": [{"alg": "SHA-256", "content": "00"}],
                    "properties": [{"name": "syft:location:0:path", "value": "/a"}, {"name": "x", "value": "/b"}],
                    "evidence": {"occurrences": [{"location": "c", "line": 1}]},
                    "components": [{"type": "operating-system", "name": "debian", "version": "12"}]}],
                "compositions": [{"aggregate": "complete"}, {"aggregate": "unknown", "assemblies": ["1"]}]}"#,
        )
        .unwrap();
        let names: Vec<_> = document.components.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(names, [("a", Kind::File), ("g/n", Kind::Application), ("debian", Kind::OperatingSystem)]);
        assert_eq!(document.components[1].supplier, ["S", "A", "P"]);
        assert_eq!(document.components[1].places, ["/a", "/c"]);
        assert_eq!(document.components[1].version, "7");
        assert_eq!(document.incomplete, ["unknown: 1"]);
        assert_eq!(document.subject.as_deref(), Some("/srv"));
    }

    #[test]
    fn an_analysis_is_a_statement() {
        let document = read(
            br#"{"bomFormat": "CycloneDX", "specVersion": "1.4",
                "metadata": {"component": {"type": "application", "name": "app", "bom-ref": "r"}, "supplier": {"name": "We"}},
                "components": [{"type": "library", "name": "lib", "bom-ref": "l", "purl": "pkg:npm/lib@1"}],
                "vulnerabilities": [{"id": "CVE-1", "affects": [{"ref": "l"}]},
                    {"id": "CVE-2", "affects": [{"ref": "l"}],
                     "analysis": {"state": "not_affected", "justification": "code_not_present", "detail": "removed"}}]}"#,
        )
        .unwrap();
        let statement = Statement {
            product: vec!["app".to_owned()],
            component: vec!["pkg:npm/lib@1".to_owned()],
            status: "not_affected".to_owned(),
            justification: "code_not_present".to_owned(),
            author: "We".to_owned(),
            note: "CVE-2: removed".to_owned(),
        };
        assert_eq!(document.statements, [statement]);
    }

    #[test]
    fn what_contradicts_the_format_is_a_fault() {
        assert!(read(br#"{"bomFormat": "CycloneDX", "specVersion": "1.5", "components": [{"name": ["x"]}]}"#).is_err());
        assert!(read(br#"{"bomFormat": "CycloneDX", "components": []}"#).is_err());
    }
}
