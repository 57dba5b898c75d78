//! The state machine of one service's station: endpoints with bounded concurrency, and a waiting room in front of them.
//!
//! Decides: which endpoint serves an arrival, whether it waits or is refused, and who is next when a server falls free.
//! Inputs: arrivals, completions, endpoint changes, `now`; a seeded random stream.
//! Method: first come, first served over endpoints chosen by [`crate::pick()`]; the waiting room by [`crate::judge()`].
//! Invariants: no endpoint holds more than `concurrency` requests; nobody waits while an eligible endpoint has room for
//!   them; every arrival ends as exactly one of completed, refused, abandoned.
//! Tested: `tests/station.rs`.

use std::time::Duration;

use skala_types::{ReplicaId, StationSample, Stream, Time};

use crate::endpoints::Endpoints;
use crate::line::{Line, Waiter};
use crate::room::{Outlook, Refusal, RefusalKind, RoomInputs, RoomVerdict, judge, timed_out};
use crate::stats::{Stats, Totals};
use crate::terms::{Admission, Dispatch, EndpointId, EndpointState, EndpointView, Outcome, RequestId, Settings};

/// The state machine. All methods take `now`, which must not go backwards by more than clock steps (durations saturate).
#[derive(Clone, Debug)]
pub struct Station {
    settings: Settings,
    endpoints: Endpoints,
    room: Line,
    outlook: Outlook,
    next_request: u64,
    cursor: usize,
    rng: Stream,
    stats: Stats,
    /// Mean service time (seconds) of the recent windows that had completions.
    service_mean: f64,
}

/// Windows that [`Station::sample`] can look back over.
const KEPT_WINDOWS: usize = 40;
/// Windows of the controller's fast look; its slow one has as many as the estimate below.
const OFTEN_WINDOWS: usize = 4;
/// Windows behind the service-time estimate that judges the waiting room.
const ESTIMATE_WINDOWS: usize = 40;

impl Station {
    /// A station without endpoints.
    pub fn new(settings: Settings, now: Time, rng: Stream) -> Station {
        Station {
            endpoints: Endpoints::new(limit(&settings)),
            settings,
            room: Line::default(),
            outlook: Outlook::default(),
            next_request: 0,
            cursor: 0,
            rng,
            stats: Stats::new(now, KEPT_WINDOWS, &[OFTEN_WINDOWS, ESTIMATE_WINDOWS]),
            service_mean: 0.0,
        }
    }

    /// Counts and numbers an arrival; follow with [`Station::admit`].
    pub fn arrive(&mut self) -> RequestId {
        self.stats.arrived();
        let id = RequestId(self.next_request);
        self.next_request += 1;
        id
    }

    /// Serves a request, lets it wait, or turns it away. `arrived` is its first arrival, `tried` the endpoints that already
    /// failed it, `deadline` the latest time at which its service may begin.
    pub fn admit(&mut self, now: Time, request: RequestId, arrived: Time, deadline: Time, tried: &[EndpointId]) -> Admission {
        if self.may_overtake(request)
            && let Some(endpoint) = self.reserve(now, tried)
        {
            self.stats.waited(now.since(arrived));
            return Admission::Dispatched(endpoint);
        }
        match judge(&self.room_inputs(now, deadline, tried)) {
            RoomVerdict::Wait => {
                self.room.insert(request, Waiter { arrived, tried: tried.to_vec() });
                self.stats.waiting_by(now, 1);
                Admission::Waiting
            }
            RoomVerdict::Refuse(refusal) => {
                self.stats.refused();
                Admission::Refused(refusal)
            }
        }
    }

    /// Counts, numbers and serves an arrival if that needs no waiting; `None` leaves everything as it was.
    pub fn admit_now(&mut self, now: Time) -> Option<(RequestId, EndpointId)> {
        if !self.room.is_empty() {
            return None;
        }
        let endpoint = self.reserve(now, &[])?;
        self.stats.waited(Duration::ZERO);
        Some((self.arrive(), endpoint))
    }

