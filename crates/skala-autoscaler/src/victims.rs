//! Which replicas go when a service shrinks.
//!
//! Decides: the replicas to drain.
//! Inputs: phases, work in flight, and how long that takes where it is known.
//! Method: first those that do no work (failing, then starting, then not ready), then ready ones with the least remaining
//!   work; among equals the newest goes, because its caches and pools are the coldest.
//! Invariants: draining replicas are never chosen again; never more than asked for.
//! Tested: `tests/decisions` rows `victims`.

use std::cmp::Reverse;
use std::time::Duration;

use skala_types::ReplicaId;

use crate::{Observation, Phase, ReplicaObservation};

pub(crate) fn victims(observation: &Observation, count: u32) -> Vec<ReplicaId> {
    let mut candidates: Vec<_> = observation.replicas.iter().filter_map(|r| Some((cost(r)?, r.id))).collect();
    candidates.sort_unstable_by_key(|&(cost, id)| (cost, Reverse(id)));
    candidates.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    candidates.into_iter().map(|(_, id)| id).collect()
}

/// What is lost with a replica: its standing, then its work. None for one that is already going.
fn cost(replica: &ReplicaObservation) -> Option<(u8, Duration, u32)> {
    let work = (replica.work_left.unwrap_or_default(), replica.in_flight);
    let (standing, (left, in_flight)) = match replica.phase {
        Phase::Draining => return None,
        Phase::Backoff | Phase::CrashLooping => (0, (Duration::ZERO, 0)),
        Phase::Starting => (1, (Duration::ZERO, 0)),
        Phase::NotReady => (2, work),
        Phase::Ready => (3, work),
    };
    Some((standing, left, in_flight))
}
