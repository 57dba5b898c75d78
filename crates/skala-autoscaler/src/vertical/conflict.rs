//! One signal must not steer both axes.
//!
//! Decides: which horizontal metrics clash with vertical scaling.
//! Inputs: the resources that are scaled vertically, the metrics that scale replicas.
//! Method: the rule that kubernetes/autoscaler states for VPA beside HPA: not both on CPU, not both on memory. A vertical step
//!   changes the request that a utilization is measured against, and a horizontal step changes the use per replica that a
//!   request is measured by; each undoes the other.
//! Invariants: at most one conflict per resource; without vertical resources there is none.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};

use super::Resources;

/// What a metric looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Signal {
    /// CPU, of replicas or of one container, as utilization or value.
    Cpu,
    /// Memory, likewise.
    Memory,
    /// Anything else: requests, latency, queues, custom and external metrics.
    Other,
}

/// A resource that both axes claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{} is scaled vertically, so no metric of {} may scale replicas: drop one of the two", name(.signal), name(.signal))]
pub struct Conflict {
    /// The resource.
    pub signal: Signal,
    /// Index of the first horizontal metric that looks at it.
    pub metric: usize,
}

fn name(signal: &Signal) -> &'static str {
    match signal {
        Signal::Cpu => "cpu",
        Signal::Memory => "memory",
        Signal::Other => "this signal",
    }
}

/// The resources that are scaled vertically and looked at by a horizontal metric as well.
pub fn conflicts(vertical: Resources<bool>, horizontal: &[Signal]) -> Vec<Conflict> {
    [(vertical.cpu, Signal::Cpu), (vertical.memory, Signal::Memory)]
        .into_iter()
        .filter(|(scaled, _)| *scaled)
        .filter_map(|(_, signal)| Some(Conflict { signal, metric: horizontal.iter().position(|h| *h == signal)? }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_signal_conflicts() {
        use Signal::{Cpu, Memory, Other};
        let both = Resources { cpu: true, memory: true };
        let found =
            |vertical, metrics: &[Signal]| conflicts(vertical, metrics).iter().map(|c| (c.signal, c.metric)).collect::<Vec<_>>();
        assert_eq!(found(both, &[Other, Memory, Cpu, Cpu]), [(Cpu, 2), (Memory, 1)]);
        assert_eq!(found(Resources { cpu: false, memory: true }, &[Cpu, Other]), []);
        assert_eq!(found(Resources::default(), &[Cpu, Memory]), []);
        let text = conflicts(both, &[Cpu])[0].to_string();
        assert_eq!(text, "cpu is scaled vertically, so no metric of cpu may scale replicas: drop one of the two");
    }
}
