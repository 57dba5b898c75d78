//! How well one model has done at one horizon, against the references over the same minutes; and whether it may speak.
//!
//! Decides: which models are in force.
//! Inputs: pinball losses of the model and of both references for a minute that has come.
//! Units: losses in requests per second; evidence in scored minutes, older ones counting less.
//! Method: means that fade by 1/e in a day; on below 0.95 of the better reference's loss for half an hour, off above it, or at once
//!   when the last hour was twice as bad.
//! Invariants: model and references are compared over the same minutes only; on and off have different bounds, so a tie does not
//!   flap.
//! Tested: `tests` below.

use serde::{Deserialize, Serialize};

use crate::residuals::FADE;
use crate::{Reference, Why};

/// Quantiles at which forecasts are scored.
pub(crate) const SCORED: [f64; 3] = [0.5, 0.9, 0.95];

/// Loss ratio below which a model may be let in.
const ENTERS: f64 = 0.95;
/// Loss ratio above which a model that is in force is switched off.
const LEAVES: f64 = 1.0;
/// Loss ratio over the last hour above which it is switched off at once.
const BREAKS: f64 = 2.0;
/// Share of the last hour's losses that is left a minute later.
const FADE_FAST: f64 = 1.0 - 1.0 / 60.0;
/// Minutes in a row that a model must be good enough before it is let in.
const STREAK: u32 = 30;
/// Minutes of evidence wanted at the shortest horizon.
const WANTED: f64 = 60.0;
/// Evidence wanted, in horizons: forecasts of neighbouring minutes err together.
const WANTED_HORIZONS: f64 = 8.0;

/// Mean pinball loss of the scored quantiles: what being wrong cost (Koenker and Bassett 1978).
pub(crate) fn pinball(rate: f64, quantiles: [f64; 3]) -> f64 {
    let loss = |(q, forecast): (f64, f64)| if rate > forecast { q * (rate - forecast) } else { (1.0 - q) * (forecast - rate) };
    SCORED.into_iter().zip(quantiles).map(loss).sum::<f64>() / 3.0
}

/// What one minute says about a model: losses, and which quantiles lay at or above the rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) loss: f64,
    pub(crate) last_value: f64,
    pub(crate) seasonal_naive: f64,
    pub(crate) covered: [bool; 3],
}

/// Fading sums of one model at one horizon.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tally {
    weight: f64,
    loss: f64,
    last_value: f64,
    seasonal_naive: f64,
    covered: [f64; 3],
    lately: [f64; 3],
    streak: u32,
    on: bool,
}

impl Tally {
    /// Takes a minute that has come, `horizon` minutes after it was forecast.
    pub(crate) fn add(&mut self, verdict: Verdict, horizon: u64) {
        self.weight = self.weight * FADE + 1.0;
        fade_in(&mut self.loss, FADE, verdict.loss);
        fade_in(&mut self.last_value, FADE, verdict.last_value);
        fade_in(&mut self.seasonal_naive, FADE, verdict.seasonal_naive);
        for (sum, covered) in self.covered.iter_mut().zip(verdict.covered) {
            fade_in(sum, FADE, f64::from(u8::from(covered)));
        }
        for (sum, loss) in self.lately.iter_mut().zip([verdict.loss, verdict.last_value, verdict.seasonal_naive]) {
            fade_in(sum, FADE_FAST, loss);
        }
        self.switch(horizon);
    }

    fn switch(&mut self, horizon: u64) {
        let ratio = self.ratio();
        let lately = ratio_of(self.lately[0], self.lately[1].min(self.lately[2]));
        self.streak = if ratio < ENTERS && lately < BREAKS { self.streak.saturating_add(1) } else { 0 };
        self.on =
            if self.on { ratio <= LEAVES && lately <= BREAKS } else { self.streak >= STREAK && self.weight >= wanted(horizon) };
    }

    /// Loss over that of the better reference; above 1 it loses.
    pub(crate) fn ratio(&self) -> f64 {
        ratio_of(self.loss, self.last_value.min(self.seasonal_naive))
    }

    /// Loss over that of last value: comparable between models that were scored over different minutes.
    pub(crate) fn over_last_value(&self) -> f64 {
        ratio_of(self.loss, self.last_value)
    }

    /// Whether the model is in force.
    pub(crate) fn on(&self) -> bool {
        self.on
    }

