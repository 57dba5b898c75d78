//! Knative's pod autoscaler (KPA) as a policy.
//!
//! Decides: how many replicas a service should have by its concurrency or its request rate, and whether a buffering proxy (the
//!   activator; in skala the gateway) has to stand in front of them.
//! Inputs: a [`Config`], the durable [`State`], one [`Input`] with the samples since the last call.
//! Method: knative/serving, `pkg/autoscaler/scaling` (stable and panic windows, rates, burst capacity) and
//!   `pkg/reconciler/autoscaling/kpa` (bounds, initial scale, scale to zero), rule for rule. Two known flaws are repaired behind
//!   [`Repairs`], which are off unless asked for.
//! Invariants: [`decide`] is total and deterministic; without data the size is left alone; the state is bounded.
//! Tested: `tests`, rows per rule, Knative's own scenarios, properties.

mod activity;
mod annotations;
mod buckets;
mod cold_start;
mod config;
mod decision;
mod delay;
mod scale;
mod state;
#[cfg(test)]
mod tests;

pub use annotations::{ANNOTATION_PREFIX, AnnotationProblem};
pub use buckets::Buckets;
pub use config::{Config, ConfigProblem, ConfigSpec, Metric, Repairs};
pub use decision::{Decision, Mode, Why};
pub use delay::MaxWindow;
pub use state::{Activity, State, Status};

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

/// One measurement of the whole service.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sample {
    /// When it was taken; samples of the same second add up, as those of several proxies do.
    pub at: Time,
    /// Requests in flight or waiting, or requests per second, over all replicas.
    pub value: f64,
}

/// What is known about a queue that grew while replicas were starting.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backlog {
    /// Requests that wait because no replica takes them yet.
    pub waiting: f64,
    /// Arrivals per second.
    pub arrivals: f64,
    /// Mean time in seconds that a replica works on a request, if it was ever learned.
    pub service_time_s: Option<f64>,
}

/// The buffering proxy as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActivatorSeen {
    /// A probe of the service's address was answered by the proxy.
    pub in_path: bool,
    /// Since when the service is in proxy mode; none while requests go to the replicas directly.
    pub proxying_since: Option<Time>,
}

/// What was seen at one tick; Knative ticks every 2 s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// The moment of the decision.
    pub now: Time,
    /// Samples since the last decision.
    pub samples: Vec<Sample>,
    /// Replicas that are ready; none when they could not be counted.
    pub ready: Option<Replicas>,
    /// Replicas that were started and are not ready yet; only the repairs read it.
    pub starting: Replicas,
    /// Whether any route leads to the service; an unreachable one shrinks without rates, minimum or delay.
    pub reachable: bool,
    /// The proxy.
    pub activator: ActivatorSeen,
    /// The queue of a cold start; only the repair reads it.
    pub backlog: Option<Backlog>,
}

impl Input {
    /// An input with `ready` replicas, reachable, with the proxy in the path since ever.
    pub fn new(now: Time, ready: Replicas) -> Input {
        Input {
            now,
            samples: Vec::new(),
            ready: Some(ready),
            starting: Replicas(0),
            reachable: true,
            activator: ActivatorSeen { in_path: true, proxying_since: Some(Time::ZERO) },
            backlog: None,
        }
    }
}

/// Decides one tick, and updates the state.
pub fn decide(config: &Config, state: &mut State, input: &Input) -> Decision {
    let mut why = Vec::new();
    let now = state.tick(config, input.now, input.ready);
    let samples = cold_start::discounted(config, state, input, now, &mut why);
    for sample in samples {
        state.record(sample.at, sample.value);
    }
    let proposal = scale::propose(config, state, input, now, &mut why);
    if let Some(p) = &proposal {
        state.desired = Some(p.desired);
        state.excess_burst = p.excess_burst;
    }
    let outcome = activity::settle(config, state, input, now, &mut why);
    Decision {
        replicas: outcome.replicas.map(Replicas),
        want: outcome.want.map(Replicas),
        mode: if state.panicking_since.is_some() { Mode::Panic } else { Mode::Stable },
        stable: proposal.as_ref().map(|p| p.stable),
        panic: proposal.as_ref().map(|p| p.panic),
        target: config.target(),
        excess_burst: state.excess_burst,
        want_activator: outcome.want_activator,
        recheck_at: outcome.recheck_at,
        why,
    }
}
