//! Configuration, annotations, restart, clock.

use super::*;

#[test]
fn targets_and_windows() {
    let rows = [
        (config(|_| ()), 100.0, 70.0),
        (config(|c| c.container_concurrency = 10), 10.0, 7.0),
        (config(|c| (c.container_concurrency, c.target) = (10, Some(50.0))), 10.0, 7.0),
        (config(|c| (c.container_concurrency, c.target) = (10, Some(5.0))), 5.0, 3.5),
        (config(|c| c.target = Some(0.01)), 0.01, 0.01),
        (config(|c| c.metric = Metric::Rps), 200.0, 140.0),
        (config(|c| (c.metric, c.target, c.container_concurrency) = (Metric::Rps, Some(30.0), 5)), 30.0, 21.0),
    ];
    for (c, total, target) in rows {
        assert_eq!(c.total(), total);
        assert!((c.target() - target).abs() < 1e-9, "{} is not {target}", c.target());
    }
    // 10 % of 60 s, of 6 s (rounded up to a second), and of 45 s (4.5 s rounded away from zero).
    let panic = |s| config(|c| c.stable_window = Duration::from_secs(s)).panic_window().as_secs();
    assert_eq!([panic(60), panic(6), panic(45), panic(44)], [6, 1, 5, 4]);
}

#[test]
fn what_a_configuration_may_not_say() {
    type Change = fn(&mut ConfigSpec);
    let rows: [(Change, &str); 18] = [
        (|c| c.target = Some(0.001), "target must be at least 0.01"),
        (|c| c.target = Some(f64::NAN), "target must be at least 0.01"),
        (|c| c.target_utilization_percentage = 0.7, "targetUtilizationPercentage must be from 1 to 100"),
        (|c| c.stable_window = Duration::from_secs(5), "stableWindow must be from 6s to 1h"),
        (|c| c.stable_window = Duration::from_millis(6500), "stableWindow must be whole seconds"),
        (|c| c.panic_window_percentage = 0.5, "panicWindowPercentage must be from 1 to 100"),
        (|c| c.panic_threshold_percentage = 109.0, "panicThresholdPercentage must be from 110 to 1000"),
        (|c| c.max_scale_up_rate = 1.0, "maxScaleUpRate must be more than 1"),
        (|c| c.max_scale_down_rate = f64::INFINITY, "maxScaleDownRate must be more than 1"),
        (|c| (c.min_scale, c.max_scale) = (3, 2), "maxScale must be 0 or at least minScale"),
        (|c| c.activation_scale = 0, "activationScale must be at least 1"),
        (|c| (c.activation_scale, c.max_scale) = (3, 2), "activationScale must be at most maxScale"),
        (|c| c.scale_down_delay = Duration::from_millis(1), "scaleDownDelay must be whole seconds up to 1h"),
        (|c| c.target_burst_capacity = -2.0, "targetBurstCapacity must be -1, 0 or more"),
        (|c| c.scale_to_zero_grace_period = Duration::ZERO, "scaleToZeroGracePeriod must be more than 0s"),
        (|c| c.scale_to_zero_pod_retention_period = Duration::MAX, "scaleToZeroPodRetentionPeriod must be at most 1h"),
        (|c| c.progress_deadline = Duration::ZERO, "progressDeadline must be more than 0s"),
        (|c| c.rps_target_default = -1.0, "rpsTargetDefault must be at least 0.01"),
    ];
    for (change, problem) in rows {
        let mut spec = ConfigSpec::default();
        change(&mut spec);
        let found = Config::try_new(spec).unwrap_err();
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [problem]);
    }
}

