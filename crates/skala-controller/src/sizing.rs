//! The size of a service's replicas: what they used, what is recommended, and what is set on them in place.
//!
//! Decides: nothing; `skala_autoscaler::vertical` recommends, and judges whether a change is worth it.
//! Inputs: the platform's snapshot once a tick, kills for want of memory, the settings.
//! Method: as Kubernetes' recommender and updater: memory at every look, CPU once a minute per replica. Limits keep their ratio to
//!   the requests. A replica that starts while there is a recommendation gets it at once, as at admission to a cluster; one that
//!   runs already only when its size is worth a change.
//! Invariants: without control groups nothing is applied, and it is said once; memory in use is never taken away.
//! Tested: `tests` below; `tests/control.rs`; `tests/e2e` of the binary on control groups.

use std::collections::BTreeMap;
use std::time::Duration;

use skala_autoscaler::vertical::{
    Amount, Config, Recommendation, Resources, Running, State, UpdateRule, Worth, recommend, worth_updating,
};
use skala_types::{Bytes, Cores, ReplicaId, Time};

use crate::platform::{Amounts, Phase, ReplicaStatus, Size};

/// Time between two CPU samples of a replica; the confidence counts one per minute.
const CPU_PERIOD: Duration = Duration::from_secs(60);
/// Time between two savings.
const SAVE_PERIOD: Duration = Duration::from_secs(60);

/// The vertical axis of a service.
#[derive(Clone, Debug)]
pub struct Vertical {
    /// Whether recommendations are set on running replicas; else they are only shown.
    pub apply: bool,
    /// The resources that are recommended.
    pub resources: Resources<bool>,
    /// The recommender's settings.
    pub config: Config,
    /// The size that the platform file gives.
    pub size: Size,
}

/// What is recommended for a service's replicas, and what they have.
#[derive(Clone, Debug)]
pub struct SizingView {
    /// The settings.
    pub vertical: Vertical,
    /// The recommendation; none before anything was measured.
    pub recommended: Option<Recommendation>,
    /// CPU samples taken.
    pub samples: u64,
    /// The first of them.
    pub since: Option<Time>,
    /// What each replica has that was given a size in place.
    pub replicas: BTreeMap<ReplicaId, Size>,
    /// Why sizes cannot be set.
    pub failure: Option<String>,
}

/// A size to set on a replica.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) replica: ReplicaId,
    pub(crate) size: Size,
    /// What for, in words.
    pub(crate) why: &'static str,
}

pub(crate) struct Sizing {
    vertical: Vertical,
    rule: UpdateRule,
    state: State,
    cpu_at: BTreeMap<ReplicaId, Time>,
    known: BTreeMap<ReplicaId, Known>,
    saved_at: Option<Time>,
    failure: Option<String>,
}

/// What is known of a replica.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Its size, when it is not the file's.
    size: Option<Size>,
    /// How long it had run when it was last killed for memory.
    oom_after: Option<Duration>,
    /// It was there before there was a recommendation.
    early: bool,
    /// What could not be set, so that it is tried again only when it is another.
    refused: Option<Size>,
}

impl Sizing {
    /// Goes on with what an earlier run saved.
    pub(crate) fn new(vertical: Vertical, saved: Option<&str>) -> Sizing {
        let state = saved.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_else(|| State::new(&vertical.config));
        Sizing {
            vertical,
            rule: UpdateRule::default(),
            state,
            cpu_at: BTreeMap::new(),
            known: BTreeMap::new(),
            saved_at: None,
            failure: None,
        }
    }

