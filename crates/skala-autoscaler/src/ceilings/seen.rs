//! What is seen from outside: the numbers of services, and how much of a downstream is in use.
//!
//! Decides: what of a database's connections belongs to others.
//! Inputs: the connections that the database counts; the replicas that run, and what each may open.
//! Method: a connection does not say who opened it. So what the running replicas may open is taken off the count, and the rest is
//!   others'. Replicas whose pools are not full hide others' connections as long, and never the other way round.
//! Tested: `super::tests` rows `live`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::Want;
use crate::SignalObservation;
use crate::coupling::{Limit, Links, Live, LiveUse};

/// Where the numbers from outside come from: the binary reads them, the controller asks for them once a plan.
pub trait SignalSource: Send + Sync {
    /// What is known of a service's signals now. Never waits.
    fn observe(&self, service: &str) -> Vec<SignalObservation>;

    /// The same for a service whose replicas take so long to start: a queue counts what falls due until then.
    fn observe_within(&self, service: &str, _start_up: Duration) -> Vec<SignalObservation> {
        self.observe(service)
    }

    /// What is known of databases now. Never waits.
    fn downstreams(&self) -> Vec<UseSeen> {
        Vec::new()
    }
}

/// What a database says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UseSeen {
    /// The database's name in the platform file.
    pub downstream: String,
    /// When it was read.
    pub at: Time,
    /// Connections of clients, whosever they are.
    pub used: u64,
    /// How many it accepts at most; none when it was not read.
    pub limit: Option<u64>,
}

/// What of each database's use belongs to others.
pub(super) fn live(links: &Links, seen: &[UseSeen], wants: &[Want]) -> Live {
    let spec = links.spec();
    let own = |name: &str| {
        let of = spec.links.iter().filter(|l| l.downstream == name);
        of.fold(0u64, |sum, link| {
            let running = wants.iter().find(|w| w.service == link.service).map_or(0, |w| w.current.0);
            sum.saturating_add(link.per_replica.saturating_mul(u64::from(running)))
        })
    };
    let databases = spec.downstreams.iter().filter(|d| matches!(d.limit, Limit::Connections { .. }));
    let figures = databases.filter_map(|d| {
        let seen = seen.iter().find(|s| s.downstream == d.name)?;
        let foreign = seen.used.saturating_sub(own(&d.name));
        Some((d.name.clone(), LiveUse { at: seen.at, foreign, limit: seen.limit }))
    });
    Live(figures.collect::<BTreeMap<_, _>>())
}
