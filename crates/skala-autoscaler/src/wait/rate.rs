//! The arrival rate now and how it moves: as steady as chance allows, as quick as a change demands.
//!
//! Decides: the rate to plan for, its trend, and how much burstier than Poisson the arrivals are.
//! Inputs: the station's fast and slow windows at each plan.
//! Method: two averages, a minute and five; each begins anew when a shorter window contradicts it by more than chance
//!   explains (Lepski's rule: the longest window that no shorter one contradicts). Chance is Poisson's, times the index of
//!   dispersion of counts, measured on neighbouring slow windows, where a drift of the rate cancels.
//!   Two more averages never begin anew; their distance is the slope of a steep rise, and corrects the lag of an average.
//! Invariants: finite and >= 0; the same moment twice changes nothing.
//! Tested: `wait::tests`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{StationSample, Time};

/// Memory of the short average.
const MINUTE: f64 = 60.0;
/// Memory of the long average.
const LEVEL: f64 = 300.0;
/// Memories of the two averages whose distance is the slope; they never begin anew, so that a steep ramp has one, too.
const QUICK: f64 = 30.0;
const SLOW: f64 = 90.0;
/// Deviations below which a slope is chance.
const SLOPE: f64 = 4.0;
/// How long a slope goes on: it is damped to 1/e in this time, seconds. A jump looks like a slope for a minute.
const GOES_ON: f64 = 60.0;
/// Deviations that contradict an average: one look in some hundreds errs, and errs only towards the quicker window.
const CONTRADICTION: f64 = 3.0;
/// The same for the fast window, which is looked at ten times as often.
const JUMP: f64 = 4.5;
/// Pairs of windows that the dispersion remembers: ten minutes of ten seconds.
const PAIRS: f64 = 60.0;
/// One pair says no more than this, so that a step of the load does not pass for bursts.
const MOST_DISPERSION: f64 = 30.0;

/// An average over what is known of its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mean {
    value: f64,
    /// Seconds that it covers.
    filled: f64,
}

impl Mean {
    fn feed(&mut self, value: f64, step: f64, memory: f64) {
        self.value += (value - self.value) * step / (self.filled + step);
        self.filled = (self.filled + step).min(memory);
    }

    /// How long ago its middle is, seconds: half of what it covers, and all of its memory once that is full.
    fn age(&self, memory: f64) -> f64 {
        if self.filled < memory { self.filled / 2.0 } else { memory }
    }

    /// Begins anew when a rate over `length` seconds contradicts it.
    fn yield_to(&mut self, rate: f64, length: f64, deviations: f64, dispersion: f64) {
        let noise = dispersion * self.value.max(rate).max(1.0 / length) * (1.0 / length + 1.0 / self.filled.max(1.0));
        if self.filled > length && (rate - self.value).abs() > deviations * noise.sqrt() {
            *self = Mean { value: rate, filled: length };
        }
    }
}

/// What is known of the arrival rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rate {
    at: Time,
    minute: Mean,
    level: Mean,
    #[serde(default)]
    quick: Mean,
    #[serde(default)]
    slow: Mean,
    dispersion: f64,
    pairs: f64,
    pair_at: Time,
    pair_count: f64,
}

impl Rate {
    pub(crate) fn starting(now: Time, slow: &StationSample) -> Rate {
        let first = Mean { value: slow.arrival_rate(), filled: slow.window.as_secs_f64() };
        let pair_count = slow.arrivals as f64;
        Rate {
            at: now,
            minute: first,
            level: first,
            quick: first,
            slow: first,
            dispersion: 1.0,
            pairs: 0.0,
            pair_at: slow.at,
            pair_count,
        }
    }

