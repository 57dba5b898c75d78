//! Queues, schedules, providers and databases in exact mode.

use std::time::Duration;

use expect_test::expect;
use proptest::prelude::*;
use skala_autoscaler::{MetricSpec, Policy, PolicySpec, QueueTarget, Text};
use skala_queue::schedule::{Misfire, Overlap, ScheduleSettings, Timetable};
use skala_queue::{QueueSettings, Retry};
use skala_sim::{
    Calls, Dist, Fault, FaultKind, Network, Outcome, Pool, PoolCall, Provider, ProviderCall, QueueOutcome, Scenario, Schedule,
    TaskQueue,
};
use skala_types::{Replicas, Time};

use crate::support::{Listed, Poisson, arrival, run, scenario, service};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A queue with a few attempts, whose attempts end at their timeout without grace.
pub(crate) fn queue(name: &str, per_replica: u32, task_time: Dist) -> TaskQueue {
    let retry = Retry { initial: 30 * SECOND, max: 300 * SECOND, attempts: 5, losses: 3 };
    TaskQueue {
        settings: QueueSettings { per_instance: Some(per_replica), retry, grace: Duration::ZERO, ..QueueSettings::new(name) },
        service: 0,
        holds_server: false,
        share: 1.0,
        produced_by: Vec::new(),
        task_time,
        delay: Duration::ZERO,
        failures: 0.0,
        objective: None,
    }
}

/// The same with other promises.
pub(crate) fn set(mut queue: TaskQueue, change: impl FnOnce(&mut QueueSettings)) -> TaskQueue {
    change(&mut queue.settings);
    queue
}

/// A worker of a fixed size that only works on a queue.
pub(crate) fn working(replicas: u32, queue: TaskQueue) -> Scenario {
    let mut worker = service(replicas, 1, Dist::Exponential { mean: 0.1 });
    worker.share = 0.0;
    let network = Network { queues: vec![queue], ..Network::default() };
    Scenario { network, ..scenario(7, worker) }
}

/// A schedule of the first queue.
pub(crate) fn schedule(name: &str, timetable: Timetable, tasks: u32) -> Schedule {
    let settings = ScheduleSettings {
        name: name.into(),
        timetable,
        misfire: Misfire::Once,
        catch_up: Duration::from_secs(86_400),
        overlap: Overlap::Allow,
        paused: false,
    };
    Schedule { settings, queue: 0, tasks, tenant: Text::default() }
}

pub(crate) fn provider(requests_per_minute: Option<f64>, time: Dist) -> Provider {
    Provider { name: "openai".into(), requests_per_minute, tokens_per_minute: None, burst: 1.0, in_flight: None, time }
}

pub(crate) fn calls_provider(tries: u32) -> ProviderCall {
    let retry = Retry { initial: SECOND, max: 30 * SECOND, attempts: tries, losses: 0 };
    ProviderCall { provider: 0, per_request: 1.0, tokens: (500, 200), max_output: 500, retry }
}

fn conserved(q: &QueueOutcome) {
    assert_eq!(q.arrivals, q.done + q.dead + q.cancelled + q.left, "{q:?}");
}

/// Mean wait of M/M/c by Erlang C, from the formula itself.
fn erlang_wait(rate: f64, mean: f64, servers: u32) -> f64 {
    let offered = rate * mean;
    let blocked = (1..=servers).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
    let rho = offered / f64::from(servers);
    blocked / (1.0 - rho * (1.0 - blocked)) * mean / (f64::from(servers) * (1.0 - rho))
}

#[test]
fn a_queue_waits_as_theory_says_and_little_s_law_holds() {
    let mut s = working(2, queue("jobs", 2, Dist::Exponential { mean: 1.0 }));
    s.interval = Duration::from_secs(60);
    let (outcome, _) = run(&s, Poisson::new(3, 3.2, 60_000));
    let q = &outcome.queues[0];
    conserved(q);
    let expected = erlang_wait(3.2, 1.0, 4);
    assert!((q.wait.mean / expected - 1.0).abs() < 0.05, "{} against {expected}", q.wait.mean);
    let rate = q.arrivals / outcome.duration.as_secs_f64();
    assert!((q.mean_ready / (rate * q.wait.mean) - 1.0).abs() < 0.01, "{q:?}");
    assert!((q.mean_leased / rate - 1.0).abs() < 0.02, "{q:?}");
    assert!((q.utilisation - 0.8).abs() < 0.02, "{q:?}");
}

