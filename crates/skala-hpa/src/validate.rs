//! What the API server refuses in a spec.
//!
//! Decides: whether a spec is one that Kubernetes would store; reconciling does not depend on it.
//! Inputs: a [`Spec`] as written, before defaults, and whether the gate `HPAScaleToZero` is on.
//! Method: the validation rules of `autoscaling/v2`; every problem is told, not only the first.
//! Tested: `tests` below.

use std::fmt;

use crate::{Behavior, MetricSpec, PolicyKind, ScalingRules, Spec, Target};

/// The longest stabilization window, in seconds.
const MAX_WINDOW_SECONDS: i32 = 3600;
/// The longest period of a policy, in seconds.
const MAX_PERIOD_SECONDS: i32 = 1800;

/// A spec that Kubernetes would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(SpecProblem::to_string).collect::<Vec<_>>().join("; "))]
pub struct SpecError {
    /// Everything that is wrong, in the order of the fields.
    pub problems: Vec<SpecProblem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecProblem {
    /// Where, such as `metrics[0].target.averageValue`.
    pub field: String,
    /// What.
    pub problem: &'static str,
}

impl fmt::Display for SpecProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl Spec {
    /// Checks the spec as the API server does.
    ///
    /// # Errors
    /// Every field that Kubernetes would refuse.
    pub fn validate(&self, scale_to_zero: bool) -> Result<(), SpecError> {
        let mut found = Vec::new();
        let mut say = |field: &str, problem| found.push(SpecProblem { field: field.to_owned(), problem });
        let min = self.min();
        if min < 0 {
            say("minReplicas", "must be at least 0");
        } else if min == 0 && !scale_to_zero {
            say("minReplicas", "must be at least 1: 0 needs the feature gate HPAScaleToZero");
        }
        if self.max_replicas < 1 {
            say("maxReplicas", "must be at least 1");
        }
        if self.max_replicas < min {
            say("maxReplicas", "must be at least minReplicas");
        }
        if min == 0 && scale_to_zero && !self.has_object_or_external() {
            say("metrics", "must hold an Object or External metric for minReplicas 0");
        }
        for (i, metric) in self.metrics.iter().enumerate() {
            check_metric(metric, &mut |field, problem| say(&format!("metrics[{i}].{field}"), problem));
        }
        if let Some(Behavior { scale_up, scale_down }) = &self.behavior {
            for (name, rules) in [("scaleUp", scale_up), ("scaleDown", scale_down)] {
                if let Some(rules) = rules {
                    check_rules(rules, &mut |field, problem| say(&format!("behavior.{name}.{field}"), problem));
                }
            }
        }
        if found.is_empty() { Ok(()) } else { Err(SpecError { problems: found }) }
    }
}

type Say<'a> = dyn FnMut(&str, &'static str) + 'a;

fn check_metric(metric: &MetricSpec, say: &mut Say<'_>) {
    if metric.name().is_empty() {
        say("name", "must not be empty");
    }
    match metric {
        MetricSpec::Resource { target, .. } => check_resource(target, say),
        MetricSpec::ContainerResource { container, target, .. } => {
            if container.is_empty() {
                say("container", "must not be empty");
            }
            check_resource(target, say);
        }
        MetricSpec::Pods { target, .. } => {
            check_signs(target, say);
            if target.average_value.is_none() {
                say("target.averageValue", "must be set");
            }
        }
        MetricSpec::Object { described, target, .. } => {
            if described.kind.is_empty() || described.name.is_empty() {
                say("describedObject", "must have a kind and a name");
            }
            check_signs(target, say);
            if target.value.is_none() && target.average_value.is_none() {
                say("target", "must set value or averageValue");
            }
        }
        MetricSpec::External { target, .. } => {
            check_signs(target, say);
            match (target.value, target.average_value) {
                (None, None) => say("target", "must set value or averageValue"),
                (Some(_), Some(_)) => say("target", "must not set both value and averageValue"),
                _ => {}
            }
        }
        MetricSpec::Unknown { .. } => {
            say("type", "must be Resource, ContainerResource, Pods, Object or External");
        }
    }
}

fn check_resource(target: &Target, say: &mut Say<'_>) {
    check_signs(target, say);
    match (target.average_utilization, target.average_value) {
        (None, None) => say("target", "must set averageUtilization or averageValue"),
        (Some(_), Some(_)) => say("target", "must not set both averageUtilization and averageValue"),
        _ => {}
    }
}

fn check_signs(target: &Target, say: &mut Say<'_>) {
    if target.average_utilization.is_some_and(|p| p < 1) {
        say("target.averageUtilization", "must be at least 1");
    }
    if target.value.is_some_and(|v| v <= 0) {
        say("target.value", "must be positive");
    }
    if target.average_value.is_some_and(|v| v <= 0) {
        say("target.averageValue", "must be positive");
    }
}

