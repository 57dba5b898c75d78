//! How much work a Celery queue truly has.
//!
//! Pure. `flow` follows one list: arrivals, departures, the age of its head. `unacked` follows what workers have. [`CeleryQueueStats`]
//! is what both say about a queue.

mod flow;
mod unacked;

use std::time::Duration;

pub use flow::{Flow, Rates};
pub use unacked::{Entry, Part, Unacked};

/// A queue at one look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CeleryQueueStats {
    /// Its name.
    pub queue: String,
    /// Messages that wait in its lists, over all priorities.
    pub ready: u64,
    /// The same by priority step, in the order of service.
    pub ready_by_step: Vec<(u8, u64)>,
    /// Due tasks that a worker has: running or prefetched, running ones that were acknowledged early included where workers tell.
    pub leased: u64,
    /// Of those, the ones that run; none while no worker answers.
    pub running: Option<u64>,
    /// Of those, the ones that a worker has taken but not begun; none while no worker answers.
    pub prefetched: Option<u64>,
    /// Tasks with an ETA beyond the horizon, which Celery keeps in a worker's memory.
    pub delayed: u64,
    /// Tasks with an ETA within the horizon.
    pub due_soon: u64,
    /// Messages in the dead-letter list.
    pub dead: u64,
    /// Whether more messages are with workers than are looked at, so that `leased` and `delayed` are scaled up from a part.
    pub estimated: bool,
    /// Age of the oldest ready message.
    pub oldest_age: Option<Duration>,
    /// Whether that message was there before skala looked first, so that it may be older.
    pub age_is_at_least: bool,
    /// Messages that come, per second; only while there is a backlog, as an empty list hides what passed through.
    pub arrival_rate: Option<f64>,
    /// Messages that are done, per second; where the application acknowledges early: that are begun. As `arrival_rate`.
    pub completion_rate: Option<f64>,
}
