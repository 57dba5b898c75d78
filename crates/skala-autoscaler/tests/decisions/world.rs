//! Builders for observations, and a plan as a few lines of text.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::Expect;
use skala_autoscaler::*;
use skala_types::{Bytes, Cores, Distribution, ReplicaId, Replicas, Rps, Sampled, StationSample, Time, Utilisation};

/// 2027-01-15T08:00:00Z, a round moment for all rows.
pub(crate) const T0: Time = Time::from_secs(1_800_000_000);

pub(crate) fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(crate) fn at(s: u64) -> Time {
    T0 + secs(s)
}

pub(crate) fn rps(target: f64) -> MetricSpec {
    MetricSpec::RequestsPerSecond { target: Rps(target) }
}

pub(crate) fn cpu(percent: f64) -> MetricSpec {
    MetricSpec::Cpu { target: ResourceTarget::Utilisation(Utilisation(percent / 100.0)) }
}

pub(crate) fn memory(percent: f64) -> MetricSpec {
    MetricSpec::Memory { target: ResourceTarget::Utilisation(Utilisation(percent / 100.0)) }
}

pub(crate) fn concurrency(target: f64) -> MetricSpec {
    MetricSpec::Concurrency { target }
}

pub(crate) fn p95(ms: u64) -> MetricSpec {
    MetricSpec::Latency { quantile: Quantile::P95, target: Duration::from_millis(ms) }
}

/// An objective of p95 for replicas of eight servers.
pub(crate) fn predicted(ms: u64) -> MetricSpec {
    MetricSpec::PredictedWait {
        quantile: Quantile::P95,
        latency: Duration::from_millis(ms),
        concurrency: 8,
        patience: Duration::from_secs(30),
        room: 1000,
        window: Duration::from_secs(30 * 86_400),
    }
}

/// A total from outside, `target` per replica.
pub(crate) fn total(name: &str, target: f64) -> MetricSpec {
    MetricSpec::Signal { name: Text::from(name), target: SignalTarget::AverageValue(target) }
}

/// A number from outside that is no total.
pub(crate) fn value(name: &str, target: f64) -> MetricSpec {
    MetricSpec::Signal { name: Text::from(name), target: SignalTarget::Value(target) }
}

pub(crate) fn queue(target: QueueTarget) -> MetricSpec {
    MetricSpec::Queue { name: Text::from("jobs"), target }
}

/// A formula with a target per replica.
pub(crate) fn formula(expression: &str, target: f64) -> MetricSpec {
    let target = SignalTarget::AverageValue(target);
    MetricSpec::Formula { name: Text::from("mix"), expression: expression.to_owned(), target }
}

/// A metric with options of its own.
pub(crate) fn with(what: MetricSpec, options: MetricOptions) -> MetricEntry {
    MetricEntry { what, options }
}

/// Bounds and metrics; requests of one core and one gibibyte; everything else by default.
pub(crate) fn spec(min: u32, max: u32, metrics: &[MetricSpec]) -> PolicySpec {
    PolicySpec {
        min_replicas: Replicas(min),
        max_replicas: Replicas(max),
        metrics: metrics.iter().cloned().map(MetricEntry::from).collect(),
        requests: ResourceRequests { cpu: Some(Cores(1.0)), memory: Some(Bytes(1 << 30)) },
        ..PolicySpec::default()
    }
}

/// The same without stabilization and with free rates: what the metrics alone would do.
pub(crate) fn free(min: u32, max: u32, metrics: &[MetricSpec]) -> PolicySpec {
    let mut spec = spec(min, max, metrics);
    spec.behavior.scale_down.stabilization_window = Duration::ZERO;
    spec.behavior.scale_up.policies =
        vec![ScalingPolicy { kind: PolicyKind::Pods, value: 10_000, period: Duration::from_secs(1) }];
    spec
}

pub(crate) fn policy(spec: PolicySpec) -> Policy {
    Policy::try_new(spec).expect("the rows' policies are valid")
}

/// A replica that has been ready for an hour, with its CPU in cores.
pub(crate) fn ready(id: u64, cpu: f64) -> ReplicaObservation {
    let long_ago = T0.minus(secs(3600));
    ReplicaObservation {
        id: ReplicaId(id),
        phase: Phase::Ready,
        phase_since: long_ago,
        started_at: long_ago,
        in_flight: 0,
        work_left: None,
        cpu: Some(Sampled::new(T0, Cores(cpu))),
        cpu_fast: None,
        memory: Some(Sampled::new(T0, Bytes((cpu * (1u64 << 30) as f64) as u64))),
    }
}

/// A replica in another phase, without samples, since `T0`.
pub(crate) fn other(id: u64, phase: Phase) -> ReplicaObservation {
    let bare = ReplicaObservation { phase, phase_since: T0, started_at: T0, ..ready(id, 0.0) };
    ReplicaObservation { cpu: None, memory: None, ..bare }
}

/// `n` ready replicas with the same CPU, numbered from 1.
pub(crate) fn fleet(n: u32, cpu: f64) -> Observation {
    of((1..=u64::from(n)).map(|id| ready(id, cpu)).collect())
}

pub(crate) fn of(replicas: Vec<ReplicaObservation>) -> Observation {
    let current = replicas.iter().filter(|r| r.phase != Phase::Draining).count();
    Observation { current: Replicas(current as u32), replicas, ..Observation::default() }
}

