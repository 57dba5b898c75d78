//! A task server by itself, for load tests and crash tests: `tasks-serve [--listen ADDR] [--store FILE|memory] [--durability fsync|os|memory] [QUEUE...]`.
//!
//! Prints its address on stdout once it leads, and ends in order on SIGTERM.

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use skala_queue::{Durability, QueueSettings};
use skala_tasks::store::{MemoryStore, SqliteSettings, SqliteStore, Store};
use skala_tasks::{Role, TaskClock, Tasks, TasksConfig};

/// What the command line says.
struct Arguments {
    listen: std::net::SocketAddr,
    store: String,
    durability: Durability,
    queues: Vec<String>,
    token: Option<String>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let store: Box<dyn Store> = match arguments.store.as_str() {
        "memory" => Box::new(MemoryStore::new()),
        file => Box::new(SqliteStore::open(file, SqliteSettings::default())?),
    };
    let mut config = TasksConfig::new(arguments.queues.iter().map(|name| queue(name, arguments.durability)).collect());
    config.listen = Some(arguments.listen);
    config.token = arguments.token;
    let tasks = Tasks::start(config, store, TaskClock::system()).await?;
    writeln!(std::io::stdout(), "{}", tasks.url().unwrap_or_default())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut role = tasks.role();
    tokio::select! {
        _ = terminate.recv() => tasks.shutdown(Duration::from_secs(5)).await,
        stopped = role.wait_for(|role| matches!(role, Role::Stopped(_))) => {
            return Err(format!("{:?}", *stopped?).into());
        }
    }
    Ok(())
}

fn queue(name: &str, durability: Durability) -> QueueSettings {
    QueueSettings { durability, max_tasks: 20_000_000, ..QueueSettings::new(name) }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        listen: ([127, 0, 0, 1], 0).into(),
        store: "memory".into(),
        durability: Durability::Fsync,
        queues: Vec::new(),
        token: None,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--listen" => found.listen = value()?.parse()?,
            "--store" => found.store = value()?,
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
