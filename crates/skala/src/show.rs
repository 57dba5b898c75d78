//! Showing results: tables for people, JSON for programs. The only place that writes to stdout.

use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use skala_console::views::{Events, Recommendations, Replicas, Status};
use skala_types::{Bytes, Time};

/// The first failure to write that nobody wanted: a full disk, not a reader that has gone.
static LOST: OnceLock<String> = OnceLock::new();

/// A line on stdout. A closed pipe (`| head`) ends quietly; any other failure is kept for [`lost`].
pub fn say(text: &str) {
    if let Err(e) = writeln!(std::io::stdout().lock(), "{text}")
        && e.kind() != ErrorKind::BrokenPipe
    {
        // Only the first is told.
        let _ = LOST.set(e.to_string());
    }
}

/// Why output was lost, if any was.
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// A document as indented JSON.
pub fn json(document: &impl Serialize) {
    say(&serde_json::to_string_pretty(document).expect("documents are plain data with string keys"));
}

/// A table without lines; the columns of `right` are numbers.
pub fn table(header: &[&str], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn ms(value: f64) -> String {
    match value {
        0.0 => "-".into(),
        v if v < 10.0 => format!("{v:.1}ms"),
        v if v < 10_000.0 => format!("{v:.0}ms"),
        v => format!("{:.1}s", v / 1000.0),
    }
}

/// Age of an RFC 3339 time at another, in one unit.
fn age(then: &str, now: Time) -> String {
    let Ok(then) = then.parse::<Time>() else { return "-".into() };
    match now.since(then).as_secs() {
        s @ 0..120 => format!("{s}s"),
        s @ 120..7200 => format!("{}m", s / 60),
        s @ 7200..172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// The table of `skala status`.
pub fn status(s: &Status) {
    say(&format!("platform {}   gateway {}   skala {} (process {})\n", s.platform, s.gateway, s.version, s.pid));
    let mut t = table(
        &[
            "SERVICE",
            "REPLICAS",
            "BOUNDS",
            "RPS",
            "IN FLIGHT",
            "WAITING",
            "P50",
            "P95",
            "P99",
            "ERRORS",
            "CPU",
            "MEMORY",
            "COST/H",
        ],
        &[3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    );
    for v in &s.services {
        let mut replicas = if v.managed { format!("{}/{}", v.ready, v.desired) } else { v.ready.to_string() };
        for (n, word) in [(v.starting, "starting"), (v.unhealthy, "unhealthy"), (v.draining, "draining")] {
            if n > 0 {
                replicas += &format!(" +{n} {word}");
            }
        }
        let bounds = if v.managed { format!("{}-{}", v.min_replicas, v.max_replicas) } else { "upstreams".into() };
        let cost = match (v.cost_per_hour, &s.currency) {
            (Some(cost), Some(currency)) => format!("{cost:.3} {currency}"),
            _ => "-".into(),
        };
        t.add_row([
            v.name.clone(),
            replicas,
            bounds,
            format!("{:.1}", v.requests_per_second),
            v.in_flight.to_string(),
            v.waiting.to_string(),
            ms(v.latency_ms.p50),
            ms(v.latency_ms.p95),
            ms(v.latency_ms.p99),
            format!("{:.1}%", v.error_ratio * 100.0),
            if v.managed { format!("{:.2}", v.cpu_cores) } else { "-".into() },
            if v.managed { Bytes(v.memory_bytes).to_string() } else { "-".into() },
            cost,
        ]);
    }
    say(&t.to_string());
    queues(s);
    for v in s.services.iter().filter(|v| v.managed) {
        let mode = v.mode.iter().map(|mode| format!("mode {mode}"));
        let windows = v.windows.iter().map(|w| format!("windows: {w}"));
        let notes = mode.chain(v.directive.iter().cloned()).chain(windows).chain(v.ceilings.iter().cloned());
        for note in notes {
            say(&format!("\n{}: {note}", v.name));
        }
    }
    signals(s);
    limits(s);
    if !s.problems.is_empty() {
        say("\nproblems:");
        s.problems.iter().for_each(|p| say(&format!("  {p}")));
    }
}

/// Numbers from outside, where there are some.
fn signals(s: &Status) {
    if s.services.iter().all(|v| v.signals.is_empty()) {
        return;
    }
    let mut t = table(&["SIGNAL", "SERVICE", "VALUE", "AGE", "FAILURES", "ERROR"], &[2, 3, 4]);
    for (service, signal) in s.services.iter().flat_map(|v| v.signals.iter().map(move |signal| (&v.name, signal))) {
        t.add_row([
            signal.name.clone(),
            service.clone(),
            signal.value.map_or_else(|| "-".into(), |v| v.to_string()),
            signal.age_ms.map_or_else(|| "-".into(), |age| ms(age as f64)),
            signal.failures.to_string(),
            signal.error.clone().unwrap_or_default(),
        ]);
    }
    say(&format!("\n{t}"));
}

/// Queues of tasks, where there are any.
fn queues(s: &Status) {
    if s.queues.is_empty() {
        return;
    }
    let header = ["\nQUEUE", "SERVICE", "DELIVERY", "READY", "WORKED ON", "WAITING", "OLDEST", "OUT/S", "DEAD", "STATE"];
    let mut t = table(&header, &[3, 4, 5, 6, 7, 8]);
    for q in &s.queues {
        let mut state: Vec<&str> = Vec::new();
        state.extend(q.paused.then_some("paused"));
        state.extend(q.alarm.then_some("alarm"));
        state.extend(q.error.as_deref());
        t.add_row([
            q.name.clone(),
            q.service.clone().unwrap_or_else(|| "-".into()),
            q.delivery.clone(),
            q.ready.to_string(),
            q.leased.to_string(),
            q.waiting.to_string(),
            q.oldest_ms.map_or_else(|| "-".into(), |age| ms(age as f64)),
            q.per_second.map_or_else(|| "-".into(), |n| format!("{n:.1}")),
            q.dead.to_string(),
            state.join(", "),
        ]);
    }
    say(&t.to_string());
}

/// Budgets, databases and providers, where there are some.
fn limits(s: &Status) {
    if !s.budgets.is_empty() {
        let mut t = table(&["BUDGET", "CEILING", "SPENT", "WANTED/H", "ALLOWED/H", "LIMIT/H", "REFUSED"], &[1, 2, 3, 4, 5, 6]);
        for b in &s.budgets {
            let money = |x: f64| format!("{x:.3} {}", b.currency);
            t.add_row([
                b.name.clone(),
                money(b.ceiling),
                money(b.spent),
                money(b.wanted_per_hour),
                money(b.allowed_per_hour),
                money(b.limit_per_hour),
                b.refused_replicas.to_string(),
            ]);
        }
        say(&format!("\n{t}"));
    }
    if !s.downstreams.is_empty() {
        say("\nDOWNSTREAM");
        s.downstreams.iter().for_each(|d| say(&d.text));
    }
}

/// The table of `skala recommend`.
pub fn recommendations(found: &Recommendations) {
    if found.services.is_empty() {
        return say("no service's use is recorded: add `vertical: {mode: recommend}` to its `autoscaling:`");
    }
    let mut t = table(
        &["SERVICE", "RESOURCE", "REQUEST", "LIMIT", "LOWER", "TARGET", "UPPER", "UNCAPPED", "CONFIDENCE", "MODE"],
        &[2, 3, 4, 5, 6, 7, 8],
    );
    for v in &found.services {
        for r in &v.resources {
            let amount = |x: Option<f64>| match x {
                None => "-".into(),
                // The cast cuts what no machine has.
                Some(x) if r.resource == "memory" => Bytes(x as u64).to_string(),
                Some(x) => format!("{x:.3}"),
            };
            t.add_row([
                v.service.clone(),
                r.resource.clone(),
                amount(r.request),
                amount(r.limit),
                amount(r.lower),
                amount(r.target),
                amount(r.upper),
                amount(r.uncapped),
                format!("{:.3}", v.confidence),
                v.mode.clone(),
            ]);
        }
    }
    say(&t.to_string());
    for v in &found.services {
        if !v.applied_to.is_empty() {
            say(&format!("\n{}: set on {}", v.service, v.applied_to.join(", ")));
        }
        v.why.iter().for_each(|why| say(&format!("\n{}: {why}", v.service)));
    }
}

/// The table of `skala ps`.
pub fn replicas(r: &Replicas, now: Time) {
    let mut t = table(
        &["REPLICA", "PHASE", "ADDRESS", "PID", "CPU", "MEMORY", "IN FLIGHT", "SERVED", "RESTARTS", "AGE", "LAST EXIT"],
        &[4, 5, 6, 7, 8, 9],
    );
    for v in &r.replicas {
        t.add_row([
            v.name.clone(),
            v.phase.clone(),
            v.address.clone().unwrap_or_else(|| "-".into()),
            v.pid.map_or("-".into(), |p| p.to_string()),
            format!("{:.2}", v.cpu_cores),
            Bytes(v.memory_bytes).to_string(),
            v.in_flight.to_string(),
            v.served.to_string(),
            v.restarts.to_string(),
            age(&v.started_at, now),
            v.last_exit.clone().unwrap_or_default(),
        ]);
    }
    say(&t.to_string());
}

/// The lines of `skala events`.
pub fn events(e: &Events) {
    for v in &e.events {
        let subject = match (&v.service, v.replica) {
            (Some(service), Some(id)) => format!("{service}-{id}"),
            (Some(service), None) => service.clone(),
            _ => "skala".into(),
        };
        say(&format!("{}  {subject:<16} {:<11} {}", v.at, v.kind, v.text));
    }
}
