//! Data rows: options of one metric, time windows, ceilings, and what a policy may not say about them.

use expect_test::expect;
use skala_autoscaler::*;
use skala_types::{Replicas, Time};

use crate::world::*;

fn rules(window: u64, kind: PolicyKind, value: u32, period: u64) -> ScalingRules {
    ScalingRules {
        stabilization_window: secs(window),
        policies: vec![ScalingPolicy { kind, value, period: secs(period) }],
        ..ScalingRules::default_down()
    }
}

#[test]
fn a_target_for_shrinking() {
    let down = |target: f64| MetricOptions { scale_down_target: Some(target), ..MetricOptions::default() };
    let size = |metric: MetricSpec, target, seen: &Observation| {
        let mut s = free(1, 50, &[]);
        s.metrics = vec![with(metric, down(target))];
        once(s, seen)
    };
    // One replica at 70 %, two at 55 %: at a target of 60 % two would go back to one and grow again.
    assert_eq!(size(cpu(60.0), 0.5, &fleet(1, 0.70)).desired, Replicas(2));
    check(
        &size(cpu(60.0), 0.5, &fleet(2, 0.50)),
        expect![[r#"
        2 stays: the target for shrinking would not hold with fewer
          metric cpu 50% (target 60%) wants 2, the target for shrinking would not hold with fewer
    "#]],
    );
    check(
        &size(cpu(60.0), 0.5, &fleet(2, 0.24)),
        expect![[r#"
        2 -> 1: cpu 24% (target 60%) wants 1
          metric cpu 24% (target 60%) wants 1
          drain 2
    "#]],
    );
    assert_eq!([0.45, 0.30, 0.24].map(|c| size(cpu(60.0), 0.5, &fleet(2, c)).desired.0), [2, 2, 1]);
    // The same for totals and for values: 6 x 70 = 420 is 5.25 at 80, and 7 x 50 = 350 is 4.4.
    let sizes = [420.0, 350.0, 300.0].map(|rate| size(rps(100.0), 80.0, &fleet(6, 0.5).rate(T0, rate)).desired.0);
    assert_eq!(sizes, [6, 5, 4]);
    let lag = [420.0, 350.0, 300.0].map(|x| size(total("lag", 100.0), 80.0, &fleet(6, 0.5).signal("lag", T0, x)).desired.0);
    assert_eq!(lag, [6, 5, 4]);
    let depth = [3.0, 2.0, 0.4].map(|x| size(value("depth", 4.0), 2.0, &fleet(6, 0.5).signal("depth", T0, x)).desired.0);
    assert_eq!(depth, [6, 6, 2]);
}

#[test]
fn a_behavior_of_its_own() {
    // The queue follows at once; what the CPU wants must last for five minutes.
    let mut s = spec(1, 50, &[cpu(50.0)]);
    let behavior = MetricBehavior { scale_down: Some(rules(0, PolicyKind::Pods, 2, 60)), ..MetricBehavior::default() };
    s.metrics.push(with(total("lag", 10.0), MetricOptions { behavior, ..MetricOptions::default() }));
    let p = policy(s.clone());
    let seen = |s, cpu: f64, lag: f64| fleet(9, cpu).sampled(at(s)).signal("lag", at(s), lag);
    let first = plan(&p, &State::new(), &seen(0, 0.2, 90.0), at(0));
    // The lag falls: its own policy lets two go, the CPU's history none.
    check(
        &plan(&p, &first.state, &seen(30, 0.2, 5.0), at(30)),
        expect![[r#"
            9 stays: scale-down is stabilizing until 08:05:00; cpu wants 4
              metric cpu 20% (target 50%) wants 4
              metric lag 5 (target 10 per replica) wants 1, its own behavior allows 7
              clamp scaleDownStabilization: 4 -> 9 (until 08:05:00)
              else 7 without scale-down stabilization, from 08:05:00
              else 4 if metric lag were absent
        "#]],
    );
    let later = plan(&p, &first.state, &seen(299, 0.2, 5.0), at(299));
    check(
        &plan(&p, &later.state, &seen(301, 0.2, 5.0), at(301)),
        expect![[r#"
            9 -> 7: lag 5 (target 10 per replica) wants 1, its own behavior allows 7; scaleDownPolicies: 1 -> 7 (policy 0)
              metric cpu 20% (target 50%) wants 4
              metric lag 5 (target 10 per replica) wants 1, its own behavior allows 7
              clamp scaleDownPolicies: 1 -> 7 (policy 0)
              else 4 without the scaleDown policies
              else 4 if metric lag were absent
              drain 9 8
        "#]],
    );
    // Switched off, the policy's behaviour counts for both.
    s.repairs.metric_behavior = false;
    let p = policy(s);
    assert_eq!(plan(&p, &first.state, &seen(301, 0.2, 5.0), at(301)).desired, Replicas(4));
    assert!(plan(&p, &first.state, &seen(301, 0.2, 5.0), at(301)).state.metric_logs.is_empty());
}

#[test]
fn an_age_of_its_own() {
    let size = |stale| {
        let mut s = free(1, 50, &[]);
        s.metrics = vec![with(total("lag", 10.0), MetricOptions { stale_after: Some(secs(stale)), ..MetricOptions::default() })];
        once(s, &fleet(4, 0.5).signal("lag", T0.minus(secs(40)), 90.0)).desired.0
    };
    assert_eq!([size(39), size(40)], [4, 9]);
}

fn windowed(min: Option<u32>, max: Option<u32>) -> PolicySpec {
    // T0 is a Friday, 08:00 UTC.
    let window = CronWindow {
        name: Text::from("morning"),
        start: "5 8 * * *".to_owned(),
        end: "30 8 * * *".to_owned(),
        timezone: "UTC".to_owned(),
        min_replicas: min.map(Replicas),
        max_replicas: max.map(Replicas),
    };
    PolicySpec { windows: vec![window], ..spec(1, 10, &[rps(100.0)]) }
}

#[test]
fn time_windows_move_the_bounds() {
    let p = policy(windowed(Some(6), Some(20)));
    let seen = |n, s, rate| fleet(n, 0.5).rate(at(s), rate);
    assert_eq!(plan(&p, &State::new(), &seen(1, 299, 90.0), at(299)).desired, Replicas(1));
    let open = plan(&p, &State::new(), &seen(1, 300, 90.0), at(300));
    check(
        &open,
        expect![[r#"
        1 -> 6: requestsPerSecond 90.0/s (target 100.0/s per replica) wants 1, within tolerance; minReplicas: 1 -> 6
          metric requestsPerSecond 90.0/s (target 100.0/s per replica) wants 1, within tolerance
          clamp minReplicas: 1 -> 6
          else 1 if minReplicas were lower
          start 2 3 4 5 6
    "#]],
    );
    assert_eq!(open.report.bounds.as_ref().map(|b| (b.min, b.max, b.until)), Some((Replicas(6), Replicas(20), Some(at(1800)))));
    assert_eq!(plan(&p, &State::new(), &seen(9, 300, 1500.0), at(300)).desired, Replicas(15));
}

#[test]
fn the_end_of_a_window_is_no_jump() {
    let mut s = windowed(Some(8), None);
    s.behavior.scale_down = rules(120, PolicyKind::Pods, 2, 60);
    let run = |s: PolicySpec, rate: f64| {
        let p = policy(s);
        let mut state = State::new();
        let (mut n, mut sizes) = (1, Vec::new());
        for step in 0..72 {
            let t = at(300 + step * 30);
            n = plan_into(&p, &mut state, &fleet(n, 0.5).rate(t, rate).sampled(t), t).desired.0;
            sizes.push((300 + step * 30, n));
        }
        sizes.dedup_by_key(|(_, n)| *n);
        sizes
    };
    // Two minutes after 08:30, two at a time.
    assert_eq!(run(s.clone(), 90.0), [(300, 8), (1890, 6), (1950, 4), (2010, 2), (2070, 1)]);
    s.repairs.window_ends = false;
    assert_eq!(run(s, 90.0), [(300, 8), (1800, 6), (1860, 4), (1920, 2), (1980, 1)]);
    // A window that allows more: its end goes down by the policies; switched off, at once.
    let mut s = windowed(None, Some(20));
    s.behavior.scale_down = rules(120, PolicyKind::Pods, 3, 60);
    assert_eq!(run(s.clone(), 1950.0), [(300, 5), (330, 10), (360, 20), (1800, 17), (1860, 14), (1920, 11), (1980, 10)]);
    s.repairs.window_ends = false;
    assert_eq!(run(s, 1950.0), [(300, 5), (330, 10), (360, 20), (1800, 10)]);
}

#[test]
fn windows_alone_are_a_policy() {
    let p = policy(PolicySpec { metrics: Vec::new(), ..windowed(Some(6), None) });
    let size = |n, s| plan(&p, &State::new(), &fleet(n, 0.5), at(s)).desired.0;
    assert_eq!([size(1, 0), size(1, 300)], [1, 6]);
}

#[test]
fn ceilings() {
    let ceiling = |replicas, kind, by: &str| Ceiling { kind, replicas: Replicas(replicas), by: Text::from(by) };
    let seen = |n| Observation {
        ceilings: vec![
            ceiling(7, CeilingKind::Downstream, "postgres main: 70 connections / 10 per replica"),
            ceiling(6, CeilingKind::Budget, "0.30 EUR/h / 0.05 EUR/h per replica"),
        ],
        ..fleet(n, 0.5).rate(T0, 900.0)
    };
    let mut s = spec(2, 20, &[rps(100.0)]);
    s.behavior.scale_down = rules(300, PolicyKind::Pods, 2, 60);
    check(
        &once(s.clone(), &seen(4)),
        expect![[r#"
        4 -> 6: requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9; budget: 7 -> 6 (0.30 EUR/h / 0.05 EUR/h per replica)
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9
          clamp downstream: 9 -> 7 (postgres main: 70 connections / 10 per replica)
          clamp budget: 7 -> 6 (0.30 EUR/h / 0.05 EUR/h per replica)
          else 7 if the budget were larger
          start 5 6
    "#]],
    );
    check(
        &once(s.clone(), &seen(6)),
        expect![[r#"
        6 stays: no more is allowed by 0.30 EUR/h / 0.05 EUR/h per replica; requestsPerSecond wants 9
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9
          clamp downstream: 9 -> 7 (postgres main: 70 connections / 10 per replica)
          clamp budget: 7 -> 6 (0.30 EUR/h / 0.05 EUR/h per replica)
          else 7 if the budget were larger
    "#]],
    );
    // Above it the size goes down through the policies; below minReplicas it does not go.
    check(
        &once(s, &seen(9)),
        expect![[r#"
        9 -> 7: requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9, within tolerance; scaleDownPolicies: 6 -> 7 (policy 0)
          metric requestsPerSecond 900.0/s (target 100.0/s per replica) wants 9, within tolerance
          clamp downstream: 9 -> 7 (postgres main: 70 connections / 10 per replica)
          clamp budget: 7 -> 6 (0.30 EUR/h / 0.05 EUR/h per replica)
          clamp scaleDownPolicies: 6 -> 7 (policy 0)
          else 6 without the scaleDown policies
          drain 9 8
    "#]],
    );
    assert_eq!(once(spec(8, 20, &[rps(100.0)]), &seen(8)).desired, Replicas(8));
}

#[test]
fn what_a_policy_may_not_say() {
    let fallback = Some(Fallback { failure_threshold: 3, replicas: Replicas(20_000), behavior: FallbackBehavior::Static });
    let mut wrong = PolicySpec { idle_replicas: Some(Replicas(2)), ..windowed(Some(30), Some(0)) };
    wrong.min_replicas = Replicas(2);
    wrong.windows[0].timezone = "Berlin".to_owned();
    wrong.windows[0].start = "0 8 31 2 *".to_owned();
    wrong.cooldown = Some(secs(86_401));
    wrong.metrics = vec![
        with(
            rps(10.0),
            MetricOptions { scale_down_target: Some(11.0), activation: Some(1.0), fallback, ..MetricOptions::default() },
        ),
        with(
            total("lag", 0.0),
            MetricOptions { activation: Some(f64::NAN), stale_after: Some(secs(0)), ..MetricOptions::default() },
        ),
        formula("max(a,", 5.0).into(),
        with(
            queue(QueueTarget::Age(secs(0))),
            MetricOptions {
                behavior: MetricBehavior {
                    scale_up: Some(ScalingRules { policies: vec![], ..ScalingRules::default_up() }),
                    scale_down: None,
                },
                ..MetricOptions::default()
            },
        ),
        queue(QueueTarget::Age(secs(9))).into(),
    ];
    let errors = Policy::try_new(wrong).expect_err("it is wrong");
    let text: String = errors.iter().map(|e| format!("{e}\n")).collect();
    expect![[r#"
        idleReplicas must be below minReplicas 2
        metrics[0].requestsPerSecond.scaleDownTarget must be at most the target, 10
        metrics[0].requestsPerSecond.activation is for signals, queues and formulas only
        metrics[0].requestsPerSecond.fallback is for signals, queues and formulas only
        metrics[0].requestsPerSecond.fallback.replicas must be at most 10000
        metrics[1].lag must be a number above 0
        metrics[1].lag.staleAfter must be from 1s to 3600s
        metrics[1].lag.activation must be a number of at least 0
        metrics[2].mix.expression is no formula: at character 7: expected a number, a name or '(', found the end
        metrics[3].queueAge(jobs) must be a number above 0
        metrics[3].queueAge(jobs).behavior.scaleUp.policies must list at least one policy
        metrics[4].queueAge(jobs) names the same metric as metrics[3]
        cooldown must be from 0ns to 86400s
        windows[0].maxReplicas must be at least 1
        windows[0].timezone is no IANA time zone
        windows[0].start never comes
    "#]]
    .assert_eq(&text);
    let many = PolicySpec { metrics: (0..65).map(|i| total(&format!("s{i}"), 1.0).into()).collect(), ..spec(1, 2, &[]) };
    assert_eq!(Policy::try_new(many).expect_err("65 are too many")[0].to_string(), "metrics must list at most 64");
}

#[test]
fn a_journal_from_before_the_options_still_loads() {
    let old = r#"{"minReplicas":1,"maxReplicas":5,"metrics":[{"requestsPerSecond":{"target":100.0}}],
        "behavior":{"scaleUp":{"stabilizationWindow":{"secs":0,"nanos":0},"selectPolicy":"max","policies":[{"kind":"pods","value":4,
        "period":{"secs":15,"nanos":0}}],"tolerance":0.1},"scaleDown":{"stabilizationWindow":{"secs":300,"nanos":0},
        "selectPolicy":"max","policies":[{"kind":"percent","value":100,"period":{"secs":15,"nanos":0}}],"tolerance":0.1}},
        "requests":{"cpu":null,"memory":null},"metricWindow":{"secs":10,"nanos":0},"cpuInitialization":{"secs":300,"nanos":0},
        "staleAfter":{"secs":15,"nanos":0},"startupGuess":{"secs":10,"nanos":0},"latencyMinSamples":20}"#;
    let p: Policy = serde_json::from_str(old).unwrap();
    assert_eq!(p.spec().metrics, [rps(100.0).into()]);
    assert_eq!(p.spec().repairs, Repairs::default());
    let state = r#"{"recommendations":[{"replicas":3,"first":1800000000000000000,"last":1800000000000000000}],"scaleUps":[],
        "scaleDowns":[],"averages":[{"metric":"requestsPerSecond","at":1800000000000000000,"value":3.0,"filled":{"secs":10,"nanos":0}}],
        "startups":[],"nextReplica":4,"resumedAt":null,"lastScale":null,"aboveMaxByHold":false}"#;
    let state: State = serde_json::from_str(state).unwrap();
    assert_eq!(state.since, None::<Time>);
    let seen = r#"{"current":0,"replicas":[],"station":null,"directive":null}"#;
    let seen: Observation = serde_json::from_str(seen).unwrap();
    assert_eq!(plan(&p, &state, &seen, at(1)).desired, Replicas(1));
}
