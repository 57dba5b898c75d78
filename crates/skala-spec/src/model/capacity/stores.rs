//! Stores: what keeps data, how large it must be, and what it costs.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::names::map_by_name;
use crate::scalar::{Amount, Percent, Size, Spend};

/// Something that keeps data: a disk, a cache, an index, a database's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Store {
    /// Size by load: a factor (`2`) or share (`10%`) of a load in bytes, a size for each one of a counted load (`{queued: 1KB}`). Summed.
    /// Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Amount>")]
    pub per: IndexMap<String, Amount>,
    /// Size for each connection to a database of `databases`, with all its replicas and a rollout: `{main: 10MB}`. Reload: live.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "map_by_name::<Size>")]
    pub per_connection: IndexMap<String, Size>,
    /// Size before any load. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Size>,
    /// Size that there is; the plan tells when the need exceeds it. Default: not known. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Size>,
    /// Machines that it runs on, 0 (a service of somebody else) to 1000. Default: 1. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub nodes: Option<u32>,
    /// Price of one machine: `130 EUR/month`. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Spend>,
    /// Price of one GB (1,000,000,000 bytes) of its size: `0.08 EUR/month`. Default: none. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_per_gb: Option<Spend>,
    /// Share of time that one machine is up; one of them is enough. Default: the store is not part of the availability. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
}
