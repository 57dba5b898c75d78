//! One service in exact mode: its station, its servers, and the line before it.
//!
//! Decides: nothing; `skala_balance::Station` admits, balances and refuses.
//! Inputs: arrivals with their drawn service time, completions, replicas that come and go, `now`.
//! Method: what the gateway does, minus the network: at once when a server is free, else the waiting room until the deadline. A
//!   request whose replica dies or is stopped at the end of its drain ends as an error: nobody knows that it may be repeated.
//! Invariants: each arrival ends as exactly one of answered, failed, refused, or is still in the system at the end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use skala_autoscaler::StationWindows;
use skala_balance::{Admission, EndpointId, EndpointState, Outcome, RequestId, Station};
use skala_types::{ReplicaId, Stream, Streams, Time};

use super::queue::{Event, Queue};
use super::requests::{Fate, NOWHERE, Request, Requests};
use crate::control::{FAST_WINDOWS, Load, SLOW_WINDOWS};
use crate::draw::Draw;
use crate::measure::{Ended, Recorder, Sizes};
use crate::{Service, SimError};

/// A replica that serves.
#[derive(Clone, Copy, Debug)]
struct Server {
    replica: ReplicaId,
    endpoint: EndpointId,
    in_flight: u32,
    /// Integral of `in_flight` until `changed`, seconds.
    busy: f64,
    changed: Time,
    draining: bool,
    slow: f64,
    slow_until: Time,
}

impl Server {
    fn step(&mut self, now: Time, by: i32) {
        self.busy = self.busy_at(now);
        self.changed = now;
        self.in_flight = self.in_flight.saturating_add_signed(by);
    }

    fn busy_at(&self, now: Time) -> f64 {
        self.busy + f64::from(self.in_flight) * now.since(self.changed).as_secs_f64()
    }
}

/// A request in the waiting room.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    request: RequestId,
    slot: u32,
    deadline: Time,
}

/// One service.
pub(super) struct Tier {
    index: u32,
    begins: Time,
    station: Station,
    draw: Draw,
    rng: Stream,
    /// Whether its requests call providers or databases.
    pub(super) calls: bool,
    servers: Vec<Server>,
    free: Vec<u32>,
    by_replica: BTreeMap<ReplicaId, u32>,
    /// The server of each endpoint, by the endpoint's number.
    by_endpoint: Vec<u32>,
    /// Those in the station's waiting room, in its order; first come, first out.
    line: VecDeque<Waiting>,
    line_timer: bool,
    /// Tasks that hold a server.
    tasks: u32,
    max_wait: Duration,
    pub(super) recorder: Recorder,
    fails_until: Time,
    missing_until: Time,
    stale: Option<(Time, StationWindows)>,
}

impl Tier {
    pub(super) fn try_new(index: u32, service: &Service, streams: Streams, begins: Time) -> Result<Tier, SimError> {
        let draw = Draw::try_new(&service.service_time, &format!("services.{}.serviceTime", service.name))?;
        Ok(Tier {
            index,
            begins,
            station: Station::new(service.station, begins, streams.stream(&format!("balance {}", service.name))),
            draw,
            rng: streams.stream(&format!("service {}", service.name)),
            calls: false,
            servers: Vec::new(),
            free: Vec::new(),
            by_replica: BTreeMap::new(),
            by_endpoint: Vec::new(),
            line: VecDeque::new(),
            line_timer: false,
            tasks: 0,
            max_wait: service.station.max_wait,
            recorder: Recorder::new(service),
            fails_until: Time::ZERO,
            missing_until: Time::ZERO,
            stale: None,
        })
    }

    pub(super) fn station_mut(&mut self) -> &mut Station {
        &mut self.station
    }

    /// A request arrives. `Ok(true)` when it found no replica or was refused, which the controller hears of.
    pub(super) fn arrive(
        &mut self,
        now: Time,
        tokens: (u32, u32),
        requests: &mut Requests,
        queue: &mut Queue,
    ) -> Result<bool, SimError> {
        let need = self.draw.nanos(&mut self.rng, tokens.0, tokens.1);
        self.recorder.arrived(now.since(self.begins));
        let request = Request { arrived: now, dispatched: now, need, server: NOWHERE, service: self.index, fate: Fate::Served };
        let no_slot = || SimError::Setting {
            field: format!("services.{}.concurrency", self.index),
            reason: "more than 268 million requests at once: bound it".into(),
        };
        if let Some((_, endpoint)) = self.station.admit_now(now) {
            let slot = self.insert(request, tokens, requests).ok_or_else(no_slot)?;
            self.dispatch(now, slot, endpoint, requests, queue);
            return Ok(false);
        }
        let id = self.station.arrive();
        let deadline = now + self.max_wait;
        match self.station.admit(now, id, now, deadline, &[]) {
            Admission::Dispatched(endpoint) => {
                let slot = self.insert(request, tokens, requests).ok_or_else(no_slot)?;
                self.dispatch(now, slot, endpoint, requests, queue);
                Ok(false)
            }
            Admission::Waiting => {
                let slot = self.insert(request, tokens, requests).ok_or_else(no_slot)?;
                self.line.push_back(Waiting { request: id, slot, deadline });
                if !self.line_timer {
                    self.line_timer = true;
                    queue.push(deadline, Event::Expiry(self.index));
                }
                Ok(!self.station.has_ready())
            }
            Admission::Refused(_) => {
                self.recorder.ended(now.since(self.begins), Duration::ZERO, Duration::ZERO, Ended::Refused);
                Ok(true)
            }
        }
    }

