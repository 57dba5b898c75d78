//! Alarms of queues that are too long or too old.
//!
//! Method: hysteresis: raised above a threshold, lowered at four fifths of it, so that a queue that hovers there is not told of at each task.
//! Tested: `tests/it/time.rs`.

use std::time::Duration;

use super::queue::Queue;
use super::{Answer, Core, CoreEvent, Enqueued, Now, QueueId};
use crate::Phase;

/// Ages are looked at so often while an alarm of age may change.
const LOOK: Duration = Duration::from_secs(1);

impl Queue {
    /// Tasks that count for the alarm.
    fn length(&self) -> u64 {
        self.count(Phase::Ready) + self.count(Phase::Leased)
    }

    fn age(&self, now: Now) -> Duration {
        self.ready.oldest().map_or(Duration::ZERO, |since| now.at.since(since))
    }

    /// Whether a threshold is passed, thresholds taken times `share`.
    fn passes(&self, share: f64, now: Now) -> bool {
        let alarm = self.settings.alarm;
        let long = alarm.length.is_some_and(|most| self.length() as f64 > most as f64 * share);
        long || alarm.age.is_some_and(|most| self.age(now) > most.mul_f64(share))
    }

    fn alarm_text(&self, now: Now) -> String {
        let alarm = self.settings.alarm;
        let length = alarm.length.map(|most| format!("{} tasks are ready or worked on (threshold {most})", self.length()));
        let age = alarm.age.map(|most| {
            format!(
                "the oldest ready task waits for {:.0} s (threshold {:.0} s)",
                self.age(now).as_secs_f64(),
                most.as_secs_f64()
            )
        });
        let parts: Vec<String> = [length, age].into_iter().flatten().collect();
        format!("queue {}: {}", self.settings.name, parts.join(", "))
    }
}

impl Core {
    /// Raises or lowers a queue's alarm.
    pub(super) fn check_alarm(&mut self, id: QueueId, now: Now) {
        let queue = self.of(id);
        if queue.settings.alarm.length.is_none() && queue.settings.alarm.age.is_none() && !queue.alarm {
            return;
        }
        let raised = queue.passes(if queue.alarm { 0.8 } else { 1.0 }, now);
        if raised != std::mem::replace(&mut queue.alarm, raised) {
            let text = queue.alarm_text(now);
            self.tell(CoreEvent::Alarm { queue: id, raised, text });
        }
    }

    /// After an enqueue: the queues of its tasks.
    pub(super) fn check_length_alarms(&mut self, answer: &Answer<Vec<Enqueued>>, now: Now) {
        let mut last = None;
        for one in &answer.value {
            let queue = self.tasks.find(one.id).map(|slot| self.tasks[slot].queue);
            if queue != last {
                last = queue;
                queue.into_iter().for_each(|queue| self.check_alarm(queue, now));
            }
        }
    }

    /// When an alarm of age may change.
    pub(super) fn next_alarm(&self, now: Now) -> Option<skala_types::Time> {
        let next = |queue: &Queue| {
            let (most, oldest) = (queue.settings.alarm.age?, queue.ready.oldest());
            if queue.alarm {
                return Some(now.at + LOOK);
            }
            oldest.map(|since| since + most + Duration::from_nanos(1))
        };
        self.queues.iter().filter_map(next).min()
    }
}
