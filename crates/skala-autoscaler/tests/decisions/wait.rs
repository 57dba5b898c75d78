//! Predicted wait as a whole: what it asks for, when it lets go, and what it remembers.

use expect_test::expect;
use proptest::prelude::*;
use skala_autoscaler::*;
use skala_types::{ReplicaId, Replicas, StationSample, Time};

use crate::world::*;

fn objective() -> Policy {
    let what = predicted(1000);
    let options = MetricOptions { behavior: what.own_pace(), ..MetricOptions::default() };
    policy(PolicySpec { metrics: vec![with(what, options)], ..spec(1, 100, &[]) })
}

/// A service whose replicas take 20 s to start and each serve 8 requests of 0.2 s at a time.
struct Service {
    policy: Policy,
    state: State,
    replicas: Vec<ReplicaObservation>,
    now: u64,
    changes: Vec<(u64, u32)>,
    last: Option<Plan>,
}

impl Service {
    fn new(replicas: u64) -> Service {
        let mut state = State::new();
        state.observe_startup(secs(20));
        state.next_replica = ReplicaId(replicas + 1);
        let replicas = (1..=replicas).map(|id| ready(id, 0.5)).collect();
        Service { policy: objective(), state, replicas, now: 0, changes: Vec::new(), last: None }
    }

    fn seen(&self, rate: f64, waiting: u32) -> Observation {
        let now = at(self.now);
        let window = |len| StationSample { waiting, waiting_mean: f64::from(waiting), ..sample(now, len, rate, 0.2) };
        let station = Some(StationWindows { fast: window(1), slow: window(10) });
        Observation { station, ..of(self.replicas.clone()) }
    }

    fn step(&mut self, rate: f64, waiting: u32) {
        self.now += 1;
        let now = at(self.now);
        for r in self.replicas.iter_mut().filter(|r| r.phase == Phase::Starting && now.since(r.started_at) >= secs(20)) {
            (r.phase, r.phase_since) = (Phase::Ready, now);
        }
        let done = plan(&self.policy, &self.state, &self.seen(rate, waiting), now);
        for action in &done.actions {
            match action {
                Action::Start { replica } => {
                    self.replicas.push(ReplicaObservation {
                        started_at: now,
                        phase_since: now,
                        ..other(replica.0, Phase::Starting)
                    });
                }
                Action::Drain { replica } => self.replicas.retain(|r| r.id != *replica),
            }
        }
        if !done.actions.is_empty() {
            self.changes.push((self.now, done.desired.0));
        }
        self.state = done.state.clone();
        self.last = Some(done);
    }

    fn run(&mut self, secs: u64, rate: f64) -> &mut Service {
        (0..secs).for_each(|_| self.step(rate, 0));
        self
    }
}

#[test]
fn a_step_of_load_is_answered_at_once_and_let_go_after_a_start_up() {
    let mut service = Service::new(4);
    service.run(900, 80.0).run(300, 320.0).run(400, 80.0);
    let grown = service.changes.iter().find(|(_, n)| *n > 4).expect("it grows");
    assert!(grown.0 <= 903 && grown.1 >= 9, "{:?}", service.changes);
    let back = service.changes.last().expect("it shrinks");
    assert!(back.0 < 1200 + 120 && back.1 <= 5, "{:?}", service.changes);
}

#[test]
fn a_constant_load_changes_the_size_at_most_on_the_way() {
    let mut service = Service::new(9);
    service.run(7200, 130.0);
    assert!(service.changes.len() <= 2, "{:?}", service.changes);
    assert!(service.changes.iter().all(|(t, _)| *t < 1200), "{:?}", service.changes);
}

#[test]
fn the_same_backlog_is_not_paid_for_twice() {
    let mut service = Service::new(4);
    service.run(900, 120.0);
    let sizes: Vec<u32> = (0..15)
        .map(|_| {
            service.step(155.0, 990);
            service.replicas.len() as u32
        })
        .collect();
    assert!(sizes[0] > 4 && sizes.iter().all(|n| *n <= sizes[0] + 1), "{sizes:?}");
}

