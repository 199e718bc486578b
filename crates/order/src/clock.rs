//! The clock of an order: which obligation begins or ends when, what is late, what waits for an event.

use crate::order::{Obligation, Order, Roll, Trigger};
use crate::{Calendar, OrderError};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};
use std::collections::BTreeMap;
use std::fmt;

/// A length of time as orders count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

/// What an offset counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Hours.
    Hours,
    /// Calendar days.
    Days,
    /// Days on which business is done.
    BusinessDays,
    /// Calendar months.
    Months,
}

impl Offset {
    /// Reads `30 days`, `1 business day`, `72 hours`, `3 months`, `2 weeks`, `1 year`; the error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let help = || format!("`{text}`: write a number and hours, days, business days, weeks, months or years");
        let (number, words) = text.trim().split_once(' ').ok_or_else(help)?;
        let count: u32 = number.parse().map_err(|_| help())?;
        let (factor, unit) = match words.trim().trim_end_matches('s') {
            "hour" => (1, Unit::Hours),
            "day" | "calendar day" => (1, Unit::Days),
            "business day" | "working day" => (1, Unit::BusinessDays),
            "week" => (7, Unit::Days),
            "month" => (1, Unit::Months),
            "year" => (12, Unit::Months),
            _ => return Err(help()),
        };
        // A bound that no order comes near keeps the arithmetic in the calendar's range.
        let count = count.checked_mul(factor).filter(|count| *count <= 100_000).ok_or_else(help)?;
        Ok(Self { count, unit })
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Hours => "hour",
            Unit::Days => "day",
            Unit::BusinessDays => "business day",
            Unit::Months => "month",
        };
        write!(f, "{} {unit}{}", self.count, if self.count == 1 { "" } else { "s" })
    }
}

/// When something is due: after its trigger, on a day, or at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// So long after the trigger.
    After(Offset),
    /// On this day.
    On(Date),
    /// At this instant.
    At(Timestamp),
}

impl Start {
    /// Reads an offset, `trigger`, a date or an instant; the error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "trigger" {
            return Ok(Self::After(Offset { count: 0, unit: Unit::Days }));
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if let Ok(day) = text.parse::<Date>()
            && text.len() == 10
        {
            return Ok(Self::On(day));
        }
        Offset::parse(text).map(Self::After)
    }
}

/// When the things happened that start clocks, and which obligations are done.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// Event and its moment.
    pub happened: BTreeMap<String, Moment>,
    /// Obligation and the moment it was done.
    pub done: BTreeMap<String, Moment>,
}

/// A day, or an instant of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The day, in the order's zone.
    pub day: Date,
    /// The instant, where the order sets one.
    pub instant: Option<ZonedDateTime>,
}

impl Moment {
    /// Reads a date, or an instant that is moved to `zone`.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, OrderError> {
        if let Ok(at) = text.parse::<Timestamp>() {
            let instant = at.to_zoned_datetime(zone.clone());
            return Ok(Self { day: instant.date(), instant: Some(instant) });
        }
        let day = text.parse::<Date>().map_err(|_| {
            OrderError::Clock(format!(
                "`{text}` is no day: write 2017-09-13, or an instant such as 2017-09-13T12:00-04:00"
            ))
        })?;
        Ok(Self { day, instant: None })
    }

    fn of_day(day: Date) -> Self {
        Self { day, instant: None }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.instant {
            Some(at) => write!(f, "{}", at.strftime("%Y-%m-%d %H:%M %Z")),
            None => write!(f, "{} {}", self.day, self.day.strftime("%a")),
        }
    }
}

/// One date of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The obligation.
    pub obligation: String,
    /// Which time, for one that repeats, from 1.
    pub occurrence: u32,
    /// When it must have begun.
    pub begin: Option<Moment>,
    /// When it must be complete.
    pub complete: Option<Moment>,
    /// How that stands on the day asked about.
    pub state: DueState,
    /// What a reader must know: what it waits for, what it assumes.
    pub note: String,
}

/// How a date stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueState {
    /// So many days from now; 0 is today.
    In(i64),
    /// So many days ago and not recorded as done.
    Late(i64),
    /// The day to begin is past, and the order sets no end.
    Begun(i64),
    /// Recorded as done.
    Done,
    /// Its clock has not started: the event it waits for.
    Waiting(String),
    /// The order gives no date.
    Undated,
}

