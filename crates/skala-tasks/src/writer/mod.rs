//! The thread that writes tasks down: group commit in the order of decisions.
//!
//! Decides: which groups of changes are committed together, when to try again, when to beat, sweep and check.
//! Inputs: groups of changes, submitted under the lock of the core, so in the order of their numbers.
//! Method: whatever waits when a commit is done makes the next commit, up to [`WriterSettings::most_changes`]; so a lone enqueue waits for
//!   one disk flush, and under load one flush serves hundreds. While fewer calls wait than the last commit had, it waits for them up to
//!   half of that commit's time and 2 ms. A group is never split; a commit is as durable as its strongest group.
//! Invariants: [`Told::Committed`] grows, and is said only of what survives; what was submitted is kept until it is committed, or until
//!   the writer is fenced or broken; the store's waiting changes are counted, and [`Writer::has_room`] is false beyond a bound.
//! Tested: `tests/it/writer.rs`, against a store that fails on demand, and every store of the conformance suite.

mod figures;
mod queue;
mod thread;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use skala_queue::{Change, Durability, Keep, Seq};
use skala_types::{Text, Time};

use self::queue::{Group, Queue};
use crate::store::Store;

pub use figures::WriterFigures;

/// How a writer works.
#[derive(Clone)]
pub struct WriterSettings {
    /// Most changes in one commit, unless a single group has more. More make each commit longer and the throughput higher.
    pub most_changes: usize,
    /// Changes that may wait; with more, [`Writer::has_room`] says no.
    pub most_waiting: usize,
    /// Between signs of life of the leader while nothing is written.
    pub beat: Duration,
    /// Between attempts while the store has no room.
    pub retry: Duration,
    /// Between sweeps once one has found no more.
    pub sweep: Duration,
    /// How long ended tasks are kept, by queue.
    pub keep: Vec<(Text, Keep)>,
    /// The wall clock, for sweeps.
    pub clock: Arc<dyn Fn() -> Time + Send + Sync>,
}

impl Default for WriterSettings {
    fn default() -> WriterSettings {
        WriterSettings {
            most_changes: 2048,
            most_waiting: 65_536,
            beat: Duration::from_secs(1),
            retry: Duration::from_secs(1),
            sweep: Duration::from_secs(5),
            keep: Vec::new(),
            clock: Arc::new(wall),
        }
    }
}

/// How the writer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriterState {
    /// It writes.
    Fine,
    /// The store has no room, or is held by another process. The writer keeps what waits and tries again; take nothing new in.
    Stuck {
        /// What is in the way.
        reason: String,
        /// Since when.
        since: Instant,
    },
    /// Another process leads. What waits will never be written: drop everything and follow.
    Fenced {
        /// Who.
        leader: String,
    },
    /// What is on the disk is uncertain: the process must end.
    Broken(String),
}

/// What a writer tells, from its own thread and in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// All groups up to this one survive what they must.
    Committed(Seq),
    /// The state has changed.
    State(WriterState),
}

/// The writing thread's handle.
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<Box<dyn Store>>>,
}

impl Writer {
    /// Starts the thread. The store must lead already ([`Store::lead`]). `told` must not wait for the writer; it may take the lock under
    /// which [`Writer::submit`] is called.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        store: Box<dyn Store>,
        settings: WriterSettings,
        told: impl FnMut(Told) + Send + 'static,
    ) -> std::io::Result<Writer> {
        let queue = Arc::new(Queue::new(settings.most_waiting, settings.keep.clone()));
        let thread = thread::Thread::new(Arc::clone(&queue), store, settings, Box::new(told));
        let thread = std::thread::Builder::new().name("tasks-writer".into()).spawn(move || thread.run())?;
        Ok(Writer { queue, thread: Some(thread) })
    }

    /// Hands in the changes of one call. Never waits; must be called in the order of `seq`.
    pub fn submit(&self, seq: Seq, changes: Vec<Change>, durability: Durability) {
        self.queue.push(Group { seq, changes, durability });
    }

    /// Changes that are handed in and not committed.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Whether new work may be taken in: the writer writes, and fewer changes wait than may.
    pub fn has_room(&self) -> bool {
        self.queue.has_room()
    }

    /// Whether the store has said within this time that this process leads. One that was stopped, or whose disk hangs, may have been
    /// replaced without knowing it.
    pub fn has_led_within(&self, within: Duration) -> bool {
        self.queue.has_led_within(within)
    }

    /// How it is.
    pub fn state(&self) -> WriterState {
        self.queue.state()
    }

    /// What it has done so far.
    pub fn figures(&self) -> WriterFigures {
        self.queue.figures()
    }

    /// How long ended tasks are kept from now on.
    pub fn set_keep(&self, keep: Vec<(Text, Keep)>) {
        self.queue.set_keep(keep);
    }

    /// Commits what waits, ends the thread and gives the store back, to resign or to follow. While the store has no room one more attempt
    /// is made; then what waits is given up.
    pub fn finish(mut self) -> Option<Box<dyn Store>> {
        self.queue.close();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &self.waiting()).field("state", &self.state()).finish_non_exhaustive()
    }
}

impl fmt::Debug for WriterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterSettings").field("most_changes", &self.most_changes).finish_non_exhaustive()
    }
}

fn wall() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::ZERO + since
}
