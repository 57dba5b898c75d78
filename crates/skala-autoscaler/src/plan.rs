//! One plan: from an observation to actions, the next state and the report.
//!
//! Decides: how many replicas, which ones go, and what is remembered.
//! Inputs: policy, state, observation, `now`; nothing else.
//! Method: `metric` proposes, `rules` decide, `victims` choose, `books` remember.
//! Invariants: total, pure, deterministic; no text is made here; the next state is bounded.
//! Tested: `tests/decisions`.

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, Replicas, Time};

use crate::books::{Books, keep_books, open_books};
use crate::metric::{Counts, Notes, Scene, evaluate};
use crate::report::{Input, InputName, Report, Unit, counterfactuals, outcome};
use crate::rules::{Activity, Bound, Case, Idling, Record, Without, bit, crash_loop, decide};
use crate::state::{Swing, swing};
use crate::victims::victims;
use crate::{Bounds, Direction, Directive, Flapping, MetricReport, Observation, Policy, REPLICAS_CEILING, State};

/// What is to be done, what to remember, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The size that is wanted.
    pub desired: Replicas,
    /// What leads there from the observed size.
    pub actions: Vec<Action>,
    /// The state for the next plan.
    pub state: State,
    /// Why.
    pub report: Report,
}

/// One step for the executor; nothing is left to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Start a replica.
    Start {
        /// Its number.
        replica: ReplicaId,
    },
    /// Give a replica no more requests, let it finish, then stop it.
    Drain {
        /// Its number.
        replica: ReplicaId,
    },
}

/// Plans the next step of one service.
///
/// Total and pure: the same arguments give the same plan, and no input makes it panic.
///
/// ```
/// use skala_autoscaler::{Action, Observation, Policy, State, plan};
/// use skala_types::{ReplicaId, Replicas, Time};
///
/// let policy = Policy::fixed(Replicas(1));
/// let first = plan(&policy, &State::new(), &Observation::default(), Time::from_secs(1_800_000_000));
/// assert_eq!(first.actions, [Action::Start { replica: ReplicaId(1) }]);
/// assert_eq!(first.report.headline(), "0 -> 1: minReplicas: 0 -> 1");
/// ```
pub fn plan(policy: &Policy, state: &State, observation: &Observation, now: Time) -> Plan {
    let mut next = state.clone();
    let Planned { desired, actions, report } = plan_into(policy, &mut next, observation, now);
    Plan { desired, actions, state: next, report }
}

/// What [`plan_into`] answers: a [`Plan`] whose state is already in place.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The size that is wanted.
    pub desired: Replicas,
    /// What leads there from the observed size.
    pub actions: Vec<Action>,
    /// Why.
    pub report: Report,
}

