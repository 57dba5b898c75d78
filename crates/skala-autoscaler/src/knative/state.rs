//! What a KPA-scaled service remembers.
//!
//! Decides: nothing; [`super::decide`] updates it, and the controller stores it.
//! Inputs: samples, the ready replicas at the start, `now`.
//! Method: Knative's autoscaler and PodAutoscaler status in one value. Knative loses its windows at a restart and therefore
//!   starts in panic at the size it finds; so does [`State::start`]. A state that was stored goes on where it was.
//! Invariants: bounded by the windows' lengths; its time never runs backwards.
//! Tested: `super::tests` scenarios `restart` and `clock`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use skala_types::{Replicas, Time};

use super::{Buckets, Config, MaxWindow};

/// A clock that steps back further than this was wrong before, or is wrong now: the windows begin anew.
const CLOCK_STEP: Duration = Duration::from_secs(60);

/// Whether requests can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// At zero, or on the way there.
    Inactive,
    /// Asked for, and not ready yet.
    Activating,
    /// Ready.
    Active,
}

/// The status and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Activity {
    /// The status.
    pub status: Status,
    /// Since when.
    pub since: Time,
}

/// Everything that must survive a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// The latest time seen.
    pub now: Time,
    /// The stable window.
    pub stable: Buckets,
    /// The panic window.
    pub panic: Buckets,
    /// When panic began, or was last over the threshold; none in stable mode.
    pub panicking_since: Option<Time>,
    /// The largest size of this panic.
    pub panic_max: u32,
    /// The sizes wanted within `scaleDownDelay`.
    pub delay: MaxWindow,
    /// The size last wanted, before bounds; none before the first data.
    pub desired: Option<u32>,
    /// The burst capacity last computed.
    pub excess_burst: i32,
    /// Whether requests can be served.
    pub activity: Activity,
    /// Whether the initial size was ready once.
    pub initialized: bool,
    /// Until when a queue counts as that of a cold start (repair).
    pub cold_until: Option<Time>,
}

impl State {
    /// The state of an autoscaler without history: with more than one ready replica it starts in panic at that size, so that
    /// empty windows do not shrink the service.
    pub fn start(config: &Config, now: Time, ready: Option<Replicas>) -> State {
        let ready = ready.map_or(0, |r| r.0);
        let burst = config.spec().target_burst_capacity;
        State {
            now,
            stable: Buckets::new(config.spec().stable_window),
            panic: Buckets::new(config.panic_window()),
            panicking_since: (ready > 1).then_some(now),
            panic_max: ready,
            delay: MaxWindow::default(),
            desired: None,
            // As the multiscaler: a burst beyond one replica needs the proxy from the start.
            excess_burst: if burst <= 0.0 { burst as i32 } else { (config.total() - burst) as i32 },
            activity: Activity { status: Status::Activating, since: now },
            initialized: false,
            cold_until: None,
        }
    }

    /// Moves on to `now`, or stays where it is when the clock stepped back a little; fits the windows to the configuration.
    pub(super) fn tick(&mut self, config: &Config, now: Time, ready: Option<Replicas>) -> Time {
        if now + CLOCK_STEP < self.now {
            self.restart(config, now, ready);
        }
        self.now = self.now.max(now);
        self.stable.resize(config.spec().stable_window, self.now);
        self.panic.resize(config.panic_window(), self.now);
        if config.spec().scale_down_delay.is_zero() {
            self.delay.clear();
        }
        self.now
    }

    /// Forgets the windows and keeps what was reached.
    fn restart(&mut self, config: &Config, now: Time, ready: Option<Replicas>) {
        let ready = ready.or(self.desired.map(Replicas));
        let fresh = State::start(config, now, ready);
        let activity = Activity { status: self.activity.status, since: now };
        let (desired, excess_burst, initialized) = (self.desired, self.excess_burst, self.initialized);
        *self = State { desired, excess_burst, initialized, activity, ..fresh };
    }

    /// Adds a sample to both windows; one from the future counts as of now.
    pub(super) fn record(&mut self, at: Time, value: f64) {
        let at = at.min(self.now);
        self.stable.record(at, value);
        self.panic.record(at, value);
    }

    /// How long the current status lasts.
    pub(super) fn status_for(&self, now: Time) -> Duration {
        now.since(self.activity.since)
    }

    /// Changes the status; the same status again keeps its time.
    pub(super) fn mark(&mut self, status: Status, now: Time) {
        if self.activity.status != status {
            self.activity = Activity { status, since: now };
        }
    }
}
