//! `import celery-beat APP`: the beat schedule of a Celery application to `schedules:`.
//!
//! Decides: nothing; the application's own Python prints its schedule, and `skala_manifests` makes schedules of it.
//! Tested: `tests` below; `tests/e2e/examples/fastapi_celery.rs`.

use std::path::Path;

use serde_json::{Value, json};
use skala_celery::beat::BeatSchedule;
use skala_manifests::import::{ImportError, Imported, beat};

use super::table;
use crate::exit::{Exit, FAILED};

/// What is written in place of a file.
pub const WORD: &str = "celery-beat";

/// Imports the schedule of an application, read by this Python in the current folder.
pub fn import(app: &str, python: &Path) -> Result<Imported, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|e| Exit::new(FAILED, format!("cannot run Python: {e}"), "is the machine out of resources?"))?;
    let read = runtime.block_on(skala_celery::beat::read(python, Path::new("."), app));
    let schedule = read.map_err(|e| {
        let help = "run it where the application's module is, and name the Python that has its packages with --python";
        Exit::new(FAILED, e.to_string(), help)
    })?;
    beat(app, &document(&schedule).to_string()).map_err(|error| {
        if let ImportError::Nothing { notes } = &error {
            table(notes);
        }
        Exit::new(FAILED, error.to_string(), "does the application set beat_schedule?")
    })
}

/// The schedule in the words of the import.
fn document(schedule: &BeatSchedule) -> Value {
    let entries: Vec<Value> = schedule.entries.iter().map(|(name, entry)| one(name, entry)).collect();
    json!({"timezone": schedule.timezone, "entries": entries})
}

fn one(name: &str, entry: &Value) -> Value {
    let (when, options) = (&entry["schedule"], &entry["options"]);
    let field = |name: &str| when[name].as_str().unwrap_or("*").replace(char::is_whitespace, "");
    let fields = ["minute", "hour", "day_of_month", "month_of_year", "day_of_week"];
    let cron = (when["type"] == "crontab").then(|| fields.map(field).join(" "));
    let list = |value: &Value| if value.is_array() { value.clone() } else { json!([]) };
    let map = |value: &Value| if value.is_object() { value.clone() } else { json!({}) };
    json!({
        "name": name,
        "task": entry["task"].as_str().unwrap_or_default(),
        "args": list(&entry["args"]),
        "kwargs": map(&entry["kwargs"]),
        "queue": options["queue"].as_str().unwrap_or("celery"),
        "priority": options["priority"].as_u64().map_or(0, |p| p.min(255)),
        "expires": options["expires"].as_f64(),
        "cron": cron,
        "every": when["seconds"].as_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_prints_becomes_schedules() {
        let entries = json!({
            "nightly": {"task": "app.add", "args": [1], "kwargs": {}, "options": {"queue": "celery"},
                "schedule": {"type": "crontab", "minute": "0", "hour": "2", "day_of_month": "*", "month_of_year": "*", "day_of_week": "mon, fri"}},
            "often": {"task": "app.tick", "args": [], "kwargs": {"x": 1}, "options": {"queue": "email", "expires": 10},
                "schedule": {"type": "interval", "seconds": 30.0}},
            "sun": {"task": "app.sun", "args": [], "kwargs": {}, "options": {}, "schedule": {"type": "solar", "event": "sunset"}},
        });
        let Value::Object(entries) = entries else { panic!("it is a map") };
        let schedule = BeatSchedule { timezone: "Europe/Berlin".into(), entries };
        let imported = beat("app", &document(&schedule).to_string()).expect("it can be imported");
        let schedules = &imported.output["schedules"];
        assert_eq!(schedules["often"]["every"], "30s");
        assert_eq!(schedules["often"]["body"], json!({"task": "app.tick", "args": [], "kwargs": {"x": 1}}));
        assert_eq!(
            (&schedules["nightly"]["timezone"], &schedules["nightly"]["queue"]),
            (&json!("Europe/Berlin"), &json!("celery"))
        );
        assert!(
            schedules["sun"].is_null() && imported.notes.iter().any(|note| note.object.contains("sun")),
            "{:?}",
            imported.notes
        );
    }
}
