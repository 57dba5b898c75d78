//! An autoscaler object as decisions take it.
//!
//! Decides: what of the object is refused, as the API server would have refused it, and what is only told.
//! Method: skala-hpa's own validation, plus what its types cannot hold: words that mean nothing, sources that are absent, quantities
//!   out of range. What the rules define although the API server would refuse it (two targets at once, zero with resource metrics)
//!   is decided on, with a warning. An unknown metric type is neither: the rules have a condition for it.
//! Invariants: a target out of range is never made smaller or larger.
//! Tested: `tests/it/decide.rs`.

use skala_hpa::{
    Behavior, MetricId, MetricSpec, ObjectRef, PolicyKind, ScalingPolicy, ScalingRules, SelectPolicy, Spec, Target, TargetKind,
};

use super::DocumentError;
use crate::Selector;
use crate::object::hpa::{self, HpaSpec};
use crate::object::{HorizontalPodAutoscaler, LabelSelector};

/// A spec, and what is odd about it.
pub struct Converted {
    /// As decisions take it, with the API server's defaults.
    pub spec: Spec,
    /// What the API server would have refused although the rules define it.
    pub warnings: Vec<String>,
}

/// Converts and checks the autoscaler's spec.
///
/// # Errors
/// For what the API server would refuse, with the field.
pub fn spec(object: &HorizontalPodAutoscaler) -> Result<Converted, DocumentError> {
    let converted = convert(&object.spec, "hpa.spec.")?;
    Ok(Converted { spec: converted.spec.with_defaults(), ..converted })
}

/// The same for the fields of autoscaling/v2 in any object, without the API server's default metric; `root` stands before the
/// fields in what it says: `hpa.spec.`, or nothing.
///
/// # Errors
/// For what the API server would refuse, with the field.
pub fn convert(from: &HpaSpec, root: &str) -> Result<Converted, DocumentError> {
    let metrics = from.metrics.iter().enumerate().map(|(i, m)| metric(&format!("{root}metrics[{i}]"), m));
    let spec = Spec {
        min_replicas: from.min_replicas,
        max_replicas: from.max_replicas,
        metrics: metrics.collect::<Result<_, _>>()?,
        behavior: from.behavior.as_ref().map(|b| behavior(&format!("{root}behavior"), b)).transpose()?,
    };
    let mut warnings = Vec::new();
    if let Err(error) = spec.validate(true) {
        for problem in error.problems {
            let path = format!("{root}{}", full(&from.metrics, &problem.field));
            let unknown = problem.field.starts_with("metrics[") && problem.field.ends_with("].type");
            let defined = problem.problem.contains("must not set both") || problem.field == "metrics";
            if defined {
                warnings.push(format!("{path}: {}", problem.problem));
            } else if !unknown {
                return Err(DocumentError::at(path, problem.problem));
            }
        }
    }
    Ok(Converted { spec, warnings })
}

/// The field with its source: `metrics[0].target` is `metrics[0].resource.target` in the object.
fn full(metrics: &[hpa::MetricSpec], field: &str) -> String {
    let Some((index, rest)) = field.strip_prefix("metrics[").and_then(|f| f.split_once("].")) else { return field.to_owned() };
    let kind = index.parse::<usize>().ok().and_then(|i| metrics.get(i)).map_or("", |m| &*m.kind);
    let source = match kind {
        "Resource" => "resource.",
        "ContainerResource" => "containerResource.",
        "Pods" => "pods.",
        "Object" => "object.",
        "External" => "external.",
        _ => "",
    };
    let rest = match (kind, rest) {
        ("Pods" | "Object" | "External", "name") => "metric.name",
        (_, rest) => rest,
    };
    format!("metrics[{index}].{source}{rest}")
}

fn metric(path: &str, from: &hpa::MetricSpec) -> Result<MetricSpec, DocumentError> {
    let absent = |source: &str| DocumentError::at(format!("{path}.{source}"), "must be set for this type");
    Ok(match &*from.kind {
        "Resource" => {
            let source = from.resource.as_ref().ok_or_else(|| absent("resource"))?;
            MetricSpec::Resource { name: source.name.to_string(), target: target(&format!("{path}.resource"), &source.target)? }
        }
        "ContainerResource" => {
            let source = from.container_resource.as_ref().ok_or_else(|| absent("containerResource"))?;
            MetricSpec::ContainerResource {
                name: source.name.to_string(),
                container: source.container.to_string(),
                target: target(&format!("{path}.containerResource"), &source.target)?,
            }
        }
        "Pods" => {
            let source = from.pods.as_ref().ok_or_else(|| absent("pods"))?;
            MetricSpec::Pods {
                metric: identifier(&format!("{path}.pods"), &source.metric)?,
                target: target(&format!("{path}.pods"), &source.target)?,
            }
        }
        "Object" => {
            let source = from.object.as_ref().ok_or_else(|| absent("object"))?;
            let described = &source.described_object;
            MetricSpec::Object {
                metric: identifier(&format!("{path}.object"), &source.metric)?,
                described: ObjectRef {
                    kind: described.kind.to_string(),
                    name: described.name.to_string(),
                    api_version: Some(described.api_version.to_string()).filter(|v| !v.is_empty()),
                },
                target: target(&format!("{path}.object"), &source.target)?,
            }
        }
        "External" => {
            let source = from.external.as_ref().ok_or_else(|| absent("external"))?;
            MetricSpec::External {
                metric: identifier(&format!("{path}.external"), &source.metric)?,
                target: target(&format!("{path}.external"), &source.target)?,
            }
        }
        "" => return Err(DocumentError::at(format!("{path}.type"), "must be set")),
        other => MetricSpec::Unknown { kind: other.chars().take(100).collect() },
    })
}

