//! A task server by itself, for load tests and crash tests: `tasks-serve [--listen ADDR] [--store FILE|memory] [--durability fsync|os|memory]
//! [--push ADDR] [QUEUE...]`.
//!
//! With `--push` every queue's tasks are posted to the HTTP worker there, 64 at a time. Prints its address on stdout once it leads, and
//! ends in order on SIGTERM.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use skala_balance::Settings;
use skala_queue::{Durability, QueueId, QueueSettings};
use skala_runtime::{Clock, Station};
use skala_tasks::deliver::push::{Push, PushRoute};
use skala_tasks::store::{MemoryStore, SqliteSettings, SqliteStore, Store};
use skala_tasks::{Role, TaskClock, Tasks, TasksConfig};
use skala_types::ReplicaId;

/// Tasks that the pushed worker is given at once.
const PUSHED_AT_ONCE: u32 = 64;

/// What the command line says.
struct Arguments {
    listen: SocketAddr,
    store: String,
    durability: Durability,
    queues: Vec<String>,
    token: Option<String>,
    push: Option<SocketAddr>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let store: Box<dyn Store> = match arguments.store.as_str() {
        "memory" => Box::new(MemoryStore::new()),
        file => Box::new(SqliteStore::open(file, SqliteSettings::default())?),
    };
    let mut config = TasksConfig::new(arguments.queues.iter().map(|name| queue(name, &arguments)).collect());
    config.listen = Some(arguments.listen);
    config.token = arguments.token;
    let tasks = Tasks::start(config, store, TaskClock::system()).await?;
    let push = arguments.push.map(|worker| push(&tasks, worker, arguments.queues.len()));
    writeln!(std::io::stdout(), "{}", tasks.url().unwrap_or_default())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut role = tasks.role();
    tokio::select! {
        _ = terminate.recv() => {
            if let Some(push) = push {
                push.stop(Duration::from_secs(2)).await;
            }
            tasks.shutdown(Duration::from_secs(5)).await;
        }
        stopped = role.wait_for(|role| matches!(role, Role::Stopped(_))) => {
            return Err(format!("{:?}", *stopped?).into());
        }
    }
    Ok(())
}

/// Pushes all queues to one worker.
fn push(tasks: &Arc<Tasks>, worker: SocketAddr, queues: usize) -> Push {
    let station = Station::new("worker".into(), Settings::default(), Clock::system(), 1);
    station.add_endpoint(ReplicaId(1), worker, 1.0, true);
    let queues = (0..queues).filter_map(|at| u16::try_from(at).ok());
    let routes = queues.map(|at| PushRoute { queue: QueueId(at), path: "/".into() }).collect();
    Push::start(Arc::clone(tasks), station, routes)
}

fn queue(name: &str, arguments: &Arguments) -> QueueSettings {
    let per_instance = arguments.push.map(|_| PUSHED_AT_ONCE);
    QueueSettings { durability: arguments.durability, max_tasks: 20_000_000, per_instance, ..QueueSettings::new(name) }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        listen: ([127, 0, 0, 1], 0).into(),
        store: "memory".into(),
        durability: Durability::Fsync,
        queues: Vec::new(),
        token: None,
        push: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--listen" => found.listen = value()?.parse()?,
            "--store" => found.store = value()?,
            "--push" => found.push = Some(value()?.parse()?),
            "--token" => found.token = Some(value()?),
            "--durability" => found.durability = serde_json::from_value(value()?.into())?,
            other if other.starts_with('-') => return Err(format!("there is no {other}").into()),
            queue => found.queues.push(queue.to_owned()),
        }
    }
    if found.queues.is_empty() {
        found.queues.push("load".into());
    }
    Ok(found)
}
