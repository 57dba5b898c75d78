//! Queues, providers and databases in steps.
//!
//! Decides: nothing; how many attempts of a step begin, end and come again, and how many requests quotas and connections let through.
//! Inputs: tasks per step, replicas, the scenario's network.
//! Method: a queue is a fluid backlog before places x replicas servers; attempts that fail come again after the mean pause, and in a steady
//!   state `f^A (1 - f) / (1 - f^A)` of attempts are last ones that fail. A provider or database caps the rate of each that calls it at its
//!   share: by what each called in the last step.
//! Invariants: tasks that came are done, dead or in the queue.
//! Tested: `tests/it/stations.rs`, against exact mode.

use std::collections::VecDeque;
use std::time::Duration;

use skala_autoscaler::{QueueObservation, SignalObservation};
use skala_types::{Distribution, Sampled, Time};

use super::law::Law;
use crate::{Calls, Network, Outcome, PoolOutcome, ProviderOutcome, QueueOutcome, Scenario, SimError, TaskQueue};

/// What steps give up beside queues, in a sentence.
pub(super) const CAVEAT: &str = "Queues are fluid backlogs: percentiles of a task's wait are not told (all say the mean), attempts fail in a steady share, tasks hold no servers of requests, priorities, budgets, deadlines and overlaps of queues and schedules do not count, and quotas and connections cap rates without the throttled tries and the chance waits before them; missed schedules are not made up for, and an outage fails the requests of its service but no task.";
/// Time constant of rates that the autoscaler sees, seconds.
const RATE_MEMORY: f64 = 60.0;

/// One queue.
#[derive(Debug)]
struct Backlog {
    law: Law,
    ready: f64,
    /// Attempts to come again, in order of time.
    later: VecDeque<(f64, f64)>,
    leased: f64,
    rates: (f64, f64),
    out: QueueOutcome,
    places: f64,
    waited: f64,
}

/// Everything beside the services.
#[derive(Debug)]
pub(super) struct Stations<'a> {
    network: &'a Network,
    begins: Time,
    queues: Vec<Backlog>,
    /// When each schedule fires next.
    fires: Vec<Option<Time>>,
    /// Requests and attempts per second of each service in the last step, and those of the step under way.
    rates: Vec<f64>,
    next: Vec<f64>,
    calls: Vec<f64>,
    tokens: Vec<f64>,
    held: Vec<f64>,
    uses: Vec<f64>,
}

impl<'a> Stations<'a> {
    pub(super) fn try_new(scenario: &'a Scenario) -> Result<Option<Stations<'a>>, SimError> {
        let network = &scenario.network;
        if network.is_empty() {
            return Ok(None);
        }
        let backlog = |q: &TaskQueue| {
            let law = Law::try_new(&q.task_time, &format!("capacity.queues.{}.taskTime", q.settings.name))?;
            let out = QueueOutcome { name: q.settings.name.to_string(), ..nothing() };
            Ok(Backlog { law, ready: 0.0, later: VecDeque::new(), leased: 0.0, rates: (0.0, 0.0), out, places: 0.0, waited: 0.0 })
        };
        let first = |s: &crate::Schedule| {
            let paused = s.settings.paused;
            s.settings.timetable.next(scenario.begins.minus(Duration::from_nanos(1))).filter(|_| !paused)
        };
        let services = scenario.services.len();
        Ok(Some(Stations {
            network,
            begins: scenario.begins,
            queues: network.queues.iter().map(backlog).collect::<Result<_, SimError>>()?,
            fires: network.schedules.iter().map(first).collect(),
            rates: vec![0.0; services],
            next: vec![0.0; services],
            calls: vec![0.0; network.providers.len()],
            tokens: vec![0.0; network.providers.len()],
            held: vec![0.0; network.pools.len()],
            uses: vec![0.0; network.pools.len()],
        }))
    }

    fn calls_of(&self, service: usize) -> Option<&'a Calls> {
        self.network.calls.get(service)
    }

    /// Seconds that providers add to each request of a service.
    pub(super) fn added(&self, service: usize, tokens: (f64, f64)) -> f64 {
        let Some(calls) = self.calls_of(service) else { return 0.0 };
        calls.providers.iter().map(|c| c.per_request * provider_time(&self.network.providers[c.provider].time, c, tokens)).sum()
    }

