//! Queues' numbers for the autoscaler.
//!
//! Decides: what of a queue a service must be ready for.
//! Invariants: a queue that pauses asks for nobody new; while another process leads, the numbers are missing, not zero.
//! Tested: `tests` below; `tests/e2e/tasks.rs`.

use std::time::Duration;

use skala_autoscaler::{QueueObservation, SignalObservation};
use skala_queue::QueueStats;
use skala_types::{Sampled, Time};

use super::TaskSide;

impl TaskSide {
    /// The queues that bring a service work, hidden ones too, as they are now.
    pub fn observe(&self, service: &str, start_up: Duration, now: Time) -> Vec<SignalObservation> {
        let failure = self.not_leading();
        let stats = self.tasks.stats();
        let each = self.of(service).map(|(routed, id)| {
            let found = stats.iter().find(|(name, _)| name.as_str() == routed.name());
            match (found, &failure) {
                (Some((_, stats)), _) => observation(routed.name(), stats, self.tasks.due_within(id, start_up), now),
                (None, Some(why)) => SignalObservation::failed(routed.name(), why.as_str(), 1),
                (None, None) => SignalObservation::failed(routed.name(), "the task server does not know the queue", 1),
            }
        });
        let mut celery = self.celery.observe(service, now);
        celery.iter_mut().for_each(|seen| self.on_its_way(seen));
        each.chain(celery).collect()
    }

    /// What is here on its way to a Celery queue is as good as there; one that pauses asks for nobody new.
    fn on_its_way(&self, seen: &mut SignalObservation) {
        let (Some(id), Some(queue)) = (self.tasks.queue(seen.name.as_str()), &mut seen.queue) else { return };
        let here = self.tasks.own_stats(id);
        queue.ready += (here.ready + here.leased) as f64;
        if here.paused {
            (queue.ready, queue.due_soon, queue.oldest_age) = (0.0, 0.0, None);
        }
        seen.value = seen.value.map(|value| Sampled { value: queue.ready, ..value });
    }
}

fn observation(name: &str, stats: &QueueStats, due_soon: u64, now: Time) -> SignalObservation {
    let (ready, due_soon) = if stats.paused { (0, 0) } else { (stats.ready, due_soon) };
    let queue = QueueObservation {
        ready: ready as f64,
        leased: stats.leased as f64,
        due_soon: due_soon as f64,
        oldest_age: stats.oldest_age.filter(|_| !stats.paused),
        arrival_rate: stats.arrival_rate,
        completion_rate: stats.completion_rate,
    };
    SignalObservation {
        name: name.into(),
        value: Some(Sampled::new(now, queue.ready)),
        activity: None,
        queue: Some(queue),
        error: None,
        failures: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_pauses_asks_for_nobody_new() {
        let stats = QueueStats { ready: 7, leased: 2, oldest_age: Some(Duration::from_secs(9)), ..QueueStats::default() };
        let seen = observation("mail", &stats, 3, Time::ZERO);
        let queue = seen.queue.expect("a queue");
        assert_eq!((queue.ready, queue.leased, queue.due_soon, queue.oldest_age), (7.0, 2.0, 3.0, stats.oldest_age));
        assert_eq!(seen.value.map(|v| v.value), Some(7.0));
        let seen = observation("mail", &QueueStats { paused: true, ..stats }, 3, Time::ZERO);
        let queue = seen.queue.expect("a queue");
        assert_eq!((queue.ready, queue.leased, queue.due_soon, queue.oldest_age), (0.0, 2.0, 0.0, None));
    }
}
