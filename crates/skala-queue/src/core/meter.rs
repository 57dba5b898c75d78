//! Rates over the last minute, and means that favour what is recent.

use std::time::Duration;

use skala_types::Time;

const SLOTS: usize = 12;
const SLOT: Duration = Duration::from_secs(5);

/// Events of the last minute, in twelve parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Minute {
    counts: [u32; SLOTS],
    /// The number of the part that counts now.
    slot: u64,
    first: Option<Time>,
}

impl Minute {
    pub(super) fn count(&mut self, events: u32, now: Time) {
        let slot = number(now);
        let passed = slot.saturating_sub(self.slot).min(SLOTS as u64);
        for step in 1..=passed {
            self.counts[((self.slot + step) % SLOTS as u64) as usize] = 0;
        }
        if passed == SLOTS as u64 {
            self.counts = [0; SLOTS];
        }
        self.slot = self.slot.max(slot);
        self.counts[(self.slot % SLOTS as u64) as usize] += events;
        self.first.get_or_insert(now);
    }

    /// Events per second; none before the first. Over the time that is known, a second at least.
    pub(super) fn rate(&self, now: Time) -> Option<f64> {
        let known = now.since(self.first?).as_secs_f64();
        let oldest = number(now).saturating_sub(SLOTS as u64 - 1);
        let counted = (oldest..=number(now)).filter(|slot| *slot <= self.slot && *slot + SLOTS as u64 > self.slot);
        let events: u64 = counted.map(|slot| u64::from(self.counts[(slot % SLOTS as u64) as usize])).sum();
        // The part that runs has only begun.
        let begun = (now.as_nanos() % SLOT.as_nanos() as u64) as f64 / 1e9;
        let span = SLOT.as_secs_f64() * (SLOTS - 1) as f64 + begun;
        Some(events as f64 / known.min(span).max(1.0))
    }
}

fn number(now: Time) -> u64 {
    now.as_nanos() / SLOT.as_nanos() as u64
}

/// A mean in which each new value weighs a sixteenth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean(Option<f64>);

impl Mean {
    pub(super) fn add(&mut self, value: Duration) {
        let value = value.as_secs_f64();
        self.0 = Some(self.0.map_or(value, |mean| mean + (value - mean) / 16.0));
    }

    pub(super) fn get(&self) -> Option<Duration> {
        self.0.map(Duration::from_secs_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut minute = Minute::default();
        let at = |seconds: u64| Time::from_secs(1_800_000_000 + seconds);
        assert_eq!(minute.rate(at(0)), None);
        for second in 0..120 {
            minute.count(3, at(second));
        }
        let rate = minute.rate(at(120)).unwrap();
        assert!((2.9..3.3).contains(&rate), "{rate}");
        assert!(minute.rate(at(150)).unwrap() < 2.0);
        assert_eq!(minute.rate(at(500)), Some(0.0));
        minute.count(55, at(500));
        assert!((0.9..1.1).contains(&minute.rate(at(500)).unwrap()));
    }
}
