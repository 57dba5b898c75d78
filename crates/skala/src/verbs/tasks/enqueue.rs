//! `tasks enqueue`: one task from the command line, or many from a file.
//!
//! Decides: nothing; the API checks everything but the form of the JSON.
//! Method: a file's lines go in batches, each all or none; what was taken in before a failure is told.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Map, Value, json};

use super::api::{Api, path};
use super::{Common, text};
use crate::cli::{Output, duration};
use crate::client::encode;
use crate::exit::{Exit, FAILED, Outcome, TIMED_OUT, USAGE};
use crate::show;

/// Tasks of one call.
const BATCH: usize = 128;
/// Longest body or line in bytes; the queue's own bound is lower.
const LONGEST: u64 = 64 << 20;
/// Longest single wait of the API.
const STEP: Duration = Duration::from_secs(20);

#[derive(Args)]
#[command(after_help = "\
A line of --batch is a task as the API takes it, such as {\"body\": {\"to\": \"a@example.com\"}, \"key\": \"mail-7\"}; up to 128 lines
go together, all or none.")]
pub struct EnqueueArgs {
    #[command(flatten)]
    pub common: Common,
    /// Queue
    pub queue: String,
    /// What the worker gets: JSON, @FILE, or - for stdin [default: null]
    #[arg(long, value_name = "JSON", conflicts_with = "batch")]
    pub body: Option<String>,
    /// A second task of this key is the first one, while the key holds
    #[arg(long, conflicts_with = "batch")]
    pub key: Option<String>,
    /// Whose it is
    #[arg(long, conflicts_with = "batch")]
    pub tenant: Option<String>,
    /// 0 to 10; 10 is served first
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=10), conflicts_with = "batch")]
    pub priority: Option<u8>,
    /// Not before so long from now
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["at", "batch"])]
    pub delay: Option<Duration>,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "batch")]
    pub at: Option<skala_types::Time>,
    /// What kind of task it is
    #[arg(long, conflicts_with = "batch")]
    pub name: Option<String>,
    /// Not before this task is done; repeatable
    #[arg(long, value_name = "ID", conflicts_with = "batch")]
    pub after: Vec<String>,
    /// Tasks from a file, one JSON document per line; - reads stdin
    #[arg(long, value_name = "FILE.ndjson")]
    pub batch: Option<PathBuf>,
    /// Wait for their end, at most so long [default with --wait alone: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration, num_args = 0..=1, default_missing_value = "60s")]
    pub wait: Option<Duration>,
}

/// `skala tasks enqueue QUEUE`
pub fn run(args: &EnqueueArgs) -> Outcome {
    let api = args.common.api()?;
    let tasks = match &args.batch {
        Some(file) => batch(&api, args, file)?,
        None => vec![api.post(&format!("/v1/queues/{}/tasks", encode(&args.queue)), Some(&one(args)?))?],
    };
    let (tasks, end) = match args.wait {
        Some(wait) => ends(&api, &tasks, wait)?,
        None => (tasks, Ok(())),
    };
    match args.common.output {
        Output::Json => show::json(&super::versioned(json!({"tasks": tasks}))),
        Output::Table => tasks.iter().for_each(|task| show::say(&line(task))),
    }
    end
}

fn line(task: &Value) -> String {
    let known = if task["new"] == Value::Bool(false) { "   its key is known" } else { "" };
    let result = task.get("result").map(|result| format!("   {}", super::brief(&result.to_string(), 100))).unwrap_or_default();
    format!("{}   {}{known}{result}", text(task, "id"), text(task, "state"))
}

fn one(args: &EnqueueArgs) -> Result<Value, Exit> {
    let mut task = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            task.insert(name.to_owned(), value);
        }
    };
    put("body", args.body.as_deref().map(body).transpose()?);
    put("key", args.key.clone().map(Value::from));
    put("tenant", args.tenant.clone().map(Value::from));
    put("priority", args.priority.map(Value::from));
    put("delay", args.delay.map(|d| d.as_secs_f64().into()));
    put("due", args.at.map(|at| at.to_string().into()));
    put("name", args.name.clone().map(Value::from));
    let after: Vec<Value> = args.after.iter().map(|id| json!({"task": id})).collect();
    put("after", (!after.is_empty()).then(|| after.into()));
    Ok(Value::Object(task))
}

