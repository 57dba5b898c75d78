//! One plan: from an observation to actions, the next state and the report.
//!
//! Decides: how many replicas, which ones go, and what is remembered.
//! Inputs: policy, state, observation, `now`; nothing else.
//! Method: `metric` proposes, `rules` decide, `victims` choose; this file keeps the books.
//! Invariants: total, pure, deterministic; no text is made here; the next state is bounded.
//! Tested: `tests/decisions`.

use serde::{Deserialize, Serialize};
use skala_types::{ReplicaId, Replicas, Time};

use crate::metric::{Counts, Notes, Scene, evaluate};
use crate::report::{Input, InputName, Report, Unit, counterfactuals, outcome};
use crate::rules::{Activity, Bound, Case, Decision, Idling, Record, Without, bit, crash_loop, decide};
use crate::state::{record, swing};
use crate::victims::victims;
use crate::{
    Bounds, Direction, Directive, Flapping, LastScale, MetricLog, MetricReport, Observation, Policy, REPLICAS_CEILING,
    RecommendationLog, State, Turn,
};

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
    let spec = policy.spec();
    let current = observation.current.0.min(REPLICAS_CEILING.0);
    let counts = Counts::of(observation);
    let own = own_behaviors(policy);
    open_books(state, policy, own, now, current);

    let mut notes = Notes { inputs: Vec::with_capacity(4 + spec.metrics.len()), averages: Vec::new() };
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

/// Without any history the present size is what was wanted until now.
fn open_books(state: &mut State, policy: &Policy, own: u64, now: Time, current: u32) {
    state.since.get_or_insert(now);
    let longest = policy.longest_window();
    if state.recommendations.runs().is_empty() && current > 0 {
        state.recommendations.push(Replicas(current), now, longest);
    }
    let named = |i: usize| policy.spec().metrics.get(i).filter(|_| own & bit(i) != 0).map(|m| m.what.name());
    if own == 0 {
        state.metric_logs.clear();
        return;
    }
    // A log whose metric left the policy would keep the state growing over many policies.
    let names: Vec<_> = (0..policy.spec().metrics.len()).filter_map(named).collect();
    state.metric_logs.retain(|l| names.contains(&l.metric));
    for metric in names {
        if !state.metric_logs.iter().any(|l| l.metric == metric) {
            let mut log = RecommendationLog::default();
            log.push(Replicas(current), now, longest);
            state.metric_logs.push(MetricLog { metric, log });
        }
    }
}

fn flapping(state: &State, policy: &Policy, swing: crate::state::Swing, now: Time) -> Flapping {
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

/// What the books need to know about a plan.
struct Books<'a> {
    policy: &'a Policy,
    observation: &'a Observation,
    metrics: &'a [MetricReport],
    now: Time,
    current: u32,
    bound: Bound,
    floor: u32,
    held: bool,
    activity: Activity,
}

fn keep_books(state: &mut State, books: &Books<'_>, decision: &Decision, written: &Record, averages: Vec<crate::Average>) {
    let Books { policy, now, .. } = *books;
    let longest = policy.longest_window();
    // What a time window asks for was wanted, so that its end is not a jump.
    let floor = if policy.schedule().at(now).min.is_some() && policy.spec().repairs.window_ends { books.bound.min } else { 0 };
    let wanted = written.shared.unwrap_or(decision.recommended).max(floor);
    state.recommendations.push(Replicas(wanted), now, longest);
    for (i, wanted, _) in &written.own {
        let log = state.metric_logs.iter_mut().find(|l| l.metric == books.metrics[*i].name);
        if let Some(log) = log {
            log.log.push(Replicas((*wanted).max(floor)), now, longest);
        }
    }
    for fresh in averages {
        match state.averages.iter_mut().find(|a| a.metric == fresh.metric) {
            Some(known) => *known = fresh,
            None => state.averages.push(fresh),
        }
    }
    // An average whose metric left the policy would keep the state growing over many policies.
    state.averages.retain(|a| books.metrics.iter().any(|m| m.name == a.metric));
    let slow = books.observation.station.map(|s| s.slow.service);
    if let Some(service) = slow.filter(|s| s.count > 0 && crate::math::sane(s.mean) && s.mean > 0.0) {
        state.service_seconds = Some(service.mean);
    }
    if books.activity == Activity::Active {
        state.last_active = Some(now);
    }
    state.last_max = (!policy.schedule().is_empty()).then_some(Replicas(books.bound.max));
    note_change(state, books, decision, written);
}

fn note_change(state: &mut State, books: &Books<'_>, decision: &Decision, written: &Record) {
    let (now, current, desired) = (books.now, books.current, decision.desired);
    if desired == current {
        return;
    }
    state.last_scale = Some(LastScale { at: now, from: Replicas(current), to: Replicas(desired) });
    if !written.imposed {
        let winner = decision.winner.and_then(|i| books.metrics.get(i));
        let ratio = winner.and_then(|m| m.reading.as_ref()?.ratio);
        let metric = winner.map(|m| m.name.clone());
        record(&mut state.turns, Turn { at: now, from: Replicas(current), to: Replicas(desired), metric, ratio });
    }
    // A size by hand uses up nothing of what the policies allow the metrics, nor does reaching `minReplicas`: `autoscaling/v2`
    // counts the latter, so that a service that has just started could not follow a surge.
    let added = desired.saturating_sub(current.max(books.floor));
    let removed = current.saturating_sub(desired);
    for (log, change) in [(&mut state.scale_ups, added), (&mut state.scale_downs, removed)] {
        if change > 0 && !books.held {
            log.record(now, change, books.policy.longest_period());
        }
    }
}

fn actions(next: &mut State, observation: &Observation, current: u32, desired: u32) -> Vec<Action> {
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

fn count_inputs(counts: Counts, inputs: &mut Vec<Input>) {
    let rows = [(InputName::Ready, counts.ready), (InputName::Starting, counts.starting), (InputName::Failing, counts.failing)];
    let input = |(name, n)| Input { name, value: f64::from(n), unit: Unit::Replicas, age: None, window: None };
    inputs.extend(rows.into_iter().filter(|(name, n)| *name == InputName::Ready || *n > 0).map(input));
}
