//! What the tasks of a queue may cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Spend;

/// `5 EUR/day` for the whole queue, or a ceiling each for the queue, each tenant and each schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum QueueBudget {
    /// All tasks of the queue together.
    Queue(Spend),
    /// By whose tasks they are.
    Of(QueueBudgets),
}

/// Ceilings by whose tasks they are. At least one is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueBudgets {
    /// All tasks of the queue together. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Spend>,
    /// The tasks of each tenant by itself. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Spend>,
    /// The tasks of each schedule by itself. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Spend>,
}

impl QueueBudget {
    /// The ceilings that are given.
    pub fn ceilings(&self) -> QueueBudgets {
        match self {
            QueueBudget::Queue(spend) => QueueBudgets { queue: Some(*spend), ..QueueBudgets::default() },
            QueueBudget::Of(each) => *each,
        }
    }
}