    /// Takes what the replicas use.
    pub(crate) fn observe<'a>(&mut self, own: impl Iterator<Item = &'a ReplicaStatus> + Clone, now: Time) {
        let config = &self.vertical.config;
        for replica in own.clone() {
            let Some(usage) = replica.usage else { continue };
            self.state.add_memory(config, replica.id, usage.at, Amount(usage.value.memory.0));
            let due = self.cpu_at.get(&replica.id).is_none_or(|last| now.since(*last) >= CPU_PERIOD);
            if due && self.state.add_cpu(config, replica.id, usage.at, usage.value.cpu.0) {
                self.cpu_at.insert(replica.id, now);
            }
        }
        let alive = |id: ReplicaId| own.clone().any(|r| r.id == id);
        self.cpu_at.retain(|id, _| alive(*id));
        self.known.retain(|id, _| alive(*id));
        self.state.retain_replicas(alive);
    }

    /// Takes a kill for want of memory.
    pub(crate) fn out_of_memory(&mut self, replica: ReplicaId, started: Option<Time>, at: Time) {
        let size = self.size_of(replica);
        let had = size.limits.memory.or(size.requests.memory).map_or(Amount(0), |b| Amount(b.0));
        self.state.add_oom(&self.vertical.config, replica, at, had);
        self.known.entry(replica).or_default().oom_after = started.map(|started| at.since(started));
    }

    pub(crate) fn recommendation(&self, now: Time) -> Option<Recommendation> {
        recommend(&self.vertical.config, &self.state, now)
    }

    fn size_of(&self, replica: ReplicaId) -> Size {
        self.known.get(&replica).and_then(|k| k.size).unwrap_or(self.vertical.size)
    }

    /// The sizes that are worth setting now.
    pub(crate) fn changes<'a>(&mut self, own: impl Iterator<Item = &'a ReplicaStatus>, now: Time) -> Vec<Change> {
        let recommended = self.recommendation(now);
        let mut changes = Vec::new();
        for replica in own.filter(|r| matches!(r.phase, Phase::Starting | Phase::Ready | Phase::NotReady)) {
            let new = !self.known.contains_key(&replica.id);
            let known = self.known.entry(replica.id).or_default();
            known.early |= new && recommended.is_none();
            let (Some(recommended), true) = (&recommended, self.vertical.apply) else { continue };
            let admitted = known.size.is_none() && !known.early && known.refused.is_none();
            let (oom_after, refused) = (known.oom_after, known.refused);
            let why = if admitted { Some("it has just started") } else { self.worth(replica, oom_after, recommended, now) };
            let size = target(&self.vertical, recommended);
            if let Some(why) = why.filter(|_| self.size_of(replica.id) != size && refused != Some(size)) {
                changes.push(Change { replica: replica.id, size, why });
            }
        }
        changes
    }

    fn worth(
        &self,
        replica: &ReplicaStatus,
        oom_after: Option<Duration>,
        recommended: &Recommendation,
        now: Time,
    ) -> Option<&'static str> {
        use skala_autoscaler::vertical::Update;
        let size = self.size_of(replica.id);
        let mut recommended = recommended.clone();
        let mut request = Resources {
            cpu: size.requests.cpu.or(size.limits.cpu).map(millicores),
            memory: size.requests.memory.or(size.limits.memory).map(|b| Amount(b.0)),
        };
        // A resource that is not asked about is as it should be.
        if !self.vertical.resources.cpu {
            request.cpu = Some(recommended.cpu.target);
        }
        if !self.vertical.resources.memory {
            let now = request.memory.unwrap_or_default();
            recommended.memory.lower_bound = now;
            recommended.memory.target = now;
            recommended.memory.upper_bound = now;
            request.memory = Some(now);
        }
        let memory_used = replica.usage.filter(|_| self.vertical.resources.memory).map(|u| Amount(u.value.memory.0));
        let running = Running { request, memory_used, oom_after };
        match worth_updating(&self.rule, &[(running, recommended)], Some(replica.started_at), now) {
            Worth::Apply { why: Update::OutOfBounds, .. } => Some("its request is outside the bounds"),
            Worth::Apply { why: Update::QuickOom, .. } => Some("it ran out of memory soon after its start"),
            Worth::Apply { why: Update::Drifted, .. } => Some("it is off the target by a tenth or more"),
            Worth::TooYoung { .. } | Worth::TooSmall { .. } | Worth::MemoryInUse { .. } => None,
        }
    }

    /// A change was made, or could not be. Whether that is worth telling.
    pub(crate) fn done(&mut self, change: &Change, failure: Option<String>) -> bool {
        let known = self.known.entry(change.replica).or_default();
        match failure {
            None => {
                (known.size, known.refused, known.oom_after) = (Some(change.size), None, None);
                self.failure = None;
                true
            }
            Some(why) => {
                known.refused = Some(change.size);
                self.failure.replace(why.clone()) != Some(why)
            }
        }
    }

    /// What to save now, if it is time to.
    pub(crate) fn take_save(&mut self, now: Time, at_once: bool) -> Option<String> {
        let due = at_once || self.saved_at.is_none_or(|last| now.since(last) >= SAVE_PERIOD);
        due.then(|| {
            self.saved_at = Some(now);
            crate::managed::to_json(&self.state)
        })
    }

    pub(crate) fn view(&self, now: Time) -> SizingView {
        SizingView {
            vertical: self.vertical.clone(),
            recommended: self.recommendation(now),
            samples: self.state.samples,
            since: self.state.first_sample,
            replicas: self.known.iter().filter_map(|(id, k)| Some((*id, k.size?))).collect(),
            failure: self.failure.clone(),
        }
    }
}

