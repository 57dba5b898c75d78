//! What would have changed the answer.
//!
//! Decides: nothing; asks the same rules again with one of them, or one metric, left out.
//! Method: every rule that spoke, and every metric when there are several; only answers that differ are kept.
//! Tested: `tests/decisions` rows.

use std::fmt;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

use super::text::clock;
use super::{Clamp, Rule};
use crate::MetricName;
use crate::rules::{Case, Without, decide};

/// A different answer, and what it would have taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counterfactual {
    /// The size that it would have been.
    pub replicas: Replicas,
    /// What would have had to be absent.
    pub without: Absent,
    /// When the rule lets go by itself, where that is known.
    pub from: Option<Time>,
}

/// What would have had to be absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Absent {
    /// A rule.
    Rule {
        /// Its name.
        rule: Rule,
    },
    /// A metric, together with what it left in the recommendation log.
    Metric {
        /// Its name.
        name: MetricName,
    },
}

/// Asks again without each rule that spoke and each metric.
pub(crate) fn counterfactuals(case: &Case<'_>, desired: u32, clamps: &[Clamp]) -> Vec<Counterfactual> {
    let mut found: Vec<Counterfactual> = Vec::new();
    for clamp in clamps {
        let without = Absent::Rule { rule: clamp.rule };
        let replicas = decide(case, Without::Rule(clamp.rule), None).desired;
        if replicas != desired && !found.iter().any(|f| f.without == without) {
            found.push(Counterfactual { replicas: Replicas(replicas), without, from: clamp.detail.until() });
        }
    }
    if case.metrics.len() > 1 {
        // What the missing log alone would change is not the metric's doing.
        let without_log = decide(case, Without::Log, None).desired;
        for (i, metric) in case.metrics.iter().enumerate() {
            let replicas = decide(case, Without::Metric(i), None).desired;
            if replicas != desired && replicas != without_log {
                let without = Absent::Metric { name: metric.name.clone() };
                found.push(Counterfactual { replicas: Replicas(replicas), without, from: None });
            }
        }
    }
    found
}

impl fmt::Display for Counterfactual {
    /// `9 if maxReplicas were higher`, `4 without scale-down stabilization, from 12:03:10`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.replicas;
        match &self.without {
            Absent::Metric { name } => write!(f, "{n} if metric {name} were absent")?,
            Absent::Rule { rule } => match rule {
                Rule::MetricFailure => write!(f, "{n} if failed metrics were ignored")?,
                Rule::MaxReplicas => write!(f, "{n} if maxReplicas were higher")?,
                Rule::MinReplicas => write!(f, "{n} if minReplicas were lower")?,
                Rule::ScaleUpStabilization => write!(f, "{n} without scale-up stabilization")?,
                Rule::ScaleDownStabilization => write!(f, "{n} without scale-down stabilization")?,
                Rule::ScaleUpPolicies => write!(f, "{n} without the scaleUp policies")?,
                Rule::ScaleDownPolicies => write!(f, "{n} without the scaleDown policies")?,
                Rule::CrashLoop => write!(f, "{n} if the newest replicas were not crash-looping")?,
                Rule::Restart => write!(f, "{n} if the controller had not restarted")?,
                Rule::Pause => write!(f, "{n} if it were not paused")?,
                Rule::Hold => write!(f, "{n} without the manual hold")?,
                Rule::Activation => write!(f, "{n} if nothing were active")?,
                Rule::Busy => write!(f, "{n} if the station were known to be idle")?,
                Rule::Idle => write!(f, "{n} if anything were active")?,
                Rule::Cooldown => write!(f, "{n} without the cooldown")?,
                Rule::Budget => write!(f, "{n} if the budget were larger")?,
                Rule::Downstream => write!(f, "{n} if what lies downstream could take more")?,
                Rule::Flapping => write!(f, "{n} if flapping were not damped")?,
                Rule::JumpToIdle => write!(f, "{n} if idling went through the policies")?,
            },
        }
        self.from.map_or(Ok(()), |from| write!(f, ", from {}", clock(from)))
    }
}
