//! What a KPA-scaled service may say, with Knative's defaults.
//!
//! Decides: nothing; holds what [`super::decide`] may rely on.
//! Units: the metric's unit (requests in flight, requests per second) for targets and burst, percent where Knative says percent.
//! Method: `config-autoscaler` defaults and validation, `ResolveMetricTarget`, `PanicWindow`.
//! Invariants: a [`Config`] is only made by [`Config::try_new`], also when it is read back; all its numbers are finite.
//! Tested: `super::tests` rows `config`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Shortest and longest stable window (Knative's `WindowMin`, `WindowMax`).
const WINDOW: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(3600));
/// Smallest target of a replica (Knative's `TargetMin`).
pub(super) const TARGET_MIN: f64 = 0.01;
/// Beyond the progress deadline, so that the failure can be looked at (Knative's `activationTimeoutBuffer`).
const ACTIVATION_BUFFER: Duration = Duration::from_secs(10);
/// Numbers beyond this are a slip of the finger, and would overflow products.
const ABSURD: f64 = 1e12;

/// The metric that scales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Metric {
    /// Requests in flight or waiting.
    #[default]
    Concurrency,
    /// Requests per second.
    Rps,
}

/// Repairs of known flaws; off is Knative to the letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Repairs {
    /// A queue that grew only because replicas were starting is not counted request by request (knative/serving 4344, 13284).
    pub cold_start_queue: bool,
    /// Panic is not left while replicas are starting (knative/serving 3153).
    pub keep_starting: bool,
}

/// The fields, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ConfigSpec {
    /// What scales.
    pub metric: Metric,
    /// What a replica can carry, before the utilization; none: `containerConcurrency`, or the metric's default.
    pub target: Option<f64>,
    /// Hard limit of requests in flight in a replica; 0 is unlimited.
    pub container_concurrency: u32,
    /// Percent of the target to aim at; 70.
    pub target_utilization_percentage: f64,
    /// Target of concurrency when nothing else says so; 100.
    pub concurrency_target_default: f64,
    /// Target of requests per second when nothing else says so; 200.
    pub rps_target_default: f64,
    /// The window that rules in quiet times, whole seconds from 6 s to 1 h; 60 s.
    pub stable_window: Duration,
    /// The panic window as percent of the stable one, 1 to 100; 10.
    pub panic_window_percentage: f64,
    /// Panic from this percentage of what the ready replicas carry, 110 to 1000; 200.
    pub panic_threshold_percentage: f64,
    /// Largest growth per tick as a multiple; 1000.
    pub max_scale_up_rate: f64,
    /// Largest shrinking per tick as a divisor; 2.
    pub max_scale_down_rate: f64,
    /// Fewest replicas; 0.
    pub min_scale: u32,
    /// Most replicas; 0 is unlimited.
    pub max_scale: u32,
    /// The size at first, until it was ready once; 1. May be 0, and may exceed `maxScale`, as in Knative.
    pub initial_scale: u32,
    /// Fewest replicas when there is any load; 1.
    pub activation_scale: u32,
    /// How long a smaller size must be wanted, whole seconds up to 1 h; 0 s.
    pub scale_down_delay: Duration,
    /// Burst in requests to be ready for without queueing; 211. 0: the proxy is only in the path at zero; -1: always.
    pub target_burst_capacity: f64,
    /// Whether zero is allowed at all; yes.
    pub enable_scale_to_zero: bool,
    /// How long the proxy must be in the path before the last replica goes; 30 s.
    pub scale_to_zero_grace_period: Duration,
    /// How long the last replica stays at least after the service became inactive, up to 1 h; 0 s.
    pub scale_to_zero_pod_retention_period: Duration,
    /// How long a start may take; 600 s, to which Knative adds 10 s.
    pub progress_deadline: Duration,
    /// Repairs.
    pub repairs: Repairs,
}

impl Default for ConfigSpec {
    fn default() -> ConfigSpec {
        ConfigSpec {
            metric: Metric::Concurrency,
            target: None,
            container_concurrency: 0,
            target_utilization_percentage: 70.0,
            concurrency_target_default: 100.0,
            rps_target_default: 200.0,
            stable_window: Duration::from_secs(60),
            panic_window_percentage: 10.0,
            panic_threshold_percentage: 200.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            min_scale: 0,
            max_scale: 0,
            initial_scale: 1,
            activation_scale: 1,
            scale_down_delay: Duration::ZERO,
            target_burst_capacity: 211.0,
            enable_scale_to_zero: true,
            scale_to_zero_grace_period: Duration::from_secs(30),
            scale_to_zero_pod_retention_period: Duration::ZERO,
            progress_deadline: Duration::from_secs(600),
            repairs: Repairs::default(),
        }
    }
}

