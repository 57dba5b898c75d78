//! One service under control: its policy, its memory, its replicas.
//!
//! Decides: nothing; it builds the observation, as `skala_controller::observe` does from the live platform.
//! Inputs: the station's windows and the load of each replica.
//! Invariants: every observation is complete before the plan sees it ([`Control::observe`] is the one place).

use std::time::Duration;

use skala_autoscaler::ceilings::Want;
use skala_autoscaler::{Action, Directive, Observation, Phase, Planned, Policy, ReplicaObservation, State};
use skala_balance::Outlook;
use skala_forecast::Floor;
use skala_types::{ReplicaId, Replicas as Size, ServiceName, Streams, Time};

use super::life::{Change, Counts, Replicas};
use super::{Load, Sight};
use crate::draw::Draw;
use crate::{Service, SimError};

/// One service: policy, state and replicas.
#[derive(Debug)]
pub struct Control {
    name: ServiceName,
    pub(super) policy: Policy,
    pub(super) state: State,
    replicas: Replicas,
    drain: Duration,
    /// CPU of one busy server; none when nothing is known of CPU.
    cpu_per_server: Option<f64>,
    price: u64,
    priority: i32,
    standing: Option<Directive>,
    desired: Size,
    moved: Option<(u32, u32)>,
    away_until: Option<Time>,
    /// There are no CPU samples either: a hole in the recording.
    blind: bool,
    /// What comes within a start-up; none where the policy would not read it.
    floor: Option<Floor>,
}

impl Control {
    pub(super) fn try_new(service: &Service, streams: Streams, now: Time) -> Result<Control, SimError> {
        let field = |what: &str| format!("services.{}.{what}", service.name);
        let start_up = Draw::try_new(&service.start_up, &field("startUp"))?;
        let busy_cores = service.busy_cores.map(|cores| cores.max(0.0)).filter(|cores| cores.is_finite());
        let spec = service.policy.spec();
        let held = service.standing.and_then(|order| match order {
            Directive::Hold { replicas, .. } => Some(replicas),
            Directive::Pause { .. } => None,
        });
        let initial = service.initial.or(held).unwrap_or(spec.min_replicas.max(Size(1)));
        if initial > skala_autoscaler::REPLICAS_CEILING {
            let reason = format!("{initial} replicas are more than the most that skala runs, 10000");
            return Err(SimError::Setting { field: field("initial"), reason });
        }
        let mut control = Control {
            name: service.name.clone(),
            policy: service.policy.clone(),
            state: State::new(),
            replicas: Replicas::new(start_up, streams.stream(&format!("start-up {}", service.name))),
            drain: service.drain,
            cpu_per_server: busy_cores.map(|cores| cores / f64::from(service.station.concurrency.unwrap_or(1).max(1))),
            price: service.price_per_hour.map_or(0, |p| p.micros),
            priority: service.priority,
            standing: service.standing,
            desired: initial,
            moved: None,
            away_until: None,
            blind: false,
            floor: Floor::for_policy(&service.policy),
        };
        for _ in 0..initial.0 {
            let id = control.state.next_replica;
            control.state.next_replica = ReplicaId(id.0 + 1);
            // They were started before the trace began, and their start-up was measured as every other's.
            let took = control.replicas.add_ready(id, now);
            control.state.observe_startup(took);
        }
        Ok(control)
    }

    /// Its name.
    pub fn name(&self) -> &ServiceName {
        &self.name
    }

    /// How many replicas are in which state.
    pub fn counts(&self) -> Counts {
        self.replicas.counts()
    }

    /// The replicas that serve, in order of their numbers.
    pub fn ready(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.replicas.all().iter().filter(|r| r.phase == Phase::Ready).map(|r| r.id)
    }

    /// The size wanted by the last plan.
    pub fn desired(&self) -> Size {
        self.desired
    }

    /// The last change of size, from and to, once.
    pub fn take_move(&mut self) -> Option<(u32, u32)> {
        self.moved.take()
    }

    /// What the plan remembers.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the station may promise to those who wait.
    pub fn outlook(&self, now: Time) -> Outlook {
        Outlook::of(self.replicas.prospects(), self.state.startup_estimate(&self.policy), self.may_start(), now)
    }

    /// Whether a request that arrives at no replica brings one about.
    fn may_start(&self) -> bool {
        match self.standing {
            Some(Directive::Hold { replicas, .. }) => replicas.0 > 0,
            Some(Directive::Pause { .. }) => self.desired.0 > 0,
            None => true,
        }
    }

    /// The next moment at which some replica's phase ends by itself.
    pub fn next_due(&self) -> Option<Time> {
        self.replicas.next_due()
    }