#[test]
fn a_database_s_connections_bound_all_replicas_together() {
    // 40 servers, 8 connections held for the whole of the service time: M/M/8.
    let mut s = scenario(1, service(4, 10, Dist::Exponential { mean: 0.1 }));
    s.network.pools = vec![Pool { name: "main".into(), connections: 8 }];
    let whole = PoolCall { pool: 0, time: Dist::Constant { seconds: 1e6 } };
    s.network.calls = vec![Calls { pools: vec![whole], providers: Vec::new() }];
    let (outcome, _) = run(&s, Poisson::new(2, 64.0, 4000));
    let (pool, of) = (&outcome.pools[0], &outcome.services[0]);
    let expected = erlang_wait(64.0, 0.1, 8);
    assert!((pool.wait.mean / expected - 1.0).abs() < 0.1, "{} against {expected}", pool.wait.mean);
    assert!((of.latency.mean - 0.1 - expected).abs() < 0.1 * expected, "{of:?}");
    assert_eq!(pool.most_used, 8.0);
    assert!((pool.utilisation - 0.8).abs() < 0.02, "{pool:?}");
    let rate = pool.uses / outcome.duration.as_secs_f64();
    assert!((pool.mean_waiting / (rate * pool.wait.mean) - 1.0).abs() < 0.01, "{pool:?}");
}

#[test]
fn a_pool_that_is_large_enough_changes_no_latency() {
    let plain = scenario(1, service(4, 10, Dist::Exponential { mean: 0.1 }));
    let mut pooled = plain.clone();
    pooled.network.pools = vec![Pool { name: "main".into(), connections: 1000 }];
    let part = PoolCall { pool: 0, time: Dist::Constant { seconds: 0.005 } };
    pooled.network.calls = vec![Calls { pools: vec![part], providers: Vec::new() }];
    let of = |s: &Scenario| run(s, Poisson::new(2, 64.0, 200)).0.services[0].clone();
    assert_eq!(of(&plain), of(&pooled));
}

#[test]
fn a_quota_throttles_callers_who_wait_with_their_server() {
    let mut s = scenario(1, service(4, 10, Dist::Constant { seconds: 0.01 }));
    s.network.providers = vec![provider(Some(600.0), Dist::Constant { seconds: 0.2 })];
    s.network.calls = vec![Calls { pools: Vec::new(), providers: vec![calls_provider(10)] }];
    let busy = run(&s, Poisson::new(2, 20.0, 600)).0;
    let calm = run(&s, Poisson::new(2, 4.0, 600)).0;
    let (p, calm) = (&busy.providers[0], &calm.providers[0]);
    assert!(p.requests <= 600.0 / 60.0 * 600.0 + 10.0, "{p:?}");
    assert!(p.request_utilisation > Some(0.97) && p.throttled_share > 0.3, "{p:?}");
    assert_eq!(p.tries, p.requests + p.throttled + p.errors);
    assert!(busy.services[0].wait.mean > 1.0, "servers are held: {:?}", busy.services[0].wait);
    assert!(calm.throttled_share < 0.05 && calm.request_utilisation.is_some_and(|u| (u - 0.4).abs() < 0.03), "{calm:?}");
    assert!((calm.tokens / calm.requests - 700.0).abs() < 2.0, "{calm:?}");
}

#[test]
fn an_outage_fails_requests_after_their_tries_and_passes() {
    let mut s = scenario(1, service(4, 10, Dist::Constant { seconds: 0.01 }));
    s.network.providers = vec![provider(None, Dist::Constant { seconds: 0.2 })];
    s.network.calls = vec![Calls { pools: Vec::new(), providers: vec![calls_provider(3)] }];
    s.faults = vec![Fault { service: 0, at: 60 * SECOND, kind: FaultKind::ProviderOutage { lasts: 60 * SECOND } }];
    let (outcome, _) = run(&s, Poisson::new(2, 5.0, 300));
    let (of, p) = (&outcome.services[0], &outcome.providers[0]);
    assert!((230.0..320.0).contains(&of.errors), "a fifth of 1500, less those whose last try came after it: {of:?}");
    assert_eq!(p.tries, p.requests + p.errors);
    assert!(of.arrivals - of.completions - of.errors - of.refused < 10.0, "{of:?}");
}

#[test]
fn attempts_end_at_their_timeout_and_after_the_last_a_task_is_dead() {
    let slow = set(queue("jobs", 1, Dist::Constant { seconds: 60.0 }), |s| {
        s.timeout = 5 * SECOND;
        s.retry.attempts = 3;
    });
    let items = vec![arrival(Duration::ZERO)];
    let (outcome, _) = run(&working(1, slow), Listed::new(items, Some(1000 * SECOND)));
    let q = &outcome.queues[0];
    assert_eq!((q.attempts, q.timeouts, q.dead, q.left), (3.0, 3.0, 1.0, 0.0));
    // Three attempts of 5 s, and pauses of at least 30 s and 60 s, of at most 45 s and 90 s.
    assert!(q.latency.mean > 105.0 && q.latency.mean < 150.5, "{q:?}");
}

