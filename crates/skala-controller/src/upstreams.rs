//! Services that somebody else runs: their addresses are resolved, checked and balanced, not scaled.
//!
//! Decides: nothing; readiness is `skala_balance::replica::Checks`.
//! Bounds: at most 256 addresses per service; a name that cannot be resolved keeps its last known addresses.
//! Tested: `tests/upstreams.rs`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use skala_balance::EndpointId;
use skala_balance::replica::Checks;
use skala_runtime::Station;
use skala_types::{ReplicaId, Time};

use crate::journal::{Event, Journal};
use crate::probe::{self, Check};

/// How often names are resolved again.
const RESOLVE_EVERY: Duration = Duration::from_secs(15);
/// Most addresses of one service.
const MAX_ADDRESSES: usize = 256;

/// Where an upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// When an address counts as ready.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// What is checked.
    pub check: Check,
    /// The port that is checked; the address's own when absent.
    pub port: Option<u16>,
    /// Time from one check to the next.
    pub period: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// Failed checks in a row that make it unready.
    pub failure_threshold: u32,
    /// Passed checks in a row that make it ready.
    pub success_threshold: u32,
}

/// A service of upstreams.
#[derive(Clone, Debug)]
pub struct Upstreams {
    /// Where its requests arrive.
    pub station: Arc<Station>,
    /// Its addresses, as written.
    pub targets: Vec<Target>,
    /// How they are checked.
    pub health: HealthCheck,
}

#[derive(Debug)]
struct Known {
    id: ReplicaId,
    endpoint: EndpointId,
    checks: Checks,
}

/// Keeps the station's endpoints in step with the upstreams; runs until dropped.
pub async fn watch_upstreams(upstreams: Upstreams, journal: Arc<Journal>) {
    let Upstreams { station, targets, health } = upstreams;
    let clock = station.clock().clone();
    let note = |at: Time, id: ReplicaId, kind: &str, text: String| {
        tracing::info!(target: "skala::events", "{}-{id} {kind}: {text}", station.name());
        journal.event(Event { at, service: Some(station.name().clone()), replica: Some(id), kind: kind.into(), text });
    };
    let mut known: BTreeMap<SocketAddr, Known> = BTreeMap::new();
    let mut resolved: BTreeMap<usize, Vec<SocketAddr>> = BTreeMap::new();
    let mut next_id = 0;
    let mut resolve_at = clock.now();
    loop {
        if clock.now() >= resolve_at {
            resolve_at = clock.now() + RESOLVE_EVERY;
            resolve(&targets, &mut resolved).await;
            let wanted: Vec<SocketAddr> = resolved.values().flatten().copied().take(MAX_ADDRESSES).collect();
            known.retain(|addr, k| {
                let stays = wanted.contains(addr);
                if !stays {
                    station.remove(k.endpoint);
                    note(clock.now(), k.id, "stopped", format!("{addr} is no longer listed"));
                }
                stays
            });
            for addr in wanted {
                known.entry(addr).or_insert_with(|| {
                    let id = ReplicaId(next_id);
                    next_id += 1;
                    let checks = Checks::new(health.success_threshold, health.failure_threshold);
                    Known { id, endpoint: station.add_endpoint(id, addr, 1.0, false), checks }
                });
            }
        }
        let results = check_all(known.keys().copied(), &health).await;
        for (addr, result) in results {
            let Some(k) = known.get_mut(&addr) else { continue };
            if k.checks.count(result.is_ok()).is_none() {
                continue;
            }
            station.set_ready(k.endpoint, k.checks.is_ready());
            match result {
                Ok(()) => note(clock.now(), k.id, "ready", format!("{addr} answers")),
                Err(error) => note(clock.now(), k.id, "unready", format!("{addr}: {error}")),
            }
        }
        tokio::time::sleep(health.period).await;
    }
}

async fn resolve(targets: &[Target], resolved: &mut BTreeMap<usize, Vec<SocketAddr>>) {
    for (i, target) in targets.iter().enumerate() {
        match tokio::net::lookup_host((target.host.as_str(), target.port)).await {
            Ok(addresses) => _ = resolved.insert(i, addresses.collect()),
            Err(error) => tracing::warn!("resolve {}: {error}; its last known addresses are kept", target.host),
        }
    }
}

async fn check_all(addresses: impl Iterator<Item = SocketAddr>, health: &HealthCheck) -> Vec<(SocketAddr, Result<(), String>)> {
    let mut checks = tokio::task::JoinSet::new();
    for addr in addresses {
        let (check, timeout) = (health.check.clone(), health.timeout);
        let at = SocketAddr::new(addr.ip(), health.port.unwrap_or(addr.port()));
        checks.spawn(async move { (addr, probe::check(at, &check, timeout).await.map_err(|e| e.to_string())) });
    }
    checks.join_all().await
}
