//! Seeded loads over time: steady ones buy nothing, steps are answered at once, constant ones settle.

use std::collections::VecDeque;

use rand::Rng;
use skala_autoscaler::*;
use skala_types::{Replicas, StationSample, Streams, Time};

use crate::world::*;

/// One second of a station: arrivals, and the mean number in service.
type Second = (u64, f64);

/// Poisson arrivals that each stay an exponential time: `rate(s)` per second, `service` seconds on average.
fn poisson(seed: u64, length: u64, service: f64, rate: impl Fn(u64) -> f64) -> Vec<Second> {
    let mut draws = Streams::new(seed).stream("arrivals");
    let mut exponential = move |mean: f64| {
        let uniform = (draws.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        -mean * (1.0 - uniform).ln()
    };
    let mut seconds = vec![(0, 0.0); length as usize];
    for s in 0..length {
        let mut t = s as f64 + exponential(1.0 / rate(s));
        while t < (s + 1) as f64 {
            seconds[s as usize].0 += 1;
            let end = t + exponential(service);
            let mut from = t;
            for second in seconds.iter_mut().skip(s as usize) {
                let to = end.min(from.floor() + 1.0);
                second.1 += to - from;
                if to >= end {
                    break;
                }
                from = to;
            }
            t += exponential(1.0 / rate(s));
        }
    }
    seconds
}

/// A service whose replicas are ready after five seconds, under a recorded load, planned every second.
struct Run {
    policy: Policy,
    state: State,
    seen: Observation,
    seconds: VecDeque<Second>,
    now: Time,
    sizes: Vec<u32>,
}

impl Run {
    fn new(spec: PolicySpec, replicas: u32) -> Run {
        let seen = fleet(replicas, 0.5);
        Run { policy: policy(spec), state: State::new(), seen, seconds: VecDeque::new(), now: T0, sizes: Vec::new() }
    }

    fn window(&self, length: usize) -> StationSample {
        let length = length.min(self.seconds.len());
        let seconds = || self.seconds.iter().rev().take(length);
        StationSample {
            at: self.now,
            window: secs(length as u64),
            arrivals: seconds().map(|s| s.0).sum(),
            in_flight_mean: seconds().map(|s| s.1).sum::<f64>() / length as f64,
            ..StationSample::default()
        }
    }

    fn step(&mut self, second: Second) -> u32 {
        self.now += secs(1);
        self.seconds.push_back(second);
        if self.seconds.len() > 10 {
            self.seconds.pop_front();
        }
        self.seen.station = Some(StationWindows { fast: self.window(1), slow: self.window(10) });
        for r in &mut self.seen.replicas {
            if r.phase == Phase::Starting && self.now.since(r.started_at) >= secs(5) {
                (r.phase, r.phase_since) = (Phase::Ready, self.now);
            }
        }
        self.seen.replicas.retain(|r| r.phase != Phase::Draining);
        let done = plan(&self.policy, &self.state, &self.seen, self.now);
        self.seen = applied(&self.seen, &done, self.now);
        self.state = done.state;
        self.sizes.push(done.desired.0);
        done.desired.0
    }
}

#[test]
fn a_steady_poisson_load_at_95_percent_never_grows() {
    // Target per replica and size: from one request every two seconds to a thousand per second.
    for (target, size) in [(0.5, 1), (10.0, 1), (10.0, 3), (100.0, 3), (250.0, 4)] {
        for seed in 0..12 {
            let load = poisson(seed, 1200, 0.1, |_| 0.95 * target * f64::from(size));
            let mut run = Run::new(spec(size, 100, &[rps(target)]), size);
            for (s, second) in load.into_iter().enumerate() {
                assert_eq!(run.step(second), size, "target {target}, {size} replicas, seed {seed}, second {s}");
            }
        }
    }
}

#[test]
fn a_steady_concurrency_at_95_percent_never_grows() {
    // Requests per replica, size, seconds per request.
    for (target, size, service) in [(4.0, 1, 0.2), (4.0, 3, 2.0), (30.0, 3, 0.1), (10.0, 10, 8.0)] {
        for seed in 0..8 {
            let rate = 0.95 * target * f64::from(size) / service;
            let load = poisson(seed, 900, service, |_| rate);
            let mut run = Run::new(spec(size, 100, &[concurrency(target)]), size);
            for (s, second) in load.into_iter().enumerate() {
                assert_eq!(run.step(second), size, "target {target}, {size} x {service} s, seed {seed}, second {s}");
            }
        }
    }
}

#[test]
fn the_first_second_above_target_starts_replicas() {
    for (target, size) in [(100.0, 1), (50.0, 3), (100.0, 3), (400.0, 5)] {
        let capacity = target * f64::from(size);
        let mut run = Run::new(spec(size, 100, &[rps(target)]), size);
        for _ in 0..60 {
            assert_eq!(run.step(((0.9 * capacity) as u64, 1.0)), size);
        }
        assert!(run.step(((1.5 * capacity) as u64, 1.0)) > size, "target {target}, {size} replicas");
    }
    // From a fifth of the capacity the jump itself is proof, at small rates too.
    for (target, size) in [(20.0, 1), (50.0, 1), (10.0, 4)] {
        let capacity = target * f64::from(size);
        let mut run = Run::new(spec(size, 100, &[rps(target)]), size);
        for _ in 0..60 {
            assert_eq!(run.step(((0.2 * capacity) as u64, 1.0)), size);
        }
        assert!(run.step(((1.5 * capacity) as u64, 1.0)) > size, "target {target}, {size} replicas");
    }
    // The same with Poisson arrivals, three hundred to four hundred and fifty.
    for seed in 0..50 {
        let load = poisson(seed, 61, 0.1, |s| if s < 60 { 285.0 } else { 450.0 });
        let mut run = Run::new(spec(3, 100, &[rps(100.0)]), 3);
        let last = load.into_iter().map(|second| run.step(second)).last();
        assert!(last > Some(3), "seed {seed}");
    }
}

#[test]
fn a_constant_load_settles_and_stays() {
    for (rate, size) in [(37.0, 1), (250.0, 9), (380.0, 5), (960.0, 2), (950.0, 30), (3.0, 12)] {
        for seed in 0..4 {
            let load = poisson(seed, 2400, 0.05, |_| rate);
            let mut run = Run::new(spec(1, 50, &[rps(100.0), concurrency(6.0)]), size);
            load.into_iter().for_each(|second| {
                run.step(second);
            });
            // Chance may keep a size up for a while; once gone down it never comes back.
            let late = &run.sizes[600..];
            assert!(late.is_sorted_by(|a, b| a >= b), "{rate}/s from {size}: {late:?}");
            let (first, last) = (late[0], late[late.len() - 1]);
            assert!(first - last <= 1, "{rate}/s from {size} was still at {first} after ten minutes, then {last}");
            assert!(f64::from(last) * 100.0 * 1.1 >= rate * 0.99, "{rate}/s settled at {last}");
        }
    }
}

#[test]
fn an_overload_too_small_for_ten_seconds_is_answered_within_minutes() {
    for seed in 0..10 {
        let load = poisson(seed, 900, 0.1, |_| 13.0);
        let mut run = Run::new(spec(1, 10, &[rps(10.0)]), 1);
        let grown = load.into_iter().position(|second| run.step(second) > 1);
        assert!(grown.is_some_and(|s| s < 600), "seed {seed}: {grown:?}");
    }
}

#[test]
fn a_quiet_surge_quiet_day_ends_where_it_began() {
    let load = poisson(7, 1500, 0.1, |s| if (300..600).contains(&s) { 800.0 } else { 80.0 });
    let mut run = Run::new(spec(1, 20, &[rps(100.0)]), 1);
    load.into_iter().for_each(|second| {
        run.step(second);
    });
    assert!(run.sizes[..300].iter().all(|n| *n == 1));
    assert!((8..=10).contains(&run.sizes[599]), "{}", run.sizes[599]);
    assert_eq!(run.seen.current, Replicas(1));
    // Up once and down once; the ten-second window passes the fall on in steps of a second.
    assert!(run.sizes[..600].is_sorted(), "{:?}", run.sizes);
    assert!(run.sizes[600..].is_sorted_by(|a, b| a >= b), "{:?}", run.sizes);
}
