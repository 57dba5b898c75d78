//! The clairvoyant optimum.

use std::time::Duration;

use proptest::prelude::*;
use skala_autoscaler::{Policy, PolicySpec};
use skala_sim::optimum::{Schedule, of_arrivals, of_steps};
use skala_sim::{Dist, Flow, Mode, Need, Service, simulate};

use skala_types::Replicas;

use crate::parts::{FLUID, bounds, exact, poisson, rates, scenario, secs, service};

fn need(step: u64, of: &[u32]) -> Need {
    let mut need = Need::new(Duration::from_secs(step));
    of.iter().enumerate().for_each(|(i, n)| need.raise(i as u64, *n));
    need
}

fn cheapest(of: &[u32], start_up: u64, bounds: (u32, u32)) -> Schedule {
    Schedule::cheapest(&need(1, of), Duration::from_secs(start_up), bounds, Duration::from_secs(of.len() as u64))
}

#[test]
fn gaps_shorter_than_a_start_are_bridged_and_longer_ones_are_not() {
    let shown = |s: &Schedule| s.ready().iter().map(|(at, n)| format!("{}:{n}", at.as_secs())).collect::<Vec<_>>().join(" ");
    for (of, start_up, within, expected) in [
        (&[1, 1, 1, 1][..], 2, (1, 9), "0:1"),
        (&[1, 2, 1, 1, 2, 1], 2, (1, 9), "0:1 1:2 5:1"),
        (&[1, 2, 1, 1, 1, 2, 1], 2, (1, 9), "0:1 1:2 2:1 5:2 6:1"),
        (&[1, 3, 1, 1, 2, 1], 2, (1, 9), "0:1 1:3 2:2 5:1"),
        (&[5, 5, 0, 0, 5], 1, (2, 3), "0:3 2:2 4:3"),
        (&[0, 0, 4], 1, (0, 9), "0:0 2:4"),
    ] {
        assert_eq!(shown(&cheapest(of, start_up, within)), expected, "{of:?} start-up {start_up}");
    }
}

#[test]
fn a_start_is_paid_from_its_beginning() {
    let schedule = cheapest(&[1, 1, 1, 1, 1, 3, 1, 1], 2, (1, 9));
    assert_eq!(schedule.replica_seconds(), 8.0 + 2.0 * (1.0 + 2.0));
}

/// The cost of the best of all schedules: every way to be ready, step by step.
fn brute_force(of: &[u32], start_up: u64, (min, max): (u32, u32)) -> f64 {
    // Before the beginning the first replicas are there; a start at step t costs its start-up, cut at the beginning of time.
    let wanted: Vec<u32> = of.iter().map(|n| (*n).clamp(min, max)).collect();
    let mut best: Vec<(u32, f64)> = (wanted[0]..=max).map(|n| (n, f64::from(n))).collect();
    for (t, least) in wanted.iter().enumerate().skip(1) {
        let paid = start_up.min(t as u64) as f64;
        best = (*least..=max)
            .map(|n| {
                let from = |(m, cost): &(u32, f64)| cost + f64::from(n) + paid * f64::from(n.saturating_sub(*m));
                (n, best.iter().map(from).fold(f64::INFINITY, f64::min))
            })
            .collect();
    }
    best.iter().map(|b| b.1).fold(f64::INFINITY, f64::min)
}

