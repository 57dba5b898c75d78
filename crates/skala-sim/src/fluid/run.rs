//! The loop of fluid mode.

use std::collections::VecDeque;
use std::time::Duration;

use skala_trace::Steps;
use skala_types::{ReplicaId, Streams, Time};

use super::CAVEATS;
use super::law::Law;
use super::load::{Cutter, Slice};
use super::network::Stations;
use super::points::Points;
use super::sight::{View, Views};
use super::station::{Span, Station, Turn, thinned};
use crate::control::{Change, Controls, Pass};
use crate::measure::{self, Recorder, Sizes};
use crate::{FaultKind, Flow, Outcome, Progress, Scenario, Service, SimError, Watch};

/// Steps between two reports of progress: a few milliseconds.
const REPORT_EVERY: u64 = 1 << 12;
/// Ticks whose numbers reach back into a hole after its end.
const BLIND_TICKS: u32 = 10;
/// Mean service times that a draining replica takes to be empty.
const DRAIN_TIMES: f64 = 3.0;

/// One service.
struct Tier<'a> {
    service: &'a Service,
    station: Station,
    turn: Turn,
    recorder: Recorder,
    /// The objective's bound, seconds.
    bound: f64,
    fails_until: Time,
    /// How much of one replica is missing, until when.
    slow: Option<(f64, Time)>,
    draining: VecDeque<(Time, ReplicaId)>,
}

/// One run.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    watch: &'a mut dyn Watch,
    grid: Duration,
    tiers: Vec<Tier<'a>>,
    views: Vec<View>,
    controls: Controls,
    /// Queues, providers and databases; none for most platforms.
    stations: Option<Stations<'a>>,
    points: Points,
    faults: Vec<usize>,
    changes: Vec<(usize, Change)>,
    masked: Duration,
    blind_until: Option<Time>,
    events: u64,
}

