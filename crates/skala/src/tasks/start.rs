//! Starts the task server and those who deliver its tasks.
//!
//! Decides: the order: the store is opened and led before anything is delivered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow};
use skala_runtime::Clock;
use skala_spec::{Delivery, Platform, TaskQueue};
use skala_tasks::deliver::command::{CommandSettings, Commands};
use skala_tasks::deliver::push::{Push, PushRoute};
use skala_tasks::deliver::{instance, worker_name};
use skala_tasks::store::{SqliteSettings, SqliteStore};
use skala_tasks::{StartError, TaskClock, Tasks, TasksConfig};
use skala_types::{ReplicaId, ServiceName};

use super::celery::Brokers;
use super::{Deliverers, Routed, TaskSide, schedules, ticket};
use crate::lower::{self, Stations};

/// Variables by which a replica finds the tasks.
pub const URL: &str = "SKALA_TASKS_URL";
/// The token of the tasks' API, where it has one.
pub const TOKEN: &str = "SKALA_TASKS_TOKEN";

/// The replica's number among all that take tasks, for limits per replica.
pub const INSTANCE: &str = "SKALA_INSTANCE";
/// The name under which it takes tasks; skala gives them to others at once when its process ends.
pub const WORKER: &str = "SKALA_WORKER";

/// Starts everything about tasks; none: the platform has no queues and schedules.
///
/// # Errors
/// When the store cannot be opened, or the API's address is taken.
pub async fn start(
    platform: &Platform,
    folder: &Path,
    state_dir: &Path,
    clock: &Clock,
    stations: &Stations,
) -> anyhow::Result<Option<Arc<TaskSide>>> {
    if !platform.has_tasks() {
        return Ok(None);
    }
    let store = store_path(platform, state_dir);
    let all = platform.task_queues();
    let celery = Brokers::start(&all)?;
    let kept: Vec<_> =
        all.iter().filter(|q| !matches!(q.delivery, Delivery::Celery { .. })).map(|q| q.settings.clone()).collect();
    let config = TasksConfig {
        listen: Some(lower::listen(&platform.tasks.listen)?),
        token: platform.tasks.token.as_ref().map(|t| t.expose().to_owned()),
        name: format!("{} pid {}", host(), std::process::id()),
        seed: clock.now().as_nanos(),
        ..TasksConfig::new(kept)
    };
    let opened = SqliteStore::open(&store, SqliteSettings::default()).map_err(StartError::from).context("tasks.store")?;
    let tasks = Tasks::start(config, Box::new(opened), TaskClock::new(clock.clone())).await.context("tasks")?;
    let queues: Vec<Routed> = all.into_iter().map(|queue| routed(queue, &tasks)).collect();
    let deliverers = deliverers(platform, folder, &tasks, &queues, stations)?;
    let ticket = ticket::Key::open(&store.with_extension("key")).context("the key of the addresses of answers to come")?;
    let deliverers = Mutex::new(deliverers);
    Ok(Some(Arc::new(TaskSide { tasks, queues, celery, ticket, deliverers, is_stopping: AtomicBool::new(false) })))
}

/// Where tasks are kept.
fn store_path(platform: &Platform, state_dir: &Path) -> PathBuf {
    state_dir.join(&platform.tasks.store)
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "host".into() } else { name.trim().to_owned() }
}

fn routed(queue: TaskQueue, tasks: &Tasks) -> Routed {
    let id = match queue.delivery {
        Delivery::Celery { .. } => None,
        _ => tasks.queue(queue.settings.name.as_str()),
    };
    Routed { queue, id }
}

/// Those who deliver: one per service that tasks are pushed to, one per queue of commands.
fn deliverers(
    platform: &Platform,
    folder: &Path,
    tasks: &Arc<Tasks>,
    queues: &[Routed],
    stations: &Stations,
) -> anyhow::Result<Deliverers> {
    let mut routes: BTreeMap<&ServiceName, Vec<PushRoute>> = BTreeMap::new();
    let mut commands = Vec::new();
    for routed in queues {
        let Some(queue) = routed.id else { continue };
        match &routed.queue.delivery {
            Delivery::Push { service, path } => {
                routes.entry(service).or_default().push(PushRoute { queue, path: path.as_str().into() });
            }
            Delivery::Command { words } => {
                let settings = CommandSettings {
                    queue,
                    command: words.clone(),
                    folder: Some(std::path::absolute(folder).context("find the platform file's folder")?),
                    env: variables(platform, tasks).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
                    concurrency: routed.queue.settings.concurrency.unwrap_or(1),
                };
                let started = Commands::start(Arc::clone(tasks), settings);
                commands.push(started.with_context(|| format!("queues.{}.deliver.command", routed.name()))?);
            }
            Delivery::Pull { .. } | Delivery::Celery { .. } => {}
        }
    }
    let push = |(service, routes): (&ServiceName, Vec<PushRoute>)| {
        let station = stations.get(service).ok_or_else(|| anyhow!("tasks go to a service '{service}' that is not there"))?;
        Ok(Push::start(Arc::clone(tasks), Arc::clone(station), routes))
    };
    let pushes = routes.into_iter().map(push).collect::<anyhow::Result<_>>()?;
    Ok(Deliverers { pushes, commands, schedules: schedules::start(platform, tasks)?, watchers: Vec::new() })
}

/// What a worker must know of the tasks.
pub fn variables(platform: &Platform, tasks: &Tasks) -> Vec<(&'static str, String)> {
    let url = tasks.url().map(|url| (URL, url.to_owned()));
    let token = platform.tasks.token.as_ref().map(|token| (TOKEN, token.expose().to_owned()));
    url.into_iter().chain(token).collect()
}

/// The variables of one replica: who it is among those who take tasks.
pub fn of_replica(service: &ServiceName, replica: ReplicaId) -> [(&'static str, String); 2] {
    let service = service.as_str();
    [(INSTANCE, instance(service, replica).to_string()), (WORKER, worker_name(service, replica).to_string())]
}
