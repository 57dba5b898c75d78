//! Bounds of what a trace may say: beyond them it is a mistake, and is refused with a clear word.

use std::time::Duration;

/// The highest rate, requests per second: a hundred million is beyond any front end in the world.
pub const MAX_RATE: f64 = 1e8;

/// The longest trace: a hundred years, so that sums of nanoseconds stay far from overflow.
pub const MAX_LENGTH: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The most tokens of one prompt or answer.
pub const MAX_TOKENS: u32 = 100_000_000;

/// The largest coefficient of variation of gaps.
pub const MAX_CV: f64 = 100.0;

/// The longest line, bytes; a longer one means that the file is no trace.
pub(crate) const MAX_LINE: usize = 64 * 1024;

/// Rows that may wait while out-of-order ones are put in order.
pub(crate) const MAX_REORDERED: usize = 4_000_000;

/// The least and the most that a trace can be scaled by.
pub(crate) const SCALES: (f64, f64) = (1e-6, 1e6);

/// Nanoseconds of a duration; [`MAX_LENGTH`] fits.
pub(crate) fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// A duration of so many seconds; not below 0, not above [`MAX_LENGTH`].
pub(crate) fn seconds(s: f64) -> Duration {
    Duration::from_nanos((s.max(0.0) * 1e9).min(nanos(MAX_LENGTH) as f64) as u64)
}
