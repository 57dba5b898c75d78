//! One queue: its tasks, the places for them on replicas, attempts and dead letters.
//!
//! Decides: which task goes to which replica: the one that has been ready longest, to the replica with the fewest of this queue.
//! Inputs: tasks that come, replicas that join, drain and die, attempts that end, `now`.
//! Method: as a durable queue does: at least once, an attempt that fails comes again after its backoff, after the last it is a dead letter.
//! Invariants: each task taken in is done, dead, or in exactly one of: not yet due, ready, leased; no replica has more than its places.
//! Tested: `tests/it/stations.rs`: conservation, Little's law, backoff.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use skala_autoscaler::{QueueObservation, SignalObservation, Text};
use skala_types::{Distribution, ReplicaId, Sampled, Sketch, Stream, Time};

use super::level::Level;
use crate::draw::Draw;
use crate::{QueueOutcome, SimError, TaskQueue};

/// Over how long arrivals and completions per second are told to the autoscaler.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// A task in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) queue: u32,
    pub(super) tokens: (u32, u32),
    /// When it first fell due.
    pub(super) due: Time,
    /// Since when it is ready this time.
    pub(super) ready: Time,
    /// When its attempt began.
    pub(super) begun: Time,
    /// Attempts that began.
    pub(super) attempts: u32,
    pub(super) replica: ReplicaId,
    pub(super) journey: u32,
}

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// By itself, or what it called answered with an error.
    Error,
    /// It took too long.
    Timeout,
    /// The provider had no quota left.
    Limited,
    /// Its replica is gone.
    Lost,
}

/// A replica that works on tasks.
#[derive(Clone, Debug, Default)]
struct Worker {
    tasks: BTreeSet<u32>,
    drains: bool,
}

/// One queue in a run.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) spec: TaskQueue,
    pub(super) draw: Draw,
    pub(super) rng: Stream,
    /// Mean start-up time of a worker, for what falls due meanwhile.
    start_up: Duration,
    waiting: VecDeque<u32>,
    /// When tasks that are not due yet fall due.
    later: BTreeSet<(Time, u32)>,
    workers: BTreeMap<ReplicaId, Worker>,
    /// Replicas with a free place, the emptiest first.
    free: BTreeSet<(usize, ReplicaId)>,
    ready: Level,
    leased: Level,
    places: Level,
    came: u64,
    refused: u64,
    done: u64,
    dead: u64,
    attempts: u64,
    failed: [u64; 4],
    late: u64,
    waits: Sketch,
    latency: Sketch,
    worst_wait: f64,
    oldest_age: f64,
    /// Tasks that came and were done so far, at the last ticks.
    history: VecDeque<(Time, u64, u64)>,
}

impl Queue {
    pub(super) fn try_new(spec: &TaskQueue, rng: Stream, start_up: Duration, now: Time) -> Result<Queue, SimError> {
        Ok(Queue {
            draw: Draw::try_new(&spec.task_time, &format!("capacity.queues.{}.taskTime", spec.name))?,
            spec: spec.clone(),
            rng,
            start_up,
            waiting: VecDeque::new(),
            later: BTreeSet::new(),
            workers: BTreeMap::new(),
            free: BTreeSet::new(),
            ready: Level::new(0.0, now),
            leased: Level::new(0.0, now),
            places: Level::new(0.0, now),
            came: 0,
            refused: 0,
            done: 0,
            dead: 0,
            attempts: 0,
            failed: [0; 4],
            late: 0,
            waits: Sketch::new(),
            latency: Sketch::new(),
            worst_wait: 0.0,
            oldest_age: 0.0,
            history: VecDeque::new(),
        })
    }

    fn inside(&self) -> u64 {
        self.waiting.len() as u64 + self.later.len() as u64 + self.leased.value() as u64
    }

    /// Whether one more task is taken in; it is counted either way.
    pub(super) fn admit(&mut self) -> bool {
        let admitted = self.inside() < self.spec.most;
        if admitted {
            self.came += 1;
        } else {
            self.refused += 1;
        }
        admitted
    }

    /// A task will be due later.
    pub(super) fn put_off(&mut self, id: u32, until: Time) {
        self.later.insert((until, id));
    }

    /// A task is due.
    pub(super) fn due(&mut self, id: u32, was_until: Time, now: Time) {
        self.later.remove(&(was_until, id));
        self.waiting.push_back(id);
        self.ready.add(1.0, now);
    }

    /// The next task and the replica that gets it; `None` when either lacks.
    pub(super) fn lease(&mut self, now: Time) -> Option<(u32, ReplicaId)> {
        let &(count, replica) = self.free.first()?;
        let id = self.waiting.pop_front()?;
        self.ready.add(-1.0, now);
        self.leased.add(1.0, now);
        self.attempts += 1;
        self.free.remove(&(count, replica));
        if let Some(worker) = self.workers.get_mut(&replica) {
            worker.tasks.insert(id);
        }
        self.offer(replica);
        Some((id, replica))
    }

    /// A first attempt begins.
    pub(super) fn waited(&mut self, wait: Duration) {
        self.waits.record(wait);
        self.worst_wait = self.worst_wait.max(wait.as_secs_f64());
        self.late += u64::from(self.spec.objective.is_some_and(|(_, bound)| wait > bound));
    }

