//! `spec.behavior`: windows, policies and tolerances per direction, with the API's defaults.
//!
//! Decides: what a direction's rules are once the fields left unset are filled.
//! Units: windows and periods in seconds; policy values in pods or percent; tolerances as a share of 1.
//! Method: defaulting of `autoscaling/v2`: per direction and per field; a given list of policies replaces the default list.
//! Tested: `tests/rows/behavior.rs`.

use serde::{Deserialize, Serialize};

/// Rules per direction; a direction left out gets the defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behavior {
    /// Growing: no window, the larger of 4 pods and 100 % per 15 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Shrinking: the cluster's window, 100 % per 15 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// The rules of one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingRules {
    /// For how long past recommendations hold the size, in seconds, 0 to 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilization_window_seconds: Option<i32>,
    /// Which policy counts where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// How much may change in how long; given, it replaces the default list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<ScalingPolicy>>,
    /// Overrides the cluster's tolerance in this direction; the float that Kubernetes makes of the quantity
    /// (see [`crate::quantity_as_f64`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the biggest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: no change in this direction.
    Disabled,
}

/// How much may change within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingPolicy {
    /// Pods or percent.
    #[serde(rename = "type")]
    pub kind: PolicyKind,
    /// How many pods, or how many percent of the size at the start of the period.
    pub value: i32,
    /// The period in seconds, 1 to 1800.
    pub period_seconds: i32,
}

/// What a policy's value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Replicas.
    Pods,
    /// Percent of the size at the start of the period.
    Percent,
}

const UP: &[ScalingPolicy] = &[
    ScalingPolicy { kind: PolicyKind::Pods, value: 4, period_seconds: 15 },
    ScalingPolicy { kind: PolicyKind::Percent, value: 100, period_seconds: 15 },
];
const DOWN: &[ScalingPolicy] = &[ScalingPolicy { kind: PolicyKind::Percent, value: 100, period_seconds: 15 }];

/// A direction's rules with every field filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) window_seconds: i64,
    pub(crate) select: SelectPolicy,
    pub(crate) policies: &'a [ScalingPolicy],
}

impl Rules<'_> {
    /// The longest period among the policies; decides when an event's slot may be reused.
    pub(crate) fn longest_period(&self) -> i64 {
        self.policies.iter().map(|p| i64::from(p.period_seconds.max(0))).max().unwrap_or(0)
    }
}

impl Behavior {
    pub(crate) fn up(&self) -> Rules<'_> {
        fill(self.scale_up.as_ref(), 0, UP)
    }

    pub(crate) fn down(&self, cluster_window_seconds: i64) -> Rules<'_> {
        fill(self.scale_down.as_ref(), cluster_window_seconds, DOWN)
    }
}

fn fill<'a>(rules: Option<&'a ScalingRules>, window: i64, policies: &'a [ScalingPolicy]) -> Rules<'a> {
    Rules {
        window_seconds: rules.and_then(|r| r.stabilization_window_seconds).map_or(window, |s| i64::from(s.max(0))),
        select: rules.and_then(|r| r.select_policy).unwrap_or(SelectPolicy::Max),
        policies: rules.and_then(|r| r.policies.as_deref()).unwrap_or(policies),
    }
}
