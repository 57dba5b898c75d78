//! What a policy may not say.
//!
//! Decides: whether a [`PolicySpec`] can be planned with, naming every field that cannot stand.
//! Inputs: the spec.
//! Method: the validation rules of `autoscaling/v2`, plus those of skala's own metrics; all findings in one pass.
//! Tested: `tests/decisions` rows `what_a_policy_may_not_say`.

use std::time::Duration;

use thiserror::Error;

use crate::schedule::{MOST_WINDOWS, Schedule};
use crate::{
    Formula, FormulaError, MetricEntry, MetricSpec, Mode, PolicySpec, QueueTarget, REPLICAS_CEILING, ResourceTarget, ScalingRules,
};

/// One field that cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {problem}")]
pub struct PolicyError {
    /// Path inside the `autoscaling` section, such as `behavior.scaleUp.policies[1].value`; `resources.requests.cpu` is the
    /// only one that lies beside it.
    pub field: String,
    /// What is wrong with it.
    pub problem: PolicyProblem,
}

/// What is wrong with a field; reads on after the field's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyProblem {
    /// `maxReplicas: 0`.
    #[error("must be at least 1")]
    BelowOne,
    /// Larger than [`REPLICAS_CEILING`].
    #[error("must be at most {}", REPLICAS_CEILING)]
    AboveCeiling,
    /// `minReplicas` above `maxReplicas`.
    #[error("is {min}, above maxReplicas {max}")]
    MinAboveMax {
        /// `minReplicas`.
        min: u32,
        /// `maxReplicas`.
        max: u32,
    },
    /// A range without anything to scale on.
    #[error("must name at least one metric when minReplicas and maxReplicas differ")]
    NoMetrics,
    /// `minReplicas: 0` with nothing that can be read at zero, in `mode: hpa`.
    #[error("is 0, and mode hpa can leave zero only by a metric other than cpu and memory")]
    ZeroNeedsTotal,
    /// The same metric twice.
    #[error("names the same metric as metrics[{first}]")]
    Duplicate {
        /// Index of the first mention.
        first: usize,
    },
    /// A target of zero, below, or not a number.
    #[error("must be a number above 0")]
    NotPositive,
    /// A negative tolerance, or not a number.
    #[error("must be a number of at least 0")]
    Negative,
    /// A utilisation target without a request to relate to.
    #[error("must be set above 0, because a target in percent is a share of it")]
    RequestMissing,
    /// No rate policy.
    #[error("must list at least one policy")]
    NoPolicies,
    /// A target for shrinking above the one for growing.
    #[error("must be at most the target, {target}")]
    AboveTarget {
        /// The target, as text.
        target: String,
    },
    /// An option that only a signal, a queue or a formula can have.
    #[error("is for signals, queues and formulas only")]
    OnlyForTriggers,
    /// A formula that cannot be read.
    #[error("is no formula: {0}")]
    NotAFormula(FormulaError),
    /// A cron expression that cannot be read.
    #[error("is no cron expression of five fields: {reason}")]
    NotCron {
        /// The reason.
        reason: String,
    },
    /// A cron expression for a date that does not exist.
    #[error("never comes")]
    NeverComes,
    /// A time zone that does not exist.
    #[error("is no IANA time zone")]
    NoTimeZone,
    /// Too long a list.
    #[error("must list at most {most}")]
    TooMany {
        /// The most.
        most: usize,
    },
    /// `idleReplicas` that would be no idling.
    #[error("must be below minReplicas {min}")]
    NotBelowMin {
        /// `minReplicas`.
        min: u32,
    },
    /// A duration out of range.
    #[error("must be from {min:?} to {max:?}")]
    OutOfRange {
        /// Shortest allowed.
        min: Duration,
        /// Longest allowed.
        max: Duration,
    },
}

/// Longest stabilization window that `autoscaling/v2` accepts.
const LONGEST_WINDOW: Duration = Duration::from_secs(3600);
/// Longest policy period that `autoscaling/v2` accepts.
const LONGEST_PERIOD: Duration = Duration::from_secs(1800);
/// Longest cooldown: a day.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(86_400);
/// Most metrics of a policy; the decision is to stay fast, and its report readable.
const MOST_METRICS: usize = 64;

