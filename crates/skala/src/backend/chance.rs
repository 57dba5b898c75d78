//! Durations that vary as the user says.
//!
//! Decides: how long a request or a start takes, around a mean.
//! Inputs: a mean, a coefficient of variation (cv), a seed and the replica's name.
//! Method: log-normal with sigma^2 = ln(1 + cv^2) and mu = ln(mean) - sigma^2 / 2, as the simulator draws.
//! Invariants: a cv of 0 gives the mean itself; the same seed and name give the same draws in the same order.
//! Tested: `tests` below.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand_distr::{Distribution, StandardNormal};
use skala_types::{Stream, Streams};

/// The largest coefficient of variation.
const MAX_CV: f64 = 100.0;

/// One stream of chance; clones draw from the same one.
#[derive(Clone)]
pub(super) struct Chance(Arc<Mutex<Stream>>);

impl Chance {
    /// The stream of a replica's component.
    pub(super) fn new(seed: u64, replica: &str, component: &str) -> Chance {
        Chance(Arc::new(Mutex::new(Streams::new(seed).stream(&format!("{component} {replica}")))))
    }

    /// Draws a duration.
    pub(super) fn draw(&self, mean: Duration, cv: f64) -> Duration {
        if cv <= 0.0 {
            return mean;
        }
        let normal: f64 = StandardNormal.sample(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let variance = (1.0 + cv * cv).ln();
        let factor = (variance.sqrt() * normal - variance / 2.0).exp();
        Duration::try_from_secs_f64(mean.as_secs_f64() * factor).unwrap_or(mean)
    }
}

/// Whether a number is a coefficient of variation.
pub(super) fn is_cv(cv: f64) -> bool {
    (0.0..=MAX_CV).contains(&cv)
}

/// Reads a coefficient of variation of the command line.
pub(super) fn parse_cv(text: &str) -> Result<f64, String> {
    let cv = text.parse().ok().filter(|cv| is_cv(*cv));
    cv.ok_or_else(|| format!("'{text}' is not a number between 0 and {MAX_CV}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_and_the_variation_and_repeat() {
        let mean = Duration::from_millis(100);
        let draws = |replica| {
            let chance = Chance::new(1, replica, "service");
            (0..100_000).map(|_| chance.draw(mean, 0.5).as_secs_f64()).collect::<Vec<_>>()
        };
        let drawn = draws("api-1");
        let n = drawn.len() as f64;
        let average = drawn.iter().sum::<f64>() / n;
        let cv = (drawn.iter().map(|x| (x - average).powi(2)).sum::<f64>() / n).sqrt() / average;
        assert!((average - 0.1).abs() < 0.001 && (cv - 0.5).abs() < 0.02, "mean {average}, cv {cv}");
        assert_eq!(drawn, draws("api-1"));
        assert_ne!(drawn[..10], draws("api-2")[..10]);
        assert_eq!(Chance::new(1, "", "start").draw(mean, 0.0), mean);
    }

    #[test]
    fn what_is_no_variation_is_refused() {
        for bad in ["-1", "nan", "inf", "101", "much"] {
            assert!(parse_cv(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_cv("0.5"), Ok(0.5));
    }
}