    /// Takes up to `most` servers of one endpoint for work that waits elsewhere, such as tasks; how many. None while requests wait
    /// here, for they come first. Each is used ([`Station::begin_at`], then [`Station::finish`]) or given back.
    pub fn reserve_at(&mut self, now: Time, endpoint: EndpointId, most: u32) -> u32 {
        if !self.room.is_empty() {
            return 0;
        }
        self.endpoints.occupy_some(now, endpoint, most)
    }

    /// Work begins on a reserved server: it counts as an arrival that did not wait. Until then the server counts as idle, or else looking
    /// for work would look like work.
    pub fn begin_at(&mut self, now: Time) -> RequestId {
        self.stats.in_service_by(now, 1);
        self.stats.waited(Duration::ZERO);
        self.arrive()
    }

    /// Gives reserved servers back unused. Follow with [`Station::dispatch_next`].
    pub fn unreserve_at(&mut self, endpoint: EndpointId, count: u32) {
        self.endpoints.vacate(endpoint, count);
    }

    /// A newcomer does not pass those who wait, except one that was dispatched before and is tried again.
    fn may_overtake(&self, request: RequestId) -> bool {
        self.room.first().is_none_or(|first| request < first)
    }

    /// A request leaves the waiting room because its deadline passed. `None` when it is not there (already dispatched).
    pub fn expire(&mut self, now: Time, request: RequestId) -> Option<Refusal> {
        self.room.remove(request)?;
        self.stats.waiting_by(now, -1);
        self.stats.refused();
        Some(timed_out(&self.room_inputs(now, now, &[])))
    }

    /// A request leaves the waiting room because its client went away. `false` when it is not there.
    pub fn leave(&mut self, now: Time, request: RequestId) -> bool {
        let was_there = self.room.remove(request).is_some();
        if was_there {
            self.stats.waiting_by(now, -1);
            self.stats.abandoned();
        }
        was_there
    }

    /// The first byte of an answer arrived.
    pub fn first_byte(&mut self, now: Time, arrived: Time) {
        let latency = now.since(arrived);
        self.stats.answered(latency, self.settings.late_after.is_some_and(|bound| latency > bound));
    }

    /// A dispatched request ended; its server falls free. Follow with [`Station::dispatch_next`].
    pub fn finish(&mut self, now: Time, endpoint: EndpointId, dispatched: Time, outcome: Outcome) {
        self.free(now, endpoint);
        match outcome {
            Outcome::ClientGone => self.stats.abandoned(),
            _ => self.stats.completed(now.since(dispatched), outcome.is_error()),
        }
    }

    /// A dispatched request failed on its endpoint and will be tried elsewhere; its server falls free.
    pub fn give_back(&mut self, now: Time, endpoint: EndpointId) {
        self.free(now, endpoint);
        self.stats.retried();
    }

    fn free(&mut self, now: Time, endpoint: EndpointId) {
        self.stats.in_service_by(now, -1);
        self.endpoints.free(endpoint);
    }

    /// The next waiting request that an endpoint has room for. Call until `None` after anything that frees or adds servers.
    pub fn dispatch_next(&mut self, now: Time) -> Option<Dispatch> {
        if self.room.is_empty() || !self.endpoints.has_room(now) {
            return None;
        }
        let mut found = None;
        for (request, waiter) in self.room.iter() {
            if let Some(i) = self.endpoints.pick(self.settings.balance, &waiter.tried, now, &mut self.cursor, &mut self.rng) {
                found = Some((request, i));
                break;
            }
        }
        let (request, index) = found?;
        let waiter = self.room.remove(request)?;
        self.stats.waiting_by(now, -1);
        self.stats.waited(now.since(waiter.arrived));
        Some(Dispatch { request, endpoint: self.occupy(now, index) })
    }

    fn reserve(&mut self, now: Time, tried: &[EndpointId]) -> Option<EndpointId> {
        let index = self.endpoints.pick(self.settings.balance, tried, now, &mut self.cursor, &mut self.rng)?;
        Some(self.occupy(now, index))
    }

