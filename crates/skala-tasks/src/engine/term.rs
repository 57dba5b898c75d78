//! One time of leading: the core behind its lock, the writer, and those who wait.
//!
//! Invariants: changes reach the writer in the order in which the core made them, for both happen under one lock; whatever a call
//!   awakens is given out before the lock is let go.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};

use skala_queue::{Change, Core, Now, QueueId, QueueSettings, Restored, Seq, TaskId};
use skala_types::{Streams, Time};

use super::TasksError;
use super::bodies::Bodies;
use super::commits::{Commits, Ticket};
use super::outbox::Outbox;
use super::readers::Readers;
use super::shared::Shared;
use super::takers::Takers;
use crate::store::{Loaded, Store, StoreError};
use crate::writer::{Told, Writer, WriterFigures, WriterSettings, WriterState};

/// How often the queues that woke are served under one hold of the lock; the timer goes on.
const ROUNDS: usize = 16;

/// One time of leading.
pub(crate) struct Term {
    pub(crate) epoch: u32,
    pub(crate) restored: Arc<Restored>,
    pub(crate) bodies: Bodies,
    pub(crate) readers: Readers,
    commits: Commits,
    inner: Mutex<Inner>,
    /// When the timer will look next.
    wake_at: AtomicU64,
    shared: Arc<Shared>,
    over: Mutex<mpsc::Sender<Over>>,
}

/// Why a term is over.
#[derive(Debug)]
pub(crate) enum Over {
    /// Another process leads.
    Fenced,
    /// The store is broken.
    Broken(String),
    /// This process wants to stop.
    Closing,
}

/// What the lock guards.
pub(crate) struct Inner {
    pub(crate) core: Core,
    pub(crate) out: Outbox,
    pub(crate) takers: Takers,
    /// Instances that get nothing new.
    pub(crate) draining: HashSet<u64>,
    /// Whether anything is given out.
    pub(crate) giving: bool,
    writer: Option<Writer>,
    ticket: u64,
    /// Tickets that are not on disk, and up to where the core's changes are with them.
    tickets: VecDeque<(u64, Seq)>,
    /// News to tell once a ticket is on disk.
    news: VecDeque<(u64, TaskId)>,
    woken: Vec<QueueId>,
}