#[test]
fn a_replica_s_tasks_come_again_when_it_dies() {
    let mut s = working(2, queue("jobs", 2, Dist::Constant { seconds: 100.0 }));
    s.faults = vec![Fault { service: 0, at: 50 * SECOND, kind: FaultKind::ReplicaLoss { replicas: 1 } }];
    let items = (0..4).map(|i| arrival(Duration::from_millis(i))).collect();
    let (outcome, _) = run(&s, Listed::new(items, Some(1000 * SECOND)));
    let q = &outcome.queues[0];
    assert_eq!((q.arrivals, q.done, q.attempts, q.failures), (4.0, 4.0, 6.0, 2.0));
}

#[test]
fn a_schedule_fires_by_the_wall_clock_and_makes_up_for_what_it_missed() {
    let fired = |misfire, away: bool| {
        let mut s = working(1, TaskQueue { share: 0.0, ..queue("nightly", 4, Dist::Constant { seconds: 1.0 }) });
        // Two days before Berlin's clocks go forward; the trace lasts five days.
        s.interval = Duration::from_secs(600);
        s.begins = "2027-03-26T12:00:00Z".parse::<Time>().expect("a time");
        let mut night = schedule("night", Timetable::cron("0 2,3 * * *", "Europe/Berlin").expect("sound"), 10);
        night.settings.misfire = misfire;
        s.network.schedules = vec![night];
        if away {
            let at = Duration::from_secs(12 * 3600);
            s.faults =
                vec![Fault { service: 0, at, kind: FaultKind::ControllerRestart { lasts: Duration::from_secs(4 * 3600) } }];
        }
        s.services[0].share = 1.0;
        let items = vec![arrival(Duration::ZERO)];
        run(&s, Listed::new(items, Some(Duration::from_secs(5 * 86_400)))).0.queues[0].done
    };
    // Five nights with 2 and 3 o'clock, one of them without 2 o'clock, which happens at 3: at the same moment.
    assert_eq!(fired(Misfire::Once, false), 90.0);
    assert_eq!([Misfire::Skip, Misfire::Once, Misfire::All(10)].map(|m| fired(m, true)), [70.0, 80.0, 90.0]);
}

#[test]
fn answered_requests_make_tasks() {
    let mut s = scenario(1, service(2, 10, Dist::Constant { seconds: 0.01 }));
    let tasks = TaskQueue { share: 0.0, produced_by: vec![(0, 0.25)], ..queue("jobs", 5, Dist::Constant { seconds: 0.1 }) };
    s.network.queues = vec![tasks];
    let (outcome, _) = run(&s, Poisson::new(2, 20.0, 1000));
    let (of, q) = (&outcome.services[0], &outcome.queues[0]);
    assert!((q.arrivals / of.completions - 0.25).abs() < 0.01, "{q:?}");
    conserved(q);
}

