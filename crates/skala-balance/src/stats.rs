//! A station's instruments: counters, time-weighted means and distributions, per sampling window and in total.
//!
//! Method: the integral of "requests in service" (and "waiting") over time is kept exactly by adding `level x elapsed` at each
//!   change of level; its quotient by the window is the mean that Little's law speaks of.
//! Invariants: arrivals = completions + refused + abandoned + (in service + waiting now), over the life of a station.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use skala_types::{Distribution, Sketch, StationSample, Time};

/// Counts since the station was made; they only grow.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Requests that arrived.
    pub arrivals: u64,
    /// Requests answered by a replica, errors included.
    pub completions: u64,
    /// Of the completions, 5xx answers and broken transfers.
    pub errors: u64,
    /// Requests turned away by the station.
    pub refused: u64,
    /// Answers later than the objective's bound.
    pub late: u64,
    /// Requests whose client left before the answer was complete.
    pub abandoned: u64,
    /// Further tries on another replica.
    pub retries: u64,
    /// From arrival to first byte.
    #[serde(skip)]
    pub latency: Sketch,
    /// From dispatch to the end of the answer.
    #[serde(skip)]
    pub service: Sketch,
    /// From arrival to dispatch.
    #[serde(skip)]
    pub wait: Sketch,
}

impl Totals {
    fn merge(&mut self, other: &Totals) {
        self.arrivals += other.arrivals;
        self.completions += other.completions;
        self.errors += other.errors;
        self.refused += other.refused;
        self.late += other.late;
        self.abandoned += other.abandoned;
        self.retries += other.retries;
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.wait.merge(&other.wait);
    }
}

/// A level (number of requests) and its integral over time, in request-seconds.
#[derive(Clone, Copy, Debug)]
struct Level {
    now: u32,
    area: f64,
    changed: Time,
}

impl Level {
    fn settle(&mut self, now: Time) {
        self.area += f64::from(self.now) * now.since(self.changed).as_secs_f64();
        self.changed = self.changed.max(now);
    }

    fn step(&mut self, now: Time, by: i32) {
        self.settle(now);
        self.now = self.now.saturating_add_signed(by);
    }
}

/// One closed window.
#[derive(Clone, Debug)]
struct Window {
    start: Time,
    end: Time,
    counts: Totals,
    in_service_area: f64,
    waiting_area: f64,
}

/// The instruments of one station.
#[derive(Clone, Debug)]
pub(crate) struct Stats {
    open: Totals,
    opened: Time,
    in_service: Level,
    waiting: Level,
    closed: VecDeque<Window>,
    keep: usize,
    totals: Totals,
}

impl Stats {
    /// Keeps the last `keep` closed windows.
    pub(crate) fn new(now: Time, keep: usize) -> Stats {
        let level = Level { now: 0, area: 0.0, changed: now };
        Stats {
            open: Totals::default(),
            opened: now,
            in_service: level,
            waiting: level,
            closed: VecDeque::new(),
            keep: keep.max(1),
            totals: Totals::default(),
        }
    }

    pub(crate) fn arrived(&mut self) {
        self.open.arrivals += 1;
    }

    pub(crate) fn retried(&mut self) {
        self.open.retries += 1;
    }

    pub(crate) fn refused(&mut self) {
        self.open.refused += 1;
    }

    pub(crate) fn abandoned(&mut self) {
        self.open.abandoned += 1;
    }

    pub(crate) fn waiting_by(&mut self, now: Time, by: i32) {
        self.waiting.step(now, by);
    }

    pub(crate) fn in_service_by(&mut self, now: Time, by: i32) {
        self.in_service.step(now, by);
    }

    pub(crate) fn waited(&mut self, wait: Duration) {
        self.open.wait.record(wait);
    }

    pub(crate) fn answered(&mut self, latency: Duration, late: bool) {
        self.open.late += u64::from(late);
        self.open.latency.record(latency);
    }

    pub(crate) fn completed(&mut self, service: Duration, error: bool) {
        self.open.completions += 1;
        self.open.errors += u64::from(error);
        self.open.service.record(service);
    }

    pub(crate) fn in_service(&self) -> u32 {
        self.in_service.now
    }

    /// Closes the current window at `now`.
    pub(crate) fn close_window(&mut self, now: Time) {
        self.in_service.settle(now);
        self.waiting.settle(now);
        let counts = std::mem::take(&mut self.open);
        self.totals.merge(&counts);
        self.closed.push_back(Window {
            start: self.opened,
            end: now,
            counts,
            in_service_area: std::mem::take(&mut self.in_service.area),
            waiting_area: std::mem::take(&mut self.waiting.area),
        });
        self.opened = now;
        while self.closed.len() > self.keep {
            self.closed.pop_front();
        }
    }

    /// The last `windows` closed windows as one sample.
    pub(crate) fn sample(&self, windows: usize) -> StationSample {
        let used = || self.closed.iter().rev().take(windows);
        let mut counts = Totals::default();
        used().for_each(|w| counts.merge(&w.counts));
        let span: f64 = used().map(|w| w.end.since(w.start).as_secs_f64()).sum();
        let mean = |area: f64| if span > 0.0 { area / span } else { 0.0 };
        StationSample {
            at: self.closed.back().map_or(self.opened, |w| w.end),
            window: Duration::from_secs_f64(span),
            arrivals: counts.arrivals,
            completions: counts.completions,
            errors: counts.errors,
            refused: counts.refused,
            late: counts.late,
            waiting: self.waiting.now,
            in_flight: self.in_service.now,
            in_flight_mean: mean(used().map(|w| w.in_service_area).sum()),
            waiting_mean: mean(used().map(|w| w.waiting_area).sum()),
            latency: Distribution::of(&counts.latency),
            service: Distribution::of(&counts.service),
            service_scv: counts.service.scv(),
            wait: Distribution::of(&counts.wait),
        }
    }

    /// Everything since the start, the open window included.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        totals.merge(&self.open);
        totals
    }
}