impl Term {
    /// Reads everything back and starts the writer. The store must lead.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        mut store: Box<dyn Store>,
        epoch: u32,
        over: mpsc::Sender<Over>,
    ) -> Result<Arc<Term>, StoreError> {
        let now = shared.clock.now();
        let (restored, core) = load(shared, store.as_mut(), epoch, now)?;
        let bounds = shared.config.bounds;
        let readers = (0..bounds.readers.max(1)).map(|_| store.reader()).collect::<Result<Vec<_>, _>>()?;
        let readers = Readers::start(readers, bounds.waiting_reads).map_err(broken)?;
        let settings = writer_settings(shared);
        let mut started = Ok(());
        let term = Arc::new_cyclic(|term: &Weak<Term>| {
            let told = listener(term.clone());
            let writer = Writer::start(store, settings, told).map_err(|e| started = Err(broken(e))).ok();
            Term {
                epoch,
                restored: Arc::new(restored),
                bodies: Bodies::new(bounds.cached_bodies),
                readers,
                commits: Commits::default(),
                inner: Mutex::new(Inner::new(core, writer)),
                wake_at: AtomicU64::new(0),
                shared: Arc::clone(shared),
                over: Mutex::new(over),
            }
        });
        started.map(|()| term)
    }

    /// The settings of all queues by their numbers, those that are no more and still have tasks included.
    pub(crate) fn queues(&self) -> Vec<Arc<QueueSettings>> {
        self.ask(|inner, _| {
            (0..inner.core.queues()).filter_map(|n| inner.core.settings(QueueId(n)).cloned().map(Arc::new)).collect()
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the core something that changes nothing.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Inner, Now) -> T) -> T {
        let inner = self.lock();
        let now = self.shared.clock.now();
        ask(&inner, now)
    }

    /// Calls the core; its changes go to the writer. Gives the ticket of the last changes, by which to wait for the disk.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&mut Inner, Now) -> T) -> (T, u64) {
        let mut inner = self.lock();
        let now = self.shared.clock.now();
        let value = call(&mut inner, now);
        let ticket = self.hand_in(&mut inner);
        self.settle(&mut inner, now);
        self.tell_moved(&mut inner);
        (value, ticket)
    }

    /// Tells watchers of what no change tells: tasks that fell due, were parked, or are no longer.
    fn tell_moved(&self, inner: &mut Inner) {
        let is_watched = !self.shared.watches.is_empty();
        inner.core.moved().filter(|_| is_watched).for_each(|id| self.shared.watches.tell(id));
    }

    /// Hands changes to the writer.
    fn hand_in(&self, inner: &mut Inner) -> u64 {
        let seq = inner.out.seq;
        if let Some((changes, durability)) = inner.out.drain() {
            inner.ticket += 1;
            let ticket = inner.ticket;
            self.bodies.follow(&changes);
            if !self.shared.watches.is_empty() {
                inner.news.extend(changes.iter().filter_map(told_of).map(|id| (ticket, id)));
            }
            inner.tickets.push_back((ticket, seq));
            if let Some(writer) = &inner.writer {
                writer.submit(Seq(ticket), changes, durability);
            }
        }
        inner.ticket
    }

    /// Gives out what woke, and sets the timer.
    fn settle(&self, inner: &mut Inner, now: Now) {
        // Nothing is given out that another leader may have given out already; what woke stays awake.
        if inner.giving && self.is_sure(inner) {
            self.serve(inner, now);
        }
        let next = inner.core.next_wake(now).map_or(u64::MAX, Time::as_nanos);
        if next < self.wake_at.load(Ordering::Relaxed) {
            self.shared.timer.notify_one();
        }
    }

    /// Whether no other process can lead: it would have had to watch this one's beat stand still for the time to live.
    pub(crate) fn is_sure(&self, inner: &Inner) -> bool {
        inner.writer.as_ref().is_some_and(|writer| writer.has_led_within(self.shared.config.leader_ttl))
    }

    fn serve(&self, inner: &mut Inner, now: Now) {
        let mut woken = std::mem::take(&mut inner.woken);
        // A call for tasks looks at a bounded number that may not run: the queue is awake again then.
        for _ in 0..ROUNDS {
            woken.clear();
            inner.core.awakened(&mut woken);
            if woken.is_empty() {
                break;
            }
            for queue in &woken {
                inner.takers.serve(*queue, &mut inner.core, &mut inner.out, &inner.draining, now);
                self.shared.wake(*queue);
            }
        }
        self.hand_in(inner);
        if !woken.is_empty() {
            self.shared.timer.notify_one();
        }
        inner.woken = woken;
    }

    /// Lets time pass; when to do so again.
    pub(crate) fn tick(&self) -> Time {
        let mut inner = self.lock();
        let now = self.shared.clock.now();
        let answer = inner.core.tick(now);
        let events = inner.out.add(answer);
        self.hand_in(&mut inner);
        self.settle(&mut inner, now);
        self.tell_moved(&mut inner);
        // The wall clock may be stepped: it is looked at once a second.
        let next = inner.core.next_wake(now).unwrap_or(Time::MAX).min(now.at + std::time::Duration::from_secs(1));
        self.wake_at.store(next.as_nanos(), Ordering::Relaxed);
        drop(inner);
        for event in events {
            self.shared.tell(event);
        }
        next
    }

    /// Waits until a ticket is on disk.
    pub(crate) async fn on_disk(&self, ticket: u64) -> Result<(), TasksError> {
        let lost = || TasksError::Unavailable { leader: None };
        let told = match self.commits.ticket(ticket) {
            Ticket::Done => return Ok(()),
            Ticket::Lost => return Err(lost()),
            Ticket::Wait(told) => told,
        };
        let most = self.shared.config.bounds.commit_wait;
        match tokio::time::timeout(most, told).await {
            Ok(told) => told.map_err(|_| lost()),
            Err(_) => Err(TasksError::Late(most)),
        }
    }

    /// The last ticket drawn.
    pub(crate) fn last_ticket(&self) -> u64 {
        self.lock().ticket
    }

    /// What the writer has done; none once it has ended.
    pub(crate) fn writer_figures(&self) -> Option<(WriterFigures, WriterState)> {
        let inner = self.lock();
        inner.writer.as_ref().map(|w| (w.figures(), w.state()))
    }

    /// How long ended tasks are kept from now on.
    pub(crate) fn set_keep(&self) {
        if let Some(writer) = &self.lock().writer {
            writer.set_keep(self.shared.keep());
        }
    }

    /// Ends the term: nobody waits any longer, what can be written is, and the store comes back.
    pub(crate) fn end(&self) -> Option<Box<dyn Store>> {
        let writer = {
            let mut inner = self.lock();
            inner.giving = false;
            inner.takers.dismiss();
            inner.writer.take()
        };
        let store = writer.and_then(Writer::finish);
        self.commits.close();
        store
    }

    fn say_over(&self, over: Over) {
        // Nobody listens once the term is over.
        let _ = self.over.lock().unwrap_or_else(PoisonError::into_inner).send(over);
    }

    /// What the writer tells, in its thread.
    fn told(&self, told: Told) {
        match told {
            Told::Committed(ticket) => self.committed(ticket.0),
            Told::State(WriterState::Fine | WriterState::Stuck { .. }) => {}
            Told::State(WriterState::Fenced { .. }) => self.say_over(Over::Fenced),
            Told::State(WriterState::Broken(why)) => self.say_over(Over::Broken(why)),
        }
    }

    fn committed(&self, ticket: u64) {
        let mut inner = self.lock();
        let until = inner.tickets.partition_point(|(t, _)| *t <= ticket);
        let last = inner.tickets.drain(..until).next_back();
        if let Some((_, seq)) = last {
            inner.core.committed(seq);
        }
        let news = inner.news.partition_point(|(t, _)| *t <= ticket);
        let news: Vec<_> = inner.news.drain(..news).collect();
        let now = self.shared.clock.now();
        self.settle(&mut inner, now);
        drop(inner);
        self.commits.done(ticket);
        for (_, id) in news {
            self.shared.watches.tell(id);
        }
    }
}

