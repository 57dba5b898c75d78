//! Queues in `skala status`.

use std::sync::PoisonError;
use std::time::Duration;

use skala_console::views::QueueStatus;
use skala_spec::Delivery;
use skala_tasks::deliver::Deliveries;

use super::{Routed, TaskSide};

impl TaskSide {
    /// Every queue of the platform file.
    pub fn status(&self) -> Vec<QueueStatus> {
        let stats = self.tasks.stats();
        let failure = self.not_leading();
        let one = |routed: &Routed| {
            let bare = QueueStatus {
                name: routed.name().to_owned(),
                service: routed.service().map(ToString::to_string),
                delivery: word(&routed.queue.delivery).to_owned(),
                ..QueueStatus::default()
            };
            if let Delivery::Celery { .. } = &routed.queue.delivery {
                let (found, error) = self.celery.stats(routed.name());
                let found = found.unwrap_or_default();
                return QueueStatus {
                    ready: found.ready,
                    leased: found.leased,
                    waiting: found.delayed,
                    dead: found.dead,
                    oldest_ms: found.oldest_age.map(millis),
                    per_second: found.completion_rate,
                    error,
                    ..bare
                };
            }
            let Some((_, found)) = stats.iter().find(|(name, _)| name.as_str() == routed.name()) else {
                return QueueStatus { error: failure.clone(), ..bare };
            };
            QueueStatus {
                ready: found.ready,
                leased: found.leased,
                waiting: found.delayed + found.held + found.parked,
                dead: found.dead,
                oldest_ms: found.oldest_age.map(millis),
                per_second: found.completion_rate,
                paused: found.paused,
                alarm: found.alarm,
                ..bare
            }
        };
        self.queues.iter().filter(|routed| !routed.queue.hidden).map(one).collect()
    }
}

impl TaskSide {
    /// What became of attempts: how they are made, by whom, and the numbers.
    pub fn deliveries(&self) -> Vec<(&'static str, String, Deliveries)> {
        let deliverers = self.deliverers.lock().unwrap_or_else(PoisonError::into_inner);
        let pushes = deliverers.pushes.iter().map(|push| ("push", push.service().to_string(), push.figures()));
        let name = |id| self.queues.iter().find(|q| q.id == Some(id)).map_or_else(String::new, |q| q.name().to_owned());
        let commands = deliverers.commands.iter().map(|c| ("command", name(c.queue()), c.figures()));
        pushes.chain(commands).collect()
    }
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

fn word(delivery: &Delivery) -> &'static str {
    match delivery {
        Delivery::Push { .. } => "push",
        Delivery::Pull { .. } => "pull",
        Delivery::Command { .. } => "command",
        Delivery::Celery { .. } => "celery",
    }
}
