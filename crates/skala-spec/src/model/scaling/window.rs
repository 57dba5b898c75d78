//! Times at which other bounds hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::{Cron, Identifier, ZoneName};

/// A time that comes back, such as office hours, with bounds of its own. While several are open, the largest `minReplicas` and the
/// largest `maxReplicas` of theirs count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeWindow {
    /// Its name in decisions: letters, digits and `_`. Reload: live.
    pub name: Identifier,
    /// When it opens: five cron fields, such as `0 8 * * MON-FRI`. Reload: live.
    pub start: Cron,
    /// When it closes: five cron fields. After it, the size goes down through `behavior`. Reload: live.
    pub end: Cron,
    /// The IANA time zone of both. Where clocks change, a time that is left out counts at the change, and one that comes twice counts
    /// once. Reload: live.
    #[serde(default)]
    pub timezone: ZoneName,
    /// Fewest replicas while it is open. Default: `minReplicas` of the service. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub min_replicas: Option<u32>,
    /// Most replicas while it is open, 1 to 1000. Default: `maxReplicas` of the service. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: Option<u32>,
}
