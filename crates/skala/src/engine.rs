//! A running platform: composes stations, local platform, controller, gateway, admin API and journal, and ends them in order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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

/// How long the gateway may finish open requests at the end, at most.
const MAX_GATEWAY_GRACE: Duration = Duration::from_secs(60);

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
    pub(crate) journal: Arc<Journal>,
    pub(crate) gateway_addr: SocketAddr,
    pub(crate) admin_addr: SocketAddr,
    pub(crate) counters: Arc<GatewayCounters>,
    pub(crate) end: Notify,
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
        let (local, events) = local_platform(&platform, &folder, &state_dir, &clock)?;
        let local = Arc::new(local);
        let started = Self::compose(platform, state_dir, clock, Arc::clone(&local), events).await;
        if started.is_err() {
            local.shutdown(Duration::ZERO).await;
        }
        started
    }

    async fn compose(
        platform: Platform,
        state_dir: PathBuf,
        clock: Clock,
        local: Arc<LocalPlatform>,
        events: mpsc::Receiver<PlatformEvent>,
    ) -> anyhow::Result<Engine> {
        let stations = stations(&platform, &clock);
        let mut config = GatewayConfig::new(lower::listen(&platform.gateway.listen)?);
        config.limits = lower::limits(&platform);
        let gateway = Gateway::bind(config, lower::routes(&platform, &stations)?).context("gateway.listen")?;
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
        let numbers = Arc::new(Numbers::start(&platform, &clock));
        let controller = Controller::new(
            ControlConfig::default(),
            clock.clone(),
            Arc::clone(&journal),
            Arc::clone(&local) as _,
            scaled,
            saved,
            Outside { signals: Some(Arc::clone(&numbers) as _), limits, kept },
        );
        let shared = Arc::new(Shared {
            started: clock.now(),
            clock,
            stations,
            local,
            numbers,
            controller: Arc::clone(&controller),
            journal,
            gateway_addr: gateway.local_addr(),
            admin_addr: admin.local_addr(),
            counters: gateway.counters(),
            platform,
            end: Notify::new(),
        });
        shared.note("up", format!("skala {} runs as process {}", env!("CARGO_PKG_VERSION"), std::process::id()));
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
        let note = Instance { pid: std::process::id(), admin: engine.shared.admin_addr, gateway: engine.shared.gateway_addr };
        note.write(&engine.state_dir).context("write into the state folder")?;
        Ok(engine)
    }

    /// Ends in order: no new requests, open ones finish, replicas drain and stop, the journal is written. `force` completing
    /// cuts it short. `false` when something had to be left behind.
    pub async fn stop(self, force: impl Future<Output = ()>) -> bool {
        let shared = Arc::clone(&self.shared);
        shared.note("down", "ends in order".into());
        let grace = shared.platform.services.values().map(|s| s.drain.get()).max().unwrap_or_default();
        let orderly = async {
            self.gateway.shutdown(grace.min(MAX_GATEWAY_GRACE)).await;
            shared.controller.shut_down().await
        };
        let clean = tokio::select! {
            clean = orderly => clean,
            () = force => false,
        };
        let clean = shared.local.shutdown(Duration::ZERO).await && clean;
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
    /// Notes something that skala itself did.
    pub(crate) fn note(&self, kind: &str, text: String) {
        tracing::info!(target: "skala::events", "skala {kind}: {text}");
        self.journal.event(Event { at: self.clock.now(), service: None, replica: None, kind: kind.into(), text });
    }
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
) -> anyhow::Result<(LocalPlatform, mpsc::Receiver<PlatformEvent>)> {
    let now = clock.clone();
    let mut config = LocalConfig::new(state_dir, Arc::new(move || now.now()));
    let own = std::env::current_exe().context("find skala's own program")?;
    config.guardian = Some(vec![own.display().to_string(), "__guardian".into()]);
    config.reserved_ports = BTreeSet::from([platform.gateway.listen.port(), platform.admin.listen.port()]);
    let folder = std::path::absolute(folder).context("find the platform file's folder")?;
    let specs: BTreeMap<_, _> =
        platform.services.iter().filter_map(|(name, s)| Some((name.clone(), lower::process(s, &folder)?))).collect();
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
