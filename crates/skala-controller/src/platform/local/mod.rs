//! Replicas as supervised process groups on this machine.
//!
//! Decides: nothing about how many replicas there are; keeps each one that it was told to start running until it is told to stop.
//! Inputs: [`ProcessSpec`]s, orders through [`Platform`], a clock.
//! Method: one task per replica (`replica`, `life`), one thread that forks (`spawn`), one that writes logs (`log_file`), one task that
//! measures (`usage`), and a guardian process for the day when skala is killed (`guardian`).
//! Invariants: nothing that a replica started outlives its stop; nothing at all outlives skala; events are dropped, and counted, rather
//! than waited for when nobody takes them.
//! Tested: `tests/local/` with real processes.

mod cgroup;
mod cgroup_layout;
mod command;
mod exit;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guardian;
mod instance;
mod life;
mod lines;
mod log_file;
pub mod logs;
mod output;
mod port;
mod procfs;
mod readiness;
mod registry;
mod replica;
mod spawn;
mod usage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use skala_types::{ReplicaId, ServiceName, Time};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use guardian::guardian_main;

use self::cgroup::Layout;
use self::instance::{Charge, Instance};
use self::log_file::LogWriter;
use self::output::Output;
use self::port::Ports;
use self::procfs::{Census, Tag};
use self::registry::Entry;
use self::replica::{Key, Replica};
use self::spawn::Spawner;
use crate::platform::{Platform, PlatformError, PlatformEvent, ProcessSpec, ReplicaStatus, Size};

/// Events that wait for the control loop; it takes them each second.
const EVENTS: usize = 4096;
/// Logs of replicas that are gone, kept per service.
const OLD_LOGS: usize = 20;
/// Time beyond the grace after which a shutdown gives up on processes stuck in the kernel.
const SHUTDOWN_SLACK: Duration = Duration::from_secs(10);

/// The platform's clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Whether control groups are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UseCgroups {
    /// Where the system lets skala create them.
    #[default]
    Auto,
    /// Never: usage comes from /proc and limits are not enforced.
    Never,
}

/// How the local platform works.
#[derive(Clone)]
pub struct LocalConfig {
    /// The state folder; holds logs and what is needed to clear up after a crash.
    pub state_dir: PathBuf,
    /// Where `now` comes from.
    pub clock: Clock,
    /// The command that runs [`guardian_main`]; without one, only main processes are sure to die when skala is killed.
    pub guardian: Option<Vec<String>>,
    /// Ports that no replica may get: those that skala is going to listen on.
    pub reserved_ports: BTreeSet<u16>,
    /// Whether control groups are used.
    pub cgroups: UseCgroups,
    /// Further variables of a replica, asked for at each start of its process; its own `env` comes before them.
    pub variables: Option<Variables>,
}

