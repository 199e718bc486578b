//! SPDX 3.0 as JSON-LD: one list of elements that name each other. <https://spdx.github.io/spdx-spec/v3.0.1/>.

use super::json::{List, Named, Text, parse};
use super::spdx::{kind, said, source};
use super::{Component, Document, Kind, Statement, push, unknown_version};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use rustc_hash::FxHashMap;
use serde::Deserialize;

const FORMAT: &str = "SPDX";

/// Names of what a document is about.
const MOST_PRODUCTS: usize = 64;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bill {
    #[serde(rename = "@graph")]
    graph: Option<List<Element>>,
}

/// An element of any type, with the properties that are read here.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Element {
    #[serde(rename = "type")]
    kind: Text,
    #[serde(rename = "spdxId")]
    id: Text,
    name: Text,
    #[serde(rename = "software_packageVersion")]
    version: Text,
    #[serde(rename = "software_packageUrl")]
    purl: Text,
    #[serde(rename = "software_primaryPurpose")]
    purpose: Text,
    #[serde(rename = "software_sourceInfo")]
    source: Text,
    #[serde(rename = "suppliedBy")]
    supplier: Named<Inner>,
    #[serde(rename = "originatedBy")]
    originators: List<Named<Inner>>,
    #[serde(rename = "externalIdentifier")]
    identifiers: List<Named<Identifier>>,
    #[serde(rename = "verifiedUsing")]
    hashes: List<Named<Digest>>,
    #[serde(rename = "rootElement")]
    roots: List<Named<Inner>>,
    from: Named<Inner>,
    to: List<Named<Inner>>,
    #[serde(rename = "relationshipType")]
    relation: Text,
    completeness: Text,
    #[serde(rename = "security_justificationType")]
    justification: Text,
    #[serde(rename = "security_impactStatement")]
    impact: Text,
}

