//! What replicas together take of databases and providers.
//!
//! Method: connections are replicas x connections of one, and again with every service in a rollout (replicas + surge, rounded up).

use serde::Serialize;

use super::exact::Exact;
use super::model::{Database, Model, Provider};

/// Connections to a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseNeed {
    /// Its name.
    pub database: String,
    /// Connections of all replicas.
    pub connections: u64,
    /// The same while every service is rolled out.
    pub with_surge: u64,
    /// Connections that there are for replicas: `maxConnections` less `reservedConnections`.
    pub free: u64,
    /// `maxConnections`.
    pub max_connections: u64,
    /// Whether a rollout fits.
    pub fits: bool,
    /// By service: replicas, connections of one.
    pub by_service: Vec<Connections>,
}

/// Connections of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// The service.
    pub service: String,
    /// Its replicas.
    pub replicas: u64,
    /// Connections of one.
    pub per_replica: u64,
}

/// Quota of a provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderNeed {
    /// Its name.
    pub provider: String,
    /// Requests per minute of all replicas when busy.
    pub requests_per_minute: f64,
    /// What is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_granted: Option<f64>,
    /// Tokens per minute of all replicas when busy.
    pub tokens_per_minute: f64,
    /// What is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_granted: Option<f64>,
    /// Whether both fit.
    pub fits: bool,
}

pub(super) fn database(model: &Model, database: &Database, replicas: &[u64], surged: &[u64]) -> DatabaseNeed {
    let sum =
        |counts: &[u64]| database.users.iter().fold(0u64, |n, (s, each)| n.saturating_add(counts[*s].saturating_mul(*each)));
    let (connections, with_surge) = (sum(replicas), sum(surged));
    let free = database.max.saturating_sub(database.reserved);
    let of = |(service, each): &(usize, u64)| Connections {
        service: model.services[*service].name.clone(),
        replicas: replicas[*service],
        per_replica: *each,
    };
    DatabaseNeed {
        database: database.name.clone(),
        connections,
        with_surge,
        free,
        max_connections: database.max,
        fits: with_surge <= free,
        by_service: database.users.iter().map(of).collect(),
    }
}

pub(super) fn provider(provider: &Provider, replicas: &[u64]) -> ProviderNeed {
    let times = |n: u64, each: &Exact| each.times(&Exact::whole(n));
    let zero = || Exact::whole(0);
    let requests = provider.users.iter().fold(zero(), |sum, (s, each, _)| sum.plus(&times(replicas[*s], each)));
    let tokens = provider.users.iter().fold(zero(), |sum, (s, _, each)| sum.plus(&times(replicas[*s], each)));
    let within = |used: &Exact, granted: &Option<Exact>| granted.as_ref().is_none_or(|g| used <= g);
    ProviderNeed {
        provider: provider.name.clone(),
        requests_per_minute: requests.to_f64(),
        requests_granted: provider.requests.as_ref().map(Exact::to_f64),
        tokens_per_minute: tokens.to_f64(),
        tokens_granted: provider.tokens.as_ref().map(Exact::to_f64),
        fits: within(&requests, &provider.requests) && within(&tokens, &provider.tokens),
    }
}
