//! The task in a message.
//!
//! Decides: what of protocol 2 (headers, and a body of three parts) or protocol 1 (all in the body) a worker needs.
//! Tested: `tests` in `envelope`; `tests/it/messages.rs`.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Problem, Signature, time};

/// Longest representation of arguments that goes into headers; Celery's own limit.
const SHOWN: usize = 1024;

/// One task to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its id, under which its result is found.
    pub id: String,
    /// Its name: `tasks.add`.
    pub name: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Arguments by name.
    pub kwargs: Map<String, Value>,
    /// How often it was tried before.
    pub retries: u32,
    /// When it may run at the earliest.
    pub eta: Option<Timestamp>,
    /// When it must have begun.
    pub expires: Option<Timestamp>,
    /// Hard time limit in seconds.
    pub hard_limit: Option<f64>,
    /// Soft time limit in seconds.
    pub soft_limit: Option<f64>,
    /// The first task of its workflow.
    pub root_id: Option<String>,
    /// The task that called it.
    pub parent_id: Option<String>,
    /// The group it is of.
    pub group: Option<String>,
    /// Whether nobody will read its result.
    pub ignore_result: bool,
    /// Where an RPC caller waits.
    pub reply_to: Option<String>,
    /// Who sent it, for people: `gen123@host`.
    pub origin: Option<String>,
    /// Signatures to call after success.
    pub callbacks: Vec<Value>,
    /// Signatures to call after failure.
    pub errbacks: Vec<Value>,
    /// What follows, in reverse.
    pub chain: Vec<Value>,
    /// The chord it is a member of.
    pub chord: Option<Value>,
}

impl Task {
    /// A task without arguments.
    pub fn new(id: &str, name: &str) -> Task {
        Task { id: id.to_owned(), name: name.to_owned(), ..Task::default() }
    }

    /// Whether only Celery itself can do what follows it: it is of a chord, or a group follows.
    pub fn needs_celery(&self) -> bool {
        let follows = self.chain.iter().chain(&self.callbacks).chain(&self.errbacks);
        let mut follows = follows.map(Signature::read);
        self.chord.is_some() || follows.any(|s| !s.is_some_and(|s| s.is_simple()))
    }

    pub(super) fn read(
        headers: Option<&Map<String, Value>>,
        properties: Option<&Map<String, Value>>,
        body: Value,
    ) -> Result<Task, Problem> {
        let task = headers.and_then(|h| h.get("task")).and_then(Value::as_str);
        let mut task = match (task, headers, body) {
            (Some(_), Some(headers), Value::Array(parts)) => second(headers, parts)?,
            (None, _, Value::Object(fields)) => first(&fields)?,
            _ => return Err(Problem::malformed("it is neither of Celery's protocol 2 nor 1")),
        };
        task.reply_to = properties.and_then(|p| p.get("reply_to")).and_then(Value::as_str).map(str::to_owned);
        Ok(task)
    }

    pub(super) fn headers(&self) -> Map<String, Value> {
        let at = |moment: Option<Timestamp>| moment.map(time::written);
        let headers = json!({
            "lang": "py",
            "task": self.name,
            "id": self.id,
            "shadow": null,
            "eta": at(self.eta),
            "expires": at(self.expires),
            "group": self.group,
            "group_index": null,
            "retries": self.retries,
            "timelimit": [self.hard_limit, self.soft_limit],
            "root_id": self.root_id.as_ref().unwrap_or(&self.id),
            "parent_id": self.parent_id,
            "argsrepr": shown(&format!("({})", Value::Array(self.args.clone()).to_string().trim_matches(['[', ']']))),
            "kwargsrepr": shown(&Value::Object(self.kwargs.clone()).to_string()),
            "origin": self.origin,
            "ignore_result": self.ignore_result,
            "replaced_task_nesting": 0,
            "stamped_headers": null,
            "stamps": {},
        });
        match headers {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    pub(super) fn body(&self) -> Value {
        let some = |list: &Vec<Value>| if list.is_empty() { Value::Null } else { Value::Array(list.clone()) };
        json!([
            self.args,
            self.kwargs,
            {"callbacks": some(&self.callbacks), "errbacks": some(&self.errbacks), "chain": some(&self.chain), "chord": self.chord},
        ])
    }
}

fn second(headers: &Map<String, Value>, mut parts: Vec<Value>) -> Result<Task, Problem> {
    parts.truncate(3);
    let [args, kwargs, embed]: [Value; 3] =
        parts.try_into().map_err(|_| Problem::malformed("its body has not the three parts of protocol 2"))?;
    let mut task = common(headers)?;
    (task.args, task.kwargs) = arguments(args, kwargs)?;
    follow(&mut task, &embed);
    let text = |name: &str| headers.get(name).and_then(Value::as_str).map(str::to_owned);
    task.root_id = text("root_id");
    task.parent_id = text("parent_id");
    task.group = text("group");
    task.origin = text("origin");
    task.ignore_result = headers.get("ignore_result").and_then(Value::as_bool).unwrap_or(false);
    Ok(task)
}

fn first(fields: &Map<String, Value>) -> Result<Task, Problem> {
    let mut task = common(fields)?;
    let part = |name: &str| fields.get(name).cloned().unwrap_or_default();
    (task.args, task.kwargs) = arguments(part("args"), part("kwargs"))?;
    follow(&mut task, &Value::Object(fields.clone()));
    task.group = fields.get("taskset").and_then(Value::as_str).map(str::to_owned);
    Ok(task)
}

fn common(fields: &Map<String, Value>) -> Result<Task, Problem> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let missing = |what: &str| Problem::malformed(format!("it has no {what}"));
    let mut task = Task::new(text("id").ok_or_else(|| missing("id"))?, text("task").ok_or_else(|| missing("task"))?);
    task.retries = fields.get("retries").and_then(Value::as_u64).map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX));
    task.eta = text("eta").and_then(time::moment);
    task.expires = text("expires").and_then(time::moment);
    let limit = |i: usize| fields.get("timelimit").and_then(|l| l.get(i)).and_then(Value::as_f64);
    (task.hard_limit, task.soft_limit) = (limit(0), limit(1));
    Ok(task)
}

fn arguments(args: Value, kwargs: Value) -> Result<(Vec<Value>, Map<String, Value>), Problem> {
    match (args, kwargs) {
        (Value::Array(args), Value::Object(kwargs)) => Ok((args, kwargs)),
        (Value::Array(args), Value::Null) => Ok((args, Map::new())),
        (Value::Null, Value::Object(kwargs)) => Ok((Vec::new(), kwargs)),
        _ => Err(Problem::malformed("its arguments are no list and no map")),
    }
}

fn follow(task: &mut Task, embed: &Value) {
    let list = |name: &str| embed.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    task.callbacks = list("callbacks");
    task.errbacks = list("errbacks");
    task.chain = list("chain");
    task.chord = embed.get("chord").filter(|c| !c.is_null()).cloned();
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
