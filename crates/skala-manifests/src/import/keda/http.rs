//! Trigger `metrics-api`: a number in a JSON document.
//!
//! Tested: `tests/it/import/keda.rs`.

use serde_json::Map;

use super::super::fields::quoted;
use super::params::{Found, Params};
use super::prometheus::{login, timeout};
use super::trigger::Read;

pub(super) fn read(p: &mut Params<'_, '_>) -> Option<Read> {
    let mut source = Map::new();
    let Some(url) = p.any("url", "http://host") else {
        p.missing("url");
        return None;
    };
    if let Some(format) = p.text("format").filter(|f| *f != "json") {
        p.note("format", format!("a document of format {} is not read", quoted(format)), "the trigger is left out; serve JSON");
        return None;
    }
    source.insert("url".to_owned(), url.written().into());
    if let Some(location) = p.any("valueLocation", "x") {
        match location.plain().and_then(pointer) {
            Some(pointer) => drop(source.insert("path".to_owned(), Found::Plain(pointer).written().into())),
            None => {
                p.note(
                    "valueLocation",
                    "this place cannot be written as a JSON pointer",
                    "the trigger is left out; write `http` by hand",
                );
                return None;
            }
        }
    }
    p.refuse(
        &["aggregateFromKubeServiceEndpoints", "aggregationType"],
        "one document is read, not one per pod",
        "let the answer hold the sum",
    );
    p.refuse(&["apiKey", "keyParamName", "method"], "a key is sent as a header", "write it under `headers`");
    // `authMode` is the older word for `authModes`.
    if p.text("authMode").is_some_and(|mode| !matches!(mode, "basic" | "bearer")) {
        p.note("authMode", "this login is not supported", "use `bearerToken`, `username` or `headers`");
    }
    for (old, new) in [("token", "bearerToken")] {
        if let Some(parameter) = p.parameters.iter_mut().find(|x| x.name == old) {
            parameter.name = new.to_owned();
        }
    }
    login(p, &mut source, Map::new());
    timeout(p, &mut source);
    let target = p.number("targetValue").unwrap_or(0.0);
    if target <= 0.0 {
        p.missing("targetValue");
        return None;
    }
    let activation = p.number("activationTargetValue").unwrap_or(0.0);
    Some(Read { kind: "http", source, target, activation, called: "value".to_owned() })
}

/// `components.worker.0.tasks` -> `/components/worker/0/tasks`; `None` for more than names and positions.
fn pointer(location: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || "_-/ :".contains(c);
    let mut out = String::new();
    for part in location.split('.') {
        if part.is_empty() || !part.chars().all(plain) {
            return None;
        }
        out.push('/');
        out.push_str(&part.replace('/', "~1"));
    }
    Some(out)
}
