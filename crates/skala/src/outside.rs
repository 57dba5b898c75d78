//! Numbers from outside for the controller: the platform's sources, and what its databases say of their connections.
//!
//! Decides: nothing; it gives every source a name of its own, and looks it up.
//! Inputs: the platform file.
//! Invariants: asking never waits; after [`Numbers::stop`] nothing is known any more.
//! Tested: `tests/e2e/signals.rs`, `tests/e2e/limits.rs`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use skala_autoscaler::ceilings::{BudgetOf, Limits, SignalSource, UseSeen};
use skala_autoscaler::{SignalObservation, Text};
use skala_runtime::Clock;
use skala_signals::{Entry, Signals};
use skala_spec::Platform;
use skala_spec::model::{PostgresSource, Source};
use skala_spec::scalar::Dur;
use tokio::runtime::Handle;

use crate::tasks::TaskSide;

/// Time between two looks at a database's connections; figures of two minutes ago no longer count.
const DATABASE_POLL: Duration = Duration::from_secs(5);
/// Longest time that such a look may take.
const DATABASE_TIMEOUT: u64 = 5;
/// Connections of clients, without the one that asks.
const USED: &str = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
/// Connections that the server accepts.
const LIMIT: &str = "SELECT setting::bigint FROM pg_settings WHERE name = 'max_connections'";

/// The numbers that a platform reads.
pub struct Numbers {
    signals: Mutex<Option<Signals>>,
    /// Per service, the name of each signal there and among all.
    names: BTreeMap<String, Vec<(Text, String)>>,
    /// Databases that are asked, with the names of their two figures.
    databases: Vec<(String, [String; 2])>,
    /// The platform's own queues.
    tasks: Option<Arc<TaskSide>>,
    clock: Clock,
}

impl Numbers {
    /// Begins to look at everything that the platform names.
    pub fn start(platform: &Platform, clock: &Clock, tasks: Option<Arc<TaskSide>>) -> Numbers {
        let mut names: BTreeMap<String, Vec<(Text, String)>> = BTreeMap::new();
        let mut entries = Vec::new();
        for source in platform.sources() {
            let key = source.key();
            let named = (Text::from(source.name), key.clone());
            names.entry(source.service.to_string()).or_default().push(named);
            entries.push(Entry { name: key, source: source.source, poll: source.poll, target: source.target });
        }
        let mut databases = Vec::new();
        for (name, database) in &platform.databases {
            let Some(connection) = &database.connection else { continue };
            // No service has a name that begins like this.
            let keys = ["used", "limit"].map(|what| format!("//{name}/{what}"));
            for (key, query) in keys.iter().zip([USED, LIMIT]) {
                let source = Source::Postgres(PostgresSource {
                    connection: connection.clone(),
                    query: query.to_owned(),
                    tls: None,
                    timeout: Dur::secs(DATABASE_TIMEOUT),
                });
                entries.push(Entry { name: key.clone(), source, poll: DATABASE_POLL, target: None });
            }
            databases.push((name.clone(), keys));
        }
        let signals = (!entries.is_empty()).then(|| Signals::start(&Handle::current(), entries, clock.clone()));
        Numbers { signals: Mutex::new(signals), names, databases, tasks, clock: clock.clone() }
    }

    /// Ends the looks and closes the connections.
    pub async fn stop(&self) {
        let signals = self.lock().take();
        if let Some(signals) = signals {
            signals.stop().await;
        }
    }

    /// Databases whose connections cannot be counted, and why.
    pub fn failing_databases(&self) -> Vec<(String, String)> {
        let signals = self.lock();
        let Some(signals) = &*signals else { return Vec::new() };
        let error = |key: &String| Some(signals.read(key)?.error?.0.to_string());
        self.databases.iter().filter_map(|(name, keys)| Some((name.clone(), keys.iter().find_map(error)?))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Signals>> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignalSource for Numbers {
    fn observe(&self, service: &str) -> Vec<SignalObservation> {
        let (signals, names) = (self.lock(), self.names.get(service));
        let (Some(signals), Some(names)) = (&*signals, names) else { return Vec::new() };
        names.iter().filter_map(|(name, key)| Some(signals.read(key)?.observation(name))).collect()
    }

    fn observe_within(&self, service: &str, start_up: Duration) -> Vec<SignalObservation> {
        let mut seen = self.observe(service);
        if let Some(tasks) = &self.tasks {
            seen.extend(tasks.observe(service, start_up, self.clock.now()));
        }
        seen
    }

    fn downstreams(&self) -> Vec<UseSeen> {
        let signals = self.lock();
        let Some(signals) = &*signals else { return Vec::new() };
        let figure = |key: &String| {
            let reading = signals.read(key)?;
            // The cast saturates; a count is whole.
            Some((reading.at?, reading.sample?.value as u64))
        };
        let one = |(name, [used, limit]): &(String, [String; 2])| {
            let (at, used) = figure(used)?;
            Some(UseSeen { downstream: name.clone(), at, used, limit: figure(limit).map(|(_, n)| n) })
        };
        self.databases.iter().filter_map(one).collect()
    }
}

/// Budgets, databases and providers of a platform.
pub fn limits(platform: &Platform) -> anyhow::Result<Limits> {
    let budgets = platform.budgets().map_err(|e| anyhow!("budgets: {}", words(&e)))?;
    let links = platform.links().map_err(|e| anyhow!("databases and providers: {}", words(&e)))?;
    let budget = |b: skala_spec::BudgetOf| BudgetOf { name: b.name.into(), budget: b.budget, services: b.services };
    Ok(Limits { budgets: budgets.into_iter().map(budget).collect(), links })
}

fn words(problems: &[impl ToString]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
