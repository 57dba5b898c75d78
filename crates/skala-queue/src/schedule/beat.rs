//! Schedules of a Celery beat, as its app exports them.
//!
//! Decides: which timetable an entry of `beat_schedule` has here.
//! Inputs: a JSON object, by name: `{"task": .., "schedule": {"type": "crontab" | "interval" | "solar", ..}, "args": [..], "kwargs": {..},
//!   "options": {..}}`; the app's time zone. A crontab has `minute`, `hour`, `day_of_week`, `day_of_month`, `month_of_year` as texts,
//!   numbers or lists of them, and may have a `timezone`; an interval has `seconds`.
//! Method: each field is read by Celery's own rules (`celery.schedules.crontab_parser`: ranges that wrap around, steps, names) and
//!   written as cron. Both days must match, unlike POSIX.
//! Tested: `tests` below.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Timetable, TimetableError};

/// An entry of a beat schedule.
#[derive(Clone, Debug)]
pub struct BeatEntry {
    /// Its name.
    pub name: String,
    /// The Celery task.
    pub task: String,
    /// When.
    pub timetable: Timetable,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Arguments by name.
    pub kwargs: Map<String, Value>,
    /// Options of `apply_async`, such as `queue`, `expires`, `priority`.
    pub options: Map<String, Value>,
}

/// Why an entry, or the export, cannot be taken over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BeatError {
    /// The export is not what it should be.
    #[error("the export of the beat schedule is no JSON object of entries: {0}")]
    Export(String),
    /// One entry is not.
    #[error("beat entry {name}: {reason}")]
    Entry {
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Exported {
    task: String,
    schedule: Exports,
    #[serde(default)]
    args: Option<Vec<Value>>,
    #[serde(default)]
    kwargs: Option<Map<String, Value>>,
    #[serde(default)]
    options: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Exports {
    Crontab {
        #[serde(default)]
        minute: Field,
        #[serde(default)]
        hour: Field,
        #[serde(default)]
        day_of_week: Field,
        #[serde(default)]
        day_of_month: Field,
        #[serde(default)]
        month_of_year: Field,
        #[serde(default, alias = "tz")]
        timezone: Option<String>,
    },
    Interval {
        #[serde(alias = "every")]
        seconds: f64,
    },
    Solar {},
    #[serde(other)]
    Unknown,
}

/// `*/15`, `7`, `[0, 30]`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Field {
    Number(u32),
    Text(String),
    Many(Vec<Field>),
}

impl Default for Field {
    fn default() -> Field {
        Field::Text("*".to_owned())
    }
}

/// Reads an export: the entries that can be taken over, and why the others cannot, by name.
///
/// # Errors
/// When it is no JSON object.
pub fn read_beat(export: &str, zone: &str) -> Result<(Vec<BeatEntry>, Vec<BeatError>), BeatError> {
    let entries: BTreeMap<String, Value> = serde_json::from_str(export).map_err(|e| BeatError::Export(e.to_string()))?;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for (name, entry) in entries {
        match read_entry(&name, entry, zone) {
            Ok(entry) => taken.push(entry),
            Err(reason) => refused.push(BeatError::Entry { name, reason }),
        }
    }
    Ok((taken, refused))
}

fn read_entry(name: &str, entry: Value, zone: &str) -> Result<BeatEntry, String> {
    let entry: Exported = serde_json::from_value(entry).map_err(|e| e.to_string())?;
    let timetable = read_schedule(&entry.schedule, zone)?;
    let Exported { task, args, kwargs, options, .. } = entry;
    let (args, kwargs, options) = (args.unwrap_or_default(), kwargs.unwrap_or_default(), options.unwrap_or_default());
    Ok(BeatEntry { name: name.to_owned(), task, timetable, args, kwargs, options })
}

fn read_schedule(schedule: &Exports, zone: &str) -> Result<Timetable, String> {
    let say = |e: TimetableError| e.to_string();
    match schedule {
        Exports::Crontab { minute, hour, day_of_week, day_of_month, month_of_year, timezone } => {
            let fields = [
                field("minute", minute, &MINUTES)?,
                field("hour", hour, &HOURS)?,
                field("day_of_month", day_of_month, &DAYS)?,
                field("month_of_year", month_of_year, &MONTHS)?,
                field("day_of_week", day_of_week, &WEEKDAYS)?,
            ];
            Timetable::cron_of_both_days(&fields.join(" "), timezone.as_deref().unwrap_or(zone)).map_err(say)
        }
        Exports::Interval { seconds } => {
            let period = Duration::try_from_secs_f64(*seconds).map_err(|_| format!("an interval of {seconds} s cannot be"))?;
            Timetable::every(period, zone).map_err(say)
        }
        Exports::Solar {} => {
            Err("a solar schedule (sunrise, sunset) is not taken over; keep it in Beat, or write a cron time instead".to_owned())
        }
        Exports::Unknown => {
            Err("its schedule is none of crontab, interval; keep it in Beat, or write a cron time instead".to_owned())
        }
    }
}

/// More numbers than this are written as ranges where they follow one another.
const MOST_NUMBERS: usize = 12;

/// What a field of a crontab may hold.
struct Range {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MINUTES: Range = Range { least: 0, most: 59, names: &[] };
const HOURS: Range = Range { least: 0, most: 23, names: &[] };
const DAYS: Range = Range { least: 1, most: 31, names: &[] };
const MONTHS: Range =
    Range { least: 1, most: 12, names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] };
const WEEKDAYS: Range = Range { least: 0, most: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// A field as cron writes it. That it is open says what happens when clocks change, so `*/15` stays; else numbers, which are written
/// as ranges only where they are many.
fn field(name: &str, field: &Field, range: &Range) -> Result<String, String> {
    let text = flatten(field);
    let text = text.trim();
    let set = range.read(text).ok_or_else(|| format!("{name} `{text}` is not a crontab field"))?;
    if set.len() as u32 == range.most - range.least + 1 {
        return Ok("*".to_owned());
    }
    if text.starts_with("*/") && !text.contains(',') {
        return Ok(text.to_owned());
    }
    let least_run = if set.len() > MOST_NUMBERS { 3 } else { usize::MAX };
    Ok(runs(&set).iter().map(|run| written(run, least_run)).collect::<Vec<_>>().join(","))
}

/// Numbers that follow one another.
fn runs(set: &BTreeSet<u32>) -> Vec<Vec<u32>> {
    let mut runs: Vec<Vec<u32>> = Vec::new();
    for n in set {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| last + 1 == *n) => run.push(*n),
            _ => runs.push(vec![*n]),
        }
    }
    runs
}

