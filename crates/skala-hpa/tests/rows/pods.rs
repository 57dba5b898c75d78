//! Sorting pods, and metrics with a sample per pod.

use std::time::Duration;

use expect_test::{Expect, expect};
use skala_hpa::{MetricSpec, Phase, Pod, PodClass, Reading, ReadyStatus, Requests, Target};

use crate::world::*;

/// The class of one pod, for cpu and for memory; a second, ready pod keeps the sample set from being empty.
fn classes(pod_: Pod, sample_: Option<skala_hpa::Sample>) -> [PodClass; 2] {
    let mut readings = samples(&[None, Some(500)]);
    readings.samples[0] = sample_;
    let mut w = world(2)
        .metric(cpu(Target::utilization(50)), Reading::Pods(readings.clone()))
        .metric(memory(Target::utilization(50)), Reading::Pods(readings));
    w.pods[0] = pod_;
    let trace = w.run().trace;
    [trace.metrics[0].pods[0], trace.metrics[1].pods[0]]
}

#[test]
fn the_first_rule_that_matches_sorts_a_pod() {
    use PodClass::{Ignored, Missing, Ready, Unready};
    let phase = |phase| Pod { phase, ..pod() };
    let s = Some(sample(1));
    let rows = [
        (Pod { deleted: true, ..phase(Phase::Pending) }, None, [Ignored; 2]),
        (Pod { deleted: true, ..pod() }, s, [Ignored; 2]),
        (phase(Phase::Failed), s, [Ignored; 2]),
        (phase(Phase::Pending), s, [Unready; 2]),
        (phase(Phase::Pending), None, [Unready; 2]),
        // No sample comes before readiness.
        (Pod { ready: ready(ReadyStatus::False, 1_001), ..pod() }, None, [Missing; 2]),
        (Pod { ready: None, ..pod() }, None, [Missing; 2]),
        (Pod { ready: None, ..pod() }, s, [Unready, Ready]),
        (Pod { started_at: None, ..pod() }, s, [Unready, Ready]),
        (phase(Phase::Succeeded), s, [Ready; 2]),
        (phase(Phase::Unknown), s, [Ready; 2]),
        (pod(), s, [Ready; 2]),
    ];
    for (i, (pod, sample, class)) in rows.into_iter().enumerate() {
        assert_eq!(classes(pod, sample), class, "row {i}");
    }
}

#[test]
fn cpu_samples_of_starting_pods_are_doubted() {
    use ReadyStatus::{False, True, Unknown};
    // (started, status, changed, sample's end, its window) -> whether it counts.
    let rows = [
        // The initialization period of 300 s ends at its edge, which is outside.
        (NOW - 300, False, NOW - 200, NOW, 30, true),
        (NOW - 299, False, NOW - 200, NOW, 30, false),
        (NOW - 299, True, NOW - 200, NOW, 30, true),
        (NOW - 299, Unknown, NOW - 200, NOW, 30, true),
        // The window must begin at the last change or later.
        (NOW - 299, True, NOW - 30, NOW, 30, true),
        (NOW - 299, True, NOW - 29, NOW, 30, false),
        (NOW - 299, Unknown, NOW - 29, NOW, 30, false),
        (NOW - 299, True, NOW - 60, NOW - 31, 30, false),
        // After the period: never ready is turned not ready less than 30 s after the start.
        (NOW - 400, False, NOW - 371, NOW, 30, false),
        (NOW - 400, False, NOW - 370, NOW, 30, true),
        (NOW - 400, True, NOW - 371, NOW, 30, true),
        (NOW - 400, Unknown, NOW - 371, NOW, 30, true),
        (NOW - 400, True, NOW - 1, NOW, 30, true),
        // A start in the future is a start just now.
        (NOW + 50, False, NOW, NOW, 0, false),
    ];
    for (i, (started, status, changed, end, window, counts)) in rows.into_iter().enumerate() {
        let pod = Pod { started_at: Some(at(started)), ready: ready(status, changed), ..pod() };
        let s = skala_hpa::Sample { value: 1, timestamp: at(end), window: Duration::from_secs(window) };
        let expected = if counts { PodClass::Ready } else { PodClass::Unready };
        assert_eq!(classes(pod, Some(s)), [expected, PodClass::Ready], "row {i}");
    }
}

