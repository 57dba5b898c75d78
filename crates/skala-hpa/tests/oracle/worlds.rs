//! Random worlds: sizes, pods, metrics, behaviors and histories, small enough that edges are hit often.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use skala_hpa::{
    Behavior, Compat, History, Input, MetricId, MetricSpec, ObjectRef, Outcome, Phase, Pod, PodReadings, PolicyKind, Reading,
    ReadyCondition, ReadyStatus, Recommendation, Requests, Sample, Scale, ScaleEvent, ScalingPolicy, ScalingRules, SelectPolicy,
    Selector, Settings, Spec, Target, TargetKind, reconcile,
};
use skala_types::Time;

pub(crate) const NOW: u64 = 100_000;

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) spec: Spec,
    pub(crate) scale: Scale,
    pub(crate) pods: Vec<Pod>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) history: Option<History>,
    pub(crate) scaled_to_zero: Option<bool>,
}

impl World {
    pub(crate) fn input(&self) -> Input<'_> {
        Input {
            now: Time::from_secs(NOW),
            settings: &self.settings,
            namespace: "shop",
            spec: &self.spec,
            scale: Ok(self.scale),
            selector: &Selector::Usable,
            pods: &self.pods,
            readings: &self.readings,
            history: self.history.as_ref(),
            scaled_to_zero: self.scaled_to_zero,
        }
    }

    pub(crate) fn run(&self) -> Outcome {
        reconcile(&self.input())
    }

    pub(crate) fn random(seed: u64) -> World {
        let rng = &mut SmallRng::seed_from_u64(seed);
        let size = match rng.random_range(0..10) {
            0 => 0,
            1 => rng.random_range(0..300),
            _ => rng.random_range(1..15),
        };
        let status = if rng.random_bool(0.8) { size } else { rng.random_range(0..15) };
        let pod_count = if rng.random_bool(0.7) { size as usize } else { rng.random_range(0..12) };
        let pods: Vec<Pod> = (0..pod_count).map(|_| pod(rng)).collect();
        let metrics: Vec<MetricSpec> = (0..rng.random_range(1..4)).map(|_| metric(rng)).collect();
        let readings = metrics.iter().map(|m| reading(rng, m, pods.len(), status)).collect();
        let min = rng.random_range(0..4);
        let mut settings = Settings::default();
        let releases: Vec<Compat> = Compat::all().collect();
        if rng.random_bool(0.5) {
            settings.compat = releases[rng.random_range(0..releases.len())];
        }
        if rng.random_bool(0.2) {
            settings.scale_up_limit_factor = rng.random_range(1.0..9.0);
            settings.downscale_stabilization = Duration::from_secs(rng.random_range(0..600));
        }
        World {
            settings,
            spec: Spec {
                min_replicas: rng.random_bool(0.8).then_some(min),
                max_replicas: min.max(1) + rng.random_range(0..40),
                metrics,
                behavior: rng.random_bool(0.6).then(|| Behavior { scale_up: rules(rng), scale_down: rules(rng) }),
            },
            scale: Scale { spec_replicas: size, status_replicas: status },
            pods,
            readings,
            history: rng.random_bool(0.9).then(|| history(rng, size)),
            scaled_to_zero: [None, Some(false), Some(true)][rng.random_range(0..3)],
        }
    }
}

/// Seconds before now, near the edges that matter.
fn ago(rng: &mut SmallRng) -> Time {
    const EDGES: [u64; 8] = [0, 15, 30, 60, 120, 300, 600, 1800];
    let edge = EDGES[rng.random_range(0..EDGES.len())];
    Time::from_secs(NOW + 1 - (edge + rng.random_range(0..3)))
}

fn pod(rng: &mut SmallRng) -> Pod {
    let phase = match rng.random_range(0..20) {
        0 => Phase::Pending,
        1 => Phase::Failed,
        2 => Phase::Succeeded,
        3 => Phase::Unknown,
        _ => Phase::Running,
    };
    let status = match rng.random_range(0..10) {
        0 | 1 => ReadyStatus::False,
        2 => ReadyStatus::Unknown,
        _ => ReadyStatus::True,
    };
    Pod {
        deleted: rng.random_bool(0.05),
        phase,
        ready: rng.random_bool(0.95).then(|| ReadyCondition { status, last_transition: ago(rng) }),
        started_at: rng.random_bool(0.95).then(|| ago(rng)),
    }
}