/// Every problem of a spec, in the order of its fields.
pub(crate) fn problems(spec: &PolicySpec) -> Vec<PolicyError> {
    let mut found = Findings(Vec::new());
    found.bounds(spec);
    for (i, metric) in spec.metrics.iter().enumerate() {
        found.metric(spec, i, metric);
        found.options(i, metric);
    }
    if spec.metrics.len() > MOST_METRICS {
        found.add("metrics", PolicyProblem::TooMany { most: MOST_METRICS });
    }
    found.rules("behavior.scaleUp", &spec.behavior.scale_up);
    found.rules("behavior.scaleDown", &spec.behavior.scale_down);
    let second = Duration::from_secs(1);
    found.range("metricWindow", spec.metric_window, Duration::from_millis(1), LONGEST_WINDOW);
    found.range("staleAfter", spec.stale_after, second, LONGEST_WINDOW);
    found.range("cpuInitialization", spec.cpu_initialization, Duration::ZERO, LONGEST_WINDOW);
    found.range("startupGuess", spec.startup_guess, Duration::ZERO, LONGEST_WINDOW);
    if let Some(guess) = spec.service_guess {
        found.range("serviceGuess", guess, Duration::from_micros(1), LONGEST_WINDOW);
    }
    found.range("cooldown", spec.cooldown.unwrap_or_default(), Duration::ZERO, LONGEST_COOLDOWN);
    found.range("initialCooldown", spec.initial_cooldown, Duration::ZERO, LONGEST_COOLDOWN);
    if let Mode::Hpa(mode) = &spec.mode {
        found.range("mode.hpa.period", mode.period, second, LONGEST_WINDOW);
        let resource = |m: &MetricEntry| matches!(m.what, MetricSpec::Cpu { .. } | MetricSpec::Memory { .. });
        if spec.min_replicas.0 == 0 && spec.metrics.iter().all(resource) {
            found.add("minReplicas", PolicyProblem::ZeroNeedsTotal);
        }
    }
    found.windows(spec);
    found.0
}

struct Findings(Vec<PolicyError>);

impl Findings {
    fn add(&mut self, field: impl Into<String>, problem: PolicyProblem) {
        self.0.push(PolicyError { field: field.into(), problem });
    }

    fn bounds(&mut self, spec: &PolicySpec) {
        let (min, max) = (spec.min_replicas.0, spec.max_replicas.0);
        if max == 0 {
            self.add("maxReplicas", PolicyProblem::BelowOne);
        } else if min > max {
            self.add("minReplicas", PolicyProblem::MinAboveMax { min, max });
        }
        if spec.max_replicas > REPLICAS_CEILING {
            self.add("maxReplicas", PolicyProblem::AboveCeiling);
        }
        // Time windows are a reason for a range without metrics, and Knative has one of its own.
        let other = !spec.windows.is_empty() || matches!(spec.mode, Mode::Knative(_));
        if spec.metrics.is_empty() && !other && min < max {
            self.add("metrics", PolicyProblem::NoMetrics);
        }
        if spec.idle_replicas.is_some_and(|idle| idle.0 >= min.max(1)) {
            self.add("idleReplicas", PolicyProblem::NotBelowMin { min });
        }
    }

    fn metric(&mut self, spec: &PolicySpec, i: usize, metric: &MetricEntry) {
        let name = metric.what.name();
        let field = format!("metrics[{i}].{name}");
        if let Some(first) = spec.metrics[..i].iter().position(|m| m.what.name() == name) {
            self.add(field.clone(), PolicyProblem::Duplicate { first });
        }
        let (target, request) = match metric.what {
            MetricSpec::Cpu { target: ResourceTarget::Utilisation(u) } => {
                (u.0, Some(("cpu", spec.requests.cpu.map_or(0.0, |c| c.0))))
            }
            MetricSpec::Cpu { target: ResourceTarget::AverageValue(v) } => (v.0, None),
            MetricSpec::Memory { target: ResourceTarget::Utilisation(u) } => {
                (u.0, Some(("memory", spec.requests.memory.map_or(0.0, |b| b.0 as f64))))
            }
            MetricSpec::Memory { target: ResourceTarget::AverageValue(v) } => (v.0 as f64, None),
            MetricSpec::RequestsPerSecond { target } => (target.0, None),
            MetricSpec::Concurrency { target } => (target, None),
            MetricSpec::Latency { target, .. } => (target.as_secs_f64(), None),
            MetricSpec::PredictedWait { latency, concurrency: 1.., .. } => (latency.as_secs_f64(), None),
            MetricSpec::PredictedWait { .. } => (0.0, None),
            MetricSpec::Signal { target, .. } | MetricSpec::Formula { target, .. } => (target.get(), None),
            MetricSpec::Queue { target: QueueTarget::Length(x), .. } => (x, None),
            MetricSpec::Queue { target: QueueTarget::Age(d) | QueueTarget::Wait(d), .. } => (d.as_secs_f64(), None),
        };
        if let MetricSpec::Formula { expression, .. } = &metric.what
            && let Err(wrong) = Formula::parse(expression)
        {
            self.add(format!("{field}.expression"), PolicyProblem::NotAFormula(wrong));
        }
        if let Some(down) = metric.options.scale_down_target {
            if !positive(down) {
                self.add(format!("{field}.scaleDownTarget"), PolicyProblem::NotPositive);
            } else if down > target {
                self.add(format!("{field}.scaleDownTarget"), PolicyProblem::AboveTarget { target: target.to_string() });
            }
        }
        if !positive(target) {
            self.add(field, PolicyProblem::NotPositive);
        }
        if let Some((resource, amount)) = request
            && !positive(amount)
        {
            self.add(format!("resources.requests.{resource}"), PolicyProblem::RequestMissing);
        }
    }

