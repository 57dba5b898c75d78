//! The state machine of all queues.
//!
//! Decides: whether a task is taken in, which one a worker gets, when a lease is void, whether a failed attempt is made again.
//! Inputs: calls of producers and workers, commits, `now`.
//! Method: hot state in memory, some hundred bytes per waiting task, without its body; durable changes only where a crash must not forget.
//! Invariants: each task taken in is in exactly one phase; a fence is obeyed only while it is its task's latest; nothing that is not
//!   committed is dispatched.
//! Tested: `tests/it`, against a small reference model with random histories and crashes.

mod alarm;
mod calls;
mod cancel;
mod enqueue;
mod finish;
mod flows;
mod index;
mod keys;
mod leases;
mod line;
mod meter;
mod money;
mod phases;
mod queue;
mod recent;
mod restore;
mod siphash;
mod slab;
mod stats;
mod take;
mod tenants;
mod time;
mod timers;
mod why;

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;
use skala_types::{Stream, Text, Time};

pub use calls::{
    Ack, Answer, Asked, CoreEvent, Enqueued, Extended, LeaseError, Leased, Nack, NotFound, QueueStats, Refusal, Stop, Take,
    Waiting, Why,
};

pub use money::Parked;

use crate::ledger::Ledger;
use crate::{Change, Durability, Fence, NewTask, Now, QueueId, QueueSettings, Restored, Row, Seq, TaskId};
use flows::Settling;
use keys::Keys;
use leases::Leases;
use money::Lots;
use queue::Queue;
use recent::{Effects, Recent};
use siphash::Secret;
use slab::Slab;
use tenants::Tenants;
use timers::Timers;

/// Events that wait for the next tick; more are dropped.
const MOST_EVENTS: usize = 65_536;

/// All queues of a platform.
#[derive(Debug)]
pub struct Core {
    epoch: u64,
    /// Leases given out in this epoch.
    leased: u64,
    last_id: u64,
    /// The number of the last group of changes, and of the last that is committed.
    seq: u64,
    committed: u64,
    /// The latest time of the monotonic clock that was told.
    clock: Time,
    queues: Vec<Queue>,
    names: BTreeMap<Text, QueueId>,
    /// Paused by hand, of queues that are not in the settings.
    paused: Vec<Text>,
    tenants: Tenants,
    tasks: Slab,
    leases: Leases,
    keys: Keys,
    recent: Recent,
    effects: Effects,
    ledger: Ledger,
    lots: Lots,
    rng: Stream,
    /// Delayed tasks by the wall clock: ETA, and pauses from before a restart.
    dues: Timers<u64>,
    /// Delayed tasks by the monotonic clock: pauses before the next attempt.
    retries: Timers<(u64, u32)>,
    turn: u32,
    /// When tasks expire, by the wall clock.
    expiries: Timers<u64>,
    /// When leases run out, by the monotonic clock.
    lease_ends: Timers<(u32, Fence)>,
    /// Ready tasks that are not committed.
    pending: VecDeque<Pending>,
    settling: VecDeque<Settling>,
    woken: Vec<QueueId>,
    /// Tasks whose phase changed with nothing to write down, since somebody asked.
    moved: Vec<TaskId>,
    events: Vec<CoreEvent>,
    /// What the running call has changed so far.
    out: Changes,
    strongest: Durability,
}

/// What a call must have written down, in order.
pub type Changes = Vec<Change>;

/// A task that is ready once a group of changes is committed.
#[derive(Clone, Copy, Debug)]
struct Pending {
    seq: u64,
    id: u64,
    since: Time,
}

impl Core {
    /// Empty queues. `epoch` is the leader's, above that of every leader before; `restored` is what the store remembers beside tasks.
    pub fn new(queues: Vec<QueueSettings>, epoch: u32, restored: Restored, mut rng: Stream) -> Core {
        let secret = Secret(rng.next_u64(), rng.next_u64());
        let mut core = Core {
            epoch: u64::from(epoch),
            leased: 0,
            last_id: restored.last_id,
            seq: 0,
            committed: 0,
            clock: Time::ZERO,
            queues: Vec::new(),
            names: BTreeMap::new(),
            paused: restored.paused,
            tenants: Tenants::new(secret),
            tasks: Slab::default(),
            leases: Leases::default(),
            keys: Keys::new(secret),
            recent: Recent::default(),
            effects: Effects::default(),
            ledger: Ledger::new(restored.spent),
            lots: Lots::default(),
            rng,
            dues: Timers::default(),
            retries: Timers::default(),
            turn: 0,
            expiries: Timers::default(),
            lease_ends: Timers::default(),
            pending: VecDeque::new(),
            settling: VecDeque::new(),
            woken: Vec::new(),
            moved: Vec::new(),
            events: Vec::new(),
            out: Vec::new(),
            strongest: Durability::Memory,
        };
        for settings in queues {
            core.add_queue(settings, false);
        }
        core
    }

