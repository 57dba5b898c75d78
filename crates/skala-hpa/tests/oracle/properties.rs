//! What always holds.

use std::time::Duration;

use proptest::prelude::*;
use skala_hpa::{
    Behavior, History, Input, MetricId, MetricSpec, Phase, Pod, PodReadings, PolicyKind, Reading, ReadyCondition, ReadyStatus,
    Recommendation, Requests, Sample, Scale, ScaleEvent, ScalingPolicy, ScalingRules, SelectPolicy, Selector, Settings, Spec,
    Target, TargetKind, reconcile,
};
use skala_types::Time;

use crate::worlds::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounds_hold(seed in any::<u64>()) {
        let w = World::random(seed);
        let outcome = w.run();
        let (current, desired) = (outcome.current_replicas.unwrap(), outcome.desired_replicas.unwrap());
        prop_assert_eq!(outcome.rescale, desired != current);
        // Zero may be an off switch, or the first step from zero by a rate; everything else is within the bounds.
        if current > 0 {
            prop_assert!(desired <= w.spec.max_replicas);
            prop_assert!(desired >= w.spec.min(), "{}", outcome.explain());
        }
        prop_assert_eq!(outcome.trace.metrics.len(), outcome.metrics.len());
        for (told, trace) in outcome.metrics.iter().zip(&outcome.trace.metrics) {
            prop_assert_eq!(told.proposal.is_none(), told.error.is_some());
            prop_assert!(trace.pods.is_empty() || trace.pods.len() == w.pods.len());
            prop_assert!(told.proposal.is_none_or(|p| p >= 0));
        }
        prop_assert!(!outcome.explain().is_empty());
    }

    #[test]
    fn a_failing_metric_never_shrinks(seed in any::<u64>(), which in 0usize..3) {
        let mut w = World::random(seed);
        let which = which % w.readings.len();
        w.readings[which] = Reading::Failed("gone".into());
        let outcome = w.run();
        let looked_at = !outcome.metrics.is_empty();
        // A past recommendation may be below the size only with a window that had already let it through.
        if looked_at && w.spec.behavior.is_none() {
            prop_assert!(outcome.desired_replicas >= outcome.current_replicas, "{}", outcome.explain());
        }
        if looked_at && outcome.metrics.iter().filter_map(|m| m.proposal).max() < outcome.current_replicas {
            prop_assert!(!outcome.rescale);
        }
    }

    /// With the history after it and the size not yet changed, the same reconcile says the same: what it logged is what it
    /// used. Only an event or a reused slot of its own could differ, so worlds whose first pass changes nothing are taken.
    #[test]
    fn planning_twice_changes_nothing(seed in any::<u64>()) {
        let mut w = World::random(seed);
        let first = w.run();
        if !first.rescale {
            w.history = first.history.clone();
            let second = w.run();
            prop_assert_eq!(second.desired_replicas, first.desired_replicas, "{}{}", first.explain(), second.explain());
        }
    }

    #[test]
    fn more_of_one_value_never_asks_for_less(
        seed in any::<u64>(),
        target in 1i64..5000,
        low in 0i64..100_000,
        more in 0i64..100_000,
        average: bool,
    ) {
        let mut w = World::random(seed);
        let target = if average { Target::average_value(target) } else { Target::value(target) };
        w.spec.metrics = vec![MetricSpec::External { metric: MetricId { name: "q".into(), selector: None }, target }];
        // As many ready pods as the size; else the step out of the tolerance band may go either way.
        w.pods = vec![Pod { ready: ready(ReadyStatus::True), started_at: None, ..Pod::default() }; w.scale.spec_replicas as usize];
        w.scale.status_replicas = w.scale.spec_replicas;
        let mut size = |value| {
            w.readings = vec![Reading::External(vec![value])];
            let outcome = w.run();
            (outcome.metrics.first().and_then(|m| m.proposal), outcome.desired_replicas)
        };
        let (less, greater) = (size(low), size(low + more));
        prop_assert!(less.0 <= greater.0);
        prop_assert!(less.1 <= greater.1);
    }

    /// With every pod ready and measured; a pod that is missing or starting is filled in against the direction, on purpose.
    #[test]
    fn more_used_by_the_pods_never_asks_for_less(
        seed in any::<u64>(),
        size in 1i32..40,
        percent in 1i32..200,
        request in 1i64..5000,
        used in prop::collection::vec((0i64..10_000, 0i64..10_000), 40),
        kind in 0usize..3,
    ) {
        let mut w = World::random(seed);
        (w.scale.spec_replicas, w.scale.status_replicas) = (size, size);
        (w.spec.min_replicas, w.spec.max_replicas) = (Some(1), 1000);
        w.spec.metrics = vec![match kind {
            0 => MetricSpec::Resource { name: "memory".into(), target: Target::utilization(percent) },
            1 => MetricSpec::Resource { name: "memory".into(), target: Target::average_value(request) },
            _ => MetricSpec::Pods { metric: MetricId::default(), target: Target::average_value(request) },
        }];
        w.pods = vec![Pod { ready: ready(ReadyStatus::True), started_at: None, ..Pod::default() }; size as usize];
        let mut asked = |more: bool| {
            let value = |(low, rise): &(i64, i64)| if more { low + rise } else { *low };
            let sample = |pair| Some(Sample { value: value(pair), timestamp: Time::ZERO, window: Duration::ZERO });
            let samples = used.iter().take(size as usize).map(sample).collect();
            let requests = Requests::Milli(vec![request; size as usize]);
            w.readings = vec![Reading::Pods(PodReadings { samples, strangers: vec![], requests })];
            let outcome = w.run();
            (outcome.metrics.first().and_then(|m| m.proposal), outcome.desired_replicas)
        };
        let (less, greater) = (asked(false), asked(true));
        prop_assert!(less.0.is_some());
        prop_assert!(less.0 <= greater.0, "{less:?} {greater:?}");
        prop_assert!(less.1 <= greater.1, "{less:?} {greater:?}");
    }

    /// Constant load settles: from any size, reconciling every 15 s with the same total ends in one size and stays.
    #[test]
    fn constant_load_settles(total in 0i64..50_000, target in 1i64..5000, start in 1i32..40, behaved: bool) {
        let spec = Spec {
            min_replicas: Some(1),
            max_replicas: 30,
            metrics: vec![MetricSpec::External { metric: MetricId::default(), target: Target::average_value(target) }],
            behavior: behaved.then(Behavior::default),
        };
        let readings = [Reading::External(vec![total])];
        let (mut size, mut history, mut sizes) = (start, None, vec![]);
        for tick in 0..100 {
            let outcome = reconcile(&Input {
                now: Time::from_secs(10_000 + 15 * tick),
                settings: &Settings::default(),
                namespace: "",
                spec: &spec,
                scale: Ok(Scale { spec_replicas: size, status_replicas: size }),
                selector: &Selector::Usable,
                pods: &[],
                readings: &readings,
                history: history.as_ref(),
                scaled_to_zero: None,
            });
            size = outcome.desired_replicas.unwrap();
            history = outcome.history;
            sizes.push(size);
        }
        prop_assert!(sizes[40..].windows(2).all(|w| w[0] == w[1]), "{sizes:?}");
        prop_assert!(history.is_some_and(|h| h.recommendations.len() <= 22));
    }

    /// Anything at all: no panic, no hang, a size, and nothing shrinks below what a person asked to keep.
    #[test]
    fn total(w in anything()) {
        let outcome = w.run();
        prop_assert!(outcome.desired_replicas.is_some());
        prop_assert_eq!(outcome.rescale, outcome.desired_replicas != outcome.current_replicas);
        let _ = outcome.explain();
        let json = serde_json::to_string(&outcome);
        prop_assert!(json.is_ok());
        let failed = outcome.clone().update_failed("no");
        prop_assert!(!failed.rescale);
        let _ = w.spec.validate(true);
    }
}

