//! Commands: a process of this machine per task, its body on stdin, its result on stdout.
//!
//! Decides: nothing about tasks; how many processes run is the queue's `concurrency`.
//! Invariants: no process outlives its attempt by more than the grace, nor skala.
//! Tested: `tests/it/deliver/command.rs`.

mod attempt;
mod exit;
mod fork;
mod output;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use skala_queue::{Cause, MOST_AT_ONCE, QueueId};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::attempt::Limits;
use self::fork::Forker;
use super::figures::{Deliveries, Figures};
use super::keep::{Hold, Keeper};
use super::settle::{self, Endings, Settled};
use super::{Ending, Source};
use crate::{Job, TakeAsk};

/// How often the queue is looked at although nobody called.
const LOOK: Duration = Duration::from_secs(1);
/// How long a queue pauses whose command cannot be started.
const UNSTARTABLE: Duration = Duration::from_secs(5);
/// Longest time for stopped processes to end and be settled.
const STOPPED: Duration = Duration::from_secs(5);

/// A queue whose tasks are processes.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// The queue.
    pub queue: QueueId,
    /// Program and arguments; at least the program.
    pub command: Vec<String>,
    /// Where it runs; none: where skala does.
    pub folder: Option<PathBuf>,
    /// Environment beside skala's own and `SKALA_*`; `SKALA_TASKS_URL` and its token belong here.
    pub env: Vec<(String, String)>,
    /// Processes at once, at least 1.
    pub concurrency: u32,
}

impl std::fmt::Debug for CommandSettings {
    /// Without the environment, which holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandSettings").field("queue", &self.queue).field("command", &self.command).finish_non_exhaustive()
    }
}

/// Delivers the tasks of one queue to processes.
#[derive(Debug)]
pub struct Commands {
    keeper: Arc<Keeper>,
    queue: QueueId,
    figures: Arc<Figures>,
    stop: Arc<Stop>,
    runner: JoinHandle<()>,
    keeping: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Stop {
    is_stopping: AtomicBool,
    wake: Arc<Notify>,
}

impl Commands {
    /// Starts to deliver. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When there is no command, or no thread to start it from.
    pub fn start<S: Source>(source: Arc<S>, settings: CommandSettings) -> io::Result<Commands> {
        if settings.command.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a command needs at least a program"));
        }
        let (keeper, stop) = (Arc::new(Keeper::default()), Arc::new(Stop::default()));
        let (figures, queue) = (Arc::new(Figures::default()), settings.queue);
        let shared = Shared {
            forker: Forker::new(Handle::current())?,
            endings: settle::start(Arc::clone(&source), Arc::clone(&stop.wake), Arc::clone(&figures)),
            running: AtomicUsize::new(0),
            source: Arc::clone(&source),
            settings,
        };
        let runner = tokio::spawn(run(Arc::new(shared), Arc::clone(&keeper), Arc::clone(&stop)));
        let keeping = tokio::spawn(Arc::clone(&keeper).run(source));
        Ok(Commands { keeper, queue, figures, stop, runner, keeping })
    }

    /// Processes that run, or whose end is not on disk yet.
    pub fn running(&self) -> usize {
        self.keeper.len()
    }

    /// What became of its attempts.
    pub fn figures(&self) -> Deliveries {
        self.figures.read(self.keeper.len())
    }

    /// The queue.
    pub fn queue(&self) -> QueueId {
        self.queue
    }

    /// Begins nothing new, and waits up to `grace` for what runs; the rest gets SIGTERM, then SIGKILL, and is handed back.
    pub async fn stop(self, grace: Duration) {
        self.stop.is_stopping.store(true, Ordering::Relaxed);
        self.stop.wake.notify_one();
        let _ = self.runner.await;
        if tokio::time::timeout(grace, self.keeper.emptied()).await.is_err() {
            self.keeper.stop_all();
            let _ = tokio::time::timeout(STOPPED, self.keeper.emptied()).await;
        }
        self.keeping.abort();
    }
}

struct Shared<S> {
    source: Arc<S>,
    settings: CommandSettings,
    forker: Forker,
    endings: Endings,
    running: AtomicUsize,
}

async fn run<S: Source>(shared: Arc<Shared<S>>, keeper: Arc<Keeper>, stop: Arc<Stop>) {
    let woken = shared.source.wakes(shared.settings.queue);
    let ask = TakeAsk {
        queues: vec![shared.settings.queue],
        worker: format!("command-{}", std::process::id()).into(),
        ..TakeAsk::default()
    };
    while !stop.is_stopping.load(Ordering::Relaxed) {
        let most =
            (shared.settings.concurrency as usize).saturating_sub(shared.running.load(Ordering::Acquire)).min(MOST_AT_ONCE);
        let jobs =
            if most == 0 { Vec::new() } else { shared.source.take(&TakeAsk { most, ..ask.clone() }).await.unwrap_or_default() };
        if jobs.is_empty() {
            tokio::select! {
                () = woken.notified() => {}
                () = stop.wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        for job in jobs {
            shared.running.fetch_add(1, Ordering::AcqRel);
            let hold = keeper.hold(&job.leased, shared.source.now().at);
            tokio::spawn(attempt(Arc::clone(&shared), job, hold));
        }
    }
}

async fn attempt<S: Source>(shared: Arc<Shared<S>>, job: Job, mut hold: Hold) {
    let (source, settings) = (&shared.source, &shared.settings);
    let grace = source.settings(job.leased.queue).map_or(Duration::ZERO, |queue| queue.grace);
    let limits = Limits { timeout: source.instant(job.leased.deadline), grace };
    let ending = match attempt::make(&shared.forker, settings, &job, &mut hold, limits, source.now()).await {
        Ok(ending) => ending,
        Err(error) => {
            tracing::warn!(command = settings.command[0], %error, queue = %job.queue, "a task's command cannot be started; its queue pauses");
            source.slow(job.leased.queue, Some(UNSTARTABLE));
            Some(Ending::Unbegun)
        }
    };
    if let Some(Ending::Failed { death, retry_after, .. }) = &ending
        && death.cause == Cause::Limited
    {
        source.slow(job.leased.queue, *retry_after);
    }
    shared.running.fetch_sub(1, Ordering::AcqRel);
    if let Some(ending) = ending {
        let _ = shared.endings.send(Settled { hold, ending }).await;
    }
}
