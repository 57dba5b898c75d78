//! The recommender's settings, with upstream's defaults.
//!
//! Decides: nothing; holds what the recommender may rely on.
//! Units: percentiles and fractions from 0 to 1; millicores and bytes.
//! Method: the flags of `vpa-recommender` and the fields of a VerticalPodAutoscaler's container policy.
//! Invariants: a [`Config`] is only made by [`Config::try_new`], also when it is read back.
//! Tested: `super::tests` rows `config`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Amount, MAX_AMOUNT, Resources};

/// Percentiles of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Percentiles {
    /// For the target; 0.9.
    pub target: f64,
    /// For the lower bound; 0.5.
    pub lower: f64,
    /// For the upper bound; 0.95.
    pub upper: f64,
}

impl Default for Percentiles {
    fn default() -> Percentiles {
        Percentiles { target: 0.9, lower: 0.5, upper: 0.95 }
    }
}

/// The fields, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConfigSpec {
    /// Percentiles of CPU usage and of memory peaks.
    pub percentiles: Resources<Percentiles>,
    /// Added to a percentile as safety; 0.15.
    pub margin: f64,
    /// History after which the upper bound is twice its percentile; one day.
    pub confidence_interval: Duration,
    /// Least that a whole replica is given, split evenly over its containers; 25 millicores and 250 MiB.
    pub replica_min: Resources<Amount>,
    /// Least per container.
    pub min_allowed: Resources<Option<Amount>>,
    /// Most per container.
    pub max_allowed: Resources<Option<Amount>>,
    /// How fast CPU samples and memory peaks fade; one day each.
    pub half_life: Resources<Duration>,
    /// One memory peak counts per replica and interval; one day.
    pub memory_interval: Duration,
    /// How many intervals a history without new samples stays valid; 8.
    pub memory_intervals: u32,
    /// An OOM kill asks for this multiple of what was used; 1.2.
    pub oom_bump_ratio: f64,
    /// An OOM kill asks for at least this much more; 100 MiB.
    pub oom_min_bump: Amount,
    /// Repair: an OOM kill holds target and bounds at what it asked for, until no kill came for a memory interval. Upstream
    /// counts it as one peak among many, so that the kills of a few uneven or crash-looping replicas change nothing
    /// (kubernetes/autoscaler 6420, 4981, 4152).
    pub oom_floor: bool,
}

impl Default for ConfigSpec {
    fn default() -> ConfigSpec {
        let day = Duration::from_secs(86_400);
        ConfigSpec {
            percentiles: Resources::default(),
            margin: 0.15,
            confidence_interval: day,
            replica_min: Resources { cpu: Amount(25), memory: Amount(250 << 20) },
            min_allowed: Resources::default(),
            max_allowed: Resources::default(),
            half_life: Resources { cpu: day, memory: day },
            memory_interval: day,
            memory_intervals: 8,
            oom_bump_ratio: 1.2,
            oom_min_bump: Amount(100 << 20),
            oom_floor: false,
        }
    }
}

/// A field that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct ConfigProblem {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub must: &'static str,
}

/// A checked [`ConfigSpec`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ConfigSpec", into = "ConfigSpec")]
pub struct Config(ConfigSpec);

impl TryFrom<ConfigSpec> for Config {
    type Error = ConfigProblem;

    fn try_from(spec: ConfigSpec) -> Result<Config, ConfigProblem> {
        Config::try_new(spec).map_err(|mut problems| problems.swap_remove(0))
    }
}

impl From<Config> for ConfigSpec {
    fn from(config: Config) -> ConfigSpec {
        config.0
    }
}

impl Config {
    /// Checks a spec.
    ///
    /// # Errors
    /// Every field that cannot stand; never an empty list.
    pub fn try_new(spec: ConfigSpec) -> Result<Config, Vec<ConfigProblem>> {
        let problems = problems(&spec);
        if problems.is_empty() { Ok(Config(spec)) } else { Err(problems) }
    }

    /// The fields.
    pub fn spec(&self) -> &ConfigSpec {
        &self.0
    }

    /// How long a history without new samples stays valid.
    pub fn memory_window(&self) -> Duration {
        self.0.memory_interval.saturating_mul(self.0.memory_intervals)
    }
}

fn problems(s: &ConfigSpec) -> Vec<ConfigProblem> {
    let ordered = |p: &Percentiles| 0.0 <= p.lower && p.lower <= p.target && p.target <= p.upper && p.upper <= 1.0;
    let order = |low: Option<Amount>, high: Option<Amount>| low.zip(high).is_none_or(|(l, h)| l <= h);
    let (minute, year) = (Duration::from_secs(60), Duration::from_secs(366 * 86_400));
    let span = |d: Duration| (minute..=year).contains(&d);
    let small = |a: Amount| a <= MAX_AMOUNT;
    let rules = [
        (ordered(&s.percentiles.cpu), "percentiles.cpu", "must rise from lower over target to upper, within 0 and 1"),
        (ordered(&s.percentiles.memory), "percentiles.memory", "must rise from lower over target to upper, within 0 and 1"),
        ((0.0..=10.0).contains(&s.margin), "margin", "must be from 0 to 10"),
        (span(s.confidence_interval), "confidenceInterval", "must be from 1m to 366d"),
        (small(s.replica_min.cpu) && small(s.replica_min.memory), "replicaMin", "must be an amount that exists"),
        (order(s.min_allowed.cpu, s.max_allowed.cpu), "maxAllowed.cpu", "must be at least minAllowed.cpu"),
        (order(s.min_allowed.memory, s.max_allowed.memory), "maxAllowed.memory", "must be at least minAllowed.memory"),
        (span(s.half_life.cpu) && span(s.half_life.memory), "halfLife", "must be from 1m to 366d"),
        (span(s.memory_interval), "memoryInterval", "must be from 1m to 366d"),
        ((1..=100).contains(&s.memory_intervals), "memoryIntervals", "must be from 1 to 100"),
        ((1.0..=10.0).contains(&s.oom_bump_ratio), "oomBumpRatio", "must be from 1 to 10"),
        (small(s.oom_min_bump), "oomMinBump", "must be an amount that exists"),
    ];
    rules.into_iter().filter(|(holds, ..)| !holds).map(|(_, field, must)| ConfigProblem { field, must }).collect()
}
