//! What is remembered of one container's usage, over all replicas of its service.
//!
//! Decides: nothing; `recommend` reads it, the controller stores it.
//! Inputs: CPU samples (cores), memory samples (bytes), OOM kills, each with replica and time.
//! Method: kubernetes/autoscaler `AggregateContainerState` and `ContainerState`. CPU samples weigh 0.1 each, whatever the request.
//! Invariants: two histograms and at most [`MOST_REPLICAS`] peaks; a replica that was not heard of for the memory window, and the
//!   one heard of longest ago when there are too many, is forgotten (its peaks stay in the histogram).
//! Tested: `super::tests` rows `state`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, Time};

use super::peaks::{add_memory, add_oom};
use super::{Amount, Buckets, Config, Histogram};

/// Replicas whose running interval is remembered.
pub(super) const MOST_REPLICAS: usize = 10_000;
/// Weight of a CPU sample.
const CPU_WEIGHT: f64 = 0.1;
/// A machine has fewer cores; more is a fault of the instrument.
const ABSURD_CORES: f64 = 1e6;

/// The running interval of one replica.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplicaPeaks {
    /// Start of the last CPU sample.
    pub last_cpu: Option<Time>,
    /// Start of the last memory sample.
    pub last_memory: Option<Time>,
    /// End of the running memory interval.
    pub window_end: Option<Time>,
    /// Largest measured use in the interval.
    pub memory_peak: Amount,
    /// What an OOM kill in the interval asked for.
    pub oom_peak: Amount,
}

impl ReplicaPeaks {
    fn last(&self) -> Option<Time> {
        self.last_cpu.max(self.last_memory)
    }
}

/// What OOM kills asked for (repair).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OomFloor {
    /// The largest amount asked for.
    pub needed: Amount,
    /// The last kill.
    pub at: Time,
    /// Kills since the floor was set.
    pub kills: u32,
}

/// Usage of one container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// CPU samples, in cores.
    pub cpu: Histogram,
    /// Memory peaks, in bytes.
    pub memory: Histogram,
    /// First CPU sample.
    pub first_sample: Option<Time>,
    /// Last CPU sample.
    pub last_sample: Option<Time>,
    /// CPU samples taken.
    pub samples: u64,
    /// The running intervals.
    pub replicas: BTreeMap<ReplicaId, ReplicaPeaks>,
    /// What OOM kills asked for; written always, read by the repair only.
    pub oom: Option<OomFloor>,
}

impl State {
    /// Nothing seen yet.
    pub fn new(config: &Config) -> State {
        let half_life = config.spec().half_life;
        State {
            cpu: Histogram::new(Buckets::CPU, half_life.cpu),
            memory: Histogram::new(Buckets::MEMORY, half_life.memory),
            first_sample: None,
            last_sample: None,
            samples: 0,
            replicas: BTreeMap::new(),
            oom: None,
        }
    }

    /// Adds CPU use in cores; whether it was taken. One that is not newer than the replica's last, or no number, is not.
    pub fn add_cpu(&mut self, config: &Config, replica: ReplicaId, at: Time, cores: f64) -> bool {
        if !(0.0..ABSURD_CORES).contains(&cores) {
            return false;
        }
        let peaks = self.replica(config, replica, at);
        if peaks.last_cpu.is_some_and(|last| at <= last) {
            return false;
        }
        peaks.last_cpu = Some(at);
        // Upstream stores millicores; what is finer is cut.
        self.cpu.add(Amount::from_f64(cores * 1000.0).as_f64() / 1000.0, CPU_WEIGHT, at);
        self.first_sample = Some(self.first_sample.map_or(at, |first| first.min(at)));
        self.last_sample = self.last_sample.max(Some(at));
        self.samples = self.samples.saturating_add(1);
        true
    }

    /// Adds memory use; whether it was taken.
    pub fn add_memory(&mut self, config: &Config, replica: ReplicaId, at: Time, used: Amount) -> bool {
        let mut peaks = *self.replica(config, replica, at);
        let taken = used <= super::MAX_AMOUNT && add_memory(&mut peaks, &mut self.memory, config, used, at, false);
        self.replicas.insert(replica, peaks);
        taken
    }

    /// Adds an OOM kill of a replica that requested `request`; what it asks for, or none when it is too old to count.
    pub fn add_oom(&mut self, config: &Config, replica: ReplicaId, at: Time, request: Amount) -> Option<Amount> {
        let mut peaks = *self.replica(config, replica, at);
        let needed = add_oom(&mut peaks, &mut self.memory, config, request, at);
        self.replicas.insert(replica, peaks);
        let needed = needed?;
        let held = self.oom.filter(|floor| at.since(floor.at) <= config.spec().memory_interval);
        self.oom = Some(OomFloor {
            needed: held.map_or(needed, |floor| floor.needed.max(needed)),
            at: held.map_or(at, |floor| floor.at.max(at)),
            kills: held.map_or(0, |floor| floor.kills).saturating_add(1),
        });
        Some(needed)
    }

    /// Whether the history is too old to go by.
    pub fn expired(&self, config: &Config, now: Time) -> bool {
        self.last_sample.is_some_and(|last| now.since(last) >= config.memory_window())
    }

    fn replica(&mut self, config: &Config, replica: ReplicaId, now: Time) -> &mut ReplicaPeaks {
        if !self.replicas.contains_key(&replica) && self.replicas.len() >= MOST_REPLICAS {
            let window = config.memory_window();
            self.replicas.retain(|_, p| p.last().is_some_and(|last| now.since(last) < window));
            if self.replicas.len() >= MOST_REPLICAS
                && let Some(oldest) = self.replicas.iter().min_by_key(|(_, p)| p.last()).map(|(id, _)| *id)
            {
                self.replicas.remove(&oldest);
            }
        }
        self.replicas.entry(replica).or_default()
    }

    /// Forgets replicas that are gone; their samples stay.
    pub fn retain_replicas(&mut self, mut alive: impl FnMut(ReplicaId) -> bool) {
        self.replicas.retain(|id, _| alive(*id));
    }
}
