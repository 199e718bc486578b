//! Maven dependencies asked for in a `pom.xml`: dependencies also managed ones, plugins, extensions and the parent, with
//! the properties of the same file put in. <https://maven.apache.org/pom.html>

use crate::collector::{Collector, Examined, Interest, Meta, Out, Outcome, Seen};
use crate::library::{Ecosystem, declared};
use ostrakon_model::{Attribute, GapReason, Presence, Presences};
use ostrakon_place::Fault;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct MavenPom;

const LIMIT: u64 = 16 << 20;

/// Elements inside elements: project files have about ten.
const DEEPEST: usize = 128;

/// A property may name another, and that one more.
const MOST_REPLACEMENTS: usize = 32;

/// No name or version is longer.
const LONGEST: usize = 1024;

static META: Meta = Meta {
    id: "maven-pom",
    what: "Maven dependencies, plugins and parents asked for in pom.xml, with the properties of the same file.",
    cannot_see: "What parents, profiles and imported lists add; versions that they set: those stay empty.",
    attributes: &[
        Attribute::known("maven.group"),
        Attribute::known("maven.artifact"),
        Attribute::known("maven.coordinate"),
        Attribute::known("maven.version"),
        Attribute::known("purl"),
    ],
    hides: Presences::of(&[Presence::Declared]),
    live: false,
};

impl Collector for MavenPom {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn wants(&self) -> &'static [Interest] {
        &[Interest::Name("pom.xml")]
    }

    fn could_be(&self, path: &[u8], _inside: bool) -> bool {
        // A library's own description in its archive asks for nothing of whoever has the archive.
        memchr::memmem::find(path, b"/META-INF/maven/").is_none()
    }

    fn file(&self, seen: &Seen<'_>, out: &mut Out) -> Outcome {
        let text = seen.text(LIMIT)?;
        let mut found = BTreeSet::new();
        let outcome = read(&text, &mut found);
        for (name, version) in found {
            out.add(declared(seen.locator(), Ecosystem::Maven, &name, &version));
        }
        outcome
    }
}

fn read(text: &str, found: &mut BTreeSet<(String, String)>) -> Outcome {
    let mut asked = Vec::new();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut problem = None;
    let outcome = elements(text, "project", |element| {
        let group = element.child("groupId").unwrap_or_default();
        let id = element.child("artifactId").unwrap_or_default();
        let version = element.child("version").unwrap_or_default();
        let group = match element.name.as_str() {
            "properties" => {
                for (key, value) in &element.children {
                    known.entry(key.clone()).or_insert_with(|| value.clone());
                }
                return;
            }
            "project" => {
                for (key, value) in [("groupId", group), ("artifactId", id), ("version", version)] {
                    own(&mut known, "", key, value);
                }
                return;
            }
            // One without a group is Maven's own.
            "plugin" if group.is_empty() => "org.apache.maven.plugins",
            // What a plugin puts before the compiler is a path.
            "dependency" | "plugin" | "extension" | "path" => group,
            "parent" => {
                for (key, value) in [("groupId", group), ("artifactId", id), ("version", version)] {
                    own(&mut known, "parent.", key, value);
                }
                group
            }
            _ => return,
        };
        if !group.is_empty() && !id.is_empty() {
            asked.push((group.to_owned(), id.to_owned(), version.to_owned()));
        } else if element.name == "dependency" && element.children.iter().any(|(name, _)| name == "groupId") {
            problem.get_or_insert_with(|| format!("a dependency of {group} has no artifactId"));
        }
    });
    // What a project does not say of itself is its parent's.
    for key in ["groupId", "version"] {
        if let Some(value) = known.get(&format!("project.parent.{key}")).cloned() {
            own(&mut known, "", key, &value);
        }
    }
    for (group, id, version) in asked {
        let plain = |text: &str| resolved(text, &known).unwrap_or_else(|| text.to_owned());
        let version = resolved(&version, &known).unwrap_or_default();
        found.insert((format!("{}:{}", plain(&group), plain(&id)), exact(&version).to_owned()));
    }
    match (outcome, problem) {
        (Ok(_), Some(problem)) => Err(Fault::corrupt(problem)),
        (outcome, _) => outcome,
    }
}

/// Keeps a coordinate of the project or its parent under the names that properties may use for it.
fn own(known: &mut BTreeMap<String, String>, of: &str, key: &str, value: &str) {
    if !value.is_empty() {
        for begin in ["project.", "pom.", ""] {
            known.entry(format!("{begin}{of}{key}")).or_insert_with(|| value.to_owned());
        }
    }
}

/// `value` with every `${NAME}` put in; `None` where a name is not known.
fn resolved(value: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let mut value = value.to_owned();
    for _ in 0..MOST_REPLACEMENTS {
        if !value.contains("${") {
            return Some(value);
        }
        let (before, rest) = value.split_once("${")?;
        let (name, after) = rest.split_once('}')?;
        value = format!("{before}{}{after}", known.get(name)?);
        if value.len() > LONGEST {
            return None;
        }
    }
    None
}

