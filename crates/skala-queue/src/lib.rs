//! Task queues and schedules: which task is worked on when, by whom, and what becomes of it.
//!
//! Pure: no clock, no disk. [`Core`] is the state machine of all queues of a platform; every call takes `now` and says what must be
//! written down ([`Change`]). The live server commits the changes and tells [`Core::committed`]; the simulator does so at once.

pub mod backoff;
mod change;
pub mod core;
mod ids;
pub mod ledger;
pub mod rate;
pub mod ready;
pub mod schedule;
mod settings;
pub mod slow;
mod task;

pub use crate::core::{
    Ack, Answer, Asked, Core, CoreEvent, Enqueued, Extended, LeaseError, Leased, Nack, NotFound, Parked, QueueStats, Refusal,
    Stop, Take, Waiting, Why,
};
pub use change::{Account, Change, Ended, Firing, FiringOutcome, Owner, Progressed, Restored, Row, ScheduleRow, StoredKey};
pub use ids::{Fence, Now, ParseTaskIdError, QueueId, Seq, TaskId};
pub use settings::{
    Alarm, Ceiling, CeilingOf, Durability, Keep, LONGEST_NAME, LONGEST_PATH, LONGEST_TIMEOUT, MOST_AT_ONCE, MOST_CHILDREN,
    MOST_HEADER_BYTES, MOST_KEYS, MOST_PARENTS, PRIORITIES, Per, QueueSettings, Rate, Retry,
};
pub use task::{
    After, Cause, Death, Holds, Key, LONGEST_MESSAGE, Label, MOST_LOG_LINES, NewTask, Occurrence, Parent, Phase, When,
};
