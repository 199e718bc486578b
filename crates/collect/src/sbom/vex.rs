//! OpenVEX: what a supplier says about vulnerabilities in its products. <https://github.com/openvex/spec>.

use super::json::{List, Named, Text, parse};
use super::{Document, Statement, push, unknown_version};
use ostrakon_place::Fault;
use serde::Deserialize;

const FORMAT: &str = "OpenVEX";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vex {
    author: Text,
    supplier: Text,
    statements: List<Said>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    vulnerability: Named<Vulnerability>,
    products: List<Named<Product>>,
    /// Until 0.2 components stood beside the products.
    subcomponents: List<Named<Product>>,
    status: Text,
    justification: Text,
    impact_statement: Text,
    action_statement: Text,
    status_notes: Text,
    supplier: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability {
    #[serde(rename = "@id")]
    id: Text,
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Product {
    #[serde(rename = "@id")]
    id: Text,
    identifiers: Option<Identifiers>,
    subcomponents: List<Named<Product>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Identifiers {
    purl: Text,
    cpe22: Text,
    cpe23: Text,
}

pub(super) fn read(bytes: &[u8], context: &str) -> Result<Document, Fault> {
    // The first version has no number in its context.
    let version = context.split("openvex.dev/ns").nth(1).unwrap_or_default().trim_matches('/');
    let version = if version.is_empty() { "0.0.1" } else { version.trim_start_matches('v') };
    if !["0.0.", "0.1.", "0.2."].iter().any(|known| version.starts_with(known)) {
        return Err(unknown_version(FORMAT, version));
    }
    let vex: Vex = parse(bytes)?;
    let mut document = Document::new(FORMAT, version);
    for said in vex.statements.0 {
        let author = [&said.supplier.0, &vex.supplier.0, &vex.author.0].into_iter().find(|name| !name.is_empty());
        let whole = Statement {
            status: said.status.0,
            justification: said.justification.0,
            author: author.cloned().unwrap_or_default(),
            note: note(&said.vulnerability, [&said.impact_statement, &said.status_notes, &said.action_statement]),
            ..Statement::default()
        };
        let shared: Vec<String> = said.subcomponents.0.iter().flat_map(called).collect();
        if said.products.0.is_empty() {
            document.state(Statement { component: shared.clone(), ..whole.clone() })?;
        }
        for product in &said.products.0 {
            let mut component = shared.clone();
            if let Named::Whole(product) = product {
                component.extend(product.subcomponents.0.iter().flat_map(called));
            }
            document.state(Statement { product: called(product), component, ..whole.clone() })?;
        }
    }
    Ok(document)
}

/// The vulnerability and what is said of it.
fn note(vulnerability: &Named<Vulnerability>, texts: [&Text; 3]) -> String {
    let mut parts = Vec::new();
    match vulnerability {
        Named::Name(name) => push(&mut parts, name),
        Named::Whole(Vulnerability { id, name }) => push(&mut parts, if name.0.is_empty() { &id.0 } else { &name.0 }),
    }
    texts.into_iter().for_each(|text| push(&mut parts, &text.0));
    parts.join(": ")
}

/// What a product or component is called: its package URLs first.
fn called(product: &Named<Product>) -> Vec<String> {
    let mut names = Vec::new();
    match product {
        Named::Name(name) => push(&mut names, name),
        Named::Whole(product) => {
            if let Some(identifiers) = &product.identifiers {
                push(&mut names, &identifiers.purl.0);
                push(&mut names, &identifiers.cpe23.0);
                push(&mut names, &identifiers.cpe22.0);
            }
            push(&mut names, &product.id.0);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_a_statement() {
        let document = read(
            br#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "We", "version": 1, "statements": [
                {"vulnerability": {"name": "CVE-1"}, "status": "not_affected", "justification": "component_not_present",
                 "impact_statement": "left out", "products": [
                    {"@id": "pkg:oci/a@1", "subcomponents": [{"@id": "pkg:npm/b@2"}]},
                    {"@id": "urn:c", "identifiers": {"purl": "pkg:npm/c@3"}}]}]}"#,
            "https://openvex.dev/ns/v0.2.0",
        )
        .unwrap();
        let [one, two] = document.statements.as_slice() else { panic!("two statements") };
        assert_eq!((one.product.join(" "), one.component.join(" ")), ("pkg:oci/a@1".into(), "pkg:npm/b@2".into()));
        assert_eq!(two.product, ["pkg:npm/c@3", "urn:c"]);
        assert_eq!((two.author.as_str(), two.note.as_str()), ("We", "CVE-1: left out"));
    }

    #[test]
    fn the_first_version_has_names_only() {
        let document = read(
            br#"{"statements": [{"vulnerability": "CVE-1", "products": ["pkg:a/b"], "subcomponents": ["pkg:c/d"], "status": "fixed"}]}"#,
            "https://openvex.dev/ns",
        )
        .unwrap();
        assert_eq!((document.version.as_str(), document.statements.len()), ("0.0.1", 1));
        assert_eq!(document.statements[0].component, ["pkg:c/d"]);
    }

    #[test]
    fn an_unknown_version_is_a_fault() {
        assert!(read(b"{}", "https://openvex.dev/ns/v9.0.0").is_err());
    }
}
