//! The live station of one service: `skala_balance::Station` behind a lock, with waiting requests as futures.
//!
//! Decides: nothing; every decision is the pure station's.
//! Method: one short critical section per admission and one per completion. A dispatch to a waiting request is sent through
//!   its one-shot channel; a request that stopped waiting in that instant gives its server back.
//! Invariants: a [`Lease`] holds exactly one server and frees it when dropped.
//! Tested: `tests/station.rs`.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use skala_balance::{
    Admission, EndpointId, EndpointState, EndpointView, Outcome, Outlook, Refusal, RefusalKind, RequestId, Settings, Totals,
};
use skala_types::{ReplicaId, ServiceName, StationSample, Streams, Time};
use thiserror::Error;
use tokio::sync::{Notify, oneshot};

use crate::Clock;

/// How long an endpoint is passed over after a refused connection, unless it is removed or replaced before.
const SHUN: Duration = Duration::from_millis(500);

/// Why a request got no replica.
#[derive(Clone, Debug, Error)]
#[error("service {service}: {}", refusal.kind)]
pub struct Refused {
    /// Whose station refused.
    pub service: ServiceName,
    /// Kind and honest retry time.
    pub refusal: Refusal,
}

/// An address that serves requests.
#[derive(Debug)]
pub struct Endpoint {
    /// Its number at the station.
    pub id: EndpointId,
    /// Whose address it is.
    pub replica: ReplicaId,
    /// Where to connect.
    pub addr: SocketAddr,
    gone: AtomicBool,
}

impl Endpoint {
    /// Whether it is draining or removed: idle connections to it are of no further use.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// An endpoint with its numbers.
#[derive(Clone, Debug)]
pub struct LiveEndpoint {
    /// Address and identity.
    pub endpoint: Arc<Endpoint>,
    /// State and load.
    pub view: EndpointView,
}

struct Inner {
    core: skala_balance::Station,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    waiters: HashMap<RequestId, oneshot::Sender<Arc<Endpoint>>>,
}

/// A live station; share it as `Arc<Station>`.
pub struct Station {
    name: ServiceName,
    clock: Clock,
    inner: Mutex<Inner>,
    pressure: Notify,
    /// Somebody wants to know when a server may be free.
    watched: AtomicBool,
    freed: Notify,
}

impl std::fmt::Debug for Station {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Station").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Station {
    /// A station without endpoints. `seed` decides the balancer's random choices.
    pub fn new(name: ServiceName, settings: Settings, clock: Clock, seed: u64) -> Arc<Station> {
        let rng = Streams::new(seed).stream(name.as_str());
        let core = skala_balance::Station::new(settings, clock.now(), rng);
        let inner = Inner { core, endpoints: BTreeMap::new(), waiters: HashMap::new() };
        Arc::new(Station {
            name,
            clock,
            inner: Mutex::new(inner),
            pressure: Notify::new(),
            watched: AtomicBool::new(false),
            freed: Notify::new(),
        })
    }

    /// The service's name.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// The clock that the station counts with.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while holding the lock cannot leave the counters half-changed in a way that matters more than going on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits one arrival: at once if a replica has room, else after waiting, up to `deadline`. Dropping the future leaves
    /// the waiting room.
    ///
    /// # Errors
    /// [`Refused`] when the room is full, the wait would be or was too long, or no replica is there or coming.
    pub async fn admit(self: &Arc<Self>, deadline: Instant) -> Result<Lease, Refused> {
        let now = self.clock.now();
        let request = self.lock().core.arrive();
        self.enter(request, now, &[], deadline).await
    }

    /// Admits one arrival if that needs no waiting; `None` means: call [`Station::admit`]. Counts the arrival only on success.
    pub fn try_admit(self: &Arc<Self>) -> Option<Lease> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let (request, id) = inner.core.admit_now(now)?;
        let endpoint = inner.endpoints.get(&id).cloned().expect("the core knows only endpoints that were added here");
        drop(inner);
        Some(self.lease(request, now, endpoint, now))
    }

