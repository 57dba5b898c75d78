//! What the control loop sees of a fluid station: the windows and loads that the live station would report.
//!
//! Method: counts vary by chance (`counts`) and are whole, with the rest carried to the next window; the slow window's percentiles are the means of its ticks',
//!   weighted by requests.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use skala_autoscaler::{SignalObservation, StationWindows};
use skala_types::{Distribution, ReplicaId, SketchLayout, StationSample, Stream, Time};

use super::counts::Counts;
use super::station::{Span, Turn};
use crate::control::{Load, Sight};

/// Ticks of the slow window.
const SLOW: usize = 10;
/// A mean number of requests that is none: one of a millisecond, in a window of a second.
const LEAST: f64 = 1e-3;
/// Parts of a power of two: a quarter of the sketch's.
const SHIFT: usize = 2;
const BUCKETS: usize = SketchLayout::BUCKETS >> SHIFT;

/// Sums over a tick.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) seconds: f64,
    pub(crate) arrivals: f64,
    pub(crate) completions: f64,
    pub(crate) errors: f64,
    pub(crate) refused: f64,
    pub(crate) late: f64,
    pub(crate) busy: f64,
    pub(crate) waiting: f64,
    /// Server-seconds that there were, and arrivals x their gaps' squared coefficient of variation.
    held: f64,
    variance: f64,
    latency: Times,
    wait: Times,
    service: Distribution,
}

#[derive(Clone, Debug)]
struct Times {
    buckets: Vec<f64>,
    weight: f64,
    sum: f64,
}

impl Times {
    fn new() -> Times {
        Times { buckets: vec![0.0; BUCKETS], weight: 0.0, sum: 0.0 }
    }

    fn add(&mut self, points: &[(u64, f64)], weight: f64) {
        for (nanos, share) in points {
            self.buckets[SketchLayout::index(*nanos) >> SHIFT] += share * weight;
            self.sum += *nanos as f64 * share * weight;
        }
        self.weight += weight;
    }

    fn take(&mut self) -> Distribution {
        if self.weight <= 0.0 {
            return Distribution::default();
        }
        let shares = [0.5, 0.9, 0.95, 0.99];
        let (mut found, mut seen, mut next) = ([0.0; 4], 0.0, 0);
        for (i, weight) in self.buckets.iter().enumerate() {
            if *weight == 0.0 {
                continue;
            }
            let (from, to) = (
                if i == 0 { 0 } else { SketchLayout::upper_nanos((i << SHIFT) - 1) },
                SketchLayout::upper_nanos(((i + 1) << SHIFT) - 1),
            );
            while next < 4 && shares[next] * self.weight <= seen + weight {
                let part = ((shares[next] * self.weight - seen) / weight).clamp(0.0, 1.0);
                found[next] = (from as f64 + (to - from) as f64 * part) / 1e9;
                next += 1;
            }
            seen += weight;
        }
        // Rounding may leave the last ones open.
        let known = found[..next].last().copied().unwrap_or(0.0);
        found[next..].fill(known);
        let mean = self.sum / self.weight / 1e9;
        let count = self.weight.round().max(1.0) as u64;
        self.buckets.fill(0.0);
        (self.weight, self.sum) = (0.0, 0.0);
        Distribution { count, mean, p50: found[0], p90: found[1], p95: found[2], p99: found[3] }
    }
}

impl Tick {
    fn new() -> Tick {
        let (latency, wait, service) = (Times::new(), Times::new(), Distribution::default());
        let zero = 0.0;
        Tick {
            seconds: zero,
            arrivals: zero,
            completions: zero,
            errors: zero,
            refused: zero,
            late: zero,
            busy: zero,
            waiting: zero,
            held: zero,
            variance: zero,
            latency,
            wait,
            service,
        }
    }

    /// What a step brought.
    pub(crate) fn pass(&mut self, turn: &Turn, span: &Span) {
        self.seconds += span.lasts;
        self.held += span.servers * span.lasts;
        self.variance += turn.arrivals * span.gap_scv;
        self.arrivals += turn.arrivals;
        self.completions += turn.completions;
        self.busy += turn.busy;
        self.waiting += turn.waiting;
    }