/// Reads a body from where it is said to be.
fn body(said: &str) -> Result<Value, Exit> {
    let cannot = |what: &str, e: &std::io::Error| Exit::new(FAILED, format!("cannot read {what}: {e}"), "is it there?");
    let mut text = String::new();
    match said.strip_prefix('@') {
        Some(file) => {
            let opened = File::open(file).map_err(|e| cannot(file, &e))?;
            opened.take(LONGEST).read_to_string(&mut text).map_err(|e| cannot(file, &e))?;
        }
        None if said == "-" => {
            std::io::stdin().take(LONGEST).read_to_string(&mut text).map_err(|e| cannot("stdin", &e))?;
        }
        None => said.clone_into(&mut text),
    }
    serde_json::from_str(&text).map_err(|e| {
        let help = "write a JSON value, such as '{\"id\": 7}' or '\"text\"' with both kinds of quotes";
        Exit::new(USAGE, format!("the body is not JSON: {e}"), help)
    })
}

/// Sends a file's lines, up to 128 together.
fn batch(api: &Api, args: &EnqueueArgs, file: &PathBuf) -> Result<Vec<Value>, Exit> {
    let cannot = |e: &dyn std::fmt::Display| Exit::new(FAILED, format!("cannot read {}: {e}", file.display()), "is it there?");
    let from: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(BufReader::new(std::io::stdin())),
        _ => Box::new(BufReader::new(File::open(file).map_err(|e| cannot(&e))?)),
    };
    let (mut sent, mut waiting) = (Vec::new(), Vec::new());
    for (at, line) in from.lines().enumerate() {
        let line = line.map_err(|e| cannot(&e))?;
        if line.trim().is_empty() {
            continue;
        }
        let task: Value = serde_json::from_str(&line).map_err(|e| {
            let message = format!("{} line {} is not JSON: {e}", file.display(), at + 1);
            Exit::new(USAGE, message, format!("{} tasks before it were enqueued", sent.len()))
        })?;
        waiting.push(task);
        if waiting.len() == BATCH {
            flush(api, &args.queue, &mut waiting, &mut sent)?;
        }
    }
    flush(api, &args.queue, &mut waiting, &mut sent)?;
    Ok(sent)
}

fn flush(api: &Api, queue: &str, waiting: &mut Vec<Value>, sent: &mut Vec<Value>) -> Outcome {
    if waiting.is_empty() {
        return Ok(());
    }
    let document = json!({"tasks": std::mem::take(waiting)});
    let answer = api.post(&format!("/v1/queues/{}/tasks:batch", encode(queue)), Some(&document));
    let mut answer = answer.map_err(|e| match sent.len() {
        0 => e,
        n => Exit { message: format!("{} ({n} tasks before these were enqueued)", e.message), ..e },
    })?;
    if let Some(tasks) = answer["tasks"].as_array_mut() {
        sent.append(tasks);
    }
    Ok(())
}

/// Waits for the end of tasks; what became of them, and the verb's outcome.
fn ends(api: &Api, tasks: &[Value], wait: Duration) -> Result<(Vec<Value>, Outcome), Exit> {
    let until = Instant::now() + wait;
    let (mut found, mut open, mut bad) = (Vec::with_capacity(tasks.len()), 0, 0);
    for task in tasks {
        let id = text(task, "id");
        let last = loop {
            let step = until.saturating_duration_since(Instant::now()).min(STEP);
            let view = api.get(&path(&format!("/v1/tasks/{id}"), &[("wait", Some(format!("{}ms", step.as_millis())))]))?;
            if has_ended(&view) || step.is_zero() {
                break view;
            }
        };
        open += usize::from(!has_ended(&last));
        bad += usize::from(has_ended(&last) && last["state"] != "done");
        found.push(last);
    }
    let outcome = match (open, bad) {
        (0, 0) => Ok(()),
        (0, n) => Err(Exit::new(FAILED, format!("{n} of {} tasks failed", tasks.len()), "skala tasks dead tells what of")),
        (n, _) => {
            let message = format!("{n} of {} tasks had not ended after {wait:?}", tasks.len());
            Err(Exit::new(TIMED_OUT, message, "skala why ID tells what a task waits for"))
        }
    };
    Ok((found, outcome))
}

fn has_ended(task: &Value) -> bool {
    matches!(task["state"].as_str(), Some("done" | "dead" | "cancelled"))
}