    /// Takes up to `most` servers of one endpoint for work that waits elsewhere, such as tasks; `None` when there is none to be had,
    /// because it is full, not ready, draining or shunned, or because requests wait for servers themselves.
    pub fn reserve_at(self: &Arc<Self>, id: EndpointId, most: u32) -> Option<Places> {
        let now = self.clock.now();
        let mut inner = self.lock();
        let endpoint = inner.endpoints.get(&id).cloned()?;
        let left = inner.core.reserve_at(now, id, most);
        drop(inner);
        (left > 0).then(|| Places { station: Arc::clone(self), endpoint, left })
    }

    /// Asks for one [`Station::freed`]. To miss nothing, ask before looking.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::SeqCst);
    }

    /// Completes when a server may have fallen free, or endpoints changed, since [`Station::watch`]. For one listener per station.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Admits a request again after the endpoint of `lease` failed it: somewhere else than in `tried`, keeping its place.
    ///
    /// # Errors
    /// [`Refused`] as for [`Station::admit`]; in particular when no other replica is there or coming.
    pub async fn readmit(self: &Arc<Self>, lease: Lease, tried: &[EndpointId], deadline: Instant) -> Result<Lease, Refused> {
        let (request, arrived) = lease.give_back();
        self.enter(request, arrived, tried, deadline).await
    }

    async fn enter(
        self: &Arc<Self>,
        request: RequestId,
        arrived: Time,
        tried: &[EndpointId],
        deadline: Instant,
    ) -> Result<Lease, Refused> {
        let (receiver, deadline) = {
            let now = self.clock.now();
            let mut inner = self.lock();
            let deadline = deadline.min(self.clock.instant(arrived + inner.core.settings().max_wait));
            match inner.core.admit(now, request, arrived, self.clock.time(deadline), tried) {
                Admission::Dispatched(id) => {
                    if let Some(endpoint) = inner.endpoints.get(&id).cloned() {
                        return Ok(self.lease(request, arrived, endpoint, now));
                    }
                    return Err(self.refused(inner.core.refusal(now, RefusalKind::NoReplica)));
                }
                Admission::Refused(refusal) => {
                    self.pressure.notify_one();
                    return Err(self.refused(refusal));
                }
                Admission::Waiting => {
                    let (sender, receiver) = oneshot::channel();
                    inner.waiters.insert(request, sender);
                    if !inner.core.has_ready() {
                        self.pressure.notify_one();
                    }
                    (receiver, deadline)
                }
            }
        };
        self.wait(request, arrived, receiver, deadline).await
    }

    async fn wait(
        self: &Arc<Self>,
        request: RequestId,
        arrived: Time,
        receiver: oneshot::Receiver<Arc<Endpoint>>,
        deadline: Instant,
    ) -> Result<Lease, Refused> {
        let mut place = Place { station: self, request, receiver: Some(receiver) };
        let receiver = place.receiver.as_mut().expect("the receiver is taken only by drop");
        match tokio::time::timeout_at(deadline.into(), receiver).await {
            Ok(Ok(endpoint)) => {
                place.receiver = None;
                Ok(self.lease(request, arrived, endpoint, self.clock.now()))
            }
            Ok(Err(_closed)) => {
                place.receiver = None;
                let refusal = self.lock().core.refusal(self.clock.now(), RefusalKind::NoReplica);
                Err(self.refused(refusal))
            }
            Err(_elapsed) => self.expire(place, arrived),
        }
    }

    fn expire(self: &Arc<Self>, mut place: Place<'_>, arrived: Time) -> Result<Lease, Refused> {
        let now = self.clock.now();
        let mut inner = self.lock();
        inner.waiters.remove(&place.request);
        let refusal = inner.core.expire(now, place.request);
        drop(inner);
        let receiver = place.receiver.take();
        match refusal {
            Some(refusal) => Err(self.refused(refusal)),
            // Dispatched in the very instant in which the deadline passed: take it.
            None => match receiver.and_then(|mut r| r.try_recv().ok()) {
                Some(endpoint) => Ok(self.lease(place.request, arrived, endpoint, now)),
                None => Err(self.refused(self.lock().core.refusal(now, RefusalKind::TimedOut))),
            },
        }
    }

    fn lease(self: &Arc<Self>, request: RequestId, arrived: Time, endpoint: Arc<Endpoint>, dispatched: Time) -> Lease {
        Lease { station: Arc::clone(self), request, arrived, endpoint, dispatched, answered: false, open: true }
    }

    fn refused(&self, refusal: Refusal) -> Refused {
        Refused { service: self.name.clone(), refusal }
    }

    /// Hands free servers to those who wait.
    fn dispatch(inner: &mut Inner, now: Time) {
        while let Some(next) = inner.core.dispatch_next(now) {
            let sender = inner.waiters.remove(&next.request);
            let endpoint = inner.endpoints.get(&next.endpoint).cloned();
            let delivered = match (sender, endpoint) {
                (Some(sender), Some(endpoint)) => sender.send(endpoint).is_ok(),
                _ => false,
            };
            if !delivered {
                inner.core.finish(now, next.endpoint, now, Outcome::ClientGone);
            }
        }
    }

    /// A change that the listener of [`Station::freed`] makes itself.
    fn change_unheard<R>(&self, change: impl FnOnce(&mut Inner, Time) -> R) -> R {
        let now = self.clock.now();
        let mut inner = self.lock();
        let result = change(&mut inner, now);
        Self::dispatch(&mut inner, now);
        result
    }

    fn change<R>(&self, change: impl FnOnce(&mut Inner, Time) -> R) -> R {
        let result = self.change_unheard(change);
        if self.watched.load(Ordering::Relaxed) && self.watched.swap(false, Ordering::SeqCst) {
            self.freed.notify_one();
        }
        result
    }

    /// Adds an address of a replica; ready endpoints are given requests at once, those waiting first.
    pub fn add_endpoint(&self, replica: ReplicaId, addr: SocketAddr, weight: f64, ready: bool) -> EndpointId {
        let state = if ready { EndpointState::Ready } else { EndpointState::NotReady };
        self.change(|inner, _| {
            let id = inner.core.add_endpoint(replica, weight, state);
            inner.endpoints.insert(id, Arc::new(Endpoint { id, replica, addr, gone: AtomicBool::new(false) }));
            id
        })
    }

    /// Says whether an endpoint may be given requests. Without effect on a draining one.
    pub fn set_ready(&self, id: EndpointId, ready: bool) {
        let state = if ready { EndpointState::Ready } else { EndpointState::NotReady };
        self.change(|inner, _| inner.core.set_state(id, state));
    }

    /// Gives an endpoint nothing new; it finishes what it has.
    pub fn drain(&self, id: EndpointId) {
        self.change(|inner, _| {
            inner.core.set_state(id, EndpointState::Draining);
            if let Some(endpoint) = inner.endpoints.get(&id) {
                endpoint.gone.store(true, Ordering::Relaxed);
            }
        });
    }

    /// Forgets an endpoint.
    pub fn remove(&self, id: EndpointId) {
        self.change(|inner, _| {
            inner.core.remove_endpoint(id);
            if let Some(endpoint) = inner.endpoints.remove(&id) {
                endpoint.gone.store(true, Ordering::Relaxed);
            }
        });
    }

    /// A connection to an endpoint was refused: it is passed over for half a second, unless its replica is replaced sooner.
    /// Must be called within a tokio runtime; at most one timer runs per endpoint.
    pub fn connect_failed(self: &Arc<Self>, id: EndpointId) {
        if !self.change(|inner, now| inner.core.shun(now, id, now + SHUN)) {
            return;
        }
        let station = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SHUN).await;
                let Some(station) = station.upgrade() else { return };
                if station.change(|inner, now| !inner.core.is_shunned(now, id)) {
                    return;
                }
            }
        });
    }

    /// Tells the station what to expect of replicas that are starting.
    pub fn set_outlook(&self, outlook: Outlook) {
        self.lock().core.set_outlook(outlook);
    }

    /// Changes bounds and balancing.
    pub fn set_settings(&self, settings: Settings) {
        self.change(|inner, _| inner.core.set_settings(settings));
    }

    /// Says that work came that no replica is ready for.
    pub fn press(&self) {
        self.pressure.notify_one();
    }

    /// Completes when a request came while no replica was ready, or was turned away: a reason to decide before the next tick.
    pub async fn pressure(&self) {
        self.pressure.notified().await;
    }

    /// Endpoints and their numbers.
    pub fn endpoints(&self) -> Vec<LiveEndpoint> {
        let inner = self.lock();
        let with_address = |view: EndpointView| {
            let endpoint = inner.endpoints.get(&view.id).cloned()?;
            Some(LiveEndpoint { endpoint, view })
        };
        inner.core.endpoints().filter_map(with_address).collect()
    }

    /// Closes the sampling window that began at the previous call; one task calls it, once per tick.
    pub fn close_window(&self) {
        self.change(|inner, now| inner.core.close_window(now));
    }

    /// The last `windows` closed windows as one sample.
    pub fn sample(&self, windows: usize) -> StationSample {
        self.lock().core.sample(windows)
    }

    /// Counts and distributions since the start.
    pub fn totals(&self) -> Totals {
        self.lock().core.totals()
    }

    /// Requests waiting and in service now.
    pub fn load(&self) -> (usize, u32) {
        let inner = self.lock();
        (inner.core.waiting(), inner.core.in_flight())
    }
}

