//! Keeps the leases of running attempts alive, and tells attempts to stop.
//!
//! Method: all attempts of a deliverer are extended together, each when a third of its lease is over; the answer says whether it was
//!   called off. An attempt whose lease is gone must stop at once: the task may be another's already.
//! Invariants: an attempt is extended until what became of it is on disk, so that a slow disk costs no lease.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skala_queue::{Extended, Fence, Leased, Stop, TaskId};
use skala_types::Time;
use tokio::sync::{Notify, oneshot};

use crate::{Each, Extend, TasksError, deliver::Source};

/// How often leases are looked at.
const PERIODS: std::ops::RangeInclusive<Duration> = Duration::from_millis(5)..=Duration::from_secs(2);

/// Why an attempt must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Somebody called the task off.
    Cancelled,
    /// The lease is gone; what the attempt says no longer counts.
    Void,
    /// skala stops.
    Stopping,
}

#[derive(Debug)]
struct Held {
    fence: Fence,
    until: Time,
    lease: Duration,
    tell: Option<oneshot::Sender<Word>>,
}

/// The attempts of one deliverer.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    held: Mutex<HashMap<TaskId, Held>>,
    /// The last one is gone.
    empty: Notify,
    /// There is a first one.
    first: Notify,
}

/// One attempt's lease; dropping it ends its extensions.
#[derive(Debug)]
pub(crate) struct Hold {
    keeper: Arc<Keeper>,
    pub(crate) id: TaskId,
    pub(crate) fence: Fence,
    word: oneshot::Receiver<Word>,
}

impl Keeper {
    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to extend a lease.
    pub(crate) fn hold(self: &Arc<Self>, leased: &Leased, now: Time) -> Hold {
        let (tell, word) = oneshot::channel();
        let held = Held { fence: leased.fence, until: leased.until, lease: leased.until.since(now), tell: Some(tell) };
        let mut all = self.lock();
        if all.is_empty() {
            self.first.notify_one();
        }
        all.insert(leased.id, held);
        Hold { keeper: Arc::clone(self), id: leased.id, fence: leased.fence, word }
    }

    /// How many attempts run, or wait to be settled.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Tells every attempt to stop.
    pub(crate) fn stop_all(&self) {
        for held in self.lock().values_mut() {
            tell(held, Word::Stopping);
        }
    }

    /// Completes when no attempt is left.
    pub(crate) async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            if self.len() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Extends leases for ever.
    pub(crate) async fn run<S: Source>(self: Arc<Self>, source: Arc<S>) {
        loop {
            match self.period() {
                Some(period) => tokio::time::sleep(period).await,
                None => self.first.notified().await,
            }
            let due = self.due(source.now().at);
            if !due.is_empty() {
                let answers = source.extend(&due);
                self.heard(&due, answers, source.now().at);
            }
        }
    }

    fn period(&self) -> Option<Duration> {
        let shortest = self.lock().values().map(|held| held.lease).min()?;
        Some((shortest / 6).clamp(*PERIODS.start(), *PERIODS.end()))
    }

    fn due(&self, now: Time) -> Vec<Extend> {
        let all = self.lock();
        let due = all.iter().filter(|(_, held)| held.until.since(now) <= held.lease * 2 / 3);
        due.map(|(id, held)| Extend { id: *id, fence: held.fence, progress: None }).collect()
    }

    fn heard(&self, asked: &[Extend], answers: Result<Each<Extended>, TasksError>, now: Time) {
        let mut all = self.lock();
        let mut each = answers.ok().into_iter().flatten();
        for ask in asked {
            let Some(held) = all.get_mut(&ask.id).filter(|held| held.fence == ask.fence) else {
                each.next();
                continue;
            };
            match each.next() {
                Some(Ok(extended)) => {
                    held.until = extended.until;
                    if extended.stop == Some(Stop::Cancelled) {
                        tell(held, Word::Cancelled);
                    }
                }
                Some(Err(TasksError::Lease(_))) => tell(held, Word::Void),
                // Nobody to ask just now: the lease holds as long as was said.
                Some(Err(_)) | None if now < held.until => {}
                Some(Err(_)) | None => tell(held, Word::Void),
            }
        }
    }
}

fn tell(held: &mut Held, word: Word) {
    if let Some(tell) = held.tell.take() {
        let _ = tell.send(word);
    }
}

impl Hold {
    /// Completes when the attempt must stop.
    pub(crate) async fn word(&mut self) -> Word {
        if self.word.is_terminated() {
            return std::future::pending().await; // it was told before
        }
        match (&mut self.word).await {
            Ok(word) => word,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.keeper.lock();
        if all.get(&self.id).is_some_and(|held| held.fence == self.fence) {
            all.remove(&self.id);
        }
        if all.is_empty() {
            self.keeper.empty.notify_waiters();
        }
    }
}
