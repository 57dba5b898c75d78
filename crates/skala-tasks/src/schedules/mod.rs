//! Schedules: makes the tasks of each occurrence, once.
//!
//! Decides: nothing; [`skala_queue::schedule::Scheduler`] does.
//! Method: while this process leads, the scheduler is asked at the wall clock's next occurrence, and at least once a second, so that a
//!   step of that clock is seen. What it says - tasks, firing, what is remembered - is one commit, in the term in which it was
//!   decided; a process that takes over begins with what is stored.
//! Invariants: each occurrence is dealt with once across all processes that share a store: the store's leader is fenced, and the
//!   occurrence is unique in it.
//! Tested: `tests/it/schedules.rs`.

mod apply;
mod run;
mod show;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use skala_queue::schedule::{ScheduleError, ScheduleSettings, Scheduler};
use skala_queue::{Label, QueueId};
use skala_types::{Text, Time};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{ScheduleCall, Schedules, Tasks, TasksError};

/// Calls that wait for the runner; further ones wait to wait.
const CALLS: usize = 64;

/// A schedule, and what it makes.
#[derive(Clone, Debug)]
pub struct ScheduledTasks {
    /// Its name, when, and by which rules.
    pub settings: ScheduleSettings,
    /// Where its tasks go; for a request to a service, the hidden queue that pushes there.
    pub queue: QueueId,
    /// Body of each task.
    pub body: Bytes,
    /// Label of each task: the request's method, path and headers are there.
    pub label: Label,
    /// Whose tasks they are; empty: nobody's.
    pub tenant: Text,
    /// Tasks each time, 1 to 128.
    pub tasks: u32,
    /// Longest attempt, instead of the queue's.
    pub timeout: Option<Duration>,
}

/// The running schedules of a platform.
#[derive(Debug)]
pub struct ScheduleRunner {
    orders: mpsc::Sender<Order>,
    running: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Call(ScheduleCall, oneshot::Sender<Result<Value, TasksError>>),
    Replace(Vec<ScheduledTasks>),
}

impl ScheduleRunner {
    /// Starts schedules, and answers the API's calls about them. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When two schedules have one name.
    pub fn start(tasks: Arc<Tasks>, schedules: Vec<ScheduledTasks>) -> Result<ScheduleRunner, ScheduleError> {
        check(&schedules)?;
        let (orders, inbox) = mpsc::channel(CALLS);
        tasks.set_schedules(Arc::new(Handle { orders: orders.clone(), tasks: Arc::downgrade(&tasks) }));
        let running = tokio::spawn(run::run(tasks, schedules, inbox));
        Ok(ScheduleRunner { orders, running })
    }

    /// Replaces the schedules; those that stay go on, new ones and changed times begin now.
    ///
    /// # Errors
    /// When two have one name; nothing is changed.
    pub async fn set_schedules(&self, schedules: Vec<ScheduledTasks>) -> Result<(), ScheduleError> {
        check(&schedules)?;
        let _ = self.orders.send(Order::Replace(schedules)).await; // a runner that has ended has nothing to replace
        Ok(())
    }

    /// Fires no more. What is being committed is.
    pub fn stop(self) {}
}

impl Drop for ScheduleRunner {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn check(schedules: &[ScheduledTasks]) -> Result<(), ScheduleError> {
    let settings = schedules.iter().map(|schedule| schedule.settings.clone()).collect();
    Scheduler::new(settings, &Default::default(), Time::ZERO).map(drop)
}

/// Answers the API.
struct Handle {
    orders: mpsc::Sender<Order>,
    tasks: std::sync::Weak<Tasks>,
}

impl Schedules for Handle {
    fn call(&self, call: ScheduleCall) -> BoxFuture<'_, Result<Value, TasksError>> {
        async move {
            let history = match &call {
                ScheduleCall::History(name, most) => Some((name.clone(), *most)),
                _ => None,
            };
            let (reply, answer) = oneshot::channel();
            self.orders.send(Order::Call(call, reply)).await.map_err(|_| TasksError::Stopping)?;
            let answer = answer.await.map_err(|_| TasksError::Stopping)?;
            match (history, answer) {
                (Some((name, most)), Ok(_)) => {
                    let tasks = self.tasks.upgrade().ok_or(TasksError::Stopping)?;
                    Ok(show::history(&name, &tasks.firings(&name, most).await?))
                }
                (_, answer) => answer,
            }
        }
        .boxed()
    }
}
