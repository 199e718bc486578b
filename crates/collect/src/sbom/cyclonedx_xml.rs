//! CycloneDX as XML: <https://cyclonedx.org/docs/1.7/xml/>.

use super::cyclonedx::{Claim, FORMAT, Rest, composition, document, finish, full_name, is_place, kind, subject};
use super::xml::{Attributes, Elements, walk};
use super::{Component, Document, MOST, push, unknown_version};
use ostrakon_model::GapReason;
use ostrakon_place::Fault;

pub(super) fn read(text: &str, space: &str) -> Result<Document, Fault> {
    let version = space.rsplit_once("/bom/").map(|(_, version)| version);
    let document = document(version.ok_or_else(|| unknown_version(FORMAT, space))?)?;
    let mut bom = Bom { document, rest: Rest::default(), open: Vec::new(), word: String::new(), composed: None };
    walk(text, &mut bom)?;
    let Bom { mut document, rest, .. } = bom;
    finish(&mut document, rest)?;
    Ok(document)
}

struct Bom {
    document: Document,
    rest: Rest,
    /// The components and services around the place in the document, outermost first.
    open: Vec<Part>,
    /// The attribute that says what the text of the element is.
    word: String,
    /// The composition around the place: its aggregate and the references it names.
    composed: Option<(String, Vec<String>)>,
}

struct Part {
    component: Component,
    group: String,
    /// How long the path of its element is.
    depth: usize,
    subject: bool,
}

