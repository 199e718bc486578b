//! The policy file: gaps that a named person takes on, and rulings on possible findings. Both are shown in every report.

use crate::diagnostic::{Code, Diagnostic, Faults};
use crate::planning::{
    Agency, Blocking, Planning, RawApproval, RawException, RawReplacement, RawStatus, RawWaiver, Waves,
};
use jiff::civil::Date;
use ostrakon_model::{Gap, GapReason};
use regex::bytes::Regex;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    schema: Spanned<String>,
    #[serde(default)]
    accept: Vec<RawAccept>,
    #[serde(default)]
    ruling: Vec<RawRuling>,
    #[serde(default)]
    agency: Agency,
    #[serde(default)]
    waves: Waves,
    #[serde(default)]
    replacement: Vec<RawReplacement>,
    #[serde(default)]
    waiver: Vec<RawWaiver>,
    #[serde(default)]
    exception: Vec<RawException>,
    approval: Option<RawApproval>,
    #[serde(default)]
    block: Blocking,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccept {
    reason: Option<GapReason>,
    pattern: Option<Spanned<String>>,
    asset: Option<String>,
    by: Spanned<String>,
    because: String,
    until: Option<Spanned<Datetime>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRuling {
    finding: Spanned<String>,
    decision: Decision,
    by: Spanned<String>,
    because: String,
    #[serde(default)]
    on: Option<Datetime>,
}

/// What a person decided about a possible finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is the vendor's product: it counts.
    Product,
    /// It is something else: it is shown, and does not count.
    NotProduct,
}

/// Gaps taken on and rulings made.
#[derive(Debug, Default)]
pub struct Policy {
    /// Gaps taken on.
    pub accepted: Vec<Accepted>,
    /// Rulings on findings.
    pub rulings: Vec<Ruling>,
    /// What plans and status reports are made under.
    pub planning: Planning,
    /// The file's text, whose digest names the policy in plans.
    pub text: String,
}

/// A gap, or a kind of gap, that a named person takes on.
#[derive(Debug)]
pub struct Accepted {
    reason: Option<GapReason>,
    pattern: Option<Regex>,
    asset: Option<String>,
    /// Who takes it on.
    pub by: String,
    /// Why.
    pub because: String,
    /// Until when.
    pub until: Option<Date>,
}

/// A ruling on one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The finding's id.
    pub finding: String,
    /// What was decided.
    pub decision: Decision,
    /// Who decided.
    pub by: String,
    /// Why.
    pub because: String,
    /// When.
    pub on: Option<Date>,
}

impl Policy {
    /// Reads a policy file. `file` names it in faults.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Faults::of(file, text);
        let Some(raw) = faults.parse::<RawPolicy>("docs/policy.md") else { return Err(faults.list) };
        if raw.schema.get_ref() != "ostrakon/policy/1" {
            let help = "write schema = \"ostrakon/policy/1\"";
            faults.add(Code::Schema, raw.schema.span(), "not a policy this program knows", help);
        }
        let mut policy = Self { text: text.to_owned(), ..Self::default() };
        if raw.waves.first == 0 || raw.waves.size == 0 {
            let help = "first and size of [waves] are at least 1";
            faults.add(Code::Missing, raw.schema.span(), "a wave without assets", help);
        }
        policy.planning = Planning {
            agency: raw.agency,
            waves: raw.waves,
            replacements: raw.replacement.into_iter().map(|it| it.valid(&mut faults)).collect(),
            waivers: raw.waiver.into_iter().map(|it| it.valid(&mut faults)).collect(),
            exceptions: raw.exception.into_iter().map(|it| it.valid(&mut faults)).collect(),
            approval: raw.approval.map(|it| it.valid(&mut faults)).unwrap_or_default(),
            blocking: raw.block,
            recurrence_control: raw.status.recurrence_control,
            challenges: raw.status.challenges,
        };
        for accept in raw.accept {
            named(&accept.by, &mut faults);
            if accept.reason.is_none() && accept.pattern.is_none() {
                let help = "give reason = \"...\", pattern = \"/path/**\", or both: nobody takes on every gap there is";
                faults.add(Code::Missing, accept.by.span(), "this accepts every gap", help);
            }
            let pattern = accept.pattern.and_then(|pattern| {
                let test = crate::pattern::Test::Glob(vec![format!("/{}", pattern.get_ref().trim_start_matches('/'))]);
                let expressions = test.expressions(ostrakon_model::vocabulary::Syntax::Path).unwrap_or_default();
                // A policy speaks of paths from the root: what lies above is empty.
                let anchored = expressions.first().map(|text| text.replace("(?P<root>.*?)", "(?P<root>)"));
                let read = anchored.and_then(|text| Regex::new(&text).ok());
                if read.is_none() {
                    let help = "write a path with *, ** and ?, such as /srv/backup/**";
                    faults.add(Code::Test, pattern.span(), "not a pattern of paths", help);
                }
                read
            });
            let until = accept.until.and_then(|until| {
                let read = day(*until.get_ref());
                if read.is_none() {
                    faults.add(Code::Time, until.span(), "not a date", "write year-month-day without quotes");
                }
                read
            });
            policy.accepted.push(Accepted {
                reason: accept.reason,
                pattern,
                asset: accept.asset,
                by: accept.by.into_inner(),
                because: accept.because,
                until,
            });
        }
        for ruling in raw.ruling {
            named(&ruling.by, &mut faults);
            policy.rulings.push(Ruling {
                finding: ruling.finding.into_inner(),
                decision: ruling.decision,
                by: ruling.by.into_inner(),
                because: ruling.because,
                on: ruling.on.and_then(day),
            });
        }
        if faults.list.is_empty() { Ok(policy) } else { Err(faults.list) }
    }

    /// Who takes on `gap` of the asset `asset` on the day `today`, and why.
    pub fn accepts(&self, gap: &Gap, asset: &str, today: Date) -> Option<&Accepted> {
        self.accepted.iter().find(|accepted| {
            accepted.until.is_none_or(|until| today <= until)
                && accepted.asset.as_deref().is_none_or(|name| name == asset)
                && accepted.reason.is_none_or(|reason| reason == gap.reason)
                && accepted.pattern.as_ref().is_none_or(|pattern| pattern.is_match(gap.locator.as_str().as_bytes()))
        })
    }

    /// The ruling on the finding `id`.
    pub fn ruling(&self, id: &str) -> Option<&Ruling> {
        self.rulings.iter().find(|ruling| ruling.finding == id)
    }
}

pub(crate) fn named(by: &Spanned<String>, faults: &mut Faults<'_>) {
    if by.get_ref().trim().is_empty() {
        faults.add(Code::Missing, by.span(), "nobody's name", "write who takes this on: the report prints it");
    }
}

pub(crate) fn day(at: Datetime) -> Option<Date> {
    let day = at.date?;
    Date::new(i16::try_from(day.year).ok()?, i8::try_from(day.month).ok()?, i8::try_from(day.day).ok()?).ok()
}
