//! A queue that slows down because what its workers call refuses.
//!
//! Decides: how fast attempts may begin after refusals (429, 503).
//! Inputs: attempts that begin, refusals with their Retry-After, `now` of the monotonic clock.
//! Method: AIMD as TCP has it. The rate at which attempts began before the first refusal is the full speed; a refusal halves the share
//!   of it that is used, at most once per second, so that the refusals of one burst count once; each second without a refusal gives a
//!   tenth back. Retry-After stops the queue until then.
//! Invariants: `0 < speed <= 1`; a queue that was never refused is not limited; without refusals the full speed is back within 10 s
//!   after the pause.
//! Tested: `tests` below.

use std::time::Duration;

use skala_types::Time;

use crate::Rate;
use crate::rate::Gcra;

/// Share of the speed that a refusal leaves.
const CUT: f64 = 0.5;
/// Refusals within this time after a cut belong to it.
const CUT_EVERY: Duration = Duration::from_secs(1);
/// Share of the full speed that a quiet second gives back.
const STEP: f64 = 0.1;
/// The least share: something must be tried to notice that capacity is back.
const LEAST: f64 = 1.0 / 64.0;
/// The least full speed, per second: a queue that hardly began anything is not stopped by a refusal.
const LEAST_RATE: f64 = 1.0;
/// The longest pause that is obeyed.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The begin rate is measured over about this time, in seconds.
const WINDOW: f64 = 10.0;

/// The begin rate's factor of one queue.
#[derive(Clone, Debug)]
pub struct Slow {
    meter: Meter,
    cut: Option<Cut>,
}

/// What refusals did.
#[derive(Clone, Debug)]
struct Cut {
    /// Attempts per second before the first refusal.
    full: f64,
    /// Share of it that was left by the last refusal.
    share: f64,
    /// The last refusal that counted.
    counted: Time,
    /// Quiet seconds count from then on.
    quiet_from: Time,
    /// Nothing begins before.
    until: Time,
    pace: Gcra,
}

impl Default for Slow {
    fn default() -> Slow {
        Slow::new()
    }
}

impl Slow {
    /// A queue at full speed.
    pub fn new() -> Slow {
        Slow { meter: Meter::default(), cut: None }
    }

    /// What its workers call has no capacity.
    pub fn refused(&mut self, retry_after: Option<Duration>, now: Time) {
        let speed = self.speed(now);
        if speed >= 1.0 {
            self.cut = None;
        }
        let full = self.meter.rate(now).max(LEAST_RATE);
        let cut = self.cut.get_or_insert_with(|| Cut::new(full, now));
        if now - cut.counted >= CUT_EVERY {
            cut.share = (speed * CUT).max(LEAST);
            cut.counted = now;
        }
        cut.until = cut.until.max(now + retry_after.unwrap_or_default().min(LONGEST_PAUSE));
        cut.quiet_from = cut.until;
    }

    /// Share of the full speed, 1 for all of it.
    pub fn speed(&self, now: Time) -> f64 {
        let Some(cut) = &self.cut else { return 1.0 };
        let quiet = now.since(cut.quiet_from).as_secs();
        (cut.share + STEP * quiet as f64).min(1.0)
    }

    /// Whether an attempt may begin now, without counting it.
    ///
    /// # Errors
    /// When the next may.
    pub fn peek(&self, now: Time) -> Result<(), Time> {
        match &self.cut {
            Some(cut) if now < cut.until => Err(cut.until),
            Some(cut) if self.speed(now) < 1.0 => cut.pace.peek(now),
            _ => Ok(()),
        }
    }

    /// Counts an attempt that begins now.
    ///
    /// # Errors
    /// When the next may; nothing is counted.
    pub fn begin(&mut self, now: Time) -> Result<(), Time> {
        let speed = self.speed(now);
        match &mut self.cut {
            Some(cut) if now < cut.until => return Err(cut.until),
            Some(cut) if speed < 1.0 => {
                cut.pace.set(Rate { per_second: cut.full * speed, burst: 1 });
                cut.pace.check(now)?;
            }
            _ => self.cut = None,
        }
        self.meter.count(now);
        Ok(())
    }

    /// In words, while it is slowed.
    pub fn text(&self, now: Time) -> Option<String> {
        let cut = self.cut.as_ref().filter(|_| self.speed(now) < 1.0 || self.peek(now).is_err())?;
        if now < cut.until {
            let seconds = (cut.until - now).as_secs_f64().ceil();
            return Some(format!("what its workers call refuses; it is asked again in {seconds} s"));
        }
        let speed = self.speed(now);
        Some(format!("what its workers call refused; begins {:.1} of {:.1} per second", cut.full * speed, cut.full))
    }
}

impl Cut {
    fn new(full: f64, now: Time) -> Cut {
        let pace = Gcra::new(Rate { per_second: full, burst: 1 });
        Cut { full, share: CUT, counted: now, quiet_from: now, until: now, pace }
    }
}

/// Begins per second, exponentially decayed.
#[derive(Clone, Debug, Default)]
struct Meter {
    count: f64,
    first: Option<Time>,
    last: Time,
}

