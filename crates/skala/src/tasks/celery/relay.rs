//! Hands tasks that were enqueued here over to a Celery queue: those of people, of the API and of schedules.
//!
//! Method: they are tasks of a queue of skala's like any other, so they are on disk before they are acknowledged, and wait there while
//!   the broker is away. A hand-over is done when the message is in the broker; a mark there keeps a crash between that and the
//!   note of it from sending it twice.
//! Invariants: what cannot be a task of Celery is a dead letter with its reason, never sent, never in circles.
//! Tested: `tests/e2e/examples/fastapi_celery.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use skala_celery::{Error, Producer};
use skala_queue::{Ack, Cause, Death, MOST_AT_ONCE, Nack, QueueId};
use skala_tasks::{Job, TakeAsk, Tasks};

use super::message::message;

/// How often the queue is looked at although nobody called.
const LOOK: Duration = Duration::from_secs(1);
/// The pause after the broker failed.
const TROUBLE: Duration = Duration::from_secs(2);

/// Where tasks go.
pub struct Relay {
    /// The queue here.
    pub queue: QueueId,
    /// Its name there.
    pub there: String,
    /// The broker.
    pub producer: Producer,
}

impl Relay {
    /// Hands over until it is dropped.
    pub async fn run(self, tasks: Arc<Tasks>) {
        let woken = tasks.wakes(self.queue);
        let ask = TakeAsk {
            queues: vec![self.queue],
            worker: format!("celery-{}", self.there).into(),
            most: MOST_AT_ONCE,
            ..TakeAsk::default()
        };
        loop {
            // While another process leads it is that one's work.
            let jobs = tasks.take(&ask, Duration::ZERO).await.unwrap_or_default();
            if jobs.is_empty() {
                let _ = tokio::time::timeout(LOOK, woken.notified()).await;
            } else if let Err(error) = self.hand_over(&tasks, jobs).await {
                tracing::warn!(queue = self.there, %error, "tasks wait for the Celery broker");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }

    async fn hand_over(&self, tasks: &Tasks, jobs: Vec<Job>) -> Result<(), Error> {
        let (mut messages, mut acks, mut nacks) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            let (id, fence) = (job.leased.id, job.leased.fence);
            match message(&id.to_string(), job.label.name.as_str(), &job.body, &self.there) {
                Ok(message) => {
                    let result = Bytes::from(json!({"celery": id.to_string(), "queue": self.there}).to_string());
                    acks.push(Ack { id, fence, result: Some(result), cost: None });
                    messages.push(message);
                }
                Err(reason) => {
                    let death = Death { cause: Cause::Rejected, message: reason, log: Vec::new() };
                    nacks.push(Nack { id, fence, death: Some(death), retry_after: None, cost: None });
                }
            }
        }
        let sent = self.producer.send_once(messages).await;
        if sent.is_err() {
            let unsent = |ack: &Ack| Nack { id: ack.id, fence: ack.fence, death: None, retry_after: Some(TROUBLE), cost: None };
            nacks.extend(acks.drain(..).map(|ack| unsent(&ack)));
        }
        if !nacks.is_empty() {
            // What cannot be written now is found again when its lease ends.
            let _ = tasks.nack(nacks).await;
        }
        sent?;
        self.settle(tasks, acks).await
    }

    /// Writes down what was sent; then nobody will send it again.
    async fn settle(&self, tasks: &Tasks, acks: Vec<Ack>) -> Result<(), Error> {
        let ids: Vec<String> = acks.iter().map(|ack| ack.id.to_string()).collect();
        if acks.is_empty() {
            return Ok(());
        }
        match tasks.ack(acks).await {
            Ok(each) => {
                let settled: Vec<String> = ids.into_iter().zip(each).filter(|(_, one)| one.is_ok()).map(|(id, _)| id).collect();
                self.producer.forget(&settled).await
            }
            Err(error) => {
                tracing::warn!(queue = self.there, %error, "tasks are in the Celery broker, which could not be written down; their marks hold");
                Ok(())
            }
        }
    }
}