/// Plans as [`plan`] does, and turns the state into the next one without copying it.
pub fn plan_into(policy: &Policy, state: &mut State, observation: &Observation, now: Time) -> Planned {
    if !policy.spec().mode.is_default() {
        return crate::modes::plan_into(policy, state, observation, now);
    }
    let spec = policy.spec();
    let current = observation.current.0.min(REPLICAS_CEILING.0);
    let counts = Counts::of(observation);
    let own = own_behaviors(policy);
    open_books(state, policy, own, now, current);

    let mut notes = Notes { inputs: Vec::with_capacity(4 + spec.metrics.len()), averages: Vec::new(), wait: None };
    count_inputs(counts, &mut notes.inputs);
    let scene = |index, options| Scene { policy, state, observation, now, counts, options, index };
    let evaluated = spec.metrics.iter().enumerate().map(|(i, m)| evaluate(&scene(i, &m.options), m, &mut notes));
    let mut metrics: Vec<MetricReport> = evaluated.collect();

    let opening = policy.schedule().at(now);
    let min = opening.min.unwrap_or(spec.min_replicas).0;
    let bound = Bound { min, max: opening.max.unwrap_or(spec.max_replicas).0.max(min) };
    let activity = Activity::of(observation, policy, &metrics, now);
    let window_ended = spec.repairs.window_ends && (state.above_max_by_window || state.last_max.is_some_and(|m| current <= m.0));
    let case = Case {
        policy,
        state,
        observation,
        now,
        current,
        metrics: &metrics,
        bound,
        idling: Idling::of(policy, state, bound, activity, now),
        crash_loop: crash_loop(observation),
        directive: observation.directive.filter(|d| d.is_active(now)),
        swing: swing(&state.turns, now, policy.rules(Direction::Down).stabilization_window),
        returning: current > bound.max && (state.above_max_by_hold || window_ended),
        own,
    };
    let mut written = Record::default();
    let decision = decide(&case, Without::Nothing, Some(&mut written));
    let desired = decision.desired;
    let winner = decision.winner.and_then(|i| metrics.get(i)).map(|m| m.name.clone());
    let outcome = outcome(&case, desired, winner.as_ref(), &metrics, &written.clamps);
    let counterfactuals = counterfactuals(&case, desired, &written.clamps);
    let held = matches!(case.directive, Some(Directive::Hold { .. }));
    let flapping = case.swing.map(|swing| flapping(state, policy, swing, now));
    let above_by_window = case.returning && !state.above_max_by_hold;
    let floor = case.floor();

    for (i, _, allowed) in &written.own {
        metrics[*i].allowed = Some(Replicas(*allowed));
    }
    let books = Books { policy, observation, metrics: &metrics, now, current, bound, floor, held, activity };
    let above_max_by_hold = desired > bound.max && (held || state.above_max_by_hold);
    keep_books(state, &books, &decision, &written, notes.averages);
    state.wait = notes.wait;
    state.above_max_by_hold = above_max_by_hold;
    state.above_max_by_window = above_by_window && desired > bound.max;
    let actions = actions(state, observation, current, desired);
    let bounds = (opening.open != 0).then(|| Bounds {
        min: Replicas(bound.min),
        max: Replicas(bound.max),
        windows: spec
            .windows
            .iter()
            .enumerate()
            .filter(|(i, _)| opening.open & (1 << i) != 0)
            .map(|(_, w)| w.name.clone())
            .collect(),
        until: opening.until,
    });
    let report = Report {
        at: now,
        current: Replicas(current),
        desired: Replicas(desired),
        recommended: Replicas(decision.recommended),
        inputs: notes.inputs,
        metrics,
        winner,
        clamps: written.clamps,
        outcome,
        counterfactuals,
        bounds,
        flapping,
    };
    Planned { desired: Replicas(desired), actions, report }
}

/// Which metrics have a behaviour of their own, by bit.
fn own_behaviors(policy: &Policy) -> u64 {
    let spec = policy.spec();
    if !spec.repairs.metric_behavior {
        return 0;
    }
    let own = spec.metrics.iter().enumerate().filter(|(_, m)| !m.options.behavior.is_default());
    own.fold(0, |bits, (i, _)| bits | bit(i))
}

fn flapping(state: &State, policy: &Policy, swing: Swing, now: Time) -> Flapping {
    let last = |grows: bool| state.turns.iter().rev().find(|t| (t.to > t.from) == grows);
    let (grown, shrunk) = (last(true), last(false));
    let damped = policy.spec().repairs.flapping && now < swing.hold_until;
    Flapping {
        low: swing.low,
        high: swing.high,
        changes: u32::try_from(swing.changes).unwrap_or(u32::MAX),
        period: swing.period,
        metric: grown.and_then(|t| t.metric.clone()),
        needed: grown.and_then(|t| Some(t.ratio? * f64::from(t.from.0))),
        ratio: shrunk.and_then(|t| t.ratio),
        held_until: damped.then_some(swing.hold_until),
    }
}

pub(crate) fn actions(next: &mut State, observation: &Observation, current: u32, desired: u32) -> Vec<Action> {
    if let Some(highest) = observation.replicas.iter().map(|r| r.id.0).max() {
        next.next_replica.0 = next.next_replica.0.max(highest.saturating_add(1));
    }
    if desired < current {
        return victims(observation, current - desired).into_iter().map(|replica| Action::Drain { replica }).collect();
    }
    let start = |_| {
        let replica = next.next_replica;
        next.next_replica.0 = replica.0.saturating_add(1);
        Action::Start { replica }
    };
    (current..desired).map(start).collect()
}

pub(crate) fn count_inputs(counts: Counts, inputs: &mut Vec<Input>) {
    let rows = [(InputName::Ready, counts.ready), (InputName::Starting, counts.starting), (InputName::Failing, counts.failing)];
    let input = |(name, n)| Input { name, value: f64::from(n), unit: Unit::Replicas, age: None, window: None };
    inputs.extend(rows.into_iter().filter(|(name, n)| *name == InputName::Ready || *n > 0).map(input));
}