    /// Lets start-ups, backoffs and drains end whose time is over.
    pub fn advance(&mut self, now: Time, changes: &mut Vec<Change>) {
        let state = &mut self.state;
        self.replicas.advance(now, changes, |took| state.observe_startup(took));
    }

    /// A draining replica has nothing left to do; it ends.
    pub fn emptied(&mut self, replica: ReplicaId) -> Option<Change> {
        self.replicas.emptied(replica)
    }

    /// A replica dies with all that it has.
    pub fn lose(&mut self, replica: ReplicaId, now: Time) -> Option<Change> {
        self.replicas.die(replica, now)
    }

    /// The controller is away until then, and comes back with the state that it saved.
    pub fn go_away(&mut self, until: Time) {
        self.away_until = Some(self.away_until.map_or(until, |t| t.max(until)));
    }

    /// Whether replicas' usage is unknown, too: a hole in the recording says nothing of it.
    pub fn set_blind(&mut self, blind: bool) {
        self.blind = blind;
    }

    /// Until when the controller is away, if it is.
    pub fn away_until(&self, now: Time) -> Option<Time> {
        self.away_until.filter(|until| now < *until)
    }

    pub(super) fn is_away(&mut self, now: Time) -> bool {
        match self.away_until {
            Some(until) if now < until => true,
            Some(until) => {
                self.away_until = None;
                self.state = std::mem::take(&mut self.state).resume(until.max(now));
                false
            }
            None => false,
        }
    }

    /// Takes a CPU sample of every replica, as the platform does once a second.
    pub(super) fn measure(&mut self, index: usize, now: Time, sight: &dyn Sight) {
        let Some(per_server) = self.cpu_per_server else { return };
        let window = self.policy.spec().metric_window;
        for replica in self.replicas.all_mut() {
            let busy = match replica.phase {
                Phase::Ready | Phase::NotReady | Phase::Draining => sight.load(index, replica.id).busy,
                Phase::Starting | Phase::Backoff | Phase::CrashLooping => 0.0,
            };
            replica.meter.record(now, busy, per_server, window);
        }
    }

    /// Lets the forecast see what came since the last tick.
    pub(super) fn foresee(&mut self, index: usize, sight: &mut dyn Sight) {
        let Some(floor) = &mut self.floor else { return };
        if let Some(station) = sight.station(index) {
            floor.feed(&station);
        }
    }

    /// Looks at the service.
    pub(super) fn observe(&self, index: usize, now: Time, sight: &mut dyn Sight) -> Observation {
        let station = sight.station(index);
        let load = |id, phase| match phase {
            Phase::Ready | Phase::NotReady | Phase::Draining => sight.load(index, id),
            Phase::Starting | Phase::Backoff | Phase::CrashLooping => Load::default(),
        };
        let replica = |r: &super::life::Replica| {
            let usage = r.meter.usage().filter(|_| !self.blind);
            ReplicaObservation {
                id: r.id,
                phase: r.phase,
                phase_since: r.phase_since,
                started_at: r.started_at,
                in_flight: load(r.id, r.phase).in_flight,
                work_left: None,
                cpu: usage.map(|u| u.slow),
                cpu_fast: usage.map(|u| u.fast),
                memory: None,
            }
        };
        Observation {
            current: Size(self.counts().staying()),
            replicas: self.replicas.all().iter().map(replica).collect(),
            station,
            forecast: self.floor.as_ref().and_then(|f| f.expected(&self.policy, &self.state, now)),
            directive: self.standing,
            signals: sight.signals(index),
            ..Observation::default()
        }
    }

    pub(super) fn want(&self, observation: &Observation, planned: &Planned) -> Want {
        Want {
            service: self.name.clone(),
            desired: planned.desired,
            current: observation.current,
            min: planned.report.bounds.as_ref().map_or(self.policy.spec().min_replicas, |b| b.min),
            held: matches!(observation.directive, Some(Directive::Hold { .. })),
            price: self.price,
            priority: self.priority,
        }
    }

    /// Does what a plan says.
    pub(super) fn act(&mut self, planned: &Planned, current: u32, now: Time, mut tell: impl FnMut(Change)) {
        self.desired = planned.desired;
        if !planned.actions.is_empty() {
            self.moved = Some((current, planned.desired.0));
        }
        for action in &planned.actions {
            match *action {
                Action::Start { replica } => {
                    self.replicas.start(replica, now);
                    tell(Change::Started(replica));
                }
                Action::Drain { replica } => {
                    if let Some(change) = self.replicas.drain(replica, now, self.drain) {
                        tell(change);
                    }
                }
            }
        }
    }
}
