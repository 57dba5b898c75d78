//! Triggers `redis` and `redis-streams`.
//!
//! Method: KEDA asks the key for its type; a source here names it. KEDA's own word is list, so a list is written.
//! Tested: `tests/it/import/keda.rs`.

use serde_json::{Map, Value, json};

use super::params::{Found, Params};
use super::trigger::Read;

pub(super) fn list(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = server(p)?;
    let Some(name) = p.any("listName", "jobs") else {
        p.missing("listName");
        return None;
    };
    source.insert("list".to_owned(), name.written().into());
    let target = p.number("listLength").filter(|x| *x > 0.0).unwrap_or(5.0);
    let activation = p.number("activationListLength").unwrap_or(0.0);
    let called = name.plain().unwrap_or("list").to_owned();
    Some(Read { kind: "redis", source, target, activation, called })
}

pub(super) fn stream(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = server(p)?;
    let Some(name) = p.any("stream", "jobs") else {
        p.missing("stream");
        return None;
    };
    let group = p.any("consumerGroup", "workers");
    let counted = [("pendingEntriesCount", "pending"), ("lagCount", "lag"), ("streamLength", "length")];
    let given: Vec<(&str, f64)> = counted.iter().filter_map(|(key, by)| Some((*by, p.number(key)?))).collect();
    if given.len() > 1 {
        p.note("stream", "the trigger counts more than one thing", format!("`by: {}` is written; choose one", given[0].0));
    }
    let (by, target) = given.first().copied().unwrap_or((if group.is_some() { "pending" } else { "length" }, 5.0));
    let mut stream = Map::new();
    stream.insert("key".to_owned(), name.written().into());
    match (&group, by) {
        (Some(group), _) => drop(stream.insert("group".to_owned(), group.written().into())),
        (None, "length") => {}
        (None, _) => {
            p.missing("consumerGroup");
            return None;
        }
    }
    stream.insert("by".to_owned(), by.into());
    source.insert("stream".to_owned(), stream.into());
    let activation = p.number("activationLagCount").unwrap_or(0.0);
    let called = name.plain().unwrap_or("stream").to_owned();
    Some(Read { kind: "redis", source, target: positive(target, 5.0), activation, called })
}

pub(super) fn positive(x: f64, default: f64) -> f64 {
    if x > 0.0 { x } else { default }
}

/// Address and login.
fn server(p: &mut Params<'_, '_>) -> Option<Map<String, Value>> {
    let mut source = Map::new();
    let address = match p.any("address", "host:6379") {
        Some(address) => address.written(),
        None => match (p.any("host", "host"), p.any("port", "6379")) {
            (Some(host), Some(port)) => format!("{}:{}", host.written(), port.written()),
            (Some(host), None) => host.written(),
            (None, _) => {
                p.missing("address");
                return None;
            }
        },
    };
    let encrypted = p.flag("enableTLS") | tls_parameter(p);
    let scheme = if encrypted && !address.contains("://") { "rediss://" } else { "" };
    source.insert("address".to_owned(), format!("{scheme}{address}").into());
    if let Some(database) = p.number("databaseIndex").filter(|n| *n > 0.0) {
        match u16::try_from(database as i64) {
            Ok(database) => drop(source.insert("database".to_owned(), database.into())),
            Err(_) => p.note("databaseIndex", "there is no database of this number", "0 is read; correct it"),
        }
    }
    for key in ["username", "password"] {
        if let Some(value) = p.any(key, "x") {
            source.insert(key.to_owned(), secret(p, key, &value));
        }
    }
    if let Some(tls) = p.tls("unsafeSsl") {
        source.insert("tls".to_owned(), tls.into());
    }
    p.refuse_certificates();
    Some(source)
}

/// `tls: enable` of a TriggerAuthentication.
fn tls_parameter(p: &mut Params<'_, '_>) -> bool {
    p.any("tls", "enable").is_some_and(|t| t.plain() == Some("enable"))
}

/// A login for the platform file; one in plain sight is named.
pub(super) fn secret(p: &mut Params<'_, '_>, key: &str, value: &Found) -> Value {
    if key.to_ascii_lowercase().contains("pass") && value.plain().is_some() {
        p.note(key, "a password stands in the manifest", "take it from `\"${VARIABLE}\"` or `{file: path}`");
    }
    json!(value.written())
}
