//! What the JSON and the XML form of CycloneDX share: <https://cyclonedx.org/docs/1.7/json/>.

use super::{Component, Document, Kind, Statement, push, unknown_version};
use ostrakon_place::Fault;
use rustc_hash::{FxHashMap, FxHashSet};

pub(super) const FORMAT: &str = "CycloneDX";

/// What is read here has one meaning in all of these; 1.4 is the oldest that is still written.
const VERSIONS: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

/// How many references a line about what is incomplete names.
const MOST_NAMED: usize = 8;

/// What a document says besides its components, until all of them are known.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The subject's own reference.
    pub(super) subject: String,
    /// What statements call the subject.
    pub(super) product: Vec<String>,
    /// Who wrote the document: authors first, then who made or supplies the subject.
    pub(super) authors: Vec<String>,
    /// What is said of vulnerabilities.
    pub(super) claims: Vec<Claim>,
}

/// What is said of one vulnerability.
#[derive(Debug, Default)]
pub(super) struct Claim {
    pub(super) vulnerability: String,
    pub(super) state: String,
    pub(super) justification: String,
    pub(super) detail: String,
    /// References of the components it is said of.
    pub(super) targets: Vec<String>,
}

/// An empty document of this version, if the version is known.
pub(super) fn document(version: &str) -> Result<Document, Fault> {
    if VERSIONS.contains(&version) { Ok(Document::new(FORMAT, version)) } else { Err(unknown_version(FORMAT, version)) }
}

/// The kind behind the word for a component's type.
pub(super) fn kind(word: &str) -> Kind {
    match word {
        "library" | "framework" => Kind::Library,
        "application" | "platform" => Kind::Application,
        "operating-system" => Kind::OperatingSystem,
        "file" => Kind::File,
        "container" => Kind::Container,
        "device" => Kind::Device,
        "firmware" | "device-driver" => Kind::Firmware,
        _ => Kind::Other,
    }
}

/// Does the property of this name hold a path at which the component was met? The names are those of Syft, Trivy,
/// cyclonedx-npm and cdxgen.
pub(super) fn is_place(property: &str) -> bool {
    let numbered = property.strip_prefix("syft:location:").is_some_and(|rest| rest.ends_with(":path"));
    numbered || matches!(property, "aquasecurity:trivy:FilePath" | "cdx:npm:package:path" | "SrcFile")
}

/// Group and name as one.
pub(super) fn full_name(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

/// Takes the subject. A folder that some tool looked at is written as a file without a hash: it is no part of anything.
pub(super) fn subject(document: &mut Document, rest: &mut Rest, component: Component) -> Result<(), Fault> {
    document.subject = Some(component.name.clone()).filter(|name| !name.is_empty());
    rest.subject.clone_from(&component.reference);
    rest.product = component.called();
    component.supplier.iter().for_each(|name| push(&mut rest.authors, name));
    let is_folder = component.kind == Kind::File && component.hashes.is_empty();
    if is_folder { Ok(()) } else { document.add(component) }
}

/// Notes a composition that is not complete.
pub(super) fn composition(document: &mut Document, aggregate: &str, references: &[String]) {
    if aggregate.is_empty() || aggregate == "complete" {
        return;
    }
    let more = if references.len() > MOST_NAMED { " and more" } else { "" };
    let named: Vec<&str> = references.iter().take(MOST_NAMED).map(String::as_str).collect();
    let of = if named.is_empty() { "the whole".to_owned() } else { named.join(", ") };
    document.incomplete.push(format!("{aggregate}: {of}{more}"));
}

/// Turns the claims into statements, once all components are known.
pub(super) fn finish(document: &mut Document, rest: Rest) -> Result<(), Fault> {
    if rest.claims.is_empty() {
        return Ok(());
    }
    let targets: FxHashSet<&str> = rest.claims.iter().flat_map(|claim| &claim.targets).map(String::as_str).collect();
    let known = document.components.iter().filter(|component| targets.contains(component.reference.as_str()));
    let known: FxHashMap<String, Vec<String>> =
        known.map(|component| (component.reference.clone(), component.called())).collect();
    let author = rest.authors.first().cloned().unwrap_or_default();
    for claim in rest.claims {
        let status = status(&claim.state);
        for target in &claim.targets {
            // A target in another document is written `urn:cdx:SERIAL/VERSION#REFERENCE`.
            let component = match known.get(target) {
                _ if *target == rest.subject => Vec::new(),
                Some(names) => names.clone(),
                None => vec![target.rsplit_once('#').map_or(target.as_str(), |(_, part)| part).to_owned()],
            };
            let note = match claim.detail.as_str() {
                "" => claim.vulnerability.clone(),
                detail => format!("{}: {detail}", claim.vulnerability),
            };
            document.state(Statement {
                product: rest.product.clone(),
                component,
                status: status.to_owned(),
                justification: claim.justification.clone(),
                author: author.clone(),
                note,
            })?;
        }
    }
    Ok(())
}

/// The common word for a state of the analysis.
fn status(state: &str) -> &str {
    match state {
        "not_affected" | "false_positive" => "not_affected",
        "exploitable" => "affected",
        "resolved" | "resolved_with_pedigree" => "fixed",
        "in_triage" => "under_investigation",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_names_product_and_component() {
        let mut document = document("1.6").unwrap();
        let mut rest = Rest { subject: "app".to_owned(), product: vec!["pkg:npm/app@1".to_owned()], ..Rest::default() };
        let part = Component { reference: "x".to_owned(), name: "part".to_owned(), ..Component::default() };
        document.add(part).unwrap();
        let targets = ["x", "app", "urn:cdx:a/1#z"].map(str::to_owned).to_vec();
        rest.claims.push(Claim { state: "exploitable".to_owned(), targets, ..Claim::default() });
        finish(&mut document, rest).unwrap();
        let list: Vec<_> =
            document.statements.iter().map(|one| (one.status.as_str(), one.component.join(" "))).collect();
        assert_eq!(list, [("affected", "part".to_owned()), ("affected", String::new()), ("affected", "z".to_owned())]);
        assert!(document.statements.iter().all(|one| one.product == ["pkg:npm/app@1"]));
    }

    #[test]
    fn an_unknown_version_is_a_fault() {
        assert!(document("1.8").is_err());
        assert!(document("2.0").is_err());
    }
}
