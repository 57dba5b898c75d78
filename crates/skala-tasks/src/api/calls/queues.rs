//! Queues: their numbers, pausing, purging.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use skala_queue::{Parked, QueueId, QueueSettings};

use super::super::answer::{Answer, document};
use super::super::problem::Problem;
use super::super::write;
use super::Asked;

/// Ceilings of one queue that are shown, tenants' among them.
const CEILINGS: usize = 20;

/// All queues.
pub(super) fn list(asked: &Asked<'_>) -> Result<Answer, Problem> {
    // A follower has no numbers.
    asked.tasks.shared().leading().map_err(|e| asked.failed(e))?;
    let queues = asked.tasks.shared().queues.load();
    let stats = asked.tasks.stats();
    let ids = (0..).map(QueueId);
    let one = |((id, queue), (_, stats)): ((QueueId, &Arc<QueueSettings>), &(_, _))| write::queue(queue, stats, &ceilings(asked, id));
    let queues: Vec<Value> = ids.zip(queues.iter()).zip(&stats).map(one).collect();
    Ok(document(StatusCode::OK, &json!({"queues": queues})))
}

/// One queue.
pub(super) fn show(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let (id, settings) = asked.queue(asked.part)?;
    let term = asked.tasks.shared().leading().map_err(|e| asked.failed(e))?;
    let stats = term.ask(|inner, now| inner.core.stats(id, now));
    Ok(document(StatusCode::OK, &write::queue(&settings, &stats, &ceilings(asked, id))))
}

/// The ceilings that park tasks of a queue.
fn ceilings(asked: &Asked<'_>, id: QueueId) -> Vec<Parked> {
    let term = asked.tasks.shared().leading();
    term.map(|term| term.ask(|inner, _| inner.core.ceilings(id, CEILINGS))).unwrap_or_default()
}

/// Pauses or resumes.
pub(super) async fn pause(asked: &Asked<'_>, paused: bool) -> Result<Answer, Problem> {
    let (id, settings) = asked.queue(asked.part)?;
    asked.tasks.pause(id, paused).await.map_err(|e| asked.failed(e))?;
    Ok(document(StatusCode::OK, &json!({"name": settings.name.as_str(), "paused": paused})))
}

/// Forgets what nobody works on.
pub(super) async fn purge(asked: &Asked<'_>) -> Result<Answer, Problem> {
    let (id, settings) = asked.queue(asked.part)?;
    let mut most = usize::MAX;
    for (_, value) in asked.parameters(&["limit"])? {
        most = value.parse().map_err(|_| Problem::field("limit", "is not a number"))?;
    }
    let purged = asked.tasks.purge(id, most).await.map_err(|e| asked.failed(e))?;
    Ok(document(StatusCode::OK, &json!({"name": settings.name.as_str(), "purged": purged})))
}
