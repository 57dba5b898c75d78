//! A budget as it is stated.
//!
//! Decides: nothing; holds what [`super::allow`] may rely on.
//! Inputs: ceiling, period, look-ahead, and the order in which services give way.
//! Invariants: a [`Budget`] is only made by [`Budget::try_new`], also when it is read back.
//! Tested: `super::tests` rows `spec`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Money, Replicas, ServiceName};

/// What the ceiling is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Period {
    /// A cap of the rate: at no moment more than this per hour.
    Hour,
    /// From midnight to midnight UTC.
    Day,
    /// From the first to the first, UTC.
    Month,
}

/// A service that gives way before the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GivesWay {
    /// The service.
    pub service: ServiceName,
    /// How far; its `minReplicas` when not said. May lie below them.
    #[serde(default)]
    pub floor: Option<Replicas>,
}

/// The fields, unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BudgetSpec {
    /// The most that may be spent.
    pub ceiling: Money,
    /// In which time.
    pub per: Period,
    /// Over how long the rest may be spent, at most; an hour for a day, a day for a month.
    #[serde(default)]
    pub look_ahead: Option<Duration>,
    /// Who gives way first, second, and so on. Services that are not named follow by priority, the lowest first.
    #[serde(default)]
    pub order: Vec<GivesWay>,
}

/// Why a budget cannot stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetProblem {
    /// Nothing may be spent: then nothing may run.
    #[error("ceiling must be more than 0")]
    Nothing,
    /// The look-ahead makes no sense.
    #[error("lookAhead must be from 1m to the length of the period")]
    LookAhead,
    /// An hourly ceiling looks at the moment only.
    #[error("lookAhead says nothing for an hourly ceiling")]
    LookAheadPerHour,
    /// Named twice.
    #[error("order names {0} twice")]
    Twice(ServiceName),
}

/// A checked [`BudgetSpec`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BudgetSpec", into = "BudgetSpec")]
pub struct Budget(BudgetSpec);

impl TryFrom<BudgetSpec> for Budget {
    type Error = BudgetProblem;

    fn try_from(spec: BudgetSpec) -> Result<Budget, BudgetProblem> {
        Budget::try_new(spec).map_err(|mut problems| problems.swap_remove(0))
    }
}

impl From<Budget> for BudgetSpec {
    fn from(budget: Budget) -> BudgetSpec {
        budget.0
    }
}

impl Budget {
    /// Checks a spec.
    ///
    /// # Errors
    /// Everything that cannot stand; never an empty list.
    pub fn try_new(spec: BudgetSpec) -> Result<Budget, Vec<BudgetProblem>> {
        let mut problems = Vec::new();
        if spec.ceiling.micros == 0 {
            problems.push(BudgetProblem::Nothing);
        }
        match (spec.per, spec.look_ahead) {
            (Period::Hour, Some(_)) => problems.push(BudgetProblem::LookAheadPerHour),
            (per, Some(ahead)) if !(Duration::from_secs(60)..=longest(per)).contains(&ahead) => {
                problems.push(BudgetProblem::LookAhead);
            }
            _ => {}
        }
        let mut seen = BTreeSet::new();
        let twice = spec.order.iter().filter(|g| !seen.insert(&g.service)).map(|g| BudgetProblem::Twice(g.service.clone()));
        problems.extend(twice);
        if problems.is_empty() { Ok(Budget(spec)) } else { Err(problems) }
    }

    /// The fields.
    pub fn spec(&self) -> &BudgetSpec {
        &self.0
    }

    /// Over how long the rest may be spent.
    pub fn look_ahead(&self) -> Duration {
        let hour = Duration::from_secs(3600);
        self.0.look_ahead.unwrap_or(if self.0.per == Period::Month { hour * 24 } else { hour })
    }
}

fn longest(per: Period) -> Duration {
    let day = Duration::from_secs(86_400);
    if per == Period::Month { day * 31 } else { day }
}
