//! From the platform file to what the deciding crates take: scaling policies and station settings.
//!
//! Decides: nothing; one place where the file's words become theirs, for the live controller and the simulator alike.
//! Tested: `tests/it/lower.rs`.

use std::time::Duration;

use skala_autoscaler::{
    Behavior, MetricSpec, PolicyError, PolicyKind, PolicySpec, Quantile, ResourceRequests, ResourceTarget, ScalingPolicy,
    ScalingRules, SelectPolicy,
};
use skala_balance::Settings;
use skala_types::{Bytes, Replicas, Rps, Utilisation};

use crate::model::{self, Autoscaling, Balance, Metric, Percentile, PolicyType, Rules, Scale, Service};
use crate::scalar::{CpuTarget, MemoryTarget, Percent};

impl Service {
    /// The scaling policy; `None` for upstreams. A service of zero replicas has a policy of at most one: it is switched off by
    /// a standing order.
    ///
    /// # Errors
    /// What [`skala_autoscaler::Policy::try_new`] refuses; `load` has refused it before.
    pub fn policy(&self) -> Option<Result<skala_autoscaler::Policy, Vec<PolicyError>>> {
        let spec = match self.scale() {
            Scale::External => return None,
            Scale::Fixed(n) => return Some(Ok(skala_autoscaler::Policy::fixed(Replicas(n)))),
            Scale::Auto(autoscaling) => self.scaling(autoscaling),
        };
        Some(skala_autoscaler::Policy::try_new(spec))
    }

    fn scaling(&self, a: &Autoscaling) -> PolicySpec {
        let tolerance = a.tolerance.as_f64();
        let requests = &self.resources.requests;
        PolicySpec {
            min_replicas: Replicas(a.min_replicas),
            max_replicas: Replicas(a.max_replicas),
            metrics: a.metrics().map(|m| metric(m).into()).collect(),
            behavior: Behavior {
                scale_up: rules(a.behavior.scale_up(), tolerance),
                scale_down: rules(a.behavior.scale_down(), tolerance),
            },
            requests: ResourceRequests {
                cpu: requests.cpu.map(|c| c.cores()),
                memory: requests.memory.map(|m| Bytes(m.bytes())),
            },
            ..PolicySpec::default()
        }
    }

    /// Bounds and balancing of the service's station; `balance` overrides the service's own.
    pub fn station(&self, balance: Option<Balance>) -> Settings {
        Settings {
            concurrency: self.concurrency,
            max_waiting: self.waiting.max as usize,
            max_wait: self.waiting.timeout.get(),
            balance: match balance.unwrap_or(self.balance) {
                Balance::LeastRequest => skala_balance::Balance::LeastRequest,
                Balance::RoundRobin => skala_balance::Balance::RoundRobin,
            },
        }
    }
}

fn metric(m: Metric) -> MetricSpec {
    let share = |p: Percent| Utilisation(p.ratio());
    match m {
        Metric::Cpu(CpuTarget::Utilization(p)) => MetricSpec::Cpu { target: ResourceTarget::Utilisation(share(p)) },
        Metric::Cpu(CpuTarget::AverageValue(c)) => MetricSpec::Cpu { target: ResourceTarget::AverageValue(c.cores()) },
        Metric::Memory(MemoryTarget::Utilization(p)) => MetricSpec::Memory { target: ResourceTarget::Utilisation(share(p)) },
        Metric::Memory(MemoryTarget::AverageValue(s)) => {
            MetricSpec::Memory { target: ResourceTarget::AverageValue(Bytes(s.bytes())) }
        }
        Metric::RequestsPerSecond(n) => MetricSpec::RequestsPerSecond { target: Rps(n) },
        Metric::Latency(percentile, target) => MetricSpec::Latency { quantile: quantile(percentile), target },
        Metric::Concurrency(target) => MetricSpec::Concurrency { target },
    }
}

fn quantile(p: Percentile) -> Quantile {
    match p {
        Percentile::P50 => Quantile::P50,
        Percentile::P90 => Quantile::P90,
        Percentile::P95 => Quantile::P95,
        Percentile::P99 => Quantile::P99,
    }
}

fn rules(written: Rules, tolerance: f64) -> ScalingRules {
    ScalingRules {
        stabilization_window: Duration::from_secs(u64::from(written.stabilization_window_seconds)),
        select_policy: match written.select_policy {
            model::SelectPolicy::Max => SelectPolicy::Max,
            model::SelectPolicy::Min => SelectPolicy::Min,
            model::SelectPolicy::Disabled => SelectPolicy::Disabled,
        },
        policies: written.policies.into_iter().map(policy).collect(),
        tolerance: written.tolerance.map_or(tolerance, |t| t.as_f64()),
    }
}

fn policy(p: model::Policy) -> ScalingPolicy {
    ScalingPolicy {
        kind: match p.kind {
            PolicyType::Pods => PolicyKind::Pods,
            PolicyType::Percent => PolicyKind::Percent,
        },
        value: p.value,
        period: Duration::from_secs(u64::from(p.period_seconds)),
    }
}
