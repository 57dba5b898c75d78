//! Fluid mode against theory and against exact mode.

use std::time::Duration;

use skala_autoscaler::{MetricSpec, Policy, PolicySpec, Quantile};
use skala_sim::{Dist, Fault, FaultKind, Flow, Mode, Service, ServiceOutcome, SimError, simulate, simulate_steps};

use skala_trace::{Drawing, Drawn, RateStep};
use skala_types::{Replicas, Streams};

use crate::parts::{FLUID, bounds, exact, fluid, poisson, rates, scenario, secs, service};

fn only(outcome: skala_sim::Outcome) -> ServiceOutcome {
    outcome.services.into_iter().next().expect("one service")
}

/// Relative difference.
fn apart(a: f64, b: f64) -> f64 {
    (a - b).abs() / b.abs().max(1e-12)
}

#[test]
fn waits_are_those_of_m_m_c() {
    // c, rho, mean wait and its p95, in service times, from the theory.
    for (c, rho, mean, p95) in [
        (1, 0.5, 1.0, 4.605),
        (2, 0.8, 1.7778, 6.637),
        (4, 0.9, 1.9694, 6.893),
        (16, 0.9, 0.3696, 1.544),
        (100, 0.9, 0.0217, 0.1468),
    ] {
        let got = only(fluid(service(1, c), &[(rho * f64::from(c) / 0.1, 7200.0)]));
        assert!(apart(got.wait.mean, mean * 0.1) < 0.05, "c={c} rho={rho}: mean {}", got.wait.mean);
        assert!(apart(got.wait.p95, p95 * 0.1) < 0.08, "c={c} rho={rho}: p95 {}", got.wait.p95);
        assert!(apart(got.utilisation, rho) < 0.01, "c={c} rho={rho}: {}", got.utilisation);
    }
}

#[test]
fn a_variable_service_waits_as_allen_and_cunneen_say() {
    let times = |cv| Service { service_time: Dist::LogNormal { mean: 0.1, cv }, ..service(1, 4) };
    let poisson = 0.35721 * 0.1;
    for cv in [0.3, 1.0, 2.0] {
        let got = only(fluid(times(cv), &[(28.0, 7200.0)]));
        assert!(apart(got.wait.mean, poisson * (1.0 + cv * cv) / 2.0) < 0.06, "{cv}: {}", got.wait.mean);
        assert!(apart(got.latency.mean, got.wait.mean + 0.1) < 0.04, "{cv}: {}", got.latency.mean);
    }
}

#[test]
fn steady_load_agrees_with_exact_mode() {
    for (replicas, rate) in [(2, 120.0), (3, 250.0)] {
        let load = [(rate, 600.0)];
        let (f, e) = (only(fluid(service(replicas, 10), &load)), only(exact(service(replicas, 10), &load)));
        for (what, f, e) in [
            ("arrivals", f.arrivals, e.arrivals),
            ("mean", f.latency.mean, e.latency.mean),
            ("p50", f.latency.p50, e.latency.p50),
            ("p95", f.latency.p95, e.latency.p95),
            ("p99", f.latency.p99, e.latency.p99),
            ("utilisation", f.utilisation, e.utilisation),
        ] {
            assert!(apart(f, e) < 0.06, "{replicas} replicas, {rate}/s: {what} {f} against {e}");
        }
        let late = |o: &ServiceOutcome| o.late.expect("an objective") / o.arrivals;
        assert!((late(&f) - late(&e)).abs() < 0.01, "late {} against {}", late(&f), late(&e));
    }
}

#[test]
fn an_overload_builds_up_and_drains_as_in_exact_mode() {
    // 200/s of capacity; 300/s for 20 s bring 1000 requests into line, and 100/s drain them within 10 s.
    let load = [(100.0, 60.0), (300.0, 20.0), (100.0, 100.0)];
    let (f, e) = (only(fluid(service(2, 10), &load)), only(exact(service(2, 10), &load)));
    assert!(apart(f.worst_wait, 10.0) < 0.6 && apart(f.worst_wait, e.worst_wait) < 0.1, "{} {}", f.worst_wait, e.worst_wait);
    for (what, f, e) in
        [("mean", f.wait.mean, e.wait.mean), ("p95", f.wait.p95, e.wait.p95), ("late", f.late.unwrap(), e.late.unwrap())]
    {
        assert!(apart(f, e) < 0.1, "{what}: {f} against {e}");
    }
    assert!(f.missed_minutes.unwrap().abs_diff(e.missed_minutes.unwrap()) <= 1, "{:?} {:?}", f.missed_minutes, e.missed_minutes);
}

