//! Bytes per task and time per call of the core with many waiting tasks.
//!
//! `cargo run --profile quick -p skala-queue --example core_memory -- 1000000`

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock of its own CPU time, and tells"
)]

use std::time::Duration;

use bytes::Bytes;
use skala_queue::{Ack, Change, Core, Holds, Key, Leased, NewTask, Now, QueueId, QueueSettings, Restored, Row, Take};
use skala_types::{Streams, Time};

/// CPU time of this thread: other processes do not count.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn settings() -> Vec<QueueSettings> {
    let mut settings = QueueSettings::new("q");
    settings.max_tasks = 100_000_000;
    vec![settings]
}

fn core(epoch: u32) -> Core {
    Core::new(settings(), epoch, Restored::default(), Streams::new(1).stream("core"))
}

fn now(n: u64) -> Now {
    Now::both(Time::from_secs(1_800_000_000) + Duration::from_micros(n))
}

fn line(what: &str, count: u64, spent: Duration) {
    println!("{what:<44}{:>9.0} ns each", spent.as_nanos() as f64 / count as f64);
}

fn task(n: u64, tenants: u64, keyed: bool) -> NewTask {
    let mut task = NewTask::new(QueueId(0), Bytes::from_static(b"{}"));
    if tenants > 0 {
        task.tenant = format!("tenant-{}", n % tenants).into();
    }
    if keyed {
        task.key = Some(Key { text: format!("key-{n}").into(), holds: Holds::Window });
    }
    task
}

fn fill(core: &mut Core, count: u64, tenants: u64, keyed: bool) -> Duration {
    let mut spent = Duration::ZERO;
    for from in (0..count).step_by(1000) {
        let tasks: Vec<NewTask> = (from..from + 1000).map(|n| task(n, tenants, keyed)).collect();
        let begun = cpu();
        for (n, task) in tasks.into_iter().enumerate() {
            let answer = core.enqueue(vec![task], now(from + n as u64)).expect("there is room");
            core.committed(answer.seq);
        }
        spent += cpu() - begun;
    }
    spent
}

/// Takes and acknowledges in batches of 128.
fn drain(core: &mut Core, batches: u64, from: u64) -> (Duration, Duration) {
    let (mut taking, mut acking) = (Duration::ZERO, Duration::ZERO);
    for n in 0..batches {
        let ask = Take { queues: &[QueueId(0)], worker: "w", instance: Some(1), most: 128, lease: None };
        let begun = cpu();
        let answer = core.take(&ask, now(from + n));
        taking += cpu() - begun;
        let leased: Vec<Leased> = answer.value;
        assert_eq!(leased.len(), 128);
        let begun = cpu();
        for one in leased {
            let answer =
                core.ack(Ack { id: one.id, fence: one.fence, result: None, cost: None }, now(from + n)).expect("is held");
            core.committed(answer.seq);
        }
        acking += cpu() - begun;
    }
    (taking, acking)
}

fn measure(what: &str, count: u64, tenants: u64, keyed: bool) {
    let before = resident();
    let mut core = core(1);
    let enqueuing = fill(&mut core, count, tenants, keyed);
    println!("{what}: {count} waiting, {} bytes resident each", (resident() - before) / count);
    line("  enqueue (one, with commit)", count, enqueuing);
    let batches = (count / 256).min(2000);
    let (taking, acking) = drain(&mut core, batches, count);
    line("  take (batches of 128)", batches * 128, taking);
    line("  ack (one, with commit)", batches * 128, acking);
}

fn restore(count: u64) {
    let mut from = core(1);
    let rows: Vec<Row> = (0..count)
        .map(|n| {
            let task = NewTask::new(QueueId(0), Bytes::from_static(b"{}"));
            let answer = from.enqueue(vec![task], now(n)).expect("there is room");
            match answer.changes.into_iter().next() {
                Some(Change::Insert(row, _)) => *row,
                _ => unreachable!("an enqueue inserts"),
            }
        })
        .collect();
    drop(from);
    let mut to = core(2);
    let begun = cpu();
    for row in &rows {
        to.restore(row, now(count));
    }
    let spent = cpu() - begun;
    line("restore", count, spent);
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    measure("plain", count, 0, false);
    if count <= 1_000_000 {
        measure("10,000 tenants", count, 10_000, false);
        measure("keyed", count, 0, true);
        restore(count);
    }
}
