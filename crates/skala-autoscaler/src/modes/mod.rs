//! Other ways to decide: Kubernetes' own, and Knative's.
//!
//! Decides: how a policy that is not skala's own comes to a size, and what still stands above it.
//! Inputs: the same as [`crate::plan()`]'s; each mode reads the replicas, the station and the signals in its own terms.
//! Method: `hpa` asks `skala_hpa::reconcile`, `knative` asks [`crate::knative::decide`], each at its own pace. Behind them come
//!   ceilings and what a person asked for, as in skala's own mode; none of skala's repairs apply.
//! Invariants: total, pure, deterministic; between two looks the size stays.
//! Tested: `tests/decisions` rows `modes`.

mod hpa;
mod knative;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_hpa::Compat;
use skala_types::{Replicas, Time};

use crate::metric::Counts;
use crate::plan::{actions, count_inputs};
use crate::report::{Absent, Clamp, Counterfactual, Detail, Held, Input, Outcome, Report, Rule, by_metric, by_rule};
use crate::{
    CeilingKind, Change, Direction, Directive, LastScale, MetricName, MetricReport, Observation, Planned, Policy,
    REPLICAS_CEILING, State,
};

pub(crate) use hpa::Compiled;

/// Who decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// skala: `autoscaling/v2` with its flaws repaired.
    #[default]
    Default,
    /// Kubernetes: `autoscaling/v2` to the letter.
    Hpa(HpaMode),
    /// Knative's pod autoscaler. The policy's bounds are its `minScale` and `maxScale`; the metrics are not read.
    Knative(Box<crate::knative::Config>),
}

/// How Kubernetes' own algorithm is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HpaMode {
    /// Whose decisions are reproduced.
    pub compat: Compat,
    /// The manifest has no `behavior`: at most double per look, one window for shrinking.
    pub without_behavior: bool,
    /// Time from one look to the next; `--horizontal-pod-autoscaler-sync-period`, 15 s.
    pub period: Duration,
    /// Soon after its start, a replica that turned not ready counts as never ready; 30 s.
    pub initial_readiness_delay: Duration,
}

impl Default for HpaMode {
    fn default() -> HpaMode {
        HpaMode {
            compat: Compat::default(),
            without_behavior: false,
            period: Duration::from_secs(15),
            initial_readiness_delay: Duration::from_secs(30),
        }
    }
}

impl Mode {
    /// Whether skala's own rules decide.
    pub fn is_default(&self) -> bool {
        *self == Mode::Default
    }
}

/// What a mode says.
struct Verdict {
    inputs: Vec<Input>,
    metrics: Vec<MetricReport>,
    winner: Option<MetricName>,
    recommended: u32,
    clamps: Vec<Clamp>,
    desired: u32,
}

/// A number on its way through the rules of a mode.
pub(crate) struct Steps {
    value: u32,
    clamps: Vec<Clamp>,
}

impl Steps {
    fn at(value: u32) -> Steps {
        Steps { value, clamps: Vec::new() }
    }

    fn clamp(&mut self, rule: Rule, to: u32, detail: Detail) {
        if to != self.value {
            self.clamps.push(Clamp { rule, from: Replicas(self.value), to: Replicas(to), detail });
            self.value = to;
        }
    }
}

/// Plans one step of a policy whose mode is not skala's own.
pub(crate) fn plan_into(policy: &Policy, state: &mut State, observation: &Observation, now: Time) -> Planned {
    let current = observation.current.0.min(REPLICAS_CEILING.0);
    let period = match &policy.spec().mode {
        Mode::Hpa(mode) => mode.period,
        Mode::Default | Mode::Knative(_) => knative::TICK,
    };
    // A clock that stepped back must not put the next look off.
    let waits = state.next_look.filter(|next| now < *next && *next <= now + period);
    let verdict = match (&policy.spec().mode, waits) {
        (Mode::Hpa(_), None) => hpa::verdict(policy, state, observation, now, current),
        (Mode::Knative(_), waits) => knative::verdict(policy, state, observation, now, current, waits.is_some()),
        (Mode::Default | Mode::Hpa(_), _) => None,
    };
    if waits.is_none() {
        state.next_look = Some(now + period);
    }
    state.since.get_or_insert(now);
    finish(policy, state, observation, now, current, verdict)
}

