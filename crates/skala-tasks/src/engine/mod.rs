//! The task server's handle: a core behind a lock, a writer, and those who wait for both.
//!
//! Decides: nothing about tasks ([`skala_queue::Core`] does); whose turn it is to be answered, and what is refused when the disk lags.
//! Method: a call locks the core for some microseconds and hands its changes to the writer under the same lock, so their order is
//!   the core's; the caller is answered when they are on disk.

mod bodies;
mod clock;
mod commits;
mod config;
mod enqueue;
mod error;
mod fire;
mod give;
mod lead;
mod look;
mod metrics;
mod outbox;
mod readers;
mod role;
mod shared;
mod takers;
mod term;
mod watches;
mod words;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use skala_queue::{
    Ack, Answer, Change, CoreEvent, Enqueued, Fence, Firing, Label, LeaseError, Nack, NewTask, Now, Phase, QueueId,
    QueueSettings, QueueStats, Restored, TaskId, Why,
};
use skala_types::Text;
use tokio::sync::{Notify, broadcast, watch};

pub use clock::TaskClock;
pub use config::{Bounds, TasksConfig};
pub use error::{StartError, TasksError};
pub use role::Role;
pub use words::{Each, Elsewhere, Extend, ExtendedEach, Job, ScheduleCall, Schedules, TakeAsk, TaskView};

use self::shared::Shared;
use self::term::{Inner, Over};
use crate::api;
use crate::store::{Candidate, Filter, LayeredStore, Store, Stored};

/// Tasks that are purged under one hold of the lock.
const PURGED_AT_ONCE: usize = 1000;

/// A running task server. Shared by everything that enqueues, works or asks.
pub struct Tasks {
    shared: Arc<Shared>,
    url: Option<String>,
    stop: lead::Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
    timer: tokio::task::AbortHandle,
    api: Mutex<Option<api::Server>>,
}

impl Tasks {
    /// Opens the API, takes the lead of the store if nobody has it, and reads what it holds. Returns once it leads or follows.
    ///
    /// # Errors
    /// When the store cannot be read, or the API's address not be used.
    pub async fn start(config: TasksConfig, store: Box<dyn Store>, clock: TaskClock) -> Result<Arc<Tasks>, StartError> {
        let listener = config.listen.map(|at| api::Listener::bind(at, config.token.as_deref())).transpose()?;
        let url = listener.as_ref().map(|l| config.advertise.clone().unwrap_or_else(|| l.url()));
        let me = Candidate { name: config.name.clone(), url: url.clone().unwrap_or_default() };
        let store = LayeredStore::of_queues(store, &config.queues);
        let shared = Shared::new(config, clock);
        let (stop, thread, first) = lead::start(Arc::clone(&shared), store, me)?;
        if let Ok(first) = first.await {
            first?;
        }
        let timer = tokio::spawn(run_timer(Arc::clone(&shared))).abort_handle();
        let (thread, api) = (Mutex::new(Some(thread)), Mutex::new(None));
        let tasks = Arc::new(Tasks { shared, url, stop, thread, timer, api });
        if let Some(listener) = listener {
            let at = listener.at();
            let server = listener.serve(&tasks).map_err(|source| StartError::Listen { address: at, source })?;
            *tasks.api.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        }
        Ok(tasks)
    }

    /// Where the API answers: `http://127.0.0.1:7702`.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The clocks.
    pub fn clock(&self) -> &TaskClock {
        &self.shared.clock
    }