fn ready(status: ReadyStatus) -> Option<ReadyCondition> {
    Some(ReadyCondition { status, last_transition: Time::ZERO })
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -5i64..2000, Just(i64::MAX), Just(i64::MIN), Just(0)]
}

fn small() -> impl Strategy<Value = i32> {
    prop_oneof![any::<i32>(), -3i32..20, Just(i32::MAX), Just(i32::MIN)]
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX), (99_000u64..101_000).prop_map(|s| s * 1_000_000_000)]
        .prop_map(Time::from_nanos)
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), 0.0..2.0, Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)]
}

fn target() -> impl Strategy<Value = Target> {
    let kind = prop_oneof![Just(TargetKind::Utilization), Just(TargetKind::Value), Just(TargetKind::AverageValue)];
    (kind, proptest::option::of(number()), proptest::option::of(number()), proptest::option::of(small()))
        .prop_map(|(kind, value, average_value, average_utilization)| Target { kind, value, average_value, average_utilization })
}

fn metric() -> impl Strategy<Value = MetricSpec> {
    (0..6, target()).prop_map(|(kind, target)| {
        let metric = MetricId::default();
        match kind {
            0 => MetricSpec::Resource { name: "cpu".into(), target },
            1 => MetricSpec::ContainerResource { name: "memory".into(), container: String::new(), target },
            2 => MetricSpec::Pods { metric, target },
            3 => MetricSpec::Object { metric, described: skala_hpa::ObjectRef::default(), target },
            4 => MetricSpec::External { metric, target },
            _ => MetricSpec::Unknown { kind: String::new() },
        }
    })
}

