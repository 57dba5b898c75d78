//! A queue's numbers.

use std::time::Duration;

use super::{Core, Now, QueueId, QueueStats, TaskId};
use crate::Phase;

/// [`QueueStats::due_soon`] looks so far ahead.
const SOON: Duration = Duration::from_secs(60);

impl Core {
    /// A queue's numbers.
    pub fn stats(&self, queue: QueueId, now: Now) -> QueueStats {
        let Some(queue) = self.queues.get(usize::from(queue.0)) else { return QueueStats::default() };
        let totals = &queue.totals;
        QueueStats {
            ready: queue.count(Phase::Ready),
            delayed: queue.count(Phase::Delayed),
            held: queue.count(Phase::Held),
            parked: queue.count(Phase::Parked),
            leased: queue.count(Phase::Leased),
            due_soon: queue.due_within(now.wall, SOON),
            oldest_age: queue.ready.oldest().map(|since| now.at.since(since)),
            paused: queue.stands(),
            speed: queue.limits.slow.speed(now.at),
            enqueued: totals.enqueued,
            duplicates: totals.duplicates,
            refused: totals.refused,
            done: totals.done,
            dead: totals.dead,
            cancelled: totals.cancelled,
            attempts: totals.attempts,
            failed: totals.failed,
            lost: totals.lost,
            stale: totals.stale,
            arrival_rate: totals.arrivals.rate(now.at),
            completion_rate: totals.ends.rate(now.at),
            mean_attempt: totals.attempt.get(),
            spent: totals.spent,
            alarm: queue.alarm,
        }
    }

    /// How many of a queue's tasks are in a phase; zero for those that have ended.
    pub fn count(&self, queue: QueueId, phase: Phase) -> u64 {
        self.queues.get(usize::from(queue.0)).filter(|_| !phase.has_ended()).map_or(0, |q| q.count(phase))
    }

    /// Whether a task has been taken in and has not ended.
    pub fn is_unfinished(&self, task: TaskId) -> bool {
        self.tasks.find(task).is_some()
    }

    /// Age of the task of a queue that has been ready longest.
    pub fn oldest_age(&self, queue: QueueId, now: Now) -> Option<Duration> {
        self.queues.get(usize::from(queue.0))?.ready.oldest().map(|since| now.at.since(since))
    }

    /// Tasks that are not due yet but will be within that time, to the minute.
    pub fn due_within(&self, queue: QueueId, now: Now, within: Duration) -> u64 {
        self.queues.get(usize::from(queue.0)).map_or(0, |q| q.due_within(now.wall, within))
    }

    /// What its workers call has no capacity: the queue slows down, by halves, and recovers by steps. `retry_after` is a hard pause.
    pub fn slow(&mut self, queue: QueueId, retry_after: Option<Duration>, now: Now) {
        self.clock = self.clock.max(now.at);
        if let Some(queue) = self.queues.get_mut(usize::from(queue.0)) {
            queue.limits.slow.refused(retry_after, now.at);
        }
    }

    /// Tasks and lease time that an instance still holds: the longest time until its last lease ends, by how long tasks take. One that
    /// takes longer than the mean is expected to take a quarter of it more.
    pub fn held_by(&self, instance: u64, now: Now) -> (u32, Duration) {
        let mut held = (0, Duration::ZERO);
        for lease in self.leases.iter().filter(|l| l.instance == instance) {
            let queue = &self.queues[usize::from(self.tasks[lease.task].queue.0)];
            let left = match queue.totals.attempt.get() {
                Some(mean) => mean.saturating_sub(now.at.since(lease.began)).max(mean / 4),
                None => lease.soft.since(now.at),
            };
            held = (held.0 + 1, held.1.max(left.min(lease.hard.since(now.at))));
        }
        held
    }
}
