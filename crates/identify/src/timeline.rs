//! Findings over time: what each was first, what it is now, and how that is known. Nothing is gone because it was said to
//! be: a later look over whole coverage must no longer find it.

use crate::identification::{Identification, JudgedGap, Subject, identify};
use jiff::civil::Date;
use ostrakon_model::{Grade, Presence};
use ostrakon_order::{Order, Policy};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a finding is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A later look over whole coverage no longer finds it.
    Gone,
    /// Only remnants are left.
    Remnant,
    /// It is still there.
    StillThere,
    /// It had gone and is there again.
    BackAgain,
    /// No later look could have seen it.
    NotLookedAt,
    /// It may stay: an exception that has not run out covers it.
    Excepted,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Gone, Self::Remnant, Self::StillThere, Self::BackAgain, Self::NotLookedAt, Self::Excepted];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Remnant => "remnant",
            Self::StillThere => "still there",
            Self::BackAgain => "back again",
            Self::NotLookedAt => "not looked at",
            Self::Excepted => "excepted",
        }
    }
}

/// A finding over time.
#[derive(Debug, Clone, Serialize)]
pub struct Course {
    /// Its id.
    pub id: String,
    /// The asset's id.
    pub asset: String,
    /// The asset's name.
    pub asset_name: String,
    /// `vendor/product`.
    pub product: String,
    /// The product's title.
    pub title: String,
    /// What it was when it was first seen.
    pub presence: Presence,
    /// How sure that was.
    pub grade: Grade,
    /// What it is now.
    pub state: State,
    /// It was not there in the first look at its asset.
    pub new: bool,
    /// When the look began that first saw it, RFC 3339.
    pub first_seen: String,
    /// When the look began that last saw it, RFC 3339.
    pub last_seen: String,
    /// When the last look at its asset began, RFC 3339.
    pub last_look: String,
    /// Why it is said to be so.
    pub note: String,
}

/// One look at one place under the order.
struct Seen<'a> {
    subject: &'a Subject,
    answer: Identification,
}

/// Follows every finding that counts through `subjects`, looks at any number of assets at any number of times.
pub fn courses(order: &Order, subjects: &[Subject], policy: &Policy, today: Date) -> Vec<Course> {
    let mut places: BTreeMap<(&str, &str), Vec<Seen<'_>>> = BTreeMap::new();
    for subject in subjects {
        let answer = identify(order, std::slice::from_ref(subject), policy, today);
        let place = (subject.look.asset.id.as_str(), subject.look.place.as_str());
        places.entry(place).or_default().push(Seen { subject, answer });
    }
    let mut list = Vec::new();
    for looks in places.values_mut() {
        looks.sort_by(|one, other| one.subject.look.started.cmp(&other.subject.look.started));
        of_place(looks, policy, today, &mut list);
    }
    list.sort_by(|one, other| {
        (&one.asset_name, &one.title, &one.id).cmp(&(&other.asset_name, &other.title, &other.id))
    });
    list
}

fn of_place(looks: &[Seen<'_>], policy: &Policy, today: Date, list: &mut Vec<Course>) {
    let mut ids: Vec<&str> =
        looks.iter().flat_map(|look| look.answer.counting()).map(|it| it.finding.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let found = |look: &Seen<'_>| {
            look.answer.counting().find(|judged| judged.finding.id == id).map(|it| it.finding.clone())
        };
        let seen: Vec<Option<crate::Finding>> = looks.iter().map(found).collect();
        let Some(first) = seen.iter().position(Option::is_some) else { continue };
        let Some(last) = seen.iter().rposition(Option::is_some) else { continue };
        let (Some(finding), Some(latest)) = (&seen[first], &seen[last]) else { continue };
        let whole = |look: &Seen<'_>| look.answer.coverage.complete && look.subject.ending.is_some();
        let gaps = |look: &Seen<'_>| look.answer.coverage.gaps.iter().filter(|gap| gap.is_open()).count();
        let end = looks.len() - 1;
        let absent_between = (first..last).any(|at| seen[at].is_none() && whole(&looks[at]));
        let product = format!("{}/{}", finding.vendor, finding.product);
        let asset = &looks[end].subject.look.asset;
        let exception = policy.planning.excepts(id, &product, [&asset.id, &asset.name], today);
        let (state, note) = match () {
            () if last == end && end > first && absent_between => {
                (State::BackAgain, "an earlier look over whole coverage did not find it".to_owned())
            }
            () if last == end
                && end > first
                && latest.presence == Presence::Remnant
                && finding.presence != Presence::Remnant =>
            {
                (State::Remnant, format!("was {}, is remnant", finding.presence))
            }
            () if last == end && end > first => (State::StillThere, format!("is {}", latest.presence)),
            () if last == end => (State::NotLookedAt, "nobody has looked since it was found".to_owned()),
            () if looks[end].answer.findings.iter().any(|judged| judged.finding.id == id && judged.is_open()) => {
                (State::NotLookedAt, "what the last look finds is only possible, and nobody has ruled on it".to_owned())
            }
            () if whole(&looks[end]) => (State::Gone, "the last look over whole coverage does not find it".to_owned()),
            () => {
                let note = format!("the last look does not find it, and {} gap(s) could hide it", gaps(&looks[end]));
                (State::NotLookedAt, note)
            }
        };
        let (state, note) = match exception {
            Some(it) if state != State::Gone => {
                (State::Excepted, format!("{} lets it stay until {}: {}", it.by, it.until, it.because))
            }
            _ => (state, note),
        };
        list.push(Course {
            id: id.to_owned(),
            asset: asset.id.clone(),
            asset_name: asset.name.clone(),
            product,
            title: finding.title.clone(),
            presence: finding.presence,
            grade: finding.grade,
            state,
            new: first > 0,
            first_seen: looks[first].subject.look.started.clone(),
            last_seen: looks[last].subject.look.started.clone(),
            last_look: looks[end].subject.look.started.clone(),
            note,
        });
    }
}

/// How many gaps of the last look at each place keep its coverage from being complete.
pub fn open_gaps(order: &Order, subjects: &[Subject], policy: &Policy, today: Date) -> usize {
    let mut last: BTreeMap<(&str, &str), &Subject> = BTreeMap::new();
    for subject in subjects {
        let place = (subject.look.asset.id.as_str(), subject.look.place.as_str());
        let known = last.entry(place).or_insert(subject);
        if known.look.started < subject.look.started {
            *known = subject;
        }
    }
    let gaps = |subject: &&Subject| {
        let answer = identify(order, std::slice::from_ref(*subject), policy, today);
        answer.coverage.gaps.iter().filter(|gap| JudgedGap::is_open(gap)).count()
    };
    last.values().map(gaps).sum()
}