    /// The rate, per second, at which quotas and connections let a service's requests and attempts through.
    pub(super) fn cap(&self, service: usize, tokens: (f64, f64), own: f64) -> f64 {
        let Some(calls) = self.calls_of(service) else { return f64::INFINITY };
        let mine = self.rates[service].max(1e-9);
        let mut cap = f64::INFINITY;
        let mut bound = |quota: f64, each: f64, all: f64| {
            if each > 0.0 {
                let share = if all > 0.0 { (mine * each / all).clamp(0.01, 1.0) } else { 1.0 };
                cap = f64::min(cap, quota * share / each);
            }
        };
        for c in &calls.providers {
            let provider = &self.network.providers[c.provider];
            let calls = |of: &Calls| of.providers.iter().filter(|o| o.provider == c.provider).map(|o| o.per_request).sum::<f64>();
            let all = self.demand(calls);
            let (input, output) = spent(c, tokens);
            let quotas = [(provider.requests_per_minute, 1.0), (provider.tokens_per_minute, input + output)];
            quotas
                .into_iter()
                .filter_map(|(q, each)| Some((q?, each)))
                .for_each(|(q, each)| bound(q / 60.0, c.per_request * each, all * each));
            if let Some(most) = provider.in_flight {
                let time = provider_time(&provider.time, c, tokens).max(1e-9);
                bound(f64::from(most), c.per_request * time, all * time);
            }
        }
        for c in &calls.pools {
            let held = c.time.mean().as_secs_f64().min(own);
            let uses = |of: &Calls| f64::from(u32::from(of.pools.iter().any(|o| o.pool == c.pool)));
            bound(f64::from(self.network.pools[c.pool].connections), held, self.demand(uses) * held);
        }
        cap
    }

    fn demand(&self, each: impl Fn(&Calls) -> f64) -> f64 {
        self.network.calls.iter().zip(&self.rates).map(|(calls, rate)| each(calls) * rate).sum()
    }

    /// Requests of a service that begin in a step.
    pub(super) fn begun(&mut self, service: usize, requests: f64, tokens: (f64, f64), secs: f64, own: f64) {
        self.next[service] += requests / secs.max(1e-9);
        let Some(calls) = self.calls_of(service) else { return };
        for c in &calls.providers {
            let (input, output) = spent(c, tokens);
            self.calls[c.provider] += requests * c.per_request;
            self.tokens[c.provider] += requests * c.per_request * (input + output);
        }
        for c in &calls.pools {
            self.uses[c.pool] += requests;
            self.held[c.pool] += requests * c.time.mean().as_secs_f64().min(own);
        }
    }

    /// Lets queues pass a step, after the services: `ready` tells a service's replicas, `completed` its answers in the step.
    pub(super) fn step(&mut self, now: Time, secs: f64, rate: f64, tokens: (f64, f64), ready: &[u32], completed: &[f64]) {
        let mut came: Vec<f64> = self.network.queues.iter().map(|q| rate * q.share * secs + made(q, completed)).collect();
        let end = now + Duration::try_from_secs_f64(secs).unwrap_or_default();
        for (next, schedule) in self.fires.iter_mut().zip(&self.network.schedules) {
            while let Some(at) = next.filter(|at| *at < end) {
                came[schedule.queue] += f64::from(schedule.tasks);
                *next = schedule.settings.timetable.next(at);
            }
        }
        let at = now.since(self.begins).as_secs_f64();
        for (i, came) in came.into_iter().enumerate() {
            let service = self.network.queues[i].service;
            let mean = self.queues[i].law.mean(tokens);
            let time = mean + self.added(service, tokens);
            let cap = self.cap(service, tokens, mean);
            let spec = &self.network.queues[i];
            let begun = self.queues[i].step(spec, Step { at, secs, came, time, cap, ready: ready[service] });
            self.begun(service, begun, tokens, secs, mean);
        }
        self.rates = std::mem::replace(&mut self.next, vec![0.0; self.rates.len()]);
    }

