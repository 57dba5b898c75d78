//! The writing thread's loop.
//!
//! Invariants: a batch that could not be written is tried again as it is, before anything that came later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use skala_queue::{Change, Durability};

use super::queue::{Gather, Group, Queue, Work};
use super::{Told, WriterSettings, WriterState};
use crate::store::{Store, StoreError};

/// Longest wait of a commit for company.
const LONGEST_GATHER: Duration = Duration::from_millis(2);

/// Everything that the thread owns.
pub(super) struct Thread {
    queue: Arc<Queue>,
    store: Box<dyn Store>,
    settings: WriterSettings,
    told: Box<dyn FnMut(Told) + Send>,
    /// When the leader must beat next, unless something is committed before.
    beat_at: Instant,
    sweep_at: Instant,
    gather: Gather,
}

/// Whether the thread goes on.
type GoesOn = bool;

impl Thread {
    pub(super) fn new(
        queue: Arc<Queue>,
        store: Box<dyn Store>,
        settings: WriterSettings,
        told: Box<dyn FnMut(Told) + Send>,
    ) -> Thread {
        let now = Instant::now();
        Thread {
            queue,
            store,
            beat_at: now + settings.beat,
            sweep_at: now + settings.sweep,
            settings,
            told,
            gather: Gather::default(),
        }
    }

    /// Until it is closed, fenced or broken.
    pub(super) fn run(mut self) -> Box<dyn Store> {
        let (mut batch, mut changes) = (Vec::new(), Vec::new());
        loop {
            let until = self.beat_at.min(self.sweep_at);
            let goes_on = match self.queue.pull(&mut batch, self.settings.most_changes, until, self.gather) {
                Work::Groups => self.write(&mut batch, &mut changes),
                Work::Idle => true,
                Work::Closed => false,
            };
            if !goes_on || !self.care() {
                return self.store;
            }
        }
    }

    /// Commits a batch, however long it takes.
    fn write(&mut self, batch: &mut Vec<Group>, changes: &mut Vec<Change>) -> GoesOn {
        let durability = batch.iter().map(|g| g.durability).max().unwrap_or(Durability::Memory);
        let Some(last) = batch.last().map(|g| g.seq) else { return true };
        let groups = batch.len();
        changes.extend(batch.drain(..).flat_map(|g| g.changes));
        loop {
            let began = Instant::now();
            match self.store.commit(changes, durability) {
                Ok(()) => {
                    self.recovered();
                    self.queue.leads(began);
                    let took = began.elapsed();
                    self.gather = gather(groups, took);
                    self.queue.done(groups, changes.len(), took);
                    changes.clear();
                    (self.told)(Told::Committed(last));
                    return true;
                }
                Err(e) => {
                    // A store without room has looked who leads before it began to write.
                    if matches!(e, StoreError::Full(_)) {
                        self.queue.leads(began);
                    }
                    if !self.failed(e) {
                        return false;
                    }
                    if self.queue.pause(self.settings.retry) {
                        // Closed: one more attempt, and no further.
                        return self.last_attempt(changes, durability, groups, last);
                    }
                }
            }
        }
    }

    fn last_attempt(&mut self, changes: &[Change], durability: Durability, groups: usize, last: skala_queue::Seq) -> GoesOn {
        let began = Instant::now();
        match self.store.commit(changes, durability) {
            Ok(()) => {
                self.recovered();
                self.queue.done(groups, changes.len(), began.elapsed());
                (self.told)(Told::Committed(last));
                true
            }
            Err(e) => {
                self.failed(e);
                false
            }
        }
    }

    /// What must be done beside commits: signs of life, sweeps.
    fn care(&mut self) -> GoesOn {
        let now = Instant::now();
        if now >= self.beat_at {
            self.beat_at = now + self.settings.beat;
            match self.store.beat() {
                Ok(()) => self.queue.leads(now),
                Err(e) => {
                    if !self.failed_beside(e) {
                        return false;
                    }
                }
            }
        }
        if now >= self.sweep_at {
            return self.sweep(now);
        }
        true
    }

    /// One small piece; the next one comes soon when there is more.
    fn sweep(&mut self, now: Instant) -> GoesOn {
        let wall = (self.settings.clock)();
        match self.store.sweep(wall, &self.queue.keep()) {
            Ok(more) => {
                let took = now.elapsed();
                let log_bytes = self.store.log_bytes();
                self.queue.note(|f| {
                    f.sweeping += took;
                    f.log_bytes = log_bytes;
                });
                // Under load a sweep takes at most a tenth of the time.
                let pause = if !more {
                    self.settings.sweep
                } else if self.queue.is_idle() {
                    std::time::Duration::ZERO
                } else {
                    took * 9
                };
                self.sweep_at = Instant::now() + pause;
                true
            }
            Err(e) => {
                self.sweep_at = now + self.settings.sweep;
                self.failed_beside(e)
            }
        }
    }

    fn recovered(&mut self) {
        if self.queue.state() != WriterState::Fine {
            self.become_(WriterState::Fine);
        }
    }

    /// A commit has failed; whether it is worth trying again.
    fn failed(&mut self, error: StoreError) -> GoesOn {
        self.queue.note(|f| f.failures += 1);
        match error {
            StoreError::Full(_) | StoreError::Busy(_) => {
                if !matches!(self.queue.state(), WriterState::Stuck { .. }) {
                    self.become_(WriterState::Stuck { reason: error.to_string(), since: Instant::now() });
                }
                true
            }
            other => self.failed_beside(other),
        }
    }

    /// A beat or a sweep has failed. Want of room there does not matter: it does once something is to be written.
    fn failed_beside(&mut self, error: StoreError) -> GoesOn {
        match error {
            StoreError::Full(_) | StoreError::Busy(_) => return true,
            StoreError::Fenced { leader } => self.become_(WriterState::Fenced { leader }),
            other => self.become_(WriterState::Broken(other.to_string())),
        }
        false
    }

    fn become_(&mut self, state: WriterState) {
        self.queue.set_state(state.clone());
        (self.told)(Told::State(state));
    }
}

/// How long the next commit waits for company. Callers that wait for a commit come back together once they are told; without this the
/// first of them would get a flush for itself, and all others wait for two.
fn gather(groups: usize, took: Duration) -> Gather {
    Gather { groups: groups - groups / 8, most: (took / 2).min(LONGEST_GATHER) }
}