/// The one version that is asked for; empty where it is a range, a pattern or a name that is resolved elsewhere.
pub(super) fn exact(version: &str) -> &str {
    let version = version.trim();
    let one = version.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(version).trim();
    let is_open = one.contains(['[', ']', '(', ')', ',', '*', '$', '{', ' ']) || one.ends_with('+');
    if is_open || one.starts_with("latest.") || one == "LATEST" || one == "RELEASE" { "" } else { one }
}

/// An element of an XML file once it has closed.
pub(super) struct Element {
    /// Its name without a namespace.
    pub(super) name: String,
    /// The elements directly inside it: name and text.
    pub(super) children: Vec<(String, String)>,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Element {
    /// Opens one.
    fn of(start: &BytesStart<'_>) -> Result<Self, Fault> {
        let mut attributes = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| Fault::corrupt(error.to_string()))?;
            let name = attribute.key.local_name().into_inner().to_owned();
            // A name for something else is left as it stands: nothing is looked up.
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => value.into_owned(),
                Err(_) => attribute.value.to_string(),
            };
            attributes.push((name, value));
        }
        let name = start.local_name().into_inner().to_owned();
        Ok(Self { name, children: Vec::new(), attributes, text: String::new() })
    }

    /// The text of the first element of this name directly inside.
    pub(super) fn child(&self, name: &str) -> Option<&str> {
        self.children.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
    }
}

/// Hands every element of the XML file `text` to `each` as it closes. A file whose outermost element is not `root` is
/// something else. No entity is expanded but the five of XML itself and numbers.
pub(super) fn elements(text: &str, root: &str, mut each: impl FnMut(&Element)) -> Outcome {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(Examined::Whole);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut begun = false;
    loop {
        match reader.read_event().map_err(|error| Fault::corrupt(error.to_string()))? {
            Event::Start(start) => {
                let element = Element::of(&start)?;
                if !begun && element.name != root {
                    return Ok(Examined::NotMine);
                }
                begun = true;
                if open.len() >= DEEPEST {
                    return Err(Fault::new(
                        GapReason::Limit,
                        format!("more than {DEEPEST} elements inside each other"),
                    ));
                }
                open.push(element);
            }
            Event::End(_) => {
                let Some(mut element) = open.pop() else { continue };
                let text = std::mem::take(&mut element.text);
                if let Some(above) = open.last_mut() {
                    above.children.push((element.name.clone(), text.trim().to_owned()));
                }
                each(&element);
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(name) => {
                let number = name.resolve_char_ref().ok().flatten().map(String::from);
                let word = || resolve_predefined_entity(&name).map(str::to_owned);
                add(&mut open, &number.or_else(word).unwrap_or_else(|| format!("&{};", &*name)));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match open.last() {
        Some(element) => Err(Fault::new(GapReason::Truncated, format!("it ends inside {}", element.name))),
        None if begun => Ok(Examined::Whole),
        None => Err(Fault::corrupt("it holds no element")),
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Outcome, Vec<String>) {
        let mut found = BTreeSet::new();
        let outcome = read(text, &mut found);
        (outcome, found.into_iter().map(|(name, version)| format!("{name} {version}")).collect())
    }

    #[test]
    fn properties_are_put_in() {
        let (outcome, found) = names(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><parent><groupId>org.x</groupId><artifactId>top</artifactId>\
             <version>3</version></parent><properties><a>${b}</a><b>1.2</b><c>${c}</c></properties><dependencies>\
             <dependency><groupId>${project.groupId}</groupId><artifactId>one</artifactId><version>${a}</version></dependency>\
             <dependency><groupId>g</groupId><artifactId>two</artifactId><version>${c}</version></dependency>\
             <dependency><groupId>g</groupId><artifactId>three</artifactId><version>${project.version}</version></dependency>\
             </dependencies><build><plugins><plugin><artifactId>maven-jar-plugin</artifactId><version>[3.3.0]</version></plugin>\
             </plugins></build></project>",
        );
        assert_eq!(outcome, Ok(Examined::Whole));
        let wanted =
            ["g:three 3", "g:two ", "org.apache.maven.plugins:maven-jar-plugin 3.3.0", "org.x:one 1.2", "org.x:top 3"];
        assert_eq!(found, wanted);
    }

    #[test]
    fn entities_are_left_as_they_stand() {
        let (outcome, found) = names(
            "<!DOCTYPE project [<!ENTITY x \"y\">]><project><dependencies><dependency><groupId>a&amp;&#98;</groupId>\
             <artifactId>&x;</artifactId></dependency></dependencies></project>",
        );
        assert_eq!((outcome, found), (Ok(Examined::Whole), vec!["a&b:&x; ".to_owned()]));
    }

    #[test]
    fn a_file_that_ends_early_is_damage() {
        let (outcome, found) =
            names("<project><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId></dependency>");
        assert_eq!(outcome.map_err(|fault| fault.reason), Err(GapReason::Truncated));
        assert_eq!(found, ["g:a "]);
        assert_eq!(names("<html></html>").0, Ok(Examined::NotMine));
        assert!(names("plain words").0.is_err());
    }
}