impl<'a> Run<'a> {
    pub(super) fn try_new(scenario: &'a Scenario, grid: Duration, watch: &'a mut dyn Watch) -> Result<Run<'a>, SimError> {
        if grid < Duration::from_millis(10) || grid > Duration::from_secs(3600) {
            return Err(SimError::Setting { field: "step".into(), reason: "lies between 10 ms and an hour".into() });
        }
        let stations = Stations::try_new(scenario)?;
        let streams = Streams::new(scenario.seed);
        let tier = |(i, service): (usize, &'a Service)| {
            let added = stations.as_ref().map_or(0.0, |s| s.added(i, (0.0, 0.0)));
            let time = service.service_time.longer_by(added);
            let law = Law::try_new(&time, &format!("services.{}.serviceTime", service.name))?;
            let bound = service.station.late_after.or(service.objective.map(|o| o.latency));
            Ok(Tier {
                service,
                station: Station::new(law, service.station.max_wait.as_secs_f64()),
                turn: Turn::default(),
                recorder: Recorder::new(service),
                bound: service.objective.map(|o| o.latency).or(bound).map_or(f64::INFINITY, |b| b.as_secs_f64()),
                fails_until: Time::ZERO,
                slow: None,
                draining: VecDeque::new(),
            })
        };
        let mut faults: Vec<usize> = (0..scenario.faults.len()).collect();
        faults.sort_by_key(|i| std::cmp::Reverse(scenario.faults[*i].at));
        let mut run = Run {
            scenario,
            watch,
            grid,
            tiers: scenario.services.iter().enumerate().map(tier).collect::<Result<_, SimError>>()?,
            stations,
            views: scenario.services.iter().map(|s| View::new(streams.stream(&format!("counts {}", s.name)))).collect(),
            controls: Controls::try_new(scenario, streams, scenario.begins)?,
            points: Points::new(),
            faults,
            changes: Vec::new(),
            masked: Duration::ZERO,
            blind_until: None,
            events: 0,
        };
        for i in 0..run.tiers.len() {
            run.controls.of(i).ready().for_each(|replica| run.views[i].ready(replica));
            run.note_sizes(i, Duration::ZERO);
        }
        Ok(run)
    }

    /// Runs to the end of the trace, or to the horizon.
    pub(super) fn run(mut self, steps: &mut dyn Steps, progress: &mut dyn FnMut(Progress) -> Flow) -> Result<Outcome, SimError> {
        let mut load = Cutter::new(steps, self.grid, self.scenario.horizon);
        let mut next_tick = Duration::ZERO;
        let mut end = Duration::ZERO;
        while let Some(slice) = load.next()? {
            if self.events.is_multiple_of(REPORT_EVERY) {
                let at = Progress { at: slice.from, end: self.scenario.horizon, events: self.events };
                if progress(at) == Flow::Stop {
                    return Err(SimError::Cancelled);
                }
            }
            self.events += 1;
            if slice.from >= next_tick {
                next_tick = slice.from + self.scenario.interval;
                self.tick(slice.from);
            }
            self.advance(&slice);
            end = slice.to;
        }
        Ok(self.finish(end))
    }

    fn at(&self, offset: Duration) -> Time {
        self.scenario.begins + offset
    }

    /// One look of the control loop.
    fn tick(&mut self, offset: Duration) {
        let now = self.at(offset);
        for (i, view) in self.views.iter_mut().enumerate() {
            if view.open.seconds > 0.0 {
                let station = &self.tiers[i].station;
                let scv = station.law().scv();
                view.open.service(self.tiers[i].turn.service, |p| station.law().quantile(p));
                view.close(now, station.waiting(), station.in_service(), scv);
            }
        }
        if self.blind_until.is_some_and(|until| now >= until) {
            self.blind_until = None;
            (0..self.tiers.len()).for_each(|i| self.controls.of_mut(i).set_blind(false));
        }
        let mut changes = std::mem::take(&mut self.changes);
        let mut sight = Views { of: &mut self.views, stations: self.stations.as_ref(), now };
        self.controls.pass(Pass::Tick, now, &mut sight, &mut *self.watch, &mut changes);
        for (service, change) in changes.drain(..) {
            self.follow(service, change, now);
        }
        self.changes = changes;
        for i in 0..self.tiers.len() {
            if let Some((from, to)) = self.controls.of_mut(i).take_move() {
                self.tiers[i].recorder.scaled(from, to);
            }
        }
    }

    fn follow(&mut self, service: usize, change: Change, now: Time) {
        let tier = &mut self.tiers[service];
        match change {
            Change::Started(_) => {}
            Change::Ready(replica) => self.views[service].ready(replica),
            Change::Drains(replica) => {
                let secs = Duration::try_from_secs_f64(DRAIN_TIMES * tier.turn.service).unwrap_or(tier.service.drain);
                tier.draining.push_back((now + secs.min(tier.service.drain), replica));
            }
            Change::Died(replica) | Change::Ended(replica) => self.views[service].gone(replica),
        }
    }

    /// Lets time pass under a load.
    fn advance(&mut self, slice: &Slice) {
        let now = self.at(slice.from);
        self.faults(slice.from);
        if slice.rate.is_none() {
            self.hole(slice);
        }
        for i in 0..self.tiers.len() {
            self.lives(i, now);
            self.note_sizes(i, slice.from);
            self.serve(i, slice, now);
        }
        if let Some(stations) = &mut self.stations {
            let ready: Vec<u32> = (0..self.tiers.len()).map(|i| self.controls.of(i).counts().ready).collect();
            let answered = |t: &Tier<'_>| if now < t.fails_until { 0.0 } else { t.turn.completions };
            let completed: Vec<f64> = self.tiers.iter().map(answered).collect();
            let secs = (slice.to - slice.from).as_secs_f64();
            stations.step(now, secs, slice.rate.unwrap_or(0.0), slice.tokens, &ready, &completed);
        }
    }

    fn lives(&mut self, i: usize, now: Time) {
        let mut changes = Vec::new();
        if self.controls.of(i).next_due().is_some_and(|due| due <= now) {
            self.controls.of_mut(i).advance(now, &mut changes);
        }
        while let Some((_, replica)) = self.tiers[i].draining.front().copied().filter(|(at, _)| *at <= now) {
            self.tiers[i].draining.pop_front();
            changes.extend(self.controls.of_mut(i).emptied(replica));
        }
        for change in changes {
            self.watch.changed(now, i, change);
            self.follow(i, change, now);
        }
    }

    fn serve(&mut self, i: usize, slice: &Slice, now: Time) {
        let ready = self.controls.of(i).counts().ready;
        let outlook = self.controls.of(i).outlook(now);
        let tier = &mut self.tiers[i];
        let mean = tier.station.law().mean(slice.tokens);
        let per_replica = tier.service.station.concurrency.map_or(f64::INFINITY, f64::from);
        tier.slow = tier.slow.filter(|(_, until)| now < *until);
        let lost = tier.slow.map_or(0.0, |(part, _)| part).min(f64::from(ready));
        let mut servers = if ready == 0 { 0.0 } else { per_replica * (f64::from(ready) - lost) };
        if let Some(stations) = &self.stations {
            servers = servers.min(stations.cap(i, slice.tokens, mean) * mean);
        }
        let patience = tier.service.station.max_wait.as_secs_f64();
        let places = places(servers, per_replica, mean, patience, &outlook, now);
        let span = Span {
            now: slice.from.as_secs_f64(),
            lasts: (slice.to - slice.from).as_secs_f64(),
            rate: slice.rate.unwrap_or(0.0) * tier.service.share,
            gap_scv: thinned(slice.gap_scv, tier.service.share),
            tokens: slice.tokens,
            servers,
            room: places.min(tier.service.station.max_waiting as f64),
        };
        tier.recorder.came(slice.from, span.rate * span.lasts);
        tier.station.step(&span, &mut tier.turn);
        if let Some(stations) = &mut self.stations {
            let begun = tier.turn.served.iter().map(|s| s.count).sum();
            stations.begun(i, begun, slice.tokens, span.lasts, mean);
        }
        let view = &mut self.views[i];
        view.open.pass(&tier.turn, &span);
        view.busy(tier.turn.busy, ready, tier.station.in_service());
        tier.report(view, &mut self.points, now < tier.fails_until);
    }

    /// A hole of the recording: nobody is judged, and the loop sees nothing.
    fn hole(&mut self, slice: &Slice) {
        self.masked += slice.to - slice.from;
        let seen_again = self.at(slice.to) + self.scenario.interval * BLIND_TICKS;
        self.blind_until = Some(seen_again);
        for (i, tier) in self.tiers.iter_mut().enumerate() {
            tier.recorder.mask(slice.from, slice.to);
            self.views[i].missing_until = self.views[i].missing_until.max(seen_again);
            self.controls.of_mut(i).set_blind(true);
        }
    }

    fn faults(&mut self, offset: Duration) {
        while let Some(fault) = self.faults.last().map(|i| self.scenario.faults[*i]).filter(|f| f.at <= offset) {
            self.faults.pop();
            let (i, now) = (fault.service, self.at(offset));
            self.watch.noted(now, i, &format!("{:?}", fault.kind));
            match fault.kind {
                FaultKind::ReplicaLoss { replicas } => self.lose(i, replicas, now),
                FaultKind::SlowReplica { factor, lasts } => self.tiers[i].slow = Some((1.0 - 1.0 / factor, now + lasts)),
                FaultKind::StaleMetrics { lasts } => self.views[i].stale_until = now + lasts,
                FaultKind::MissingMetrics { lasts } => self.views[i].missing_until = now + lasts,
                FaultKind::ControllerRestart { lasts } => self.controls.of_mut(i).go_away(now + lasts),
                FaultKind::ProviderOutage { lasts } => self.tiers[i].fails_until = now + lasts,
            }
        }
    }

    /// The first ready replicas die, each with its share of what is in service; those requests fail.
    fn lose(&mut self, i: usize, replicas: u32, now: Time) {
        for _ in 0..replicas {
            let ready = self.controls.of(i).counts().ready;
            let Some(replica) = self.controls.of(i).ready().next() else { return };
            let lost = self.tiers[i].station.in_service() / f64::from(ready.max(1));
            self.tiers[i].station.lose(lost);
            self.tiers[i].recorder.broke(now.since(self.scenario.begins), lost);
            self.views[i].open.errors += lost;
            if let Some(change) = self.controls.of_mut(i).lose(replica, now) {
                self.watch.changed(now, i, change);
                self.follow(i, change, now);
            }
        }
    }

    fn note_sizes(&mut self, i: usize, offset: Duration) {
        let control = self.controls.of(i);
        let (counts, waiting) = (control.counts(), self.tiers[i].station.waiting());
        let sizes = Sizes { ready: counts.ready, total: counts.paid(), desired: control.desired().0, waiting };
        self.tiers[i].recorder.sizes(offset, sizes);
    }

    fn finish(self, end: Duration) -> Outcome {
        let mut outcome = Outcome {
            seed: self.scenario.seed,
            mode: "fluid".into(),
            caveats: CAVEATS.iter().map(ToString::to_string).collect(),
            duration: end,
            masked: self.masked.min(end),
            events: self.events,
            services: self.tiers.into_iter().map(|t| t.recorder.finish(end)).collect(),
            queues: Vec::new(),
            providers: Vec::new(),
            pools: Vec::new(),
        };
        if let Some(stations) = self.stations {
            stations.finish(end, &mut outcome);
        }
        outcome
    }
}

