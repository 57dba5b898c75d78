//! The control loop in virtual time: what `skala_controller` does each second, for the exact and for the fluid mode.
//!
//! Decides: nothing; sizes and victims are `skala_autoscaler::plan`'s.
//! Inputs: per service its station's windows and the load of its replicas, `now`.
//! Method: the live loop's: a tick each interval, [`LOOKS`] - 1 looks in between that count only when a service should grow, the same
//!   windows, the same two passes under budgets and databases.
//! Invariants: deterministic; what a plan does not ask for does not happen to a replica, except faults and its own start and end.
//! Tested: `tests/it`.

mod life;
mod meter;
mod service;

use std::time::Duration;

use skala_autoscaler::ceilings::{Limits, Spending, Want, ceilings, spend};
use skala_autoscaler::{Action, Observation, Plan, Planned, SignalObservation, State, StationWindows, plan, plan_into};
use skala_types::{ReplicaId, Streams, Time};

pub use life::{Change, Counts};
pub use service::Control;

use crate::{Scenario, SimError};

/// Looks per tick, and sampling windows of a station.
pub const LOOKS: u32 = 4;
/// Sampling windows that make the fast window: one tick.
pub const FAST_WINDOWS: usize = LOOKS as usize;
/// Sampling windows that make the slow window: ten ticks.
pub const SLOW_WINDOWS: usize = 10 * FAST_WINDOWS;
/// Shortest time between two decisions that arrivals bring about.
pub const MIN_BETWEEN: Duration = Duration::from_millis(100);

/// The load of one replica.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Requests that it works on.
    pub in_flight: u32,
    /// Time-integral of its requests in service since its process started: busy server-seconds.
    pub busy: f64,
}

/// What the loop sees; the exact mode measures it, the fluid mode computes it.
pub trait Sight {
    /// A service's station over the last tick and the last ten; `None` while there are no numbers.
    fn station(&mut self, service: usize) -> Option<StationWindows>;

    /// The load of a replica that is ready or drains.
    fn load(&self, service: usize, replica: ReplicaId) -> Load;

    /// The queues that a service works on.
    fn signals(&mut self, _service: usize) -> Vec<SignalObservation> {
        Vec::new()
    }
}

/// Hears what happens, as the journal does live. Everything is optional.
pub trait Watch {
    /// What a tick saw of a service.
    fn observed(&mut self, _at: Time, _service: usize, _observation: &Observation) {}
    /// A decision that changed a size.
    fn decided(&mut self, _at: Time, _service: usize, _planned: &Planned) {}
    /// Something happened to a replica.
    fn changed(&mut self, _at: Time, _service: usize, _change: Change) {}
    /// Something went wrong, or came right again, in words.
    fn noted(&mut self, _at: Time, _service: usize, _text: &str) {}
}

/// Nobody watches.
impl Watch for () {}

/// Which plans count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// All: the second has passed.
    Tick,
    /// Only those that grow: in between.
    Look,
}

/// The loop over all services of a scenario.
#[derive(Debug)]
pub struct Controls {
    services: Vec<Control>,
    limits: Limits,
    spending: Spending,
}

impl Controls {
    /// The services with their first replicas, all of them ready.
    ///
    /// # Errors
    /// A setting of the scenario that cannot stand.
    pub fn try_new(scenario: &Scenario, streams: Streams, now: Time) -> Result<Controls, SimError> {
        let services = scenario.services.iter().map(|s| Control::try_new(s, streams, now)).collect::<Result<_, _>>()?;
        Ok(Controls { services, limits: scenario.limits.clone(), spending: Spending::default() })
    }

    /// One service.
    pub fn of(&self, service: usize) -> &Control {
        &self.services[service]
    }

    /// One service.
    pub fn of_mut(&mut self, service: usize) -> &mut Control {
        &mut self.services[service]
    }

    /// All of them, in the scenario's order.
    pub fn services(&self) -> &[Control] {
        &self.services
    }

    /// The next moment at which something of a service's replicas ends by itself.
    pub fn next_due(&self) -> Option<Time> {
        self.services.iter().filter_map(Control::next_due).min()
    }

    /// Observes, plans and acts for every service. What happened to replicas is appended to `changes`, by service.
    pub fn pass(
        &mut self,
        pass: Pass,
        now: Time,
        sight: &mut dyn Sight,
        watch: &mut dyn Watch,
        changes: &mut Vec<(usize, Change)>,
    ) {
        let mut drafts = Vec::with_capacity(self.services.len());
        for (i, control) in self.services.iter_mut().enumerate() {
            if control.is_away(now) {
                continue;
            }
            if pass == Pass::Tick {
                control.measure(i, now, sight);
                control.foresee(i, sight);
            }
            let observation = control.observe(i, now, sight);
            if pass == Pass::Tick {
                watch.observed(now, i, &observation);
            }
            // Nobody plans again and the plan counts whatever it says: no copy of the state is needed.
            let planned = if pass == Pass::Tick && self.limits.is_empty() {
                (plan_into(&control.policy, &mut control.state, &observation, now), None)
            } else {
                apart(plan(&control.policy, &control.state, &observation, now))
            };
            drafts.push(Draft { service: i, observation, planned: planned.0, state: planned.1 });
        }
        self.bound(&mut drafts, now);
        for draft in drafts {
            if pass == Pass::Tick || draft.planned.actions.iter().any(|a| matches!(a, Action::Start { .. })) {
                self.execute(draft, now, watch, changes);
            }
        }
    }

    /// Plans those services again whose wishes are more than budgets, databases and providers allow.
    fn bound(&mut self, drafts: &mut [Draft], now: Time) {
        if self.limits.is_empty() {
            return;
        }
        let want = |d: &Draft| self.services[d.service].want(&d.observation, &d.planned);
        let wants: Vec<Want> = drafts.iter().map(want).collect();
        let mut found = ceilings(&self.limits, &self.spending, &[], &wants, now);
        spend(&self.limits, &mut self.spending, &wants, &found, now);
        for draft in drafts {
            let control = &self.services[draft.service];
            if let Some(of) = found.of.remove(control.name()) {
                draft.observation.ceilings = of;
                (draft.planned, draft.state) = apart(plan(&control.policy, &control.state, &draft.observation, now));
            }
        }
    }

    fn execute(&mut self, draft: Draft, now: Time, watch: &mut dyn Watch, changes: &mut Vec<(usize, Change)>) {
        let control = &mut self.services[draft.service];
        if let Some(state) = draft.state {
            control.state = state;
        }
        if !draft.planned.actions.is_empty() {
            watch.decided(now, draft.service, &draft.planned);
        }
        let first = changes.len();
        control.act(&draft.planned, draft.observation.current.0, now, |change| changes.push((draft.service, change)));
        for (service, change) in &changes[first..] {
            watch.changed(now, *service, *change);
        }
    }
}

/// One service's plan before it is known whether it counts.
struct Draft {
    service: usize,
    observation: Observation,
    planned: Planned,
    /// The next state, where it is not in place yet.
    state: Option<State>,
}

fn apart(plan: Plan) -> (Planned, Option<State>) {
    let Plan { desired, actions, state, report } = plan;
    (Planned { desired, actions, report }, Some(state))
}
