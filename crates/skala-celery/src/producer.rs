//! Puts tasks into Celery's queues.
//!
//! Method: kombu's LPUSH into the list of the priority; many tasks in one pipeline. The default exchange needs no declaration.
//! Tested: `tests/it/messages.rs`: a real worker runs them, and `AsyncResult` finds their results.

use jiff::Timestamp;

use crate::broker::fresh_id;
use crate::message::{Envelope, Task};
use crate::{Broker, Error};

/// Messages in one pipeline.
const BATCH: usize = 1000;
/// How long it is remembered that a task was sent, unless it is forgotten before.
const REMEMBERED_SECONDS: u64 = 7 * 86_400;

/// Sends a message unless its mark is there.
const ONCE: &str = r"
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[2]) then return 0 end
redis.call('LPUSH', KEYS[1], ARGV[1])
return 1";

/// A task to put into a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// The task; an empty id is replaced by a fresh one.
    pub task: Task,
    /// The queue.
    pub queue: String,
    /// 0 (served first) to 9.
    pub priority: u8,
}

/// Puts tasks into a broker's queues.
#[derive(Clone, Debug)]
pub struct Producer {
    broker: Broker,
    origin: String,
}

impl Producer {
    /// One whose tasks say that they come from `skala@host`.
    pub fn new(broker: Broker, origin: &str) -> Producer {
        Producer { broker, origin: origin.to_owned() }
    }

    /// Puts tasks into their queues in order, and returns their ids.
    ///
    /// # Errors
    /// When the broker fails; then a part may be in the queues. A batch that is sent again with the same ids is run again.
    pub async fn send(&self, messages: Vec<NewMessage>) -> Result<Vec<String>, Error> {
        let mut ids = Vec::with_capacity(messages.len());
        let now = Timestamp::now();
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let mut push = redis::pipe();
            for message in messages.by_ref().take(BATCH) {
                let (list, id, bytes) = self.encode(message, now);
                push.cmd("LPUSH").arg(list).arg(bytes).ignore();
                ids.push(id);
            }
            let () = self.broker.all(&push).await?;
        }
        Ok(ids)
    }

    /// As [`Self::send`], for tasks with ids: one whose id was sent before, and not forgotten, is not sent again. Returns how many were.
    ///
    /// # Errors
    /// When the broker fails; then a part may be in the queues, and the same call does the rest.
    pub async fn send_once(&self, messages: Vec<NewMessage>) -> Result<u64, Error> {
        let (mut sent, now) = (0, Timestamp::now());
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            let mut push = redis::pipe();
            for message in messages.by_ref().take(BATCH) {
                let (list, id, bytes) = self.encode(message, now);
                push.cmd("EVAL").arg(ONCE).arg(2).arg(list).arg(self.mark(&id)).arg(bytes).arg(REMEMBERED_SECONDS);
            }
            let each: Vec<u64> = self.broker.all(&push).await?;
            sent += each.iter().sum::<u64>();
        }
        Ok(sent)
    }

    /// Forgets that tasks were sent, once nobody will send them again.
    ///
    /// # Errors
    /// When the broker fails; the marks end by themselves after a week.
    pub async fn forget(&self, ids: &[String]) -> Result<(), Error> {
        let mut forget = redis::cmd("UNLINK");
        ids.iter().for_each(|id| _ = forget.arg(self.mark(id)));
        if ids.is_empty() { Ok(()) } else { self.broker.ask(&forget).await }
    }

    fn mark(&self, id: &str) -> String {
        format!("{}skala-sent-{id}", self.broker.layout().prefix)
    }

    fn encode(&self, mut message: NewMessage, now: Timestamp) -> (String, String, Vec<u8>) {
        if message.task.id.is_empty() {
            message.task.id = fresh_id();
        }
        message.task.origin.get_or_insert_with(|| self.origin.clone());
        let envelope = Envelope::of(&message.task, &message.queue, message.priority, &fresh_id(), now);
        (self.broker.layout().list(&message.queue, message.priority), message.task.id, envelope.encode())
    }
}