impl Tier<'_> {
    /// Tells recorder and view what a turn brought.
    fn report(&mut self, view: &mut View, points: &mut Points, fails: bool) {
        let turn = &self.turn;
        let mut refused = 0.0;
        for (arrived, count, wait) in &turn.refused {
            refused += count;
            self.recorder.step(&measure::Flow { refused: *count, worst_wait: *wait, ..nothing(*arrived) });
        }
        view.open.refused += refused;
        self.recorder.busy(turn.busy);
        for served in &turn.served {
            points.fill(self.station.law(), turn, served);
            let late = if self.bound.is_finite() { points.late(self.station.law(), turn, served, self.bound) } else { 0.0 };
            let (answered, failed) = if fails { (0.0, served.count) } else { (served.count, 0.0) };
            view.open.served(&points.latency, &points.wait, served.count);
            view.open.late += late * answered;
            view.open.errors += failed;
            let worst_wait = if turn.chance * served.count > 0.5 {
                served.waits.0.max(served.waits.1) + turn.tail * (turn.chance * served.count).ln().max(1.0)
            } else {
                served.waits.0.max(served.waits.1)
            };
            self.recorder.step(&measure::Flow {
                answered,
                failed,
                late: late * answered,
                latency: &points.latency,
                wait: &points.wait,
                worst_wait,
                ..nothing(served.arrived)
            });
        }
    }
}

fn nothing(arrived: f64) -> measure::Flow<'static> {
    measure::Flow { arrived: Duration::try_from_secs_f64(arrived).unwrap_or_default(), ..measure::Flow::default() }
}

/// How many may wait, so that the last of them is served within `patience`: `skala_balance::judge` turned around.
fn places(servers: f64, per_replica: f64, mean: f64, patience: f64, outlook: &skala_balance::Outlook, now: Time) -> f64 {
    let present = servers / mean * patience;
    let (start, joins) = match (outlook.next_ready, outlook.on_demand) {
        (Some(at), _) => (at.since(now).as_secs_f64(), f64::from(outlook.starting.max(1))),
        (None, Some(start_up)) if servers <= 0.0 => (start_up.as_secs_f64(), 1.0),
        _ => return present,
    };
    if start > patience {
        return present;
    }
    let joined = servers + per_replica * joins;
    present.max(start * servers / mean + joined + (patience - start) * joined / mean)
}
