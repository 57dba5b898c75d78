//! One number made of several metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Behavior;
use crate::scalar::Positive;

/// One number made of several named metrics, and what it should be: KEDA's `scalingModifiers`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Formula {
    /// The formula, over the names of metrics from outside and skala's own `replicas`, `requestsPerSecond`, `concurrency`, `cpu` and
    /// `memory` (shares of the request): numbers, `+ - * /`, comparisons, `&& || !`, `a ? b : c`, `max`, `min`, `sum`, `avg` and `count` of
    /// several, `abs`, `floor`, `ceil`, `round`. A condition counts as 1 or 0. While a metric in it fails, the formula fails, and that
    /// holds. Reload: live.
    #[schemars(extend("minLength" = 1))]
    pub expression: String,
    /// What each replica's share of the result should be, above 0. One of `target` and `targetTotal` is needed. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Positive>,
    /// What the result itself should be, above 0, whatever the number of replicas. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_total: Option<Positive>,
    /// The result counts as activity while it is above this. Reload: live.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub activation: f64,
    /// A lower target for shrinking: the service shrinks only to a size at which this one holds. Default: the target. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<Positive>,
    /// Pace of change of the formula alone. Default: none of its own. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}
