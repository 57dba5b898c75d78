//! How far one model's forecasts at one horizon have been off, lately.
//!
//! Decides: the distance from a point forecast to a quantile of the rate.
//! Inputs: rates with what was forecast for them.
//! Units: errors are differences of logarithms, so that they scale with the rate; one arrival a minute is added to both, so that
//!   quiet minutes have one too.
//! Method: split conformal prediction (Vovk, Gammerman and Shafer 2005) over errors that fade with the days, kept in 64 bins
//!   that are fine around zero: no distribution is assumed.
//! Invariants: a higher quantile is never lower; adding an error costs the same however many there were.
//! Tested: `tests` below.

use crate::code;

/// Bins from an error of -4 to one of 4.
pub(crate) const BINS: usize = 64;
/// Errors well below this share a bin width; above it bins widen with the error.
const FINE: f64 = 0.02;
/// Share of an error's weight that is left one scored minute later: it fades by 1/e in a day.
pub(crate) const FADE: f64 = 1.0 - 1.0 / 1440.0;
/// Quantiles are told from this many errors on.
const ENOUGH: f64 = 20.0;
/// End of the stretched scale, `asinh(4 / FINE)`: errors beyond 4 (a factor of 55) are 4.
const STRETCH: f64 = 5.991470797049389;
/// One arrival a minute, in requests per second.
const QUIET: f64 = 1.0 / 60.0;

/// Errors by size; newer ones weigh more.
#[derive(Clone, Debug)]
pub(crate) struct Residuals {
    weights: [f32; BINS],
    /// Weight of the next error; grows instead of all others fading.
    unit: f64,
}

impl Residuals {
    pub(crate) fn new() -> Residuals {
        Residuals { weights: [0.0; BINS], unit: 1.0 }
    }

    /// Takes what came and what had been forecast for it.
    pub(crate) fn add(&mut self, rate: f64, forecast: f64) {
        let bin = bin_of((rate + QUIET).ln() - (forecast + QUIET).ln());
        self.weights[bin] = code::rounded(f64::from(self.weights[bin]) + self.unit);
        self.unit /= FADE;
        if self.unit > 1e6 {
            self.weights.iter_mut().for_each(|weight| *weight = code::rounded(f64::from(*weight) / self.unit));
            self.unit = 1.0;
        }
    }

    /// The rates that lie at the given quantiles around a point forecast; `None` while too few errors are known.
    pub(crate) fn around<const N: usize>(&self, forecast: f64, quantiles: [f64; N]) -> Option<[f64; N]> {
        let total: f64 = self.weights.iter().map(|&weight| f64::from(weight)).sum();
        let errors = total / self.unit;
        let scale = forecast + QUIET;
        // One error more than was seen: the one to come.
        let rate = |q: f64| (scale * self.error_at(q * (1.0 + 1.0 / errors) * total).exp() - QUIET).max(0.0);
        (errors >= ENOUGH).then(|| quantiles.map(rate))
    }

    /// The error below which `weight` lies.
    fn error_at(&self, weight: f64) -> f64 {
        let mut below = 0.0;
        for (bin, &own) in self.weights.iter().enumerate() {
            let own = f64::from(own);
            if own > 0.0 && below + own >= weight {
                return edge(bin as f64 + ((weight - below) / own).clamp(0.0, 1.0));
            }
            below += own;
        }
        let top = self.weights.iter().rposition(|&own| own > 0.0);
        edge(top.map_or(BINS / 2, |bin| bin + 1) as f64)
    }

    /// The state as it is stored: the bins, and the weight of the next error.
    pub(crate) fn save(&self) -> (&[f32], f64) {
        (&self.weights, self.unit)
    }

    /// The state that was stored, when it is one.
    pub(crate) fn restore(weights: &[f32], unit: f64) -> Option<Residuals> {
        let weights: [f32; BINS] = weights.try_into().ok()?;
        let fits = weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) && (1.0..=1e6).contains(&unit);
        fits.then_some(Residuals { weights, unit })
    }
}

/// Bins per unit of the stretched scale, which runs from -1 to 1.
const HALF: f64 = BINS as f64 / 2.0;

fn bin_of(error: f64) -> usize {
    let place = (error / FINE).asinh() / STRETCH;
    ((place + 1.0) * HALF).clamp(0.0, BINS as f64 - 1.0) as usize
}

fn edge(bin: f64) -> f64 {
    ((bin / HALF - 1.0) * STRETCH).sinh() * FINE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(errors: impl IntoIterator<Item = f64>) -> Residuals {
        let mut residuals = Residuals::new();
        errors.into_iter().for_each(|error| residuals.add((100.0 + QUIET) * error.exp() - QUIET, 100.0));
        residuals
    }

    #[test]
    fn quantiles_are_those_of_the_errors_seen() {
        let uniform = after((0..1000).map(|i| f64::from(i * 7919 % 1000) / 1000.0 - 0.5));
        let [low, middle, high] = uniform.around(200.0, [0.1, 0.5, 0.9]).unwrap();
        for (found, error) in [(low, -0.4_f64), (middle, 0.0), (high, 0.4)] {
            assert!((found / 200.0 / error.exp() - 1.0).abs() < 0.04, "{found} is not near {}", 200.0 * error.exp());
        }
    }

    #[test]
    fn the_scale_ends_at_the_widest_error() {
        assert!((STRETCH - (4.0 / FINE).asinh()).abs() < 1e-12);
        assert!((edge(BINS as f64) - 4.0).abs() < 1e-9 && bin_of(9.0) == BINS - 1 && bin_of(-9.0) == 0);
    }

    #[test]
    fn few_errors_tell_nothing() {
        assert_eq!(after([0.1; 19]).around(1.0, [0.5]), None);
    }

    #[test]
    fn old_errors_fade() {
        let residuals = after((0..20_000).map(|i| if i < 10_000 { 1.0 } else { 0.0 }));
        let [middle] = residuals.around(100.0, [0.9]).unwrap();
        assert!((middle / 100.0 - 1.0).abs() < 0.01, "{middle}");
    }

    proptest! {
        #[test]
        fn quantiles_are_ordered_and_finite(
            errors in prop::collection::vec(-9.0..9.0_f64, 20..200), forecast in 0.0..1e9_f64, a in 0.0..1.0_f64, b in 0.0..1.0_f64,
        ) {
            let found = after(errors).around(forecast, [a.min(b), a.max(b)]);
            if let Some([low, high]) = found {
                prop_assert!(0.0 <= low && low <= high && high.is_finite());
            }
        }

        #[test]
        fn a_stored_state_comes_back(errors in prop::collection::vec(-5.0..5.0_f64, 0..100)) {
            let residuals = after(errors);
            let (weights, unit) = residuals.save();
            let back = Residuals::restore(&code::from_text(&code::to_text(weights.iter().copied()), BINS).unwrap(), unit).unwrap();
            prop_assert_eq!(back.around(5.0, [0.1, 0.9]), residuals.around(5.0, [0.1, 0.9]));
        }
    }
}