impl Inner {
    fn new(core: Core, writer: Option<Writer>) -> Inner {
        Inner {
            core,
            out: Outbox::default(),
            takers: Takers::default(),
            draining: HashSet::new(),
            giving: true,
            writer,
            ticket: 0,
            tickets: VecDeque::new(),
            news: VecDeque::new(),
            woken: Vec::new(),
        }
    }

    /// Whether new work may be taken in.
    pub(crate) fn has_room(&self) -> Result<(), TasksError> {
        let Some(writer) = &self.writer else { return Err(TasksError::Stopping) };
        if writer.has_room() {
            return Ok(());
        }
        Err(match writer.state() {
            WriterState::Stuck { reason, .. } => TasksError::NoRoom(reason),
            WriterState::Fine => TasksError::Busy(writer.waiting()),
            WriterState::Fenced { .. } | WriterState::Broken(_) => TasksError::Unavailable { leader: None },
        })
    }
}

fn listener(term: Weak<Term>) -> impl FnMut(Told) + Send + 'static {
    move |told| {
        if let Some(term) = term.upgrade() {
            term.told(told);
        }
    }
}

/// Whose watchers a change concerns.
fn told_of(change: &Change) -> Option<TaskId> {
    match change {
        Change::Update(id, _) | Change::Revive(id, _) | Change::Delete(id) => Some(*id),
        Change::Finish(ended) => Some(ended.id),
        _ => None,
    }
}

fn load(shared: &Shared, store: &mut dyn Store, epoch: u32, now: Now) -> Result<(Restored, Core), StoreError> {
    let rng = || Streams::new(shared.config.seed).stream("tasks");
    let restored = store.restored(now.wall)?;
    let mut core = Core::new(shared.settings(), epoch, restored.clone(), rng());
    core.set_queues(shared.current(), now);
    store.load(now.wall, &mut |loaded| match loaded {
        Loaded::Ended(row) => core.restore_ended(row, now),
        Loaded::Live(row) => core.restore(row, now),
    })?;
    Ok((restored, core))
}

fn writer_settings(shared: &Arc<Shared>) -> WriterSettings {
    let clock = shared.clock.clone();
    WriterSettings {
        most_waiting: shared.config.bounds.uncommitted,
        beat: shared.config.leader_ttl / 5,
        keep: shared.keep(),
        clock: Arc::new(move || clock.now().wall),
        ..WriterSettings::default()
    }
}

fn broken(error: std::io::Error) -> StoreError {
    StoreError::Broken(format!("a thread cannot be started: {error}"))
}
