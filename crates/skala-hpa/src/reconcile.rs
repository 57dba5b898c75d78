//! One reconcile, in upstream's order.
//!
//! Decides: whether the size is off, out of bounds, or a matter of metrics; which proposal wins; whether to write.
//! Inputs: [`Input`]. Output: [`Outcome`].
//! Method: `autoscaling/v2`: the largest successful proposal wins; a failed metric blocks shrinking, never growing.
//! Invariants: total and pure; a rescale never has the size it started from.
//! Tested: `tests/rows/combine.rs`.

use crate::history::{bound, record};
use crate::metric::{Context, Failure, evaluate};
use crate::normalize::{Case, normalize};
use crate::outcome::{Event, MetricOutcome, Severity, Warning};
use crate::zero::Zero;
use crate::{
    ConditionStatus, ConditionType, Current, Direction, History, Input, Outcome, Quirks, Recommendation, Scale, ScaleEvent,
    Selector, Step, Tolerance, Trace,
};

/// Decides one reconcile of a HorizontalPodAutoscaler.
pub fn reconcile(input: &Input<'_>) -> Outcome {
    let mut outcome = Outcome {
        desired_replicas: None,
        current_replicas: None,
        rescale: false,
        reason: String::new(),
        metrics: Vec::new(),
        conditions: Vec::with_capacity(4),
        removes_scaled_to_zero: false,
        events: Vec::new(),
        error: None,
        warnings: Vec::new(),
        history: input.history.cloned(),
        trace: Trace::default(),
        undo: None,
    };
    match input.scale {
        Err(error) => no_scale(error, &mut outcome),
        Ok(scale) => {
            // Kubernetes has no negative sizes; whoever reports one has none to report.
            let scale = Scale { spec_replicas: scale.spec_replicas.max(0), status_replicas: scale.status_replicas.max(0) };
            decide(input, scale, &mut outcome);
        }
    }
    outcome
}

fn no_scale(error: &str, outcome: &mut Outcome) {
    let message = format!("the HPA controller was unable to get the target's current scale: {error}");
    outcome.set(ConditionType::AbleToScale, ConditionStatus::False, "FailedGetScale", message);
    outcome.warn("FailedGetScale", error.to_owned());
    outcome.error = Some(format!("failed to query scale subresource: {error}"));
    outcome.trace.steps.push(Step::NoScale);
}

fn decide(input: &Input<'_>, scale: Scale, outcome: &mut Outcome) {
    let quirks = input.settings.compat.quirks();
    let current = scale.spec_replicas;
    let (min, max) = (input.spec.min(), input.spec.max_replicas);
    outcome.current_replicas = Some(current);
    outcome.desired_replicas = Some(current);
    let message = "the HPA controller was able to get the target's current scale";
    outcome.set(ConditionType::AbleToScale, ConditionStatus::True, "SucceededGetScale", message.to_owned());
    let mut history = outcome.history.take().unwrap_or_else(|| History::initial(current, input.now));
    bound(&mut history);
    look_for_oddities(input, &history, outcome);

    let zero = Zero::of(input, quirks);
    let desired = if current == 0 && zero.disabled(input) {
        let message = "scaling is disabled since the replica count of the target is zero";
        outcome.set(ConditionType::ScalingActive, ConditionStatus::False, "ScalingDisabled", message.to_owned());
        zero.off(outcome);
        outcome.trace.steps.push(Step::Disabled);
        current
    } else if current > 0 && current > max {
        out_of_bounds("Current number of replicas above Spec.MaxReplicas", current, max, outcome)
    } else if current > 0 && current < min {
        out_of_bounds("Current number of replicas below Spec.MinReplicas", current, min, outcome)
    } else {
        by_metrics(input, scale, quirks, &zero, &mut history, outcome)
    };
    if desired != current {
        rescaled(input, current, desired, &zero, &mut history, outcome);
    }
    outcome.history = Some(history);
}

fn out_of_bounds(reason: &str, before: i32, after: i32, outcome: &mut Outcome) -> i32 {
    outcome.reason = reason.to_owned();
    outcome.trace.steps.push(Step::OutOfBounds { before, after });
    after
}

