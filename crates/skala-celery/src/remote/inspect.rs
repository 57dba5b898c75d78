//! The questions and orders that skala uses, by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use skala_types::Time;

use super::{Question, Remote, Replies, common};
use crate::Error;
use crate::roster::{Answers, Held, Stage};

impl Remote {
    /// Workers that answer.
    ///
    /// # Errors
    /// When the broker fails, as for all that follow.
    pub async fn ping(&self) -> Result<Replies, Error> {
        self.ask("ping", json!({}), None).await
    }

    /// Tasks that workers run.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn active(&self) -> Result<Replies, Error> {
        self.ask("active", json!({}), None).await
    }

    /// Tasks that workers have taken and not begun.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn reserved(&self) -> Result<Replies, Error> {
        self.ask("reserved", json!({}), None).await
    }

    /// Tasks that wait in workers for their ETA.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn scheduled(&self) -> Result<Replies, Error> {
        self.ask("scheduled", json!({}), None).await
    }

    /// Counts, pool and process of workers.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn stats(&self) -> Result<Replies, Error> {
        self.ask("stats", json!({}), None).await
    }

    /// Queues that workers take from.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn active_queues(&self) -> Result<Replies, Error> {
        self.ask("active_queues", json!({}), None).await
    }

    /// Grows the pools of workers by `n`.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn pool_grow(&self, n: u32, workers: &[String]) -> Result<Replies, Error> {
        self.ask("pool_grow", json!({"n": n}), Some(workers)).await
    }

    /// Shrinks the pools of workers by `n`; busy slots end their task first.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn pool_shrink(&self, n: u32, workers: &[String]) -> Result<Replies, Error> {
        self.ask("pool_shrink", json!({"n": n}), Some(workers)).await
    }

    /// Lets workers, all or the named ones, take no more from a queue: pauses it.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn cancel_consumer(&self, queue: &str, workers: Option<&[String]>) -> Result<Replies, Error> {
        self.ask("cancel_consumer", json!({"queue": queue}), workers).await
    }

    /// Lets workers take from a queue.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn add_consumer(&self, queue: &str, workers: Option<&[String]>) -> Result<Replies, Error> {
        self.ask("add_consumer", json!({"queue": queue}), workers).await
    }

    /// Sets a task's rate limit in each worker: `10/m`; `0` takes it away.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn rate_limit(&self, task: &str, limit: &str) -> Result<Replies, Error> {
        self.ask("rate_limit", json!({"task_name": task, "rate_limit": limit}), None).await
    }

    /// Lets workers drop a task, and ends it if it runs and `terminate` is set; a solo pool cannot end one.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn revoke(&self, id: &str, terminate: bool) -> Result<Replies, Error> {
        let arguments = json!({"task_id": id, "terminate": terminate, "signal": "SIGTERM"});
        self.ask("revoke", arguments, None).await
    }

    /// Lets workers end after what they run: a warm shutdown.
    ///
    /// # Errors
    /// As [`Self::ping`].
    pub async fn shutdown(&self, workers: &[String]) -> Result<(), Error> {
        self.tell("shutdown", json!({}), Some(workers)).await.map(|_| ())
    }

    /// Which worker has which task.
    pub(crate) async fn roll_call(&self, asked: Time) -> Result<Answers, Error> {
        let question = |method| Question { method, arguments: json!({}), workers: None };
        // In the order a task passes through, so that one that moves on meanwhile is seen at least once.
        let questions = [question("scheduled"), question("reserved"), question("active")];
        let replies = self.ask_all(&questions).await?;
        let [scheduled, reserved, active] = &replies[..] else { return Ok(Answers::default()) };
        let reached = replies.iter().map(|r| r.reached).max().unwrap_or_default();
        let mut held: BTreeMap<String, Vec<Held>> = BTreeMap::new();
        for worker in common(&[scheduled, reserved, active]) {
            let list = |replies: &Replies, read: fn(&Value) -> Option<Held>| -> Vec<Held> {
                let tasks = replies.by_worker.get(&worker).and_then(Value::as_array);
                tasks.into_iter().flatten().filter_map(read).collect()
            };
            let mut tasks = list(scheduled, |v| task(v.get("request")?, Stage::Scheduled));
            tasks.extend(list(reserved, |v| task(v, Stage::Reserved)));
            tasks.extend(list(active, |v| task(v, Stage::Active(v.get("time_start").and_then(Value::as_f64)))));
            held.insert(worker, tasks);
        }
        let answered = replies.iter().map(|r| r.answered).min().unwrap_or_default();
        Ok(Answers { asked, reached, answered, held })
    }

    /// Names of tasks that have a rate limit in some worker.
    pub(crate) async fn rate_limited(&self) -> Result<Vec<String>, Error> {
        let replies = self.ask("registered", json!({"taskinfoitems": ["rate_limit"]}), None).await?;
        let lines = replies.by_worker.values().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        Ok(lines.filter_map(|line| line.split_once(" [rate_limit=")).map(|(name, _)| name.to_owned()).collect())
    }
}

fn task(info: &Value, stage: Stage) -> Option<Held> {
    let queue = info.get("delivery_info").and_then(|d| d.get("routing_key")).and_then(Value::as_str);
    Some(Held { id: info.get("id")?.as_str()?.to_owned(), queue: queue.unwrap_or_default().to_owned(), stage })
}
