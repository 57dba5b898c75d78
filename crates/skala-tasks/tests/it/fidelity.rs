//! What is simulated is what runs: the arrivals and service times of a live run, replayed through the simulator, give its waits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt;
use skala_autoscaler::Policy;
use skala_queue::{Ack, NewTask, QueueId, QueueSettings};
use skala_sim::{Dist, Flow, Mode, Network, Scenario, Service, TaskQueue, simulate};
use skala_tasks::store::MemoryStore;
use skala_tasks::{Job, TakeAsk, TaskClock, Tasks, TasksConfig};
use skala_trace::{Arrival, Arrivals, Item, TraceError};
use skala_types::{Replicas, Streams, Time};

/// Instances, each with one place.
const WORKERS: u32 = 2;
/// Tasks of a run.
const TASKS: usize = 240;
/// Mean service time, seconds.
const SERVICE: f64 = 0.04;
/// Share of the places that is busy.
const LOAD: f64 = 0.85;

/// A task of the live run: when it came, how long it waited, and for how long it kept its worker.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    came: Duration,
    waited: Duration,
    held: Duration,
}

fn settings() -> QueueSettings {
    QueueSettings { per_instance: Some(1), ..QueueSettings::new("jobs") }
}

/// What is planned of each task: the time since the one before, and its service time, both in seconds.
fn planned() -> Vec<(f64, f64)> {
    let mut rng = Streams::new(11).stream("fidelity");
    let mut exponential = |mean: f64| -mean * (1.0 - rng.random::<f64>()).ln();
    (0..TASKS).map(|_| (exponential(SERVICE / LOAD / f64::from(WORKERS)), exponential(SERVICE))).collect()
}

/// Runs the plan through the task server.
async fn live(plan: &[(f64, f64)]) -> Vec<Seen> {
    let config = TasksConfig::new(vec![settings()]);
    let tasks = Tasks::start(config, Box::new(MemoryStore::new()), TaskClock::system()).await.expect("starts");
    let (seen, began) = (Arc::new(Mutex::new(vec![Seen::default(); plan.len()])), Instant::now());
    let workers: Vec<_> = (0..WORKERS).map(|n| tokio::spawn(work(Arc::clone(&tasks), n, began, Arc::clone(&seen)))).collect();
    let mut due = Duration::ZERO;
    for (place, (gap, service)) in plan.iter().enumerate() {
        due += Duration::from_secs_f64(*gap);
        tokio::time::sleep_until((began + due).into()).await;
        seen.lock().unwrap()[place].came = began.elapsed();
        let body = serde_json::json!({"place": place, "service": service}).to_string();
        tasks.enqueue(vec![NewTask::new(QueueId(0), body)]).await.expect("is taken in");
    }
    while tasks.stats()[0].1.done < plan.len() as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    workers.iter().for_each(tokio::task::JoinHandle::abort);
    tasks.shutdown(Duration::ZERO).await;
    let seen = seen.lock().unwrap().clone();
    seen
}

/// A worker that takes one task at a time.
async fn work(tasks: Arc<Tasks>, instance: u32, began: Instant, seen: Arc<Mutex<Vec<Seen>>>) {
    let ask = TakeAsk {
        queues: vec![QueueId(0)],
        worker: format!("worker-{instance}").into(),
        instance: Some(u64::from(instance)),
        most: 1,
        lease: None,
    };
    loop {
        for Job { leased, body, .. } in tasks.take(&ask, Duration::from_secs(10)).await.expect("gives tasks") {
            let begun = began.elapsed();
            let task: serde_json::Value = serde_json::from_slice(&body).unwrap();
            tokio::time::sleep(Duration::from_secs_f64(task["service"].as_f64().unwrap())).await;
            let acks = vec![Ack { id: leased.id, fence: leased.fence, result: None, cost: None }];
            tasks.ack(acks).await.expect("is heard").remove(0).expect("its lease holds");
            let seen = &mut seen.lock().unwrap()[task["place"].as_u64().unwrap() as usize];
            (seen.waited, seen.held) = (begun - seen.came, began.elapsed() - begun);
        }
    }
}

/// The same tasks for the simulator: their service times travel as tokens, a microsecond each.
struct Replayed(std::vec::IntoIter<Seen>);

impl Arrivals for Replayed {
    fn next(&mut self) -> Result<Option<Item>, TraceError> {
        let arrival = |s: Seen| Arrival { at: s.came, input_tokens: s.held.as_micros() as u32, ..Arrival::default() };
        Ok(self.0.next().map(arrival).map(Item::Arrival))
    }

    fn end(&self) -> Option<Duration> {
        Some(Duration::from_secs(3600))
    }
}

fn scenario() -> Scenario {
    let worker = Service {
        name: "worker".into(),
        policy: Policy::fixed(Replicas(WORKERS)),
        station: skala_balance::Settings::default(),
        share: 0.0,
        service_time: Dist::Constant { seconds: 1.0 },
        start_up: Dist::Constant { seconds: 1.0 },
        drain: Duration::from_secs(30),
        initial: None,
        busy_cores: None,
        price_per_hour: None,
        priority: 0,
        standing: None,
        objective: None,
        need: None,
    };
    let queue = TaskQueue {
        settings: settings(),
        service: 0,
        holds_server: false,
        share: 1.0,
        produced_by: Vec::new(),
        task_time: Dist::Tokens { base: 0.0, per_input: 1e-6, per_output: 0.0, cv: 0.0 },
        delay: Duration::ZERO,
        failures: 0.0,
        objective: None,
    };
    Scenario {
        seed: 1,
        mode: Mode::Exact,
        begins: Time::from_secs(1_800_000_000),
        horizon: None,
        interval: Duration::from_secs(60),
        services: vec![worker],
        limits: skala_autoscaler::ceilings::Limits::default(),
        network: Network { queues: vec![queue], ..Network::default() },
        faults: Vec::new(),
    }
}

#[test]
fn a_live_run_waits_as_long_as_its_simulation() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seen = runtime.block_on(live(&planned()));
    let waited = seen.iter().map(|s| s.waited.as_secs_f64()).sum::<f64>() / seen.len() as f64;
    let outcome = simulate(&scenario(), &mut Replayed(seen.into_iter()), &mut |_| Flow::Continue).expect("a sound scenario");
    let simulated = &outcome.queues[0];
    assert_eq!(simulated.done, TASKS as f64);
    println!("mean wait: live {:.2} ms, simulated {:.2} ms", waited * 1e3, simulated.wait.mean * 1e3);
    assert!((simulated.wait.mean / waited - 1.0).abs() < 0.1, "live {waited} s, simulated {} s", simulated.wait.mean);
}