/// Variables of a replica that are known only when it starts.
pub type Variables = Arc<dyn Fn(&ServiceName, ReplicaId) -> Vec<(&'static str, String)> + Send + Sync>;

impl LocalConfig {
    /// A configuration without guardian and reserved ports.
    pub fn new(state_dir: impl Into<PathBuf>, clock: Clock) -> LocalConfig {
        LocalConfig {
            state_dir: state_dir.into(),
            clock,
            guardian: None,
            reserved_ports: BTreeSet::new(),
            cgroups: UseCgroups::Auto,
            variables: None,
        }
    }
}

/// Replicas as processes of this machine. Dropping it kills them; [`LocalPlatform::shutdown`] ends them in good order.
pub struct LocalPlatform {
    inner: Arc<Inner>,
    specs: BTreeMap<ServiceName, Arc<ProcessSpec>>,
    guardian: Mutex<Option<JoinHandle<()>>>,
}

/// What all parts share.
struct Inner {
    runtime: Handle,
    variables: Option<Variables>,
    state_dir: PathBuf,
    clock: Clock,
    instance: Instance,
    /// Where control groups are made, or why not.
    layout: Result<Layout, String>,
    charge: watch::Sender<Charge>,
    spawner: Spawner,
    writer: LogWriter,
    ports: Mutex<Ports>,
    census: Mutex<Census>,
    replicas: Mutex<BTreeMap<Key, Entry>>,
    /// Supervisors at work; a replica is gone from `replicas` a moment before its supervisor is.
    working: watch::Sender<usize>,
    noted: Mutex<BTreeSet<ServiceName>>,
    events: mpsc::Sender<PlatformEvent>,
    dropped: AtomicU64,
    closing: AtomicBool,
}

impl LocalPlatform {
    /// Claims the state folder, ends what an earlier run left behind (which may block for some seconds) and begins.
    ///
    /// Must be called inside a tokio runtime with time and I/O enabled. Becomes the reaper of processes that replicas abandon
    /// (`PR_SET_CHILD_SUBREAPER`).
    ///
    /// # Errors
    /// When the state folder is in use by another skala or cannot be written, or threads cannot be started.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(
        config: LocalConfig,
        specs: BTreeMap<ServiceName, ProcessSpec>,
    ) -> Result<(LocalPlatform, mpsc::Receiver<PlatformEvent>), PlatformError> {
        let runtime = Handle::current();
        let mut instance = Instance::claim(&config.state_dir)?;
        let layout = match config.cgroups {
            UseCgroups::Auto => cgroup_layout::detect(&Charge::folder_name(&instance.id)),
            UseCgroups::Never => Err("control groups are switched off".to_owned()),
        };
        let cgroups = layout.as_ref().map(Layout::dirs).unwrap_or_default();
        instance.record(&cgroups)?;
        if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
            tracing::debug!(%error, "abandoned processes go to process 1");
        }
        let charge = watch::Sender::new(Charge { instance: instance.id.clone(), cgroups, ..Charge::default() });
        let guardian = config.guardian.map(|command| tokio::spawn(guardian::keep(command, charge.subscribe())));
        let (events, inbox) = mpsc::channel(EVENTS);
        let seed = u64::from_str_radix(&instance.id, 16).unwrap_or(0);
        let inner = Arc::new(Inner {
            variables: config.variables,
            spawner: Spawner::new(runtime.clone())?,
            writer: LogWriter::new(logs_dir(&config.state_dir))?,
            ports: Mutex::new(Ports::new(config.reserved_ports, seed)),
            census: Mutex::new(Census::new(&instance.id)),
            runtime,
            state_dir: config.state_dir,
            clock: config.clock,
            instance,
            layout,
            charge,
            replicas: Mutex::default(),
            working: watch::Sender::new(0),
            noted: Mutex::default(),
            events,
            dropped: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        });
        tokio::spawn(usage::sample(Arc::downgrade(&inner)));
        let specs = specs.into_iter().map(|(name, spec)| (name, Arc::new(spec))).collect();
        Ok((LocalPlatform { inner, specs, guardian: Mutex::new(guardian) }, inbox))
    }

    /// Stops every replica, waits until all are gone, and removes what the platform made. Called again, with a shorter grace, it
    /// shortens the first. True when nothing is left behind.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.inner.closing.store(true, Ordering::SeqCst);
        self.inner.stop_all(grace);
        let mut working = self.inner.working.subscribe();
        let gone = tokio::time::timeout(grace + SHUTDOWN_SLACK, working.wait_for(|count| *count == 0)).await.is_ok();
        self.inner.writer.flush().await;
        for dir in self.inner.charge.borrow().cgroups.iter() {
            cgroup::remove_tree(dir);
        }
        if gone {
            self.inner.charge.send_modify(|charge| charge.done = true);
            let guardian = locked(&self.guardian).take();
            if let Some(guardian) = guardian {
                let _ = guardian.await; // it ends within two seconds
            }
        }
        gone
    }

    /// Events that nobody took in time, since the start.
    pub fn dropped_events(&self) -> u64 {
        self.inner.dropped.load(Ordering::Relaxed)
    }
}

impl Platform for LocalPlatform {
    fn start(&self, service: &ServiceName, id: ReplicaId) -> Result<(), PlatformError> {
        let named = |make: fn(ServiceName, ReplicaId) -> PlatformError| make(service.clone(), id);
        let unknown = || named(|service, id| PlatformError::UnknownService { service, id });
        let spec = self.specs.get(service).cloned().ok_or_else(unknown)?;
        if self.inner.closing.load(Ordering::SeqCst) {
            return Err(named(|service, id| PlatformError::ShuttingDown { service, id }));
        }
        let key = (service.clone(), id);
        let stop = self.inner.admit(&key).ok_or_else(|| named(|service, id| PlatformError::Exists { service, id }))?;
        let tag = tag_of(&key);
        let awaited = match &spec.readiness.when {
            crate::platform::ReadyWhen::Logs(text) => Some(text.clone()),
            crate::platform::ReadyWhen::Answers(_) | crate::platform::ReadyWhen::Lives(_) => None,
        };
        let output = Output::new(tag.clone(), self.inner.clock.clone(), spec.log, self.inner.writer.clone(), awaited);
        let replica = Replica { inner: self.inner.clone(), key, tag, spec, output, stop };
        self.inner.runtime.spawn(replica.supervise());
        Ok(())
    }

    fn stop(&self, service: &ServiceName, id: ReplicaId, grace: Duration) {
        self.inner.stop(&(service.clone(), id), Instant::now() + grace);
    }

    fn resize(&self, service: &ServiceName, id: ReplicaId, size: &Size) -> Result<(), PlatformError> {
        let key = (service.clone(), id);
        self.inner.resize(&key, size).map_err(|why| PlatformError::Resize { service: service.clone(), id, why })
    }

    fn replicas(&self) -> Vec<ReplicaStatus> {
        locked(&self.inner.replicas).values().map(|entry| entry.status.clone()).collect()
    }
}

impl Drop for LocalPlatform {
    /// Kills what still runs and removes what the platform made; takes some tens of milliseconds unless a process is stuck.
    fn drop(&mut self) {
        self.inner.closing.store(true, Ordering::SeqCst);
        self.inner.stop_all(Duration::ZERO);
        let charge = self.inner.charge.borrow().clone();
        if !charge.done {
            charge.end();
        }
    }
}

/// The folder of logs in a state folder.
fn logs_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("logs")
}

/// The name of a replica in paths, markers and logs. Letters that do not belong in a file name become `_`.
fn tag_of((service, id): &Key) -> Tag {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let service: String = service.as_str().chars().map(plain).collect();
    format!("{service}-{id}").into()
}

/// Locks; a panic elsewhere while holding a lock leaves data that is still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
