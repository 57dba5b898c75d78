//! The recorder of one service.

use std::time::Duration;

use skala_types::{Distribution, ServiceName, Sketch};

use super::histogram::Weights;
use super::minutes::Minutes;
use super::timeline::Timeline;
use super::watch::Watch;
use crate::quantile::share;
use crate::{Objective, Service, ServiceOutcome};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was answered.
    Answered,
    /// It ended as an error.
    Failed,
    /// It was turned away.
    Refused,
    /// Its client left first: late when that was beyond the bound, and else nobody's fault.
    Abandoned,
}

/// Sizes of a service that hold from a moment on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sizes {
    /// Replicas that take requests.
    pub ready: u32,
    /// All replicas that are paid: starting and draining ones too.
    pub total: u32,
    /// The size that is wanted.
    pub desired: u32,
    /// Requests that wait.
    pub waiting: f64,
}

/// What became of requests that arrived together, in expectation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow<'a> {
    /// When they arrived.
    pub arrived: Duration,
    /// Requests that are answered.
    pub answered: f64,
    /// Requests that end as an error.
    pub failed: f64,
    /// Requests that are turned away.
    pub refused: f64,
    /// Of those answered, beyond the objective's bound.
    pub late: f64,
    /// Latency of those answered: nanoseconds with weights that sum to 1.
    pub latency: &'a [(u64, f64)],
    /// Wait of those answered, likewise.
    pub wait: &'a [(u64, f64)],
    /// Longest wait, seconds.
    pub worst_wait: f64,
}

/// Measures one service while it runs; memory does not grow with the run.
///
/// Times are offsets from the beginning of the trace, and do not go backwards.
#[derive(Clone, Debug)]
pub struct Recorder {
    name: ServiceName,
    objective: Option<Objective>,
    concurrency: Option<u32>,
    price_per_hour: Option<f64>,
    arrivals: f64,
    answered: f64,
    failed: f64,
    refused: f64,
    late: f64,
    latency: Sketch,
    wait: Sketch,
    latency_flow: Weights,
    wait_flow: Weights,
    worst_wait: f64,
    busy: f64,
    minutes: Minutes,
    timeline: Timeline,
    watch: Watch,
    scale_actions: u64,
    direction_changes: u64,
    grew: Option<bool>,
    /// From here on only the ends of requests are taken.
    closed: Option<Duration>,
}

impl Recorder {
    /// A recorder of a service that has not begun.
    pub fn new(service: &Service) -> Recorder {
        Recorder {
            name: service.name.clone(),
            objective: service.objective,
            concurrency: service.station.concurrency,
            price_per_hour: service.price_per_hour.map(|p| p.micros as f64 / skala_types::MICROS as f64),
            arrivals: 0.0,
            answered: 0.0,
            failed: 0.0,
            refused: 0.0,
            late: 0.0,
            latency: Sketch::new(),
            wait: Sketch::new(),
            latency_flow: Weights::default(),
            wait_flow: Weights::default(),
            worst_wait: 0.0,
            busy: 0.0,
            minutes: Minutes::new(service.objective),
            timeline: Timeline::new(),
            watch: Watch::new(service.need.clone()),
            scale_actions: 0,
            direction_changes: 0,
            grew: None,
            closed: None,
        }
    }

    /// A request came.
    pub fn arrived(&mut self, at: Duration) {
        self.arrivals += 1.0;
        self.minutes.arrived(at, 1.0);
        self.timeline.arrived(at, 1.0);
    }

    /// A request is over. `wait` is from its arrival to its dispatch (or to its end without one), `latency` from its arrival to its end.
    pub fn ended(&mut self, arrived: Duration, wait: Duration, latency: Duration, how: Ended) {
        let slow = self.objective.is_some_and(|o| latency > o.latency);
        let lost = matches!(how, Ended::Failed | Ended::Refused);
        match how {
            Ended::Answered => {
                self.answered += 1.0;
                self.latency.record(latency);
                let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
                self.timeline.latency(arrived, std::iter::once((nanos, 1.0)));
            }
            Ended::Failed => self.failed += 1.0,
            Ended::Refused => self.refused += 1.0,
            Ended::Abandoned => {}
        }
        if how != Ended::Refused {
            self.wait.record(wait);
            let (begun, ended) = (arrived + wait, arrived + latency);
            self.busy += ended.min(self.closed.unwrap_or(Duration::MAX)).saturating_sub(begun).as_secs_f64();
        }
        self.worst_wait = self.worst_wait.max(wait.as_secs_f64());
        let late = f64::from(u8::from(slow || lost));
        self.minutes.ended(arrived, 1.0, late, f64::from(u8::from(lost)));
        if late > 0.0 {
            self.late += 1.0;
            self.timeline.late(arrived, 1.0);
        }
    }

