//! A policy that can be planned with.
//!
//! Decides: nothing; holds what [`crate::plan()`] may rely on.
//! Invariants: every rule of `validate` holds; a policy is only made through them, also when it is read back from the journal.
//! Tested: `tests/decisions` rows `what_a_policy_may_not_say`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::Replicas;

use crate::validate::{self, PolicyError};
use crate::{Direction, PolicySpec, ScalingRules};

/// A checked [`PolicySpec`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PolicySpec", into = "PolicySpec")]
pub struct Policy {
    spec: PolicySpec,
    /// Longest stabilization window of both directions: what the recommendation log must remember.
    longest_window: Duration,
    /// Longest period of both directions: what the scale events must remember.
    longest_period: Duration,
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
        let (up, down) = (&spec.behavior.scale_up, &spec.behavior.scale_down);
        let longest_window = up.stabilization_window.max(down.stabilization_window);
        let periods = up.policies.iter().chain(&down.policies).map(|p| p.period);
        let longest_period = periods.max().unwrap_or_default();
        Ok(Policy { spec, longest_window, longest_period })
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

    pub(crate) fn min(&self) -> u32 {
        self.spec.min_replicas.0
    }

    pub(crate) fn max(&self) -> u32 {
        self.spec.max_replicas.0
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
