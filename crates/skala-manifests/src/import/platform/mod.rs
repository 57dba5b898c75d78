//! The platform file.
//!
//! Decides: which services there are, their names, and which routes lead to them.
//! Method: a service per workload, and one per target that no workload among the files is. With several services, a route per Service
//!   of Kubernetes carries its name as host, so that clients keep their URLs.
//! Invariants: the file passes `check` when its variables are set; what would not is left out and named before.
//! Tested: `tests/it/import/workload.rs`, and every other row through `load`.

mod metrics;
mod scaling;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value, json};
use skala_spec::model::is_dns_label;

use super::Found;
use super::draft::{Scaler, Target, Vertical, Workload};
use super::note::{Notes, Origin};
use super::text::{label, seconds, unique_from};

/// skala's most replicas of a service.
const MOST: i64 = 1000;

/// What is known of one service.
struct Part<'a> {
    name: String,
    target: &'a Target,
    origin: Rc<Origin>,
    workload: Option<&'a Workload>,
    scaler: Option<&'a Scaler>,
    vertical: Option<&'a Vertical>,
}

pub(crate) fn write(found: &mut Found) -> Value {
    let mut notes = std::mem::take(&mut found.notes);
    let parts = parts(found, &mut notes);
    let mut services = Map::new();
    for part in &parts {
        services.insert(part.name.clone(), service::write(part, &mut notes));
    }
    let mut platform = Map::new();
    platform.insert("platform".to_owned(), name(&parts).into());
    platform.insert("services".to_owned(), services.into());
    if let Some(routes) = routes(&parts, found, &mut notes) {
        platform.insert("routes".to_owned(), routes);
    }
    found.notes = notes;
    platform.into()
}

/// The namespace, when there is one.
fn name(parts: &[Part<'_>]) -> String {
    let first = parts.first().map_or("", |p| &p.target.namespace);
    let one = parts.iter().all(|p| p.target.namespace == first);
    if one && is_dns_label(first) { first.to_owned() } else { "imported".to_owned() }
}

/// The workloads, then what else is scaled.
fn parts<'a>(found: &'a Found, notes: &mut Notes) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut again: BTreeMap<String, usize> = BTreeMap::new();
    let workloads = found.workloads.iter().map(|w| (&w.target, &w.origin));
    let scaled = found.scalers.iter().map(|s| (&s.target, &s.origin));
    let sized = found.verticals.iter().map(|v| (&v.target, &v.origin));
    for (target, origin) in workloads.chain(scaled).chain(sized) {
        if parts.iter().any(|p| p.target.is(target)) {
            continue;
        }
        let name = label(&target.name);
        let last = again.entry(name.clone()).or_insert(1);
        let name = unique_from(name, '-', last, |n| names.contains(n));
        names.insert(name.clone());
        if name != target.name {
            let reason = format!("the service is called `{name}`");
            notes.add(origin, origin.line, "metadata.name", reason, "rename it in the platform file, if you like");
        }
        let workload = found.workloads.iter().find(|w| w.target.is(target));
        parts.push(Part { name, target, origin: origin.clone(), workload, scaler: None, vertical: None });
    }
    for scaler in &found.scalers {
        let Some(part) = parts.iter_mut().find(|p| p.target.is(&scaler.target)) else { continue };
        match part.scaler {
            None => part.scaler = Some(scaler),
            Some(_) => twice(&scaler.origin, notes),
        }
    }
    for vertical in &found.verticals {
        let Some(part) = parts.iter_mut().find(|p| p.target.is(&vertical.target)) else { continue };
        match part.vertical {
            None => part.vertical = Some(vertical),
            Some(_) => twice(&vertical.origin, notes),
        }
    }
    parts
}

pub(super) fn twice(origin: &Origin, notes: &mut Notes) {
    let reason = "another object scales the same target";
    notes.add(origin, origin.line, "spec", reason, "the first one is imported; remove one of them");
}

/// `None` where the only service gets everything anyway.
fn routes(parts: &[Part<'_>], found: &Found, notes: &mut Notes) -> Option<Value> {
    let mut routes: Vec<Value> = Vec::new();
    let serves = |part: &Part<'_>| part.workload.and_then(|w| w.pod.as_ref()).is_none_or(|pod| !pod.ports.is_empty());
    let timeout = |part: &Part<'_>| part.workload.and_then(|w| w.timeout).map(seconds);
    if let [only] = parts {
        if !serves(only) {
            return Some(json!([]));
        }
        let timeout = timeout(only)?;
        return Some(json!([{"path": "/", "service": only.name, "timeout": timeout}]));
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for part in parts {
        let hosts = hosts(part, found, notes);
        for host in hosts {
            if !seen.insert(host.clone()) {
                continue;
            }
            let mut route = Map::new();
            route.insert("host".to_owned(), host.into());
            route.insert("path".to_owned(), "/".into());
            route.insert("service".to_owned(), part.name.clone().into());
            if let Some(timeout) = timeout(part) {
                route.insert("timeout".to_owned(), timeout.into());
            }
            routes.push(route.into());
        }
    }
    (!routes.is_empty()).then(|| routes.into())
}

/// The names under which a service is known in its cluster.
fn hosts(part: &Part<'_>, found: &Found, notes: &mut Notes) -> Vec<String> {
    let Some(workload) = part.workload else { return Vec::new() };
    if part.target.kind == "Service" {
        return Some(part.target.name.clone()).filter(|n| is_dns_label(n)).into_iter().collect();
    }
    let labels = workload.pod.as_ref().map_or(&[][..], |p| &p.labels);
    let fronts = found.fronts.iter().filter(|f| {
        f.namespace == part.target.namespace && !f.selector.is_empty() && f.selector.iter().all(|pair| labels.contains(pair))
    });
    let mut hosts = Vec::new();
    for front in fronts.filter(|f| is_dns_label(&f.name)) {
        let reason = "clients find it by the name of the host, at the gateway's port";
        let help = format!("let `{}` resolve to the gateway, or change `routes`", front.name);
        notes.add(&front.origin, front.origin.line, "spec", reason, help);
        hosts.push(front.name.clone());
    }
    hosts
}