    /// So many requests came in a step, not necessarily whole.
    pub fn came(&mut self, at: Duration, requests: f64) {
        if requests > 0.0 {
            self.arrivals += requests;
            self.minutes.in_expectation();
            self.minutes.arrived(at, requests);
            self.timeline.arrived(at, requests);
        }
    }

    /// Servers were busy for so many server-seconds; in steps only, for `ended` counts them itself.
    pub fn busy(&mut self, server_seconds: f64) {
        self.busy += server_seconds;
    }

    /// Requests that came together are over.
    pub fn step(&mut self, flow: &Flow<'_>) {
        let lost = flow.failed + flow.refused;
        let late = flow.late + lost;
        self.answered += flow.answered;
        self.failed += flow.failed;
        self.refused += flow.refused;
        self.late += late;
        self.worst_wait = self.worst_wait.max(flow.worst_wait);
        self.minutes.ended(flow.arrived, flow.answered + lost, late, lost);
        self.timeline.late(flow.arrived, late);
        if flow.answered > 0.0 {
            flow.latency.iter().for_each(|(nanos, share)| self.latency_flow.add(*nanos, share * flow.answered));
            flow.wait.iter().for_each(|(nanos, share)| self.wait_flow.add(*nanos, share * flow.answered));
            self.timeline.latency(flow.arrived, flow.latency.iter().map(|(nanos, share)| (*nanos, share * flow.answered)));
        }
    }

    /// So many requests that were taken for answered have failed after all: their replica is gone. In steps only.
    pub fn broke(&mut self, at: Duration, requests: f64) {
        let requests = requests.min(self.answered);
        if requests > 0.0 {
            self.answered -= requests;
            self.failed += requests;
            self.late += requests;
            self.minutes.ended(at, 0.0, requests, requests);
            self.timeline.late(at, requests);
        }
    }

    /// From `at` on, these are the sizes. Call it when one changes, and as often as the timeline should know `waiting`.
    pub fn sizes(&mut self, at: Duration, sizes: Sizes) {
        if self.closed.is_none() {
            self.watch.sizes(at, sizes, &mut self.timeline);
        }
    }

    /// The run is over at `end` but for the requests in the system: what they come to still counts, and nothing else does.
    pub fn close(&mut self, end: Duration) {
        self.watch.settle(end, &mut self.timeline);
        self.closed = Some(end);
    }

    /// A decision changed the size.
    pub fn scaled(&mut self, from: u32, to: u32) {
        if from == to || self.closed.is_some() {
            return;
        }
        let grows = to > from;
        self.scale_actions += 1;
        self.direction_changes += u64::from(self.grew.is_some_and(|grew| grew != grows));
        self.grew = Some(grows);
    }

    /// A hole of the recording: what touches it is not judged. Call it in order with the arrivals.
    pub fn mask(&mut self, from: Duration, to: Duration) {
        self.minutes.mask(from, to);
        self.timeline.mask(from, to);
        self.watch.mask(from, to);
    }

    /// Requests that came so far.
    pub fn arrivals(&self) -> f64 {
        self.arrivals
    }

    /// The outcome, when the run is over at `end`.
    pub fn finish(mut self, end: Duration) -> ServiceOutcome {
        self.watch.settle(end, &mut self.timeline);
        let (minutes, missed_minutes) = self.minutes.finish(end);
        self.latency.merge(&self.latency_flow.sketch());
        self.wait.merge(&self.wait_flow.sketch());
        let servers = self.watch.ready_seconds * self.concurrency.map_or(0.0, f64::from);
        ServiceOutcome {
            name: self.name,
            arrivals: self.arrivals,
            completions: self.answered,
            errors: self.failed,
            refused: self.refused,
            late: self.objective.map(|_| self.late),
            minutes,
            missed_minutes,
            latency: Distribution::of(&self.latency),
            wait: Distribution::of(&self.wait),
            worst_wait: self.worst_wait,
            replica_seconds: self.watch.replica_seconds,
            cost: self.price_per_hour.map(|price| price * self.watch.replica_seconds / 3600.0),
            scale_actions: self.scale_actions,
            direction_changes: self.direction_changes,
            // Draining replicas work, too, and are not among the ready ones.
            utilisation: if servers > 0.0 { (self.busy / servers).min(1.0) } else { 0.0 },
            ready: self.watch.ready.unwrap_or_default(),
            elasticity: self.watch.elasticity(),
            timeline: self.timeline.finish(end, self.objective.map_or(0.95, |o| share(o.quantile))),
        }
    }
}
