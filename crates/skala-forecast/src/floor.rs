//! A forecaster beside a service's policy: fed with its station, asked for the time that a new replica takes.
//!
//! Decides: for which horizon and quantile a forecast is asked.
//! Inputs: the policy, its state, the station's windows, `now`.
//! Method: the fast window of each tick is what came since the one before. The horizon is the learned start-up time and a look, at
//!   most half an hour; the quantile is [`QUANTILE`].
//! Invariants: none without the predicted-wait metric, for only that one reads a forecast; the same window twice counts once.
//! Tested: `tests/it/floor.rs`.

use std::time::Duration;

use skala_autoscaler::{Forecast, MetricSpec, Policy, State, StationWindows, Text};
use skala_types::Time;

use crate::{Forecaster, RestoreError, Saved};

/// Four minutes in five come no more: the quantile of a policy whose head-room covers as much while it has budget to spare. What
/// comes beyond is answered.
const QUANTILE: f64 = 0.8;
/// From a look to the decision that follows from it.
const LOOK: Duration = Duration::from_secs(2);
/// Longest horizon.
const LONGEST: Duration = Duration::from_secs(1800);
/// How often the state is to be stored.
const KEEP: Duration = Duration::from_secs(300);

/// Forecasts for one service.
#[derive(Clone, Debug, Default)]
pub struct Floor {
    forecaster: Forecaster,
    kept: Time,
}

impl Floor {
    /// For a service with this policy; none where nobody would read a forecast.
    pub fn for_policy(policy: &Policy) -> Option<Floor> {
        let reads = |m: &skala_autoscaler::MetricEntry| matches!(m.what, MetricSpec::PredictedWait { .. });
        policy.spec().metrics.iter().any(reads).then(Floor::default)
    }

    /// Goes on where a stored one was.
    ///
    /// # Errors
    /// [`RestoreError`] when the stored state is of another version or damaged: forecasting starts anew.
    pub fn restore(&mut self, saved: &Saved) -> Result<(), RestoreError> {
        self.forecaster = Forecaster::restore(saved)?;
        Ok(())
    }

    /// Takes in what came since the last look.
    pub fn feed(&mut self, station: &StationWindows) {
        let fast = &station.fast;
        if fast.window > Duration::ZERO {
            self.forecaster.observe(fast.at.minus(fast.window), fast.window, fast.arrivals as f64);
        }
    }

    /// What is expected within a start-up; none while no model is in force.
    pub fn expected(&self, policy: &Policy, state: &State, now: Time) -> Option<Forecast> {
        let horizon = (state.startup_estimate(policy) + LOOK).min(LONGEST);
        let forecast = self.forecaster.forecast(now, horizon, [QUANTILE]).ok()?;
        let [rate] = forecast.peak;
        Some(Forecast { rate: rate.0, at: now, horizon, quantile: QUANTILE, model: Text::from(forecast.model.name()) })
    }

    /// The state, when it is time to store it again, or at the end.
    pub fn take_save(&mut self, now: Time, last: bool) -> Option<Saved> {
        let due = now.since(self.kept) >= KEEP;
        if !due && !last {
            return None;
        }
        self.kept = now;
        Some(self.forecaster.save())
    }

    /// The forecaster itself, for its scores.
    pub fn forecaster(&self) -> &Forecaster {
        &self.forecaster
    }
}
