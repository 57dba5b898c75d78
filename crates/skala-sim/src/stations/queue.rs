//! One queue's places on replicas, and its measures. Which task comes next is the live core's business.
//!
//! Decides: which replica is offered the next task: the one with the fewest of this queue.
//! Inputs: replicas that join, drain and die, attempts that begin and end, the core's numbers, `now`.
//! Invariants: no replica has more than its places.
//! Tested: `tests/it/stations.rs`: conservation, Little's law; `tests/it/limits.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use skala_autoscaler::{QueueObservation, SignalObservation};
use skala_queue::{Core, Now, Phase, QueueId, QueueStats};
use skala_types::{Distribution, ReplicaId, Sampled, Sketch, Stream, Time};

use super::level::Level;
use crate::draw::Draw;
use crate::{QueueOutcome, SimError, TaskQueue};

/// A replica that works on tasks.
#[derive(Clone, Debug, Default)]
struct Worker {
    attempts: BTreeSet<u32>,
    drains: bool,
}

/// One queue in a run.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) spec: TaskQueue,
    pub(super) draw: Draw,
    pub(super) rng: Stream,
    /// Queues that are asked together: those that hold servers of the same service.
    pub(super) mates: Arc<[QueueId]>,
    /// Mean start-up time of a worker, for what falls due meanwhile.
    start_up: Duration,
    workers: BTreeMap<ReplicaId, Worker>,
    /// Replicas with a free place, the emptiest first.
    free: BTreeSet<(usize, ReplicaId)>,
    ready: Level,
    leased: Level,
    places: Level,
    pub(super) timeouts: u64,
    pub(super) limited: u64,
    pub(super) expired: u64,
    late: u64,
    waits: Sketch,
    latency: Sketch,
    worst_wait: f64,
    oldest_age: f64,
}

impl Queue {
    pub(super) fn try_new(
        spec: &TaskQueue,
        mates: Arc<[QueueId]>,
        rng: Stream,
        start_up: Duration,
        now: Time,
    ) -> Result<Queue, SimError> {
        Ok(Queue {
            draw: Draw::try_new(&spec.task_time, &format!("capacity.queues.{}.taskTime", spec.settings.name))?,
            spec: spec.clone(),
            rng,
            mates,
            start_up,
            workers: BTreeMap::new(),
            free: BTreeSet::new(),
            ready: Level::new(0.0, now),
            leased: Level::new(0.0, now),
            places: Level::new(0.0, now),
            timeouts: 0,
            limited: 0,
            expired: 0,
            late: 0,
            waits: Sketch::new(),
            latency: Sketch::new(),
            worst_wait: 0.0,
            oldest_age: 0.0,
        })
    }

    /// Replicas with a place for one more task, the emptiest first.
    pub(super) fn free(&self) -> impl Iterator<Item = ReplicaId> {
        self.free.iter().map(|(_, replica)| *replica)
    }

    /// An attempt begins on a replica.
    pub(super) fn begin(&mut self, attempt: u32, replica: ReplicaId) {
        let Some(worker) = self.workers.get_mut(&replica) else { return };
        self.free.remove(&(worker.attempts.len(), replica));
        worker.attempts.insert(attempt);
        self.offer(replica);
    }

    /// An attempt is over; its place is free again unless the replica is gone.
    pub(super) fn release(&mut self, attempt: u32, replica: ReplicaId) {
        let Some(worker) = self.workers.get_mut(&replica) else { return };
        self.free.remove(&(worker.attempts.len(), replica));
        worker.attempts.remove(&attempt);
        self.offer(replica);
    }

    /// Lists a replica among the free ones when it has a place.
    fn offer(&mut self, replica: ReplicaId) {
        let Some(worker) = self.workers.get(&replica) else { return };
        if !worker.drains && worker.attempts.len() < self.spec.per_replica() as usize {
            self.free.insert((worker.attempts.len(), replica));
        }
    }

