//! A plan in the words that both modes share.

use serde_json::{Value, json};
use skala_autoscaler::{MetricResult, Planned, Rule};

use crate::decide::{Says, Tells, Verdict};

/// The plan in the words that both modes share.
pub(crate) fn verdict(plan: &Planned, current: i32) -> Verdict {
    let report = &plan.report;
    let desired = i32::try_from(plan.desired.0).unwrap_or(i32::MAX);
    let failed = report.metrics.iter().find_map(|m| match &m.result {
        MetricResult::Failed { failure } => Some(format!("{}: {failure}", m.name)),
        _ => None,
    });
    let working = report.metrics.iter().any(|m| m.proposal().is_some());
    let limited = report.clamps.iter().rev().find(|c| limits(c.rule));
    let says = |kind, holds, reason: &str, message: String| Says { kind, holds, reason: reason.to_owned(), message };
    let why = report.headline();
    let mut conditions = vec![says("AbleToScale", true, "ReadyForNewScale", why.clone())];
    conditions.push(match (&failed, working || report.metrics.is_empty()) {
        (None, _) => says("ScalingActive", true, "ValidMetricFound", "every metric has a value".into()),
        (Some(error), true) => says("ScalingActive", true, "SomeMetricsFailed", error.clone()),
        (Some(error), false) => says("ScalingActive", false, "FailedGetMetrics", error.clone()),
    });
    conditions.push(match limited {
        Some(clamp) => {
            says("ScalingLimited", true, clamp.rule.name(), format!("{} -> {} by {}", clamp.from, clamp.to, clamp.rule.name()))
        }
        None => says("ScalingLimited", false, "DesiredWithinRange", "no bound or rate changed the size".into()),
    });
    let event = failed.map(|message| Tells { warning: true, reason: "FailedGetMetrics".into(), message });
    let metric = |m: &skala_autoscaler::MetricReport| -> Value {
        let reading = m.reading.map(|r| r.value);
        json!({"type": "Skala", "name": m.name.to_string(), "current": reading, "target": m.target,
            "proposal": m.proposal().map(|p| p.0)})
    };
    Verdict {
        current: Some(current),
        desired: Some(desired),
        why,
        conditions,
        removes_scaled_to_zero: true,
        events: event.into_iter().collect(),
        metrics: report.metrics.iter().map(metric).collect(),
        proposals: report.metrics.iter().map(|m| (m.name.to_string(), m.proposal().map(|p| p.0))).collect(),
    }
}

fn limits(rule: Rule) -> bool {
    use Rule::{Budget, Downstream, MaxReplicas, MinReplicas, ScaleDownPolicies, ScaleUpPolicies};
    matches!(rule, Budget | Downstream | MaxReplicas | MinReplicas | ScaleDownPolicies | ScaleUpPolicies)
}