#[test]
fn a_forecast_only_raises() {
    let mut service = Service::new(4);
    service.run(900, 100.0);
    let with = |rate| {
        let model = Text::from("seasonal naive");
        let forecast = Some(Forecast { rate, at: at(900), horizon: secs(60), quantile: 0.9, model });
        plan(&service.policy, &service.state, &Observation { forecast, ..service.seen(100.0, 0) }, at(901)).desired
    };
    let without = plan(&service.policy, &service.state, &service.seen(100.0, 0), at(901)).desired;
    assert_eq!(with(1.0), without);
    assert!(with(400.0).0 >= 11, "{}", with(400.0));
    assert_eq!(with(f64::NAN), without);
}

#[test]
fn what_it_learned_stays_small_and_survives() {
    let mut service = Service::new(4);
    for s in 0..4000u64 {
        service.step(60.0 + (s * 7919 % 97) as f64, 0);
    }
    let json = serde_json::to_string(&service.state.wait).expect("plain data");
    assert!(json.len() < 4096, "{}", json.len());
    let read: Option<Box<WaitMemory>> = serde_json::from_str(&json).expect("its own JSON");
    assert_eq!(read, service.state.wait);
}

#[test]
fn stale_windows_hold_and_nothing_is_forgotten() {
    let mut service = Service::new(4);
    service.run(900, 80.0);
    let stale = service.seen(80.0, 0);
    let held = plan(&service.policy, &service.state, &stale, at(900 + 20));
    assert_eq!((held.desired, &held.state.wait), (Replicas(service.replicas.len() as u32), &service.state.wait));
    let missing = Observation { station: None, ..stale };
    assert_eq!(plan(&service.policy, &service.state, &missing, at(901)).desired.0 as usize, service.replicas.len());
}

#[test]
fn the_report_in_words() {
    let mut service = Service::new(4);
    service.run(900, 80.0).run(3, 240.0);
    let report = &service.last.as_ref().expect("it ran").report;
    expect![[r#"
        8 stays: replicas are starting
        decided 2027-01-15T08:15:03.000Z (0s ago)

        seen
          ready replicas: 3
          starting replicas: 5
          arrivals: 240.0/s (over 10s, 0s old)

        metrics
          predictedWait 2125ms (target 1000ms) wants 8, replicas are starting <- the largest
            in 22s, when a replica ordered now is ready: 243.0/s, now 240.0/s
            head-room 0 %: 80 % of what came on top before stayed within it
            a request takes 0.200s; arrivals vary 1.0 times as much as chance alone
            without a change, 680 requests will wait 2.1s by then
            7 replicas keep the objective at that rate, 7 work off what waits; the most needed within 30s was 7
            the error budget has plenty to spare: less head-room (burn rate 0.00)
    "#]]
    .assert_eq(&report.render(at(903)));
}

proptest! {
    #[test]
    fn more_load_never_asks_for_fewer(
        base in 1.0f64..400.0, then in 0.0f64..800.0, more in 1.0f64..4.0, waiting in 0u32..500, size in 1u64..30, secs in 0u64..400,
    ) {
        let mut service = Service::new(size);
        service.run(secs, base);
        let ask = |rate, waiting| plan(&service.policy, &service.state, &service.seen_at(rate, waiting), at(secs + 1)).desired;
        prop_assert!(ask(then * more, waiting) >= ask(then, waiting));
        prop_assert!(ask(then, waiting * 2) >= ask(then, waiting));
    }
}

impl Service {
    fn seen_at(&self, rate: f64, waiting: u32) -> Observation {
        let now: Time = at(self.now + 1);
        let mut seen = self.seen(rate, waiting);
        let windows = seen.station.as_mut().expect("it has a station");
        (windows.fast.at, windows.slow.at) = (now, now);
        seen
    }
}
