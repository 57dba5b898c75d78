//! What the demo sees of its service, ten times a second.

use std::time::Duration;

use skala_console::Control;
use skala_controller::platform::Platform as _;
use skala_load::Rate;
use skala_types::Time;

use crate::engine::Shared;

/// The HPA's dead band: load within it is not above target.
const TOLERANCE: f64 = 1.1;

/// Collects sizes and the reaction time.
pub(super) struct Watch {
    rate: Rate,
    begin: Time,
    per_replica: f64,
    last: Option<(Time, u32)>,
    above_target: Option<Time>,
    observed: Observed,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) changes: u64,
    pub(super) seconds: f64,
    pub(super) replica_seconds: f64,
    /// From the first moment above target to the start of the first new replica's process.
    pub(super) reaction: Option<Duration>,
}

impl Watch {
    pub(super) fn new(rate: Rate, begin: Time, per_replica: f64) -> Watch {
        Watch { rate, begin, per_replica, last: None, above_target: None, observed: Observed::default() }
    }

    /// Looks once; gives a line for people.
    pub(super) fn look(&mut self, shared: &Shared) -> String {
        let now = shared.clock.now();
        let status = shared.status();
        let Some(service) = status.services.first() else { return String::new() };
        let replicas = shared.local.replicas();
        let running = u32::try_from(replicas.len()).unwrap_or(u32::MAX) - service.draining;
        let offered = self.rate.at(now.since(self.begin));
        match self.last {
            Some((then, count)) => {
                let dt = now.since(then).as_secs_f64();
                self.observed.seconds += dt;
                self.observed.replica_seconds += f64::from(count) * dt;
                self.observed.changes += u64::from(count != running);
                self.observed.min = self.observed.min.min(running);
                self.observed.max = self.observed.max.max(running);
            }
            None => (self.observed.min, self.observed.max) = (running, running),
        }
        self.last = Some((now, running));
        if self.above_target.is_none() && offered > f64::from(running) * self.per_replica * TOLERANCE {
            self.above_target = Some(now);
        }
        if let (Some(since), None) = (self.above_target, self.observed.reaction) {
            let started = replicas.iter().map(|r| r.started_at).filter(|t| *t >= since).min();
            self.observed.reaction = started.map(|t| t.since(since));
        }
        line(now.since(self.begin), offered, service)
    }

    pub(super) fn finish(self) -> Observed {
        self.observed
    }
}

fn line(elapsed: Duration, offered: f64, s: &skala_console::views::ServiceStatus) -> String {
    let bar = format!("{}{}", "#".repeat(s.ready as usize), "+".repeat(s.starting as usize));
    format!(
        "{:>4}s  demand {offered:>4.0}/s  served {:>5.1}/s  in flight {:>3}  waiting {:>3}  p95 {:>5.0} ms  replicas {:>2} {bar}",
        elapsed.as_secs(),
        s.requests_per_second,
        s.in_flight,
        s.waiting,
        s.latency_ms.p95,
        s.ready,
    )
}
