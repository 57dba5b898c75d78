//! `tasks`: enqueues, shows and directs the tasks of a running platform, through its tasks' API.

mod act;
pub mod api;
mod dead;
mod enqueue;
mod list;
mod recover;
mod stats;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use skala_console::views::SCHEMA_VERSION;

use crate::cli::{Output, Place};
use crate::exit::Outcome;
use crate::show;

pub use list::why;

/// Arguments of `tasks`.
#[derive(Args)]
pub struct TasksArgs {
    #[command(subcommand)]
    verb: TasksVerb,
}

#[derive(Subcommand)]
enum TasksVerb {
    /// Put a task, or many from a file, into a queue
    Enqueue(enqueue::EnqueueArgs),
    /// List tasks, the newest first
    List(list::ListArgs),
    /// Show everything about a task
    Show(list::ShowArgs),
    /// Call a task off, and those that wait for it
    Cancel(act::TaskArgs),
    /// Begin a dead or cancelled task anew, or all dead ones of a queue
    Retry(act::RetryArgs),
    /// Show dead letters: what they died of, attempts, cost, last log lines
    Dead(dead::DeadArgs),
    /// Forget a queue's tasks that nobody works on
    Purge(act::PurgeArgs),
    /// Give out no more tasks of a queue
    Pause(act::QueueArgs),
    /// Give out tasks of a queue again
    Resume(act::QueueArgs),
    /// Take what can be read of a damaged store into a new one, with skala stopped
    Recover(recover::RecoverArgs),
    /// Show queues: how long, how old, how fast
    Stats(stats::StatsArgs),
}

/// What every verb of tasks takes.
#[derive(Args, Clone)]
pub struct Common {
    #[command(flatten)]
    pub place: Place,
    /// Output form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

impl Common {
    /// The API of the skala that runs here.
    fn api(&self) -> Result<api::Api, crate::exit::Exit> {
        api::Api::find(&self.place.state_dir())
    }

    /// Shows a document: as JSON with a schemaVersion, or by `table`.
    pub fn show(&self, document: Value, table: impl FnOnce(&Value)) {
        match self.output {
            Output::Table => table(&document),
            Output::Json => show::json(&versioned(document)),
        }
    }
}

/// `skala tasks ...`
pub fn run(args: &TasksArgs) -> Outcome {
    match &args.verb {
        TasksVerb::Enqueue(args) => enqueue::run(args),
        TasksVerb::List(args) => list::run(args),
        TasksVerb::Show(args) => list::show(args),
        TasksVerb::Cancel(args) => act::cancel(args),
        TasksVerb::Retry(args) => act::retry(args),
        TasksVerb::Dead(args) => dead::run(args),
        TasksVerb::Purge(args) => act::purge(args),
        TasksVerb::Pause(args) => act::pause(args, true),
        TasksVerb::Resume(args) => act::pause(args, false),
        TasksVerb::Recover(args) => recover::run(args),
        TasksVerb::Stats(args) => stats::run(args),
    }
}

/// A document with its version first.
fn versioned(document: Value) -> Value {
    let mut whole = Map::from_iter([("schemaVersion".to_owned(), SCHEMA_VERSION.into())]);
    match document {
        Value::Object(fields) => whole.extend(fields),
        other => {
            whole.insert("value".into(), other);
        }
    }
    Value::Object(whole)
}

/// A field as text; empty where it is missing.
fn text(document: &Value, field: &str) -> String {
    match &document[field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Seconds for people.
fn seconds(value: &Value) -> String {
    match value.as_f64() {
        None => "-".into(),
        Some(s) if s < 10.0 => format!("{s:.1}s"),
        Some(s) if s < 120.0 => format!("{s:.0}s"),
        Some(s) if s < 7200.0 => format!("{:.0}m", s / 60.0),
        Some(s) if s < 172_800.0 => format!("{:.0}h", s / 3600.0),
        Some(s) => format!("{:.0}d", s / 86_400.0),
    }
}

/// The first line of a text, cut to a length.
fn brief(text: &str, most: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= most { line.to_owned() } else { line.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_for_people() {
        let rows = [(0.04, "0.0s"), (9.96, "10.0s"), (60.0, "60s"), (600.0, "10m"), (7200.0, "2h"), (864_000.0, "10d")];
        for (value, want) in rows {
            assert_eq!(seconds(&json!(value)), want);
        }
        assert_eq!(seconds(&Value::Null), "-");
        assert_eq!(brief("abcdef\ng", 4), "abc…");
        assert_eq!(brief("abcd", 4), "abcd");
        assert_eq!(versioned(json!({"a": 1})), json!({"schemaVersion": 1, "a": 1}));
    }
}
