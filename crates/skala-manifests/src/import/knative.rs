//! Knative Services, Configurations and Revisions, and their annotations.
//!
//! Decides: which of Knative's settings `mode: knative` has. The class `hpa` becomes `mode: hpa`, as Knative does.
//! Method: annotations on the revision's template; the older camelCase keys mean the same.
//! Tested: `tests/it/import/knative.rs`.

use serde_json::{Value, json};

use super::draft::{Aim, Metric, Mode, Scaler, What, Workload};
use super::fields::{Fields, quoted};
use super::note::{Notes, Origin};
use super::objects::{Object, annotations, pairs};
use super::text::{number, seconds};
use super::tree::Node;
use super::{Found, To, workload};
use crate::{Quantity, Span};

/// Prefix of the annotations.
const PREFIX: &str = "autoscaling.knative.dev/";
/// skala's most replicas, for Knative's "without a bound".
const UNBOUNDED: i64 = 1000;

pub(crate) fn read(object: &Object, to: To, found: &mut Found) {
    if to == To::Autoscaler {
        let help = "import it to a platform file; Knative scales its revisions itself";
        return found.notes.add(&object.origin, object.origin.line, "", "an Autoscaler has no rules of Knative's", help);
    }
    let revision = object.kind == "Revision";
    let mut spec = object.spec(&mut found.notes);
    let (template, path) = match revision {
        true => (Some(&object.node), ""),
        false => (object.node.get("spec").and_then(|s| s.get("template")), "spec.template."),
    };
    if !revision {
        let stray = object.annotations().filter(|(key, ..)| key.starts_with(PREFIX));
        for (key, _, line) in stray {
            let field = format!("metadata.annotations['{key}']");
            let help = "move it to `spec.template.metadata.annotations`";
            found.notes.add(&object.origin, line, &field, "Knative reads it on a revision's template only", help);
        }
    }
    let mut workload = Workload {
        origin: object.origin.clone(),
        target: object.target(),
        replicas: None,
        pod: None,
        concurrency: None,
        timeout: None,
    };
    if revision {
        pod(spec, &mut workload, found);
    } else {
        if let Some(mut template) = spec.map("template", &mut found.notes) {
            template.ignore(&["metadata"]);
            if let Some(spec) = template.map("spec", &mut found.notes) {
                pod(spec, &mut workload, found);
            }
            template.finish(&mut found.notes);
        }
        if spec.list("traffic", &mut found.notes).len() > 1 {
            spec.note("traffic", "a service has one version at a time", "all requests go to this one", &mut found.notes);
        }
        spec.finish(&mut found.notes);
    }
    if let Some(pod) = &mut workload.pod {
        pod.labels = pairs(template.and_then(|t| t.get("metadata")?.get("labels")));
    }
    let scaler = scaler(object, template, path, workload.concurrency, &mut found.notes);
    found.scalers.extend(scaler);
    found.workloads.push(workload);
}

fn pod(mut spec: Fields<'_>, workload: &mut Workload, found: &mut Found) {
    let notes = &mut found.notes;
    workload.concurrency = spec.int("containerConcurrency", notes).filter(|n| (1..=1_000_000).contains(n));
    workload.timeout = spec.int("timeoutSeconds", notes).filter(|n| (1..=86_400).contains(n));
    let help = "see `routes`: a timeout there is for the first byte";
    spec.refuse(&["responseStartTimeoutSeconds", "idleTimeoutSeconds"], "a request has one time limit", help, notes);
    let mut pod = workload::pod(spec, &mut found.variables, notes);
    if pod.ports.is_empty() {
        // Knative's own default.
        pod.ports.push((String::new(), 8080));
    }
    workload.pod = Some(pod);
}

/// The settings, by their newer names.
struct Settings<'a> {
    found: Vec<(String, &'a str, usize)>,
    origin: &'a Origin,
    /// Before `metadata.annotations`.
    path: &'a str,
}

impl<'a> Settings<'a> {
    fn take(&mut self, name: &str) -> Option<(&'a str, usize)> {
        let at = self.found.iter().position(|(n, ..)| n == name)?;
        let (_, value, line) = self.found.remove(at);
        Some((value, line))
    }

    fn note(&self, name: &str, line: usize, reason: impl Into<String>, help: &str, notes: &mut Notes) {
        notes.add(self.origin, line, &format!("{}metadata.annotations['{PREFIX}{name}']", self.path), reason, help);
    }

    /// A value that `read` accepts; another one is named.
    fn read<T>(&mut self, name: &str, notes: &mut Notes, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (value, line) = self.take(name)?;
        let found = read(value);
        if found.is_none() {
            self.note(name, line, format!("{} cannot stand here", quoted(value)), "its default is in force; correct it", notes);
        }
        found
    }
}

