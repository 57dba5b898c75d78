//! `tasks list`, `tasks show`, and `why` of a task.

use clap::Args;
use serde_json::Value;

use super::api::path;
use super::{Common, brief, text};
use crate::client::encode;
use crate::exit::Outcome;
use crate::show::{say, table};

/// Longest text, in bytes, of a list or object that is shown in one line.
const SHORT: usize = 100;
/// Headers whose values are not shown: they let one act for somebody.
const SECRET: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub common: Common,
    /// Only of this queue
    #[arg(long)]
    pub queue: Option<String>,
    /// Only in these phases, such as ready,leased
    #[arg(long, value_name = "PHASES")]
    pub phase: Option<String>,
    /// Only of this tenant
    #[arg(long)]
    pub tenant: Option<String>,
    /// Only of this name
    #[arg(long)]
    pub name: Option<String>,
    /// Only of this schedule
    #[arg(long)]
    pub schedule: Option<String>,
    /// Only older than this one: the next page
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    /// At most N
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
}

#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub common: Common,
    /// Task
    pub id: String,
    /// With its body
    #[arg(long)]
    pub body: bool,
}

/// `skala tasks list`
pub fn run(args: &ListArgs) -> Outcome {
    let query = [
        ("queue", args.queue.clone()),
        ("state", args.phase.clone()),
        ("tenant", args.tenant.clone()),
        ("name", args.name.clone()),
        ("schedule", args.schedule.clone()),
        ("before", args.before.clone()),
        ("limit", Some(args.limit.to_string())),
    ];
    let mut found = args.common.api()?.get(&path("/v1/tasks", &query))?;
    found["tasks"].as_array_mut().into_iter().flatten().for_each(hide);
    args.common.show(found, rows);
    Ok(())
}

fn rows(found: &Value) {
    let mut t = table(&["TASK", "STATE", "QUEUE", "NAME", "TENANT", "PRIORITY", "ATTEMPTS", "CREATED"], &[5, 6]);
    for task in found["tasks"].as_array().into_iter().flatten() {
        let attempts = format!("{}/{}", text(task, "attempts"), text(task, "mostAttempts"));
        let (name, tenant) = (brief(&text(task, "name"), 40), brief(&text(task, "tenant"), 30));
        let state = text(task, "state");
        t.add_row([
            text(task, "id"),
            state,
            text(task, "queue"),
            name,
            tenant,
            text(task, "priority"),
            attempts,
            text(task, "created"),
        ]);
    }
    say(&t.to_string());
    if let Some(next) = found["next"].as_str() {
        say(&format!("there are more: --before {next}"));
    }
}

/// `skala tasks show ID`
pub fn show(args: &ShowArgs) -> Outcome {
    let query = [("body", args.body.then(|| "true".to_owned()))];
    let mut task = args.common.api()?.get(&path(&format!("/v1/tasks/{}", encode(&args.id)), &query))?;
    hide(&mut task);
    args.common.show(task, fields);
    Ok(())
}

/// Every field on a line of its own; lists and objects that are long, indented below.
fn fields(task: &Value) {
    say(&lines(task).join("\n"));
}

fn lines(task: &Value) -> Vec<String> {
    let fields = task.as_object().into_iter().flatten();
    let width = fields.clone().map(|(name, _)| name.len()).max().unwrap_or_default();
    let pretty =
        |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default().replace('\n', &format!("\n{:width$}  ", ""));
    let shown = |value: &Value| match (value, value.to_string()) {
        (Value::String(text), _) => text.clone(),
        (Value::Object(_) | Value::Array(_), text) if text.len() > SHORT => pretty(value),
        (_, text) => text,
    };
    fields.map(|(name, value)| format!("{name:width$}  {}", shown(value))).collect()
}

/// Takes secrets out of a task's headers.
fn hide(task: &mut Value) {
    for (name, value) in task.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
        if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            *value = "(hidden)".into();
        }
    }
}

/// `skala why ID`: what a task waits for.
pub fn why(common: &Common, id: &str) -> Outcome {
    let found = common.api()?.get(&format!("/v1/tasks/{}/why", encode(id)))?;
    common.show(found, |found| say(&sentence(found)));
    Ok(())
}

fn sentence(found: &Value) -> String {
    let (id, state, why) = (text(found, "id"), text(found, "state"), &found["why"]);
    if why.is_null() {
        return match state.as_str() {
            "leased" => format!("task {id} does not wait: a worker has it"),
            _ => format!("task {id} does not wait: it is {state} (skala tasks show {id})"),
        };
    }
    let mut all = vec![format!("task {id} is {state}: {}", text(why, "text"))];
    if let Some(n) = why["ahead"].as_u64().filter(|n| *n > 0) {
        let more = if n >= 1000 { " at least" } else { "" };
        all.push(format!("ahead of it:{more} {n} ready tasks"));
    }
    if !why["expectedSeconds"].is_null() {
        all.push(format!("expected to begin in {}", super::seconds(&why["expectedSeconds"])));
    }
    all.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn why_is_said_with_numbers() {
        let rows = [
            (json!({"id": "x", "state": "done", "why": null}), "task x does not wait: it is done (skala tasks show x)"),
            (json!({"id": "x", "state": "leased", "why": null}), "task x does not wait: a worker has it"),
            (
                json!({"id": "x", "state": "ready", "why": {"reason": "turn", "text": "others are before it", "ahead": 12, "expectedSeconds": 3.25}}),
                "task x is ready: others are before it\nahead of it: 12 ready tasks\nexpected to begin in 3.2s",
            ),
            (
                json!({"id": "x", "state": "ready", "why": {"reason": "paused", "text": "its queue pauses", "ahead": 1000}}),
                "task x is ready: its queue pauses\nahead of it: at least 1000 ready tasks",
            ),
        ];
        for (found, want) in rows {
            assert_eq!(sentence(&found), want);
        }
    }

    #[test]
    fn fields_stand_below_one_another() {
        let long = "a".repeat(SHORT);
        let shown = lines(&json!({"id": "x", "attempts": 1, "result": {"n": 7}, "death": {"message": long}}));
        let death = format!("death     {{\n            \"message\": \"{long}\"\n          }}");
        assert_eq!(shown, ["id        x", "attempts  1", "result    {\"n\":7}", &death]);
    }

    #[test]
    fn headers_that_let_one_act_for_somebody_are_hidden() {
        let mut task = json!({"headers": {"Authorization": "Bearer x", "accept": "y"}});
        hide(&mut task);
        assert_eq!(task, json!({"headers": {"Authorization": "(hidden)", "accept": "y"}}));
        let mut bare = json!({"id": "x"});
        hide(&mut bare);
        assert_eq!(bare, json!({"id": "x"}));
    }
}