    /// Takes in one look.
    pub(crate) fn feed(&mut self, now: Time, fast: &StationSample, slow: &StationSample) {
        let step = now.since(self.at).as_secs_f64();
        if step <= 0.0 {
            return;
        }
        self.at = now;
        if step > LEVEL {
            *self = Rate { dispersion: self.dispersion, pairs: self.pairs, ..Rate::starting(now, slow) };
            return;
        }
        self.measure_dispersion(slow);
        let (quick, length) = (fast.window.as_secs_f64(), slow.window.as_secs_f64());
        let fresh = if quick > 0.0 && step < 2.0 * quick { fast.arrival_rate() } else { slow.arrival_rate() };
        self.minute.feed(fresh, step, MINUTE);
        self.level.feed(fresh, step, LEVEL);
        self.quick.feed(fresh, step, QUICK);
        self.slow.feed(fresh, step, SLOW);
        let noise = self.dispersion();
        if quick > 0.0 {
            // Down, the slow window is early enough.
            let up = fast.arrival_rate() > self.minute.value;
            if up {
                self.minute.yield_to(fast.arrival_rate(), quick, JUMP, noise);
            }
        }
        self.minute.yield_to(slow.arrival_rate(), length, CONTRADICTION, noise);
        let minute = self.minute;
        self.level.yield_to(minute.value, minute.filled, CONTRADICTION, noise);
    }

    fn measure_dispersion(&mut self, slow: &StationSample) {
        if slow.at.since(self.pair_at) < slow.window {
            return;
        }
        let (one, two) = (self.pair_count, slow.arrivals as f64);
        (self.pair_at, self.pair_count) = (slow.at, two);
        if one + two >= 4.0 {
            let pair = ((one - two).powi(2) / (one + two)).min(MOST_DISPERSION);
            self.pairs = (self.pairs + 1.0).min(PAIRS);
            // Ten pairs' worth of Poisson to begin with.
            self.dispersion += (pair - self.dispersion) / (self.pairs + 10.0).min(PAIRS);
        }
    }

    /// Variance of counts over their mean, at least Poisson's 1.
    pub(crate) fn dispersion(&self) -> f64 {
        self.dispersion.clamp(1.0, MOST_DISPERSION)
    }

    /// Arrivals per second now.
    pub(crate) fn now(&self) -> f64 {
        // Only a rise has a slope; after a fall this average is the one that lags.
        let slope = self.slope();
        let steep = if slope > 0.0 { self.quick.value + slope * self.quick.age(QUICK) } else { 0.0 };
        self.minute.value.max(self.level.value).max(steep.min(2.0 * self.minute.value)).max(0.0)
    }

    /// Rise per second by the two averages that never begin anew, where it is more than chance.
    fn slope(&self) -> f64 {
        let apart = self.slow.age(SLOW) - self.quick.age(QUICK);
        let rise = self.quick.value - self.slow.value;
        // Variance of the difference of two exponential averages of white noise.
        let shares = 1.0 / (2.0 * QUICK) + 1.0 / (2.0 * SLOW) - 2.0 / (QUICK + SLOW);
        let noise = (self.dispersion() * self.slow.value.max(1.0 / SLOW) * shares).sqrt();
        if apart < QUICK || rise < SLOPE * noise { 0.0 } else { rise / apart }
    }

    /// The standard deviation of that estimate.
    pub(crate) fn error(&self) -> f64 {
        let seconds = (2.0 * self.minute.filled).max(1.0);
        (self.dispersion() * self.now() / seconds).sqrt()
    }

    /// Change per second, where the averages differ by more than chance.
    pub(crate) fn trend(&self) -> f64 {
        let apart = self.level.filled - self.minute.filled;
        let moved = self.minute.value - self.level.value;
        if apart < MINUTE || moved.abs() < self.error() { 0.0 } else { moved / apart }
    }

    /// Arrivals per second after `ahead`, if the trend goes on; it is damped by half over each five minutes.
    pub(crate) fn after(&self, ahead: Duration) -> f64 {
        let damped = LEVEL * (1.0 - (-ahead.as_secs_f64() / LEVEL).exp());
        // A trend doubles nothing: what grows faster is a jump, and jumps are seen, not extrapolated.
        let steep = self.slope() * GOES_ON * (1.0 - (-ahead.as_secs_f64() / GOES_ON).exp());
        (self.now() + (self.trend().max(0.0) * damped).max(steep)).min(2.0 * self.now())
    }
}
