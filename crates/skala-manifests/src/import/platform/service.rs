//! One service of the platform file.
//!
//! Decides: what runs, and what stands in where the manifests do not say it.
//! Tested: `tests/it/import/workload.rs`.

use serde_json::{Map, Value, json};

use super::super::fields::quoted;
use super::super::note::Notes;
use super::super::text::seconds;
use super::{MOST, Part, scaling};

/// Program that stands in for one that the manifests do not name.
const UNKNOWN: &str = "replace-me";

pub(super) fn write(part: &Part<'_>, notes: &mut Notes) -> Value {
    let mut out = Map::new();
    let pod = part.workload.and_then(|w| w.pod.as_ref());
    out.insert("command".to_owned(), command(part, notes));
    let mut resources = Map::new();
    if let Some(pod) = pod {
        if let Some(folder) = pod.working_dir.as_ref().filter(|_| !pod.command.is_empty()) {
            out.insert("workingDir".to_owned(), folder.clone().into());
        }
        if !pod.env.is_empty() {
            out.insert("env".to_owned(), pod.env.iter().map(|(n, v)| (n.clone(), Value::from(v.clone()))).collect());
        }
        resources = pod.resources.clone();
    }
    // Its place; what a percentage needs may still come.
    out.insert("resources".to_owned(), Value::Null);
    if let Some(concurrency) = part.workload.and_then(|w| w.concurrency) {
        out.insert("concurrency".to_owned(), concurrency.into());
    }
    if let Some(pod) = pod {
        readiness(part, &mut out, notes);
        if let Some(drain) = pod.drain {
            out.insert("drain".to_owned(), seconds(drain.min(86_400)).into());
        }
    }
    match scaling::write(part, &mut resources, notes) {
        Some(autoscaling) => drop(out.insert("autoscaling".to_owned(), autoscaling)),
        None => drop(out.insert("replicas".to_owned(), replicas(part, notes).into())),
    }
    match resources.is_empty() {
        true => drop(out.shift_remove("resources")),
        false => drop(out.insert("resources".to_owned(), resources.into())),
    }
    out.into()
}

fn command(part: &Part<'_>, notes: &mut Notes) -> Value {
    let Some(pod) = part.workload.and_then(|w| w.pod.as_ref()) else {
        let reason = "the program that is scaled is not among the files";
        let help = format!("write it in place of `{UNKNOWN}`, or import its Deployment together with this");
        notes.add(&part.origin, part.origin.line, "", reason, help);
        return json!([UNKNOWN, "$PORT"]);
    };
    let (origin, line, field) = (&part.origin, pod.line, &pod.field);
    let image = pod.image.as_deref().unwrap_or("none");
    if pod.command.first().is_some_and(|program| !program.is_empty()) {
        let reason = format!("replicas are processes of this machine, not containers of {}", quoted(image));
        notes.add(origin, line, &format!("{field}.image"), reason, "install what the command needs on this machine");
        let words: Vec<&String> = pod.command.iter().chain(&pod.args).collect();
        port(part, words.iter().any(|w| w.contains("$PORT") || w.contains("${PORT}")), notes);
        return json!(words);
    }
    let reason = format!("the program is known to the image {} alone", quoted(image));
    let help = format!("write the program in place of `{UNKNOWN}`; it must listen on $PORT");
    notes.add(origin, line, &format!("{field}.image"), reason, help);
    let mut words = vec![UNKNOWN.to_owned()];
    words.extend(pod.args.iter().cloned());
    json!(words)
}

/// A program that gets requests must take its port from skala.
fn port(part: &Part<'_>, named: bool, notes: &mut Notes) {
    let Some(pod) = part.workload.and_then(|w| w.pod.as_ref()) else { return };
    if let Some((_, port)) = pod.ports.first().filter(|_| !named && !pod.plain.iter().any(|(name, _)| name == "PORT")) {
        let reason = format!("its replicas cannot all listen on port {port} of one machine");
        let help = "let the program listen on $PORT, by an argument or the variable";
        notes.add(&part.origin, pod.line, &format!("{}.ports", pod.field), reason, help);
    }
}

fn readiness(part: &Part<'_>, out: &mut Map<String, Value>, notes: &mut Notes) {
    let Some(pod) = part.workload.and_then(|w| w.pod.as_ref()) else { return };
    if pod.ports.is_empty() && !pod.readiness.contains_key("httpGet") && !pod.readiness.contains_key("tcpSocket") {
        let reason = "nothing says how a replica shows that it is ready";
        let help = "write `readiness: {logLine: ...}` with a text that it prints; without, its port must open";
        notes.add(&part.origin, pod.line, &format!("{}.readinessProbe", pod.field), reason, help);
    }
    if !pod.readiness.is_empty() {
        out.insert("readiness".to_owned(), pod.readiness.clone().into());
    }
}

/// A fixed size.
pub(super) fn replicas(part: &Part<'_>, notes: &mut Notes) -> i64 {
    let written = part.workload.and_then(|w| w.replicas);
    let size = match (written, part.scaler) {
        (Some(n), Some(scaler)) => n.clamp(scaler.min.max(1), scaler.max.max(1)),
        (None, Some(scaler)) => scaler.min.max(1),
        (written, None) => written.unwrap_or(1),
    };
    if !(0..=MOST).contains(&size) {
        let reason = format!("a service has 0 to {MOST} replicas");
        notes.add(&part.origin, part.origin.line, "spec.replicas", reason, "the nearest is written; choose a size");
    }
    size.clamp(0, MOST)
}
