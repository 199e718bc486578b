//! What was matched: one piece of evidence per indicator, place and value; folders are counted, not listed.

use ostrakon_model::{ArtifactKind, Attribute, Grade, Locator, Presence};
use serde::Serialize;
use std::collections::BTreeMap;

/// One match of one indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What kind of artifact.
    pub kind: ArtifactKind,
    /// The attribute that matched.
    pub attribute: Attribute,
    /// The value seen.
    pub value: String,
    /// The indicator, `vendor/product#id`.
    pub indicator: String,
    /// Where.
    pub locator: Locator,
    /// SHA-256 of the file, where it was computed.
    pub sha256: Option<String>,
    /// What this match is worth by itself.
    pub grade: Grade,
    /// It adds to a finding and makes none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub supporting: bool,
    /// What this match proves.
    pub presence: Presence,
    /// The version of the package it speaks of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The package URL of the artifact, where it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub purl: String,
    /// What to know about it: how many files a folder holds, which package owns a file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What somebody says of a product (VEX). It silences nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Where it stands.
    pub locator: Locator,
    /// The products it speaks of: package URLs or names.
    #[serde(skip)]
    pub products: Vec<String>,
    /// The parts of these it speaks of; none: the products themselves.
    #[serde(skip)]
    pub components: Vec<String>,
    /// `not_affected`, `affected`, `fixed`, `under_investigation`.
    pub status: String,
    /// Why, such as `component_not_present`.
    pub justification: String,
    /// Who says so.
    pub author: String,
    /// What else it says.
    pub note: String,
}

impl Statement {
    /// Does it say of what has this package URL that it is not there?
    pub fn denies(&self, purl: &str) -> bool {
        const ABSENT: [&str; 2] = ["component_not_present", "vulnerable_code_not_present"];
        let named = if self.components.is_empty() { &self.products } else { &self.components };
        self.status == "not_affected"
            && ABSENT.contains(&self.justification.as_str())
            && !purl.is_empty()
            && named
                .iter()
                .any(|one| one == purl || purl.strip_prefix(one.as_str()).is_some_and(|it| it.starts_with('@')))
    }
}

/// Matches as they come in, from one thread.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    pub(crate) list: Vec<Hit>,
    /// Folders that an indicator names, by indicator and path.
    pub(crate) folders: BTreeMap<(u32, String), FolderHit>,
    /// Which package needs which: `deb:a` and the name it cannot do without.
    pub(crate) needs: Vec<(String, String)>,
    /// Roots below which other operating systems lie.
    pub(crate) roots: Vec<String>,
    /// What is said of products.
    pub statements: Vec<Statement>,
    /// How often something was taken in: it tells whether the last thing was recognised.
    pub taken: u64,
    /// Scratch space for matching.
    pub(crate) scratch: Vec<u8>,
    pub(crate) found: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) indicator: u32,
    pub(crate) kind: ArtifactKind,
    pub(crate) attribute: Attribute,
    pub(crate) value: String,
    pub(crate) locator: Locator,
    pub(crate) presence: Presence,
    pub(crate) owner: Option<String>,
    /// What lies above the part of a path that the indicator names.
    pub(crate) root: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) version: String,
    pub(crate) purl: String,
    /// What of the artifact speaks against the match, or what a trace says.
    pub(crate) note: String,
}

/// What lies in a folder that an indicator names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FolderHit {
    pub(crate) files: u64,
    pub(crate) executables: u64,
    /// How much of the path lies above the part that the indicator names.
    pub(crate) root: usize,
    /// Some of it lies in no copy.
    pub(crate) own: bool,
}

impl Hits {
    /// Takes in what another thread matched.
    pub fn absorb(&mut self, other: Self) {
        self.list.extend(other.list);
        self.roots.extend(other.roots);
        self.statements.extend(other.statements);
        self.needs.extend(other.needs);
        for (key, more) in other.folders {
            let folder = self.folders.entry(key).or_default();
            folder.files += more.files;
            folder.executables += more.executables;
            folder.root = more.root;
            folder.own |= more.own;
        }
    }

    /// Nothing was matched.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.folders.is_empty()
    }
}