impl fmt::Display for DueState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = |count: &i64| if *count == 1 { "1 day".to_owned() } else { format!("{count} days") };
        match self {
            Self::In(0) => f.write_str("today"),
            Self::In(count) => write!(f, "in {}", days(count)),
            Self::Late(count) => write!(f, "late by {} unless done", days(count)),
            Self::Begun(count) => write!(f, "to have begun {} ago, no end date", days(count)),
            Self::Done => f.write_str("done"),
            Self::Waiting(event) => write!(f, "waits for {event}"),
            Self::Undated => f.write_str("no date"),
        }
    }
}

/// Computes every date of `order` as it stands on `today`. An obligation that repeats gives the last time that is past
/// and the next one, with the count of those before.
///
/// # Errors
/// Business days without a calendar, or dates outside what the calendar can express.
pub fn dates(order: &Order, calendar: Option<&Calendar>, today: Date, events: &Events) -> Result<Vec<Due>, OrderError> {
    let clock = Clock { order, calendar, today, events };
    let mut out = Vec::new();
    for obligation in &order.obligations {
        out.extend(clock.of(obligation)?);
    }
    Ok(out)
}

/// Whether the clock of an obligation runs.
enum Started {
    At(Moment),
    Waits(String),
    NotInForce,
}

struct Clock<'a> {
    order: &'a Order,
    calendar: Option<&'a Calendar>,
    today: Date,
    events: &'a Events,
}

