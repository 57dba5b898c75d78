//! The price of one reconcile: `cargo bench -p skala-hpa`.
//!
//! `large`: 100 pods, 4 metrics (cpu and memory utilization, a pods metric, a queue), a behavior and twenty recommendations.
//! `small`: 10 pods, cpu only; what most services are.

use std::time::Duration;

use divan::{Bencher, black_box};
use skala_hpa::{
    Behavior, History, Input, MetricId, MetricSpec, Phase, Pod, PodReadings, Reading, ReadyCondition, ReadyStatus,
    Recommendation, Requests, Sample, Scale, ScalingRules, Selector, Settings, Spec, Target, reconcile,
};
use skala_types::Time;

const NOW: Time = Time::from_secs(100_000);

fn main() {
    divan::main();
}

struct World {
    settings: Settings,
    spec: Spec,
    pods: Vec<Pod>,
    readings: Vec<Reading>,
    history: History,
}

impl World {
    fn new(pods: usize, metrics: Vec<MetricSpec>, behavior: bool) -> World {
        let per_pod = |value: i64| {
            let sample = |i: usize| Sample {
                value: value + i as i64 % 7,
                timestamp: Time::from_secs(99_990),
                window: Duration::from_secs(30),
            };
            Reading::Pods(PodReadings {
                samples: (0..pods).map(|i| (i % 25 != 3).then(|| sample(i))).collect(),
                strangers: vec![],
                requests: Requests::Milli(vec![500; pods]),
            })
        };
        let readings = metrics
            .iter()
            .map(|m| if matches!(m, MetricSpec::External { .. }) { Reading::External(vec![900_000]) } else { per_pod(410) })
            .collect();
        let ready = ReadyCondition { status: ReadyStatus::True, last_transition: Time::from_secs(50_010) };
        let pod = Pod { deleted: false, phase: Phase::Running, ready: Some(ready), started_at: Some(Time::from_secs(50_000)) };
        let rules = ScalingRules { stabilization_window_seconds: Some(300), ..ScalingRules::default() };
        World {
            settings: Settings::default(),
            spec: Spec {
                min_replicas: Some(2),
                max_replicas: 400,
                metrics,
                behavior: behavior.then(|| Behavior { scale_up: Some(rules.clone()), scale_down: Some(rules) }),
            },
            pods: vec![pod; pods],
            readings,
            history: History {
                recommendations: (0..20)
                    .map(|i| Recommendation { at: Time::from_secs(99_700 + 15 * i), replicas: pods as i32 })
                    .collect(),
                ..History::default()
            },
        }
    }

    fn input(&self) -> Input<'_> {
        let size = self.pods.len() as i32;
        Input {
            now: NOW,
            settings: &self.settings,
            namespace: "shop",
            spec: &self.spec,
            scale: Ok(Scale { spec_replicas: size, status_replicas: size }),
            selector: &Selector::Usable,
            pods: &self.pods,
            readings: &self.readings,
            history: Some(&self.history),
            scaled_to_zero: None,
        }
    }
}

fn cpu() -> MetricSpec {
    MetricSpec::Resource { name: "cpu".into(), target: Target::utilization(70) }
}

fn id(name: &str) -> MetricId {
    MetricId { name: name.into(), selector: None }
}

#[divan::bench]
fn large(bencher: Bencher) {
    let metrics = vec![
        cpu(),
        MetricSpec::Resource { name: "memory".into(), target: Target::utilization(80) },
        MetricSpec::Pods { metric: id("requests_per_second"), target: Target::average_value(400) },
        MetricSpec::External { metric: id("queue"), target: Target::average_value(30_000) },
    ];
    let world = World::new(100, metrics, true);
    bencher.bench(|| reconcile(black_box(&world.input())));
}

#[divan::bench]
fn small(bencher: Bencher) {
    let world = World::new(10, vec![cpu()], false);
    bencher.bench(|| reconcile(black_box(&world.input())));
}

#[divan::bench]
fn explain(bencher: Bencher) {
    let world = World::new(10, vec![cpu()], false);
    let outcome = reconcile(&world.input());
    bencher.bench(|| black_box(&outcome).explain());
}
