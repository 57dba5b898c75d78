//! From a Celery beat schedule to `schedules:` of a platform file.
//!
//! Decides: which schedule an entry of Beat becomes, and what cannot be said.
//! Inputs: the document that `skala_celery` reads off an application: `{"timezone": .., "entries": [{"name", "task", "args", "kwargs",
//!   "queue", "priority", "expires", "cron" | "every", "notes"}]}`.
//! Method: fields of a crontab are read by Celery's rules (`skala_queue::schedule::read_beat`). Celery demands both the day of the month and
//!   the day of the week where both are restricted, which cron writes as `+` before the day of the week.
//! Invariants: no input panics; the schedules that come out pass `check` where `queues:` has what the notes ask for.
//! Tested: `tests/it/import/beat.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use skala_queue::schedule::{SHORTEST_PERIOD, read_beat};
use skala_spec::scalar::Dur;

use super::note::{Notes, Origin, short};
use super::{ImportError, Imported};

/// Largest document, in bytes.
const MAX_BYTES: usize = 8 << 20;
/// The longest interval that a schedule has.
const LONGEST_PERIOD: Duration = Duration::from_secs(365 * 86_400);
/// Most entries.
const MOST: usize = 10_000;

#[derive(Deserialize)]
struct Document {
    timezone: String,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    task: String,
    #[serde(default)]
    args: Vec<Value>,
    #[serde(default)]
    kwargs: Map<String, Value>,
    #[serde(default = "celery")]
    queue: String,
    #[serde(default)]
    priority: u8,
    expires: Option<f64>,
    cron: Option<String>,
    every: Option<f64>,
    #[serde(default)]
    notes: Vec<String>,
}

fn celery() -> String {
    "celery".to_owned()
}

/// The schedules of a beat, as `{"schedules": ..}`, and what differs.
///
/// # Errors
/// When the document is not of this shape, too large, or has nothing that can be taken over.
pub fn beat(name: &str, document: &str) -> Result<Imported, ImportError> {
    let unreadable = |line: usize, message: String| ImportError::Unreadable { file: name.to_owned(), line, message };
    if document.len() > MAX_BYTES {
        return Err(unreadable(1, format!("the document has more than {MAX_BYTES} bytes")));
    }
    let read: Document = serde_json::from_str(document).map_err(|e| unreadable(e.line().max(1), e.to_string()))?;
    if read.entries.len() > MOST {
        return Err(ImportError::TooMany { most: MOST });
    }
    let mut taken =
        Taken { file: name, zone: read.timezone, notes: Notes::default(), schedules: Map::new(), queues: BTreeMap::new() };
    for entry in read.entries {
        taken.entry(entry);
    }
    taken.finish()
}

/// What was taken over so far.
struct Taken<'a> {
    file: &'a str,
    zone: String,
    notes: Notes,
    schedules: Map<String, Value>,
    /// Names of queues here, by their names in Celery.
    queues: BTreeMap<String, String>,
}

