//! A plan: what is done on which asset, in which wave, and what stays open. It is immutable: a change is a new generation
//! that names its parent. It leaves nothing to choose when it is carried out.

use crate::action::Action;
use jiff::civil::Date;
use ostrakon_model::{Grade, Presence};
use serde::{Deserialize, Serialize};

/// Name of the format of a plan file.
pub const SCHEMA: &str = "ostrakon/plan/1";

/// The plan of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// The order it carries out.
    pub order: OrderRef,
    /// Which generation this is, from 1.
    pub generation: u32,
    /// The digest of the generation before.
    pub parent: Option<String>,
    /// The day it was drafted.
    pub drafted: Date,
    /// The program that drafted it.
    pub tool: String,
    /// The digest of the policy it was drafted under.
    pub policy: String,
    /// Who must approve it, where the policy says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The day the order lets removal begin; none: the order names no such day.
    pub begins: Option<Date>,
    /// Somebody decided to begin before that day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
    /// What the issuer asks a plan to say, in the issuer's order.
    pub elements: Vec<Element>,
    /// The waves, first to last.
    pub waves: Vec<Wave>,
    /// The assets, each with what is done on it.
    pub assets: Vec<AssetPlan>,
    /// Findings that count and that no action of this plan takes away, each with the reason.
    pub left: Vec<Left>,
    /// What the plan waits for before it can be carried out.
    pub waits: Vec<String>,
}

/// Who must approve a plan: part of it, so that it cannot be left out on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// How many of the approvers.
    pub required: u32,
    /// Their public keys, one line each.
    pub approvers: Vec<String>,
}

/// The order a plan carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRef {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Who issued it.
    pub issuer: String,
    /// The digest of its file.
    pub digest: String,
}

/// One thing the issuer asks a plan to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Its key in the order file, such as `agency_name`.
    pub key: String,
    /// Its label, such as `(a) Agency name`.
    pub label: String,
    /// Who fills it: `scan`, `config`, `plan`, `human`.
    pub filled_by: String,
    /// Must it be there, or only where it applies?
    pub required: bool,
    /// The answer; empty: still open.
    pub answer: String,
}

impl Element {
    /// Does it wait for a person?
    pub fn is_open(&self) -> bool {
        self.answer.trim().is_empty()
    }
}

/// One wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Its number, from 1.
    pub number: u32,
    /// The first day it may be carried out.
    pub begins: Date,
    /// How many assets it may have at most.
    pub limit: u32,
}

/// One asset and what is done on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetPlan {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub os: String,
    /// The component of the agency it belongs to; empty: unknown.
    #[serde(default)]
    pub component: String,
    /// What it is for; empty: unknown.
    #[serde(default)]
    pub mission_function: String,
    /// The wave it is in.
    pub wave: u32,
    /// When the look began that the plan rests on, RFC 3339.
    pub looked: String,
    /// The findings the actions take away.
    pub findings: Vec<Planned>,
    /// The controls that go with the products, and what covers each from then on.
    pub controls: Vec<Control>,
    /// What is done, first to last.
    pub actions: Vec<Action>,
}

/// A finding as the plan knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// `vendor/product`.
    pub product: String,
    /// The product's title.
    pub title: String,
    /// The state found.
    pub presence: Presence,
    /// How sure.
    pub grade: Grade,
    /// The places its evidence lies in, as locators: no action touches another.
    pub places: Vec<String>,
    /// Packages of others that cannot do without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed_by: Vec<String>,
}

/// A control that goes with a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its word, such as `anti-malware`.
    pub control: String,
    /// Who gives it now: titles of products.
    pub given_by: Vec<String>,
    /// What covers it from then on; none: nothing, and the linter refuses the plan.
    pub cover: Option<Cover>,
}

/// What covers a control once the product is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cover {
    /// Another product.
    Replacement {
        /// Its name.
        name: String,
        /// The day it is in place.
        ready: Date,
        /// The package that shows it is there; empty: nothing on the machine shows it.
        package: String,
    },
    /// Nothing, and a named person takes that on until a day.
    Waiver {
        /// Who takes it on.
        owner: String,
        /// Why.
        reason: String,
        /// The last day it holds.
        expires: Date,
    },
}

/// A finding no action takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// The asset's id.
    pub asset: String,
    /// The finding.
    pub finding: Planned,
    /// Why nothing is done, and what a person can do.
    pub reason: String,
}

impl Plan {
    /// The asset called `id`.
    pub fn asset(&self, id: &str) -> Option<&AssetPlan> {
        self.assets.iter().find(|asset| asset.id == id)
    }

    /// The wave of that number.
    pub fn wave(&self, number: u32) -> Option<&Wave> {
        self.waves.iter().find(|wave| wave.number == number)
    }

    /// The elements that wait for a person.
    pub fn open_elements(&self) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(|element| element.is_open())
    }

    /// All findings the plan knows of: those taken away and those left.
    pub fn findings(&self) -> impl Iterator<Item = (&str, &Planned)> {
        let taken = self.assets.iter().flat_map(|asset| asset.findings.iter().map(|it| (asset.id.as_str(), it)));
        taken.chain(self.left.iter().map(|left| (left.asset.as_str(), &left.finding)))
    }
}