    /// Whether this process leads, and each change of that.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.shared.role.subscribe()
    }

    /// The number of a queue.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        let queues = self.shared.queues.load();
        let at = queues.iter().position(|q| q.name.as_str() == name)?;
        u16::try_from(at).ok().map(QueueId)
    }

    /// The settings of a queue.
    pub fn settings(&self, queue: QueueId) -> Option<Arc<QueueSettings>> {
        self.shared.queues.load().get(usize::from(queue.0)).cloned()
    }

    /// Replaces the settings of queues; one that is no more keeps its tasks, paused.
    pub fn set_queues(&self, queues: Vec<QueueSettings>) {
        self.shared.set_queues(queues);
    }

    /// Takes in up to 128 tasks, all or none. Returns once they are on disk.
    ///
    /// # Errors
    /// When one is refused, the disk is full, or this process does not lead.
    pub async fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>, TasksError> {
        enqueue::enqueue(&self.shared, tasks, |_| Vec::new()).await
    }

    /// As [`Tasks::enqueue`], together with other changes, such as a schedule's firing: all or none. `extra` is called under the lock;
    /// without tasks the other changes are written alone.
    ///
    /// # Errors
    /// As for [`Tasks::enqueue`].
    pub async fn enqueue_with(
        &self,
        tasks: Vec<NewTask>,
        extra: impl FnOnce(&[Enqueued]) -> Vec<Change> + Send,
    ) -> Result<Vec<Enqueued>, TasksError> {
        enqueue::enqueue(&self.shared, tasks, extra).await
    }

    /// Gives out ready tasks, and waits up to `wait` for the first. Empty when none came.
    ///
    /// # Errors
    /// When this process does not lead, shuts down, or too many wait.
    pub async fn take(&self, ask: &TakeAsk, wait: Duration) -> Result<Vec<Job>, TasksError> {
        give::give(&self.shared, ask, wait).await
    }

    /// Extends leases and notes progress.
    ///
    /// # Errors
    /// When this process does not lead. Stale leases are errors of their own.
    pub fn extend(&self, extends: &[Extend]) -> Result<ExtendedEach, TasksError> {
        let term = self.shared.leading()?;
        let (each, _) = term.call(|inner, now| {
            let one = |e: &Extend| inner.core.extend(e.id, e.fence, e.progress.as_deref(), now).map_err(TasksError::from);
            extends.iter().map(one).collect::<ExtendedEach>()
        });
        if !self.shared.watches.is_empty() {
            let news = extends.iter().zip(&each).filter(|(e, each)| e.progress.is_some() && each.is_ok());
            news.for_each(|(e, _)| self.shared.watches.tell(e.id));
        }
        Ok(each)
    }

    /// Tasks are done. Returns once that is on disk.
    ///
    /// # Errors
    /// When this process does not lead, or the disk lags. Stale leases are errors of their own.
    pub async fn ack(&self, acks: Vec<Ack>) -> Result<Each<()>, TasksError> {
        self.answer(acks, |inner, ack, now| inner.core.ack(ack, now)).await
    }

    /// Attempts have failed, or are handed back unbegun. Returns once that is on disk.
    ///
    /// # Errors
    /// As for [`Tasks::ack`].
    pub async fn nack(&self, nacks: Vec<Nack>) -> Result<Each<()>, TasksError> {
        self.answer(nacks, |inner, nack, now| inner.core.nack(nack, now)).await
    }

    /// Whether an effect of this key may take place: `true` the first time. Returns once that is on disk.
    ///
    /// # Errors
    /// When the fence is stale, or as for [`Tasks::ack`].
    pub async fn once(&self, task: TaskId, fence: Fence, key: &str) -> Result<bool, TasksError> {
        let term = self.shared.leading()?;
        let asked = key.to_owned();
        let before = term.readers.read(move |reader| reader.effect(&asked)).await?;
        // The fence counts even where the answer is known.
        let (first, ticket) = term.call(|inner, now| {
            if before.is_some() {
                return inner.core.extend(task, fence, None, now).map(|_| false);
            }
            inner.core.once(task, fence, key, now).map(|answer| inner.out.add(answer))
        });
        let first = first?;
        term.on_disk(ticket).await?;
        Ok(first)
    }

    /// All leases of a worker that was seen to die are void at once. How many.
    ///
    /// # Errors
    /// When this process does not lead.
    pub fn worker_died(&self, worker: &str, message: &str, log: &[String]) -> Result<usize, TasksError> {
        let term = self.shared.leading()?;
        Ok(term.call(|inner, now| inner.out.add(inner.core.worker_died(worker, message, log, now))).0)
    }

    /// Calls a task off, and those that wait for it. How many.
    ///
    /// # Errors
    /// When no unfinished task has the id, or as for [`Tasks::ack`].
    pub async fn cancel(&self, task: TaskId) -> Result<usize, TasksError> {
        let term = self.shared.leading()?;
        let (called_off, ticket) = term.call(|inner, now| inner.core.cancel(task, now).map(|answer| inner.out.add(answer)));
        let called_off = called_off.map_err(|_| TasksError::NoTask(task))?;
        term.on_disk(ticket).await?;
        self.shared.watches.tell(task);
        Ok(called_off)
    }

    /// A dead or cancelled task begins anew.
    ///
    /// # Errors
    /// When there is no such task, it has not ended badly, or its queue is full.
    pub async fn revive(&self, task: TaskId) -> Result<(), TasksError> {
        let term = self.shared.leading()?;
        let view = look::task(&self.shared, task).await?;
        if !matches!(view.phase(), Phase::Dead | Phase::Cancelled) {
            let words = "only a dead or cancelled task can begin anew; this one is neither";
            return Err(TasksError::State(words.to_owned()));
        }
        // Of one whose time is over only the key is left, while it holds.
        if self.body(task).await?.is_none() {
            let words = "its body is no longer kept: enqueue it again, with another key if it had one";
            return Err(TasksError::State(words.to_owned()));
        }
        let row = view.stored.row;
        let (revived, ticket) = term.call(|inner, now| {
            inner.has_room()?;
            let answer = inner.core.revive(&row, now).map_err(|refusal| TasksError::Refused { place: 0, refusal })?;
            inner.out.add(answer);
            Ok::<(), TasksError>(())
        });
        revived?;
        term.on_disk(ticket).await
    }

    /// Pauses or resumes a queue.
    ///
    /// # Errors
    /// As for [`Tasks::ack`].
    pub async fn pause(&self, queue: QueueId, paused: bool) -> Result<(), TasksError> {
        let term = self.shared.leading()?;
        let ((), ticket) = term.call(|inner, now| inner.out.add(inner.core.pause(queue, paused, now)));
        term.on_disk(ticket).await
    }

    /// Forgets up to `most` tasks of a queue that nobody works on. How many.
    ///
    /// # Errors
    /// As for [`Tasks::ack`].
    pub async fn purge(&self, queue: QueueId, most: usize) -> Result<usize, TasksError> {
        let term = self.shared.leading()?;
        let mut gone = 0;
        // In pieces, so that nobody waits long for the lock.
        while gone < most {
            let piece = (most - gone).min(PURGED_AT_ONCE);
            let (purged, ticket) = term.call(|inner, now| inner.out.add(inner.core.purge(queue, piece, now)));
            term.on_disk(ticket).await?;
            gone += purged;
            // A piece may find fewer than there are.
            if purged == 0 {
                break;
            }
        }
        Ok(gone)
    }

    /// What a queue's workers call has no capacity: the queue slows down.
    pub fn slow(&self, queue: QueueId, retry_after: Option<Duration>) {
        if let Ok(term) = self.shared.leading() {
            term.call(|inner, now| inner.core.slow(queue, retry_after, now));
        }
    }

    /// One task.
    ///
    /// # Errors
    /// When there is none, or the store cannot be read.
    pub async fn task(&self, id: TaskId) -> Result<TaskView, TasksError> {
        look::task(&self.shared, id).await
    }

    /// A task's label and body, while it is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn body(&self, id: TaskId) -> Result<Option<(Label, Bytes)>, TasksError> {
        let read = self.shared.leading()?.readers.read(move |reader| reader.bodies(&[id])).await?;
        Ok(read.into_iter().next().flatten())
    }

    /// Where a task that was listed is now.
    pub fn phase(&self, stored: &Stored) -> Phase {
        let phase = stored.row.progressed.phase;
        if stored.ended.is_some() {
            return phase;
        }
        let live = |inner: &Inner, now| inner.core.ask(stored.row.id, now).map(|asked| asked.phase);
        self.shared.leading().ok().and_then(|term| term.ask(live)).unwrap_or(phase)
    }

    /// Tells of a task's progress and end: its value changes each time that [`Tasks::task`] would answer otherwise.
    ///
    /// # Errors
    /// When too many tasks are watched.
    pub fn watch(&self, id: TaskId) -> Result<watch::Receiver<u64>, TasksError> {
        self.shared.watches.watch(id)
    }

    /// Waits until a task has ended, at most `wait`; then as [`Tasks::task`].
    ///
    /// # Errors
    /// As for [`Tasks::task`].
    pub async fn wait(&self, id: TaskId, wait: Duration) -> Result<TaskView, TasksError> {
        let mut news = self.watch(id)?;
        let until = tokio::time::Instant::now() + wait.min(self.shared.config.bounds.longest_wait);
        loop {
            news.borrow_and_update();
            let view = self.task(id).await?;
            if view.phase().has_ended() || tokio::time::timeout_at(until, news.changed()).await.is_err() {
                return Ok(view);
            }
        }
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, filter: Filter) -> Result<Vec<Stored>, TasksError> {
        self.shared.leading()?.readers.read(move |reader| reader.list(&filter)).await
    }

    /// Why a task does not run now; none: it runs, or it has ended.
    ///
    /// # Errors
    /// When there is no such task.
    pub async fn why(&self, id: TaskId) -> Result<Option<Why>, TasksError> {
        look::why(&self.shared, id).await
    }

    /// The numbers of all queues; empty while this process follows.
    pub fn stats(&self) -> Vec<(Text, QueueStats)> {
        let Ok(term) = self.shared.leading() else { return Vec::new() };
        let queues = self.shared.queues.load();
        let ids = (0..).map(QueueId).zip(queues.iter());
        let mut stats: Vec<(Text, QueueStats)> =
            term.ask(|inner, now| ids.map(|(id, q)| (q.name.clone(), inner.core.stats(id, now))).collect());
        if let Some(elsewhere) = &*self.shared.elsewhere.load() {
            stats.iter_mut().for_each(|(name, stats)| elsewhere.overlay(name.as_str(), stats));
        }
        stats
    }

    /// What this server itself holds of a queue, without what lies elsewhere; zeros while this process follows.
    pub fn own_stats(&self, queue: QueueId) -> QueueStats {
        self.shared.leading().map(|term| term.ask(|inner, now| inner.core.stats(queue, now))).unwrap_or_default()
    }

    /// Tasks of a queue that are not due yet but will be within that time; for the autoscaler.
    pub fn due_within(&self, queue: QueueId, within: Duration) -> u64 {
        let due = |inner: &Inner, now| inner.core.due_within(queue, now, within);
        self.shared.leading().map(|term| term.ask(due)).unwrap_or_default()
    }

    /// What happens by itself: leases lost, deaths, alarms. A slow listener loses the oldest (bound: 1,024).
    pub fn events(&self) -> broadcast::Receiver<CoreEvent> {
        self.shared.events.subscribe()
    }

    /// Wakes the one who gives out tasks of a queue by itself: after each wake it takes until nothing comes. A wake is never lost.
    pub fn wakes(&self, queue: QueueId) -> Arc<Notify> {
        self.shared.wakes(queue)
    }

    /// An instance gets nothing new, or gets tasks again.
    pub fn drain_instance(&self, instance: u64, draining: bool) {
        let Ok(term) = self.shared.leading() else { return };
        term.call(|inner, _| if draining { inner.draining.insert(instance) } else { inner.draining.remove(&instance) });
    }

    /// Tasks that an instance works on, and how long that likely takes.
    pub fn held_by(&self, instance: u64) -> (u32, Duration) {
        let held = |inner: &Inner, now| inner.core.held_by(instance, now);
        self.shared.leading().map(|term| term.ask(held)).unwrap_or_default()
    }

    /// What the store remembered of schedules when this process took the lead.
    pub fn restored(&self) -> Option<Arc<Restored>> {
        self.shared.term.load().as_ref().map(|term| Arc::clone(&term.restored))
    }

    /// Occurrences of a schedule, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn firings(&self, schedule: &str, most: usize) -> Result<Vec<Firing>, TasksError> {
        let schedule = schedule.to_owned();
        self.shared.leading()?.readers.read(move |reader| reader.firings(&schedule, most)).await
    }

    /// Who answers the API's calls about schedules.
    pub fn set_schedules(&self, schedules: Arc<dyn Schedules>) {
        self.shared.schedules.store(Some(Arc::new(schedules)));
    }

    /// Who knows of tasks that are worked on elsewhere.
    pub fn set_elsewhere(&self, elsewhere: Arc<dyn Elsewhere>) {
        self.shared.elsewhere.store(Some(Arc::new(elsewhere)));
    }

    /// Metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        metrics::text(self)
    }

    /// Gives out nothing more, waits up to `grace` until nobody works on tasks, writes what is left, gives up the lead, and closes the API.
    pub async fn shutdown(&self, grace: Duration) {
        if let Ok(term) = self.shared.leading() {
            term.call(|inner, _| {
                inner.giving = false;
                inner.takers.dismiss();
            });
            let until = tokio::time::Instant::now() + grace;
            while self.working() > 0 && tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let api = self.api.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(api) = api {
            api.close().await;
        }
        // The thread may be gone already.
        let _ = self.stop.send(Over::Closing);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.timer.abort();
    }

    /// Tasks that somebody works on.
    fn working(&self) -> u64 {
        (0..).map(QueueId).take(self.shared.queues.load().len()).map(|queue| self.own_stats(queue).leased).sum()
    }

    /// Hands workers' answers to the core, each by itself, and waits once for the disk.
    async fn answer<A>(
        &self,
        answers: Vec<A>,
        give: impl Fn(&mut Inner, A, Now) -> Result<Answer<()>, LeaseError>,
    ) -> Result<Each<()>, TasksError> {
        let term = self.shared.leading()?;
        let (each, ticket) = term.call(|inner, now| {
            let one = |answer| give(inner, answer, now).map(|answer| inner.out.add(answer)).map_err(TasksError::from);
            answers.into_iter().map(one).collect::<Each<()>>()
        });
        if each.iter().any(Result::is_ok) {
            term.on_disk(ticket).await?;
        }
        Ok(each)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.timer.abort();
        // The thread ends by itself; whoever wants to wait for that calls `shutdown`.
        let _ = self.stop.send(Over::Closing);
    }
}

/// Lets the core's time pass.
async fn run_timer(shared: Arc<Shared>) {
    loop {
        let until = match shared.leading() {
            Ok(term) => shared.clock.instant(term.tick()),
            Err(_) => std::time::Instant::now() + Duration::from_secs(1),
        };
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            () = shared.timer.notified() => {}
        }
    }
}
