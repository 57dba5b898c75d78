//! Queues, providers and databases in the report for people: a line each.

use std::fmt::Write as _;

use skala_sim::{PoolOutcome, ProviderOutcome, QueueOutcome};

use super::report::Stations;
use super::words;

/// The lines of every policy, and an empty one after them; nothing without stations.
pub fn render(out: &mut String, all: &[Stations]) {
    for stations in all {
        let policy = &stations.policy;
        for q in &stations.queues {
            let _ = writeln!(out, "queue {} ({policy}): {}", q.name, queue(q));
        }
        for p in &stations.providers {
            let _ = writeln!(out, "provider {} ({policy}): {}", p.name, provider(p));
        }
        for p in &stations.pools {
            let _ = writeln!(out, "database {} ({policy}): {}", p.name, pool(p));
        }
    }
    if !all.is_empty() {
        out.push('\n');
    }
}

fn queue(q: &QueueOutcome) -> String {
    let some = |count: f64, what: &str| if count > 0.0 { format!(", {} {what}", words::count(count)) } else { String::new() };
    format!(
        "{} tasks: {} done, {} dead{}, {} left{}, {} refused; wait p95 {}, worst {}; {} attempts, {} failed; busy {}",
        words::count(q.arrivals),
        words::count(q.done),
        words::count(q.dead),
        some(q.expired, "of them too late"),
        words::count(q.left),
        some(q.cancelled, "called off"),
        words::count(q.refused),
        words::seconds(q.wait.p95),
        words::seconds(q.worst_wait),
        words::count(q.attempts),
        words::count(q.failures),
        words::share(q.utilisation),
    )
}

fn provider(p: &ProviderOutcome) -> String {
    let mut text = format!("{} requests, {} of tries throttled", words::count(p.requests), words::share(p.throttled_share));
    let quotas = [(p.request_utilisation, "requests"), (p.token_utilisation, "tokens")];
    for (share, what) in quotas.into_iter().filter_map(|(share, what)| Some((share?, what))) {
        let _ = write!(text, ", {} of the quota of {what}", words::share(share));
    }
    text
}

fn pool(p: &PoolOutcome) -> String {
    let (most, wait) = (words::count(p.most_used), words::seconds(p.wait.p95));
    format!("{} of {} connections busy, at most {most}; wait p95 {wait}", words::share(p.utilisation), p.connections)
}