    fn insert(&self, request: Request, tokens: (u32, u32), requests: &mut Requests) -> Option<u32> {
        let slot = requests.insert(request)?;
        if self.calls {
            requests.note_tokens(slot, tokens);
        }
        Some(slot)
    }

    fn dispatch(&mut self, now: Time, slot: u32, endpoint: EndpointId, requests: &mut Requests, queue: &mut Queue) {
        let at = self.by_endpoint[endpoint.0 as usize];
        let server = &mut self.servers[at as usize];
        server.step(now, 1);
        let request = requests.get_mut(slot);
        request.dispatched = now;
        request.server = at;
        if now < self.fails_until {
            request.fate = Fate::Fails;
        }
        let held = if now < server.slow_until { (request.need as f64 * server.slow) as u64 } else { request.need };
        if self.calls {
            request.need = held;
            return queue.push(now, Event::Begin(slot));
        }
        queue.push(now + Duration::from_nanos(held), Event::Done(slot));
    }

    /// Holds a server of a replica for a task, if one is free and no request waits for it.
    pub(super) fn reserve(&mut self, replica: ReplicaId, now: Time) -> bool {
        let Some(&at) = self.by_replica.get(&replica) else { return false };
        self.station.reserve_at(now, self.servers[at as usize].endpoint, 1) == 1
    }

    /// Gives it back unused.
    pub(super) fn unreserve(&mut self, replica: ReplicaId, now: Time) {
        if let Some(&at) = self.by_replica.get(&replica) {
            self.station.unreserve_at(now, self.servers[at as usize].endpoint, 1);
        }
    }

    /// A task begins on a replica, and keeps it busy: on the server that is reserved for it, if it holds one.
    pub(super) fn take(&mut self, replica: ReplicaId, holds_server: bool, now: Time) {
        if let Some(&at) = self.by_replica.get(&replica) {
            self.servers[at as usize].step(now, 1);
        }
        if holds_server {
            self.station.begin_at();
            self.tasks += 1;
        }
    }

    /// A task ends on a replica; with its beginning and how it ended if it held a server. Whether the replica drains and is empty now.
    pub(super) fn give(&mut self, replica: ReplicaId, server: Option<(Time, Outcome)>, now: Time) -> bool {
        let Some(&at) = self.by_replica.get(&replica) else { return false };
        let state = &mut self.servers[at as usize];
        state.step(now, -1);
        if let Some((began, how)) = server {
            self.station.finish(now, state.endpoint, began, how);
            self.tasks -= 1;
        }
        state.draining && state.in_flight == 0
    }

    /// Whether there are no numbers of the service.
    pub(super) fn is_missing(&self, now: Time) -> bool {
        now < self.missing_until
    }

    /// Whether its numbers stand still.
    pub(super) fn is_stale(&self, now: Time) -> bool {
        self.stale.is_some_and(|(until, _)| now < until)
    }

    /// Serves those in line for whom there is a server now.
    pub(super) fn dispatch_waiting(&mut self, now: Time, requests: &mut Requests, queue: &mut Queue) {
        while let Some(next) = self.station.dispatch_next(now) {
            let Some(at) = self.line.iter().position(|w| w.request == next.request) else {
                debug_assert!(false, "the line and the waiting room hold the same requests");
                return;
            };
            let slot = self.line[at].slot;
            self.line.remove(at);
            self.dispatch(now, slot, next.endpoint, requests, queue);
        }
    }

    /// The service of a request ends. The replica is named when it drains and is empty now.
    pub(super) fn done(&mut self, now: Time, slot: u32, requests: &mut Requests, queue: &mut Queue) -> Option<ReplicaId> {
        let request = requests.remove(slot);
        let server = &mut self.servers[request.server as usize];
        server.step(now, -1);
        let (endpoint, replica) = (server.endpoint, server.replica);
        let emptied = server.draining && server.in_flight == 0;
        let (outcome, ended) = match request.fate {
            Fate::Served => (Outcome::Status(200), Ended::Answered),
            Fate::Fails | Fate::Lost | Fate::Over => (Outcome::Status(503), Ended::Failed),
        };
        self.station.first_byte(now, request.arrived);
        self.station.finish(now, endpoint, request.dispatched, outcome);
        self.record(now, &request, ended);
        self.dispatch_waiting(now, requests, queue);
        emptied.then_some(replica)
    }

    fn record(&mut self, now: Time, request: &Request, ended: Ended) {
        let wait = request.dispatched.since(request.arrived);
        self.recorder.ended(request.arrived.since(self.begins), wait, now.since(request.arrived), ended);
    }