    /// Notes the age of a ready task that begins, or is still there at a tick.
    pub(super) fn note_age(&mut self, age: Duration) {
        self.oldest_age = self.oldest_age.max(age.as_secs_f64());
    }

    /// An attempt is over; its place is free again unless the replica is gone.
    pub(super) fn release(&mut self, id: u32, replica: ReplicaId, now: Time) {
        self.leased.add(-1.0, now);
        let Some(worker) = self.workers.get_mut(&replica) else { return };
        self.free.remove(&(worker.tasks.len(), replica));
        worker.tasks.remove(&id);
        self.offer(replica);
    }

    /// Lists a replica among the free ones when it has a place.
    fn offer(&mut self, replica: ReplicaId) {
        let Some(worker) = self.workers.get(&replica) else { return };
        if !worker.drains && worker.tasks.len() < self.spec.per_replica as usize {
            self.free.insert((worker.tasks.len(), replica));
        }
    }

    pub(super) fn succeeded(&mut self, since_due: Duration) {
        self.done += 1;
        self.latency.record(since_due);
    }

    /// Counts a failed attempt. Whether the task may be tried again.
    pub(super) fn failed(&mut self, why: Failure, attempts: u32, since_due: Duration) -> bool {
        self.failed[why as usize] += 1;
        if attempts < self.spec.attempts {
            return true;
        }
        self.dead += 1;
        self.latency.record(since_due);
        false
    }

    /// A replica takes tasks.
    pub(super) fn joined(&mut self, replica: ReplicaId, now: Time) {
        self.workers.insert(replica, Worker::default());
        self.places.add(f64::from(self.spec.per_replica), now);
        self.offer(replica);
    }

    /// A replica takes no more tasks.
    pub(super) fn drains(&mut self, replica: ReplicaId, now: Time) {
        let Some(worker) = self.workers.get_mut(&replica) else { return };
        if !std::mem::replace(&mut worker.drains, true) {
            self.free.remove(&(worker.tasks.len(), replica));
            self.places.add(-f64::from(self.spec.per_replica), now);
        }
    }

    /// A replica is gone; these tasks were on it, and are still counted as leased.
    pub(super) fn lost(&mut self, replica: ReplicaId, now: Time) -> Vec<u32> {
        self.drains(replica, now);
        self.workers.remove(&replica).map(|w| w.tasks.into_iter().collect()).unwrap_or_default()
    }

    /// The task that has been ready longest.
    pub(super) fn first(&self) -> Option<u32> {
        self.waiting.front().copied()
    }

    /// A tick: remembers totals for the rates.
    pub(super) fn tick(&mut self, now: Time) {
        self.history.push_back((now, self.came, self.done));
        while self.history.front().is_some_and(|(at, ..)| now.since(*at) > RATE_WINDOW) {
            self.history.pop_front();
        }
    }

    /// What the autoscaler sees; `oldest` is the age of the first ready task.
    pub(super) fn signal(&self, now: Time, oldest: Option<Duration>) -> SignalObservation {
        let (at, came, done) = self.history.front().copied().unwrap_or((now, self.came, self.done));
        let window = now.since(at).as_secs_f64();
        let rate = |total: u64, before: u64| (window > 0.0).then(|| (total - before) as f64 / window);
        let ready = self.ready.value();
        let queue = QueueObservation {
            ready,
            leased: self.leased.value(),
            due_soon: self.later.range(..=(now + self.start_up, u32::MAX)).count() as f64,
            oldest_age: oldest,
            arrival_rate: rate(self.came, came),
            completion_rate: rate(self.done, done),
        };
        SignalObservation {
            value: Some(Sampled::new(now, ready)),
            queue: Some(queue),
            ..SignalObservation::read(Text::from(self.spec.name.as_str()), now, ready)
        }
    }

    pub(super) fn conserves_work(&self) -> bool {
        self.came == self.done + self.dead + self.inside()
    }

    pub(super) fn finish(self, end: Time, lasted: Duration) -> QueueOutcome {
        let places = self.places.area_at(end);
        QueueOutcome {
            arrivals: self.came as f64,
            refused: self.refused as f64,
            done: self.done as f64,
            dead: self.dead as f64,
            left: self.inside() as f64,
            attempts: self.attempts as f64,
            failures: self.failed.iter().sum::<u64>() as f64,
            timeouts: self.failed[Failure::Timeout as usize] as f64,
            limited: self.failed[Failure::Limited as usize] as f64,
            wait: Distribution::of(&self.waits),
            latency: Distribution::of(&self.latency),
            worst_wait: self.worst_wait,
            late: self.spec.objective.map(|_| self.late as f64),
            mean_ready: self.ready.mean(end, lasted),
            mean_leased: self.leased.mean(end, lasted),
            most_ready: self.ready.most(),
            oldest_age: self.oldest_age,
            utilisation: if places > 0.0 { (self.leased.area_at(end) / places).min(1.0) } else { 0.0 },
            name: self.spec.name,
        }
    }
}
