//! The control loop over a platform that does what it is told at once: drain handshake, restore, standing orders, replay.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use skala_autoscaler::budget::{Budget, BudgetSpec, Period};
use skala_autoscaler::ceilings::{BudgetOf, Limits, SignalSource, Spending};
use skala_autoscaler::coupling::Links;
use skala_autoscaler::{Action, Directive, MetricSpec, Policy, PolicySpec, Rule, SignalObservation, SignalTarget};
use skala_balance::{EndpointState, Outcome, Settings};
use skala_controller::journal::{Journal, Retention, Saved};
use skala_controller::platform::{EventKind, Phase, Platform, PlatformError, PlatformEvent, ReplicaStatus};
use skala_controller::{ControlConfig, Controller, Held, Outside, ServiceConfig, Work, replay};
use skala_runtime::{Clock, Station};
use skala_types::{ReplicaId, Replicas, Rps, ServiceName, Time};
use tokio::sync::mpsc;

const WAIT: Duration = Duration::from_secs(20);

/// A platform whose replicas are ready at once and end at once.
struct Instantly {
    clock: Clock,
    replicas: Mutex<BTreeMap<ReplicaId, ReplicaStatus>>,
    events: mpsc::Sender<PlatformEvent>,
    stops: Mutex<Vec<(ReplicaId, Duration)>>,
}

impl Instantly {
    fn tell(&self, service: &ServiceName, id: ReplicaId, kind: EventKind) {
        let event = PlatformEvent { at: self.clock.now(), service: service.clone(), replica: Some(id), kind };
        self.events.try_send(event).expect("the loop takes events");
    }

    fn fail(&self, id: ReplicaId) {
        let service = {
            let mut replicas = self.replicas.lock().unwrap();
            let r = replicas.get_mut(&id).expect("it exists");
            r.phase = Phase::Backoff { until: self.clock.now() + Duration::from_secs(60) };
            r.addr = None;
            r.service.clone()
        };
        self.tell(&service, id, EventKind::Exited { status: "signal 9".into(), last_lines: vec!["last words".into()] });
    }
}

impl Platform for Instantly {
    fn start(&self, service: &ServiceName, id: ReplicaId) -> Result<(), PlatformError> {
        let now = self.clock.now();
        let addr = SocketAddr::from(([127, 0, 0, 1], 10_000 + u16::try_from(id.0).expect("few replicas")));
        let status = ReplicaStatus {
            service: service.clone(),
            id,
            addr: Some(addr),
            pid: None,
            phase: Phase::Ready,
            phase_since: now,
            started_at: now,
            restarts: 0,
            last_exit: None,
            usage: None,
        };
        if self.replicas.lock().unwrap().insert(id, status).is_some() {
            return Err(PlatformError::Exists { service: service.clone(), id });
        }
        self.tell(service, id, EventKind::Ready { addr, after: Duration::from_secs(2) });
        Ok(())
    }

    fn stop(&self, service: &ServiceName, id: ReplicaId, grace: Duration) {
        self.stops.lock().unwrap().push((id, grace));
        if self.replicas.lock().unwrap().remove(&id).is_some() {
            self.tell(service, id, EventKind::Stopped { forced: false });
        }
    }

    fn replicas(&self) -> Vec<ReplicaStatus> {
        self.replicas.lock().unwrap().values().cloned().collect()
    }
}

struct Bed {
    platform: Arc<Instantly>,
    station: Arc<Station>,
    controller: Arc<Controller>,
    journal: Arc<Journal>,
    events: Option<mpsc::Receiver<PlatformEvent>>,
}

fn policy(min: u32, max: u32) -> Policy {
    let mut spec = PolicySpec {
        min_replicas: Replicas(min),
        max_replicas: Replicas(max),
        metrics: vec![MetricSpec::RequestsPerSecond { target: Rps(50.0) }.into()],
        ..PolicySpec::default()
    };
    spec.behavior.scale_down.stabilization_window = Duration::ZERO;
    Policy::try_new(spec).expect("sound")
}

fn bed(dir: &Path, policy: Policy, drain: Duration) -> Bed {
    bed_with(dir, policy, drain, Outside::default())
}

