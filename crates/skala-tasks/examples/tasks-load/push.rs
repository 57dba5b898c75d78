//! Batches in, as fast as a pushing server has them worked on: the server's own count of ended tasks is the figure.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, Plan, expect, request};

/// Tasks that may wait, so that pushing never runs dry and the queue stays short.
const AHEAD: u64 = 10_000;
/// How often the server is asked how many are done.
const LOOK: Duration = Duration::from_millis(10);

/// Tasks per second from a first look, a second after the beginning, to the last.
pub(crate) async fn push(plan: &Arc<Plan>) -> Result<Value, Failure> {
    let until = Instant::now() + Duration::from_secs(plan.seconds + 1);
    let (sent, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for _ in 0..plan.connections {
        tokio::spawn(produce(Arc::clone(plan), until, Arc::clone(&sent), Arc::clone(&done)));
    }
    let mut client = Client::connect(&plan.at).await?;
    let mut first = None;
    let begun = Instant::now();
    let mut now = begun;
    while now < until {
        tokio::time::sleep(LOOK).await;
        let count = ended(&mut client, &plan.queue).await?;
        now = Instant::now();
        done.store(count, Ordering::Relaxed);
        if first.is_none() && now.duration_since(begun) >= Duration::from_secs(1) {
            first = Some((now, count));
        }
    }
    let (since, before) = first.ok_or("too short: give it more seconds")?;
    let count = done.load(Ordering::Relaxed);
    let per_second = (count - before) as f64 / now.duration_since(since).as_secs_f64();
    Ok(json!({"mode": "push", "connections": plan.connections, "tasks": count, "perSecond": per_second.round()}))
}

async fn produce(plan: Arc<Plan>, until: Instant, sent: Arc<AtomicU64>, done: Arc<AtomicU64>) -> Result<(), Failure> {
    let mut client = Client::connect(&plan.at).await?;
    let (path, body) = request(&plan, 128);
    while Instant::now() < until {
        if sent.load(Ordering::Relaxed) > done.load(Ordering::Relaxed) + AHEAD {
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        sent.fetch_add(128, Ordering::Relaxed);
        expect(client.post(&path, body.as_bytes()).await?, 201)?;
    }
    Ok(())
}

async fn ended(client: &mut Client, queue: &str) -> Result<u64, Failure> {
    let (status, answer) = client.get(&format!("/v1/queues/{queue}")).await?;
    expect((status, answer.clone()), 200)?;
    let answer: Value = serde_json::from_slice(&answer)?;
    Ok(answer["done"].as_u64().unwrap_or_default())
}
