//! A task of skala as a task of Celery.
//!
//! Decides: its name, arguments and priority.
//! Method: the name is `task` of its body, else the task's own (`--name`; of a schedule's task that is the schedule's); the body is
//!   `{"task": "..", "args": [..], "kwargs": {..}, "priority": 0}`, a list of arguments, or nothing. Its id in Celery is its id here, so
//!   `AsyncResult(ID)` finds its result. The priority is Celery's on Redis: 0, the default, is served first, 9 last.
//! Tested: `tests` below; `tests/e2e/examples/fastapi_celery.rs`.

use serde_json::{Map, Value};
use skala_celery::NewMessage;
use skala_celery::message::Task;

/// The priority that is served last.
const LAST: u8 = 9;
/// What to write instead.
const SHAPE: &str = "a task for Celery is `{\"args\": [..], \"kwargs\": {..}}` with its name in `name`, or in `task` of the body";

/// As the producer takes it.
///
/// # Errors
/// Why it is no task of Celery, and what to write.
pub fn message(id: &str, name: &str, body: &[u8], queue: &str) -> Result<NewMessage, String> {
    let body: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|e| format!("the body is not JSON ({e}); {SHAPE}"))?
    };
    let Parts { task, args, kwargs, priority } = parts(body)?;
    let name = task.unwrap_or_else(|| name.to_owned());
    if name.is_empty() {
        return Err(format!("it names no task; {SHAPE}"));
    }
    Ok(NewMessage { task: Task { args, kwargs, ..Task::new(id, &name) }, queue: queue.to_owned(), priority })
}

/// What a body says.
#[derive(Default)]
struct Parts {
    task: Option<String>,
    args: Vec<Value>,
    kwargs: Map<String, Value>,
    priority: u8,
}

fn parts(body: Value) -> Result<Parts, String> {
    let mut fields = match body {
        Value::Null => return Ok(Parts::default()),
        Value::Array(args) => return Ok(Parts { args, ..Parts::default() }),
        Value::Object(fields) => fields,
        _ => return Err(format!("the body is no map and no list; {SHAPE}")),
    };
    let mut take = |key: &str| fields.remove(key).filter(|value| !value.is_null());
    let [task, args, kwargs, priority] = ["task", "args", "kwargs", "priority"].map(&mut take);
    if let Some(other) = fields.keys().next() {
        return Err(format!("the body has a key `{other}`; {SHAPE}"));
    }
    let wrong = |key: &str, what: &str| format!("`{key}` is no {what}; {SHAPE}");
    let task = match task {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(wrong("task", "text")),
    };
    let args = match args {
        None => Vec::new(),
        Some(Value::Array(args)) => args,
        Some(_) => return Err(wrong("args", "list")),
    };
    let kwargs = match kwargs {
        None => Map::new(),
        Some(Value::Object(kwargs)) => kwargs,
        Some(_) => return Err(wrong("kwargs", "map")),
    };
    let number = |value: Value| value.as_u64().and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= LAST);
    let priority = priority.map_or(Ok(0), |value| number(value).ok_or_else(|| wrong("priority", "number from 0 to 9")))?;
    Ok(Parts { task, args, kwargs, priority })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_arguments_are_read_or_refused_with_what_to_write() {
        let shown = |name: &str, body: &str| match message("i", name, body.as_bytes(), "q") {
            Ok(m) => format!("{} {} {} {}", m.task.name, json!(m.task.args), json!(m.task.kwargs), m.priority),
            Err(reason) => reason.split(';').next().unwrap_or_default().to_owned(),
        };
        for (name, body, want) in [
            ("t", "", "t [] {} 0"),
            ("t", "null", "t [] {} 0"),
            ("t", "[1]", "t [1] {} 0"),
            ("t", r#"{"args": [1], "kwargs": {"a": 2}}"#, r#"t [1] {"a":2} 0"#),
            ("", r#"{"task": "x.y", "kwargs": null}"#, "x.y [] {} 0"),
            ("weekly", r#"{"task": "x.y", "priority": 6}"#, "x.y [] {} 6"),
            ("t", r#"{"priority": 10}"#, "`priority` is no number from 0 to 9"),
            ("", "[1]", "it names no task"),
            ("t", "7", "the body is no map and no list"),
            ("t", r#"{"to": "a@b"}"#, "the body has a key `to`"),
            ("t", r#"{"args": {}}"#, "`args` is no list"),
            ("t", r#"{"kwargs": []}"#, "`kwargs` is no map"),
            ("t", r#"{"task": 1}"#, "`task` is no text"),
            ("t", "{", "the body is not JSON (EOF while parsing an object at line 1 column 1)"),
        ] {
            assert_eq!(shown(name, body), want, "{name} {body}");
        }
    }
}
