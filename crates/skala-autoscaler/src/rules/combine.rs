//! Several metrics: the largest proposal wins, and a failed one never shrinks.
//!
//! Method: `autoscaling/v2`; a later metric wins only with a larger proposal, or while the best is 0. When all failed, or one
//!   failed and the others would shrink, the size stays. A failure never keeps the others from growing.
//! Tested: `tests/decisions` rows `failure`.

use super::{Case, Chain};
use crate::MetricResult;
use crate::report::{Detail, Rule};

/// The largest proposal among the chain's metrics, and its metric's index.
pub(super) fn largest(case: &Case<'_>, chain: &Chain<'_>) -> Option<(u32, usize)> {
    let mut best: Option<(u32, usize)> = None;
    for (i, metric) in case.metrics.iter().enumerate().filter(|(i, _)| chain.counts(*i)) {
        if let Some(replicas) = metric.proposal()
            && best.is_none_or(|(most, _)| most == 0 || replicas.0 > most)
        {
            best = Some((replicas.0, i));
        }
    }
    best
}

pub(super) fn metric_failure(case: &Case<'_>, chain: &mut Chain<'_>) {
    let failed = |(i, m): &(usize, &crate::MetricReport)| chain.counts(*i) && matches!(m.result, MetricResult::Failed { .. });
    let Some((_, metric)) = case.metrics.iter().enumerate().find(failed) else { return };
    chain.fails = true;
    if chain.value < case.current {
        chain.clamp(Rule::MetricFailure, case.current, Detail::Metric { name: metric.name.clone() });
    }
}
