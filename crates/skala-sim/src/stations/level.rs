//! A number that changes now and then: its mean over time and its highest value.

use std::time::Duration;

use skala_types::Time;

/// A level with its integral over time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    value: f64,
    since: Time,
    area: f64,
    most: f64,
}

impl Level {
    pub(crate) fn new(value: f64, now: Time) -> Level {
        Level { value, since: now, area: 0.0, most: value }
    }

    pub(crate) fn set(&mut self, value: f64, now: Time) {
        self.area = self.area_at(now);
        self.since = now;
        self.value = value;
        self.most = self.most.max(value);
    }

    pub(crate) fn add(&mut self, by: f64, now: Time) {
        self.set(self.value + by, now);
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    pub(crate) fn most(&self) -> f64 {
        self.most
    }

    pub(crate) fn area_at(&self, now: Time) -> f64 {
        self.area + self.value * now.since(self.since).as_secs_f64()
    }

    pub(crate) fn mean(&self, now: Time, lasted: Duration) -> f64 {
        if lasted.is_zero() { 0.0 } else { self.area_at(now) / lasted.as_secs_f64() }
    }
}