fn millicores(cores: Cores) -> Amount {
    Amount::from_f64((cores.0 * 1000.0).round())
}

/// The recommended size: targets as requests, limits in the file's ratio to its requests.
pub(crate) fn target(vertical: &Vertical, recommended: &Recommendation) -> Size {
    let file = &vertical.size;
    let mut size = *file;
    if vertical.resources.cpu {
        let cores = recommended.cpu.target.as_f64() / 1000.0;
        size.requests.cpu = Some(Cores(cores));
        size.limits.cpu = file.limits.cpu.map(|limit| Cores(cores * ratio(limit.0, file.requests.cpu.map(|r| r.0))));
    }
    if vertical.resources.memory {
        let bytes = recommended.memory.target;
        size.requests.memory = Some(Bytes(bytes.0));
        let of = |limit: Bytes| bytes.scaled(ratio(limit.0 as f64, file.requests.memory.map(|r| r.0 as f64)));
        size.limits.memory = file.limits.memory.map(|limit| Bytes(of(limit).0));
    }
    size
}

/// A limit over its request; without one, they are the same, as in Kubernetes.
fn ratio(limit: f64, request: Option<f64>) -> f64 {
    request.filter(|r| *r > 0.0).map_or(1.0, |r| (limit / r).max(1.0))
}

/// `cpu 0.25, memory 250Mi (limits 0.50, 500Mi)`.
pub(crate) fn words(size: &Size) -> String {
    let list = |a: &Amounts| {
        let cpu = a.cpu.map(|c| format!("cpu {:.3}", c.0));
        let memory = a.memory.map(|b| format!("memory {b}"));
        let all: Vec<String> = cpu.into_iter().chain(memory).collect();
        if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
    };
    format!("requests {}; limits {}", list(&size.requests), list(&size.limits))
}

#[cfg(test)]
mod tests {
    use skala_autoscaler::vertical::ConfigSpec;
    use skala_types::Sampled;

    use super::*;
    use crate::platform::Usage;

    fn vertical(requests: (Option<f64>, Option<u64>), limits: (Option<f64>, Option<u64>)) -> Vertical {
        let amounts = |(cpu, memory): (Option<f64>, Option<u64>)| Amounts { cpu: cpu.map(Cores), memory: memory.map(Bytes) };
        Vertical {
            apply: true,
            resources: Resources { cpu: true, memory: true },
            config: Config::try_new(ConfigSpec { oom_floor: true, ..ConfigSpec::default() }).expect("sound"),
            size: Size { requests: amounts(requests), limits: amounts(limits) },
        }
    }

    fn replica(id: u64, at: Time, cpu: f64, memory: u64) -> ReplicaStatus {
        let usage = Usage { cpu_fast: Cores(cpu), cpu: Cores(cpu), memory: Bytes(memory) };
        ReplicaStatus {
            service: "api".into(),
            id: ReplicaId(id),
            addr: None,
            pid: None,
            phase: Phase::Ready,
            phase_since: at,
            started_at: Time::from_secs(1000),
            restarts: 0,
            last_exit: None,
            usage: Some(Sampled::new(at, usage)),
        }
    }

    const MI: u64 = 1 << 20;

