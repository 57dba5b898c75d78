//! A task of skala as a task of Celery.
//!
//! Decides: its name, arguments and priority.
//! Method: the name is the task's own (`--name`) or `task` of its body; the body is `{"args": [..], "kwargs": {..}}`, a list of arguments, or
//!   nothing. Its id in Celery is its id here, so `AsyncResult(ID)` finds its result. Celery's 0 is served first and is what
//!   applications send without a priority; skala's default and above become that, what is below is spread over 1 to 9.
//! Tested: `tests` below; `tests/e2e/examples/fastapi_celery.rs`.

use serde_json::{Map, Value};
use skala_celery::NewMessage;
use skala_celery::message::Task;

/// What to write instead.
const SHAPE: &str = "a task for Celery is `{\"args\": [..], \"kwargs\": {..}}` with its name in `name`, or in `task` of the body";

/// Reads name and arguments.
///
/// # Errors
/// Why it is no task of Celery, and what to write.
pub fn task(id: &str, name: &str, body: &[u8]) -> Result<Task, String> {
    let body: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|e| format!("the body is not JSON ({e}); {SHAPE}"))?
    };
    let (named, args, kwargs) = parts(body)?;
    let name = if name.is_empty() { named.unwrap_or_default() } else { name.to_owned() };
    if name.is_empty() {
        return Err(format!("it names no task; {SHAPE}"));
    }
    Ok(Task { args, kwargs, ..Task::new(id, &name) })
}

type Parts = (Option<String>, Vec<Value>, Map<String, Value>);

fn parts(body: Value) -> Result<Parts, String> {
    let mut fields = match body {
        Value::Null => return Ok((None, Vec::new(), Map::new())),
        Value::Array(args) => return Ok((None, args, Map::new())),
        Value::Object(fields) => fields,
        _ => return Err(format!("the body is no map and no list; {SHAPE}")),
    };
    let [task, args, kwargs] = ["task", "args", "kwargs"].map(|key| fields.remove(key).filter(|value| !value.is_null()));
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
    Ok((task, args, kwargs))
}

/// As the producer takes it.
///
/// # Errors
/// As for [`task`].
pub fn message(id: &str, name: &str, body: &[u8], queue: &str, priority: (u8, u8)) -> Result<NewMessage, String> {
    Ok(NewMessage { task: task(id, name, body)?, queue: queue.to_owned(), priority: of_celery(priority.0, priority.1) })
}

/// Celery's priority of one of skala's, `usual` being the queue's.
fn of_celery(priority: u8, usual: u8) -> u8 {
    let below = u32::from(usual.saturating_sub(priority));
    u8::try_from((below * 9).div_ceil(u32::from(usual.max(1)))).unwrap_or(9).min(9)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_arguments_are_read_or_refused_with_what_to_write() {
        let shown = |name: &str, body: &str| match task("i", name, body.as_bytes()) {
            Ok(task) => format!("{} {} {}", task.name, json!(task.args), json!(task.kwargs)),
            Err(reason) => reason.split(';').next().unwrap_or_default().to_owned(),
        };
        for (name, body, want) in [
            ("t", "", "t [] {}"),
            ("t", "null", "t [] {}"),
            ("t", "[1]", "t [1] {}"),
            ("t", r#"{"args": [1], "kwargs": {"a": 2}}"#, r#"t [1] {"a":2}"#),
            ("", r#"{"task": "x.y", "kwargs": null}"#, "x.y [] {}"),
            ("t", r#"{"task": "x.y"}"#, "t [] {}"),
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

    #[test]
    fn the_usual_priority_is_celerys_usual_one_and_lower_ones_keep_their_order() {
        assert_eq!((0..=10).map(|p| of_celery(p, 5)).collect::<Vec<_>>(), [9, 8, 6, 4, 2, 0, 0, 0, 0, 0, 0]);
        assert_eq!([of_celery(0, 0), of_celery(0, 10), of_celery(9, 10)], [0, 9, 1]);
    }
}
