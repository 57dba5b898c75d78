//! What outlives a time of leading.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::{ArcSwap, ArcSwapOption};
use skala_queue::{CoreEvent, Keep, QueueId, QueueSettings};
use skala_types::Text;
use tokio::sync::{Notify, broadcast, watch};

use super::term::Term;
use super::watches::Watches;
use super::words::{Elsewhere, Schedules};
use super::{Role, TaskClock, TasksConfig, TasksError};

/// Events that a slow listener may be behind.
const EVENTS: usize = 1024;

/// What outlives a time of leading.
pub(crate) struct Shared {
    pub(crate) config: TasksConfig,
    pub(crate) clock: TaskClock,
    /// Set while this process leads.
    pub(crate) term: ArcSwapOption<Term>,
    pub(crate) role: watch::Sender<Role>,
    pub(crate) events: broadcast::Sender<CoreEvent>,
    pub(crate) watches: Watches,
    /// Hurries the timer.
    pub(crate) timer: Notify,
    pub(crate) schedules: ArcSwapOption<Arc<dyn Schedules>>,
    pub(crate) elsewhere: ArcSwapOption<Arc<dyn Elsewhere>>,
    /// By their numbers, those that are no more included.
    pub(crate) queues: ArcSwap<Vec<Arc<QueueSettings>>>,
    /// Those that are; held while numbers may change.
    current: Mutex<Vec<QueueSettings>>,
    wakes: RwLock<Vec<Arc<Notify>>>,
}

impl Shared {
    pub(crate) fn new(config: TasksConfig, clock: TaskClock) -> Arc<Shared> {
        let queues: Vec<_> = config.queues.iter().cloned().map(Arc::new).collect();
        Arc::new(Shared {
            clock,
            term: ArcSwapOption::empty(),
            role: watch::Sender::new(Role::Following { leader: None }),
            events: broadcast::Sender::new(EVENTS),
            watches: Watches::new(config.bounds.watched),
            timer: Notify::new(),
            schedules: ArcSwapOption::empty(),
            elsewhere: ArcSwapOption::empty(),
            wakes: RwLock::new(queues.iter().map(|_| Arc::default()).collect()),
            queues: ArcSwap::from_pointee(queues),
            current: Mutex::new(config.queues.clone()),
            config,
        })
    }

    /// The time of leading, while there is one.
    pub(crate) fn leading(&self) -> Result<Arc<Term>, TasksError> {
        self.term.load_full().ok_or_else(|| match &*self.role.borrow() {
            Role::Leading { .. } => TasksError::Unavailable { leader: None },
            Role::Following { leader } => TasksError::Unavailable { leader: leader.clone() },
            Role::Stopped(_) => TasksError::Stopping,
        })
    }

    /// Says who leads now.
    pub(crate) fn become_(&self, role: Role, term: Option<Arc<Term>>) {
        self.term.store(term);
        self.role.send_if_modified(|now| {
            let changed = *now != role;
            *now = role;
            changed
        });
        self.timer.notify_one();
    }

    /// The queues that are, without those that have been taken out.
    pub(crate) fn current(&self) -> Vec<QueueSettings> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the queues. A leader's core numbers them; otherwise those that are new come last.
    pub(crate) fn set_queues(&self, queues: Vec<QueueSettings>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone_from(&queues);
        let mut new: Vec<Arc<QueueSettings>> = queues.iter().cloned().map(Arc::new).collect();
        let all = match self.leading() {
            Ok(term) => {
                term.call(|inner, now| inner.core.set_queues(queues, now));
                term.queues()
            }
            Err(_) => {
                let mut all: Vec<Arc<QueueSettings>> = Vec::new();
                for old in self.queues.load().iter() {
                    let at = new.iter().position(|q| q.name == old.name);
                    all.push(at.map_or_else(|| Arc::clone(old), |at| new.remove(at)));
                }
                all.extend(new);
                all
            }
        };
        self.queues.store(Arc::new(all));
        if let Ok(term) = self.leading() {
            term.set_keep();
        }
    }

    /// A term has read its tasks: some may be of queues that are no more, or the queues were replaced meanwhile.
    pub(crate) fn align(&self, term: &Term) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        term.call(|inner, now| inner.core.set_queues(current.clone(), now));
        self.queues.store(Arc::new(term.queues()));
    }

    /// The settings of all queues.
    pub(crate) fn settings(&self) -> Vec<QueueSettings> {
        self.queues.load().iter().map(|q| (**q).clone()).collect()
    }

    /// How long ended tasks are kept.
    pub(crate) fn keep(&self) -> Vec<(Text, Keep)> {
        self.queues.load().iter().map(|q| (q.name.clone(), q.results)).collect()
    }

    /// Wakes whoever gives out tasks of a queue by itself.
    pub(crate) fn wake(&self, queue: QueueId) {
        let wakes = self.wakes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = wakes.get(usize::from(queue.0)) {
            wake.notify_one();
        }
    }

    /// Wakes all of them.
    pub(crate) fn wake_all(&self) {
        self.wakes.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|wake| wake.notify_one());
    }

    /// Where the wakes of a queue come.
    pub(crate) fn wakes(&self, queue: QueueId) -> Arc<Notify> {
        let mut wakes = self.wakes.write().unwrap_or_else(PoisonError::into_inner);
        let at = usize::from(queue.0);
        if wakes.len() <= at {
            wakes.resize_with(at + 1, Arc::default);
        }
        Arc::clone(&wakes[at])
    }

    /// Tells those who listen.
    pub(crate) fn tell(&self, event: CoreEvent) {
        // It does not matter whether anybody listens.
        let _ = self.events.send(event);
    }
}
