//! XML as a walk over its elements: each is told by the path of local names that leads to it. Entities are those that XML
//! itself has, a document's own are not taken; text is what stands between two tags, which is all that leaves have.

use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};

/// Bills nest components a few deep, each three elements.
const DEEPEST: usize = 128;

/// No element of these formats has more than a dozen.
const MOST_ATTRIBUTES: usize = 256;

/// Takes the elements of a document, outer ones first.
pub(crate) trait Elements {
    /// An element begins. `path` is the local names from the root to it, with `/` between.
    fn open(&mut self, path: &str, attributes: &Attributes) -> Result<(), Fault>;

    /// An element ends; `text` is what stood before its end, blanks around it left out.
    fn close(&mut self, path: &str, text: &str) -> Result<(), Fault>;
}

/// The attributes of one element, by their names with prefix.
pub(crate) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The value of one; empty where it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// Name and value of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Local name and namespace of the root element.
pub(crate) fn root(text: &str) -> Result<Option<(String, String)>, Fault> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().map_err(|error| fault(&error))? {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().0;
                let (prefix, local) = name.split_once(':').unwrap_or(("", name));
                let binding = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
                return Ok(Some((local.to_owned(), attributes(&tag)?.get(&binding).to_owned())));
            }
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

/// Goes over all elements.
pub(crate) fn walk(text: &str, elements: &mut impl Elements) -> Result<(), Fault> {
    let mut reader = Reader::from_str(text);
    let mut path = String::new();
    let mut depth = 0_usize;
    let mut words = String::new();
    loop {
        match reader.read_event().map_err(|error| fault(&error))? {
            Event::Start(tag) => {
                depth = depth.saturating_add(1);
                if depth > DEEPEST {
                    return Err(Fault::new(GapReason::Limit, "its elements are nested too deep"));
                }
                enter(&mut path, &tag);
                words.clear();
                elements.open(&path, &attributes(&tag)?)?;
            }
            Event::Empty(tag) => {
                enter(&mut path, &tag);
                words.clear();
                elements.open(&path, &attributes(&tag)?)?;
                elements.close(&path, "")?;
                leave(&mut path);
            }
            Event::End(_) => {
                elements.close(&path, words.trim())?;
                words.clear();
                leave(&mut path);
                depth = depth.saturating_sub(1);
            }
            Event::Text(text) => words.push_str(&text.xml10_content()),
            Event::CData(text) => words.push_str(&text.xml10_content()),
            Event::GeneralRef(name) => push_entity(&mut words, &name)?,
            Event::Eof if depth > 0 => {
                return Err(Fault::new(GapReason::Truncated, format!("it ends inside '{path}'")));
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn enter(path: &mut String, tag: &BytesStart<'_>) {
    if !path.is_empty() {
        path.push('/');
    }
    let name = tag.name().0;
    path.push_str(name.split_once(':').map_or(name, |(_, local)| local));
}

fn leave(path: &mut String) {
    path.truncate(path.rfind('/').unwrap_or(0));
}

fn attributes(tag: &BytesStart<'_>) -> Result<Attributes, Fault> {
    let mut list = Vec::new();
    let mut attributes = tag.attributes();
    // The check compares each with all before it; here the first one counts.
    attributes.with_checks(false);
    for attribute in attributes {
        if list.len() == MOST_ATTRIBUTES {
            return Err(Fault::new(
                GapReason::Limit,
                format!("an element with more than {MOST_ATTRIBUTES} attributes"),
            ));
        }
        let attribute = attribute.map_err(|error| Fault::corrupt(error.to_string()))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| fault(&error))?;
        list.push((attribute.key.0.to_owned(), value.into_owned()));
    }
    Ok(Attributes(list))
}

fn push_entity(words: &mut String, name: &BytesRef<'_>) -> Result<(), Fault> {
    if let Some(letter) = name.resolve_char_ref().map_err(|error| fault(&error))? {
        words.push(letter);
        return Ok(());
    }
    match resolve_predefined_entity(name) {
        Some(text) => words.push_str(text),
        None => return Err(Fault::corrupt("an entity that XML does not have")),
    }
    Ok(())
}

fn fault(error: &Error) -> Fault {
    let reason = match error {
        // What of a tag, comment or the like is there has no end.
        Error::Syntax(_) => GapReason::Truncated,
        _ => GapReason::Corrupt,
    };
    Fault::new(reason, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Lines(Vec<String>);

    impl Elements for Lines {
        fn open(&mut self, path: &str, attributes: &Attributes) -> Result<(), Fault> {
            let list: Vec<String> = attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
            self.0.push(format!("+{path} {}", list.join(" ")));
            Ok(())
        }

        fn close(&mut self, path: &str, text: &str) -> Result<(), Fault> {
            self.0.push(format!("-{path} {text}"));
            Ok(())
        }
    }

    fn lines(text: &str) -> Result<Vec<String>, GapReason> {
        let mut lines = Lines::default();
        walk(text, &mut lines).map_err(|fault| fault.reason)?;
        Ok(lines.0)
    }

    #[test]
    fn elements_come_with_path_attributes_and_text() {
        let text = "<?xml version='1.0'?><!-- x --><a:r b='1 &lt; 2'><c/> <d> x &amp; &#x79;<![CDATA[<]]> </d></a:r>";
        assert_eq!(lines(text).unwrap(), ["+r b=1 < 2", "+r/c ", "-r/c ", "+r/d ", "-r/d x & y<", "-r "]);
        assert_eq!(root("<x:bom xmlns:x='urn:a'/>").unwrap(), Some(("bom".to_owned(), "urn:a".to_owned())));
    }

    #[test]
    fn damage_and_bombs_are_faults() {
        assert_eq!(lines("<a><b></a>"), Err(GapReason::Corrupt));
        assert_eq!(lines("<a>"), Err(GapReason::Truncated));
        assert_eq!(lines("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), Err(GapReason::Corrupt));
        assert_eq!(lines(&"<a>".repeat(200)), Err(GapReason::Limit));
    }
}
