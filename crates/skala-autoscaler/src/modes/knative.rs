//! `mode: knative`: what skala sees, in Knative's terms.
//!
//! Decides: nothing; [`crate::knative::decide`] does. skala's gateway is the activator that is always in the path.
//! Units: requests in flight and waiting, or requests per second, over the fast window of the station.
//! Method: a sample at each plan; a decision every 2 s, and at once when a request finds no replica, as the activator would.
//! Tested: `tests/decisions` rows `modes`.

use std::time::Duration;

use skala_types::{Replicas, Time};

use super::{Steps, Verdict};
use crate::knative::{self, ActivatorSeen, Backlog, Config, Input, Metric, Sample, Why as Word};
use crate::metric::{Counts, input};
use crate::report::{Detail, InputName, Rule, Unit};
use crate::{MetricName, MetricReport, MetricResult, Observation, Policy, Reading, State, Why, Window};

/// Knative's tick.
pub(super) const TICK: Duration = Duration::from_secs(2);
/// Samples that may wait for the next tick; more would be plans at more than eight a second.
const MOST_PENDING: usize = 16;

pub(super) fn verdict(
    policy: &Policy,
    state: &mut State,
    observation: &Observation,
    now: Time,
    current: u32,
    waits: bool,
) -> Option<Verdict> {
    let config = policy.knative()?;
    let rps = config.spec().metric == Metric::Rps;
    let fast = observation.station.as_ref().map(|s| &s.fast);
    let value = fast.map(|s| if rps { s.arrival_rate() } else { s.demand() }).filter(|v| v.is_finite() && *v >= 0.0);
    if let (Some(fast), Some(value)) = (fast, value)
        && state.knative_samples.last().is_none_or(|last| last.at < fast.at)
    {
        state.knative_samples.truncate(MOST_PENDING - 1);
        state.knative_samples.push(Sample { at: fast.at, value });
    }
    let poked = current == 0 && fast.is_some_and(|s| s.waiting > 0 || s.arrivals > 0);
    if waits && !poked {
        return None;
    }
    let counts = Counts::of(observation);
    let backlog = fast.map(|s| Backlog {
        waiting: f64::from(s.waiting),
        arrivals: s.arrival_rate(),
        service_time_s: (s.service.count > 0).then_some(s.service.mean),
    });
    let seen = Input {
        now,
        samples: std::mem::take(&mut state.knative_samples),
        ready: Some(Replicas(counts.ready)),
        starting: Replicas(counts.starting),
        reachable: true,
        activator: ActivatorSeen { in_path: true, proxying_since: Some(Time::ZERO) },
        backlog,
    };
    let memory = state.knative.get_or_insert_with(|| Box::new(start(config, now, counts.ready)));
    let decision = knative::decide(config, memory, &seen);
    Some(answer(config, &decision, current, fast.map(|s| now.since(s.at)).unwrap_or_default()))
}

/// A service that already has ready replicas was active before; Knative knows that from its object's status.
fn start(config: &Config, now: Time, ready: u32) -> knative::State {
    let mut state = knative::State::start(config, now, Some(Replicas(ready)));
    if ready > 0 {
        state.activity.status = knative::Status::Active;
        state.initialized = true;
    }
    state
}

fn answer(config: &Config, decision: &knative::Decision, current: u32, age: Duration) -> Verdict {
    let rps = config.spec().metric == Metric::Rps;
    let (name, unit) = match rps {
        true => (MetricName::RequestsPerSecond, Unit::PerSecond),
        false => (MetricName::Concurrency, Unit::Requests),
    };
    let observed = decision.why.iter().find_map(|w| match w {
        Word::Observed { stable, panic } => Some((*stable).max(*panic)),
        _ => None,
    });
    let recommended = observed.or(decision.want.map(|w| w.0)).unwrap_or(current);
    let desired = decision.replicas.map_or(current, |r| r.0);
    let ratio = |v: f64| (current > 0).then(|| v / decision.target / f64::from(current)).filter(|r| r.is_finite());
    let reading = decision.stable.or(decision.panic).map(|value| Reading {
        value,
        ratio: ratio(value),
        window: Window::Slow { length: config.spec().stable_window },
        age,
    });
    let why = match recommended.cmp(&current) {
        _ if current == 0 => Why::FromZero,
        std::cmp::Ordering::Less => Why::BelowTarget,
        std::cmp::Ordering::Equal => Why::WithinTolerance,
        std::cmp::Ordering::Greater => Why::AboveTarget,
    };
    let result = MetricResult::Proposes { replicas: Replicas(recommended), why };
    let target = decision.target;
    let metric =
        MetricReport { name: name.clone(), unit, target, reading, result, active: None, allowed: None, prediction: None };
    let mut inputs = Vec::new();
    for (window, value) in [(config.spec().stable_window, decision.stable), (config.panic_window(), decision.panic)] {
        if let Some(value) = value {
            let what = if rps { InputName::ArrivalRate } else { InputName::Demand };
            inputs.push(crate::Input { window: Some(window), ..input(what, value, unit) });
        }
    }
    let mut steps = Steps::at(recommended);
    for word in &decision.why {
        let (rule, to, until) = rule(word, steps.value, current, desired);
        if let Some(rule) = rule {
            steps.clamp(rule, to, Detail::Until { time: until });
        }
    }
    if steps.value != desired {
        steps.clamp(Rule::Cooldown, desired, Detail::Until { time: decision.recheck_at });
    }
    Verdict { inputs, metrics: vec![metric], winner: Some(name), recommended, clamps: steps.clamps, desired }
}

/// A word of Knative's as one of the rules that reports know.
fn rule(word: &Word, value: u32, current: u32, desired: u32) -> (Option<Rule>, u32, Option<Time>) {
    match *word {
        Word::ScaleUpRate { limit } => (Some(Rule::ScaleUpPolicies), value.min(limit), None),
        Word::ScaleDownRate { limit } => (Some(Rule::ScaleDownPolicies), value.max(limit), None),
        Word::ActivationScale { to } => (Some(Rule::Activation), to, None),
        Word::PanicHeld { at } => (Some(Rule::Panic), at, None),
        Word::ScaleDownDelay { to } => (Some(Rule::ScaleDownStabilization), to, None),
        Word::MinScale { to } | Word::InitialScale { to } => (Some(Rule::MinReplicas), to, None),
        Word::MaxScale { to } => (Some(Rule::MaxReplicas), to, None),
        Word::ZeroDisabled => (Some(Rule::MinReplicas), value.max(1), None),
        Word::Activating { until } => (Some(Rule::Activation), desired, Some(until)),
        Word::Idle { until } | Word::PodRetention { until } | Word::ProxyGrace { until } => {
            (Some(Rule::Cooldown), desired, Some(until))
        }
        Word::Deactivated | Word::ProxyNotInPath => (Some(Rule::Cooldown), desired, None),
        Word::ZeroAfterGrace | Word::ZeroFastPath | Word::ActivationTimedOut => (Some(Rule::Idle), 0, None),
        Word::ReadyUnknown | Word::NoData => (Some(Rule::MetricFailure), current, None),
        Word::Observed { .. }
        | Word::ColdStartQueue { .. }
        | Word::PanicEntered
        | Word::PanicExtended
        | Word::PanicLeft
        | Word::PanicWaitsForStarting { .. } => (None, value, None),
    }
}
