//! A source of tasks that does what a test says and notes what it is told. It holds leases, fences and limits per instance; the real
//! core is tested with delivery in `tasks.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use skala_queue::{Ack, Cause, Extended, Fence, Label, LeaseError, Leased, Nack, Now, QueueId, QueueSettings, Stop, TaskId};
use skala_tasks::deliver::Source;
use skala_tasks::{Each, Extend, ExtendedEach, Job, TakeAsk, TaskClock, TasksError};
use skala_types::Time;
use tokio::sync::Notify;

/// What a test waits for at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Task {
    id: TaskId,
    label: Label,
    body: Bytes,
    attempts: u32,
    losses: u32,
}

struct Held {
    task: Task,
    fence: Fence,
    instance: Option<u64>,
    worker: String,
    until: Time,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Task>,
    leased: BTreeMap<TaskId, Held>,
    ended: Vec<String>,
    slowed: Vec<Option<Duration>>,
    cancelled: BTreeSet<TaskId>,
    most_at_once: BTreeMap<Option<u64>, usize>,
    workers: BTreeSet<String>,
    extensions: usize,
    last: u64,
}

/// The fake.
pub(crate) struct Fake {
    pub(crate) clock: TaskClock,
    settings: Arc<QueueSettings>,
    /// Failed tasks come again so often.
    again: u32,
    state: Mutex<State>,
    wake: Arc<Notify>,
}

