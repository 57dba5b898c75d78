//! The durable task server: a store with one writer and group commit, the HTTP API, delivery to workers, schedules.
//!
//! Who decides what: [`skala_queue::Core`] everything about tasks; [`store`] what a crash leaves; the rest moves bytes.
//!
//! ```text
//! HTTP API, schedules, gateway -> Tasks (core behind a lock) -> writer (group commit) -> Store
//!                                   -> deliver: push | pull | command
//! ```

mod api;
pub mod deliver;
mod engine;
pub mod schedules;
pub mod store;
pub mod writer;

pub use engine::{
    Bounds, Each, Elsewhere, Extend, ExtendedEach, Job, Role, ScheduleCall, Schedules, StartError, TakeAsk, TaskClock, TaskView,
    Tasks, TasksConfig, TasksError,
};
