//! Giving tasks out: at once, or to one who waits; and never to nobody.
//!
//! Invariants: a task whose taker went away before it got it waits again at once, and that counts as no attempt.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use skala_queue::{Cause, Death, Label, Leased, MOST_AT_ONCE, Nack, Now, TaskId};

use super::shared::Shared;
use super::takers::{Place, hand_back};
use super::term::{Inner, Term};
use super::words::{Job, TakeAsk};
use super::{Bounds, TasksError};

/// Gives out ready tasks, and waits up to `wait` for the first.
pub(crate) async fn give(shared: &Shared, ask: &TakeAsk, wait: Duration) -> Result<Vec<Job>, TasksError> {
    let term = shared.leading()?;
    let wait = wait.min(shared.config.bounds.longest_wait);
    let (taken, _) = term.call(|inner, now| {
        if inner.giving && !term.is_sure(inner) {
            return Err(TasksError::Unavailable { leader: None });
        }
        inner.take(ask, wait, &shared.config.bounds, now)
    });
    let leased = match taken? {
        Taken::Now(leased) => leased,
        Taken::Later(place) => Waiting { term: &term, place }.wait(wait).await?,
    };
    if leased.is_empty() {
        return Ok(Vec::new());
    }
    tell(shared, &leased);
    Handed { term: &term, leased }.jobs(shared).await
}

/// What came of asking the core.
enum Taken {
    Now(Vec<Leased>),
    Later(Place),
}

impl Inner {
    fn take(&mut self, ask: &TakeAsk, wait: Duration, bounds: &Bounds, now: Now) -> Result<Taken, TasksError> {
        if !self.giving {
            return Err(TasksError::Stopping);
        }
        let ask = TakeAsk { most: ask.most.clamp(1, MOST_AT_ONCE), ..ask.clone() };
        let drains = ask.instance.is_some_and(|i| self.draining.contains(&i));
        if !drains {
            let leased = self.out.add(self.core.take(&ask.borrow(), now));
            if !leased.is_empty() || wait.is_zero() {
                return Ok(Taken::Now(leased));
            }
        } else if wait.is_zero() {
            return Ok(Taken::Now(Vec::new()));
        }
        if self.takers.len() >= bounds.waiting_takes {
            let most = bounds.waiting_takes;
            return Err(TasksError::Bound(format!("{most} calls wait for tasks, as many as may; ask again in a second")));
        }
        Ok(Taken::Later(self.takers.join(ask)))
    }
}

/// One who waits, and leaves when it is dropped.
struct Waiting<'a> {
    term: &'a Arc<Term>,
    place: Place,
}

impl Waiting<'_> {
    async fn wait(mut self, wait: Duration) -> Result<Vec<Leased>, TasksError> {
        match tokio::time::timeout(wait, &mut self.place.told).await {
            Ok(Ok(leased)) => Ok(leased),
            Ok(Err(_)) => Err(TasksError::Stopping),
            // Tasks that came at the last moment are its own.
            Err(_) => {
                let number = self.place.number;
                self.term.call(|inner, _| inner.takers.leave(number));
                Ok(self.place.told.try_recv().unwrap_or_default())
            }
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.place.told.is_terminated() {
            return;
        }
        let place = &mut self.place;
        self.term.call(|inner, now| {
            inner.takers.leave(place.number);
            if let Ok(leased) = place.told.try_recv() {
                hand_back(&leased, &mut inner.core, &mut inner.out, now);
            }
        });
    }
}

/// Tasks on their way to a worker; handed back when nobody takes them.
struct Handed<'a> {
    term: &'a Arc<Term>,
    leased: Vec<Leased>,
}

impl Drop for Handed<'_> {
    fn drop(&mut self) {
        if !self.leased.is_empty() {
            self.term.call(|inner, now| hand_back(&self.leased, &mut inner.core, &mut inner.out, now));
        }
    }
}

impl Handed<'_> {
    /// With bodies and, where asked for, the results of parents.
    async fn jobs(mut self, shared: &Shared) -> Result<Vec<Job>, TasksError> {
        let bodies = self.bodies().await?;
        let results = self.results(&bodies).await?;
        let mut jobs = Vec::with_capacity(self.leased.len());
        let leased = std::mem::take(&mut self.leased);
        let queues = shared.queues.load();
        for ((leased, body), results) in leased.into_iter().zip(bodies).zip(results) {
            let Some((label, body)) = body else {
                give_up(self.term, &leased);
                continue;
            };
            let queue = queues.get(usize::from(leased.queue.0)).map(|q| q.name.clone()).unwrap_or_default();
            jobs.push(Job { leased, queue, label, body, results });
        }
        Ok(jobs)
    }

    async fn bodies(&self) -> Result<Vec<Option<(Label, Bytes)>>, TasksError> {
        let mut found = self.term.bodies.get(self.leased.iter().map(|l| l.id));
        let missing: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
        if !missing.is_empty() {
            let ids: Vec<TaskId> = missing.iter().map(|at| self.leased[*at].id).collect();
            let read = self.term.readers.read(move |reader| reader.bodies(&ids)).await?;
            for (at, body) in missing.into_iter().zip(read) {
                found[at] = body;
            }
        }
        Ok(found)
    }

    async fn results(&self, bodies: &[Option<(Label, Bytes)>]) -> Result<Vec<Vec<(TaskId, Option<Bytes>)>>, TasksError> {
        let wants = |at: usize| bodies[at].as_ref().is_some_and(|(label, _)| label.with_results);
        let asked: Vec<Vec<TaskId>> =
            (0..bodies.len()).map(|at| if wants(at) { self.leased[at].parents.clone() } else { Vec::new() }).collect();
        if asked.iter().all(Vec::is_empty) {
            return Ok(asked.into_iter().map(|_| Vec::new()).collect());
        }
        let read = move |reader: &mut dyn crate::store::Reader| {
            let one = |id: TaskId, reader: &mut dyn crate::store::Reader| Ok((id, reader.result(id)?));
            asked.into_iter().map(|ids| ids.into_iter().map(|id| one(id, reader)).collect()).collect()
        };
        self.term.readers.read(read).await
    }
}

/// A task whose body is gone can never be worked on.
fn give_up(term: &Term, leased: &Leased) {
    let message = "its body is not in the store: the store was damaged".to_owned();
    let death = Some(Death { cause: Cause::Rejected, message, log: Vec::new() });
    let nack = Nack { id: leased.id, fence: leased.fence, death, retry_after: None, cost: Some(0) };
    term.call(|inner, now| {
        if let Ok(answer) = inner.core.nack(nack, now) {
            inner.out.add(answer);
        }
    });
}

/// Tells watchers that somebody works on their tasks.
fn tell(shared: &Shared, leased: &[Leased]) {
    if !shared.watches.is_empty() {
        leased.iter().for_each(|l| shared.watches.tell(l.id));
    }
}
