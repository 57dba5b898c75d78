//! What will be waiting when a replica that is ordered now is ready.
//!
//! Decides: the backlog at the horizon.
//! Inputs: requests waiting, the rate, the replicas that serve, and those that are starting with when they are expected.
//! Method: a fluid: between the moments at which starting replicas become ready, the backlog changes by arrivals minus the
//!   work of the servers; nobody waits longer than the waiting room lets them.
//! Invariants: >= 0; replicas that are starting lower it, so that the same backlog is not paid for twice.
//! Tested: `wait::tests`.

/// The servers now and to come.
pub(crate) struct Supply<'a> {
    /// Replicas that serve.
    pub(crate) ready: f64,
    /// When the starting ones serve, seconds from now, rising.
    pub(crate) arriving: &'a [f64],
    /// Requests per second that one replica works off.
    pub(crate) throughput: f64,
    /// Longest wait, seconds.
    pub(crate) patience: f64,
    /// Most requests that wait.
    pub(crate) room: f64,
}

/// Requests waiting after `horizon` seconds.
pub(crate) fn after(horizon: f64, waiting: f64, rate: f64, supply: &Supply<'_>) -> f64 {
    let (mut backlog, mut replicas, mut at) = (waiting, supply.ready, 0.0);
    for next in supply.arriving.iter().copied().filter(|t| *t < horizon).chain([horizon]) {
        let served = replicas * supply.throughput;
        let most = (supply.patience * served.max(rate)).min(supply.room);
        backlog = (backlog + (rate - served) * (next - at)).clamp(0.0, most.max(0.0));
        at = next;
        replicas += 1.0;
    }
    backlog
}
