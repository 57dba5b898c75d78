//! A running platform: composes stations, local platform, controller, gateway, admin API and journal, and ends them in order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use skala_console::{AdminServer, Token};
use skala_controller::journal::{Event, Journal, Retention};
use skala_controller::platform::{LocalConfig, LocalPlatform, Platform as _, PlatformEvent};
use skala_controller::{ControlConfig, Controller, Outside, watch_upstreams};
use skala_gateway::{Gateway, GatewayConfig, GatewayCounters};
use skala_runtime::{Clock, Station, private};
use skala_spec::Platform;
use skala_types::Time;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use crate::history;
use crate::instance::Instance;
use crate::lower::{self, Stations};
use crate::outside::{self, Numbers};
use crate::tasks::{self, Noted, Offloads, TaskSide};

/// How long the gateway may finish open requests at the end, at most.
const MAX_GATEWAY_GRACE: Duration = Duration::from_secs(60);

/// The variable by which a replica finds the gateway.
const GATEWAY_URL: &str = "SKALA_GATEWAY_URL";

/// What an engine is started with.
pub struct Options {
    /// The checked platform.
    pub platform: Platform,
    /// The folder that relative paths in it are relative to.
    pub folder: PathBuf,
    /// Journal, logs, locks.
    pub state_dir: PathBuf,
}

/// A running platform.
pub struct Engine {
    /// What the admin API shows and directs.
    pub shared: Arc<Shared>,
    gateway: Gateway,
    admin: JoinHandle<()>,
    end_admin: watch::Sender<bool>,
    controller: JoinHandle<()>,
    upstreams: Vec<JoinHandle<()>>,
    state_dir: PathBuf,
}

/// The parts that the admin API looks at.
pub struct Shared {
    pub(crate) platform: Platform,
    pub(crate) clock: Clock,
    pub(crate) started: Time,
    pub(crate) stations: Stations,
    pub(crate) local: Arc<LocalPlatform>,
    pub(crate) controller: Arc<Controller>,
    pub(crate) numbers: Arc<Numbers>,
    pub(crate) tasks: Option<Arc<TaskSide>>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) gateway_addr: SocketAddr,
    pub(crate) admin_addr: SocketAddr,
    pub(crate) counters: Arc<GatewayCounters>,
    pub(crate) end: Notify,
    /// Why it had to end by itself.
    pub(crate) failure: OnceLock<String>,
}

impl Engine {
    /// Starts everything. Replicas start at once; they may not be ready when this returns.
    ///
    /// # Errors
    /// When the state folder is in use or not writable, or an address is taken. Nothing is left running then.
    pub async fn start(options: Options) -> anyhow::Result<Engine> {
        let Options { platform, folder, state_dir } = options;
        private::make_folder(&state_dir).with_context(|| format!("make the state folder {}", state_dir.display()))?;
        let clock = Clock::system();
        let variables = Arc::new(OnceLock::new());
        let (local, events) = local_platform(&platform, &folder, &state_dir, &clock, &variables)?;
        let local = Arc::new(local);
        let started = Self::begin(platform, folder, state_dir, clock, Arc::clone(&local), events, &variables).await;
        if started.is_err() {
            local.shutdown(Duration::ZERO).await;
        }
        started
    }

    /// Starts the tasks, then the rest; ends the tasks when the rest cannot be started.
    async fn begin(
        platform: Platform,
        folder: PathBuf,
        state_dir: PathBuf,
        clock: Clock,
        local: Arc<LocalPlatform>,
        events: mpsc::Receiver<PlatformEvent>,
        variables: &OnceLock<Variables>,
    ) -> anyhow::Result<Engine> {
        let stations = stations(&platform, &clock);
        let tasks = tasks::start(&platform, &folder, &state_dir, &clock, &stations).await?;
        if let Some(side) = &tasks {
            side.know(&local);
        }
        let started = Self::compose(platform, state_dir, clock, stations, local, events, tasks.clone(), variables).await;
        if let (Err(_), Some(side)) = (&started, &tasks) {
            side.stop(Duration::ZERO).await;
            side.tasks.shutdown(Duration::ZERO).await;
        }
        started
    }

