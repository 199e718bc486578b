//! A file of a dossier folder as it is written: every key of docs/dossiers.md.

use ostrakon_model::{Grade, Presence, ProductKind};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// One file of a dossier folder; the files are joined. docs/dossiers.md explains every key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawDossier {
    #[schemars(with = "Option<String>")]
    pub(crate) schema: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    pub(crate) id: Option<Spanned<String>>,
    pub(crate) title: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) entity: Vec<RawEntity>,
    pub(crate) product: Vec<RawProduct>,
    pub(crate) indicator: Vec<RawIndicator>,
    pub(crate) source: Vec<RawSource>,
    pub(crate) lookalike: Vec<RawLookalike>,
    pub(crate) removal: Vec<Removal>,
    pub(crate) fact: Vec<Fact>,
    pub(crate) embeds: Vec<Embeds>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEntity {
    #[schemars(with = "String")]
    pub(crate) id: Spanned<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) country: String,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    #[serde(default)]
    pub(crate) ids: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) note: String,
    #[serde(default)]
    pub(crate) source: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProduct {
    #[schemars(with = "String")]
    pub(crate) id: Spanned<String>,
    pub(crate) title: String,
    #[schemars(with = "String")]
    pub(crate) kind: ProductKind,
    #[schemars(with = "Option<String>")]
    pub(crate) entity: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    #[serde(default)]
    pub(crate) platforms: Vec<String>,
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
    #[serde(default)]
    pub(crate) generic: bool,
    #[serde(default)]
    pub(crate) note: String,
    #[serde(default)]
    pub(crate) source: Vec<String>,
    #[serde(default)]
    pub(crate) recalled: bool,
}

/// One value or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawIndicator {
    #[schemars(with = "String")]
    pub(crate) product: Spanned<String>,
    #[schemars(with = "String")]
    pub(crate) id: Spanned<String>,
    #[schemars(with = "OneOrMany")]
    pub(crate) on: Spanned<OneOrMany>,
    pub(crate) is: Option<OneOrMany>,
    pub(crate) prefix: Option<OneOrMany>,
    pub(crate) suffix: Option<OneOrMany>,
    pub(crate) glob: Option<OneOrMany>,
    pub(crate) regex: Option<OneOrMany>,
    pub(crate) under: Option<OneOrMany>,
    pub(crate) bytes: Option<OneOrMany>,
    #[schemars(with = "String")]
    pub(crate) grade: Grade,
    #[serde(default)]
    pub(crate) supporting: bool,
    #[schemars(with = "Option<String>")]
    pub(crate) presence: Option<Presence>,
    #[serde(default)]
    pub(crate) and: Vec<RawCondition>,
    #[serde(default)]
    pub(crate) source: Vec<String>,
    #[serde(default)]
    pub(crate) recalled: bool,
    #[serde(default)]
    pub(crate) note: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCondition {
    #[schemars(with = "OneOrMany")]
    pub(crate) on: Spanned<OneOrMany>,
    pub(crate) is: Option<OneOrMany>,
    pub(crate) prefix: Option<OneOrMany>,
    pub(crate) suffix: Option<OneOrMany>,
    pub(crate) glob: Option<OneOrMany>,
    pub(crate) regex: Option<OneOrMany>,
    pub(crate) under: Option<OneOrMany>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSource {
    #[schemars(with = "String")]
    pub(crate) id: Spanned<String>,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) note: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLookalike {
    #[schemars(with = "String")]
    pub(crate) id: Spanned<String>,
    pub(crate) what: String,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) source: Vec<String>,
    #[serde(default)]
    pub(crate) recalled: bool,
    #[serde(default)]
    pub(crate) at_most: AtMost,
    #[schemars(with = "BTreeMap<String, OneOrMany>")]
    pub(crate) artifact: RawArtifact,
}

/// How far a lookalike may be taken for the real thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AtMost {
    /// No finding at all.
    #[default]
    None,
    /// A possible one, for a person to rule on.
    Possible,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawArtifact {
    pub(crate) kind: ostrakon_model::ArtifactKind,
    pub(crate) attributes: BTreeMap<Spanned<String>, OneOrMany>,
}

/// What the vendor, or somebody who did it, says about removing a product.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// The product's id; left out: all of the vendor's.
    #[serde(default)]
    pub product: String,
    /// Where: `linux`, `windows`, `macos`, ...
    #[serde(default)]
    pub platform: String,
    /// What it is.
    pub step: Step,
    /// The command, rule or remnant.
    pub text: String,
    /// Its place among the steps of a product.
    #[serde(default)]
    pub order: Option<u32>,
    /// Does it ask for a password?
    #[serde(default)]
    pub password: bool,
    /// What it says about restarts.
    #[serde(default)]
    pub reboot: String,
    /// Where that is from.
    #[serde(default)]
    pub source: Vec<String>,
    /// From memory, no source.
    #[serde(default)]
    pub recalled: bool,
    /// What to know about it.
    #[serde(default)]
    pub note: String,
}

/// What a line about removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A command to run.
    Command,
    /// A rule to keep.
    Rule,
    /// Something an uninstall leaves.
    Remnant,
    /// What an exit code means.
    ExitCode,
}

/// Something known that no artifact can be tested for.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Its name.
    pub id: String,
    /// The product's id; left out: all of the vendor's.
    #[serde(default)]
    pub product: String,
    /// What it is about.
    #[serde(default)]
    pub topic: String,
    /// What is known.
    pub text: String,
    /// Where that is from.
    #[serde(default)]
    pub source: Vec<String>,
    /// From memory, no source.
    #[serde(default)]
    pub recalled: bool,
}

/// Another maker's product that holds this vendor's code.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Embeds {
    /// The product.
    pub product: String,
    /// Its maker.
    #[serde(default)]
    pub vendor: String,
    /// Since and until when.
    #[serde(default)]
    pub years: String,
    /// What it holds.
    #[serde(default)]
    pub what: String,
    /// Where that is from.
    #[serde(default)]
    pub source: Vec<String>,
    /// From memory, no source.
    #[serde(default)]
    pub recalled: bool,
    /// What to know about it.
    #[serde(default)]
    pub note: String,
}
