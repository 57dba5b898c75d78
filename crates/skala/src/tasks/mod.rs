//! Tasks in a running platform: the server that keeps them, those who deliver them, and what the rest of skala learns of them.
//!
//! ```text
//! gateway -> offload --+                       +-> push, commands (skala-tasks) -> replicas, processes
//! HTTP API ------------+-> Tasks (skala-tasks) +-> pull: replicas come by the HTTP API
//! schedules -----------+        |
//!                               +-> signals, work (controller), events (journal)
//! ```

mod celery;
mod events;
mod offload;
mod schedules;
mod signals;
mod start;
mod status;
mod ticket;
mod work;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use skala_controller::platform::LocalPlatform;
use skala_queue::QueueId;
use skala_spec::{Delivery, TaskQueue};
use skala_tasks::deliver::command::Commands;
use skala_tasks::deliver::push::Push;
use skala_tasks::schedules::ScheduleRunner;
use skala_tasks::{Role, Tasks};
use skala_types::ServiceName;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use events::Noted;
pub use offload::Offloads;
pub use start::{of_replica, start, variables};

/// The platform's tasks.
pub struct TaskSide {
    /// The server.
    pub tasks: Arc<Tasks>,
    queues: Vec<Routed>,
    celery: celery::Brokers,
    ticket: ticket::Key,
    /// Taken when they are stopped.
    deliverers: Mutex<Deliverers>,
    /// Whether the server ends because it was asked to.
    is_stopping: AtomicBool,
}

/// A queue of the platform, and its number in the server.
#[derive(Clone, Debug)]
pub struct Routed {
    /// What the platform file says.
    pub queue: TaskQueue,
    /// Its number; none: it lives in a Celery broker.
    pub id: Option<QueueId>,
}

#[derive(Default)]
struct Deliverers {
    pushes: Vec<Push>,
    commands: Vec<Commands>,
    schedules: Option<ScheduleRunner>,
    watchers: Vec<JoinHandle<()>>,
}

impl TaskSide {
    /// Where replicas run.
    pub fn know(&self, local: &Arc<LocalPlatform>) {
        self.celery.know(Arc::downgrade(local));
    }

    /// Queues that a service works on and whose tasks are kept here.
    fn of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = (&'a Routed, QueueId)> {
        self.queues.iter().filter(move |q| q.service().is_some_and(|s| s.as_str() == service)).filter_map(|q| Some((q, q.id?)))
    }

    /// Ends this with the rest.
    pub fn attend(&self, watcher: JoinHandle<()>) {
        self.deliverers.lock().unwrap_or_else(PoisonError::into_inner).watchers.push(watcher);
    }

    /// Wakes of the queues that replicas take tasks from; those of pushed ones are their deliverer's.
    pub fn pull_wakes(&self) -> Vec<Arc<Notify>> {
        let pulled = self.queues.iter().filter(|q| matches!(q.queue.delivery, Delivery::Pull { .. }));
        pulled.filter_map(|q| Some(self.tasks.wakes(q.id?))).collect()
    }

    /// Why nothing is known of the queues now; none: this process leads.
    fn not_leading(&self) -> Option<String> {
        match &*self.tasks.role().borrow() {
            Role::Leading { .. } => None,
            Role::Following { leader: Some(url) } => Some(format!("another skala process leads these tasks: {url}")),
            Role::Following { leader: None } => Some("no skala process leads these tasks yet".into()),
            Role::Stopped(why) => Some(why.clone()),
        }
    }

    /// Completes with the reason when the store cannot be used any longer: this process must end then, and leave the lead to others.
    pub async fn broken(&self) -> String {
        let mut role = self.tasks.role();
        let stopped = role.wait_for(|role| matches!(role, Role::Stopped(_))).await.map(|role| role.clone());
        match stopped {
            Ok(Role::Stopped(why)) if !self.is_stopping.load(Ordering::Acquire) => why,
            _ => std::future::pending().await,
        }
    }

    /// Ends in order: nothing new is given out, running attempts finish within `grace`, the rest is handed back and written down.
    pub async fn stop(&self, grace: Duration) {
        self.is_stopping.store(true, Ordering::Release);
        let deliverers = std::mem::take(&mut *self.deliverers.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(schedules) = deliverers.schedules {
            schedules.stop();
        }
        let pushes = deliverers.pushes.into_iter().map(|push| push.stop(grace));
        let commands = deliverers.commands.into_iter().map(|commands| commands.stop(grace));
        futures_util::join!(futures_util::future::join_all(pushes), futures_util::future::join_all(commands));
        deliverers.watchers.iter().for_each(JoinHandle::abort);
    }
}

impl Routed {
    /// Whose replicas work on its tasks; none: processes of their own.
    pub fn service(&self) -> Option<&ServiceName> {
        match &self.queue.delivery {
            Delivery::Push { service, .. } | Delivery::Pull { service } | Delivery::Celery { service, .. } => Some(service),
            Delivery::Command { .. } => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.queue.settings.name.as_str()
    }
}