impl Fake {
    pub(crate) fn new(again: u32, change: impl FnOnce(&mut QueueSettings)) -> Arc<Fake> {
        let mut settings = QueueSettings::new("q");
        change(&mut settings);
        let (clock, settings) = (TaskClock::system(), Arc::new(settings));
        Arc::new(Fake { clock, settings, again, state: Mutex::default(), wake: Arc::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn put(&self, body: &str) -> TaskId {
        self.put_with(body, Label::default())
    }

    pub(crate) fn put_many(&self, count: usize, body: &str) {
        for _ in 0..count {
            self.put(body);
        }
    }

    pub(crate) fn put_with(&self, body: &str, label: Label) -> TaskId {
        let mut state = self.lock();
        state.last += 1;
        let id = TaskId(state.last);
        state.ready.push_back(Task { id, label, body: Bytes::copy_from_slice(body.as_bytes()), attempts: 0, losses: 0 });
        drop(state);
        self.wake.notify_one();
        id
    }

    pub(crate) fn cancel(&self, id: TaskId) {
        self.lock().cancelled.insert(id);
    }

    /// Somebody else has it now.
    pub(crate) fn void(&self, id: TaskId) {
        self.lock().leased.remove(&id);
    }

    /// What was told of tasks, in order: `1 done "x"`, `2 Failed: words`, `3 unbegun`.
    pub(crate) fn ended(&self) -> Vec<String> {
        self.lock().ended.clone()
    }

    /// Waits until so much was told.
    pub(crate) async fn told(&self, count: usize) -> Vec<String> {
        self.until(|state| (state.ended.len() >= count).then(|| state.ended.clone())).await
    }

    /// Waits until nothing waits or runs.
    pub(crate) async fn until_done(&self) -> Vec<String> {
        self.until(|state| (state.leased.is_empty() && state.ready.is_empty()).then(|| state.ended.clone())).await
    }

    pub(crate) async fn until_leased(&self, count: usize) {
        self.until(|state| (state.leased.len() == count).then_some(())).await;
    }

    pub(crate) async fn until_extended(&self, count: usize) {
        self.until(|state| (state.extensions >= count).then_some(())).await;
    }

    async fn until<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(&self.lock()) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited in vain; told so far: {:?}", self.ended());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn slowed(&self) -> Vec<Option<Duration>> {
        self.lock().slowed.clone()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.lock().ready.len()
    }

    pub(crate) fn most_at_once(&self) -> Vec<usize> {
        self.lock().most_at_once.values().copied().collect()
    }

    pub(crate) fn workers(&self) -> Vec<String> {
        self.lock().workers.iter().cloned().collect()
    }

    fn end(&self, id: TaskId, fence: Fence, words: String, end: impl FnOnce(&mut Task) -> bool) -> Result<(), TasksError> {
        let mut state = self.lock();
        let mut held = match state.leased.remove(&id) {
            Some(held) if held.fence == fence => held,
            _ => return Err(LeaseError::Stale { task: id, fence, now: "it is gone".into() }.into()),
        };
        state.ended.push(format!("{} {words}", id.0));
        if end(&mut held.task) {
            state.ready.push_back(held.task);
            self.wake.notify_one();
        }
        Ok(())
    }
}

impl Source for Fake {
    fn now(&self) -> Now {
        self.clock.now()
    }

    fn instant(&self, at: Time) -> Instant {
        self.clock.instant(at)
    }

    fn settings(&self, _: QueueId) -> Option<Arc<QueueSettings>> {
        Some(Arc::clone(&self.settings))
    }

    fn wakes(&self, _: QueueId) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    async fn take(&self, ask: &TakeAsk) -> Result<Vec<Job>, TasksError> {
        assert!((1..=128).contains(&ask.most), "{ask:?}");
        let now = self.clock.now();
        let mut state = self.lock();
        let mut jobs = Vec::new();
        while jobs.len() < ask.most {
            let here = state.leased.values().filter(|held| held.instance == ask.instance).count();
            if self.settings.per_instance.is_some_and(|most| ask.instance.is_some() && here >= most as usize) {
                break;
            }
            let Some(task) = state.ready.pop_front() else { break };
            state.last += 1;
            let fence = Fence(state.last);
            let most = state.most_at_once.entry(ask.instance).or_default();
            *most = (*most).max(here + 1);
            state.workers.insert(ask.worker.to_string());
            let until = now.at + self.settings.lease;
            let leased = Leased {
                id: task.id,
                queue: ask.queues[0],
                fence,
                until,
                deadline: now.at + self.settings.timeout,
                attempts: task.attempts,
                losses: task.losses,
                tenant: "".into(),
                priority: 0,
                due: now.wall,
                created: now.wall,
                parents: Vec::new(),
            };
            jobs.push(Job { leased, queue: "q".into(), label: task.label.clone(), body: task.body.clone(), results: Vec::new() });
            let held = Held { task, fence, instance: ask.instance, worker: ask.worker.to_string(), until };
            state.leased.insert(held.task.id, held);
        }
        Ok(jobs)
    }

    fn extend(&self, extends: &[Extend]) -> Result<ExtendedEach, TasksError> {
        let now = self.clock.now().at;
        let mut state = self.lock();
        let each = extends.iter().map(|extend| {
            let stop = state.cancelled.contains(&extend.id).then_some(Stop::Cancelled);
            let stale = LeaseError::Stale { task: extend.id, fence: extend.fence, now: "it is gone".into() };
            let held = state.leased.get_mut(&extend.id).filter(|held| held.fence == extend.fence).ok_or(stale)?;
            assert!(now < held.until, "{} was extended too late", held.worker);
            held.until = now + self.settings.lease;
            state.extensions += 1;
            Ok(Extended { until: now + self.settings.lease, stop })
        });
        Ok(each.collect())
    }

    async fn ack(&self, acks: Vec<Ack>) -> Result<Each<()>, TasksError> {
        let one = |ack: Ack| {
            let result = ack.result.map_or_else(|| "nothing".into(), |r| String::from_utf8_lossy(&r).into_owned());
            let cost = ack.cost.map(|cost| format!(" for {cost}")).unwrap_or_default();
            self.end(ack.id, ack.fence, format!("done {result}{cost}"), |_| false)
        };
        Ok(acks.into_iter().map(one).collect())
    }

    async fn nack(&self, nacks: Vec<Nack>) -> Result<Each<()>, TasksError> {
        let one = |nack: Nack| {
            let Some(death) = nack.death else { return self.end(nack.id, nack.fence, "unbegun".into(), |_| true) };
            let pause = nack.retry_after.map(|pause| format!(" after {pause:?}")).unwrap_or_default();
            let log = if death.log.is_empty() { String::new() } else { format!(" {:?}", death.log) };
            self.end(nack.id, nack.fence, format!("{:?}{pause}: {}{log}", death.cause, death.message), |task| {
                match death.cause {
                    Cause::Lost => task.losses += 1,
                    _ => task.attempts += 1,
                }
                death.cause != Cause::Rejected && task.attempts + task.losses <= self.again
            })
        };
        Ok(nacks.into_iter().map(one).collect())
    }

    fn slow(&self, _: QueueId, retry_after: Option<Duration>) {
        self.lock().slowed.push(retry_after);
    }
}