    /// Requests that were dispatched, with their points.
    pub(crate) fn served(&mut self, latency: &[(u64, f64)], wait: &[(u64, f64)], requests: f64) {
        self.latency.add(latency, requests);
        self.wait.add(wait, requests);
    }

    /// The service time, for a mean of 1 by `quantile`, at `mean` seconds.
    pub(crate) fn service(&mut self, mean: f64, quantile: impl Fn(f64) -> f64) {
        let at = |p: f64| mean * quantile(p);
        self.service = Distribution { count: 0, mean, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
    }
}

/// A mean number of requests as a window can tell it: what fades in the fluid is gone at last, or no service would ever sleep.
fn told(requests: f64) -> f64 {
    if requests < LEAST { 0.0 } else { requests }
}

/// A whole number whose rest is carried on.
#[derive(Clone, Copy, Debug, Default)]
struct Whole(f64);

impl Whole {
    fn take(&mut self, amount: f64) -> u64 {
        self.0 += amount;
        let whole = (self.0 + 1e-9).floor().max(0.0);
        self.0 -= whole;
        whole as u64
    }
}

/// The view of one service.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) open: Tick,
    closed: VecDeque<StationSample>,
    rests: [Whole; 5],
    counts: Counts,
    /// Busy server-seconds per ready replica so far, and where each replica began.
    per_replica: f64,
    begun: BTreeMap<ReplicaId, f64>,
    in_flight: f64,
    /// Until when the numbers stand still, and until when there are none.
    pub(crate) stale_until: Time,
    pub(crate) missing_until: Time,
    frozen: Option<StationWindows>,
}

impl View {
    /// `chance` is that of its counts.
    pub(crate) fn new(chance: Stream) -> View {
        View {
            counts: Counts::new(chance),
            open: Tick::new(),
            closed: VecDeque::new(),
            rests: [Whole::default(); 5],
            per_replica: 0.0,
            begun: BTreeMap::new(),
            in_flight: 0.0,
            stale_until: Time::ZERO,
            missing_until: Time::ZERO,
            frozen: None,
        }
    }

    pub(crate) fn ready(&mut self, replica: ReplicaId) {
        self.begun.insert(replica, self.per_replica);
    }

    pub(crate) fn gone(&mut self, replica: ReplicaId) {
        self.begun.remove(&replica);
    }

    /// Spreads busy time over the ready replicas.
    pub(crate) fn busy(&mut self, server_seconds: f64, ready: u32, in_service: f64) {
        if ready > 0 {
            self.per_replica += server_seconds / f64::from(ready);
            self.in_flight = in_service / f64::from(ready);
        }
    }

    /// Closes the tick at `now`.
    pub(crate) fn close(&mut self, now: Time, waiting: f64, in_service: f64, scv: f64) {
        let tick = &mut self.open;
        let secs = if tick.seconds > 0.0 { tick.seconds } else { 1.0 };
        let mut service = tick.service;
        let [arrivals, completions, errors, refused, late] = &mut self.rests;
        let gap_scv = if tick.arrivals > 0.0 { tick.variance / tick.arrivals } else { 1.0 };
        let came = self.counts.arrivals(tick.arrivals, gap_scv);
        let spare = tick.held - tick.busy;
        let ended = self.counts.ended(came - tick.arrivals, (secs, service.mean), spare, tick.completions);
        let part = if tick.completions > 0.0 { 1.0 + ended / tick.completions } else { 1.0 };
        service.count = completions.take(tick.completions + ended);
        let sample = StationSample {
            at: now,
            window: Duration::from_secs_f64(tick.seconds),
            arrivals: arrivals.take(came),
            completions: service.count,
            errors: errors.take(tick.errors),
            refused: refused.take(tick.refused),
            late: late.take(tick.late * part),
            waiting: waiting.round() as u32,
            in_flight: (in_service + self.counts.beyond()).round() as u32,
            in_flight_mean: told((tick.busy + ended * service.mean) / secs),
            waiting_mean: told(tick.waiting / secs),
            latency: tick.latency.take(),
            service: if service.count > 0 { service } else { Distribution::default() },
            wait: tick.wait.take(),
            service_scv: (service.count > 1).then_some(scv),
        };
        (tick.seconds, tick.arrivals, tick.completions, tick.errors) = (0.0, 0.0, 0.0, 0.0);
        (tick.refused, tick.late, tick.busy, tick.waiting) = (0.0, 0.0, 0.0, 0.0);
        (tick.held, tick.variance) = (0.0, 0.0);
        self.closed.push_back(sample);
        if self.closed.len() > SLOW {
            self.closed.pop_front();
        }
    }

