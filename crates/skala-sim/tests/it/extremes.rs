//! What nobody would ask for, and somebody will: an answer with finite numbers, or a clear refusal.

use std::time::Duration;

use skala_autoscaler::{Directive, Policy};
use skala_sim::optimum::{of_arrivals, of_steps};
use skala_sim::{Dist, Fault, FaultKind, Mode, Outcome, Scenario, Service};
use skala_trace::Item;
use skala_types::Replicas;

use crate::parts::{self, FLUID, bounds, exact, fluid, poisson, rates, scenario, service};
use crate::support::{Listed, arrival, run};

fn finite(what: &str, outcome: &Outcome) {
    for of in &outcome.services {
        let numbers =
            [of.arrivals, of.completions, of.latency.mean, of.wait.mean, of.worst_wait, of.replica_seconds, of.utilisation];
        assert!(numbers.iter().all(|n| n.is_finite() && *n >= 0.0), "{what}: {numbers:?}");
        assert!(of.utilisation <= 1.0, "{what}: {}", of.utilisation);
        assert!(of.completions + of.errors + of.refused <= of.arrivals * (1.0 + 1e-9) + 1e-6, "{what}: more ended than came");
    }
}

/// Services at the edges of what the types can say.
fn odd() -> Vec<(&'static str, Service)> {
    let with = |dist| Service { service_time: dist, ..service(2, 4) };
    let starts = |seconds| Service { policy: bounds(1, 9), start_up: Dist::Constant { seconds }, ..service(1, 4) };
    let mut impatient = service(1, 1);
    (impatient.station.max_wait, impatient.station.max_waiting) = (Duration::ZERO, 0);
    let mut unbounded = service(1, 1);
    unbounded.station.concurrency = None;
    vec![
        ("no service time", with(Dist::Constant { seconds: 0.0 })),
        ("a service time of a year", with(Dist::Constant { seconds: 3e7 })),
        ("a wild service time", with(Dist::LogNormal { mean: 0.1, cv: 100.0 })),
        ("no start-up", starts(0.0)),
        ("a start-up of a day", starts(86_400.0)),
        ("no replica", Service { policy: Policy::fixed(Replicas(0)), initial: Some(Replicas(0)), ..service(1, 4) }),
        ("no room and no patience", impatient),
        ("no bound on concurrency", unbounded),
        ("as many servers as can be said", service(3, u32::MAX)),
        ("no objective", Service { objective: None, ..service(2, 4) }),
        ("no share", Service { share: 0.0, ..service(1, 4) }),
    ]
}

#[test]
fn odd_services_come_to_finite_numbers() {
    let load = [(0.0, 3.0), (40.0, 20.0), (0.0, 2.0)];
    for (what, service) in odd() {
        finite(what, &exact(service.clone(), &load));
        finite(what, &fluid(service, &load));
    }
}

/// A pool that held each of its servers would not come to an end here.
#[test]
fn the_optimum_of_odd_services_is_finite() {
    let load = [(40.0, 30.0)];
    for (what, service) in odd() {
        let of = scenario(service, Mode::Exact);
        let exact = of_arrivals(&of, 0, &mut || Ok(Box::new(poisson(&load, 3)))).expect(what);
        let steps = of_steps(&Scenario { mode: FLUID, ..of }, 0, &mut || Ok(Box::new(rates(&load)))).expect(what);
        for out in [exact.outcome, steps.outcome] {
            assert!(out.replica_seconds.is_finite() && out.replica_seconds >= 0.0, "{what}");
        }
    }
}

#[test]
fn huge_rates_flow() {
    let outcome = fluid(service(10_000, 100), &[(1e8, 30.0), (0.0, 30.0)]);
    finite("a hundred million a second", &outcome);
    let of = &outcome.services[0];
    assert!(of.refused > 0.5 * of.arrivals, "ten million a second can be served: {}", of.refused);
}

#[test]
fn a_single_arrival_and_a_trace_that_ends_before_the_first_second() {
    let (one, _) = run(&scenario(service(1, 1), Mode::Exact), Listed::new(vec![arrival(Duration::from_millis(5))], None));
    assert_eq!((one.services[0].arrivals, one.services[0].minutes), (1.0, 1));
    finite("one arrival", &one);
    let at_once: Vec<Item> = (0..3).map(|_| arrival(Duration::ZERO)).collect();
    let (at_once, _) = run(&scenario(service(1, 1), Mode::Exact), Listed::new(at_once, None));
    assert_eq!(at_once.services[0].arrivals, 3.0);
    finite("all at the beginning", &at_once);
    finite("a tenth of a second", &fluid(service(1, 1), &[(50.0, 0.1)]));
    let horizon = Some(Duration::from_millis(100));
    let cut = Scenario { horizon, ..scenario(service(1, 1), Mode::Exact) };
    let (cut, _) = run(&cut, poisson(&[(50.0, 10.0)], 1));
    assert_eq!(cut.duration, Duration::from_millis(100));
    finite("cut after a tenth of a second", &cut);
}

