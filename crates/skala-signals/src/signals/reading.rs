//! What is known of one source.

use std::time::Duration;

use skala_autoscaler::SignalObservation;
use skala_types::{Sampled, Time};

use crate::{Error, Sample};

/// The last number and the last error, whichever came later.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The last number that was read, and kept through failures.
    pub sample: Option<Sample>,
    /// When it was asked for: the number is at least this new.
    pub at: Option<Time>,
    /// Why the last look failed, and when; `None` after one that did not.
    pub error: Option<(Error, Time)>,
    /// Failed looks in a row.
    pub failures: u32,
}

impl Reading {
    /// The number, when the last look gave one.
    pub fn fresh(&self) -> Option<f64> {
        self.sample.as_ref().filter(|_| self.error.is_none()).map(|s| s.value)
    }

    /// How old the last number is.
    pub fn age(&self, now: Time) -> Option<Duration> {
        self.at.map(|at| now.since(at))
    }

    /// Whether the source shows work beyond an activation threshold, as far as the last look tells.
    pub fn is_active(&self, threshold: f64) -> Option<bool> {
        match (&self.error, &self.sample) {
            (Some((error, _)), _) => error.wakes().then_some(true),
            (None, sample) => sample.as_ref().map(|s| s.activity > threshold),
        }
    }

    /// As the decision core sees it.
    pub fn observation(&self, name: &str) -> SignalObservation {
        let value = self.sample.as_ref().zip(self.at).map(|(sample, at)| Sampled::new(at, sample.value));
        let error = self.error.as_ref().map(|(error, _)| format!("failed to {error}").into());
        SignalObservation { name: name.into(), value, queue: None, error, failures: self.failures }
    }

    pub(super) fn take(&mut self, found: Result<Sample, Error>, asked: Time, now: Time) {
        match found {
            Ok(sample) => *self = Reading { sample: Some(sample), at: Some(asked), error: None, failures: 0 },
            Err(error) => {
                self.error = Some((error, now));
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_the_last_number_and_its_age() {
        let at = Time::from_secs;
        let mut reading = Reading::default();
        assert_eq!((reading.fresh(), reading.age(at(5)), reading.is_active(0.0)), (None, None, None));
        reading.take(Sample::new(7.0), at(10), at(11));
        assert_eq!(
            (reading.fresh(), reading.age(at(15)), reading.is_active(6.0)),
            (Some(7.0), Some(Duration::from_secs(5)), Some(true))
        );
        reading.take(Err(Error::number("no")), at(20), at(21));
        reading.take(Err(Error::number("no")), at(30), at(31));
        assert_eq!((reading.fresh(), reading.failures, reading.is_active(6.0)), (None, 2, None));
        assert_eq!(reading.sample.as_ref().map(|s| s.value), Some(7.0));
        assert_eq!(reading.age(at(40)), Some(Duration::from_secs(30)));
        let seen = reading.observation("jobs");
        assert_eq!((&*seen.name, seen.value, seen.failures), ("jobs", Some(Sampled::new(at(10), 7.0)), 2));
        assert_eq!(seen.error.as_deref(), Some("failed to get a number: no"));
        reading.take(Err(Error::Undefined { reason: "no rate".to_owned() }), at(40), at(41));
        assert_eq!((reading.fresh(), reading.is_active(1e9)), (None, Some(true)));
        reading.take(Sample::new(8.0), at(50), at(51));
        assert_eq!((reading.fresh(), reading.failures, reading.error.clone()), (Some(8.0), 0, None));
    }
}
