//! The runner's loop: one task of the runtime that owns the scheduler.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use skala_queue::schedule::{ScheduleError, Scheduler, Step};
use tokio::sync::mpsc;

use super::apply::{Open, apply};
use super::{Order, ScheduledTasks, show};
use crate::{Role, ScheduleCall, Tasks, TasksError};

/// The wall clock is looked at this often, because it may step.
const LOOK: Duration = Duration::from_secs(1);
/// The least pause between two looks.
const LEAST: Duration = Duration::from_millis(1);
/// The pause before what could not be written is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Steps at a time, so that calls are heard in between.
const STEPS: usize = 64;

/// One time of leading.
struct Term {
    tasks: Arc<Tasks>,
    epoch: u32,
    scheduler: Scheduler,
    open: Open,
}

/// Runs schedules for ever.
pub(super) async fn run(tasks: Arc<Tasks>, mut schedules: Vec<ScheduledTasks>, mut inbox: mpsc::Receiver<Order>) {
    let mut role = tasks.role();
    loop {
        let now = role.borrow_and_update().clone();
        if let Role::Leading { epoch } = now.clone() {
            match Term::begin(Arc::clone(&tasks), epoch, &schedules).await {
                Ok(mut term) => term.run(&mut schedules, &mut inbox, &mut role).await,
                Err(error) => tracing::warn!(%error, "schedules wait: what is stored of them cannot be read"),
            }
        }
        if *role.borrow() != now {
            continue;
        }
        tokio::select! {
            _ = role.changed() => {}
            order = inbox.recv() => match order {
                Some(Order::Call(_, reply)) => drop(reply.send(Err(TasksError::Unavailable { leader: leader(&role.borrow()) }))),
                Some(Order::Replace(new)) => schedules = new,
                None => return,
            },
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

fn leader(role: &Role) -> Option<String> {
    match role {
        Role::Following { leader } => leader.clone(),
        _ => None,
    }
}

impl Term {
    async fn begin(tasks: Arc<Tasks>, epoch: u32, schedules: &[ScheduledTasks]) -> Result<Term, TasksError> {
        let restored = tasks.restored().ok_or(TasksError::Unavailable { leader: None })?;
        let settings = schedules.iter().map(|schedule| schedule.settings.clone()).collect();
        let scheduler = Scheduler::new(settings, &restored.schedules, tasks.clock().now().wall).map_err(refused)?;
        let open = Open::load(&tasks, schedules).await?;
        Ok(Term { tasks, epoch, scheduler, open })
    }

    /// Runs until this process no longer leads.
    async fn run(
        &mut self,
        schedules: &mut Vec<ScheduledTasks>,
        inbox: &mut mpsc::Receiver<Order>,
        role: &mut tokio::sync::watch::Receiver<Role>,
    ) {
        loop {
            let now = self.tasks.clock().now().wall;
            let (tasks, open) = (&self.tasks, &mut self.open);
            let steps = self.scheduler.due(now, STEPS, |name| open.has(tasks, name));
            let came = !steps.is_empty();
            for step in steps {
                if !self.persist(schedules, &step).await {
                    return;
                }
            }
            let pause = match self.scheduler.next_wake(now) {
                _ if came => Duration::ZERO,
                Some(next) => next.since(self.tasks.clock().now().wall).clamp(LEAST, LOOK),
                None => LOOK,
            };
            tokio::select! {
                biased;
                _ = role.changed() => return,
                order = inbox.recv() => match order {
                    Some(Order::Call(call, reply)) => drop(reply.send(self.answer(schedules, call).await)),
                    Some(Order::Replace(new)) => self.replace(schedules, new),
                    None => return,
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Does a step as soon as it can be written; `false` when this process no longer leads.
    async fn persist(&mut self, schedules: &[ScheduledTasks], step: &Step) -> bool {
        loop {
            match apply(&self.tasks, self.epoch, &schedules[step.schedule], step, &mut self.open).await {
                // Late: it is made, and will be written.
                Ok(()) | Err(TasksError::Late(_)) => return true,
                Err(TasksError::Unavailable { .. } | TasksError::Stopping) => return false,
                Err(error) => {
                    tracing::warn!(schedule = step.name.as_str(), %error, "an occurrence waits to be written");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    fn replace(&mut self, schedules: &mut Vec<ScheduledTasks>, new: Vec<ScheduledTasks>) {
        let settings = new.iter().map(|schedule| schedule.settings.clone()).collect();
        match self.scheduler.set(settings, self.tasks.clock().now().wall) {
            Ok(()) => *schedules = new,
            Err(error) => tracing::error!(%error, "schedules stay as they are"),
        }
    }

    async fn answer(&mut self, schedules: &[ScheduledTasks], call: ScheduleCall) -> Result<Value, TasksError> {
        let now = self.tasks.clock().now().wall;
        let tasks = Arc::clone(&self.tasks);
        let queue = |s: &ScheduledTasks| tasks.settings(s.queue).map(|queue| queue.name.as_str().to_owned()).unwrap_or_default();
        let step = match &call {
            ScheduleCall::List => return Ok(show::list(&self.scheduler, schedules, queue, now)),
            ScheduleCall::Show(_) | ScheduleCall::History(..) => None,
            ScheduleCall::Run(name) => Some(self.scheduler.run_now(name, now).map_err(refused)?),
            ScheduleCall::Pause(name, paused) => Some(self.scheduler.pause(name, *paused, now).map_err(refused)?),
        };
        if let Some(step) = &step {
            apply(&self.tasks, self.epoch, &schedules[step.schedule], step, &mut self.open).await?;
        }
        let (ScheduleCall::Show(name) | ScheduleCall::History(name, _) | ScheduleCall::Run(name) | ScheduleCall::Pause(name, _)) =
            &call
        else {
            return Ok(Value::Null);
        };
        let schedule =
            schedules.iter().find(|s| *s.settings.name == **name).ok_or_else(|| TasksError::NoSchedule(name.clone()))?;
        Ok(show::one(&self.scheduler, schedule, &queue(schedule), now))
    }
}

fn refused(error: ScheduleError) -> TasksError {
    match error {
        ScheduleError::Unknown(name) => TasksError::NoSchedule(name),
        ScheduleError::Twice(_) => TasksError::State(error.to_string()),
    }
}