fn written(run: &[u32], least_run: usize) -> String {
    if run.len() >= least_run {
        return format!("{}-{}", run[0], run[run.len() - 1]);
    }
    run.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn flatten(field: &Field) -> String {
    match field {
        Field::Number(n) => n.to_string(),
        Field::Text(text) => text.clone(),
        Field::Many(many) => many.iter().map(flatten).collect::<Vec<_>>().join(","),
    }
}

impl Range {
    fn read(&self, text: &str) -> Option<BTreeSet<u32>> {
        let parts = text.split(',').map(|part| self.part(part.trim()));
        Some(parts.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// `*`, `a`, `a-b`, each with `/step`.
    fn part(&self, part: &str) -> Option<Vec<u32>> {
        let (span, step) = part.split_once('/').map_or((part, Some(1)), |(span, step)| (span, step.parse().ok()));
        let step = step.filter(|step| *step > 0)?;
        let all = self.span(span)?;
        Some(all.into_iter().step_by(step).collect())
    }

    fn span(&self, span: &str) -> Option<Vec<u32>> {
        if span == "*" {
            return Some((self.least..=self.most).collect());
        }
        let Some((from, to)) = span.split_once('-') else { return Some(vec![self.number(span)?]) };
        let (from, to) = (self.number(from)?, self.number(to)?);
        if from <= to {
            return Some((from..=to).collect());
        }
        Some((from..=self.most).chain(self.least..=to).collect())
    }

    fn number(&self, text: &str) -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        let named = || {
            let place = self.names.iter().position(|name| lower.len() >= 3 && lower.starts_with(name))?;
            Some(self.least + place as u32)
        };
        lower.parse().ok().or_else(named).filter(|n| (self.least..=self.most).contains(n))
    }
}

#[cfg(test)]
#[path = "beat_tests.rs"]
mod tests;