    /// What the autoscaler sees of the queues that a service works on.
    pub(super) fn signals(&self, service: usize, now: Time) -> Vec<SignalObservation> {
        let of = |(q, b): (&TaskQueue, &Backlog)| {
            let oldest =
                (b.ready >= 1.0).then(|| Duration::try_from_secs_f64(b.ready / b.rates.1.max(1e-3)).unwrap_or(Duration::MAX));
            let queue = QueueObservation {
                ready: b.ready.floor(),
                leased: b.leased.round(),
                due_soon: 0.0,
                oldest_age: oldest,
                arrival_rate: Some(b.rates.0),
                completion_rate: Some(b.rates.1),
            };
            let read = SignalObservation::read(q.settings.name.clone(), now, queue.ready);
            SignalObservation { value: Some(Sampled::new(now, queue.ready)), queue: Some(queue), ..read }
        };
        self.network.queues.iter().zip(&self.queues).filter(|(q, _)| q.service == service).map(of).collect()
    }

    /// Writes what came of the stations.
    pub(super) fn finish(self, lasted: Duration, outcome: &mut Outcome) {
        let secs = lasted.as_secs_f64().max(1e-9);
        outcome.queues = self.queues.into_iter().map(|q| q.finish(secs)).collect();
        let provider = |((p, calls), tokens): ((&crate::Provider, f64), f64)| ProviderOutcome {
            name: p.name.clone(),
            tries: calls,
            requests: calls,
            throttled: 0.0,
            errors: 0.0,
            throttled_share: 0.0,
            tokens,
            request_utilisation: p.requests_per_minute.map(|q| calls / (q / 60.0 * secs)),
            token_utilisation: p.tokens_per_minute.map(|q| tokens / (q / 60.0 * secs)),
            mean_in_flight: calls / secs * p.time.mean().as_secs_f64(),
        };
        outcome.providers = self.network.providers.iter().zip(self.calls).zip(self.tokens).map(provider).collect();
        let pool = |((p, uses), held): ((&crate::Pool, f64), f64)| PoolOutcome {
            name: p.name.clone(),
            connections: p.connections,
            uses,
            utilisation: held / secs / f64::from(p.connections),
            most_used: (held / secs).min(f64::from(p.connections)),
            wait: Distribution::default(),
            mean_waiting: 0.0,
        };
        outcome.pools = self.network.pools.iter().zip(self.uses).zip(self.held).map(pool).collect();
        outcome.caveats.push(CAVEAT.into());
    }
}

/// A step of one queue.
struct Step {
    at: f64,
    secs: f64,
    came: f64,
    /// Mean time of an attempt.
    time: f64,
    /// Most attempts per second.
    cap: f64,
    ready: u32,
}

impl Backlog {
    /// Attempts that begin in a step.
    fn step(&mut self, spec: &TaskQueue, step: Step) -> f64 {
        let Step { at, secs, came, time, cap, ready } = step;
        let settings = &spec.settings;
        let inside = self.ready + self.leased + self.later.iter().map(|(_, n)| n).sum::<f64>();
        let taken = came.min((spec.settings.max_tasks as f64 - inside).max(0.0));
        self.out.arrivals += taken;
        self.out.refused += came - taken;
        if spec.delay.is_zero() {
            self.ready += taken
        } else {
            self.put_off(at + spec.delay.as_secs_f64(), taken)
        }
        while let Some((_, n)) = self.later.front().copied().filter(|(due, _)| *due <= at) {
            self.ready += n;
            self.later.pop_front();
        }
        let (timeout, attempts) = ((settings.timeout + settings.grace).as_secs_f64(), settings.retry.attempts);
        let late = self.law.survival(timeout, time);
        let lasts = time.min(timeout).max(1e-9);
        let places = f64::from(ready) * f64::from(spec.per_replica());
        let places = settings.concurrency.map_or(places, |most| places.min(f64::from(most)));
        let cap = settings.rate.map_or(cap, |rate| cap.min(rate.per_second));
        let (begun, ended) = passes(self.leased, self.ready.min(cap * secs), places, secs, lasts);
        self.ready -= begun;
        self.leased += begun - ended;
        self.out.attempts += begun;
        let failing = 1.0 - (1.0 - spec.failures) * (1.0 - late);
        let last = failing.powi(i32::try_from(attempts).unwrap_or(i32::MAX));
        let dead = if failing >= 1.0 { ended / f64::from(attempts) } else { ended * last * (1.0 - failing) / (1.0 - last) };
        let done = ended * (1.0 - failing);
        self.put_off(at + secs + settings.retry.initial.as_secs_f64() * 1.25, (ended - done - dead).max(0.0));
        self.out.done += done;
        self.out.dead += dead;
        self.out.failures += ended - done;
        self.out.timeouts += ended * late;
        self.measure(secs, begun, places, came, ended);
        begun
    }