    /// A replica takes tasks.
    pub(super) fn joined(&mut self, replica: ReplicaId, now: Time) {
        self.workers.insert(replica, Worker::default());
        self.places.add(f64::from(self.spec.per_replica()), now);
        self.offer(replica);
    }

    /// A replica takes no more tasks.
    pub(super) fn drains(&mut self, replica: ReplicaId, now: Time) {
        let Some(worker) = self.workers.get_mut(&replica) else { return };
        if !std::mem::replace(&mut worker.drains, true) {
            self.free.remove(&(worker.attempts.len(), replica));
            self.places.add(-f64::from(self.spec.per_replica()), now);
        }
    }

    /// A replica is gone; these attempts were on it.
    pub(super) fn lost(&mut self, replica: ReplicaId, now: Time) -> Vec<u32> {
        self.drains(replica, now);
        self.workers.remove(&replica).map(|w| w.attempts.into_iter().collect()).unwrap_or_default()
    }

    /// Notes how many tasks are ready and worked on from now on.
    pub(super) fn note(&mut self, core: &Core, id: QueueId, now: Time) {
        self.ready.set(core.count(id, Phase::Ready) as f64, now);
        self.leased.set(core.count(id, Phase::Leased) as f64, now);
    }

    /// A first attempt begins.
    pub(super) fn waited(&mut self, wait: Duration) {
        self.waits.record(wait);
        self.worst_wait = self.worst_wait.max(wait.as_secs_f64());
        self.late += u64::from(self.spec.objective.is_some_and(|(_, bound)| wait > bound));
    }

    /// A task has ended so long after it was due.
    pub(super) fn ended(&mut self, since_due: Duration) {
        self.latency.record(since_due);
    }

    /// Notes the age of the oldest ready task.
    pub(super) fn note_age(&mut self, age: Option<Duration>) {
        self.oldest_age = self.oldest_age.max(age.unwrap_or_default().as_secs_f64());
    }

    /// What the autoscaler sees, from the numbers that the live one sees.
    pub(super) fn signal(&self, core: &Core, id: QueueId, now: Time) -> SignalObservation {
        let both = Now::both(now);
        let stats = core.stats(id, both);
        let ready = stats.ready as f64;
        let queue = QueueObservation {
            ready,
            leased: stats.leased as f64,
            due_soon: core.due_within(id, both, self.start_up) as f64,
            oldest_age: stats.oldest_age,
            arrival_rate: stats.arrival_rate,
            completion_rate: stats.completion_rate,
        };
        SignalObservation {
            value: Some(Sampled::new(now, ready)),
            queue: Some(queue),
            ..SignalObservation::read(self.spec.settings.name.clone(), now, ready)
        }
    }

    pub(super) fn report(&self, stats: &QueueStats, end: Time, lasted: Duration) -> QueueOutcome {
        let places = self.places.area_at(end);
        let left = stats.ready + stats.delayed + stats.held + stats.parked + stats.leased;
        debug_assert_eq!(stats.enqueued, stats.done + stats.dead + stats.cancelled + left, "every task is in one phase");
        QueueOutcome {
            arrivals: stats.enqueued as f64,
            refused: stats.refused as f64,
            done: stats.done as f64,
            dead: stats.dead as f64,
            expired: self.expired as f64,
            cancelled: stats.cancelled as f64,
            left: left as f64,
            attempts: stats.attempts as f64,
            failures: (stats.failed + stats.lost) as f64,
            timeouts: self.timeouts as f64,
            limited: self.limited as f64,
            wait: Distribution::of(&self.waits),
            latency: Distribution::of(&self.latency),
            worst_wait: self.worst_wait,
            late: self.spec.objective.map(|_| self.late as f64),
            mean_ready: self.ready.mean(end, lasted),
            mean_leased: self.leased.mean(end, lasted),
            most_ready: self.ready.most(),
            oldest_age: self.oldest_age,
            utilisation: if places > 0.0 { (self.leased.area_at(end) / places).min(1.0) } else { 0.0 },
            name: self.spec.settings.name.to_string(),
        }
    }
}
