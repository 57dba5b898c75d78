//! What a plan remembers for the next one.
//!
//! Decides: the next state.
//! Inputs: the decision, what the metrics wanted, `now`.
//! Method: recommendations before any clamp, changes per direction, averages, the last activity, the last changes of size.
//! Invariants: every part is bounded; planning the same moment twice adds nothing.
//! Tested: `tests/decisions`; the parts in `state`.

use skala_types::{Replicas, Time};

use crate::math::sane;
use crate::rules::{Activity, Bound, Decision, Record, bit};
use crate::state::record;
use crate::{Average, LastScale, MetricLog, MetricReport, Observation, Policy, RecommendationLog, State, Turn};

/// What the books need to know about a plan.
pub(crate) struct Books<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) observation: &'a Observation,
    pub(crate) metrics: &'a [MetricReport],
    pub(crate) now: Time,
    pub(crate) current: u32,
    pub(crate) bound: Bound,
    pub(crate) floor: u32,
    pub(crate) held: bool,
    pub(crate) activity: Activity,
}

pub(crate) fn keep_books(state: &mut State, books: &Books<'_>, decision: &Decision, written: &Record, averages: Vec<Average>) {
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
    if let Some(service) = slow.filter(|s| s.count > 0 && sane(s.mean) && s.mean > 0.0) {
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

/// Without any history the present size is what was wanted until now.
pub(crate) fn open_books(state: &mut State, policy: &Policy, own: u64, now: Time, current: u32) {
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
