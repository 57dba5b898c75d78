//! Damped linear trend of the last hours.
//!
//! Decides: level and slope of the rate, and how fast the slope dies away.
//! Inputs: the rates of the last minutes, unknown ones among them.
//! Units: requests per second; slope per minute.
//! Method: Holt with damping (Gardner and McKenzie 1985); the weights are the ones of a short list that erred least five minutes ahead.
//!   An unknown minute moves the level along the slope and corrects nothing.
//! Invariants: the forecast is finite, not negative, and at most twice the highest rate of the last hours.
//! Tested: `tests` below; `tests/it`.

use serde::{Deserialize, Serialize};

/// Minutes ahead at which the weights are compared.
const AHEAD: usize = 5;
/// Minutes that must be known.
const LEAST_KNOWN: usize = 30;

const LEVEL: [f64; 4] = [0.1, 0.25, 0.5, 0.8];
const SLOPE: [f64; 3] = [0.02, 0.1, 0.3];
const DAMPING: [f64; 2] = [0.9, 0.97];

/// Which weights of the list are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Weights(u8);

impl Weights {
    const COUNT: u8 = (LEVEL.len() * SLOPE.len() * DAMPING.len()) as u8;

    /// Level, slope and damping weight.
    fn get(self) -> (f64, f64, f64) {
        let place = usize::from(self.0 % Weights::COUNT);
        let (level, rest) = (place % LEVEL.len(), place / LEVEL.len());
        (LEVEL[level], SLOPE[rest % SLOPE.len()], DAMPING[rest / SLOPE.len()])
    }

    /// The weights that erred least on these minutes; the first of equals.
    pub(crate) fn fit(minutes: &[Option<f64>]) -> Weights {
        let errors = (0..Weights::COUNT).map(|place| (Weights(place), error(minutes, Weights(place))));
        errors.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(Weights::default(), |(weights, _)| weights)
    }
}

/// Level and slope after the last minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    level: f64,
    slope: f64,
    damping: f64,
    most: f64,
}

impl Trend {
    /// The trend at the end of these minutes; `None` when too few are known.
    pub(crate) fn of(minutes: &[Option<f64>], weights: Weights) -> Option<Trend> {
        let mut state: Option<Trend> = None;
        let mut known = 0;
        for &rate in minutes {
            known += usize::from(rate.is_some());
            state = step(state, rate, weights);
        }
        state.filter(|_| known >= LEAST_KNOWN)
    }

    /// The rate now, without its noise.
    pub(crate) fn level(&self) -> f64 {
        self.level
    }

    /// The rate that many minutes after the last one.
    pub(crate) fn ahead(&self, minutes: u64) -> f64 {
        self.along(run(self.damping, minutes))
    }

    fn along(&self, run: f64) -> f64 {
        (self.level + self.slope * run).clamp(0.0, 2.0 * self.most)
    }
}

/// How far a slope of 1 gets in that many minutes: the sum of the powers of the damping.
fn run(damping: f64, minutes: u64) -> f64 {
    damping * (1.0 - damping.powi(minutes as i32)) / (1.0 - damping)
}

fn step(state: Option<Trend>, rate: Option<f64>, weights: Weights) -> Option<Trend> {
    let (alpha, beta, damping) = weights.get();
    let Some(before) = state else {
        return rate.map(|rate| Trend { level: rate, slope: 0.0, damping, most: rate });
    };
    let (expected, slope) = (before.level + damping * before.slope, damping * before.slope);
    let error = rate.map_or(0.0, |rate| rate - expected);
    let most = before.most.max(rate.unwrap_or(0.0));
    Some(Trend { level: (expected + alpha * error).max(0.0), slope: slope + alpha * beta * error, damping, most })
}

/// Sum of the absolute errors [`AHEAD`] minutes ahead.
fn error(minutes: &[Option<f64>], weights: Weights) -> f64 {
    let run = run(weights.get().2, AHEAD as u64);
    let mut state = None;
    let mut sum = 0.0;
    for (&rate, due) in minutes.iter().zip(minutes.iter().skip(AHEAD)) {
        state = step(state, rate, weights);
        if let (Some(trend), Some(due)) = (&state, due) {
            sum += (trend.along(run) - due).abs();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(minutes: &[Option<f64>]) -> Trend {
        Trend::of(minutes, Weights::fit(minutes)).unwrap()
    }

    #[test]
    fn a_ramp_goes_on_and_a_plateau_stays() {
        let ramp: Vec<_> = (0..180).map(|minute| Some(100.0 + f64::from(minute))).collect();
        assert!((fitted(&ramp).ahead(5) - 284.0).abs() < 2.0);
        assert!((fitted(&vec![Some(50.0); 180]).ahead(30) - 50.0).abs() < 1e-6);
    }

    #[test]
    fn a_falling_ramp_ends_at_zero() {
        let fall: Vec<_> = (0..100).map(|minute| Some(f64::from(100 - minute))).collect();
        assert!(fitted(&fall).ahead(30) < 1.0);
    }

    #[test]
    fn holes_do_not_bend_the_trend() {
        let ramp =
            |hole: bool| -> Vec<_> { (0..180).map(|m| (!hole || !(100..110).contains(&m)).then_some(f64::from(m))).collect() };
        assert!((fitted(&ramp(true)).ahead(5) - fitted(&ramp(false)).ahead(5)).abs() < 0.5);
    }

    #[test]
    fn few_minutes_have_no_trend() {
        assert!(Trend::of(&[Some(1.0); 29], Weights::default()).is_none());
        assert!(Trend::of(&[None; 100], Weights::default()).is_none());
    }
}