    fn occupy(&mut self, now: Time, index: usize) -> EndpointId {
        self.stats.in_service_by(now, 1);
        self.endpoints.occupy(index)
    }

    fn room_inputs(&self, now: Time, deadline: Time, tried: &[EndpointId]) -> RoomInputs {
        let per_replica = self.settings.concurrency.map_or(u64::from(u32::MAX), u64::from);
        let ready = self.endpoints.ready_beyond(tried) as u64;
        RoomInputs {
            now,
            waiting: self.room.len(),
            max_waiting: self.settings.max_waiting,
            servers: ready * per_replica,
            servers_per_replica: per_replica,
            service_mean: self.service_mean,
            outlook: self.outlook,
            deadline,
        }
    }

    /// Adds an endpoint. `weight` (> 0, else 1) is its share relative to the others.
    pub fn add_endpoint(&mut self, replica: ReplicaId, weight: f64, state: EndpointState) -> EndpointId {
        self.endpoints.add(replica, weight, state)
    }

    /// Changes whether an endpoint may be given requests. A draining endpoint stays draining.
    pub fn set_state(&mut self, id: EndpointId, state: EndpointState) {
        self.endpoints.set_state(id, state);
    }

    /// Does not choose an endpoint for a while: a connection to it was refused. `true` when it was not shunned already.
    pub fn shun(&mut self, now: Time, id: EndpointId, until: Time) -> bool {
        self.endpoints.shun(now, id, until)
    }

    /// Whether an endpoint is passed over at present.
    pub fn is_shunned(&self, now: Time, id: EndpointId) -> bool {
        self.endpoints.get(id).is_some_and(|e| now < e.shunned_until)
    }

    /// Forgets an endpoint; requests still in service there finish on their own.
    pub fn remove_endpoint(&mut self, id: EndpointId) {
        self.endpoints.remove(id);
    }

    /// The endpoints and their numbers, in the order in which they joined.
    pub fn endpoints(&self) -> impl Iterator<Item = EndpointView> + '_ {
        self.endpoints.all().iter().map(|e| EndpointView {
            id: e.id,
            replica: e.replica,
            state: e.state,
            in_flight: e.in_flight,
            served: e.served,
        })
    }

    /// What the controller expects; it decides who may wait while nothing is ready.
    pub fn set_outlook(&mut self, outlook: Outlook) {
        self.outlook = outlook;
    }

    /// Changes bounds and balancing; requests in service and waiting are kept.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.endpoints.set_limit(limit(&settings));
    }

    /// Bounds and balancing.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Requests waiting now.
    pub fn waiting(&self) -> usize {
        self.room.len()
    }

    /// Requests in service now.
    pub fn in_flight(&self) -> u32 {
        self.stats.in_service()
    }

    /// Whether some endpoint is ready (perhaps busy).
    pub fn has_ready(&self) -> bool {
        self.endpoints.ready() > 0
    }

    /// The refusal that a request would get now if it could not wait.
    pub fn refusal(&self, now: Time, kind: RefusalKind) -> Refusal {
        Refusal { kind, ..timed_out(&self.room_inputs(now, now, &[])) }
    }

    /// Closes the sampling window that began at the previous call.
    pub fn close_window(&mut self, now: Time) {
        self.stats.close_window(now);
        if let Some(mean) = self.stats.service_mean(ESTIMATE_WINDOWS) {
            self.service_mean = mean;
        }
    }

    /// The last `windows` closed windows (at most 40) as one sample.
    pub fn sample(&self, windows: usize) -> StationSample {
        self.stats.sample(windows)
    }

    /// Counts since the start.
    pub fn totals(&self) -> Totals {
        self.stats.totals()
    }

    /// Mean time that a server is held, as used to judge the waiting room; zero when unknown.
    pub fn service_mean(&self) -> Duration {
        Duration::try_from_secs_f64(self.service_mean).unwrap_or_default()
    }
}

/// Requests that one endpoint may hold.
fn limit(settings: &Settings) -> u32 {
    settings.concurrency.unwrap_or(u32::MAX)
}
