//! Many waiting tasks: filling a queue, and taking from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, Plan, Taken, acks, expect, micros, request, spread};

/// Enqueues a number of tasks in batches.
pub(crate) async fn fill(plan: &Arc<Plan>) -> Result<Value, Failure> {
    let (began, sent) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let each: Vec<_> = (0..plan.connections).map(|_| tokio::spawn(fill_from_one(Arc::clone(plan), Arc::clone(&sent)))).collect();
    for one in each {
        one.await??;
    }
    let per_second = plan.tasks as f64 / began.elapsed().as_secs_f64();
    Ok(json!({"mode": "fill", "tasks": plan.tasks, "perSecond": per_second.round()}))
}

async fn fill_from_one(plan: Arc<Plan>, sent: Arc<AtomicU64>) -> Result<(), Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let (path, body) = request(&plan, 128);
    while sent.fetch_add(128, Ordering::Relaxed) < plan.tasks {
        expect(client.post(&path, body.as_bytes()).await?, 201)?;
    }
    Ok(())
}

/// Takes 128 at a time on one connection and acknowledges them: rate, and how long each take lasts.
pub(crate) async fn drain(plan: &Arc<Plan>) -> Result<Value, Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let ask = format!("{{\"queues\":[\"{}\"],\"max\":128,\"worker\":\"load\"}}", plan.queue);
    let (began, mut done) = (Instant::now(), 0);
    let mut times = Histogram::<u64>::new(3)?;
    while began.elapsed() < Duration::from_secs(plan.seconds) {
        let asked = Instant::now();
        let (status, answer) = client.post("/v1/leases", ask.as_bytes()).await?;
        times.record(micros(asked.elapsed()))?;
        expect((status, answer.clone()), 200)?;
        let answer: Taken<'_> = serde_json::from_slice(&answer)?;
        if answer.tasks.is_empty() {
            break;
        }
        done += answer.tasks.len();
        expect(client.post("/v1/leases/ack", acks(&answer).as_bytes()).await?, 200)?;
    }
    let per_second = done as f64 / began.elapsed().as_secs_f64();
    Ok(json!({"mode": "drain", "tasks": done, "perSecond": per_second.round(), "takeMs": spread(&times)}))
}