    fn add_queue(&mut self, settings: QueueSettings, gone: bool) -> QueueId {
        let id = QueueId(u16::try_from(self.queues.len()).expect("a platform has fewer than 65,536 queues"));
        let mut queue = Queue::new(settings, gone);
        queue.paused = self.paused.contains(&queue.settings.name);
        self.names.insert(queue.settings.name.clone(), id);
        self.queues.push(queue);
        id
    }

    /// Replaces the settings; queues that are no more keep their tasks, paused. New ones come at the end of the list.
    pub fn set_queues(&mut self, queues: Vec<QueueSettings>, now: Now) {
        self.clock = self.clock.max(now.at);
        for queue in &mut self.queues {
            queue.gone = true;
        }
        for settings in queues {
            match self.names.get(&settings.name) {
                Some(id) => self.set_queue(*id, settings, now),
                None => {
                    self.add_queue(settings, false);
                }
            }
        }
        self.lots.end_all();
        for id in 0..self.queues() {
            self.wake(QueueId(id));
        }
    }

    fn set_queue(&mut self, id: QueueId, settings: QueueSettings, now: Now) {
        let queue = &mut self.queues[usize::from(id.0)];
        let before = std::mem::take(&mut queue.settings.weights);
        queue.set(settings, now.at);
        let Queue { settings, ready, .. } = queue;
        for name in before.keys().chain(settings.weights.keys()) {
            if let Some(tenant) = self.tenants.find(name) {
                ready.set_weight(tenant, settings.weights.get(name).copied().unwrap_or(1));
            }
        }
    }

    /// A queue's settings, its name among them; those that are no more included.
    pub fn settings(&self, queue: QueueId) -> Option<&QueueSettings> {
        self.queues.get(usize::from(queue.0)).map(|q| &q.settings)
    }

    /// How many queues there are: their numbers are below it.
    pub fn queues(&self) -> u16 {
        self.queues.len() as u16
    }

    /// The number of a queue.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        self.names.get(name).copied()
    }

    /// Everything up to `seq` is committed: what it made ready may be given out.
    pub fn committed(&mut self, seq: Seq) {
        self.committed = self.committed.max(seq.0.min(self.seq));
        while let Some(pending) = self.pending.front().copied().filter(|p| p.seq <= self.committed) {
            self.pending.pop_front();
            self.line_up(pending);
        }
    }

    /// The last group of changes that was answered.
    pub fn seq(&self) -> Seq {
        Seq(self.seq)
    }

    /// Queues in which [`Core::take`] would find something for some worker, since the last call.
    pub fn awakened(&mut self, queues: &mut Vec<QueueId>) {
        for id in self.woken.drain(..) {
            let queue = &mut self.queues[usize::from(id.0)];
            queue.woken = false;
            if queue.has_work() {
                queues.push(id);
            }
        }
    }

    /// Tasks that fell due, were parked, or are no longer, since the last call: of these no change tells. At most 65,536; who asks
    /// more seldom than that misses some.
    pub fn moved(&mut self) -> std::vec::Drain<'_, TaskId> {
        self.moved.drain(..)
    }

    fn note_move(&mut self, slot: u32) {
        if self.moved.len() < MOST_EVENTS {
            self.moved.push(self.tasks[slot].id());
        }
    }

    /// A queue may have something to give.
    fn wake(&mut self, id: QueueId) {
        let queue = &mut self.queues[usize::from(id.0)];
        if !queue.woken && queue.has_work() {
            queue.woken = true;
            self.woken.push(id);
        }
    }

    fn of(&mut self, queue: QueueId) -> &mut Queue {
        &mut self.queues[usize::from(queue.0)]
    }

    /// Has a change written down.
    fn record(&mut self, queue: QueueId, change: Change) {
        self.concern(queue);
        self.out.push(change);
    }

    /// The answer is as durable as this queue asks for.
    fn concern(&mut self, queue: QueueId) {
        self.strongest = self.strongest.max(self.queues[usize::from(queue.0)].settings.durability);
    }

    fn tell(&mut self, event: CoreEvent) {
        if self.events.len() < MOST_EVENTS {
            self.events.push(event);
        }
    }

    /// Ends a call.
    fn answer<T>(&mut self, value: T, now: Now) -> Answer<T> {
        self.settle_flows(now);
        if !self.out.is_empty() {
            self.seq += 1;
        }
        let durability = std::mem::replace(&mut self.strongest, Durability::Memory);
        Answer { value, changes: std::mem::take(&mut self.out), seq: Seq(self.seq), durability }
    }

    /// The number that the running call's changes will have.
    fn coming(&self) -> u64 {
        self.seq + 1
    }
}