fn check_rules(rules: &ScalingRules, say: &mut Say<'_>) {
    if rules.stabilization_window_seconds.is_some_and(|s| !(0..=MAX_WINDOW_SECONDS).contains(&s)) {
        say("stabilizationWindowSeconds", "must be from 0 to 3600");
    }
    if rules.tolerance.is_some_and(|t| t.is_nan() || t < 0.0) {
        say("tolerance", "must be at least 0");
    }
    let Some(policies) = &rules.policies else { return };
    if policies.is_empty() {
        say("policies", "must hold at least one policy");
    }
    for (i, policy) in policies.iter().enumerate() {
        let (PolicyKind::Pods | PolicyKind::Percent) = policy.kind;
        if policy.value <= 0 {
            say(&format!("policies[{i}].value"), "must be positive");
        }
        if !(1..=MAX_PERIOD_SECONDS).contains(&policy.period_seconds) {
            say(&format!("policies[{i}].periodSeconds"), "must be from 1 to 1800");
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{MetricId, ObjectRef, ScalingPolicy};

    fn cpu(target: Target) -> MetricSpec {
        MetricSpec::Resource { name: "cpu".into(), target }
    }

    fn external(target: Target) -> MetricSpec {
        MetricSpec::External { metric: MetricId { name: "q".into(), selector: None }, target }
    }

    fn spec(min: i32, max: i32, metrics: Vec<MetricSpec>) -> Spec {
        Spec { min_replicas: Some(min), max_replicas: max, metrics, behavior: None }
    }

    fn check(spec: &Spec, gate: bool, expected: &Expect) {
        expected.assert_eq(&spec.validate(gate).map_or_else(|e| e.to_string(), |()| "ok".into()));
    }

    #[test]
    fn bounds() {
        let m = || vec![cpu(Target::utilization(50))];
        check(&spec(1, 1, m()), false, &expect!["ok"]);
        check(&spec(0, 1, m()), false, &expect!["minReplicas: must be at least 1: 0 needs the feature gate HPAScaleToZero"]);
        check(&spec(0, 1, m()), true, &expect!["metrics: must hold an Object or External metric for minReplicas 0"]);
        check(&spec(0, 1, vec![external(Target::value(1))]), true, &expect!["ok"]);
        check(&spec(-1, 0, m()), true, &expect!["minReplicas: must be at least 0; maxReplicas: must be at least 1"]);
        check(&spec(3, 2, m()), false, &expect!["maxReplicas: must be at least minReplicas"]);
        check(
            &Spec { max_replicas: 0, metrics: m(), ..Spec::default() },
            false,
            &expect!["maxReplicas: must be at least 1; maxReplicas: must be at least minReplicas"],
        );
    }

    #[test]
    fn targets() {
        let both = Target { average_value: Some(1), ..Target::utilization(1) };
        check(
            &spec(1, 1, vec![cpu(both)]),
            false,
            &expect!["metrics[0].target: must not set both averageUtilization and averageValue"],
        );
        check(
            &spec(1, 1, vec![cpu(Target::value(1)), cpu(Target::utilization(0))]),
            false,
            &expect![
                "metrics[0].target: must set averageUtilization or averageValue; metrics[1].target.averageUtilization: must be at least 1"
            ],
        );
        let none = Target { value: None, ..Target::value(0) };
        check(
            &spec(1, 1, vec![external(Target::value(0)), external(none.clone())]),
            false,
            &expect!["metrics[0].target.value: must be positive; metrics[1].target: must set value or averageValue"],
        );
        let pods = MetricSpec::Pods { metric: MetricId::default(), target: Target::value(-1) };
        check(
            &spec(1, 1, vec![pods]),
            false,
            &expect![
                "metrics[0].name: must not be empty; metrics[0].target.value: must be positive; metrics[0].target.averageValue: must be set"
            ],
        );
        let object = MetricSpec::Object {
            metric: MetricId { name: "rps".into(), selector: None },
            described: ObjectRef::default(),
            target: none,
        };
        check(
            &spec(1, 1, vec![object, MetricSpec::Unknown { kind: "Moon".into() }]),
            false,
            &expect![
                "metrics[0].describedObject: must have a kind and a name; metrics[0].target: must set value or averageValue; metrics[1].type: must be Resource, ContainerResource, Pods, Object or External"
            ],
        );
    }

    #[test]
    fn behavior() {
        let policy = |value, period_seconds| ScalingPolicy { kind: PolicyKind::Pods, value, period_seconds };
        let with = |rules| Spec {
            behavior: Some(Behavior { scale_up: Some(rules), scale_down: Some(ScalingRules::default()) }),
            ..spec(1, 1, vec![cpu(Target::utilization(50))])
        };
        check(&with(ScalingRules::default()), false, &expect!["ok"]);
        let edges = ScalingRules {
            stabilization_window_seconds: Some(3600),
            policies: Some(vec![policy(1, 1), policy(1, 1800)]),
            tolerance: Some(0.0),
            ..ScalingRules::default()
        };
        check(&with(edges), false, &expect!["ok"]);
        let beyond = ScalingRules {
            stabilization_window_seconds: Some(3601),
            policies: Some(vec![policy(0, 0), policy(-1, 1801)]),
            tolerance: Some(-0.1),
            ..ScalingRules::default()
        };
        check(
            &with(beyond),
            false,
            &expect![
                "behavior.scaleUp.stabilizationWindowSeconds: must be from 0 to 3600; behavior.scaleUp.tolerance: must be at least 0; behavior.scaleUp.policies[0].value: must be positive; behavior.scaleUp.policies[0].periodSeconds: must be from 1 to 1800; behavior.scaleUp.policies[1].value: must be positive; behavior.scaleUp.policies[1].periodSeconds: must be from 1 to 1800"
            ],
        );
        let empty = ScalingRules { policies: Some(vec![]), ..ScalingRules::default() };
        check(&with(empty), false, &expect!["behavior.scaleUp.policies: must hold at least one policy"]);
    }
}
