//! Gaps of a renewal process with mean 1: how regular or bursty arrivals are.
//!
//! Decides: the next gap, in units of the mean gap.
//! Method: Gamma or Weibull by squared coefficient of variation (SCV); SCV 1 is the exponential gap of a Poisson process. The first
//!   gap is a residual one (uniform part of a length-biased gap), so that the process is stationary from its beginning and the
//!   expected number of arrivals is exact.
//! Invariants: gaps are finite and >= 0, of mean 1; SCV is bounded by [`MAX_CV`] squared.
//! Tested: `tests` below; `tests/it/draw.rs`.

use rand_distr::{Distribution, Exp1, Gamma, StandardUniform};
use skala_types::Stream;

use crate::limits::MAX_CV;

/// The family of gaps; their variation comes with the load's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GapFamily {
    /// Gamma.
    #[default]
    Gamma,
    /// Weibull: heavier-tailed where bursty.
    Weibull,
}

/// A distribution of gaps with mean 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gaps {
    Even,
    Poisson,
    Gamma { plain: Gamma<f64>, biased: Gamma<f64> },
    Weibull { scale: f64, inverse_shape: f64, biased: Gamma<f64> },
}

impl Gaps {
    /// By family and SCV; what is no number counts as 1.
    pub(crate) fn new(family: GapFamily, scv: f64) -> Gaps {
        let scv = if scv.is_finite() { scv.min(MAX_CV * MAX_CV) } else { 1.0 };
        if scv < 1e-6 {
            return Gaps::Even;
        }
        if (scv - 1.0).abs() < 1e-9 {
            return Gaps::Poisson;
        }
        let made = match family {
            GapFamily::Gamma => gamma(scv),
            GapFamily::Weibull => weibull(scv),
        };
        made.unwrap_or(Gaps::Poisson)
    }

    /// A gap from one arrival to the next.
    #[inline]
    pub(crate) fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            Gaps::Even => 1.0,
            Gaps::Poisson => Exp1.sample(stream),
            Gaps::Gamma { plain, .. } => plain.sample(stream),
            Gaps::Weibull { scale, inverse_shape, .. } => {
                let e: f64 = Exp1.sample(stream);
                scale * e.powf(*inverse_shape)
            }
        }
    }

    /// From a moment that knows nothing of the past to the next arrival.
    pub(crate) fn residual(&self, stream: &mut Stream) -> f64 {
        let part: f64 = StandardUniform.sample(stream);
        match self {
            Gaps::Even => part,
            Gaps::Poisson => Exp1.sample(stream),
            Gaps::Gamma { biased, .. } => part * biased.sample(stream),
            Gaps::Weibull { scale, inverse_shape, biased } => part * scale * biased.sample(stream).powf(*inverse_shape),
        }
    }
}

fn gamma(scv: f64) -> Option<Gaps> {
    let shape = 1.0 / scv;
    Some(Gaps::Gamma { plain: Gamma::new(shape, scv).ok()?, biased: Gamma::new(shape + 1.0, scv).ok()? })
}

fn weibull(scv: f64) -> Option<Gaps> {
    let inverse_shape = weibull_inverse_shape(scv);
    let scale = 1.0 / gamma_function(1.0 + inverse_shape);
    Some(Gaps::Weibull { scale, inverse_shape, biased: Gamma::new(1.0 + inverse_shape, 1.0).ok()? })
}

/// 1/k with Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1 = SCV, by bisection; the left side grows with 1/k.
fn weibull_inverse_shape(scv: f64) -> f64 {
    let of = |x: f64| (ln_gamma(1.0 + 2.0 * x) - 2.0 * ln_gamma(1.0 + x)).exp() - 1.0;
    let (mut low, mut high) = (1e-4, 20.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if of(middle) < scv { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

fn gamma_function(x: f64) -> f64 {
    ln_gamma(x).exp()
}

/// Lanczos' approximation (g = 7, nine terms), to some 15 digits for x > 0.5.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS.iter().enumerate().fold(0.999_999_999_999_809_9, |sum, (i, c)| sum + c / (x + i as f64 + 1.0));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skala_types::Streams;

    fn moments(gaps: &Gaps) -> (f64, f64) {
        let mut stream = Streams::new(7).stream("gaps");
        let n = 400_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let x = gaps.draw(&mut stream);
            sum += x;
            squares += x * x;
        }
        let mean = sum / f64::from(n);
        (mean, squares / f64::from(n) / (mean * mean) - 1.0)
    }

    #[test]
    fn gaps_have_mean_one_and_the_wanted_variation() {
        for family in [GapFamily::Gamma, GapFamily::Weibull] {
            for scv in [0.0, 0.25, 1.0, 2.0, 4.0, 9.0] {
                let (mean, measured) = moments(&Gaps::new(family, scv));
                assert!((mean - 1.0).abs() < 0.02, "{family:?} {scv}: mean {mean}");
                assert!((measured - scv).abs() < 0.1 * scv + 0.01, "{family:?} {scv}: {measured}");
            }
        }
    }

    #[test]
    fn absurd_variation_is_bounded() {
        for scv in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            let gaps = Gaps::new(GapFamily::Weibull, scv);
            let mut stream = Streams::new(1).stream("gaps");
            assert!((0..1000).all(|_| gaps.draw(&mut stream).is_finite() && gaps.residual(&mut stream).is_finite()), "{scv}");
        }
    }

    #[test]
    fn the_logarithm_of_the_gamma_function() {
        for (x, value) in
            [(1.0, 0.0), (2.0, 0.0), (5.0, 24f64.ln()), (0.5, std::f64::consts::PI.sqrt().ln()), (41.0, 110.320_639_714_757_4)]
        {
            assert!((ln_gamma(x) - value).abs() < 1e-9, "{x}: {} {value}", ln_gamma(x));
        }
    }
}
