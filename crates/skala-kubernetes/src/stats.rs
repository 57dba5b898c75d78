//! What the controller counts, and how it is shown to Prometheus.
//!
//! Invariants: series exist for autoscalers that exist; label values are escaped.
//! Tested: `tests` below; `tests/it/serve.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::api::Api;
use crate::objects::Status;
use crate::watch::Key;

/// Bounds (seconds) of the buckets of a look's duration.
const BUCKETS: [f64; 8] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Default)]
struct Object {
    current: Option<i32>,
    desired: Option<i32>,
    active: bool,
    proposals: Vec<(String, Option<u32>)>,
}

#[derive(Debug, Default)]
struct Counts {
    objects: BTreeMap<Key, Object>,
    looks: [u64; BUCKETS.len() + 1],
    look_seconds: f64,
    rescales: u64,
    failures: BTreeMap<&'static str, u64>,
    queued: usize,
    waiting: usize,
}

/// Counters and gauges.
#[derive(Debug, Default)]
pub(crate) struct Stats(Mutex<Counts>);

impl Stats {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn looked(&self, took: Duration) {
        let mut counts = self.counts();
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        counts.looks[bucket] += 1;
        counts.look_seconds += seconds;
    }

    pub(crate) fn rescaled(&self) {
        self.counts().rescales += 1;
    }

    pub(crate) fn failed(&self, what: &'static str) {
        *self.counts().failures.entry(what).or_insert(0) += 1;
    }

    pub(crate) fn queue(&self, queued: usize, waiting: usize) {
        let mut counts = self.counts();
        (counts.queued, counts.waiting) = (queued, waiting);
    }

    pub(crate) fn decided(&self, key: &Key, status: &Status, proposals: &[(String, Option<u32>)]) {
        let active = status.conditions.iter().any(|c| c.kind == "ScalingActive" && c.status == "True");
        let failed = proposals.iter().filter(|(_, p)| p.is_none()).count() as u64;
        let mut counts = self.counts();
        *counts.failures.entry("metric").or_insert(0) += failed;
        let object =
            Object { current: status.current_replicas, desired: status.desired_replicas, active, proposals: proposals.to_vec() };
        counts.objects.insert(key.clone(), object);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.counts().objects.remove(key);
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn text(&self, api: &Api, leads: bool, ages: &[(&str, Option<Duration>)]) -> String {
        let mut counts = self.counts();
        if !leads {
            // What another decides now is not known here.
            counts.objects.clear();
        }
        let counts = &*counts;
        let mut out = String::new();
        let of = |key: &Key| format!("namespace=\"{}\",autoscaler=\"{}\"", escape(&key.namespace), escape(&key.name));
        head(&mut out, "skala_autoscaler_current_replicas", "gauge", "The target's size as it was last read.");
        for (key, object) in &counts.objects {
            row(&mut out, "skala_autoscaler_current_replicas", &of(key), object.current.map(f64::from));
        }
        head(&mut out, "skala_autoscaler_desired_replicas", "gauge", "The size that was decided.");
        for (key, object) in &counts.objects {
            row(&mut out, "skala_autoscaler_desired_replicas", &of(key), object.desired.map(f64::from));
        }
        head(&mut out, "skala_autoscaler_active", "gauge", "1 while metrics give a size.");
        for (key, object) in &counts.objects {
            row(&mut out, "skala_autoscaler_active", &of(key), Some(f64::from(u8::from(object.active))));
        }
        head(&mut out, "skala_autoscaler_metric_proposal", "gauge", "The size that one metric asks for.");
        for (key, object) in &counts.objects {
            for (metric, proposal) in &object.proposals {
                let labels = format!("{},metric=\"{}\"", of(key), escape(metric));
                row(&mut out, "skala_autoscaler_metric_proposal", &labels, proposal.map(f64::from));
            }
        }
        head(&mut out, "skala_controller_reconcile_seconds", "histogram", "Time of one look at one autoscaler.");
        let mut below = 0;
        for (at, count) in counts.looks.iter().enumerate() {
            below += count;
            let bound = BUCKETS.get(at).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            row(&mut out, "skala_controller_reconcile_seconds_bucket", &format!("le=\"{bound}\""), Some(below as f64));
        }
        row(&mut out, "skala_controller_reconcile_seconds_sum", "", Some(counts.look_seconds));
        row(&mut out, "skala_controller_reconcile_seconds_count", "", Some(below as f64));
        head(&mut out, "skala_controller_rescales_total", "counter", "Sizes written.");
        row(&mut out, "skala_controller_rescales_total", "", Some(counts.rescales as f64));
        head(&mut out, "skala_controller_errors_total", "counter", "Failures by what failed.");
        for (what, count) in &counts.failures {
            row(&mut out, "skala_controller_errors_total", &format!("what=\"{what}\""), Some(*count as f64));
        }
        head(&mut out, "skala_controller_autoscalers", "gauge", "Autoscalers known.");
        row(&mut out, "skala_controller_autoscalers", "", Some(counts.queued as f64));
        head(&mut out, "skala_controller_queue_depth", "gauge", "Autoscalers that are due and wait for a worker.");
        row(&mut out, "skala_controller_queue_depth", "", Some(counts.waiting as f64));
        head(&mut out, "skala_controller_leader", "gauge", "1 while this process leads.");
        row(&mut out, "skala_controller_leader", "", Some(f64::from(u8::from(leads))));
        head(
            &mut out,
            "skala_controller_copy_age_seconds",
            "gauge",
            "Age of the local copy of a kind; absent before its first list.",
        );
        for (kind, age) in ages {
            row(&mut out, "skala_controller_copy_age_seconds", &format!("kind=\"{kind}\""), age.map(|a| a.as_secs_f64()));
        }
        head(&mut out, "skala_controller_api_requests_total", "counter", "Requests to the API server by verb and outcome.");
        for ((verb, outcome), count) in api.totals() {
            let labels = format!("verb=\"{verb}\",outcome=\"{}\"", escape(&outcome));
            row(&mut out, "skala_controller_api_requests_total", &labels, Some(count as f64));
        }
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn row(out: &mut String, name: &str, labels: &str, value: Option<f64>) {
    let Some(value) = value else { return };
    let _ = if labels.is_empty() { writeln!(out, "{name} {value}") } else { writeln!(out, "{name}{{{labels}}} {value}") };
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_cannot_break_out() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
