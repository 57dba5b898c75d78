//! CPU and memory: what the replicas use, against what each should use.
//!
//! Decides: the size at which the mean use per replica meets its target.
//! Inputs: one sample per replica with its time, the request per replica, the phases.
//! Method: `autoscaling/v2` Resource metrics in two steps. `Sorted`: each replica is ignored (draining), unready (starting,
//!   failing, or its CPU sample reaches back before it was ready), missing (no usable sample) or ready. `size`: ready ones
//!   give the ratio; before growing, missing and unready ones are taken to use nothing; before shrinking, missing ones are
//!   taken to use all of their request; when the refill turns the direction round, the size stays.
//! Invariants: a proposal never goes against its ratio; a sample that is absurd or stale is a missing one.
//! Tested: `tests/decisions` rows `resources`.

use std::time::Duration;

use skala_types::{Bytes, Cores, Sampled};

use super::noise::GAUGE_EXCESS;
use super::{Failure, MetricReport, Notes, Reading, Scene, Why, Window, failed, proposes, read};
use crate::math::{ceil_replicas, sane, within};
use crate::report::{Input, InputName, Unit};
use crate::{Direction, MetricName, Phase, ReplicaObservation, ResourceTarget};

/// The fast CPU samples cover this much.
const FAST_WINDOW: Duration = Duration::from_secs(1);

/// A resource's target in absolute numbers.
struct Goal {
    name: MetricName,
    input: InputName,
    /// Unit of target and reading in the report, and the divisor that leads to it.
    unit: Unit,
    scale: f64,
    /// What one replica should use.
    per_replica: f64,
    /// What a replica without a sample is taken to use before shrinking.
    missing: f64,
}

impl Goal {
    fn new(name: MetricName, input: InputName, unit: Unit, target: ResourceTarget<f64>, request: Option<f64>) -> Goal {
        match target {
            ResourceTarget::Utilisation(u) => {
                let request = request.unwrap_or(0.0);
                let (per_replica, missing) = (u.0 * request, request * u.0.max(1.0));
                Goal { name, input, unit: Unit::Share, scale: request, per_replica, missing }
            }
            ResourceTarget::AverageValue(v) => Goal { name, input, unit, scale: 1.0, per_replica: v, missing: v },
        }
    }
}

pub(super) fn cpu(scene: &Scene<'_>, target: ResourceTarget<Cores>, request: Option<Cores>, notes: &mut Notes) -> MetricReport {
    let target = match target {
        ResourceTarget::Utilisation(u) => ResourceTarget::Utilisation(u),
        ResourceTarget::AverageValue(v) => ResourceTarget::AverageValue(v.0),
    };
    let goal = Goal::new(MetricName::Cpu, InputName::CpuPerReplica, Unit::Cores, target, request.map(|c| c.0));
    let value = |s: Option<Sampled<Cores>>| s.map(|s| Sampled::new(s.at, s.value.0));
    let slow = Sorted::of(scene, |r| value(r.cpu), true, |r| value(r.cpu));
    let fast = Sorted::of(scene, |r| value(r.cpu), true, |r| value(r.cpu_fast).filter(|s| usable(scene, s)).or(value(r.cpu)));
    goal.evaluate(scene, slow, Some(fast), notes)
}

pub(super) fn memory(
    scene: &Scene<'_>,
    target: ResourceTarget<Bytes>,
    request: Option<Bytes>,
    notes: &mut Notes,
) -> MetricReport {
    let target = match target {
        ResourceTarget::Utilisation(u) => ResourceTarget::Utilisation(u),
        ResourceTarget::AverageValue(v) => ResourceTarget::AverageValue(v.0 as f64),
    };
    let request = request.map(|b| b.0 as f64);
    let goal = Goal::new(MetricName::Memory, InputName::MemoryPerReplica, Unit::Bytes, target, request);
    let value = |r: &ReplicaObservation| r.memory.map(|s| Sampled::new(s.at, s.value.0 as f64));
    let slow = Sorted::of(scene, value, false, value);
    goal.evaluate(scene, slow, None, notes)
}

/// The mean use of CPU or memory as a share of the request, for formulas.
pub(super) fn share_of_request(scene: &Scene<'_>, name: &MetricName) -> Result<f64, Failure> {
    let requests = &scene.policy.spec().requests;
    let (sorted, request) = match name {
        MetricName::Cpu => {
            let value = |r: &ReplicaObservation| r.cpu.map(|s| Sampled::new(s.at, s.value.0));
            (Sorted::of(scene, value, true, value), requests.cpu.map(|c| c.0))
        }
        _ => {
            let value = |r: &ReplicaObservation| r.memory.map(|s| Sampled::new(s.at, s.value.0 as f64));
            (Sorted::of(scene, value, false, value), requests.memory.map(|b| b.0 as f64))
        }
    };
    if sorted.ready == 0 {
        return Err(sorted.failure());
    }
    Ok(sorted.sum / f64::from(sorted.ready) / request.unwrap_or(1.0))
}

/// The replicas sorted for one resource.
#[derive(Clone, Copy, Default)]
struct Sorted {
    ready: u32,
    unready: u32,
    missing: u32,
    /// Sum over the ready ones.
    sum: f64,
    /// Age of the youngest sample that counts.
    age: Option<Duration>,
    /// Age of the youngest sample that is too old to count.
    stale: Option<Duration>,
    absurd: bool,
}