/// A window of constant arrivals, each served in `service` seconds, none waiting.
pub(crate) fn sample(now: Time, window_secs: u64, rate: f64, service: f64) -> StationSample {
    let arrivals = (rate * window_secs as f64).round() as u64;
    let latency = Distribution { count: arrivals, mean: service, p50: service, p90: service, p95: service, p99: service };
    StationSample {
        at: now,
        window: secs(window_secs),
        arrivals,
        completions: arrivals,
        in_flight: (rate * service) as u32,
        in_flight_mean: rate * service,
        latency,
        service: latency,
        ..StationSample::default()
    }
}

pub(crate) trait With {
    /// Adds a station with one rate over both windows and a latency of 100 ms.
    fn rate(self, now: Time, rate: f64) -> Self;
    /// Adds a station with different rates in its windows.
    fn rates(self, now: Time, fast: f64, slow: f64) -> Self;
    /// Adds a station with 100 answers/s of this latency.
    fn latency(self, now: Time, ms: f64) -> Self;
    /// Adds a number from outside, read at `now`.
    fn signal(self, name: &str, now: Time, value: f64) -> Self;
    /// Adds a source that fails, with what it last said.
    fn broken(self, name: &str, last: Option<(Time, f64)>, failures: u32) -> Self;
    /// Adds the queue `jobs`.
    fn queue(self, now: Time, queue: QueueObservation) -> Self;
    fn directive(self, directive: Directive) -> Self;
    /// Moves the samples of all replicas to `now`.
    fn sampled(self, now: Time) -> Self;
}

impl With for Observation {
    fn rate(self, now: Time, rate: f64) -> Self {
        self.rates(now, rate, rate)
    }

    fn rates(mut self, now: Time, fast: f64, slow: f64) -> Self {
        self.station = Some(StationWindows { fast: sample(now, 1, fast, 0.1), slow: sample(now, 10, slow, 0.1) });
        self
    }

    fn latency(mut self, now: Time, ms: f64) -> Self {
        let window = |len| sample(now, len, 100.0, ms / 1e3);
        self.station = Some(StationWindows { fast: window(1), slow: window(10) });
        self
    }

    fn signal(mut self, name: &str, now: Time, value: f64) -> Self {
        self.signals.push(SignalObservation::read(name, now, value));
        self
    }

    fn broken(mut self, name: &str, last: Option<(Time, f64)>, failures: u32) -> Self {
        let value = last.map(|(at, value)| Sampled::new(at, value));
        self.signals.push(SignalObservation { value, ..SignalObservation::failed(name, "connection refused", failures) });
        self
    }

    fn queue(mut self, now: Time, queue: QueueObservation) -> Self {
        let read = SignalObservation::read("jobs", now, queue.ready);
        self.signals.push(SignalObservation { queue: Some(queue), ..read });
        self
    }

    fn directive(mut self, directive: Directive) -> Self {
        self.directive = Some(directive);
        self
    }

    fn sampled(mut self, now: Time) -> Self {
        for r in &mut self.replicas {
            r.cpu.iter_mut().for_each(|s| s.at = now);
            r.cpu_fast.iter_mut().for_each(|s| s.at = now);
            r.memory.iter_mut().for_each(|s| s.at = now);
        }
        self
    }
}

/// The observation after a plan's actions: new replicas starting, drained ones draining.
pub(crate) fn applied(observation: &Observation, plan: &Plan, now: Time) -> Observation {
    let mut replicas = observation.replicas.clone();
    for action in &plan.actions {
        match *action {
            Action::Start { replica } => {
                replicas.push(ReplicaObservation { phase_since: now, started_at: now, ..other(replica.0, Phase::Starting) });
            }
            Action::Drain { replica } => {
                replicas.iter_mut().filter(|r| r.id == replica).for_each(|r| r.phase = Phase::Draining);
            }
        }
    }
    Observation { current: plan.desired, replicas, ..observation.clone() }
}

/// Compares a plan, shown in full, with what is expected.
pub(crate) fn check(plan: &Plan, expected: Expect) {
    expected.assert_eq(&show(plan));
}

/// Headline, metrics, clamps, counterfactuals and actions.
pub(crate) fn show(plan: &Plan) -> String {
    let mut text = plan.report.headline() + "\n";
    for metric in &plan.report.metrics {
        let _ = writeln!(text, "  metric {metric}");
    }
    for clamp in &plan.report.clamps {
        let _ = writeln!(text, "  clamp {clamp}");
    }
    for other in &plan.report.counterfactuals {
        let _ = writeln!(text, "  else {other}");
    }
    let ids = |start: bool| -> Vec<String> {
        let ids = plan.actions.iter().filter_map(|a| match *a {
            Action::Start { replica } if start => Some(replica),
            Action::Drain { replica } if !start => Some(replica),
            _ => None,
        });
        ids.map(|id| id.to_string()).collect()
    };
    for (verb, ids) in [("start", ids(true)), ("drain", ids(false))] {
        if !ids.is_empty() {
            let _ = writeln!(text, "  {verb} {}", ids.join(" "));
        }
    }
    text
}

/// Plans once at `T0` from a state that has no history.
pub(crate) fn once(spec: PolicySpec, observation: &Observation) -> Plan {
    plan(&policy(spec), &State::new(), observation, T0)
}
