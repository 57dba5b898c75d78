//! Everything that skala counts, in Prometheus' text format. Names and meanings are listed in `docs/metrics.md`.

use std::collections::BTreeSet;

use skala_autoscaler::{MetricReport, MetricResult, SignalObservation};
use skala_balance::Totals;
use skala_console::Control;
use skala_console::metrics::MetricsText;
use skala_console::views::{BudgetStatus, DownstreamStatus, Status};
use skala_types::ServiceName;

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
    decisions(shared, &mut out);
    limits(&status, &mut out);
    stations(shared, &mut out);
    gateway(shared, &mut out);
    own(shared, &mut out);
    deliveries(shared, &mut out);
    // The task server writes its own families, which no other has.
    out.finish() + &shared.tasks.as_ref().map(|side| side.tasks.metrics()).unwrap_or_default()
}

/// Numbers from outside, what each metric made of what it saw, and the size before the last decision.
fn decisions(shared: &Shared, out: &mut MetricsText) {
    let (views, now) = (shared.controller.services(), shared.clock.now());
    let signals = || views.iter().flat_map(|v| v.signals.iter().map(move |s| (labels(&v.name, "signal", &s.name), s)));
    let per_signal = |value: &dyn Fn(&SignalObservation) -> Option<f64>| -> Vec<(Labels, f64)> {
        signals().filter_map(|(labels, s)| Some((labels, value(s)?))).collect()
    };
    out.family("skala_signal_value", "gauge", "The last number that was read.", per_signal(&|s| Some(s.value?.value)));
    let age = |s: &SignalObservation| Some(s.value?.age(now).as_secs_f64());
    out.family("skala_signal_age_seconds", "gauge", "How old it is.", per_signal(&age));
    out.family("skala_signal_failures", "gauge", "Looks that failed in a row.", per_signal(&|s| Some(f64::from(s.failures))));
    let reports = || views.iter().filter_map(|v| Some((v, &v.last.as_ref()?.1.report)));
    let metrics = |value: fn(&MetricReport) -> Option<f64>| -> Vec<(Labels, f64)> {
        let each = reports().flat_map(|(v, r)| r.metrics.iter().map(move |m| (v, m)));
        let mut found: Vec<(Labels, f64)> =
            each.filter_map(|(v, m)| Some((labels(&v.name, "metric", &m.name), value(m)?))).collect();
        // A policy may name a metric twice; a series may not.
        let mut seen = BTreeSet::new();
        found.retain(|(labels, _)| seen.insert(labels.clone()));
        found
    };
    out.family("skala_metric_value", "gauge", "What a metric measured.", metrics(|m| Some(m.reading.as_ref()?.value)));
    out.family("skala_metric_target", "gauge", "What it should be.", metrics(|m| Some(m.target)));
    let proposal = |m: &MetricReport| Some(f64::from(m.proposal()?.0));
    out.family("skala_metric_proposal", "gauge", "Replicas that a metric asks for.", metrics(proposal));
    let failing = |m: &MetricReport| Some(f64::from(u8::from(!matches!(m.result, MetricResult::Proposes { .. }))));
    out.family("skala_metric_failing", "gauge", "1 while a metric has no value.", metrics(failing));
    let current = reports().map(|(v, r)| (vec![("service", v.name.to_string())], f64::from(r.current.0)));
    out.family("skala_replicas_current", "gauge", "Replicas before the last decision.", current.collect::<Vec<_>>());
}

fn labels(service: &ServiceName, key: &'static str, name: &impl ToString) -> Labels {
    vec![("service", service.to_string()), (key, name.to_string())]
}

fn limits(status: &Status, out: &mut MetricsText) {
    let budgets = |value: fn(&BudgetStatus) -> f64| -> Vec<(Labels, f64)> {
        status.budgets.iter().map(|b| (vec![("budget", b.name.clone()), ("currency", b.currency.clone())], value(b))).collect()
    };
    out.family("skala_budget_spent", "gauge", "Spent in the running period.", budgets(|b| b.spent));
    out.family("skala_budget_limit_per_hour", "gauge", "What may be spent per hour now.", budgets(|b| b.limit_per_hour));
    out.family("skala_budget_wanted_per_hour", "gauge", "What the services want per hour.", budgets(|b| b.wanted_per_hour));
    out.family("skala_budget_refused_replicas", "gauge", "Replicas refused now.", budgets(|b| b.refused_replicas as f64));
    let downstreams = |value: fn(&DownstreamStatus) -> f64| -> Vec<(Labels, f64)> {
        status.downstreams.iter().map(|d| (vec![("downstream", d.name.clone())], value(d))).collect()
    };
    out.family("skala_downstream_limit", "gauge", "What a database or provider has.", downstreams(|d| d.limit));
    out.family("skala_downstream_used", "gauge", "What the services may use of it.", downstreams(|d| d.used));
    out.family("skala_downstream_for_services", "gauge", "What is left for services.", downstreams(|d| d.for_services));
}

/// Attempts that skala makes itself: pushes by the service, processes by their queue.
fn deliveries(shared: &Shared, out: &mut MetricsText) {
    let Some(side) = &shared.tasks else { return };
    let all = side.deliveries();
    let label = |way: &str, of: &str| vec![("way", way.to_owned()), ("of", of.to_owned())];
    let running = all.iter().map(|(way, of, d)| (label(way, of), d.running as f64));
    out.family("skala_tasks_attempts_running", "gauge", "Attempts that skala makes now.", running.collect::<Vec<_>>());
    let ended = all.iter().flat_map(|(way, of, d)| {
        [("done", d.done), ("failed", d.failed), ("handedBack", d.handed_back)].map(|(end, n)| {
            let mut labels = label(way, of);
            labels.push(("end", end.to_owned()));
            (labels, n as f64)
        })
    });
    let help = "Attempts that skala made, by their end.";
    out.family("skala_tasks_attempts_made_total", "counter", help, ended.collect::<Vec<_>>());
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
