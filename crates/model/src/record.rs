//! How a look is written down: the records of a bundle, in order. A bundle begins with one [`Look`] and ends with one
//! [`Ending`]; one without its ending was cut off, and nobody may call it whole.

use crate::{Artifact, Attribute, Excluded, Gap, Locator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the bundle format.
pub const BUNDLE_SCHEMA: &str = "ostrakon/bundle/1";

/// One line of a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The head.
    Look(Box<Look>),
    /// Names in a folder.
    Listing(Listing),
    /// A thing that was seen.
    Artifact(Artifact),
    /// A thing that was not read.
    Gap(Gap),
    /// A thing left out on purpose.
    Excluded(Excluded),
    /// The digest of a file that a product known at the time was recognised by.
    Digest(FileDigest),
    /// A thing that was seen, and that the dossiers of the day recognise or that every order asks about.
    Known(Artifact),
    /// A name that the dossiers of the day recognise; it is in its listing as well.
    Name(KnownName),
    /// What tells whether the files of a folder are still as they were.
    Stamps(Stamps),
    /// The tail.
    Ending(Ending),
}

/// What kind of asset was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetKind {
    /// This machine, running.
    Host,
    /// A folder that holds a root or other files.
    Tree,
    /// One file: an archive or a part of one, a list of what something is made of (SBOM), any other.
    File,
    /// A container image.
    Image,
}

impl AssetKind {
    /// The word as files and outputs write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Tree => "tree",
            Self::File => "file",
            Self::Image => "image",
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Stays the same over looks: the machine id where there is one.
    pub id: String,
    /// What kind of asset.
    pub kind: AssetKind,
    /// Its name for people.
    pub name: String,
    /// Its operating system, as it calls itself.
    pub os: String,
}

/// The head of a bundle: who looked, at what, how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// [`BUNDLE_SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// What was looked at.
    pub asset: Asset,
    /// The place as it was named.
    pub place: String,
    /// The privilege of the look: `root` or `user NAME (uid N)`.
    pub privilege: String,
    /// The collectors at work.
    pub methods: Vec<Method>,
    /// The bytes that were looked for in executables, hex: others were not.
    #[serde(default)]
    pub marks: Vec<String>,
    /// What together is the place's own root, beside its own paths: the layers of an image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Locator>,
    /// The dossiers at hand, each with the SHA-256 of its text: what they recognise was looked at more closely.
    #[serde(default)]
    pub dossiers: Vec<String>,
    /// How deep archives were opened and what that could cost, in words.
    #[serde(default)]
    pub limits: String,
}

impl Look {
    /// The attributes nobody collected in this look.
    pub fn not_collected(&self) -> Vec<Attribute> {
        let collected: std::collections::BTreeSet<_> = self
            .methods
            .iter()
            .filter(|method| method.state == MethodState::Used)
            .flat_map(|m| &m.attributes)
            .collect();
        Attribute::all().filter(|attribute| !collected.contains(attribute)).collect()
    }
}

/// One collector as the methodology names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// The collector's id.
    pub collector: String,
    /// What it reads.
    pub what: String,
    /// What it cannot see.
    pub cannot_see: String,
    /// Its version.
    pub version: String,
    /// The attributes it sets.
    pub attributes: Vec<Attribute>,
    /// Whether it was at work in this look.
    pub state: MethodState,
}

/// Whether a collector was at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodState {
    /// It looked.
    Used,
    /// It needs a running machine, and the place is none.
    NeedsLiveHost,
}

/// Names in one folder: what a later order about a path or name is asked of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listing {
    /// The folder, as a locator from the root of the place.
    pub dir: String,
    /// The names in it, encoded as in a locator; a folder's name ends with `/`.
    pub names: Vec<String>,
    /// They lie in a copy: see [`Artifact::copy`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// Which package owns which of them, by position.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<String, Vec<u32>>,
}

/// The package that owns something: known, or asked for only by who wants it, since most names are nobody's business.
#[derive(Clone, Copy)]
pub enum Owner<'a> {
    /// This one, or none.
    Known(Option<&'a str>),
    /// What this says.
    Asked(&'a dyn Fn() -> Option<&'a str>),
}

impl<'a> Owner<'a> {
    /// The package, such as `deb:rspamd`.
    pub fn get(self) -> Option<&'a str> {
        match self {
            Self::Known(owner) => owner,
            Self::Asked(ask) => ask(),
        }
    }
}

/// One name of a listing, as it is met.
#[derive(Clone, Copy)]
pub struct Name<'a> {
    /// The whole path, as a locator.
    pub path: &'a str,
    /// Its last part.
    pub name: &'a str,
    /// Is it a folder?
    pub is_folder: bool,
    /// The package it belongs to.
    pub owner: Owner<'a>,
    /// It lies in a copy: see [`Artifact::copy`].
    pub copy: bool,
}

/// A name that the dossiers of the day recognise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownName {
    /// The whole path, as a locator.
    pub path: String,
    /// Is it a folder?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folder: bool,
    /// The package it belonged to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// It lies in a copy: see [`Artifact::copy`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
}

/// What tells whether the files of a folder are still as they were: numbers made of names, sizes, times and the like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamps {
    /// The folder, as a locator.
    pub dir: String,
    /// One number for all of it, 16 hex digits; none where some file must be read again in any case.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub all: String,
    /// One number for each file that need not be read again while it is the same, 16 hex digits each.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub each: String,
    /// Of each file in which something was seen, by its name as in a locator: how much, by collector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The digest of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The file.
    pub locator: Locator,
    /// SHA-256 of its content, hex.
    pub sha256: String,
}

/// The tail of a bundle: what the look came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ending {
    /// When it ended, RFC 3339.
    pub finished: String,
    /// Files met.
    pub files: u64,
    /// Folders read.
    pub folders: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Members of archives met.
    #[serde(default)]
    pub members: u64,
    /// Bytes that archives were inflated to.
    #[serde(default)]
    pub bytes_inflated: u64,
    /// Artifacts seen.
    pub artifacts: u64,
    /// Artifacts by collector.
    pub by_collector: BTreeMap<String, u64>,
}
