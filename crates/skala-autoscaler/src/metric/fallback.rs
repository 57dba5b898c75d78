//! What a trigger asks for while its source fails.
//!
//! Decides: whether the fallback speaks, and its size.
//! Inputs: the failures in a row of the signals behind the metric, the age of what they last said, the current size.
//! Method: KEDA's fallback with its flaws repaired: it also speaks for a source that was never reached and from zero, and as one
//!   proposal among others it never lowers what a healthy metric asks for.
//! Invariants: at most the ceiling; not before the threshold is passed.
//! Tested: `tests/decisions` rows `fallback`.

use std::time::Duration;

use skala_types::{Replicas, Sampled};

use super::{MetricReport, MetricResult, Scene};
use crate::{FallbackBehavior, MetricSpec, REPLICAS_CEILING, Text};

pub(super) fn apply(scene: &Scene<'_>, metric: &MetricSpec, mut report: MetricReport) -> MetricReport {
    let Some(fallback) = scene.options.fallback else { return report };
    let MetricResult::Failed { failure } = &report.result else { return report };
    let failures = match metric {
        MetricSpec::Signal { name, .. } | MetricSpec::Queue { name, .. } => failures(scene, name),
        MetricSpec::Formula { .. } => {
            let names = scene.policy.formula(scene.index).map_or(&[][..], |f| f.names());
            names.iter().filter_map(|name| failures(scene, name)).max()
        }
        _ => None,
    };
    if failures.is_none_or(|n| n <= fallback.failure_threshold) {
        return report;
    }
    let (current, size) = (scene.current(), fallback.replicas.0);
    let replicas = match fallback.behavior {
        FallbackBehavior::Static => size,
        FallbackBehavior::CurrentReplicasIfHigher => size.max(current),
        FallbackBehavior::CurrentReplicas | FallbackBehavior::CurrentReplicasIfLower if current == 0 => size,
        FallbackBehavior::CurrentReplicas => current,
        FallbackBehavior::CurrentReplicasIfLower => size.min(current),
    };
    if scene.repairs().fallback || current > 0 {
        let replicas = Replicas(replicas).min(REPLICAS_CEILING);
        report.result = MetricResult::FallsBack { replicas, failure: failure.clone() };
    }
    report
}

/// Failures in a row. A reader that hangs counts no failures: then each span of `staleAfter` without a value is one.
fn failures(scene: &Scene<'_>, name: &Text) -> Option<u32> {
    let seen = scene.observation.signals.iter().find(|s| s.name == *name)?;
    if !scene.repairs().fallback {
        return seen.value.map(|_| seen.failures);
    }
    let spans = |sample: Sampled<f64>| {
        let span = scene.options.stale_after.unwrap_or(scene.policy.spec().stale_after).max(Duration::from_secs(1));
        u32::try_from(sample.age(scene.now).as_secs() / span.as_secs()).unwrap_or(u32::MAX)
    };
    Some(seen.failures.max(seen.value.map_or(0, spans)))
}
