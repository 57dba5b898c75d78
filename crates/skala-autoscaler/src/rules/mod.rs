//! The rules between the metrics' proposals and the size, in their order.
//!
//! Decides: the size, and which rules changed the number on the way.
//! Inputs: the metrics' reports, the state's logs, the bounds, what a person asked for, `now`.
//! Method: `autoscaling/v2`: the largest proposal; a failed metric never shrinks; stabilise, then the rate policies, then the
//!   bounds. Between and behind them skala's own: zero, crash loop, restart, pause, hold.
//! Invariants: total; the same case gives the same answer; leaving a rule out is only for asking "what if".
//! Tested: `tests/decisions` rows; `rate` has its own.

mod combine;
mod rate;
mod stabilize;
mod traffic;

use skala_types::{ReplicaId, Replicas, Time};

pub(crate) use traffic::Traffic;

use crate::report::{Clamp, Detail, Rule};
use crate::{Direction, Directive, MetricName, MetricReport, Observation, Phase, Policy, REPLICAS_CEILING, State};

/// Everything that the rules go by.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a State,
    pub(crate) now: Time,
    pub(crate) current: u32,
    pub(crate) metrics: &'a [MetricReport],
    pub(crate) traffic: Traffic,
    /// The newest replica, if it and its generation keep dying.
    pub(crate) crash_loop: Option<ReplicaId>,
    /// What a person asked for, if it still lasts.
    pub(crate) directive: Option<Directive>,
}

/// What is left out, to answer "what if".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    Nothing,
    Rule(Rule),
    /// The recommendation log.
    Log,
    /// A metric, by index, and with it the log that it has shaped.
    Metric(usize),
}

/// The answer.
pub(crate) struct Decision {
    pub(crate) recommended: u32,
    pub(crate) winner: Option<MetricName>,
    pub(crate) desired: u32,
}

/// A number on its way through the rules.
struct Chain<'a> {
    value: u32,
    without: Without,
    clamps: Option<&'a mut Vec<Clamp>>,
}

impl Chain<'_> {
    /// Lets a rule change the number, and writes it down when it did.
    fn clamp(&mut self, rule: Rule, to: u32, detail: Detail) {
        if to == self.value || self.leaves_out(rule) {
            return;
        }
        if let Some(clamps) = self.clamps.as_deref_mut() {
            clamps.push(Clamp { rule, from: Replicas(self.value), to: Replicas(to), detail });
        }
        self.value = to;
    }

    fn leaves_out(&self, rule: Rule) -> bool {
        match self.without {
            Without::Nothing => false,
            Without::Rule(left_out) => rule == left_out,
            Without::Log | Without::Metric(_) => matches!(rule, Rule::ScaleUpStabilization | Rule::ScaleDownStabilization),
        }
    }
}

/// Takes a case through all rules.
pub(crate) fn decide(case: &Case<'_>, without: Without, clamps: Option<&mut Vec<Clamp>>) -> Decision {
    let best = combine::largest(case, without);
    let value = best.map_or(case.current, |(replicas, _)| replicas).min(REPLICAS_CEILING.0);
    let mut chain = Chain { value, without, clamps };
    combine::metric_failure(case, &mut chain);
    traffic::zero(case, &mut chain);
    let recommended = chain.value;

    stabilize::stabilize(case, &mut chain);
    if returning_from_hold(case) {
        chain.clamp(Rule::MaxReplicas, chain.value.min(case.policy.max()), Detail::None);
    }
    rate::limit(case, &mut chain);
    bounds(case, &mut chain);
    guards(case, &mut chain);
    directive_pause(case, &mut chain);
    corrections(case, &mut chain);
    directive_hold(case, &mut chain);
    Decision { recommended, winner: best.map(|(_, name)| name), desired: chain.value }
}

/// The bound in the direction of the change.
fn bounds(case: &Case<'_>, chain: &mut Chain<'_>) {
    let (min, max) = (case.policy.min(), case.policy.max());
    if chain.value > case.current && chain.value > max {
        // A size above the bound is the business of the corrections below.
        chain.clamp(Rule::MaxReplicas, max.max(case.current), Detail::None);
    } else if chain.value < case.current && chain.value < min {
        chain.clamp(Rule::MinReplicas, min.min(case.current), Detail::None);
    }
}

fn guards(case: &Case<'_>, chain: &mut Chain<'_>) {
    if let Some(id) = case.crash_loop
        && chain.value > case.current
    {
        chain.clamp(Rule::CrashLoop, case.current, Detail::Replica { id });
    }
    let window = case.policy.rules(Direction::Down).stabilization_window;
    if let Some(resumed) = case.state.resumed_at
        && case.now.since(resumed) < window
        && chain.value < case.current
    {
        chain.clamp(Rule::Restart, case.current, Detail::Until { time: Some(resumed + window) });
    }
}

fn directive_pause(case: &Case<'_>, chain: &mut Chain<'_>) {
    if let Some(Directive::Pause { until }) = case.directive {
        chain.clamp(Rule::Pause, case.current, Detail::Until { time: until });
    }
}

/// A size outside the bounds is corrected at once, without stabilization and rate; after a hold it returns through the policies.
fn corrections(case: &Case<'_>, chain: &mut Chain<'_>) {
    let (min, max) = (case.policy.min(), case.policy.max());
    if chain.value > max && !returning_from_hold(case) {
        chain.clamp(Rule::MaxReplicas, max, Detail::None);
    }
    if chain.value < min {
        chain.clamp(Rule::MinReplicas, min, Detail::None);
    }
}

/// A person's size wins over the metrics and the bounds; only the ceiling stands.
fn directive_hold(case: &Case<'_>, chain: &mut Chain<'_>) {
    if let Some(Directive::Hold { replicas, until }) = case.directive {
        let size = replicas.min(REPLICAS_CEILING).0;
        let outside_bounds = size < case.policy.min() || size > case.policy.max();
        chain.clamp(Rule::Hold, size, Detail::Hold { until, outside_bounds });
    }
}

fn returning_from_hold(case: &Case<'_>) -> bool {
    case.state.above_max_by_hold && case.current > case.policy.max()
}

/// The newest replica, when among the newest ones (down to the first that got ready) one keeps dying.
pub(crate) fn crash_loop(observation: &Observation) -> Option<ReplicaId> {
    let counted = || observation.replicas.iter().filter(|r| r.phase != Phase::Draining);
    let looping = counted().filter(|r| r.phase == Phase::CrashLooping).map(|r| r.id).max()?;
    let got_ready = counted().filter(|r| matches!(r.phase, Phase::Ready | Phase::NotReady)).map(|r| r.id).max();
    got_ready.is_none_or(|ready| ready < looping).then_some(looping)
}