fn metric(rng: &mut SmallRng) -> MetricSpec {
    let id = MetricId { name: "m".into(), selector: None };
    let per_pod = |rng: &mut SmallRng| match rng.random_bool(0.7) {
        true => Target::utilization(rng.random_range(1..160)),
        false => Target::average_value(rng.random_range(1..1500)),
    };
    let one = |rng: &mut SmallRng| Target {
        kind: if rng.random_bool(0.5) { TargetKind::Value } else { TargetKind::AverageValue },
        value: rng.random_bool(0.7).then(|| rng.random_range(1..5000)),
        average_value: rng.random_bool(0.7).then(|| rng.random_range(1..1500)),
        average_utilization: None,
    };
    match rng.random_range(0..7) {
        0..3 => MetricSpec::Resource { name: "cpu".into(), target: per_pod(rng) },
        3 => MetricSpec::ContainerResource { name: "memory".into(), container: "app".into(), target: per_pod(rng) },
        4 => MetricSpec::Pods { metric: id, target: Target::average_value(rng.random_range(1..1500)) },
        5 => MetricSpec::Object { metric: id, described: ObjectRef::default(), target: one(rng) },
        _ => MetricSpec::External { metric: id, target: one(rng) },
    }
}

fn reading(rng: &mut SmallRng, metric: &MetricSpec, pods: usize, status: i32) -> Reading {
    if rng.random_bool(0.08) {
        return Reading::Failed("gone".into());
    }
    let huge = rng.random_bool(0.02);
    let value = |rng: &mut SmallRng| match rng.random_range(0..40) {
        0 if huge => i64::MAX - rng.random_range(0..3),
        1 => 0,
        _ => rng.random_range(0..1400),
    };
    match metric {
        MetricSpec::Object { .. } => Reading::Object(value(rng).saturating_mul(i64::from(status.clamp(1, 9)))),
        MetricSpec::External { .. } => Reading::External((0..rng.random_range(1..5)).map(|_| value(rng)).collect()),
        _ => {
            // A common level, so that ratios fall near 1 and near the edges of the tolerance.
            let level = rng.random_range(0..1200);
            let missing = [0.0, 0.0, 0.2, 0.6][rng.random_range(0..4)];
            let sample = |rng: &mut SmallRng| Sample {
                value: (level + rng.random_range(-60..60)).max(0),
                timestamp: ago(rng),
                window: Duration::from_secs([15, 30, 60][rng.random_range(0..3)]),
            };
            let request = [0, 100, 999, 1000, 1000, 1000][rng.random_range(0..6)];
            Reading::Pods(PodReadings {
                samples: (0..pods).map(|_| (!rng.random_bool(missing)).then(|| sample(rng))).collect(),
                strangers: (0..[0, 0, 0, 2][rng.random_range(0..4)]).map(|_| value(rng)).collect(),
                requests: match rng.random_bool(0.04) {
                    true => Requests::Missing("missing request".into()),
                    false => Requests::Milli((0..pods).map(|_| request + rng.random_range(0..3) * 50).collect()),
                },
            })
        }
    }
}

fn rules(rng: &mut SmallRng) -> Option<ScalingRules> {
    if rng.random_bool(0.3) {
        return None;
    }
    let policy = |rng: &mut SmallRng| ScalingPolicy {
        kind: if rng.random_bool(0.5) { PolicyKind::Pods } else { PolicyKind::Percent },
        value: rng.random_range(1..150),
        period_seconds: [1, 15, 60, 300, 1800][rng.random_range(0..5)],
    };
    Some(ScalingRules {
        stabilization_window_seconds: rng.random_bool(0.6).then(|| [0, 15, 60, 300][rng.random_range(0..4)]),
        select_policy: rng
            .random_bool(0.6)
            .then(|| [SelectPolicy::Max, SelectPolicy::Min, SelectPolicy::Disabled][rng.random_range(0..3)]),
        policies: rng.random_bool(0.8).then(|| (0..rng.random_range(1..4)).map(|_| policy(rng)).collect()),
        tolerance: rng.random_bool(0.3).then(|| rng.random_range(0.0..0.6)),
    })
}

fn history(rng: &mut SmallRng, size: i32) -> History {
    let event = |rng: &mut SmallRng| ScaleEvent { at: ago(rng), change: rng.random_range(1..8) };
    History {
        recommendations: (0..rng.random_range(0..8))
            .map(|_| Recommendation { at: ago(rng), replicas: (size + rng.random_range(-6..9)).max(0) })
            .collect(),
        scale_ups: (0..rng.random_range(0..4)).map(|_| event(rng)).collect(),
        scale_downs: (0..rng.random_range(0..4)).map(|_| event(rng)).collect(),
    }
}