/// An element written out where its name would do.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner {
    #[serde(rename = "spdxId")]
    id: Text,
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Identifier {
    #[serde(rename = "externalIdentifierType")]
    kind: Text,
    identifier: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Digest {
    algorithm: Text,
    #[serde(rename = "hashValue")]
    value: Text,
}

impl Named<Inner> {
    /// The name of the element in the document.
    fn id(&self) -> &str {
        match self {
            Self::Name(id) => id,
            Self::Whole(inner) => &inner.id.0,
        }
    }
}

pub(super) fn read(bytes: &[u8], context: &str) -> Result<Document, Fault> {
    let version = context.split("/rdf/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if version != "3.0" && !version.starts_with("3.0.") {
        return Err(unknown_version(FORMAT, version));
    }
    let bill: Bill = parse(bytes)?;
    let Some(List(mut graph)) = bill.graph else {
        return Err(Fault::new(GapReason::UnsupportedFormat, "SPDX 3 without a list of elements (@graph)"));
    };
    let mut document = Document::new(FORMAT, version);
    let components: Vec<Element> = graph.extract_if(.., |element| is_part(&element.kind.0)).collect();
    let names: FxHashMap<&str, &str> =
        graph.iter().map(|element| (element.id.0.as_str(), element.name.0.as_str())).collect();
    let mut at = FxHashMap::default();
    for element in components {
        at.insert(element.id.0.clone(), document.components.len());
        document.add(component(element, &names))?;
    }
    contents(&mut document, &graph, &at)?;
    let mut subjects: Vec<usize> = Vec::new();
    for element in graph.iter().filter(|element| matches!(element.kind.0.as_str(), "SpdxDocument" | "software_Sbom")) {
        subjects.extend(element.roots.0.iter().filter_map(|root| at.get(root.id())));
    }
    let described = |number: &usize| document.components.get(*number);
    let subject: Vec<&Component> = subjects.iter().filter_map(described).collect();
    let mut title = Vec::new();
    subject.iter().for_each(|component| push(&mut title, &component.name));
    let mut product: Vec<String> = Vec::new();
    subject.iter().flat_map(|component| component.called()).for_each(|name| push(&mut product, &name));
    // Each target is compared with them.
    product.truncate(MOST_PRODUCTS);
    document.subject = Some(title.join(", ")).filter(|title| !title.is_empty());
    for element in &graph {
        assessed(&mut document, element, &names, &at, &product)?;
        if element.completeness.0 == "incomplete" && is_inventory(&element.relation.0) {
            document.incomplete.push(format!(
                "{} {} of {}",
                element.completeness.0,
                element.relation.0,
                element.from.id()
            ));
        }
    }
    Ok(document)
}

fn is_part(kind: &str) -> bool {
    matches!(kind, "software_Package" | "software_File" | "ai_AIPackage" | "dataset_DatasetPackage")
}

/// Relations that list what a thing is made of.
fn is_inventory(relation: &str) -> bool {
    matches!(relation, "contains" | "dependsOn" | "hasStaticLink" | "hasDynamicLink" | "hasProvidedDependency")
}

fn component(element: Element, names: &FxHashMap<&str, &str>) -> Component {
    let kind = if element.kind.0 == "software_File" { Kind::File } else { kind(&element.purpose.0) };
    let mut component = Component {
        reference: element.id.0,
        name: element.name.0,
        version: said(&element.version.0).to_owned(),
        kind,
        ..Component::default()
    };
    push(&mut component.purls, &element.purl.0);
    for party in std::iter::once(&element.supplier).chain(&element.originators.0) {
        let name = match party {
            Named::Name(id) => names.get(id.as_str()).copied().unwrap_or_default(),
            Named::Whole(inner) => inner.name.0.as_str(),
        };
        push(&mut component.supplier, said(name));
    }
    for identifier in element.identifiers.0 {
        // An identifier has no name of its own by which it could stand elsewhere.
        let Named::Whole(Identifier { kind, identifier }) = identifier else { continue };
        match kind.0.as_str() {
            "packageUrl" => push(&mut component.purls, &identifier.0),
            "cpe22" | "cpe23" => push(&mut component.cpes, &identifier.0),
            _ => {}
        }
    }
    for digest in element.hashes.0 {
        if let Named::Whole(digest) = digest {
            component.hashes.push((digest.algorithm.0, digest.value.0));
        }
    }
    source(&mut component, &element.source.0);
    component
}

/// Files that a package contains are places of it.
fn contents(document: &mut Document, graph: &[Element], at: &FxHashMap<String, usize>) -> Result<(), Fault> {
    for element in graph.iter().filter(|element| element.relation.0 == "contains") {
        let Some(package) = at.get(element.from.id()) else { continue };
        for to in &element.to.0 {
            let file = at.get(to.id()).and_then(|number| document.components.get(*number));
            let Some(name) = file.filter(|file| file.kind == Kind::File).map(|file| file.name.clone()) else {
                continue;
            };
            document.repeat(name.len())?;
            if let Some(component) = document.components.get_mut(*package) {
                component.place(&name);
            }
        }
    }
    Ok(())
}

/// A VEX assessment: a relation from a vulnerability to what it is said of.
fn assessed(
    document: &mut Document,
    element: &Element,
    names: &FxHashMap<&str, &str>,
    at: &FxHashMap<String, usize>,
    product: &[String],
) -> Result<(), Fault> {
    let status = match element.kind.0.as_str() {
        "security_VexNotAffectedVulnAssessmentRelationship" => "not_affected",
        "security_VexAffectedVulnAssessmentRelationship" => "affected",
        "security_VexFixedVulnAssessmentRelationship" => "fixed",
        "security_VexUnderInvestigationVulnAssessmentRelationship" => "under_investigation",
        _ => return Ok(()),
    };
    let named = |id: &str| {
        names.get(id).filter(|name| !name.is_empty()).map_or_else(|| id.to_owned(), |name| (*name).to_owned())
    };
    let vulnerability = named(element.from.id());
    let author = match &element.supplier {
        Named::Name(id) => names.get(id.as_str()).copied().unwrap_or(id.as_str()).to_owned(),
        Named::Whole(inner) => inner.name.0.clone(),
    };
    for to in &element.to.0 {
        let target = at.get(to.id()).and_then(|number| document.components.get(*number));
        let called = target.map_or_else(|| vec![to.id().to_owned()], Component::called);
        let own = product.is_empty() || called.iter().any(|name| product.contains(name));
        let note = if element.impact.0.is_empty() {
            vulnerability.clone()
        } else {
            format!("{vulnerability}: {}", element.impact.0)
        };
        let (product, component) = if own { (called, Vec::new()) } else { (product.to_vec(), called) };
        document.state(Statement {
            product,
            component,
            status: status.to_owned(),
            justification: snake(&element.justification.0),
            author: author.clone(),
            note,
        })?;
    }
    Ok(())
}

/// `componentNotPresent` as `component_not_present`, the word of the other formats.
fn snake(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for letter in word.chars() {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld";

    #[test]
    fn elements_are_put_together() {
        let document = read(
            br#"{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
                {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "createdBy": ["urn:o"]},
                {"type": "Organization", "spdxId": "urn:o", "name": "AO Kaspersky Lab"},
                {"type": "SpdxDocument", "spdxId": "urn:d", "rootElement": ["urn:p"]},
                {"type": "software_Package", "spdxId": "urn:p", "name": "p", "software_packageVersion": "1",
                 "software_packageUrl": "pkg:npm/p@1", "suppliedBy": "urn:o", "software_primaryPurpose": "operatingSystem",
                 "externalIdentifier": [{"type": "ExternalIdentifier", "externalIdentifierType": "cpe23", "identifier": "cpe:2.3:a:b:c"}]},
                {"type": "software_File", "spdxId": "urn:f", "name": "f.so",
                 "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": "00"}]},
                {"type": "Relationship", "spdxId": "urn:r", "from": "urn:p", "to": ["urn:f"], "relationshipType": "contains",
                 "completeness": "incomplete"},
                {"type": "security_Vulnerability", "spdxId": "urn:v", "name": "CVE-1"},
                {"type": "security_VexNotAffectedVulnAssessmentRelationship", "spdxId": "urn:x", "from": "urn:v",
                 "to": ["urn:f"], "relationshipType": "doesNotAffect", "security_justificationType": "componentNotPresent",
                 "suppliedBy": "urn:o"}]}"#,
            CONTEXT,
        )
        .unwrap();
        let [package, file] = document.components.as_slice() else { panic!("two components") };
        assert_eq!((package.supplier.join(" "), package.kind), ("AO Kaspersky Lab".into(), Kind::OperatingSystem));
        assert_eq!((package.places.join(" "), package.cpes.join(" ")), ("/f.so".into(), "cpe:2.3:a:b:c".into()));
        assert_eq!((file.kind, file.hashes.len()), (Kind::File, 1));
        assert_eq!(document.subject.as_deref(), Some("p"));
        assert_eq!(document.incomplete, ["incomplete contains of urn:p"]);
        let [statement] = document.statements.as_slice() else { panic!("one statement") };
        assert_eq!((statement.product.join(" "), statement.component.join(" ")), ("pkg:npm/p@1".into(), "f.so".into()));
        assert_eq!(statement.justification, "component_not_present");
    }

    #[test]
    fn another_version_is_a_fault() {
        assert!(read(b"{\"@graph\": []}", "https://spdx.org/rdf/3.1/spdx-context.jsonld").is_err());
        assert!(read(b"{}", CONTEXT).is_err());
    }
}
