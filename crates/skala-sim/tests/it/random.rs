//! Random scenarios: no panic, no lost request, finite numbers.

use std::time::Duration;

use proptest::prelude::*;
use skala_autoscaler::{MetricSpec, Policy, PolicySpec, ResourceTarget};
use skala_balance::{Balance, Settings};
use skala_sim::{Dist, Fault, FaultKind, Service};
use skala_trace::{Arrival, Item};
use skala_types::{Cores, Replicas, Rps};

use crate::support::{Listed, run, scenario, service};

fn dist() -> impl Strategy<Value = Dist> {
    prop_oneof![
        (0.0f64..3.0).prop_map(|seconds| Dist::Constant { seconds }),
        (0.001f64..3.0).prop_map(|mean| Dist::Exponential { mean }),
        (0.001f64..3.0, 0.0f64..4.0).prop_map(|(mean, cv)| Dist::LogNormal { mean, cv }),
        (0.0f64..1.0, 0.0f64..0.01).prop_map(|(base, per)| Dist::Tokens {
            base,
            per_input: per / 10.0,
            per_output: per,
            cv: 0.3
        }),
    ]
}

fn metric() -> impl Strategy<Value = MetricSpec> {
    prop_oneof![
        (0.5f64..20.0).prop_map(|target| MetricSpec::Concurrency { target }),
        (0.5f64..50.0).prop_map(|target| MetricSpec::RequestsPerSecond { target: Rps(target) }),
        (0.1f64..1.0).prop_map(|target| MetricSpec::Cpu { target: ResourceTarget::AverageValue(Cores(target)) }),
    ]
}

prop_compose! {
    fn any_service()(
        min in 0u32..3, more in 0u32..6, metric in metric(), concurrency in proptest::option::of(1u32..5), max_waiting in 0usize..50,
        max_wait in 0u64..20_000, robin: bool, service_time in dist(), start_up in dist(), drain in 0u64..5000, initial in proptest::option::of(0u32..5),
    ) -> Service {
        let spec = PolicySpec { min_replicas: Replicas(min), max_replicas: Replicas(min.max(1) + more), metrics: vec![metric.into()], ..PolicySpec::default() };
        let balance = if robin { Balance::RoundRobin } else { Balance::LeastRequest };
        let station = Settings { concurrency, max_waiting, max_wait: Duration::from_millis(max_wait), balance, ..Settings::default() };
        let policy = Policy::try_new(spec).expect("sound");
        let initial = initial.map(Replicas);
        Service { policy, station, service_time, start_up, drain: Duration::from_millis(drain), initial, ..service(1, 1, service_time) }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let lasts = (0u64..30).prop_map(Duration::from_secs);
    let kind = prop_oneof![
        (0u32..10).prop_map(|replicas| FaultKind::ReplicaLoss { replicas }),
        (1.0f64..20.0, lasts.clone()).prop_map(|(factor, lasts)| FaultKind::SlowReplica { factor, lasts }),
        lasts.clone().prop_map(|lasts| FaultKind::StaleMetrics { lasts }),
        lasts.clone().prop_map(|lasts| FaultKind::MissingMetrics { lasts }),
        lasts.clone().prop_map(|lasts| FaultKind::ControllerRestart { lasts }),
        lasts.prop_map(|lasts| FaultKind::ProviderOutage { lasts }),
    ];
    (0usize..2, 0u64..60_000, kind).prop_map(|(service, at, kind)| Fault { service, at: Duration::from_millis(at), kind })
}

/// Gaps in milliseconds with tokens, a hole now and then.
fn items() -> impl Strategy<Value = Vec<Item>> {
    proptest::collection::vec((0u64..400, 0u32..3000, 0u32..50), 1..400).prop_map(|rows| {
        let mut at = Duration::ZERO;
        let mut item = |(gap, tokens, dice): (u64, u32, u32)| {
            at += Duration::from_millis(gap);
            if dice == 0 {
                let from = at;
                at += Duration::from_millis(gap * 20);
                return Item::Hole { from, to: at };
            }
            Item::Arrival(Arrival { at, input_tokens: tokens, output_tokens: tokens / 4 })
        };
        rows.into_iter().map(&mut item).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_scenario_ends_with_every_request_accounted_for(
        seed: u64, one in any_service(), two in any_service(), share in 0.0f64..1.0, faults in proptest::collection::vec(fault(), 0..5), items in items(),
    ) {
        let one = Service { share, ..one };
        let two = Service { name: "worker".into(), share: 1.0 - share, ..two };
        let mut scenario = scenario(seed, one);
        scenario.services.push(two);
        scenario.faults = faults;
        let (outcome, _) = run(&scenario, Listed::new(items.clone(), Some(Duration::from_secs(300))));
        let arrivals = items.iter().filter(|i| matches!(i, Item::Arrival(_))).count() as f64;
        prop_assert_eq!(outcome.services.iter().map(|s| s.arrivals).sum::<f64>(), arrivals);
        for of in &outcome.services {
            prop_assert!(of.completions + of.errors + of.refused <= of.arrivals);
            let numbers = [of.latency.mean, of.wait.mean, of.worst_wait, of.replica_seconds, of.utilisation];
            prop_assert!(numbers.iter().all(|n| n.is_finite() && *n >= 0.0), "{:?}", numbers);
            prop_assert!(of.replica_seconds <= 300.0 * 40.0);
            prop_assert!(of.timeline.len() <= skala_sim::Point::MOST);
        }
    }
}