    fn put_off(&mut self, until: f64, tasks: f64) {
        if tasks > 0.0 {
            let at = self.later.partition_point(|(due, _)| *due <= until);
            self.later.insert(at, (until, tasks));
        }
    }

    fn measure(&mut self, secs: f64, begun: f64, places: f64, came: f64, ended: f64) {
        let keep = (-secs / RATE_MEMORY).exp();
        let mix = |old: f64, new: f64| old * keep + new * (1.0 - keep);
        self.rates = (mix(self.rates.0, came / secs), mix(self.rates.1, ended / secs));
        let wait = if begun > 0.0 { self.ready / (begun / secs) } else { 0.0 };
        self.waited += self.ready * secs;
        self.places += places * secs;
        let out = &mut self.out;
        out.mean_ready += self.ready * secs;
        out.mean_leased += self.leased * secs;
        out.most_ready = out.most_ready.max(self.ready);
        out.worst_wait = out.worst_wait.max(wait);
        out.oldest_age = out.oldest_age.max(wait);
    }

    fn finish(self, secs: f64) -> QueueOutcome {
        let left = self.ready + self.leased + self.later.iter().map(|(_, n)| n).sum::<f64>();
        let mut out = self.out;
        let mean = if out.attempts > 0.0 { self.waited / out.attempts } else { 0.0 };
        let count = out.attempts.round() as u64;
        out.wait = Distribution { count, mean, p50: mean, p90: mean, p95: mean, p99: mean };
        out.utilisation = if self.places > 0.0 { out.mean_leased / self.places } else { 0.0 };
        out.left = left;
        out.mean_ready /= secs;
        out.mean_leased /= secs;
        out
    }
}

/// Of `wanted` attempts, those that begin in a step, and those that end: `dL/dt = begun - L / lasts`, with at most `places` at its end.
fn passes(leased: f64, wanted: f64, places: f64, secs: f64, lasts: f64) -> (f64, f64) {
    let left = (-secs / lasts).exp();
    let most = ((places - leased * left) / (lasts * (1.0 - left))).max(0.0);
    let rate = (wanted / secs).min(most);
    let after = leased * left + rate * lasts * (1.0 - left);
    (rate * secs, (leased + rate * secs - after).max(0.0))
}

fn made(queue: &TaskQueue, completed: &[f64]) -> f64 {
    queue.produced_by.iter().map(|(service, each)| completed[*service] * each).sum()
}

/// Tokens of a call: the step's, or the call's own.
fn spent(call: &crate::ProviderCall, tokens: (f64, f64)) -> (f64, f64) {
    if tokens == (0.0, 0.0) { (f64::from(call.tokens.0), f64::from(call.tokens.1)) } else { tokens }
}

fn provider_time(time: &crate::Dist, call: &crate::ProviderCall, tokens: (f64, f64)) -> f64 {
    let (input, output) = spent(call, tokens);
    match *time {
        crate::Dist::Tokens { base, per_input, per_output, .. } => base + per_input * input + per_output * output,
        other => other.mean().as_secs_f64(),
    }
}

fn nothing() -> QueueOutcome {
    QueueOutcome {
        name: String::new(),
        arrivals: 0.0,
        refused: 0.0,
        done: 0.0,
        dead: 0.0,
        expired: 0.0,
        cancelled: 0.0,
        left: 0.0,
        attempts: 0.0,
        failures: 0.0,
        timeouts: 0.0,
        limited: 0.0,
        wait: Distribution::default(),
        latency: Distribution::default(),
        worst_wait: 0.0,
        late: None,
        mean_ready: 0.0,
        mean_leased: 0.0,
        most_ready: 0.0,
        oldest_age: 0.0,
        utilisation: 0.0,
    }
}
