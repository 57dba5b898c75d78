//! The error budget: how fast the share of late and refused requests uses it up.
//!
//! Decides: whether head-room should be raised, or may be lowered.
//! Inputs: counts of answers, of late ones and of refused ones, from the station; the objective's percentile and window.
//! Method: multi-window burn rates (Google's SRE workbook): burn = share of bad requests over the share allowed, over two windows,
//!   a 720th of the objective's and a twelfth of that (30 days: an hour and five minutes). Counts, never averages of percentiles.
//!   Below [`LEAST`] requests, or [`LEAST_BAD`] bad ones, nobody knows.
//! Invariants: finite; the same moment twice changes nothing.
//! Tested: `wait::tests`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{StationSample, Time};

/// Requests below which a share says nothing.
const LEAST: f64 = 50.0;
/// Bad requests below which a burn is chance.
const LEAST_BAD: f64 = 3.0;

/// How the error budget is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetUse {
    /// Too few requests to tell.
    #[default]
    Unknown,
    /// Less than a quarter of what the objective allows.
    Spare,
    /// What the objective allows.
    Even,
    /// More, over both windows.
    Burning,
}

/// Requests, and the bad ones among them, over a fading window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Share {
    all: f64,
    bad: f64,
}

impl Share {
    fn feed(&mut self, all: f64, bad: f64, fading: f64) {
        self.all = self.all * fading + all;
        self.bad = self.bad * fading + bad;
    }

    /// Burn, where there is enough to judge by.
    fn burn(&self, allowed: f64) -> Option<f64> {
        let known = self.all >= LEAST;
        known.then(|| if self.bad < LEAST_BAD { 0.0 } else { self.bad / self.all / allowed })
    }
}

/// What is known of the error budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Budget {
    at: Time,
    short: Share,
    long: Share,
}

impl Budget {
    pub(crate) fn starting(now: Time) -> Budget {
        Budget { at: now, short: Share::default(), long: Share::default() }
    }

    /// Takes in one look. A window of the objective that is shorter than a day is taken as a day.
    pub(crate) fn feed(&mut self, now: Time, fast: &StationSample, slow: &StationSample, objective: Duration) {
        let step = now.since(self.at).as_secs_f64();
        if step <= 0.0 {
            return;
        }
        self.at = now;
        let quick = fast.window.as_secs_f64();
        let from = if quick > 0.0 && step < 2.0 * quick { fast } else { slow };
        let part = (step / from.window.as_secs_f64().max(1e-3)).min(1.0);
        let bad = from.late.saturating_add(from.refused) as f64 * part;
        let all = from.latency.count.max(from.late).saturating_add(from.refused) as f64 * part;
        let long = (objective.as_secs_f64() / 720.0).max(120.0);
        let fading = |memory: f64| memory / (memory + step);
        self.long.feed(all, bad, fading(long));
        self.short.feed(all, bad, fading(long / 12.0));
    }

    /// Burn over the long and the short window.
    pub(crate) fn burn(&self, allowed: f64) -> (Option<f64>, Option<f64>) {
        (self.long.burn(allowed), self.short.burn(allowed))
    }

    pub(crate) fn judge(&self, allowed: f64) -> BudgetUse {
        match self.burn(allowed) {
            (Some(long), Some(short)) if long > 1.0 && short > 1.0 => BudgetUse::Burning,
            (Some(long), _) if long < 0.25 => BudgetUse::Spare,
            (Some(_), _) => BudgetUse::Even,
            (None, _) => BudgetUse::Unknown,
        }
    }
}
