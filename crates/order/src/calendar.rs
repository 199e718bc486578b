//! Business days: whose holidays the days of an order skip. A calendar is data, like an order.

use crate::diagnostic::{Code, Diagnostic, Faults};
use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    schema: String,
    id: String,
    title: String,
    weekend: Vec<String>,
    #[serde(default)]
    source: Vec<toml::Table>,
    #[serde(default)]
    holiday: Vec<RawHoliday>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHoliday {
    name: toml::Spanned<String>,
    date: Option<String>,
    observed: Option<String>,
    weekday: Option<String>,
    month: Option<i8>,
    nth: Option<i8>,
    since: Option<i16>,
    until: Option<i16>,
    #[serde(default, rename = "source")]
    _source: Vec<String>,
    #[serde(default, rename = "note")]
    _note: String,
}

/// A weekend and its holidays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// Its name, as orders refer to it.
    pub id: String,
    /// Its title for people.
    pub title: String,
    weekend: Vec<Weekday>,
    holidays: Vec<Holiday>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Holiday {
    name: String,
    rule: Rule,
    years: (i16, i16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Fixed { month: i8, day: i8, nearest_weekday: bool },
    Nth { month: i8, weekday: Weekday, nth: i8 },
}

impl Calendar {
    /// Reads a calendar file. `file` names it in faults.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut faults = Faults::of(file, text);
        let Some(raw) = faults.parse::<RawCalendar>("docs/orders.md") else { return Err(faults.list) };
        if raw.schema != "ostrakon/calendar/1" {
            faults.add(
                Code::Schema,
                0..0,
                "not a calendar this program knows",
                "write schema = \"ostrakon/calendar/1\"",
            );
        }
        if raw.source.is_empty() {
            faults.add(
                Code::Source,
                0..0,
                "a calendar without a source",
                "add a [[source]] that says where the days are from",
            );
        }
        let weekend = raw.weekend.iter().filter_map(|day| weekday(day)).collect::<Vec<_>>();
        if weekend.len() != raw.weekend.len() {
            faults.add(Code::Word, 0..0, "a weekend day that is no weekday", "write monday ... sunday");
        }
        let mut holidays = Vec::new();
        for holiday in raw.holiday {
            let span = holiday.name.span();
            match holiday.rule() {
                Some(rule) => holidays.push(Holiday {
                    name: holiday.name.into_inner(),
                    rule,
                    years: (holiday.since.unwrap_or(i16::MIN), holiday.until.unwrap_or(i16::MAX)),
                }),
                None => faults.add(
                    Code::Time,
                    span,
                    "this holiday has no day",
                    "give `date = \"MM-DD\"` (with observed = \"nearest-weekday\" where it moves), or `weekday`, `month` and `nth`",
                ),
            }
        }
        if faults.list.is_empty() {
            Ok(Self { id: raw.id, title: raw.title, weekend, holidays })
        } else {
            Err(faults.list)
        }
    }

    /// The holiday that falls on, or is observed on, `date`.
    pub fn holiday(&self, date: Date) -> Option<&str> {
        // An observed day can lie in the year before or after the holiday itself (1 January on a Saturday).
        [date.year() - 1, date.year(), date.year() + 1].into_iter().find_map(|year| {
            let in_force = |holiday: &&Holiday| (holiday.years.0..=holiday.years.1).contains(&year);
            let found = self.holidays.iter().filter(in_force).find(|holiday| holiday.rule.day(year) == Some(date));
            found.map(|holiday| holiday.name.as_str())
        })
    }

    /// Is `date` a day on which business is done?
    pub fn is_business_day(&self, date: Date) -> bool {
        !self.weekend.contains(&date.weekday()) && self.holiday(date).is_none()
    }

    /// The `count`-th business day after `date`; the day itself does not count.
    pub fn add_business_days(&self, date: Date, count: u32) -> Option<Date> {
        let mut day = date;
        for _ in 0..count {
            day = self.next_business_day(day.tomorrow().ok()?)?;
        }
        Some(day)
    }

    /// `date` itself if it is a business day, else the first one after it.
    pub fn next_business_day(&self, date: Date) -> Option<Date> {
        let mut day = date;
        // No calendar closes for a year.
        for _ in 0..366 {
            if self.is_business_day(day) {
                return Some(day);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }
}

impl RawHoliday {
    fn rule(&self) -> Option<Rule> {
        match (&self.date, &self.weekday) {
            (Some(date), None) => {
                let (month, day) = date.split_once('-')?;
                let (month, day) = (month.parse().ok()?, day.parse().ok()?);
                Date::new(2024, month, day).ok()?;
                let nearest_weekday = match self.observed.as_deref() {
                    None => false,
                    Some("nearest-weekday") => true,
                    Some(_) => return None,
                };
                Some(Rule::Fixed { month, day, nearest_weekday })
            }
            (None, Some(day)) => {
                let nth = self.nth?;
                let month = self.month?;
                let valid = (1..=12).contains(&month) && (nth == -1 || (1..=5).contains(&nth));
                valid.then_some(())?;
                Some(Rule::Nth { month, weekday: weekday(day)?, nth })
            }
            _ => None,
        }
    }
}

impl Rule {
    fn day(&self, year: i16) -> Option<Date> {
        match *self {
            Self::Fixed { month, day, nearest_weekday } => {
                let date = Date::new(year, month, day).ok()?;
                let shift: Span = match date.weekday() {
                    Weekday::Saturday if nearest_weekday => (-1).days(),
                    Weekday::Sunday if nearest_weekday => 1.days(),
                    _ => 0.days(),
                };
                date.checked_add(shift).ok()
            }
            Self::Nth { month, weekday, nth } => {
                Date::new(year, month, 1).ok()?.nth_weekday_of_month(nth, weekday).ok()
            }
        }
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}
