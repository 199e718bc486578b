//! VEX in the Common Security Advisory Framework: <https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>. Products
//! are numbered in a tree; what is said of a vulnerability names the numbers.

use super::json::{List, Text, parse};
use super::{Document, MOST, Statement, push, unknown_version};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use rustc_hash::FxHashMap;
use serde::Deserialize;

const FORMAT: &str = "CSAF";

/// How often a component may lie in a component.
const DEEPEST: usize = 16;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Advisory {
    document: Head,
    product_tree: Tree,
    vulnerabilities: List<Vulnerability>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Head {
    title: Text,
    publisher: Publisher,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Publisher {
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tree {
    branches: List<Branch>,
    full_product_names: List<Product>,
    relationships: List<Relationship>,
    product_groups: List<Group>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Branch {
    branches: List<Branch>,
    product: Option<Product>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Product {
    product_id: Text,
    name: Text,
    product_identification_helper: Option<Helper>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Helper {
    purl: Text,
    /// Since 2.1.
    purls: List<Text>,
    cpe: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Relationship {
    product_reference: Text,
    relates_to_product_reference: Text,
    full_product_name: Product,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Group {
    group_id: Text,
    product_ids: List<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Vulnerability {
    cve: Text,
    ids: List<Id>,
    product_status: Status,
    flags: List<Mark>,
    threats: List<Mark>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Id {
    text: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    known_not_affected: List<Text>,
    known_affected: List<Text>,
    fixed: List<Text>,
    under_investigation: List<Text>,
}

/// A flag with a label, or a threat with a category and details, for some products.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Mark {
    label: Text,
    category: Text,
    details: Text,
    product_ids: List<Text>,
    group_ids: List<Text>,
}

/// The products by their numbers.
#[derive(Default)]
struct Products {
    /// What each is called.
    names: FxHashMap<String, Vec<String>>,
    /// Which component of which product each is, where it is one.
    parts: FxHashMap<String, (String, String)>,
    groups: FxHashMap<String, Vec<String>>,
}

pub(super) fn read(bytes: &[u8], version: &str) -> Result<Document, Fault> {
    if !matches!(version, "2.0" | "2.1") {
        return Err(unknown_version(FORMAT, version));
    }
    let advisory: Advisory = parse(bytes)?;
    let mut document = Document::new(FORMAT, version);
    document.subject = Some(advisory.document.title.0).filter(|title| !title.is_empty());
    let products = Products::of(advisory.product_tree)?;
    for vulnerability in advisory.vulnerabilities.0 {
        let mut id = vulnerability.cve.0;
        if id.is_empty() {
            id = vulnerability.ids.0.into_iter().map(|id| id.text.0).next().unwrap_or_default();
        }
        let labels = products.marked(&vulnerability.flags.0, |mark| mark.label.0.as_str());
        let impacts = products.marked(&vulnerability.threats.0, |mark| match mark.category.0.as_str() {
            "impact" => mark.details.0.as_str(),
            _ => "",
        });
        let status = vulnerability.product_status;
        for (word, list) in [
            ("not_affected", status.known_not_affected),
            ("affected", status.known_affected),
            ("fixed", status.fixed),
            ("under_investigation", status.under_investigation),
        ] {
            for Text(number) in list.0 {
                let (product, component) = products.parted(&number);
                let label = labels.get(number.as_str()).copied().unwrap_or_default();
                let impact = impacts.get(number.as_str()).copied().unwrap_or_default();
                document.state(Statement {
                    product,
                    component,
                    status: word.to_owned(),
                    justification: label.to_owned(),
                    author: advisory.document.publisher.name.0.clone(),
                    note: if impact.is_empty() { id.clone() } else { format!("{id}: {impact}") },
                })?;
            }
        }
    }
    Ok(document)
}

impl Products {
    fn of(tree: Tree) -> Result<Self, Fault> {
        let mut products = Self::default();
        products.branches(tree.branches.0);
        tree.full_product_names.0.into_iter().for_each(|product| products.product(product));
        for relation in tree.relationships.0 {
            let pair = (relation.product_reference.0, relation.relates_to_product_reference.0);
            products.parts.insert(relation.full_product_name.product_id.0.clone(), pair);
            products.product(relation.full_product_name);
        }
        for group in tree.product_groups.0 {
            let list = group.product_ids.0.into_iter().map(|number| number.0).collect();
            products.groups.insert(group.group_id.0, list);
        }
        if products.names.len() > MOST {
            return Err(Fault::new(GapReason::Limit, format!("more than {MOST} products")));
        }
        Ok(products)
    }

    /// Branches in branches; the parser bounds how deep they lie.
    fn branches(&mut self, list: Vec<Branch>) {
        for branch in list {
            branch.product.into_iter().for_each(|product| self.product(product));
            self.branches(branch.branches.0);
        }
    }

    fn product(&mut self, product: Product) {
        let mut names = Vec::new();
        if let Some(helper) = product.product_identification_helper {
            push(&mut names, &helper.purl.0);
            helper.purls.0.iter().for_each(|purl| push(&mut names, &purl.0));
            push(&mut names, &helper.cpe.0);
        }
        push(&mut names, &product.name.0);
        self.names.insert(product.product_id.0, names);
    }

    /// What the product with this number is called; the number where the tree does not have it.
    fn called(&self, number: &str) -> Vec<String> {
        self.names.get(number).filter(|names| !names.is_empty()).cloned().unwrap_or_else(|| vec![number.to_owned()])
    }

    /// The outermost product, and its innermost component if the number stands for one.
    fn parted(&self, number: &str) -> (Vec<String>, Vec<String>) {
        let outermost = |number: &str| {
            let mut at = number.to_owned();
            for _ in 0..DEEPEST {
                match self.parts.get(&at) {
                    Some((_, outer)) => outer.clone_into(&mut at),
                    None => break,
                }
            }
            at
        };
        match self.parts.get(number) {
            Some((part, whole)) => (self.called(&outermost(whole)), self.called(part)),
            None => (self.called(number), Vec::new()),
        }
    }

    /// What the marks say of each product.
    fn marked<'a>(&'a self, marks: &'a [Mark], text: impl Fn(&'a Mark) -> &'a str) -> FxHashMap<&'a str, &'a str> {
        let mut said = FxHashMap::default();
        // Groups can be named again and again.
        let mut left = MOST;
        for mark in marks {
            let own = mark.product_ids.0.iter().map(|number| &number.0);
            let grouped = mark.group_ids.0.iter().filter_map(|group| self.groups.get(&group.0)).flatten();
            for number in own.chain(grouped).take(left) {
                left = left.saturating_sub(1);
                said.entry(number.as_str()).or_insert_with(|| text(mark));
            }
        }
        said.retain(|_, text: &mut &str| !text.is_empty());
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_of_a_product_is_told_apart() {
        let document = read(
            br#"{"document": {"category": "csaf_vex", "csaf_version": "2.0", "title": "T", "publisher": {"name": "We"}},
                "product_tree": {
                    "branches": [{"category": "vendor", "name": "We", "branches": [{"category": "product_version", "name": "1",
                        "product": {"product_id": "A", "name": "App 1"}}]}],
                    "full_product_names": [{"product_id": "L", "name": "lib",
                        "product_identification_helper": {"purl": "pkg:npm/lib@1"}}],
                    "relationships": [{"category": "default_component_of", "product_reference": "L",
                        "relates_to_product_reference": "A", "full_product_name": {"product_id": "A:L", "name": "lib in App 1"}}]},
                "vulnerabilities": [{"cve": "CVE-1", "product_status": {"known_not_affected": ["A:L"], "fixed": ["A", "?"]},
                    "flags": [{"label": "component_not_present", "product_ids": ["A:L"]}],
                    "threats": [{"category": "impact", "details": "gone", "product_ids": ["A:L"]}]}]}"#,
            "2.0",
        )
        .unwrap();
        let [part, whole, lost] = document.statements.as_slice() else { panic!("three statements") };
        assert_eq!((part.product.join(" "), part.component.join("|")), ("App 1".into(), "pkg:npm/lib@1|lib".into()));
        assert_eq!((part.justification.as_str(), part.note.as_str()), ("component_not_present", "CVE-1: gone"));
        assert_eq!((whole.status.as_str(), whole.component.len()), ("fixed", 0));
        assert_eq!(lost.product, ["?"]);
    }

    #[test]
    fn an_unknown_version_is_a_fault() {
        assert!(read(b"{}", "3.0").is_err());
    }
}
