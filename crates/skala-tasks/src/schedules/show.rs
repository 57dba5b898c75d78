//! Schedules as JSON documents.

use serde_json::{Value, json};
use skala_queue::Firing;
use skala_queue::schedule::{ScheduleState, Scheduler};
use skala_types::Time;

use super::ScheduledTasks;

/// Runs that are shown.
const SHOWN: usize = 5;

/// All schedules.
pub(super) fn list(
    scheduler: &Scheduler,
    schedules: &[ScheduledTasks],
    queue: impl Fn(&ScheduledTasks) -> String,
    now: Time,
) -> Value {
    let all: Vec<Value> = schedules.iter().map(|s| one(scheduler, s, &queue(s), now)).collect();
    json!({ "schemaVersion": 1, "schedules": all })
}

/// One schedule with its next runs, each with its offset from UTC.
pub(super) fn one(scheduler: &Scheduler, schedule: &ScheduledTasks, queue: &str, now: Time) -> Value {
    let settings = &schedule.settings;
    let name = settings.name.as_str();
    let Some(ScheduleState { paused, buffered, ahead, .. }) = scheduler.state(name, now) else { return Value::Null };
    // A clock that was ahead once has dealt with what comes until then.
    let next = if paused { Vec::new() } else { settings.timetable.next_shown(ahead.unwrap_or(now), SHOWN) };
    let shown = |time: Option<Time>| time.map(|time| settings.timetable.show(time));
    json!({
        "name": name,
        "queue": queue,
        "timetable": settings.timetable.text(),
        "paused": paused,
        "next": next,
        "buffered": shown(buffered),
        "ahead": shown(ahead),
    })
}

/// Occurrences that came about, newest first.
pub(super) fn history(name: &str, firings: &[Firing]) -> Value {
    let one = |firing: &Firing| {
        let (scheduled, at) = (firing.occurrence.nominal.to_string(), firing.at.to_string());
        json!({ "scheduled": scheduled, "at": at, "outcome": firing.outcome, "tasks": firing.tasks })
    };
    let runs: Vec<Value> = firings.iter().map(one).collect();
    json!({ "schemaVersion": 1, "name": name, "runs": runs })
}
