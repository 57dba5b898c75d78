//! The event loop of exact mode.
//!
//! Decides: nothing; it brings together arrivals, the stations, the control loop and the faults in order of time.
//! Inputs: the scenario, arrivals as they are pulled, one random stream per component.
//! Method: next-event simulation; what was planned for a moment happens before an arrival of the same moment.
//! Invariants: time never runs backwards; the same scenario and arrivals give the same events.
//! Tested: `tests/it`.

use std::time::Duration;

use rand::RngExt;
use skala_autoscaler::{SignalObservation, StationWindows};
use skala_trace::{Arrivals, Item, TraceError};
use skala_types::{ReplicaId, Stream, Streams, Time};

use super::host::Floor;
use super::queue::{Event, Queue};
use super::requests::{Fate, Requests};
use super::tier::Tier;
use super::{Flow, Progress};
use crate::control::{Change, Controls, LOOKS, Load, MIN_BETWEEN, Pass, Sight};
use crate::stations::{Host, Report, Stations};
use crate::{FaultKind, Outcome, Scenario, SimError, Watch};

/// Events between two reports of progress: a few milliseconds.
const REPORT_EVERY: u64 = 1 << 15;
/// Longest time after the end that requests in the system are followed to theirs.
const AFTERWARDS: Duration = Duration::from_secs(600);
/// Ticks whose numbers reach back into a hole after its end.
const BLIND_TICKS: u32 = 10;

/// One run.
pub(super) struct Engine<'a> {
    scenario: &'a Scenario,
    watch: &'a mut dyn Watch,
    tiers: Vec<Tier>,
    controls: Controls,
    queue: Queue,
    requests: Requests,
    /// Queues, providers and databases; none for most platforms.
    stations: Option<Box<Stations>>,
    /// Signals as they were last seen, by service: what stands still while numbers do.
    signals: Vec<Vec<SignalObservation>>,
    /// Upper bounds of the services' and then the queues' shares of the arrivals.
    shares: Vec<f64>,
    share_rng: Stream,
    fault_rng: Stream,
    /// For each service the moment for which its next `Life` event is planned.
    life_at: Vec<Time>,
    looks: u32,
    press_planned: bool,
    press_free: Time,
    blind_until: Time,
    masked: Duration,
    masked_to: Duration,
    now: Time,
    /// No more arrivals and no more faults: what is in the system goes on to its end.
    over: bool,
    events: u64,
    changes: Vec<(usize, Change)>,
}

/// The eyes of the control loop.
struct Eyes<'a> {
    tiers: &'a mut [Tier],
    stations: Option<&'a Stations>,
    signals: &'a mut [Vec<SignalObservation>],
    now: Time,
}

impl Sight for Eyes<'_> {
    fn station(&mut self, service: usize) -> Option<StationWindows> {
        self.tiers[service].windows(self.now)
    }

    fn load(&self, service: usize, replica: ReplicaId) -> Load {
        self.tiers[service].load(replica, self.now)
    }

    fn signals(&mut self, service: usize) -> Vec<SignalObservation> {
        let (Some(stations), false) = (self.stations, self.tiers[service].is_missing(self.now)) else { return Vec::new() };
        if !self.tiers[service].is_stale(self.now) {
            self.signals[service] = stations.signals(service, self.now);
        }
        self.signals[service].clone()
    }
}

