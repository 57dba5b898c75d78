//! At most so many in a time.
//!
//! Decides: whether one more may begin now, and when the next may.
//! Inputs: a rate per second, a burst, `now` of the monotonic clock.
//! Method: GCRA (ITU-T I.371, virtual scheduling): one time per limit, at which all that was admitted would be through at the even rate.
//! Invariants: in any span of time `d`, at most `burst + d * rate` begin; a refused one uses nothing up; after a long idle time the
//!   burst is whole, and no more.
//! Tested: `tests` below.

use std::collections::BTreeMap;

use skala_types::Time;

use crate::Rate;
use crate::ready::TenantIndex;

/// The longest distance between two, in seconds: a thousand years would overflow the clock.
const LONGEST_INTERVAL: f64 = 31_536_000.0;
/// A table is swept when it holds this many tenants more than twice those found busy at the last sweep.
const SWEEP_AT: usize = 256;

/// The limit's numbers in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Terms {
    interval: u64,
    tolerance: u64,
}

impl Terms {
    fn of(rate: Rate) -> Terms {
        let seconds = if rate.per_second > 0.0 { (1.0 / rate.per_second).min(LONGEST_INTERVAL) } else { LONGEST_INTERVAL };
        let interval = (seconds * 1e9) as u64;
        Terms { interval, tolerance: interval.saturating_mul(u64::from(rate.burst.max(1) - 1)) }
    }

    /// When the next may begin, if everything admitted would be through at `through`.
    fn earliest(self, through: u64) -> u64 {
        through.saturating_sub(self.tolerance)
    }

    fn admit(self, through: u64, now: u64) -> u64 {
        through.max(now).saturating_add(self.interval)
    }
}

/// One limit.
#[derive(Clone, Copy, Debug)]
pub struct Gcra {
    terms: Terms,
    through: u64,
}

impl Gcra {
    /// A limit that has its whole burst.
    pub fn new(rate: Rate) -> Gcra {
        Gcra { terms: Terms::of(rate), through: 0 }
    }

    /// Replaces the rate; what was admitted still counts.
    pub fn set(&mut self, rate: Rate) {
        self.terms = Terms::of(rate);
    }

    /// Whether one may begin now, without counting it.
    ///
    /// # Errors
    /// When the next may.
    pub fn peek(&self, now: Time) -> Result<(), Time> {
        let earliest = self.terms.earliest(self.through);
        if earliest <= now.as_nanos() { Ok(()) } else { Err(Time::from_nanos(earliest)) }
    }

    /// Counts one that begins now.
    ///
    /// # Errors
    /// When the next may; nothing is counted.
    pub fn check(&mut self, now: Time) -> Result<(), Time> {
        self.peek(now)?;
        self.through = self.terms.admit(self.through, now.as_nanos());
        Ok(())
    }

    /// One that was counted did not begin after all.
    pub fn give_back(&mut self) {
        self.through = self.through.saturating_sub(self.terms.interval);
    }
}

/// The same limit for each tenant. Only tenants that are below their whole burst take up room.
#[derive(Clone, Debug)]
pub struct TenantRates {
    terms: Terms,
    through: BTreeMap<u32, u64>,
    sweep_at: usize,
}

impl TenantRates {
    /// A limit of which every tenant has its whole burst.
    pub fn new(rate: Rate) -> TenantRates {
        TenantRates { terms: Terms::of(rate), through: BTreeMap::new(), sweep_at: SWEEP_AT }
    }

    /// Replaces the rate; what was admitted still counts.
    pub fn set(&mut self, rate: Rate) {
        self.terms = Terms::of(rate);
    }

    /// Whether one of the tenant's may begin now, without counting it.
    ///
    /// # Errors
    /// When the next may.
    pub fn peek(&self, tenant: TenantIndex, now: Time) -> Result<(), Time> {
        let through = self.through.get(&tenant.0).copied().unwrap_or(0);
        let earliest = self.terms.earliest(through);
        if earliest <= now.as_nanos() { Ok(()) } else { Err(Time::from_nanos(earliest)) }
    }

    /// Counts one of the tenant's that begins now.
    ///
    /// # Errors
    /// When the next may; nothing is counted.
    pub fn check(&mut self, tenant: TenantIndex, now: Time) -> Result<(), Time> {
        self.peek(tenant, now)?;
        let through = self.through.entry(tenant.0).or_insert(0);
        *through = self.terms.admit(*through, now.as_nanos());
        self.sweep(now);
        Ok(())
    }

