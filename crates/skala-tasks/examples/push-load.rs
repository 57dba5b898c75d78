//! Push end to end, in one process with its client and its worker: `push-load [memory|FILE] [TASKS] [PER_REPLICA]`.
//!
//! First as many tasks as there are, enqueued in batches of 128; then 1,000 a second, one by one, with the time from the call to the
//! worker's first look at the task. The worker is hyper's server, which answers 200 without looking. JSON on stdout.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use skala_balance::Settings;
use skala_queue::{NewTask, QueueId, QueueSettings};
use skala_runtime::{Clock, Station};
use skala_tasks::deliver::push::{Push, PushRoute};
use skala_tasks::store::{MemoryStore, SqliteSettings, SqliteStore, Store};
use skala_tasks::{TaskClock, Tasks, TasksConfig};
use skala_types::ReplicaId;
use tokio::net::TcpListener;

/// When each numbered task reached the worker.
#[derive(Default)]
struct Seen {
    count: AtomicU64,
    times: Mutex<Vec<(usize, Instant)>>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, or: usize| given.get(at).map_or(Ok(or), |text| text.parse());
    let (count, per_replica) = (number(1, 100_000)?, number(2, 64)?);
    let store: Box<dyn Store> = match given.first().map_or("memory", String::as_str) {
        "memory" => Box::new(MemoryStore::new()),
        file => Box::new(SqliteStore::open(file, SqliteSettings::default())?),
    };
    let queue = QueueSettings { per_instance: u32::try_from(per_replica).ok(), ..QueueSettings::new("load") };
    let tasks = Tasks::start(TasksConfig::new(vec![queue]), store, TaskClock::system()).await?;
    let seen = Arc::new(Seen::default());
    let station = Station::new("worker".into(), Settings::default(), Clock::system(), 1);
    station.add_endpoint(ReplicaId(1), worker(Arc::clone(&seen)).await?, 1.0, true);
    let _push = Push::start(Arc::clone(&tasks), station, vec![PushRoute { queue: QueueId(0), path: "/".into() }]);

    let begun = Instant::now();
    for _ in 0..count / 128 {
        tasks.enqueue(vec![NewTask::new(QueueId(0), "{}"); 128]).await?;
    }
    let total = (count / 128 * 128) as u64;
    done(&tasks, total).await;
    let rate = total as f64 / begun.elapsed().as_secs_f64();

    let waits = paced(&tasks, &seen, Duration::from_secs(5)).await?;
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let stats = &tasks.stats()[0].1;
    let document = json!({
        "schemaVersion": 1, "tasks": total, "perSecond": rate.round(), "attempts": stats.attempts, "seen": seen.count.load(Ordering::Relaxed),
        "toWorkerMs": {"p50": at(0.5), "p99": at(0.99), "max": at(1.0)},
    });
    writeln!(std::io::stdout(), "{document}")?;
    tasks.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

async fn done(tasks: &Tasks, total: u64) {
    while tasks.stats()[0].1.done < total {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits from enqueue to the worker, sorted.
async fn paced(tasks: &Arc<Tasks>, seen: &Seen, span: Duration) -> Result<Vec<Duration>, Box<dyn Error>> {
    let before = tasks.stats()[0].1.done;
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let begun = Instant::now();
    let mut sent = Vec::new();
    while begun.elapsed() < span {
        tick.tick().await;
        let body = sent.len().to_string();
        sent.push(Instant::now());
        let tasks = Arc::clone(tasks);
        tokio::spawn(async move { tasks.enqueue(vec![NewTask::new(QueueId(0), body)]).await.map(drop) });
    }
    done(tasks, before + sent.len() as u64).await;
    let times = seen.times.lock().unwrap_or_else(PoisonError::into_inner);
    let mut waits: Vec<Duration> = times.iter().map(|(at, when)| when.duration_since(sent[*at])).collect();
    waits.sort();
    Ok(waits)
}

async fn worker(seen: Arc<Seen>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let seen = Arc::clone(&seen);
            let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let seen = Arc::clone(&seen);
                async move {
                    let when = Instant::now();
                    let body = http_body_util::BodyExt::collect(request.into_body()).await.map(|body| body.to_bytes());
                    seen.count.fetch_add(1, Ordering::Relaxed);
                    if let Some(at) = body.ok().and_then(|body| std::str::from_utf8(&body).ok()?.parse().ok()) {
                        seen.times.lock().unwrap_or_else(PoisonError::into_inner).push((at, when));
                    }
                    Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    Ok(addr)
}
