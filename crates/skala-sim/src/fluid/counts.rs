//! Chance in the counts that the control loop sees: fluid load is smooth, live counts are not.
//!
//! Decides: how many requests a tick's window tells of, and how many of them have ended.
//! Inputs: the tick's expected arrivals, their gaps' squared coefficient of variation, a stream of its own.
//! Method: counts of a renewal process vary by mean x SCV (Cox, Renewal Theory, 4.2): Poisson, with a Gamma mean where the SCV is above
//!   1, and around a fixed part where it is below. Rates that were counted by the second vary by themselves: what they vary is
//!   measured between neighbouring ticks and not added again. What came too much or too little leaves as service times let it, and holds
//!   servers meanwhile, so that Little's law stands between the window's numbers.
//! Invariants: counts are >= 0 and keep their mean; only what is seen changes, never what the station does.
//! Tested: `tests` below; `tests/it/fluid.rs`.

use rand_distr::{Distribution, Gamma, Poisson};
use skala_types::Stream;

/// Ticks over which the rates' own variation is measured: five minutes of seconds.
const MEMORY: f64 = 300.0;
/// One pair of ticks counts at most so many times what chance explains: a jump of the load is not noise.
const JUMP: f64 = 8.0;
/// The gaps' variation that is told apart, as an SCV: a CV of 100.
const MOST_SCV: f64 = 1e4;

/// The chance of one service's counts.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    stream: Stream,
    /// Expected arrivals of the last tick; none before the first.
    last: Option<f64>,
    /// Variance over mean that the expected counts have by themselves.
    own: f64,
    pairs: f64,
    /// Requests in service beyond the fluid's.
    beyond: f64,
}

impl Counts {
    pub(super) fn new(stream: Stream) -> Counts {
        Counts { stream, last: None, own: 0.0, pairs: 0.0, beyond: 0.0 }
    }

    /// Draws a tick's arrivals around `mean`.
    pub(super) fn arrivals(&mut self, mean: f64, scv: f64) -> f64 {
        let scv = scv.clamp(0.0, MOST_SCV);
        self.measure(mean, scv);
        if mean <= 0.0 {
            return 0.0;
        }
        let more = scv - self.own;
        if more <= 0.0 {
            return mean;
        }
        if more > 1.0 {
            let Ok(rate) = Gamma::new(mean / (more - 1.0), more - 1.0) else { return mean };
            let rate = rate.sample(&mut self.stream);
            return self.poisson(rate);
        }
        (1.0 - more) * mean + self.poisson(more * mean)
    }

    /// Lets a share of the difference end: after `secs` of service times of mean `service`, of which `spare` server-seconds were free
    /// and `completions` ended in the fluid.
    pub(super) fn ended(&mut self, difference: f64, (secs, service): (f64, f64), spare: f64, completions: f64) -> f64 {
        let here = self.beyond + difference;
        let left = if service > 0.0 { (-secs / service).exp() } else { 0.0 };
        self.beyond = here * left;
        // Alike on both sides, so that the mean stays: with all servers busy, no more can end, and chance is in the queue.
        let most = if service > 0.0 { (spare / service).min(completions) } else { completions }.max(0.0);
        (here - self.beyond).clamp(-most, most)
    }

    /// Requests in service beyond the fluid's.
    pub(super) fn beyond(&self) -> f64 {
        self.beyond
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        Poisson::new(mean).map_or(mean.max(0.0), |p| p.sample(&mut self.stream))
    }

    fn measure(&mut self, mean: f64, scv: f64) {
        let Some(last) = self.last.replace(mean) else { return };
        if last + mean <= 0.0 {
            return;
        }
        let pair = ((mean - last).powi(2) / (mean + last)).min(JUMP * scv);
        self.pairs = (self.pairs + 1.0).min(MEMORY);
        self.own += (pair - self.own) / self.pairs.max(10.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skala_types::Streams;

    const N: usize = 100_000;

    fn moments(of: &[f64]) -> (f64, f64) {
        let mean = of.iter().sum::<f64>() / of.len() as f64;
        (mean, of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / of.len() as f64)
    }

    fn drawn(mut mean: impl FnMut(usize) -> f64, scv: f64) -> Vec<f64> {
        let mut counts = Counts::new(Streams::new(5).stream("counts"));
        (0..N).map(|i| counts.arrivals(mean(i), scv)).collect()
    }

    #[test]
    fn counts_keep_their_mean_and_vary_as_their_gaps_say() {
        for (mean, scv) in [(200.0, 1.0), (200.0, 4.0), (3.0, 16.0), (0.2, 1.0), (50.0, 0.3), (20.0, 0.0)] {
            let counts = drawn(|_| mean, scv);
            let (got, variance) = moments(&counts);
            let error = (mean * scv / N as f64).sqrt();
            assert!((got - mean).abs() <= 4.0 * error + 1e-9, "{mean} {scv}: mean {got}");
            assert!((variance - mean * scv).abs() <= 0.06 * mean * scv + 1e-9, "{mean} {scv}: variance {variance}");
            assert!(counts.iter().all(|c| *c >= 0.0), "{mean} {scv}");
            assert!(scv < 1.0 || counts.iter().all(|c| c.fract() == 0.0), "{mean} {scv}: whole requests");
        }
    }

    #[test]
    fn rates_that_were_counted_are_not_made_to_vary_twice() {
        let mut seen = Streams::new(6).stream("seen");
        let poisson = Poisson::new(50.0).expect("a mean");
        let (mean, variance) = moments(&drawn(|_| poisson.sample(&mut seen), 1.0));
        assert!((mean - 50.0).abs() < 0.2, "{mean}");
        assert!((45.0..60.0).contains(&variance), "{variance}");
    }

    #[test]
    fn a_swing_of_the_load_is_no_chance() {
        let swing = |i: usize| 200.0 * (1.0 + 0.7 * (i as f64 / 3600.0 * std::f64::consts::TAU).sin());
        let counts = drawn(swing, 1.0);
        let apart: Vec<f64> = counts.iter().enumerate().map(|(i, c)| (c - swing(i)) / swing(i).sqrt()).collect();
        let (mean, variance) = moments(&apart);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn what_came_too_much_ends_and_none_is_lost() {
        let mut counts = Counts::new(Streams::new(7).stream("counts"));
        let first = counts.ended(10.0, (1.0, 2.0), 1e9, 100.0);
        assert!((first + counts.beyond() - 10.0).abs() < 1e-9 && first > 0.0, "{first}");
        let rest: f64 = (0..60).map(|_| counts.ended(0.0, (1.0, 2.0), 1e9, 100.0)).sum();
        assert!((first + rest - 10.0).abs() < 1e-6, "{rest}");
        assert_eq!(counts.ended(10.0, (1.0, 0.1), 0.0, 100.0), 0.0, "no server is free");
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(drawn(|_| 0.0, 4.0).iter().all(|c| *c == 0.0));
    }
}