/// A field that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {must}")]
pub struct ConfigProblem {
    /// The field, as it is written in the platform file.
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
    /// Checks a spec by Knative's rules.
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

    /// What a replica can carry.
    pub fn total(&self) -> f64 {
        let (spec, limit) = (&self.0, f64::from(self.0.container_concurrency));
        match (spec.metric, spec.target) {
            (Metric::Rps, target) => target.unwrap_or(spec.rps_target_default),
            (Metric::Concurrency, None) if limit == 0.0 => spec.concurrency_target_default,
            (Metric::Concurrency, None) => limit,
            (Metric::Concurrency, Some(target)) if limit == 0.0 => target,
            (Metric::Concurrency, Some(target)) => target.min(limit),
        }
    }

    /// What a replica should carry: the total times the utilization, at least 0.01.
    pub fn target(&self) -> f64 {
        (self.total() * (self.0.target_utilization_percentage / 100.0)).max(TARGET_MIN)
    }

    /// The panic window: its share of the stable one, rounded to whole seconds, at least one.
    pub fn panic_window(&self) -> Duration {
        let seconds = self.0.stable_window.as_secs_f64() * self.0.panic_window_percentage / 100.0;
        Duration::from_secs((seconds.round() as u64).max(1))
    }

    /// How long an activation may take.
    pub(super) fn activation_timeout(&self) -> Duration {
        self.0.progress_deadline.saturating_add(ACTIVATION_BUFFER)
    }
}

fn problems(s: &ConfigSpec) -> Vec<ConfigProblem> {
    let whole = |d: Duration| d.subsec_nanos() == 0;
    let within = |x: f64, low: f64, high: f64| (low..=high).contains(&x);
    let burst = s.target_burst_capacity == -1.0 || within(s.target_burst_capacity, 0.0, ABSURD);
    let rules = [
        (s.target.is_none_or(|t| within(t, TARGET_MIN, ABSURD)), "target", "must be at least 0.01"),
        (within(s.target_utilization_percentage, 1.0, 100.0), "targetUtilizationPercentage", "must be from 1 to 100"),
        (within(s.concurrency_target_default, TARGET_MIN, ABSURD), "concurrencyTargetDefault", "must be at least 0.01"),
        (within(s.rps_target_default, TARGET_MIN, ABSURD), "rpsTargetDefault", "must be at least 0.01"),
        (s.stable_window >= WINDOW.0 && s.stable_window <= WINDOW.1, "stableWindow", "must be from 6s to 1h"),
        (whole(s.stable_window), "stableWindow", "must be whole seconds"),
        (within(s.panic_window_percentage, 1.0, 100.0), "panicWindowPercentage", "must be from 1 to 100"),
        (within(s.panic_threshold_percentage, 110.0, 1000.0), "panicThresholdPercentage", "must be from 110 to 1000"),
        (s.max_scale_up_rate > 1.0 && s.max_scale_up_rate <= ABSURD, "maxScaleUpRate", "must be more than 1"),
        (s.max_scale_down_rate > 1.0 && s.max_scale_down_rate <= ABSURD, "maxScaleDownRate", "must be more than 1"),
        (s.max_scale == 0 || s.max_scale >= s.min_scale, "maxScale", "must be 0 or at least minScale"),
        (s.activation_scale >= 1, "activationScale", "must be at least 1"),
        (s.max_scale == 0 || s.activation_scale <= s.max_scale, "activationScale", "must be at most maxScale"),
        (s.scale_down_delay <= WINDOW.1 && whole(s.scale_down_delay), "scaleDownDelay", "must be whole seconds up to 1h"),
        (burst, "targetBurstCapacity", "must be -1, 0 or more"),
        (!s.scale_to_zero_grace_period.is_zero(), "scaleToZeroGracePeriod", "must be more than 0s"),
        (s.scale_to_zero_pod_retention_period <= WINDOW.1, "scaleToZeroPodRetentionPeriod", "must be at most 1h"),
        (!s.progress_deadline.is_zero(), "progressDeadline", "must be more than 0s"),
    ];
    rules.into_iter().filter(|(holds, ..)| !holds).map(|(_, field, must)| ConfigProblem { field, must }).collect()
}
