//! The rules between the metrics' proposals and the size, in their order.
//!
//! Decides: the size, and which rules changed the number on the way.
//! Inputs: the metrics' reports, the state's logs, the bounds, what a person asked for, `now`.
//! Method: `autoscaling/v2`: the largest proposal; a failed metric never shrinks; stabilise, then the rate policies, then the
//!   bounds. Between and behind them skala's own: zero, ceilings, crash loop, restart, flapping, pause, hold. Metrics with a
//!   `behavior` of their own go through the first half alone; the largest of what is left goes through the second.
//! Invariants: total; the same case gives the same answer; leaving a rule out is only for asking "what if".
//! Tested: `tests/decisions` rows; `rate` has its own.

mod activity;
mod combine;
mod rate;
mod stabilize;

use skala_types::{ReplicaId, Replicas, Time};

pub(crate) use activity::{Activity, Idling};

use crate::report::{Clamp, Detail, Rule};
use crate::state::Swing;
use crate::{
    CeilingKind, Direction, Directive, MetricReport, Observation, Phase, Policy, REPLICAS_CEILING, RecommendationLog, State,
};

/// Everything that the rules go by.
pub(crate) struct Case<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) state: &'a State,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Time,
    pub(crate) current: u32,
    pub(crate) metrics: &'a [MetricReport],
    pub(crate) bound: Bound,
    /// How the service may idle; none when it never does.
    pub(crate) idling: Option<Idling>,
    /// The newest replica, if it and its generation keep dying.
    pub(crate) crash_loop: Option<ReplicaId>,
    /// What a person asked for, if it still lasts.
    pub(crate) directive: Option<Directive>,
    /// That the size swings, if it does.
    pub(crate) swing: Option<Swing>,
    /// The size is above the bound for a reason that lets it return through the policies.
    pub(crate) returning: bool,
    /// Which metrics have a behaviour of their own, by bit.
    pub(crate) own: u64,
}

/// The bounds that hold at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) min: u32,
    pub(crate) max: u32,
}

impl Case<'_> {
    /// The least size that is left alone.
    pub(crate) fn floor(&self) -> u32 {
        let floor = self.idling.map_or(self.bound.min, |idling| idling.floor(self.bound.min, self.current));
        stated_floor(self.observation).map_or(floor, |stated| floor.min(stated))
    }

    /// What is log and rule for a metric with a behaviour of its own; for the others, none.
    fn log(&self, metric: Option<usize>) -> &RecommendationLog {
        let name = metric.and_then(|i| self.metrics.get(i)).map(|m| &m.name);
        let own = name.and_then(|name| self.state.metric_logs.iter().find(|l| l.metric == *name));
        own.map_or(&self.state.recommendations, |l| &l.log)
    }
}

/// The floor below `minReplicas` that a budget's order of degradation states.
pub(crate) fn stated_floor(observation: &Observation) -> Option<u32> {
    let floors = observation.ceilings.iter().filter(|c| c.kind == CeilingKind::BudgetFloor);
    floors.map(|c| c.replicas.0).min()
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
    /// The metric with the largest proposal, by index.
    pub(crate) winner: Option<usize>,
    pub(crate) desired: u32,
}

/// What a plan wants written down about its decision.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) clamps: Vec<Clamp>,
    /// What the metrics without a behaviour of their own wanted together; none when there are none.
    pub(crate) shared: Option<u32>,
    /// Per metric with one: its index, what it wanted, what its behaviour made of it.
    pub(crate) own: Vec<(usize, u32, u32)>,
    /// The last rule that spoke was a bound or a person, so that the change is not the metrics' doing.
    pub(crate) imposed: bool,
}

/// A number on its way through the rules.
struct Chain<'a> {
    value: u32,
    without: Without,
    clamps: Option<&'a mut Vec<Clamp>>,
    /// The metric whose behaviour counts; none for the policy's.
    metric: Option<usize>,
    /// Which metrics go by the policy's behaviour is the complement.
    own: u64,
    /// One of the chain's metrics failed.
    fails: bool,
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

    /// Whether a metric takes part.
    fn counts(&self, index: usize) -> bool {
        let mine = match self.metric {
            Some(own) => own == index,
            None => self.own & bit(index) == 0,
        };
        mine && self.without != Without::Metric(index)
    }
}