/// One cpu utilization metric over pods that are `r`eady, `u`nready (pending), `m`issing or `i`gnored.
fn utilization(size: i32, percent: i32, pods: &str, values: &[i64], expected: &Expect) {
    expected.assert_eq(&grouped(size, pods, values, |r| (cpu(Target::utilization(percent)), r)).first());
}

fn average(size: i32, target: i64, pods: &str, values: &[i64], expected: &Expect) {
    expected.assert_eq(&grouped(size, pods, values, |r| (custom(Target::average_value(target)), r)).first());
}

fn grouped(size: i32, pods: &str, values: &[i64], metric: impl FnOnce(Reading) -> (MetricSpec, Reading)) -> World {
    let mut w = world(size);
    let mut values = values.iter().copied();
    let mut readings = vec![];
    w.pods.clear();
    for class in pods.chars() {
        let phase = if class == 'u' { Phase::Pending } else { Phase::Running };
        w.pods.push(Pod { phase, deleted: class == 'i', ..pod() });
        // Samples of unready and ignored pods are there, and must not count.
        readings.push(match class {
            'm' => None,
            'r' => values.next(),
            _ => Some(9_999),
        });
    }
    let (spec, reading) = metric(Reading::Pods(samples(&readings)));
    w.metric(spec, reading)
}

#[test]
fn utilization_without_missing_or_unready() {
    utilization(3, 50, "rrr", &[500, 500, 500], &expect!["3: 50% 500m mean r=1.000/3 WithinTolerance"]);
    utilization(3, 50, "rrr", &[900, 900, 900], &expect!["6: 90% 900m mean r=1.800/3 Scaled"]);
    utilization(3, 50, "rrr", &[100, 100, 100], &expect!["1: 10% 100m mean r=0.200/3 Scaled"]);
    // Whole percents: 55.9 % is 55 %, which is exactly at the edge; the mean is cut off, too.
    utilization(3, 50, "rrr", &[559, 559, 559], &expect!["3: 55% 559m mean r=1.100/3 WithinTolerance"]);
    utilization(3, 50, "rrr", &[560, 560, 560], &expect!["4: 56% 560m mean r=1.120/3 Scaled"]);
    utilization(3, 50, "rrr", &[450, 450, 450], &expect!["3: 45% 450m mean r=0.900/3 WithinTolerance"]);
    utilization(3, 50, "rrr", &[449, 449, 449], &expect!["3: 44% 449m mean r=0.880/3 Scaled"]);
    utilization(3, 50, "rrr", &[0, 0, 1], &expect!["0: 0% 0m mean r=0.000/3 Scaled"]);
}

#[test]
fn the_ready_pods_are_scaled_not_the_size() {
    utilization(4, 50, "r", &[1000], &expect!["2: 100% 1000m mean r=2.000/1 Scaled"]);
    utilization(2, 50, "rrrr", &[1000; 4], &expect!["8: 100% 1000m mean r=2.000/4 Scaled"]);
    utilization(4, 50, "rriii", &[300, 300], &expect!["2: 30% 300m mean r=0.600/2 Scaled"]);
    // Within tolerance it is the size.
    utilization(9, 50, "rr", &[500, 500], &expect!["9: 50% 500m mean r=1.000/2 WithinTolerance"]);
    average(4, 1000, "r", &[2000], &expect!["2: 2000m mean r=2.000/1 Scaled"]);
}

#[test]
fn unready_pods_damp_growth_and_stay_out_of_shrinking() {
    // 2 x 150 % over 4 pods is 75 %: 1.5 x 4 = 6 instead of 3 x 2.
    utilization(4, 50, "rruu", &[1500, 1500], &expect!["6: 150% 1500m mean r=3.000/2 r2=1.500/4 Scaled"]);
    utilization(4, 50, "rruu", &[1000, 1000], &expect!["4: 100% 1000m mean r=2.000/2 r2=1.000/4 WithinToleranceWhenFilled"]);
    utilization(4, 50, "rruu", &[700, 700], &expect!["4: 70% 700m mean r=1.400/2 r2=0.700/4 DirectionTurned"]);
    // Shrinking: as if they were not there.
    utilization(4, 50, "rruu", &[200, 200], &expect!["1: 20% 200m mean r=0.400/2 Scaled"]);
    // At exactly 1 they are not filled in.
    utilization(4, 50, "rruu", &[500, 500], &expect!["4: 50% 500m mean r=1.000/2 WithinTolerance"]);
    average(4, 500, "rruu", &[1500, 1500], &expect!["6: 1500m mean r=3.000/2 r2=1.500/4 Scaled"]);
}

