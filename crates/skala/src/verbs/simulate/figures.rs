//! The figures of one policy on one trace, and their names.
//!
//! Decides: nothing; one place where an outcome becomes the numbers that tables, documents and conditions speak of.
//! Units: seconds, shares between 0 and 1, replica-hours, the platform file's currency.
//! Invariants: what cannot be judged (no objective, no price, no answer) is `None`, never 0.

use serde::Serialize;
use skala_sim::ServiceOutcome;

/// Seconds in an hour.
const HOUR: f64 = 3600.0;

/// What a policy came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Requests that came.
    #[serde(serialize_with = "skala_sim::whole::serialize")]
    pub requests: f64,
    /// Share of requests beyond the objective, refused and failed ones included.
    pub missed_requests: Option<f64>,
    /// Minutes with arrivals.
    pub minutes: u64,
    /// Of them, minutes that missed the objective.
    pub missed_minutes: Option<u64>,
    /// Share of minutes that missed it.
    pub missed_minutes_share: Option<f64>,
    /// Requests turned away.
    #[serde(serialize_with = "skala_sim::whole::serialize")]
    pub refused: f64,
    /// Their share.
    pub refused_share: f64,
    /// Requests that ended as an error.
    #[serde(serialize_with = "skala_sim::whole::serialize")]
    pub errors: f64,
    /// Their share.
    pub errors_share: f64,
    /// Replicas x hours.
    pub replica_hours: f64,
    /// Of the clairvoyant optimum.
    pub optimum_replica_hours: Option<f64>,
    /// How far above the optimum, as a share of it: 0.25 is 1.25 times.
    pub over_optimum: Option<f64>,
    /// Price.
    pub cost: Option<f64>,
    /// Changes of size.
    pub scale_actions: u64,
    /// From growing to shrinking and back.
    pub direction_changes: u64,
    /// Longest wait, seconds.
    pub worst_wait: f64,
    /// Percentiles of latency, seconds; none without answers.
    pub p50: Option<f64>,
    /// 95th.
    pub p95: Option<f64>,
    /// 99th.
    pub p99: Option<f64>,
    /// Mean share of servers that were busy.
    pub utilisation: f64,
    /// Mean of max(0, need - ready) / need.
    pub under: f64,
    /// Mean of max(0, ready - need) / need.
    pub over: f64,
    /// Share of time with fewer than needed.
    pub time_under: f64,
    /// Share of time with more than needed.
    pub time_over: f64,
    /// Most replicas ready at once.
    pub most_ready: u32,
}

impl Figures {
    /// Reads them off an outcome.
    pub fn of(outcome: &ServiceOutcome, optimum_replica_hours: Option<f64>) -> Figures {
        let share = |n: f64| if outcome.arrivals > 0.0 { n / outcome.arrivals } else { 0.0 };
        let answered = |seconds: f64| (outcome.latency.count > 0 || outcome.completions > 0.0).then_some(seconds);
        let replica_hours = outcome.replica_seconds / HOUR;
        let optimum = optimum_replica_hours.filter(|h| *h > 0.0);
        let minutes = |n: u64| if outcome.minutes > 0 { n as f64 / outcome.minutes as f64 } else { 0.0 };
        Figures {
            requests: outcome.arrivals,
            missed_requests: outcome.late.map(share),
            minutes: outcome.minutes,
            missed_minutes: outcome.missed_minutes,
            missed_minutes_share: outcome.missed_minutes.map(minutes),
            refused: outcome.refused,
            refused_share: share(outcome.refused),
            errors: outcome.errors,
            errors_share: share(outcome.errors),
            replica_hours,
            optimum_replica_hours,
            over_optimum: optimum.map(|h| replica_hours / h - 1.0),
            cost: outcome.cost,
            scale_actions: outcome.scale_actions,
            direction_changes: outcome.direction_changes,
            worst_wait: outcome.worst_wait,
            p50: answered(outcome.latency.p50),
            p95: answered(outcome.latency.p95),
            p99: answered(outcome.latency.p99),
            utilisation: outcome.utilisation,
            under: outcome.elasticity.under,
            over: outcome.elasticity.over,
            time_under: outcome.elasticity.time_under,
            time_over: outcome.elasticity.time_over,
            most_ready: outcome.ready.1,
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A count; as a share of all (requests, minutes) with `%`.
    Count,
    /// A plain number: replica-hours, money.
    Amount,
    /// A duration, in seconds.
    Time,
    /// A share between 0 and 1, or above.
    Share,
}

/// A figure by its name.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As in documents and conditions.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// The number; `None` when it cannot be judged.
    pub value: fn(&Figures) -> Option<f64>,
    /// The same as a share of all, for counts.
    pub share: Option<fn(&Figures) -> Option<f64>>,
}

const fn metric(name: &'static str, kind: Kind, value: fn(&Figures) -> Option<f64>) -> Metric {
    Metric { name, kind, value, share: None }
}

/// Every figure that a condition may name.
pub const METRICS: [Metric; 18] = [
    metric("missedRequests", Kind::Share, |f| f.missed_requests),
    Metric {
        share: Some(|f| f.missed_minutes_share),
        ..metric("missedMinutes", Kind::Count, |f| f.missed_minutes.map(|n| n as f64))
    },
    Metric { share: Some(|f| Some(f.refused_share)), ..metric("refused", Kind::Count, |f| Some(f.refused)) },
    Metric { share: Some(|f| Some(f.errors_share)), ..metric("errors", Kind::Count, |f| Some(f.errors)) },
    metric("replicaHours", Kind::Amount, |f| Some(f.replica_hours)),
    metric("cost", Kind::Amount, |f| f.cost),
    metric("overOptimum", Kind::Share, |f| f.over_optimum),
    metric("scaleActions", Kind::Amount, |f| Some(f.scale_actions as f64)),
    metric("directionChanges", Kind::Amount, |f| Some(f.direction_changes as f64)),
    metric("worstWait", Kind::Time, |f| Some(f.worst_wait)),
    metric("p50", Kind::Time, |f| f.p50),
    metric("p95", Kind::Time, |f| f.p95),
    metric("p99", Kind::Time, |f| f.p99),
    metric("utilisation", Kind::Share, |f| Some(f.utilisation)),
    metric("under", Kind::Share, |f| Some(f.under)),
    metric("over", Kind::Share, |f| Some(f.over)),
    metric("timeUnder", Kind::Share, |f| Some(f.time_under)),
    metric("timeOver", Kind::Share, |f| Some(f.time_over)),
];

/// The figure of a name.
pub fn named(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|m| m.name == name)
}