/// The bit of a metric; a policy has at most 64.
pub(crate) fn bit(index: usize) -> u64 {
    1u64.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// Takes a case through all rules.
pub(crate) fn decide(case: &Case<'_>, without: Without, mut record: Option<&mut Record>) -> Decision {
    let mut best: Option<(Decision, Vec<Clamp>)> = None;
    let shared = case.metrics.is_empty() || (0..case.metrics.len()).any(|i| case.own & bit(i) == 0);
    let own = (0..case.metrics.len()).filter(|i| case.own & bit(*i) != 0).map(Some);
    for metric in shared.then_some(None).into_iter().chain(own) {
        if let Without::Metric(absent) = without
            && !takes_part(case, metric, absent)
        {
            continue;
        }
        let mut clamps = Vec::new();
        let decision = behave(case, metric, without, record.is_some().then_some(&mut clamps));
        if let Some(record) = record.as_deref_mut() {
            match metric {
                Some(i) => record.own.push((i, decision.recommended, decision.desired)),
                None => record.shared = Some(decision.recommended),
            }
        }
        if best.as_ref().is_none_or(|(so_far, _)| decision.desired > so_far.desired) {
            best = Some((decision, clamps));
        }
    }
    let nothing = Decision { recommended: case.current, winner: None, desired: case.current };
    let (decision, clamps) = best.unwrap_or((nothing, Vec::new()));
    let spoken = record.as_deref_mut().map(|record| {
        record.clamps = clamps;
        &mut record.clamps
    });
    let mut chain = Chain { value: decision.desired, without, clamps: spoken, metric: None, own: case.own, fails: false };
    bounds(case, &mut chain);
    guards(case, &mut chain);
    activity::jump(case, &mut chain);
    let of_metrics = chain.value;
    directive_pause(case, &mut chain);
    corrections(case, &mut chain);
    directive_hold(case, &mut chain);
    let desired = chain.value;
    if let Some(record) = record {
        record.imposed = desired != of_metrics;
    }
    Decision { desired, ..decision }
}

/// Whether a behaviour has a metric left when one is absent.
fn takes_part(case: &Case<'_>, metric: Option<usize>, absent: usize) -> bool {
    match metric {
        Some(own) => own != absent,
        None => (0..case.metrics.len()).any(|i| case.own & bit(i) == 0 && i != absent),
    }
}

/// The first half: one behaviour, and the metrics that go by it.
fn behave(case: &Case<'_>, metric: Option<usize>, without: Without, clamps: Option<&mut Vec<Clamp>>) -> Decision {
    let mut chain = Chain { value: case.current, without, clamps, metric, own: case.own, fails: false };
    let best = combine::largest(case, &chain);
    chain.value = match best {
        Some((replicas, _)) => replicas.min(REPLICAS_CEILING.0),
        // Without a metric, time windows alone say how many.
        None if case.metrics.is_empty() && !case.policy.schedule().is_empty() => case.bound.min,
        None => case.current,
    };
    combine::metric_failure(case, &mut chain);
    activity::zero(case, &mut chain);
    let recommended = chain.value;

    stabilize::stabilize(case, &mut chain);
    if case.returning {
        chain.clamp(Rule::MaxReplicas, chain.value.min(case.bound.max), Detail::None);
    }
    ceilings(case, &mut chain);
    rate::limit(case, &mut chain);
    Decision { recommended, winner: best.map(|(_, i)| i), desired: chain.value }
}

/// What something beyond the service allows. Shrinking to it goes through the policies; `minReplicas` stands.
fn ceilings(case: &Case<'_>, chain: &mut Chain<'_>) {
    for ceiling in &case.observation.ceilings {
        let most = ceiling.replicas.0.max(case.floor());
        if chain.value > most {
            let rule = match ceiling.kind {
                CeilingKind::Budget | CeilingKind::BudgetFloor => Rule::Budget,
                CeilingKind::Downstream => Rule::Downstream,
            };
            chain.clamp(rule, most, Detail::Ceiling { by: ceiling.by.clone() });
        }
    }
}

/// The bound in the direction of the change.
fn bounds(case: &Case<'_>, chain: &mut Chain<'_>) {
    let (min, max) = (case.floor(), case.bound.max);
    if chain.value > case.current && chain.value > max {
        // A size above the bound is the business of the corrections below.
        chain.clamp(Rule::MaxReplicas, max.max(case.current), Detail::None);
    } else if chain.value < case.current && chain.value < min {
        chain.clamp(Rule::MinReplicas, min.min(case.current), Detail::None);
    }
}

fn guards(case: &Case<'_>, chain: &mut Chain<'_>) {
    let repairs = &case.policy.spec().repairs;
    if let Some(id) = case.crash_loop
        && chain.value > case.current
    {
        chain.clamp(Rule::CrashLoop, case.current, Detail::Replica { id });
    }
    let window = case.policy.rules(Direction::Down).stabilization_window;
    if let Some(resumed) = case.state.resumed_at
        && repairs.restart
        && case.now.since(resumed) < window
        && chain.value < case.current
    {
        chain.clamp(Rule::Restart, case.current, Detail::Until { time: Some(resumed + window) });
    }
    // Predicted wait keeps what it might need again by itself; what still changes follows the load.
    let follows = case.metrics.iter().any(|m| m.prediction.is_some());
    if let Some(swing) = case.swing
        && repairs.flapping
        && !follows
        && case.now < swing.hold_until
        && case.current <= swing.high.0
        && chain.value < case.current
    {
        chain.clamp(Rule::Flapping, case.current, Detail::Until { time: Some(swing.hold_until) });
    }
}

fn directive_pause(case: &Case<'_>, chain: &mut Chain<'_>) {
    if let Some(Directive::Pause { until }) = case.directive {
        chain.clamp(Rule::Pause, case.current, Detail::Until { time: until });
    }
}

/// A size outside the bounds is corrected at once, without stabilization and rate; after a hold, or when a time window has
/// ended, it returns through the policies.
fn corrections(case: &Case<'_>, chain: &mut Chain<'_>) {
    let (min, max) = (case.floor(), case.bound.max);
    if chain.value > max && !case.returning {
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
        let outside_bounds = size < case.bound.min || size > case.bound.max;
        chain.clamp(Rule::Hold, size, Detail::Hold { until, outside_bounds });
    }
}

/// The newest replica, when among the newest ones (down to the first that got ready) one keeps dying.
pub(crate) fn crash_loop(observation: &Observation) -> Option<ReplicaId> {
    let (mut looping, mut got_ready) = (None, None);
    for replica in &observation.replicas {
        match replica.phase {
            Phase::CrashLooping => looping = looping.max(Some(replica.id)),
            Phase::Ready | Phase::NotReady => got_ready = got_ready.max(Some(replica.id)),
            Phase::Starting | Phase::Backoff | Phase::Draining => {}
        }
    }
    looping.filter(|looping| got_ready.is_none_or(|ready| ready < *looping))
}