/// A place in the waiting room; dropping it leaves the room, or gives back the server that was just handed over.
struct Place<'a> {
    station: &'a Arc<Station>,
    request: RequestId,
    receiver: Option<oneshot::Receiver<Arc<Endpoint>>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(mut receiver) = self.receiver.take() else { return };
        let request = self.request;
        self.station.change(|inner, now| {
            inner.waiters.remove(&request);
            if !inner.core.leave(now, request)
                && let Ok(endpoint) = receiver.try_recv()
            {
                inner.core.finish(now, endpoint.id, now, Outcome::ClientGone);
            }
        });
    }
}

/// Servers of one endpoint, held for work that is about to begin. Dropping it gives back those that are left.
#[derive(Debug)]
pub struct Places {
    station: Arc<Station>,
    endpoint: Arc<Endpoint>,
    left: u32,
}

impl Places {
    /// How many are left.
    pub fn left(&self) -> u32 {
        self.left
    }

    /// Whose they are.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Begins work on one of them. Its time is measured as service, not as an answer's latency, which is what requests are promised.
    pub fn begin(&mut self) -> Option<Lease> {
        self.left = self.left.checked_sub(1)?;
        let now = self.station.clock.now();
        let request = self.station.lock().core.begin_at(now);
        let mut lease = self.station.lease(request, now, Arc::clone(&self.endpoint), now);
        lease.answered = true;
        Some(lease)
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if self.left > 0 {
            self.station.change_unheard(|inner, _| inner.core.unreserve_at(self.endpoint.id, self.left));
        }
    }
}