    /// Whether the model has been scored for long enough to be judged.
    pub(crate) fn judged(&self, horizon: u64) -> bool {
        self.weight >= wanted(horizon)
    }

    fn reference(&self) -> Reference {
        if self.seasonal_naive < self.last_value { Reference::SeasonalNaive } else { Reference::LastValue }
    }

    /// Why the model is on, off or on trial.
    pub(crate) fn why(&self, horizon: u64) -> Why {
        let (ratio, wanted) = (self.ratio(), wanted(horizon));
        match self.on {
            _ if self.weight < wanted && !self.on => Why::OnTrial { minutes: self.weight, wanted },
            true => Why::Wins { ratio, over: self.reference() },
            false => Why::Loses { ratio, to: self.reference() },
        }
    }

    /// Minutes of evidence, mean loss of the model and of both references, and coverage per scored quantile.
    pub(crate) fn means(&self) -> (f64, [f64; 3], [f64; 3]) {
        let mean = |sum: f64| if self.weight > 0.0 { sum / self.weight } else { 0.0 };
        (self.weight, [self.loss, self.last_value, self.seasonal_naive].map(mean), self.covered.map(mean))
    }

    /// Whether every number is one that adding verdicts could have made.
    pub(crate) fn is_sound(&self) -> bool {
        let sums = [self.weight, self.loss, self.last_value, self.seasonal_naive];
        sums.iter().chain(&self.covered).chain(&self.lately).all(|sum| sum.is_finite() && *sum >= 0.0)
    }
}

fn wanted(horizon: u64) -> f64 {
    WANTED.max(WANTED_HORIZONS * horizon as f64)
}

fn fade_in(sum: &mut f64, fade: f64, value: f64) {
    *sum = *sum * fade + value;
}

/// Two that never err are even.
fn ratio_of(loss: f64, reference: f64) -> f64 {
    const NOTHING: f64 = 1e-9;
    (loss + NOTHING) / (reference + NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(loss: f64) -> Verdict {
        Verdict { loss, last_value: 1.0, seasonal_naive: 2.0, covered: [true, false, true] }
    }

    fn after(losses: impl IntoIterator<Item = (usize, f64)>) -> Tally {
        let mut tally = Tally::default();
        for (times, loss) in losses {
            (0..times).for_each(|_| tally.add(verdict(loss), 1));
        }
        tally
    }

    #[test]
    fn a_model_speaks_only_while_it_beats_the_better_reference() {
        for (losses, on, why) in [
            (vec![(59, 0.5)], false, "on trial: 58 of 60 minutes scored"),
            (vec![(70, 0.5)], true, "in force: pinball loss 0.50 of that of last value"),
            (vec![(500, 0.97)], false, "off: pinball loss 0.97 of that of last value"),
            (vec![(500, 1.5)], false, "off: pinball loss 1.50 of that of last value"),
            // Good for a day, then as bad as the reference: it stays, for it does no harm.
            (vec![(1000, 0.5), (500, 1.0)], true, "in force: pinball loss 0.73 of that of last value"),
            // Broken: off within the hour, whatever the day was like.
            (vec![(1000, 0.5), (60, 4.0)], false, "off: pinball loss 0.77 of that of last value"),
        ] {
            let tally = after(losses);
            assert_eq!((tally.on(), tally.why(1).to_string().as_str()), (on, why));
        }
    }

    #[test]
    fn a_model_that_lost_comes_back_when_it_has_won_for_a_while() {
        let mut tally = after([(1000, 0.5), (200, 9.0)]);
        assert!(!tally.on());
        let back = (1..10_000).find(|_| {
            tally.add(verdict(0.5), 1);
            tally.on()
        });
        assert!(back.is_some_and(|minutes| minutes > 60), "{back:?}");
    }

    #[test]
    fn pinball_loss_weighs_a_rate_above_the_quantile_more() {
        assert!((pinball(10.0, [10.0, 20.0, 20.0]) - (1.0 + 0.5) / 3.0).abs() < 1e-12);
        assert!((pinball(10.0, [10.0, 0.0, 0.0]) - (9.0 + 9.5) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn longer_horizons_want_more_evidence() {
        let tally = after([(100, 0.5)]);
        assert!(tally.judged(1) && !tally.judged(32));
    }
}
