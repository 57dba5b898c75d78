//! The controller: watches, election, workers, and their orderly end.
//!
//! Decides: who works on what, and when everything stops.
//! Method: one loop hands due objects to a bounded number of workers; changes from the watches hurry an object.
//! Invariants: no worker runs on after the end; the lease is given back last, when nothing can be written any more.
//! Tested: `tests/it`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skala_types::Time;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::cluster::samples::Samples;
use crate::cluster::secrets::Secrets;
use crate::cluster::{Discovery, Scales};
use crate::election::{Elector, Leadership};
use crate::events::Events;
use crate::objects::autoscaler::{GROUP_VERSION, PLURAL};
use crate::objects::{Autoscaler, KeptAutoscaler, KeptHpa, KeptPod, WireHpa, WirePod};
use crate::queue::{Ended, Queue};
use crate::reconcile::Reconciler;
use crate::selectors::Selectors;
use crate::settings::Settings;
use crate::sources::Sources;
use crate::stats::Stats;
use crate::targets::Targets;
use crate::watch::{Key, Scope, Store, follow};

/// Changes that may wait for the loop; beyond, the periodic look finds them.
const CHANGES: usize = 10_000;
/// How long workers may finish what they have begun.
const FINISH: Duration = Duration::from_secs(10);
/// Looks come this part of a sync period early, so that a change is answered within one: reading, deciding and writing take time.
const HEADROOM: u32 = 16;
/// Shortest sync period.
const LEAST_PERIOD: Duration = Duration::from_secs(1);

/// Why the controller could not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The port for metrics and health.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// What the loop and the HTTP server share.
pub(crate) struct Shared {
    reconciler: Reconciler,
    turned: Mutex<Instant>,
}

impl Shared {
    pub(crate) fn metrics(&self) -> String {
        let r = &self.reconciler;
        let ages = [("autoscalers", r.autoscalers.age()), ("pods", r.pods.age()), ("horizontalpodautoscalers", r.hpas.age())];
        r.stats.text(&r.api, r.leadership.leads(), &ages)
    }

    pub(crate) fn idle(&self) -> Duration {
        self.turned.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// What is missing before the first decision; staleness later on is for `/metrics`, since a restart would not cure it.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        let r = &self.reconciler;
        let listed = [("autoscalers", r.autoscalers.age()), ("pods", r.pods.age()), ("horizontalpodautoscalers", r.hpas.age())];
        listed.into_iter().find(|(_, age)| age.is_none()).map(|(kind, _)| kind)
    }
}

/// The controller, ready to run.
pub struct Controller {
    shared: Arc<Shared>,
    elector: Option<Elector>,
}

impl Controller {
    /// Sets everything up; nothing is asked of the server yet.
    pub fn new(client: kube::Client, settings: Settings, sources: Arc<dyn Sources>) -> Controller {
        let mut settings = settings;
        settings.sync_period = settings.sync_period.max(LEAST_PERIOD);
        settings.workers = settings.workers.clamp(1, 1000);
        let api = Api::new(client);
        let (elector, leadership) = match settings.lease.clone() {
            None => (None, Leadership::always()),
            Some(lease) => {
                let (elector, leadership) = Elector::new(api.clone(), lease, wall);
                (Some(elector), leadership)
            }
        };
        let identity = settings.lease.as_ref().map_or_else(|| "skala".to_owned(), |lease| lease.identity.clone());
        let discovery = Arc::new(Discovery::new(api.clone()));
        let autoscalers: Arc<Store<KeptAutoscaler>> = Arc::new(Store::new(settings.namespaces.len().max(1)));
        let hpas: Arc<Store<KeptHpa>> = Arc::new(Store::new(settings.namespaces.len().max(1)));
        let pods: Arc<Store<KeptPod>> = Arc::new(Store::new(settings.namespaces.len().max(1)));
        let reconciler = Reconciler {
            leadership,
            targets: Targets::new(autoscalers.clone(), hpas.clone()),
            selectors: Selectors::default(),
            autoscalers,
            hpas,
            scales: Scales::new(api.clone()),
            samples: Samples::new(api.clone(), discovery.clone(), pods.clone(), settings.sync_period),
            pods,
            discovery,
            secrets: Secrets::new(api.clone()),
            sources,
            events: Events::new(api.clone(), identity),
            stats: Stats::default(),
            runtimes: Mutex::new(HashMap::new()),
            wall,
            settings,
            api,
        };
        Controller { shared: Arc::new(Shared { reconciler, turned: Mutex::new(Instant::now()) }), elector }
    }

    /// Whether this process leads; cheap to ask at any time.
    pub fn leadership(&self) -> Leadership {
        self.shared.reconciler.leadership.clone()
    }

