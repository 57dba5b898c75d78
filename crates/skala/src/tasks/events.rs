//! What happens to tasks by itself, in the journal.
//!
//! Decides: how much of it: alarms and ceilings always, deaths and lost leases up to a bound, with the number of those left out.
//! Tested: `tests` below; `tests/e2e/tasks.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use skala_queue::{CoreEvent, QueueId};
use skala_types::Time;
use tokio::sync::broadcast::error::RecvError;

use super::TaskSide;

/// Events of one kind and queue in a window; more are counted.
const MOST: u32 = 10;
/// The window.
const WINDOW: Duration = Duration::from_secs(60);

/// An event for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The service that works on the queue.
    pub service: Option<String>,
    /// A stable word.
    pub kind: &'static str,
    /// A sentence.
    pub text: String,
}

impl TaskSide {
    /// Hands on what happens until the task server ends.
    pub async fn note_events(&self, now: impl Fn() -> Time, note: impl Fn(Noted)) {
        let mut events = self.tasks.events();
        let mut throttle = Throttle::default();
        loop {
            match events.recv().await {
                Ok(event) => throttle.pass(self.noted(&event), queue_of(&event), now(), &note),
                Err(RecvError::Lagged(n)) => {
                    tracing::warn!("{n} events of tasks came too fast to be noted; the metrics count them");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn noted(&self, event: &CoreEvent) -> Noted {
        let of = |id: QueueId| self.queues.iter().find(|q| q.id == Some(id));
        let routed = of(queue_of(event));
        let queue = routed.map_or("a queue that is no more", |q| q.name());
        let (kind, text) = match event {
            CoreEvent::LeaseLost { task, worker, .. } => {
                ("leaseLost", format!("{queue}: {worker} was silent for too long; {task} is given to another"))
            }
            CoreEvent::Overdue { task, .. } => ("overdue", format!("{queue}: {task} is past its timeout and grace")),
            CoreEvent::Died { task, cause, .. } => {
                ("deadLetter", format!("{queue}: {task} will not be tried again: {} (skala tasks show {task})", words(cause)))
            }
            CoreEvent::Alarm { raised: true, text, .. } => ("alarm", format!("{queue}: {text}")),
            CoreEvent::Alarm { raised: false, text, .. } => ("alarmOver", format!("{queue}: {text}")),
            CoreEvent::Parked { parked: true, text, .. } => ("parked", format!("{queue}: {text}")),
            CoreEvent::Parked { parked: false, text, .. } => ("unparked", format!("{queue}: {text}")),
        };
        Noted { service: routed.and_then(|q| q.service()).map(ToString::to_string), kind, text }
    }
}

/// A cause as its name in documents.
fn words(cause: &impl serde::Serialize) -> String {
    serde_json::to_value(cause).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn queue_of(event: &CoreEvent) -> QueueId {
    match event {
        CoreEvent::LeaseLost { queue, .. }
        | CoreEvent::Overdue { queue, .. }
        | CoreEvent::Died { queue, .. }
        | CoreEvent::Alarm { queue, .. }
        | CoreEvent::Parked { queue, .. } => *queue,
    }
}

/// Bounds how much is noted.
#[derive(Default)]
struct Throttle {
    /// Since when, how many were noted, how many not.
    windows: BTreeMap<(u16, &'static str), (Time, u32, u32)>,
}

impl Throttle {
    fn pass(&mut self, noted: Noted, queue: QueueId, now: Time, note: impl Fn(Noted)) {
        let window = self.windows.entry((queue.0, noted.kind)).or_insert((now, 0, 0));
        if now.since(window.0) >= WINDOW {
            if window.2 > 0 {
                note(Noted { text: format!("{} more of {} within a minute", window.2, noted.kind), ..noted.clone() });
            }
            *window = (now, 0, 0);
        }
        let always = matches!(noted.kind, "alarm" | "alarmOver" | "parked" | "unparked");
        if always || window.1 < MOST {
            window.1 += 1;
            note(noted);
        } else {
            window.2 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn a_flood_is_counted_and_alarms_always_pass() {
        let told = RefCell::new(Vec::new());
        let mut throttle = Throttle::default();
        let mut pass = |kind, queue, secs| {
            let noted = Noted { service: None, kind, text: format!("{kind} {queue}") };
            throttle.pass(noted, QueueId(queue), Time::ZERO + Duration::from_secs(secs), |n| told.borrow_mut().push(n.text));
        };
        (0..25).for_each(|_| pass("deadLetter", 1, 1));
        pass("deadLetter", 2, 1);
        (0..12).for_each(|_| pass("alarm", 1, 2));
        pass("deadLetter", 1, 62);
        let told = told.into_inner();
        let count = |text: &str| told.iter().filter(|t| *t == text).count();
        assert_eq!((count("deadLetter 1"), count("deadLetter 2"), count("alarm 1")), (11, 1, 12));
        assert_eq!(count("15 more of deadLetter within a minute"), 1);
    }
}
