//! Load on a task server's API, with figures as JSON: `tasks-load URL MODE [--seconds N] [--connections N] [--rate N] [--tasks N]
//! [--queue Q]`; `tasks-load worker` takes what a server pushes.
//!
//! Modes: `single` (one task per call, as fast as it goes), `batch` (128 per call), `pull` (batches in, taken and acknowledged by
//!   128), `latency` (open loop: singles at `--rate`, from the time at which each should be sent to its arrival at a waiting worker), `push` (batches in, until a pushing server has
//!   had them done), `fill` (`--tasks` in batches), `drain` (taken and acknowledged by 128, on one connection).

mod client;
mod depth;
mod push;
mod worker;

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use client::Client;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

/// What the command line says.
#[derive(Clone)]
struct Plan {
    at: String,
    mode: String,
    seconds: u64,
    connections: u64,
    rate: u64,
    tasks: u64,
    queue: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        return worker::worker().await;
    }
    let plan = Arc::new(plan()?);
    let figures = match plan.mode.as_str() {
        "single" => enqueue(&plan, 1).await?,
        "batch" => enqueue(&plan, 128).await?,
        "pull" => pull(&plan).await?,
        "latency" => latency(&plan).await?,
        "push" => push::push(&plan).await?,
        "fill" => depth::fill(&plan).await?,
        "drain" => depth::drain(&plan).await?,
        other => return Err(format!("there is no mode {other}: single, batch, pull, push, latency, fill, drain").into()),
    };
    writeln!(std::io::stdout(), "{figures}")?;
    Ok(())
}

/// Enqueues as fast as it goes, from many connections.
async fn enqueue(plan: &Arc<Plan>, at_once: usize) -> Result<Value, Failure> {
    let until = Instant::now() + Duration::from_secs(plan.seconds);
    let mut all = Histogram::<u64>::new(3)?;
    let mut done = 0;
    let began = Instant::now();
    let each = (0..plan.connections).map(|_| {
        let plan = Arc::clone(plan);
        tokio::spawn(async move { enqueue_on_one(&plan, at_once, until).await })
    });
    for one in each.collect::<Vec<_>>() {
        let (count, times) = one.await??;
        done += count;
        all.add(times)?;
    }
    let per_second = done as f64 / began.elapsed().as_secs_f64();
    Ok(
        json!({"mode": plan.mode, "connections": plan.connections, "tasks": done, "perSecond": per_second.round(), "callMs": spread(&all)}),
    )
}

async fn enqueue_on_one(plan: &Plan, at_once: usize, until: Instant) -> Result<(u64, Histogram<u64>), Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let (path, body) = request(plan, at_once);
    let mut times = Histogram::<u64>::new(3)?;
    let mut done = 0;
    while Instant::now() < until {
        let sent = Instant::now();
        expect(client.post(&path, body.as_bytes()).await?, 201)?;
        times.record(micros(sent.elapsed()))?;
        done += at_once as u64;
    }
    Ok((done, times))
}

fn request(plan: &Plan, at_once: usize) -> (String, String) {
    let task = r#"{"name":"ingest","tenant":"acme","body":{"document":"01hm5k2v7q8r0","chunk":17,"text":"a hundred bytes or so of what a worker may need to know"}}"#;
    if at_once == 1 {
        return (format!("/v1/queues/{}/tasks", plan.queue), task.to_owned());
    }
    let tasks = vec![task; at_once].join(",");
    (format!("/v1/queues/{}/tasks:batch", plan.queue), format!("{{\"tasks\":[{tasks}]}}"))
}

/// Batches in from one half of the connections, batches out and acknowledged on the other.
async fn pull(plan: &Arc<Plan>) -> Result<Value, Failure> {
    let until = Instant::now() + Duration::from_secs(plan.seconds);
    let ahead = Arc::new(AtomicU64::new(0));
    let acked = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let halves = plan.connections.div_ceil(2);
    let mut each = Vec::new();
    for _ in 0..halves {
        each.push(tokio::spawn(produce(Arc::clone(plan), until, Arc::clone(&ahead))));
        each.push(tokio::spawn(work(Arc::clone(plan), until, Arc::clone(&ahead), Arc::clone(&acked))));
    }
    for one in each {
        one.await??;
    }
    let acked = acked.load(Ordering::Relaxed);
    let per_second = acked as f64 / began.elapsed().as_secs_f64();
    Ok(json!({"mode": "pull", "connections": 2 * halves, "tasks": acked, "perSecond": per_second.round()}))
}

async fn produce(plan: Arc<Plan>, until: Instant, ahead: Arc<AtomicU64>) -> Result<(), Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let (path, body) = request(&plan, 128);
    while Instant::now() < until {
        if ahead.load(Ordering::Relaxed) > 20_000 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        expect(client.post(&path, body.as_bytes()).await?, 201)?;
        ahead.fetch_add(128, Ordering::Relaxed);
    }
    Ok(())
}

async fn work(plan: Arc<Plan>, until: Instant, ahead: Arc<AtomicU64>, acked: Arc<AtomicU64>) -> Result<(), Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let ask = format!("{{\"queues\":[\"{}\"],\"max\":128,\"wait\":\"1s\",\"worker\":\"load\"}}", plan.queue);
    while Instant::now() < until {
        let (status, answer) = client.post("/v1/leases", ask.as_bytes()).await?;
        expect((status, answer.clone()), 200)?;
        let answer: Taken<'_> = serde_json::from_slice(&answer)?;
        if answer.tasks.is_empty() {
            continue;
        }
        let count = answer.tasks.len() as u64;
        expect(client.post("/v1/leases/ack", acks(&answer).as_bytes()).await?, 200)?;
        ahead.fetch_sub(count.min(ahead.load(Ordering::Relaxed)), Ordering::Relaxed);
        acked.fetch_add(count, Ordering::Relaxed);
    }
    Ok(())
}