fn identifier(path: &str, from: &hpa::MetricIdentifier) -> Result<MetricId, DocumentError> {
    let selector = match &from.selector {
        None => None,
        Some(selector) => Some(printed(&format!("{path}.metric.selector"), selector)?),
    };
    Ok(MetricId { name: from.name.to_string(), selector })
}

/// The selector as Kubernetes prints it in messages: Go's form of the object.
fn printed(path: &str, selector: &LabelSelector) -> Result<String, DocumentError> {
    Selector::new(selector).map_err(|e| DocumentError::at(path, e.to_string()))?;
    let labels: Vec<String> = selector.match_labels.iter().map(|(k, v)| format!("{k}: {v},")).collect();
    let expressions: Vec<String> = selector
        .match_expressions
        .iter()
        .map(|r| format!("LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}}", r.key, r.operator, r.values.join(" ")))
        .collect();
    let expressions = expressions.iter().map(|e| format!("{e},")).collect::<String>();
    Ok(format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}",
        labels.join("")
    ))
}

fn target(path: &str, from: &hpa::MetricTarget) -> Result<Target, DocumentError> {
    let milli = |name: &str, quantity: Option<crate::Quantity>| match quantity {
        None => Ok(None),
        Some(q) => q.milli().map(Some).map_err(|e| DocumentError::at(format!("{path}.target.{name}"), e.to_string())),
    };
    let (value, average_value) = (milli("value", from.value)?, milli("averageValue", from.average_value)?);
    let kind = match &*from.kind {
        "Utilization" => TargetKind::Utilization,
        "Value" => TargetKind::Value,
        "AverageValue" => TargetKind::AverageValue,
        // An absent type means what is set; the API server wants it, but nothing depends on it except for objects.
        "" if value.is_some() => TargetKind::Value,
        "" if average_value.is_some() => TargetKind::AverageValue,
        "" => TargetKind::Utilization,
        other => {
            let message = format!("'{}' must be Utilization, Value or AverageValue", other.chars().take(60).collect::<String>());
            return Err(DocumentError::at(format!("{path}.target.type"), message));
        }
    };
    Ok(Target { kind, value, average_value, average_utilization: from.average_utilization })
}

/// Converts the rules of both directions; `path` is where they stand.
///
/// # Errors
/// For words that mean nothing.
pub fn behavior(path: &str, from: &hpa::Behavior) -> Result<Behavior, DocumentError> {
    Ok(Behavior {
        scale_up: from.scale_up.as_ref().map(|r| rules(&format!("{path}.scaleUp"), r)).transpose()?,
        scale_down: from.scale_down.as_ref().map(|r| rules(&format!("{path}.scaleDown"), r)).transpose()?,
    })
}

fn rules(path: &str, from: &hpa::ScalingRules) -> Result<ScalingRules, DocumentError> {
    let select_policy = match from.select_policy.as_deref() {
        None => None,
        Some("Max") => Some(SelectPolicy::Max),
        Some("Min") => Some(SelectPolicy::Min),
        Some("Disabled") => Some(SelectPolicy::Disabled),
        Some(_) => return Err(DocumentError::at(format!("{path}.selectPolicy"), "must be Max, Min or Disabled")),
    };
    let policy = |(i, p): (usize, &hpa::ScalingPolicy)| {
        let kind = match &*p.kind {
            "Pods" => PolicyKind::Pods,
            "Percent" => PolicyKind::Percent,
            _ => return Err(DocumentError::at(format!("{path}.policies[{i}].type"), "must be Pods or Percent")),
        };
        Ok(ScalingPolicy { kind, value: p.value, period_seconds: p.period_seconds })
    };
    let policies =
        from.policies.as_ref().map(|list| list.iter().enumerate().map(policy).collect::<Result<_, _>>()).transpose()?;
    Ok(ScalingRules {
        stabilization_window_seconds: from.stabilization_window_seconds,
        select_policy,
        policies,
        tolerance: from.tolerance.map(|q| q.as_f64()),
    })
}