    #[expect(clippy::too_many_arguments, reason = "the one place that puts the parts together")]
    async fn compose(
        platform: Platform,
        state_dir: PathBuf,
        clock: Clock,
        stations: Stations,
        local: Arc<LocalPlatform>,
        events: mpsc::Receiver<PlatformEvent>,
        tasks: Option<Arc<TaskSide>>,
        variables: &OnceLock<Variables>,
    ) -> anyhow::Result<Engine> {
        let mut config = GatewayConfig::new(lower::listen(&platform.gateway.listen)?);
        config.limits = lower::limits(&platform);
        let mut routes = lower::routes(&platform, &stations)?;
        if let Some(side) = &tasks {
            routes = routes.offload_to(Arc::new(Offloads::new(Arc::clone(side))));
        }
        let gateway = Gateway::bind(config, routes).context("gateway.listen")?;
        let mut known = vec![(GATEWAY_URL, near(gateway.local_addr()))];
        known.extend(tasks.iter().flat_map(|side| tasks::variables(&platform, &side.tasks)));
        let _ = variables.set(known); // no replica has been started before
        let token = platform.admin.token.as_ref().map(|t| Token::new(t.expose().to_owned()));
        let admin = AdminServer::bind(lower::listen(&platform.admin.listen)?, token).await.context("admin.listen")?;

        let path = state_dir.join(history::FILE);
        let journal = Arc::new(Journal::open(&path, Retention::default())?);
        let reader = journal.reader()?;
        let saved = reader.checkpoints().context("read what the last run saved")?;
        let kept = reader.kept().context("read what the last run kept")?;
        let limits = outside::limits(&platform)?;
        let mut scaled = Vec::new();
        let mut upstreams = Vec::new();
        for (name, service) in &platform.services {
            let station = &stations[name];
            scaled.extend(lower::scaled(&platform, name, service, station)?);
            upstreams.extend(lower::upstreams(service, station).map(|u| tokio::spawn(watch_upstreams(u, Arc::clone(&journal)))));
        }
        let numbers = Arc::new(Numbers::start(&platform, &clock, tasks.clone()));
        let controller = Controller::new(
            ControlConfig::default(),
            clock.clone(),
            Arc::clone(&journal),
            Arc::clone(&local) as _,
            scaled,
            saved,
            Outside {
                signals: Some(Arc::clone(&numbers) as _),
                limits,
                kept,
                work: tasks.as_ref().map(|side| Arc::clone(side) as _),
            },
        );
        let shared = Arc::new(Shared {
            started: clock.now(),
            clock,
            stations,
            local,
            numbers,
            tasks,
            controller: Arc::clone(&controller),
            journal,
            gateway_addr: gateway.local_addr(),
            admin_addr: admin.local_addr(),
            counters: gateway.counters(),
            platform,
            end: Notify::new(),
            failure: OnceLock::new(),
        });
        shared.note("up", format!("skala {} runs as process {}", env!("CARGO_PKG_VERSION"), std::process::id()));
        shared.attend_tasks();
        let (end_admin, ended) = watch::channel(false);
        let engine = Engine {
            admin: tokio::spawn(admin.serve(Arc::clone(&shared) as _, ended)),
            controller: tokio::spawn(controller.run(events)),
            shared,
            gateway,
            end_admin,
            upstreams,
            state_dir,
        };
        let tasks = engine.shared.tasks.as_ref().and_then(|side| side.tasks.url()).map(str::to_owned);
        let (admin, gateway) = (engine.shared.admin_addr, engine.shared.gateway_addr);
        let note = Instance { pid: std::process::id(), admin, gateway, tasks };
        note.write(&engine.state_dir).context("write into the state folder")?;
        Ok(engine)
    }

    /// Ends in order: no new requests, open ones finish, replicas drain and stop, the journal is written. `force` completing
    /// cuts it short. `false` when something had to be left behind.
    pub async fn stop(self, force: impl Future<Output = ()>) -> bool {
        let shared = Arc::clone(&self.shared);
        shared.note("down", "ends in order".into());
        let grace = shared.platform.services.values().map(|s| s.drain.get()).max().unwrap_or_default();
        // What attempts come to can no longer be written down.
        let grace_of_tasks = if shared.failure.get().is_some() { Duration::ZERO } else { grace };
        let orderly = async {
            let gateway = self.gateway.shutdown(grace.min(MAX_GATEWAY_GRACE));
            // Nothing more is given out, and what runs finishes while the replicas are still there.
            let tasks = async {
                if let Some(side) = &shared.tasks {
                    tokio::join!(side.stop(grace_of_tasks), side.tasks.shutdown(grace_of_tasks));
                }
            };
            tokio::join!(gateway, tasks);
            shared.controller.shut_down().await
        };
        let clean = tokio::select! {
            clean = orderly => clean,
            () = force => false,
        };
        let clean = shared.local.shutdown(Duration::ZERO).await && clean;
        if let Some(side) = &shared.tasks {
            // An end that was cut short: what is left is handed back and written down.
            side.stop(Duration::ZERO).await;
            side.tasks.shutdown(Duration::ZERO).await;
        }
        self.upstreams.iter().for_each(JoinHandle::abort);
        self.controller.abort();
        shared.numbers.stop().await;
        // The last answers of the admin API may fail to be sent; nobody waits for them longer than this.
        let _ = self.end_admin.send(true);
        let _ = tokio::time::timeout(Duration::from_secs(2), self.admin).await;
        shared.note("ended", if clean { "every replica has ended".into() } else { "some replicas had to be killed".into() });
        shared.journal.flush(Duration::from_secs(5));
        Instance::remove(&self.state_dir);
        clean
    }
}

