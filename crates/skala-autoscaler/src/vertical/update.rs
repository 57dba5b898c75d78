//! When a running replica's resources are worth a change.
//!
//! Decides: apply the recommendation now, or leave the replica alone.
//! Inputs: each container's request, its recommendation, the replica's age, its last OOM kill.
//! Method: kubernetes/autoscaler `updater/priority`: a request outside the bounds, or a quick OOM kill; else after 12 h, when
//!   the totals differ by a tenth. In place there is one rule more: memory is never set below what is in use, because the
//!   kernel would kill the replica for it.
//! Invariants: deterministic; a replica whose requests are the targets is left alone.
//! Tested: `super::tests` rows `update`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Time;

use super::{Amount, Recommendation, Resources, Span};

/// The thresholds, with upstream's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UpdateRule {
    /// Smallest difference of the totals, summed over CPU and memory; 0.1.
    pub min_change: f64,
    /// Age from which such a difference counts; 12 h.
    pub min_age: Duration,
    /// An OOM kill this soon after the start counts at once; 10 min.
    pub quick_oom: Duration,
}

impl Default for UpdateRule {
    fn default() -> UpdateRule {
        let minutes = |m: u64| Duration::from_secs(60 * m);
        UpdateRule { min_change: 0.1, min_age: minutes(12 * 60), quick_oom: minutes(10) }
    }
}

/// A running container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Running {
    /// What it asks for now.
    pub request: Resources<Option<Amount>>,
    /// Memory in use; none when unknown.
    pub memory_used: Option<Amount>,
    /// How long it had run when it was last killed for memory; none when it was not.
    pub oom_after: Option<Duration>,
}

/// Why a change is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Update {
    /// A request lies outside its bounds, or is missing.
    OutOfBounds,
    /// It was killed for memory soon after its start.
    QuickOom,
    /// It is old enough, and the totals differ by enough.
    Drifted,
}

/// The verdict on one replica.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "worth")]
pub enum Worth {
    /// Change it.
    Apply {
        /// Why.
        why: Update,
        /// Whether some request grows: such replicas come first.
        grows: bool,
        /// Difference of the totals, summed over CPU and memory, as a share of the requests.
        difference: f64,
    },
    /// Too young for a change within the bounds.
    TooYoung {
        /// When it is old enough; none when its start is unknown.
        until: Option<Time>,
    },
    /// The difference is too small.
    TooSmall {
        /// The difference.
        difference: f64,
    },
    /// More memory is in use than would be left; it can only shrink by a restart.
    MemoryInUse {
        /// In use.
        used: Amount,
        /// The target.
        target: Amount,
    },
}

/// Judges one replica by its containers.
pub fn worth_updating(rule: &UpdateRule, containers: &[(Running, Recommendation)], started: Option<Time>, now: Time) -> Worth {
    let mut totals = Resources::<(u64, u64)>::default();
    let (mut out, mut grows) = (false, false);
    for (running, recommended) in containers {
        for (request, span, total) in [
            (running.request.cpu, recommended.cpu, &mut totals.cpu),
            (running.request.memory, recommended.memory, &mut totals.memory),
        ] {
            let seen = Seen::of(request, span);
            out |= seen.out;
            grows |= seen.grows;
            total.0 = total.0.saturating_add(request.unwrap_or_default().0);
            total.1 = total.1.saturating_add(span.target.0);
        }
        if let Some(used) = running.memory_used.filter(|used| *used > recommended.memory.target)
            && running.request.memory.is_none_or(|request| recommended.memory.target < request)
        {
            return Worth::MemoryInUse { used, target: recommended.memory.target };
        }
    }
    let difference = share(totals.cpu) + share(totals.memory);
    let quick = containers.iter().any(|(c, _)| c.oom_after.is_some_and(|after| after < rule.quick_oom));
    if quick && difference == 0.0 {
        return Worth::TooSmall { difference };
    }
    if out {
        return Worth::Apply { why: Update::OutOfBounds, grows, difference };
    }
    if quick {
        return Worth::Apply { why: Update::QuickOom, grows, difference };
    }
    match started.map(|started| started + rule.min_age) {
        Some(old) if now >= old => {}
        until => return Worth::TooYoung { until },
    }
    if difference < rule.min_change {
        return Worth::TooSmall { difference };
    }
    Worth::Apply { why: Update::Drifted, grows, difference }
}

struct Seen {
    out: bool,
    grows: bool,
}

impl Seen {
    fn of(request: Option<Amount>, span: Span) -> Seen {
        match request {
            None => Seen { out: true, grows: true },
            Some(r) => Seen { out: r < span.lower_bound || r > span.upper_bound, grows: span.target > r },
        }
    }
}

fn share((request, target): (u64, u64)) -> f64 {
    let request = request.max(1);
    request.abs_diff(target) as f64 / request as f64
}
