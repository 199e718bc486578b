//! An order file as it is written: every key of docs/orders.md, with spans where a fault must point.

use crate::words::{
    Act, Closure, Confidence, Decision, Depth, FilledBy, Force, Instrument, Mark, Party, Per, Role, Roll, Status, Verb,
};
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

pub(crate) type Text = String;
pub(crate) type List = Vec<String>;

/// An order file. docs/orders.md explains every key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawOrder {
    #[schemars(with = "String")]
    pub(crate) schema: Spanned<Text>,
    #[schemars(with = "String")]
    pub(crate) id: Spanned<Text>,
    pub(crate) title: Text,
    #[serde(default)]
    pub(crate) aliases: List,
    pub(crate) issuer: Text,
    pub(crate) jurisdiction: Text,
    pub(crate) instrument: Instrument,
    pub(crate) force: Force,
    #[serde(default)]
    pub(crate) legal_basis: List,
    #[schemars(with = "String")]
    pub(crate) issued: Spanned<Datetime>,
    #[schemars(with = "Option<String>")]
    pub(crate) effective: Option<Spanned<Datetime>>,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) supersedes: List,
    #[serde(default)]
    pub(crate) superseded_by: List,
    #[schemars(with = "Option<String>")]
    pub(crate) ends: Option<Spanned<When>>,
    pub(crate) confidence: Confidence,
    #[serde(default)]
    pub(crate) encoded_by: Text,
    #[schemars(with = "Option<String>")]
    pub(crate) time_zone: Option<Spanned<Text>>,
    #[schemars(with = "Option<String>")]
    pub(crate) calendar: Option<Spanned<Text>>,
    pub(crate) summary: Text,
    #[serde(default)]
    pub(crate) traps: List,
    #[serde(default)]
    pub(crate) source: Vec<RawSource>,
    #[serde(default)]
    pub(crate) amendment: Vec<RawAmendment>,
    #[serde(default)]
    pub(crate) bound: RawBound,
    #[serde(default)]
    pub(crate) entity: Vec<RawEntity>,
    #[serde(default)]
    pub(crate) closure: RawClosure,
    #[serde(default)]
    pub(crate) things: RawThings,
    pub(crate) scope: RawScope,
    #[serde(default)]
    pub(crate) act: Vec<RawAct>,
    #[serde(default)]
    pub(crate) obligation: Vec<RawObligation>,
    #[serde(default)]
    pub(crate) report: Vec<RawReport>,
    #[serde(default)]
    pub(crate) waiver: Vec<RawWaiver>,
    pub(crate) vendor_reply: Option<RawVendorReply>,
}

/// A date, an instant, or words such as `30 days`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum When {
    Words(Text),
    At(Datetime),
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Words(text) => f.write_str(text),
            Self::At(at) => at.fmt(f),
        }
    }
}

/// Where a fact is from.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSource {
    /// Its name in this file.
    pub id: Text,
    /// Where it is.
    pub url: Text,
    /// The text itself, or someone who speaks of it.
    pub mark: Mark,
    /// When it was read.
    #[serde(default)]
    pub read: Text,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
}

/// A change of the order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAmendment {
    #[schemars(with = "String")]
    pub(crate) on: Spanned<Datetime>,
    pub(crate) item: Text,
    #[serde(default)]
    pub(crate) old: Text,
    pub(crate) new: Text,
    #[serde(default)]
    pub(crate) source: List,
}

/// Who is bound.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawBound {
    /// Users, sellers, buyers, contractors.
    pub binds: Vec<Party>,
    /// In words.
    pub parties: List,
    /// Who below them is bound too.
    pub flows_down_to: List,
    /// Who is not.
    pub not_bound: List,
    /// Which systems.
    pub systems: List,
    /// Who reports for a hosted system.
    pub reporting_party: Text,
    /// Where that is from.
    pub source: List,
}

