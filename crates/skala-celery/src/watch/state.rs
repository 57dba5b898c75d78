//! What a watcher knows, and what it shows of that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;
use skala_runtime::Clock;
use skala_types::Time;

use super::WatchSettings;
use super::words::Word;
use crate::depth::{Flow, Unacked};
use crate::lease::{self, Restored};
use crate::roster::{Limits, Roster, Stage, Verdict};
use crate::{Broker, CeleryQueueStats, Error, Remote};

/// After a time without a broker: how long workers have to come back before one is concluded to be dead.
const RETURN: Duration = Duration::from_secs(30);
/// From one reading of processes and pools to the next.
const STATS: Duration = Duration::from_secs(30);
/// Messages given back in one look.
const RESTORES: usize = 200;

/// What was seen at a look.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// When the last successful look was; none before the first.
    pub at: Option<Instant>,
    /// Why the last look failed, if it did.
    pub error: Option<String>,
    /// The queues, in the order of the settings.
    pub queues: Vec<CeleryQueueStats>,
    /// The workers.
    pub workers: Vec<WorkerView>,
    /// Workers with a connection that do not answer: busy solo pools, or deaf ones.
    pub silent: usize,
    /// What was done about leases since the start.
    pub leases: LeaseCounts,
}

/// A worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerView {
    /// Its name: `celery@host`.
    pub name: String,
    /// Whether it answered the last question.
    pub answers: bool,
    /// Its main process.
    pub pid: Option<u32>,
    /// Slots of its pool.
    pub pool: Option<u32>,
    /// Tasks that it runs.
    pub running: u64,
    /// Tasks that it has taken and not begun, without those that wait for their ETA.
    pub prefetched: u64,
}

/// What was done about leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseCounts {
    /// Renewals.
    pub renewed: u64,
    /// Messages given back because their worker was dead.
    pub restored: u64,
    /// Messages put into a dead-letter list.
    pub dead: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Process {
    pid: Option<u32>,
    pool: Option<u32>,
}

/// What is known of a queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By list.
    pub(super) lists: Vec<List>,
    pub(super) dead: u64,
}

/// What is known of a list.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) flow: Flow,
    pub(super) length: u64,
    pub(super) tail: Option<Vec<u8>>,
    /// When the head was put in, where it says so, in seconds since 1970.
    pub(super) head_since: Option<f64>,
}

/// What a watcher knows.
pub(super) struct State {
    pub(super) broker: Broker,
    pub(super) settings: WatchSettings,
    pub(super) clock: Clock,
    pub(super) queues: Vec<Queue>,
    pub(super) unacked: Unacked,
    pub(super) wall: f64,
    /// Queues by exchange and routing key.
    pub(super) bindings: BTreeMap<(String, String), String>,
    remote: Remote,
    roster: Roster,
    processes: BTreeMap<String, Process>,
    limited: BTreeSet<String>,
    asked: Option<Time>,
    described: Option<Time>,
    seen: Option<Instant>,
    failing: bool,
    /// Until then nobody is concluded to be dead.
    lenient: Time,
    counts: LeaseCounts,
}

/// Slots of a pool: prefork lists its processes, and says `max-concurrency` as it was at the start.
fn slots(pool: Option<&Value>) -> Option<u32> {
    let processes = pool?.get("processes").and_then(Value::as_array).map(|p| p.len() as u64);
    let slots = processes.or_else(|| pool?.get("max-concurrency")?.as_u64())?;
    u32::try_from(slots).ok()
}