    fn options(&mut self, i: usize, metric: &MetricEntry) {
        let field = format!("metrics[{i}].{}", metric.what.name());
        let options = &metric.options;
        for (direction, rules) in [("scaleUp", &options.behavior.scale_up), ("scaleDown", &options.behavior.scale_down)] {
            if let Some(rules) = rules {
                self.rules(&format!("{field}.behavior.{direction}"), rules);
            }
        }
        if let Some(stale) = options.stale_after {
            self.range(&format!("{field}.staleAfter"), stale, Duration::from_secs(1), LONGEST_WINDOW);
        }
        if !metric.what.is_trigger() {
            if options.activation.is_some() {
                self.add(format!("{field}.activation"), PolicyProblem::OnlyForTriggers);
            }
            if options.fallback.is_some() {
                self.add(format!("{field}.fallback"), PolicyProblem::OnlyForTriggers);
            }
        }
        if options.activation.is_some_and(|a| !(a.is_finite() && a >= 0.0)) {
            self.add(format!("{field}.activation"), PolicyProblem::Negative);
        }
        if options.fallback.is_some_and(|f| f.replicas > REPLICAS_CEILING) {
            self.add(format!("{field}.fallback.replicas"), PolicyProblem::AboveCeiling);
        }
    }

    fn windows(&mut self, spec: &PolicySpec) {
        if spec.windows.len() > MOST_WINDOWS {
            self.add("windows", PolicyProblem::TooMany { most: MOST_WINDOWS });
        }
        for (i, window) in spec.windows.iter().enumerate() {
            let min = window.min_replicas.unwrap_or(spec.min_replicas).0;
            let max = window.max_replicas.unwrap_or(spec.max_replicas).0;
            if window.max_replicas.is_some_and(|n| n.0 == 0) {
                self.add(format!("windows[{i}].maxReplicas"), PolicyProblem::BelowOne);
            } else if min > max {
                self.add(format!("windows[{i}].minReplicas"), PolicyProblem::MinAboveMax { min, max });
            }
            if window.max_replicas.is_some_and(|n| n > REPLICAS_CEILING) {
                self.add(format!("windows[{i}].maxReplicas"), PolicyProblem::AboveCeiling);
            }
        }
        for (i, field, problem) in Schedule::new(&spec.windows).err().unwrap_or_default() {
            self.add(format!("windows[{i}].{field}"), problem);
        }
    }

    fn rules(&mut self, path: &str, rules: &ScalingRules) {
        self.range(&format!("{path}.stabilizationWindowSeconds"), rules.stabilization_window, Duration::ZERO, LONGEST_WINDOW);
        if !(rules.tolerance.is_finite() && rules.tolerance >= 0.0) {
            self.add(format!("{path}.tolerance"), PolicyProblem::Negative);
        }
        if rules.policies.is_empty() {
            self.add(format!("{path}.policies"), PolicyProblem::NoPolicies);
        }
        for (i, policy) in rules.policies.iter().enumerate() {
            if policy.value == 0 {
                self.add(format!("{path}.policies[{i}].value"), PolicyProblem::BelowOne);
            }
            let field = format!("{path}.policies[{i}].periodSeconds");
            self.range(&field, policy.period, Duration::from_secs(1), LONGEST_PERIOD);
        }
    }

    fn range(&mut self, field: &str, value: Duration, min: Duration, max: Duration) {
        if value < min || value > max {
            self.add(field, PolicyProblem::OutOfRange { min, max });
        }
    }
}

fn positive(x: f64) -> bool {
    x.is_finite() && x > 0.0
}