    #[test]
    fn without_requests_the_first_recommendation_is_set_and_then_left_alone() {
        let mut sizing = Sizing::new(vertical((None, None), (None, None)), None);
        let now = Time::from_secs(2000);
        let one = [replica(1, now, 0.5, 400 * MI)];
        assert_eq!(sizing.changes(one.iter(), now), [], "nothing was measured yet");
        sizing.observe(one.iter(), now);
        let changes = sizing.changes(one.iter(), now);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].why, "its request is outside the bounds");
        let size = changes[0].size;
        assert!(size.requests.memory.unwrap() > Bytes(400 * MI) && size.limits == Amounts::default(), "{}", words(&size));
        assert!(sizing.done(&changes[0], None));
        assert_eq!(sizing.changes(one.iter(), now), []);
        // A replica that starts now gets it as well.
        let both = [one[0].clone(), ReplicaStatus { usage: None, ..replica(2, now, 0.0, 0) }];
        let changes = sizing.changes(both.iter(), now);
        assert_eq!(
            changes.iter().map(|c| (c.replica, c.size, c.why)).collect::<Vec<_>>(),
            [(ReplicaId(2), size, "it has just started")]
        );
    }

    #[test]
    fn requests_within_the_bounds_are_left_alone_and_limits_keep_their_ratio() {
        let file = vertical((Some(0.5), Some(500 * MI)), (Some(1.0), Some(1000 * MI)));
        let mut sizing = Sizing::new(file.clone(), None);
        let now = Time::from_secs(2000);
        let one = [replica(1, now, 0.5, 400 * MI)];
        sizing.changes(one.iter(), now);
        sizing.observe(one.iter(), now);
        assert_eq!(sizing.changes(one.iter(), now), []);
        let size = target(&file, &sizing.recommendation(now).unwrap());
        let ratio = size.limits.memory.unwrap().0 as f64 / size.requests.memory.unwrap().0 as f64;
        assert!((ratio - 2.0).abs() < 1e-6, "{ratio}");
        assert!((size.limits.cpu.unwrap().0 / size.requests.cpu.unwrap().0 - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_kill_soon_after_the_start_raises_the_memory() {
        let file = vertical((Some(0.5), Some(300 * MI)), (None, Some(300 * MI)));
        let mut sizing = Sizing::new(file, None);
        let now = Time::from_secs(1100);
        let one = [replica(1, now, 0.5, 290 * MI)];
        sizing.changes(one.iter(), now);
        sizing.observe(one.iter(), now);
        sizing.out_of_memory(ReplicaId(1), Some(one[0].started_at), now);
        let changes = sizing.changes(one.iter(), now);
        assert_eq!(changes.len(), 1, "{:?}", sizing.recommendation(now));
        assert!(changes[0].size.limits.memory.unwrap() >= Bytes(400 * MI), "{}", words(&changes[0].size));
    }

    #[test]
    fn what_cannot_be_set_is_tried_and_told_once() {
        let mut sizing = Sizing::new(vertical((None, None), (None, None)), None);
        let now = Time::from_secs(2000);
        let one = [replica(1, now, 0.5, 400 * MI)];
        sizing.observe(one.iter(), now);
        let changes = sizing.changes(one.iter(), now);
        assert!(sizing.done(&changes[0], Some("no control group".into())));
        assert!(!sizing.done(&changes[0], Some("no control group".into())));
        assert_eq!(sizing.changes(one.iter(), now), []);
        assert_eq!(sizing.view(now).failure.as_deref(), Some("no control group"));
    }

    #[test]
    fn what_was_learned_is_read_back() {
        let mut sizing = Sizing::new(vertical((None, None), (None, None)), None);
        let now = Time::from_secs(2000);
        let one = [replica(1, now, 0.5, 400 * MI)];
        sizing.observe(one.iter(), now);
        let saved = sizing.take_save(now, false).unwrap();
        assert_eq!(sizing.take_save(now, false), None, "a minute apart");
        let again = Sizing::new(vertical((None, None), (None, None)), Some(&saved));
        assert_eq!(again.recommendation(now), sizing.recommendation(now));
        let broken = Sizing::new(vertical((None, None), (None, None)), Some("{not json"));
        assert_eq!(broken.recommendation(now), None);
    }
}