#[test]
fn long_requests_fill_their_servers_before_anybody_waits() {
    // 40 servers of 10 s each: a burst of 30 in 10 s finds them free, though they finish only 4 a second.
    let long = || Service { service_time: Dist::Constant { seconds: 10.0 }, ..service(4, 10) };
    let load = [(0.0, 30.0), (6.0, 6.0), (0.0, 60.0)];
    let (f, e) = (only(fluid(long(), &load)), only(exact(long(), &load)));
    assert!(f.worst_wait < 0.3 && e.worst_wait < 0.3, "{} {}", f.worst_wait, e.worst_wait);
}

#[test]
fn a_full_room_refuses_what_is_too_much() {
    let small = || {
        let mut s = service(1, 10);
        s.station.max_waiting = 100;
        s
    };
    let load = [(150.0, 120.0)];
    let (f, e) = (only(fluid(small(), &load)), only(exact(small(), &load)));
    assert!(apart(f.refused, e.refused) < 0.06, "{} {}", f.refused, e.refused);
    assert!(apart(f.wait.mean, e.wait.mean) < 0.06, "{} {}", f.wait.mean, e.wait.mean);
    assert!(apart(f.completions + f.refused, f.arrivals) < 0.02, "nobody is lost");
}

#[test]
fn a_policy_grows_and_shrinks_as_in_exact_mode() {
    let scaled = || Service { policy: bounds(2, 20), ..service(2, 10) };
    let load: Vec<(f64, f64)> = (0..120).map(|i| (100.0 + 80.0 * (f64::from(i) / 10.0).sin(), 15.0)).collect();
    let (f, e) = (only(fluid(scaled(), &load)), only(exact(scaled(), &load)));
    assert!(apart(f.replica_seconds, e.replica_seconds) < 0.1, "{} {}", f.replica_seconds, e.replica_seconds);
    assert!(apart(f.latency.p95, e.latency.p95) < 0.1, "{} {}", f.latency.p95, e.latency.p95);
}

#[test]
fn a_hole_is_masked_and_not_an_outage() {
    let outcome = fluid(service(2, 10), &[(100.0, 120.0), (-1.0, 600.0), (100.0, 120.0)]);
    assert_eq!(outcome.masked, Duration::from_secs(600));
    assert_eq!(only(outcome).minutes, 4);
}

#[test]
fn what_is_no_load_is_refused() {
    let run =
        |of: &[(f64, f64)]| simulate_steps(&scenario(service(1, 1), FLUID), &mut rates(of), &mut |_| skala_sim::Flow::Continue);
    assert_eq!(run(&[]).unwrap_err(), SimError::Trace(skala_trace::TraceError::Empty));
    assert_eq!(run(&[(0.0, 60.0)]).unwrap_err(), SimError::Trace(skala_trace::TraceError::Empty));
    let error = run(&[(1.0, 60.0), (f64::INFINITY, 60.0)]).unwrap_err().to_string();
    assert_eq!(error, "the trace step: at 60.000 s has a number that is negative or not finite");
    let error = run(&[(1.0, 60.0), (1.0, 0.0)]).unwrap_err().to_string();
    assert_eq!(error, "the trace step: at 60.000 s overlaps the one before or has no length; sort the trace by time");
}

