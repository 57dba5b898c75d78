//! A signature: a task that is called when another has ended.
//!
//! Decides: which task follows, and whether skala can call it.
//! Method: Celery's `Signature` as JSON. A chain is kept in reverse, so its last element is next; a call passes the result as first
//!   argument unless the signature is immutable, and gives it the same root and this task as parent.
//! Tested: `tests` below; `tests/it/bridge.rs` with chains of a real application.

use serde_json::{Map, Value};

use super::Task;

/// A task to call.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature(Map<String, Value>);

impl Signature {
    /// Reads one.
    pub fn read(value: &Value) -> Option<Signature> {
        let map = value.as_object()?;
        map.get("task")?.as_str()?;
        Some(Signature(map.clone()))
    }

    /// Whether it is one task; a group or a chord in its place needs Celery itself.
    pub fn is_simple(&self) -> bool {
        let kind = self.0.get("subtask_type").and_then(Value::as_str).unwrap_or_default();
        let special = self.option("chord").is_some();
        kind.is_empty() && !special
    }

    /// The queue it names, if it does.
    pub fn queue(&self) -> Option<&str> {
        self.option("queue")?.as_str()
    }

    /// The priority it names, if it does.
    pub fn priority(&self) -> Option<u8> {
        self.option("priority")?.as_u64().and_then(|p| u8::try_from(p).ok())
    }

    /// The task that it makes after `parent` ended with `result`, with what is left of the chain.
    pub fn call(&self, parent: &Task, result: Option<&Value>, chain: Vec<Value>, fresh_id: &str) -> Task {
        let text = |name: &str| self.option(name).and_then(Value::as_str).map(str::to_owned);
        let name = self.0.get("task").and_then(Value::as_str).unwrap_or_default();
        let mut task = Task::new(&text("task_id").unwrap_or_else(|| fresh_id.to_owned()), name);
        let own = self.0.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
        let immutable = self.0.get("immutable").and_then(Value::as_bool).unwrap_or(false);
        task.args = result.filter(|_| !immutable).cloned().into_iter().chain(own).collect();
        task.kwargs = self.0.get("kwargs").and_then(Value::as_object).cloned().unwrap_or_default();
        task.root_id = parent.root_id.clone().or_else(|| Some(parent.id.clone()));
        task.parent_id = Some(parent.id.clone());
        task.group = text("group_id");
        task.reply_to = text("reply_to").or_else(|| parent.reply_to.clone());
        task.callbacks = list(self.option("link"));
        task.errbacks = list(self.option("link_error"));
        task.chain = chain;
        task
    }

    fn option(&self, name: &str) -> Option<&Value> {
        self.0.get("options")?.get(name).filter(|v| !v.is_null())
    }
}

fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_passes_the_result_unless_it_is_immutable() {
        let parent = Task::new("p", "first");
        for (immutable, args) in [(false, json!([7, 1])), (true, json!([1]))] {
            let value = json!({"task": "t", "args": [1], "kwargs": {}, "options": {"task_id": "s", "queue": "q"}, "immutable": immutable});
            let signature = Signature::read(&value).unwrap();
            let task = signature.call(&parent, Some(&json!(7)), vec![json!("rest")], "fresh");
            assert_eq!((json!(task.args), task.id.as_str(), signature.queue()), (args, "s", Some("q")));
            assert_eq!((task.root_id.as_deref(), task.parent_id.as_deref()), (Some("p"), Some("p")));
            assert_eq!(task.chain, [json!("rest")]);
        }
    }

    #[test]
    fn groups_and_chords_are_not_simple() {
        let is = |value: Value| Signature::read(&value).map(|s| s.is_simple());
        assert_eq!(is(json!({"task": "t", "subtask_type": null})), Some(true));
        assert_eq!(is(json!({"task": "celery.group", "subtask_type": "group"})), Some(false));
        assert_eq!(is(json!({"task": "t", "options": {"chord": {"task": "c"}}})), Some(false));
        assert_eq!(is(json!("t")), None);
    }
}
