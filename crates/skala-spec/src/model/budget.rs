//! Ceilings on what replicas may cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::dns_labels;
use crate::scalar::Spend;

/// A ceiling on what the replicas of some services cost together. When their wishes cost more, services give way in a stated order;
/// none goes below its `minReplicas`, and the decision says what the ceiling cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Budget {
    /// Most that may be spent, above 0: `30 EUR/h` bounds every moment, `5 EUR/day` and `900 EUR/month` what the calendar's day and month
    /// (UTC) cost together. The currency is that of `cost.currency`. Reload: live.
    pub limit: Spend,
    /// The services that it holds for. Each has a price: its own `price`, or `cost` and its `resources.requests`. Default: every service
    /// that skala runs. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_labels", extend("minItems" = 1))]
    pub services: Option<Vec<ServiceName>>,
    /// Services that give way before all others, the first one first. Default: by `priority`, the lowest first. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "dns_labels")]
    pub order: Vec<ServiceName>,
}
