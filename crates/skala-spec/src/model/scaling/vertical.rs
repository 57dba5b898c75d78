//! The size of one replica: recommended from what replicas used, and applied where that is possible.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ResourceList;
use crate::scalar::{Dur, Percent};

/// Recommends CPU and memory of a replica from what its service used, as Kubernetes' vertical autoscaler does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Vertical {
    /// What is done with a recommendation. Reload: live.
    pub mode: VerticalMode,
    /// The resources that are recommended, each once. None of them may be a metric of this service: two axes on one signal chase
    /// each other. Default: cpu and memory. Reload: live.
    #[schemars(extend("minItems" = 1))]
    pub resources: Vec<VerticalResource>,
    /// Least that is recommended. Default: none. Reload: live.
    pub min_allowed: ResourceList,
    /// Most that is recommended. Default: none. Reload: live.
    pub max_allowed: ResourceList,
    /// Added to what was used, 0% to 1000%. Reload: live.
    pub margin: Percent,
    /// Percentile of the CPU used that is recommended, 1% to 100%. Reload: live.
    pub cpu_percentile: Percent,
    /// Percentile of the daily peaks of memory that is recommended, 1% to 100%. Reload: live.
    pub memory_percentile: Percent,
    /// Time after which a sample counts half, 1h to 30d. Reload: live.
    pub half_life: Dur,
    /// After a replica was killed for want of memory, recommends at least what it asked for, until a day passed without a kill. Without,
    /// a kill counts as one peak among many, as in Kubernetes. Reload: live.
    pub oom_floor: bool,
}

impl Default for Vertical {
    fn default() -> Vertical {
        Vertical {
            mode: VerticalMode::default(),
            resources: vec![VerticalResource::Cpu, VerticalResource::Memory],
            min_allowed: ResourceList::default(),
            max_allowed: ResourceList::default(),
            margin: Percent::whole(15),
            cpu_percentile: Percent::whole(90),
            memory_percentile: Percent::whole(90),
            half_life: Dur::secs(86_400),
            oom_floor: true,
        }
    }
}

/// What is done with a recommendation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VerticalMode {
    /// Nothing is recorded.
    Off,
    /// `skala recommend` shows it.
    #[default]
    Recommend,
    /// Set on running replicas in place, where skala may write their control groups; shown elsewhere.
    Apply,
}

/// A resource of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum VerticalResource {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
}