proptest! {
    #[test]
    fn no_schedule_is_cheaper(of in proptest::collection::vec(0u32..5, 8..14), start_up in 1u64..5, min in 0u32..2) {
        // Starts near the beginning are cheaper than elsewhere, for nobody pays for the time before it: leave them out.
        let mut padded = vec![0; start_up as usize];
        padded.extend(&of);
        let schedule = cheapest(&padded, start_up, (min, 5));
        prop_assert!((schedule.replica_seconds() - brute_force(&padded, start_up, (min, 5))).abs() < 1e-9);
        for (t, n) in padded.iter().enumerate() {
            prop_assert!(schedule.at(Duration::from_secs(t as u64)) >= (*n).clamp(min, 5));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever misses nothing pays at least as much as the optimum: policies that see only the past, and every fixed size.
    #[test]
    fn nobody_who_misses_nothing_is_cheaper(
        rates in proptest::collection::vec(5.0f64..150.0, 1..5), seed in 0u64..1000, cv in 0.0f64..2.0, start_up in 0u64..40, target in 1.0f64..6.0,
        fixed in 1u32..12, minimum in 1u32..3,
    ) {
        let load: Vec<(f64, f64)> = rates.iter().map(|rate| (*rate, 120.0)).collect();
        let spec = PolicySpec {
            min_replicas: Replicas(minimum),
            max_replicas: Replicas(15),
            metrics: vec![skala_autoscaler::MetricSpec::Concurrency { target }.into()],
            ..PolicySpec::default()
        };
        let base = Service {
            policy: Policy::try_new(spec).expect("sound"),
            service_time: Dist::LogNormal { mean: 0.1, cv },
            start_up: Dist::Constant { seconds: start_up as f64 },
            ..service(1, 5)
        };
        let of = scenario(base.clone(), Mode::Exact);
        let best = of_arrivals(&of, 0, &mut || Ok(Box::new(poisson(&load, seed)))).expect("runs").outcome;
        for policy in [base.policy.clone(), Policy::fixed(Replicas(fixed.max(minimum)))] {
            let rival = scenario(Service { policy, ..base.clone() }, Mode::Exact);
            let out = simulate(&rival, &mut poisson(&load, seed), &mut |_| Flow::Continue).expect("runs").services.remove(0);
            if out.missed_minutes == Some(0) {
                prop_assert_eq!(best.missed_minutes, Some(0));
                prop_assert!(
                    out.replica_seconds >= best.replica_seconds * 0.999,
                    "optimum {}, rival {}", best.replica_seconds, out.replica_seconds
                );
            }
        }
    }
}

#[test]
fn no_minute_is_missed_and_fewer_replicas_would_miss_some() {
    let load: Vec<(f64, f64)> = [80.0, 250.0, 600.0, 250.0, 80.0].iter().map(|rate| (*rate, 300.0)).collect();
    let scaled = || Service { policy: bounds(1, 30), ..service(1, 10) };
    let optimum = of_arrivals(&scenario(scaled(), Mode::Exact), 0, &mut || Ok(Box::new(poisson(&load, 3)))).expect("runs");
    let out = &optimum.outcome;
    assert_eq!((out.minutes, out.missed_minutes, out.refused), (25, Some(0), 0.0));
    assert!((out.replica_seconds - optimum.schedule.replica_seconds()).abs() < 1e-6);
    // The busy work alone is a bound from below: servers cannot be fuller than full.
    let busy: f64 = load.iter().map(|(rate, lasts)| rate * lasts * 0.1 / 10.0).sum();
    assert!(out.replica_seconds > busy && out.replica_seconds < 1.35 * busy, "{} of {busy}", out.replica_seconds);
    // A fixed size that keeps every minute costs more.
    let peak = exact(service(7, 10), &load).services.remove(0);
    assert!(peak.missed_minutes == Some(0) && peak.replica_seconds > 1.5 * out.replica_seconds);
}

#[test]
fn by_steps_it_comes_to_about_the_same() {
    let load: Vec<(f64, f64)> = [80.0, 250.0, 600.0, 250.0, 80.0].iter().map(|rate| (*rate, 300.0)).collect();
    let scaled = || Service { policy: bounds(1, 30), ..service(1, 10) };
    let single = of_arrivals(&scenario(scaled(), Mode::Exact), 0, &mut || Ok(Box::new(poisson(&load, 3)))).expect("runs");
    let steps = of_steps(&scenario(scaled(), FLUID), 0, &mut || Ok(Box::new(rates(&load)))).expect("runs");
    assert_eq!(steps.outcome.missed_minutes, Some(0));
    let ratio = steps.outcome.replica_seconds / single.outcome.replica_seconds;
    assert!((0.85..1.15).contains(&ratio), "{ratio}");
}

#[test]
fn what_cannot_be_kept_is_not_paid_for() {
    // Every request takes longer than its objective: no number of replicas helps.
    let slow = Service { policy: bounds(1, 50), service_time: Dist::Constant { seconds: 2.0 }, ..service(1, 10) };
    let load = [(20.0, 300.0)];
    let optimum = of_arrivals(&scenario(slow, Mode::Exact), 0, &mut || Ok(Box::new(poisson(&load, 3)))).expect("runs");
    assert_eq!(optimum.outcome.missed_minutes, Some(5));
    assert!(optimum.outcome.ready.1 < 10, "{:?}", optimum.outcome.ready);
}

#[test]
fn bounds_hold_even_when_minutes_are_missed() {
    let load = [(400.0, 120.0)];
    let scaled = Service { policy: bounds(2, 3), ..service(1, 10) };
    let optimum = of_arrivals(&scenario(scaled, Mode::Exact), 0, &mut || Ok(Box::new(poisson(&load, 3)))).expect("runs");
    assert_eq!((optimum.outcome.ready, optimum.outcome.missed_minutes), ((3, 3), Some(2)));
}

#[test]
fn needs_of_long_runs_are_kept_in_longer_steps() {
    let mut long = Need::new(secs(1.0));
    long.raise(5, 3);
    long.raise(Need::MOST as u64 * 3, 7);
    assert_eq!(long.kept_step(), secs(4.0));
    assert_eq!((long.at(secs(5.0)).0, long.at(secs(9.0)).0, long.at(secs(3e6 + 1e6)).0), (3, 0, 0));
    assert_eq!(long.at(secs(Need::MOST as f64 * 3.0)).0, 7);
}