fn finish(
    policy: &Policy,
    state: &mut State,
    observation: &Observation,
    now: Time,
    current: u32,
    verdict: Option<Verdict>,
) -> Planned {
    let looked = verdict.is_some();
    let Verdict { mut inputs, metrics, winner, recommended, clamps, desired } = verdict.unwrap_or_else(|| Verdict::stay(current));
    count_inputs(Counts::of(observation), &mut inputs);
    let mut steps = Steps { value: desired.min(REPLICAS_CEILING.0), clamps };
    let directive = observation.directive.filter(|d| d.is_active(now));
    impose(policy, observation, current, directive, &mut steps);
    let Steps { value: desired, clamps } = steps;
    if desired != current {
        state.last_scale = Some(LastScale { at: now, from: Replicas(current), to: Replicas(desired) });
    }
    let held = || match (directive, clamps.iter().rev().find(|c| c.to.0 == current)) {
        (Some(Directive::Hold { until, .. }), _) => Held::ManualHold { until },
        (Some(Directive::Pause { until }), _) => Held::Paused { until },
        (None, Some(clamp)) => by_rule(clamp, current),
        (None, None) if !looked => Held::NextLook { until: state.next_look },
        (None, None) if current == 0 => Held::ScaledToZero,
        (None, None) => match winner.as_ref().and_then(|w| metrics.iter().find(|m| m.name == *w)) {
            None if policy.spec().min_replicas == policy.spec().max_replicas => Held::Fixed,
            metric => by_metric(metric),
        },
    };
    let outcome = match desired.cmp(&current) {
        std::cmp::Ordering::Equal => Outcome::Held(held()),
        order => {
            let direction = if order.is_gt() { Direction::Up } else { Direction::Down };
            Outcome::Acted(Change { direction, by: Replicas(desired.abs_diff(current)) })
        }
    };
    let last = clamps.last().filter(|c| c.from != c.to);
    let without = |c: &Clamp| Counterfactual { without: Absent::Rule { rule: c.rule }, replicas: c.from, from: c.detail.until() };
    let counterfactuals = last.map(without).into_iter().collect();
    let report = Report {
        at: now,
        current: Replicas(current),
        desired: Replicas(desired),
        recommended: Replicas(recommended),
        inputs,
        metrics,
        winner,
        clamps,
        outcome,
        counterfactuals,
        bounds: None,
        flapping: None,
    };
    Planned { desired: Replicas(desired), actions: actions(state, observation, current, desired), report }
}

/// What stands above every mode: what others allow, and what a person asked for.
fn impose(policy: &Policy, observation: &Observation, current: u32, directive: Option<Directive>, steps: &mut Steps) {
    let (min, max) = (policy.spec().min_replicas.0, policy.spec().max_replicas.0);
    let min = crate::rules::stated_floor(observation).map_or(min, |stated| min.min(stated));
    for ceiling in &observation.ceilings {
        let most = ceiling.replicas.0.max(min);
        if steps.value > most {
            let rule = match ceiling.kind {
                CeilingKind::Budget | CeilingKind::BudgetFloor => Rule::Budget,
                CeilingKind::Downstream => Rule::Downstream,
            };
            steps.clamp(rule, most, Detail::Ceiling { by: ceiling.by.clone() });
        }
    }
    match directive {
        Some(Directive::Pause { until }) => {
            steps.clamp(Rule::Pause, current.clamp(min, max), Detail::Until { time: until });
        }
        Some(Directive::Hold { replicas, until }) => {
            let size = replicas.min(REPLICAS_CEILING).0;
            steps.clamp(Rule::Hold, size, Detail::Hold { until, outside_bounds: size < min || size > max });
        }
        None => {}
    }
}

impl Verdict {
    /// No change.
    fn stay(current: u32) -> Verdict {
        Verdict {
            inputs: Vec::new(),
            metrics: Vec::new(),
            winner: None,
            recommended: current,
            clamps: Vec::new(),
            desired: current,
        }
    }
}
