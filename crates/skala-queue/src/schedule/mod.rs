//! When schedules fire, and what becomes of occurrences that were missed or come too early.
//!
//! Pure: the runner asks [`Scheduler::due`] and commits what it says together with the tasks that it makes.

mod beat;
mod scheduler;
mod timetable;

pub use beat::{BeatEntry, BeatError, read_beat};
pub use scheduler::{
    LATE, LONGEST_CATCH_UP, MOST_BACKFILL, MOST_MISSED, Misfire, Overlap, ScheduleError, ScheduleSettings, ScheduleState,
    Scheduler, Step,
};
pub use timetable::{SHORTEST_PERIOD, Timetable, TimetableError};