    /// Runs until `end` comes, finishes what was begun, and gives the lease back.
    ///
    /// # Errors
    /// When the port for metrics cannot be had. Everything that can go wrong with the cluster is waited out.
    pub async fn run(self, end: impl Future<Output = ()>) -> Result<(), RunError> {
        let Controller { shared, elector } = self;
        let r = &shared.reconciler;
        let mut tasks = JoinSet::new();
        if let Some(address) = r.settings.listen {
            let listener = tokio::net::TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })?;
            let serving = shared.clone();
            tasks.spawn(async move {
                if let Err(error) = crate::serve::serve(listener, serving).await {
                    tracing::error!(%error, "metrics and health are not served any more");
                }
            });
        }
        let (changes, changed) = mpsc::channel(CHANGES);
        watches(&mut tasks, r, &changes);
        let (stop, stopped) = watch::channel(false);
        let election = elector.map(|elector| tokio::spawn(elector.run(stopped)));
        let mut workers = JoinSet::new();
        tokio::select! {
            () = hand_out(&shared, &mut workers, changed) => {}
            () = end => {}
        }
        tracing::info!("ending: finishing what was begun");
        let finished = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH, finished).await.is_err() {
            workers.shutdown().await;
        }
        tasks.shutdown().await;
        let _ = stop.send(true);
        if let Some(election) = election {
            let _ = tokio::time::timeout(FINISH, election).await;
        }
        Ok(())
    }
}

fn wall() -> Time {
    Time::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// One watch per kind, or per kind and namespace.
fn watches(tasks: &mut JoinSet<()>, r: &Reconciler, changes: &mpsc::Sender<Key>) {
    // A quiet watch is confirmed once per turn: more often than a copy may be old.
    let often = r.settings.stale_after() / 2;
    let turn = (r.settings.sync_period * 2).max(Duration::from_secs(5)).min(often).max(Duration::from_secs(1));
    let mut namespaces: Vec<Option<String>> = r.settings.namespaces.iter().cloned().map(Some).collect();
    if namespaces.is_empty() {
        namespaces.push(None);
    }
    for (part, namespace) in namespaces.into_iter().enumerate() {
        let scope = |group_version, plural| Scope { group_version, plural, namespace: namespace.clone(), turn, part };
        tasks.spawn(follow::<Autoscaler>(
            r.api.clone(),
            scope(GROUP_VERSION, PLURAL),
            r.autoscalers.clone(),
            Some(changes.clone()),
        ));
        tasks.spawn(follow::<WirePod>(r.api.clone(), scope("v1", "pods"), r.pods.clone(), None));
        let hpas = scope("autoscaling/v2", "horizontalpodautoscalers");
        tasks.spawn(follow::<WireHpa>(r.api.clone(), hpas, r.hpas.clone(), None));
    }
}

/// Hands due objects to workers, for ever.
async fn hand_out(shared: &Arc<Shared>, workers: &mut JoinSet<(Key, Ended)>, mut changed: mpsc::Receiver<Key>) {
    let r = &shared.reconciler;
    let mut queue = Queue::new(r.settings.sync_period - r.settings.sync_period / HEADROOM, Instant::now());
    let (mut term, mut tidied) = (0, Instant::now());
    loop {
        *shared.turned.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if r.leadership.leads() && r.leadership.term() != term {
            // Another may have led in between: begin from what the cluster says.
            term = r.leadership.term();
            r.forget_all();
            r.autoscalers.keys().iter().for_each(|key| queue.changed(key, Instant::now()));
        }
        if tidied.elapsed() > r.settings.sync_period {
            tidied = Instant::now();
            r.samples.tidy();
            r.autoscalers.keys().iter().for_each(|key| queue.known(key, Instant::now()));
        }
        // Before every copy has its first list, a look could only say that.
        let listed = shared.unready().is_none();
        while listed && workers.len() < r.settings.workers {
            let Some(key) = queue.take(Instant::now()) else { break };
            let shared = shared.clone();
            workers.spawn(async move {
                let ended = shared.reconciler.look(&key).await;
                (key, ended)
            });
        }
        let now = Instant::now();
        r.stats.queue(queue.len(), queue.waiting(now));
        let due = queue.next_due().map_or(Duration::from_millis(250), |due| due.saturating_duration_since(now));
        let nap = if listed && workers.len() < r.settings.workers {
            due.clamp(Duration::from_millis(1), Duration::from_millis(250))
        } else {
            Duration::from_millis(50)
        };
        tokio::select! {
            Some(done) = workers.join_next() => match done {
                Ok((key, ended)) => queue.done(&key, ended, Instant::now()),
                Err(error) => tracing::error!(%error, "a look broke off"),
            },
            Some(key) = changed.recv() => {
                if r.autoscalers.get(&key).is_some() {
                    queue.changed(&key, Instant::now());
                } else {
                    queue.forget(&key);
                    r.forget(&key);
                }
            }
            () = tokio::time::sleep(nap) => {}
        }
    }
}
