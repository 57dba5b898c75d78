//! Following the platform: the station's endpoints, and events in words.
//!
//! Decides: nothing; a replica that the platform calls ready is an endpoint, any other is not.
//! Invariants: level-triggered, so that a lost or late event changes nothing once the next snapshot is seen.
//! Tested: `tests/control.rs`.

use crate::managed::Managed;
use crate::platform::{EventKind, Phase, ReplicaStatus};

/// Keeps the station's endpoints in step with the replicas; looks at what is, so that a lost event does no harm.
pub(crate) fn follow(managed: &mut Managed, replicas: &[ReplicaStatus]) {
    let station = &managed.config.station;
    let own = || replicas.iter().filter(|r| r.service == managed.config.name);
    managed.endpoints.retain(|id, (endpoint, addr)| {
        let stays = own()
            .any(|r| r.id == *id && r.addr == Some(*addr) && matches!(r.phase, Phase::Ready | Phase::NotReady | Phase::Stopping));
        if !stays {
            station.remove(*endpoint);
        }
        stays
    });
    managed.draining.retain(|id, _| own().any(|r| r.id == *id));
    for replica in own() {
        let ready = replica.phase == Phase::Ready;
        match (managed.endpoints.get(&replica.id), replica.addr) {
            (Some((endpoint, _)), _) if replica.phase == Phase::Stopping => station.drain(*endpoint),
            (Some((endpoint, _)), _) => station.set_ready(*endpoint, ready),
            (None, Some(addr)) if ready && !managed.draining.contains_key(&replica.id) => {
                let endpoint = station.add_endpoint(replica.id, addr, 1.0, true);
                managed.endpoints.insert(replica.id, (endpoint, addr));
            }
            _ => {}
        }
    }
}

/// A stable word and a sentence for the journal.
pub(crate) fn describe(kind: &EventKind) -> (&'static str, String) {
    match kind {
        EventKind::Spawned { pid, addr } => ("started", format!("process {pid} on {addr}")),
        EventKind::Ready { addr, after } => ("ready", format!("on {addr} after {:.2}s", after.as_secs_f64())),
        EventKind::Unready { reason } => ("unready", reason.clone()),
        EventKind::Exited { status, .. } => ("exited", status.clone()),
        EventKind::OutOfMemory { kills } => {
            ("outOfMemory", format!("the kernel killed {kills} of its processes for want of memory"))
        }
        EventKind::Backoff { delay } => ("backoff", format!("starts again in {:.1}s", delay.as_secs_f64())),
        EventKind::CrashLoop { exits, status, last_lines } => {
            let lines = if last_lines.is_empty() { "it printed nothing".into() } else { last_lines.join("\n  ") };
            ("crashLoop", format!("{exits} exits without getting healthy, the last: {status}; last output:\n  {lines}"))
        }
        EventKind::Stopped { forced } => ("stopped", if *forced { "had to be killed" } else { "ended by itself" }.into()),
        EventKind::Note { text } => ("note", text.clone()),
    }
}
