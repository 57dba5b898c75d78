//! A ceiling on what replicas may cost.
//!
//! Decides: how many of the wanted replicas the budget pays for, and who gives way first.
//! Inputs: the checked [`Budget`], the [`BudgetState`] with what was spent in the running window, the [`Want`]s, `now`.
//! Method: windows follow the UTC calendar, as invoices do. An hourly ceiling caps the rate. A ceiling per day or month keeps
//!   in reserve what the floors cost until the window ends, and lets the rest be spent over a look-ahead:
//!   `rate <= floors + (ceiling - spent - floors x time left) / look-ahead`. So a burst early in the window is paid for, the
//!   rate falls smoothly as the rest runs out, and the floors are never cut off. Replicas are then granted along one fixed
//!   order (see `divide`), until the next one would cost too much.
//! Units: micro-units of the currency, per replica and hour.
//! Invariants: a higher ceiling never gives a service fewer replicas; nobody gets more than wanted, nor less than its floor;
//!   below `minReplicas` only where the order says so, and then it is reported; deterministic, and stable when planned twice.
//! Tested: `tests`; `divide` and `window` in their modules.

pub(crate) mod divide;
mod price;
mod spec;
mod state;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Money, Replicas, ServiceName, Time};

pub use price::{PriceList, replica_hour};
pub use spec::{Budget, BudgetProblem, BudgetSpec, GivesWay, Period};
pub use state::{BudgetState, Integral, Spent};

use divide::{Claim, Cost, divide};

/// Nanoseconds of an hour: a rate is per hour, time is in nanoseconds.
pub(crate) const HOUR_NS: u128 = 3_600_000_000_000;

/// What a service wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Want {
    /// The service.
    pub service: ServiceName,
    /// Replicas that its metrics want, within its bounds.
    pub desired: Replicas,
    /// Replicas that run.
    pub current: Replicas,
    /// Its `minReplicas`.
    pub min: Replicas,
    /// Micro-units per replica and hour.
    pub price: u64,
    /// Higher is served first.
    pub priority: i32,
}

/// Why a service got fewer replicas than it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// How many were refused.
    pub replicas: Replicas,
    /// What they would have cost per hour.
    pub forgone_per_hour: Money,
    /// The result is below `minReplicas`, as the order of degradation says.
    pub below_min: bool,
}

/// What a service may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowed {
    /// The service.
    pub service: ServiceName,
    /// Replicas, at most what was wanted.
    pub replicas: Replicas,
    /// What the ceiling refused; none when nothing.
    pub because: Option<Refused>,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// One answer per want, in their order.
    pub allowed: Vec<Allowed>,
    /// Cost per hour of what is wanted.
    pub wanted_per_hour: Money,
    /// Cost per hour of what is allowed.
    pub allowed_per_hour: Money,
    /// The rate that the ceiling allows now.
    pub limit_per_hour: Money,
    /// Spent in the running window.
    pub spent: Money,
    /// Spent by the window's end at the allowed rate.
    pub projected: Money,
    /// The ceiling.
    pub ceiling: Money,
    /// The window's end.
    pub until: Time,
    /// Even the floors alone will cost more than the ceiling; they are kept.
    pub floors_exceed: bool,
    /// Replicas refused now, over all services.
    pub refused: u64,
    /// Replica-hours refused in the running window so far.
    pub refused_replica_hours: f64,
    /// What they would have cost.
    pub forgone: Money,
}

/// Grants what the budget pays for.
pub fn allow(budget: &Budget, state: &BudgetState, wants: &[Want], now: Time) -> Verdict {
    let spec = budget.spec();
    let money = |micros: u128| Money::new(u64::try_from(micros).unwrap_or(u64::MAX), spec.ceiling.currency);
    let window = window::of(spec.per, now);
    let spent = state.in_window(spec.per, now);
    let places: BTreeMap<&ServiceName, usize> = spec.order.iter().enumerate().map(|(i, g)| (&g.service, i)).collect();
    let claims: Vec<Claim<'_>> = wants.iter().map(|w| claim(budget, &places, w)).collect();
    let rate = |n: &dyn Fn(&Claim<'_>) -> u32| claims.iter().fold(0u128, |sum, c| sum.saturating_add(c.cost.of(n(c))));
    let (floors, wanted) = (rate(&|c| c.floor), rate(&|c| c.want));
    let left = window.end.since(now).as_nanos();
    let limit = limit(budget, spent.micros(), floors, left);
    let grants = divide(limit, &claims);

    let mut allowed_rate = 0u128;
    let mut refused = 0u64;
    let mut allowed = Vec::with_capacity(wants.len());
    for (want, granted) in wants.iter().zip(grants) {
        let lacking = want.desired.0.saturating_sub(granted);
        allowed_rate = allowed_rate.saturating_add(u128::from(granted) * u128::from(want.price));
        refused += u64::from(lacking);
        let because = (lacking > 0).then(|| Refused {
            replicas: Replicas(lacking),
            forgone_per_hour: money(u128::from(lacking) * u128::from(want.price)),
            below_min: granted < want.min.0,
        });
        allowed.push(Allowed { service: want.service.clone(), replicas: Replicas(granted), because });
    }
    let projected = spent.micros().saturating_add(allowed_rate.saturating_mul(left) / HOUR_NS);
    let floors_exceed = match spec.per {
        Period::Hour => floors > u128::from(spec.ceiling.micros),
        _ => spent.micros().saturating_add(floors.saturating_mul(left) / HOUR_NS) > u128::from(spec.ceiling.micros),
    };
    Verdict {
        allowed,
        wanted_per_hour: money(wanted),
        allowed_per_hour: money(allowed_rate),
        limit_per_hour: money(limit),
        spent: money(spent.micros()),
        projected: money(projected),
        ceiling: spec.ceiling,
        until: window.end,
        floors_exceed,
        refused,
        refused_replica_hours: spent.refused_replica_hours(),
        forgone: money(spent.forgone_micros()),
    }
}

/// The rate per hour that the ceiling allows.
fn limit(budget: &Budget, spent: u128, floors: u128, left_ns: u128) -> u128 {
    let spec = budget.spec();
    let ceiling = u128::from(spec.ceiling.micros);
    if spec.per == Period::Hour {
        return ceiling;
    }
    let ahead = budget.look_ahead().max(SHORTEST).as_nanos();
    let ahead = ahead.min(left_ns.max(SHORTEST.as_nanos()));
    let remaining = ceiling.saturating_sub(spent).saturating_mul(HOUR_NS);
    let reserve = floors.saturating_mul(left_ns);
    floors.saturating_add(remaining.saturating_sub(reserve) / ahead)
}

/// The last moments of a window are not divided by next to nothing.
const SHORTEST: Duration = Duration::from_secs(60);

fn claim<'a>(budget: &Budget, places: &BTreeMap<&ServiceName, usize>, want: &'a Want) -> Claim<'a> {
    let place = places.get(&want.service).copied();
    let stated = place.and_then(|i| budget.spec().order[i].floor);
    // Who is named in the order gives way first, in that order; the others by priority, lowest first.
    let rank = match place {
        Some(i) => i64::from(i32::MIN) - (budget.spec().order.len() - i) as i64,
        None => i64::from(want.priority),
    };
    let floor = stated.unwrap_or(want.min).0.min(want.desired.0);
    Claim { name: &want.service, rank, floor, want: want.desired.0, cost: Cost { per: want.price, ..Cost::default() } }
}
