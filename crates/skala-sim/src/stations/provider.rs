//! An API with quotas: requests and tokens per minute, a bound in flight.
//!
//! Decides: whether a try is taken on, and when it may come again.
//! Inputs: a call's tokens and its reservation, `now`.
//! Method: a token bucket per quota (GCRA), filled evenly. A try is taken on while the bucket holds its cost, or is full for a cost
//!   beyond its size; what is reserved and not used comes back with the answer.
//! Invariants: in any window, what is granted less what came back stays below window x rate + size + one cost.
//! Tested: `tests` below; `tests/it/stations.rs`.

use std::time::Duration;

use skala_types::{Stream, Time};

use super::level::Level;
use crate::draw::Draw;
use crate::{Provider as Spec, ProviderOutcome, SimError};

/// Seconds of a minute.
const MINUTE: f64 = 60.0;

/// One quota.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    per_second: f64,
    size: f64,
    level: f64,
    at: Time,
}

impl Bucket {
    fn new(per_minute: f64, burst: f64, now: Time) -> Bucket {
        let per_second = per_minute / MINUTE;
        let size = (per_second * burst).max(1.0);
        Bucket { per_second, size, level: size, at: now }
    }

    fn fill(&mut self, now: Time) {
        self.level = (self.level + self.per_second * now.since(self.at).as_secs_f64()).min(self.size);
        self.at = now;
    }

    /// Time until a cost is granted; zero when it is now.
    fn wait(&mut self, cost: f64, now: Time) -> Duration {
        self.fill(now);
        let missing = cost.min(self.size) - self.level;
        // Levels are sums of fractions: a billionth of a unit is no lack.
        if missing <= 1e-9 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / self.per_second).unwrap_or(Duration::MAX).saturating_add(Duration::from_nanos(1))
    }

    fn give_back(&mut self, cost: f64, now: Time) {
        self.fill(now);
        self.level = (self.level + cost).min(self.size);
    }
}

/// What comes of a try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Answer {
    /// It is worked on for so many nanoseconds.
    Taken(u64),
    /// 429; with the time after which there is quota, when that is known.
    Limited(Duration),
    /// It is more than a minute's quota and will never be granted.
    TooLarge,
    /// An outage.
    Out,
}

/// One provider in a run.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    spec: Spec,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    draw: Draw,
    rng: Stream,
    in_flight: Level,
    out_until: Time,
    tries: u64,
    granted: u64,
    throttled: u64,
    errors: u64,
    used: f64,
}

impl Provider {
    pub(super) fn try_new(spec: &Spec, rng: Stream, now: Time) -> Result<Provider, SimError> {
        Ok(Provider {
            requests: spec.requests_per_minute.map(|n| Bucket::new(n, spec.burst, now)),
            tokens: spec.tokens_per_minute.map(|n| Bucket::new(n, spec.burst, now)),
            draw: Draw::try_new(&spec.time, &format!("providers.{}.tokenTimes", spec.name))?,
            spec: spec.clone(),
            rng,
            in_flight: Level::new(0.0, now),
            out_until: Time::ZERO,
            tries: 0,
            granted: 0,
            throttled: 0,
            errors: 0,
            used: 0.0,
        })
    }

    pub(super) fn out_until(&mut self, until: Time) {
        self.out_until = self.out_until.max(until);
    }

    /// A try of a call with these tokens and this reservation.
    pub(super) fn call(&mut self, tokens: (u32, u32), reserved: f64, now: Time) -> Answer {
        self.tries += 1;
        if now < self.out_until {
            self.errors += 1;
            return Answer::Out;
        }
        if self.spec.tokens_per_minute.is_some_and(|quota| reserved > quota) {
            self.throttled += 1;
            return Answer::TooLarge;
        }
        let full = self.spec.in_flight.is_some_and(|most| self.in_flight.value() >= f64::from(most));
        let wait = |bucket: &mut Option<Bucket>, cost| bucket.as_mut().map_or(Duration::ZERO, |b| b.wait(cost, now));
        let wait = wait(&mut self.requests, 1.0).max(wait(&mut self.tokens, reserved));
        if full || !wait.is_zero() {
            self.throttled += 1;
            return Answer::Limited(wait);
        }
        self.requests.iter_mut().for_each(|b| b.level -= 1.0);
        self.tokens.iter_mut().for_each(|b| b.level -= reserved);
        self.granted += 1;
        self.in_flight.add(1.0, now);
        Answer::Taken(self.draw.nanos(&mut self.rng, tokens.0, tokens.1))
    }

