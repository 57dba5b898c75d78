//! The journal as documents: shared by the admin API and by verbs that read it without a running skala.

use anyhow::Context;
use skala_console::views::{Event, Events, SCHEMA_VERSION, Why};
use skala_controller::Decided;
use skala_controller::journal::Reader;
use skala_types::{ServiceName, Time};

/// The journal's name in the state folder.
pub const FILE: &str = "journal.db";

/// The latest events, oldest first.
pub fn events(reader: &Reader, service: Option<&str>, since: Option<Time>, limit: u32) -> anyhow::Result<Events> {
    let service = service.map(ServiceName::from);
    let events = reader.events(service.as_ref(), since.unwrap_or(Time::ZERO), limit)?;
    let shown = events.into_iter().map(|e| Event {
        at: e.at.to_string(),
        service: e.service.map(|s| s.to_string()),
        replica: e.replica.map(|r| r.0),
        kind: e.kind,
        text: e.text,
    });
    Ok(Events { schema_version: SCHEMA_VERSION, events: shown.collect() })
}

/// The decision in force at a time, as told at `now`.
pub fn why(reader: &Reader, service: &str, at: Time, now: Time) -> anyhow::Result<Why> {
    let decision = reader
        .decision_at(&service.into(), at)?
        .with_context(|| format!("nothing was decided about a service '{service}' by then"))?;
    let decided: Decided = serde_json::from_str(&decision.plan).context("understand the recorded decision")?;
    let text = format!("{service} at {}\n{}", decision.at, decided.report.render(now));
    Ok(Why {
        schema_version: SCHEMA_VERSION,
        service: service.to_owned(),
        at: decision.at.to_string(),
        text,
        decision: serde_json::from_str(&decision.plan).context("understand the recorded decision")?,
    })
}