impl Clock<'_> {
    fn of(&self, obligation: &Obligation) -> Result<Vec<Due>, OrderError> {
        let due = |occurrence, state, begin, complete, note: &str| Due {
            obligation: obligation.id.clone(),
            occurrence,
            begin,
            complete,
            state,
            note: note.to_owned(),
        };
        let trigger = match self.trigger(obligation, 0)? {
            Started::At(trigger) => trigger,
            Started::Waits(event) => return Ok(vec![due(1, DueState::Waiting(event), None, None, "")]),
            Started::NotInForce => return Ok(Vec::new()),
        };
        let done = self.events.done.contains_key(&obligation.id);
        let begin = self.moment(obligation.begin_by.as_ref(), &trigger, obligation)?;
        if let Some(repeat) = &obligation.repeat {
            let first = repeat.first.clone().unwrap_or(Start::After(repeat.every));
            let Some(first) = self.moment(Some(&first), &trigger, obligation)? else { return Ok(Vec::new()) };
            return self.repeated(obligation, repeat.every, first, begin, done);
        }
        let complete = self.moment(obligation.complete_by.as_ref(), &trigger, obligation)?;
        let state = match (&complete, &begin) {
            _ if done => DueState::Done,
            (Some(complete), _) => self.state(complete),
            (None, Some(begin)) => match self.days_until(begin) {
                ahead if ahead >= 0 => DueState::In(ahead),
                past => DueState::Begun(-past),
            },
            (None, None) => DueState::Undated,
        };
        let note = match (&complete, &begin) {
            (None, Some(_)) => "the day it begins; the order sets no end",
            _ => "",
        };
        Ok(vec![due(1, state, begin, complete, note)])
    }

    /// The last occurrence that is past and the next one.
    fn repeated(
        &self,
        obligation: &Obligation,
        every: Offset,
        first: Moment,
        begin: Option<Moment>,
        done: bool,
    ) -> Result<Vec<Due>, OrderError> {
        // Counted from the first, so that the 31st stays the 31st where a month has one.
        let nth = |occurrence: u32| {
            let count = every.count.checked_mul(occurrence - 1).ok_or_else(out_of_range)?;
            let start = Start::After(Offset { count, unit: every.unit });
            let moment = self.moment(Some(&start), &first, obligation)?;
            moment.ok_or_else(out_of_range)
        };
        let mut occurrence = 1;
        let mut past = None;
        let mut at = first.clone();
        while at.day < self.today {
            past = Some((occurrence, std::mem::replace(&mut at, nth(occurrence + 1)?)));
            occurrence += 1;
        }
        let until = obligation.repeat.as_ref().map(|repeat| repeat.until.as_str()).unwrap_or_default();
        let make = |occurrence, moment: Moment, state| Due {
            obligation: obligation.id.clone(),
            occurrence,
            begin: begin.clone(),
            complete: Some(moment),
            state,
            note: if until.is_empty() { format!("every {every}") } else { format!("every {every} until {until}") },
        };
        let mut out = Vec::new();
        if let Some((occurrence, moment)) = past {
            let state = if done { DueState::Done } else { self.state(&moment) };
            out.push(make(occurrence, moment, state));
        }
        let state = self.state(&at);
        out.push(make(occurrence, at, state));
        Ok(out)
    }

    /// When the clock of `obligation` started. A version of a rule that was not in force then never starts, and neither
    /// does what hangs on it.
    fn trigger(&self, obligation: &Obligation, depth: usize) -> Result<Started, OrderError> {
        let started = match &obligation.trigger {
            Trigger::Issuance => Started::At(Moment::of_day(self.order.issued)),
            Trigger::Effective => Started::At(Moment::of_day(self.order.effective)),
            Trigger::Event(name) => match self.events.happened.get(name) {
                Some(moment) => Started::At(moment.clone()),
                None => Started::Waits(format!("the event `{name}`")),
            },
            Trigger::Obligation(id) => self.completion(id, depth)?,
        };
        Ok(match started {
            Started::At(moment)
                if obligation.valid_from.is_some_and(|from| moment.day < from)
                    || obligation.valid_to.is_some_and(|to| moment.day > to) =>
            {
                Started::NotInForce
            }
            other => other,
        })
    }

    /// When the obligation `id` was done or is due.
    fn completion(&self, id: &str, depth: usize) -> Result<Started, OrderError> {
        let Some(other) = self.order.obligations.iter().find(|other| other.id == id) else {
            return Ok(Started::Waits(format!("the obligation `{id}`")));
        };
        if depth > self.order.obligations.len() {
            return Err(OrderError::Clock(format!("the obligations around `{id}` wait for each other")));
        }
        let start = match self.trigger(other, depth + 1)? {
            Started::At(start) => start,
            waiting => return Ok(waiting),
        };
        if let Some(done) = self.events.done.get(id) {
            return Ok(Started::At(done.clone()));
        }
        Ok(match self.moment(other.complete_by.as_ref().or(other.begin_by.as_ref()), &start, other)? {
            Some(moment) => Started::At(moment),
            None => Started::Waits(format!("the obligation `{id}`, which has no date")),
        })
    }

    fn moment(
        &self,
        start: Option<&Start>,
        trigger: &Moment,
        obligation: &Obligation,
    ) -> Result<Option<Moment>, OrderError> {
        let Some(start) = start else { return Ok(None) };
        let mut moment = match start {
            Start::At(at) => {
                let instant = at.to_zoned_datetime(self.order.time_zone.clone());
                return Ok(Some(Moment { day: instant.date(), instant: Some(instant) }));
            }
            Start::On(day) => Moment::of_day(*day),
            Start::After(offset) => self.after(trigger, *offset)?,
        };
        if obligation.roll == Roll::NextBusinessDay {
            moment.day = self.calendar()?.next_business_day(moment.day).ok_or_else(out_of_range)?;
        }
        if let Some(time) = obligation.at {
            moment.instant = Some(self.zoned(moment.day, time)?);
        }
        Ok(Some(moment))
    }

    fn after(&self, from: &Moment, offset: Offset) -> Result<Moment, OrderError> {
        let count = i64::from(offset.count);
        let day = |span: Span| from.day.checked_add(span).map_err(|_| out_of_range());
        let day = match offset.unit {
            Unit::Hours => {
                let start = match &from.instant {
                    Some(instant) => instant.clone(),
                    None => self.zoned(from.day, Time::midnight())?,
                };
                let instant = start.checked_add(Span::new().hours(count)).map_err(|_| out_of_range())?;
                return Ok(Moment { day: instant.date(), instant: Some(instant) });
            }
            Unit::Days => day(Span::new().days(count))?,
            Unit::Months => day(Span::new().months(count))?,
            Unit::BusinessDays => {
                self.calendar()?.add_business_days(from.day, offset.count).ok_or_else(out_of_range)?
            }
        };
        Ok(Moment::of_day(day))
    }

    fn zoned(&self, day: Date, time: Time) -> Result<ZonedDateTime, OrderError> {
        day.to_datetime(time).to_zoned_datetime(self.order.time_zone.clone()).map_err(|_| out_of_range())
    }

    fn calendar(&self) -> Result<&Calendar, OrderError> {
        self.calendar.ok_or_else(|| {
            OrderError::Clock(format!(
                "order `{}` counts business days and names no calendar: add calendar = \"us-federal\", or another of orders/calendars",
                self.order.id
            ))
        })
    }

    fn state(&self, moment: &Moment) -> DueState {
        match self.days_until(moment) {
            ahead if ahead >= 0 => DueState::In(ahead),
            past => DueState::Late(-past),
        }
    }

    fn days_until(&self, moment: &Moment) -> i64 {
        self.today.until(moment.day).map(|span| i64::from(span.get_days())).unwrap_or_default()
    }
}

fn out_of_range() -> OrderError {
    OrderError::Clock("a date outside what a calendar can hold".to_owned())
}
