//! Stages of growth: what a platform of a size has, and when it leaves for the next.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use skala_types::ServiceName;

use crate::model::names::{dns_label, map_by_name};
use crate::scalar::{Amount, Cpu, Size};

/// A stage of growth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Its name. Reload: live.
    #[schemars(schema_with = "dns_label")]
    pub name: String,
    /// The loads that it ends at: a platform is in the first stage whose every load is below: `{users: 50}`. Default: it never ends, as
    /// the last. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Amount>")]
    pub below: IndexMap<String, Amount>,
    /// What each service has, by service. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<StageService>")]
    pub services: IndexMap<ServiceName, StageService>,
    /// What each store has, by store. Reload: live.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Size>")]
    pub stores: IndexMap<String, Size>,
    /// Signs that it is time to leave it, as sentences: `p95 above 500 ms for long`. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// What else it has: `Redis cluster of 3`. Reload: live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a service has in a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StageService {
    /// Replicas, 0 to 100000; at least, in the last stage. Reload: live.
    #[schemars(range(max = 100_000))]
    pub replicas: u32,
    /// CPU of the machine or replica. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory of the machine or replica. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
}
