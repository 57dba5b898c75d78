//! The task that looks at one source again and again.
//!
//! Decides: when the next look is due.
//! Method: the first look comes within a tenth of the poll interval, at most a second, spread over sources so that a start does not
//!   ask everybody at once; after failures the pause doubles, up to four intervals.
//! Invariants: one look at a time per source; the pause is never longer than four intervals, so a server that is back is seen.
//! Tested: `tests` below; `tests/it/signals.rs`.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use skala_runtime::Clock;
use skala_spec::model::Source;
use tokio::sync::{Notify, Semaphore};

use super::Reading;
use crate::Error;
use crate::reader::{LONGEST, Memory, Reader};

/// Longest pause after failures, in poll intervals.
const MAX_PAUSE: u32 = 4;

/// What a task and its readers share.
#[derive(Debug, Default)]
pub(super) struct Cell {
    reading: Mutex<Reading>,
    poll_nanos: AtomicU64,
    changed: Notify,
}

impl Cell {
    pub(super) fn reading(&self) -> Reading {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the time between looks; a pause that is under way is begun again when it changes.
    pub(super) fn set_poll(&self, poll: Duration) {
        let nanos = u64::try_from(poll.as_nanos()).unwrap_or(u64::MAX);
        if self.poll_nanos.swap(nanos, Ordering::Relaxed) != nanos {
            self.changed.notify_one();
        }
    }

    fn poll(&self) -> Duration {
        Duration::from_nanos(self.poll_nanos.load(Ordering::Relaxed))
    }
}

pub(super) struct Watch {
    pub(super) source: Source,
    pub(super) cell: Arc<Cell>,
    pub(super) reader: Arc<Reader>,
    pub(super) limit: Arc<Semaphore>,
    pub(super) clock: Clock,
}

impl Watch {
    /// Looks until it is aborted.
    pub(super) async fn run(self) {
        let spread = RandomState::new().hash_one(&self.source) as f64 / u64::MAX as f64;
        let memory = Arc::new(tokio::sync::Mutex::new(Memory::default()));
        self.cell.changed.notified().await; // the interval is set once at least
        tokio::time::sleep((self.cell.poll() / 10).min(Duration::from_secs(1)).mul_f64(spread)).await;
        loop {
            let Ok(permit) = self.limit.acquire().await else { return };
            let asked = self.clock.now();
            let found = self.look(&memory).await;
            drop(permit);
            let failures = {
                let mut reading = self.cell.reading.lock().unwrap_or_else(PoisonError::into_inner);
                let before = reading.error.is_some();
                reading.take(found, asked, self.clock.now());
                self.tell(before, &reading);
                reading.failures
            };
            loop {
                // A new interval counts from its beginning.
                let pause = pause(self.cell.poll(), failures);
                if tokio::time::timeout(pause, self.cell.changed.notified()).await.is_err() {
                    break;
                }
            }
        }
    }

    /// One look, in a task of its own: a bug in a library ends the look and not the watch.
    async fn look(&self, memory: &Arc<tokio::sync::Mutex<Memory>>) -> Result<crate::Sample, Error> {
        let (reader, source, memory) = (Arc::clone(&self.reader), self.source.clone(), Arc::clone(memory));
        let mut tasks = tokio::task::JoinSet::new(); // aborts what it holds when it is dropped
        tasks.spawn(async move { reader.look(&source, &mut *memory.lock().await).await });
        match tokio::time::timeout(LONGEST, tasks.join_next()).await {
            Ok(Some(Ok(found))) => found,
            Ok(_) => Err(Error::Broken { reason: "a bug ended the look".to_owned() }),
            Err(_) => Err(Error::Broken { reason: "the look did not end".to_owned() }),
        }
    }

    /// Says once that a source fails, and once that it is back.
    fn tell(&self, failed_before: bool, reading: &Reading) {
        let (kind, server) = (self.source.kind(), self.source.server());
        match (&reading.error, failed_before) {
            (Some((error, _)), false) => tracing::warn!(kind, server, "failed to {error}"),
            (None, true) => tracing::info!(kind, server, "reads again"),
            _ => {}
        }
    }
}

/// Time from a look to the next.
fn pause(poll: Duration, failures: u32) -> Duration {
    poll.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(poll.saturating_mul(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_four_intervals() {
        let poll = Duration::from_secs(10);
        let pauses: Vec<u64> = (0..7).chain([u32::MAX]).map(|n| pause(poll, n).as_secs()).collect();
        assert_eq!(pauses, [10, 10, 20, 40, 40, 40, 40, 40]);
        assert_eq!(pause(Duration::MAX, 5), Duration::MAX);
    }
}
