//! Runs a Celery queue's tasks outside Python: each is handed to a closure, and its result is written where Celery looks.
//!
//! Method: takes as many tasks as there are free slots, renews their leases, waits for ETAs, holds time limits, honours retries,
//!   chains and callbacks, and acknowledges last, so that a crash runs a task again and never loses one.
//! Invariants: at most `concurrency` run and at most `MAX_WAITING` wait for their ETA; what is beyond goes back to the queue.
//! Tested: `tests/it/bridge.rs`, with a real application that sends and reads.

mod follow;
mod one;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::{Broker, Consumer, Delivery, Error, Failure, Producer, Results};

/// First and longest pause between looks at empty queues, or at a broker that fails.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));
const TROUBLE: Duration = Duration::from_secs(2);
/// Tasks that wait for their ETA.
const MAX_WAITING: usize = 1000;
/// Tasks taken at once.
const MAX_TAKE: usize = 64;
/// Longest time between renewals of leases.
const RENEW: Duration = Duration::from_secs(10);

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With a result.
    Done(Value),
    /// With an exception.
    Failed(Failure),
    /// It is to be tried again after a time; beyond `max_retries` it has failed.
    Retry {
        /// How long to wait.
        after: Duration,
        /// Why.
        failure: Failure,
    },
}

/// What runs tasks.
pub type Work = Arc<dyn Fn(Delivery) -> Pin<Box<dyn Future<Output = Outcome> + Send>> + Send + Sync>;

/// How a queue is worked on.
#[derive(Clone, Debug, PartialEq)]
pub struct BridgeSettings {
    /// The queues.
    pub queues: Vec<String>,
    /// Tasks at once.
    pub concurrency: usize,
    /// Retries of a task.
    pub max_retries: u32,
    /// Whether work ends at its task's hard time limit; not where whoever does it holds that by itself.
    pub hard_limits: bool,
    /// The queue of a task that follows by a chain or callback and names none, by its name; the task's own queue where it is not
    /// listed.
    pub routes: BTreeMap<String, String>,
}

/// What a bridge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeCounts {
    /// Tasks that ended well.
    pub done: u64,
    /// That failed.
    pub failed: u64,
    /// That are tried again.
    pub retried: u64,
    /// That came too late.
    pub expired: u64,
    /// Messages in a dead-letter list.
    pub dead: u64,
    /// Looks at messages that were left for Celery.
    pub left: u64,
}

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
    expired: AtomicU64,
    dead: AtomicU64,
    left: AtomicU64,
}

/// Everything that a task needs on its way.
struct Shared {
    consumer: Consumer,
    producer: Producer,
    results: Option<Results>,
    settings: BridgeSettings,
    work: Work,
    counters: Counters,
    /// Tags of tasks that are held.
    held: Mutex<BTreeSet<String>>,
    slots: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    error: Mutex<Option<String>>,
    stop: watch::Receiver<Option<Duration>>,
}

/// Works on Celery queues until it is stopped.
pub struct Bridge {
    shared: Arc<Shared>,
    stop: watch::Sender<Option<Duration>>,
    task: Option<JoinHandle<()>>,
}

impl Bridge {
    /// Starts working.
    pub fn start(broker: Broker, results: Option<Results>, settings: BridgeSettings, work: Work) -> Bridge {
        let renew = RENEW.min(broker.layout().visibility_timeout / 4);
        let (stop, stopped) = watch::channel(None);
        let shared = Arc::new(Shared {
            consumer: Consumer::new(broker.clone(), settings.queues.clone()),
            producer: Producer::new(broker, "skala"),
            results,
            slots: Arc::new(Semaphore::new(settings.concurrency)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            settings,
            work,
            counters: Counters::default(),
            held: Mutex::default(),
            error: Mutex::default(),
            stop: stopped.clone(),
        });
        let task = tokio::spawn(run(Arc::clone(&shared), stopped, renew));
        Bridge { shared, stop, task: Some(task) }
    }

    /// What it did so far.
    pub fn counts(&self) -> BridgeCounts {
        let counters = &self.shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BridgeCounts {
            done: read(&counters.done),
            failed: read(&counters.failed),
            retried: read(&counters.retried),
            expired: read(&counters.expired),
            dead: read(&counters.dead),
            left: read(&counters.left),
        }
    }

    /// Why the broker fails at the moment, if it does.
    pub fn error(&self) -> Option<String> {
        self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes no more, waits up to `grace` for what runs, and gives back the rest.
    pub async fn stop(mut self, grace: Duration) {
        self.stop.send_replace(Some(grace));
        if let Some(task) = self.task.take() {
            // It ends by itself; a panic in it has been reported by then.
            let _ = task.await;
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<Option<Duration>>, renew: Duration) {
    let mut tasks = JoinSet::new();
    let renewal = tokio::spawn(keep(Arc::clone(&shared), renew));
    let mut pause = PAUSE.0;
    while stop.borrow().is_none() {
        while tasks.try_join_next().is_some() {}
        pause = match take(&shared, &mut tasks).await {
            Ok(0) => (pause * 2).clamp(PAUSE.0, PAUSE.1),
            Ok(_) => Duration::ZERO,
            Err(_) => TROUBLE,
        };
        if !pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The sender lives as long as the bridge; without it there is nothing to wait for.
                _ = stop.changed() => {}
            }
        }
    }
    let grace = stop.borrow().unwrap_or_default();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, drained).await.is_err() {
        // Each gives its task back when it is ended.
        tasks.shutdown().await;
    }
    give_back(&shared).await;
    renewal.abort();
}

/// Takes as many tasks as there are free slots.
async fn take(shared: &Arc<Shared>, tasks: &mut JoinSet<()>) -> Result<usize, Error> {
    // A slot is held from before the task is taken until it has ended, or waits for its ETA.
    let Ok(first) = Arc::clone(&shared.slots).acquire_owned().await else { return Ok(0) };
    let mut slots = vec![first];
    let more = std::iter::from_fn(|| Arc::clone(&shared.slots).try_acquire_owned().ok());
    slots.extend(more.take(MAX_TAKE - 1));
    let result = shared.consumer.take(slots.len()).await;
    *shared.error.lock().unwrap_or_else(PoisonError::into_inner) = result.as_ref().err().map(ToString::to_string);
    let taken = result?;
    shared.counters.dead.fetch_add(taken.dead.len() as u64, Ordering::Relaxed);
    shared.counters.left.fetch_add(taken.left as u64, Ordering::Relaxed);
    let n = taken.deliveries.len();
    for (delivery, slot) in taken.deliveries.into_iter().zip(slots) {
        shared.held.lock().unwrap_or_else(PoisonError::into_inner).insert(delivery.tag().to_owned());
        tasks.spawn(one::handle(Arc::clone(shared), delivery, slot));
    }
    Ok(n)
}

/// Renews the leases of all that is held.
async fn keep(shared: Arc<Shared>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let tags: Vec<String> = shared.held.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        if let Err(error) = shared.consumer.renew(&tags).await {
            tracing::warn!(%error, "failed to renew the leases of Celery tasks");
        }
    }
}

/// Gives back what was held when the time to end was over.
async fn give_back(shared: &Shared) {
    let tags: Vec<String> =
        std::mem::take(&mut *shared.held.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect();
    for tag in tags {
        if let Err(error) = shared.consumer.restore_tag(&tag).await {
            tracing::warn!(%error, tag, "failed to give a Celery task back; its visibility timeout will");
        }
    }
}
