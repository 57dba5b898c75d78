//! Push: a POST per task to a replica of a service.
//!
//! Decides: nothing about tasks (the core) or replicas (the station); only how many tasks each replica is offered at a time.
//! Method: whenever queues, replicas or places change, servers are reserved at the least loaded replica, tasks taken for it, and an
//!   attempt begun for each; the reservation that found no task goes back. Offers grow from one task per replica, so that few
//!   tasks spread and many go out in batches. Without replicas nothing is taken: tasks wait in their queue, where the
//!   autoscaler sees them.
//! Invariants: an attempt holds a server of its replica from before it is taken until its answer is there, so that requests and
//!   tasks never exceed the service's `concurrency`, draining replicas get nothing, and are empty once their attempts are.
//! Tested: `tests/it/push.rs`.

mod answer;
mod connection;
mod lane;
mod request;
mod shared;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use skala_balance::EndpointState;
use skala_queue::{MOST_AT_ONCE, QueueId};
use skala_runtime::{Endpoint, Station};
use skala_types::ServiceName;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::lane::Attempt;
use self::shared::{Lanes, Shared};
use super::figures::{Deliveries, Figures};
use super::keep::Keeper;
use super::{Source, instance, settle, worker_name};
use crate::{Job, TakeAsk};

/// How often everything is looked at again although nobody called.
const LOOK: Duration = Duration::from_secs(1);

/// A queue whose tasks go to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRoute {
    /// The queue.
    pub queue: QueueId,
    /// Where its tasks are posted, unless a task names a path itself.
    pub path: Arc<str>,
}

/// Delivers the tasks of some queues to one service.
#[derive(Debug)]
pub struct Push {
    state: Arc<State>,
    service: ServiceName,
    keeper: Arc<Keeper>,
    figures: Arc<Figures>,
    lanes: Arc<Lanes>,
    pusher: JoinHandle<()>,
    others: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct State {
    routes: Mutex<Vec<PushRoute>>,
    /// Something changed.
    wake: Arc<Notify>,
    /// The routes changed.
    rerouted: Notify,
    is_stopping: AtomicBool,
}

impl Push {
    /// Starts to deliver. Must be called within a tokio runtime.
    pub fn start<S: Source>(source: Arc<S>, station: Arc<Station>, routes: Vec<PushRoute>) -> Push {
        let wake = Arc::new(Notify::new());
        let (figures, service) = (Arc::new(Figures::default()), station.name().clone());
        let endings = settle::start(Arc::clone(&source), Arc::clone(&wake), Arc::clone(&figures));
        let lanes = Arc::new(Lanes::default());
        let shared = Arc::new(Shared { source: Arc::clone(&source), endings, lanes: Arc::clone(&lanes) });
        let state =
            Arc::new(State { routes: Mutex::new(routes), wake, rerouted: Notify::new(), is_stopping: AtomicBool::new(false) });
        let keeper = Arc::new(Keeper::default());
        let pusher = Pusher { shared, station, state: Arc::clone(&state), keeper: Arc::clone(&keeper) };
        let pusher = tokio::spawn(pusher.run());
        let keeping = tokio::spawn(Arc::clone(&keeper).run(Arc::clone(&source)));
        let waking = tokio::spawn(pass_wakes(source, Arc::clone(&state)));
        Push { state, service, keeper, figures, lanes, pusher, others: [keeping, waking] }
    }

    /// Replaces the queues.
    pub fn set_routes(&self, routes: Vec<PushRoute>) {
        *self.state.routes.lock().unwrap_or_else(PoisonError::into_inner) = routes;
        self.state.rerouted.notify_one();
        self.state.wake.notify_one();
    }

    /// Attempts that run, or whose end is not on disk yet.
    pub fn running(&self) -> usize {
        self.keeper.len()
    }

    /// What became of its attempts.
    pub fn figures(&self) -> Deliveries {
        self.figures.read(self.keeper.len())
    }

