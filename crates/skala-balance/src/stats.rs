//! A station's instruments: counters, time-weighted means and distributions, per sampling window and in total.
//!
//! Method: the integral of "requests in service" (and "waiting") over time is kept exactly by adding `level x elapsed` at each
//!   change of level; its quotient by the window is the mean that Little's law speaks of. The sums over the lengths that are asked
//!   for each tick slide: a window that closes is added, the one that falls out is taken away.
//! Invariants: arrivals = completions + refused + abandoned + (in service + waiting now), over the life of a station.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use skala_types::{Distribution, Sketch, SketchPart, StationSample, Time};

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

/// What one window counted; of the histograms only the buckets that it filled.
#[derive(Clone, Debug)]
struct Part {
    /// Its histograms are empty.
    counts: Totals,
    latency: SketchPart,
    service: SketchPart,
    wait: SketchPart,
}

impl Totals {
    /// Takes everything out.
    fn take_part(&mut self) -> Part {
        let (latency, service, wait) = (self.latency.take_part(), self.service.take_part(), self.wait.take_part());
        let fresh = Totals {
            latency: std::mem::take(&mut self.latency),
            service: std::mem::take(&mut self.service),
            wait: std::mem::take(&mut self.wait),
            ..Totals::default()
        };
        Part { counts: std::mem::replace(self, fresh), latency, service, wait }
    }

    fn add(&mut self, part: &Part) {
        self.merge(&part.counts);
        self.latency.add_part(&part.latency);
        self.service.add_part(&part.service);
        self.wait.add_part(&part.wait);
    }

    fn subtract(&mut self, part: &Part) {
        self.arrivals -= part.counts.arrivals;
        self.completions -= part.counts.completions;
        self.errors -= part.counts.errors;
        self.refused -= part.counts.refused;
        self.late -= part.counts.late;
        self.abandoned -= part.counts.abandoned;
        self.retries -= part.counts.retries;
        self.latency.subtract_part(&part.latency);
        self.service.subtract_part(&part.service);
        self.wait.subtract_part(&part.wait);
    }
}

/// The sum of the last closed windows.
#[derive(Clone, Debug)]
struct Sliding {
    windows: usize,
    sum: Totals,
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
    counts: Part,
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
    sliding: Vec<Sliding>,
    totals: Totals,
}

impl Stats {
    /// Keeps the last `keep` closed windows, and has sums over the lengths `often` at hand.
    pub(crate) fn new(now: Time, keep: usize, often: &[usize]) -> Stats {
        let level = Level { now: 0, area: 0.0, changed: now };
        Stats {
            open: Totals::default(),
            opened: now,
            in_service: level,
            waiting: level,
            closed: VecDeque::new(),
            keep: keep.max(1),
            sliding: often.iter().map(|windows| Sliding { windows: *windows, sum: Totals::default() }).collect(),
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
        let counts = self.open.take_part();
        self.totals.add(&counts);
        for sliding in &mut self.sliding {
            sliding.sum.add(&counts);
            let falls_out = self.closed.len().checked_sub(sliding.windows).and_then(|at| self.closed.get(at));
            if let Some(window) = falls_out {
                sliding.sum.subtract(&window.counts);
            }
        }
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
        let used = || self.closed.range(self.closed.len().saturating_sub(windows)..);
        let mut summed = Totals::default();
        let counts = match self.sliding.iter().find(|s| s.windows == windows) {
            Some(sliding) => &sliding.sum,
            None => {
                used().for_each(|w| summed.add(&w.counts));
                &summed
            }
        };
        let (mut span, mut in_service, mut waiting) = (0.0, 0.0, 0.0);
        for window in used().rev() {
            span += window.end.since(window.start).as_secs_f64();
            in_service += window.in_service_area;
            waiting += window.waiting_area;
        }
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
            in_flight_mean: mean(in_service),
            waiting_mean: mean(waiting),
            latency: Distribution::of(&counts.latency),
            service: Distribution::of(&counts.service),
            service_scv: counts.service.scv(),
            wait: Distribution::of(&counts.wait),
        }
    }

    /// Mean service time over the closed windows of a length that is kept at hand, seconds; none without completions.
    pub(crate) fn service_mean(&self, windows: usize) -> Option<f64> {
        let sliding = self.sliding.iter().find(|s| s.windows == windows)?;
        sliding.sum.service.mean().map(|mean| mean.as_secs_f64())
    }

    /// Everything since the start, the open window included.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        totals.merge(&self.open);
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sliding_sum_is_what_adding_its_windows_gives() {
        let (mut slides, mut adds) = (Stats::new(Time::ZERO, 8, &[3, 8]), Stats::new(Time::ZERO, 8, &[]));
        for step in 1u64..40 {
            let now = Time::from_millis(step * 250);
            for stats in [&mut slides, &mut adds] {
                for i in 0..step % 5 {
                    let took = Duration::from_micros(100 + step * 37 % 11 * 1000 + i);
                    stats.arrived();
                    stats.waited(took / 2);
                    stats.in_service_by(now, 1);
                    stats.answered(took, i == 0);
                    stats.completed(took, step % 7 == 0);
                }
                stats.close_window(now);
            }
            for windows in [1, 3, 5, 8] {
                assert_eq!(slides.sample(windows), adds.sample(windows), "{windows} windows at step {step}");
            }
        }
        assert_eq!(slides.totals().latency, adds.totals().latency);
    }
}