#[test]
fn annotations_are_read_in_both_spellings() {
    let read = |pairs: &[(&str, &str)]| {
        let keyed: Vec<_> = pairs.iter().map(|(k, v)| (format!("{ANNOTATION_PREFIX}{k}"), *v)).collect();
        Config::from_annotations(ConfigSpec::default(), keyed.iter().map(|(k, v)| (k.as_str(), *v)))
    };
    let config = read(&[
        ("class", "kpa.autoscaling.knative.dev"),
        ("metric", "rps"),
        ("target", "150"),
        ("targetUtilizationPercentage", "80"),
        ("target-burst-capacity", "-1"),
        ("window", "1m30s"),
        ("panicWindowPercentage", "20.0"),
        ("panic-threshold-percentage", "150"),
        ("minScale", "2"),
        ("max-scale", "20"),
        ("initial-scale", "3"),
        ("activation-scale", "4"),
        ("scaleDownDelay", "15m"),
        ("scale-to-zero-pod-retention-period", "1m5s"),
    ])
    .unwrap();
    let expected = ConfigSpec {
        metric: Metric::Rps,
        target: Some(150.0),
        target_utilization_percentage: 80.0,
        target_burst_capacity: -1.0,
        stable_window: Duration::from_secs(90),
        panic_window_percentage: 20.0,
        panic_threshold_percentage: 150.0,
        min_scale: 2,
        max_scale: 20,
        initial_scale: 3,
        activation_scale: 4,
        scale_down_delay: Duration::from_secs(900),
        scale_to_zero_pod_retention_period: Duration::from_secs(65),
        ..ConfigSpec::default()
    };
    assert_eq!(*config.spec(), expected);
    let bad = [
        (("class", "hpa.autoscaling.knative.dev"), "class 'hpa.autoscaling.knative.dev' is not the KPA"),
        (("metric", "cpu"), "metric: 'cpu' is not concurrency or rps"),
        (("min-scale", "-1"), "min-scale: '-1' is not a whole number from 0"),
        (("max-scale", "3000000000"), "max-scale: '3000000000' is not a whole number from 0"),
        (("target", "NaN"), "target: 'NaN' is not a number"),
        (("window", "60"), "window: '60' is not a duration such as 30s or 1m30s"),
        (("window", "2h"), "stableWindow must be from 6s to 1h"),
        (("activation-scale", "1"), "activation-scale: '1' is not 2 or more"),
        (
            ("metric-aggregation-algorithm", "weightedExponential"),
            "metric-aggregation-algorithm: 'weightedExponential' is not linear",
        ),
        (("frobnicate", "1"), "frobnicate: no such annotation"),
    ];
    for (pair, problem) in bad {
        let found = read(&[pair]).unwrap_err();
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [problem]);
    }
    // Somebody else's annotations are nobody's mistake here.
    assert!(Config::from_annotations(ConfigSpec::default(), [("example.com/team", "x")]).is_ok());
}

#[test]
fn a_stored_state_goes_on_where_it_was() {
    let mut w = World::new(config(|c| c.scale_down_delay = Duration::from_secs(60)), 1);
    for s in 0..40 {
        w.load(s, 2, f64::from(u32::try_from(s).unwrap()) * 3.3);
    }
    let text = serde_json::to_string(&w.state).unwrap();
    assert!(text.len() < 4000, "{} bytes", text.len());
    let mut back: State = serde_json::from_str(&text).unwrap();
    assert_eq!(back, w.state);
    let input = Input { now: at(42), ..w.input.clone() };
    assert_eq!(decide(&w.config, &mut back, &input), decide(&w.config, &mut w.state, &input));
}

#[test]
fn a_clock_that_steps_back_never_shrinks() {
    let mut w = World::new(upstream(10.0, 0.0, |_| ()), 1);
    assert_eq!(w.load(1000, 1, 90.0).replicas, Some(Replicas(9)));
    // A little: time stands still until it catches up.
    assert_eq!(w.load(990, 9, 90.0).replicas, Some(Replicas(9)));
    // Far: as after a restart, in panic at the size it had.
    let d = w.load(10, 9, 1.0);
    assert_eq!((d.replicas, d.mode), (Some(Replicas(9)), Mode::Panic));
    assert_eq!(w.state.now, at(10));
}

#[test]
fn a_changed_window_keeps_what_it_knows() {
    let mut w = World::new(config(|_| ()), 1);
    (0..30).for_each(|s| drop(w.load(s, 1, 50.0)));
    w.config = config(|c| c.stable_window = Duration::from_secs(20));
    let d = w.load(30, 1, 50.0);
    assert_eq!(d.stable, Some(50.0));
    assert_eq!(w.state, serde_json::from_str(&serde_json::to_string(&w.state).unwrap()).unwrap());
}