/// `maxScale` -> `max-scale`
fn newer(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(100) {
        if c.is_ascii_uppercase() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn scaler(object: &Object, template: Option<&Node>, path: &str, concurrency: Option<i64>, notes: &mut Notes) -> Option<Scaler> {
    let found = template.into_iter().flat_map(annotations);
    let found = found.filter_map(|(key, value, line)| Some((newer(key.strip_prefix(PREFIX)?), value, line))).collect();
    let mut settings = Settings { found, origin: &object.origin, path };
    let class = settings.take("class").map_or("kpa.autoscaling.knative.dev", |(class, _)| class);
    let mode = if class.starts_with("hpa.") { Mode::Hpa } else { Mode::Knative };
    let mut scaler = Scaler::new(object.origin.clone(), &object.name, object.target(), mode);
    let count = |text: &str| text.parse::<i64>().ok().filter(|n| (0..=UNBOUNDED).contains(n));
    scaler.min = settings.read("min-scale", notes, count).unwrap_or(0);
    let max = settings.read("max-scale", notes, count).unwrap_or(0);
    scaler.max = if max == 0 { UNBOUNDED } else { max.max(scaler.min) };
    if max == 0 {
        let help = "choose what the machine and its databases can bear";
        let reason = format!("there is no bound; {UNBOUNDED} replicas are skala's most");
        notes.add(&object.origin, object.origin.line, &format!("{path}metadata.annotations['{PREFIX}max-scale']"), reason, help);
    }
    match mode {
        Mode::Hpa => hpa(&mut scaler, &mut settings, notes),
        _ => kpa(&mut scaler, &mut settings, concurrency, notes),
    }
    for (name, _, line) in std::mem::take(&mut settings.found) {
        let reason = "this annotation is not known here";
        settings.note(&name, line, reason, "look whether it matters, and write what is meant by hand", notes);
    }
    Some(scaler)
}

/// The class `hpa`: a HorizontalPodAutoscaler with one metric.
fn hpa(scaler: &mut Scaler, settings: &mut Settings<'_>, notes: &mut Notes) {
    scaler.min = scaler.min.max(1);
    let (metric, line) = settings.take("metric").unwrap_or(("cpu", scaler.origin.line));
    let target = settings.read("target", notes, |t| t.parse::<f64>().ok().filter(|x| *x >= 0.01 && *x < 1e9));
    let (what, v2) = match metric {
        "cpu" => {
            let percent = target.unwrap_or(80.0).ceil() as u32;
            (What::Cpu(Aim::Percent(percent)), json!({"type": "Utilization", "averageUtilization": percent}))
        }
        "memory" => {
            // Mebibytes.
            let mebibytes = target.unwrap_or(512.0).ceil() as i64;
            let amount = format!("{mebibytes}Mi");
            let quantity = amount.parse().unwrap_or(Quantity::from_units(mebibytes << 20));
            (What::Memory(Aim::Amount(quantity)), json!({"type": "AverageValue", "averageValue": amount}))
        }
        name => {
            let kind = "Pods".to_owned();
            (What::Api { kind, name: name.to_owned() }, Value::Null)
        }
    };
    let v2 = json!({"type": "Resource", "resource": {"name": metric, "target": v2}});
    let field = format!("{}metadata.annotations['{PREFIX}metric']", settings.path);
    scaler.metrics.push(Metric { line, field, v2: Some(v2), what });
    if let Some(window) = settings.read("window", notes, span) {
        let seconds = window.as_secs().min(3600);
        scaler.behavior = Some(json!({"scaleDown": {"stabilizationWindowSeconds": seconds}}));
    }
}

fn span(text: &str) -> Option<std::time::Duration> {
    text.parse::<Span>().ok().map(|s| s.0)
}

fn kpa(scaler: &mut Scaler, settings: &mut Settings<'_>, concurrency: Option<i64>, notes: &mut Notes) {
    let max = scaler.max;
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            scaler.knative.insert(key.to_owned(), value);
        }
    };
    let word = |text: &str| matches!(text, "concurrency" | "rps").then(|| text.to_owned());
    let metric = settings.read("metric", notes, word).unwrap_or_else(|| "concurrency".to_owned());
    put("metric", (metric != "concurrency").then(|| metric.clone().into()));
    let target = settings.read("target", notes, |t| t.parse::<f64>().ok().filter(|x| *x >= 0.01 && *x < 1e9));
    // A target above what a replica takes at once would never be reached.
    let target = target.map(|t| concurrency.filter(|_| metric == "concurrency").map_or(t, |c| t.min(c as f64)));
    put("target", target.map(number));
    let percent = |low: f64, high: f64| {
        move |text: &str| {
            let x = text.trim_end_matches('%').parse::<f64>().ok().filter(|x| (low..=high).contains(x))?;
            Some(Value::from(format!("{}%", (x * 1e4).round() / 1e4)))
        }
    };
    put("utilization", settings.read("target-utilization-percentage", notes, percent(1.0, 100.0)));
    let time = |low: u64, high: u64| {
        move |text: &str| {
            span(text)
                .filter(|s| s.subsec_nanos() == 0 && (low..=high).contains(&s.as_secs()))
                .map(|s| Value::from(seconds(s.as_secs() as i64)))
        }
    };
    put("stableWindow", settings.read("window", notes, time(6, 3600)));
    put("panicWindow", settings.read("panic-window-percentage", notes, percent(1.0, 100.0)));
    put("panicThreshold", settings.read("panic-threshold-percentage", notes, percent(110.0, 1000.0)));
    let burst =
        |t: &str| t.parse::<f64>().ok().map(|x| x.ceil() as i64).filter(|n| (-1..=1_000_000).contains(n)).map(Value::from);
    put("burstCapacity", settings.read("target-burst-capacity", notes, burst));
    put("podRetention", settings.read("scale-to-zero-pod-retention-period", notes, time(0, 3600)));
    let upto = |low: i64| move |t: &str| t.parse::<i64>().ok().filter(|n| (low..=max).contains(n)).map(Value::from);
    put("initialScale", settings.read("initial-scale", notes, upto(0)));
    put("activationScale", settings.read("activation-scale", notes, upto(1)));
    put("scaleDownDelay", settings.read("scale-down-delay", notes, time(0, 3600)));
}