    /// The service.
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Begins nothing new, and waits up to `grace` for what runs; the rest is broken off and handed back.
    pub async fn stop(self, grace: Duration) {
        self.state.is_stopping.store(true, Ordering::Relaxed);
        self.state.wake.notify_one();
        let _ = self.pusher.await;
        if tokio::time::timeout(grace, self.keeper.emptied()).await.is_err() {
            self.keeper.stop_all();
            let _ = tokio::time::timeout(LOOK, self.keeper.emptied()).await;
        }
        self.lanes.close();
        self.others.iter().for_each(JoinHandle::abort);
    }
}

/// Brings the wakes of all queues together.
async fn pass_wakes<S: Source>(source: Arc<S>, state: Arc<State>) {
    loop {
        let routes = state.routes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let passing = routes.iter().map(|route| {
            let (woken, wake) = (source.wakes(route.queue), &state.wake);
            async move {
                loop {
                    woken.notified().await;
                    wake.notify_one();
                }
            }
        });
        tokio::select! {
            _ = futures_util::future::join_all(passing), if !routes.is_empty() => {}
            () = state.rerouted.notified() => {}
        }
    }
}

/// How many tasks each of some endpoints is offered after so many went out in this round: one, and from then on half of what each
/// got on average, so that the last offers are a third of a share at most.
fn offer(before: usize, endpoints: usize) -> usize {
    if endpoints == 1 {
        return MOST_AT_ONCE;
    }
    (before / (2 * endpoints.max(1))).clamp(1, MOST_AT_ONCE)
}

struct Pusher<S> {
    shared: Arc<Shared<S>>,
    station: Arc<Station>,
    state: Arc<State>,
    keeper: Arc<Keeper>,
}

impl<S: Source> Pusher<S> {
    async fn run(self) {
        while !self.state.is_stopping.load(Ordering::Relaxed) {
            self.station.watch();
            self.deliver().await;
            tokio::select! {
                () = self.state.wake.notified() => {
                    if self.ready().is_empty() {
                        self.station.press();
                    }
                }
                () = self.station.freed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Begins attempts until tasks or places run out.
    async fn deliver(&self) {
        let routes = self.state.routes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut ask = TakeAsk { queues: routes.iter().map(|route| route.queue).collect(), ..TakeAsk::default() };
        let mut before = 0;
        loop {
            let endpoints = self.ready();
            let offer = offer(before, endpoints.len());
            let mut begun = 0;
            for endpoint in &endpoints {
                begun += self.offer(endpoint, offer, &mut ask, &routes).await;
            }
            if begun == 0 || self.state.is_stopping.load(Ordering::Relaxed) {
                return;
            }
            before += begun;
        }
    }

    /// Endpoints that may get work, the least loaded first.
    fn ready(&self) -> Vec<Arc<Endpoint>> {
        let mut live = self.station.endpoints();
        live.retain(|e| e.view.state == EndpointState::Ready);
        live.sort_by_key(|e| e.view.in_flight);
        live.into_iter().map(|e| e.endpoint).collect()
    }

    /// Begins up to `most` attempts at an endpoint; how many.
    async fn offer(&self, endpoint: &Arc<Endpoint>, most: usize, ask: &mut TakeAsk, routes: &[PushRoute]) -> usize {
        let most = most.min(self.shared.lanes.room(endpoint.id));
        let Some(mut places) = self.station.reserve_at(endpoint.id, u32::try_from(most).unwrap_or(u32::MAX)) else { return 0 };
        ask.most = places.left() as usize;
        ask.worker = worker_name(self.station.name().as_str(), endpoint.replica);
        ask.instance = Some(instance(self.station.name().as_str(), endpoint.replica));
        let jobs = match self.shared.source.take(ask).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::debug!(%error, "no tasks to push");
                return 0;
            }
        };
        let begun = jobs.len();
        for job in jobs {
            let lease = places.begin().expect("no more tasks come than were asked for");
            self.shared.begin(self.attempt(job, lease, routes));
        }
        begun
    }

    fn attempt(&self, job: Job, lease: skala_runtime::Lease, routes: &[PushRoute]) -> Attempt {
        let source = &self.shared.source;
        let hold = self.keeper.hold(&job.leased, source.now().at);
        let grace = source.settings(job.leased.queue).map_or(Duration::ZERO, |settings| settings.grace);
        let path =
            routes.iter().find(|route| route.queue == job.leased.queue).map_or_else(|| "/".into(), |r| Arc::clone(&r.path));
        Attempt { ends: source.instant(job.leased.deadline + grace), job, hold, lease, path }
    }
}