impl<'a> Engine<'a> {
    pub(super) fn try_new(scenario: &'a Scenario, watch: &'a mut dyn Watch) -> Result<Engine<'a>, SimError> {
        let streams = Streams::new(scenario.seed);
        let begins = scenario.begins;
        let tier = |(i, s)| Tier::try_new(i as u32, s, streams, begins);
        let tiers = scenario.services.iter().enumerate().map(tier).collect::<Result<Vec<_>, _>>()?;
        let mut sum = 0.0;
        let upper = |share: f64| {
            sum += share;
            sum
        };
        let of_queues = scenario.network.queues.iter().map(|q| q.share);
        let mut engine = Engine {
            scenario,
            watch,
            controls: Controls::try_new(scenario, streams, begins)?,
            queue: Queue::default(),
            requests: Requests::default(),
            shares: scenario.services.iter().map(|s| s.share).chain(of_queues).map(upper).collect(),
            stations: Stations::try_new(scenario)?,
            signals: vec![Vec::new(); tiers.len()],
            share_rng: streams.stream("arrivals"),
            fault_rng: streams.stream("faults"),
            life_at: vec![Time::MAX; tiers.len()],
            tiers,
            looks: 0,
            press_planned: false,
            press_free: Time::ZERO,
            blind_until: Time::ZERO,
            masked: Duration::ZERO,
            masked_to: Duration::ZERO,
            now: begins,
            over: false,
            events: 0,
            changes: Vec::new(),
        };
        engine.begin();
        Ok(engine)
    }

    fn begin(&mut self) {
        for i in 0..self.tiers.len() {
            self.tiers[i].calls = self.stations.as_ref().is_some_and(|s| s.calls(i));
            for replica in self.controls.of(i).ready().collect::<Vec<_>>() {
                self.tiers[i].join(replica, self.now);
                self.at_stations(|stations, floor| stations.joined(i, replica, floor));
            }
            self.tell(i);
        }
        for (i, fault) in self.scenario.faults.iter().enumerate() {
            self.queue.push(self.now + fault.at, Event::Fault(i as u32));
        }
        self.queue.push(self.now, Event::Look);
        self.at_stations(|stations, floor| stations.begin(floor));
    }

    /// Lets something happen at the queues, providers and databases, if there are any.
    fn at_stations(&mut self, what: impl FnOnce(&mut Stations, &mut dyn Host)) {
        let Some(stations) = &mut self.stations else { return };
        let mut emptied = Vec::new();
        let (tiers, requests, queue) = (&mut self.tiers, &mut self.requests, &mut self.queue);
        what(stations, &mut Floor { now: self.now, tiers, requests, queue, emptied: &mut emptied });
        for (service, replica) in emptied {
            self.emptied(service, replica);
        }
    }

    /// Runs to the end of the trace, or to the horizon.
    pub(super) fn run(
        mut self,
        arrivals: &mut dyn Arrivals,
        progress: &mut dyn FnMut(Progress) -> Flow,
    ) -> Result<Outcome, SimError> {
        let begins = self.scenario.begins;
        let horizon = self.scenario.horizon.map_or(Time::MAX, |h| begins + h);
        let mut end = arrivals.end().map_or(Time::MAX, |e| begins + e).min(horizon);
        let known = |end: Time| (end != Time::MAX).then(|| end.since(begins));
        let mut next = arrivals.next()?;
        if next.is_none() {
            return Err(TraceError::Empty.into());
        }
        let mut report_at = 0;
        loop {
            if self.events >= report_at {
                report_at = self.events + REPORT_EVERY;
                let at = Progress { at: self.now.since(begins), end: known(end), events: self.events };
                if progress(at) == Flow::Stop {
                    return Err(SimError::Cancelled);
                }
            }
            let arrives = next.map_or(Time::MAX, |item| begins + begin_of(item));
            let due = self.queue.next_at();
            if due.min(arrives) >= end {
                break;
            }
            if due <= arrives {
                self.step()?;
                continue;
            }
            if arrives < self.now {
                return Err(out_of_order(self.now.since(begins)));
            }
            self.now = arrives;
            if let Some(item) = next {
                self.take(item)?;
                next = arrivals.next()?;
                if next.is_none() && end == Time::MAX {
                    end = end_of(item).map_or(self.now, |to| begins + to) + Duration::from_nanos(1);
                }
            }
        }
        let report = self.stations.as_ref().map(|s| s.report(end)).unwrap_or_default();
        self.follow_to_the_end(end, progress)?;
        Ok(self.finish(end, report))
    }

    /// Requests that are in the system at the end are followed to theirs, at most [`AFTERWARDS`] long, so that the slow ones are not
    /// missing among the latencies. Sizes, decisions and cost are those until the end, and so are queues, providers and databases.
    fn follow_to_the_end(&mut self, end: Time, progress: &mut dyn FnMut(Progress) -> Flow) -> Result<(), SimError> {
        // A box of nothing takes no memory: nobody is told what happens now.
        self.watch = Box::leak(Box::new(()));
        let at = end.since(self.scenario.begins);
        self.tiers.iter_mut().for_each(|t| t.recorder.close(at));
        self.over = true;
        let mut report_at = self.events + REPORT_EVERY;
        while self.tiers.iter().any(Tier::is_busy) && self.queue.next_at() < end + AFTERWARDS {
            if self.events >= report_at {
                report_at = self.events + REPORT_EVERY;
                if progress(Progress { at, end: Some(at), events: self.events }) == Flow::Stop {
                    return Err(SimError::Cancelled);
                }
            }
            self.step()?;
        }
        Ok(())
    }

    /// The next planned event.
    fn step(&mut self) -> Result<(), SimError> {
        let Some((now, event)) = self.queue.pop() else { return Ok(()) };
        self.now = now;
        self.events += 1;
        match event {
            Event::Done(slot) => self.done(slot),
            Event::Expiry(i) => self.tiers[i as usize].expire(now, &mut self.requests, &mut self.queue),
            Event::Life(i) => self.life(i as usize),
            Event::Look => self.look(),
            Event::Press => self.press(),
            Event::Fault(_) if self.over => {}
            Event::Fault(i) => self.fault(i as usize)?,
            Event::Sight => self.see_again(),
            Event::Begin(slot) => self.begins(slot),
            Event::Station(next) => {
                let away: Vec<_> = (0..self.tiers.len()).map(|i| self.controls.of(i).away_until(now)).collect();
                self.at_stations(|stations, floor| stations.happens(next, &|i| away[i], floor));
            }
        }
        Ok(())
    }

    /// A request that calls something begins.
    fn begins(&mut self, slot: u32) {
        let (request, tokens) = (self.requests.get(slot), self.requests.tokens(slot));
        let (service, own) = (request.service as usize, Duration::from_nanos(request.need));
        if request.fate == Fate::Fails {
            return self.queue.push(self.now + own, Event::Done(slot));
        }
        self.at_stations(|stations, floor| stations.request(slot, service, tokens, own, floor));
    }

    /// An arrival, or a hole.
    fn take(&mut self, item: Item) -> Result<(), SimError> {
        self.events += 1;
        match item {
            Item::Arrival(arrival) => {
                let Some(i) = self.service_of_next() else { return Ok(()) };
                let tokens = (arrival.input_tokens, arrival.output_tokens);
                if let Some(queue) = i.checked_sub(self.tiers.len()) {
                    self.at_stations(|stations, floor| stations.comes(queue, tokens, floor));
                    return Ok(());
                }
                if self.tiers[i].arrive(self.now, tokens, &mut self.requests, &mut self.queue)? && !self.press_planned {
                    self.press_planned = true;
                    self.queue.push(self.now.max(self.press_free), Event::Press);
                }
            }
            Item::Hole { from, to } => self.hole(from, to),
        }
        Ok(())
    }

    /// Whose the next arrival is; shares that sum to less than 1 leave the others away.
    fn service_of_next(&mut self) -> Option<usize> {
        if self.shares.first().is_some_and(|first| *first >= 1.0) {
            return Some(0);
        }
        let drawn: f64 = self.share_rng.random();
        self.shares.iter().position(|upper| drawn < *upper)
    }

    fn hole(&mut self, from: Duration, to: Duration) {
        let (from, to) = (from.max(self.now.since(self.scenario.begins)), to.max(from));
        let end = self.scenario.horizon.unwrap_or(Duration::MAX);
        self.masked += to.min(end).saturating_sub(from.max(self.masked_to));
        self.masked_to = self.masked_to.max(to);
        let seen_again = (self.scenario.begins + to) + self.scenario.interval * BLIND_TICKS;
        self.blind_until = self.blind_until.max(seen_again);
        for (i, tier) in self.tiers.iter_mut().enumerate() {
            tier.recorder.mask(from, to);
            tier.miss_until(seen_again);
            self.controls.of_mut(i).set_blind(true);
        }
        self.queue.push(seen_again, Event::Sight);
    }

    fn see_again(&mut self) {
        if self.now >= self.blind_until {
            (0..self.tiers.len()).for_each(|i| self.controls.of_mut(i).set_blind(false));
        }
    }

    fn done(&mut self, slot: u32) {
        let request = self.requests.get(slot);
        if request.fate == Fate::Lost {
            self.requests.remove(slot);
            return;
        }
        let i = request.service as usize;
        if let Some(replica) = self.tiers[i].done(self.now, slot, &mut self.requests, &mut self.queue) {
            self.emptied(i, replica);
        }
        if request.fate == Fate::Served {
            self.at_stations(|stations, floor| stations.answered(i, floor));
        }
        self.at_stations(|stations, floor| stations.freed(i, floor));
    }

    fn emptied(&mut self, service: usize, replica: ReplicaId) {
        if let Some(change) = self.controls.of_mut(service).emptied(replica) {
            self.watch.changed(self.now, service, change);
            self.follow(service, change);
            self.tell(service);
        }
    }

    fn life(&mut self, service: usize) {
        self.life_at[service] = Time::MAX;
        let mut changes = Vec::new();
        self.controls.of_mut(service).advance(self.now, &mut changes);
        for change in changes {
            self.watch.changed(self.now, service, change);
            self.follow(service, change);
        }
        self.tell(service);
    }

    /// The station follows what happens to a replica.
    fn follow(&mut self, service: usize, change: Change) {
        let tier = &mut self.tiers[service];
        match change {
            Change::Started(_) => {}
            Change::Ready(replica) => {
                tier.join(replica, self.now);
                tier.dispatch_waiting(self.now, &mut self.requests, &mut self.queue);
                self.at_stations(|stations, floor| stations.joined(service, replica, floor));
            }
            Change::Drains(replica) => {
                let now = self.now;
                let empty = tier.drain(replica);
                self.at_stations(|stations, _| stations.drains(service, replica, now));
                if empty {
                    self.emptied(service, replica);
                }
            }
            Change::Died(replica) | Change::Ended(replica) => {
                // Nothing begins there any more, neither a request nor a task that comes again.
                tier.drain(replica);
                self.at_stations(|stations, floor| stations.lost(service, replica, floor));
                self.tiers[service].leave(replica, self.now, &mut self.requests);
            }
        }
    }

    /// After a change: the outlook for those who wait, the recorder's sizes, the next end of a phase.
    fn tell(&mut self, service: usize) {
        let control = self.controls.of(service);
        let tier = &mut self.tiers[service];
        tier.station_mut().set_outlook(control.outlook(self.now));
        tier.note_sizes(self.now, control.counts(), control.desired().0);
        if let Some(due) = control.next_due().filter(|due| *due < self.life_at[service]) {
            self.life_at[service] = due;
            self.queue.push(due, Event::Life(service as u32));
        }
    }

    fn look(&mut self) {
        let now = self.now;
        self.tiers.iter_mut().for_each(|t| t.station_mut().close_window(now));
        let pass = if self.looks == 0 { Pass::Tick } else { Pass::Look };
        if let (Some(stations), Pass::Tick) = (&mut self.stations, pass) {
            stations.tick(now);
        }
        self.looks = (self.looks + 1) % LOOKS;
        self.pass(pass);
        self.queue.push(now + self.scenario.interval / LOOKS, Event::Look);
    }

    fn press(&mut self) {
        self.press_planned = false;
        self.press_free = self.now + MIN_BETWEEN;
        self.pass(Pass::Look);
    }

    fn pass(&mut self, pass: Pass) {
        let mut changes = std::mem::take(&mut self.changes);
        let stations = self.stations.as_deref();
        let mut eyes = Eyes { tiers: &mut self.tiers, stations, signals: &mut self.signals, now: self.now };
        self.controls.pass(pass, self.now, &mut eyes, &mut *self.watch, &mut changes);
        for (service, change) in changes.drain(..) {
            self.follow(service, change);
        }
        self.changes = changes;
        for i in 0..self.tiers.len() {
            if let Some((from, to)) = self.controls.of_mut(i).take_move() {
                self.tiers[i].recorder.scaled(from, to);
            }
            self.tell(i);
        }
    }

    fn fault(&mut self, index: usize) -> Result<(), SimError> {
        let fault = self.scenario.faults[index];
        let (i, now) = (fault.service, self.now);
        match fault.kind {
            FaultKind::ReplicaLoss { replicas } => self.lose(i, replicas),
            FaultKind::SlowReplica { factor, lasts } => {
                if let Some(replica) = self.any_ready(i) {
                    self.watch.noted(now, i, &format!("replica {replica} takes {factor} times as long for {lasts:?}"));
                    self.tiers[i].slow_down(replica, factor, now + lasts);
                }
            }
            FaultKind::StaleMetrics { lasts } => {
                self.watch.noted(now, i, &format!("the station's numbers stand still for {lasts:?}"));
                self.tiers[i].freeze_until(now + lasts);
            }
            FaultKind::MissingMetrics { lasts } => {
                self.watch.noted(now, i, &format!("no numbers of the station for {lasts:?}"));
                self.tiers[i].miss_until(now + lasts);
            }
            FaultKind::ControllerRestart { lasts } => {
                self.watch.noted(now, i, &format!("the controller is away for {lasts:?}"));
                self.controls.of_mut(i).go_away(now + lasts);
            }
            FaultKind::ProviderOutage { lasts } => {
                self.watch.noted(now, i, &format!("what the service calls fails for {lasts:?}"));
                if !self.stations.as_mut().is_some_and(|s| s.outage(i, now + lasts)) {
                    self.tiers[i].fail_until(now + lasts);
                }
            }
        }
        Ok(())
    }

    fn any_ready(&mut self, service: usize) -> Option<ReplicaId> {
        let ready: Vec<ReplicaId> = self.controls.of(service).ready().collect();
        (!ready.is_empty()).then(|| ready[self.fault_rng.random_range(0..ready.len())])
    }

    fn lose(&mut self, service: usize, replicas: u32) {
        for _ in 0..replicas {
            let Some(replica) = self.any_ready(service) else { break };
            self.watch.noted(self.now, service, &format!("replica {replica} dies"));
            if let Some(change) = self.controls.of_mut(service).lose(replica, self.now) {
                self.watch.changed(self.now, service, change);
                self.follow(service, change);
            }
        }
        self.tell(service);
    }

    fn finish(self, end: Time, stations: Report) -> Outcome {
        let duration = end.since(self.scenario.begins);
        debug_assert!(self.tiers.iter().all(Tier::conserves_work), "every arrival ended once or is still there");
        let mut outcome = Outcome {
            seed: self.scenario.seed,
            mode: "exact".into(),
            caveats: Vec::new(),
            duration,
            masked: self.masked.min(duration),
            events: self.events,
            services: self.tiers.into_iter().map(|t| t.recorder.finish(duration)).collect(),
            queues: Vec::new(),
            providers: Vec::new(),
            pools: Vec::new(),
        };
        stations.write(&mut outcome);
        outcome
    }
}

fn begin_of(item: Item) -> Duration {
    match item {
        Item::Arrival(arrival) => arrival.at,
        Item::Hole { from, .. } => from,
    }
}

fn end_of(item: Item) -> Option<Duration> {
    match item {
        Item::Arrival(_) => None,
        Item::Hole { to, .. } => Some(to),
    }
}

fn out_of_order(at: Duration) -> SimError {
    let reason = format!("one lies before {:.3} s, where another was already; sort the trace by time", at.as_secs_f64());
    SimError::Trace(TraceError::Setting { field: "order of its arrivals".into(), reason })
}