    /// The answer to a call is there.
    pub(super) fn finish_call(&mut self, reserved: f64, used: f64, now: Time) {
        self.in_flight.add(-1.0, now);
        self.used += used;
        self.tokens.iter_mut().for_each(|b| b.give_back((reserved - used).max(0.0), now));
    }

    pub(super) fn finish(self, end: Time, lasted: Duration) -> ProviderOutcome {
        let share = |used: f64, quota: Option<f64>| {
            quota.map(|q| if lasted.is_zero() { 0.0 } else { used / (q / MINUTE * lasted.as_secs_f64()) })
        };
        ProviderOutcome {
            tries: self.tries as f64,
            requests: self.granted as f64,
            throttled: self.throttled as f64,
            errors: self.errors as f64,
            throttled_share: if self.tries == 0 { 0.0 } else { self.throttled as f64 / self.tries as f64 },
            tokens: self.used,
            request_utilisation: share(self.granted as f64, self.spec.requests_per_minute),
            token_utilisation: share(self.used, self.spec.tokens_per_minute),
            mean_in_flight: self.in_flight.mean(end, lasted),
            name: self.spec.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use skala_types::Streams;

    use super::*;
    use crate::Dist;

    fn provider(requests: f64, tokens: f64, burst: f64) -> Provider {
        let spec = Spec {
            name: "p".into(),
            requests_per_minute: Some(requests),
            tokens_per_minute: Some(tokens),
            burst,
            in_flight: None,
            time: Dist::Constant { seconds: 0.1 },
        };
        Provider::try_new(&spec, Streams::new(1).stream("p"), Time::from_secs(1000)).expect("sound")
    }

    proptest! {
        #[test]
        fn no_window_grants_more_than_the_quota(
            requests in 1.0f64..600.0, tokens in 1000.0f64..100_000.0, burst in 0.1f64..30.0,
            tries in prop::collection::vec((0u64..4_000_000_000, 1u32..2000, 0u32..2000), 1..300)
        ) {
            let mut provider = provider(requests, tokens, burst);
            let mut now = Time::from_secs(1000);
            let mut granted: Vec<(f64, f64)> = Vec::new();
            for (gap, input, output) in tries {
                now += Duration::from_nanos(gap);
                let reserved = f64::from(input + output);
                match provider.call((input, output), reserved, now) {
                    Answer::Taken(_) => granted.push((now.as_secs_f64(), reserved)),
                    Answer::Limited(after) => prop_assert!(!after.is_zero()),
                    Answer::TooLarge => prop_assert!(reserved > tokens),
                    Answer::Out => prop_assert!(false, "there is no outage"),
                }
            }
            for (i, (from, _)) in granted.iter().enumerate() {
                let mut sum = 0.0;
                let mut largest = 0.0f64;
                for (n, (at, cost)) in granted[i..].iter().enumerate() {
                    sum += cost;
                    largest = largest.max(*cost);
                    let window = at - from;
                    let size = |rate: f64| (rate / 60.0 * burst).max(1.0);
                    prop_assert!((n + 1) as f64 <= size(requests) + requests / 60.0 * window + 1e-3, "requests in {window} s");
                    prop_assert!(sum <= size(tokens) + largest + tokens / 60.0 * window + 1e-3, "tokens in {window} s");
                }
            }
        }
    }

    #[test]
    fn a_retry_after_is_true() {
        let mut provider = provider(60.0, 1e9, 1.0);
        let now = Time::from_secs(1000);
        assert_eq!(provider.call((1, 1), 2.0, now), Answer::Taken(100_000_000));
        let Answer::Limited(after) = provider.call((1, 1), 2.0, now) else { panic!("the quota is used up") };
        assert!(matches!(provider.call((1, 1), 2.0, now + after / 2), Answer::Limited(_)));
        assert_eq!(provider.call((1, 1), 2.0, now + after), Answer::Taken(100_000_000));
    }

    #[test]
    fn what_was_reserved_and_not_used_comes_back() {
        let mut provider = provider(1e6, 6000.0, 10.0);
        let now = Time::from_secs(1000);
        assert!(matches!(provider.call((100, 100), 1000.0, now), Answer::Taken(_)));
        assert_eq!(provider.call((100, 100), 1000.0, now), Answer::Limited(Duration::from_secs(10) + Duration::from_nanos(1)));
        provider.finish_call(1000.0, 200.0, now);
        assert_eq!(provider.call((100, 100), 1000.0, now), Answer::Limited(Duration::from_secs(2) + Duration::from_nanos(1)));
        assert_eq!(provider.call((100, 100), 7000.0, now), Answer::TooLarge);
    }
}
