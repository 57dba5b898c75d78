//! Everything that skala counts, in Prometheus' text format. Names and meanings are listed in `docs/metrics.md`.

use skala_balance::Totals;
use skala_console::Control;
use skala_console::metrics::MetricsText;

use crate::engine::Shared;

/// Name, help, and how to read it.
type Counter = (&'static str, &'static str, fn(&Totals) -> u64);
type Labels = Vec<(&'static str, String)>;

/// All metrics as text.
pub fn text(shared: &Shared) -> String {
    let mut out = MetricsText::new();
    let status = shared.status();
    let per_service = |value: &dyn Fn(&skala_console::views::ServiceStatus) -> f64| -> Vec<(Labels, f64)> {
        status.services.iter().map(|s| (vec![("service", s.name.clone())], value(s))).collect()
    };
    out.family("skala_replicas_desired", "gauge", "Replicas wanted.", per_service(&|s| f64::from(s.desired)));
    let phases = status.services.iter().flat_map(|s| {
        let row = |phase: &str, n: u32| (vec![("service", s.name.clone()), ("phase", phase.to_owned())], f64::from(n));
        [row("ready", s.ready), row("starting", s.starting), row("unhealthy", s.unhealthy), row("draining", s.draining)]
    });
    out.family("skala_replicas", "gauge", "Replicas by phase.", phases.collect::<Vec<_>>());
    out.family("skala_station_in_flight", "gauge", "Requests in service.", per_service(&|s| f64::from(s.in_flight)));
    out.family("skala_station_waiting", "gauge", "Requests in the waiting room.", per_service(&|s| f64::from(s.waiting)));
    out.family("skala_cpu_cores", "gauge", "CPU in use by the replicas.", per_service(&|s| s.cpu_cores));
    out.family("skala_memory_bytes", "gauge", "Memory in use by the replicas.", per_service(&|s| s.memory_bytes as f64));
    out.family("skala_replica_seconds_total", "counter", "Replicas x seconds.", per_service(&|s| s.replica_seconds));
    out.family("skala_startup_seconds", "gauge", "Learned time from start to ready.", per_service(&|s| s.start_up_ms / 1000.0));
    stations(shared, &mut out);
    gateway(shared, &mut out);
    own(shared, &mut out);
    out.finish()
}

fn stations(shared: &Shared, out: &mut MetricsText) {
    let totals: Vec<(String, Totals)> = shared.stations.iter().map(|(n, s)| (n.to_string(), s.totals())).collect();
    let label = |name: &str| vec![("service", name.to_owned())];
    let counters: [Counter; 6] = [
        ("skala_station_arrivals_total", "Requests that arrived.", |t| t.arrivals),
        ("skala_station_completions_total", "Requests answered by a replica.", |t| t.completions),
        ("skala_station_errors_total", "5xx answers and broken transfers.", |t| t.errors),
        ("skala_station_refused_total", "Requests turned away.", |t| t.refused),
        ("skala_station_abandoned_total", "Requests whose client left.", |t| t.abandoned),
        ("skala_station_retries_total", "Further tries on another replica.", |t| t.retries),
    ];
    for (name, help, value) in counters {
        out.family(name, "counter", help, totals.iter().map(|(n, t)| (label(n), value(t) as f64)));
    }
    let all = |pick: fn(&Totals) -> &skala_types::Sketch| totals.iter().map(move |(n, t)| (label(n), pick(t).clone()));
    out.histograms("skala_station_latency_seconds", "Arrival to first byte.", all(|t| &t.latency));
    out.histograms("skala_station_service_seconds", "Dispatch to the end of the answer.", all(|t| &t.service));
    out.histograms("skala_station_wait_seconds", "Arrival to dispatch.", all(|t| &t.wait));
}

fn gateway(shared: &Shared, out: &mut MetricsText) {
    let v = shared.counters.read();
    let one = |value: u64| [(Labels::new(), value as f64)];
    out.family("skala_gateway_connections_open", "gauge", "Client connections open.", one(v.connections_open));
    let counters = [
        ("connections", "Client connections accepted.", v.connections),
        ("connections_refused", "Client connections turned away at the bound.", v.connections_refused),
        ("requests", "Requests with a good head.", v.requests),
        ("refused", "Requests refused by a station.", v.refused),
        ("retries", "Requests tried again.", v.retries),
        ("clients_gone", "Requests whose client left.", v.clients_gone),
        ("answers_cut", "Answers cut because the replica failed midway.", v.answers_cut),
        ("bytes_in", "Bytes received from clients.", v.bytes_in),
        ("bytes_out", "Bytes sent to clients.", v.bytes_out),
        ("upstream_connects", "Connections made to replicas.", v.upstream_connects),
        ("upstream_reuses", "Requests sent over a used connection.", v.upstream_reuses),
        ("upstream_connect_failures", "Connections to replicas that failed.", v.upstream_connect_failures),
        ("upstream_bad_answers", "Answers that could not be forwarded.", v.upstream_bad_answers),
        ("upstream_timeouts", "Requests without answer in time.", v.upstream_timeouts),
        ("tunnels", "Connections upgraded.", v.tunnels),
    ];
    for (name, help, value) in counters {
        out.family(&format!("skala_gateway_{name}_total"), "counter", help, one(value));
    }
    let classes = [("2xx", v.answers_2xx), ("3xx", v.answers_3xx), ("4xx", v.answers_4xx), ("5xx", v.answers_5xx)];
    let answers = classes.into_iter().map(|(class, n)| (vec![("class", class.to_owned())], n as f64));
    out.family("skala_gateway_answers_total", "counter", "Answers by class of status.", answers);
    let bad = v.bad_requests.into_iter().map(|(kind, n)| (vec![("kind", kind.to_owned())], n as f64));
    out.family("skala_gateway_bad_requests_total", "counter", "Requests refused for what they are.", bad);
}

fn own(shared: &Shared, out: &mut MetricsText) {
    let journal = shared.journal.status();
    let one = |value: f64| [(Labels::new(), value)];
    out.family(
        "skala_journal_failing",
        "gauge",
        "1 while the journal cannot be written.",
        one(f64::from(u8::from(journal.failure.is_some()))),
    );
    out.family("skala_journal_written_total", "counter", "Records written.", one(journal.written as f64));
    out.family("skala_journal_lost_total", "counter", "Records lost.", one(journal.lost as f64));
    out.family("skala_decisions_total", "counter", "Decisions taken.", one(shared.controller.decisions() as f64));
    out.family(
        "skala_platform_events_dropped_total",
        "counter",
        "Events not taken in time.",
        one(shared.local.dropped_events() as f64),
    );
}
