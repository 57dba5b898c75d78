//! Does what the scheduler says: calls tasks off, makes tasks, writes down.

use std::collections::HashMap;

use skala_queue::schedule::Step;
use skala_queue::{Change, Enqueued, Firing, FiringOutcome, MOST_AT_ONCE, NewTask, Phase, TaskId};
use skala_types::Text;

use super::ScheduledTasks;
use crate::{Tasks, TasksError};

/// Occurrences that are looked at for tasks that have not ended, when a term begins.
const LOOKED_AT: usize = 32;
/// The schedule that made a task, and the time that its timetable says, for its worker.
const HEADERS: [&str; 2] = ["Skala-Schedule", "Skala-Scheduled-For"];

/// Tasks of earlier occurrences that may not have ended, by schedule.
#[derive(Debug, Default)]
pub(super) struct Open(HashMap<Text, Vec<TaskId>>);

impl Open {
    /// Reads them back.
    pub(super) async fn load(tasks: &Tasks, schedules: &[ScheduledTasks]) -> Result<Open, TasksError> {
        let mut open = Open::default();
        for schedule in schedules {
            let name = &schedule.settings.name;
            let firings = tasks.firings(name.as_str(), LOOKED_AT).await?;
            open.add(name, firings.into_iter().flat_map(|firing| firing.tasks));
        }
        Ok(open)
    }

    fn add(&mut self, name: &Text, tasks: impl IntoIterator<Item = TaskId>) {
        self.0.entry(name.clone()).or_default().extend(tasks);
    }

    /// Whether a schedule's task has not ended. While nobody can say, one has not.
    pub(super) fn has(&mut self, tasks: &Tasks, name: &str) -> bool {
        self.of(tasks, name).is_none_or(|open| !open.is_empty())
    }

    fn of(&mut self, tasks: &Tasks, name: &str) -> Option<&mut Vec<TaskId>> {
        let open = self.0.entry(name.into()).or_default();
        tasks.keep_unfinished(open).ok().map(|()| open)
    }
}

/// Does a step, in one term.
///
/// # Errors
/// When it could not be written down; it must be done again, unless another leads.
pub(super) async fn apply(
    tasks: &Tasks,
    epoch: u32,
    schedule: &ScheduledTasks,
    step: &Step,
    open: &mut Open,
) -> Result<(), TasksError> {
    if step.cancel {
        call_off(tasks, step, open).await?;
    }
    let made = step.fire.as_ref().map(|fire| made(schedule, fire)).unwrap_or_default();
    let taken = match tasks.enqueue_in(epoch, made, |taken| changes(step, taken, None)).await {
        Err(error @ TasksError::Refused { .. }) => {
            tracing::warn!(schedule = step.name.as_str(), %error, "an occurrence was refused by its queue");
            tasks.enqueue_in(epoch, Vec::new(), |_| changes(step, &[], Some(FiringOutcome::Refused))).await?
        }
        taken => taken?,
    };
    open.add(
        &step.name,
        taken.iter().filter(|task| task.phase.is_none_or(|phase: Phase| !phase.has_ended())).map(|task| task.id),
    );
    Ok(())
}

async fn call_off(tasks: &Tasks, step: &Step, open: &mut Open) -> Result<(), TasksError> {
    let before = open.of(tasks, step.name.as_str()).cloned().unwrap_or_default();
    for task in before {
        match tasks.cancel(task).await {
            Ok(_) | Err(TasksError::NoTask(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn made(schedule: &ScheduledTasks, fire: &Firing) -> Vec<NewTask> {
    let occurrence = &fire.occurrence;
    let mut label = schedule.label.clone();
    let values = [occurrence.schedule.as_str().to_owned(), occurrence.nominal.to_string()];
    label.headers.extend(HEADERS.map(str::to_owned).into_iter().zip(values));
    let task = NewTask {
        label,
        tenant: schedule.tenant.clone(),
        timeout: schedule.timeout,
        occurrence: Some(occurrence.clone()),
        ..NewTask::new(schedule.queue, schedule.body.clone())
    };
    vec![task; (schedule.tasks as usize).clamp(1, MOST_AT_ONCE)]
}

fn changes(step: &Step, taken: &[Enqueued], outcome: Option<FiringOutcome>) -> Vec<Change> {
    let fired = step.fire.iter().map(|fire| Firing {
        tasks: taken.iter().map(|task| task.id).collect(),
        outcome: outcome.unwrap_or(fire.outcome),
        ..fire.clone()
    });
    let firings = step.left_out.iter().cloned().chain(fired).map(Change::Fired);
    firings.chain([Change::Schedule(step.name.clone(), step.row)]).collect()
}
