//! Trigger `prometheus`.
//!
//! Tested: `tests/it/import/keda.rs`.

use serde_json::{Map, Value};

use super::super::text::literal;
use super::params::Params;
use super::redis::{positive, secret};
use super::trigger::Read;

pub(super) fn read(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = Map::new();
    let (Some(server), Some(query)) = (p.any("serverAddress", "http://host:9090"), p.any("query", "x")) else {
        p.missing(if p.metadata.line_of("query") == p.metadata.line { "query" } else { "serverAddress" });
        return None;
    };
    source.insert("server".to_owned(), server.written().into());
    source.insert("query".to_owned(), query.written().into());
    if p.text("ignoreNullValues").is_some() && !p.flag("ignoreNullValues") {
        source.insert("ignoreNull".to_owned(), false.into());
    }
    let headers = headers(p);
    login(p, &mut source, headers);
    timeout(p, &mut source);
    p.refuse(
        &["namespace", "queryParameters"],
        "a query is sent without parameters of its own",
        "write a label matcher into the query, or a header",
    );
    p.refuse(&["awsRegion", "cortexOrgID"], "this login is not supported", "use `headers`, `bearerToken` or `username`");
    // A name for metrics that KEDA stopped using.
    p.metadata.ignore(&["metricName"]);
    let target = p.number("threshold").unwrap_or(0.0);
    if target <= 0.0 {
        p.missing("threshold");
        return None;
    }
    let activation = p.number("activationThreshold").unwrap_or(0.0);
    Some(Read { kind: "prometheus", source, target: positive(target, 1.0), activation, called: "query".to_owned() })
}

/// `name=value,name=value`; a value may be quoted.
fn headers(p: &mut Params<'_, '_>) -> Map<String, Value> {
    let mut headers = Map::new();
    let Some(found) = p.any("customHeaders", "X-Name=value") else { return headers };
    let Some(written) = found.plain().map(str::to_owned) else {
        p.note("customHeaders", "headers cannot be taken from one variable", "write each under `headers`");
        return headers;
    };
    for pair in written.split(',').filter(|pair| !pair.trim().is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) if token(name.trim()) && !value.chars().any(char::is_control) => {
                headers.insert(name.trim().to_owned(), literal(value.trim().trim_matches('"')).into());
            }
            _ => p.note("customHeaders", "a part of this is no header", "it is left out; write it under `headers`"),
        }
    }
    headers
}

fn token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// `authModes` and what belongs to them; headers go in last.
pub(super) fn login(p: &mut Params<'_, '_>, source: &mut Map<String, Value>, mut headers: Map<String, Value>) {
    let modes = p.any("authModes", "bearer").and_then(|m| m.plain().map(str::to_owned)).unwrap_or_default();
    let modes: Vec<&str> = modes.split(',').map(str::trim).filter(|m| !m.is_empty()).collect();
    let bearer = p.any("bearerToken", "x");
    let user = p.any("username", "x");
    let password = p.any("password", "x");
    match (bearer, user) {
        (Some(token), _) if modes.contains(&"bearer") || !modes.contains(&"basic") => {
            source.insert("bearerToken".to_owned(), token.written().into());
        }
        (_, Some(user)) => {
            source.insert("username".to_owned(), user.written().into());
            if let Some(password) = password {
                source.insert("password".to_owned(), secret(p, "password", &password));
            }
        }
        _ if !modes.is_empty() && modes.iter().all(|m| matches!(*m, "bearer" | "basic")) => {
            p.note("authModes", "the login is not among the files", "write `bearerToken`, or `username` and `password`");
        }
        _ => {}
    }
    if let (Some(name), Some(value)) = (p.any("customAuthHeader", "X-Key"), p.any("customAuthValue", "x")) {
        match name.plain().filter(|n| token(n)) {
            Some(name) => drop(headers.insert(name.to_owned(), value.written().into())),
            None => p.note("customAuthHeader", "a header's name cannot come from a variable", "write it under `headers`"),
        }
    }
    if !headers.is_empty() {
        source.insert("headers".to_owned(), headers.into());
    }
    for mode in modes.iter().filter(|m| !matches!(**m, "bearer" | "basic" | "custom" | "tls")) {
        p.note(
            "authModes",
            format!("the login {} is not supported", super::super::fields::quoted(mode)),
            "use a token or a password",
        );
    }
    if let Some(tls) = p.tls("unsafeSsl") {
        source.insert("tls".to_owned(), tls.into());
    }
    p.refuse_certificates();
}

/// Milliseconds, or a duration of Go.
pub(super) fn timeout(p: &mut Params<'_, '_>, source: &mut Map<String, Value>) {
    let Some(text) = p.text("timeout") else { return };
    let span = text.parse::<u64>().ok().map(std::time::Duration::from_millis);
    let span = span.or_else(|| text.parse::<crate::Span>().ok().map(|s| s.0));
    match span.and_then(|s| u64::try_from(s.as_millis()).ok()).filter(|ms| (10..=60_000).contains(ms)) {
        Some(ms) if ms % 1000 == 0 => drop(source.insert("timeout".to_owned(), format!("{}s", ms / 1000).into())),
        Some(ms) => drop(source.insert("timeout".to_owned(), format!("{ms}ms").into())),
        None => p.note("timeout", "a look may take 10 milliseconds to 60 seconds", "5 seconds are written; choose a time"),
    }
}