fn reading() -> impl Strategy<Value = Reading> {
    let sample = (number(), time(), any::<u64>()).prop_map(|(value, timestamp, window)| Sample {
        value,
        timestamp,
        window: std::time::Duration::from_secs(window),
    });
    let pods = (
        proptest::collection::vec(proptest::option::of(sample), 0..5),
        proptest::collection::vec(number(), 0..3),
        proptest::option::of(proptest::collection::vec(number(), 0..5)),
    )
        .prop_map(|(samples, strangers, requests)| {
            let requests = requests.map_or(Requests::Missing(String::new()), Requests::Milli);
            Reading::Pods(PodReadings { samples, strangers, requests })
        });
    prop_oneof![
        4 => pods,
        2 => number().prop_map(Reading::Object),
        2 => proptest::collection::vec(number(), 0..4).prop_map(Reading::External),
        1 => Just(Reading::Failed(String::new())),
    ]
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    let policy = (any::<bool>(), small(), small()).prop_map(|(pods, value, period_seconds)| ScalingPolicy {
        kind: if pods { PolicyKind::Pods } else { PolicyKind::Percent },
        value,
        period_seconds,
    });
    let select = prop_oneof![Just(SelectPolicy::Max), Just(SelectPolicy::Min), Just(SelectPolicy::Disabled)];
    (
        proptest::option::of(small()),
        proptest::option::of(select),
        proptest::option::of(proptest::collection::vec(policy, 0..4)),
        proptest::option::of(float()),
    )
        .prop_map(|(stabilization_window_seconds, select_policy, policies, tolerance)| ScalingRules {
            stabilization_window_seconds,
            select_policy,
            policies,
            tolerance,
        })
}

fn pod() -> impl Strategy<Value = Pod> {
    let phase = prop_oneof![Just(Phase::Pending), Just(Phase::Running), Just(Phase::Failed), Just(Phase::Unknown)];
    let status = prop_oneof![Just(ReadyStatus::True), Just(ReadyStatus::False), Just(ReadyStatus::Unknown)];
    let ready = (status, time()).prop_map(|(status, last_transition)| ReadyCondition { status, last_transition });
    (any::<bool>(), phase, proptest::option::of(ready), proptest::option::of(time()))
        .prop_map(|(deleted, phase, ready, started_at)| Pod { deleted, phase, ready, started_at })
}

fn history() -> impl Strategy<Value = History> {
    let entry = || proptest::collection::vec((time(), small()), 0..5);
    (entry(), entry(), entry()).prop_map(|(recommendations, ups, downs)| {
        let events = |log: Vec<(Time, i32)>| log.into_iter().map(|(at, change)| ScaleEvent { at, change }).collect();
        History {
            recommendations: recommendations.into_iter().map(|(at, replicas)| Recommendation { at, replicas }).collect(),
            scale_ups: events(ups),
            scale_downs: events(downs),
        }
    })
}

fn anything() -> impl Strategy<Value = World> {
    let spec = (
        proptest::option::of(small()),
        small(),
        proptest::collection::vec(metric(), 0..4),
        proptest::option::of((proptest::option::of(rules()), proptest::option::of(rules()))),
    )
        .prop_map(|(min_replicas, max_replicas, metrics, behavior)| Spec {
            min_replicas,
            max_replicas,
            metrics,
            behavior: behavior.map(|(scale_up, scale_down)| Behavior { scale_up, scale_down }),
        });
    let settings = (float(), any::<u64>(), float(), float()).prop_map(|(tolerance, secs, factor, minimum)| Settings {
        tolerance,
        cpu_initialization_period: std::time::Duration::from_secs(secs),
        initial_readiness_delay: std::time::Duration::from_secs(secs),
        downscale_stabilization: std::time::Duration::from_secs(secs),
        scale_up_limit_factor: factor,
        scale_up_limit_minimum: minimum,
        ..Settings::default()
    });
    (
        settings,
        spec,
        (small(), small()),
        proptest::collection::vec(pod(), 0..5),
        proptest::collection::vec(reading(), 0..4),
        proptest::option::of(history()),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(settings, spec, (spec_replicas, status_replicas), pods, readings, history, scaled_to_zero)| World {
            settings,
            spec,
            scale: Scale { spec_replicas, status_replicas },
            pods,
            readings,
            history,
            scaled_to_zero,
        })
}
