//! What must hold in every run.

use std::time::Duration;

use expect_test::expect;
use proptest::prelude::*;
use skala_autoscaler::{MetricSpec, Policy, PolicySpec};
use skala_sim::{Dist, Flow, Progress, simulate};
use skala_trace::{Item, TraceError};
use skala_types::Replicas;

use crate::support::{Listed, Log, Poisson, arrival, run, scenario, service, try_run};

/// A service that scales on requests in service and waiting.
pub(crate) fn elastic(min: u32, max: u32) -> skala_sim::Service {
    let spec = PolicySpec {
        min_replicas: Replicas(min),
        max_replicas: Replicas(max),
        metrics: vec![MetricSpec::Concurrency { target: 3.0 }.into()],
        ..PolicySpec::default()
    };
    skala_sim::Service { policy: Policy::try_new(spec).expect("sound"), ..service(min, 5, Dist::Exponential { mean: 0.1 }) }
}

#[test]
fn little_s_law_ties_the_controller_s_windows_to_the_recorder_s_latencies() {
    let rows = [
        (service(1, 3, Dist::Exponential { mean: 0.1 }), 25.0),
        (service(4, 5, Dist::LogNormal { mean: 0.2, cv: 1.5 }), 80.0),
        (elastic(1, 20), 100.0),
    ];
    for (service, rate) in rows {
        let (outcome, log) = run(&scenario(3, service), Poisson::new(5, rate, 400));
        let of = &outcome.services[0];
        let seen = log.demand.0 / log.demand.1;
        let expected = of.arrivals / outcome.duration.as_secs_f64() * of.latency.mean;
        assert!((seen - expected).abs() < 0.015 * expected, "L {seen}, lambda W {expected}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let bytes = |seed| {
        let (outcome, log) = run(&scenario(seed, elastic(1, 20)), Poisson::new(7, 60.0, 300));
        (serde_json::to_string(&outcome).expect("plain data"), log.text())
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn an_elastic_service_follows_the_load_and_pays_from_start_to_end() {
    // 10 a second for a minute, then 60 for two, then nothing for ten.
    let gap = |from: u64, n: u64, ms: u64| (0..n).map(move |i| arrival(Duration::from_millis(from + i * ms)));
    let items: Vec<Item> = gap(0, 600, 100).chain(gap(60_000, 6000, 20)).collect();
    let (outcome, log) = run(&scenario(1, elastic(1, 20)), Listed::new(items, Some(Duration::from_secs(780))));
    let of = &outcome.services[0];
    assert_eq!(of.arrivals, of.completions + of.errors + of.refused, "all have ended after ten quiet minutes");
    assert_eq!(of.ready, (1, 3));
    expect![[r#"
          60.75 0 1 -> 2: concurrency 5.8 (target 3 per replica) wants 2 [the last 1s: above 1.9, the most that 1.4 explains]
          60.75 0 Started(ReplicaId(2))
          65.75 0 Ready(ReplicaId(2))"#]]
    .assert_eq(&log.lines.iter().take(3).cloned().collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_run_can_be_cancelled_and_reports_how_far_it_is() {
    let mut last = None;
    let mut progress = |p: Progress| {
        last = Some(p);
        if p.events > 50_000 { Flow::Stop } else { Flow::Continue }
    };
    let error = simulate(&scenario(1, elastic(1, 20)), &mut Poisson::new(1, 100.0, 100_000), &mut progress).unwrap_err();
    assert_eq!(error.to_string(), "was cancelled");
    let last = last.expect("it reports at least once");
    assert_eq!(last.end, Some(Duration::from_secs(100_000)));
    assert!(last.at > Duration::from_secs(100) && last.at < Duration::from_secs(1000), "{last:?}");
}

#[test]
fn traces_that_cannot_be_played_are_told_apart() {
    let error =
        |items: Vec<Item>| try_run(&scenario(1, elastic(1, 2)), &mut Listed::new(items, None), &mut Log::default()).unwrap_err();
    assert_eq!(error(vec![]), TraceError::Empty.into());
    let secs = |s| arrival(Duration::from_secs(s));
    expect!["the trace order of its arrivals: one lies before 5.000 s, where another was already; sort the trace by time"]
        .assert_eq(&error(vec![secs(5), secs(4)]).to_string());
}

#[test]
fn a_hole_is_masked_and_shrinks_nothing() {
    let steady = |from: u64, to: u64| (from * 20..to * 20).map(|i| arrival(Duration::from_millis(i * 50)));
    let hole = Item::Hole { from: Duration::from_secs(120), to: Duration::from_secs(1200) };
    let items: Vec<Item> = steady(0, 120).chain([hole]).chain(steady(1200, 1320)).collect();
    let mut with_hole = elastic(1, 20);
    with_hole.initial = Some(Replicas(2));
    let (outcome, log) = run(&scenario(1, with_hole.clone()), Listed::new(items, None));
    assert_eq!(outcome.masked, Duration::from_secs(1080));
    assert_eq!(outcome.services[0].minutes, 4);
    let shrinks = log.lines.iter().filter(|l| l.contains("Drains")).count();
    let silent: Vec<Item> = steady(0, 120).chain(steady(1200, 1320)).collect();
    let (_, without) = run(&scenario(1, with_hole), Listed::new(silent, None));
    assert!(without.lines.iter().any(|l| l.contains("Drains")), "silence is no hole: {}", without.text());
    assert_eq!(shrinks, 0, "{}", log.text());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn more_servers_never_worsen_the_wait(seed: u64, replicas in 1u32..6, rate in 5.0f64..60.0, cv in 0.1f64..3.0) {
        let wait = |n| {
            let service = service(n, 1, Dist::LogNormal { mean: 0.1, cv });
            run(&scenario(seed, service), Poisson::new(seed, rate, 60)).0.services[0].clone()
        };
        let (few, many) = (wait(replicas), wait(replicas + 1));
        // Those still waiting at the end are the longest waits; they are not in the mean of the smaller service.
        prop_assert!(many.completions >= few.completions);
        if few.completions == few.arrivals && many.completions == many.arrivals {
            prop_assert!(many.wait.mean <= few.wait.mean, "{} > {}", many.wait.mean, few.wait.mean);
        }
        prop_assert!(many.worst_wait <= few.worst_wait + 1e-9 || few.completions < few.arrivals);
    }
}
