//! The parts of a policy that a plan is drafted under: the agency, waves, replacements, waivers, exceptions, approvals.

use crate::diagnostic::{Code, Faults};
use crate::policy::day;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::value::Datetime;

/// Who the plan is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agency {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Whom the issuer may ask: a name.
    #[serde(default)]
    pub contact: String,
    /// The contact's telephone number.
    #[serde(default)]
    pub telephone: String,
    /// The contact's e-mail address.
    #[serde(default)]
    pub email: String,
}

/// How assets are put into waves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waves {
    /// Assets in the first wave: small, so that what goes wrong goes wrong on few.
    pub first: u32,
    /// Assets in each later wave.
    pub size: u32,
    /// Days between waves.
    pub days_apart: u32,
    /// Assets of the first wave, by name or id; others come in the order of their names.
    pub pilots: Vec<String>,
}

impl Default for Waves {
    fn default() -> Self {
        Self { first: 5, size: 100, days_apart: 7, pilots: Vec::new() }
    }
}

/// What covers controls once the products are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The controls it gives.
    pub controls: Vec<String>,
    /// Its name.
    pub name: String,
    /// The package that shows on a machine that it is there; empty: nothing shows it.
    pub package: String,
    /// The day it is in place.
    pub ready: Date,
}

/// A control that may go uncovered, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The controls.
    pub controls: Vec<String>,
    /// On this asset only, by name or id; empty: on all.
    pub asset: String,
    /// Who takes it on.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day it holds.
    pub expires: Date,
}

/// Something that may stay, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The finding's id, or `vendor/product`.
    pub covers: String,
    /// On this asset only, by name or id; empty: on all.
    pub asset: String,
    /// Who granted it.
    pub by: String,
    /// Why.
    pub because: String,
    /// The last day it holds.
    pub until: Date,
}

/// Who must approve a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approval {
    /// How many of the approvers; 0 where the policy says nothing.
    pub required: u32,
    /// Their public keys, one line each.
    pub approvers: Vec<String>,
}

/// What a removal blocks on each machine besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Blocking {
    /// Send the vendor's names nowhere, by the hosts file.
    pub names: bool,
}

/// What a plan and a status report are made under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planning {
    /// Who the plan is of.
    pub agency: Agency,
    /// How assets are put into waves.
    pub waves: Waves,
    /// What covers controls.
    pub replacements: Vec<Replacement>,
    /// Controls that may go uncovered.
    pub waivers: Vec<Waiver>,
    /// What may stay.
    pub exceptions: Vec<Exception>,
    /// Who must approve.
    pub approval: Approval,
    /// What is blocked besides.
    pub blocking: Blocking,
    /// What keeps new and long-absent machines from bringing the product back.
    pub recurrence_control: String,
    /// What stands in the way.
    pub challenges: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawReplacement {
    controls: Spanned<Vec<String>>,
    name: String,
    #[serde(default)]
    package: String,
    ready: Spanned<Datetime>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWaiver {
    controls: Spanned<Vec<String>>,
    #[serde(default)]
    asset: String,
    owner: Spanned<String>,
    reason: String,
    expires: Spanned<Datetime>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawException {
    finding: Option<String>,
    product: Option<String>,
    #[serde(default)]
    asset: String,
    by: Spanned<String>,
    because: String,
    until: Spanned<Datetime>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawApproval {
    #[serde(default)]
    required: Option<Spanned<u32>>,
    approvers: Spanned<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawStatus {
    #[serde(default)]
    pub(crate) recurrence_control: String,
    #[serde(default)]
    pub(crate) challenges: String,
}

/// The words for controls that a policy may use: those BOD 17-01 lists in element (j), and what dossiers name besides.
pub const CONTROLS: [&str; 18] = [
    "data-loss-prevention",
    "network-access-control",
    "mobile-device-management",
    "sandboxing",
    "web-filtering",
    "allow-listing",
    "vulnerability-and-patch-management",
    "anti-malware",
    "anti-exploit",
    "spam-filtering",
    "data-encryption",
    "firewall",
    "detection-and-response",
    "vpn",
    "password-management",
    "parental-control",
    "mail-filtering",
    "other",
];

fn controls(list: Spanned<Vec<String>>, faults: &mut Faults<'_>) -> Vec<String> {
    if list.get_ref().is_empty() {
        faults.add(Code::Missing, list.span(), "no control is named", "controls = [\"anti-malware\"]");
    }
    for control in list.get_ref() {
        if !CONTROLS.contains(&control.as_str()) {
            let help = format!("known are {}", CONTROLS.join(", "));
            faults.add(Code::Reference, list.span(), format!("`{control}` is no control"), help);
        }
    }
    list.into_inner()
}

fn date(at: &Spanned<Datetime>, faults: &mut Faults<'_>) -> Date {
    day(*at.get_ref()).unwrap_or_else(|| {
        faults.add(Code::Time, at.span(), "not a date", "write year-month-day without quotes");
        Date::MIN
    })
}

fn person(by: Spanned<String>, faults: &mut Faults<'_>) -> String {
    crate::policy::named(&by, faults);
    by.into_inner()
}

impl RawReplacement {
    pub(crate) fn valid(self, faults: &mut Faults<'_>) -> Replacement {
        let ready = date(&self.ready, faults);
        Replacement { controls: controls(self.controls, faults), name: self.name, package: self.package, ready }
    }
}

impl RawWaiver {
    pub(crate) fn valid(self, faults: &mut Faults<'_>) -> Waiver {
        let expires = date(&self.expires, faults);
        Waiver {
            controls: controls(self.controls, faults),
            asset: self.asset,
            owner: person(self.owner, faults),
            reason: self.reason,
            expires,
        }
    }
}

impl RawException {
    pub(crate) fn valid(self, faults: &mut Faults<'_>) -> Exception {
        let until = date(&self.until, faults);
        let span = self.by.span();
        let covers = match (self.finding, self.product) {
            (Some(one), None) | (None, Some(one)) => one,
            _ => {
                let help = "give finding = \"<id>\" or product = \"vendor/product\"";
                faults.add(Code::Missing, span, "an exception covers one finding or one product", help);
                String::new()
            }
        };
        let by = person(self.by, faults);
        Exception { covers, asset: self.asset, by, because: self.because, until }
    }
}

impl RawApproval {
    pub(crate) fn valid(self, faults: &mut Faults<'_>) -> Approval {
        let mut approvers = self.approvers.get_ref().clone();
        approvers.sort();
        approvers.dedup();
        let required = self.required.as_ref().map_or(1, |it| *it.get_ref());
        if required == 0 || required as usize > approvers.len() {
            let span = self.required.map_or(self.approvers.span(), |it| it.span());
            let message = format!("{required} of {} approvers can never approve", approvers.len());
            faults.add(Code::Missing, span, message, "required is at least 1 and at most the number of approvers");
        }
        Approval { required, approvers }
    }
}

impl Planning {
    /// The exception that lets a finding stay on the day `today`.
    pub fn excepts(&self, finding: &str, product: &str, asset: [&str; 2], today: Date) -> Option<&Exception> {
        self.exceptions.iter().find(|it| {
            today <= it.until
                && (it.covers == finding || it.covers == product)
                && (it.asset.is_empty() || asset.iter().any(|name| it.asset.eq_ignore_ascii_case(name)))
        })
    }
}
