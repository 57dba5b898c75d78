//! What a writer has done, for metrics.

use std::time::Duration;

/// Counts since the writer began, and what is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterFigures {
    /// Commits that succeeded, those in memory alone included.
    pub commits: u64,
    /// Groups in them: calls of the core.
    pub groups: u64,
    /// Changes in them.
    pub changes: u64,
    /// Commits that failed for want of room, or because the store was held.
    pub failures: u64,
    /// Time spent in commits.
    pub committing: Duration,
    /// The longest commit.
    pub longest: Duration,
    /// Time spent in sweeps.
    pub sweeping: Duration,
    /// Changes that wait.
    pub waiting: usize,
    /// Bytes that a crash would make the next start read again, such as a write-ahead log; by the last look at it.
    pub log_bytes: u64,
}