/// A legal person.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEntity {
    /// Its name.
    pub name: Text,
    /// Named by the order, or an example.
    pub role: Option<Role>,
    /// ISO 3166 code.
    #[serde(default)]
    pub country: Text,
    /// UEI, CAGE, LEI.
    #[serde(default)]
    pub ids: std::collections::BTreeMap<Text, Text>,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
    /// Where that is from.
    #[serde(default)]
    pub source: List,
}

/// Who else counts as the vendor.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawClosure {
    /// The relations that count.
    pub include: Vec<Closure>,
    /// Who may add names later.
    pub designated_by: Text,
    /// What to know about it.
    pub note: Text,
    /// Where that is from.
    pub source: List,
}

/// What the order itself names.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawThings {
    /// More than the list says is covered.
    pub list_is_open: bool,
    /// Names.
    pub named: List,
    /// A list that grows elsewhere.
    pub feed: Option<RawFeed>,
    /// Things with versions or hashes.
    pub item: Vec<RawThing>,
    /// For what purpose a thing is covered.
    pub purpose_conditions: List,
    /// Where that is from.
    pub source: List,
}

/// A list that grows elsewhere.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFeed {
    /// Where.
    pub address: Text,
    /// How often it must be looked at.
    #[serde(default)]
    pub every: Text,
}

/// One thing an order names.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawThing {
    /// Its name.
    pub name: Text,
    /// hardware, software, service, app, website, ai-model, list-row.
    #[serde(default)]
    pub kind: Text,
    /// Which versions.
    #[serde(default)]
    pub versions: List,
    /// Hashes of its files.
    #[serde(default)]
    pub hashes: List,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
    /// Where that is from.
    #[serde(default)]
    pub source: List,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawScope {
    #[schemars(with = "Vec<String>")]
    pub(crate) dossiers: Vec<Spanned<Text>>,
    pub(crate) depth: Depth,
    #[serde(default)]
    pub(crate) include_history: bool,
    #[serde(default)]
    pub(crate) rule: Vec<RawRule>,
    #[serde(default)]
    pub(crate) note: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub(crate) decision: Decision,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) kinds: Vec<ostrakon_model::ProductKind>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) presences: Vec<ostrakon_model::Presence>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) products: Vec<Spanned<Text>>,
    #[serde(default)]
    pub(crate) entities: List,
    #[schemars(with = "String")]
    pub(crate) reason: Spanned<Text>,
    #[serde(default)]
    pub(crate) source: List,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAct {
    pub(crate) what: Act,
    #[schemars(with = "Option<String>")]
    pub(crate) from: Option<Spanned<When>>,
    #[serde(default)]
    pub(crate) binds: Vec<Party>,
    #[serde(default)]
    pub(crate) note: Text,
    #[serde(default)]
    pub(crate) source: List,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawObligation {
    #[schemars(with = "String")]
    pub(crate) id: Spanned<Text>,
    pub(crate) verb: Verb,
    pub(crate) what: Text,
    #[schemars(with = "String")]
    pub(crate) trigger: Spanned<Text>,
    #[schemars(with = "Option<String>")]
    pub(crate) complete_by: Option<Spanned<When>>,
    #[schemars(with = "Option<String>")]
    pub(crate) begin_by: Option<Spanned<When>>,
    #[schemars(with = "Option<String>")]
    pub(crate) at: Option<Spanned<Text>>,
    pub(crate) repeat: Option<RawRepeat>,
    #[serde(default)]
    pub(crate) roll: Option<Roll>,
    #[schemars(with = "Option<String>")]
    pub(crate) valid_from: Option<Spanned<Datetime>>,
    #[schemars(with = "Option<String>")]
    pub(crate) valid_to: Option<Spanned<Datetime>>,
    #[serde(default)]
    pub(crate) unless: Text,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(crate) after: Vec<Spanned<Text>>,
    #[serde(default)]
    pub(crate) precondition: Text,
    #[serde(default)]
    pub(crate) severity: Text,
    pub(crate) measure: Option<RawMeasure>,
    #[schemars(with = "Option<String>")]
    pub(crate) report: Option<Spanned<Text>>,
    #[serde(default)]
    pub(crate) note: Text,
    #[serde(default)]
    pub(crate) source: List,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRepeat {
    #[schemars(with = "String")]
    pub(crate) every: Spanned<Text>,
    #[schemars(with = "Option<String>")]
    pub(crate) first: Option<Spanned<When>>,
    #[serde(default)]
    pub(crate) until: Text,
}

/// What counts as done.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawMeasure {
    /// `0`, `<= 35 %`.
    pub target: Text,
    /// Of which population.
    pub of: Text,
}

/// A report the issuer wants.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawReport {
    /// Its name in this file.
    pub id: Text,
    /// Its title.
    pub title: Text,
    /// The obligations it serves.
    #[serde(default, rename = "for")]
    pub serves: List,
    /// Who gets it.
    #[serde(default)]
    pub to: Text,
    /// "Nothing found" must be reported too.
    #[serde(default)]
    pub nil_required: bool,
    /// The issuer's template.
    #[serde(default)]
    pub template: Text,
    /// The issuer's format.
    #[serde(default)]
    pub format: Text,
    /// Which levels are added up.
    #[serde(default)]
    pub rollup: Text,
    /// The counts must add up to the total.
    #[serde(default)]
    pub counts_must_balance: bool,
    /// How it must be handled.
    #[serde(default)]
    pub handling: Text,
    /// Who signs.
    pub signature: Option<RawSignature>,
    /// What comes after it.
    pub follow_up: Option<RawFollowUp>,
    /// Its fields.
    #[serde(default)]
    pub field: Vec<RawField>,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
    /// Where that is from.
    #[serde(default)]
    pub source: List,
}