    /// One of the tenant's that was counted did not begin after all.
    pub fn give_back(&mut self, tenant: TenantIndex) {
        if let Some(through) = self.through.get_mut(&tenant.0) {
            *through = through.saturating_sub(self.terms.interval);
        }
    }

    /// The index will be another tenant's.
    pub fn forget(&mut self, tenant: TenantIndex) {
        self.through.remove(&tenant.0);
    }

    /// Tenants that take up room.
    pub fn len(&self) -> usize {
        self.through.len()
    }

    /// Whether every tenant has its whole burst.
    pub fn is_empty(&self) -> bool {
        self.through.is_empty()
    }

    /// A tenant whose time lies in the past has its whole burst: as if it had never come.
    fn sweep(&mut self, now: Time) {
        if self.through.len() >= self.sweep_at {
            self.through.retain(|_, through| *through > now.as_nanos());
            self.sweep_at = 2 * self.through.len() + SWEEP_AT;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(per_second: f64, burst: u32, at_millis: &[u64], expected: Expect) {
        let mut gcra = Gcra::new(Rate { per_second, burst });
        let start = Time::from_secs(1_800_000_000);
        let row = |at: &u64| match gcra.check(start + Duration::from_millis(*at)) {
            Ok(()) => format!("{at} yes"),
            Err(next) => format!("{at} at {}", (next - start).as_millis()),
        };
        expected.assert_eq(&at_millis.iter().map(row).collect::<Vec<_>>().join(", "));
    }

    #[test]
    fn a_burst_then_the_even_rate_and_after_a_long_rest_the_burst_again() {
        check(
            10.0,
            3,
            &[0, 0, 0, 0, 99, 100, 100, 86_400_000, 86_400_000, 86_400_000, 86_400_000],
            expect![
                "0 yes, 0 yes, 0 yes, 0 at 100, 99 at 100, 100 yes, 100 at 200, 86400000 yes, 86400000 yes, 86400000 yes, 86400000 at 86400100"
            ],
        );
        check(0.5, 1, &[0, 1999, 2000, 2001], expect!["0 yes, 1999 at 2000, 2000 yes, 2001 at 4000"]);
        check(1e12, 1, &[0, 0, 0], expect!["0 yes, 0 yes, 0 yes"]);
        check(
            0.0,
            0,
            &[0, 1, 31_535_999_999, 31_536_000_000],
            expect!["0 yes, 1 at 31536000000, 31535999999 at 31536000000, 31536000000 yes"],
        );
    }

    #[test]
    fn one_that_is_given_back_may_begin_again() {
        let mut gcra = Gcra::new(Rate { per_second: 1.0, burst: 1 });
        let now = Time::from_secs(100);
        assert_eq!(gcra.check(now), Ok(()));
        assert_eq!(gcra.check(now), Err(Time::from_secs(101)));
        gcra.give_back();
        assert_eq!(gcra.check(now), Ok(()));
    }

    #[test]
    fn tenants_at_rest_take_up_no_room() {
        let mut rates = TenantRates::new(Rate { per_second: 100.0, burst: 2 });
        for n in 0..100_000u32 {
            assert_eq!(rates.check(TenantIndex(n), Time::from_millis(u64::from(n))), Ok(()));
            assert!(rates.len() <= 2 * SWEEP_AT, "{} after {n}", rates.len());
        }
    }

    proptest! {
        #[test]
        fn no_span_of_time_holds_more_than_the_burst_and_the_rate(
            per_second in 0.1f64..1000.0, burst in 1u32..50, steps in proptest::collection::vec(0u64..2_000_000_000, 1..200),
        ) {
            let mut one = Gcra::new(Rate { per_second, burst });
            let mut many = TenantRates::new(Rate { per_second, burst });
            let mut now = Time::from_secs(1_000_000);
            let mut begun = Vec::new();
            for step in steps {
                now += Duration::from_nanos(step % 3 * step);
                let may = one.check(now);
                prop_assert_eq!(may, many.check(TenantIndex(7), now));
                match may {
                    Ok(()) => begun.push(now),
                    // What is told is true: a nanosecond before, no; then, yes.
                    Err(next) => prop_assert!(next > now && one.peek(next).is_ok() && one.peek(next.minus(Duration::from_nanos(1))).is_err()),
                }
            }
            for (first, from) in begun.iter().enumerate() {
                for (last, to) in begun.iter().enumerate().skip(first) {
                    let allowed = f64::from(burst) + (*to - *from).as_secs_f64() * per_second * (1.0 + 1e-6) + 1e-6;
                    prop_assert!((last - first + 1) as f64 <= allowed.floor() + 1e-9 || ((last - first + 1) as f64) <= allowed);
                }
            }
        }
    }
}
