//! Error budgets: how fast one burns, when it is gone, and when somebody must be told.
//!
//! Decides: burn rate, burn factors of alerts, seconds to exhaustion.
//! Inputs: an objective (share of good requests), counts of requests and of bad ones in a long and a short window.
//! Method: burn = error ratio / (1 - objective); an alert fires when both windows burn faster than
//!   `share of budget x period / long window` (Google's SRE workbook, chapter 5), the short one a twelfth of the long one.
//! Invariants: nothing counted is unknown, never "all good"; few requests never fire.
//! Tested: `tests/it/budget.rs`.

use serde::Serialize;

use crate::number::{at_least_0, share};

/// Seconds of an hour.
const HOUR: f64 = 3600.0;

/// Requests in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// All of them, >= 0.
    pub total: f64,
    /// Those that failed or were late, >= 0.
    pub bad: f64,
}

/// Error ratio over what the objective allows; `None` without requests. Infinite when nothing may fail and something did.
pub fn burn(counted: Counted, objective: f64) -> Option<f64> {
    let (total, bad) = (at_least_0(counted.total), at_least_0(counted.bad));
    if total == 0.0 {
        return None;
    }
    let ratio = (bad / total).min(1.0);
    Some(if ratio == 0.0 { 0.0 } else { ratio / (1.0 - share(objective)) })
}

/// Burn at which `budget_share` of a period's budget is used up within a window (both in seconds): `budget_share x period / window`.
pub fn burn_factor(budget_share: f64, period: f64, window: f64) -> f64 {
    share(budget_share) * at_least_0(period) / at_least_0(window).max(f64::MIN_POSITIVE)
}

/// How urgent a burn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Urgency {
    /// Somebody must act now.
    Page,
    /// Somebody must act in working hours.
    Ticket,
}

/// One alert on the burn of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BurnAlert {
    /// How urgent it is.
    pub urgency: Urgency,
    /// The long window, seconds.
    pub long: f64,
    /// The short window, seconds, so that the alert ends soon after its cause.
    pub short: f64,
    /// Burn above which it fires, in both windows.
    pub factor: f64,
}

/// The workbook's four alerts for a period in seconds (30 days: factors 14.4, 6, 3 and 1).
pub fn burn_alerts(period: f64) -> [BurnAlert; 4] {
    let alert = |urgency, hours: f64, budget_share| {
        let long = hours * HOUR;
        BurnAlert { urgency, long, short: long / 12.0, factor: burn_factor(budget_share, period, long) }
    };
    [
        alert(Urgency::Page, 1.0, 0.02),
        alert(Urgency::Page, 6.0, 0.05),
        alert(Urgency::Ticket, 24.0, 0.10),
        alert(Urgency::Ticket, 72.0, 0.10),
    ]
}

/// Least requests that an alert is based on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Bad requests in the long window.
    pub bad: f64,
    /// All requests in the long window.
    pub total: f64,
}

impl BurnAlert {
    /// Whether it fires; `None` when a window has no requests.
    pub fn fires(&self, long: Counted, short: Counted, objective: f64, least: Evidence) -> Option<bool> {
        let (slow, fast) = (burn(long, objective)?, burn(short, objective)?);
        Some(slow > self.factor && fast > self.factor && long.bad >= least.bad && long.total >= least.total)
    }
}

/// Seconds until the budget is gone at this burn; infinite when nothing burns. `left` is the share that remains, 0 to 1, `period` the
/// objective's window in seconds.
pub fn exhausted_in(left: f64, period: f64, burn: f64) -> f64 {
    let (left, burn) = (share(left) * at_least_0(period), at_least_0(burn));
    if left == 0.0 {
        0.0
    } else if burn == 0.0 {
        f64::INFINITY
    } else {
        left / burn
    }
}
