//! Knative's rules, one row or scenario each, and what must hold for any load.

mod properties;
mod repairs;
mod rows;
mod scale;
mod zero;

use std::time::Duration;

use skala_types::{Replicas, Time};

use super::*;

/// A moment on a slot border of the delay window.
pub(super) const T0: Time = Time::from_secs(1_700_000_000);

pub(super) fn at(s: u64) -> Time {
    T0 + Duration::from_secs(s)
}

pub(super) fn config(change: impl FnOnce(&mut ConfigSpec)) -> Config {
    let mut spec = ConfigSpec::default();
    change(&mut spec);
    Config::try_new(spec).unwrap()
}

/// The configuration of upstream's unit tests: a target at 75 % of the total, rates of 10, panic at 200 %.
pub(super) fn upstream(target: f64, burst: f64, change: impl FnOnce(&mut ConfigSpec)) -> Config {
    config(|c| {
        c.target = Some(target / 0.75);
        c.target_utilization_percentage = 75.0;
        c.target_burst_capacity = burst;
        c.max_scale_up_rate = 10.0;
        c.max_scale_down_rate = 10.0;
        change(c);
    })
}

/// A service under test.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) input: Input,
}

impl World {
    pub(super) fn new(config: Config, ready: u32) -> World {
        let state = State::start(&config, T0, Some(Replicas(ready)));
        World { config, state, input: Input::new(T0, Replicas(ready)) }
    }

    /// Puts these values into the windows.
    pub(super) fn windows(&mut self, now: Time, stable: f64, panic: f64) {
        self.state.stable = Buckets::new(self.config.spec().stable_window);
        self.state.stable.record(now, stable);
        self.state.panic = Buckets::new(self.config.panic_window());
        self.state.panic.record(now, panic);
    }

    /// One tick with these values in the windows; the wanted size before bounds, and the burst.
    pub(super) fn tick(&mut self, s: u64, ready: u32, stable: f64, panic: f64) -> (u32, i32) {
        self.windows(at(s), stable, panic);
        self.input.now = at(s);
        self.input.ready = Some(Replicas(ready));
        let decision = decide(&self.config, &mut self.state, &self.input);
        (self.state.desired.unwrap(), decision.excess_burst)
    }

    /// One tick with one sample of `load` that belongs to it.
    pub(super) fn load(&mut self, s: u64, ready: u32, load: f64) -> Decision {
        self.input.now = at(s);
        self.input.ready = Some(Replicas(ready));
        self.input.samples = vec![Sample { at: at(s), value: load }];
        decide(&self.config, &mut self.state, &self.input)
    }
}
