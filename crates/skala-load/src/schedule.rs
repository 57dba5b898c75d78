//! Arrival times of an open-loop run, computed ahead of the answers.
//!
//! Decides: when each request is intended to start.
//! Inputs: linear pieces of rate (per second), the spacing, a seeded random stream.
//! Method: change of time. A process of unit rate (one arrival per unit, or exponential gaps) is mapped through the inverse of the
//!   cumulative rate, which is exact for any rate that changes linearly, and spreads arrivals within each second.
//! Invariants: times never decrease; the same seed gives the same times; memory does not grow with the number of arrivals.
//! Tested: `tests` below.

use std::str::FromStr;
use std::time::Duration;

use rand_distr::{Distribution, Exp1};
use skala_types::{Stream, Streams};

use crate::rate::Piece;
use crate::trace::TraceError;

/// How arrivals are spaced around their rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Exponential gaps: independent users, as in most real traffic.
    #[default]
    Poisson,
    /// Equal gaps: the least bursty load of its rate.
    Constant,
}

impl FromStr for Spacing {
    type Err = String;

    fn from_str(text: &str) -> Result<Spacing, String> {
        match text {
            "poisson" => Ok(Spacing::Poisson),
            "constant" => Ok(Spacing::Constant),
            _ => Err(format!("'{text}' is not a spacing: write poisson or constant")),
        }
    }
}

/// Arrival times as offsets from the start, never decreasing.
pub(crate) type Times = Box<dyn Iterator<Item = Result<Duration, TraceError>> + Send>;

/// Arrival times of a varying rate; see the module header.
pub(crate) struct Schedule<I> {
    pieces: I,
    piece: Option<Piece>,
    /// Seconds from the start of the run to the start of `piece`.
    begins: f64,
    /// Arrivals of the unit-rate process that are due after the start of `piece`.
    due: f64,
    spacing: Spacing,
    stream: Stream,
}

impl<I: Iterator<Item = Result<Piece, TraceError>>> Schedule<I> {
    /// Arrivals at the rate that `pieces` give, one after another.
    pub(crate) fn new(pieces: I, spacing: Spacing, seed: u64) -> Schedule<I> {
        let mut stream = Streams::new(seed).stream("arrivals");
        let due = match spacing {
            Spacing::Constant => 0.0,
            Spacing::Poisson => Exp1.sample(&mut stream),
        };
        Schedule { pieces, piece: None, begins: 0.0, due, spacing, stream }
    }

    fn gap(&mut self) -> f64 {
        match self.spacing {
            Spacing::Constant => 1.0,
            Spacing::Poisson => Exp1.sample(&mut self.stream),
        }
    }
}

impl<I: Iterator<Item = Result<Piece, TraceError>>> Iterator for Schedule<I> {
    type Item = Result<Duration, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let piece = match self.piece {
                Some(piece) => piece,
                None => match self.pieces.next()? {
                    Ok(piece) => *self.piece.insert(piece),
                    Err(error) => return Some(Err(error)),
                },
            };
            if let Some(offset) = time_of(&piece, self.due) {
                self.due += self.gap();
                // An offset beyond the range of a duration is an arrival that never comes.
                return Duration::try_from_secs_f64(self.begins + offset).ok().map(Ok);
            }
            let length = piece.length?.as_secs_f64();
            self.due -= (piece.from + piece.to) / 2.0 * length;
            self.due = self.due.max(0.0);
            self.begins += length;
            self.piece = None;
        }
    }
}

/// Seconds into `piece` at which `due` arrivals have come, or `None` when the piece ends (or stays at zero) before that.
fn time_of(piece: &Piece, due: f64) -> Option<f64> {
    let Some(length) = piece.length.map(|d| d.as_secs_f64()) else {
        return (piece.from > 0.0).then(|| due / piece.from);
    };
    if due >= (piece.from + piece.to) / 2.0 * length {
        return None;
    }
    // The root of `from t + slope t^2 / 2 = due` in the form that neither cancels nor divides by a slope of zero.
    let slope = (piece.to - piece.from) / length;
    let root = (piece.from * piece.from + 2.0 * slope * due).max(0.0).sqrt();
    let at = if due == 0.0 { 0.0 } else { 2.0 * due / (piece.from + root) };
    Some(at.min(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate::Rate;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    fn times(rate: &str, spacing: Spacing, seed: u64) -> impl Iterator<Item = f64> {
        let rate: Rate = rate.parse().expect("rate");
        let pieces: Vec<_> = rate.pieces().iter().copied().map(Ok).collect();
        Schedule::new(pieces.into_iter(), spacing, seed).map(|t| t.expect("a rate cannot fail").as_secs_f64())
    }

    fn check(rate: &str, expected: Expect) {
        let shown: Vec<String> = times(rate, Spacing::Constant, 0).take(8).map(|t| format!("{t:.3}")).collect();
        expected.assert_eq(&shown.join(" "));
    }

    #[test]
    fn constant_spacing_is_even() {
        check("10", expect!["0.000 0.100 0.200 0.300 0.400 0.500 0.600 0.700"]);
        check("1@2s,4@1s", expect!["0.000 1.000 2.000 2.250 2.500 2.750"]);
        check("0@5s,2@2s", expect!["5.000 5.500 6.000 6.500"]);
        check("0..4/2s", expect!["0.000 1.000 1.414 1.732"]);
        check("4..0/2s", expect!["0.000 0.268 0.586 1.000"]);
        check("0", expect![""]);
    }

    #[test]
    fn poisson_has_its_rate_and_its_variance() {
        let all: Vec<f64> = times("1000", Spacing::Poisson, 7).take(20_000).collect();
        let gaps: Vec<f64> = all.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let var = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1e-3).abs() < 3e-5, "mean gap {mean}");
        assert!((var.sqrt() / mean - 1.0).abs() < 0.03, "coefficient of variation {}", var.sqrt() / mean);
        assert_eq!(all, times("1000", Spacing::Poisson, 7).take(20_000).collect::<Vec<_>>());
        assert_ne!(all[..10], times("1000", Spacing::Poisson, 8).take(10).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn a_run_holds_the_arrivals_of_its_area(from in 0.0f64..500.0, to in 0.0f64..500.0, secs in 1u64..20, seed: u64) {
            let rate = format!("{from}..{to}/{secs}s");
            let even: Vec<f64> = times(&rate, Spacing::Constant, seed).collect();
            let area = (from + to) / 2.0 * secs as f64;
            prop_assert!((even.len() as f64 - area).abs() <= 1.0, "{} arrivals for {area}", even.len());
            prop_assert!(even.windows(2).all(|w| w[0] <= w[1]));
            prop_assert!(even.iter().all(|t| (0.0..=secs as f64).contains(t)));
            let random: Vec<f64> = times(&rate, Spacing::Poisson, seed).collect();
            prop_assert!(random.windows(2).all(|w| w[0] <= w[1]));
            prop_assert!((random.len() as f64 - area).abs() <= 6.0 * area.sqrt() + 6.0);
        }
    }
}