    /// What is to be seen at `now`.
    pub(crate) fn windows(&mut self, now: Time) -> Option<StationWindows> {
        if now < self.missing_until {
            return None;
        }
        let fresh = || Some(StationWindows { fast: *self.closed.back()?, slow: together(&self.closed)? });
        if now < self.stale_until {
            if self.frozen.is_none() {
                self.frozen = fresh();
            }
            return self.frozen;
        }
        let windows = fresh();
        self.frozen = None;
        windows
    }
}

/// Several windows as one.
fn together(of: &VecDeque<StationSample>) -> Option<StationSample> {
    let last = of.back()?;
    let secs: f64 = of.iter().map(|s| s.window.as_secs_f64()).sum();
    let mean = |of_sample: fn(&StationSample) -> f64| {
        of.iter().map(|s| of_sample(s) * s.window.as_secs_f64()).sum::<f64>() / secs.max(1e-9)
    };
    Some(StationSample {
        window: Duration::from_secs_f64(secs),
        arrivals: of.iter().map(|s| s.arrivals).sum(),
        completions: of.iter().map(|s| s.completions).sum(),
        errors: of.iter().map(|s| s.errors).sum(),
        refused: of.iter().map(|s| s.refused).sum(),
        late: of.iter().map(|s| s.late).sum(),
        in_flight_mean: mean(|s| s.in_flight_mean),
        waiting_mean: mean(|s| s.waiting_mean),
        latency: mixed(of.iter().map(|s| &s.latency)),
        service: mixed(of.iter().map(|s| &s.service)),
        wait: mixed(of.iter().map(|s| &s.wait)),
        ..*last
    })
}

fn mixed<'a>(of: impl Iterator<Item = &'a Distribution>) -> Distribution {
    let mut sum = Distribution::default();
    for d in of {
        let n = d.count as f64;
        sum.count += d.count;
        for (to, from) in
            [(&mut sum.mean, d.mean), (&mut sum.p50, d.p50), (&mut sum.p90, d.p90), (&mut sum.p95, d.p95), (&mut sum.p99, d.p99)]
        {
            *to += from * n;
        }
    }
    let n = (sum.count as f64).max(1.0);
    Distribution { count: sum.count, mean: sum.mean / n, p50: sum.p50 / n, p90: sum.p90 / n, p95: sum.p95 / n, p99: sum.p99 / n }
}

/// All services, as the loop looks at them.
pub(crate) struct Views<'a> {
    pub(crate) of: &'a mut [View],
    pub(crate) stations: Option<&'a super::network::Stations<'a>>,
    pub(crate) now: Time,
}

impl Sight for Views<'_> {
    fn station(&mut self, service: usize) -> Option<StationWindows> {
        self.of.get_mut(service)?.windows(self.now)
    }

    fn load(&self, service: usize, replica: ReplicaId) -> Load {
        let Some(view) = self.of.get(service) else { return Load::default() };
        let Some(begun) = view.begun.get(&replica) else { return Load::default() };
        Load { in_flight: view.in_flight.round() as u32, busy: view.per_replica - begun }
    }

    fn signals(&mut self, service: usize) -> Vec<SignalObservation> {
        let hidden = self.of.get(service).is_none_or(|v| self.now < v.missing_until);
        self.stations.filter(|_| !hidden).map_or_else(Vec::new, |s| s.signals(service, self.now))
    }
}