impl Shared {
    /// Notes what happens to tasks, and hurries the controller when tasks come that no replica is there for.
    fn attend_tasks(self: &Arc<Self>) {
        let Some(side) = &self.tasks else { return };
        let (side_of_events, shared) = (Arc::clone(side), Arc::clone(self));
        side.attend(tokio::spawn(async move {
            let clock = shared.clock.clone();
            side_of_events.note_events(|| clock.now(), |noted| shared.note_of_tasks(noted)).await;
        }));
        let (side_of_store, shared) = (Arc::clone(side), Arc::clone(self));
        side.attend(tokio::spawn(async move {
            let why = side_of_store.broken().await;
            shared.note("tasksFailed", format!("the store of tasks cannot be used any longer: {why}"));
            // Nobody else sets it.
            let _ = shared.failure.set(why);
            shared.end.notify_one();
        }));
        for wakes in side.pull_wakes() {
            let controller = Arc::clone(&self.controller);
            side.attend(tokio::spawn(async move {
                loop {
                    wakes.notified().await;
                    controller.hurry();
                }
            }));
        }
    }

    fn note_of_tasks(&self, noted: Noted) {
        let Noted { service, kind, text } = noted;
        tracing::info!(target: "skala::events", "{kind}: {text}");
        let service = service.map(|s| s.as_str().into());
        self.journal.event(Event { at: self.clock.now(), service, replica: None, kind: kind.into(), text });
    }

    /// Notes something that skala itself did.
    pub(crate) fn note(&self, kind: &str, text: String) {
        tracing::info!(target: "skala::events", "skala {kind}: {text}");
        self.journal.event(Event { at: self.clock.now(), service: None, replica: None, kind: kind.into(), text });
    }
}

/// What replicas must know to find skala.
type Variables = Vec<(&'static str, String)>;

/// The address by which a process of this machine reaches one who listens: loopback where that is everywhere.
fn near(listening: SocketAddr) -> String {
    let at = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(at, listening.port()))
}

fn stations(platform: &Platform, clock: &Clock) -> Stations {
    // The balancer's choices need to differ between runs, not to be secret.
    let seed = clock.now().as_nanos();
    let routes = platform.routes();
    let make = |(name, service): (&skala_types::ServiceName, &skala_spec::model::Service)| {
        let balance = routes.iter().filter(|r| r.service == *name).find_map(|r| r.balance);
        (name.clone(), Station::new(name.clone(), service.station(balance), clock.clone(), seed))
    };
    platform.services.iter().map(make).collect()
}

fn local_platform(
    platform: &Platform,
    folder: &Path,
    state_dir: &Path,
    clock: &Clock,
    variables: &Arc<OnceLock<Variables>>,
) -> anyhow::Result<(LocalPlatform, mpsc::Receiver<PlatformEvent>)> {
    let now = clock.clone();
    let mut config = LocalConfig::new(state_dir, Arc::new(move || now.now()));
    let own = std::env::current_exe().context("find skala's own program")?;
    config.guardian = Some(vec![own.display().to_string(), "__guardian".into()]);
    config.reserved_ports = BTreeSet::from([platform.gateway.listen.port(), platform.admin.listen.port()]);
    if platform.has_tasks() {
        config.reserved_ports.insert(platform.tasks.listen.port());
    }
    let (known, has_tasks) = (Arc::clone(variables), platform.has_tasks());
    config.variables = Some(Arc::new(move |service, replica| {
        let mut all = known.get().cloned().unwrap_or_default();
        if has_tasks {
            all.extend(tasks::of_replica(service, replica));
        }
        all
    }));
    let folder = std::path::absolute(folder).context("find the platform file's folder")?;
    let specs: BTreeMap<_, _> = platform
        .services
        .iter()
        .filter_map(|(name, s)| Some((name.clone(), lower::process(platform, name, s, &folder)?)))
        .collect();
    Ok(LocalPlatform::new(config, specs)?)
}

impl Shared {
    /// Whether every service that skala runs has at least its smallest number of replicas ready.
    pub(crate) fn is_ready(&self) -> bool {
        let replicas = self.local.replicas();
        self.controller.services().iter().all(|s| {
            let ready = replicas.iter().filter(|r| r.service == s.name && r.phase == skala_controller::platform::Phase::Ready);
            ready.count() >= s.bounds.0.0 as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_reach_the_gateway_by_loopback_when_it_listens_everywhere() {
        let rows = [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("10.0.0.5:80", "http://10.0.0.5:80"),
        ];
        for (listening, url) in rows {
            assert_eq!(near(listening.parse().unwrap()), url);
        }
    }
}
