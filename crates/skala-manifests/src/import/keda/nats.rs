//! Trigger `nats-jetstream`.
//!
//! Tested: `tests/it/import/keda.rs`.

use serde_json::Map;

use super::params::{Found, Params};
use super::trigger::Read;

pub(super) fn read(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = Map::new();
    let endpoint = p.any("natsServerMonitoringEndpoint", "host:8222");
    let (stream, consumer) = (p.any("stream", "jobs"), p.any("consumer", "workers"));
    let (Some(endpoint), Some(stream), Some(consumer)) = (endpoint, stream, consumer) else {
        p.missing("natsServerMonitoringEndpoint`, `stream` and `consumer");
        return None;
    };
    let scheme = if p.flag("useHttps") { "https" } else { "http" };
    let written = match &endpoint {
        Found::Plain(text) => {
            let mut servers = text.split(',').map(str::trim).filter(|s| !s.is_empty());
            let first = servers.next().unwrap_or_default().to_owned();
            if servers.next().is_some() {
                p.note(
                    "natsServerMonitoringEndpoint",
                    "one server is asked",
                    "the first is written; choose the consumer's leader",
                );
            }
            Found::Plain(first).written()
        }
        variable @ Found::Variable(_) => variable.written(),
    };
    let url = if written.contains("://") { written } else { format!("{scheme}://{written}") };
    source.insert("url".to_owned(), url.into());
    if let Some(account) = p.any("account", "x").filter(|a| a.plain() != Some("$G")) {
        source.insert("account".to_owned(), account.written().into());
    }
    p.refuse(&["accountID"], "an account is found by its name", "write `account: NAME`");
    source.insert("stream".to_owned(), stream.written().into());
    source.insert("consumer".to_owned(), consumer.written().into());
    if let Some(tls) = p.tls("unsafeSsl") {
        source.insert("tls".to_owned(), tls.into());
    }
    let target = p.number("lagThreshold").filter(|x| *x > 0.0).unwrap_or(10.0);
    let activation = p.number("activationLagThreshold").unwrap_or(0.0);
    let called = stream.plain().unwrap_or("lag").to_owned();
    Some(Read { kind: "nats", source, target, activation, called })
}