/// One server of one replica, held for one request.
#[derive(Debug)]
pub struct Lease {
    station: Arc<Station>,
    request: RequestId,
    arrived: Time,
    endpoint: Arc<Endpoint>,
    dispatched: Time,
    answered: bool,
    open: bool,
}

impl Lease {
    /// Who serves the request.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The station that gave the lease.
    pub fn station(&self) -> &Arc<Station> {
        &self.station
    }

    /// Notes that the first byte of the answer is there. Needed only when the answer goes on for a while: [`Lease::finish`]
    /// does it otherwise.
    pub fn first_byte(&mut self) {
        if !self.answered {
            self.answered = true;
            let now = self.station.clock.now();
            self.station.lock().core.first_byte(now, self.arrived);
        }
    }

    /// Notes how the request ended and frees the server.
    pub fn finish(mut self, outcome: Outcome) {
        self.close(outcome);
    }

    fn close(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let (arrived, dispatched, id) = (self.arrived, self.dispatched, self.endpoint.id);
        let answers_now = !self.answered && matches!(outcome, Outcome::Status(_));
        self.station.change(|inner, now| {
            if answers_now {
                inner.core.first_byte(now, arrived);
            }
            inner.core.finish(now, id, dispatched, outcome);
        });
    }

    fn give_back(mut self) -> (RequestId, Time) {
        self.open = false;
        let id = self.endpoint.id;
        self.station.change(|inner, now| inner.core.give_back(now, id));
        (self.request, self.arrived)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.close(Outcome::Broken);
    }
}