/// Who signs a report.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSignature {
    /// The role.
    pub role: Text,
    /// May the role let another sign?
    pub delegable: Option<bool>,
}

/// What comes after a report.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawFollowUp {
    /// How long after.
    pub after: Text,
    /// What.
    pub what: Text,
}

/// A field of a report.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawField {
    /// Its name.
    pub key: Text,
    /// Its label for people.
    pub label: Text,
    /// Who fills it.
    pub filled_by: FilledBy,
    /// What it is counted for.
    pub per: Option<Per>,
    /// Must it be filled? Left out: yes.
    #[serde(default = "yes")]
    pub required: bool,
    /// When it must be filled, in words.
    #[serde(default)]
    pub condition: Text,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
}

const fn yes() -> bool {
    true
}

/// An exception the order allows.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawWaiver {
    /// What it is called.
    pub kind: Text,
    /// On what grounds.
    #[serde(default)]
    pub grounds: List,
    /// Who grants it.
    #[serde(default)]
    pub granted_by: Text,
    /// May that be delegated?
    pub delegable: Option<bool>,
    /// May it cover all uses at once?
    pub blanket_allowed: Option<bool>,
    /// How long at most.
    #[serde(default)]
    pub max_length: Text,
    /// What the request must say.
    #[serde(default)]
    pub request_fields: List,
    /// Under which conditions use goes on.
    #[serde(default)]
    pub conditions: List,
    /// Who must be told, and when.
    #[serde(default)]
    pub notices: List,
    /// Where it is recorded.
    #[serde(default)]
    pub recorded_at: Text,
    /// When it ends.
    #[serde(default)]
    pub expires: Text,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
    /// Where that is from.
    #[serde(default)]
    pub source: List,
}

/// How the vendor may answer.
#[derive(Debug, Clone, Deserialize, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawVendorReply {
    /// Until when.
    #[serde(default)]
    pub window: Text,
    /// What was extended.
    #[serde(default)]
    pub extension: Text,
    /// What was decided.
    #[serde(default)]
    pub decision: Text,
    /// What that did.
    #[serde(default)]
    pub effect: Text,
    /// What to know about it.
    #[serde(default)]
    pub note: Text,
    /// Where that is from.
    #[serde(default)]
    pub source: List,
}
