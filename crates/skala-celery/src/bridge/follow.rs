//! What follows a task: the rest of its chain, its callbacks, its error callbacks.
//!
//! Method: ids are derived from the task's, so that a crash between sending what follows and acknowledging sends the same ids again.
//!   An error callback is called with the failed task's id, Celery's older form, which every error callback that runs as a task of
//!   its own accepts.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::NewMessage;
use crate::message::{Signature, Task};

/// Tasks to send after a success.
pub(super) fn success(task: &Task, result: &Value, queue: &str, routes: &BTreeMap<String, String>) -> Vec<NewMessage> {
    let mut chain = task.chain.clone();
    let next = chain.pop();
    let callbacks = task.callbacks.iter().map(|c| (c, Vec::new()));
    let all = next.as_ref().map(|next| (next, chain)).into_iter().chain(callbacks).enumerate();
    all.filter_map(|(n, (signature, chain))| {
        let signature = Signature::read(signature)?;
        let mut called = signature.call(task, Some(result), chain, &format!("{}-{n}", task.id));
        if n == 0 && !task.chain.is_empty() {
            called.errbacks.extend(task.errbacks.iter().cloned());
        }
        Some(message(called, &signature, queue, routes))
    })
    .collect()
}

/// Tasks to send after a failure.
pub(super) fn failure(task: &Task, queue: &str, routes: &BTreeMap<String, String>) -> Vec<NewMessage> {
    let all = task.errbacks.iter().enumerate();
    all.filter_map(|(n, signature)| {
        let signature = Signature::read(signature)?;
        let id = Value::String(task.id.clone());
        let called = signature.call(task, Some(&id), Vec::new(), &format!("{}-e{n}", task.id));
        Some(message(called, &signature, queue, routes))
    })
    .collect()
}

fn message(task: Task, signature: &Signature, queue: &str, routes: &BTreeMap<String, String>) -> NewMessage {
    let named = signature.queue().or_else(|| routes.get(&task.name).map(String::as_str));
    NewMessage { queue: named.unwrap_or(queue).to_owned(), priority: signature.priority().unwrap_or(0), task }
}
