//! Scenarios: ways to buy what is needed.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use crate::model::names::{dns_labels, map_by_name};
use crate::scalar::{Amount, Dur, Percent, Spend};

/// A way to buy what is needed. What is neither spot nor reserved is paid on demand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scenario {
    /// What it may cost. The plan tells when it costs more. Default: no bound. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Spend>,
    /// Where the numbers of replicas come from that `replicas` does not state. Reload: live.
    pub sizing: Sizing,
    /// Replicas of services, of all regions together, 0 to 100000; they stay, whatever the load. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<u32>")]
    pub replicas: IndexMap<ServiceName, u32>,
    /// Machines of stores, of all regions together, in place of their `nodes`. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<u32>")]
    pub stores: IndexMap<String, u32>,
    /// Regions that replicas and machines are spread over, 1 to 20; each can do without the others. Reload: live.
    #[schemars(range(min = 1, max = 20))]
    pub regions: u32,
    /// Replicas on machines that the provider may take back. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot: Option<Spot>,
    /// Replicas on machines that are committed to. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
    /// What else is paid: balancers, traffic, support. Default: nothing. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra: Option<Spend>,
    /// Loads that it is meant for; the plan tells whether it carries them: `{users: 50}`. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Amount>")]
    pub carries: IndexMap<String, Amount>,
    /// Availability that it is meant to have; the plan tells whether it is expected to. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            budget: None,
            sizing: Sizing::default(),
            replicas: IndexMap::new(),
            stores: IndexMap::new(),
            regions: 1,
            spot: None,
            reserved: None,
            extra: None,
            carries: IndexMap::new(),
            availability: None,
        }
    }
}

/// Where numbers of replicas come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Sizing {
    /// What the month's load needs.
    #[default]
    Needed,
    /// The fewest that each service may have.
    Minimal,
}

/// Replicas on machines that the provider may take back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spot {
    /// What a replica saves against on demand, 0% to 99%. Reload: live.
    pub saving: Percent,
    /// The part of a service's replicas that runs on spot, rounded down, 0% to 100%. Reload: live.
    #[serde(default = "all")]
    pub share: Percent,
    /// The services that may. Default: all. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_labels", extend("minItems" = 1))]
    pub services: Option<Vec<ServiceName>>,
    /// Times that one machine is taken back in an hour, 0 to 10. Reload: live.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub interruptions_per_hour: f64,
    /// From then until another does its work, at most 1h. Reload: live.
    #[serde(default = "two_minutes")]
    pub replacement: Dur,
    /// Work that is done twice at each of them, at most 1h. Reload: live.
    #[serde(default)]
    pub lost_work: Dur,
}

/// Replicas on machines that are committed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reserved {
    /// What a replica saves against on demand, 0% to 99%. Reload: live.
    pub saving: Percent,
    /// The part of a service's replicas that is reserved, rounded down, after spot; 0% to 100%. Reload: live.
    #[serde(default = "all")]
    pub share: Percent,
}

fn all() -> Percent {
    Percent::whole(100)
}

fn two_minutes() -> Dur {
    Dur::secs(120)
}