    /// Lets those in line go whose deadline has passed.
    pub(super) fn expire(&mut self, now: Time, requests: &mut Requests, queue: &mut Queue) {
        self.line_timer = false;
        while let Some(first) = self.line.front().copied() {
            if first.deadline > now {
                self.line_timer = true;
                queue.push(first.deadline, Event::Expiry(self.index));
                return;
            }
            self.line.pop_front();
            let request = requests.remove(first.slot);
            if self.station.expire(now, first.request).is_some() {
                let waited = now.since(request.arrived);
                self.recorder.ended(request.arrived.since(self.begins), waited, waited, Ended::Refused);
            }
        }
    }

    /// A replica is ready.
    pub(super) fn join(&mut self, replica: ReplicaId, now: Time) {
        let endpoint = self.station.add_endpoint(replica, 1.0, EndpointState::Ready);
        let server = Server {
            replica,
            endpoint,
            in_flight: 0,
            busy: 0.0,
            changed: now,
            draining: false,
            slow: 1.0,
            slow_until: Time::ZERO,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.servers[at as usize] = server;
                at
            }
            None => {
                self.servers.push(server);
                self.servers.len() as u32 - 1
            }
        };
        debug_assert_eq!(endpoint.0 as usize, self.by_endpoint.len(), "a station numbers its endpoints one by one");
        self.by_endpoint.push(at);
        self.by_replica.insert(replica, at);
    }

    /// A replica gets no more requests. Whether it is empty.
    pub(super) fn drain(&mut self, replica: ReplicaId) -> bool {
        let Some(&at) = self.by_replica.get(&replica) else { return true };
        let server = &mut self.servers[at as usize];
        server.draining = true;
        self.station.set_state(server.endpoint, EndpointState::Draining);
        server.in_flight == 0
    }

    /// A replica is gone, and what it worked on fails.
    pub(super) fn leave(&mut self, replica: ReplicaId, now: Time, requests: &mut Requests) {
        let Some(at) = self.by_replica.remove(&replica) else { return };
        let server = self.servers[at as usize];
        if server.in_flight > 0 {
            let service = self.index;
            for lost in requests.lose(service, at) {
                self.station.finish(now, server.endpoint, lost.dispatched, Outcome::Broken);
                self.record(now, &lost, Ended::Failed);
            }
        }
        self.station.remove_endpoint(server.endpoint);
        self.free.push(at);
    }

    /// A replica takes longer for what it begins until then.
    pub(super) fn slow_down(&mut self, replica: ReplicaId, factor: f64, until: Time) {
        if let Some(&at) = self.by_replica.get(&replica) {
            let server = &mut self.servers[at as usize];
            (server.slow, server.slow_until) = (factor, until);
        }
    }

    /// What the service calls fails until then.
    pub(super) fn fail_until(&mut self, until: Time) {
        self.fails_until = self.fails_until.max(until);
    }

    /// There are no numbers of the station until then.
    pub(super) fn miss_until(&mut self, until: Time) {
        self.missing_until = self.missing_until.max(until);
    }

    /// The numbers of the station stand still until then.
    pub(super) fn freeze_until(&mut self, until: Time) {
        let windows = self.stale.map_or_else(|| self.measure(), |(_, windows)| windows);
        self.stale = Some((until, windows));
    }

    fn measure(&self) -> StationWindows {
        StationWindows { fast: self.station.sample(FAST_WINDOWS), slow: self.station.sample(SLOW_WINDOWS) }
    }

    /// What the controller sees of the station.
    pub(super) fn windows(&mut self, now: Time) -> Option<StationWindows> {
        if now < self.missing_until {
            return None;
        }
        if let Some((until, windows)) = self.stale {
            if now < until {
                return Some(windows);
            }
            self.stale = None;
        }
        Some(self.measure())
    }

    /// The load of a replica.
    pub(super) fn load(&self, replica: ReplicaId, now: Time) -> Load {
        let of = |at: &u32| {
            let server = &self.servers[*at as usize];
            Load { in_flight: server.in_flight, busy: server.busy_at(now) }
        };
        self.by_replica.get(&replica).map_or_else(Load::default, of)
    }

    /// Whether a request waits or is served; tasks do not count.
    pub(super) fn is_busy(&self) -> bool {
        self.station.waiting() > 0 || self.station.in_flight() > self.tasks
    }

    /// Whether every arrival ended exactly once or is still waiting or served.
    pub(super) fn conserves_work(&self) -> bool {
        let totals = self.station.totals();
        let here = self.station.waiting() as u64 + u64::from(self.station.in_flight());
        totals.arrivals == totals.completions + totals.refused + totals.abandoned + here
    }

    /// Tells the recorder the sizes that hold from now on.
    pub(super) fn note_sizes(&mut self, now: Time, counts: crate::control::Counts, desired: u32) {
        let waiting = self.station.waiting() as f64;
        self.recorder.sizes(now.since(self.begins), Sizes { ready: counts.ready, total: counts.paid(), desired, waiting });
    }
}
