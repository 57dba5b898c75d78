//! The numbers of a task server in Prometheus' text format.

use std::fmt::Write as _;

use skala_queue::QueueStats;

use super::Tasks;
use crate::writer::WriterState;

/// Name, help, type and value of each queue's metrics.
type QueueMetric = (&'static str, &'static str, &'static str, fn(&QueueStats) -> f64);

const QUEUE: &[QueueMetric] = &[
    ("skala_tasks_ready", "Tasks that wait for a worker", "gauge", |s| s.ready as f64),
    ("skala_tasks_delayed", "Tasks that are not due yet, or pause before their next attempt", "gauge", |s| s.delayed as f64),
    ("skala_tasks_held", "Tasks that wait for other tasks", "gauge", |s| s.held as f64),
    ("skala_tasks_parked", "Tasks that a ceiling on money does not allow now", "gauge", |s| s.parked as f64),
    ("skala_tasks_leased", "Tasks that somebody works on", "gauge", |s| s.leased as f64),
    ("skala_tasks_oldest_age_seconds", "Age of the oldest ready task", "gauge", |s| {
        s.oldest_age.unwrap_or_default().as_secs_f64()
    }),
    ("skala_tasks_paused", "1 while the queue pauses", "gauge", |s| f64::from(u8::from(s.paused))),
    ("skala_tasks_alarm", "1 while a threshold of the queue's alarm is passed", "gauge", |s| f64::from(u8::from(s.alarm))),
    ("skala_tasks_speed_ratio", "Share of its speed that a slowed queue keeps", "gauge", |s| s.speed),
    ("skala_tasks_enqueued_total", "Tasks taken in", "counter", |s| s.enqueued as f64),
    ("skala_tasks_duplicates_total", "Tasks known by their key", "counter", |s| s.duplicates as f64),
    ("skala_tasks_refused_total", "Tasks refused at a bound of the queue", "counter", |s| s.refused as f64),
    ("skala_tasks_done_total", "Tasks that ended well", "counter", |s| s.done as f64),
    ("skala_tasks_dead_total", "Tasks that became dead letters", "counter", |s| s.dead as f64),
    ("skala_tasks_cancelled_total", "Tasks that were called off", "counter", |s| s.cancelled as f64),
    ("skala_tasks_attempts_total", "Attempts that began", "counter", |s| s.attempts as f64),
    ("skala_tasks_attempts_failed_total", "Attempts that failed", "counter", |s| s.failed as f64),
    ("skala_tasks_leases_lost_total", "Leases that were lost", "counter", |s| s.lost as f64),
    ("skala_tasks_spent_total", "Money that attempts cost, in the platform's currency", "counter", |s| s.spent as f64 / 1e6),
    ("skala_tasks_stale_total", "Workers' calls refused for a stale lease", "counter", |s| s.stale as f64),
];

/// The whole document.
pub(crate) fn text(tasks: &Tasks) -> String {
    let mut out = String::with_capacity(8192);
    let stats = tasks.stats();
    for (name, help, kind, value) in QUEUE {
        head(&mut out, name, help, kind);
        for (queue, stats) in &stats {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name}{{queue=\"{}\"}} {}", queue.as_str(), value(stats));
        }
    }
    let shared = tasks.shared();
    let term = shared.term.load_full();
    one(&mut out, "skala_tasks_leading", "1 while this process leads", "gauge", f64::from(u8::from(term.is_some())));
    one(&mut out, "skala_tasks_watched", "Tasks that are watched", "gauge", shared.watches.len() as f64);
    if let Some(term) = term {
        let (bytes, hits, misses) = term.bodies.figures();
        one(&mut out, "skala_tasks_cached_body_bytes", "Bytes of recent bodies in memory", "gauge", bytes as f64);
        one(&mut out, "skala_tasks_body_hits_total", "Bodies found in memory", "counter", hits as f64);
        one(&mut out, "skala_tasks_body_misses_total", "Bodies read from the disk", "counter", misses as f64);
        let waiting = term.ask(|inner, _| inner.takers.len());
        one(&mut out, "skala_tasks_waiting_takes", "Calls that wait for tasks", "gauge", waiting as f64);
        if let Some((figures, state)) = term.writer_figures() {
            let stuck = f64::from(u8::from(state != WriterState::Fine));
            one(&mut out, "skala_tasks_store_stuck", "1 while the store cannot be written", "gauge", stuck);
            one(&mut out, "skala_tasks_commits_total", "Commits to the store", "counter", figures.commits as f64);
            one(&mut out, "skala_tasks_commit_failures_total", "Commits that failed", "counter", figures.failures as f64);
            one(&mut out, "skala_tasks_changes_total", "Changes committed", "counter", figures.changes as f64);
            one(&mut out, "skala_tasks_uncommitted", "Changes that wait to be written", "gauge", figures.waiting as f64);
            let spent = figures.committing.as_secs_f64();
            one(&mut out, "skala_tasks_commit_seconds_total", "Time spent in commits", "counter", spent);
            one(&mut out, "skala_tasks_log_bytes", "Bytes of the store's write-ahead log", "gauge", figures.log_bytes as f64);
        }
    }
    out
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn one(out: &mut String, name: &str, help: &str, kind: &str, value: f64) {
    head(out, name, help, kind);
    let _ = writeln!(out, "{name} {value}");
}