fn bed_with(dir: &Path, policy: Policy, drain: Duration, outside: Outside) -> Bed {
    let clock = Clock::system();
    let journal = Arc::new(Journal::open(&dir.join("journal.db"), Retention::default()).unwrap());
    let saved: Vec<Saved> = journal.reader().unwrap().checkpoints().unwrap();
    let (sender, events) = mpsc::channel(1000);
    let platform =
        Arc::new(Instantly { clock: clock.clone(), replicas: Mutex::default(), events: sender, stops: Mutex::default() });
    let station = Station::new("api".into(), Settings::default(), clock.clone(), 1);
    let service = ServiceConfig {
        name: "api".into(),
        station: Arc::clone(&station),
        policy,
        drain,
        standing: None,
        price: 100_000,
        priority: 0,
        vertical: None,
    };
    let config = ControlConfig { interval: Duration::from_millis(120) };
    let controller =
        Controller::new(config, clock, Arc::clone(&journal), Arc::clone(&platform) as _, vec![service], saved, outside);
    Bed { platform, station, controller, journal, events: Some(events) }
}

impl Bed {
    fn run(&mut self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(Arc::clone(&self.controller).run(self.events.take().expect("run once")))
    }

    fn ids(&self) -> Vec<u64> {
        self.platform.replicas().iter().map(|r| r.id.0).collect()
    }

    fn ready(&self) -> usize {
        self.station.endpoints().iter().filter(|e| e.view.state == EndpointState::Ready).count()
    }

    fn hold(&self, n: u32) {
        assert!(self.controller.direct("api", Some(Directive::Hold { replicas: Replicas(n), until: None })));
    }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not reached within {WAIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn the_smallest_size_starts_and_an_order_by_hand_changes_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut b = bed(dir.path(), policy(2, 5), Duration::from_secs(5));
    let task = b.run();
    until("two ready", || b.ready() == 2).await;
    b.hold(4);
    until("four ready", || b.ready() == 4).await;
    assert!(b.controller.direct("api", None));
    until("two left", || b.ids() == [1, 2]).await;
    assert!(!b.controller.direct("web", None), "there is no such service");
    let view = b.controller.services().remove(0);
    assert_eq!(view.desired, Replicas(2));
    assert_eq!(view.start_up, Duration::from_secs(2), "learned from the replicas' first readiness");
    task.abort();
}

#[tokio::test]
async fn a_replica_is_stopped_only_when_it_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut b = bed(dir.path(), policy(2, 5), Duration::from_secs(60));
    let task = b.run();
    until("two ready", || b.ready() == 2).await;
    // Both are busy; the one with less to do is chosen.
    let leases: Vec<_> = (0..3).map(|_| b.station.try_admit().expect("room")).collect();
    let busy: BTreeMap<u64, usize> = leases.iter().fold(BTreeMap::new(), |mut n, l| {
        *n.entry(l.endpoint().replica.0).or_default() += 1;
        n
    });
    let victim = *busy.iter().min_by_key(|(_, n)| **n).expect("two replicas").0;
    b.hold(1);
    until("it drains", || b.controller.services()[0].draining == [ReplicaId(victim)]).await;
    assert!(leases.iter().filter(|l| l.endpoint().replica.0 == victim).all(|l| l.endpoint().is_gone()));
    for _ in 0..20 {
        let lease = b.station.try_admit().expect("the other has room");
        assert_ne!(lease.endpoint().replica.0, victim, "a draining replica gets nothing new");
        lease.finish(Outcome::Status(200));
    }
    assert_eq!(b.ids().len(), 2, "it still has a request");
    for lease in leases {
        lease.finish(Outcome::Status(200));
    }
    until("it is gone", || !b.ids().contains(&victim)).await;
    assert_eq!(b.platform.stops.lock().unwrap().as_slice(), [(ReplicaId(victim), Duration::from_secs(60))]);
    task.abort();
}

#[tokio::test]
async fn the_drain_time_bounds_the_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut b = bed(dir.path(), policy(1, 5), Duration::from_millis(50));
    let task = b.run();
    until("one ready", || b.ready() == 1).await;
    let _kept = b.station.try_admit().expect("room");
    b.hold(0);
    until("it is stopped though it is busy", || b.ids().is_empty()).await;
    assert!(b.journal.flush(WAIT));
    let events = b.journal.reader().unwrap().events(Some(&"api".into()), Time::ZERO, 100).unwrap();
    let drained = events.iter().find(|e| e.kind == "drained").expect("noted");
    assert!(drained.text.contains("still had 1 requests"), "{}", drained.text);
    task.abort();
}

