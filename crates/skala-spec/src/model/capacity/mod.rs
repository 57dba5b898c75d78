//! What the platform is expected to carry, and what its parts can do: the planner's and the simulator's inputs.

mod calls;
mod loads;
mod measured;
mod scenarios;
mod stages;
mod stores;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use super::names::map_by_name;
use crate::scalar::Percent;

pub use calls::{Calls, DatabaseCalls, ProviderCalls, ProviderCapacity, QueueCapacity};
pub use loads::{Growth, Load};
pub use measured::{Scalability, ServiceCapacity, Times, TokenTimes};
pub use scenarios::{Reserved, Scenario, Sizing, Spot};
pub use stages::{Stage, StageService};
pub use stores::Store;

/// What the platform is expected to carry, and what its parts can do. `skala plan` and `skala simulate` read it; `skala load --find-knee`
/// measures and writes `services`. Nothing of it changes how the platform runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Capacity {
    /// What grows, by name: `requests: {now: 100/s, growth: 25%}`. At most 100. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Load>")]
    pub loads: IndexMap<String, Load>,
    /// What one replica of a service can do, by service, and how many a load needs. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<ServiceCapacity>")]
    pub services: IndexMap<ServiceName, ServiceCapacity>,
    /// The tasks of queues, by queue: how long they take and where they come from. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<QueueCapacity>")]
    pub queues: IndexMap<String, QueueCapacity>,
    /// How long providers take, by provider. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<ProviderCapacity>")]
    pub providers: IndexMap<String, ProviderCapacity>,
    /// What keeps data, by name: `redis: {per: {data: 10%}}`. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Store>")]
    pub stores: IndexMap<String, Store>,
    /// Stages of growth, the smallest first; the last has no `below`. Reload: live.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<Stage>,
    /// Ways to buy what is needed, by name, shown side by side. Default: `on-demand` alone. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Scenario>")]
    pub scenarios: IndexMap<String, Scenario>,
    /// How far a rollout exceeds the number of replicas, rounded up for each service, as Kubernetes' `maxSurge`; all services roll at
    /// once in the worst case. 0% to 100%. Reload: live.
    pub rollout_surge: Percent,
    /// Share of time that one replica on demand is up, above 0%, at most 100%. Reload: live.
    pub replica_availability: Percent,
    /// Share of time that one region is up, above 0%, at most 100%. Reload: live.
    pub region_availability: Percent,
    /// Share of time that what leads requests to a region (balancer, names) is up, above 0%, at most 100%. Reload: live.
    pub balancer_availability: Percent,
}

impl Default for Capacity {
    fn default() -> Capacity {
        Capacity {
            loads: IndexMap::new(),
            services: IndexMap::new(),
            queues: IndexMap::new(),
            providers: IndexMap::new(),
            stores: IndexMap::new(),
            stages: Vec::new(),
            scenarios: IndexMap::new(),
            rollout_surge: Percent::whole(25),
            replica_availability: Percent::whole(99),
            region_availability: Percent::from_millionths(999_500),
            balancer_availability: Percent::from_millionths(999_900),
        }
    }
}