impl Taken<'_> {
    fn entry(&mut self, entry: Entry) {
        let origin = Origin { file: self.file.to_owned(), object: format!("beat entry {}", short(&entry.name)), line: 1 };
        for note in entry.notes.iter().filter(|note| !note.contains("day of week both match")) {
            self.notes.add(&origin, 1, "", short(note), "look whether it matters");
        }
        if entry.task.is_empty() {
            return self.notes.add(&origin, 1, "task", "it names no task", "correct it in the app");
        }
        let (key, when) = match self.when(&entry) {
            Ok(when) => when,
            Err(reason) => return self.notes.add(&origin, 1, "schedule", reason, "keep it in Beat, or write a cron time"),
        };
        if entry.priority != 0 {
            let help = "let the queue have a `priority`, or leave it: Beat's tasks are few";
            self.notes.add(&origin, 1, "options.priority", "a schedule's tasks have the priority of their queue", help);
        }
        if let Some(expires) = entry.expires {
            let help = "give its queue `startWithin`, where it is skala's own";
            self.notes.add(&origin, 1, "options.expires", format!("tasks would not expire after {expires}s"), help);
        }
        let queue = self.queue(&entry.queue);
        let body = json!({"task": entry.task, "args": entry.args, "kwargs": entry.kwargs});
        let mut schedule = Map::new();
        schedule.insert(key.to_owned(), Value::from(when));
        if key == "cron" && self.zone != "UTC" {
            schedule.insert("timezone".to_owned(), Value::from(self.zone.clone()));
        }
        schedule.insert("queue".to_owned(), Value::from(queue));
        schedule.insert("body".to_owned(), body);
        let name = unused(&label(&entry.name), |name| self.schedules.contains_key(name));
        self.schedules.insert(name, Value::Object(schedule));
    }

    /// The key and its text: `cron` or `every`.
    fn when(&self, entry: &Entry) -> Result<(&'static str, String), String> {
        match (&entry.cron, entry.every) {
            (Some(cron), _) => Ok(("cron", self.cron(cron)?)),
            (None, Some(seconds)) => {
                let period = Duration::try_from_secs_f64(seconds);
                let period = period.ok().filter(|period| (SHORTEST_PERIOD..=LONGEST_PERIOD).contains(period));
                let period = period.ok_or_else(|| format!("an interval of {seconds}s is outside 1s to 365d"))?;
                Ok(("every", Dur::from(period).to_string()))
            }
            (None, None) => Err("its kind of time has no counterpart".to_owned()),
        }
    }

    /// Celery's five fields as cron has them.
    fn cron(&self, text: &str) -> Result<String, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day_of_month, month_of_year, day_of_week] = fields[..] else {
            return Err(format!("`{}` does not have five fields", short(text)));
        };
        let schedule = json!({
            "type": "crontab", "minute": minute, "hour": hour, "day_of_month": day_of_month,
            "month_of_year": month_of_year, "day_of_week": day_of_week,
        });
        let export = json!({"entry": {"task": "t", "schedule": schedule}}).to_string();
        let (read, refused) = read_beat(&export, &self.zone).map_err(|e| e.to_string())?;
        let Some(entry) = read.first() else {
            return Err(refused
                .first()
                .map_or_else(|| "it cannot be read".to_owned(), |e| e.to_string().replace("beat entry entry: ", "")));
        };
        let text = entry.timetable.text().trim_end_matches(" both days");
        let fields: Vec<&str> = text.split(' ').collect();
        match fields[..] {
            [minute, hour, day, month, weekday] if day != "*" && weekday != "*" => {
                Ok(format!("{minute} {hour} {day} {month} +{weekday}"))
            }
            _ => Ok(text.to_owned()),
        }
    }

    /// The queue's name here.
    fn queue(&mut self, celerys: &str) -> String {
        if let Some(name) = self.queues.get(celerys) {
            return name.clone();
        }
        let name = unused(&label(celerys), |name| self.queues.values().any(|taken| taken == name));
        let origin = Origin { file: self.file.to_owned(), object: format!("queue {}", short(celerys)), line: 1 };
        let named = if name == celerys { String::new() } else { format!(", queue: {}", json!(celerys)) };
        let help = format!(
            "add `queues: {{{name}: {{deliver: {{service: WORKER, celery: {{broker: \"${{CELERY_BROKER_URL}}\"{named}}}}}}}}}` unless it is there, and stop Beat"
        );
        self.notes.add(&origin, 1, "", format!("its tasks go to `{name}` of the platform file"), help);
        self.queues.insert(celerys.to_owned(), name.clone());
        name
    }

    fn finish(self) -> Result<Imported, ImportError> {
        let notes = self.notes.finish(&[self.file]);
        if self.schedules.is_empty() {
            return Err(ImportError::Nothing { notes });
        }
        Ok(Imported { output: json!({"schedules": self.schedules}), notes, variables: Vec::new(), samples: Vec::new() })
    }
}

/// A good name: `a-z`, `0-9` and `-`.
fn label(text: &str) -> String {
    let mapped: String =
        text.chars().map(|c| c.to_ascii_lowercase()).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name: String = mapped.trim_matches('-').chars().take(56).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "entry".to_owned() } else { name.to_owned() }
}

/// The name, with a number behind it where it is taken.
fn unused(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}
