//! What was seen, as typed attributes.

use crate::vocabulary::{ATTRIBUTES, AttributeInfo, info};
use crate::{Locator, Presence, WordError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A name of the vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(u16);

impl Attribute {
    /// The attribute called `name`, or an error that says where the names are.
    pub fn named(name: &str) -> Result<Self, WordError> {
        ATTRIBUTES
            .binary_search_by(|entry| entry.name.cmp(name))
            .ok()
            .and_then(|at| u16::try_from(at).ok())
            .map(Self)
            .ok_or_else(|| WordError::Attribute(name.to_owned()))
    }

    /// The attribute called `name`, for names written in code: one that the vocabulary does not have does not compile
    /// where the result is a constant.
    #[expect(clippy::panic, reason = "only ever evaluated while compiling")]
    pub const fn known(name: &str) -> Self {
        let mut at = 0;
        while at < ATTRIBUTES.len() {
            if same(ATTRIBUTES[at].name.as_bytes(), name.as_bytes()) {
                return Self(at as u16);
            }
            at += 1;
        }
        panic!("no such attribute in the vocabulary")
    }

    /// The name.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The vocabulary's entry.
    pub fn info(self) -> &'static AttributeInfo {
        &ATTRIBUTES[usize::from(self.0)]
    }

    /// A number below [`Attribute::COUNT`], for tables.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// How many attributes there are.
    pub const COUNT: usize = ATTRIBUTES.len();

    /// Every attribute.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ATTRIBUTES.len()).filter_map(|at| u16::try_from(at).ok()).map(Self)
    }
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        if info(&name).is_none() {
            return Err(D::Error::custom(WordError::Attribute(name.into_owned())));
        }
        Self::named(&name).map_err(D::Error::custom)
    }
}

/// What kind of thing an artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// An entry of a package database, of the system's or a language's.
    Package,
    /// A running process.
    Process,
    /// Something the system starts: unit, init script, scheduled entry, service.
    Service,
    /// A kernel module or driver.
    Driver,
    /// An executable or shared library file.
    Executable,
    /// Any other file or folder.
    File,
    /// A certificate in a trust store.
    Certificate,
    /// A browser extension or its native host.
    Extension,
    /// A software library of a language ecosystem.
    Library,
    /// A registry key or value.
    RegistryKey,
    /// A local account or group.
    Account,
    /// An operating system and its root.
    System,
    /// A name or address in traffic.
    Contact,
    /// A line of a contract, order or price list.
    Procurement,
    /// What somebody says of a product, such as that it is not affected (VEX).
    Statement,
    /// Something that says a program was run, or is to be: it proves no presence of its own.
    Trace,
}

impl ArtifactKind {
    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Process => "process",
            Self::Service => "service",
            Self::Driver => "driver",
            Self::Executable => "executable",
            Self::File => "file",
            Self::Certificate => "certificate",
            Self::Extension => "extension",
            Self::Library => "library",
            Self::RegistryKey => "registry-key",
            Self::Account => "account",
            Self::System => "system",
            Self::Contact => "contact",
            Self::Procurement => "procurement",
            Self::Statement => "statement",
            Self::Trace => "trace",
        }
    }

    /// What an artifact of this kind proves when neither it nor the indicator says more.
    pub const fn presence(self) -> Presence {
        match self {
            Self::Process => Presence::Running,
            Self::Package | Self::Service | Self::Driver | Self::Extension | Self::Library | Self::System => {
                Presence::Installed
            }
            Self::Executable => Presence::Dormant,
            Self::File | Self::Certificate | Self::RegistryKey | Self::Account | Self::Trace => Presence::Remnant,
            Self::Contact => Presence::Contact,
            Self::Procurement => Presence::Procured,
            Self::Statement => Presence::Declared,
        }
    }
}

/// One thing a collector saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What kind of thing it is.
    pub kind: ArtifactKind,
    /// Where it was seen.
    pub locator: Locator,
    /// The collector that saw it; empty where a person or another tool says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collector: String,
    /// What it proves, where its own state says so (a purged package, a unit without its program).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
    /// It lies in a copy (an archive, a backup, a layer that another hides): nothing there is installed on the asset.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// Attribute and value; an attribute may have several values.
    #[serde(with = "values")]
    pub attributes: Vec<(Attribute, String)>,
    /// SHA-256 of the thing itself, hex, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Artifact {
    /// An artifact without attributes.
    pub fn new(kind: ArtifactKind, locator: Locator, collector: &str) -> Self {
        Self {
            kind,
            locator,
            collector: collector.to_owned(),
            presence: None,
            copy: false,
            attributes: Vec::new(),
            sha256: None,
        }
    }

    /// Adds a value, unless it is empty.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: impl Into<String>) -> Self {
        self.push(attribute, value);
        self
    }

    /// Adds a value, unless it is empty.
    pub fn push(&mut self, attribute: Attribute, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.attributes.push((attribute, value));
        }
    }

    /// Says what its own state proves.
    #[must_use]
    pub fn proving(mut self, presence: Presence) -> Self {
        self.presence = Some(presence);
        self
    }

    /// The values of one attribute.
    pub fn values(&self, attribute: Attribute) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(move |(name, _)| *name == attribute).map(|(_, value)| value.as_str())
    }
}

/// Attributes are written as one JSON object; an attribute with several values becomes a list.
mod values {
    use super::Attribute;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    #[derive(serde::Serialize, Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(pairs: &[(Attribute, String)], out: S) -> Result<S::Ok, S::Error> {
        let mut map: BTreeMap<Attribute, Vec<&str>> = BTreeMap::new();
        for (name, value) in pairs {
            map.entry(*name).or_default().push(value);
        }
        out.collect_map(map.into_iter().map(|(name, values)| match values.as_slice() {
            [one] => (name, OneOrMany::One((*one).to_owned())),
            many => (name, OneOrMany::Many(many.iter().map(|value| (*value).to_owned()).collect())),
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<(Attribute, String)>, D::Error> {
        let map = BTreeMap::<Attribute, OneOrMany>::deserialize(input)?;
        Ok(map
            .into_iter()
            .flat_map(|(name, values)| match values {
                OneOrMany::One(value) => vec![(name, value)],
                OneOrMany::Many(values) => values.into_iter().map(|value| (name, value)).collect(),
            })
            .collect())
    }
}
