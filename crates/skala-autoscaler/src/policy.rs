//! A policy that can be planned with.
//!
//! Decides: nothing; holds what [`crate::plan()`] may rely on.
//! Invariants: every rule of `validate` holds; a policy is only made through them, also when it is read back from the journal.
//! Tested: `tests/decisions` rows `what_a_policy_may_not_say`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Replicas;

use crate::schedule::Schedule;
use crate::validate::{self, PolicyError};
use crate::{Direction, Formula, MetricEntry, MetricSpec, PolicySpec, ScalingRules};

/// A checked [`PolicySpec`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "PolicySpec", into = "PolicySpec")]
pub struct Policy {
    spec: PolicySpec,
    /// Longest stabilization window of both directions: what the recommendation log must remember.
    longest_window: Duration,
    /// Longest period of both directions: what the scale events must remember.
    longest_period: Duration,
    compiled: Arc<Compiled>,
}

/// What is read once instead of at every plan.
#[derive(Debug, Default)]
struct Compiled {
    schedule: Schedule,
    /// The formula of each metric that is one.
    formulas: Vec<Option<Formula>>,
}

impl PartialEq for Policy {
    fn eq(&self, other: &Policy) -> bool {
        // Everything else follows from it.
        self.spec == other.spec
    }
}

impl Policy {
    /// Checks a spec.
    ///
    /// # Errors
    /// Every field that cannot stand, with its path.
    pub fn try_new(spec: PolicySpec) -> Result<Policy, Vec<PolicyError>> {
        let problems = validate::problems(&spec);
        if !problems.is_empty() {
            return Err(problems);
        }
        let schedule = Schedule::new(&spec.windows).expect("the validation reads the windows too");
        let formula = |m: &MetricEntry| match &m.what {
            MetricSpec::Formula { expression, .. } => Formula::parse(expression).ok(),
            _ => None,
        };
        let compiled = Arc::new(Compiled { schedule, formulas: spec.metrics.iter().map(formula).collect() });
        let rules = || {
            let own = spec.metrics.iter().map(|m| &m.options.behavior);
            let own = own.flat_map(|b| [&b.scale_up, &b.scale_down]).flatten();
            own.chain([&spec.behavior.scale_up, &spec.behavior.scale_down])
        };
        let longest_window = rules().map(|r| r.stabilization_window).max().unwrap_or_default();
        let longest_period = rules().flat_map(|r| &r.policies).map(|p| p.period).max().unwrap_or_default();
        Ok(Policy { spec, longest_window, longest_period, compiled })
    }

    /// A service of exactly `n` replicas, at least 1 and at most [`crate::REPLICAS_CEILING`].
    pub fn fixed(n: Replicas) -> Policy {
        let n = n.clamp(Replicas(1), crate::REPLICAS_CEILING);
        let spec = PolicySpec { min_replicas: n, max_replicas: n, ..PolicySpec::default() };
        Policy::try_new(spec).expect("equal bounds within the ceiling need no metric")
    }

    /// The settings behind the policy.
    pub fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    /// The rules of one direction.
    pub fn rules(&self, direction: Direction) -> &ScalingRules {
        match direction {
            Direction::Up => &self.spec.behavior.scale_up,
            Direction::Down => &self.spec.behavior.scale_down,
        }
    }

    pub(crate) fn schedule(&self) -> &Schedule {
        &self.compiled.schedule
    }

    /// The formula of metric `index`.
    pub(crate) fn formula(&self, index: usize) -> Option<&Formula> {
        self.compiled.formulas.get(index)?.as_ref()
    }

    /// Which rules of a direction a metric goes by.
    pub(crate) fn rules_of(&self, metric: Option<usize>, direction: Direction) -> &ScalingRules {
        let own = metric.and_then(|i| self.spec.metrics.get(i)).and_then(|m| match direction {
            Direction::Up => m.options.behavior.scale_up.as_ref(),
            Direction::Down => m.options.behavior.scale_down.as_ref(),
        });
        own.unwrap_or_else(|| self.rules(direction))
    }

    pub(crate) fn longest_window(&self) -> Duration {
        self.longest_window
    }

    pub(crate) fn longest_period(&self) -> Duration {
        self.longest_period
    }
}

/// Every problem of a spec, as one error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy(pub Vec<PolicyError>);

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidPolicy {}

impl TryFrom<PolicySpec> for Policy {
    type Error = InvalidPolicy;

    fn try_from(spec: PolicySpec) -> Result<Policy, InvalidPolicy> {
        Policy::try_new(spec).map_err(InvalidPolicy)
    }
}

impl From<Policy> for PolicySpec {
    fn from(policy: Policy) -> PolicySpec {
        policy.spec
    }
}