/// Acknowledges all of them, each with a result.
fn acks(taken: &Taken<'_>) -> String {
    let one = |t: &TakenTask<'_>| format!("{{\"id\":\"{}\",\"fence\":\"{}\",\"result\":{{\"ok\":true}}}}", t.id, t.fence);
    format!("{{\"tasks\":[{}]}}", taken.tasks.iter().map(one).collect::<Vec<_>>().join(","))
}

#[derive(serde::Deserialize)]
struct Taken<'a> {
    #[serde(borrow)]
    tasks: Vec<TakenTask<'a>>,
}

#[derive(serde::Deserialize)]
struct TakenTask<'a> {
    id: &'a str,
    fence: &'a str,
    body: Option<Value>,
}

/// Singles at a fixed rate, whatever the answers do; and how long each takes to reach a worker that waits.
async fn latency(plan: &Arc<Plan>) -> Result<Value, Failure> {
    let (began, total) = (Instant::now() + Duration::from_millis(100), plan.rate * plan.seconds);
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH)? + Duration::from_millis(100);
    let next = Arc::new(AtomicU64::new(0));
    let mut senders = Vec::new();
    for _ in 0..plan.connections {
        let (plan, next) = (Arc::clone(plan), Arc::clone(&next));
        senders.push(tokio::spawn(async move { send_at_rate(&plan, began, epoch, &next, total).await }));
    }
    let mut workers = Vec::new();
    for _ in 0..4 {
        workers.push(tokio::spawn(receive(Arc::clone(plan), began + Duration::from_secs(plan.seconds + 1))));
    }
    let (mut calls, mut dispatch) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    for sender in senders {
        calls.add(sender.await??)?;
    }
    for worker in workers {
        dispatch.add(worker.await??)?;
    }
    Ok(json!({"mode": "latency", "rate": plan.rate, "sent": calls.len(), "received": dispatch.len(),
        "callMs": spread(&calls), "dispatchMs": spread(&dispatch)}))
}

async fn send_at_rate(
    plan: &Plan,
    began: Instant,
    epoch: Duration,
    next: &AtomicU64,
    total: u64,
) -> Result<Histogram<u64>, Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let path = format!("/v1/queues/{}/tasks", plan.queue);
    let mut times = Histogram::<u64>::new(3)?;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= total {
            return Ok(times);
        }
        let offset = Duration::from_secs_f64(number as f64 / plan.rate as f64);
        tokio::time::sleep_until((began + offset).into()).await;
        let body = format!("{{\"body\":{}}}", (epoch + offset).as_micros());
        expect(client.post(&path, body.as_bytes()).await?, 201)?;
        times.record(micros((began + offset).elapsed()))?;
    }
}

async fn receive(plan: Arc<Plan>, until: Instant) -> Result<Histogram<u64>, Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let ask = format!("{{\"queues\":[\"{}\"],\"max\":16,\"wait\":\"1s\",\"worker\":\"load\"}}", plan.queue);
    let mut times = Histogram::<u64>::new(3)?;
    while Instant::now() < until {
        let (_, answer) = client.post("/v1/leases", ask.as_bytes()).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let answer: Taken<'_> = serde_json::from_slice(&answer)?;
        for task in &answer.tasks {
            let sent = task.body.as_ref().and_then(Value::as_u64).unwrap_or_default();
            times.record(u64::try_from(now.as_micros())?.saturating_sub(sent))?;
        }
        if !answer.tasks.is_empty() {
            client.post("/v1/leases/ack", acks(&answer).as_bytes()).await?;
        }
    }
    Ok(times)
}

fn expect((status, body): (u16, Vec<u8>), wanted: u16) -> Result<(), Failure> {
    if status == wanted {
        return Ok(());
    }
    Err(format!("answered {status}: {}", String::from_utf8_lossy(&body)).into())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Percentiles in milliseconds.
fn spread(times: &Histogram<u64>) -> Value {
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    json!({"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": times.max() as f64 / 1000.0})
}

fn plan() -> Result<Plan, Failure> {
    let mut given = std::env::args().skip(1);
    let usage = "tasks-load URL single|batch|pull|push|latency|fill|drain [--seconds N] [--connections N] [--rate N] [--tasks N] \
                 [--queue Q], or tasks-load worker";
    let at = given.next().ok_or(usage)?.trim_start_matches("http://").to_owned();
    let mode = given.next().ok_or(usage)?;
    let mut plan = Plan { at, mode, seconds: 5, connections: 64, rate: 1000, tasks: 1_000_000, queue: "load".into() };
    while let Some(argument) = given.next() {
        let value = given.next().ok_or(usage)?;
        match argument.as_str() {
            "--seconds" => plan.seconds = value.parse()?,
            "--connections" => plan.connections = value.parse()?,
            "--rate" => plan.rate = value.parse()?,
            "--tasks" => plan.tasks = value.parse()?,
            "--queue" => plan.queue = value,
            _ => return Err(usage.into()),
        }
    }
    Ok(plan)
}