impl Meter {
    fn count(&mut self, now: Time) {
        self.count = self.decayed(now) + 1.0;
        self.last = now;
        self.first.get_or_insert(now);
    }

    fn decayed(&self, now: Time) -> f64 {
        self.count * (-(now.since(self.last).as_secs_f64()) / WINDOW).exp()
    }

    /// A meter that has just begun knows of less than a window.
    fn rate(&self, now: Time) -> f64 {
        let Some(first) = self.first else { return 0.0 };
        let known = now.since(first).as_secs_f64().max(1.0);
        self.decayed(now) / (WINDOW * (1.0 - (-known / WINDOW).exp()))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const START: Time = Time::from_secs(1_800_000_000);

    /// A queue that has been beginning 100 per second for a minute.
    fn busy() -> (Slow, Time) {
        let mut slow = Slow::new();
        let begun = (0..6000).map(|n| START + Duration::from_millis(10 * n));
        let last = begun.inspect(|at| assert_eq!(slow.begin(*at), Ok(()))).last().expect("there are");
        (slow, last)
    }

    /// Attempts that begin within a second when as many as may do.
    fn begun_in_a_second(slow: &mut Slow, from: Time) -> usize {
        (0..1000).filter(|n| slow.begin(from + Duration::from_millis(*n)).is_ok()).count()
    }

    #[test]
    fn refusals_halve_the_speed_once_per_second_and_quiet_seconds_give_a_tenth_back() {
        let (mut slow, last) = busy();
        let mut rows = Vec::new();
        let mut row = |slow: &Slow, millis: u64, what: &str| {
            let now = last + Duration::from_millis(millis);
            rows.push(format!("{} ms {what}: {:.2}", millis, slow.speed(now)));
        };
        row(&slow, 0, "unhindered");
        for (millis, what) in [(0, "refused"), (10, "of the same burst"), (999, "of the same burst"), (1000, "refused again")] {
            slow.refused(None, last + Duration::from_millis(millis));
            row(&slow, millis, what);
        }
        for millis in [1999, 2000, 5000, 8000, 9000] {
            row(&slow, millis, "quiet");
        }
        let expected: Expect = expect![[r#"
            0 ms unhindered: 1.00
            0 ms refused: 0.50
            10 ms of the same burst: 0.50
            999 ms of the same burst: 0.50
            1000 ms refused again: 0.25
            1999 ms quiet: 0.25
            2000 ms quiet: 0.35
            5000 ms quiet: 0.65
            8000 ms quiet: 0.95
            9000 ms quiet: 1.00"#]];
        expected.assert_eq(&rows.join("\n"));
    }

    #[test]
    fn attempts_begin_at_the_share_of_the_rate_before() {
        let (mut slow, last) = busy();
        slow.refused(None, last);
        expect!["what its workers call refused; begins 50.0 of 100.1 per second"].assert_eq(&slow.text(last).expect("slowed"));
        let first = begun_in_a_second(&mut slow, last + Duration::from_nanos(1));
        assert!((49..=52).contains(&first), "{first}");
        assert_eq!(begun_in_a_second(&mut slow, last + Duration::from_secs(10)), 1000, "no limit at full speed");
        assert_eq!(slow.text(last + Duration::from_secs(10)), None);
    }

    #[test]
    fn nothing_begins_before_retry_after_and_then_slowly() {
        let (mut slow, last) = busy();
        slow.refused(Some(Duration::from_secs(20)), last);
        let until = last + Duration::from_secs(20);
        assert_eq!(slow.begin(last + Duration::from_secs(1)), Err(until));
        assert_eq!(slow.speed(until), 0.5, "quiet seconds count from the end of the pause");
        expect!["what its workers call refuses; it is asked again in 20 s"].assert_eq(&slow.text(last).expect("slowed"));
        assert_eq!(slow.begin(until), Ok(()));
        assert!(slow.begin(until).is_err());
        slow.refused(Some(Duration::MAX), until);
        assert_eq!(slow.peek(until), Err(until + LONGEST_PAUSE));
    }

    #[test]
    fn a_queue_that_never_began_anything_is_not_stopped_by_a_refusal() {
        let mut slow = Slow::new();
        slow.refused(None, START);
        assert_eq!(slow.begin(START), Ok(()));
        assert_eq!(slow.begin(START), Err(START + Duration::from_secs(2)));
    }

    proptest! {
        #[test]
        fn the_speed_stays_between_its_bounds_and_comes_back(steps in proptest::collection::vec((0u64..3000, any::<bool>(), 0u64..5), 1..200)) {
            let (mut slow, mut now) = busy();
            for (millis, refused, after) in steps {
                now += Duration::from_millis(millis);
                if refused {
                    slow.refused((after > 2).then(|| Duration::from_secs(after)), now);
                } else if let Err(next) = slow.begin(now) {
                    prop_assert!(next > now);
                }
                let speed = slow.speed(now);
                prop_assert!((LEAST..=1.0).contains(&speed), "{speed}");
            }
            let quiet = now + Duration::from_secs(4 + 10);
            prop_assert_eq!((slow.speed(quiet), slow.peek(quiet)), (1.0, Ok(())));
        }
    }
}