impl State {
    pub(super) fn new(broker: Broker, remote: Remote, settings: WatchSettings) -> State {
        let queues = settings.queues.iter().map(|_| Queue::default()).collect();
        State {
            broker,
            remote,
            queues,
            clock: Clock::system(),
            unacked: Unacked::default(),
            wall: 0.0,
            bindings: BTreeMap::new(),
            roster: Roster::default(),
            processes: BTreeMap::new(),
            limited: BTreeSet::new(),
            asked: None,
            described: None,
            seen: None,
            failing: false,
            lenient: Time::ZERO,
            counts: LeaseCounts::default(),
            settings,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.broker.name()
    }

    pub(super) fn interval(&self) -> Duration {
        self.settings.interval.min(self.broker.layout().visibility_timeout / 4)
    }

    pub(super) fn hear(&mut self, word: Word) {
        let now = self.clock.now();
        match word {
            Word::Lives(host) => self.roster.lives(now, &host),
            Word::Leaves(host) => self.roster.leaves(now, &host),
            Word::Missed => self.roster.missed(),
            Word::Resized => (self.asked, self.described) = (None, None),
            Word::Ended(host) => self.ended(now, Some(host)),
            Word::ProcessEnded(pid) => {
                let host = self.processes.iter().find(|(_, p)| p.pid == Some(pid)).map(|(host, _)| host.clone());
                self.ended(now, host);
            }
        }
    }

    fn ended(&mut self, now: Time, host: Option<String>) {
        self.roster.died(now, host.as_deref());
        host.map(|host| self.processes.remove(&host));
    }

    /// One look, with all that follows from it.
    pub(super) async fn look(&mut self) -> Result<(), Error> {
        let result = self.look_once().await;
        if result.is_ok() {
            self.seen = Some(Instant::now());
            if std::mem::take(&mut self.failing) {
                self.lenient = self.clock.now() + RETURN;
            }
        } else {
            self.failing = true;
        }
        result
    }

    async fn look_once(&mut self) -> Result<(), Error> {
        self.look_at_lists().await?;
        self.look_at_unacked().await?;
        let now = self.clock.now();
        let every = self.settings.ask.min(self.broker.layout().visibility_timeout / 4);
        if self.asked.is_none_or(|asked| now.since(asked) >= every) {
            self.ask(now).await?;
        }
        if self.settings.heartbeat.is_some() { self.keep_leases().await } else { Ok(()) }
    }

    async fn ask(&mut self, now: Time) -> Result<(), Error> {
        let answers = self.remote.roll_call(now).await?;
        self.asked = Some(now);
        self.roster.heard(self.clock.now(), answers, &self.limits());
        self.roster.forget(now, &self.unacked.ids());
        let unknown = self.roster.workers().any(|(host, answers)| answers && !self.processes.contains_key(host));
        if unknown || self.described.is_none_or(|at| now.since(at) >= STATS) {
            self.describe(now).await?;
        }
        Ok(())
    }

    /// Processes, pools and rate limits of workers, which seldom change.
    async fn describe(&mut self, now: Time) -> Result<(), Error> {
        let stats = self.remote.stats().await?;
        self.limited = self.remote.rate_limited().await?.into_iter().collect();
        let number = |v: Option<&Value>| v.and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        let process = |v: &Value| Process { pid: number(v.get("pid")), pool: slots(v.get("pool")) };
        self.processes = stats.by_worker.iter().map(|(host, stats)| (host.clone(), process(stats))).collect();
        self.described = Some(now);
        Ok(())
    }

    fn limits(&self) -> Limits {
        let heartbeat = self.settings.heartbeat.unwrap_or_default();
        let dead_after = heartbeat.dead_after.max(self.lenient.since(self.clock.now()));
        Limits { dead_after, max_age: heartbeat.max_age }
    }

    async fn keep_leases(&mut self) -> Result<(), Error> {
        let (now, limits) = (self.clock.now(), self.limits());
        let cap = self.settings.heartbeat.unwrap_or_default().max_losses;
        let (mut renew, mut restore) = (Vec::new(), Vec::new());
        let ours = |entry: &crate::depth::Entry| !self.settings.bridged.contains(&entry.queue);
        for (tag, entry) in self.unacked.entries().filter(|(_, entry)| ours(entry)) {
            match self.roster.verdict(now, self.wall, entry, self.limited.contains(&entry.name), &limits) {
                Verdict::Renew => renew.push(tag),
                Verdict::Restore if restore.len() < RESTORES => restore.push((tag.to_owned(), entry.clone())),
                Verdict::Restore | Verdict::Leave => {}
            }
        }
        self.counts.renewed += lease::renew(&self.broker, self.wall, &renew).await?;
        for (tag, entry) in restore {
            let end = lease::restore(&self.broker, &tag, entry.score, &entry.queue, cap).await?;
            tracing::info!(task = entry.id, queue = entry.queue, ?end, "gave back a task whose worker is dead");
            match end {
                Restored::Back => self.counts.restored += 1,
                Restored::Dead => self.counts.dead += 1,
                // Gone, or somebody renewed it: the next look tells.
                Restored::Gone => continue,
            }
            self.unacked.forget(&tag);
            self.roster.restored(&entry.id);
        }
        Ok(())
    }

    /// What is shown.
    pub(super) fn view(&self, error: Option<Error>) -> View {
        View {
            at: self.seen,
            error: error.map(|e| e.to_string()),
            queues: self.settings.queues.iter().zip(&self.queues).map(|(name, queue)| self.stats(name, queue)).collect(),
            workers: self.workers(),
            silent: self.roster.silent(),
            leases: self.counts,
        }
    }

    fn workers(&self) -> Vec<WorkerView> {
        let worker = |(name, answers): (&str, bool)| {
            let process = self.processes.get(name).copied().unwrap_or_default();
            let count = |stage: fn(&Stage) -> bool| {
                self.roster.held().filter(|(host, held)| *host == name && stage(&held.stage)).count() as u64
            };
            WorkerView {
                name: name.to_owned(),
                answers,
                pid: process.pid,
                pool: process.pool,
                running: count(|s| matches!(s, Stage::Active(_))),
                prefetched: count(|s| matches!(s, Stage::Reserved)),
            }
        };
        self.roster.workers().map(worker).collect()
    }

    fn stats(&self, name: &str, queue: &Queue) -> CeleryQueueStats {
        let steps = &self.broker.layout().priority_steps;
        let part = self.unacked.of(name, self.wall, self.settings.horizon);
        let ids = self.unacked.ids();
        let here = || self.roster.held().map(|(_, held)| held).filter(|held| self.queue_of(&held.queue) == name);
        let running = here().filter(|h| matches!(h.stage, Stage::Active(_))).count() as u64;
        let early = here().filter(|h| matches!(h.stage, Stage::Active(_)) && !ids.contains(h.id.as_str())).count() as u64;
        let known = self.roster.workers().next().is_some();
        let leased = part.due + early;
        let rates: Option<Vec<_>> = queue.lists.iter().filter(|l| l.length > 0).map(|l| l.flow.rates()).collect();
        let rates = rates.filter(|r| !r.is_empty());
        let age = self.age(queue);
        CeleryQueueStats {
            queue: name.to_owned(),
            ready: queue.lists.iter().map(|l| l.length).sum(),
            ready_by_step: steps.iter().copied().zip(queue.lists.iter().map(|l| l.length)).collect(),
            leased,
            running: known.then_some(running.min(leased)),
            prefetched: known.then(|| leased.saturating_sub(running)),
            delayed: part.delayed,
            due_soon: part.due_soon,
            dead: queue.dead,
            estimated: part.estimated,
            oldest_age: age.map(|a| a.0),
            age_is_at_least: age.is_some_and(|a| a.1),
            arrival_rate: rates.as_ref().map(|r| r.iter().map(|r| r.arrivals).sum()),
            completion_rate: rates.as_ref().map(|r| r.iter().map(|r| r.departures).sum()),
        }
    }

    /// Age of the oldest message over all lists.
    fn age(&self, queue: &Queue) -> Option<(Duration, bool)> {
        let now = self.clock.now();
        let of = |list: &List| {
            let (age, at_least) = list.flow.age(now)?;
            match list.head_since {
                Some(since) if at_least => Some((Duration::from_secs_f64((self.wall - since).max(age.as_secs_f64())), false)),
                _ => Some((age, at_least)),
            }
        };
        queue.lists.iter().filter_map(of).max()
    }

    /// The queue that a routing key leads to.
    fn queue_of<'a>(&'a self, routing_key: &'a str) -> &'a str {
        if self.settings.queues.iter().any(|q| q == routing_key) {
            return routing_key;
        }
        let bound = self.bindings.iter().find(|((_, key), _)| key == routing_key);
        bound.map_or(routing_key, |(_, queue)| queue)
    }
}
