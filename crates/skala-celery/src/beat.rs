//! Reads an application's beat schedule, so that skala's schedules can take Beat's place.
//!
//! Method: the application's own Python imports it and prints the schedule as JSON (`beat.py`); nothing is unpickled, and Beat's own
//!   file is not read. Crontabs become cron expressions. What has no counterpart is named in `notes`, never dropped in silence.
//! Invariants: the output is bounded, and so is the time.
//! Tested: `tests` below; `tests/it/beat.rs` with a real application.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use crate::Error;

const SCRIPT: &str = include_str!("beat.py");
/// Limits of what Python may take and print.
const TIME: Duration = Duration::from_secs(30);
const OUTPUT: u64 = 4 << 20;
/// Characters of Python's complaint that are shown.
const COMPLAINT: usize = 600;

/// An application's schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BeatSchedule {
    /// Version of this document.
    pub schema_version: u32,
    /// IANA name of the zone that crontabs are in.
    pub timezone: String,
    /// The entries.
    pub entries: Vec<BeatEntry>,
}

/// What runs when.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BeatEntry {
    /// Its name.
    pub name: String,
    /// The task.
    pub task: String,
    /// Its positional arguments.
    pub args: Vec<Value>,
    /// Its arguments by name.
    pub kwargs: Map<String, Value>,
    /// The queue, by the application's own routes.
    pub queue: String,
    /// 0 (served first) to 9.
    pub priority: u8,
    /// Seconds after which a task that has not begun is dropped.
    pub expires: Option<f64>,
    /// A cron expression of five fields, or none.
    pub cron: Option<String>,
    /// Seconds between runs, or none.
    pub every: Option<f64>,
    /// What differs from Celery, in words.
    pub notes: Vec<String>,
}

#[derive(Deserialize)]
struct Printed {
    timezone: String,
    entries: Vec<PrintedEntry>,
}

#[derive(Deserialize)]
struct PrintedEntry {
    name: String,
    task: String,
    args: Value,
    kwargs: Value,
    options: Map<String, Value>,
    schedule: When,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum When {
    Crontab { minute: String, hour: String, day_of_month: String, month: String, day_of_week: String },
    Interval { seconds: f64, relative: bool },
    Other { name: String },
}

/// Reads the schedule of `app` (`package.module` or `package.module:name`) with this Python, from this folder.
///
/// # Errors
/// When Python cannot be run, the application cannot be imported, or prints too much or takes too long.
pub async fn read(python: &Path, folder: &Path, app: &str) -> Result<BeatSchedule, Error> {
    let failed = |reason: String| Error::Beat { app: app.to_owned(), reason };
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, app]).current_dir(folder).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(format!("{} cannot be run: {e}", python.display())))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = async { tokio::join!(bounded(stdout), bounded(stderr), child.wait()) };
    let ended = tokio::time::timeout(TIME, ended).await;
    let (out, complaint, status) = ended.map_err(|_| failed(format!("it took longer than {} s", TIME.as_secs())))?;
    if !status.is_ok_and(|s| s.success()) {
        let text = String::from_utf8_lossy(&complaint).trim().to_owned();
        let from = text.char_indices().rev().nth(COMPLAINT).map_or(0, |(i, _)| i);
        return Err(failed(format!("Python said: {}", &text[from..])));
    }
    if out.len() as u64 >= OUTPUT {
        return Err(failed(format!("it is larger than {OUTPUT} bytes")));
    }
    let printed: Printed = serde_json::from_slice(&out).map_err(|e| failed(e.to_string()))?;
    Ok(schedule(printed))
}

/// Keeps the first part of a stream and reads the rest away, so that the program is not blocked.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return kept };
    // A stream that breaks ends early, which the caller sees in the status or the document.
    let _ = (&mut stream).take(OUTPUT).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    kept
}

fn schedule(printed: Printed) -> BeatSchedule {
    BeatSchedule { schema_version: 1, timezone: printed.timezone, entries: printed.entries.into_iter().map(entry).collect() }
}

fn entry(printed: PrintedEntry) -> BeatEntry {
    let mut notes = Vec::new();
    let (cron, every) = match printed.schedule {
        When::Crontab { minute, hour, day_of_month, month, day_of_week } => {
            if day_of_month != "*" && day_of_week != "*" {
                notes.push("Celery runs it when day of month and day of week both match; cron when one does".to_owned());
            }
            (Some(format!("{minute} {hour} {day_of_month} {month} {day_of_week}").replace(", ", ",")), None)
        }
        When::Interval { seconds, relative } => {
            if relative {
                notes.push("Celery rounds its times to whole intervals (relative=True)".to_owned());
            }
            (None, Some(seconds))
        }
        When::Other { name } => {
            notes.push(format!("a schedule of the kind {name} has no counterpart"));
            (None, None)
        }
    };
    let option = |name: &str| printed.options.get(name);
    for (name, _) in printed.options.iter().filter(|(n, _)| !["queue", "priority", "expires"].contains(&n.as_str())) {
        notes.push(format!("the option {name} is not carried over"));
    }
    BeatEntry {
        queue: option("queue").and_then(Value::as_str).unwrap_or("celery").to_owned(),
        priority: option("priority").and_then(Value::as_u64).map_or(0, |p| u8::try_from(p).unwrap_or(9).min(9)),
        expires: option("expires").and_then(Value::as_f64),
        name: printed.name,
        task: printed.task,
        args: match printed.args {
            Value::Array(args) => args,
            _ => Vec::new(),
        },
        kwargs: match printed.kwargs {
            Value::Object(kwargs) => kwargs,
            _ => Map::new(),
        },
        cron,
        every,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_counterpart_is_named() {
        let printed = r#"{"timezone": "UTC", "entries": [
            {"name": "a", "task": "t", "args": [1], "kwargs": {}, "options": {"queue": "q", "priority": 3, "expires": 60.0, "headers": {}},
             "schedule": {"kind": "crontab", "minute": "*/5", "hour": "2", "dayOfMonth": "1", "month": "*", "dayOfWeek": "mon"}},
            {"name": "b", "task": "t", "args": [], "kwargs": {}, "options": {}, "schedule": {"kind": "other", "name": "solar sunset"}}]}"#;
        let schedule = schedule(serde_json::from_str(printed).unwrap());
        let [a, b] = &schedule.entries[..] else { panic!("two entries") };
        assert_eq!((a.cron.as_deref(), a.priority, a.expires, a.notes.len()), (Some("*/5 2 1 * mon"), 3, Some(60.0), 2));
        assert_eq!(
            (b.queue.as_str(), b.notes.as_slice()),
            ("celery", &["a schedule of the kind solar sunset has no counterpart".to_owned()][..])
        );
    }
}
