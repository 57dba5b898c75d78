//! Probes: readiness is carried over, and how long a start may take.
//!
//! Tested: `tests/it/import/workload.rs`.

use serde_json::{Map, Value, json};

use super::super::fields::Fields;
use super::super::note::Notes;
use super::super::text::seconds;

/// Readiness in the platform file's form.
pub(super) fn readiness(container: &mut Fields<'_>, ports: &[(String, u16)], notes: &mut Notes) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(mut probe) = container.map("readinessProbe", notes) {
        what(&mut probe, ports, &mut out, notes);
        for (from, to) in [("periodSeconds", "period"), ("timeoutSeconds", "timeout")] {
            if let Some(s) = probe.int(from, notes).filter(|s| (1..=86_400).contains(s)) {
                out.insert(to.to_owned(), seconds(s).into());
            }
        }
        for key in ["failureThreshold", "successThreshold"] {
            if let Some(n) = probe.int(key, notes).filter(|n| (1..=1000).contains(n)) {
                out.insert(key.to_owned(), n.into());
            }
        }
        // Probing early does no harm: a replica gets no requests until one passes.
        probe.ignore(&["initialDelaySeconds", "terminationGracePeriodSeconds"]);
        probe.finish(notes);
    }
    if let Some(mut startup) = container.map("startupProbe", notes) {
        let failures = startup.int("failureThreshold", notes).unwrap_or(3).clamp(1, 86_400);
        let period = startup.int("periodSeconds", notes).unwrap_or(10).clamp(1, 86_400);
        let delay = startup.int("initialDelaySeconds", notes).unwrap_or(0).clamp(0, 86_400);
        out.insert("startTimeout".to_owned(), seconds((failures * period + delay).min(86_400 * 365)).into());
        if !out.contains_key("httpGet") && !out.contains_key("tcpSocket") {
            what(&mut startup, ports, &mut out, notes);
        }
        startup.ignore(&[
            "httpGet",
            "tcpSocket",
            "exec",
            "grpc",
            "timeoutSeconds",
            "successThreshold",
            "terminationGracePeriodSeconds",
        ]);
        startup.finish(notes);
    }
    container.refuse(
        &["livenessProbe"],
        "a replica is replaced when it exits, not when a probe says so",
        "let the program exit when it is stuck",
        notes,
    );
    out
}

/// What one probe does.
fn what(probe: &mut Fields<'_>, ports: &[(String, u16)], out: &mut Map<String, Value>, notes: &mut Notes) {
    if let Some(mut get) = probe.map("httpGet", notes) {
        let path = get.text("path", notes).unwrap_or("/");
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let port = other(&mut get, ports, notes);
        let value = match port {
            Some(port) => json!({"path": super::super::text::literal(&path), "port": port}),
            None => super::super::text::literal(&path).into(),
        };
        out.insert("httpGet".to_owned(), value);
        get.refuse(&["host", "httpHeaders"], "a probe goes to the replica, without headers of its own", super::BY_HAND, notes);
        if get.text("scheme", notes).is_some_and(|s| s != "HTTP") {
            get.note("scheme", "probes speak plain HTTP", "serve the page without TLS on this machine", notes);
        }
        get.finish(notes);
    }
    if let Some(mut socket) = probe.map("tcpSocket", notes) {
        if !out.contains_key("httpGet") {
            let port = other(&mut socket, ports, notes);
            out.insert("tcpSocket".to_owned(), port.map_or(json!({}), |port| json!({"port": port})));
        }
        socket.refuse(&["host"], "a probe goes to the replica", super::BY_HAND, notes);
        socket.ignore(&["port"]);
        socket.finish(notes);
    }
    probe.refuse(
        &["exec", "grpc"],
        "a replica is probed by HTTP, TCP or a line of its output",
        "use `readiness: {httpGet: ...}` or `{logLine: ...}`; without one, its port must open",
        notes,
    );
}

/// A port that is not the replica's own.
fn other(fields: &mut Fields<'_>, ports: &[(String, u16)], notes: &mut Notes) -> Option<u16> {
    let written = fields.text("port", notes)?;
    let number = ports.iter().find(|(name, _)| name == written).map(|(_, port)| *port).or_else(|| written.parse().ok());
    let Some(port) = number.filter(|p| *p > 0) else {
        fields.note("port", "there is no port of this name", "the replica's own port is probed", notes);
        return None;
    };
    let own = ports.first().map(|(_, port)| *port);
    if own.is_none_or(|own| own == port) {
        return None;
    }
    let help = "let the program serve it on $PORT too; two replicas of one machine cannot share a port";
    fields.note("port", "this is another port than the replica's own", help, notes);
    Some(port)
}