#[tokio::test]
async fn after_a_crash_as_many_replicas_start_and_nothing_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let with_window = || {
        let mut spec = policy(1, 9).spec().clone();
        spec.behavior.scale_down.stabilization_window = Duration::from_secs(3600);
        Policy::try_new(spec).expect("sound")
    };
    {
        let mut b = bed(dir.path(), with_window(), Duration::from_secs(1));
        let task = b.run();
        b.hold(4);
        until("four ready", || b.ready() == 4).await;
        assert!(b.controller.direct("api", None));
        assert!(b.journal.flush(WAIT));
        task.abort();
        // No orderly end: this is what a killed skala leaves behind.
    }
    let mut b = bed(dir.path(), with_window(), Duration::from_secs(1));
    let task = b.run();
    until("four again", || b.ready() == 4).await;
    assert_eq!(b.ids(), [5, 6, 7, 8], "a number is never given twice");
    let before = b.controller.decisions();
    until("some decisions", || b.controller.decisions() > before + 10).await;
    assert_eq!(b.ready(), 4, "nothing shrinks within the window after a restart");

    assert!(b.controller.shut_down().await);
    assert!(b.journal.flush(WAIT));
    task.abort();
    let mut b = bed(dir.path(), with_window(), Duration::from_secs(1));
    let task = b.run();
    until("the smallest size after an orderly end", || b.ready() == 1).await;
    task.abort();
}

#[tokio::test]
async fn a_failed_replica_leaves_the_station_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut b = bed(dir.path(), policy(2, 5), Duration::from_secs(1));
    let task = b.run();
    until("two ready", || b.ready() == 2).await;
    b.platform.fail(ReplicaId(1));
    until("one endpoint", || b.station.endpoints().len() == 1).await;
    assert_eq!(b.station.endpoints()[0].endpoint.replica, ReplicaId(2));
    task.abort();
}

#[tokio::test]
async fn from_zero_an_arrival_brings_a_replica_before_the_next_tick() {
    let dir = tempfile::tempdir().unwrap();
    let mut b = bed(dir.path(), policy(0, 5), Duration::from_secs(1));
    let task = b.run();
    until("a first decision", || b.controller.decisions() > 0).await;
    let lease = b.station.admit(Instant::now() + WAIT).await.expect("a replica comes");
    lease.finish(Outcome::Status(200));
    task.abort();
}

#[tokio::test]
async fn recorded_decisions_replay_byte_for_byte_and_a_changed_one_shows() {
    let dir = tempfile::tempdir().unwrap();
    let mut b = bed(dir.path(), policy(1, 9), Duration::from_secs(1));
    let task = b.run();
    until("one ready", || b.ready() == 1).await;
    for n in [5, 2, 7] {
        b.hold(n);
        until("held", || b.ready() == n as usize).await;
        for _ in 0..200 {
            b.station.try_admit().expect("room").finish(Outcome::Status(200));
        }
    }
    assert!(b.controller.direct("api", None));
    let before = b.controller.decisions();
    until("more decisions", || b.controller.decisions() > before + 20).await;
    task.abort();
    assert!(b.journal.flush(WAIT));
    let reader = b.journal.reader().unwrap();
    let all = replay(&reader, &"api".into(), Time::ZERO).unwrap();
    assert!(all.decisions > 20);
    assert_eq!((all.different, all.skipped), (0, 0), "{:?}", all.differences);

    // The same observations under another policy: the replay must notice.
    let path = dir.path().join("journal.db");
    let text = reader.policy(1).unwrap().replace("50.0", "5.0");
    rusqlite::Connection::open(path).unwrap().execute("UPDATE policies SET policy = ?1", [text]).unwrap();
    let changed = replay(&reader, &"api".into(), Time::ZERO).unwrap();
    assert!(changed.different > 0, "another target proposes another size");
}

/// A queue of which only the length is known, as a source would report it.
struct Queue(Clock, Mutex<Option<f64>>);

impl SignalSource for Queue {
    fn observe(&self, service: &str) -> Vec<SignalObservation> {
        assert_eq!(service, "api");
        vec![match *self.1.lock().unwrap() {
            Some(length) => SignalObservation::read("jobs", self.0.now(), length),
            None => SignalObservation::failed("jobs", "connection refused", 3),
        }]
    }
}

