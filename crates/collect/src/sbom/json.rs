//! JSON values as bills of materials have them: text that may be a number, one thing or its name, and lists that count
//! what they hold, so that no document takes more memory than it is worth.

use ostrakon_model::GapReason;
use ostrakon_place::Fault;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

/// What all lists of one document may take together, in bytes. The texts in them are no longer than the file.
const MOST_HELD: usize = 1 << 30;

const OVER: &str = "its lists are longer than this reader holds";

thread_local! {
    /// What the lists of the document being read may still take.
    static LEFT: Cell<usize> = const { Cell::new(MOST_HELD) };
}

/// One document.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    LEFT.set(MOST_HELD);
    serde_json::from_slice(bytes).map_err(|error| {
        let words = error.to_string();
        let over = words.starts_with(OVER) || words.starts_with("recursion limit");
        let reason = match error.is_eof() {
            _ if over => GapReason::Limit,
            true => GapReason::Truncated,
            false => GapReason::Corrupt,
        };
        Fault::new(reason, words)
    })
}

/// Text; a number or truth value is its text, null is empty. Anything else is an error.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Text, E> {
        Ok(Text::default())
    }
}

/// Text, or nothing where it is something else: for files of which it is not known what they are.
#[derive(Debug, Default)]
pub(super) struct Loose(pub(super) String);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let words = Words::deserialize(input)?;
        Ok(Self(if words.1 { String::new() } else { words.0.into_iter().next().unwrap_or_default() }))
    }
}

/// A text or a list of texts; nothing where it is something else. The mark says that it was a list.
#[derive(Debug, Default)]
pub(super) struct Words(pub(super) Vec<String>, bool);

/// A context names a handful of others.
const MOST_WORDS: usize = 64;

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Words, E> {
        Ok(Words(vec![text.to_owned()], false))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while words.len() < MOST_WORDS {
            match list.next_element::<Loose>()? {
                Some(word) => words.push(word.0),
                None => return Ok(Words(words, true)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Words(words, true))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Words::default())
    }
}

/// An object, or nothing where it is something else.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) Option<T>);

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Object<T>, E> {
        Ok(Object(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Object<T>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|object| Object(Some(object)))
    }
}

/// A thing written out, or only its name.
#[derive(Debug)]
pub(super) enum Named<T> {
    /// Its name; empty for null.
    Name(String),
    /// All of it.
    Whole(T),
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or an object")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Named<T>, E> {
        Ok(Named::Name(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Named<T>, E> {
        Ok(Named::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Named<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Named::Whole)
    }
}

/// A list, or null for an empty one. What it holds counts against the document's bound.
#[derive(Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<List<T>, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = input.next_element()? {
            match LEFT.get().checked_sub(size_of::<T>().max(1)) {
                Some(left) => LEFT.set(left),
                None => return Err(A::Error::custom(OVER)),
            }
            list.push(one);
        }
        Ok(List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug)]
    struct Sample {
        #[serde(default)]
        version: Text,
        #[serde(default)]
        parts: List<Named<Box<Sample>>>,
    }

    #[test]
    fn numbers_null_and_names_are_taken() {
        let sample: Sample = parse(br#"{"version": 1.5, "parts": ["a", {"version": null, "parts": null}]}"#).unwrap();
        assert_eq!(sample.version.0, "1.5");
        assert!(matches!(sample.parts.0.as_slice(), [Named::Name(name), Named::Whole(_)] if name == "a"));
        assert!(parse::<Sample>(br#"{"version": {}}"#).is_err());
    }

    #[test]
    fn what_is_too_deep_is_a_limit() {
        let deep = format!("{}{}", r#"{"parts": ["#.repeat(200), "]}".repeat(200));
        assert_eq!(parse::<Sample>(deep.as_bytes()).unwrap_err().reason, GapReason::Limit);
    }

    #[test]
    fn an_unknown_file_may_hold_anything() {
        let loose: Object<Sample> = parse(b"[1, {}]").unwrap();
        assert!(loose.0.is_none());
        assert_eq!(parse::<Loose>(b"[\"a\"]").unwrap().0, "");
        assert_eq!(parse::<Words>(b"[\"a\", {\"b\": 1}]").unwrap().0, ["a", ""]);
    }
}