/// The size that metrics, windows, rates and bounds give; the current one where metrics give none.
fn by_metrics(input: &Input<'_>, scale: Scale, quirks: Quirks, zero: &Zero, history: &mut History, outcome: &mut Outcome) -> i32 {
    let current = scale.spec_replicas;
    if !selector_is_usable(input.selector, outcome) {
        return current;
    }
    let Some((recommended, winner)) = combine(input, scale, quirks, outcome) else { return current };
    if recommended > current {
        outcome.reason = format!("{} above target", outcome.trace.metrics[winner].title);
    } else if recommended < current {
        "All metrics below target".clone_into(&mut outcome.reason);
    }
    let case = Case { now: input.now, settings: input.settings, spec: input.spec, current, recommended };
    let desired = normalize(&case, history, outcome);
    let min = input.spec.min();
    if current == 0 && zero.by_condition && desired < min {
        // Someone raised the minimum while the autoscaler had the target at zero.
        if outcome.reason.is_empty() {
            "Current number of replicas below Spec.MinReplicas".clone_into(&mut outcome.reason);
        }
        outcome.trace.steps.push(Step::OutOfBounds { before: desired, after: min });
        return min;
    }
    desired
}

fn selector_is_usable(selector: &Selector, outcome: &mut Outcome) -> bool {
    let (event, reason, message, told) = match selector {
        Selector::Usable => return true,
        Selector::Empty => (
            "SelectorRequired",
            "InvalidSelector",
            "the HPA target's scale is missing a selector".to_owned(),
            "selector is required".to_owned(),
        ),
        Selector::Unparsable(error) => {
            let text = format!("couldn't convert selector into a corresponding internal selector object: {error}");
            ("InvalidSelector", "InvalidSelector", text.clone(), text)
        }
        Selector::Ambiguous { selector, autoscalers } => {
            let text = format!("pods by selector {selector} are controlled by multiple HPAs: {autoscalers}");
            ("AmbiguousSelector", "AmbiguousSelector", text.clone(), text)
        }
    };
    outcome.warn(event, told.clone());
    outcome.set(ConditionType::ScalingActive, ConditionStatus::False, reason, message);
    outcome.warn("FailedComputeMetricsReplicas", told.clone());
    outcome.error = Some(told);
    outcome.trace.steps.push(Step::NoSelector);
    false
}

/// The largest proposal and whose it is; `None` where the size must stay.
fn combine(input: &Input<'_>, scale: Scale, quirks: Quirks, outcome: &mut Outcome) -> Option<(i32, usize)> {
    let tolerance = tolerance(input, quirks);
    let context = Context { input, scale, quirks, tolerance };
    let specs = &input.spec.metrics;
    outcome.metrics.reserve_exact(specs.len());
    outcome.trace.metrics.reserve_exact(specs.len());
    let mut best: Option<(i32, usize)> = None;
    let mut first: Option<Failure> = None;
    let mut failed = 0;
    for (i, spec) in specs.iter().enumerate() {
        let (result, trace) = evaluate(&context, spec, input.readings.get(i));
        outcome.trace.metrics.push(trace);
        let mut told = MetricOutcome {
            kind: spec.kind(),
            name: spec.name().to_owned(),
            proposal: None,
            current: Current::default(),
            error: None,
        };
        match result {
            Ok((proposal, current)) => {
                told.proposal = Some(proposal);
                told.current = current;
                // Upstream starts from 0 and replaces a 0 by anything, so that of several zeros the last is named.
                if best.is_none_or(|(b, _)| b == 0 || proposal > b) {
                    best = Some((proposal, i));
                }
            }
            Err(failure) => {
                outcome.warn(failure.reason, failure.message.clone());
                told.error = Some(failure.message.clone());
                failed += 1;
                first.get_or_insert(failure);
            }
        }
        outcome.metrics.push(told);
    }
    if let Some(failure) = &first {
        outcome.error =
            Some(format!("invalid metrics ({failed} invalid out of {}), first error is: {}", specs.len(), failure.error));
    }
    match (best, first) {
        (Some((proposal, i)), failure) if failure.is_none() || proposal >= scale.spec_replicas => {
            let title = &outcome.trace.metrics[i].title;
            let message = format!("the HPA was able to successfully calculate a replica count from {title}");
            outcome.set(ConditionType::ScalingActive, ConditionStatus::True, "ValidMetricFound", message);
            outcome.trace.steps.push(Step::Recommended { metric: i, replicas: proposal });
            Some((proposal, i))
        }
        (best, failure) => {
            blocked(failed, best.map(|(b, _)| b), failure, outcome);
            None
        }
    }
}