#[tokio::test]
async fn a_signal_and_a_budget_decide_and_their_decisions_replay_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut spec = policy(1, 9).spec().clone();
    spec.metrics = vec![MetricSpec::Signal { name: "jobs".into(), target: SignalTarget::AverageValue(2.0) }.into()];
    let queue = Arc::new(Queue(Clock::system(), Mutex::new(Some(6.3))));
    // 0.10 EUR per replica and hour: four of them.
    let ceiling = BudgetSpec { ceiling: "0.45 EUR".parse().unwrap(), per: Period::Hour, look_ahead: None, order: vec![] };
    let budget = Budget::try_new(ceiling).expect("sound");
    let budgets = vec![BudgetOf { name: "all".into(), budget, services: vec!["api".into()] }];
    let limits = Limits { budgets, links: Links::default() };
    let outside = || Outside { signals: Some(Arc::clone(&queue) as _), limits: limits.clone(), ..Outside::default() };
    let mut b = bed_with(dir.path(), Policy::try_new(spec.clone()).expect("sound"), Duration::from_secs(1), outside());
    let task = b.run();
    until("four for 6.3 jobs", || b.ready() == 4).await;
    *queue.1.lock().unwrap() = Some(18.0);
    let capped = || {
        let view = b.controller.services().remove(0);
        view.last.is_some_and(|(_, d)| d.report.clamps.iter().any(|c| c.rule == Rule::Budget))
    };
    until("the budget stops it", capped).await;
    assert_eq!(b.ready(), 4);
    let found = b.controller.ceilings();
    assert_eq!(found.of["api"][0].replicas, Replicas(4));
    *queue.1.lock().unwrap() = None;
    let failed = || b.controller.services()[0].signals.first().is_some_and(|s| s.failures == 3);
    until("the failure is observed", failed).await;
    let before = b.controller.decisions();
    until("more decisions", || b.controller.decisions() > before + 10).await;
    assert_eq!(b.ready(), 4, "a source that fails shrinks nothing");
    assert!(b.controller.shut_down().await);
    task.abort();
    assert!(b.journal.flush(WAIT));
    let reader = b.journal.reader().unwrap();
    let all = replay(&reader, &"api".into(), Time::ZERO).unwrap();
    assert!(all.decisions > 10);
    assert_eq!((all.different, all.skipped), (0, 0), "{:?}", all.differences);

    // What was spent outlives the run.
    let kept = reader.kept().unwrap();
    let spending: Spending = serde_json::from_str(&kept["spending"]).unwrap();
    assert_eq!(spending.0["all"].rate, 400_000);
}

#[test]
fn actions_are_plain_data() {
    let json = serde_json::to_string(&Action::Start { replica: ReplicaId(3) }).unwrap();
    assert_eq!(json, r#"{"start":{"replica":3}}"#);
}

/// Tasks that replicas hold, and what was said about replicas.
#[derive(Default)]
struct Tasks {
    held: Mutex<BTreeMap<ReplicaId, Held>>,
    said: Mutex<Vec<String>>,
}

impl Work for Tasks {
    fn held_by(&self, _: &ServiceName, replica: ReplicaId) -> Held {
        self.held.lock().unwrap().get(&replica).copied().unwrap_or_default()
    }

    fn drain(&self, service: &ServiceName, replica: ReplicaId) {
        self.said.lock().unwrap().push(format!("drain {service}-{replica}"));
    }

    fn gone(&self, service: &ServiceName, replica: ReplicaId, why: &str, last_lines: &[String]) {
        self.said.lock().unwrap().push(format!("gone {service}-{replica}: {why} {last_lines:?}"));
    }
}

#[tokio::test]
async fn tasks_of_a_replica_choose_the_victim_and_are_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let tasks = Arc::new(Tasks::default());
    let work = Some(Arc::clone(&tasks) as Arc<dyn Work>);
    let mut b = bed_with(dir.path(), policy(2, 5), Duration::from_secs(60), Outside { work, ..Outside::default() });
    let task = b.run();
    until("two ready", || b.ready() == 2).await;
    // The older one has more tasks, the newer one the longer work.
    let ids = b.ids();
    let (older, newer) = (ReplicaId(ids[0]), ReplicaId(ids[1]));
    let held = |tasks, secs| Held { tasks, left: Some(Duration::from_secs(secs)) };
    *tasks.held.lock().unwrap() = BTreeMap::from([(older, held(3, 2)), (newer, held(1, 500))]);
    b.hold(1);
    until("the one that is done sooner drains", || b.controller.services()[0].draining == [older]).await;
    until("it gets nothing new", || *tasks.said.lock().unwrap() == [format!("drain api-{older}")]).await;
    let before = b.controller.decisions();
    until("it is waited for", || b.controller.decisions() > before + 3).await;
    assert_eq!(b.ids().len(), 2);
    tasks.held.lock().unwrap().remove(&older);
    until("it is stopped once its tasks are done", || b.ids() == [newer.0]).await;
    b.platform.fail(newer);
    let said = format!("gone api-{newer}: signal 9 [\"last words\"]");
    until("its end is told", || tasks.said.lock().unwrap().contains(&said)).await;
    assert!(tasks.said.lock().unwrap().contains(&format!("gone api-{older}: was stopped []")));
    task.abort();
}
