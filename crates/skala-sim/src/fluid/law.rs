//! How long a request holds a server, as a distribution that can be read in closed form.
//!
//! Method: as `draw`: constant, exponential or log-normal by mean and coefficient of variation. By tokens, a step knows only their mean
//!   numbers; they are taken to vary as much as their mean ([`TOKENS_CV`]), and the whole to be log-normal.
//! Invariants: survival falls from 1 to 0; quantiles rise.
//! Tested: `tests` below.

use crate::{Dist, SimError, normal};

/// Coefficient of variation of a request's tokens around a step's mean.
const TOKENS_CV: f64 = 1.0;
/// Entries of the table of quantiles.
const TABLE: usize = 2048;

/// The shape of a distribution of mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Constant,
    Exponential,
    LogNormal { sigma: f64 },
}

impl Shape {
    fn with_scv(scv: f64) -> Shape {
        let variance = scv.ln_1p();
        if variance > 1e-12 { Shape::LogNormal { sigma: variance.sqrt() } } else { Shape::Constant }
    }

    fn survival(self, x: f64) -> f64 {
        match self {
            _ if x < 0.0 => 1.0,
            Shape::Constant => f64::from(u8::from(x < 1.0)),
            Shape::Exponential => (-x).exp(),
            Shape::LogNormal { sigma } => normal::survival((x.ln() + sigma * sigma / 2.0) / sigma),
        }
    }

    fn quantile(self, p: f64) -> f64 {
        match self {
            Shape::Constant => 1.0,
            Shape::Exponential => -(1.0 - p).ln(),
            Shape::LogNormal { sigma } => (sigma * normal::quantile(p) - sigma * sigma / 2.0).exp(),
        }
    }
}

/// Service times of one service.
#[derive(Clone, Debug)]
pub(crate) struct Law {
    base: f64,
    per_token: (f64, f64),
    shape: Shape,
    scv: f64,
    /// Quantiles of the shape at the middles of [`TABLE`] equal shares.
    table: Vec<f64>,
}

impl Law {
    /// Checks a distribution; `field` is its place in the scenario.
    pub(crate) fn try_new(dist: &Dist, field: &str) -> Result<Law, SimError> {
        crate::draw::Draw::try_new(dist, field)?;
        let (base, per_token, shape, scv) = match *dist {
            Dist::Constant { seconds } => (seconds, (0.0, 0.0), Shape::Constant, 0.0),
            Dist::Exponential { mean } => (mean, (0.0, 0.0), Shape::Exponential, 1.0),
            Dist::LogNormal { mean, cv } => (mean, (0.0, 0.0), Shape::with_scv(cv * cv), cv * cv),
            Dist::Tokens { base, per_input, per_output, cv } => {
                let scv = (1.0 + cv * cv) * (1.0 + TOKENS_CV * TOKENS_CV) - 1.0;
                (base, (per_input, per_output), Shape::with_scv(scv), scv)
            }
        };
        let middle = |i: usize| (i as f64 + 0.5) / TABLE as f64;
        let mut table: Vec<f64> = (0..TABLE).map(|i| shape.quantile(middle(i))).collect();
        // The cut tail's share of the mean is given back, so that sums keep the mean.
        let mean = table.iter().sum::<f64>() / TABLE as f64;
        table.iter_mut().for_each(|x| *x /= mean.max(1e-12));
        Ok(Law { base, per_token, shape, scv, table })
    }

    /// Mean service time at these mean tokens, seconds.
    pub(crate) fn mean(&self, tokens: (f64, f64)) -> f64 {
        (self.base + self.per_token.0 * tokens.0.max(0.0) + self.per_token.1 * tokens.1.max(0.0)).clamp(1e-9, 1e7)
    }

    /// Squared coefficient of variation.
    pub(crate) fn scv(&self) -> f64 {
        self.scv
    }

    /// P(S > seconds) at a mean of `mean`.
    pub(crate) fn survival(&self, seconds: f64, mean: f64) -> f64 {
        self.shape.survival(seconds / mean)
    }

    /// The quantile of share `p`, for a mean of 1.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        self.table[((p * TABLE as f64) as usize).min(TABLE - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_survival_agree_and_the_mean_is_kept() {
        for dist in
            [Dist::Exponential { mean: 0.1 }, Dist::LogNormal { mean: 0.1, cv: 2.0 }, Dist::LogNormal { mean: 0.1, cv: 0.3 }]
        {
            let law = Law::try_new(&dist, "t").expect("sound");
            for p in [0.1, 0.5, 0.9, 0.95, 0.99] {
                let p = ((p * TABLE as f64).floor() + 0.5) / TABLE as f64;
                let survival = law.survival(0.1 * law.quantile(p), 0.1);
                assert!((survival - (1.0 - p)).abs() < 0.02 * (1.0 - p), "{dist:?} {p}: {survival}");
            }
            let mean = (0..1000).map(|i| law.quantile((f64::from(i) + 0.5) / 1000.0)).sum::<f64>() / 1000.0;
            assert!((mean - 1.0).abs() < 0.02, "{dist:?}: {mean}");
        }
    }
}
