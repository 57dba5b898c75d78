//! What the tasks' API and the metrics say of queues in Celery brokers.
//!
//! Decides: the numbers are those of the broker, with what is here on its way there; `done` counts tasks that were handed over.

use serde_json::{Map, Value, json};
use skala_queue::{NewTask, QueueStats};
use skala_tasks::Elsewhere;

use super::{Brokers, Queue, Watched, message};

impl Elsewhere for Brokers {
    fn overlay(&self, queue: &str, stats: &mut QueueStats) {
        let Some((watched, found)) = self.find(queue) else { return };
        let Some(there) = watched.watcher.stats(&found.there) else { return };
        if found.bridged {
            // What was taken is counted here.
            stats.ready += there.ready;
            stats.oldest_age = stats.oldest_age.max(there.oldest_age);
            return;
        }
        stats.ready += there.ready;
        stats.leased += there.leased;
        stats.delayed += there.delayed + there.due_soon;
        stats.dead += there.dead;
        stats.oldest_age = stats.oldest_age.max(there.oldest_age);
        stats.arrival_rate = there.arrival_rate;
        stats.completion_rate = there.completion_rate;
        stats.mean_attempt = None;
        stats.alarm = self.alarm(queue);
    }

    fn more(&self, queue: &str) -> Map<String, Value> {
        self.find(queue).map(|(watched, found)| document(watched, found)).unwrap_or_default()
    }

    fn refusal(&self, queue: &str, task: &NewTask) -> Option<String> {
        let (_, found) = self.find(queue)?;
        if found.bridged { None } else { message::message("", task.label.name.as_str(), &task.body, "").err() }
    }
}

/// The broker's part of a queue's document.
fn document(watched: &Watched, queue: &Queue) -> Map<String, Value> {
    let view = watched.watcher.view();
    let there = watched.watcher.stats(&queue.there).unwrap_or_default();
    let steps: Map<String, Value> = there.ready_by_step.iter().map(|(step, n)| (step.to_string(), (*n).into())).collect();
    let celery = json!({
        "queue": queue.there,
        "ready": there.ready,
        "readyByPriority": steps,
        "running": there.running,
        "prefetched": there.prefetched,
        "dueSoon": there.due_soon,
        "dead": there.dead,
        "estimated": there.estimated,
        "ageIsAtLeast": there.age_is_at_least,
        "seenSeconds": view.at.map(|at| at.elapsed().as_secs_f64()),
        "error": view.error,
        "renewed": view.leases.renewed,
        "restored": view.leases.restored,
    });
    Map::from_iter([("celery".to_owned(), celery)])
}
