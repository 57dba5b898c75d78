//! What every store forgets, and when.
//!
//! Decides: bounds of a sweep's work, and how much of the past is kept.

use std::time::Duration;

use skala_queue::{Account, Per, ScheduleRow};
use skala_types::Time;

/// Ended tasks that one call of a sweep looks at, per queue. Small enough that a commit waits for it a few milliseconds at most.
pub const SWEEP_PIECE: usize = 256;
/// An ended task that an unfinished one waits for is kept whole, and looked at again after this.
pub const AWAITED_AGAIN: Duration = Duration::from_secs(3600);
/// Occurrences kept per schedule.
pub const MOST_FIRINGS: usize = 1000;
/// Occurrences are kept so long.
pub const FIRINGS_KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Money spent is remembered so long after its window, in case the wall clock steps back.
const SPENT_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Until when money spent in a window matters.
pub(super) fn spent_until(account: &Account) -> Time {
    let days = |n: u64| Duration::from_secs(n * 24 * 3600);
    let window = match account.per {
        Per::Hour => Duration::from_secs(3600),
        Per::Day => days(1),
        Per::Month => days(31),
    };
    account.from + window + SPENT_KEPT
}

/// Whether an occurrence may be forgotten without ever firing again: what is remembered of its schedule must cover it.
pub(super) fn is_covered(nominal: Time, schedule: Option<&ScheduleRow>) -> bool {
    schedule.is_some_and(|row| nominal <= row.through)
}
