//! Trigger `rabbitmq`.
//!
//! Method: a queue is read from the management plugin alone; an `amqp` address becomes that of the plugin on the same host.
//! Tested: `tests/it/import/keda.rs`.

use serde_json::{Map, Value};
use skala_spec::model::Url;

use super::super::fields::quoted;
use super::super::text::literal;
use super::params::{Found, Params};
use super::redis::secret;
use super::trigger::Read;

pub(super) fn read(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = Map::new();
    let (Some(host), Some(queue)) = (p.any("host", "http://host:15672"), p.any("queueName", "jobs")) else {
        p.missing("host` and `queueName");
        return None;
    };
    server(p, &host, &mut source);
    if let Some(vhost) = p.any("vhostName", "x") {
        source.insert("vhost".to_owned(), vhost.written().into());
    }
    source.insert("queue".to_owned(), queue.written().into());
    for key in ["username", "password"] {
        if let Some(value) = p.any(key, "x") {
            source.insert(key.to_owned(), secret(p, key, &value));
        }
    }
    by(p, &mut source)?;
    if let Some(tls) = p.tls("unsafeSsl") {
        source.insert("tls".to_owned(), tls.into());
    }
    p.any("tls", "enable");
    super::prometheus::timeout(p, &mut source);
    if p.flag("useRegex") {
        p.note(
            "useRegex",
            "a queue is named, not matched",
            "the text is taken as a name; add a metric per queue, and join them in `formula`",
        );
    }
    p.refuse_certificates();
    p.refuse(
        &["workloadIdentityResource", "workloadIdentityClientId", "workloadIdentityTenantId"],
        "this login is not supported",
        "use a password",
    );
    p.metadata.ignore(&["pageSize", "operation", "protocol", "metricName"]);
    let old = p.number("queueLength");
    let target = p.number("value").or(old).filter(|x| *x > 0.0).unwrap_or(20.0);
    let activation = p.number("activationValue").unwrap_or(0.0);
    let called = queue.plain().unwrap_or("queue").to_owned();
    Some(Read { kind: "rabbitmq", source, target, activation, called })
}

fn server(p: &mut Params<'_, '_>, host: &Found, source: &mut Map<String, Value>) {
    let help = "let it be the management plugin's address, such as `http://host:15672`";
    let Some(text) = host.plain() else {
        let reason = "the variable must hold the management plugin's address; a virtual host in it does not count";
        p.note("host", reason, format!("{help}; write `vhost` beside it"));
        source.insert("host".to_owned(), host.written().into());
        return;
    };
    let Ok(url) = Url::parse(text) else {
        p.note("host", "this is no URL", help);
        source.insert("host".to_owned(), "http://replace-me:15672".into());
        return;
    };
    if url.password.is_some() {
        p.note("host", "a password stands in the manifest", "take it from `\"${VARIABLE}\"` or `{file: path}`, as `password`");
    }
    let mut to = String::new();
    match url.scheme.as_str() {
        scheme @ ("http" | "https") => to.push_str(&format!("{scheme}://{}", url.authority())),
        scheme => {
            let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
            let (scheme, port) = if scheme == "amqps" { ("https", 15671) } else { ("http", 15672) };
            to.push_str(&format!("{scheme}://{host}:{port}"));
            let reason = "a queue is read from the management plugin, not by AMQP";
            p.note("host", reason, format!("see that the plugin answers at the same host, port {port}"));
        }
    }
    source.insert("host".to_owned(), literal(&to).into());
    for (key, value) in [("username", &url.user), ("password", &url.password)] {
        if let Some(value) = value {
            source.insert(key.to_owned(), literal(value).into());
        }
    }
    if let Some(vhost) = url.first_segment() {
        source.insert("vhost".to_owned(), literal(&vhost).into());
    }
}

fn by(p: &mut Params<'_, '_>, source: &mut Map<String, Value>) -> Option<()> {
    let ready = p.flag("excludeUnacknowledged");
    let mode = p.text("mode").unwrap_or("QueueLength");
    let by = match mode {
        "QueueLength" if ready => Some("ready"),
        "QueueLength" => None,
        "MessageRate" => Some("publishRate"),
        "DeliverGetRate" => Some("deliverRate"),
        "PublishedToDeliveredRatio" => Some("publishedToDelivered"),
        "ExpectedQueueConsumptionTime" => Some("consumptionTime"),
        other => {
            p.note("mode", format!("{} is not known here", quoted(other)), "the trigger is left out; choose another mode");
            return None;
        }
    };
    if let Some(by) = by {
        source.insert("by".to_owned(), by.into());
    }
    Some(())
}
