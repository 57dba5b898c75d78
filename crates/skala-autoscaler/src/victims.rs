//! Which replicas go when a service shrinks.
//!
//! Decides: the replicas to drain.
//! Inputs: phases and requests in flight.
//! Method: first those that do no work (failing, then starting, then not ready), then ready ones with the least remaining
//!   work; among equals the newest goes, because its caches and pools are the coldest.
//! Invariants: draining replicas are never chosen again; never more than asked for.
//! Tested: `tests/decisions` rows `victims`.

use std::cmp::Reverse;

use skala_types::ReplicaId;

use crate::{Observation, Phase, ReplicaObservation};

pub(crate) fn victims(observation: &Observation, count: u32) -> Vec<ReplicaId> {
    let mut candidates: Vec<_> = observation.replicas.iter().filter_map(|r| Some((cost(r)?, r.id))).collect();
    candidates.sort_unstable_by_key(|&(cost, id)| (cost, Reverse(id)));
    candidates.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    candidates.into_iter().map(|(_, id)| id).collect()
}

/// What is lost with a replica: its standing, then its requests. None for one that is already going.
fn cost(replica: &ReplicaObservation) -> Option<(u8, u32)> {
    match replica.phase {
        Phase::Draining => None,
        Phase::Backoff | Phase::CrashLooping => Some((0, 0)),
        Phase::Starting => Some((1, 0)),
        Phase::NotReady => Some((2, replica.in_flight)),
        Phase::Ready => Some((3, replica.in_flight)),
    }
}