#[test]
fn requests_in_flight_at_the_end_are_followed_and_change_nothing_else() {
    // Ten a second of 100 ms each, cut where some are being served.
    let items = || (0..100).map(|i| arrival(Duration::from_millis(i * 100))).collect::<Vec<_>>();
    let until = |horizon: u64| {
        let fault = Fault { service: 0, at: Duration::from_millis(horizon), kind: FaultKind::ReplicaLoss { replicas: 9 } };
        let horizon = Some(Duration::from_millis(horizon));
        let cut = Scenario { horizon, faults: vec![fault], ..scenario(service(1, 10), Mode::Exact) };
        run(&cut, Listed::new(items(), None)).0
    };
    let mut out = until(5001);
    assert_eq!(out.duration, Duration::from_millis(5001));
    let service = out.services.remove(0);
    assert_eq!((service.arrivals, service.completions, service.errors), (51.0, 51.0, 0.0));
    assert_eq!(service.latency.count, 51);
    assert!((service.replica_seconds - 5.001).abs() < 1e-9, "{}", service.replica_seconds);
}

#[test]
fn a_standing_order_is_kept_as_the_live_loop_keeps_it() {
    let load = [(5.0, 20.0), (150.0, 60.0)];
    let paused = Service { standing: Some(Directive::Pause { until: None }), policy: bounds(1, 9), ..service(1, 10) };
    assert_eq!(exact(paused.clone(), &load).services[0].ready, (1, 1));
    assert!(exact(Service { standing: None, ..paused }, &load).services[0].ready.1 > 1);
    let off = Service { standing: Some(Directive::Hold { replicas: Replicas(0), until: None }), ..service(1, 10) };
    let out = exact(off, &load).services.remove(0);
    assert_eq!((out.ready, out.completions, out.replica_seconds), ((0, 0), 0.0, 0.0));
}

#[test]
fn a_hole_is_paid_by_everybody_and_judged_for_nobody() {
    let hole = Item::Hole { from: Duration::from_secs(300), to: Duration::from_secs(3900) };
    let steady = |from: u64, to: u64| (from * 100..to * 100).map(|i| arrival(Duration::from_millis(i * 10)));
    let items: Vec<Item> = steady(0, 300).chain([hole]).chain(steady(3900, 4200)).collect();
    let scaled = Service { policy: bounds(1, 9), ..service(1, 10) };
    let open = || Listed::new(items.clone(), Some(Duration::from_secs(4200)));
    let best = of_arrivals(&scenario(scaled.clone(), Mode::Exact), 0, &mut || Ok(Box::new(open()))).expect("runs");
    assert_eq!(best.outcome.missed_minutes, Some(0));
    assert_eq!(best.schedule.at(Duration::from_secs(2000)), best.schedule.at(Duration::from_secs(299)), "nobody is let go");
    let by_steps = [(100.0, 300.0), (-1.0, 3600.0), (100.0, 300.0)];
    let steps = of_steps(&scenario(scaled, FLUID), 0, &mut || Ok(Box::new(rates(&by_steps)))).expect("runs");
    assert_eq!(steps.schedule.at(Duration::from_secs(2000)), steps.schedule.at(Duration::from_secs(299)));
    // Twice what is needed, for ten minutes of seventy: the hour in between is not judged.
    let double = Service { need: Some(best.need), ..service(4, 10) };
    let (out, _) = run(&parts::scenario(double, Mode::Exact), open());
    let out = &out.services[0];
    assert_eq!(out.replica_seconds, 4.0 * 4200.0);
    assert!((out.utilisation - 0.25).abs() < 0.02, "10 of 40 servers while there was load: {}", out.utilisation);
    assert!(out.elasticity.time_over > 0.99 && out.elasticity.over >= 0.5, "{:?}", out.elasticity);
}

#[test]
fn a_hole_beyond_the_end_counts_until_the_end() {
    let hole = Item::Hole { from: Duration::from_secs(50), to: Duration::from_secs(500) };
    let horizon = Some(Duration::from_secs(100));
    let cut = Scenario { horizon, ..scenario(service(1, 1), Mode::Exact) };
    let (out, _) = run(&cut, Listed::new(vec![arrival(Duration::from_secs(1)), hole], None));
    assert_eq!((out.duration, out.masked), (Duration::from_secs(100), Duration::from_secs(50)));
}