impl Sorted {
    /// Sorts by the sample `judged`, sums up the sample `taken`.
    fn of(
        scene: &Scene<'_>,
        judged: impl Fn(&ReplicaObservation) -> Option<Sampled<f64>>,
        is_cpu: bool,
        taken: impl Fn(&ReplicaObservation) -> Option<Sampled<f64>>,
    ) -> Sorted {
        let mut sorted = Sorted::default();
        for replica in &scene.observation.replicas {
            match replica.phase {
                Phase::Draining => continue,
                Phase::Starting | Phase::Backoff | Phase::CrashLooping => {
                    sorted.unready += 1;
                    continue;
                }
                Phase::Ready | Phase::NotReady => {}
            }
            let Some(sample) = judged(replica).filter(|s| sorted.accepts(scene, s)) else {
                sorted.missing += 1;
                continue;
            };
            if is_cpu && reaches_before_ready(scene, replica, &sample) {
                sorted.unready += 1;
                continue;
            }
            let sample = taken(replica).unwrap_or(sample);
            let age = sample.age(scene.now);
            sorted.ready += 1;
            sorted.sum += sample.value;
            sorted.age = Some(sorted.age.map_or(age, |a| a.min(age)));
        }
        sorted
    }

    fn accepts(&mut self, scene: &Scene<'_>, sample: &Sampled<f64>) -> bool {
        let age = sample.age(scene.now);
        if scene.is_stale(age) {
            self.stale = Some(self.stale.map_or(age, |a| a.min(age)));
        }
        self.absurd |= !sane(sample.value);
        usable(scene, sample)
    }

    fn ratio(&self, goal: &Goal) -> f64 {
        self.sum / f64::from(self.ready) / goal.per_replica
    }

    fn failure(&self) -> Failure {
        match self.stale {
            _ if self.absurd => Failure::NotANumber,
            Some(age) => Failure::Stale { age },
            None => Failure::NoSamples,
        }
    }
}

fn usable(scene: &Scene<'_>, sample: &Sampled<f64>) -> bool {
    sane(sample.value) && !scene.is_stale(sample.age(scene.now))
}

/// Whether a young replica's CPU sample still contains its start-up.
fn reaches_before_ready(scene: &Scene<'_>, replica: &ReplicaObservation, sample: &Sampled<f64>) -> bool {
    let spec = scene.policy.spec();
    scene.repairs().startup_cpu
        && replica.phase == Phase::Ready
        && scene.now < replica.started_at + spec.cpu_initialization
        && sample.at < replica.phase_since + spec.metric_window
}

impl Goal {
    fn evaluate(&self, scene: &Scene<'_>, slow: Sorted, fast: Option<Sorted>, notes: &mut Notes) -> MetricReport {
        let (name, unit, target) = (self.name.clone(), self.unit, self.per_replica / self.scale);
        let Some(age) = slow.age else {
            return failed(name, unit, target, slow.failure());
        };
        let length = scene.policy.spec().metric_window;
        let mean = |s: &Sorted| s.sum / f64::from(s.ready) / self.scale;
        let slow_ratio = slow.ratio(self);
        let fast = fast.filter(|f| f.ratio(self) > slow_ratio * GAUGE_EXCESS);
        let (sorted, window) = match fast {
            Some(fast) => {
                let explained = mean(&slow) * GAUGE_EXCESS;
                (fast, Window::Fast { length: FAST_WINDOW, slow: mean(&slow), explained })
            }
            None => (slow, Window::Slow { length }),
        };
        let (value, ratio) = (mean(&sorted), sorted.ratio(self));
        if !sane(value) || !sane(ratio) {
            return failed(name, unit, target, Failure::NotANumber);
        }
        let used = if fast.is_some() { FAST_WINDOW } else { length };
        notes.inputs.push(Input { age: Some(age), window: Some(used), ..super::input(self.input.clone(), value, unit) });
        let (mut replicas, mut why) = self.size(scene, &sorted, ratio, target);
        if replicas < scene.current() && scene.repairs().startup_cpu && scene.shows_an_old_size(scene.now.minus(age), length) {
            (replicas, why) = (scene.current(), Why::Settling);
        }
        let reading = Reading { value, ratio: Some(ratio), window, age };
        read(name, unit, target, reading, proposes(replicas, why))
    }

    fn size(&self, scene: &Scene<'_>, sorted: &Sorted, ratio: f64, target: f64) -> (u32, Why) {
        let current = scene.current();
        let inside = |r| within(r, scene.tolerance(Direction::Down), scene.tolerance(Direction::Up));
        let up = ratio > 1.0;
        let refills = sorted.missing > 0 || (up && sorted.unready > 0);
        if !refills && inside(ratio) && (up || scene.down_target().is_none()) {
            return (current, Why::WithinTolerance);
        }
        let (sum, count) = if up {
            (sorted.sum, sorted.ready + sorted.missing + sorted.unready)
        } else {
            (sorted.sum + f64::from(sorted.missing) * self.missing, sorted.ready + sorted.missing)
        };
        let refilled = sum / f64::from(count) / self.per_replica;
        if !up && refilled <= 1.0 {
            return scene.shrink(refilled * f64::from(count), refilled, target);
        }
        if inside(refilled) || !up || refilled <= 1.0 {
            let why = if up && sorted.unready > 0 { Why::StillStarting } else { Why::WithinTolerance };
            return (current, why);
        }
        // The extra replicas of a rolling update have a base load too, which is no reason for more of them. Their share is of those that
        // are measured: one that only starts must not change what is wanted.
        let measured = sorted.ready.max(1);
        let share = f64::from(scene.serving(measured)) / f64::from(measured);
        let wanted = ceil_replicas(refilled * f64::from(count) * share);
        (wanted.max(current), Why::AboveTarget)
    }
}