impl Elements for Bom {
    fn open(&mut self, path: &str, attributes: &Attributes) -> Result<(), Fault> {
        let outside = self.open.is_empty();
        match (outside, self.relative(path)) {
            (true, "bom/metadata/component" | "bom/components/component" | "bom/services/service")
            | (false, "components/component" | "services/service") => self.open.push(Part {
                component: Component {
                    reference: attributes.get("bom-ref").to_owned(),
                    kind: kind(attributes.get("type")),
                    ..Component::default()
                },
                group: String::new(),
                depth: path.len(),
                subject: path == "bom/metadata/component",
            }),
            (false, "hashes/hash") => attributes.get("alg").clone_into(&mut self.word),
            (false, "properties/property") => attributes.get("name").clone_into(&mut self.word),
            (true, "bom/vulnerabilities/vulnerability") => {
                if self.rest.claims.len() >= MOST {
                    return Err(Fault::new(GapReason::Limit, format!("more than {MOST} vulnerabilities")));
                }
                self.rest.claims.push(Claim::default());
            }
            (true, "bom/compositions/composition") => self.composed = Some((String::new(), Vec::new())),
            (
                true,
                "bom/compositions/composition/assemblies/assembly"
                | "bom/compositions/composition/dependencies/dependency",
            ) => {
                if let Some((_, references)) = &mut self.composed {
                    references.push(attributes.get("ref").to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, path: &str, text: &str) -> Result<(), Fault> {
        if self.open.last().is_some_and(|part| part.depth == path.len()) {
            return self.ended();
        }
        let depth = self.open.last().map_or(0, |part| part.depth);
        let inside = path.get(depth..).unwrap_or_default().trim_start_matches('/');
        match self.open.last_mut() {
            Some(part) => part.take(inside, &self.word, text),
            None => self.around(inside, text),
        }
        Ok(())
    }
}

impl Bom {
    /// The path from the innermost component on; the whole path outside of components.
    fn relative<'a>(&self, path: &'a str) -> &'a str {
        let depth = self.open.last().map_or(0, |part| part.depth);
        path.get(depth..).unwrap_or_default().trim_start_matches('/')
    }

    /// The innermost component ends.
    fn ended(&mut self) -> Result<(), Fault> {
        let Some(Part { mut component, group, subject: is_subject, .. }) = self.open.pop() else { return Ok(()) };
        component.name = full_name(&group, &component.name);
        if is_subject { subject(&mut self.document, &mut self.rest, component) } else { self.document.add(component) }
    }

    /// Text outside of components.
    fn around(&mut self, path: &str, text: &str) {
        match path {
            "bom/metadata/authors/author/name"
            | "bom/metadata/supplier/name"
            | "bom/metadata/manufacturer/name"
            | "bom/metadata/manufacture/name" => push(&mut self.rest.authors, text),
            "bom/compositions/composition/aggregate" => {
                if let Some((aggregate, _)) = &mut self.composed {
                    text.clone_into(aggregate);
                }
            }
            "bom/compositions/composition" => {
                if let Some((aggregate, references)) = self.composed.take() {
                    composition(&mut self.document, &aggregate, &references);
                }
            }
            // A finding that nobody looked into says nothing.
            "bom/vulnerabilities/vulnerability" => {
                self.rest.claims.pop_if(|claim| claim.state.is_empty() && claim.justification.is_empty());
            }
            _ => {
                let Some(path) = path.strip_prefix("bom/vulnerabilities/vulnerability/") else { return };
                let Some(claim) = self.rest.claims.last_mut() else { return };
                match path {
                    "id" => text.clone_into(&mut claim.vulnerability),
                    "analysis/state" => text.clone_into(&mut claim.state),
                    "analysis/justification" => text.clone_into(&mut claim.justification),
                    "analysis/detail" => text.clone_into(&mut claim.detail),
                    "affects/target/ref" => claim.targets.push(text.to_owned()),
                    _ => {}
                }
            }
        }
    }
}

impl Part {
    /// Text inside of the component at `path` from it on.
    fn take(&mut self, path: &str, word: &str, text: &str) {
        let component = &mut self.component;
        match path {
            "group" => text.clone_into(&mut self.group),
            "name" => text.clone_into(&mut component.name),
            "version" => text.clone_into(&mut component.version),
            "purl" => push(&mut component.purls, text),
            "cpe" => push(&mut component.cpes, text),
            "supplier/name"
            | "manufacturer/name"
            | "provider/name"
            | "publisher"
            | "author"
            | "authors/author/name" => {
                push(&mut component.supplier, text);
            }
            "hashes/hash" => component.hashes.push((word.to_owned(), text.to_owned())),
            "properties/property" if is_place(word) => component.place(text),
            "evidence/occurrences/occurrence/location" => component.place(text),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    const SPACE: &str = "http://cyclonedx.org/schema/bom/1.5";

    #[test]
    fn components_at_any_depth_and_only_those_of_the_product() {
        let text = "<bom><metadata><tools><components><component><name>tool</name></component></components></tools>\
            <component type='application' bom-ref='r'><name>app</name></component><supplier><name>We</name></supplier></metadata>\
            <components><component type='library' bom-ref='l'><group>@k</group><name>lib</name><version>1</version>\
            <purl>pkg:npm/%40k/lib@1</purl><publisher>P</publisher><hashes><hash alg='SHA-1'>00</hash></hashes>\
            <pedigree><ancestors><component><name>old</name></component></ancestors></pedigree>\
            <properties><property name='syft:location:0:path'>/a</property></properties>\
            <components><component type='file'><name>/f</name></component></components></component></components>\
            <compositions><composition><aggregate>incomplete</aggregate><assemblies><assembly ref='l'/></assemblies>\
            </composition></compositions>\
            <vulnerabilities><vulnerability><id>CVE-1</id><affects><target><ref>l</ref></target></affects></vulnerability>\
            <vulnerability><id>CVE-2</id><analysis><state>not_affected</state><justification>code_not_present</justification>\
            </analysis><affects><target><ref>l</ref></target></affects></vulnerability></vulnerabilities></bom>";
        let document = read(text, SPACE).unwrap();
        let names: Vec<_> = document.components.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(names, [("app", Kind::Application), ("/f", Kind::File), ("@k/lib", Kind::Library)]);
        let library = &document.components[2];
        assert_eq!((library.supplier.join(" "), library.places.join(" ")), ("P".to_owned(), "/a".to_owned()));
        assert_eq!(library.hashes, [("SHA-1".to_owned(), "00".to_owned())]);
        assert_eq!(document.incomplete, ["incomplete: l"]);
        assert_eq!(document.statements.len(), 1);
        assert_eq!(document.statements[0].component, ["pkg:npm/%40k/lib@1"]);
        assert_eq!(document.statements[0].author, "We");
    }

    #[test]
    fn an_unknown_version_and_a_cut_are_faults() {
        assert!(read("<bom/>", "http://cyclonedx.org/schema/bom/9.0").is_err());
        assert!(read("<bom><components>", SPACE).is_err());
    }
}
