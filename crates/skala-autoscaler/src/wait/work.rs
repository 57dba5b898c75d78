//! How long a request holds a server: its mean and spread, learned.
//!
//! Decides: the service-time distribution that the wait is predicted with.
//! Inputs: the station's slow window.
//! Method: sums with a fading memory of [`MEMORY`], weighted by completions, so that a quiet window says little; a window that
//!   is slower by more than chance begins anew. The shape is log-normal with the measured mean and spread.
//! Invariants: mean > 0, spread >= 0, both finite.
//! Tested: `wait::tests`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{StationSample, Time};

use crate::math::sane;

/// Memory, seconds.
const MEMORY: f64 = 600.0;
/// Deviations that contradict the mean.
const CONTRADICTION: f64 = 4.0;
/// Spread before one was measured: exponential.
const GUESS: f64 = 1.0;
/// Most spread that is reckoned with.
const MOST: f64 = 25.0;

/// Shares of the requests that [`Work::points`] stand for, and where they lie on the normal scale.
pub(crate) const SHARES: [(f64, f64); 12] = [
    (0.2, -1.281_552),
    (0.2, -0.524_401),
    (0.2, 0.0),
    (0.15, 0.453_762),
    (0.1, 0.841_621),
    (0.05, 1.150_349),
    (0.03, 1.405_072),
    (0.03, 1.695_398),
    (0.02, 2.053_749),
    (0.01, 2.432_379),
    (0.005, 2.747_781),
    (0.005, 3.090_232),
];

/// What is known of the service time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Work {
    at: Time,
    since: Time,
    /// Completions, fading.
    weight: f64,
    /// Seconds that servers were held, fading like the completions.
    busy: f64,
    /// Seconds.
    pub(crate) mean: f64,
    /// Squared coefficient of variation.
    pub(crate) scv: f64,
}

impl Work {
    /// What a window with completions says.
    fn seen(slow: &StationSample) -> Option<(f64, f64, f64)> {
        let service = slow.service;
        if service.count == 0 || !sane(service.mean) || service.mean <= 0.0 {
            return None;
        }
        // Without a measured spread, the log-normal one between median and mean.
        let by_median = || (service.p50 > 0.0).then(|| (service.mean / service.p50).powi(2) - 1.0);
        let enough = service.count >= 10;
        let scv = slow.service_scv.or_else(by_median).filter(|scv| enough && sane(*scv)).unwrap_or(GUESS);
        Some((service.count as f64, service.mean, scv.clamp(0.0, MOST)))
    }

    /// The first look; none while nothing was completed.
    pub(crate) fn starting(now: Time, slow: &StationSample) -> Option<Work> {
        let (count, mean, scv) = Work::seen(slow)?;
        let busy = slow.in_flight_mean * slow.window.as_secs_f64();
        Some(Work { at: now, since: now.minus(slow.window), weight: count, busy, mean, scv })
    }

    /// What somebody says of it before it was measured.
    pub(crate) fn guessed(now: Time, mean: Duration) -> Work {
        Work { at: now, since: now, weight: 0.0, busy: 0.0, mean: mean.as_secs_f64(), scv: GUESS }
    }

    /// Takes in one look.
    pub(crate) fn feed(&mut self, now: Time, slow: &StationSample) {
        let step = now.since(self.at).as_secs_f64();
        if step <= 0.0 {
            return;
        }
        self.at = now;
        let fading = 1.0 - (step / MEMORY).min(1.0);
        self.busy = self.busy * fading + slow.in_flight_mean * step;
        let Some((count, mean, scv)) = Work::seen(slow) else { return };
        let noise = mean.max(self.mean) * (self.scv.max(scv).max(0.01) * (1.0 / count + 1.0 / self.weight.max(1.0))).sqrt();
        if mean > self.mean && mean - self.mean > CONTRADICTION * noise {
            (self.weight, self.busy, self.mean, self.scv) = (count, count * mean, mean, scv);
            return;
        }
        // The slow window overlaps its predecessor: only the new part of it counts.
        let new = count * (step / slow.window.as_secs_f64().max(step));
        self.weight = self.weight * fading + new;
        let share = if self.weight > 0.0 { new / self.weight } else { 0.0 };
        // The variance of the mixture: within the window, and of its mean around the whole one's.
        let apart = mean / self.mean - 1.0;
        self.scv += (scv + apart * apart - self.scv) * share;
        self.mean += (mean - self.mean) * share;
        self.scv = self.scv.clamp(0.0, MOST);
    }

    /// Whether there is enough to reckon with: twenty answers, or a minute's where there are few.
    pub(crate) fn is_known(&self, now: Time) -> bool {
        self.weight >= 20.0 || now.since(self.since) >= Duration::from_secs(60)
    }

    /// As it is to be reckoned with at `now`. Whoever answers first was quick: until ten service times have been seen, the mean is
    /// the time that servers were held per answer, which counts those that are still at it (the estimate for censored times).
    pub(crate) fn unbiased(&self, now: Time) -> Work {
        let early = now.since(self.since).as_secs_f64() < 10.0 * self.mean;
        let held = if early && self.weight > 0.0 { (self.busy / self.weight).min(2.0 * self.mean) } else { 0.0 };
        Work { mean: self.mean.max(held), ..*self }
    }

    /// Service times that stand for [`SHARES`] of the requests, seconds, rising.
    pub(crate) fn points(&self) -> [f64; 12] {
        let variance = self.scv.ln_1p();
        let (median, sigma) = (self.mean * (-variance / 2.0).exp(), variance.sqrt());
        SHARES.map(|(_, z)| median * (sigma * z).exp())
    }
}
