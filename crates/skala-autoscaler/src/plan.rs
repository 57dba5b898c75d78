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
use crate::rules::{Case, Traffic, Without, crash_loop, decide};
use crate::victims::victims;
use crate::{Directive, LastScale, Observation, Policy, REPLICAS_CEILING, State};

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
    let current = observation.current.0.min(REPLICAS_CEILING.0);
    let counts = Counts::of(observation);
    let mut next = state.clone();
    if next.recommendations.runs().is_empty() && current > 0 {
        // Without any history the present size is what was wanted until now.
        next.recommendations.push(Replicas(current), now, policy.longest_window());
    }

    let mut notes = Notes { inputs: count_inputs(counts), averages: Vec::new() };
    let scene = Scene { policy, state, observation, now, counts };
    let metrics: Vec<_> = policy.spec().metrics.iter().map(|metric| evaluate(&scene, metric, &mut notes)).collect();

    let case = Case {
        policy,
        state: &next,
        now,
        current,
        metrics: &metrics,
        traffic: Traffic::of(observation, policy, now),
        crash_loop: crash_loop(observation),
        directive: observation.directive.filter(|d| d.is_active(now)),
    };
    let mut clamps = Vec::new();
    let decision = decide(&case, Without::Nothing, Some(&mut clamps));
    let desired = decision.desired;
    let outcome = outcome(&case, desired, decision.winner, &metrics, &clamps);
    let counterfactuals = counterfactuals(&case, desired, &clamps);
    let held = matches!(case.directive, Some(Directive::Hold { .. }));

    keep_books(&mut next, policy, &notes, now, current, desired, decision.recommended, held);
    next.above_max_by_hold = desired > policy.max() && (held || state.above_max_by_hold);
    let actions = actions(&mut next, observation, current, desired);
    let report = Report {
        at: now,
        current: Replicas(current),
        desired: Replicas(desired),
        recommended: Replicas(decision.recommended),
        inputs: notes.inputs,
        metrics,
        winner: decision.winner,
        clamps,
        outcome,
        counterfactuals,
    };
    Plan { desired: Replicas(desired), actions, state: next, report }
}

#[expect(clippy::too_many_arguments, reason = "the books note everything about a decision, in one place")]
fn keep_books(
    next: &mut State,
    policy: &Policy,
    notes: &Notes,
    now: Time,
    current: u32,
    desired: u32,
    recommended: u32,
    held: bool,
) {
    next.recommendations.push(Replicas(recommended), now, policy.longest_window());
    for fresh in &notes.averages {
        match next.averages.iter_mut().find(|a| a.metric == fresh.metric) {
            Some(known) => *known = *fresh,
            None => next.averages.push(*fresh),
        }
    }
    // An average whose metric left the policy would keep the state growing over many policies.
    next.averages.retain(|a| policy.spec().metrics.iter().any(|m| m.name() == a.metric));
    if desired != current {
        next.last_scale = Some(LastScale { at: now, from: Replicas(current), to: Replicas(desired) });
    }
    // A size by hand uses up nothing of what the policies allow the metrics, nor does reaching `minReplicas`: `autoscaling/v2`
    // counts the latter, so that a service that has just started could not follow a surge.
    let added = desired.saturating_sub(current.max(policy.min()));
    let removed = current.saturating_sub(desired);
    for (log, change) in [(&mut next.scale_ups, added), (&mut next.scale_downs, removed)] {
        if change > 0 && !held {
            log.record(now, change, policy.longest_period());
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

fn count_inputs(counts: Counts) -> Vec<Input> {
    let rows = [(InputName::Ready, counts.ready), (InputName::Starting, counts.starting), (InputName::Failing, counts.failing)];
    let input = |(name, n)| Input { name, value: f64::from(n), unit: Unit::Replicas, age: None, window: None };
    rows.into_iter().filter(|(name, n)| *name == InputName::Ready || *n > 0).map(input).collect()
}
