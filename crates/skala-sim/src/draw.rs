//! Drawing durations from a [`Dist`].
//!
//! Decides: nothing; it turns a random stream into seconds.
//! Inputs: a distribution by mean and coefficient of variation, a request's tokens, a stream.
//! Method: a log-normal of mean m and coefficient of variation c has sigma^2 = ln(1 + c^2) and mu = ln m - sigma^2 / 2.
//! Invariants: a drawn duration is finite, >= 0 and at most [`LONGEST`].
//! Tested: `tests` below.

use rand_distr::{Distribution, Exp1, StandardNormal};
use skala_types::Stream;

use crate::{Dist, SimError};

/// Longest duration that is drawn, seconds: a year, so that sums of times stay far from the end of time.
const LONGEST: f64 = 31_536_000.0;

/// A distribution, ready to be drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    shape: Shape,
    base: f64,
    per_input: f64,
    per_output: f64,
}

/// The factor that the mean is multiplied with.
#[derive(Clone, Copy, Debug)]
enum Shape {
    One,
    Exponential,
    LogNormal { mu: f64, sigma: f64 },
}

impl Shape {
    fn with_cv(cv: f64) -> Shape {
        let variance = (1.0 + cv * cv).ln();
        if variance > 0.0 { Shape::LogNormal { mu: -variance / 2.0, sigma: variance.sqrt() } } else { Shape::One }
    }

    fn draw(self, rng: &mut Stream) -> f64 {
        match self {
            Shape::One => 1.0,
            Shape::Exponential => Exp1.sample(rng),
            Shape::LogNormal { mu, sigma } => {
                let normal: f64 = StandardNormal.sample(rng);
                (mu + sigma * normal).exp()
            }
        }
    }
}

impl Draw {
    /// Checks a distribution; `field` is its place in the scenario.
    pub(crate) fn try_new(dist: &Dist, field: &str) -> Result<Draw, SimError> {
        let fixed = |shape, base| Draw { shape, base, per_input: 0.0, per_output: 0.0 };
        let (draw, numbers) = match *dist {
            Dist::Constant { seconds } => (fixed(Shape::One, seconds), [seconds, 0.0, 0.0, 0.0]),
            Dist::Exponential { mean } => (fixed(Shape::Exponential, mean), [mean, 0.0, 0.0, 0.0]),
            Dist::LogNormal { mean, cv } => (fixed(Shape::with_cv(cv), mean), [mean, cv, 0.0, 0.0]),
            Dist::Tokens { base, per_input, per_output, cv } => {
                (Draw { shape: Shape::with_cv(cv), base, per_input, per_output }, [base, per_input, per_output, cv])
            }
        };
        if numbers.iter().all(|n| n.is_finite() && *n >= 0.0) {
            return Ok(draw);
        }
        Err(SimError::Setting { field: field.to_owned(), reason: "needs finite numbers, none below 0".into() })
    }

    /// Draws the time of a request with so many tokens, in nanoseconds.
    pub(crate) fn nanos(&self, rng: &mut Stream, input_tokens: u32, output_tokens: u32) -> u64 {
        let mean = self.base + self.per_input * f64::from(input_tokens) + self.per_output * f64::from(output_tokens);
        let seconds = mean * self.shape.draw(rng);
        (seconds.min(LONGEST) * 1e9) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skala_types::Streams;

    fn moments(dist: Dist) -> (f64, f64) {
        let draw = Draw::try_new(&dist, "t").expect("sound");
        let mut rng = Streams::new(3).stream("draw");
        let n = 200_000;
        let drawn: Vec<f64> = (0..n).map(|_| draw.nanos(&mut rng, 100, 10) as f64 / 1e9).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(n);
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        (mean, variance.sqrt() / mean)
    }

    #[test]
    fn draws_have_the_mean_and_the_variation_that_was_asked_for() {
        let rows = [
            (Dist::Constant { seconds: 0.2 }, 0.2, 0.0),
            (Dist::Exponential { mean: 0.1 }, 0.1, 1.0),
            (Dist::LogNormal { mean: 2.0, cv: 0.5 }, 2.0, 0.5),
            (Dist::Tokens { base: 0.2, per_input: 0.001, per_output: 0.02, cv: 0.0 }, 0.5, 0.0),
            (Dist::Tokens { base: 0.2, per_input: 0.001, per_output: 0.02, cv: 0.3 }, 0.5, 0.3),
        ];
        for (dist, mean, cv) in rows {
            let (got_mean, got_cv) = moments(dist);
            assert!((got_mean / mean - 1.0).abs() < 0.01, "{dist:?}: mean {got_mean}");
            assert!((got_cv - cv).abs() < 0.01 + 0.02 * cv, "{dist:?}: cv {got_cv}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            let error = Draw::try_new(&Dist::Exponential { mean: bad }, "services.api.serviceTime").unwrap_err();
            assert_eq!(error.to_string(), "services.api.serviceTime: needs finite numbers, none below 0");
        }
    }
}
