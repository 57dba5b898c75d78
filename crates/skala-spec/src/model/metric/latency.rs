//! Percentiles of latency.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Behavior;
use crate::scalar::Dur;

/// Bounds on percentiles of latency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LatencyTargets {
    /// Median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<Dur>,
    /// 90th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<Dur>,
    /// 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<Dur>,
    /// 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Dur>,
}

/// A percentile that skala reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Percentile {
    /// Median.
    P50,
    /// 90th.
    P90,
    /// 95th.
    P95,
    /// 99th.
    P99,
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Percentile::P50 => "p50",
            Percentile::P90 => "p90",
            Percentile::P95 => "p95",
            Percentile::P99 => "p99",
        })
    }
}

impl LatencyTargets {
    /// The bound to scale by: p95 where it is given, else the highest percentile that is.
    pub fn decisive(&self) -> Option<(Percentile, Duration)> {
        let mut given: Vec<_> = self.bounds().collect();
        given.sort_by_key(|(percentile, _)| (*percentile != Percentile::P95, std::cmp::Reverse(*percentile)));
        given.first().copied()
    }

    /// The bounds that are given, lowest percentile first.
    pub fn bounds(&self) -> impl Iterator<Item = (Percentile, Duration)> {
        let all =
            [(Percentile::P50, self.p50), (Percentile::P90, self.p90), (Percentile::P95, self.p95), (Percentile::P99, self.p99)];
        all.into_iter().filter_map(|(percentile, bound)| Some((percentile, bound?.get())))
    }
}

/// A bound on one percentile of latency, as a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LatencyMetric {
    /// Median. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<Dur>,
    /// 90th percentile. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<Dur>,
    /// 95th percentile. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<Dur>,
    /// 99th percentile. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Dur>,
    /// A lower bound for shrinking. Default: the bound itself. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down_target: Option<Dur>,
    /// Pace of change of this metric alone. Default: none of its own. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// Age from which a sample counts as failed, 1s to 1h. Default: `staleAfter` of the service. Reload: live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Dur>,
}

impl LatencyMetric {
    /// The bounds that are given, lowest percentile first.
    pub fn bounds(&self) -> impl Iterator<Item = (Percentile, Duration)> {
        LatencyTargets { p50: self.p50, p90: self.p90, p95: self.p95, p99: self.p99 }.bounds().collect::<Vec<_>>().into_iter()
    }
}
