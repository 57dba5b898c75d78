//! One task on its way through a bridge.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::OwnedSemaphorePermit;

use super::{Outcome, Shared, follow};
use crate::message::Task;
use crate::{Delivery, Error, Failure, NewMessage};

/// Attempts to write how a task ended, and the first pause between them; it doubles.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for its time, runs it, writes how it ended.
pub(super) async fn handle(shared: Arc<Shared>, delivery: Delivery, slot: OwnedSemaphorePermit) {
    let mut slot = Some(slot);
    let due = delivery.task.eta.map_or(Duration::ZERO, until);
    if !due.is_zero() {
        let Ok(_place) = Arc::clone(&shared.waiting).try_acquire_owned() else {
            let back = shared.consumer.requeue(&delivery).await;
            return done_with(&shared, &delivery, back);
        };
        slot = None;
        let mut stop = shared.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(due) => {}
            // It is still held, so it is given back at the end.
            _ = stop.wait_for(Option::is_some) => return,
        }
    }
    if slot.is_none() {
        slot = Arc::clone(&shared.slots).acquire_owned().await.ok();
    }
    if delivery.task.expires.is_some_and(|at| at <= Timestamp::now()) {
        let end = insist(|| expire(&shared, &delivery)).await;
        count(&shared.counters.expired);
        return done_with(&shared, &delivery, end);
    }
    let outcome = attempt(&shared, &delivery).await;
    let end = insist(|| finish(&shared, &delivery, &outcome)).await;
    done_with(&shared, &delivery, end);
    drop(slot);
}

/// Runs the work within the task's hard limit; a panic is a failure.
async fn attempt(shared: &Shared, delivery: &Delivery) -> Outcome {
    let mut running = tokio::spawn((shared.work)(delivery.clone()));
    let limit =
        delivery.task.hard_limit.filter(|_| shared.settings.hard_limits).and_then(|s| Duration::try_from_secs_f64(s).ok());
    let ended = match limit {
        None => (&mut running).await,
        Some(limit) => match tokio::time::timeout(limit, &mut running).await {
            Ok(ended) => ended,
            Err(_) => {
                running.abort();
                let text = format!("TimeLimitExceeded({},)", limit.as_secs_f64());
                return Outcome::Failed(Failure {
                    module: "billiard.exceptions".to_owned(),
                    ..Failure::new("TimeLimitExceeded", &text)
                });
            }
        },
    };
    ended.unwrap_or_else(|_| Outcome::Failed(Failure::new("RuntimeError", "the task's handler panicked")))
}

async fn finish(shared: &Shared, delivery: &Delivery, outcome: &Outcome) -> Result<(), Error> {
    let task = &delivery.task;
    match outcome {
        Outcome::Done(result) => {
            let next = follow::success(task, result, &delivery.queue, &shared.settings.routes);
            let children: Vec<String> = next.iter().map(|m| m.task.id.clone()).collect();
            shared.producer.send(next).await?;
            if let Some(results) = &shared.results {
                results.success(task, result, &children).await?;
            }
            shared.consumer.ack(delivery).await?;
            count(&shared.counters.done);
        }
        Outcome::Retry { after, failure } if task.retries < shared.settings.max_retries => {
            retry(shared, delivery, *after, failure).await?;
        }
        Outcome::Retry { failure, .. } | Outcome::Failed(failure) => {
            if let Some(results) = &shared.results {
                results.failure(task, failure).await?;
            }
            shared.producer.send(follow::failure(task, &delivery.queue, &shared.settings.routes)).await?;
            shared.consumer.ack(delivery).await?;
            count(&shared.counters.failed);
        }
    }
    Ok(())
}

async fn retry(shared: &Shared, delivery: &Delivery, after: Duration, failure: &Failure) -> Result<(), Error> {
    let eta = Timestamp::now() + after.min(Duration::from_secs(365 * 24 * 3600));
    let task = Task { retries: delivery.task.retries + 1, eta: Some(eta), ..delivery.task.clone() };
    let priority = delivery.envelope.priority();
    shared.producer.send(vec![NewMessage { task, queue: delivery.queue.clone(), priority }]).await?;
    if let Some(results) = &shared.results {
        results.retry(&delivery.task, failure).await?;
    }
    shared.consumer.ack(delivery).await?;
    count(&shared.counters.retried);
    Ok(())
}

async fn expire(shared: &Shared, delivery: &Delivery) -> Result<(), Error> {
    if let Some(results) = &shared.results {
        results.revoked(&delivery.task, "expired").await?;
    }
    shared.consumer.ack(delivery).await
}

/// Tries again while the broker fails: the task has run, so giving up runs it again.
async fn insist<F: Future<Output = Result<(), Error>>>(mut what: impl FnMut() -> F) -> Result<(), Error> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        if let Ok(()) = what().await {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    what().await
}

fn done_with(shared: &Shared, delivery: &Delivery, end: Result<(), Error>) {
    if let Err(error) = end {
        tracing::warn!(%error, task = delivery.task.id, "failed to write how a Celery task ended; it will run again");
    }
    shared.held.lock().unwrap_or_else(PoisonError::into_inner).remove(delivery.tag());
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn until(moment: Timestamp) -> Duration {
    Duration::try_from(moment - Timestamp::now()).unwrap_or_default()
}
