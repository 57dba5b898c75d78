//! What outlives a time of leading.

use std::sync::{Arc, PoisonError, RwLock};

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
    pub(crate) queues: ArcSwap<Vec<Arc<QueueSettings>>>,
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
