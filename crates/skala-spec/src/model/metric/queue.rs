//! Numbers of the queues that a service works on.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Behavior;
use super::super::names::dns_label;
use super::short::lower;
use super::{Measure, Metric, MetricProblem, invalid};
use crate::scalar::{Dur, Positive};

/// `queueLength: 10`, or `queueLength: {queue: ingestion, perReplica: 10}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum QueueLength {
    /// Tasks per replica, of each queue that the service works on.
    PerReplica(Positive),
    /// The same and more.
    Full(QueueLengthAim),
}

/// Tasks per replica, and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueLengthAim {
    /// The queue. Default: each that the service works on. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_label")]
    pub queue: Option<String>,
    /// Tasks, ready, worked on or due soon, per replica. Reload: live.
    pub per_replica: Positive,
    /// A lower number for shrinking. Default: `perReplica`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<Positive>,
    /// Pace of change of this metric alone. Default: none of its own. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Age from which a look at the queue counts as failed, 1s to 1h. Default: `staleAfter` of the service. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Dur>,
}

/// `queueAge: 30s`, or `queueAge: {queue: ingestion, max: 30s}`; the same for `queueWait`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum QueueTime {
    /// The longest time, of each queue that the service works on.
    Max(Dur),
    /// The same and more.
    Full(QueueTimeAim),
}

/// The longest time, and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueTimeAim {
    /// The queue. Default: each that the service works on. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "dns_label")]
    pub queue: Option<String>,
    /// The longest time, above 0. Reload: live.
    pub max: Dur,
    /// A lower time for shrinking. Default: `max`. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<Dur>,
    /// Pace of change of this metric alone. Default: none of its own. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Age from which a look at the queue counts as failed, 1s to 1h. Default: `staleAfter` of the service. Reload: live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Dur>,
}

/// A number of a queue, and what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueMeasure {
    /// The queue; `None`: each that the service works on.
    pub queue: Option<String>,
    /// Which number, and its goal.
    pub goal: QueueGoal,
}

/// What a number of a queue should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum QueueGoal {
    /// Tasks per replica.
    Length(f64),
    /// Age of the oldest ready task.
    Age(Duration),
    /// Predicted wait of a task that comes now.
    Wait(Duration),
}

impl QueueGoal {
    /// The key in the file.
    pub fn key(self) -> &'static str {
        match self {
            QueueGoal::Length(_) => "queueLength",
            QueueGoal::Age(_) => "queueAge",
            QueueGoal::Wait(_) => "queueWait",
        }
    }
}

impl QueueMeasure {
    /// `queueLength`, or `queueLength(ingestion)`.
    pub fn name(&self) -> String {
        match &self.queue {
            Some(queue) => format!("{}({queue})", self.goal.key()),
            None => self.goal.key().to_owned(),
        }
    }
}

pub(super) fn length(aim: &QueueLength) -> Result<Metric<'_>, MetricProblem> {
    let (queue, target, full) = match aim {
        QueueLength::PerReplica(target) => (None, target.get(), None),
        QueueLength::Full(full) => (full.queue.clone(), full.per_replica.get(), Some(full)),
    };
    let down = full.and_then(|f| f.scale_down_target).map(|down| lower(down.get(), target)).transpose()?;
    Ok(Metric {
        measure: Measure::Queue(QueueMeasure { queue, goal: QueueGoal::Length(target) }),
        scale_down_target: down,
        behavior: full.and_then(|f| f.behavior.as_ref()),
        stale_after: full.and_then(|f| f.stale_after).map(Duration::from),
    })
}

pub(super) fn time(aim: &QueueTime, goal: fn(Duration) -> QueueGoal) -> Result<Metric<'_>, MetricProblem> {
    let (queue, max, full) = match aim {
        QueueTime::Max(max) => (None, max.get(), None),
        QueueTime::Full(full) => (full.queue.clone(), full.max.get(), Some(full)),
    };
    let zero = |d: Duration| d.is_zero();
    if zero(max) || full.and_then(|f| f.scale_down_target).is_some_and(|d| zero(d.get())) {
        return invalid(format!("a `{}` of zero can never be met", goal(max).key()), "give a time such as `30s`");
    }
    let down = full.and_then(|f| f.scale_down_target);
    let down = down.map(|down| lower(down.get().as_secs_f64(), max.as_secs_f64())).transpose()?;
    Ok(Metric {
        measure: Measure::Queue(QueueMeasure { queue, goal: goal(max) }),
        scale_down_target: down,
        behavior: full.and_then(|f| f.behavior.as_ref()),
        stale_after: full.and_then(|f| f.stale_after).map(Duration::from),
    })
}