#[test]
fn missing_pods_count_against_the_direction() {
    // Growing: as 0. Shrinking: as their whole request.
    utilization(4, 50, "rrmm", &[1500, 1500], &expect!["6: 150% 1500m mean r=3.000/2 r2=1.500/4 Scaled"]);
    utilization(4, 50, "rrmm", &[100, 100], &expect!["4: 10% 100m mean r=0.200/2 r2=1.100/4 WithinToleranceWhenFilled"]);
    utilization(4, 50, "rrrm", &[0, 0, 0], &expect!["2: 0% 0m mean r=0.000/3 r2=0.500/4 Scaled"]);
    utilization(4, 50, "rmmm", &[100], &expect!["4: 10% 100m mean r=0.200/1 r2=1.540/4 DirectionTurned"]);
    // Exactly 1: nothing is filled in, but the slow path is taken and its result stays.
    utilization(4, 50, "rrmm", &[500, 500], &expect!["4: 50% 500m mean r=1.000/2 r2=1.000/2 WithinToleranceWhenFilled"]);
    // A target above 100 % fills with the target: 150 % of 1000m.
    utilization(4, 150, "rrrm", &[300, 300, 300], &expect!["2: 30% 300m mean r=0.200/3 r2=0.400/4 Scaled"]);
    // An average value fills with exactly the target.
    average(4, 1000, "rrmm", &[200, 200], &expect!["3: 200m mean r=0.200/2 r2=0.600/4 Scaled"]);
    average(4, 1000, "rrmm", &[3000, 3000], &expect!["6: 3000m mean r=3.000/2 r2=1.500/4 Scaled"]);
    average(4, 1000, "rrmm", &[1000, 1000], &expect!["4: 1000m mean r=1.000/2 r2=1.000/2 WithinToleranceWhenFilled"]);
}

#[test]
fn missing_and_unready_pods_together() {
    // Growing: both as 0. Shrinking: the missing as their request, the unready not at all.
    utilization(4, 50, "rrmu", &[1500, 1500], &expect!["6: 150% 1500m mean r=3.000/2 r2=1.500/4 Scaled"]);
    utilization(4, 50, "rrmu", &[0, 0], &expect!["2: 0% 0m mean r=0.000/2 r2=0.660/3 Scaled"]);
    average(4, 1000, "rrmu", &[0, 0], &expect!["1: 0m mean r=0.000/2 r2=0.333/3 Scaled"]);
}

#[test]
fn the_count_of_samples_does_not_turn_the_direction() {
    // More pods than the size: shrinking the ratio still asks for more than the size.
    utilization(2, 50, "rrrrrm", &[300; 5], &expect!["2: 30% 300m mean r=0.600/5 r2=0.820/6 CountTurned"]);
    // Fewer pods than the size: growing would ask for less.
    utilization(9, 50, "rrm", &[1500, 1500], &expect!["9: 150% 1500m mean r=3.000/2 r2=2.000/3 CountTurned"]);
    average(2, 1000, "rrrrrm", &[600; 5], &expect!["2: 600m mean r=0.600/5 r2=0.666/6 CountTurned"]);
    average(9, 1000, "rrm", &[3000, 3000], &expect!["9: 3000m mean r=3.000/2 r2=2.000/3 CountTurned"]);
}