/// Metrics failed, all of them or enough to make shrinking unsafe.
fn blocked(failed: usize, best: Option<i32>, failure: Option<Failure>, outcome: &mut Outcome) {
    // Without metrics upstream would go to the minimum; the API server never stores such an HPA.
    let (reason, message) =
        failure.map_or(("InvalidMetricSourceType", "the spec has no metrics".to_owned()), |f| (f.reason, f.message));
    let error = outcome.error.get_or_insert_with(|| message.clone()).clone();
    let message = format!("the HPA was unable to compute the replica count: {message}");
    outcome.set(ConditionType::ScalingActive, ConditionStatus::False, reason, message);
    outcome.warn("FailedComputeMetricsReplicas", error);
    outcome.trace.steps.push(Step::Blocked { failed, best });
}

fn rescaled(input: &Input<'_>, current: i32, desired: i32, zero: &Zero, history: &mut History, outcome: &mut Outcome) {
    outcome.rescale = true;
    outcome.desired_replicas = Some(desired);
    let message = format!("the HPA controller was able to update the target scale to {desired}");
    outcome.set(ConditionType::AbleToScale, ConditionStatus::True, "SucceededRescale", message);
    let message = format!("New size: {desired}; reason: {}", outcome.reason);
    outcome.events.push(Event { severity: Severity::Normal, reason: "SuccessfulRescale", message });
    if let Some(behavior) = &input.spec.behavior {
        let direction = if desired > current { Direction::Up } else { Direction::Down };
        let longest = match direction {
            Direction::Up => behavior.up().longest_period(),
            Direction::Down => behavior.down(0).longest_period(),
        };
        let event = ScaleEvent { at: input.now, change: (i64::from(desired) - i64::from(current)).unsigned_abs() as i32 };
        outcome.undo = Some((direction, record(history.log_mut(direction), event, longest)));
    }
    zero.rescaled(input, current, desired, outcome);
}

fn tolerance(input: &Input<'_>, quirks: Quirks) -> Tolerance {
    let behavior = input.spec.behavior.as_ref().filter(|_| quirks.direction_tolerance);
    let cluster = input.settings.tolerance;
    let up = behavior.and_then(|b| b.scale_up.as_ref()?.tolerance).unwrap_or(cluster);
    let down = behavior.and_then(|b| b.scale_down.as_ref()?.tolerance).unwrap_or(cluster);
    // NaN and negative ones would make every ratio an outlier; 0 says the same without the arithmetic.
    Tolerance { down: down.max(0.0), up: up.max(0.0) }
}

fn look_for_oddities(input: &Input<'_>, history: &History, outcome: &mut Outcome) {
    let future = |at| at > input.now;
    let entries = history.recommendations.iter().filter(|r: &&Recommendation| future(r.at)).count()
        + history.scale_ups.iter().chain(&history.scale_downs).filter(|e| future(e.at)).count();
    if entries > 0 {
        outcome.warnings.push(Warning::HistoryFromTheFuture { entries });
    }
    if input.spec.min() > input.spec.max_replicas {
        outcome.warnings.push(Warning::BoundsCrossed);
    }
    let rules = input.spec.behavior.iter().flat_map(|b| [&b.scale_up, &b.scale_down]).flatten();
    let unusable = |t: f64| t.is_nan() || t < 0.0;
    if unusable(input.settings.tolerance) || rules.filter_map(|r| r.tolerance).any(unusable) {
        outcome.warnings.push(Warning::ToleranceUnusable);
    }
    let readings = input.readings.len().saturating_sub(input.spec.metrics.len());
    if readings > 0 {
        outcome.warnings.push(Warning::SurplusReadings { readings });
    }
}
