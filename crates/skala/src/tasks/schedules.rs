//! The platform's schedules as the runner takes them.
//!
//! Decides: the label of what a schedule makes: its name, and for a request to a service, method, path and headers.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use bytes::Bytes;
use serde_json::Value;
use skala_queue::Label;
use skala_spec::{Platform, TaskSchedule};
use skala_tasks::Tasks;
use skala_tasks::schedules::{ScheduleRunner, ScheduledTasks};

/// Starts the schedules; none: there are none.
///
/// # Errors
/// When one fills a queue that is not there.
pub fn start(platform: &Platform, tasks: &Arc<Tasks>) -> anyhow::Result<Option<ScheduleRunner>> {
    let lowered: Vec<_> =
        platform.task_schedules().iter().map(|schedule| scheduled(schedule, tasks)).collect::<anyhow::Result<_>>()?;
    if lowered.is_empty() {
        return Ok(None);
    }
    Ok(Some(ScheduleRunner::start(Arc::clone(tasks), lowered)?))
}

fn scheduled(schedule: &TaskSchedule, tasks: &Tasks) -> anyhow::Result<ScheduledTasks> {
    let name = schedule.settings.name.clone();
    let missing = || anyhow!("schedules.{}: its queue {} is kept elsewhere", name.as_str(), schedule.queue.as_str());
    let request = schedule.request.as_ref();
    let headers: BTreeMap<String, String> =
        request.iter().flat_map(|r| &r.headers).map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
    Ok(ScheduledTasks {
        queue: tasks.queue(schedule.queue.as_str()).ok_or_else(missing)?,
        body: body(schedule),
        label: Label {
            name: name.clone(),
            headers,
            method: request.map_or("", |r| r.method).into(),
            path: request.map_or("", |r| r.path.as_str()).into(),
            ..Label::default()
        },
        tenant: schedule.tenant.clone(),
        tasks: schedule.tasks,
        timeout: request.map(|r| r.timeout),
        settings: schedule.settings.clone(),
    })
}

/// A request without a body has none, where a task has at least `null`.
fn body(schedule: &TaskSchedule) -> Bytes {
    match &schedule.request {
        Some(request) if !request.with_body => Bytes::new(),
        _ if schedule.body == Value::Null => Bytes::from_static(b"null"),
        _ => Bytes::from(schedule.body.to_string()),
    }
}