#[test]
fn samples_of_strangers() {
    let strangers = |w: &mut World, values: &[i64]| match &mut w.readings[0] {
        Reading::Pods(r) => r.strangers = values.to_vec(),
        _ => unreachable!("rows of this test have pods"),
    };
    // Utilization: no request, no share in the ratio; but one more sample on the slow path.
    let mut w = grouped(3, "rrm", &[1500, 1500], |r| (cpu(Target::utilization(50)), r));
    strangers(&mut w, &[9_000]);
    expect!["8: 150% 1500m mean r=3.000/2 r2=2.000/4 Scaled"].assert_eq(&w.first());
    let mut w = grouped(2, "rr", &[1000, 1000], |r| (cpu(Target::utilization(50)), r));
    strangers(&mut w, &[9_000]);
    expect!["4: 100% 1000m mean r=2.000/2 Scaled"].assert_eq(&w.first());
    // Average value: they count in the mean, and for as many ready pods as there are.
    let mut w = grouped(2, "rr", &[1000, 1000], |r| (custom(Target::average_value(500)), r));
    strangers(&mut w, &[4_000]);
    expect!["8: 2000m mean r=4.000/3 Scaled"].assert_eq(&w.first());
    // Only strangers: no known pod for utilization, a mean for the rest.
    let mut w = grouped(1, "i", &[], |r| (cpu(Target::utilization(50)), r));
    strangers(&mut w, &[4_000]);
    expect!["failed to get cpu utilization: no metrics returned matched known pods"].assert_eq(&w.first());
    let mut w = grouped(1, "i", &[], |r| (custom(Target::average_value(500)), r));
    strangers(&mut w, &[4_000]);
    expect!["0: 4000m mean r=8.000/1 Scaled"].assert_eq(&w.first());
}

#[test]
fn what_makes_a_metric_of_pods_fail() {
    let none = "did not receive metrics for targeted pods (pods might be unready)";
    utilization(
        2,
        50,
        "mm",
        &[],
        &expect![[r#"failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)"#]],
    );
    assert_eq!(grouped(2, "uu", &[], |r| (custom(Target::average_value(1)), r)).first(), none);
    assert_eq!(grouped(2, "ii", &[], |r| (custom(Target::average_value(1)), r)).first(), none);
    assert_eq!(
        grouped(2, "", &[], |r| (custom(Target::average_value(1)), r)).first(),
        "no pods returned by selector while calculating replica count"
    );
    let with = |requests| {
        let mut w = grouped(2, "ri", &[500], |r| (cpu(Target::utilization(50)), r));
        if let Reading::Pods(r) = &mut w.readings[0] {
            r.requests = requests;
        }
        w.first()
    };
    // A request is needed of every pod, an ignored one included.
    expect!["failed to get cpu utilization: missing request for cpu in container app of Pod api-2"]
        .assert_eq(&with(Requests::Missing("missing request for cpu in container app of Pod api-2".into())));
    expect!["failed to get cpu utilization: no metrics returned matched known pods"]
        .assert_eq(&with(Requests::Milli(vec![0, 5])));
    expect!["failed to get cpu utilization: the reading lacks requests of some pods"].assert_eq(&with(Requests::Milli(vec![5])));
    expect!["failed to get cpu utilization: requests of the pods add up to a negative total"]
        .assert_eq(&with(Requests::Milli(vec![-5, 5])));
    utilization(1, 50, "r", &[-1], &expect!["failed to get cpu utilization: samples add up to a negative total"]);
    average(2, 50, "rr", &[-2, 1], &expect!["samples add up to a negative total"]);
    average(2, 50, "rr", &[-2, 102], &expect!["2: 50m mean r=1.000/2 WithinTolerance"]);
}

#[test]
fn sums_do_not_wrap() {
    utilization(
        2,
        50,
        "rr",
        &[i64::MAX, i64::MAX],
        &expect!["85899346: 2147483647% 9223372036854775807m mean r=42949672.940/2 Scaled"],
    );
    average(
        2,
        1,
        "rr",
        &[i64::MAX, i64::MAX],
        &expect!["2147483647: 9223372036854775807m mean r=9223372036854775808.000/2 Scaled"],
    );
    utilization(2, i32::MAX, "rm", &[0], &expect!["1: 0% 0m mean r=0.000/1 r2=0.500/2 Scaled"]);
}

#[test]
fn an_average_value_wins_over_a_utilization() {
    let both = Target { average_value: Some(250), ..Target::utilization(90) };
    expect!["4: 500m mean r=2.000/2 Scaled"].assert_eq(&world(2).metric(cpu(both), all(2, 500)).first());
    let container =
        MetricSpec::ContainerResource { name: "cpu".into(), container: "app".into(), target: Target::utilization(25) };
    expect!["4: 50% 500m mean r=2.000/2 Scaled"].assert_eq(&world(2).metric(container, all(2, 500)).first());
}
