//! One service under control: its policy, its memory, and the replicas that it drains.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use skala_autoscaler::ceilings::Want;
use skala_autoscaler::{Action, Directive, Forecast, Observation, Plan, Policy, Report, SignalObservation, State};
use skala_balance::EndpointId;
use skala_forecast::Floor;
use skala_runtime::Station;
use skala_types::{ReplicaId, Replicas, ServiceName, Time};

use crate::journal::{Checkpoint, Saved};
use crate::sizing::{Sizing, Vertical};

/// What the controller needs to know of a service whose replicas it starts and stops.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Its name.
    pub name: ServiceName,
    /// Where its requests arrive.
    pub station: Arc<Station>,
    /// How many replicas it should have.
    pub policy: Policy,
    /// How long a replica may finish what it has.
    pub drain: Duration,
    /// Micro-units of the currency per replica and hour; 0 without a price.
    pub price: u64,
    /// Who is served first when something is short: the highest.
    pub priority: i32,
    /// CPU and memory of each replica; none where nothing is recorded.
    pub vertical: Option<Vertical>,
    /// The order that the platform file gives (`paused`, `replicas: 0`); one given by hand comes before it.
    pub standing: Option<Directive>,
}

/// The part of a plan that the journal keeps and `replay` compares.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// The wanted size.
    pub desired: Replicas,
    /// What was done.
    pub actions: Vec<Action>,
    /// Why.
    pub report: Report,
}

impl Decided {
    /// Leaves out the next state, which follows from the inputs.
    pub fn of(plan: &Plan) -> Decided {
        Decided { desired: plan.desired, actions: plan.actions.clone(), report: plan.report.clone() }
    }
}

/// A replica that is being emptied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draining {
    /// When it is stopped even if it is not empty.
    pub(crate) deadline: Time,
    /// Whether the platform was told to stop it.
    pub(crate) stopping: bool,
}

pub(crate) struct Managed {
    pub(crate) config: ServiceConfig,
    pub(crate) policy_id: i64,
    pub(crate) state: State,
    /// The state does not follow from the previous decision: the next one is recorded with it.
    pub(crate) state_moved: bool,
    pub(crate) directive: Option<Directive>,
    pub(crate) endpoints: BTreeMap<ReplicaId, (EndpointId, SocketAddr)>,
    pub(crate) draining: BTreeMap<ReplicaId, Draining>,
    pub(crate) last: Option<(Time, Decided)>,
    /// Replicas that an earlier run of skala had and this one starts first.
    pub(crate) restore: u32,
    /// Integral of the number of replicas over time.
    pub(crate) replica_seconds: f64,
    counted_at: Time,
    pub(crate) changes: u64,
    pub(crate) sizing: Option<Sizing>,
    /// The signals of the last observation.
    pub(crate) signals: Vec<SignalObservation>,
    /// What is forecast of its arrivals; none where the policy would not read it.
    pub(crate) floor: Option<Floor>,
}

/// Decisions between two full states in the journal, so that a replay can begin anywhere near.
const STATE_EVERY: u64 = 300;

impl Managed {
    pub(crate) fn new(config: ServiceConfig, saved: Option<Saved>, learned: Option<&str>, policy_id: i64, now: Time) -> Managed {
        let (state, directive, restore) = match saved {
            None => (State::default(), None, 0),
            Some(saved) => {
                let mut state: State = serde_json::from_str(&saved.state).unwrap_or_default();
                if saved.desired.is_some() {
                    state = state.resume(now);
                }
                let directive = saved.directive.and_then(|d| serde_json::from_str(&d).ok());
                (state, directive, saved.desired.unwrap_or(0))
            }
        };
        let most = config.policy.spec().max_replicas.0;
        let sizing = config.vertical.clone().map(|v| Sizing::new(v, learned));
        Managed {
            sizing,
            signals: Vec::new(),
            floor: Floor::for_policy(&config.policy),
            config,
            policy_id,
            state,
            state_moved: true,
            directive,
            endpoints: BTreeMap::new(),
            draining: BTreeMap::new(),
            last: None,
            restore: restore.min(most),
            replica_seconds: 0.0,
            counted_at: now,
            changes: 0,
        }
    }

    /// The number of a further replica, outside a plan.
    pub(crate) fn next_replica(&mut self) -> ReplicaId {
        self.state_moved = true;
        let id = self.state.next_replica;
        self.state.next_replica = ReplicaId(id.0 + 1);
        id
    }

    /// Goes on with the integral: `count` replicas since the last call.
    pub(crate) fn count_replicas(&mut self, count: usize, now: Time) {
        self.replica_seconds += count as f64 * now.since(self.counted_at).as_secs_f64();
        self.counted_at = now;
    }

    pub(crate) fn learned_start_up(&mut self, took: Duration) {
        self.state.observe_startup(took);
        self.state_moved = true;
    }

    pub(crate) fn start_up(&self) -> Duration {
        self.state.startup_estimate(&self.config.policy)
    }

    /// What is expected to come within a start-up.
    pub(crate) fn forecast(&self, now: Time) -> Option<Forecast> {
        self.floor.as_ref()?.expected(&self.config.policy, &self.state, now)
    }

    /// The order by hand, unless it has expired; else the platform file's.
    pub(crate) fn active_directive(&self, now: Time) -> Option<Directive> {
        self.directive.filter(|d| d.is_active(now)).or(self.config.standing)
    }

    /// What it would have if nothing but its own policy counted.
    pub(crate) fn want(&self, observation: &Observation, planned: &Plan) -> Want {
        Want {
            service: self.config.name.clone(),
            desired: planned.desired,
            current: observation.current,
            min: planned.report.bounds.as_ref().map_or(self.config.policy.spec().min_replicas, |b| b.min),
            held: matches!(observation.directive, Some(Directive::Hold { .. })),
            price: self.config.price,
            priority: self.config.priority,
        }
    }

    /// Whether a request that arrives at no replica brings one about.
    pub(crate) fn may_start(&self, now: Time) -> bool {
        match self.active_directive(now) {
            Some(Directive::Hold { replicas, .. }) => replicas.0 > 0,
            Some(Directive::Pause { .. }) => self.last.as_ref().is_some_and(|(_, d)| d.desired.0 > 0),
            None => true,
        }
    }

    /// The state to record with the next decision, where it does not follow from the one before.
    pub(crate) fn state_to_record(&mut self, decisions: u64) -> Option<String> {
        let needed = std::mem::take(&mut self.state_moved) || decisions.is_multiple_of(STATE_EVERY);
        needed.then(|| to_json(&self.state))
    }

    pub(crate) fn checkpoint(&self, orderly_end: bool) -> Checkpoint {
        Checkpoint {
            service: self.config.name.clone(),
            state: to_json(&self.state),
            desired: self.last.as_ref().filter(|_| !orderly_end).map(|(_, d)| d.desired.0),
            directive: self.directive.map(|d| to_json(&d)),
        }
    }
}

/// JSON of plain data.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data with string keys is always JSON")
}
