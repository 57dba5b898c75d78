//! Ceilings on what replicas may cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::{dns_label, dns_labels};
use crate::scalar::{Dur, Spend};

/// A ceiling on what the replicas of some services cost together. When their wishes cost more, services give way in a stated order;
/// none goes below its `minReplicas` unless `order` says so, and the decision says what the ceiling cost.
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
    /// Services that give way before all others, the first one first; `{service: embed, floor: 0}` lets one go below its `minReplicas`.
    /// The others follow by `priority`, the lowest first. Default: by priority alone. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<GivesWay>,
    /// With a limit per day or month: time over which what is left may be spent, 1m to 1d or 31d. A longer one saves for later, a shorter
    /// one pays for a burst now. Default: 1h for a day, 1d for a month. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_ahead: Option<Dur>,
}

/// A service that gives way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum GivesWay {
    /// Down to its `minReplicas`.
    Name(#[schemars(schema_with = "dns_label")] ServiceName),
    /// Down to a floor.
    Floor(Floor),
}

/// A service that gives way down to a floor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Floor {
    /// The service. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub service: ServiceName,
    /// Replicas that it keeps, 0 to 1000; may be below its `minReplicas`. Reload: live.
    #[schemars(range(max = 1000))]
    pub floor: u32,
}

impl GivesWay {
    /// The service.
    pub fn service(&self) -> &ServiceName {
        match self {
            GivesWay::Name(service) | GivesWay::Floor(Floor { service, .. }) => service,
        }
    }

    /// Where it stops, when that is not its `minReplicas`.
    pub fn floor(&self) -> Option<u32> {
        match self {
            GivesWay::Name(_) => None,
            GivesWay::Floor(Floor { floor, .. }) => Some(*floor),
        }
    }
}

impl Budget {
    /// The fewest replicas that a service keeps under this budget, when that is not its `minReplicas`.
    pub fn floor_of(&self, service: &ServiceName) -> Option<u32> {
        self.order.iter().find(|g| g.service() == service).and_then(GivesWay::floor)
    }
}