#[test]
fn the_same_steps_give_the_same_outcome() {
    let run = || {
        serde_json::to_string(&fluid(Service { policy: bounds(1, 9), ..service(2, 10) }, &[(50.0, 100.0), (150.0, 100.0)]))
            .unwrap()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_lost_replica_fails_what_it_had_as_in_exact_mode() {
    let load = [(800.0, 80.0)];
    let lost = |mode| {
        let mut of = scenario(service(4, 50), mode);
        of.faults = vec![Fault { service: 0, at: secs(60.0), kind: FaultKind::ReplicaLoss { replicas: 2 } }];
        of
    };
    let single = simulate(&lost(Mode::Exact), &mut poisson(&load, 3), &mut |_| Flow::Continue).expect("runs").services.remove(0);
    let steps = simulate_steps(&lost(FLUID), &mut rates(&load), &mut |_| Flow::Continue).expect("runs").services.remove(0);
    // Eighty are in service, and half of the replicas go.
    assert!((25.0..=55.0).contains(&single.errors), "{}", single.errors);
    assert!((38.0..=42.0).contains(&steps.errors), "{}", steps.errors);
    assert!(steps.completions + steps.errors <= steps.arrivals + 1e-6, "{} {}", steps.completions, steps.arrivals);
}

#[test]
fn a_service_that_sleeps_wakes_up_and_falls_asleep_as_in_exact_mode() {
    let sleeper = || Service { policy: bounds(0, 6), ..service(1, 10) };
    let load: Vec<(f64, f64)> = (0..4).flat_map(|_| [(0.0, 900.0), (60.0, 300.0)]).collect();
    let (f, e) = (only(fluid(sleeper(), &load)), only(exact(sleeper(), &load)));
    assert_eq!((f.ready.0, e.ready.0), (0, 0), "both sleep");
    assert!(apart(f.replica_seconds, e.replica_seconds) < 0.1, "{} {}", f.replica_seconds, e.replica_seconds);
    // A start takes ten seconds, and the first of them waits for it.
    assert!((10.0..13.0).contains(&e.worst_wait) && (10.0..13.0).contains(&f.worst_wait), "{} {}", f.worst_wait, e.worst_wait);
    assert!(apart(f.late.unwrap(), e.late.unwrap()) < 0.2, "{:?} {:?}", f.late, e.late);
    assert!(f.missed_minutes.unwrap().abs_diff(e.missed_minutes.unwrap()) <= 1, "{:?} {:?}", f.missed_minutes, e.missed_minutes);
    assert_eq!((f.refused, e.refused), (0.0, 0.0));
    assert!(apart(f.completions, f.arrivals) < 0.01, "{} {}", f.completions, f.arrivals);
}

#[test]
fn a_policy_that_learns_how_bursty_arrivals_are_learns_it_from_steps_too() {
    let wait = MetricSpec::PredictedWait {
        quantile: Quantile::P95,
        latency: secs(0.5),
        concurrency: 10,
        patience: secs(30.0),
        room: 1000,
        window: secs(30.0 * 86_400.0),
    };
    let spec =
        PolicySpec { min_replicas: Replicas(1), max_replicas: Replicas(50), metrics: vec![wait.into()], ..PolicySpec::default() };
    let policy = Policy::try_new(spec).expect("sound");
    let run = |gap_scv: f64| {
        let steps: Vec<RateStep> = (0..60)
            .map(|i| RateStep {
                from: secs(f64::from(i) * 60.0),
                to: secs(f64::from(i + 1) * 60.0),
                rate: Some(200.0 + 80.0 * (f64::from(i) / 10.0).sin()),
                gap_scv,
                tokens: (0.0, 0.0),
            })
            .collect();
        let of = |mode| scenario(Service { policy: policy.clone(), ..service(4, 10) }, mode);
        let mut drawn = Drawn::new(Listed(steps.clone().into_iter()), Drawing::default(), Streams::new(3));
        let e = simulate(&of(Mode::Exact), &mut drawn, &mut |_| Flow::Continue).expect("runs").services.remove(0);
        let f = simulate_steps(&of(FLUID), &mut Listed(steps.into_iter()), &mut |_| Flow::Continue).expect("runs");
        (only(f), e)
    };
    let (smooth, _) = run(1.0);
    for (scv, within) in [(1.0, 0.05), (4.0, 0.05), (16.0, 0.1)] {
        let (f, e) = run(scv);
        assert!(apart(f.replica_seconds, e.replica_seconds) < within, "{scv}: {} {}", f.replica_seconds, e.replica_seconds);
        assert!(
            f.missed_minutes.unwrap().abs_diff(e.missed_minutes.unwrap()) <= 3,
            "{scv}: {:?} {:?}",
            f.missed_minutes,
            e.missed_minutes
        );
        assert!(scv < 16.0 || f.replica_seconds > 1.1 * smooth.replica_seconds, "{scv}: bursts need room");
    }
}

/// Steps from a list.
struct Listed(std::vec::IntoIter<RateStep>);

impl skala_trace::Steps for Listed {
    fn next(&mut self) -> Result<Option<RateStep>, skala_trace::TraceError> {
        Ok(self.0.next())
    }
}