#[test]
fn workers_scale_on_the_queue_from_zero_and_back() {
    let spec = PolicySpec {
        min_replicas: Replicas(0),
        max_replicas: Replicas(10),
        metrics: vec![MetricSpec::Queue { name: Text::from("jobs"), target: QueueTarget::Length(4.0) }.into()],
        ..PolicySpec::default()
    };
    let mut s = working(1, queue("jobs", 2, Dist::Constant { seconds: 20.0 }));
    s.services[0].policy = Policy::try_new(spec).expect("sound");
    s.services[0].initial = Some(Replicas(0));
    let items = (0..24).map(|i| arrival(Duration::from_millis(60_000 + i))).collect();
    let (outcome, log) = run(&s, Listed::new(items, Some(Duration::from_secs(2400))));
    let (of, q) = (&outcome.services[0], &outcome.queues[0]);
    assert_eq!((q.done, q.left, of.ready), (24.0, 0.0, (0, 6)), "{}", log.text());
    expect![[r#"
        60.25 0 0 -> 4: queueLength(jobs) 24 (target 4 per replica) wants 6; scaleUpPolicies: 6 -> 4 (policy 0)
        75.25 0 4 -> 6: queueLength(jobs) 24 (target 4 per replica) wants 6
        385.00 0 6 -> 4: queueLength(jobs) 0 (target 4 per replica) wants 0, not active; scaleDownStabilization: 1 -> 4"#]]
    .assert_eq(&log.lines.iter().filter(|l| l.contains("->")).take(3).cloned().collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bytes = |seed| {
        let mut s = scenario(seed, service(3, 10, Dist::Exponential { mean: 0.1 }));
        s.services[0].share = 0.5;
        s.network.queues = vec![TaskQueue { share: 0.5, failures: 0.1, ..queue("jobs", 2, Dist::Exponential { mean: 0.3 }) }];
        s.network.providers = vec![provider(Some(1200.0), Dist::LogNormal { mean: 0.2, cv: 1.0 })];
        s.network.pools = vec![Pool { name: "main".into(), connections: 4 }];
        let pool = PoolCall { pool: 0, time: Dist::Exponential { mean: 0.02 } };
        s.network.calls = vec![Calls { pools: vec![pool], providers: vec![calls_provider(3)] }];
        serde_json::to_string(&run(&s, Poisson::new(3, 30.0, 300)).0).expect("plain data")
    };
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}

fn everything(seed: u64, replicas: u32, rate: f64, failures: f64, quota: f64, connections: u32) -> Outcome {
    let mut s = scenario(seed, service(replicas, 3, Dist::Exponential { mean: 0.1 }));
    s.services[0].share = 0.5;
    let jobs = set(queue("jobs", 2, Dist::Exponential { mean: 0.5 }), |s| {
        s.retry.attempts = 3;
        s.timeout = 2 * SECOND;
        s.max_tasks = 50;
    });
    let jobs = TaskQueue { share: 0.5, failures, holds_server: true, ..jobs };
    let made = TaskQueue { share: 0.0, produced_by: vec![(0, 1.3)], delay: 3 * SECOND, ..jobs.clone() };
    s.network.queues = vec![jobs, set(made, |s| s.name = "made".into())];
    s.network.providers = vec![Provider { in_flight: Some(2), ..provider(Some(quota), Dist::Exponential { mean: 0.2 }) }];
    s.network.pools = vec![Pool { name: "main".into(), connections }];
    let pool = PoolCall { pool: 0, time: Dist::Exponential { mean: 0.05 } };
    s.network.calls = vec![Calls { pools: vec![pool], providers: vec![calls_provider(2)] }];
    let loss = |at| Fault { service: 0, at: at * SECOND, kind: FaultKind::ReplicaLoss { replicas: 1 } };
    s.faults =
        vec![loss(20), loss(40), Fault { service: 0, at: 60 * SECOND, kind: FaultKind::ProviderOutage { lasts: 5 * SECOND } }];
    run(&s, Poisson::new(seed, rate, 120)).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_is_lost_whatever_goes_wrong(
        seed: u64, replicas in 1u32..4, rate in 1.0f64..30.0, failures in 0.0f64..1.0, quota in 30.0f64..3000.0, connections in 1u32..6
    ) {
        let outcome = everything(seed, replicas, rate, failures, quota, connections);
        for q in &outcome.queues {
            prop_assert_eq!(q.arrivals, q.done + q.dead + q.left, "{:?}", q);
            // Lost leases, at most three of a task, count apart.
            prop_assert!(q.attempts <= 6.0 * q.arrivals && q.failures <= q.attempts, "{:?}", q);
            prop_assert!(q.left <= 50.0, "{:?}", q);
        }
        let (of, p, pool) = (&outcome.services[0], &outcome.providers[0], &outcome.pools[0]);
        prop_assert!(of.completions + of.errors + of.refused <= of.arrivals);
        prop_assert!(p.requests <= quota / 60.0 * 120.0 + (quota / 60.0).max(1.0) + 1e-6, "{:?}", p);
        prop_assert!(pool.most_used <= f64::from(connections) && p.mean_in_flight <= 2.0);
    }
}

#[test]
fn a_rag_backend_ingests_within_its_limits() {
    let text = include_str!("../../../../examples/rag-ingestion/skala.yaml");
    let options = skala_spec::LoadOptions { environment: None, env: &|_| None, read_file: &|_| Err("no files".into()) };
    let loaded = skala_spec::load(&skala_spec::Source { name: "skala.yaml", text }, &options);
    let platform = loaded.platform.unwrap_or_else(|| panic!("{:?}", loaded.problems));
    // 20 minutes around 2 o'clock in Berlin.
    let begins = "2027-01-15T00:55:00Z".parse().expect("a time");
    let setup = skala_sim::Setup { seed: 1, mode: skala_sim::Mode::Exact, begins, horizon: None, service: None };
    let assumed = skala_sim::scenario(&platform, &setup).expect("sound");
    let (outcome, log) = run(&assumed.scenario, Poisson::new(5, 25.0, 1200));
    let mut seen = assumed.remarks.join("\n");
    for q in &outcome.queues {
        conserved(q);
        seen += &format!(
            "\n{}: {} came, {} done, {} dead, {} attempts, {} limited, {} timeouts, wait p95 {:.1} s, most ready {}, busy {:.0} %",
            q.name,
            q.arrivals,
            q.done,
            q.dead,
            q.attempts,
            q.limited,
            q.timeouts,
            q.wait.p95,
            q.most_ready,
            q.utilisation * 100.0
        );
    }
    for p in &outcome.providers {
        let share = p.request_utilisation.unwrap_or_default() * 100.0;
        seen += &format!("\n{}: {} of {} tries taken, {share:.0} % of the quota", p.name, p.requests, p.tries);
    }
    for s in &outcome.services {
        seen += &format!("\n{}: {:?} ready, {} scale actions, {:?} missed", s.name, s.ready, s.scale_actions, s.missed_minutes);
    }
    seen +=
        &format!("\n{}", log.lines.iter().filter(|l| l.contains("queueLength")).take(2).cloned().collect::<Vec<_>>().join("\n"));
    expect![[r#"
        Every arrival of the trace goes to web; the other services see none.
        ingestion: 1588 came, 1523 done, 0 dead, 1955 attempts, 417 limited, 0 timeouts, wait p95 83.8 s, most ready 166, busy 47 %
        agents: 276 came, 263 done, 10 dead, 359 attempts, 90 limited, 0 timeouts, wait p95 20.9 s, most ready 10, busy 35 %
        embeddings: 2859 of 3366 tries taken, 48 % of the quota
        web: (2, 2) ready, 0 scale actions, Some(0) missed
        worker: (1, 18) ready, 17 scale actions, None missed
        0.00 1 1 -> 2: queueLength(ingestion) 12 (target 10 per replica) wants 2
        0.00 1 2 -> 3: queueLength(ingestion) 29 (target 10 per replica) wants 3"#]].assert_eq(&seen);
}

#[test]
fn steps_agree_with_single_tasks_on_a_backlog() {
    let mut s = working(3, TaskQueue { failures: 0.2, ..queue("jobs", 2, Dist::Exponential { mean: 2.0 }) });
    let exact = run(&s, Poisson::new(3, 2.0, 4000)).0;
    s.mode = skala_sim::Mode::Fluid { step: SECOND };
    let mut steps = Steady(Some(2.0));
    let fluid = skala_sim::simulate_steps(&s, &mut steps, &mut |_| skala_sim::Flow::Continue).expect("sound");
    let (e, f) = (&exact.queues[0], &fluid.queues[0]);
    assert!((f.arrivals - f.done - f.dead - f.left).abs() < 1e-6 * f.arrivals, "{f:?}");
    for (what, exact, fluid) in
        [("done", e.done, f.done), ("attempts", e.attempts, f.attempts), ("leased", e.mean_leased, f.mean_leased)]
    {
        assert!((fluid / exact - 1.0).abs() < 0.08, "{what}: exact {exact}, steps {fluid}");
    }
    assert!(fluid.caveats.iter().any(|c| c.starts_with("Queues are fluid backlogs")));
}

#[test]
fn in_steps_too_a_quota_bounds_what_is_served() {
    let mut s = scenario(1, service(4, 10, Dist::Constant { seconds: 0.01 }));
    s.mode = skala_sim::Mode::Fluid { step: SECOND };
    s.network.providers = vec![provider(Some(600.0), Dist::Constant { seconds: 0.2 })];
    s.network.calls = vec![Calls { pools: Vec::new(), providers: vec![calls_provider(10)] }];
    let outcome = skala_sim::simulate_steps(&s, &mut Steady(Some(20.0)), &mut |_| skala_sim::Flow::Continue).expect("sound");
    let (p, of) = (&outcome.providers[0], &outcome.services[0]);
    assert!(p.request_utilisation.is_some_and(|u| (0.97..=1.02).contains(&u)), "{p:?}");
    assert!((of.completions / 4000.0 - 10.0).abs() < 0.3, "{of:?}");
}

/// One step of 4000 s.
struct Steady(Option<f64>);

impl skala_trace::Steps for Steady {
    fn next(&mut self) -> Result<Option<skala_trace::RateStep>, skala_trace::TraceError> {
        let to = Duration::from_secs(4000);
        let step = |rate| skala_trace::RateStep { from: Duration::ZERO, to, rate: Some(rate), gap_scv: 1.0, tokens: (0.0, 0.0) };
        Ok(self.0.take().map(step))
    }
}
