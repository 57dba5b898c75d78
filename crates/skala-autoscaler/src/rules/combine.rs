//! Several metrics: the largest proposal wins, and a failed one never shrinks.
//!
//! Method: `autoscaling/v2`; a later metric wins only with a larger proposal, or while the best is 0. When all failed, or one
//!   failed and the others would shrink, the size stays. A failure never keeps the others from growing.
//! Tested: `tests/decisions` rows `failure`.

use super::{Case, Chain, Without};
use crate::report::{Detail, Rule};
use crate::{MetricName, MetricResult};

/// The largest proposal and its metric.
pub(super) fn largest(case: &Case<'_>, without: Without) -> Option<(u32, MetricName)> {
    let mut best = None;
    for (i, metric) in case.metrics.iter().enumerate() {
        if without == Without::Metric(i) {
            continue;
        }
        if let MetricResult::Proposes { replicas, .. } = metric.result
            && best.is_none_or(|(most, _)| most == 0 || replicas.0 > most)
        {
            best = Some((replicas.0, metric.name));
        }
    }
    best
}

/// The first metric that failed.
pub(super) fn first_failed(case: &Case<'_>, without: Without) -> Option<MetricName> {
    let failed = |(i, m): &(usize, &crate::MetricReport)| {
        without != Without::Metric(*i) && matches!(m.result, MetricResult::Failed { .. })
    };
    case.metrics.iter().enumerate().find(failed).map(|(_, m)| m.name)
}

pub(super) fn metric_failure(case: &Case<'_>, chain: &mut Chain<'_>) {
    if let Some(name) = first_failed(case, chain.without)
        && chain.value < case.current
    {
        chain.clamp(Rule::MetricFailure, case.current, Detail::Metric { name });
    }
}
